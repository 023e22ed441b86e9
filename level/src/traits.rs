//! The two traits: what can be read, and what can be changed.

use std::sync::Arc;

use bytes::Bytes;

use crate::{Batch, Error, KeyRange, Sub};

/// A key and its value.
pub type Row = (Bytes, Bytes);

/// The rows of a range, read as they are asked for; an error is an item, and the last one.
pub type Rows<'a> = Box<dyn Iterator<Item = Result<Row, Error>> + Send + 'a>;

/// When a batch is safe.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Durability {
    /// Survives that the process is killed; a power cut may take it.
    Buffered,
    /// Survives a power cut, and so does every batch before it. Costs a sync of the disk.
    Synced,
}

/// From which end a range is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Order {
    /// Smallest key first.
    Ascending,
    /// Largest key first.
    Descending,
}

/// Ordered bytes to bytes, to be read.
///
/// A [`Level`] is read as it is now, a snapshot as it was. A batch is seen whole or not at all: who finds one of
/// its rows finds the others from then on.
pub trait Read: Send + Sync {
    /// The value of `key`, or `None`; also `None` for a key that no level can hold. O(log n).
    ///
    /// # Errors
    ///
    /// [`Error::UnknownSub`], and what the disk does.
    fn get(&self, sub: Sub, key: &[u8]) -> Result<Option<Bytes>, Error>;

    /// The rows of `range`, in `order` of the bytes of their keys.
    ///
    /// They are those of the moment of this call, whatever is written while they are read. O(log n) to the first
    /// row, then amortised O(1) for each. Rows are read as they are asked for, so `next()` and `take(n)` are cheap
    /// on a range of any size. Drop the iterator soon: it keeps old versions from being cleaned up.
    ///
    /// # Errors
    ///
    /// As an item, after which the iterator ends: [`Error::UnknownSub`], and what the disk does.
    fn range(&self, sub: Sub, range: KeyRange, order: Order) -> Rows<'_>;
}

/// Ordered bytes to bytes, in sub-levels, changed by atomic batches.
///
/// Calls may come from any number of threads; batches are applied one after the other. All calls block, for as
/// long as the disk takes: keep them off an async reactor.
pub trait Level: Read {
    /// Opens the sub-level called `name`, or creates it: an ordered space of its own.
    ///
    /// Names have 1 to 64 bytes of `a-z 0-9 . _ / -`. A created sub-level is durable when this returns. Opening
    /// is cheap; creating costs some syncs of the disk, and each sub-level costs memory: have a handful, not one
    /// per item.
    ///
    /// # Errors
    ///
    /// [`Error::Name`], and what the disk does.
    fn sub(&self, name: &str) -> Result<Sub, Error>;

    /// Names of the sub-levels, sorted.
    ///
    /// # Errors
    ///
    /// What the disk does.
    fn subs(&self) -> Result<Vec<String>, Error>;

    /// Deletes the sub-level called `name` with all its rows, and says whether it was there.
    ///
    /// Every batch before it is durable, and so is the removal, when this returns. Its [`Sub`] is invalid from
    /// then on, also for a sub-level created under the same name; snapshots and ranges that are open still see
    /// it. Its room on disk is given back when the last of them is dropped. O(1) in its rows.
    ///
    /// # Errors
    ///
    /// [`Error::Name`], and what the disk does.
    fn remove(&self, name: &str) -> Result<bool, Error>;

    /// Makes all changes of `batch` real, across sub-levels, or none of them.
    ///
    /// After a crash the level holds a *prefix* of the batches that were applied: none is there unless all
    /// before it are. [`Durability::Synced`] makes every earlier batch durable, too; an empty batch does just
    /// that. When this returns, every reader sees the changes.
    ///
    /// # Errors
    ///
    /// [`Error::Key`], [`Error::Value`] and [`Error::UnknownSub`] change nothing. After anything else the level
    /// refuses to write ([`Error::Poisoned`]) until it is opened again; then the batch is there whole or not at
    /// all.
    fn apply(&self, batch: Batch, durability: Durability) -> Result<(), Error>;

    /// The level as it is now, over all sub-levels, to keep. O(1).
    ///
    /// It keeps old versions, and what was removed, from being cleaned up: drop it when done.
    ///
    /// # Errors
    ///
    /// What the disk does.
    fn snapshot(&self) -> Result<Arc<dyn Read>, Error>;

    /// Writes one row: a batch of one.
    ///
    /// # Errors
    ///
    /// Those of [`apply`](Level::apply).
    fn put(&self, sub: Sub, key: &[u8], value: &[u8], durability: Durability) -> Result<(), Error> {
        let mut batch = Batch::new();
        batch.put(sub, key.to_vec(), value.to_vec());
        self.apply(batch, durability)
    }

    /// Removes one row, if it is there: a batch of one.
    ///
    /// # Errors
    ///
    /// Those of [`apply`](Level::apply).
    fn del(&self, sub: Sub, key: &[u8], durability: Durability) -> Result<(), Error> {
        let mut batch = Batch::new();
        batch.del(sub, key.to_vec());
        self.apply(batch, durability)
    }

    /// Makes every batch so far durable.
    ///
    /// # Errors
    ///
    /// Those of [`apply`](Level::apply).
    fn sync(&self) -> Result<(), Error> {
        self.apply(Batch::new(), Durability::Synced)
    }
}

/// A pointer to a level is one.
macro_rules! forward {
    ($($pointer:ty),*) => {$(
        impl<L: Read + ?Sized> Read for $pointer {
            fn get(&self, sub: Sub, key: &[u8]) -> Result<Option<Bytes>, Error> {
                (**self).get(sub, key)
            }
            fn range(&self, sub: Sub, range: KeyRange, order: Order) -> Rows<'_> {
                (**self).range(sub, range, order)
            }
        }

        impl<L: Level + ?Sized> Level for $pointer {
            fn sub(&self, name: &str) -> Result<Sub, Error> {
                (**self).sub(name)
            }
            fn subs(&self) -> Result<Vec<String>, Error> {
                (**self).subs()
            }
            fn remove(&self, name: &str) -> Result<bool, Error> {
                (**self).remove(name)
            }
            fn apply(&self, batch: Batch, durability: Durability) -> Result<(), Error> {
                (**self).apply(batch, durability)
            }
            fn snapshot(&self) -> Result<Arc<dyn Read>, Error> {
                (**self).snapshot()
            }
            fn sync(&self) -> Result<(), Error> {
                (**self).sync()
            }
        }
    )*};
}
forward!(&L, Box<L>, Arc<L>);
