//! What the peer lacks, in local order: so what an entry names goes before it.

use std::collections::BTreeMap;

use level::Order;
use replicate::Outgoing;

use super::LogExchange;
use crate::entry::Entry;
use crate::error::Error;
use crate::group::{Group, Received};
use crate::ids::{Change, EntryId};

/// After so many entries in a row that the peer has, the next one that it lacks is looked up. That costs about as
/// much as to read these.
const SKIPPED_MAX: usize = 64;

/// Why reading stopped.
enum Stopped {
    /// The unit is full.
    Full,
    /// The peer has nearly all of what lies here.
    Sparse,
    /// Nothing is left to be read.
    End,
}

impl LogExchange {
    pub(super) fn send_missing(&mut self) -> Result<Option<Outgoing>, Error> {
        self.drop_what_came_meanwhile();
        let to = self.snapshot.last;
        while let Stopped::Sparse = self.scan(to, SKIPPED_MAX)? {
            if !self.seek()? {
                self.at = to;
            }
        }
        self.emit()
    }

    pub(super) fn send_live(&mut self) -> Result<Option<Outgoing>, Error> {
        self.drop_what_came_meanwhile();
        self.at = self.at.max(self.snapshot.last);
        self.scan(self.end_of_live(), usize::MAX)?;
        self.emit()
    }

    /// Own entries that are not durable yet are not shown.
    fn end_of_live(&self) -> Change {
        #[cfg(feature = "testing")]
        if self.defect == Some(super::Defect::NoDurabilityGate) {
            return self.log.last();
        }
        self.log.visible()
    }

    /// What was collected and not sent yet may have come from the peer itself since.
    fn drop_what_came_meanwhile(&mut self) {
        let Self { unit, book, .. } = self;
        unit.retain(|entry| !book.has(entry.branch, entry.seq()));
    }

    /// Collects what the peer lacks, up to `to`.
    fn scan(&mut self, to: Change, skipped_max: usize) -> Result<Stopped, Error> {
        if self.at >= to {
            return Ok(Stopped::End);
        }
        let log = self.log.clone();
        for entry in log.inner.store.entries(Change(self.at.0 + 1), to, Order::Ascending) {
            let entry = entry?;
            let (change, ends_group) = (entry.change, entry.ends_group);
            if self.book.has(entry.branch, entry.seq()) || !self.may_send(&entry)? {
                self.skipped += 1;
            } else if self.unit.fits(&entry) {
                self.skipped = 0;
                self.unit.push(entry);
            } else if self.unit.is_cuttable() {
                return Ok(Stopped::Full);
            } else {
                return Err(damaged_group(change));
            }
            self.at = change;
            if ends_group && !self.unit.is_closed() {
                self.close_segment(change)?;
            }
            #[cfg(feature = "testing")]
            if self.defect == Some(super::Defect::CutGroups) && !self.unit.is_closed() {
                self.unit.cut_anywhere();
                return Ok(Stopped::Full);
            }
            if self.unit.is_enough() {
                return Ok(Stopped::Full);
            }
            // Where a segment is open, its end may lie behind entries that the peer has.
            if self.skipped >= skipped_max && self.unit.is_closed() {
                return Ok(Stopped::Sparse);
            }
        }
        if self.at < to {
            return Err(Error::damaged(format!(
                "entry {} of the local order, which is missing",
                self.at.0 + 1
            )));
        }
        // The local order ends where a group does.
        if self.unit.is_closed() { Ok(Stopped::End) } else { Err(damaged_group(to)) }
    }

    /// A stored group ends with entries in it that nothing covers: what would cover them is left out. So are they,
    /// and what depends on them.
    fn close_segment(&mut self, at: Change) -> Result<(), Error> {
        #[cfg(feature = "testing")]
        if self.defect.is_some() && self.stops.is_empty() {
            self.unit.cut_anywhere();
            return Ok(());
        }
        if self.stops.is_empty() {
            return Err(damaged_group(at));
        }
        let segment = self.unit.take_segment();
        let uncovered = self.uncovered(&segment);
        for (entry, uncovered) in segment.into_iter().zip(uncovered) {
            if uncovered {
                self.stops.stop(entry.branch, entry.seq(), self.snapshot.end(entry.branch));
            } else {
                self.unit.push(entry);
            }
        }
        if self.unit.is_closed() { Ok(()) } else { Err(damaged_group(at)) }
    }

    /// Which entries of a segment are not covered, or depend on such. Each entry, and each of its parents, is looked
    /// at once: a peer may have made the segment.
    fn uncovered(&self, segment: &[Entry]) -> Vec<bool> {
        let mut web = Web::new(segment);
        for (place, entry) in segment.iter().enumerate() {
            web.follow(place, entry.header.prev);
            for parent in self.parents(entry) {
                web.depend(place, parent);
            }
        }
        web.uncovered()
    }

    fn emit(&mut self) -> Result<Option<Outgoing>, Error> {
        let entries = self.unit.take_closed();
        let (Some(first), Some(last)) = (entries.first(), entries.last()) else { return Ok(None) };
        let (first, last) = (first.change, last.change);
        for entry in &entries {
            self.book.sent(entry.branch, entry.seq());
        }
        let count = entries.len() as u64;
        let received: Vec<Received> = entries.into_iter().map(Received::from).collect();
        let group = self.group(received).map_err(|_| {
            Error::damaged(format!("a group among entries {first} to {last} of the local order"))
        })?;
        Ok(Some(Outgoing { bytes: group.encode(&**self.log.extension()).into(), entries: count }))
    }

    fn group(&self, entries: Vec<Received>) -> Result<Group, crate::error::GroupError> {
        #[cfg(feature = "testing")]
        if let Some(defect) = self.defect {
            return Ok(defect.group(self.log.topic(), entries));
        }
        Group::new(self.log.topic(), entries)
    }
}

fn damaged_group(at: Change) -> Error {
    Error::damaged(format!("the group of entry {at} of the local order"))
}

/// Which entries of a segment need which.
struct Web {
    places: BTreeMap<EntryId, usize>,
    nodes: Vec<Node>,
}

#[derive(Default)]
struct Node {
    signed: bool,
    prev: Option<usize>,
    /// Entries that name it as `prev` and are not dropped.
    followers: usize,
    /// Entries that name it in any way.
    dependents: Vec<usize>,
    dropped: bool,
}

impl Web {
    fn new(segment: &[Entry]) -> Self {
        let places = segment.iter().enumerate().map(|(place, entry)| (entry.id, place)).collect();
        let node = |entry: &Entry| Node { signed: entry.signature.is_some(), ..Node::default() };
        Self { places, nodes: segment.iter().map(node).collect() }
    }

    fn follow(&mut self, place: usize, prev: Option<EntryId>) {
        let Some(prev) = prev.and_then(|prev| self.places.get(&prev).copied()) else { return };
        if let Some(node) = self.nodes.get_mut(place) {
            node.prev = Some(prev);
        }
        if let Some(node) = self.nodes.get_mut(prev) {
            node.followers += 1;
            node.dependents.push(place);
        }
    }

    fn depend(&mut self, place: usize, parent: EntryId) {
        if let Some(node) = self.places.get(&parent).and_then(|parent| self.nodes.get_mut(*parent)) {
            node.dependents.push(place);
        }
    }

    /// Drops what is not covered, what depends on that, what is then not covered any more, and so on.
    fn uncovered(mut self) -> Vec<bool> {
        let bare = |(place, node): (usize, &Node)| (!node.signed && node.followers == 0).then_some(place);
        let mut to_drop: Vec<usize> = self.nodes.iter().enumerate().filter_map(bare).collect();
        while let Some(place) = to_drop.pop() {
            let Some(node) = self.nodes.get_mut(place).filter(|node| !node.dropped) else { continue };
            node.dropped = true;
            to_drop.append(&mut node.dependents);
            let Some(prev) = node.prev else { continue };
            let Some(node) = self.nodes.get_mut(prev) else { continue };
            node.followers -= 1;
            if node.followers == 0 && !node.signed {
                to_drop.push(prev);
            }
        }
        self.nodes.into_iter().map(|node| node.dropped).collect()
    }
}
