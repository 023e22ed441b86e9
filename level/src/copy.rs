//! Copying a level into another one while it is in use.

use crate::{Batch, Durability, Error, KeyRange, Level, Order};

/// Most bytes of keys and values in one batch of a copy, give or take one row: enough that the batches cost
/// nothing beside the rows, little beside the memory of a store.
const BATCH_BYTES: usize = 1024 * 1024;

/// Most rows in one batch of a copy: bounds the memory when rows are tiny.
const BATCH_ROWS: usize = 8192;

/// What [`copy`] copied.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Copied {
    /// Number of rows.
    pub rows: u64,
    /// Bytes of their keys and values.
    pub bytes: u64,
}

/// Copies every sub-level of `from`, out of one snapshot, into `to`, and makes it durable there.
///
/// `from` stays open and can be written meanwhile; only its sub-levels must stay: one that is
/// [removed](Level::remove) while this begins ends the copy with [`Error::UnknownSub`]. What is in `to` stays,
/// except for the rows that are in both. Time is O(n), memory about a mebibyte.
///
/// The copy is not atomic: after an error, or a crash, `to` holds a part. Copy into a new level, and use it when
/// this has returned.
///
/// # Errors
///
/// Those of reading `from` and of writing `to`.
pub fn copy(from: &(impl Level + ?Sized), to: &(impl Level + ?Sized)) -> Result<Copied, Error> {
    let mut subs = Vec::new();
    for name in from.subs()? {
        subs.push((from.sub(&name)?, to.sub(&name)?));
    }
    let snapshot = from.snapshot()?;
    let mut copied = Copied::default();
    let mut batch = Batch::new();
    for (source, target) in subs {
        for row in snapshot.range(source, KeyRange::all(), Order::Ascending) {
            let (key, value) = row?;
            copied.rows += 1;
            copied.bytes += (key.len() + value.len()) as u64;
            batch.put(target, key, value);
            if batch.bytes() >= BATCH_BYTES || batch.len() >= BATCH_ROWS {
                to.apply(std::mem::take(&mut batch), Durability::Buffered)?;
            }
        }
    }
    to.apply(batch, Durability::Synced)?;
    Ok(copied)
}
