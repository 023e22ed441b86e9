//! The program `scuttleup`; see `scuttleup --help`.

use std::process::ExitCode;

use clap::Parser;

fn main() -> ExitCode {
    commands::scuttleup::Cli::parse().run()
}
