//! Asking an ssh-agent to sign. Two questions of its protocol, each on a connection of its own.
//!
//! An agent may be anybody's: answers are capped, have a deadline, and are believed only after verification.

use std::path::{Path, PathBuf};
use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::UnixStream;

use super::KeyError;
use crate::domain::approval::sshsig::{CutShort, PublicKey, Reader, put_string};

const FAILURE: u8 = 5;
const REQUEST_IDENTITIES: u8 = 11;
const IDENTITIES_ANSWER: u8 = 12;
const SIGN_REQUEST: u8 = 13;
const SIGN_RESPONSE: u8 = 14;
/// What OpenSSH's own agent and clients accept at most.
const LONGEST_FRAME: u32 = 256 * 1024;
/// Somebody may have to find the security key and touch it.
const PATIENCE: Duration = Duration::from_mins(2);

/// What went wrong between us and the agent.
#[derive(Debug, thiserror::Error)]
pub enum AgentProblem {
    #[error(transparent)]
    Io(#[from] std::io::Error),
    #[error("no answer within {} s", .0.as_secs())]
    Timeout(Duration),
    #[error("an answer of {0} bytes: expected 1 to {LONGEST_FRAME}")]
    Frame(u32),
    #[error(
        "it refused to sign: the key is not in it (see `ssh-add -l`), or is bound to destinations (`ssh-add -h`), \
         or the question of `ssh-add -c` or the touch of a security key was not answered with yes"
    )]
    Refused,
    #[error("an answer of type {found}: expected {expected}")]
    Unexpected { expected: u8, found: u8 },
    #[error("an answer that ends too early or too late")]
    Malformed,
}

impl From<CutShort> for AgentProblem {
    fn from(_: CutShort) -> Self {
        Self::Malformed
    }
}

/// An agent behind a socket.
#[derive(Debug, Clone)]
pub struct Agent {
    socket: PathBuf,
    patience: Duration,
}

impl Agent {
    pub fn at(socket: &Path) -> Self {
        Self { socket: socket.to_owned(), patience: PATIENCE }
    }

    /// The same agent with another deadline for each answer.
    #[must_use]
    pub fn with_patience(self, patience: Duration) -> Self {
        Self { patience, ..self }
    }

    pub fn socket(&self) -> &Path {
        &self.socket
    }

    /// The keys in the agent that may sign; keys of other types are passed over.
    pub async fn keys(&self) -> Result<Vec<PublicKey>, KeyError> {
        let answer = self.ask(&[REQUEST_IDENTITIES], IDENTITIES_ANSWER).await?;
        read_identities(&answer).map_err(|why| self.failed(why))
    }

    /// The signature of `key` over `data`, in SSH encoding, as the agent gave it.
    pub async fn sign(&self, key: &PublicKey, data: &[u8]) -> Result<Vec<u8>, KeyError> {
        let mut question = vec![SIGN_REQUEST];
        put_string(&mut question, &key.blob());
        put_string(&mut question, data);
        question.extend_from_slice(&0u32.to_be_bytes());
        let answer = self.ask(&question, SIGN_RESPONSE).await?;
        read_signature(&answer).map_err(|why| self.failed(why))
    }

    async fn ask(&self, question: &[u8], expected: u8) -> Result<Vec<u8>, KeyError> {
        let answer = tokio::time::timeout(self.patience, exchange(&self.socket, question));
        let answer = answer.await.unwrap_or(Err(AgentProblem::Timeout(self.patience)));
        answer.and_then(|answer| expect_type(answer, expected)).map_err(|why| self.failed(why))
    }

    fn failed(&self, why: AgentProblem) -> KeyError {
        KeyError::Agent { socket: self.socket.clone(), why }
    }
}

async fn exchange(socket: &Path, question: &[u8]) -> Result<Vec<u8>, AgentProblem> {
    let mut stream = UnixStream::connect(socket).await?;
    let mut frame = Vec::with_capacity(question.len() + 4);
    put_string(&mut frame, question);
    stream.write_all(&frame).await?;
    let length = stream.read_u32().await?;
    if length == 0 || length > LONGEST_FRAME {
        return Err(AgentProblem::Frame(length));
    }
    let mut answer = Vec::new();
    let read = stream.take(u64::from(length)).read_to_end(&mut answer).await?;
    if u32::try_from(read) == Ok(length) { Ok(answer) } else { Err(AgentProblem::Malformed) }
}

fn expect_type(mut answer: Vec<u8>, expected: u8) -> Result<Vec<u8>, AgentProblem> {
    match answer.first() {
        Some(&FAILURE) => Err(AgentProblem::Refused),
        Some(&found) if found == expected => {
            answer.remove(0);
            Ok(answer)
        }
        Some(&found) => Err(AgentProblem::Unexpected { expected, found }),
        None => Err(AgentProblem::Malformed),
    }
}

fn read_signature(answer: &[u8]) -> Result<Vec<u8>, AgentProblem> {
    let mut reader = Reader::new(answer);
    let signature = reader.string()?.to_vec();
    if reader.left() == 0 { Ok(signature) } else { Err(AgentProblem::Malformed) }
}

fn read_identities(answer: &[u8]) -> Result<Vec<PublicKey>, AgentProblem> {
    let mut reader = Reader::new(answer);
    let mut keys = Vec::new();
    for _ in 0..reader.number()? {
        let blob = reader.string()?;
        let _comment = reader.string()?;
        if let Ok(key) = PublicKey::from_blob(blob) {
            keys.push(key);
        }
    }
    if reader.left() == 0 { Ok(keys) } else { Err(AgentProblem::Malformed) }
}

/// What the environment says about the agent. Read by whoever may read the environment.
#[derive(Debug, Clone, Copy)]
pub struct Surroundings<'a> {
    /// `SSH_CONNECTION`: set in a session that came over ssh.
    pub ssh_connection: Option<&'a str>,
    /// `SSH_AGENT_PID`: set beside an agent that was started in this session.
    pub agent_pid: Option<&'a str>,
}

/// True if the agent seems to have been forwarded over ssh, where whoever is root on this machine can use it too.
///
/// A reminder, not a control: nobody here can prove where an agent runs.
pub fn seems_forwarded(socket: &Path, around: Surroundings<'_>) -> bool {
    let text = socket.to_string_lossy();
    let sshd_made_it = text.contains("/ssh-") || text.contains(".sshd.");
    around.ssh_connection.is_some() && around.agent_pid.is_none() && sshd_made_it
}

#[cfg(test)]
mod tests {
    use tokio::net::UnixListener;

    use super::*;
    use crate::domain::approval::sshsig::{Verb, envelope, plain_signature};
    use crate::keys::{SecretKey, Signer};

    /// An agent that reads one question and gives `answer`, then `behaves`.
    #[derive(Clone, Copy, PartialEq)]
    enum Then {
        Closes,
        Hangs,
    }

    async fn sign_with(answer: Vec<u8>, then: Then, patience: Duration) -> Result<String, KeyError> {
        let dir = tempfile::tempdir().unwrap();
        let socket = dir.path().join("agent");
        let listener = UnixListener::bind(&socket).unwrap();
        let agent = tokio::spawn(async move {
            let (mut stream, _) = listener.accept().await.unwrap();
            let length = stream.read_u32().await.unwrap();
            let mut question = vec![0; usize::try_from(length).unwrap()];
            stream.read_exact(&mut question).await.unwrap();
            stream.write_all(&answer).await.unwrap();
            if then == Then::Hangs {
                std::future::pending::<()>().await;
            }
        });
        let key = SecretKey::from_seed(&[1; 32]).unwrap().public().clone();
        let signer = Signer::Agent { agent: Agent::at(&socket).with_patience(patience), key };
        let signed = signer.sign(Verb::Approve, b"request").await;
        agent.abort();
        signed
    }

    fn frame(kind: u8, parts: &[&[u8]]) -> Vec<u8> {
        let mut body = vec![kind];
        for part in parts {
            put_string(&mut body, part);
        }
        let mut out = Vec::new();
        put_string(&mut out, &body);
        out
    }

    fn signature_of(seed: u8) -> Vec<u8> {
        use ed25519_dalek::Signer as _;
        let signing = ed25519_dalek::SigningKey::from_bytes(&[seed; 32]);
        plain_signature(&signing.sign(&envelope(Verb::Approve, b"request")).to_bytes())
    }

    #[tokio::test]
    async fn an_honest_answer_becomes_a_signature() {
        let answer = frame(SIGN_RESPONSE, &[&signature_of(1)]);
        assert!(sign_with(answer, Then::Hangs, PATIENCE).await.is_ok());
    }

    #[tokio::test]
    async fn wrong_answers_are_told_apart() {
        let problem = |answer| async {
            match sign_with(answer, Then::Closes, PATIENCE).await.unwrap_err() {
                KeyError::Agent { why, .. } => why,
                other => panic!("{other}"),
            }
        };
        assert!(matches!(problem(frame(FAILURE, &[])).await, AgentProblem::Refused));
        assert!(matches!(problem(frame(6, &[])).await, AgentProblem::Unexpected { found: 6, .. }));
        assert!(matches!(problem(vec![0, 0, 0, 0]).await, AgentProblem::Frame(0)));
        assert!(matches!(problem((1u32 << 30).to_be_bytes().to_vec()).await, AgentProblem::Frame(_)));
        assert!(matches!(problem(vec![]).await, AgentProblem::Io(_)));
        assert!(matches!(problem(vec![0, 0, 0, 9, SIGN_RESPONSE]).await, AgentProblem::Malformed));
        assert!(matches!(problem(frame(SIGN_RESPONSE, &[b"x", b"y"])).await, AgentProblem::Malformed));
    }

    #[tokio::test]
    async fn garbage_and_other_keys_signatures_never_leave() {
        for answer in [frame(SIGN_RESPONSE, &[&signature_of(2)]), frame(SIGN_RESPONSE, &[b"garbage"])] {
            let error = sign_with(answer, Then::Closes, PATIENCE).await.unwrap_err();
            assert!(matches!(error, KeyError::BadSignature { .. }), "{error}");
        }
    }

    #[tokio::test]
    async fn an_agent_that_hangs_is_given_up() {
        let error = sign_with(Vec::new(), Then::Hangs, Duration::from_millis(50)).await.unwrap_err();
        assert!(matches!(error, KeyError::Agent { why: AgentProblem::Timeout(_), .. }), "{error}");
    }

    #[tokio::test]
    async fn a_socket_that_is_gone_is_named() {
        let key = SecretKey::from_seed(&[1; 32]).unwrap().public().clone();
        let error = Agent::at(Path::new("/nonexistent/agent")).sign(&key, b"x").await.unwrap_err();
        assert!(error.to_string().contains("/nonexistent/agent"), "{error}");
    }

    #[test]
    fn a_forwarded_agent_is_recognised_by_its_surroundings() {
        let over_ssh = Surroundings { ssh_connection: Some("10.0.0.1 2 10.0.0.2 22"), agent_pid: None };
        let socket = Path::new("/tmp/ssh-abc/agent.1");
        assert!(seems_forwarded(socket, over_ssh));
        assert!(!seems_forwarded(socket, Surroundings { agent_pid: Some("7"), ..over_ssh }));
        assert!(!seems_forwarded(socket, Surroundings { ssh_connection: None, ..over_ssh }));
        assert!(!seems_forwarded(Path::new("/run/user/1000/keyring"), over_ssh));
    }
}
