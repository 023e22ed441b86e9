//! The rows that the layer above keeps beside the log's own.

use std::collections::BTreeSet;
use std::sync::Arc;

use bytes::Bytes;
use level::{Batch, KeyRange, Order, Read, Sub};

use crate::chains::Chains;
use crate::entry::{BranchNo, Entry, Place, Value};
use crate::error::Error;
use crate::ids::{Change, EntryId, Seq};
use crate::store::{Arena, Store};

/// The rows of the layer above in the commit at hand. Keys are its own: they cannot touch the log's.
pub struct Rows<'a> {
    pub(crate) store: &'a Store,
    pub(crate) batch: &'a mut Batch,
    pub(crate) prefix: Vec<u8>,
    /// The new entries of this commit, as they came.
    pub(crate) entries: &'a [Entry],
    /// With the new entries on them.
    pub(crate) chains: &'a Chains,
    pub(crate) arena: &'a mut Arena,
    /// Entries whose value the layer above has dropped, or wanted, in this commit.
    pub(crate) revalued: &'a mut BTreeSet<Change>,
}

impl std::fmt::Debug for Rows<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Rows").field("batch", &self.batch.len()).finish_non_exhaustive()
    }
}

impl<'a> Rows<'a> {
    /// The rows below a prefix, as a space of their own.
    pub fn within(&mut self, prefix: &[u8]) -> Rows<'_> {
        let prefix = key_below(&self.prefix, prefix);
        let Self { store, entries, chains, .. } = *self;
        Rows { store, batch: self.batch, prefix, entries, chains, arena: self.arena, revalued: self.revalued }
    }

    /// Writes a row.
    pub fn put(&mut self, key: &[u8], value: impl Into<Bytes>) {
        self.batch.put(self.store.meta(), key_below(&self.prefix, key), value);
    }

    /// Removes a row.
    pub fn del(&mut self, key: &[u8]) {
        self.batch.del(self.store.meta(), key_below(&self.prefix, key));
    }

    /// Reads a row: of this commit first, then of the store.
    ///
    /// # Errors
    ///
    /// What the store says.
    pub fn get(&self, key: &[u8]) -> Result<Option<Bytes>, Error> {
        let key = key_below(&self.prefix, key);
        match self.batch.get(self.store.meta(), &key) {
            Some(row) => Ok(row.cloned()),
            None => Ok(self.store.level().get(self.store.meta(), &key)?),
        }
    }

    /// The rows as they were before this commit.
    #[must_use]
    pub fn before(&self) -> StoredRows {
        let read: Arc<dyn Read> = Arc::clone(self.store.level()) as _;
        StoredRows { read, sub: self.store.meta(), prefix: self.prefix.clone() }
    }

    /// The local number of an entry: of this commit, or stored before it.
    ///
    /// # Errors
    ///
    /// What the store says.
    pub fn change_of(&self, id: &EntryId) -> Result<Option<Change>, Error> {
        self.store.change_in(self.batch, id)
    }

    /// An entry of this commit, or one that was stored before it: as it will be stored. One point read at most.
    ///
    /// # Errors
    ///
    /// [`Error::Damaged`] when there is none under this number, or what the store says.
    pub fn entry(&self, change: Change) -> Result<Entry, Error> {
        self.store.present_in(self.batch, change)
    }

    /// Has an entry of this commit, or one that was stored before it, lie here without its value, and no peer asked for
    /// it: [`Value::Unwanted`]. Where it was deleted it stays so. [`revalue`](crate::Extension::revalue) is not called.
    ///
    /// The value is gone from this replica, also when it is the only one that had it.
    ///
    /// # Errors
    ///
    /// As [`entry`](Self::entry).
    pub fn drop_value(&mut self, change: Change) -> Result<(), Error> {
        let entry = self.entry(change)?;
        if !matches!(entry.value, Value::Deleted | Value::Unwanted) {
            self.set_value(entry, Value::Unwanted);
        }
        Ok(())
    }

    /// Undoes [`drop_value`](Self::drop_value): sessions that begin from now on ask for the value, which is
    /// [`Value::Pending`] until it comes. One that was dropped in this very commit is simply kept. Does nothing to values
    /// that are not [`Value::Unwanted`].
    ///
    /// # Errors
    ///
    /// As [`entry`](Self::entry).
    pub fn want_value(&mut self, change: Change) -> Result<(), Error> {
        let entry = self.entry(change)?;
        if entry.value == Value::Unwanted {
            let value = self.value_at_hand(change)?.map_or(Value::Pending, Value::Here);
            self.set_value(entry, value);
        }
        Ok(())
    }

    fn set_value(&mut self, entry: Entry, value: Value) {
        let was = entry.value.clone();
        let entry = Entry { value, ..entry };
        self.store.put_value(self.batch, self.arena, &was, &entry);
        self.revalued.insert(entry.change);
    }

    /// The value that a new entry came with, or that the store has until this commit is applied.
    fn value_at_hand(&self, change: Change) -> Result<Option<Bytes>, Error> {
        let value = match self.new_entry(change) {
            Some(entry) => Some(entry.value.clone()),
            None => self.store.by_change(change)?.map(|entry| entry.value),
        };
        Ok(value.and_then(|value| value.bytes().cloned()))
    }

    /// Where an entry lies, of this commit or stored before it. One point read at most.
    ///
    /// # Errors
    ///
    /// As [`entry`](Self::entry).
    pub fn place_of(&self, change: Change) -> Result<Place, Error> {
        match self.new_entry(change) {
            Some(entry) => Ok(entry.place()),
            None => Ok(self.entry(change)?.place()),
        }
    }

    /// The last entry that both places are, or follow through `prev`; none when they share nothing, as with places of
    /// two writers. It reads nothing. O(log n) in how deep forks are nested.
    #[must_use]
    pub fn meet(&self, a: Place, b: Place) -> Option<Place> {
        self.chains.meet(a, b)
    }

    /// The last entry on `branch` itself that `tip` is, or follows; none when the way to `tip` does not lead over entries
    /// of that branch. As cheap as [`meet`](Self::meet).
    #[must_use]
    pub fn below(&self, tip: Place, branch: BranchNo) -> Option<Seq> {
        self.chains.below(tip, branch)
    }

    fn new_entry(&self, change: Change) -> Option<&'a Entry> {
        let first = self.entries.first()?.change;
        self.entries.get(usize::try_from(change.0.checked_sub(first.0)?).ok()?)
    }

    /// The entries that were stored before this commit, in local order, lazily.
    pub fn entries_before(&self) -> impl Iterator<Item = Result<Entry, Error>> + use<'a> {
        self.store.entries(Change(1), Change(u64::MAX), Order::Ascending)
    }
}

/// The rows of the layer above, as they are stored.
#[derive(Clone)]
pub struct StoredRows {
    read: Arc<dyn Read>,
    sub: Sub,
    prefix: Vec<u8>,
}

impl std::fmt::Debug for StoredRows {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("StoredRows").finish_non_exhaustive()
    }
}

impl StoredRows {
    pub(crate) fn new(read: Arc<dyn Read>, sub: Sub) -> Self {
        Self { read, sub, prefix: EXTENSION.to_vec() }
    }

    /// The rows below a prefix, as a space of their own.
    #[must_use]
    pub fn within(&self, prefix: &[u8]) -> Self {
        Self { read: Arc::clone(&self.read), sub: self.sub, prefix: key_below(&self.prefix, prefix) }
    }

    /// Reads a row.
    ///
    /// # Errors
    ///
    /// What the store says.
    pub fn get(&self, key: &[u8]) -> Result<Option<Bytes>, Error> {
        Ok(self.read.get(self.sub, &key_below(&self.prefix, key))?)
    }

    /// The rows from `first` to `last`, both included, ascending, lazily. Keys come without what they share with
    /// this space.
    pub fn between(
        &self,
        first: &[u8],
        last: &[u8],
    ) -> impl Iterator<Item = Result<(Bytes, Bytes), Error>> + '_ {
        let (first, last) = (key_below(&self.prefix, first), key_below(&self.prefix, last));
        self.read_range((first..=last).into())
    }

    /// The rows whose keys start with `prefix`, ascending, lazily. Keys come without what they share
    /// with this space.
    pub fn starting_with<'a>(
        &'a self,
        prefix: &[u8],
    ) -> impl Iterator<Item = Result<(Bytes, Bytes), Error>> + use<'a> {
        self.read_range(KeyRange::prefix(&key_below(&self.prefix, prefix)))
    }

    fn read_range(&self, range: KeyRange) -> impl Iterator<Item = Result<(Bytes, Bytes), Error>> + use<'_> {
        let skip = self.prefix.len();
        self.read.range(self.sub, range, Order::Ascending).map(move |row| {
            let (key, value) = row?;
            Ok((key.slice(skip.min(key.len())..), value))
        })
    }
}

/// The rows of the layer above lie beside the log's own under a letter of their own.
pub(crate) const EXTENSION: &[u8] = b"x";

fn key_below(prefix: &[u8], key: &[u8]) -> Vec<u8> {
    [prefix, key].concat()
}
