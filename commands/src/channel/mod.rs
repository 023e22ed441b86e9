//! Who may write: the commands that `hyperlog` and `hyperkv` have alike.

mod begin;
mod end;
mod given;
mod grant;
mod standing;
mod who;

use std::io::{self, Write};
use std::path::PathBuf;

use clap::{ArgGroup, Subcommand};
use hyperlog::disk::Folder;
use hyperlog::{NodeId, WriterId};
use hyperlog_writers::{Channel, ChannelKey, Keep};
use serde_json::Value;

pub(crate) use given::GivenKey;
pub(crate) use standing::{Marks, Standing, Turned, void_count};
pub(crate) use who::{NOT_KNOWN, Own, count_members, name_of};

use crate::cli::Common;
use crate::error::Failure;
use crate::show;

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Found a channel, where only who is authorized writes, and print its key
    Found {
        /// What to call it: 1 to 64 bytes
        name: String,
        /// Where the recovery key goes [default: DIR.recovery, beside the folder]
        #[arg(long, value_name = "FILE")]
        recovery: Option<PathBuf>,
    },
    /// Open a channel by its key, and print the key of the writer here
    Open {
        /// What `found` printed
        key: ChannelKey,
    },
    /// Print who may write in the channel, and by which grant
    Members {
        /// Print each grant that there ever was: open, revoked or void
        ///
        /// open: it stands.
        /// revoked: it was ended, or given back; what was kept of what was written under it counts.
        /// void: who made it had no right to; nothing under it counts.
        #[arg(long, verbatim_doc_comment)]
        all: bool,
    },
    /// Let a writer write in the channel, and print the id of the grant
    Authorize {
        /// What `whoami` prints where the writer is
        key: GivenKey,
        /// Let it authorize others, too
        #[arg(long)]
        admin: bool,
    },
    /// End the grants of a writer, and print the ids of the revocations
    Revoke(Revoke),
    /// Give back one's own grants, and print the ids of the revocations
    Resign,
    /// Print the key of the writer here
    Whoami,
}

#[derive(Debug, clap::Args)]
#[command(group(ArgGroup::new("whose").required(true).args(["key", "grant"])))]
pub(crate) struct Revoke {
    /// Whose grants
    key: Option<GivenKey>,
    /// This grant alone
    #[arg(long, value_name = "ID")]
    grant: Option<NodeId>,
    /// Keep this node and all before it; may be given again [default: all that is here]
    #[arg(long, value_name = "ID")]
    keep: Vec<NodeId>,
    /// Keep nothing that the writer wrote
    #[arg(long, conflicts_with = "keep")]
    keep_none: bool,
}

impl Revoke {
    fn keep(&self) -> Keep {
        if self.keep.is_empty() && !self.keep_none { Keep::Here } else { Keep::Only(self.keep.clone()) }
    }
}

/// Runs a command.
pub(crate) fn run(common: &Common, folder: &Folder, command: Command) -> Result<(), Failure> {
    match command {
        Command::Found { name, recovery } => begin::found(common, folder, &name, recovery),
        Command::Open { key } => begin::open(common, folder, key),
        Command::Members { all: false } => who::members(&channel(common, folder)?, common.json),
        Command::Members { all: true } => who::grants(&channel(common, folder)?, common.json),
        Command::Authorize { key, admin } => {
            grant::authorize(&channel(common, folder)?, key, admin, common.json)
        }
        Command::Revoke(what) => end::revoke(&channel(common, folder)?, &what, common.json),
        Command::Resign => end::resign(&channel(common, folder)?, common.json),
        Command::Whoami => who::am_i(common, folder),
    }
}

/// The channel in the folder. One that holds none is left as it is.
fn channel(common: &Common, folder: &Folder) -> Result<Channel, Failure> {
    let no_channel = || Failure::NoChannel { dir: common.dir() };
    common.channel_key(folder)?.ok_or_else(no_channel)?;
    common.graph(folder)?.channel.ok_or_else(no_channel)
}

/// The recovery key's writer; none before anything of the channel is here.
fn root(channel: &Channel) -> Result<Option<WriterId>, Failure> {
    Ok(channel.genesis()?.map(|genesis| genesis.root))
}

/// Before that nothing can be said of anybody.
fn something_is_here(channel: &Channel) -> Result<(), Failure> {
    if channel.genesis()?.is_none() { Err(Failure::NothingHere) } else { Ok(()) }
}

/// Prints a line: as JSON, or for people.
fn print(json: bool, object: &Value, line: &str) -> Result<(), Failure> {
    let line = if json { show::json_line(object) } else { line.to_owned() };
    Ok(writeln!(io::stdout(), "{line}")?)
}
