//! The command line: arguments, wiring, output, exit codes.

pub mod lines;
