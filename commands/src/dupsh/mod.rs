//! The program `dupsh`.
//!
//! The two commands hold the two pipes between them, and nobody else does: no byte goes through this
//! program, so none is lost or late here, and when one command ends the other sees it as in any pipe.

mod ends;
#[cfg(target_os = "linux")]
mod in_order;
mod pair;
mod signals;
mod words;

use std::ffi::OsString;
use std::process::ExitCode;

use clap::Parser;
use clap::builder::{OsStringValueParser, TypedValueParser};

use self::pair::Pair;
use self::words::Words;
use crate::cli::say;
use crate::error::Failure;

/// Run two commands, each reading what the other prints.
#[derive(Debug, Parser)]
#[command(name = "dupsh", version, after_help = AFTER_HELP)]
pub struct Cli {
    /// A program and what it is given, quoted as for a shell; no shell is run
    #[arg(value_name = "CMDA", value_parser = words())]
    a: Words,
    /// The other
    #[arg(value_name = "CMDB", value_parser = words())]
    b: Words,
}

const AFTER_HELP: &str = "\
Pipes, variables and the like need a shell: dupsh 'nc -l 5000' 'sh -c \"tee got | sort\"'

Both are waited for. When one ends, the other reads the end of its input and may go on for as long
as it likes. SIGINT (ctrl-C), SIGTERM and SIGHUP are passed on; who is still there 5 seconds later
is killed.

The exit code is that of the first that failed, else 0. 128 + n stands for an end by signal n,
127 for a program that is not there, 126 for one that cannot be started.";

fn words() -> impl TypedValueParser<Value = Words> {
    OsStringValueParser::new().try_map(|text: OsString| Words::split(&text))
}

impl Cli {
    /// Runs both commands to their ends.
    #[must_use]
    pub fn run(self) -> ExitCode {
        let mut pair = match Pair::new() {
            Ok(pair) => pair,
            Err(failure) => return fail(&failure),
        };
        match pair.start(self.a, self.b) {
            Ok(()) => ExitCode::from(pair.wait()),
            Err(failure) => {
                let code = fail(&failure);
                pair.end();
                code
            }
        }
    }
}

fn fail(failure: &Failure) -> ExitCode {
    say(&format!("dupsh: {}", failure.line()));
    ExitCode::from(code_of(failure))
}

/// The codes of a shell for a command that it could not start.
fn code_of(failure: &Failure) -> u8 {
    match failure {
        Failure::NoProgram { .. } => 127,
        Failure::Start { .. } => 126,
        _ => 1,
    }
}
