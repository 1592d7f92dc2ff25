//! The policy: how many people each danger needs, and under what conditions a signature counts.
//!
//! A policy can ask for more than the program does, never for less: two distinct people for what may destroy data is
//! compiled in. Knows nothing of keys.

use std::collections::BTreeSet;

use serde::Deserialize;

use crate::domain::base::text::printable;
use crate::domain::base::{Danger, Principal, Span};

/// The longest policy file, in bytes.
pub const LONGEST: usize = 64 * 1024;
/// More people than this are a slip of the fingers.
const MOST_APPROVALS: u8 = 16;
/// A request that lives longer than a day describes a fleet that is gone.
const LONGEST_AGE: Span = Span::from_secs(24 * 3600);

/// Why a policy is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PolicyError {
    #[error("the policy has {found} bytes: expected at most {LONGEST}")]
    TooLong { found: usize },
    #[error("line {line}: byte {byte:#04x} is not printable ASCII")]
    NotPrintable { line: usize, byte: u8 },
    #[error("line {line}: `{found}` is not used in a policy: write every value where it belongs")]
    Indirect { line: usize, found: &'static str },
    #[error("the policy cannot be read: {why}")]
    Form { why: String },
    #[error("policy version {found}: expected 1; a newer policy needs a newer program")]
    Version { found: u64 },
    #[error("`{danger}` asks for {found} approvals: expected at least {floor}, which no file can lower")]
    BelowFloor { danger: Danger, found: u8, floor: u8 },
    #[error("`{danger}` asks for {found} approvals: expected at most {MOST_APPROVALS}")]
    TooMany { danger: Danger, found: u8 },
    #[error("`{danger}` asks for {found} own measurements of {approvals} approvals: expected at most {approvals}")]
    Measurements { danger: Danger, found: u8, approvals: u8 },
    #[error("`{danger}` lets requests live {found}: expected more than 0s and at most {LONGEST_AGE}")]
    Age { danger: Danger, found: Span },
    #[error("`{danger}` lists {found} people under `from` and asks for {approvals} approvals")]
    TooFewPeople { danger: Danger, found: usize, approvals: u8 },
    #[error("`{danger}` lists `{principal}` twice under `from`")]
    PersonTwice { danger: Danger, principal: Principal },
}

/// The fewest distinct people for a danger, whatever a file says.
pub const fn floor(danger: Danger) -> u8 {
    match danger {
        Danger::Destructive => 2,
        Danger::Observe | Danger::Protective | Danger::Reversible | Danger::Disruptive => 0,
    }
}

/// Whether the person who asks may be one of those who approve (the buddy system).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Requester {
    Counts,
    DoesNotCount,
}

/// What a signature must show about the hand that made it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Touch {
    /// Any key; a security key is touched all the same.
    Optional,
    /// A security key only.
    Required,
    /// A security key that also checked who touches it.
    Pin,
}

/// Whether an act that means to lose rows can be asked for at all.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MeantLoss {
    Refused,
    Allowed,
}

/// Whether an agent that came along over ssh may sign. Whoever is root on that machine can use it too.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ForwardedAgent {
    Refuse,
    Allow,
}

/// What one danger needs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rule {
    danger: Danger,
    approvals: u8,
    own_measurement: u8,
    requester: Requester,
    max_age: Span,
    touch: Touch,
    from: Option<BTreeSet<Principal>>,
}

impl Rule {
    pub fn danger(&self) -> Danger {
        self.danger
    }

    /// How many distinct people must approve. Never below [`floor`].
    pub fn approvals(&self) -> u8 {
        self.approvals.max(floor(self.danger))
    }

    /// How many of them must have looked with their own measurement.
    pub fn own_measurement(&self) -> u8 {
        self.own_measurement
    }

    pub fn requester(&self) -> Requester {
        self.requester
    }

    /// How long a request lives.
    pub fn max_age(&self) -> Span {
        self.max_age
    }

    pub fn touch(&self) -> Touch {
        self.touch
    }

    /// The people whose approval counts; `None`: everybody in the roster.
    pub fn from(&self) -> Option<&BTreeSet<Principal>> {
        self.from.as_ref()
    }

    fn default_for(danger: Danger) -> Self {
        let approvals = match danger {
            Danger::Destructive | Danger::Disruptive => 2,
            Danger::Reversible => 1,
            Danger::Protective | Danger::Observe => 0,
        };
        let max_age = Span::from_secs(30 * 60);
        let (requester, touch) = (Requester::Counts, Touch::Optional);
        Self { danger, approvals, own_measurement: approvals.min(1), requester, max_age, touch, from: None }
    }
}

/// A policy that has passed all checks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Policy {
    rules: [Rule; 5],
    meant_loss: MeantLoss,
    forwarded_agent: ForwardedAgent,
}

impl Default for Policy {
    fn default() -> Self {
        Self {
            rules: Danger::ALL.map(Rule::default_for),
            meant_loss: MeantLoss::Refused,
            forwarded_agent: ForwardedAgent::Refuse,
        }
    }
}

impl Policy {
    /// Reads the whole file; what a class leaves out keeps its default.
    pub fn parse(bytes: &[u8]) -> Result<Self, PolicyError> {
        let text = checked_text(bytes)?;
        let file: File =
            serde_yaml::from_str(text).map_err(|error| PolicyError::Form { why: printable(&error.to_string()) })?;
        if file.version != 1 {
            return Err(PolicyError::Version { found: file.version });
        }
        let Classes { observe, protective, reversible, disruptive, destructive } = file.classes;
        let mut given = [observe, protective, reversible, disruptive, destructive].into_iter();
        let mut policy = Self::default();
        for rule in &mut policy.rules {
            if let Some(class) = given.next() {
                class.apply(rule)?;
            }
        }
        policy.meant_loss = if file.meant_loss { MeantLoss::Allowed } else { MeantLoss::Refused };
        policy.forwarded_agent = file.forwarded_agent.unwrap_or(policy.forwarded_agent);
        Ok(policy)
    }

    pub fn rule(&self, danger: Danger) -> &Rule {
        let [observe, protective, reversible, disruptive, destructive] = &self.rules;
        match danger {
            Danger::Observe => observe,
            Danger::Protective => protective,
            Danger::Reversible => reversible,
            Danger::Disruptive => disruptive,
            Danger::Destructive => destructive,
        }
    }

    pub fn meant_loss(&self) -> MeantLoss {
        self.meant_loss
    }

    pub fn forwarded_agent(&self) -> ForwardedAgent {
        self.forwarded_agent
    }

    /// The file that says what the program does without one.
    pub fn default_text() -> &'static str {
        include_str!("policy/default.yaml")
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    version: u64,
    #[serde(default)]
    classes: Classes,
    #[serde(default)]
    meant_loss: bool,
    forwarded_agent: Option<ForwardedAgent>,
}

/// A struct, not a map: a map would take the last of two entries and say nothing.
#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Classes {
    observe: Class,
    protective: Class,
    reversible: Class,
    disruptive: Class,
    destructive: Class,
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Class {
    approvals: Option<u8>,
    own_measurement: Option<u8>,
    requester_counts: Option<bool>,
    max_age: Option<Span>,
    touch: Option<Touch>,
    from: Option<Vec<Principal>>,
}

impl Class {
    fn apply(self, rule: &mut Rule) -> Result<(), PolicyError> {
        rule.approvals = checked_approvals(rule.danger, self.approvals.unwrap_or(rule.approvals))?;
        rule.own_measurement = self.own_measurement.unwrap_or(rule.approvals.min(1));
        rule.requester = match self.requester_counts {
            None => rule.requester,
            Some(true) => Requester::Counts,
            Some(false) => Requester::DoesNotCount,
        };
        rule.max_age = self.max_age.unwrap_or(rule.max_age);
        rule.touch = self.touch.unwrap_or(rule.touch);
        rule.from = self.from.map(|people| checked_people(rule.danger, people)).transpose()?;
        check_together(rule)
    }
}

fn checked_approvals(danger: Danger, found: u8) -> Result<u8, PolicyError> {
    let floor = floor(danger);
    if found < floor {
        Err(PolicyError::BelowFloor { danger, found, floor })
    } else if found > MOST_APPROVALS {
        Err(PolicyError::TooMany { danger, found })
    } else {
        Ok(found)
    }
}

fn checked_people(danger: Danger, people: Vec<Principal>) -> Result<BTreeSet<Principal>, PolicyError> {
    let mut set = BTreeSet::new();
    for principal in people {
        if !set.insert(principal.clone()) {
            return Err(PolicyError::PersonTwice { danger, principal });
        }
    }
    Ok(set)
}

fn check_together(rule: &Rule) -> Result<(), PolicyError> {
    let Rule { danger, approvals, own_measurement, max_age, from, .. } = rule;
    let (danger, approvals) = (*danger, *approvals);
    if *own_measurement > approvals {
        return Err(PolicyError::Measurements { danger, found: *own_measurement, approvals });
    }
    if *max_age == Span::default() || *max_age > LONGEST_AGE {
        return Err(PolicyError::Age { danger, found: *max_age });
    }
    match from {
        Some(people) if people.len() < usize::from(approvals) => {
            Err(PolicyError::TooFewPeople { danger, found: people.len(), approvals })
        }
        _ => Ok(()),
    }
}

/// Printable ASCII, and nothing of YAML that lets a value stand somewhere else than where a reader sees it.
fn checked_text(bytes: &[u8]) -> Result<&str, PolicyError> {
    if bytes.len() > LONGEST {
        return Err(PolicyError::TooLong { found: bytes.len() });
    }
    for (index, line) in bytes.split(|byte| *byte == b'\n').enumerate() {
        let line_number = index + 1;
        if let Some(&byte) = line.iter().find(|byte| !(0x20..=0x7e).contains(*byte)) {
            return Err(PolicyError::NotPrintable { line: line_number, byte });
        }
        let before_comment = line.split(|byte| *byte == b'#').next().unwrap_or_default();
        for (mark, found) in [(b'&', "&"), (b'*', "*"), (b'!', "!"), (b'<', "<"), (b'%', "%"), (b'\\', "\\")] {
            if before_comment.contains(&mark) {
                return Err(PolicyError::Indirect { line: line_number, found });
            }
        }
    }
    std::str::from_utf8(bytes).map_err(|error| PolicyError::Form { why: error.to_string() })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(text: &str) -> PolicyError {
        Policy::parse(text.as_bytes()).unwrap_err()
    }

    #[test]
    fn the_default_text_says_what_the_program_does_without_it() {
        assert_eq!(Policy::parse(Policy::default_text().as_bytes()).unwrap(), Policy::default());
        assert_eq!(Policy::parse(b"version: 1\n").unwrap(), Policy::default());
        let needs = |danger| Policy::default().rule(danger).approvals();
        assert_eq!(Danger::ALL.map(needs), [0, 0, 1, 2, 2]);
        assert_eq!(Policy::default().meant_loss(), MeantLoss::Refused);
        for danger in Danger::ALL {
            assert_eq!(Policy::default().rule(danger).danger(), danger);
        }
    }

    #[test]
    fn every_setting_of_the_default_text_is_read_from_it() {
        let text = Policy::default_text();
        for (from, to) in [
            ("destructive: {approvals: 2", "destructive: {approvals: 3"),
            ("reversible:  {approvals: 1", "reversible:  {approvals: 2"),
            ("requester_counts: true", "requester_counts: false"),
            ("max_age: 30m", "max_age: 10m"),
            ("touch: optional", "touch: pin"),
            ("own_measurement: 1", "own_measurement: 0"),
            ("meant_loss: false", "meant_loss: true"),
            ("forwarded_agent: refuse", "forwarded_agent: allow"),
        ] {
            let changed = text.replacen(from, to, 1);
            assert_ne!(changed, text, "{from}");
            assert_ne!(Policy::parse(changed.as_bytes()).unwrap(), Policy::default(), "{from}");
        }
    }

    #[test]
    fn no_file_lowers_the_two_people_for_what_destroys() {
        for approvals in [0, 1] {
            let text =
                format!("version: 1\nclasses: {{destructive: {{approvals: {approvals}, own_measurement: 0}}}}\n");
            assert_eq!(
                refused(&text),
                PolicyError::BelowFloor { danger: Danger::Destructive, found: approvals, floor: 2 }
            );
        }
        assert!(Policy::parse(b"version: 1\nclasses: {disruptive: {approvals: 0}}\n").is_ok(), "the control");
    }

    #[test]
    fn only_listed_people_count_where_a_list_is_given() {
        let text = "version: 1\nclasses:\n  destructive: {from: [ana, bob@example.org]}\n";
        let policy = Policy::parse(text.as_bytes()).unwrap();
        assert_eq!(policy.rule(Danger::Destructive).from().unwrap().len(), 2);
        assert!(policy.rule(Danger::Disruptive).from().is_none());
        assert!(matches!(refused(&text.replace("ana, ", "")), PolicyError::TooFewPeople { .. }));
        assert!(matches!(refused(&text.replace("bob@example.org", "ana")), PolicyError::PersonTwice { .. }));
        assert!(matches!(refused(&text.replace("ana", "Ana")), PolicyError::Form { .. }));
    }

    #[test]
    fn a_policy_that_could_be_read_in_two_ways_is_refused() {
        let class = |body: &str| format!("version: 1\nclasses:\n  destructive: {{{body}}}\n");
        for bad in [
            String::new(),
            "version: 2\n".to_owned(),
            "version: 1\nversion: 1\n".to_owned(),
            "version: 1\nclasses: {}\nclasses: {}\n".to_owned(),
            "version: 1\nbreak_glass: {}\n".to_owned(),
            "version: 1\n---\nversion: 1\n".to_owned(),
            "version: 1\nclasses:\n  destructive: {}\n  destructive: {}\n".to_owned(),
            "version: 1\nclasses:\n  catastrophic: {}\n".to_owned(),
            class("approvals: 2, approvals: 3"),
            class("approvals: \"2\""),
            class("approvals: -1"),
            class("approvals: 1e9"),
            class("approvals: 1000000000"),
            class("approvals: 17"),
            class("approvals: 2.0"),
            class("max_age: 30"),
            class("max_age: 0s"),
            class("max_age: 25h"),
            class("own_measurement: 3"),
            class("touch: sometimes"),
            class("requester_counts: 1"),
            class("approver: ana"),
            "version: 1\na: &a [x, x]\nb: &b [*a, *a]\nclasses: *b\n".to_owned(),
            "version: 1\nclasses: &c {}\n".to_owned(),
            "version: 1\nclasses: {<<: {}}\n".to_owned(),
            "version: !!int 1\n".to_owned(),
            "version: 1\r\n".to_owned(),
            "\u{feff}version: 1\n".to_owned(),
            "version:\t1\n".to_owned(),
            "version: 1 # \u{202e}\n".to_owned(),
            format!("version: 1\n{}", "#\n".repeat(LONGEST)),
        ] {
            assert!(Policy::parse(bad.as_bytes()).is_err(), "{bad}");
        }
    }
}
