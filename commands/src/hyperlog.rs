//! The program `hyperlog`.

use std::io::{self, IsTerminal, Write};
use std::path::PathBuf;
use std::process::ExitCode;

use bytes::Bytes;
use clap::{Parser, Subcommand};
use hyperlog::disk::Folder;
use hyperlog::{Change, Checked, Content, Hyperlog, ImportCause, Imported, Node, NodeId, Read};
use hyperlog_writers::Channel;
use replicate::Mode;
use serde_json::json;

use crate::channel::{self, Marks, Standing, Turned};
use crate::cli::{Common, Graph, say, start};
use crate::error::Failure;
use crate::progress::Progress;
use crate::sync::{self, Follower, Names, SyncArgs, Way};
use crate::{backup, info, lines, show};

/// An append-only graph of signed nodes in a folder.
#[derive(Debug, Parser)]
#[command(name = "hyperlog", version)]
pub struct Cli {
    #[command(flatten)]
    common: Common,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Add a node, and print its id
    Add {
        /// A node that it links to; may be given again
        #[arg(long = "link", value_name = "ID")]
        links: Vec<NodeId>,
        /// Add each line of standard input, linked to the line before it; stored 10,000 at a time
        #[arg(long, conflicts_with = "value")]
        lines: bool,
        /// With --lines: all lines in one commit, or none
        #[arg(long, requires = "lines", conflicts_with = "value")]
        atomic: bool,
        /// The value
        #[arg(required_unless_present = "lines", allow_hyphen_values = true)]
        value: Option<String>,
    },
    /// Add a node that links to all heads, and print its id
    Append {
        /// The value
        #[arg(allow_hyphen_values = true)]
        value: String,
    },
    /// Print the value of a node
    Get {
        /// Its id
        id: NodeId,
    },
    /// Print nodes in local order
    List {
        /// Only nodes after this change
        #[arg(long, value_name = "N", default_value_t = 0)]
        since: u64,
        /// At most so many
        #[arg(long, value_name = "N")]
        limit: Option<u64>,
        /// Newest first
        #[arg(long)]
        reverse: bool,
    },
    /// Print the nodes that no other node links to
    Heads,
    /// Print what is in the log
    Info,
    /// Check every hash, signature and index
    Fsck,
    /// Copy the database, without the key, to a new folder
    Backup {
        /// A folder for the copy; it opens as a log of a new writer
        dir: PathBuf,
    },
    /// Write the log to standard output, to keep or to carry
    Export,
    /// Read exports from standard input, any number of them one after the other
    Import,
    /// Sync with another log over standard input and output, as `dupsh` pipes it
    Replicate {
        #[command(flatten)]
        way: Way,
        #[command(flatten)]
        args: SyncArgs,
    },
    #[command(flatten)]
    Channel(channel::Command),
}

impl Cli {
    /// Runs the command.
    #[must_use]
    pub fn run(self) -> ExitCode {
        let Self { common, command } = self;
        start("hyperlog", &common, || {
            let folder = common.folder()?;
            if let Command::Channel(command) = command {
                return channel::run(&common, &folder, command);
            }
            let Graph { log, channel } = common.graph(&folder)?;
            Program { common: &common, folder: &folder, log, channel }.run(command)
        })
    }
}

const NAMES: Names = Names { call: "hyperlog replicate", one: "node", many: "nodes" };

struct Program<'a> {
    common: &'a Common,
    folder: &'a Folder,
    log: Hyperlog,
    channel: Option<Channel>,
}

impl Program<'_> {
    fn run(&self, command: Command) -> Result<(), Failure> {
        match command {
            Command::Add { links, lines: true, atomic, .. } => self.add_lines(links, atomic),
            Command::Add { links, value, .. } => self.add(&links, value.unwrap_or_default()),
            Command::Append { value } => self.append(value),
            Command::Get { id } => self.get(&id),
            Command::List { since, limit, reverse } => self.list(since, limit, reverse),
            Command::Heads => self.heads(),
            Command::Info => info::run(self.folder, &self.log, self.channel.as_ref(), self.common.json),
            Command::Fsck => self.fsck(),
            Command::Backup { dir } => backup::run(self.folder, dir, self.common.json),
            Command::Export => self.export(),
            Command::Import => self.import(),
            Command::Replicate { way, args } => self.replicate(way.mode(), &args),
            // They begin before there is a log.
            Command::Channel(command) => channel::run(self.common, self.folder, command),
        }
    }

    fn add(&self, links: &[NodeId], value: String) -> Result<(), Failure> {
        let node = self.log.add(links, Bytes::from(value))?;
        Ok(writeln!(io::stdout(), "{}", self.added(&node))?)
    }

    fn append(&self, value: String) -> Result<(), Failure> {
        let node = self.log.append(Bytes::from(value))?;
        Ok(writeln!(io::stdout(), "{}", self.added(&node))?)
    }

    fn add_lines(&self, links: Vec<NodeId>, atomic: bool) -> Result<(), Failure> {
        let mut out = io::BufWriter::new(io::stdout().lock());
        let mut heard = true;
        lines::add(&self.log, links, &mut io::stdin().lock(), atomic, |nodes| {
            let mut lines = nodes.iter().map(|node| writeln!(out, "{}", self.added(node)));
            let told =
                if heard { lines.try_for_each(|line| line).and_then(|()| out.flush()) } else { Ok(()) };
            match told {
                // Who has seen enough ids still wants all lines stored.
                Err(error) if error.kind() == io::ErrorKind::BrokenPipe => heard = false,
                told => told?,
            }
            Ok(())
        })
    }

    /// What is said of a node that was added.
    fn added(&self, node: &Node) -> String {
        if self.common.json { show::node_json(node, false) } else { node.id.to_string() }
    }

    fn get(&self, id: &NodeId) -> Result<(), Failure> {
        let node = self.log.get(id)?;
        let mut out = io::stdout().lock();
        if self.common.json {
            let void = Marks::of(self.channel.as_ref()).is_void(&node)?;
            return Ok(writeln!(out, "{}", show::node_json(&node, void))?);
        }
        let value = node.value().ok_or(match node.value {
            Content::Deleted => Failure::Deleted { id: *id },
            Content::Unwanted => Failure::Unwanted { id: *id },
            Content::Policy => Failure::OfChannel { id: *id },
            _ => Failure::Pending { id: *id },
        })?;
        let terminal = out.is_terminal();
        show::write_value(value, &mut out, terminal)?;
        Ok(out.flush()?)
    }

    fn list(&self, since: u64, limit: Option<u64>, reverse: bool) -> Result<(), Failure> {
        let mut what = Read::all().since(Change(since)).reverse(reverse);
        if let Some(limit) = limit {
            what = what.limit(limit);
        }
        let mut marks = Marks::of(self.channel.as_ref());
        let mut out = io::BufWriter::new(io::stdout().lock());
        for node in self.log.changes(what) {
            let node = node?;
            let void = marks.is_void(&node)?;
            writeln!(out, "{}", shown(&node, void, self.common.json))?;
        }
        Ok(out.flush()?)
    }

    fn heads(&self) -> Result<(), Failure> {
        let mut out = io::BufWriter::new(io::stdout().lock());
        for id in self.log.heads()? {
            if self.common.json {
                writeln!(out, "{}", show::node_json(&self.log.get(&id)?, false))?;
            } else {
                writeln!(out, "{id}")?;
            }
        }
        Ok(out.flush()?)
    }

    fn fsck(&self) -> Result<(), Failure> {
        let progress = Progress::new("nodes", self.log.last().0);
        let checked = self.log.fsck_with(|done, _| progress.set(done))?;
        drop(progress);
        let told = self.tell_checked(&checked);
        // Damage is the worse news, whether or not somebody heard it all.
        if checked.is_clean() { told } else { Err(Failure::Problems(checked.problems_total)) }
    }

    fn tell_checked(&self, checked: &Checked) -> Result<(), Failure> {
        let mut out = io::stdout().lock();
        if self.common.json {
            let problems: Vec<_> = checked
                .problems
                .iter()
                .map(|problem| json!({ "change": problem.change.0, "what": problem.what }))
                .collect();
            let report = json!({
                "nodes": checked.entries,
                "groups": checked.groups,
                "signatures": checked.signatures,
                "deleted": checked.deleted,
                "pending": checked.pending,
                "problems_total": checked.problems_total,
                "problems": problems,
            });
            writeln!(out, "{}", show::json_line(&report))?;
        } else {
            for problem in &checked.problems {
                writeln!(out, "{}", show::one_line(&problem.to_string()))?;
            }
            let verdict = if checked.is_clean() { "clean" } else { "damaged" };
            writeln!(
                out,
                "{verdict}: {} nodes in {} groups, {} signatures, {} values deleted, {} not here yet",
                checked.entries, checked.groups, checked.signatures, checked.deleted, checked.pending
            )?;
        }
        Ok(())
    }

    fn replicate(&self, mode: Mode, args: &SyncArgs) -> Result<(), Failure> {
        let follower = args.print.then(|| self.follow());
        let synced = sync::run(&self.log, self.channel.as_ref(), mode, args, &NAMES, self.common.json);
        if let Some(follower) = follower {
            let printed = follower.finish()?;
            let mut marks = Marks::of(self.channel.as_ref());
            for node in self.log.changes(Read::all().since(printed)) {
                let node = node?;
                say(&shown(&node, marks.is_void(&node)?, self.common.json));
            }
        }
        synced
    }

    /// Prints nodes as they come.
    fn follow(&self) -> Follower<Change> {
        let (mut last, json) = (self.log.visible(), self.common.json);
        let channel = self.channel.clone();
        let changes = self.log.changes(Read::all().since(last).live(true));
        Follower::new(changes.stop_handle(), move || {
            // A log that cannot be read is the session's to report.
            for node in changes.map_while(Result::ok) {
                last = node.change;
                // Looked at anew each time: what counts changes with what comes.
                let void = Marks::of(channel.as_ref()).is_void(&node).unwrap_or(false);
                say(&shown(&node, void, json));
            }
            last
        })
    }

    fn export(&self) -> Result<(), Failure> {
        let mut out = io::stdout().lock();
        if out.is_terminal() {
            return Err(Failure::ExportToTerminal);
        }
        let progress = Progress::new("nodes", self.log.visible().0);
        let done = self.log.export_with(&mut out, |done, _| progress.set(done))?;
        drop(progress);
        say(&format!("exported {}, {} bytes", show::count(done.entries, "node", "nodes"), done.bytes));
        Ok(())
    }

    fn import(&self) -> Result<(), Failure> {
        let standing = self.channel.as_ref().map(Standing::now).transpose()?;
        let progress = Progress::new("nodes", 0);
        let done =
            self.log.import_with(io::stdin().lock(), |done| progress.set(done.stored + done.duplicates));
        drop(progress);
        let done = done.map_err(|error| match error.cause {
            ImportCause::OtherTopic if self.channel.is_some() => Failure::OtherChannel(Box::new(error)),
            _ => error.into(),
        })?;
        let turned = standing.map(|standing| standing.turned()).transpose()?;
        if self.common.json {
            let forks: Vec<_> = done.forks.iter().map(fork_json).collect();
            let mut report = json!({
                "exports": done.exports, "new": done.stored, "known": done.duplicates,
                "filled": done.filled, "bytes": done.bytes, "forks": forks,
            });
            if let Some(turned) = &turned {
                report["standing"] = turned.to_json();
            }
            writeln!(io::stdout(), "{}", show::json_line(&report))?;
        } else {
            say(&import_line(&done));
        }
        for fork in &done.forks {
            say(&format!("fork: {}", info::fork_line(fork)));
        }
        turned.iter().flat_map(Turned::lines).for_each(|line| say(&line));
        Ok(())
    }
}

fn shown(node: &Node, void: bool, json: bool) -> String {
    if json { show::node_json(node, void) } else { show::node_line(node, void) }
}

fn import_line(done: &Imported) -> String {
    let Imported { exports, stored, duplicates, filled, .. } = done;
    let new = show::count(*stored, "new node", "new nodes");
    let filled = match filled {
        0 => String::new(),
        n => format!(", {}", show::count(*n, "missing value", "missing values")),
    };
    let exports = show::count(*exports, "export", "exports");
    format!("imported {new}{filled} from {exports}; {duplicates} already here")
}

fn fork_json(fork: &hyperlog::Fork) -> serde_json::Value {
    json!({
        "writer": fork.writer.to_string(), "seq": fork.seq.0,
        "lower": fork.lower.to_string(), "higher": fork.higher.to_string(),
    })
}
