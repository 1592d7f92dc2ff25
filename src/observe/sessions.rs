//! Looks at the sessions of a server: who waits for whom, and how many wait as time goes by.

use std::collections::BTreeSet;
use std::time::Duration;

use futures_util::future::join_all;
use tokio::time::Instant;

use super::answer::{Refusal, Row};
use super::decode::sessions::{Metadata, Told, lock_waits, untold};
use super::watched::Watched;
use super::{Observer, now};
use crate::connect::Credentials;
use crate::domain::base::{ServerName, Span};
use crate::domain::fleet::Fleet;
use crate::domain::run::Outcome;
use crate::domain::snapshot::sessions::{LockWaits, Part, Sample};
use crate::domain::snapshot::{FactKey, Patch, ServerFact, Value};
use crate::domain::sql::{Dialect, Flavor, lookup, sessions};

/// Between two looks while waiting sessions are counted.
const BEAT: Duration = Duration::from_secs(1);

/// Sessions that a list keeps; whoever blocks the most stands first.
const LISTED: usize = 200;

/// Whether the performance schema is on: what is off lists nothing, which must not be taken for "nobody".
const HAS_PERFORMANCE_SCHEMA: &str = "SELECT @@GLOBAL.performance_schema AS PS";

impl Observer {
    /// The lock waits of `servers`, as facts.
    pub async fn lock_waits(&mut self, servers: &BTreeSet<ServerName>) -> Patch {
        let deadline = Instant::now() + self.deadline;
        let fleet = &self.fleet;
        let wanted = self.servers.iter_mut().filter(|(name, _)| servers.contains(*name));
        let looks = wanted.map(|(name, watched)| async move { (name.clone(), look(watched, fleet, deadline).await) });
        let mut patch = Patch::default();
        for (name, found) in join_all(looks).await {
            let key = FactKey::server(&name, ServerFact::LockWaits);
            match found {
                Ok(waits) => patch.set(key, Value::LockWaits(waits), now()),
                Err(why) => patch.forget(key, why),
            }
        }
        patch
    }

    /// Who blocks whom, as a list to choose from.
    pub async fn blockers(&mut self, server: &ServerName) -> Outcome {
        match self.one(server).await {
            Ok(waits) => {
                let mut blockers = waits.blockers();
                blockers.retain(|blocker| blocker.part != Part::Alone || blocker.session.transaction.is_some());
                blockers.truncate(LISTED);
                Outcome::Found { blockers, waiting: waits.waiting(), untold: untold(&waits) }
            }
            Err(why) => Outcome::NotSent { why },
        }
    }

    /// How many sessions wait, once a second.
    pub async fn watch(&mut self, server: &ServerName, lasting: Span) -> Outcome {
        let began = Instant::now();
        let mut samples = Vec::new();
        loop {
            let waiting = match self.one(server).await {
                Ok(waits) => waits.waiting(),
                Err(why) => return Outcome::NotSent { why },
            };
            let at = Span::from_millis(u64::try_from(began.elapsed().as_millis()).unwrap_or(u64::MAX));
            samples.push(Sample { at, waiting });
            if at >= lasting {
                return Outcome::Watched { samples };
            }
            let beats = u32::try_from(samples.len()).unwrap_or(u32::MAX);
            tokio::time::sleep_until((began + BEAT * beats).min(began + lasting.as_duration())).await;
        }
    }

    async fn one(&mut self, server: &ServerName) -> Result<LockWaits, String> {
        let deadline = Instant::now() + self.deadline;
        let watched = self.servers.get_mut(server).ok_or_else(|| format!("{server} is not declared"))?;
        look(watched, &self.fleet, deadline).await
    }
}

async fn look(watched: &mut Watched, fleet: &Fleet, deadline: Instant) -> Result<LockWaits, String> {
    let logins = [Some(&fleet.accounts.observe), fleet.accounts.act.as_ref()];
    let ours: Vec<String> = logins.into_iter().flatten().filter_map(Credentials::user_of).collect();
    let ours: Vec<&str> = ours.iter().map(String::as_str).collect();
    let (dialect, answers) = watched.ask_each(questions, deadline).await?;
    let mut answers = answers.into_iter();
    let mut next = || answers.next().unwrap_or_else(|| Ok(Vec::new()));
    let (sessions, row_waits, own, schema) = (told(next())?, told(next())?, told(next())?, told(next())?);
    let (whole, granted) = (next(), next());
    let number = |row: &Row, name: &str| row.need(&[name]).ok().and_then(|text| text.parse::<u64>().ok());
    let own = own.first().and_then(|row| number(row, "CONNECTION_ID()")).ok_or("the server did not say who asks")?;
    let lists = schema.first().and_then(|row| row.get(&["PS"]).map(|value| value == "1")).unwrap_or(false);
    let metadata = match (&whole, &granted) {
        (Ok(rows), _) if lists => Some(Metadata::Whole(rows)),
        (_, Ok(rows)) if dialect.flavor() == Flavor::MariaDb => Some(Metadata::Granted(rows)),
        _ => None,
    };
    lock_waits(&Told { dialect, sessions: &sessions, row_waits: &row_waits, metadata, own, ours: &ours })
}

/// In the order in which [`look`] takes the answers. Each is asked by itself: a refusal of one is no refusal of all.
///
/// Sessions first: whoever comes to wait in between is in no list of sessions, and is left out until the next look.
fn questions(dialect: Dialect) -> Vec<String> {
    let mut all = vec![
        sessions::list(dialect),
        sessions::row_waits(dialect).to_owned(),
        lookup::CONNECTION_ID.to_owned(),
        HAS_PERFORMANCE_SCHEMA.to_owned(),
        sessions::METADATA_LOCKS.to_owned(),
    ];
    if dialect.flavor() == Flavor::MariaDb {
        all.push(sessions::GRANTED_METADATA_LOCKS.to_owned());
    }
    all
}

fn told(answer: Result<Vec<Row>, Refusal>) -> Result<Vec<Row>, String> {
    answer.map_err(|refusal| refusal.why())
}
