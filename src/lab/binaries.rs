//! Finds the server programs: an environment variable, PATH, then the lab's cache. Never downloads anything.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::error::LabError;
use super::flavor::Flavor;

/// A server program that answered `--version` as the flavor it stands for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServerProgram {
    pub flavor: Flavor,
    pub path: PathBuf,
    /// As the program prints it, for example `10.11.19-MariaDB-0+deb12u1`.
    pub version: String,
}

/// Finds a program of `flavor`, in the same order as `tests/servers.sh`.
pub fn find(flavor: Flavor) -> Result<ServerProgram, LabError> {
    let variable = match flavor {
        Flavor::Mariadb => "COUNTERSIGN_MARIADBD",
        Flavor::Mysql => "COUNTERSIGN_MYSQLD",
    };
    if let Some(named) = std::env::var_os(variable).filter(|value| !value.is_empty()) {
        let path = PathBuf::from(named);
        return ask(flavor, &path).map_err(|found| LabError::NotThatServer { flavor, variable, path, found });
    }
    let cache = cache_dir()?;
    let path_variable = std::env::var_os("PATH").unwrap_or_default();
    candidates(flavor, &path_variable, &cache)
        .into_iter()
        .find_map(|path| ask(flavor, &path).ok())
        .ok_or(LabError::NoServerProgram { flavor, variable, cache })
}

/// Where downloaded servers and template data directories are kept.
pub fn cache_dir() -> Result<PathBuf, LabError> {
    let named = std::env::var_os("COUNTERSIGN_LAB_CACHE").filter(|value| !value.is_empty()).map(PathBuf::from);
    let home = || std::env::var_os("HOME").map(|home| Path::new(&home).join(".cache/countersign-lab"));
    named.or_else(home).ok_or(LabError::NoCache)
}

/// Every place to look, best first. Servers are often outside an ordinary user's PATH.
fn candidates(flavor: Flavor, path_variable: &OsStr, cache: &Path) -> Vec<PathBuf> {
    let mut folders: Vec<PathBuf> = std::env::split_paths(path_variable).collect();
    folders.extend(["/usr/sbin", "/usr/local/sbin"].map(PathBuf::from));
    folders.push(cache.join(flavor.word()).join("bin"));
    let in_folders = |name: &'static str| folders.iter().map(move |folder| folder.join(name));
    ["mariadbd", "mysqld"].into_iter().flat_map(in_folders).filter(|path| path.is_file()).collect()
}

/// Asks a program what it is: `mysqld` on PATH is MariaDB on many systems.
fn ask(flavor: Flavor, path: &Path) -> Result<ServerProgram, String> {
    let output = Command::new(path).arg("--version").output().map_err(|error| error.to_string())?;
    let text = String::from_utf8_lossy(&output.stdout).trim().to_owned();
    let version = version_in(&text).ok_or_else(|| format!("`--version` printed `{text}`"))?;
    let found = if version.contains("MariaDB") { Flavor::Mariadb } else { Flavor::Mysql };
    if found != flavor {
        return Err(format!("it is {found} {version}"));
    }
    Ok(ServerProgram { flavor, path: path.to_owned(), version: version.to_owned() })
}

/// The word after `Ver`.
fn version_in(text: &str) -> Option<&str> {
    text.split_once("Ver ")?.1.split_whitespace().next()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_version_is_the_word_after_ver() {
        assert_eq!(version_in("mysqld  Ver 9.7.4-2 for Linux on x86_64 (Debian)"), Some("9.7.4-2"));
        assert_eq!(version_in("usage: mysqld"), None);
    }

    #[test]
    fn a_program_that_is_no_server_is_told_apart() {
        let error = ask(Flavor::Mysql, Path::new("/bin/echo")).unwrap_err();
        assert!(error.contains("printed"), "{error}");
    }

    #[test]
    fn the_cache_is_looked_at_last() {
        let cache = std::env::temp_dir().join("countersign-no-such-cache");
        let found = candidates(Flavor::Mysql, OsStr::new("/usr/bin"), &cache);
        assert!(found.iter().all(|path| !path.starts_with(&cache)), "{found:?}");
    }
}
