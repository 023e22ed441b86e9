//! What a session did: the same whether it completed or not.

use std::fmt;
use std::time::Duration;

use bytes::Bytes;

use crate::options::Mode;
use crate::point::Key;
use crate::replica::Fork;

/// What a session did.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Report {
    /// The first sync was completed: both sides have stored all that was sent.
    pub complete: bool,
    /// Both logs had the same tips when the first sync ended, so the same entries.
    pub equal: bool,
    /// Why not, where they had not. Never empty in a complete session that is not equal.
    pub differences: Vec<Difference>,
    /// Entries that were sent.
    pub sent: u64,
    /// Entries that came and are new here.
    pub received: u64,
    /// Entries that came and were here already.
    pub duplicates: u64,
    /// Values that had been missing and came.
    pub filled: u64,
    /// Bytes that were written to the wire.
    pub bytes_sent: u64,
    /// Bytes that were read from the wire.
    pub bytes_received: u64,
    /// Forks that showed up here in this session, ascending, at most
    /// [`Limits::forks_listed`](crate::Limits::forks_listed). The log lists those of all times.
    pub forks: Vec<Fork>,
    /// The session went on live after the first sync.
    pub live: bool,
    /// Time from the first byte of the other side on.
    pub time: Duration,
    /// Who was there; none when it never said hello.
    pub peer: Option<Peer>,
}

/// The other side, as it says.
#[derive(Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Peer {
    /// What its application says; anybody may have chosen it.
    pub metadata: Bytes,
    /// Which way it wants entries to go.
    pub mode: Mode,
    /// Whether it wants to go on after the first sync.
    pub live: bool,
    /// Entries in its log.
    pub entries: u64,
    /// Writers in its log.
    pub writers: u64,
}

impl fmt::Debug for Peer {
    /// Shows the length of the metadata, not what is in it: it can be private.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { metadata, mode, live, entries, writers } = self;
        f.debug_struct("Peer")
            .field("metadata", &metadata.len())
            .field("mode", mode)
            .field("live", live)
            .field("entries", entries)
            .field("writers", writers)
            .finish()
    }
}

/// Why two logs differ after a complete session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Difference {
    /// One side only sends, or only receives.
    OneWay,
    /// This side left out so many entries, which the other declines or which depend on such.
    LeftOut(u64),
    /// The other side left out so many.
    Declined(u64),
    /// This log got entries from elsewhere while the session ran.
    WrittenHere,
    /// The other log got entries from elsewhere while the session ran, as it says.
    WrittenThere,
    /// The other side claimed to have so many tips that it did not deliver, at least.
    Claimed(u64),
    /// Nothing that is known here explains it.
    Unexplained,
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::OneWay => f.write_str("entries went one way only"),
            Self::LeftOut(n) => write!(f, "{n} entries were left out that the other side declines"),
            Self::Declined(n) => write!(f, "the other side left out {n} entries that are declined here"),
            Self::WrittenHere => f.write_str("entries came here from elsewhere meanwhile"),
            Self::WrittenThere => f.write_str("the other side got entries from elsewhere meanwhile"),
            Self::Unexplained => f.write_str("the logs differ and nothing explains why"),
            Self::Claimed(n) => write!(f, "the other side claims {n} tips that it did not deliver"),
        }
    }
}

/// How far a session is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Progress {
    /// Entries sent.
    pub sent: u64,
    /// Entries to send in all; none while it is not known.
    pub to_send: Option<u64>,
    /// Entries received, here already or not.
    pub received: u64,
    /// Entries to receive in all; none while it is not known.
    pub to_receive: Option<u64>,
    /// Entries that the other side has verified and committed.
    pub acknowledged: u64,
}

/// News of a session.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Event {
    /// The other side said hello.
    Met(Peer),
    /// It went further.
    Progress(Progress),
    /// A writer has two entries under one number.
    Fork(Fork),
    /// The first sync is complete. From here on the session is live, or ends.
    Synced {
        /// Whether both logs have the same tips.
        equal: bool,
    },
    /// A tip that was claimed and not delivered.
    Claimed {
        /// Of this writer.
        writer: Key,
        /// With this number.
        seq: u64,
    },
}
