//! What can be chosen for a session, and its bounds.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use bytes::Bytes;
use serde::{Deserialize, Serialize};

use crate::replica::Wants;

/// Which way entries go, as one side wishes it. Both sides learn of both wishes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Mode {
    /// Both ways.
    #[default]
    Sync,
    /// Only send.
    Push,
    /// Only receive.
    Pull,
}

impl Mode {
    /// Whether a side with this mode sends, where the other allows it.
    #[must_use]
    pub const fn sends(self) -> bool {
        !matches!(self, Self::Pull)
    }

    /// Whether a side with this mode receives, where the other allows it.
    #[must_use]
    pub const fn receives(self) -> bool {
        !matches!(self, Self::Push)
    }
}

impl fmt::Display for Mode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Sync => "sync",
            Self::Push => "push",
            Self::Pull => "pull",
        })
    }
}

/// A text that is no mode.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is not a mode: it is sync, push or pull")]
pub struct ParseModeError(String);

impl FromStr for Mode {
    type Err = ParseModeError;

    fn from_str(text: &str) -> Result<Self, ParseModeError> {
        match text {
            "sync" => Ok(Self::Sync),
            "push" => Ok(Self::Push),
            "pull" => Ok(Self::Pull),
            other => Err(ParseModeError(other.chars().take(32).collect())),
        }
    }
}

/// What can be chosen for a session. The default syncs everything once, both ways.
#[derive(Clone, Default)]
#[must_use]
pub struct Options {
    pub(crate) mode: Mode,
    pub(crate) live: bool,
    pub(crate) wants: Wants,
    pub(crate) metadata: Bytes,
    pub(crate) limits: Limits,
}

impl fmt::Debug for Options {
    /// Shows how much metadata there is, not what is in it: it can be private.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { mode, live, wants, metadata, limits } = self;
        f.debug_struct("Options")
            .field("mode", mode)
            .field("live", live)
            .field("wants", wants)
            .field("metadata", &metadata.len())
            .field("limits", limits)
            .finish()
    }
}

impl Options {
    /// Which way entries go. Default: both ways.
    pub fn mode(mut self, mode: Mode) -> Self {
        self.mode = mode;
        self
    }

    /// Goes on after the first sync, with what is stored from then on, if the other side wants that too. Default:
    /// no.
    pub fn live(mut self, live: bool) -> Self {
        self.live = live;
        self
    }

    /// Which writers to take. Default: all.
    pub fn wants(mut self, wants: Wants) -> Self {
        self.wants = wants;
        self
    }

    /// Anything that the other side is told at once, at most [`METADATA_BYTES_MAX`] bytes. Default: nothing.
    pub fn metadata(mut self, metadata: impl Into<Bytes>) -> Self {
        self.metadata = metadata.into();
        self
    }

    /// Bounds. Default: [`Limits::default`].
    pub fn limits(mut self, limits: Limits) -> Self {
        self.limits = limits;
        self
    }
}

/// Bytes of metadata.
pub const METADATA_BYTES_MAX: usize = 4 << 10;

/// Writers that a side may name in its [`Wants`].
pub const WRITERS_NAMED_MAX: usize = 1_024;

/// Ids that a question for values may have.
pub const IDS_PER_ASK_MAX: usize = 1_024;

/// Tips or samples, and ranges, that surely fit into one message.
const POINTS_PER_MESSAGE_MAX: usize = 1_024;

/// Bytes of the name of a kind of log.
pub(crate) const KIND_BYTES_MAX: usize = 32;

/// The bounds of one session, each with its reason. The defaults suit a desktop; tests use tiny ones.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct Limits {
    /// How long to wait for the first byte. None on pipes, where a person may still be walking to the other
    /// terminal; on sockets somebody is there, or nobody is.
    pub first_byte_in: Option<Duration>,
    /// While the other side owes something, it is looked at so often.
    pub window: Duration,
    /// And must have made as much progress, in bytes read or written, as this a second.
    pub bytes_per_second_min: u64,
    /// A side that has heard nothing for so long asks whether the other is still there.
    pub ping_after: Duration,
    /// A side that has heard nothing for so long gives up.
    pub dead_after: Duration,
    /// Tips that a peer may have. They are looked at one by one, and kept only where they are here as well.
    pub tips_max: u64,
    /// Tips, or samples, in one message: 1 to 1,024.
    pub points_per_message: usize,
    /// Up to so many tips on both sides, both send all of them at once; above, they search for those that differ.
    /// Part of the protocol: both sides must have the same.
    pub tips_at_once: usize,
    /// A range of so many tips is listed; a larger one is split.
    pub tips_per_range: usize,
    /// Parts that a range is split into.
    pub parts: usize,
    /// Turns that a search for the tips that differ may take. Each divides by `parts`, so it is far below.
    pub turns_max: u32,
    /// Ranges that may be asked about in one turn. Each has a tip of either side in it, so it is about as many as
    /// there may be tips.
    pub ranges_max: usize,
    /// Entries that a peer may send although it must know that they are here, beyond those that were sent to it:
    /// what crossed on the way.
    pub repeated_max: u64,
    /// Ids in one question for values: 1 to [`IDS_PER_ASK_MAX`].
    pub ids_per_ask: usize,
    /// Tips that a peer claimed and did not deliver, of which the report knows.
    pub claims_max: usize,
    /// Forks that a report lists.
    pub forks_listed: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            first_byte_in: None,
            window: Duration::from_secs(30),
            bytes_per_second_min: 1_024,
            ping_after: Duration::from_secs(20),
            dead_after: Duration::from_secs(60),
            tips_max: 1 << 18,
            points_per_message: 1_024,
            tips_at_once: 256,
            tips_per_range: 16,
            parts: 16,
            turns_max: 32,
            ranges_max: 1 << 18,
            repeated_max: 4_096,
            ids_per_ask: 1_024,
            claims_max: 1_024,
            forks_listed: 1_024,
        }
    }
}

impl Limits {
    /// Bounds for sockets: the first byte must come within 10 seconds.
    #[must_use]
    pub fn on_a_socket() -> Self {
        Self { first_byte_in: Some(Duration::from_secs(10)), ..Self::default() }
    }

    /// Bounds with which a session goes on: of nothing at a time there would be no end.
    pub(crate) fn within_reason(self) -> Self {
        Self {
            points_per_message: self.points_per_message.clamp(1, POINTS_PER_MESSAGE_MAX),
            tips_per_range: self.tips_per_range.max(1),
            parts: self.parts.max(2),
            ids_per_ask: self.ids_per_ask.clamp(1, IDS_PER_ASK_MAX),
            ..self
        }
    }
}
