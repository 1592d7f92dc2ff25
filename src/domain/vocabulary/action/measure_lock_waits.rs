//! Counts the waiting sessions for a time, so that everybody sees what a kill has brought. Reads only.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::list_blockers::observing;
use crate::domain::base::{Danger, ServerName, Span};
use crate::domain::script::{Command, Work};
use crate::domain::snapshot::{Look, Patch};
use crate::domain::vocabulary::{ActionEntry, World};

/// The longest time: whoever wants to see more repeats the step.
const LONGEST: Span = Span::from_secs(600);

/// Counts the waiting sessions once a second. Clients that retry fill a queue again, so one look proves little.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct MeasureLockWaits {
    pub server: ServerName,
    /// How long, at most 10 minutes.
    #[serde(rename = "for")]
    pub lasting: Span,
}

impl ActionEntry for MeasureLockWaits {
    const NAME: &'static str = "measure_lock_waits";
    const SUMMARY: &'static str = "count the waiting sessions once a second for a time";
    const EXAMPLE: &'static str = "measure_lock_waits: {server: $primary, for: 10s}";
    const MAIN: Option<&'static str> = Some("for");
    const DANGER: Danger = Danger::Observe;

    fn script(&self, _world: World<'_>, _look: &mut Look<'_>) -> Result<Vec<Command>, String> {
        if self.lasting > LONGEST {
            return Err(format!("expected at most {LONGEST}, found {}: repeat the step instead", self.lasting));
        }
        Ok(vec![observing(&self.server, Work::WatchLockWaits { lasting: self.lasting }, Patch::default())])
    }

    fn says(&self) -> String {
        format!("count the waiting sessions on {} for {}", self.server, self.lasting)
    }

    fn servers(&self) -> Vec<ServerName> {
        vec![self.server.clone()]
    }
}
