//! Times as `allowed_signers` writes them, in UTC only: without the `Z`, the reader's own time zone would decide.

use super::RosterProblem;
use crate::domain::base::Timestamp;
use crate::domain::base::text::printable;

/// Takes one option off the front of `rest`, if it stands there.
pub(super) fn option(rest: &mut &str, prefix: &str) -> Result<Option<Timestamp>, RosterProblem> {
    let Some(behind) = rest.strip_prefix(prefix) else { return Ok(None) };
    let (text, after) = behind.split_once('"').ok_or_else(|| RosterProblem::Options { found: printable(behind) })?;
    *rest = after;
    parse(text).map(Some).ok_or_else(|| RosterProblem::Moment { found: printable(text) })
}

fn parse(text: &str) -> Option<Timestamp> {
    let digits = text.strip_suffix('Z').filter(|digits| digits.bytes().all(|b| b.is_ascii_digit()))?;
    let (date, time) = match digits.len() {
        8 => (digits, "000000"),
        14 => digits.split_at(8),
        _ => return None,
    };
    let rfc3339 =
        format!("{}-{}-{}T{}:{}:{}Z", &date[..4], &date[4..6], &date[6..], &time[..2], &time[2..4], &time[4..]);
    // Written again, so that a leap second or a day that does not exist is refused and never rounded.
    rfc3339.parse::<Timestamp>().ok().filter(|parsed| parsed.to_seconds() == rfc3339)
}

/// `YYYYMMDDHHMMSSZ`.
pub(super) fn written(time: Timestamp) -> String {
    time.to_seconds().chars().filter(|c| c.is_ascii_digit() || *c == 'Z').collect()
}
