//! What an earlier step measured is still true.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::domain::base::{StepId, Verdict};
use crate::domain::reach::copy_of;
use crate::domain::snapshot::{FactKey, Look, TableFact, Value};
use crate::domain::vocabulary::{ConditionEntry, World};

/// Every finding of the step proves its rows and still holds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct FindingHolds {
    /// The step that measured.
    pub step: StepId,
}

impl ConditionEntry for FindingHolds {
    const NAME: &'static str = "finding_holds";
    const SUMMARY: &'static str = "what an earlier step measured was good and still holds";
    const EXAMPLE: &'static str = "finding_holds: {step: compare}";
    const MAIN: Option<&'static str> = Some("step");
    const SERVER: Option<&'static str> = None;

    fn check(&self, world: World<'_>, look: &mut Look<'_>) -> Verdict {
        let mut found = 0;
        for server in world.fleet.servers.keys() {
            for table in world.tables {
                let key = FactKey::table(server, table, TableFact::Finding);
                let Ok(Value::Finding(finding)) = look.peek(&key) else { continue };
                if finding.step != self.step.as_str() {
                    continue;
                }
                found += 1;
                let copy = copy_of(look, &world.fleet.rules, server, table);
                if !copy.is_good() {
                    return Verdict::CannotTell { why: format!("{table} on {server} is {copy}") };
                }
            }
        }
        if found == 0 {
            return Verdict::CannotTell { why: format!("step `{}` measured nothing", self.step) };
        }
        Verdict::Holds
    }

    fn says(&self) -> String {
        format!("what step `{}` measured still holds", self.step)
    }
}
