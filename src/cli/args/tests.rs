use clap::CommandFactory as _;

use super::*;

/// The commands and arguments without a text, by their path.
fn silent(command: &clap::Command, path: &str) -> Vec<String> {
    let path = format!("{path} {}", command.get_name());
    let own = command.get_about().is_none().then(|| path.clone());
    let arguments = command.get_arguments().filter(|argument| argument.get_help().is_none());
    let arguments = arguments.map(|argument| format!("{path}: {}", argument.get_id()));
    let below = command.get_subcommands().flat_map(|below| silent(below, &path));
    own.into_iter().chain(arguments).chain(below).collect()
}

#[test]
fn every_command_and_every_argument_says_what_it_is() {
    let command = Cli::command();
    assert_eq!(silent(&command, ""), Vec::<String>::new());
    // One that says nothing is found.
    let mute = command.subcommand(clap::Command::new("mute").arg(clap::Arg::new("thing")));
    assert_eq!(silent(&mute, ""), [" countersign mute", " countersign mute: thing"]);
}

#[test]
fn no_command_borrows_the_text_of_what_it_takes() {
    let command = Cli::command();
    let trust = command.find_subcommand("trust").and_then(|trust| trust.find_subcommand("show"));
    let about = trust.and_then(clap::Command::get_about).map(ToString::to_string).unwrap_or_default();
    assert!(about.starts_with("The operators"), "{about}");
}
