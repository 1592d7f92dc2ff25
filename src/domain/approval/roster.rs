//! The operators file: who may sign what with which key, and the file of revoked keys.
//!
//! Both are strict subsets of files that stock `ssh-keygen` reads. The whole file is refused at the first deviation:
//! a tool that skips a line it does not understand goes on with a roster that nobody meant.

mod moment;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use super::sshsig::{KeyProblem, PublicKey, Verb};
use crate::domain::base::text::printable;
use crate::domain::base::{Principal, Timestamp};

/// The longest roster, in bytes.
pub const LONGEST: usize = 256 * 1024;

/// Why a roster or a file of revoked keys is refused: the line, and what is wrong with it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("line {line}: {problem}")]
pub struct RosterError {
    pub line: usize,
    pub problem: RosterProblem,
}

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RosterProblem {
    #[error("the file has {found} bytes: expected at most {LONGEST}")]
    TooLong { found: usize },
    #[error("byte {byte:#04x} is not printable ASCII")]
    NotPrintable { byte: u8 },
    #[error("the last line has no line feed")]
    NoLineFeed,
    #[error("an empty line: remove it, or write `#`")]
    EmptyLine,
    #[error("expected `PRINCIPAL namespaces=\"...\" TYPE BASE64` with one blank between and nothing behind")]
    Form,
    #[error("`{found}` is not a principal: expected one name in lower case, no list and no pattern")]
    Principal { found: String },
    #[error(
        "`{found}` is not a list of options: expected `namespaces=\"...\"`, then `valid-after`, then `valid-before`"
    )]
    Options { found: String },
    #[error("`{found}` is not a namespace an operator signs in: expected one of {}, each once", operator_namespaces())]
    Namespace { found: String },
    #[error("`{found}` is not a time in UTC: expected `YYYYMMDDZ` or `YYYYMMDDHHMMSSZ`")]
    Moment { found: String },
    #[error("`valid-after` is not before `valid-before`")]
    NeverValid,
    #[error(transparent)]
    Key(#[from] KeyProblem),
    #[error("this key stands already in line {line}, for `{principal}`: remove one of the lines")]
    KeyTwice { principal: Principal, line: usize },
    #[error("one key for two people: `{first}` (line {line}) and `{second}`; each needs a key of their own")]
    KeyShared { first: Principal, second: Principal, line: usize },
    #[error("the file names nobody: add at least one operator")]
    Empty,
}

/// Why a key may not sign for a verb at a time.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Stranger {
    #[error("the key {fingerprint} is not in the roster")]
    Unknown { fingerprint: String },
    #[error("`{principal}` may not sign for `{namespace}` with this key")]
    NotForVerb { principal: Principal, namespace: &'static str },
    #[error("the key of `{principal}` is valid from {from} on")]
    NotYet { principal: Principal, from: Timestamp },
    #[error("the key of `{principal}` expired at {expired}")]
    Expired { principal: Principal, expired: Timestamp },
}

/// One line: one key of one operator.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Operator {
    pub principal: Principal,
    pub key: PublicKey,
    pub verbs: BTreeSet<Verb>,
    pub valid_after: Option<Timestamp>,
    pub valid_before: Option<Timestamp>,
}

impl Operator {
    /// An operator who may sign everything an operator signs, without dates.
    pub fn new(principal: Principal, key: PublicKey) -> Self {
        Self { principal, key, verbs: operator_verbs().collect(), valid_after: None, valid_before: None }
    }

    fn check(&self, verb: Verb, at: Timestamp) -> Result<&Principal, Stranger> {
        let principal = &self.principal;
        match (self.valid_after, self.valid_before) {
            _ if !self.verbs.contains(&verb) => {
                Err(Stranger::NotForVerb { principal: principal.clone(), namespace: verb.namespace() })
            }
            (Some(from), _) if at < from => Err(Stranger::NotYet { principal: principal.clone(), from }),
            // Stock tools still accept the second itself; accepting less than they do is the safe side.
            (_, Some(expired)) if at >= expired => Err(Stranger::Expired { principal: principal.clone(), expired }),
            _ => Ok(principal),
        }
    }

    fn line(&self) -> String {
        let namespaces: Vec<&str> = self.verbs.iter().map(|verb| verb.namespace()).collect();
        let mut line = format!("{} namespaces=\"{}\"", self.principal, namespaces.join(","));
        for (option, time) in [("valid-after", self.valid_after), ("valid-before", self.valid_before)] {
            if let Some(time) = time {
                let _ = write!(line, ",{option}=\"{}\"", moment::written(time));
            }
        }
        format!("{line} {}", self.key)
    }
}

/// What operators sign. A journal head is signed by the run's own key, so no operator's line may allow it.
fn operator_verbs() -> impl Iterator<Item = Verb> {
    Verb::ALL.into_iter().filter(|verb| *verb != Verb::Journal)
}

fn operator_namespaces() -> String {
    operator_verbs().map(|verb| format!("`{}`", verb.namespace())).collect::<Vec<_>>().join(", ")
}

/// The operators: every key belongs to one principal; a principal may have several keys.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Roster {
    operators: Vec<Operator>,
    /// From the point of a key to its place in `operators`.
    by_point: BTreeMap<[u8; 32], usize>,
}

impl Roster {
    /// Reads the whole file, or says which line is the first that deviates.
    pub fn parse(bytes: &[u8]) -> Result<Self, RosterError> {
        let mut operators = Vec::new();
        let mut lines = Vec::new();
        for (line, text) in checked_lines(bytes)? {
            operators.push(read_operator(text).map_err(|problem| RosterError { line, problem })?);
            lines.push(line);
        }
        Self::of(operators, &lines)
    }

    /// Makes a roster of operators; the numbers in an error count from 1.
    pub fn new(operators: Vec<Operator>) -> Result<Self, RosterError> {
        let lines: Vec<usize> = (1..=operators.len()).collect();
        Self::of(operators, &lines)
    }

    fn of(operators: Vec<Operator>, lines: &[usize]) -> Result<Self, RosterError> {
        let mut by_point: BTreeMap<[u8; 32], usize> = BTreeMap::new();
        for (index, operator) in operators.iter().enumerate() {
            if let Some(first) = by_point.insert(*operator.key.point(), index) {
                let problem = same_key(&operators[first], operator, lines[first]);
                return Err(RosterError { line: lines[index], problem });
            }
        }
        if operators.is_empty() {
            return Err(RosterError { line: 1, problem: RosterProblem::Empty });
        }
        Ok(Self { operators, by_point })
    }

    /// The text of the file.
    pub fn render(&self) -> String {
        let head = "# countersign operators: OpenSSH allowed_signers, one line for each key\n".to_owned();
        self.operators.iter().fold(head, |text, operator| text + &operator.line() + "\n")
    }

    pub fn operators(&self) -> &[Operator] {
        &self.operators
    }

    /// The principals who may sign for `verb` with some key, at any time.
    pub fn principals(&self, verb: Verb) -> BTreeSet<&Principal> {
        self.operators.iter().filter(|o| o.verbs.contains(&verb)).map(|o| &o.principal).collect()
    }

    /// Whose key this is, if it may sign for `verb` at `at`.
    pub fn find(&self, key: &PublicKey, verb: Verb, at: Timestamp) -> Result<&Principal, Stranger> {
        match self.by_point.get(key.point()).map(|index| &self.operators[*index]) {
            Some(operator) if operator.key == *key => operator.check(verb, at),
            _ => Err(Stranger::Unknown { fingerprint: key.fingerprint() }),
        }
    }
}

fn same_key(first: &Operator, second: &Operator, line: usize) -> RosterProblem {
    if first.principal == second.principal {
        RosterProblem::KeyTwice { principal: first.principal.clone(), line }
    } else {
        RosterProblem::KeyShared { first: first.principal.clone(), second: second.principal.clone(), line }
    }
}

/// The keys that no longer sign, whatever the roster says.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RevokedKeys {
    keys: Vec<PublicKey>,
}

impl RevokedKeys {
    /// Reads the whole file: lines `TYPE BASE64`, comments, or nothing at all.
    pub fn parse(bytes: &[u8]) -> Result<Self, RosterError> {
        let read = |(line, text): (usize, &str)| {
            PublicKey::parse(text).map_err(|problem| RosterError { line, problem: problem.into() })
        };
        Ok(Self { keys: checked_lines(bytes)?.into_iter().map(read).collect::<Result<_, _>>()? })
    }

    pub fn render(&self) -> String {
        self.keys.iter().fold(String::new(), |text, key| text + &key.to_string() + "\n")
    }

    pub fn keys(&self) -> &[PublicKey] {
        &self.keys
    }

    /// The list with one more key.
    #[must_use]
    pub fn with(mut self, key: PublicKey) -> Self {
        if !self.contains(&key) {
            self.keys.push(key);
        }
        self
    }

    /// By the point alone: a revoked key does not come back in other clothes.
    pub fn contains(&self, key: &PublicKey) -> bool {
        self.keys.iter().any(|revoked| revoked.point() == key.point())
    }
}

/// The lines that are not comments, with their numbers.
fn checked_lines(bytes: &[u8]) -> Result<Vec<(usize, &str)>, RosterError> {
    let refuse = |line, problem| Err(RosterError { line, problem });
    if bytes.len() > LONGEST {
        return refuse(1, RosterProblem::TooLong { found: bytes.len() });
    }
    let mut lines = Vec::new();
    for (index, raw) in bytes.split_inclusive(|byte| *byte == b'\n').enumerate() {
        let line = index + 1;
        let Some(raw) = raw.strip_suffix(b"\n") else { return refuse(line, RosterProblem::NoLineFeed) };
        if let Some(&byte) = raw.iter().find(|byte| !(0x20..=0x7e).contains(*byte)) {
            return refuse(line, RosterProblem::NotPrintable { byte });
        }
        let Ok(text) = std::str::from_utf8(raw) else { return refuse(line, RosterProblem::Form) };
        match text.as_bytes().first() {
            None => return refuse(line, RosterProblem::EmptyLine),
            Some(b'#') => {}
            Some(_) => lines.push((line, text)),
        }
    }
    Ok(lines)
}

fn read_operator(text: &str) -> Result<Operator, RosterProblem> {
    let words: Vec<&str> = text.split(' ').collect();
    let (&[principal, options, kind, base64], []) = words.split_first_chunk::<4>().ok_or(RosterProblem::Form)? else {
        return Err(RosterProblem::Form);
    };
    let principal =
        Principal::parse(principal).map_err(|_| RosterProblem::Principal { found: printable(principal) })?;
    let key = PublicKey::parse(&format!("{kind} {base64}"))?;
    let (verbs, valid_after, valid_before) = read_options(options)?;
    Ok(Operator { principal, key, verbs, valid_after, valid_before })
}

type Options = (BTreeSet<Verb>, Option<Timestamp>, Option<Timestamp>);

fn read_options(text: &str) -> Result<Options, RosterProblem> {
    let bad = || RosterProblem::Options { found: printable(text) };
    let (namespaces, mut rest) =
        text.strip_prefix("namespaces=\"").and_then(|rest| rest.split_once('"')).ok_or_else(bad)?;
    let after = moment::option(&mut rest, ",valid-after=\"")?;
    let before = moment::option(&mut rest, ",valid-before=\"")?;
    if !rest.is_empty() {
        return Err(bad());
    }
    if after.zip(before).is_some_and(|(after, before)| after >= before) {
        return Err(RosterProblem::NeverValid);
    }
    Ok((read_namespaces(namespaces)?, after, before))
}

fn read_namespaces(text: &str) -> Result<BTreeSet<Verb>, RosterProblem> {
    let mut verbs = BTreeSet::new();
    for namespace in text.split(',') {
        let verb = operator_verbs().find(|verb| verb.namespace() == namespace);
        if !verb.is_some_and(|verb| verbs.insert(verb)) {
            return Err(RosterProblem::Namespace { found: printable(namespace) });
        }
    }
    Ok(verbs)
}
