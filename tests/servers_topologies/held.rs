//! Whether what was said to wait at a pause does arrive when the pause ends.

use crate::compare::States;
use crate::coverage::Coverage;
use crate::predict::Prediction;
use crate::shape::{Cloud, Shape, seat_name};
use crate::statement::{Leaves, Statement};

/// One object of one server that was said to be held, and how it was before.
struct Waiting {
    server: usize,
    object: String,
    before: Option<String>,
    sql: String,
}

/// Everything that waits in one topology.
#[derive(Default)]
pub struct Held {
    waiting: Vec<Waiting>,
}

impl Held {
    pub fn is_empty(&self) -> bool {
        self.waiting.is_empty()
    }

    /// Notes what is held at the last link of its only way. Behind it other links may have a word of their own.
    pub fn note(&mut self, shape: &Shape, statement: &Statement, prediction: &Prediction, before: &States) {
        if shape.cloud != Cloud::Clear {
            return;
        }
        for link in shape.links.iter().filter(|link| link.edge.is_pause()) {
            if shape.links_to(link.replica).count() != 1 {
                continue;
            }
            for (object, leaves) in &statement.objects {
                let at = |seat: usize| prediction.of(&seat_name(seat), object).0;
                let comes = matches!(at(link.source), "runs_here" | "now") && at(link.replica) == "held";
                if comes && *leaves == Leaves::Change && before[&link.replica].contains_key(object) {
                    self.waiting.push(Waiting {
                        server: link.replica,
                        object: object.clone(),
                        before: before[&link.replica].get(object).cloned(),
                        sql: statement.sql.clone(),
                    });
                }
            }
        }
    }

    /// Counts what arrived and what did not.
    pub fn compare(&self, shape: &Shape, after: &States, coverage: &mut Coverage) {
        for waiting in &self.waiting {
            if after[&waiting.server].get(&waiting.object) == waiting.before.as_ref() {
                let name = seat_name(waiting.server);
                coverage.lost.push(format!("seed {}: `{}` was held at {name} and never came", shape.seed, waiting.sql));
            } else {
                coverage.released += 1;
            }
        }
    }
}
