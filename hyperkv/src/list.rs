//! Reading keys in order, and those in conflict.

use bytes::Bytes;
use hyperlog::Encoding;
use level::{KeyRange, Order, Row};

use crate::error::Error;
use crate::kv::{HyperKv, decode};
use crate::register::{conflicts_in, key_of, registers_in};
use crate::select::Select;
use crate::values::Values;

/// A key and its current values.
#[derive(Clone, PartialEq, Eq)]
pub struct Entry<V> {
    /// The key.
    pub key: Bytes,
    /// What it holds.
    pub values: Values<V>,
}

impl<V> std::fmt::Debug for Entry<V> {
    /// Leaves the key out: it can be private.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Entry").field("values", &self.values).finish_non_exhaustive()
    }
}

impl<E: Encoding> HyperKv<E> {
    /// Keys and what they hold, in the order of their bytes, lazily. All as of this call, but that of a key with many
    /// values those are read when it comes. Catches up first; then O(log n) to the first.
    ///
    /// # Errors
    ///
    /// What the log or the store says; also as an item.
    pub fn list(
        &self,
        select: Select,
    ) -> Result<impl Iterator<Item = Result<Entry<E::Value>, Error>> + '_, Error> {
        let Select { limit, order, deleted, .. } = select;
        let rows = self.inner.index.range(registers_in(select.keys()), order)?;
        let entries = rows.map(|row| self.entry(row?));
        Ok(wanted(entries, deleted, limit))
    }

    /// Keys with more than one current value, as [`list`](Self::list) gives them. O(conflicts), not O(keys).
    ///
    /// # Errors
    ///
    /// As [`list`](Self::list).
    pub fn conflicts(
        &self,
        select: Select,
    ) -> Result<impl Iterator<Item = Result<Entry<E::Value>, Error>> + '_, Error> {
        let Select { limit, order, deleted, .. } = select;
        let rows = self.inner.index.range(conflicts_in(select.keys()), order)?;
        let entries = rows.map(|row| {
            let key = key_of(&row?.0);
            let values = self.get(&key)?;
            Ok(Entry { key, values })
        });
        Ok(wanted(entries, deleted, limit))
    }

    fn entry(&self, (name, row): Row) -> Result<Entry<E::Value>, Error> {
        let key = key_of(&name);
        let (held, total) = self.unfold(&key, row)?;
        Ok(Entry { values: Values::new(decode::<E>(held)?, total), key })
    }
}

/// At most `limit` entries, with or without those of which all is deleted.
fn wanted<V>(
    entries: impl Iterator<Item = Result<Entry<V>, Error>>,
    deleted: bool,
    limit: u64,
) -> impl Iterator<Item = Result<Entry<V>, Error>> {
    let is_wanted = move |entry: &Result<Entry<V>, Error>| {
        deleted || !entry.as_ref().is_ok_and(|entry| entry.values.is_deleted())
    };
    entries.filter(is_wanted).take(usize::try_from(limit).unwrap_or(usize::MAX))
}

impl<E> HyperKv<E> {
    /// Keys that were ever written, in a range, in their order.
    pub(crate) fn keys<'a>(
        &'a self,
        keys: &KeyRange,
        order: Order,
    ) -> Result<impl Iterator<Item = Result<Bytes, Error>> + use<'a, E>, Error> {
        let rows = self.inner.index.range(registers_in(keys), order)?;
        Ok(rows.map(|row| Ok(key_of(&row?.0))))
    }
}
