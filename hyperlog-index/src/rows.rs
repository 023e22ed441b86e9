//! The rows of a view while nodes are mapped: they show what was written, also by the node at hand.

use std::cell::Cell;

use bytes::Bytes;
use level::{Batch, Error, KeyRange, Order, Read, Row, Sub};

use crate::layout::{VIEW, row_of_view, view_key, view_range};
use crate::merge::over;

/// Longest key of a row, in bytes.
pub const ROW_KEY_BYTES_MAX: usize = level::KEY_BYTES_MAX - VIEW.len();

/// The rows of one view. Keys are its own: views cannot touch each other's.
pub struct Rows<'a> {
    stored: &'a dyn Read,
    sub: Sub,
    /// What the nodes before this one wrote in the same commit.
    batch: &'a Batch,
    /// What this node wrote.
    written: Batch,
    /// The store failed, whatever became of the error on its way through the view.
    failed: Cell<bool>,
}

impl std::fmt::Debug for Rows<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Rows").field("written", &self.written.len()).finish_non_exhaustive()
    }
}

impl<'a> Rows<'a> {
    pub(crate) fn new(stored: &'a dyn Read, sub: Sub, batch: &'a Batch) -> Self {
        Self { stored, sub, batch, written: Batch::new(), failed: Cell::new(false) }
    }

    /// The value of a row, as it is with all that was written. At most one point read of the store.
    ///
    /// # Errors
    ///
    /// What the store says.
    pub fn get(&self, key: &[u8]) -> Result<Option<Bytes>, Error> {
        let key = view_key(key);
        let unstored = self.written.get(self.sub, &key).or_else(|| self.batch.get(self.sub, &key));
        match unstored {
            Some(value) => Ok(value.cloned()),
            None => self.stored.get(self.sub, &key).inspect_err(|_| self.failed.set(true)),
        }
    }

    /// The rows of a range, as they are with all that was written, in `order` of their keys.
    ///
    /// # Errors
    ///
    /// As an item: what the store says.
    pub fn range(
        &self,
        range: impl Into<KeyRange>,
        order: Order,
    ) -> impl Iterator<Item = Result<Row, Error>> + '_ {
        let range = view_range(&range.into());
        let stored = self.stored.range(self.sub, range.clone(), order);
        let stored = stored.map(|row| row.map(|(key, value)| (key, Some(value))));
        let batch = over(self.batch.range(self.sub, &range, order).map(owned), stored, order);
        let all = over(self.written.range(self.sub, &range, order).map(owned), batch, order);
        let row = |(key, value): (Bytes, Option<Bytes>)| Some(row_of_view((key, value?)));
        all.inspect(|row| self.failed.set(self.failed.get() || row.is_err()))
            .filter_map(move |change| change.map(row).transpose())
    }

    /// Sets a row.
    ///
    /// # Errors
    ///
    /// [`Error::Key`] when the key is above [`ROW_KEY_BYTES_MAX`]; [`Error::Value`] when no level holds such a value.
    pub fn put(&mut self, key: &[u8], value: impl Into<Bytes>) -> Result<(), Error> {
        if key.len() > ROW_KEY_BYTES_MAX {
            return Err(Error::Key { len: key.len() });
        }
        let value = value.into();
        // Found here it is the fault of a node. Found in the commit it would end the view for good.
        if value.len() as u64 > level::VALUE_BYTES_MAX {
            return Err(Error::Value { len: value.len() });
        }
        self.written.put(self.sub, view_key(key), value);
        Ok(())
    }

    /// Removes a row; that it is not there is fine.
    pub fn del(&mut self, key: &[u8]) {
        // No longer key was ever set, and the store would refuse it.
        if key.len() <= ROW_KEY_BYTES_MAX {
            self.written.del(self.sub, view_key(key));
        }
    }

    pub(crate) fn store_failed(&self) -> bool {
        self.failed.get()
    }

    pub(crate) fn into_written(self) -> Batch {
        self.written
    }
}

fn owned((key, value): (&Bytes, Option<&Bytes>)) -> Result<(Bytes, Option<Bytes>), Error> {
    Ok((key.clone(), value.cloned()))
}
