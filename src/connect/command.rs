//! The first line of what a declared command writes: a password, or a measurement that no server tells.

use std::process::Stdio;
use std::time::Duration;

use tokio::process::Command;

pub use super::error::CommandProblem;

/// Longer than a person needs to touch a token, shorter than somebody waits without looking.
const LIMIT: Duration = Duration::from_secs(10);

/// Runs an argument vector, without a shell, and gives the first line of its output.
///
/// It ends with an error after 10 s, or when the command fails, writes nothing, or writes what is not UTF-8.
pub async fn first_line(command: &[String]) -> Result<String, CommandProblem> {
    let (program, arguments) = command.split_first().ok_or(CommandProblem::Empty)?;
    let child = Command::new(program)
        .args(arguments)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .kill_on_drop(true)
        .output();
    let output = tokio::time::timeout(LIMIT, child)
        .await
        .map_err(|_| CommandProblem::TooSlow(LIMIT))?
        .map_err(|error| CommandProblem::NotStarted(error.kind()))?;
    if !output.status.success() {
        return Err(CommandProblem::Failed(output.status.to_string()));
    }
    let line = output.stdout.split(|byte| *byte == b'\n').next().unwrap_or_default();
    let line = line.strip_suffix(b"\r").unwrap_or(line);
    if line.is_empty() {
        return Err(CommandProblem::NoLine);
    }
    String::from_utf8(line.to_vec()).map_err(|_| CommandProblem::NotText)
}
