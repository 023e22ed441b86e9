//! Starting, failing, and what every program takes.

use std::cell::RefCell;
use std::io::{IsTerminal, Write};
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{ArgAction, Args};
use hyperlog::{Hyperlog, Topic};
use hyperlog_writers::{Channel, ChannelKey};
use scuttleup::disk::Folder;
use tracing_subscriber::filter::LevelFilter;

use crate::error::Failure;
use crate::show;
use scuttleup::Opened;

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
    /// What is said once the command went well.
    #[arg(skip)]
    at_the_end: RefCell<Option<String>>,
}

/// What a folder holds.
pub(crate) struct Graph {
    pub(crate) log: Hyperlog,
    /// None where everybody may write.
    pub(crate) channel: Option<Channel>,
}

impl Common {
    /// Opens the folder, and says so when it is new.
    pub(crate) fn folder(&self) -> Result<Folder, Failure> {
        let folder = Folder::open(&self.dir);
        let folder = folder.map_err(|source| Failure::Folder { dir: self.dir.clone(), source })?;
        if folder.has_new_identity() {
            say(&format!("new writer {} in {}", folder.identity().writer(), self.dir()));
        }
        if let Some(torn) = folder.torn() {
            let torn = show::one_line(&torn.to_string_lossy());
            say(&format!(
                "a crash left the end of the journal in pieces: they are kept in {torn}; what was synced is here"
            ));
        }
        Ok(folder)
    }

    /// The graph in the folder, a channel or not; says what is not as it was.
    pub(crate) fn graph(&self, folder: &Folder) -> Result<Graph, Failure> {
        let graph = match self.channel_key(folder)? {
            Some(key) => {
                let channel = Channel::open_in(folder, key).map_err(self.open_failed())?;
                Graph { log: channel.log().clone(), channel: Some(channel) }
            }
            None => Graph { log: Hyperlog::open_in(folder).map_err(self.open_failed())?, channel: None },
        };
        let log = &graph.log;
        tracing::info!(writer = %log.writer(), nodes = log.last().0, "opened the log");
        tell_lost(log.opened(), log.check_caught_up().is_ok(), self);
        Ok(graph)
    }

    /// The channel whose log is in the folder. Opens nothing.
    pub(crate) fn channel_key(&self, folder: &Folder) -> Result<Option<ChannelKey>, Failure> {
        let topic = folder.topic().map_err(self.open_failed())?;
        Ok(topic.filter(|topic| *topic != Topic::OPEN).map(Into::into))
    }

    /// The folder's name, for a line.
    pub(crate) fn dir(&self) -> String {
        show::one_line(&self.dir.to_string_lossy())
    }

    pub(crate) fn open_failed(&self) -> impl FnOnce(hyperlog::OpenError) -> Failure {
        let dir = self.dir.clone();
        move |source| Failure::Open { dir, source }
    }

    fn trace(&self) {
        let level = match self.verbose {
            // What is worth a warning the commands say in their own words.
            0 => LevelFilter::ERROR,
            1 => LevelFilter::INFO,
            2 => LevelFilter::DEBUG,
            _ => LevelFilter::TRACE,
        };
        // A second subscriber is only refused in tests that share a process; there the first one does.
        let _ = tracing_subscriber::fmt()
            .with_max_level(level)
            .with_writer(std::io::stderr)
            .with_ansi(std::io::stderr().is_terminal())
            .log_internal_errors(false)
            .without_time()
            .try_init();
    }
}

/// Runs a program: tracing, then the command, then its failure as one line.
pub(crate) fn start(name: &str, common: &Common, command: impl FnOnce() -> Result<(), Failure>) -> ExitCode {
    common.trace();
    match command() {
        Ok(()) => {
            if let Some(line) = common.at_the_end.take() {
                say(&line);
            }
            ExitCode::SUCCESS
        }
        Err(failure) if failure.is_broken_pipe() => ExitCode::SUCCESS,
        Err(failure) => {
            say(&format!("{name}: {}", failure.line()));
            ExitCode::FAILURE
        }
    }
}

/// Says that something which was durable is gone. Of our own it is said once the command went well: one that writes says so
/// itself.
pub(crate) fn tell_lost(opened: Opened, caught_up: bool, common: &Common) {
    if opened.lost_commits == 0 {
        return;
    }
    let lost = show::count(opened.lost_commits, "commit", "commits");
    if caught_up {
        say(&format!("older than it was: {lost} of others are not here any more; import them again"));
    } else {
        let own =
            format!("older than it was: {lost}, our own among them, are not here any more; `info` says more");
        common.at_the_end.replace(Some(own));
    }
}

/// Says a line on standard error. That nobody listens is no reason to stop, or to panic as `eprintln` does.
pub(crate) fn say(line: &str) {
    let _ = writeln!(std::io::stderr(), "{line}");
}
