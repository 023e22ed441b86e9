//! Who writes here, and who may.

use std::io::{self, Write};

use hyperlog::WriterId;
use hyperlog::disk::Folder;
use hyperlog_writers::{Channel, ChannelKey, Grant, Role, State};
use serde_json::{Value, json};

use super::print;
use crate::cli::{Common, say};
use crate::error::Failure;
use crate::show;

/// What the local writer is in a channel.
pub(crate) struct Own {
    /// None before anything of the channel is here.
    pub(crate) name: Option<String>,
    /// `root`, `admin`, `writer`, `ended` when that is over, or `reader`. None before anything of the channel is here: then
    /// it is not known.
    pub(crate) role: Option<String>,
}

impl Own {
    pub(crate) fn of(channel: &Channel) -> Result<Self, Failure> {
        let Some(genesis) = channel.genesis()? else { return Ok(Self { name: None, role: None }) };
        Ok(Self { name: Some(genesis.name), role: Some(role(channel, genesis.root)?) })
    }

    pub(crate) fn line(&self, key: ChannelKey) -> String {
        let role = match self.role.as_deref() {
            Some(ENDED) => "ended: it can only read",
            Some(role) => role,
            None => NOT_KNOWN,
        };
        format!("channel {key}, {}; role here: {role}", name_of(self.name.as_deref()))
    }
}

/// What is said for a role of which nothing is known.
pub(crate) const NOT_KNOWN: &str = "not known before a sync";
pub(super) const ROOT: &str = "root";
/// All its grants were revoked, or given back.
pub(super) const ENDED: &str = "ended";
/// Nobody authorized it.
pub(super) const READER: &str = "reader";

fn role(channel: &Channel, root: WriterId) -> Result<String, Failure> {
    let writer = channel.log().writer();
    if root == writer {
        return Ok(ROOT.into());
    }
    if let Some(role) = channel.role(&writer)? {
        return Ok(role.to_string());
    }
    let had_one = channel.grants()?.iter().any(|grant| grant.key == writer);
    Ok(if had_one { ENDED } else { READER }.into())
}

/// The name of a channel, which anybody may have chosen.
pub(crate) fn name_of(name: Option<&str>) -> String {
    match name {
        Some(name) => format!("\"{}\"", show::one_line(name)),
        None => "of which nothing is here yet".into(),
    }
}

/// How many members there are, and how many of them are admins.
pub(crate) fn count_members(channel: &Channel) -> Result<(usize, usize), Failure> {
    let members = channel.members()?;
    let admins = members.iter().filter(|member| member.role == Role::Admin).count();
    Ok((members.len(), admins))
}

/// Tells who writes here. Of a folder without a channel the log is not opened, so that none is founded.
pub(super) fn am_i(common: &Common, folder: &Folder) -> Result<(), Failure> {
    let writer = folder.identity().writer().to_string();
    let Some(key) = common.channel_key(folder)? else {
        let nothing = json!({ "writer": writer, "channel": null, "name": null, "role": null });
        return print(common.json, &nothing, &writer);
    };
    let own = Own::of(&super::channel(common, folder)?)?;
    let object = json!({ "writer": writer, "channel": key.to_string(), "name": own.name, "role": own.role });
    print(common.json, &object, &writer)?;
    if !common.json {
        say(&own.line(key));
    }
    Ok(())
}

/// Prints who may write, ascending by key: the same wherever the same nodes are.
pub(super) fn members(channel: &Channel, json: bool) -> Result<(), Failure> {
    let mut out = io::BufWriter::new(io::stdout().lock());
    for member in channel.members()? {
        // Of several, the first that allows all that the member may do.
        let Some(grant) = member.grants.iter().find(|grant| grant.role == member.role) else { continue };
        let line = if json {
            let mut object = grant_json(grant);
            object["grants"] = member.grants.iter().map(|grant| grant.id.to_string()).collect();
            show::json_line(&object)
        } else {
            let more = match member.grants.len() {
                1 => String::new(),
                n => format!("  (of {n} grants)"),
            };
            format!("{}{more}", grant_line(grant))
        };
        writeln!(out, "{line}")?;
    }
    out.flush()?;
    tell_nothing(channel)
}

/// Prints all grants that there ever were, ascending by key, and what became of them.
pub(super) fn grants(channel: &Channel, json: bool) -> Result<(), Failure> {
    let mut grants = channel.grants()?;
    // Stable: the grants of a key stay ascending by id.
    grants.sort_by_key(|grant| grant.key);
    let mut out = io::BufWriter::new(io::stdout().lock());
    for grant in &grants {
        let state = state_word(grant.state);
        let line = if json {
            let mut object = grant_json(grant);
            object["state"] = json!(state);
            show::json_line(&object)
        } else {
            format!("{}  {state}", grant_line(grant))
        };
        writeln!(out, "{line}")?;
    }
    out.flush()?;
    tell_nothing(channel)
}

/// Says so when nothing has come yet.
fn tell_nothing(channel: &Channel) -> Result<(), Failure> {
    if channel.genesis()?.is_none() {
        say("nothing of the channel is here yet: sync first");
    }
    Ok(())
}

fn grant_json(grant: &Grant) -> Value {
    json!({
        "key": grant.key.to_string(),
        "role": grant.role.to_string(),
        "by": grant.by.to_string(),
        "grant": grant.id.to_string(),
    })
}

fn grant_line(grant: &Grant) -> String {
    // Who was granted by the genesis itself was by the root, which is nobody's everyday key.
    let by = if grant.depth == 1 { "root".into() } else { show::short(&grant.by.to_string()) };
    format!("{}  {:<6}  by {by:<8}  {}", grant.key, grant.role, grant.id)
}

const fn state_word(state: State) -> &'static str {
    match state {
        State::Open => "open",
        State::Revoked => "revoked",
        State::Void => "void",
        _ => "unknown",
    }
}
