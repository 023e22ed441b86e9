//! The rows that the layer above keeps beside the log's own.

use std::sync::Arc;

use bytes::Bytes;
use level::{Batch, KeyRange, Order, Read, Sub};

use crate::entry::Entry;
use crate::error::Error;
use crate::ids::{Change, EntryId};
use crate::store::Store;

/// The rows of the layer above in the commit at hand. Keys are its own: they cannot touch the log's.
pub struct Rows<'a> {
    pub(crate) store: &'a Store,
    pub(crate) batch: &'a mut Batch,
    pub(crate) prefix: Vec<u8>,
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
        Rows { store: self.store, batch: self.batch, prefix }
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
    pub fn starting_with(&self, prefix: &[u8]) -> impl Iterator<Item = Result<(Bytes, Bytes), Error>> + '_ {
        self.read_range(KeyRange::prefix(&key_below(&self.prefix, prefix)))
    }

    fn read_range(&self, range: KeyRange) -> impl Iterator<Item = Result<(Bytes, Bytes), Error>> + '_ {
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
