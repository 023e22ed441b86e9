//! What a key holds: accept plurality instead of picking a winner.

use std::cmp::Ordering;

use bytes::Bytes;
use hyperlog::{Encoding, NodeId};

use crate::op::Body;

/// Most values that are read at once, and most that one write can supersede.
pub const VALUES_MAX: usize = hyperlog::LINKS_MAX;

/// Most bytes that are read at once: what a stranger may make us hold. A single value is never above it.
pub const VALUES_BYTES_MAX: usize = 16 << 20;

/// The current values of a key, ascending by the id of the node that wrote them: the same on every replica.
#[derive(Clone, PartialEq, Eq)]
pub struct Values<V> {
    values: Vec<Value<V>>,
    /// How many there are in all.
    total: u64,
}

impl<V> Default for Values<V> {
    fn default() -> Self {
        Self { values: Vec::new(), total: 0 }
    }
}

impl<V> std::fmt::Debug for Values<V> {
    /// Shows ids, never a value: it can be private.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Values").field("values", &self.values).field("total", &self.total).finish()
    }
}

/// One current value of a key.
#[derive(Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Value<V> {
    /// The node that wrote it.
    pub id: NodeId,
    /// What the application said of the write; empty where it said nothing.
    pub fields: Bytes,
    /// What it says.
    pub what: What<V>,
}

impl<V> std::fmt::Debug for Value<V> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Value").field("id", &self.id).field("what", &self.what).finish_non_exhaustive()
    }
}

/// What a write says of its key.
#[derive(Clone, PartialEq, Eq)]
pub enum What<V> {
    /// It has this value.
    Put(V),
    /// It is deleted, as far as this write has seen.
    Deleted,
    /// It has a value that is not of the type which was asked for; here is why. Anybody may have written anything.
    Unreadable(String),
}

impl<V> std::fmt::Debug for What<V> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Put(_) => "Put(..)",
            Self::Deleted => "Deleted",
            Self::Unreadable(_) => "Unreadable(..)",
        })
    }
}

impl<V> What<V> {
    /// Decodes what the log or the view holds.
    pub(crate) fn decode<E: Encoding<Value = V>>(value: Option<&Bytes>) -> Self {
        match value.map(E::decode) {
            None => Self::Deleted,
            Some(Ok(value)) => Self::Put(value),
            Some(Err(error)) => Self::Unreadable(match std::error::Error::source(&error) {
                Some(cause) => format!("{error}: {cause}"),
                None => error.to_string(),
            }),
        }
    }

    /// The value, where there is one.
    pub const fn value(&self) -> Option<&V> {
        match self {
            Self::Put(value) => Some(value),
            Self::Deleted | Self::Unreadable(_) => None,
        }
    }

    /// Whether it is a delete.
    pub const fn is_deleted(&self) -> bool {
        matches!(self, Self::Deleted)
    }
}

impl<V> Value<V> {
    pub(crate) fn decode<E: Encoding<Value = V>>(id: NodeId, body: &Body) -> Self {
        Self { id, fields: body.fields.clone(), what: What::decode::<E>(body.value.as_ref()) }
    }
}

impl<V> Values<V> {
    pub(crate) fn new(values: Vec<Value<V>>, total: u64) -> Self {
        Self { values, total }
    }

    /// How many current values the key has, deletes among them: 0 when it was never written, more than 1 when writers
    /// did not know of each other.
    #[must_use]
    pub const fn len(&self) -> u64 {
        self.total
    }

    /// Whether the key was never written.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.total == 0
    }

    /// Whether there is more than one.
    #[must_use]
    pub const fn is_conflict(&self) -> bool {
        self.total > 1
    }

    /// Whether all of them are here. Beyond [`VALUES_MAX`], or [`VALUES_BYTES_MAX`], the rest is read with
    /// [`HyperKv::page`](crate::HyperKv::page).
    #[must_use]
    pub const fn is_whole(&self) -> bool {
        self.values.len() as u64 == self.total
    }

    /// Whether all that is said of the key is that it is deleted.
    #[must_use]
    pub fn is_deleted(&self) -> bool {
        !self.is_empty() && self.is_whole() && self.values.iter().all(|value| value.what.is_deleted())
    }

    /// Whether one of those that are here is not of the type that was asked for: written by a newer program, or by a
    /// stranger. Whoever writes the key now supersedes it unread.
    #[must_use]
    pub fn has_unreadable(&self) -> bool {
        self.values.iter().any(|value| matches!(value.what, What::Unreadable(_)))
    }

    /// The value, where there is exactly one, and it is neither a delete nor unreadable.
    #[must_use]
    pub fn one(&self) -> Option<&V> {
        match self.values.as_slice() {
            [value] if self.total == 1 => value.what.value(),
            _ => None,
        }
    }

    /// One of the values by an order of yours: the greatest, and of equal ones that with the greatest id. Deletes and
    /// what cannot be read are left out. Every peer with the same values picks the same one, and nothing is
    /// written: the others stay.
    pub fn pick_by(&self, mut compare: impl FnMut(&V, &V) -> Ordering) -> Option<&Value<V>> {
        let put = self.values.iter().filter_map(|value| Some((value, value.what.value()?)));
        put.max_by(|(_, one), (_, other)| compare(one, other)).map(|(value, _)| value)
    }

    /// All that are here, ascending by id.
    pub fn iter(&self) -> std::slice::Iter<'_, Value<V>> {
        self.values.iter()
    }

    /// What is put, deletes and what [cannot be read](Self::has_unreadable) left out.
    pub fn values(&self) -> impl Iterator<Item = &V> {
        self.values.iter().filter_map(|value| value.what.value())
    }

    /// The nodes that wrote them: what a write links to that has seen them all.
    pub fn ids(&self) -> impl Iterator<Item = NodeId> + '_ {
        self.values.iter().map(|value| value.id)
    }
}

impl<V> IntoIterator for Values<V> {
    type Item = Value<V>;
    type IntoIter = std::vec::IntoIter<Value<V>>;

    fn into_iter(self) -> Self::IntoIter {
        self.values.into_iter()
    }
}

impl<'a, V> IntoIterator for &'a Values<V> {
    type Item = &'a Value<V>;
    type IntoIter = std::slice::Iter<'a, Value<V>>;

    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}
