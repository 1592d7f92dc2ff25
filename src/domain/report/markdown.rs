//! The report as Markdown. Whatever came from a server or a person is shown as printable ASCII and cannot make markup.

use std::fmt::Write as _;

use super::{Asked, Compared, Doubt, Refused, Report, Statement};
use crate::domain::base::{Principal, text::printable};

pub(super) fn write(report: &Report) -> String {
    let mut out = String::new();
    head(&mut out, report);
    times(&mut out, report);
    list(&mut out, "Statements", &report.statements, statement);
    list(&mut out, "Requests", &report.requests, asked);
    list(&mut out, "Refused by a rule", &report.refusals, refused);
    list(&mut out, "In doubt", &report.doubts, doubt);
    list(&mut out, "Predicted and seen", &report.comparisons, compared);
    list(&mut out, "Given up", &report.given_up, |out, against| line(out, &format!("- {}", md(against))));
    timeline(&mut out, report);
    out
}

fn head(out: &mut String, report: &Report) {
    let outcome = match (&report.outcome, &report.standing) {
        (Some(outcome), _) => outcome.word().to_owned(),
        (None, Some(standing)) => format!("not ended: {standing}"),
        (None, None) => "not ended".to_owned(),
    };
    line(out, &format!("# {}: {}", report.run, md(&report.runbook)));
    line(out, "");
    line(out, &format!("- outcome: **{outcome}**"));
    if !report.closed_by.is_empty() {
        let by: Vec<&str> = report.closed_by.iter().map(Principal::as_str).collect();
        line(out, &format!("- closed by: {}", by.join(", ")));
    }
    line(out, &format!("- reason: {}", md(&report.reason)));
    line(out, &format!("- fleet: {} ({})", md(&report.fleet), md(&report.mode)));
    line(out, &format!("- driver: {}", report.driver));
    line(out, &format!("- from {} to {}, {}", report.started, report.until, report.time.whole));
    for (name, value) in &report.params {
        line(out, &format!("- {} = {}", md(name), md(value)));
    }
    line(out, &format!("- journal: {} lines, head {}", report.head.entries(), report.head.digest()));
}

fn times(out: &mut String, report: &Report) {
    title(out, "Time");
    let time = &report.time;
    for (what, span) in [
        ("working", time.working),
        ("waiting for signatures", time.signatures),
        ("waiting for a person", time.people),
        ("waiting for facts", time.facts),
        ("held", time.held),
        ("stopped", time.stopped),
    ] {
        if span.millis() > 0 {
            line(out, &format!("- {what}: {span}"));
        }
    }
    line(out, "");
    line(out, "| step | began | took | attempts | done |");
    line(out, "|---|---|---|---|---|");
    for step in &report.steps {
        let done = if step.done { "yes" } else { "no" };
        line(
            out,
            &format!("| {} | {} | {} | {} | {done} |", step.step, step.started.clock(), step.took, step.attempts),
        );
    }
}

fn statement(out: &mut String, statement: &Statement) {
    let server = statement.server.as_ref().map_or_else(|| "?".to_owned(), ToString::to_string);
    let request = statement.request.as_ref().map(|id| format!(", request {id}")).unwrap_or_default();
    let took = statement.took.map(|took| format!(", {took}")).unwrap_or_default();
    let Statement { at, step, danger, line: number, .. } = statement;
    line(out, &format!("- {} **{step}** on {server} ({danger}{request}; line {number}){took}", at.clock()));
    line(out, "");
    for text in &statement.text {
        // Four blanks more than the item: a code block, in which nothing is markup.
        line(out, &format!("      {}", printable(text)));
    }
    line(out, "");
    line(out, &format!("  {}", md(&statement.outcome)));
}

fn asked(out: &mut String, asked: &Asked) {
    let Asked { request, step, danger, made, need, ended, .. } = asked;
    line(out, &format!("- {} **{step}** ({danger}) needed {need}: {}; {request}", made.clock(), md(ended)));
    for signature in &asked.signed {
        let key = signature.fingerprint.as_deref().unwrap_or("a signature that cannot be read");
        line(out, &format!("  - {} {} {}, {key}", signature.at.clock(), signature.by, signature.review));
        for (what, said) in [("answer", &signature.answer), ("reason", &signature.reason)] {
            if let Some(said) = said {
                line(out, &format!("    - {what}, as reported: {}", md(said)));
            }
        }
    }
    for (when, way) in [("before", &asked.way_back_before), ("after", &asked.way_back_after)] {
        if let Some(way) = way {
            line(out, &format!("  - way back {when}: {}", md(way)));
        }
    }
}

fn refused(out: &mut String, refused: &Refused) {
    let Refused { at, step, refusal } = refused;
    line(out, &format!("- {} **{step}** {}", at.clock(), md(&refusal.rule)));
    for copy in &refusal.copies {
        let why = if copy.why.is_empty() { String::new() } else { format!(" ({})", md(&copy.why)) };
        line(out, &format!("  - {} {}, {}{why}", copy.server, md(&copy.copy.to_string()), copy.how.word()));
    }
    for why in &refusal.why {
        line(out, &format!("  - why: {}", md(why)));
    }
    line(out, &format!("  - way back before: {}", md(&refusal.way_back.before)));
    line(out, &format!("  - way back after: {}", md(&refusal.way_back.after)));
    line(out, &format!("  - hint: {}", md(&refusal.hint)));
}

fn doubt(out: &mut String, doubt: &Doubt) {
    line(out, &format!("- {} **{}** {}", doubt.at.clock(), doubt.step, md(&doubt.why)));
    for look in &doubt.looks {
        line(out, &format!("  - {}", md(look)));
    }
    match doubt.settled {
        Some(at) => line(out, &format!("  - settled at {}, after {}", at.clock(), at.since(doubt.at))),
        None => line(out, "  - not settled"),
    }
}

fn compared(out: &mut String, compared: &Compared) {
    let Compared { at, step, relied_on, promised, drifted } = compared;
    let result = if drifted.is_empty() { "as predicted" } else { "NOT as predicted" };
    line(out, &format!("- {} **{step}** {result} ({promised} promised, {relied_on} relied on)", at.clock()));
    for drift in drifted {
        line(out, &format!("  - {}", md(drift)));
    }
}

fn timeline(out: &mut String, report: &Report) {
    title(out, "Timeline");
    line(out, "Times are UTC.");
    line(out, "");
    line(out, "| time | who | step | what |");
    line(out, "|---|---|---|---|");
    for entry in &report.timeline {
        let who = entry.who.as_deref().map_or_else(|| "-".to_owned(), md);
        let step = entry.step.as_ref().map_or_else(|| "-".to_owned(), ToString::to_string);
        line(out, &format!("| {} | {who} | {step} | {} |", entry.at.clock(), md(&entry.what)));
    }
}

/// A section, unless it would be empty.
fn list<T>(out: &mut String, name: &str, items: &[T], each: fn(&mut String, &T)) {
    if items.is_empty() {
        return;
    }
    title(out, name);
    for item in items {
        each(out, item);
    }
}

fn title(out: &mut String, name: &str) {
    line(out, &format!("\n## {name}\n"));
}

fn line(out: &mut String, text: &str) {
    // Writing to a string does not fail.
    let _ = writeln!(out, "{text}");
}

/// Text in which nothing is markup: characters that Markdown or HTML would act on stand behind a backslash.
fn md(text: &str) -> String {
    let text = printable(text);
    let mut out = String::with_capacity(text.len());
    let mut before = ' ';
    let mut rest = text.chars().peekable();
    while let Some(c) = rest.next() {
        // An underscore inside a word is only an underscore, and names are full of them.
        let inside = before.is_ascii_alphanumeric() && rest.peek().is_some_and(char::is_ascii_alphanumeric);
        if matches!(c, '\\' | '`' | '*' | '[' | ']' | '<' | '>' | '|' | '#' | '~' | '&') || (c == '_' && !inside) {
            out.push('\\');
        }
        out.push(c);
        before = c;
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_text_becomes_markup() {
        assert_eq!(md("keep_copies _x_"), "keep_copies \\_x\\_");
        assert_eq!(md("<script> a|b `c` [x](y) \u{202e}"), "\\<script\\> a\\|b \\`c\\` \\[x\\](y) \\\\u{202e}");
    }
}
