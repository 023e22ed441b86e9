//! A stretch of keys that can be asked for, whatever its bounds.

use std::ops::{Bound, Range, RangeBounds, RangeFrom, RangeFull, RangeInclusive, RangeTo, RangeToInclusive};

use bytes::Bytes;

/// A stretch of keys, in the order of their bytes.
///
/// Any pair of bounds is a range: one that is empty or the wrong way round holds no key.
///
/// ```
/// use level::KeyRange;
///
/// assert!(KeyRange::prefix(b"ab").contains(b"abc"));
/// assert!(!KeyRange::prefix(b"a\xff").contains(b"b"));
/// assert!(KeyRange::from("a".."c").contains(b"b"));
/// assert!(KeyRange::from("c".."a").is_empty());
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct KeyRange {
    start: Bound<Bytes>,
    end: Bound<Bytes>,
}

impl KeyRange {
    /// The range between two bounds.
    pub fn new(start: Bound<impl Into<Bytes>>, end: Bound<impl Into<Bytes>>) -> KeyRange {
        KeyRange { start: start.map(Into::into), end: end.map(Into::into) }
    }

    /// Every key.
    pub fn all() -> KeyRange {
        KeyRange { start: Bound::Unbounded, end: Bound::Unbounded }
    }

    /// Every key that begins with `prefix`; with an empty prefix, every key.
    pub fn prefix(prefix: &[u8]) -> KeyRange {
        // The first key past the prefix is the prefix with its last byte that can grow grown by one, and cut
        // there. A prefix of nothing but 0xff has no such byte, and then nothing comes after it.
        let end = match prefix.iter().rposition(|byte| *byte < u8::MAX) {
            Some(last) => {
                let mut end = prefix.to_vec();
                end.truncate(last + 1);
                end.iter_mut().skip(last).for_each(|byte| *byte += 1);
                Bound::Excluded(end.into())
            }
            None => Bound::Unbounded,
        };
        KeyRange { start: Bound::Included(Bytes::copy_from_slice(prefix)), end }
    }

    /// Every key after `key`: where to go on after a page that ended with it.
    pub fn after(key: impl Into<Bytes>) -> KeyRange {
        KeyRange { start: Bound::Excluded(key.into()), end: Bound::Unbounded }
    }

    /// The lower bound.
    pub fn start(&self) -> Bound<&[u8]> {
        self.start.as_ref().map(|key| &key[..])
    }

    /// The upper bound.
    pub fn end(&self) -> Bound<&[u8]> {
        self.end.as_ref().map(|key| &key[..])
    }

    /// Whether `key` lies in the range.
    pub fn contains(&self, key: &[u8]) -> bool {
        RangeBounds::<[u8]>::contains(&self.bounds(), key)
    }

    /// Whether the bounds alone say that no key lies in the range.
    pub fn is_empty(&self) -> bool {
        use Bound::{Excluded, Included, Unbounded};
        match (&self.start, &self.end) {
            (Unbounded, Excluded(end)) => end.is_empty(),
            (Unbounded, _) | (_, Unbounded) => false,
            (Included(start), Included(end)) => start > end,
            (Included(start), Excluded(end)) | (Excluded(start), Included(end)) => start >= end,
            // Between two neighbours, such as "a" and "a\0", there is nothing either.
            (Excluded(start), Excluded(end)) => {
                start >= end
                    || (end.len() == start.len() + 1 && end.starts_with(start) && end.ends_with(&[0]))
            }
        }
    }

    /// Both bounds, to be narrowed by a reader that goes on where it was.
    pub(crate) fn bounds(&self) -> (Bound<&[u8]>, Bound<&[u8]>) {
        (self.start(), self.end())
    }

    pub(crate) fn set_start(&mut self, start: Bound<Bytes>) {
        self.start = start;
    }

    pub(crate) fn set_end(&mut self, end: Bound<Bytes>) {
        self.end = end;
    }
}

impl Default for KeyRange {
    fn default() -> KeyRange {
        KeyRange::all()
    }
}

impl From<RangeFull> for KeyRange {
    fn from(_: RangeFull) -> KeyRange {
        KeyRange::all()
    }
}

impl<K: Into<Bytes>> From<(Bound<K>, Bound<K>)> for KeyRange {
    fn from((start, end): (Bound<K>, Bound<K>)) -> KeyRange {
        KeyRange::new(start, end)
    }
}

impl<K: Into<Bytes>> From<Range<K>> for KeyRange {
    fn from(range: Range<K>) -> KeyRange {
        KeyRange::new(Bound::Included(range.start), Bound::Excluded(range.end))
    }
}

impl<K: Into<Bytes>> From<RangeInclusive<K>> for KeyRange {
    fn from(range: RangeInclusive<K>) -> KeyRange {
        let (start, end) = range.into_inner();
        KeyRange::new(Bound::Included(start), Bound::Included(end))
    }
}

impl<K: Into<Bytes>> From<RangeFrom<K>> for KeyRange {
    fn from(range: RangeFrom<K>) -> KeyRange {
        KeyRange { start: Bound::Included(range.start.into()), end: Bound::Unbounded }
    }
}

impl<K: Into<Bytes>> From<RangeTo<K>> for KeyRange {
    fn from(range: RangeTo<K>) -> KeyRange {
        KeyRange { start: Bound::Unbounded, end: Bound::Excluded(range.end.into()) }
    }
}

impl<K: Into<Bytes>> From<RangeToInclusive<K>> for KeyRange {
    fn from(range: RangeToInclusive<K>) -> KeyRange {
        KeyRange { start: Bound::Unbounded, end: Bound::Included(range.end.into()) }
    }
}
