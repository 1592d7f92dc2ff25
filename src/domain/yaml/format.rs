//! What a schema's `format` demands of a text.

use crate::domain::base::{Digest, Principal, RequestId, RunId, ServerName, Span, StepId, TableName};

use super::code::{self, Code};

/// Why a text is not what its field holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    pub code: Code,
    pub message: String,
    pub help: Option<String>,
}

/// Judges a text by the format of the field it stands in.
pub type Check<'a> = &'a dyn Fn(&str, &str) -> Result<(), Refusal>;

/// Judges `text` by itself. A format that is not known here demands nothing: it is a number's.
pub fn check(format: &str, text: &str) -> Result<(), Refusal> {
    let sentence = |message: String| Refusal { code: code::BAD_TEXT, message, help: None };
    match format {
        "server name" => ServerName::parse(text).map(drop).map_err(|e| sentence(e.to_string())),
        "table" => TableName::parse(text).map(drop).map_err(|e| sentence(e.to_string())),
        "step id" => StepId::parse(text).map(drop).map_err(|e| sentence(e.to_string())),
        "runbook name" => StepId::parse(text)
            .map(drop)
            .map_err(|e| sentence(format!("`{}` is not the name of a runbook: expected {}", e.found, e.expected))),
        "run id" => RunId::parse(text).map(drop).map_err(|e| sentence(e.to_string())),
        "request id" => RequestId::parse(text).map(drop).map_err(|e| sentence(e.to_string())),
        "principal" => Principal::parse(text).map(drop).map_err(|e| sentence(e.to_string())),
        "SHA-256 digest" => Digest::parse(text).map(drop).map_err(|e| sentence(e.to_string())),
        "duration" => text.parse::<Span>().map(drop).map_err(sentence),
        "sql" | "words" if text.trim().is_empty() => Err(sentence("expected a text, found an empty one".to_owned())),
        _ => Ok(()),
    }
}
