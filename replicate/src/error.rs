//! Why a session ended before everything was done.

use std::error::Error as StdError;

use crate::frame::FrameError;
use crate::options::Mode;
use crate::replica::ReplicaError;
use crate::report::Report;

/// A session that did not complete. What was stored until then stays, and the next session goes on from there.
#[derive(Debug, thiserror::Error)]
#[error("{} ({} entries were received, {} sent)", how_far(report), report.received, report.sent)]
#[non_exhaustive]
pub struct SyncError {
    /// What was done until then.
    pub report: Box<Report>,
    /// Why it went no further.
    #[source]
    pub cause: Cause,
}

/// What a session that failed had reached.
const fn how_far(report: &Report) -> &'static str {
    if report.complete {
        "the first sync was complete, and then the session broke off"
    } else {
        "the sync did not complete"
    }
}

/// Why a session ended before everything was done.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Cause {
    /// What came is not this protocol.
    #[error(transparent)]
    Frame(#[from] FrameError),
    /// Both only send.
    #[error("both sides only push: nobody receives")]
    BothPush,
    /// Both only receive.
    #[error("both sides only pull: nobody sends")]
    BothPull,
    /// Logs of two kinds.
    #[error("the other side syncs a {theirs:?} log, this one a {ours} log")]
    OtherKind {
        /// Kind of the peer's log.
        theirs: String,
        /// Kind of the log here.
        ours: String,
    },
    /// Logs about two things.
    #[error("the other side's log is about another topic")]
    OtherTopic,
    /// A message where the protocol has none.
    #[error("the other side sent {message} {place}: it does not keep to the protocol")]
    Unexpected {
        /// Name of the message.
        message: &'static str,
        /// Where the session stood.
        place: &'static str,
    },
    /// A message with something in it that the protocol forbids.
    #[error("the other side sent a {message} with {what}: it does not keep to the protocol")]
    Invalid {
        /// Name of the message.
        message: &'static str,
        /// What is wrong with it.
        what: &'static str,
    },
    /// More tips than there may be, or than the peer said.
    #[error("the other side lists more than {max} tips")]
    TooManyTips {
        /// As many as it said, or as there may be.
        max: u64,
    },
    /// More entries than were offered.
    #[error("the other side sent more than the {offered} entries it offered")]
    MoreThanOffered {
        /// What it offered.
        offered: u64,
    },
    /// Entries over and over that the peer knows to be here.
    #[error("the other side sent {repeated} entries of which it knew that they are here")]
    Wasteful {
        /// How many.
        repeated: u64,
    },
    /// Entries that cannot be stored.
    #[error("what the other side sent cannot be stored")]
    Refused(#[source] Box<dyn StdError + Send + Sync>),
    /// The log here failed.
    #[error("the log here failed")]
    Local(#[source] Box<dyn StdError + Send + Sync>),
    /// Nobody is there.
    #[error("the other side said nothing for {seconds} s")]
    Silent {
        /// How long.
        seconds: u64,
    },
    /// Somebody is there and does not do its part.
    #[error("the other side stalled: {bytes} bytes in {seconds} s, while it still {owes}")]
    Stalled {
        /// Progress, read and written.
        bytes: u64,
        /// In this time.
        seconds: u64,
        /// What it did not do.
        owes: &'static str,
    },
    /// The stream ended early.
    #[error("the connection ended in the middle: the other side {owes}")]
    Interrupted {
        /// What the other side did not do.
        owes: &'static str,
    },
    /// The peer gave a reason and left.
    #[error("the other side ended the sync: {reason}")]
    ByPeer {
        /// Its words; anybody may have chosen them.
        reason: String,
    },
    /// The wire broke.
    #[error("the connection failed")]
    Wire(#[source] std::io::Error),
    /// The caller wanted no more.
    #[error("stopped here")]
    Stopped,
    /// The modes that were chosen make no session: too much metadata, too many writers.
    #[error("{what} of {size} is above the {max} that fit in a handshake")]
    TooLarge {
        /// Which option.
        what: &'static str,
        /// Its size.
        size: usize,
        /// The most there may be.
        max: usize,
    },
}

impl From<ReplicaError> for Cause {
    fn from(error: ReplicaError) -> Self {
        match error {
            ReplicaError::Peer(error) => Self::Refused(error),
            ReplicaError::Local(error) => Self::Local(error),
        }
    }
}

impl Cause {
    /// What the peer is told. Its own fault in full; ours without details, which are none of its business.
    pub(crate) fn told(&self) -> Option<String> {
        match self {
            // Nobody is there to be told, or it left by itself.
            Self::Interrupted { .. } | Self::ByPeer { .. } | Self::Wire(_) => None,
            Self::Local(_) => Some("the log on this side failed".into()),
            Self::Stopped => Some("stopped by its user".into()),
            other => {
                let mut text = other.to_string();
                let mut source = other.source();
                while let Some(cause) = source {
                    let why = cause.to_string();
                    if !text.contains(&why) {
                        text = format!("{text}: {why}");
                    }
                    source = cause.source();
                }
                Some(text)
            }
        }
    }
}

/// Which ways entries go, from both wishes.
pub(crate) fn agree(ours: Mode, theirs: Mode) -> Result<(bool, bool), Cause> {
    let sends = ours.sends() && theirs.receives();
    let receives = ours.receives() && theirs.sends();
    match (sends, receives, ours) {
        (false, false, Mode::Push) => Err(Cause::BothPush),
        (false, false, _) => Err(Cause::BothPull),
        (sends, receives, _) => Ok((sends, receives)),
    }
}
