//! The rule of copies: before every step that may lose rows, a good copy must stay out of reach.
//!
//! [`Survivors`] can be made in one way only, by passing the rule; whoever holds one knows that the rule held. No file
//! and no signature gets around it, because nothing here reads either.
//!
//! ```compile_fail
//! use countersign::domain::reach::Survivors;
//! let forged = Survivors { table: "shop.orders".parse().unwrap(), kept: vec![], against: vec![], way_back: unreachable!() };
//! ```
//!
//! The same value, got from the rule, can be read:
//!
//! ```
//! use countersign::domain::reach::Survivors;
//! fn kept(proof: &Survivors) -> usize { proof.kept().count() }
//! ```

use std::fmt;

use serde::{Deserialize, Serialize};

use super::copies::{Copy, copy_of};
use super::{Arrival, How, Reach, spare};
use crate::domain::base::{ServerName, TableName};
use crate::domain::fleet::Fleet;
use crate::domain::snapshot::Look;

/// Proof that enough good copies of a table stay out of reach of one command.
#[derive(Debug, Clone, PartialEq, Eq)]
#[must_use = "survivors are the proof that a command may be sent"]
pub struct Survivors {
    table: TableName,
    kept: Vec<(ServerName, Option<u64>)>,
    against: Vec<String>,
    way_back: WayBack,
}

/// How the rows return, shortest way, before and after a command.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct WayBack {
    pub before: String,
    pub after: String,
}

/// A step that the rule of copies forbids, with everything a person needs to see why.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Refusal {
    pub rule: String,
    pub table: Option<TableName>,
    pub why: Vec<String>,
    pub copies: Vec<CopyLine>,
    pub way_back: WayBack,
    pub hint: String,
}

/// One copy, how the command arrives there, and what that makes of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CopyLine {
    pub server: ServerName,
    pub copy: Copy,
    pub how: How,
    pub why: String,
}

impl Survivors {
    pub fn table(&self) -> &TableName {
        &self.table
    }

    /// The servers whose good copy stays out of reach.
    pub fn kept(&self) -> impl Iterator<Item = &ServerName> {
        self.kept.iter().map(|(server, _)| server)
    }

    /// The same with the rows that its finding counted: a copy that was emptied behind its fence shows here.
    pub fn counted(&self) -> impl Iterator<Item = (&ServerName, Option<u64>)> {
        self.kept.iter().map(|(server, rows)| (server, *rows))
    }

    /// What speaks against the command although the rule holds.
    pub fn against(&self) -> &[String] {
        &self.against
    }

    pub fn way_back(&self) -> &WayBack {
        &self.way_back
    }

    /// Applies the rule of copies to one command that may lose rows of `table`.
    pub fn prove(look: &mut Look<'_>, fleet: &Fleet, reach: &Reach, table: &TableName) -> Result<Self, Refusal> {
        let copies: Vec<CopyLine> = fleet
            .servers
            .keys()
            .map(|server| {
                let copy = copy_of(look, &fleet.rules, server, table);
                let arrival = reach.arrivals.iter().find(|line| line.server == *server);
                let how = reach.at(server);
                CopyLine { server: server.clone(), copy, how, why: arrival.map(|a| a.why.clone()).unwrap_or_default() }
            })
            .collect();
        let kept: Vec<(ServerName, Option<u64>)> = copies
            .iter()
            .filter(|line| line.copy.is_good() && line.how.spares())
            .map(|line| (line.server.clone(), line.copy.rows()))
            .collect();
        let shortest = |counts: fn(&CopyLine) -> bool| shortest(look, fleet, &copies, counts);
        let way_back = WayBack { before: shortest(|_| true), after: shortest(|line| line.how.spares()) };
        if let Some(stranger) = reach.strangers.first() {
            let hint = about_strangers(&spare::unseen(look, fleet), &stranger.server);
            return Err(Refusal {
                rule: "unexplained readers: who gets a destructive statement must be known".to_owned(),
                table: Some(table.clone()),
                why: reach.strangers.iter().map(|s| format!("binary log of {}: {}", s.server, s.why)).collect(),
                copies,
                way_back,
                hint,
            });
        }
        if kept.len() < fleet.rules.keep_copies as usize {
            let hint = take_out_of_reach(look, fleet, &copies);
            return Err(too_few(table, (fleet.rules.keep_copies, kept.len()), copies, way_back, hint));
        }
        let against = lowered(&copies);
        Ok(Self { table: table.clone(), kept, against, way_back })
    }
}

/// Every good copy that the command takes although others stay.
fn lowered(copies: &[CopyLine]) -> Vec<String> {
    copies
        .iter()
        .filter(|line| line.copy.is_good() && !line.how.spares())
        .map(|line| format!("the good copy on {} is given up ({})", line.server, line.how.word()))
        .collect()
}

fn shortest(look: &Look<'_>, fleet: &Fleet, copies: &[CopyLine], counts: fn(&CopyLine) -> bool) -> String {
    if let Some(line) = spare::best(look, fleet, copies, |line| line.copy.is_good() && counts(line)) {
        return format!("promote {} or copy the table from it (live copy, proved)", line.server);
    }
    let unproved = |line: &CopyLine| matches!(line.copy, Copy::Unproved { .. }) && counts(line);
    match spare::best(look, fleet, copies, unproved) {
        Some(line) => format!("perhaps the copy on {}, which nothing proves", line.server),
        None => "none known; only a backup, if there is one".to_owned(),
    }
}

/// A server that cannot be looked at may be the reader, so that comes first.
fn about_strangers(unseen: &[&str], read: &ServerName) -> String {
    let declare = format!(
        "if it is a replica, add it under `servers:` in the fleet file; if it is another program, declare it under \
         `consumers:`; or end it on {read}"
    );
    if unseen.is_empty() {
        return declare;
    }
    format!("make {} visible first (`countersign fleet check` says what is missing); else {declare}", unseen.join(", "))
}

fn take_out_of_reach(look: &Look<'_>, fleet: &Fleet, copies: &[CopyLine]) -> String {
    match spare::best_to_protect(look, fleet, copies, |line| !line.how.spares() && line.how != How::RunsHere) {
        Some(line) => {
            format!("take {} out of reach first: `do: detach_replica` on it, then check its copy", line.server)
        }
        None => "check a copy that stays out of reach first: `do: check_table` on it".to_owned(),
    }
}

fn too_few(
    table: &TableName,
    (floor, kept): (u32, usize),
    copies: Vec<CopyLine>,
    way_back: WayBack,
    hint: String,
) -> Refusal {
    let good_before = copies.iter().filter(|line| line.copy.is_good()).count();
    let mut why: Vec<String> = copies
        .iter()
        .filter(|line| !line.how.spares() && line.how != How::RunsHere)
        .map(|line| format!("{} is reached ({}): {}", line.server, line.how.word(), line.why))
        .collect();
    if good_before == 0 {
        why.push(format!("no copy of {table} is proved good"));
    }
    Refusal {
        rule: format!("keep_copies: at least {floor} good copy of {table} must stay out of reach, {kept} would"),
        table: Some(table.clone()),
        why,
        copies,
        way_back,
        hint,
    }
}

impl Refusal {
    /// Refuses a statement whose objects cannot be named.
    pub fn unnamed(statement: &str, arrivals: &[Arrival]) -> Self {
        Self {
            rule: "what may be lost must be named".to_owned(),
            table: None,
            why: std::iter::once(format!("what `{statement}` touches cannot be told from its text"))
                .chain(arrivals.iter().map(ToString::to_string))
                .collect(),
            copies: Vec::new(),
            way_back: WayBack { before: "not known".to_owned(), after: "not known".to_owned() },
            hint: "write it as a statement on one named table, or use a built-in action".to_owned(),
        }
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "rule: {}", self.rule)?;
        for line in &self.copies {
            writeln!(f, "  {}  {}  {}", line.server, line.copy, line.how.word())?;
        }
        for why in &self.why {
            writeln!(f, "why: {why}")?;
        }
        writeln!(f, "way back before: {}", self.way_back.before)?;
        writeln!(f, "way back after: {}", self.way_back.after)?;
        write!(f, "hint: {}", self.hint)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::reach::{Carry, reach};
    use crate::domain::snapshot::fixture::{Fixture, Replica};

    const T: &str = "shop.orders";

    fn rule(fixture: &Fixture, carry: Carry) -> Result<Survivors, Refusal> {
        let (snapshot, fleet) = (fixture.snapshot(), fixture.fleet());
        let mut look = Look::at(&snapshot);
        let reach = reach(&mut look, &fleet, &"a".parse().unwrap(), carry);
        Survivors::prove(&mut look, &fleet, &reach, &T.parse().unwrap())
    }

    fn fleet(spare: Replica) -> Fixture {
        Fixture::new()
            .server("a")
            .replica("b", Replica::of("a"))
            .replica("c", spare)
            .table(T, &["a", "b", "c"])
            .damaged("a", T)
            .good("b", T)
            .good("c", T)
    }

    #[test]
    fn the_cxalloy_drop_is_refused_while_the_spare_follows() {
        let refusal = rule(&fleet(Replica::of("a")), Carry::Logged).unwrap_err();
        assert!(refusal.rule.contains("keep_copies"), "{refusal}");
        assert!(refusal.why.iter().any(|why| why.contains("a > c is running")), "{refusal}");
        assert!(refusal.way_back.before.contains("promote b"), "{refusal}");
        assert!(refusal.way_back.after.contains("none known"), "{refusal}");
    }

    #[test]
    fn a_paused_spare_is_no_survivor_because_anybody_can_resume_it() {
        assert!(rule(&fleet(Replica::of("a").applier("stopped").receiver("stopped")), Carry::Logged).is_err());
    }

    #[test]
    fn not_knowing_whether_the_spare_follows_is_refused_too() {
        assert!(rule(&fleet(Replica::of("a").forget(LinkFact::Applier)), Carry::Logged).is_err());
    }

    #[test]
    fn a_detached_spare_survives_and_the_other_copy_speaks_against() {
        let survivors = rule(&fleet(Replica::of("a").detached()), Carry::Logged).unwrap();
        assert_eq!(survivors.kept().map(ToString::to_string).collect::<Vec<_>>(), ["c"]);
        assert_eq!(survivors.against().len(), 1);
        assert!(survivors.against()[0].contains("copy on b"));
    }

    #[test]
    fn an_unlogged_drop_keeps_both() {
        let survivors = rule(&fleet(Replica::of("a")), Carry::Unlogged).unwrap();
        assert_eq!(survivors.kept().count(), 2);
        assert!(survivors.against().is_empty());
    }

    #[test]
    fn what_answers_under_the_name_of_a_kept_copy_is_relied_on() {
        let fixture = fleet(Replica::of("a").detached());
        let (snapshot, declared) = (fixture.snapshot(), fixture.fleet());
        let mut look = Look::at(&snapshot);
        let reach = reach(&mut look, &declared, &"a".parse().unwrap(), Carry::Logged);
        let _proof = Survivors::prove(&mut look, &declared, &reach, &T.parse().unwrap()).unwrap();
        let key = FactKey::server(&"c".parse().unwrap(), ServerFact::Identity);
        let claims: Vec<_> =
            look.evidence().into_iter().map(|evidence| evidence.claim).filter(|claim| claim.key == key).collect();
        assert_eq!(claims.len(), 1);
        let other = fixture.fact(&key, Value::text("mariadb server_id=other")).snapshot();
        assert!(claims[0].check(&snapshot).verdict.holds());
        assert!(!claims[0].check(&other).verdict.holds(), "another server under its name voids what was approved");
    }

    #[test]
    fn a_copy_that_nobody_checked_is_not_good() {
        let unchecked = Fixture::new().server("a").replica("c", Replica::of("a").detached()).table(T, &["a", "c"]);
        let refusal = rule(&unchecked, Carry::Logged).unwrap_err();
        assert!(refusal.why.iter().any(|why| why.contains("no copy")), "{refusal}");
    }

    #[test]
    fn a_view_is_no_copy_whatever_a_check_of_it_says() {
        let good = fleet(Replica::of("a").detached());
        assert!(rule(&good, Carry::Unlogged).is_ok());
        let view = |fixture: Fixture, server: &str| {
            fixture.fact(
                &FactKey::table(&server.parse().unwrap(), &T.parse().unwrap(), TableFact::Engine),
                Value::text("view"),
            )
        };
        let refusal = rule(&view(view(good, "b"), "c"), Carry::Unlogged).unwrap_err();
        assert!(refusal.to_string().contains("a view, which has no rows of its own"), "{refusal}");
    }

    #[test]
    fn an_unexplained_reader_blocks_what_would_be_allowed() {
        let with_reader = fleet(Replica::of("a").detached()).reader("a", "cdc@10.0.0.9");
        let refusal = rule(&with_reader, Carry::Logged).unwrap_err();
        assert!(refusal.why[0].contains("cdc@10.0.0.9"), "{refusal}");
        assert!(rule(&with_reader, Carry::Unlogged).is_ok());
    }

    #[test]
    fn the_copy_to_protect_is_good_feeds_nobody_and_is_caught_up() {
        let hint = |fixture: &Fixture| rule(fixture, Carry::Logged).unwrap_err().hint;
        let unproved = || {
            Fixture::new()
                .server("a")
                .replica("b", Replica::of("a"))
                .replica("c", Replica::of("a"))
                .replica("d", Replica::of("b"))
                .table(T, &["a", "b", "c", "d"])
        };
        assert!(hint(&unproved()).contains("take c out of reach"), "b feeds d: {}", hint(&unproved()));
        let behind = unproved().unknown(&FactKey::server(&"c".parse().unwrap(), ServerFact::Position));
        assert!(hint(&behind).contains("take d out of reach"), "how far c is cannot be told: {}", hint(&behind));
        let proved = unproved().good("b", T);
        assert!(hint(&proved).contains("take b out of reach"), "only b is proved: {}", hint(&proved));
        let back = rule(&unproved().good("b", T).good("d", T), Carry::Logged).unwrap_err().way_back.before;
        assert!(back.contains("promote d"), "{back}");
    }

    #[test]
    fn a_reader_that_may_be_a_server_out_of_sight_is_looked_for_there_first() {
        let unseen = fleet(Replica::of("a").detached()).reader("a", "repl@10.0.0.9").unreachable("b");
        let refusal = rule(&unseen, Carry::Logged).unwrap_err();
        assert!(refusal.hint.starts_with("make b visible first"), "{refusal}");
    }

    use crate::domain::snapshot::{FactKey, LinkFact, ServerFact, TableFact, Value};
}
