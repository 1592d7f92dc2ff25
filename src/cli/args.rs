//! The command line as it is written, one struct for each command. Nothing here touches the system.

mod lab;

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};

pub use lab::LabCommand;

use crate::domain::base::{Principal, RequestId, RunId, ServerName, TableName};

/// Runs incident runbooks against MySQL and MariaDB fleets, and sends nothing destructive until two people have signed.
#[derive(Debug, Parser)]
#[command(name = "countersign", version, disable_help_subcommand = true)]
pub struct Cli {
    #[command(subcommand)]
    pub command: Command,
}

#[derive(Debug, Subcommand)]
pub enum Command {
    /// Play the CxAlloy incident from start to finish.
    Demo(DemoArgs),
    /// Show who would get a statement, and which copies would survive it.
    Reach(ReachArgs),
    /// Dry run: what each step would do, against the fleet or a snapshot of it.
    Plan(PlanArgs),
    /// Run a runbook.
    Run(RunArgs),
    /// Go on with a run whose executor is gone; the new driver signs for it.
    #[command(visible_alias = "takeover")]
    Resume(ResumeArgs),
    /// Show what runs wait for.
    Status(StatusArgs),
    /// Follow a run on the screen; hold, answer, choose and review from here.
    Attach(AttachArgs),
    /// Review requests on the screen.
    Review(ReviewArgs),
    /// Approve a request, after a look of one's own.
    Approve(ApproveArgs),
    /// Reject a request: it can never be used.
    Reject(ObjectArgs),
    /// Withdraw a request that one asked for or approved: it can never be used.
    Withdraw(ObjectArgs),
    /// Show or export the text that approvers sign.
    #[command(subcommand)]
    Request(RequestCommand),
    /// Add an approval that was signed elsewhere.
    #[command(subcommand)]
    Approval(ApprovalCommand),
    /// Answer a manual step.
    Answer(SayArgs),
    /// Choose after a stop, by its number.
    Choose(SayArgs),
    /// Let a held run go on.
    Release(RunOnly),
    /// End a run at rest.
    Abort(RunOnly),
    /// Sign how a run ended, so that lines missing at the end of its journal are noticed.
    Close(RunOnly),
    /// Hold a run: nothing new begins.
    Hold(NoteArgs),
    /// Write a note into the journal.
    Note(NoteArgs),
    /// The declared fleet, and what it looks like.
    #[command(subcommand)]
    Fleet(FleetCommand),
    /// What the code of a problem, an exit code or an entry of the vocabulary means.
    Explain {
        /// Such as `CS101`, `4`, `refused` or `detach_replica`.
        name: String,
    },
    /// Check a runbook or fleet file.
    Lint(LintArgs),
    /// Throwaway servers.
    #[command(subcommand)]
    Lab(LabCommand),
    /// Who may sign.
    #[command(subcommand)]
    Trust(TrustCommand),
    /// Verify or export a journal.
    #[command(subcommand)]
    Journal(JournalCommand),
    /// The report of a run, in Markdown.
    Report(ReportArgs),
    /// An exported run again, record by record, as its executor told it; nothing is executed.
    Replay(ReplayArgs),
}

// No doc comment on a struct that is flattened: it would become the text of a command without one.
#[derive(Debug, Clone, Args)]
pub struct StateArg {
    /// The state directory: where runs, inbox and trust are kept.
    #[arg(long, env = "COUNTERSIGN_STATE", value_name = "DIR")]
    pub state: Option<PathBuf>,
}

#[derive(Debug, Clone, Args)]
pub struct OperatorArgs {
    /// The operator's name in the roster.
    #[arg(long, value_name = "NAME")]
    pub operator: Principal,
    /// The operator's key file; without it the ssh agent signs.
    #[arg(long, value_name = "FILE")]
    pub key: Option<PathBuf>,
}

#[derive(Debug, Clone, Copy, Args)]
pub struct OutputArgs {
    /// One line per event, no screen.
    #[arg(long)]
    pub plain: bool,
    /// One JSON object per line.
    #[arg(long, conflicts_with = "plain")]
    pub json: bool,
}

#[derive(Debug, Args)]
pub struct DemoArgs {
    /// Where the demo keeps its files; a new temporary directory if not given.
    #[arg(long, value_name = "DIR")]
    pub dir: Option<PathBuf>,
    /// mariadb or mysql; the first whose server program is found if not given.
    #[arg(long)]
    pub flavor: Option<crate::lab::Flavor>,
    /// Play on a simulated fleet also if server programs are found.
    #[arg(long)]
    pub simulated: bool,
    /// One line per event; the demo has no screen, so it is always so.
    #[arg(long)]
    pub plain: bool,
}

#[derive(Debug, Args)]
pub struct ReachArgs {
    /// The fleet file.
    #[arg(long, env = "COUNTERSIGN_FLEET", value_name = "FILE")]
    pub fleet: PathBuf,
    /// The server that would execute the statement.
    #[arg(long, value_name = "SERVER")]
    pub on: ServerName,
    /// The session's default database.
    #[arg(long, value_name = "NAME")]
    pub database: Option<String>,
    /// As if executed with `sql_log_bin=0`.
    #[arg(long)]
    pub unlogged: bool,
    /// It has been executed already, as this transaction: what will it still reach?
    #[arg(long, value_name = "GTID")]
    pub executed: Option<String>,
    /// A snapshot file instead of the live fleet.
    #[arg(long, value_name = "FILE")]
    pub simulate: Option<PathBuf>,
    /// A table instead of a tree.
    #[arg(long, conflicts_with = "json")]
    pub table: bool,
    /// JSON instead of text.
    #[arg(long)]
    pub json: bool,
    /// The statement.
    pub sql: String,
}

#[derive(Debug, Args)]
pub struct RunbookArgs {
    /// The runbook's file.
    pub runbook: PathBuf,
    /// A parameter of the runbook.
    #[arg(short, long = "param", value_name = "NAME=VALUE")]
    pub param: Vec<String>,
    /// The fleet file.
    #[arg(long, env = "COUNTERSIGN_FLEET", value_name = "FILE")]
    pub fleet: PathBuf,
}

#[derive(Debug, Args)]
pub struct PlanArgs {
    #[command(flatten)]
    pub runbook: RunbookArgs,
    /// A snapshot file instead of the live fleet.
    #[arg(long, value_name = "FILE")]
    pub simulate: Option<PathBuf>,
    #[command(flatten)]
    pub state: StateArg,
    /// JSON instead of text.
    #[arg(long)]
    pub json: bool,
}

#[derive(Debug, Args)]
pub struct RunArgs {
    #[command(flatten)]
    pub runbook: RunbookArgs,
    #[command(flatten)]
    pub state: StateArg,
    #[command(flatten)]
    pub operator: OperatorArgs,
    /// Why: an incident's number or a sentence; it stands in every request.
    #[arg(long)]
    pub reason: String,
    #[command(flatten)]
    pub output: OutputArgs,
}

#[derive(Debug, Args)]
pub struct ResumeArgs {
    /// The run, such as `r-1a2b3c4d`; `status` lists them.
    pub run: RunId,
    #[command(flatten)]
    pub state: StateArg,
    #[command(flatten)]
    pub operator: OperatorArgs,
    #[command(flatten)]
    pub output: OutputArgs,
}

#[derive(Debug, Args)]
pub struct StatusArgs {
    /// The run; all of them if not given.
    pub run: Option<RunId>,
    #[command(flatten)]
    pub state: StateArg,
    /// JSON instead of text.
    #[arg(long)]
    pub json: bool,
}

#[derive(Debug, Args)]
pub struct AttachArgs {
    /// The run, such as `r-1a2b3c4d`; `status` lists them.
    pub run: RunId,
    #[command(flatten)]
    pub state: StateArg,
    #[command(flatten)]
    pub operator: OperatorArgs,
    #[command(flatten)]
    pub sight: SightArgs,
}

#[derive(Debug, Args)]
pub struct ReviewArgs {
    /// The request; the first that waits for the operator if not given.
    pub request: Option<RequestId>,
    #[command(flatten)]
    pub state: StateArg,
    #[command(flatten)]
    pub operator: OperatorArgs,
    #[command(flatten)]
    pub sight: SightArgs,
}

/// With which fleet file, and so with whose logins, an approver looks.
#[derive(Debug, Clone, Default, Args)]
pub struct SightArgs {
    /// Look at the fleet with this file of your own, not with the one that the run recorded.
    #[arg(long, value_name = "FILE")]
    pub fleet: Option<PathBuf>,
    /// Execute the commands that the run's recorded fleet file names (passwords, free disk).
    #[arg(long, conflicts_with = "fleet")]
    pub trust_fleet_commands: bool,
}

#[derive(Debug, Args)]
pub struct ApproveArgs {
    /// The request; `status` names those that wait.
    pub request: RequestId,
    #[command(flatten)]
    pub state: StateArg,
    #[command(flatten)]
    pub operator: OperatorArgs,
    /// The answer to the request's question, see `request show`.
    #[arg(long)]
    pub answer: String,
    /// Why it is right to run this; kept in the journal.
    #[arg(long)]
    pub reason: String,
    /// Sign without an own look at the fleet; the journal says so.
    #[arg(long)]
    pub detached: bool,
    #[command(flatten)]
    pub sight: SightArgs,
}

#[derive(Debug, Args)]
pub struct ObjectArgs {
    /// The request; `status` names those that wait.
    pub request: RequestId,
    #[command(flatten)]
    pub state: StateArg,
    #[command(flatten)]
    pub operator: OperatorArgs,
    /// Why; kept in the journal.
    #[arg(long)]
    pub reason: String,
}

#[derive(Debug, Subcommand)]
pub enum RequestCommand {
    /// Show a request and its question.
    Show {
        /// The request; `status` names those that wait.
        request: RequestId,
        #[command(flatten)]
        state: StateArg,
        /// JSON instead of text.
        #[arg(long)]
        json: bool,
    },
    /// Write the exact bytes to be signed into a file.
    Export {
        /// The request; `status` names those that wait.
        request: RequestId,
        #[command(flatten)]
        state: StateArg,
        /// The file to write.
        #[arg(short, long, value_name = "FILE")]
        output: PathBuf,
    },
}

#[derive(Debug, Subcommand)]
pub enum ApprovalCommand {
    /// Add a signature made with `ssh-keygen -Y sign -n approve@countersign`.
    Add {
        /// The request; `status` names those that wait.
        request: RequestId,
        /// The file with the signature, as `ssh-keygen` wrote it.
        file: PathBuf,
        #[command(flatten)]
        state: StateArg,
    },
}

#[derive(Debug, Args)]
pub struct SayArgs {
    /// The run, such as `r-1a2b3c4d`; `status` lists them.
    pub run: RunId,
    /// The answer, or the number of the choice; going past a step also wants why: "3 done by hand".
    pub text: String,
    #[command(flatten)]
    pub state: StateArg,
    #[command(flatten)]
    pub operator: OperatorArgs,
}

#[derive(Debug, Args)]
pub struct RunOnly {
    /// The run, such as `r-1a2b3c4d`; `status` lists them.
    pub run: RunId,
    #[command(flatten)]
    pub state: StateArg,
    #[command(flatten)]
    pub operator: OperatorArgs,
}

#[derive(Debug, Args)]
pub struct NoteArgs {
    /// The run, such as `r-1a2b3c4d`; `status` lists them.
    pub run: RunId,
    /// What to write; for `hold`, why.
    #[arg(default_value = "")]
    pub text: String,
    #[command(flatten)]
    pub state: StateArg,
    /// Who says so; hold and note need no signature.
    #[arg(long, value_name = "NAME")]
    pub operator: Option<Principal>,
}

#[derive(Debug, Args)]
pub struct FleetArg {
    /// The fleet file.
    #[arg(long, env = "COUNTERSIGN_FLEET", value_name = "FILE")]
    pub fleet: PathBuf,
}

#[derive(Debug, Subcommand)]
pub enum FleetCommand {
    /// Every fact that the observing account can see, one a line.
    Show {
        #[command(flatten)]
        fleet: FleetArg,
        /// JSON instead of text.
        #[arg(long)]
        json: bool,
    },
    /// What is missing before a run can be made here.
    Check {
        #[command(flatten)]
        fleet: FleetArg,
    },
    /// Write the facts of the fleet into a file that `--simulate` reads.
    Snapshot {
        #[command(flatten)]
        fleet: FleetArg,
        /// A table whose facts are wanted too.
        #[arg(long, value_name = "SCHEMA.TABLE")]
        table: Vec<TableName>,
        /// A server on which it is wanted too who waits for whom.
        #[arg(long, value_name = "SERVER")]
        lock_waits: Vec<ServerName>,
        /// The file to write.
        #[arg(short, long, value_name = "FILE")]
        output: PathBuf,
    },
    /// What differs between two snapshot files.
    Diff {
        /// The older snapshot file.
        before: PathBuf,
        /// The newer snapshot file.
        after: PathBuf,
    },
}

#[derive(Debug, Args)]
pub struct LintArgs {
    /// Runbook or fleet files.
    pub file: Vec<PathBuf>,
    /// Resolve the runbooks against this fleet as well.
    #[arg(long, value_name = "FILE")]
    pub fleet: Option<PathBuf>,
    /// JSON instead of text.
    #[arg(long)]
    pub json: bool,
}

#[derive(Debug, Subcommand)]
pub enum TrustCommand {
    /// Pin the first operators; refused if there are some already.
    Init {
        #[command(flatten)]
        state: StateArg,
        /// An operator and the public half of the key.
        #[arg(long, value_name = "NAME=FILE.pub", required = true)]
        operator: Vec<String>,
        /// A policy file; the default policy if not given.
        #[arg(long, value_name = "FILE")]
        policy: Option<PathBuf>,
    },
    /// The operators with the fingerprints of their keys, the policy, and the digests of the trust files.
    Show {
        #[command(flatten)]
        state: StateArg,
    },
}

#[derive(Debug, Subcommand)]
pub enum JournalCommand {
    /// Verify an exported bundle, offline.
    Verify {
        /// The directory that `journal export` wrote.
        bundle: PathBuf,
        /// The digest of the first trust file, from a place that the bundle's maker cannot write.
        #[arg(long, value_name = "SHA256")]
        anchor: Option<crate::domain::base::Digest>,
    },
    /// Export a run as a bundle for auditors.
    Export {
        /// The run, such as `r-1a2b3c4d`; `status` lists them.
        run: RunId,
        #[command(flatten)]
        state: StateArg,
        /// The directory to write; it must not exist yet.
        #[arg(short, long, value_name = "DIR")]
        output: PathBuf,
    },
}

#[derive(Debug, Args)]
pub struct ReportArgs {
    /// The run, such as `r-1a2b3c4d`; `status` lists them.
    pub run: RunId,
    #[command(flatten)]
    pub state: StateArg,
    /// JSON instead of text.
    #[arg(long)]
    pub json: bool,
}

#[derive(Debug, Args)]
pub struct ReplayArgs {
    /// The directory that `journal export` wrote.
    pub bundle: PathBuf,
    /// The report instead of the records.
    #[arg(long)]
    pub report: bool,
}

#[cfg(test)]
mod tests;
