//! The program `scuttleup`.

use std::io::{self, IsTerminal, Write};
use std::process::ExitCode;

use clap::{Parser, Subcommand};
use replicate::Mode;
use scuttleup::{Entry, Log, Read, Seq, WriterId};
use serde_json::json;

use crate::cli::{Common, say, start, tell_lost};
use crate::error::Failure;
use crate::show;
use crate::sync::{self, Follower, Names, SyncArgs, Way};

/// Numbered, signed logs, one per writer, in a folder.
#[derive(Debug, Parser)]
#[command(name = "scuttleup", version)]
pub struct Cli {
    #[command(flatten)]
    common: Common,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Append an entry, and print its peer and number
    Append {
        /// The value
        #[arg(allow_hyphen_values = true)]
        value: String,
    },
    /// Print entries in local order
    Read {
        /// Only the last so many
        #[arg(long, value_name = "N")]
        tail: Option<u64>,
    },
    /// Print the value of an entry
    Entry {
        /// Whose
        peer: WriterId,
        /// Its number
        seq: u64,
    },
    /// Delete the value of an entry here, for good
    Del {
        /// Whose
        peer: WriterId,
        /// Its number
        seq: u64,
    },
    /// Sync with another log over standard input and output, as `dupsh` pipes it
    Replicate {
        #[command(flatten)]
        way: Way,
        #[command(flatten)]
        args: SyncArgs,
    },
}

impl Cli {
    /// Runs the command.
    #[must_use]
    pub fn run(self) -> ExitCode {
        let Self { common, command } = self;
        start("scuttleup", &common, || {
            let folder = common.folder()?;
            let log = folder.log();
            let log = log.map_err(common.open_failed())?;
            tracing::info!(writer = %log.writer(), entries = log.last().0, "opened the log");
            tell_lost(log.opened(), log.check_caught_up().is_ok(), &common);
            run(&log, common.json, command)
        })
    }
}

fn run(log: &Log, json: bool, command: Command) -> Result<(), Failure> {
    match command {
        Command::Append { value } => append(log, json, value),
        Command::Read { tail } => read(log, json, tail),
        Command::Entry { peer, seq } => entry(log, json, &peer, Seq(seq)),
        Command::Del { peer, seq } => Ok(log.del(&peer, Seq(seq))?),
        Command::Replicate { way, args } => replicate(log, json, way.mode(), &args),
    }
}

const NAMES: Names = Names { call: "scuttleup replicate", one: "entry", many: "entries" };

fn replicate(log: &Log, json: bool, mode: Mode, args: &SyncArgs) -> Result<(), Failure> {
    let follower = args.print.then(|| follow(log, json));
    let synced = sync::run(log, None, mode, args, &NAMES, json);
    if let Some(follower) = follower {
        let printed = follower.finish()?;
        for entry in log.read(Read::all().since(printed)) {
            say(&shown(&entry?, json));
        }
    }
    synced
}

/// Prints entries as they come.
fn follow(log: &Log, json: bool) -> Follower<scuttleup::Change> {
    let mut last = log.visible();
    let reader = log.read(Read::all().since(last).live(true));
    Follower::new(reader.stop_handle(), move || {
        // A log that cannot be read is the session's to report.
        for entry in reader.map_while(Result::ok) {
            last = entry.change();
            say(&shown(&entry, json));
        }
        last
    })
}

fn shown(entry: &Entry, json: bool) -> String {
    if json { show::entry_json(entry) } else { show::entry_line(entry) }
}

fn append(log: &Log, json: bool, value: String) -> Result<(), Failure> {
    let appended = log.append(value)?;
    let mut out = io::stdout().lock();
    if json {
        let (peer, id) = (appended.writer.to_string(), appended.id.to_string());
        writeln!(out, "{}", json!({ "peer": peer, "seq": appended.seq.0, "id": id }))?;
    } else {
        writeln!(out, "{} {}", appended.writer, appended.seq)?;
    }
    Ok(())
}

fn read(log: &Log, json: bool, tail: Option<u64>) -> Result<(), Failure> {
    let since = tail.map_or(0, |tail| log.last().0.saturating_sub(tail));
    let mut out = io::BufWriter::new(io::stdout().lock());
    for entry in log.read(Read::all().since(scuttleup::Change(since))) {
        writeln!(out, "{}", shown(&entry?, json))?;
    }
    Ok(out.flush()?)
}

fn entry(log: &Log, json: bool, peer: &WriterId, seq: Seq) -> Result<(), Failure> {
    let value = log.entry(peer, seq)?;
    let mut out = io::stdout().lock();
    if json {
        return Ok(writeln!(out, "{}", show::value_of_json(peer, seq, &value))?);
    }
    let terminal = out.is_terminal();
    show::write_value(&value, &mut out, terminal)?;
    Ok(out.flush()?)
}
