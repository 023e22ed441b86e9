//! What a log offers to be synced: [`Replica`], and for the time of one session an [`Exchange`].
//!
//! Entries are opaque here. The log encodes and decodes its own groups, knows its own branches, and so keeps
//! the book of what the peer has; the session decides who speaks when.

use std::collections::BTreeSet;
use std::error::Error as StdError;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use bytes::Bytes;

use crate::point::{Key, Point, Tip};

/// A log that can be synced.
pub trait Replica {
    /// Its side of one session.
    type Exchange: Exchange;

    /// Begins a session: takes a snapshot, and makes everything in it durable before it returns, for nothing
    /// may be shown to a peer that a crash could take back.
    ///
    /// # Errors
    ///
    /// [`ReplicaError::Local`].
    fn exchange(&self) -> Result<Self::Exchange, ReplicaError>;
}

/// One side of one session: a snapshot of what is here, and the book of what the peer has.
///
/// Whatever the peer is known to have it has with everything before it on that branch: an entry that was sent to
/// it, or came from it, or that it named, stands for all that it reaches through `prev`.
///
/// # Rules of calling
///
/// [`agree`](Self::agree), before anything is sent or received. Then the peer's points
/// ([`peer_has_tip`](Self::peer_has_tip), [`peer_named`](Self::peer_named)), then [`plan`](Self::plan) once, then
/// [`next_group`](Self::next_group) until it returns none, and in a live session
/// [`next_live`](Self::next_live) from then on. What receives ([`decoder`](Self::decoder),
/// [`ingest`](Self::ingest), values) may be called at any time after `agree`.
pub trait Exchange: Send {
    /// A group that was decoded and hashed, and that nobody vouches for yet.
    type Group: Send + 'static;

    /// What this log is, as of the snapshot.
    fn about(&self) -> About;

    /// The ends of all branches as of the snapshot, ascending. Never changes.
    fn tips(&self) -> &[Tip];

    /// Notes what either side declines: once when the session begins, and again when the other side has said its own.
    /// Entries of a writer that the peer declines are not sent, nor what depends on them; entries of a writer that
    /// this side declines are refused.
    fn agree(&mut self, ours: &Wants, theirs: &Wants);

    /// Notes that the peer has one of [`tips`](Self::tips), by its place there.
    fn peer_has_tip(&mut self, place: usize);

    /// The peer says that it has this entry. Returns whether it is here as well; then it is noted.
    ///
    /// # Errors
    ///
    /// [`ReplicaError::Local`].
    fn peer_named(&mut self, point: &Point) -> Result<bool, ReplicaError>;

    /// Adds samples of each branch of a writer to `out`, except where the peer has the tip: the entries at
    /// distance 1, 2, 4 ... below it, and seq 1. By them the peer finds where its branches and ours part.
    ///
    /// # Errors
    ///
    /// [`ReplicaError::Local`].
    fn samples(&self, writer: &Key, out: &mut Vec<Point>) -> Result<(), ReplicaError>;

    /// Works out what the peer lacks of the snapshot; returns how many entries that is, with those that will be
    /// left out.
    ///
    /// # Errors
    ///
    /// [`ReplicaError::Local`].
    fn plan(&mut self) -> Result<u64, ReplicaError>;

    /// The next group of what the peer lacks of the snapshot; none when all of it was sent.
    ///
    /// # Errors
    ///
    /// [`ReplicaError::Local`].
    fn next_group(&mut self) -> Result<Option<Outgoing>, ReplicaError>;

    /// The next group of what was stored after the snapshot, is durable, and the peer lacks; none when there is
    /// nothing now.
    ///
    /// # Errors
    ///
    /// [`ReplicaError::Local`].
    fn next_live(&mut self) -> Result<Option<Outgoing>, ReplicaError>;

    /// After [`plan`](Self::plan): entries that the peer lacks and that were not sent: of writers that it declines, and what depends on them.
    fn left_out(&self) -> u64;

    /// Decodes and hashes groups; needs no store, so it may run beside [`ingest`](Self::ingest).
    fn decoder(&self) -> Decoder<Self::Group>;

    /// Verifies a group against what is stored, and stores what is new of it as one commit.
    ///
    /// # Errors
    ///
    /// [`ReplicaError::Peer`] when the group cannot be accepted; then nothing of it is stored.
    fn ingest(&mut self, group: Self::Group) -> Result<Ingested, ReplicaError>;

    /// Ids of further entries whose values are not here yet, at most `max`, each once a session; empty when
    /// there are no more. The first are wanted before the other side was heard: whether there are any is part of the
    /// handshake.
    ///
    /// # Errors
    ///
    /// [`ReplicaError::Local`].
    fn wanted_values(&mut self, max: usize) -> Result<Vec<Key>, ReplicaError>;

    /// The value of an entry, when it is here.
    ///
    /// # Errors
    ///
    /// [`ReplicaError::Local`].
    fn value(&self, id: &Key) -> Result<Option<Bytes>, ReplicaError>;

    /// A value that was wanted. Returns whether it was still missing.
    ///
    /// # Errors
    ///
    /// [`ReplicaError::Peer`] when it is not the value of that entry.
    fn fill(&mut self, id: &Key, value: Bytes) -> Result<bool, ReplicaError>;

    /// Syncs to disk what was received, and says what is here now. `complete` says that the peer has sent all that
    /// this log lacked.
    ///
    /// # Errors
    ///
    /// [`ReplicaError::Local`].
    fn settle(&mut self, complete: bool) -> Result<Settled, ReplicaError>;

    /// Resolves when there may be more for [`next_live`](Self::next_live). Listening begins with the call.
    fn news(&self) -> News;
}

/// Decodes a group; cheap to clone, and usable from another thread than the session's.
pub type Decoder<G> = Arc<dyn Fn(Bytes) -> Result<G, ReplicaError> + Send + Sync>;

/// Wakes a live session.
pub type News = Pin<Box<dyn Future<Output = ()> + Send>>;

/// What a log is, as it says to a peer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct About {
    /// The kind of log: only logs of one kind are synced. 1 to 32 bytes.
    pub kind: String,
    /// A hash of what the log is about, never that itself.
    pub discovery_key: Key,
    /// Entries in it.
    pub entries: u64,
    /// Writers in it.
    pub writers: u64,
}

/// A group that is ready to be sent.
#[derive(Clone, PartialEq, Eq)]
pub struct Outgoing {
    /// The group, as the log encodes it.
    pub bytes: Bytes,
    /// Entries in it.
    pub entries: u64,
}

impl std::fmt::Debug for Outgoing {
    /// Shows how much it is, never its contents: values can be private.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { bytes, entries } = self;
        f.debug_struct("Outgoing").field("bytes", &bytes.len()).field("entries", entries).finish()
    }
}

/// What became of a group.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Ingested {
    /// Entries that are new here.
    pub stored: u64,
    /// Entries that were here already.
    pub duplicates: u64,
    /// Of those, entries that the peer was known to have: it got them from here, or sent them before. What another
    /// session brought meanwhile is none of them, nor is what the peer sends again because its samples are coarse.
    pub repeated: u64,
    /// Values that had been missing and came with the group.
    pub filled: u64,
    /// Forks that show up with the group.
    pub forks: Vec<Fork>,
}

/// A log as it is when the first sync of a session ends.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Settled {
    /// The ends of all branches, ascending.
    pub tips: Vec<Tip>,
    /// Entries in the log, as of the same moment.
    pub entries: u64,
}

/// A writer has two entries under one number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Fork {
    /// Who forked.
    pub writer: Key,
    /// The first number that differs.
    pub seq: u64,
    /// The entry with the lower id.
    pub lower: Key,
    /// The entry with the higher id.
    pub higher: Key,
}

/// Which writers a side takes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Wants {
    /// All of them.
    #[default]
    All,
    /// These only.
    Only(BTreeSet<Key>),
    /// All but these.
    Without(BTreeSet<Key>),
}

impl Wants {
    /// Whether entries of a writer are taken.
    #[must_use]
    pub fn takes(&self, writer: &Key) -> bool {
        match self {
            Self::All => true,
            Self::Only(writers) => writers.contains(writer),
            Self::Without(writers) => !writers.contains(writer),
        }
    }
}

/// Why a log could not do its part.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ReplicaError {
    /// The peer sent what cannot be accepted.
    #[error(transparent)]
    Peer(Box<dyn StdError + Send + Sync>),
    /// The log here failed; the peer did nothing wrong.
    #[error(transparent)]
    Local(Box<dyn StdError + Send + Sync>),
}
