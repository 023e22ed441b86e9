//! Over a pipe: a program that syncs a log over its standard input and output.

use std::path::Path;
use std::time::Duration;

use hyperlog::disk::Folder;
use hyperlog::{Hyperlog, Read, Utf8};
use replicate::{Driver, Options, Report, Session};
use tokio::runtime::Builder;

/// `?` turns any error into this one.
pub type Result<T> = std::result::Result<T, Box<dyn std::error::Error>>;

/// Opens the log in the folder `path`, made on first use, and appends `line` if there is one.
pub fn open(path: &Path, line: Option<&str>) -> Result<Hyperlog<Utf8>> {
    let log = Hyperlog::open_in(&Folder::open(path)?)?;
    if let Some(line) = line {
        log.append(line)?;
    }
    Ok(log)
}

/// Syncs the log with whoever is at the other end of standard input and output.
pub fn sync(log: &Hyperlog<Utf8>) -> Result<Report> {
    let session = Session::new(log, Options::default(), Duration::ZERO)?;
    let runtime = Builder::new_current_thread().enable_time().build()?;
    let (stdin, stdout) = replicate::stdio();
    Ok(runtime.block_on(Driver::new(session).run(stdin, stdout))?)
}

/// What a session did: `received 1, sent 2`.
pub fn summary(report: &Report) -> String {
    format!("received {}, sent {}", report.received, report.sent)
}

/// The whole program: opens the log, syncs it, and says on standard error what was done, then each value on a line.
pub fn program(path: &Path, line: Option<&str>) -> Result<()> {
    let log = open(path, line)?;
    let report = sync(&log)?;
    eprintln!("{}", summary(&report));
    for node in log.changes(Read::all()) {
        eprintln!("{}", node?.value().ok_or("the value is not here")?);
    }
    Ok(())
}
