//! What goes wrong on purpose: whoever checks sessions shows with these that the check would see it.

use std::collections::BTreeSet;

use replicate::Point;

use super::LogExchange;
use super::book::Source;
use crate::group::{Group, Received};
use crate::ids::{Seq, Topic};

/// A fault in what a log does in a session, switched on by [`Options::defect`](crate::Options::defect).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Defect {
    /// Sends a group whenever there is something to send, also where nothing covers it yet.
    CutGroups,
    /// Keeps the last signature of each writer in a group, in place of that of each branch.
    OneSignaturePerWriter,
    /// Takes what the peer named, and the ends of what it sent, for single entries that it has, and not for all that
    /// lies before them.
    OpenBook,
    /// Shows own entries to peers before they are durable.
    NoDurabilityGate,
    /// Takes an entry that the peer named and that is not here for one of ours with its number: a vector with a number
    /// a writer.
    NoLocate,
}

impl Defect {
    /// A group that is not checked before it is sent.
    pub(super) fn group(self, topic: Topic, mut entries: Vec<Received>) -> Group {
        if self == Self::OneSignaturePerWriter {
            let mut signed = BTreeSet::new();
            for entry in entries.iter_mut().rev().filter(|entry| entry.signature.is_some()) {
                if !signed.insert(entry.header.writer) {
                    entry.signature = None;
                }
            }
        }
        Group::unchecked(topic, entries)
    }
}

impl LogExchange {
    /// The peer has entry `seq` of this writer, whichever branch it is of: see [`Defect::NoLocate`].
    pub(super) fn assume(&mut self, point: &Point) {
        let Self { log, snapshot, book, .. } = self;
        let tips = snapshot.tips.iter().zip(&snapshot.branches);
        log.while_nobody_writes(|chains, _| {
            for (tip, branch) in tips.filter(|(tip, _)| tip.writer == point.writer) {
                book.note(chains, *branch, Seq(point.seq.min(tip.seq)), Source::Named);
            }
        });
    }
}
