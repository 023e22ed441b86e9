//! Changes that become real together.

use std::collections::BTreeMap;

use bytes::Bytes;

use crate::{KeyRange, Order, Sub};

/// Puts and deletes over any number of sub-levels, which [`apply`](crate::Level::apply) makes real together or
/// not at all.
///
/// A batch keeps one change per key: a later one replaces an earlier one, and no order between keys is left.
/// It reads its own writes with [`get`](Batch::get). Adding a change is O(log n), cloning is O(n); keys and
/// values are shared, not copied.
///
/// Keys and values are judged by [`apply`](crate::Level::apply), not here.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Batch {
    // Two maps rather than one with (Sub, Bytes) as key: so that `get` needs no key of its own.
    subs: BTreeMap<Sub, BTreeMap<Bytes, Option<Bytes>>>,
    /// Changes in all of `subs`.
    len: usize,
    /// Bytes of the keys and values in all of `subs`.
    bytes: usize,
}

impl Batch {
    /// An empty batch.
    pub fn new() -> Batch {
        Batch::default()
    }

    /// Sets `key` to `value`.
    pub fn put(&mut self, sub: Sub, key: impl Into<Bytes>, value: impl Into<Bytes>) {
        self.change(sub, key.into(), Some(value.into()));
    }

    /// Deletes `key`; that it is not there is fine.
    pub fn del(&mut self, sub: Sub, key: impl Into<Bytes>) {
        self.change(sub, key.into(), None);
    }

    /// What this batch does to `key`: `None` nothing, `Some(None)` deletes it, `Some(Some(value))` sets it.
    pub fn get(&self, sub: Sub, key: &[u8]) -> Option<Option<&Bytes>> {
        self.subs.get(&sub)?.get(key).map(Option::as_ref)
    }

    /// What this batch does to the keys of a range, as [`get`](Self::get) says it, in `order`. O(log n) to the first.
    pub fn range<'a>(
        &'a self,
        sub: Sub,
        range: &KeyRange,
        order: Order,
    ) -> Box<dyn Iterator<Item = (&'a Bytes, Option<&'a Bytes>)> + 'a> {
        let Some(changes) = self.subs.get(&sub).filter(|_| !range.is_empty()) else {
            return Box::new(std::iter::empty());
        };
        let changes = changes.range::<[u8], _>(range.bounds()).map(|(key, value)| (key, value.as_ref()));
        match order {
            Order::Ascending => Box::new(changes),
            Order::Descending => Box::new(changes.rev()),
        }
    }

    /// Number of changes.
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether it changes nothing.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Bytes of all keys and values: what it weighs, not what it takes on disk.
    pub fn bytes(&self) -> usize {
        self.bytes
    }

    /// Moves the changes of `other` in here, over those of this batch. O(m log n).
    pub fn append(&mut self, other: Batch) {
        if self.is_empty() {
            *self = other;
            return;
        }
        for (sub, key, value) in other {
            self.change(sub, key, value);
        }
    }

    /// The changes, by sub-level, then by key; a value of `None` is a delete.
    pub fn iter(&self) -> impl Iterator<Item = (Sub, &Bytes, Option<&Bytes>)> {
        self.subs
            .iter()
            .flat_map(|(sub, changes)| changes.iter().map(move |(key, value)| (*sub, key, value.as_ref())))
    }

    /// The sub-levels that are changed, ascending.
    pub fn subs(&self) -> impl Iterator<Item = Sub> {
        self.subs.keys().copied()
    }

    fn change(&mut self, sub: Sub, key: Bytes, value: Option<Bytes>) {
        let key_len = key.len();
        self.bytes += value.as_ref().map_or(0, Bytes::len);
        match self.subs.entry(sub).or_default().insert(key, value) {
            Some(replaced) => self.bytes -= replaced.map_or(0, |value| value.len()),
            None => {
                self.len += 1;
                self.bytes += key_len;
            }
        }
    }
}

impl IntoIterator for Batch {
    type Item = (Sub, Bytes, Option<Bytes>);
    type IntoIter = Box<dyn Iterator<Item = Self::Item> + Send>;

    fn into_iter(self) -> Self::IntoIter {
        Box::new(
            self.subs
                .into_iter()
                .flat_map(|(sub, changes)| changes.into_iter().map(move |(key, value)| (sub, key, value))),
        )
    }
}

impl Extend<(Sub, Bytes, Option<Bytes>)> for Batch {
    fn extend<I: IntoIterator<Item = (Sub, Bytes, Option<Bytes>)>>(&mut self, changes: I) {
        for (sub, key, value) in changes {
            self.change(sub, key, value);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sub() -> Sub {
        Sub::fresh()
    }

    #[test]
    fn the_last_change_of_a_key_wins() {
        let (a, b) = (sub(), sub());
        let mut batch = Batch::new();
        batch.put(a, "k", "one");
        batch.put(b, "k", "two");
        batch.del(a, "k");
        assert_eq!(batch.get(a, b"k"), Some(None));
        assert_eq!(batch.get(b, b"k"), Some(Some(&Bytes::from("two"))));
        assert_eq!(batch.get(b, b"other"), None);
        assert_eq!(batch.len(), 2);
    }

    #[test]
    fn a_range_tells_puts_and_deletes_either_way() {
        let (a, b) = (sub(), sub());
        let mut batch = Batch::new();
        batch.put(a, "a", "1");
        batch.del(a, "b");
        batch.put(a, "c", "3");
        batch.put(b, "b", "of another");
        let read = |range: KeyRange, order| {
            batch
                .range(a, &range, order)
                .map(|(key, value)| (key.clone(), value.cloned()))
                .collect::<Vec<_>>()
        };
        let (b_gone, c) = ((Bytes::from("b"), None), (Bytes::from("c"), Some(Bytes::from("3"))));
        assert_eq!(read(KeyRange::after("a"), Order::Ascending), [b_gone.clone(), c.clone()]);
        assert_eq!(read(KeyRange::after("a"), Order::Descending), [c, b_gone]);
        assert_eq!(read(KeyRange::from("c".."a"), Order::Ascending), []);
        assert_eq!(batch.range(sub(), &KeyRange::all(), Order::Ascending).count(), 0);
    }

    #[test]
    fn bytes_are_those_of_the_keys_and_values_that_are_left() {
        let a = sub();
        let mut batch = Batch::new();
        batch.put(a, "key", "value");
        assert_eq!(batch.bytes(), 8);
        batch.put(a, "key", "v");
        assert_eq!(batch.bytes(), 4);
        batch.del(a, "key");
        assert_eq!(batch.bytes(), 3);
        let mut other = Batch::new();
        other.put(a, "key", "12");
        batch.append(other);
        assert_eq!((batch.len(), batch.bytes()), (1, 5));
    }
}
