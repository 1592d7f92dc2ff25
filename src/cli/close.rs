//! `close`: an operator signs how a run ended, so that lines missing at the end of its journal would be noticed.

use super::args::RunOnly;
use super::error::CliError;
use super::exit::Exit;
use super::output::data;
use super::place::{now, open_store, state_dir, state_of};
use super::typed::Typed;
use super::who::Operator;
use crate::domain::approval::sshsig::Verb;
use crate::store::{close_files, export};

pub async fn close(args: RunOnly) -> Result<Exit, CliError> {
    let (store, dir) = (open_store(&args.state)?, state_dir(&args.state)?);
    let Operator { who: by, signer, trust } = Operator::of(&args.operator, &args.state).await?;
    let (run, by) = (&args.run, &by);
    let Some(text) = export::text_to_close(&store, run).await.map_err(super::journal::failed)? else {
        let step =
            state_of(&store, run).await?.step().map_or_else(|| "its start".to_owned(), |step| format!("`{step}`"));
        let typed = Typed::here(&args.state).by(by);
        let (resume, abort) = (typed.person(&format!("resume {run}")), typed.person(&format!("abort {run}")));
        return Err(CliError::usage(format!("expected a run that has ended, found `{run}` at {step}"))
            .hint(format!("let it go on (`{resume}`) or end it (`{abort}`), then close it")));
    };
    let damaged = |why: String| CliError::new(Exit::Approval, format!("the signature does not close {run}: {why}"));
    if let Some(left) = close_files::signatures(&dir, run)?.get(by) {
        return match export::check_close(&trust, by, &text, left, now()) {
            Ok(()) => {
                data(&format!("{run} was closed by {by} before"));
                Ok(Exit::Ok)
            }
            Err(why) => {
                Err(damaged(why).hint(format!("somebody left it under your name: remove `closed/{run}.{by}.sig`")))
            }
        };
    }
    let armored = signer.sign(Verb::Close, text.as_bytes()).await?;
    export::check_close(&trust, by, &text, &armored, now()).map_err(damaged)?;
    close_files::put(&dir, run, by, &armored)?;
    data(&format!("{run} is closed by {by}"));
    Ok(Exit::Ok)
}
