//! What is in a log.

use std::io::{self, Write};

use hyperlog::Hyperlog;
use hyperlog::disk::Folder;
use hyperlog_writers::{Channel, ChannelKey};
use serde_json::{Value, json};

use crate::channel::{self, Own};
use crate::error::Failure;
use crate::show;

/// Says it.
pub(crate) fn run(
    folder: &Folder,
    log: &Hyperlog,
    channel: Option<&Channel>,
    json: bool,
) -> Result<(), Failure> {
    let channel = channel.map(OfChannel::read).transpose()?;
    let (nodes, writers, heads) = (log.last().0, log.writers(), log.heads()?.len());
    let forks = log.forks()?;
    let caught_up = log.check_caught_up();
    let mut out = io::stdout().lock();
    if json {
        let mut info = json!({
            "dir": folder.path().to_string_lossy(),
            "writer": log.writer().to_string(),
            "nodes": nodes,
            "writers": writers,
            "heads": heads,
            "forks": forks.len(),
            "needs_catch_up": caught_up.is_err(),
        });
        if let Some(channel) = &channel {
            channel.add_to(&mut info);
        }
        return Ok(writeln!(out, "{}", show::json_line(&info))?);
    }
    writeln!(out, "folder   {}", show::one_line(&folder.path().to_string_lossy()))?;
    writeln!(out, "writer   {}", log.writer())?;
    if let Some(OfChannel { key, own, members, admins, void }) = &channel {
        writeln!(out, "channel  {key}")?;
        writeln!(out, "name     {}", channel::name_of(own.name.as_deref()))?;
        writeln!(out, "role     {}", own.role.as_deref().unwrap_or(channel::NOT_KNOWN))?;
        writeln!(out, "members  {members}, of them {}", show::count(*admins as u64, "admin", "admins"))?;
        writeln!(out, "void     {} of the nodes", void)?;
    }
    writeln!(out, "nodes    {nodes}")?;
    writeln!(out, "writers  {writers}")?;
    writeln!(out, "heads    {heads}")?;
    writeln!(out, "forks    {}", forks.len())?;
    for fork in &forks {
        writeln!(out, "         {}", fork_line(fork))?;
    }
    if let Err(error) = caught_up {
        writeln!(out, "behind   {error}")?;
    }
    Ok(())
}

/// What is said of a channel besides.
struct OfChannel {
    key: ChannelKey,
    own: Own,
    members: usize,
    admins: usize,
    /// Nodes that do not count.
    void: u64,
}

impl OfChannel {
    fn read(channel: &Channel) -> Result<Self, Failure> {
        let (members, admins) = channel::count_members(channel)?;
        let void = channel::void_count(channel.log())?;
        Ok(Self { key: channel.key(), own: Own::of(channel)?, members, admins, void })
    }

    fn add_to(&self, info: &mut Value) {
        let Self { key, own: Own { name, role }, members, admins, void } = self;
        info["channel"] = json!(key.to_string());
        info["name"] = json!(name);
        info["role"] = json!(role);
        info["members"] = json!(members);
        info["admins"] = json!(admins);
        info["void"] = json!(void);
    }
}

/// A fork for people.
pub(crate) fn fork_line(fork: &hyperlog::Fork) -> String {
    format!("writer {} has two entries {}: {} and {}", fork.writer, fork.seq, fork.lower, fork.higher)
}
