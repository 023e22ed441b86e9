//! The program `hyperlog`; see `hyperlog --help`.

use std::process::ExitCode;

use clap::Parser;

fn main() -> ExitCode {
    commands::hyperlog::Cli::parse().run()
}
