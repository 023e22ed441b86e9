//! Starting, failing, and what every program takes.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{ArgAction, Args};
use scuttleup::disk::Folder;
use tracing_subscriber::filter::LevelFilter;

use crate::error::Failure;

/// What every program takes.
#[derive(Debug, Args)]
pub struct Common {
    /// The folder of the log; made on first use
    #[arg(short, long, value_name = "DIR")]
    dir: PathBuf,
    /// Print one JSON object a line
    #[arg(long, global = true)]
    pub(crate) json: bool,
    /// Say more on standard error; twice for even more
    #[arg(short, long, global = true, action = ArgAction::Count)]
    verbose: u8,
}

impl Common {
    /// Opens the folder, and says so when it is new.
    pub(crate) fn folder(&self) -> Result<Folder, Failure> {
        let folder = Folder::open(&self.dir);
        let folder = folder.map_err(|source| Failure::Folder { dir: self.dir.clone(), source })?;
        if folder.has_new_identity() {
            eprintln!("new writer {} in {}", folder.identity().writer(), self.dir.display());
        }
        Ok(folder)
    }

    pub(crate) fn open_failed(&self) -> impl FnOnce(hyperlog::OpenError) -> Failure {
        let dir = self.dir.clone();
        move |source| Failure::Open { dir, source }
    }

    fn trace(&self) {
        let level = match self.verbose {
            0 => LevelFilter::WARN,
            1 => LevelFilter::INFO,
            2 => LevelFilter::DEBUG,
            _ => LevelFilter::TRACE,
        };
        // A second subscriber is only refused in tests that share a process; there the first one does.
        let _ = tracing_subscriber::fmt().with_max_level(level).with_writer(std::io::stderr).without_time().try_init();
    }
}

/// Runs a program: tracing, then the command, then its failure as one line.
pub(crate) fn start(name: &str, common: &Common, command: impl FnOnce() -> Result<(), Failure>) -> ExitCode {
    common.trace();
    match command() {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) if failure.is_broken_pipe() => ExitCode::SUCCESS,
        Err(failure) => {
            eprintln!("{name}: {}", failure.line());
            ExitCode::FAILURE
        }
    }
}
