//! The program's entry: hands the arguments to the library and turns its answer into an exit code.

use std::process::ExitCode;

fn main() -> ExitCode {
    // The keeper of throwaway servers must run on the main thread, before any runtime: its children die with it.
    let mut arguments = std::env::args_os().skip(1);
    if arguments.next().is_some_and(|first| first == "keeper") {
        return countersign::lab::keeper::main(arguments);
    }
    countersign::cli::main()
}
