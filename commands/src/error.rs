//! Why a command failed.

use std::path::PathBuf;

use hyperlog::{Change, ExportError, ImportError, NodeId, OpenError, VALUE_BYTES_MAX};
use scuttleup::disk::FolderError;

use crate::hyperkv::RowError;

/// Why a command failed. Its causes follow it on the same line.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Failure {
    #[error("cannot open the log in {}", dir.display())]
    Folder { dir: PathBuf, source: FolderError },
    #[error("cannot open the log in {}", dir.display())]
    Open { dir: PathBuf, source: OpenError },
    #[error(transparent)]
    Graph(#[from] hyperlog::Error),
    #[error(transparent)]
    Log(#[from] scuttleup::Error),
    #[error(transparent)]
    Map(#[from] hyperkv::Error),
    #[error("line {line}: {why}; {kept}")]
    Row { line: u64, why: RowError, kept: String },
    #[error("the rows from line {from} on were not stored")]
    Rows { from: u64, source: hyperkv::Error },
    #[error("the lines from {from} on were not stored")]
    Lines { from: u64, source: hyperlog::Error },
    #[error("line {line} is above the {VALUE_BYTES_MAX} bytes that a value can have: {kept}")]
    LongLine { line: u64, kept: &'static str },
    #[error("there is no change {change}: this log ends at {last}")]
    NoChange { change: Change, last: Change },
    #[error("cannot read standard input")]
    Input(#[source] std::io::Error),
    #[error("cannot write to standard output")]
    Output(#[from] std::io::Error),
    #[error(transparent)]
    Export(#[from] ExportError),
    #[error(transparent)]
    Import(Box<ImportError>),
    #[error("cannot back up to {}", dir.display())]
    Backup { dir: PathBuf, source: level::Error },
    #[error("cannot back up to {}", dir.display())]
    BackupFolder { dir: PathBuf, source: std::io::Error },
    #[error("an export is not for reading: send it to a file or another program, as in `export > FILE`")]
    ExportToTerminal,
    #[error("the value of node {id} was deleted here")]
    Deleted { id: NodeId },
    #[error("the value of node {id} has not come yet: import from somebody who has it")]
    Pending { id: NodeId },
    #[error("cannot start `{program}`: there is no such program; what a shell does needs `sh -c '...'`")]
    NoProgram { program: String },
    #[error("cannot start `{program}`")]
    Start { program: String, source: std::io::Error },
    #[error("cannot make a pipe")]
    Pipe(#[source] std::io::Error),
    #[error("cannot wait for a command")]
    Watch(#[source] std::io::Error),
    #[error("cannot listen for signals")]
    Signals(#[source] std::io::Error),
    #[error("a sync speaks to another program, not to a person: as in {}", by_dupsh(call))]
    SyncToTerminal { call: &'static str },
    #[error("cannot begin to sync")]
    Session { source: Box<replicate::Cause> },
    #[error(transparent)]
    Sync(Box<replicate::SyncError>),
    #[error("the logs differ, and nothing explains why")]
    Unexplained,
    #[error("cannot start what waits for the other side")]
    Runtime(#[source] std::io::Error),
    #[error("what prints entries as they come has stopped")]
    Printing,
    #[error("found {}", crate::show::count(*.0, "problem", "problems"))]
    Problems(u64),
}

/// How `dupsh` runs a program and its command on two folders.
fn by_dupsh(call: &str) -> String {
    let (program, command) = call.split_once(' ').unwrap_or((call, ""));
    format!("`dupsh '{program} -d a {command}' '{program} -d b {command}'`")
}

impl From<ImportError> for Failure {
    /// Boxed, since it carries a whole report.
    fn from(error: ImportError) -> Self {
        Self::Import(Box::new(error))
    }
}

impl Failure {
    /// Whether the reader of our output went away, which is not worth a word.
    pub(crate) fn is_broken_pipe(&self) -> bool {
        let io = match self {
            Self::Output(error) | Self::Export(ExportError::Write(error)) => error,
            _ => return false,
        };
        io.kind() == std::io::ErrorKind::BrokenPipe
    }

    /// The failure and its causes in one line. A cause that is already in the line is left out.
    pub(crate) fn line(&self) -> String {
        let mut line = self.to_string();
        let mut cause = std::error::Error::source(self);
        while let Some(error) = cause {
            let text = error.to_string();
            if !line.contains(&text) {
                line.push_str(": ");
                line.push_str(&text);
            }
            cause = error.source();
        }
        crate::show::one_line(&line)
    }
}
