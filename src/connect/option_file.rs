//! Reads MySQL option files: groups, quotes, comments, `!include` and `!includedir`.
//!
//! Messages name file and line, never a line's text: it may hold a password.

use std::collections::BTreeMap;
use std::io::ErrorKind;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

/// How deep files may include each other; the clients' own limit.
const DEEPEST: usize = 10;

/// The options of a file, by group; names with `-`, the last one of a group wins.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct OptionFile {
    groups: BTreeMap<String, BTreeMap<String, String>>,
}

/// Why an option file was not taken.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum OptionFileError {
    #[error("the option file `{}` cannot be read: {why}; check `defaults_file` and the file's permissions", .path.display())]
    Unreadable { path: PathBuf, why: ErrorKind },
    #[error("the option file `{}` is not UTF-8: save it as UTF-8", .path.display())]
    NotText { path: PathBuf },
    #[error("the option file `{}` can be written by anybody on this machine: take that right away (`chmod o-w`)", .path.display())]
    AnybodyWrites { path: PathBuf },
    #[error("the option file `{}`, line {line}: expected {expected}", .path.display())]
    Line { path: PathBuf, line: usize, expected: &'static str },
    #[error("the option file `{}` is included more than {DEEPEST} files deep: look for a circle", .path.display())]
    TooDeep { path: PathBuf },
}

/// One line that says something.
#[derive(Debug, PartialEq, Eq)]
enum Line {
    Group(String),
    Option { name: String, value: String },
    Include(String),
    IncludeDir(String),
}

impl OptionFile {
    /// Reads `path` and what it includes.
    pub fn read(path: &Path) -> Result<Self, OptionFileError> {
        let mut file = Self::default();
        file.add(path, 0)?;
        Ok(file)
    }

    /// The value of `name` in `group`, else in `[client]`.
    pub fn get(&self, group: Option<&str>, name: &str) -> Option<&str> {
        let of = |group: &str| self.groups.get(group)?.get(name).map(String::as_str);
        group.and_then(of).or_else(|| of("client"))
    }

    fn add(&mut self, path: &Path, depth: usize) -> Result<(), OptionFileError> {
        if depth > DEEPEST {
            return Err(OptionFileError::TooDeep { path: path.to_owned() });
        }
        let text = text_of(path)?;
        let mut group = None;
        for (number, raw) in text.lines().enumerate() {
            let line = parse_line(raw).map_err(|expected| OptionFileError::Line {
                path: path.to_owned(),
                line: number + 1,
                expected,
            })?;
            match line {
                None => {}
                Some(Line::Group(name)) => group = Some(name),
                Some(Line::Option { name, value }) => {
                    let Some(group) = &group else {
                        let expected = "a group like `[client]` before the first option";
                        return Err(OptionFileError::Line { path: path.to_owned(), line: number + 1, expected });
                    };
                    self.groups.entry(group.clone()).or_default().insert(name, value);
                }
                Some(Line::Include(other)) => self.add(&beside(path, &other), depth + 1)?,
                Some(Line::IncludeDir(dir)) => {
                    for other in files_in(&beside(path, &dir))? {
                        self.add(&other, depth + 1)?;
                    }
                }
            }
        }
        Ok(())
    }
}

impl std::fmt::Debug for OptionFile {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("OptionFile").field("groups", &self.groups.keys()).finish_non_exhaustive()
    }
}

fn text_of(path: &Path) -> Result<String, OptionFileError> {
    let unreadable = |error: std::io::Error| OptionFileError::Unreadable { path: path.to_owned(), why: error.kind() };
    let mode = std::fs::metadata(path).map_err(unreadable)?.permissions().mode();
    if mode & 0o002 != 0 {
        return Err(OptionFileError::AnybodyWrites { path: path.to_owned() });
    }
    let bytes = std::fs::read(path).map_err(unreadable)?;
    String::from_utf8(bytes).map_err(|_| OptionFileError::NotText { path: path.to_owned() })
}

/// A relative name is taken from the directory of the file that names it.
fn beside(path: &Path, other: &str) -> PathBuf {
    path.parent().unwrap_or(Path::new("")).join(other)
}

/// The `.cnf` files of a directory, by name, so that the order is the same everywhere.
fn files_in(dir: &Path) -> Result<Vec<PathBuf>, OptionFileError> {
    let unreadable = |error: std::io::Error| OptionFileError::Unreadable { path: dir.to_owned(), why: error.kind() };
    let entries: Vec<_> = std::fs::read_dir(dir).map_err(unreadable)?.collect::<Result<_, _>>().map_err(unreadable)?;
    let mut files: Vec<PathBuf> = entries.into_iter().map(|entry| entry.path()).collect();
    files.retain(|path| path.extension().is_some_and(|extension| extension == "cnf"));
    files.sort();
    Ok(files)
}

/// What a line says; `None` for empty lines and comments.
fn parse_line(raw: &str) -> Result<Option<Line>, &'static str> {
    let line = raw.trim();
    if line.is_empty() || line.starts_with(['#', ';']) {
        return Ok(None);
    }
    if let Some(directive) = line.strip_prefix('!') {
        let (word, argument) = directive.split_once(char::is_whitespace).unwrap_or((directive, ""));
        return match (word, argument.trim()) {
            ("include", file) if !file.is_empty() => Ok(Some(Line::Include(file.to_owned()))),
            ("includedir", dir) if !dir.is_empty() => Ok(Some(Line::IncludeDir(dir.to_owned()))),
            _ => Err("`!include FILE` or `!includedir DIRECTORY`"),
        };
    }
    if let Some(rest) = line.strip_prefix('[') {
        let (name, after) = rest.split_once(']').ok_or("`]` after the group's name")?;
        let empty = after.trim().is_empty() || after.trim().starts_with(['#', ';']);
        return if empty {
            Ok(Some(Line::Group(name.trim().to_owned())))
        } else {
            Err("nothing after the group's name")
        };
    }
    let (name, value) = line.split_once('=').unwrap_or((line, ""));
    let name = name.split('#').next().unwrap_or_default().trim();
    let name = name.strip_prefix("loose-").or_else(|| name.strip_prefix("loose_")).unwrap_or(name).replace('_', "-");
    if name.is_empty() {
        Err("an option's name before `=`")
    } else {
        Ok(Some(Line::Option { name, value: value_of(value)? }))
    }
}

/// A value without its quotes, escapes and trailing comment. `#` starts a comment wherever it is not quoted.
fn value_of(text: &str) -> Result<String, &'static str> {
    let text = text.trim();
    let quote = text.chars().next().filter(|c| matches!(c, '\'' | '"'));
    let mut out = String::new();
    let mut rest = text.chars().skip(usize::from(quote.is_some()));
    while let Some(c) = rest.next() {
        match c {
            '\\' => match rest.next() {
                Some('b') => out.push('\u{8}'),
                Some('t') => out.push('\t'),
                Some('n') => out.push('\n'),
                Some('r') => out.push('\r'),
                Some('s') => out.push(' '),
                Some(same @ ('\\' | '"' | '\'' | '#')) => out.push(same),
                // The clients leave what they do not know as it stands.
                Some(other) => out.extend(['\\', other]),
                None => out.push('\\'),
            },
            c if Some(c) == quote => return Ok(out),
            '#' if quote.is_none() => break,
            c => out.push(c),
        }
    }
    if quote.is_some() { Err("the closing quote of the value") } else { Ok(out.trim_end().to_owned()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(text: &str) -> (tempfile::TempDir, PathBuf) {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a.cnf");
        std::fs::write(&path, text).unwrap();
        (dir, path)
    }

    #[test]
    fn values_lose_quotes_escapes_and_comments() {
        for (raw, expected) in [
            ("plain", "plain"),
            ("  spaced out  ", "spaced out"),
            ("cut # here", "cut"),
            ("'kept # here' # not here", "kept # here"),
            ("\"a'b\"", "a'b"),
            (r"a\sb\\c\#d", "a b\\c#d"),
            (r"odd\q", r"odd\q"),
            ("", ""),
        ] {
            assert_eq!(value_of(raw).as_deref(), Ok(expected), "{raw}");
        }
        assert!(value_of("'never ends").is_err());
    }

    #[test]
    fn a_group_wins_over_client_and_names_may_be_written_either_way() {
        let (_dir, path) =
            written("; c\n[client]\nuser=ana\nssl_ca=/ca.pem\n[mysqld]\nuser=root\n[prod]\nuser = bob\nloose-x\n");
        let file = OptionFile::read(&path).unwrap();
        assert_eq!(file.get(None, "user"), Some("ana"));
        assert_eq!(file.get(Some("prod"), "user"), Some("bob"));
        assert_eq!(file.get(Some("prod"), "ssl-ca"), Some("/ca.pem"));
        assert_eq!(file.get(Some("other"), "user"), Some("ana"));
    }

    #[test]
    fn included_files_are_read_where_they_stand() {
        let (dir, path) = written("[client]\nuser=ana\npassword=old\n!include b.inc\n!includedir more\n");
        std::fs::write(dir.path().join("b.inc"), "[client]\npassword=new\n").unwrap();
        std::fs::create_dir(dir.path().join("more")).unwrap();
        std::fs::write(dir.path().join("more/z.cnf"), "[client]\nport=1\n").unwrap();
        std::fs::write(dir.path().join("more/z.bak"), "[client]\nport=2\n").unwrap();
        let file = OptionFile::read(&path).unwrap();
        assert_eq!((file.get(None, "password"), file.get(None, "port")), (Some("new"), Some("1")));
    }

    #[test]
    fn a_circle_of_includes_ends() {
        let (_dir, path) = written("!include a.cnf\n");
        assert!(matches!(OptionFile::read(&path), Err(OptionFileError::TooDeep { .. })));
    }

    #[test]
    fn a_bad_line_is_named_by_number_and_never_shown() {
        let (_dir, path) = written("[client]\npassword='s3cret\n");
        let error = OptionFile::read(&path).unwrap_err();
        assert!(error.to_string().contains("line 2") && !format!("{error} {error:?}").contains("s3cret"), "{error}");
        let (_dir, path) = written("password=s3cret\n");
        assert!(OptionFile::read(&path).unwrap_err().to_string().contains("[client]"));
    }

    #[test]
    fn a_file_that_anybody_may_write_is_refused() {
        let (_dir, path) = written("[client]\nuser=ana\n");
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o666)).unwrap();
        assert!(matches!(OptionFile::read(&path), Err(OptionFileError::AnybodyWrites { .. })));
    }
}
