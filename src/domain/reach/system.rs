//! The server's own schemas: what stands there is changed by the server's own statements, not by writing into it.
//!
//! Losing a row there can lock everybody out or end replication, and no copy on another server is a copy of it.

use super::{Reach, Refusal, WayBack};
use crate::domain::snapshot::{Effect, EffectKind, Object};

const SCHEMAS: [&str; 4] = ["mysql", "sys", "performance_schema", "information_schema"];

/// Refuses a command that changes something in one of the server's own schemas, whatever else is said for it.
pub fn forbidden(effects: &[Effect], reach: &Reach) -> Option<Refusal> {
    let schema = effects.iter().find_map(|effect| match (&effect.object, &effect.kind) {
        (_, EffectKind::Renamed { to }) if own(to.schema()).is_some() => own(to.schema()),
        (Object::Table(table), _) => own(table.schema()),
        (Object::Schema(schema), _) => own(schema),
        (Object::Server, _) => None,
    })?;
    let (before, after) = ("as it is now".to_owned(), "none known; only a backup, if there is one".to_owned());
    Some(Refusal {
        rule: format!("the server's own schema `{schema}` is not written: a mistake there can end the server"),
        table: None,
        why: reach.arrivals.iter().map(ToString::to_string).collect(),
        copies: Vec::new(),
        way_back: WayBack { before, after },
        hint: "use the statement that the server has for it (such as CREATE USER, GRANT, SET GLOBAL), or do it by hand"
            .to_owned(),
    })
}

/// The server's own schema of this name, if it is one.
pub fn own(schema: &str) -> Option<&'static str> {
    SCHEMAS.into_iter().find(|own| own.eq_ignore_ascii_case(schema))
}
