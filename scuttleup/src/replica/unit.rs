//! Entries that are collected to be sent as one group.

use std::collections::{BTreeMap, BTreeSet};

use crate::entry::{BranchNo, Entry};
use crate::header::UNIT_BYTES;
use crate::ids::{EntryId, Seq};

/// What is sent at once, where it can be cut there. More would only cost memory at both ends, and let the one wait
/// longer for the other.
const ENOUGH_BYTES: usize = 256 << 10;

/// At most one unit. It can be cut where every entry so far is covered by a signature, and nowhere else: what
/// lies between two such places is a *segment*.
#[derive(Debug, Default)]
pub(super) struct Unit {
    entries: Vec<Entry>,
    size: usize,
    /// How many entries stand before the segment at hand.
    closed: usize,
    /// Entries that no signature covers yet.
    open: BTreeSet<EntryId>,
    /// The last entry of each branch in here.
    reached: BTreeMap<BranchNo, Seq>,
}

impl Unit {
    pub(super) fn fits(&self, entry: &Entry) -> bool {
        self.size + entry.header.size() <= UNIT_BYTES
    }

    pub(super) fn push(&mut self, entry: Entry) {
        if let Some(prev) = &entry.header.prev {
            self.open.remove(prev);
        }
        if entry.signature.is_none() {
            self.open.insert(entry.id);
        }
        self.size += entry.header.size();
        self.reached.insert(entry.branch, entry.seq());
        self.entries.push(entry);
        if self.open.is_empty() {
            self.closed = self.entries.len();
        }
    }

    /// Whether everything in here is covered.
    pub(super) fn is_closed(&self) -> bool {
        self.closed == self.entries.len()
    }

    /// Whether it can go as it is, and is large enough to be worth it.
    pub(super) fn is_enough(&self) -> bool {
        self.is_closed() && self.size >= ENOUGH_BYTES
    }

    /// Whether anything can be cut off.
    pub(super) fn is_cuttable(&self) -> bool {
        self.closed > 0
    }

    /// The last entry of a branch in here; 0 for none.
    pub(super) fn reached(&self, branch: BranchNo) -> Seq {
        self.reached.get(&branch).copied().unwrap_or(Seq(0))
    }

    /// Takes the segments that are whole; what is left begins the next unit.
    pub(super) fn take_closed(&mut self) -> Vec<Entry> {
        let rest = self.entries.split_off(self.closed);
        std::mem::replace(self, Self::of(rest)).entries
    }

    /// Takes the segment at hand, which may be open.
    pub(super) fn take_segment(&mut self) -> Vec<Entry> {
        let segment = self.entries.split_off(self.closed);
        *self = Self::of(std::mem::take(&mut self.entries));
        segment
    }

    pub(super) fn retain(&mut self, keep: impl Fn(&Entry) -> bool) {
        if self.entries.iter().all(&keep) {
            return;
        }
        let entries = std::mem::take(&mut self.entries);
        *self = Self::of(entries.into_iter().filter(keep).collect());
    }

    /// Takes all there is, covered or not.
    #[cfg(feature = "testing")]
    pub(super) fn cut_anywhere(&mut self) {
        self.closed = self.entries.len();
    }

    fn of(entries: Vec<Entry>) -> Self {
        let mut unit = Self::default();
        entries.into_iter().for_each(|entry| unit.push(entry));
        unit
    }
}
