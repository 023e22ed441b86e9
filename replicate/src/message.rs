//! What the two sides say to each other: see `docs/protocol.md`.

use std::fmt;

use bytes::{Buf, BufMut, Bytes, BytesMut};
use serde::{Deserialize, Serialize};

use crate::frame::FrameError;
use crate::list::List;
use crate::options::Mode;
use crate::point::{Key, PREFIX_BYTES, Point};
use crate::replica::Wants;

/// One message of the protocol.
#[derive(Clone, PartialEq, Eq)]
pub enum Message {
    /// Who this is and what it wants.
    Hello(Box<Hello>),
    /// Ranges of tips, when the digests differ.
    Tips(Tips),
    /// Samples below tips, of writers of which the other listed a tip that is not here.
    Locate(Locate),
    /// How many entries will be sent up to `Sent`.
    Offer {
        /// At most so many.
        entries: u64,
    },
    /// Entries, as the log encodes them.
    Group(Bytes),
    /// All that the other lacked as of the snapshot was sent, but for what was left out.
    Sent {
        /// Entries that the other lacks and that were left out, because it declines their writers.
        left_out: u64,
    },
    /// Entries whose value is not here yet.
    Ask(Ask),
    /// A value that was asked for.
    Value {
        /// Of this entry.
        id: Key,
        /// The value.
        value: Bytes,
    },
    /// All values were sent that are here, of those last asked for.
    Answered,
    /// Everything up to here is verified and committed.
    Stored(Stored),
    /// Are you there?
    Ping,
    /// Yes.
    Pong,
    /// Nothing follows.
    Bye(Bye),
    /// A message of a later version, which may be ignored.
    Unknown {
        /// Its type: 0x80 and up.
        kind: u8,
        /// Bytes of its body.
        bytes: usize,
    },
}

/// Who a side is and what it wants.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Hello {
    /// The kind of log.
    pub kind: String,
    /// A hash of what the log is about.
    pub discovery_key: Key,
    /// Which way entries are to go.
    pub mode: Mode,
    /// Whether to go on after the first sync.
    pub live: bool,
    /// Whether values will be asked for.
    pub asks: bool,
    /// Digest of all tips.
    pub digest: Key,
    /// How many tips there are.
    pub tips: u64,
    /// Writers in the log.
    pub writers: u64,
    /// Entries in the log.
    pub entries: u64,
    /// Which writers it takes.
    pub takes: Takes,
    /// Whatever the application says.
    pub metadata: List<u8>,
}

impl fmt::Debug for Hello {
    /// Shows how much metadata there is, not what is in it: it can be private.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { kind, mode, live, asks, tips, writers, entries, takes, metadata, .. } = self;
        f.debug_struct("Hello")
            .field("kind", kind)
            .field("mode", mode)
            .field("live", live)
            .field("asks", asks)
            .field("tips", tips)
            .field("writers", writers)
            .field("entries", entries)
            .field("takes", takes)
            .field("metadata", &metadata.0.len())
            .finish_non_exhaustive()
    }
}

/// [`Wants`], as it is sent.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Takes {
    /// All writers.
    All,
    /// These only.
    Only(List<Key>),
    /// All but these.
    Without(List<Key>),
}

impl From<&Wants> for Takes {
    fn from(wants: &Wants) -> Self {
        match wants {
            Wants::All => Self::All,
            Wants::Only(writers) => Self::Only(List(writers.iter().copied().collect())),
            Wants::Without(writers) => Self::Without(List(writers.iter().copied().collect())),
        }
    }
}

impl From<&Takes> for Wants {
    fn from(takes: &Takes) -> Self {
        match takes {
            Takes::All => Self::All,
            Takes::Only(writers) => Self::Only(writers.0.iter().copied().collect()),
            Takes::Without(writers) => Self::Without(writers.0.iter().copied().collect()),
        }
    }
}

/// Part of a turn of the search for the tips that differ.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tips {
    /// Ranges, ascending, none reaching into the next.
    pub ranges: List<Range>,
    /// Whether the turn goes on in another message.
    pub more: bool,
}

/// A range of tips, sorted by (writer, seq, id).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Range {
    /// Where it begins: a prefix of the bytes of a tip, or nothing for the beginning.
    pub from: List<u8>,
    /// Where it ends, which is no longer in it; none for the end.
    pub to: Option<List<u8>>,
    /// What is said of it.
    pub what: What,
}

/// What is said of a range of tips.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum What {
    /// The digests were the same, so the tips are.
    Same,
    /// The digest of the tips of this side. The other compares it, and says `Same`, splits it, or lists.
    Digest([u8; PREFIX_BYTES]),
    /// All tips of this side in the range.
    List {
        /// The tips.
        tips: List<Named>,
        /// Whether the other is to list its own.
        reply: bool,
    },
}

/// A [`Point`], as it is sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Named {
    /// Whose.
    pub writer: Key,
    /// Its number and the first bytes of its id.
    pub sample: Sample,
}

/// A place in the log of a writer that was named before.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sample {
    /// Number of the entry.
    pub seq: u64,
    /// The first bytes of its id.
    pub prefix: [u8; PREFIX_BYTES],
}

impl From<Point> for Named {
    fn from(Point { writer, seq, prefix }: Point) -> Self {
        Self { writer, sample: Sample { seq, prefix } }
    }
}

impl From<Named> for Point {
    fn from(Named { writer, sample: Sample { seq, prefix } }: Named) -> Self {
        Self { writer, seq, prefix }
    }
}

/// Samples of branches, by writer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Locate {
    /// Each writer with samples of its branches.
    pub writers: List<(Key, List<Sample>)>,
    /// Whether more of it follows.
    pub more: bool,
}

/// Entries whose value is not here yet.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ask {
    /// Their ids.
    pub ids: List<Key>,
    /// Whether there will be another question once this one is answered.
    pub more: bool,
}

/// Everything up to here is verified and committed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Stored {
    /// Entries that came on this session, all told.
    pub entries: u64,
    /// In the one that ends the first sync, which follows a sync of the disk.
    pub last: Option<Last>,
}

/// A log at the end of the first sync.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Last {
    /// Digest of all tips.
    pub digest: Key,
    /// Entries that came from elsewhere than this session since it began.
    pub elsewhere: u64,
}

/// Nothing follows.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Bye {
    /// Why, unless all is well. At most [`REASON_BYTES_MAX`] bytes.
    pub reason: Option<String>,
}

/// Bytes of a reason.
pub const REASON_BYTES_MAX: usize = 1_024;

/// Type of a [`Message::Group`] frame, which may be the longest.
pub(crate) const GROUP: u8 = 5;
pub(crate) const VALUE: u8 = 8;
pub(crate) const PING: u8 = 11;
pub(crate) const PONG: u8 = 12;
/// Types from here on are skipped by who does not know them.
pub(crate) const SKIPPED: u8 = 0x80;

impl Message {
    /// Type byte of the frame.
    #[must_use]
    pub const fn kind(&self) -> u8 {
        match self {
            Self::Hello(_) => 1,
            Self::Tips(_) => 2,
            Self::Locate(_) => 3,
            Self::Offer { .. } => 4,
            Self::Group(_) => GROUP,
            Self::Sent { .. } => 6,
            Self::Ask(_) => 7,
            Self::Value { .. } => VALUE,
            Self::Answered => 9,
            Self::Stored(_) => 10,
            Self::Ping => PING,
            Self::Pong => PONG,
            Self::Bye(_) => 13,
            Self::Unknown { kind, .. } => *kind,
        }
    }

    /// The name of the message, as in the documentation.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Hello(_) => "Hello",
            Self::Tips(_) => "Tips",
            Self::Locate(_) => "Locate",
            Self::Offer { .. } => "Offer",
            Self::Group(_) => "Group",
            Self::Sent { .. } => "Sent",
            Self::Ask(_) => "Ask",
            Self::Value { .. } => "Value",
            Self::Answered => "Answered",
            Self::Stored(_) => "Stored",
            Self::Ping => "Ping",
            Self::Pong => "Pong",
            Self::Bye(_) => "Bye",
            Self::Unknown { .. } => "unknown message",
        }
    }

    /// Writes the body of the frame.
    pub(crate) fn encode_body(&self, out: &mut BytesMut) {
        match self {
            Self::Hello(hello) => put(hello, out),
            Self::Tips(tips) => put(tips, out),
            Self::Locate(locate) => put(locate, out),
            Self::Offer { entries } => put(entries, out),
            Self::Group(bytes) => out.put_slice(bytes),
            Self::Sent { left_out } => put(left_out, out),
            Self::Ask(ask) => put(ask, out),
            Self::Value { id, value } => {
                out.put_slice(id);
                out.put_slice(value);
            }
            Self::Stored(stored) => put(stored, out),
            Self::Bye(bye) => put(bye, out),
            Self::Unknown { bytes, .. } => out.put_bytes(0, *bytes),
            Self::Answered | Self::Ping | Self::Pong => {}
        }
    }

    /// Reads the body of a frame. Allocates in proportion to its bytes.
    pub(crate) fn decode(kind: u8, mut body: Bytes) -> Result<Self, FrameError> {
        Ok(match kind {
            1 => Self::Hello(Box::new(take(&body, "Hello")?)),
            2 => Self::Tips(take(&body, "Tips")?),
            3 => Self::Locate(take(&body, "Locate")?),
            4 => Self::Offer { entries: take(&body, "Offer")? },
            GROUP => Self::Group(body),
            6 => Self::Sent { left_out: take(&body, "Sent")? },
            7 => Self::Ask(take(&body, "Ask")?),
            VALUE => {
                let mut id = [0; 32];
                body.try_copy_to_slice(&mut id).map_err(|_| FrameError::Malformed { name: "Value" })?;
                Self::Value { id, value: body }
            }
            9 => empty(&body, Self::Answered)?,
            10 => Self::Stored(take(&body, "Stored")?),
            PING => empty(&body, Self::Ping)?,
            PONG => empty(&body, Self::Pong)?,
            13 => Self::Bye(take(&body, "Bye")?),
            SKIPPED.. => Self::Unknown { kind, bytes: body.len() },
            _ => return Err(FrameError::UnknownType { kind }),
        })
    }
}

impl fmt::Debug for Message {
    /// Shows of groups and values how much it is, never their contents: they can be private.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Hello(hello) => fmt::Debug::fmt(hello, f),
            Self::Tips(tips) => fmt::Debug::fmt(tips, f),
            Self::Locate(locate) => fmt::Debug::fmt(locate, f),
            Self::Ask(ask) => fmt::Debug::fmt(ask, f),
            Self::Stored(stored) => fmt::Debug::fmt(stored, f),
            Self::Bye(bye) => fmt::Debug::fmt(bye, f),
            other => write!(f, "{other}"),
        }
    }
}

/// What a message says, in a line.
impl fmt::Display for Message {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())?;
        match self {
            Self::Hello(hello) => {
                let Hello { kind, mode, live, tips, writers, entries, .. } = &**hello;
                let live = if *live { ", live" } else { "" };
                write!(
                    f,
                    ": a {kind:?} log, {entries} entries of {writers} writers, {tips} tips; {mode}{live}"
                )
            }
            Self::Tips(tips) => {
                let listed = tips.ranges.0.iter().map(|range| match &range.what {
                    What::List { tips, .. } => tips.0.len(),
                    What::Same | What::Digest(_) => 0,
                });
                write!(f, ": {} ranges, {} tips listed", tips.ranges.0.len(), listed.sum::<usize>())
            }
            Self::Locate(locate) => {
                let samples = locate.writers.0.iter().map(|(_, samples)| samples.0.len()).sum::<usize>();
                write!(f, ": {samples} samples of {} writers", locate.writers.0.len())
            }
            Self::Offer { entries } => write!(f, ": {entries} entries"),
            Self::Group(bytes) => write!(f, ": {} bytes", bytes.len()),
            Self::Sent { left_out } => write!(f, ": {left_out} entries left out"),
            Self::Ask(ask) => write!(f, ": {} values", ask.ids.0.len()),
            Self::Value { value, .. } => write!(f, ": {} bytes", value.len()),
            Self::Stored(Stored { entries, last }) => {
                write!(f, ": {entries} entries{}", if last.is_some() { ", all on disk" } else { "" })
            }
            Self::Bye(Bye { reason }) => match reason {
                Some(reason) => write!(f, ": {reason:?}"),
                None => Ok(()),
            },
            Self::Unknown { kind, bytes } => write!(f, " of type {kind}, {bytes} bytes: skipped"),
            Self::Answered | Self::Ping | Self::Pong => Ok(()),
        }
    }
}

fn put<T: Serialize>(value: &T, out: &mut BytesMut) {
    let bytes = postcard::to_allocvec(value).expect("no type of this module fails to be written to memory");
    out.put_slice(&bytes);
}

fn take<'a, T: Deserialize<'a>>(body: &'a Bytes, name: &'static str) -> Result<T, FrameError> {
    match postcard::take_from_bytes(body) {
        Ok((value, [])) => Ok(value),
        _ => Err(FrameError::Malformed { name }),
    }
}

fn empty(body: &Bytes, message: Message) -> Result<Message, FrameError> {
    if body.is_empty() { Ok(message) } else { Err(FrameError::Malformed { name: message.name() }) }
}
