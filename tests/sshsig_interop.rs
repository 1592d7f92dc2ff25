//! Signatures and key files against real `ssh-keygen` and `ssh-agent`: what we make they accept, what they make we
//! accept, and nothing that we accept is refused by them.

#[path = "sshsig_interop/agents.rs"]
mod agents;
#[path = "sshsig_interop/files.rs"]
mod files;
#[path = "sshsig_interop/forge.rs"]
mod forge;
#[path = "sshsig_interop/hostile.rs"]
mod hostile;
#[path = "sshsig_interop/security_keys.rs"]
mod security_keys;
#[path = "sshsig_interop/stock.rs"]
mod stock;
#[path = "sshsig_interop/vectors.rs"]
mod vectors;
