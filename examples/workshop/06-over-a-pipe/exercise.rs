//! Over a pipe: a program that syncs a log over its standard input and output.
#![expect(unused, clippy::todo, reason = "steps are left to do; remove this line when none is")]

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
    // 1. Open the folder and the hyperlog in it, and append the line.
    todo!("1: open a log in a folder, and append a line")
}

/// Syncs the log with whoever is at the other end of standard input and output.
pub fn sync(log: &Hyperlog<Utf8>) -> Result<Report> {
    // 2. Make a session and a driver for it, and let a runtime run it over standard input and output.
    todo!("2: sync over standard input and output")
}

/// What a session did: `received 1, sent 2`.
pub fn summary(report: &Report) -> String {
    // 3. The report has these numbers.
    todo!("3: say what a session did")
}

/// The whole program: opens the log, syncs it, and says on standard error what was done, then each value on a line.
pub fn program(path: &Path, line: Option<&str>) -> Result<()> {
    // 4. Put it together. Standard output is the wire: `eprintln!`, never `println!`.
    todo!("4: the whole program")
}
