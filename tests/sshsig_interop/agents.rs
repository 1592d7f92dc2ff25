//! A real `ssh-agent`, with our client and with the stock one.

use std::path::Path;

use countersign::domain::approval::sshsig::{Verb, verify};
use countersign::keys::agent::AgentProblem;
use countersign::keys::{Agent, KeyError, Signer, read_public_key};

use crate::stock::{self, RunningAgent};

const MESSAGE: &[u8] = b"countersign approval request v1\n[end]\n";

fn refused(result: &Result<String, KeyError>) -> bool {
    matches!(result, Err(KeyError::Agent { why: AgentProblem::Refused, .. }))
}

#[tokio::test]
async fn an_agent_signs_for_the_public_half_that_is_named() {
    let agent = RunningAgent::start();
    let dir = tempfile::tempdir().unwrap();
    let ana = stock::make_key(dir.path(), "ana", &["-N", ""]);
    agent.add(&ana, &["-q"]);
    let public_file = ana.with_extension("pub");
    let signer = Signer::open(&public_file, None, Some(&agent.socket())).unwrap();
    let ours = signer.sign(Verb::Approve, MESSAGE).await.unwrap();
    assert!(stock::accepts(&signer.key().to_string(), Verb::Approve, ours.as_bytes(), MESSAGE));
    let theirs = stock::sign(&public_file, Verb::Approve.namespace(), MESSAGE, Some(&agent.socket()), &[]);
    assert_eq!(verify(&theirs, Verb::Approve, MESSAGE).unwrap().key(), signer.key());
    assert_eq!(ours, theirs);
}

#[tokio::test]
async fn an_agent_lists_the_keys_that_can_sign_and_passes_over_others() {
    let agent = RunningAgent::start();
    let dir = tempfile::tempdir().unwrap();
    assert!(Agent::at(&agent.socket()).keys().await.unwrap().is_empty());
    let ana = stock::make_key(dir.path(), "ana", &["-N", ""]);
    agent.add(&stock::make_key(dir.path(), "rsa", &["-N", "", "-t", "rsa", "-b", "2048"]), &["-q"]);
    agent.add(&ana, &["-q"]);
    assert_eq!(Agent::at(&agent.socket()).keys().await.unwrap(), [read_public_key(&ana).unwrap()]);
}

#[tokio::test]
async fn a_key_that_is_absent_or_not_confirmed_does_not_sign() {
    let agent = RunningAgent::start();
    let dir = tempfile::tempdir().unwrap();
    let absent = stock::make_key(dir.path(), "absent", &["-N", ""]);
    let asks = stock::make_key(dir.path(), "asks", &["-N", ""]);
    agent.add(&asks, &["-q", "-c"]);
    for key in [absent, asks] {
        let signer = Signer::open(&key.with_extension("pub"), None, Some(&agent.socket())).unwrap();
        assert!(refused(&signer.sign(Verb::Approve, MESSAGE).await), "{}", key.display());
    }
}

#[test]
fn a_public_half_without_an_agent_says_so() {
    let dir = tempfile::tempdir().unwrap();
    let ana = stock::make_key(dir.path(), "ana", &["-N", ""]).with_extension("pub");
    assert!(matches!(Signer::open(Path::new(&ana), None, None), Err(KeyError::NoAgent)));
}
