//! What several entries read in the same way from the facts.

use crate::domain::base::ServerName;
use crate::domain::snapshot::{FactKey, LinkFact, Look, ServerFact, Value};
use crate::domain::sql::Dialect;

/// The dialect of a server, or why it is not known.
pub fn dialect_of(look: &mut Look<'_>, server: &ServerName) -> Result<Dialect, String> {
    let version = match look.read(FactKey::server(server, ServerFact::Version)) {
        Ok(Value::Text(version)) => version,
        Ok(other) => return Err(format!("the version of {server} is `{other}`")),
        Err(why) => return Err(format!("the version of {server} is unknown: {why}")),
    };
    let (flavor, number) = version.split_once(' ').unwrap_or(("", &version));
    Dialect::detect(number, flavor).map_err(|error| error.to_string())
}

/// The channels of a replica; an error if it has none.
pub fn channels_of(look: &mut Look<'_>, server: &ServerName) -> Result<Vec<String>, String> {
    match look.read(FactKey::server(server, ServerFact::Channels)) {
        Ok(Value::Names(channels)) if channels.is_empty() => Err(format!("{server} follows nobody")),
        Ok(Value::Names(channels)) => Ok(channels.into_iter().collect()),
        Ok(other) => Err(format!("the channels of {server} are `{other}`")),
        Err(why) => Err(format!("the channels of {server} are unknown: {why}")),
    }
}

/// One text fact of a link.
pub fn link_text(look: &mut Look<'_>, server: &ServerName, channel: &str, fact: LinkFact) -> Result<String, String> {
    let key = FactKey::link(server, channel, fact);
    match look.read(key.clone()) {
        Ok(Value::Text(text)) => Ok(text),
        Ok(other) => Err(format!("{key} is `{other}`")),
        Err(why) => Err(format!("{key} is unknown: {why}")),
    }
}
