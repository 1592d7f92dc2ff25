//! With which fleet file an approver looks at the servers.
//!
//! The file that the run recorded may name commands, and who can write the journal can put one there: an approver does
//! not execute it unasked.

use std::path::PathBuf;

use super::args::SightArgs;
use super::error::CliError;
use super::place::{parse_fleet, read_fleet};
use crate::domain::base::text::printable;
use crate::domain::fleet::{Fleet, Login};
use crate::domain::run::state::State;

/// Where the fleet file of a look comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Sight {
    /// The run's own, as long as it names no commands.
    Recorded,
    /// The run's own, with its commands.
    RecordedWithCommands,
    /// One of the approver's.
    Own(PathBuf),
}

impl Sight {
    pub fn of(args: &SightArgs) -> Self {
        match (&args.fleet, args.trust_fleet_commands) {
            (Some(path), _) => Self::Own(path.clone()),
            (None, true) => Self::RecordedWithCommands,
            (None, false) => Self::Recorded,
        }
    }

    /// The fleet to look at.
    pub fn fleet(&self, state: &State) -> Result<Fleet, CliError> {
        let recorded = || parse_fleet("the journal's fleet file", &state.opened.fleet_text);
        match self {
            Self::Own(path) => Ok(read_fleet(path)?.0),
            Self::RecordedWithCommands => recorded(),
            Self::Recorded => {
                let fleet = recorded()?;
                match &commands(&fleet)[..] {
                    [] => Ok(fleet),
                    named => Err(CliError::usage(format!(
                        "the fleet file that the run recorded names commands, which would run as you: {}",
                        named.join("; ")
                    ))
                    .hint("look with a file of your own (`--fleet FILE`), or with these: `--trust-fleet-commands`")),
                }
            }
        }
    }
}

/// Every command that looking with this file would execute.
fn commands(fleet: &Fleet) -> Vec<String> {
    let of_login = |login: &Login| login.password_command.clone();
    let logins = [Some(&fleet.accounts.observe), fleet.accounts.act.as_ref()];
    let passwords = logins.into_iter().flatten().filter_map(of_login);
    let disks = fleet.servers.values().filter_map(|server| server.free_bytes_command.clone());
    passwords.chain(disks).map(|words| format!("`{}`", printable(&words.join(" ")))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tui::fixture::{Spare, Story, detach_step};

    const PLAIN: &str = "countersign: 1\nfleet: f\nenvironment: LAB\nowner: o\naccounts: {observe: {user: u}}\n\
                         servers: {db-a: {address: \"10.1.0.11:3306\"}}\n";

    fn recorded(text: &str) -> State {
        let mut state = Story::new(Spare::Follows, vec![detach_step()]).state;
        state.opened.fleet_text = text.to_owned();
        state
    }

    #[test]
    fn commands_of_a_recorded_fleet_file_run_only_where_the_approver_says_so() {
        assert!(Sight::Recorded.fleet(&recorded(PLAIN)).is_ok());
        for (named, with) in [
            ("pass mysql", PLAIN.replace("user: u", "user: u, password_command: [pass, mysql]")),
            ("df x", PLAIN.replace("10.1.0.11:3306\"", "10.1.0.11:3306\", free_bytes_command: [df, x]")),
        ] {
            let state = recorded(&with);
            let refused = Sight::Recorded.fleet(&state).unwrap_err();
            assert!(refused.message.contains(named), "{}", refused.message);
            assert!(Sight::RecordedWithCommands.fleet(&state).is_ok());
            let own = std::env::temp_dir().join(format!("countersign-sight-{}.yaml", std::process::id()));
            std::fs::write(&own, PLAIN).unwrap();
            let looked = Sight::Own(own.clone()).fleet(&state);
            std::fs::remove_file(own).unwrap();
            assert!(looked.unwrap().accounts.observe.password_command.is_none(), "the recorded one is not read");
        }
    }
}
