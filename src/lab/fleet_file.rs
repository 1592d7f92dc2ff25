//! Writes the lab's `fleet.yaml` and the two option files with its logins.

use std::fmt::Write;
use std::path::{Path, PathBuf};

use super::accounts::Account;
use super::error::LabError;
use super::files::write_private;
use super::record::{LabRecord, socket};

pub fn path(dir: &Path) -> PathBuf {
    dir.join("fleet.yaml")
}

/// Writes all three, readable for this user alone.
pub fn write(dir: &Path, record: &LabRecord) -> Result<(), LabError> {
    for account in [Account::Observe, Account::Act] {
        let login = format!("[client]\nuser={}\npassword={}\n", account.user(), record.passwords.of(account));
        write_private(&login_path(dir, account), &login)?;
    }
    write_private(&path(dir), &text(dir, record))
}

fn login_path(dir: &Path, account: Account) -> PathBuf {
    dir.join(format!("{}.cnf", account.user()))
}

fn text(dir: &Path, record: &LabRecord) -> String {
    let mut text = format!(
        "countersign: 1\nfleet: lab\nenvironment: LAB\nowner: dba@example.com\naccounts:\n  \
         observe: {{defaults_file: {}}}\n  act: {{defaults_file: {}}}\nservers:\n",
        quoted(&login_path(dir, Account::Observe)),
        quoted(&login_path(dir, Account::Act)),
    );
    for name in &record.order {
        let port = record.members.get(name).map_or(0, |member| member.port);
        // Writing to a `String` cannot fail.
        let _ = writeln!(text, "  {name}: {{socket: {}, address: \"127.0.0.1:{port}\"}}", quoted(&socket(dir, name)));
    }
    text
}

/// A path as a YAML string: JSON's quoting is a part of YAML's.
fn quoted(path: &Path) -> String {
    serde_json::Value::String(path.to_string_lossy().into_owned()).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_with_a_colon_and_a_quote_stays_one_string() {
        let path = Path::new("/lab: \"x\"/observe.cnf");
        let read: String = serde_yaml::from_str(&quoted(path)).unwrap();
        assert_eq!(Path::new(&read), path);
    }
}
