//! The program `hyperkv`; see `hyperkv --help`.

use std::process::ExitCode;

use clap::Parser;

fn main() -> ExitCode {
    commands::hyperkv::Cli::parse().run()
}
