//! Every code a problem can have, with what it means and what helps: one list, for problems, `explain` and the docs.
//!
//! A code is never given a second meaning and never reused. The hundreds say the family: 0 the format, 1 names, types
//! and references, 2 safety, 3 operations, 4 the people who use the runbook.

use serde::Serialize;

/// How much a problem matters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Severity {
    /// The file cannot be used.
    Error,
    /// The file can be used, and somebody will be sorry.
    Warning,
}

impl Severity {
    pub const fn word(self) -> &'static str {
        match self {
            Self::Error => "error",
            Self::Warning => "warning",
        }
    }
}

/// One kind of problem.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Code {
    pub id: &'static str,
    pub severity: Severity,
    /// What `explain` prints.
    pub meaning: &'static str,
}

/// Declares the codes and the list of all of them.
macro_rules! codes {
    ($($name:ident = $severity:ident $id:literal: $meaning:literal;)+) => {
        $(pub const $name: Code = Code { id: $id, severity: Severity::$severity, meaning: $meaning };)+

        /// Every code, in the order of their numbers.
        pub const ALL: &[Code] = &[$($name,)+];
    };
}

codes! {
    NOT_YAML = Error "CS001": "The text is not YAML. The place is where reading stopped; the cause is often the line above it.";
    TOO_LARGE = Error "CS002": "A file of more than 1 MiB is not read: nobody reviews it.";
    TOO_DEEP = Error "CS003": "More than 64 levels of nesting are not read.";
    DUPLICATE_KEY = Error "CS004": "A key stands twice in one mapping. Readers of YAML differ in which of the two they take.";
    ANCHOR = Error "CS005": "Anchors and aliases are not read: what a line means must stand in that line.";
    TAG = Error "CS006": "Tags such as `!!str` are not read: the type of a value is decided by the field it stands in.";
    MERGE_KEY = Error "CS007": "The merge key `<<` is not read: what a step does must stand in that step.";
    SECOND_DOCUMENT = Error "CS008": "A file holds one document. What stands after `---` would be overlooked.";
    UNREADABLE_TEXT = Error "CS009": "The file must be UTF-8 without characters that do not show, such as a change of the reading direction: a reviewer must see what the program sees.";
    BAD_KEY = Error "CS010": "A key must be a plain text of at most 256 characters. `{{name}}` is read as a mapping inside a mapping; a parameter is written `$name`.";
    AMBIGUOUS = Error "CS011": "Two readers of YAML understand this value differently, so a person may as well. Put it in quotes.";
    VERSION = Error "CS012": "`countersign:` names the version of the format. This program reads version 1.";
    EMPTY = Error "CS013": "The file has no content.";
    LATER = Error "CS020": "This part of the format is reserved and cannot be used in this version. It is refused because leaving it out silently would drop a protection.";

    UNKNOWN_KEY = Error "CS101": "The key is not known here. Unknown keys are refused, because a mistyped precondition would otherwise protect nothing.";
    MISSING_KEY = Error "CS102": "A key that is needed here is missing.";
    WRONG_KIND = Error "CS103": "The value is of another kind than the field: a text where a list is expected, for example.";
    UNKNOWN_ENTRY = Error "CS104": "There is no action or condition of this name.";
    BAD_TEXT = Error "CS105": "The text is not what the field holds: a table is `schema.table`, a duration is `90s` or `1h30m`.";
    UNKNOWN_PARAM = Error "CS106": "`$name` stands for a parameter of that name, and there is none. A dollar sign itself is written `$$`.";
    PARAM_MISFIT = Error "CS107": "A parameter is put in by the declared type of the field that receives it. This type does not fit this field.";
    PARAM_NOT_DECLARED = Error "CS108": "A value was given for a parameter that the runbook does not have.";
    PARAM_NOT_GIVEN = Error "CS109": "A parameter without a default needs a value.";
    PARAM_BAD_VALUE = Error "CS110": "The value does not have the type of its parameter.";
    UNKNOWN_SERVER = Error "CS111": "The fleet file declares no server of this name.";
    DUPLICATE_STEP = Error "CS112": "Two steps have one id. Records, requests and findings name a step by its id.";
    BAD_STEP_REFERENCE = Error "CS113": "`finding_holds` names a step that measures and stands earlier.";
    BAD_DECLARATION = Error "CS114": "The declaration of a parameter contradicts itself.";
    PARAM_UNUSED = Warning "CS115": "A parameter that no step uses is asked for in vain, in the middle of an incident.";
    SAME_SERVER = Error "CS116": "Two parameters name one server. Each stands for a role, and a server that protects itself protects nothing.";
    BAD_MEANING = Error "CS117": "Each value is well formed, and together they mean nothing that can be.";
    BAD_REPEAT = Error "CS118": "A repetition goes back to its own step or to an earlier one, does the steps 2 to 10 times in all until something holds that can be looked at, and overlaps with no other.";

    UNCONDITIONAL = Warning "CS202": "The step may destroy rows and demands nothing first. It stays subject to the rule of copies, which refuses it when the last good copy is in reach.";
    REACHES_SPARE = Warning "CS203": "A statement that is written to the binary log arrives at every replica that is not fenced, and destroys its copy as well.";
    UNPROVED = Warning "CS204": "The step may destroy rows, and no precondition of it says that another copy is proved good.";
    LOWERED = Error "CS205": "A file can raise the danger of a step and never lower it.";
    NEVER_STOPPED = Warning "CS215": "A replica is let follow again, and no step before took it out of reach. Was that step removed?";
    NEVER_RESUMED = Warning "CS216": "A replica is taken out of reach, and neither a later step nor the step's `undo` lets it follow again.";
    PAUSE_IS_NO_FENCE = Warning "CS217": "Anybody, and every restart, can start a paused replica. Only a detached one is a survivor.";

    NO_USE_WHEN = Warning "CS301": "Somebody who is woken at night chooses a runbook by `use_when` and `not_when`.";
    NO_UNDO = Warning "CS302": "The action has a counterpart, and the step offers it to nobody.";
    NO_READ_BACK = Error "CS303": "A step done by hand needs a `read_back`: what the person reports from the real screen.";
    NO_POSTCONDITION = Warning "CS304": "Nothing says when the step has worked.";

    NO_WHY = Warning "CS404": "Two people are asked to sign this step. `why` tells them what for.";
}

/// The code of this number, for `explain`.
pub fn find(id: &str) -> Option<Code> {
    ALL.iter().find(|code| code.id.eq_ignore_ascii_case(id)).copied()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_are_in_order_and_given_once() {
        assert!(ALL.windows(2).all(|pair| pair[0].id < pair[1].id));
        assert_eq!(find("cs104"), Some(UNKNOWN_ENTRY));
        assert_eq!(find("CS999"), None);
    }
}
