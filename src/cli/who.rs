//! Who acts at a command: an operator of the roster, and the key that signs for that operator.
//!
//! A name alone signs nothing. Only a run that is driven by lines, from an executor's own account, starts with a name
//! that somebody else vouches for (`docs/security-model.md`).

use std::path::{Path, PathBuf};

use super::args::{OperatorArgs, OutputArgs, StateArg};
use super::error::CliError;
use super::exit::Exit;
use super::place::{read_file, state_dir};
use super::screen;
use crate::domain::approval::policy::Requester;
use crate::domain::approval::sshsig::PublicKey;
use crate::domain::approval::trust::Trust;
use crate::domain::base::{Danger, Principal};
use crate::keys::{Agent, Signer};
use crate::store::trust_files;

/// An operator, the key that signs, and the trust under which both were accepted.
#[derive(Debug)]
pub struct Operator {
    pub who: Principal,
    pub signer: Signer,
    pub trust: Trust,
}

impl Operator {
    /// The operator that a command names: with the key file it names, else with a key of that operator in the agent.
    pub async fn of(operator: &OperatorArgs, state: &StateArg) -> Result<Self, CliError> {
        let trust = trust_files::load(&state_dir(state)?)?;
        let known = keys_of(&trust, &operator.operator)?;
        let signer = match &operator.key {
            Some(path) => in_file(path)?,
            None => in_agent(&known, &operator.operator).await?,
        };
        if !known.iter().any(|key| key.point() == signer.key().point()) {
            let message = format!("the key {} is not a key of {}", signer.key().fingerprint(), operator.operator);
            return Err(CliError::new(Exit::Approval, message).hint(LIST));
        }
        Ok(Self { who: operator.operator.clone(), signer, trust })
    }
}

const LIST: &str = "`countersign trust show` lists operators and fingerprints";

/// The keys that the roster has for an operator.
pub fn keys_of(trust: &Trust, operator: &Principal) -> Result<Vec<PublicKey>, CliError> {
    let listed = trust.roster().operators();
    let keys: Vec<PublicKey> = listed.iter().filter(|o| o.principal == *operator).map(|o| o.key.clone()).collect();
    if keys.is_empty() {
        let names: Vec<&str> = listed.iter().map(|o| o.principal.as_str()).collect();
        let message = format!("{operator} is not an operator here: expected one of {}", names.join(", "));
        return Err(CliError::new(Exit::Approval, message).hint(LIST));
    }
    Ok(keys)
}

fn agent_socket() -> Option<PathBuf> {
    std::env::var_os("SSH_AUTH_SOCK").map(PathBuf::from)
}

fn in_file(path: &Path) -> Result<Signer, CliError> {
    let passphrase =
        std::env::var("COUNTERSIGN_PASSPHRASE_FILE").ok().map(|path| read_file(Path::new(&path))).transpose()?;
    let passphrase = passphrase.as_deref().map(|text| text.trim_end_matches('\n'));
    Ok(Signer::open(path, passphrase, agent_socket().as_deref())?)
}

async fn in_agent(known: &[PublicKey], operator: &Principal) -> Result<Signer, CliError> {
    let socket = agent_socket().ok_or_else(|| {
        CliError::usage("nothing can sign: no `--key FILE` was given and there is no ssh agent (SSH_AUTH_SOCK)")
            .hint("give `--key FILE`: a private key, or a `.pub` file whose key the ssh agent holds")
    })?;
    let agent = Agent::at(&socket);
    let held = agent.keys().await?;
    match held.into_iter().find(|key| known.iter().any(|known| known.point() == key.point())) {
        Some(key) => Ok(Signer::Agent { agent, key }),
        None => Err(CliError::new(Exit::Approval, format!("the ssh agent holds no key of {operator}"))
            .hint("`ssh-add -l` lists what it holds, `countersign trust show` what is expected")),
    }
}

/// Who drives a run.
#[derive(Debug)]
pub enum Driver {
    /// A key proves who it is.
    Proved(Operator),
    /// Named by whoever may start this executor; such a driver signs nothing.
    Stated { who: Principal, trust: Trust },
}

impl Driver {
    /// A screen signs for who sits at it and so needs a key; for lines a stated name may be enough.
    pub async fn of(output: OutputArgs, operator: &OperatorArgs, state: &StateArg) -> Result<Self, CliError> {
        if operator.key.is_some() || screen::is_wanted(output) {
            return Ok(Self::Proved(Operator::of(operator, state).await?));
        }
        let trust = trust_files::load(&state_dir(state)?)?;
        keys_of(&trust, &operator.operator)?;
        let excluded =
            Danger::ALL.iter().find(|danger| trust.policy().rule(**danger).requester() == Requester::DoesNotCount);
        match excluded {
            None => Ok(Self::Stated { who: operator.operator.clone(), trust }),
            Some(danger) => {
                let message =
                    format!("the policy says that who drives may not sign what is {danger}, so a name is not enough");
                Err(CliError::usage(message).hint("give `--key FILE`, so that it is proved who drives"))
            }
        }
    }

    pub fn name(&self) -> &Principal {
        match self {
            Self::Proved(operator) => &operator.who,
            Self::Stated { who, .. } => who,
        }
    }

    pub fn trust(&self) -> &Trust {
        match self {
            Self::Proved(operator) => &operator.trust,
            Self::Stated { trust, .. } => trust,
        }
    }
}
