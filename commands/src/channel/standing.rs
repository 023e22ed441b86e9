//! Which nodes count.

use std::collections::BTreeSet;

use hyperlog::{Change, Hyperlog, Node, WriterId};
use hyperlog_writers::{Channel, Role};
use serde_json::{Value, json};

use super::Own;
use super::who::{ENDED, READER, ROOT};
use crate::error::Failure;
use crate::show;

/// Nodes that are looked at together.
const WINDOW: u64 = 1024;

/// Tells which nodes of a listing do not count, many at a time. Where there is no channel it looks at nothing.
pub(crate) struct Marks<'a> {
    log: Option<&'a Hyperlog>,
    /// What has been looked at.
    seen: (u64, u64),
    void: BTreeSet<Change>,
}

impl<'a> Marks<'a> {
    pub(crate) fn of(channel: Option<&'a Channel>) -> Self {
        Self { log: channel.map(Channel::log), seen: (1, 0), void: BTreeSet::new() }
    }

    pub(crate) fn is_void(&mut self, node: &Node) -> Result<bool, Failure> {
        let Some(log) = self.log else { return Ok(false) };
        let Change(change) = node.change;
        if !(self.seen.0..=self.seen.1).contains(&change) {
            // Around it, whichever way the listing goes.
            let start = change - change % WINDOW;
            self.seen = (start.max(1), start + WINDOW - 1);
            self.void = log.void_between(Change(self.seen.0), Change(self.seen.1))?;
        }
        Ok(self.void.contains(&node.change))
    }
}

/// What counted at some moment, and who could write, to be compared with later. O(nodes that do not count, and grants).
pub(crate) struct Standing<'a> {
    channel: &'a Channel,
    last: Change,
    epoch: u64,
    void: BTreeSet<Change>,
    members: BTreeSet<(WriterId, Role)>,
    role: Option<String>,
}

/// What changed by what came.
pub(crate) struct Turned {
    /// Of the nodes that were here: do not count any more.
    voided: usize,
    /// Of the nodes that were here: count again.
    restored: usize,
    /// Who may write now and could not, or not by this role.
    more: Vec<(WriterId, Role)>,
    /// Who could.
    fewer: Vec<(WriterId, Role)>,
    /// What the local writer was, and what it is.
    role: (Option<String>, Option<String>),
}

impl<'a> Standing<'a> {
    pub(crate) fn now(channel: &'a Channel) -> Result<Self, Failure> {
        let (epoch, last) = (channel.log().epoch(), channel.log().last());
        let void = channel.log().void_between(Change(1), last)?;
        let (members, role) = (members(channel)?, Own::of(channel)?.role);
        Ok(Self { channel, last, epoch, void, members, role })
    }

    /// Compares with what counts now.
    pub(crate) fn turned(&self) -> Result<Turned, Failure> {
        let log = self.channel.log();
        let (mut voided, mut restored) = (0, 0);
        if log.epoch() != self.epoch {
            let void = log.void_between(Change(1), self.last)?;
            voided = void.difference(&self.void).count();
            restored = self.void.difference(&void).count();
        }
        let now = members(self.channel)?;
        let more = now.difference(&self.members).copied().collect();
        let fewer = self.members.difference(&now).copied().collect();
        let role = (self.role.clone(), Own::of(self.channel)?.role);
        Ok(Turned { voided, restored, more, fewer, role })
    }
}

fn members(channel: &Channel) -> Result<BTreeSet<(WriterId, Role)>, Failure> {
    Ok(channel.members()?.into_iter().map(|member| (member.key, member.role)).collect())
}

impl Turned {
    /// Lines for people; none when all is as it was.
    pub(crate) fn lines(&self) -> Vec<String> {
        let mut lines = Vec::new();
        let mut parts = Vec::new();
        match self.voided {
            0 => {}
            1 => parts.push("1 node does not count any more".to_owned()),
            n => parts.push(format!("{n} nodes do not count any more")),
        }
        match self.restored {
            0 => {}
            1 => parts.push("1 node counts again".to_owned()),
            n => parts.push(format!("{n} nodes count again")),
        }
        if !parts.is_empty() {
            lines.push(format!("what counts here changed: {}", parts.join("; ")));
        }
        let parts: Vec<String> =
            [how_many(&self.more, "more"), how_many(&self.fewer, "fewer")].into_iter().flatten().collect();
        if !parts.is_empty() {
            lines.push(format!("{}: `members` lists them", parts.join(", ")));
        }
        lines.extend(self.role_line());
        lines
    }

    fn role_line(&self) -> Option<String> {
        let (before, now) = &self.role;
        if before == now {
            return None;
        }
        Some(match (before.as_deref(), now.as_deref()?) {
            (_, ROOT) => "this is the recovery key: it can authorize and revoke".into(),
            (_, READER) => "this writer is a reader: to write, an admin has to authorize it".into(),
            (_, ENDED) => "this writer may not write any more".into(),
            (Some("admin"), "writer") => "this writer is no admin any more, and may write".into(),
            (_, "writer") => "this writer may write now".into(),
            (_, role) => format!("this writer is {role} now"),
        })
    }

    /// The same for programs.
    pub(crate) fn to_json(&self) -> Value {
        let members = |members: &[(WriterId, Role)]| -> Vec<Value> {
            let object =
                |(key, role): &(WriterId, Role)| json!({ "key": key.to_string(), "role": role.to_string() });
            members.iter().map(object).collect()
        };
        let (before, now) = &self.role;
        json!({
            "voided": self.voided, "restored": self.restored,
            "more": members(&self.more), "fewer": members(&self.fewer),
            "role": now, "role_changed": before != now,
        })
    }
}

/// How many of each role.
fn how_many(members: &[(WriterId, Role)], than: &str) -> Vec<String> {
    let admins = members.iter().filter(|(_, role)| *role == Role::Admin).count();
    let roles = [(members.len() - admins, "writer", "writers"), (admins, "admin", "admins")];
    let some = roles.into_iter().filter(|(n, ..)| *n > 0);
    some.map(|(n, one, many)| format!("{} {than}", show::count(n as u64, one, many))).collect()
}

/// How many nodes do not count. O(that).
pub(crate) fn void_count(log: &Hyperlog) -> Result<u64, Failure> {
    Ok(log.void_between(Change(1), log.last())?.len() as u64)
}

/// How many nodes, in words.
pub(super) fn nodes(n: u64) -> String {
    show::count(n, "node", "nodes")
}
