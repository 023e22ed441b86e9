//! A ready-made view: nodes by keys that are found in them.

use std::marker::PhantomData;
use std::ops::Bound;

use bytes::Bytes;
use hyperlog::{Encoding, Node, NodeId};
use level::{KeyRange, Order, Row};

use crate::error::Error;
use crate::index::Index;
use crate::rows::Rows;
use crate::view::{MapError, View};

/// A secondary index: nodes by the keys that a function finds in them, any number for each node, in the order of their
/// bytes. One row for each key and node.
///
/// ```
/// use hyperlog::{Hyperlog, Identity, Memory, Utf8};
/// use hyperlog_index::{Index, Keys, words};
///
/// let level = Memory::new();
/// let log = Hyperlog::<Utf8>::open(level.clone(), Identity::generate())?;
/// let by_word = Keys::<Utf8, _>::new("by-word", 1, |node| {
///     words(node.value().map_or("", String::as_str)).map(String::into_bytes).collect()
/// });
/// let by_word = Index::open(&log, level, by_word)?;
/// let hello = log.append("Hello, world!")?;
/// log.append("Good morning, world.")?;
/// assert_eq!(by_word.find("hello")?.collect::<Result<Vec<_>, _>>()?, [hello.id]);
/// assert_eq!(by_word.find("world")?.count(), 2);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct Keys<E, F> {
    name: String,
    version: u32,
    keys: F,
    encoding: PhantomData<fn() -> E>,
}

impl<E, F> std::fmt::Debug for Keys<E, F> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Keys")
            .field("name", &self.name)
            .field("version", &self.version)
            .finish_non_exhaustive()
    }
}

impl<E, F> Keys<E, F>
where
    E: Encoding,
    F: Fn(&Node<E::Value>) -> Vec<Vec<u8>> + Send + Sync + 'static,
{
    /// Finds nodes by what `keys` says of them. Another `keys` is another `version`. A node with a key above some 32,000
    /// bytes is skipped.
    pub fn new(name: impl Into<String>, version: u32, keys: F) -> Self {
        Self { name: name.into(), version, keys, encoding: PhantomData }
    }
}

impl<E, F> View for Keys<E, F>
where
    E: Encoding,
    F: Fn(&Node<E::Value>) -> Vec<Vec<u8>> + Send + Sync + 'static,
{
    type Encoding = E;

    fn name(&self) -> &str {
        &self.name
    }

    fn version(&self) -> u32 {
        self.version
    }

    fn map(&self, node: &Node<E::Value>, rows: &mut Rows<'_>) -> Result<(), MapError> {
        for key in (self.keys)(node) {
            let mut row = ending(&key, LAST);
            row.extend_from_slice(node.id.as_bytes());
            rows.put(&row, Bytes::new())?;
        }
        Ok(())
    }
}

impl<E, F> Index<Keys<E, F>>
where
    E: Encoding,
    F: Fn(&Node<E::Value>) -> Vec<Vec<u8>> + Send + Sync + 'static,
{
    /// The nodes with a key, ascending by id: the same on every replica. Catches up first; then O(nodes found).
    ///
    /// # Errors
    ///
    /// As [`ready`](Self::ready); as an item, what the store says.
    pub fn find(
        &self,
        key: impl AsRef<[u8]>,
    ) -> Result<impl Iterator<Item = Result<NodeId, Error>> + '_, Error> {
        let key = Bytes::copy_from_slice(key.as_ref());
        let found = self.find_range(key.clone()..=key, Order::Ascending)?;
        Ok(found.map(|found| Ok(found?.1)))
    }

    /// The keys of a range and their nodes, in `order` of the bytes of the keys, then of the ids.
    ///
    /// # Errors
    ///
    /// As [`find`](Self::find).
    pub fn find_range(
        &self,
        keys: impl Into<KeyRange>,
        order: Order,
    ) -> Result<impl Iterator<Item = Result<(Bytes, NodeId), Error>> + '_, Error> {
        let rows = self.range(rows_of(&keys.into()), order)?;
        let damaged = || Error::Damaged { view: self.view().name.clone() };
        Ok(rows.map(move |row| decode(row?).ok_or_else(damaged)))
    }
}

// A row is a key, in which each 0 is followed by 255, then 0 0, then an id. So keys keep their order, and no key's rows
// stand between those of another.

/// Ends a key in its row.
const LAST: u8 = 0;
/// Stands behind all rows of a key, and before those of the next.
const BEHIND: u8 = 1;
const ESCAPED: u8 = 255;

fn ending(key: &[u8], end: u8) -> Vec<u8> {
    let mut row = Vec::with_capacity(key.len() + 2 + 32);
    for byte in key {
        row.push(*byte);
        if *byte == 0 {
            row.push(ESCAPED);
        }
    }
    row.extend_from_slice(&[0, end]);
    row
}

fn rows_of(keys: &KeyRange) -> KeyRange {
    let start = match keys.start() {
        Bound::Included(key) => Bound::Included(ending(key, LAST)),
        Bound::Excluded(key) => Bound::Included(ending(key, BEHIND)),
        Bound::Unbounded => Bound::Unbounded,
    };
    let end = match keys.end() {
        Bound::Included(key) => Bound::Excluded(ending(key, BEHIND)),
        Bound::Excluded(key) => Bound::Excluded(ending(key, LAST)),
        Bound::Unbounded => Bound::Unbounded,
    };
    KeyRange::new(start, end)
}

fn decode((row, _): Row) -> Option<(Bytes, NodeId)> {
    let (escaped, id) = row.split_at_checked(row.len().checked_sub(32)?)?;
    let escaped = escaped.strip_suffix(&[0, LAST])?;
    let mut key = Vec::with_capacity(escaped.len());
    let mut bytes = escaped.iter();
    while let Some(byte) = bytes.next() {
        key.push(*byte);
        if *byte == 0 && bytes.next() != Some(&ESCAPED) {
            return None;
        }
    }
    Some((key.into(), NodeId::from_bytes(id.try_into().ok()?)))
}

/// The words of a text in lower case: what lies between characters that are neither letters nor digits. Words above 256
/// bytes are left out: nobody looks for them, and a stranger may have written them.
pub fn words(text: &str) -> impl Iterator<Item = String> + '_ {
    let words = text.split(|c: char| !c.is_alphanumeric());
    words.filter(|word| !word.is_empty() && word.len() <= WORD_BYTES_MAX).map(str::to_lowercase)
}

const WORD_BYTES_MAX: usize = 256;
