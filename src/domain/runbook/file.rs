//! The shape of a runbook's file, as a schema. The vocabulary's entries inside it are read by [`super::entry`].

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::Deserialize;

use super::param::{ParamType, Prefer, Role};
use crate::domain::base::{Danger, StepId};

/// A runbook.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
#[schemars(extend("x-later" = {
    "branches": "end the runbook with a step whose `do:` is `manual:` and that names the other runbook",
    "safety": "the fleet file has the rules; `keep_copies` stands there",
    "version": "the digest of the file names its version",
    "rehearsed": "leave it out",
}))]
#[expect(dead_code, reason = "the type is the schema; values are taken piece by piece, so that all problems are found")]
pub(super) struct RunbookFile {
    /// The format's version; 1.
    countersign: u32,
    /// What people call it on the command line.
    #[schemars(extend("format" = "runbook name"))]
    name: String,
    /// One line, for lists.
    #[schemars(extend("format" = "words"))]
    title: String,
    /// Whom to ask.
    #[schemars(extend("format" = "words"))]
    owner: String,
    /// How somebody who is woken at night recognises that this is the one.
    #[schemars(default)]
    use_when: String,
    /// When it is the wrong one, and which one is right.
    #[schemars(default)]
    not_when: String,
    #[schemars(default)]
    params: BTreeMap<String, ParamFile>,
    /// What is done, in this order.
    steps: Vec<StepFile>,
}

/// A parameter's declaration.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct ParamFile {
    /// What it stands for: `table`, `server`, `duration`, `text` or `number`.
    #[serde(rename = "type")]
    pub(super) of: ParamType,
    /// What it means, for whoever is asked for it.
    #[serde(default)]
    pub(super) help: String,
    /// What it is if nobody says; without one it must be given.
    #[serde(default)]
    pub(super) default: Option<serde_json::Value>,
    /// The part that the server plays.
    #[serde(default)]
    pub(super) role: Option<Role>,
    /// Which server is proposed.
    #[serde(default)]
    pub(super) prefer: Option<Prefer>,
}

/// One step.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
#[schemars(extend("x-later" = {
    "guard": "put a precondition that demands the protection on each step that relies on it",
    "watch": "split the step, and give the later part preconditions",
    "for_each": "write one step per server",
    "decide": "use a step whose `do:` is `manual:` and that asks for the decision",
    "save": "refer to what a step measured with `finding_holds`",
    "progress": "leave it out: progress is always shown",
    "over": "give the action its `limit`",
    "approve": "leave it out: the policy says who approves, and no runbook can ask for less",
    "risk": "write `danger:`, which can only be raised",
}))]
#[expect(dead_code, reason = "the type is the schema; values are taken piece by piece, so that all problems are found")]
pub(super) struct StepFile {
    /// The name of the step in records, requests and findings.
    id: StepId,
    /// One line, for lists.
    #[schemars(extend("format" = "words"))]
    title: String,
    /// Why it is done this way; approvers read it.
    #[schemars(default)]
    why: Option<String>,
    /// The server of every entry of this step that names none.
    #[schemars(default)]
    server: Option<String>,
    /// Raises the danger that the program computes.
    #[schemars(default)]
    danger: Option<Danger>,
    /// What must hold before.
    #[schemars(default)]
    preconditions: Vec<serde_json::Value>,
    /// An action, `manual:` with `read_back:`, or `wait_until:` with `at_most:`.
    #[schemars(rename = "do")]
    work: serde_json::Value,
    /// What must hold after.
    #[schemars(default)]
    postconditions: Vec<serde_json::Value>,
    /// The action that is offered to take it back.
    #[schemars(default)]
    undo: Option<serde_json::Value>,
    /// Sends the run back behind this step, until conditions hold.
    #[schemars(default)]
    repeat: Option<RepeatFile>,
}

/// Another round of the steps from an earlier one to this one.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
#[expect(dead_code, reason = "the type is the schema; values are taken piece by piece, so that all problems are found")]
pub(super) struct RepeatFile {
    /// The step that the run goes back to: this one, or one that stands earlier.
    from: StepId,
    /// How often the steps are done in all.
    at_most: serde_json::Value,
    /// What must hold to go on; looked at after the postconditions.
    until: Vec<serde_json::Value>,
}
