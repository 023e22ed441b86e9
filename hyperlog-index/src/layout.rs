//! Where the rows of a view lie in its sub-level: see `docs/format.md`, "views". Keys are made and read here alone.

use std::ops::Bound;

use bytes::{Buf, BufMut, Bytes};
use hyperlog::{Change, Fingerprint, NodeId};
use level::{KeyRange, Row};

/// The row of the cursor.
pub(crate) const CURSOR: &[u8] = b"c";
/// Below this, the nodes that were skipped, by their local number.
const SKIPPED: &[u8] = b"s";
/// Below this, the rows of the view.
pub(crate) const VIEW: &[u8] = b"v";

/// Version of this layout; another one is built anew.
const LAYOUT: u8 = 1;
const CURSOR_BYTES: usize = 1 + 4 + 8 + Fingerprint::BYTES;

/// How far a view is, and what it was made of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Cursor {
    /// The view's version.
    pub(crate) version: u32,
    /// The last node that was looked at.
    pub(crate) last: Change,
    /// The log up to that node.
    pub(crate) log: Fingerprint,
}

impl Cursor {
    pub(crate) fn encode(&self) -> Bytes {
        let mut row = Vec::with_capacity(CURSOR_BYTES);
        row.put_u8(LAYOUT);
        row.put_u32(self.version);
        row.put_u64(self.last.0);
        row.put_slice(&self.log.to_bytes());
        row.into()
    }

    /// None for what this layout would not write.
    pub(crate) fn decode(mut row: Bytes) -> Option<Self> {
        if row.len() != CURSOR_BYTES || row.get_u8() != LAYOUT {
            return None;
        }
        let (version, last) = (row.get_u32(), Change(row.get_u64()));
        Some(Self { version, last, log: Fingerprint::from_bytes(row.as_ref().try_into().ok()?) })
    }
}

/// A node that a view could not take.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Skipped {
    /// Its place in the local order.
    pub change: Change,
    /// Which one.
    pub id: NodeId,
    /// Why, in words, cut at 1,024 bytes. They can hold what a stranger wrote: mind your terminal.
    pub reason: String,
}

/// What is kept of a reason.
const REASON_BYTES_MAX: usize = 1024;

impl Skipped {
    pub(crate) fn encode(&self) -> (Bytes, Bytes) {
        let reason = self.reason.get(..self.reason.floor_char_boundary(REASON_BYTES_MAX)).unwrap_or_default();
        (skipped_key(self.change), [self.id.as_bytes().as_slice(), reason.as_bytes()].concat().into())
    }

    pub(crate) fn decode((key, row): Row) -> Option<Self> {
        let change = key.get(SKIPPED.len()..)?.try_into().ok().map(u64::from_be_bytes)?;
        let (id, reason) = row.split_at_checked(32)?;
        let id = NodeId::from_bytes(id.try_into().ok()?);
        Some(Self { change: Change(change), id, reason: String::from_utf8_lossy(reason).into_owned() })
    }
}

fn skipped_key(change: Change) -> Bytes {
    [SKIPPED, &change.0.to_be_bytes()].concat().into()
}

/// All that were skipped.
pub(crate) fn skipped_range() -> KeyRange {
    KeyRange::prefix(SKIPPED)
}

pub(crate) fn view_key(key: &[u8]) -> Vec<u8> {
    [VIEW, key].concat()
}

/// A range of the view's keys, as they are stored.
pub(crate) fn view_range(range: &KeyRange) -> KeyRange {
    let all = KeyRange::prefix(VIEW);
    let bound = |of: Bound<&[u8]>, whole: Bound<&[u8]>| match of {
        Bound::Unbounded => whole.map(Bytes::copy_from_slice),
        bounded => bounded.map(|key| Bytes::from(view_key(key))),
    };
    KeyRange::new(bound(range.start(), all.start()), bound(range.end(), all.end()))
}

/// A stored row as the view knows it.
pub(crate) fn row_of_view((key, value): Row) -> Row {
    (key.slice(VIEW.len().min(key.len())..), value)
}
