//! The program `saga`; see `saga --help`.

use std::process::ExitCode;

use clap::Parser;

fn main() -> ExitCode {
    commands::saga::Cli::parse().run()
}
