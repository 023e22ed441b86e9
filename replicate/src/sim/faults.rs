//! What a wire does to what goes over it.

use std::time::Duration;

/// One of the two ends of a wire; of a direction, the end that speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Side {
    /// The first.
    A,
    /// The second.
    B,
}

impl Side {
    /// Both, in order.
    pub const BOTH: [Self; 2] = [Self::A, Self::B];

    /// The end across.
    #[must_use]
    pub const fn other(self) -> Self {
        match self {
            Self::A => Self::B,
            Self::B => Self::A,
        }
    }
}

/// What a wire does to what goes over it. The default is a good wire: it carries everything at once.
#[derive(Clone, Debug)]
pub struct Faults {
    /// Bytes that arrive at once, at most. Small pieces are as likely as large ones.
    pub piece_max: usize,
    /// How long a piece is on its way, at most.
    pub latency_max: Duration,
    /// Bytes that can be on their way in one direction. A session is asked for the next message only when all of
    /// the last one is under way.
    pub capacity: usize,
    /// Who has said all closes its direction at once, and not only when the other has, too.
    pub closes_early: bool,
    /// Where the wire breaks.
    pub cut: Option<Cut>,
}

impl Default for Faults {
    fn default() -> Self {
        Self {
            piece_max: 1 << 30,
            latency_max: Duration::ZERO,
            capacity: 1 << 30,
            closes_early: false,
            cut: None,
        }
    }
}

/// Where a wire breaks: what one end says arrives up to there; of what the other said, anything may be lost.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cut {
    /// Who is cut short.
    pub speaker: Side,
    /// Where.
    pub at: At,
}

/// A place in what an end says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum At {
    /// Behind so many bytes.
    Byte(u64),
    /// Somewhere within its group number so many, from 0.
    Group(u64),
}

/// What became of a wire so far.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Suffered {
    /// It was cut.
    pub cut: bool,
    /// It was cut between the first and the last byte of a group.
    pub cut_in_group: bool,
    /// It stalled.
    pub stalled: bool,
}
