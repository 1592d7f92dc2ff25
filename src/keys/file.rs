//! Key files as `ssh-keygen` writes them. What `ssh` would not use, because others can read it, is not used here.

use std::fs::{File, OpenOptions};
use std::io::Read as _;
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use ssh_key::{Kdf, PrivateKey};

use super::{KeyError, SecretKey};
use crate::domain::approval::sshsig::PublicKey;

/// A key file has a few kilobytes.
const LONGEST: u64 = 64 * 1024;
/// `ssh-keygen` makes 16 to 24; each takes some milliseconds, and a hostile file can ask for four billion.
pub const MOST_ROUNDS: u32 = 512;

const PRIVATE: &[u8] = b"-----BEGIN OPENSSH PRIVATE KEY-----";

/// What a key file turned out to be.
#[derive(Debug)]
pub enum Content {
    Public(PublicKey),
    Private(Box<Sealed>),
}

/// A private key file, read and not yet opened.
#[derive(Debug)]
pub struct Sealed {
    path: PathBuf,
    key: PrivateKey,
}

/// Reads a key file of either kind.
pub fn read(path: &Path) -> Result<Content, KeyError> {
    let (bytes, mode) = read_capped(path)?;
    if !bytes.trim_ascii_start().starts_with(PRIVATE) {
        return read_public(path, &bytes);
    }
    if mode & 0o077 != 0 {
        return Err(KeyError::Exposed { path: path.to_owned(), mode });
    }
    let key = PrivateKey::from_openssh(&bytes).map_err(|why| not_a_key(path, &why))?;
    Ok(Content::Private(Box::new(Sealed { path: path.to_owned(), key })))
}

impl Sealed {
    /// The public half that stands in the clear beside the private one.
    pub fn public(&self) -> Result<PublicKey, KeyError> {
        let blob = self.key.public_key().to_bytes().map_err(|why| not_a_key(&self.path, &why))?;
        PublicKey::from_blob(&blob).map_err(|why| KeyError::Refused { path: self.path.clone(), why })
    }

    /// The private key, if it is one that can sign from a file and the passphrase opens it.
    pub fn open(self, passphrase: Option<&str>) -> Result<SecretKey, KeyError> {
        let path = || self.path.clone();
        let stated = self.public()?;
        if stated.application().is_some() {
            return Err(KeyError::SecurityKeyFile { path: path() });
        }
        let opened = if self.key.is_encrypted() { self.decrypted(passphrase)? } else { self.key.clone() };
        let pair = opened.key_data().ed25519().ok_or_else(|| KeyError::HalvesDiffer { path: path() })?;
        let secret =
            SecretKey::from_seed(pair.private.as_ref()).map_err(|why| KeyError::Refused { path: path(), why })?;
        // A signature made with halves that do not belong together gives the private one away.
        if *secret.public() != stated || secret.public().point() != pair.public.as_ref() {
            return Err(KeyError::HalvesDiffer { path: path() });
        }
        Ok(secret)
    }

    fn decrypted(&self, passphrase: Option<&str>) -> Result<PrivateKey, KeyError> {
        let path = || self.path.clone();
        if let Kdf::Bcrypt { rounds, .. } = self.key.kdf()
            && *rounds > MOST_ROUNDS
        {
            return Err(KeyError::TooManyRounds { path: path(), rounds: *rounds });
        }
        let passphrase = passphrase.ok_or_else(|| KeyError::NeedsPassphrase { path: path() })?;
        self.key.decrypt(passphrase).map_err(|_| KeyError::WrongPassphrase { path: path() })
    }
}

/// The bytes and the mode of one and the same opened file. A pipe or a device is not waited for.
fn read_capped(path: &Path) -> Result<(Vec<u8>, u32), KeyError> {
    let failed = |why| KeyError::Read { path: path.to_owned(), why };
    let not_blocking = i32::try_from(rustix::fs::OFlags::NONBLOCK.bits()).unwrap_or(0);
    let file: File = OpenOptions::new().read(true).custom_flags(not_blocking).open(path).map_err(failed)?;
    let metadata = file.metadata().map_err(failed)?;
    if !metadata.is_file() || metadata.len() > LONGEST {
        return Err(KeyError::NotAFile { path: path.to_owned() });
    }
    let mut bytes = Vec::new();
    file.take(LONGEST).read_to_end(&mut bytes).map_err(failed)?;
    Ok((bytes, metadata.mode() & 0o777))
}

fn read_public(path: &Path, bytes: &[u8]) -> Result<Content, KeyError> {
    let text = std::str::from_utf8(bytes).map_err(|why| not_a_key(path, &why))?;
    PublicKey::parse_pub_file(text).map(Content::Public).map_err(|why| KeyError::Refused { path: path.to_owned(), why })
}

fn not_a_key(path: &Path, why: &impl ToString) -> KeyError {
    KeyError::NotAKey { path: path.to_owned(), why: why.to_string() }
}
