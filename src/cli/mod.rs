//! The command line: arguments, wiring, output, exit codes. Nothing imports this module.

pub mod approve;
pub mod args;
pub mod check;
pub mod close;
pub mod demo;
pub mod error;
pub mod exit;
pub mod explain;
pub mod fleet;
pub mod journal;
pub mod lab;
pub mod lines;
pub mod lint;
pub mod output;
pub mod place;
pub mod plan;
pub mod preflight;
pub mod reach;
pub mod replay;
pub mod run;
pub mod say;
pub mod screen;
pub mod servers;
pub mod sight;
mod signals;
pub mod status;
pub mod trust;
pub mod typed;
pub mod who;

use std::process::ExitCode;

use clap::Parser as _;

use args::{Cli, Command};
use error::CliError;
use exit::Exit;

use crate::domain::approval::votes::InputVerb;
use crate::domain::journal::record::Stopper;

/// Runs the command that the process was started with.
pub fn main() -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => {
            // Help and version go to standard output and are no error; clap knows which is which.
            let _ = error.print();
            let code = if error.use_stderr() { Exit::Usage.code() } else { Exit::Ok.code() };
            return ExitCode::from(code);
        }
    };
    // One thread is enough: a run waits far more than it works.
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let result = match runtime {
        Ok(runtime) => runtime.block_on(dispatch(cli.command)),
        Err(error) => Err(CliError::new(Exit::Error, format!("the runtime cannot start: {error}"))),
    };
    match result {
        Ok(exit) => ExitCode::from(exit.code()),
        Err(error) => {
            output::error(&error);
            ExitCode::from(error.exit.code())
        }
    }
}

async fn dispatch(command: Command) -> Result<Exit, CliError> {
    match command {
        Command::Demo(args) => demo::demo(args).await,
        Command::Reach(args) => reach::show(args).await,
        Command::Plan(args) => plan::show(args).await,
        Command::Run(args) => run::run(args, &run::Straight).await,
        Command::Resume(args) => run::resume(args, &run::Straight).await,
        Command::Status(args) => status::status(args).await,
        Command::Approve(args) => approve::approve(args).await,
        Command::Reject(args) => approve::object(args, Stopper::Rejected).await,
        Command::Withdraw(args) => approve::object(args, Stopper::Withdrawn).await,
        Command::Request(command) => approve::request(command).await,
        Command::Approval(command) => approve::approval(command).await,
        Command::Answer(args) => {
            say::signed(&args.run, &args.state, &args.operator, InputVerb::Answer, &args.text).await
        }
        Command::Choose(args) => {
            say::signed(&args.run, &args.state, &args.operator, InputVerb::Choose, &args.text).await
        }
        Command::Release(args) => say::signed(&args.run, &args.state, &args.operator, InputVerb::Release, "").await,
        Command::Abort(args) => say::signed(&args.run, &args.state, &args.operator, InputVerb::Abort, "").await,
        Command::Hold(args) => say::hold(args).await,
        Command::Note(args) => say::note(args).await,
        Command::Fleet(command) => fleet::fleet(command).await,
        Command::Explain { name } => explain::explain(&name),
        Command::Lint(args) => lint::lint(&args),
        Command::Lab(command) => lab::lab(command).await,
        Command::Trust(command) => trust::trust(command),
        Command::Journal(command) => journal::journal(command).await,
        Command::Close(args) => close::close(args).await,
        Command::Report(args) => journal::report(args).await,
        Command::Replay(args) => replay::replay(&args),
        Command::Attach(args) => screen::attach(args).await,
        Command::Review(args) => screen::review(args).await,
    }
}
