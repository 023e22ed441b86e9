//! The program of step 06, with what this exercise adds to it.

use std::path::PathBuf;
use std::time::Duration;

use clap::Parser;
use hyperlog::disk::Folder;
use hyperlog::{Hyperlog, Read, Utf8};
use replicate::{Driver, Session};

use crate::check::Result;
use crate::exercise;

/// Sync a log over standard input and output.
#[derive(Parser)]
#[command(name = "workshop-07 sync")]
struct Program {
    /// Where the log is; made on first use
    folder: PathBuf,
    /// Append this first
    line: Option<String>,
    /// sync, push or pull
    #[arg(long, default_value = "sync")]
    mode: String,
    /// Go on after the first sync, if the other side wants that, too
    #[arg(long)]
    live: bool,
}

pub(crate) fn run() -> Result<()> {
    let Program { folder, line, mode, live } = Program::parse_from(std::env::args_os().skip(1));
    let log = Hyperlog::<Utf8>::open_in(&Folder::open(folder)?)?;
    if let Some(line) = line {
        log.append(line)?;
    }
    let session = Session::new(&log, exercise::options(&mode, live)?, Duration::ZERO)?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build()?;
    let (stdin, stdout) = replicate::stdio();
    let report = match runtime.block_on(Driver::new(session).run(stdin, stdout)) {
        Ok(report) => report,
        Err(error) => return Err(exercise::reason(&error).into()),
    };
    eprintln!("{}", exercise::verdict(&report));
    for fork in exercise::forks(&report)? {
        eprintln!("{fork}");
    }
    for node in log.changes(Read::all()) {
        eprintln!("{}", node?.value().ok_or("the value is not here")?);
    }
    Ok(())
}
