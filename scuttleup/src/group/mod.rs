//! The unit that travels, is checked and is stored as one: entries, each covered by a signature.
//!
//! Doubt ends here: bytes decode to a [`Group`], whose hashes are its own but which nobody vouches for;
//! [`Log::verify`](crate::Log::verify) turns it into a [`Verified`], and the store takes nothing else.

mod codec;
mod verify;

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use bytes::Bytes;

use crate::entry::Entry;
use crate::error::GroupError;
use crate::extension::Earlier;
use crate::header::{Header, UNIT_BYTES};
use crate::ids::{Change, EntryId, Topic};

pub use codec::{put_reference, take_reference};
pub(crate) use verify::verify;

/// An entry that came from outside, with its id hashed from its own bytes.
#[derive(Clone)]
pub(crate) struct Received {
    pub(crate) id: EntryId,
    pub(crate) header: Header,
    /// None when it comes hollow: without its value.
    pub(crate) value: Option<Bytes>,
    pub(crate) signature: Option<[u8; 64]>,
}

impl From<Entry> for Received {
    /// An entry as it goes out again: with its value where that is here.
    fn from(entry: Entry) -> Self {
        let value = entry.value().bytes().cloned();
        let Entry { id, header, signature, .. } = entry;
        Self { id, header, value, signature }
    }
}

impl fmt::Debug for Received {
    /// Shows the id and that there is a value, never its contents: values can be private.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { id, header, value, .. } = self;
        f.debug_struct("Received")
            .field("id", id)
            .field("header", header)
            .field("here", &value.is_some())
            .finish()
    }
}

/// A group that nobody vouches for yet. Its ids are the hashes of its headers, its values match their
/// hashes, it measures at most [`UNIT_BYTES`] and every entry is covered; the signatures are unchecked.
#[derive(Clone, Debug)]
pub struct Group {
    topic: Topic,
    entries: Vec<Received>,
}

/// A group that may be stored in the log that verified it, now or later.
///
/// That does not go stale: an entry that was stored stays stored, and admission depends on the entry
/// and on what it names only.
#[derive(Debug)]
pub struct Verified {
    /// Entries that were not stored when the group was verified.
    pub(crate) fresh: Vec<Received>,
    /// Values for entries that are stored, perhaps without.
    pub(crate) known: Vec<Received>,
    /// The last entry that was stored when verifying began: while it is the last, what was fresh still is.
    pub(crate) as_of: Change,
    /// The log that vouches for it.
    pub(crate) log: u64,
}

impl Group {
    /// Collects entries that are to travel together. Signatures are kept where they are needed, on the
    /// last entry of each branch, and dropped elsewhere.
    ///
    /// # Errors
    ///
    /// [`GroupError`] when the group is empty, too large, holds an entry twice or leaves one uncovered.
    pub(crate) fn new(topic: Topic, mut entries: Vec<Received>) -> Result<Self, GroupError> {
        drop_needless_signatures(&mut entries);
        Self::checked(topic, entries)
    }

    /// As [`new`](Self::new), without looking whether it is a group at all.
    #[cfg(feature = "testing")]
    pub(crate) fn unchecked(topic: Topic, mut entries: Vec<Received>) -> Self {
        drop_needless_signatures(&mut entries);
        Self { topic, entries }
    }

    /// The checks that need no store: size, no repetition, and a signature exactly where one is needed.
    fn checked(topic: Topic, entries: Vec<Received>) -> Result<Self, GroupError> {
        let size: usize = entries.iter().map(|entry| entry.header.size()).sum();
        if entries.is_empty() {
            return Err(GroupError::Empty);
        }
        if size > UNIT_BYTES {
            return Err(GroupError::TooLarge { size });
        }
        let ids: BTreeSet<EntryId> = entries.iter().map(|entry| entry.id).collect();
        if ids.len() != entries.len() {
            return Err(GroupError::Repeated);
        }
        let followed: BTreeSet<EntryId> = entries.iter().filter_map(|entry| entry.header.prev).collect();
        for entry in &entries {
            match (followed.contains(&entry.id), entry.signature.is_some()) {
                (false, false) => return Err(GroupError::Uncovered { id: entry.id }),
                (true, true) => return Err(GroupError::NeedlessSignature { id: entry.id }),
                _ => {}
            }
        }
        Ok(Self { topic, entries })
    }

    /// Entries in the group; at least 1.
    #[must_use]
    #[expect(clippy::len_without_is_empty, reason = "a group is never empty")]
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// What the group measures against [`UNIT_BYTES`].
    #[must_use]
    pub fn size(&self) -> usize {
        self.entries.iter().map(|entry| entry.header.size()).sum()
    }

    /// The ids in the group, in order.
    pub fn ids(&self) -> impl Iterator<Item = EntryId> + '_ {
        self.entries.iter().map(|entry| entry.id)
    }

    pub(crate) fn received(&self) -> impl Iterator<Item = &Received> {
        self.entries.iter()
    }
}

fn drop_needless_signatures(entries: &mut [Received]) {
    let followed: BTreeSet<EntryId> = entries.iter().filter_map(|entry| entry.header.prev).collect();
    for entry in entries {
        if followed.contains(&entry.id) {
            entry.signature = None;
        }
    }
}

/// What surrounds an entry in its group, which is what lets it be written short.
#[derive(Clone, Copy)]
pub struct Near<'a> {
    /// The writer's previous entry.
    pub prev: Option<EntryId>,
    /// `ext` of the entry before it in the group, whoever wrote that.
    pub before: Option<&'a Bytes>,
    earlier: &'a Numbered,
}

impl fmt::Debug for Near<'_> {
    /// Shows the length of what comes before, never its contents.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let before = self.before.map(Bytes::len);
        f.debug_struct("Near").field("prev", &self.prev).field("before_len", &before).finish_non_exhaustive()
    }
}

impl Near<'_> {
    /// How far back in the group an entry stands: 1 is the one just before.
    #[must_use]
    pub fn distance(&self, id: &EntryId) -> Option<usize> {
        self.earlier.places.get(id).map(|place| self.earlier.ids.len() - place)
    }

    /// The entry that stands so far back.
    #[must_use]
    pub fn at_distance(&self, distance: usize) -> Option<EntryId> {
        self.earlier.ids.get(self.earlier.ids.len().checked_sub(distance)?).copied()
    }
}

/// The ids of a group so far, by place and back.
#[derive(Debug, Default)]
struct Numbered {
    ids: Vec<EntryId>,
    places: BTreeMap<EntryId, usize>,
}

impl Numbered {
    fn push(&mut self, id: EntryId) {
        self.places.insert(id, self.ids.len());
        self.ids.push(id);
    }
}

/// Entries that stand before the one at hand, in order. They are found by id, through an index that is only
/// made when it is asked: most entries name the one just before.
#[derive(Debug, Default)]
pub(crate) struct Drafts {
    entries: Vec<Received>,
    index: RefCell<Index>,
}

#[derive(Debug, Default)]
struct Index {
    places: BTreeMap<EntryId, usize>,
    /// Entries that are in it.
    indexed: usize,
}

impl Drafts {
    pub(crate) fn push(&mut self, entry: Received) {
        self.entries.push(entry);
    }

    pub(crate) fn len(&self) -> usize {
        self.entries.len()
    }

    pub(crate) fn last(&self) -> Option<&Received> {
        self.entries.last()
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &Received> {
        self.entries.iter()
    }

    /// Forgets all but the first `len`.
    pub(crate) fn truncate(&mut self, len: usize) {
        let index = self.index.get_mut();
        for entry in self.entries.drain(len.min(self.entries.len())..) {
            index.places.remove(&entry.id);
        }
        index.indexed = index.indexed.min(self.entries.len());
    }

    pub(crate) fn into_entries(self) -> Vec<Received> {
        self.entries
    }

    pub(crate) fn find(&self, id: &EntryId) -> Option<&Received> {
        let last = self.entries.last()?;
        if last.id == *id {
            return Some(last);
        }
        let mut index = self.index.borrow_mut();
        for (place, entry) in self.entries.iter().enumerate().skip(index.indexed) {
            index.places.insert(entry.id, place);
        }
        index.indexed = self.entries.len();
        self.entries.get(*index.places.get(id)?)
    }
}

impl Earlier for Drafts {
    fn contains(&self, id: &EntryId) -> bool {
        self.find(id).is_some()
    }

    fn get(&self, id: &EntryId) -> Option<Received> {
        self.find(id).cloned()
    }
}
