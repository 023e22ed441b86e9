//! Where branches end, and how an entry is named short.

/// 32 bytes: an id, or the key of a writer.
pub type Key = [u8; 32];

/// The last entry of a branch of a writer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Tip {
    /// Whose branch.
    pub writer: Key,
    /// Number of its last entry.
    pub seq: u64,
    /// Id of its last entry.
    pub id: Key,
}

impl Tip {
    /// The tip as it is named to a peer.
    #[must_use]
    pub fn point(&self) -> Point {
        Point { writer: self.writer, seq: self.seq, prefix: prefix(&self.id) }
    }
}

/// Bytes of an id that name an entry to a peer. Ids can be ground until prefixes of this length meet with about
/// 2^64 work; the digests at the end of a session compare whole ids, so that would be seen.
pub const PREFIX_BYTES: usize = 16;

/// An entry, named to a peer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Point {
    /// Whose.
    pub writer: Key,
    /// Its number.
    pub seq: u64,
    /// The first bytes of its id.
    pub prefix: [u8; PREFIX_BYTES],
}

/// The first bytes of an id.
#[must_use]
pub fn prefix(id: &Key) -> [u8; PREFIX_BYTES] {
    let mut prefix = [0; PREFIX_BYTES];
    prefix.iter_mut().zip(id).for_each(|(to, from)| *to = *from);
    prefix
}
