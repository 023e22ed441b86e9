//! Why a command failed.

use std::path::PathBuf;

use hyperlog::{
    Change, ExportError, ImportCause, ImportError, KeyError, NodeId, OpenError, Refusal, VALUE_BYTES_MAX,
};
use hyperlog_writers::{ChannelKey, FoundError, KIND, NotAuthorized};
use replicate::Cause;
use scuttleup::disk::FolderError;

use crate::hyperkv::RowError;
use crate::show::{self, OPEN_LOG};

/// Why a command failed. Its causes follow it on the same line.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Failure {
    #[error("cannot open the log in {}", dir.display())]
    Folder { dir: PathBuf, source: FolderError },
    #[error("cannot open the log in {}", dir.display())]
    Open { dir: PathBuf, source: OpenError },
    #[error(
        "not written: nothing of the channel is here yet: sync first; unless this is the recovery key, an admin has to authorize it as well"
    )]
    WritesTooEarly,
    #[error("nothing of the channel is here yet: sync first")]
    NothingHere,
    #[error("nothing was written: {why}; {}", to_be_authorized(why))]
    NotAuthorized { why: NotAuthorized },
    #[error(transparent)]
    Graph(hyperlog::Error),
    #[error(transparent)]
    Log(#[from] scuttleup::Error),
    #[error(transparent)]
    Map(hyperkv::Error),
    #[error("{dir} holds no channel: `found NAME` makes one in an empty folder, and `open KEY` joins one")]
    NoChannel { dir: String },
    #[error("{dir} holds channel {key} already: take another folder")]
    IsChannel { dir: String, key: ChannelKey },
    #[error("{dir} holds an open log, with nodes in it: take another folder for a channel")]
    IsOpenLog { dir: String },
    #[error("this is the key of the writer here: `open` takes the channel's, which `found` printed")]
    OwnKey,
    #[error("this is the channel's key: `{call}` takes a writer's, which `whoami` prints where it is")]
    ChannelsKey { call: &'static str },
    #[error("this is no key of a writer: `{call}` takes what `whoami` prints where the writer is")]
    NoWritersKey { call: &'static str, source: KeyError },
    #[error("this is the recovery key: it needs no grant")]
    AuthorizesRoot,
    #[error("this is the recovery key: it has no grant that could be ended")]
    RevokesRoot,
    #[error("this is the recovery key: it has nothing to give back")]
    RootResigns,
    #[error("this is the key of the writer here: to give back one's own grants there is `resign`")]
    RevokesItself,
    #[error(transparent)]
    Channel(hyperlog_writers::Error),
    #[error("cannot found a channel")]
    Found(#[from] FoundError),
    #[error(
        "{} is there already and is not overwritten (perhaps the recovery key of another channel, or of a `found` that was stopped): give another name with --recovery",
        path.display()
    )]
    RecoveryExists { path: PathBuf },
    #[error(
        "the recovery key belongs elsewhere: {} is inside the folder of the log, so give another name with --recovery",
        path.display()
    )]
    RecoveryInside { path: PathBuf },
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
    #[error("{0}: this is an export of another channel: `info` says which one is here")]
    OtherChannel(Box<ImportError>),
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
    #[error("the value of node {id} is not kept here, since the node does not count")]
    Unwanted { id: NodeId },
    #[error("node {id} says who may write, and holds no value: `members --all` shows what became of it")]
    OfChannel { id: NodeId },
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
    #[error("found {}", show::count(*.0, "problem", "problems"))]
    Problems(u64),
    #[error(transparent)]
    Chat(#[from] saga::Error),
    #[error("cannot go on the network")]
    Network(#[from] saga::swarm::JoinError),
    #[error("there is no folder for data here, since there is no home: give one with --dir")]
    NoDataDir,
    #[error("cannot {what} {}", path.display())]
    File { what: &'static str, path: PathBuf, source: std::io::Error },
    #[error(
        "{} does not say which channel was open last: open it with --join KEY, or found one with --new",
        path.display()
    )]
    NoLast { path: PathBuf },
    #[error(
        "the folder of the last channel is gone ({}): open it with --join KEY, or found another with --new",
        path.display()
    )]
    LastIsGone { path: PathBuf },
    #[error("cannot use the terminal")]
    Terminal(#[source] std::io::Error),
    #[error("cannot start a thread")]
    Thread(#[source] std::io::Error),
    #[error("{} not sent: nobody let this writer in in time", show::count(*messages, "message was", "messages were"))]
    NotSent { messages: u64 },
    #[error("{} not sent, as it was said", show::count(*lines, "line was", "lines were"))]
    Refused { lines: u64 },
}

/// How `dupsh` runs a program and its command on two folders.
fn by_dupsh(call: &str) -> String {
    let (program, command) = call.split_once(' ').unwrap_or((call, ""));
    format!("`dupsh '{program} -d a {command}' '{program} -d b {command}'`")
}

/// What to do about it.
const fn to_be_authorized(why: &NotAuthorized) -> &'static str {
    match why {
        NotAuthorized::Revoked { .. } => "an admin can authorize it again",
        NotAuthorized::Never { .. } => "hand this key to one, then sync",
        _ => "an admin has to authorize it",
    }
}

/// Why the local writer may not write, if that is what the policy says.
fn not_authorized(refusal: &Refusal) -> Option<NotAuthorized> {
    refusal.0.downcast_ref().cloned()
}

impl From<hyperlog::Error> for Failure {
    fn from(error: hyperlog::Error) -> Self {
        match &error {
            hyperlog::Error::Policy(refusal) => match not_authorized(refusal) {
                Some(NotAuthorized::Empty) => Self::WritesTooEarly,
                Some(why) => Self::NotAuthorized { why },
                None => Self::Graph(error),
            },
            _ => Self::Graph(error),
        }
    }
}

impl From<hyperkv::Error> for Failure {
    fn from(error: hyperkv::Error) -> Self {
        match error {
            hyperkv::Error::Log(error @ hyperlog::Error::Policy(_)) => error.into(),
            error => Self::Map(error),
        }
    }
}

impl From<hyperlog_writers::Error> for Failure {
    fn from(error: hyperlog_writers::Error) -> Self {
        match error {
            hyperlog_writers::Error::Log(error) => error.into(),
            hyperlog_writers::Error::Empty => Self::NothingHere,
            error => Self::Channel(error),
        }
    }
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
        if let Some(line) = self.of_kinds() {
            return show::one_line(&line);
        }
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
        if let Some(hint) = self.hint() {
            line.push_str(": ");
            line.push_str(hint);
        }
        show::one_line(&line)
    }

    /// The line for logs that do not go together, where the library that failed knows nothing of channels.
    fn of_kinds(&self) -> Option<String> {
        let kinds = |theirs: &str, ours: &str| {
            (theirs == KIND || ours == KIND).then(|| (theirs.to_owned(), ours.to_owned()))
        };
        match self {
            Self::Sync(error) => match &error.cause {
                Cause::OtherTopic => {
                    Some("the other side is another channel: `info` says which one a folder holds".into())
                }
                Cause::OtherKind { theirs, ours } => {
                    let (theirs, ours) = kinds(theirs, ours)?;
                    let what = format!(
                        "the other side is {}, this one {}",
                        show::kind_of_log(&theirs),
                        show::kind_of_log(&ours)
                    );
                    Some(match (theirs.as_str(), ours.as_str()) {
                        (OPEN_LOG, _) => format!("{what}: run `open CHANNEL` there first"),
                        (_, OPEN_LOG) => format!("{what}: run `open CHANNEL` here first"),
                        _ => format!("{what}: they cannot sync"),
                    })
                }
                _ => None,
            },
            Self::Import(error) => {
                let ImportCause::OtherKind { found, wanted } = &error.cause else { return None };
                let (found, wanted) = kinds(found, wanted)?;
                let what = match wanted.as_str() {
                    OPEN_LOG => "run `open CHANNEL` here first",
                    _ => "it goes into a folder of its own",
                };
                let (found, wanted) = (show::kind_of_log(&found), show::kind_of_log(&wanted));
                Some(format!("{error}: this is an export of {found}, and here is {wanted}: {what}"))
            }
            Self::Open { dir, source: OpenError::OtherKind { found, wanted } } => {
                let dir = dir.display();
                if found == KIND {
                    Some(format!("cannot open the log in {dir}: this is a channel of hyperlog"))
                } else {
                    let (found, wanted) = kinds(found, wanted)?;
                    let (found, wanted) = (show::kind_of_log(&found), show::kind_of_log(&wanted));
                    Some(format!("cannot open the log in {dir}: this is {found}, not {wanted}"))
                }
            }
            _ => None,
        }
    }

    /// What to do about it, where the library that failed does not know.
    fn hint(&self) -> Option<&'static str> {
        let Self::Found(FoundError::Folder(FolderError::Io { .. })) = self else { return None };
        Some("--recovery takes another place")
    }
}
