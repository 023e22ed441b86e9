//! Which nodes count.

use std::collections::BTreeSet;

use hyperlog::{Change, Hyperlog, Node};
use hyperlog_writers::Channel;
use serde_json::{Value, json};

use super::Own;
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

/// What counted at some moment, to be compared with later. O(nodes that do not count).
pub(crate) struct Standing<'a> {
    channel: &'a Channel,
    last: Change,
    epoch: u64,
    void: BTreeSet<Change>,
    role: Option<String>,
}

/// What became of nodes that were here already.
pub(crate) struct Turned {
    /// Do not count any more.
    voided: usize,
    /// Count again.
    restored: usize,
    /// What the local writer may do now, if that is not what it was.
    role: Option<Option<String>>,
}

impl<'a> Standing<'a> {
    pub(crate) fn now(channel: &'a Channel) -> Result<Self, Failure> {
        let (epoch, last) = (channel.log().epoch(), channel.log().last());
        let void = channel.log().void_between(Change(1), last)?;
        Ok(Self { channel, last, epoch, void, role: Own::of(channel)?.role })
    }

    /// Compares with what counts now.
    pub(crate) fn turned(&self) -> Result<Turned, Failure> {
        let role = Own::of(self.channel)?.role;
        let role = (role != self.role).then_some(role);
        let log = self.channel.log();
        if log.epoch() == self.epoch {
            return Ok(Turned { voided: 0, restored: 0, role });
        }
        let void = log.void_between(Change(1), self.last)?;
        let voided = void.difference(&self.void).count();
        Ok(Turned { voided, restored: self.void.difference(&void).count(), role })
    }
}

impl Turned {
    /// A line for people; none when all is as it was.
    pub(crate) fn line(&self) -> Option<String> {
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
        parts.extend(self.role.as_ref().map(|role| match role.as_deref() {
            None => "this writer may not write".to_owned(),
            Some("revoked") => "this writer may not write any more".to_owned(),
            Some("writer") => "this writer may write now".to_owned(),
            Some(role) => format!("this writer is {role} now"),
        }));
        (!parts.is_empty()).then(|| format!("who may write changed: {}", parts.join("; ")))
    }

    /// The same for programs.
    pub(crate) fn to_json(&self) -> Value {
        json!({ "voided": self.voided, "restored": self.restored, "role_changed": self.role.is_some() })
    }
}

/// How many nodes do not count. O(that).
pub(crate) fn void_count(log: &Hyperlog) -> Result<u64, Failure> {
    Ok(log.void_between(Change(1), log.last())?.len() as u64)
}

/// How many nodes, in words.
pub(super) fn nodes(n: u64) -> String {
    show::count(n, "node", "nodes")
}
