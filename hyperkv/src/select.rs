//! Which keys to read.

use std::ops::Bound;

use bytes::Bytes;
use level::{KeyRange, Order};

/// Which keys to read, and in which direction. Without options: all, ascending by their bytes.
#[derive(Clone, Debug)]
#[must_use]
pub struct Select {
    range: KeyRange,
    pub(crate) limit: u64,
    pub(crate) order: Order,
    pub(crate) deleted: bool,
}

impl Default for Select {
    fn default() -> Self {
        Self { range: KeyRange::all(), limit: u64::MAX, order: Order::Ascending, deleted: true }
    }
}

impl Select {
    /// All keys.
    pub fn all() -> Self {
        Self::default()
    }

    /// Keys that begin with these bytes.
    pub fn prefix(self, prefix: impl AsRef<[u8]>) -> Self {
        self.range(KeyRange::prefix(prefix.as_ref()))
    }

    /// Keys above this one.
    pub fn gt(self, key: impl AsRef<[u8]>) -> Self {
        self.range(KeyRange::new(Bound::Excluded(copy(key)), Bound::<Bytes>::Unbounded))
    }

    /// This key and those above.
    pub fn gte(self, key: impl AsRef<[u8]>) -> Self {
        self.range(KeyRange::new(Bound::Included(copy(key)), Bound::<Bytes>::Unbounded))
    }

    /// Keys below this one.
    pub fn lt(self, key: impl AsRef<[u8]>) -> Self {
        self.range(KeyRange::new(Bound::<Bytes>::Unbounded, Bound::Excluded(copy(key))))
    }

    /// This key and those below.
    pub fn lte(self, key: impl AsRef<[u8]>) -> Self {
        self.range(KeyRange::new(Bound::<Bytes>::Unbounded, Bound::Included(copy(key))))
    }

    /// Keys of a range. All that is asked for holds together.
    pub fn range(mut self, range: impl Into<KeyRange>) -> Self {
        self.range = both(&self.range, &range.into());
        self
    }

    /// At most so many keys.
    pub const fn limit(mut self, keys: u64) -> Self {
        self.limit = keys;
        self
    }

    /// Descending, from the last key.
    pub const fn reverse(mut self, reverse: bool) -> Self {
        self.order = if reverse { Order::Descending } else { Order::Ascending };
        self
    }

    /// Leaves out keys of which all that is said is that they are deleted.
    pub const fn without_deleted(mut self) -> Self {
        self.deleted = false;
        self
    }

    pub(crate) const fn keys(&self) -> &KeyRange {
        &self.range
    }
}

fn copy(key: impl AsRef<[u8]>) -> Bytes {
    Bytes::copy_from_slice(key.as_ref())
}

/// The keys that lie in both.
fn both(one: &KeyRange, other: &KeyRange) -> KeyRange {
    let start = narrower(one.start(), other.start(), |one, other| one > other);
    let end = narrower(one.end(), other.end(), |one, other| one < other);
    KeyRange::new(start.map(Bytes::copy_from_slice), end.map(Bytes::copy_from_slice))
}

fn narrower<'a>(
    one: Bound<&'a [u8]>,
    other: Bound<&'a [u8]>,
    is_narrower: impl Fn(&[u8], &[u8]) -> bool,
) -> Bound<&'a [u8]> {
    use Bound::{Excluded, Included, Unbounded};
    match (one, other) {
        (Unbounded, bound) | (bound, Unbounded) => bound,
        (Included(a) | Excluded(a), Included(b) | Excluded(b)) if a == b => {
            if matches!(one, Excluded(_)) {
                one
            } else {
                other
            }
        }
        (Included(a) | Excluded(a), Included(b) | Excluded(b)) => {
            if is_narrower(a, b) {
                one
            } else {
                other
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn selected(select: &Select) -> String {
        let keys = ["a", "aa", "ab", "b", "ba"].into_iter();
        keys.filter(|key| select.keys().contains(key.as_bytes())).collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn all_that_is_asked_for_holds_together() {
        assert_eq!(selected(&Select::all()), "a aa ab b ba");
        assert_eq!(selected(&Select::all().prefix("a")), "a aa ab");
        assert_eq!(selected(&Select::all().prefix("a").gt("a").lt("ab")), "aa");
        assert_eq!(selected(&Select::all().gte("aa").gt("aa").lte("b")), "ab b");
        assert_eq!(selected(&Select::all().gt("aa").gte("aa")), "ab b ba");
        assert_eq!(selected(&Select::all().lt("b").lte("b")), "a aa ab");
        assert_eq!(selected(&Select::all().prefix("b").lt("a")), "");
    }
}
