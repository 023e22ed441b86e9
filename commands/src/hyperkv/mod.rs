//! The program `hyperkv`.

mod args;
mod import;
mod keep_up;
mod numbers;
mod print;
mod rows;
mod sync;
mod write;

use std::io::{self, Write as _};
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Parser, Subcommand};
use hyperkv::{HyperKv, Json, Moment, NodeId, Select};
use hyperlog::disk::Folder;
use hyperlog_writers::Channel;
use replicate::Mode;
use serde_json::{Value, json};

use crate::channel;
use crate::cli::{Common, Graph, start};
use crate::error::Failure;
use crate::sync::SyncArgs;
use crate::{backup, info, show};
pub(crate) use rows::RowError;

use args::{Keys, parse_json};

/// A map that keeps both sides of a conflict, in a folder.
#[derive(Debug, Parser)]
#[command(name = "hyperkv", version)]
pub struct Cli {
    #[command(flatten)]
    common: Common,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Give a key a value, and print the id of the node that says so
    Put {
        /// The key
        #[arg(allow_hyphen_values = true)]
        key: String,
        /// The value, in JSON: text needs quotes of its own, as in '"ana"'
        #[arg(value_name = "JSON", value_parser = parse_json, allow_hyphen_values = true)]
        value: Value,
        /// Supersede this write and no other; may be given again [default: all current values]
        #[arg(long = "link", value_name = "ID")]
        links: Vec<NodeId>,
    },
    /// Print what a key holds: one JSON object, by the ids of the nodes that say so
    Get {
        /// The key
        #[arg(allow_hyphen_values = true)]
        key: String,
    },
    /// Delete a key as far as is known here, and print the id of the node that says so
    Del {
        /// The key
        #[arg(allow_hyphen_values = true)]
        key: String,
        /// Supersede this write and no other; may be given again [default: all current values]
        #[arg(long = "link", value_name = "ID")]
        links: Vec<NodeId>,
    },
    /// Print keys and what they hold
    List(Keys),
    /// Print all that was ever written of a key and counts, newest first
    ///
    /// What does not count is not there: `hyperlog list` shows it, marked as void.
    History {
        /// The key
        #[arg(allow_hyphen_values = true)]
        key: String,
    },
    /// Print the keys that hold several values
    Conflicts {
        /// Only keys that begin with this
        #[arg(long, value_name = "P", allow_hyphen_values = true)]
        prefix: Option<String>,
    },
    /// Print the keys that held something else before than after
    Diff {
        /// A change number, or what `version` printed
        from: Moment,
        /// The same
        to: Moment,
        /// Only keys that begin with this
        #[arg(long, value_name = "P", allow_hyphen_values = true)]
        prefix: Option<String>,
    },
    /// Print the name of what is in the map now; it is the same wherever the same is there
    Version,
    /// Read puts and dels from standard input, one JSON object a line: one commit, or nothing
    ///
    /// {"type":"put","key":"a","value":1} or {"type":"del","key":"a"}; with "links":[ID, ..] they supersede these
    /// writes and no others. Prints the ids.
    #[command(verbatim_doc_comment)]
    Batch,
    /// Read rows from standard input, one JSON object a line, any number of them
    ///
    /// {"key":"a","value":1} or {"type":"del","key":"a"}. They are stored 10,000 at a time. A row that says
    /// what its key holds already, as its one value, is left out: a file that has every key once changes
    /// nothing the second time.
    #[command(verbatim_doc_comment)]
    Import {
        /// Every line is a value, and this field of it, a text or a number, is the key
        #[arg(long, value_name = "FIELD")]
        key: Option<String>,
    },
    /// Sync with another map over standard input and output, as `dupsh` pipes it
    Sync(SyncArgs),
    /// As `sync`, but only send
    Push(SyncArgs),
    /// As `sync`, but only receive
    Pull(SyncArgs),
    /// Throw the view away, and build it anew from the log
    Reindex,
    /// Print what is in the log
    Info,
    /// Copy the database, without the key, to a new folder
    Backup {
        /// A folder for the copy; it opens as a map of a new writer
        dir: PathBuf,
    },
    #[command(flatten)]
    Channel(channel::Command),
}

impl Command {
    /// Whether it reads the view as it is when the command begins.
    const fn reads(&self) -> bool {
        !matches!(
            self,
            Self::Version
                | Self::Sync(_)
                | Self::Push(_)
                | Self::Pull(_)
                | Self::Reindex
                | Self::Info
                | Self::Backup { .. }
                | Self::Channel(_)
        )
    }
}

impl Cli {
    /// Runs the command.
    #[must_use]
    pub fn run(self) -> ExitCode {
        let Self { common, command } = self;
        start("hyperkv", &common, || {
            let folder = common.folder()?;
            if let Command::Channel(command) = command {
                return channel::run(&common, &folder, command);
            }
            let Graph { log, channel } = common.graph(&folder)?;
            let kv = HyperKv::over(&log, folder.level())?;
            if command.reads() {
                keep_up::catch_up(&kv)?;
            }
            Program { common: &common, folder: &folder, kv, channel }.run(command)
        })
    }
}

/// The map as the program sees it: values of any shape.
type Kv = HyperKv<Json<Value>>;

struct Program<'a> {
    common: &'a Common,
    folder: &'a Folder,
    kv: Kv,
    channel: Option<Channel>,
}

impl Program<'_> {
    fn run(&self, command: Command) -> Result<(), Failure> {
        match command {
            Command::Put { key, value, links } => self.put(&key, value, links),
            Command::Get { key } => self.get(&key),
            Command::Del { key, links } => self.del(&key, links),
            Command::List(keys) => self.list(self.kv.list(keys.select())?),
            Command::History { key } => self.history(&key),
            Command::Conflicts { prefix } => self.list(self.kv.conflicts(under(prefix))?),
            Command::Diff { from, to, prefix } => self.diff(from, to, prefix),
            Command::Version => self.version(),
            Command::Batch => self.batch(),
            Command::Import { key } => self.import(key),
            Command::Sync(args) => self.sync(Mode::Sync, &args),
            Command::Push(args) => self.sync(Mode::Push, &args),
            Command::Pull(args) => self.sync(Mode::Pull, &args),
            Command::Reindex => keep_up::reindex(&self.kv, self.common.json),
            Command::Info => info::run(self.folder, self.kv.log(), self.channel.as_ref(), self.common.json),
            Command::Backup { dir } => backup::run(self.folder, dir, self.common.json),
            // They begin before there is a log.
            Command::Channel(command) => channel::run(self.common, self.folder, command),
        }
    }

    fn get(&self, key: &str) -> Result<(), Failure> {
        let mut out = io::BufWriter::new(io::stdout().lock());
        print::values(&self.kv, key.as_bytes(), self.kv.get(key)?, &mut out)?;
        out.write_all(b"\n")?;
        Ok(out.flush()?)
    }

    fn list(
        &self,
        entries: impl Iterator<Item = Result<print::Entry, hyperkv::Error>>,
    ) -> Result<(), Failure> {
        let mut out = io::BufWriter::new(io::stdout().lock());
        for entry in entries {
            print::entry(&self.kv, entry?, self.common.json, &mut out)?;
        }
        Ok(out.flush()?)
    }

    fn history(&self, key: &str) -> Result<(), Failure> {
        let mut out = io::BufWriter::new(io::stdout().lock());
        for written in self.kv.history(key)? {
            let written = written?;
            let line =
                if self.common.json { print::written_json(&written) } else { print::written_line(&written) };
            writeln!(out, "{line}")?;
        }
        Ok(out.flush()?)
    }

    fn diff(&self, from: Moment, to: Moment, prefix: Option<String>) -> Result<(), Failure> {
        let mut out = io::BufWriter::new(io::stdout().lock());
        let last = self.kv.log().last();
        for moment in [&from, &to] {
            if let Moment::Change(change) = moment
                && *change > last
            {
                return Err(Failure::NoChange { change: *change, last });
            }
        }
        let then = (&self.kv.at(from.clone())?, &self.kv.at(to.clone())?);
        for difference in self.kv.diff(from, to, under(prefix))? {
            print::difference(then, difference?, self.common.json, &mut out)?;
        }
        Ok(out.flush()?)
    }

    fn version(&self) -> Result<(), Failure> {
        let version = self.kv.version().to_string();
        let line = if self.common.json {
            show::json_line(&json!({ "version": version, "change": self.kv.log().last().0 }))
        } else {
            version
        };
        Ok(writeln!(io::stdout(), "{line}")?)
    }
}

fn under(prefix: Option<String>) -> Select {
    prefix.map_or_else(Select::all, |prefix| Select::all().prefix(prefix))
}
