//! The text form of a signature. One form per signature: 70 columns, line feeds, nothing before or after.

use base64ct::{Base64, Encoding as _};

use super::SigError;

const BEGIN: &str = "-----BEGIN SSH SIGNATURE-----\n";
const END: &str = "-----END SSH SIGNATURE-----\n";
const COLUMNS: usize = 70;
/// The longest signature we make is about 500 bytes; this only keeps nonsense small.
const LONGEST: usize = 4096;

/// `blob` in its one text form.
pub(super) fn wrap(blob: &[u8]) -> String {
    let body = Base64::encode_string(blob);
    let mut out = String::from(BEGIN);
    let mut rest = body.as_str();
    while !rest.is_empty() {
        // Base64 is ASCII, so every position is a boundary.
        let (line, after) = rest.split_at(rest.len().min(COLUMNS));
        out.push_str(line);
        out.push('\n');
        rest = after;
    }
    out.push_str(END);
    out
}

/// The blob inside `armored`, if `armored` is the one text form of it.
pub(super) fn unwrap(armored: &str) -> Result<Vec<u8>, SigError> {
    let blob = open(armored)?;
    if wrap(&blob) == armored { Ok(blob) } else { Err(SigError::NotCanonical) }
}

/// Brings a pasted signature into its one text form: line ends, blanks around it and line lengths may differ.
pub fn tidied(pasted: &str) -> Result<String, SigError> {
    if pasted.len() > LONGEST {
        return Err(SigError::TooLong { found: pasted.len() });
    }
    let lines: Vec<&str> = pasted.trim().lines().map(str::trim).collect();
    Ok(wrap(&open(&format!("{}\n", lines.join("\n")))?))
}

fn open(armored: &str) -> Result<Vec<u8>, SigError> {
    if armored.len() > LONGEST {
        return Err(SigError::TooLong { found: armored.len() });
    }
    let inside = armored.strip_prefix(BEGIN).ok_or(SigError::NoBegin)?.strip_suffix(END).ok_or(SigError::NoEnd)?;
    let body: String = inside.split('\n').collect();
    Base64::decode_vec(&body).map_err(|_| SigError::Base64)
}
