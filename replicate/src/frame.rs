//! Frames on a stream of bytes: once 8 bytes of magic, then length, type and body of each message.
//!
//! The stock length-delimited codec reserves what a length announces; here the buffer grows with what arrived.

use bytes::{Buf, BufMut, BytesMut};

use crate::message::{GROUP, Message, PING, PONG, SKIPPED, VALUE};

/// What a stream begins with, each way: the protocol and its version.
pub const MAGIC: [u8; 8] = *b"HLSYNC\0\x01";

/// What an encrypted stream begins with; it is the layer of the feature `noise` that speaks it.
pub const MAGIC_ENCRYPTED: [u8; 8] = *b"HLNOIS\0\x01";

/// Bytes before the body: length and type.
pub const HEAD_BYTES: usize = 5;

/// The body of a group: a unit of the log's format (1 MiB + 16 KiB), a quarter more for what hollow entries take
/// beyond their measure, and 64 KiB for tables and signatures.
pub const GROUP_BYTES_MAX: usize = ((1 << 20) + (16 << 10)) / 4 * 5 + (64 << 10);

/// The body of a value: 1 MiB, which is the largest, and its id.
pub const VALUE_BYTES_MAX: usize = (1 << 20) + 32;

/// The body of any other message. The largest lists are cut to fit.
pub const BODY_BYTES_MAX: usize = 128 << 10;

/// A buffer grows at most so far ahead of what has arrived.
pub const AHEAD_BYTES: usize = 64 << 10;

/// Bytes that are no frames of this protocol.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum FrameError {
    /// Another program, or another end of the wire than was meant.
    #[error("the other side does not speak this protocol: its first bytes are {found:02x?}")]
    NotSpoken {
        /// What it began with, at most 8 bytes.
        found: Vec<u8>,
    },
    /// The other side encrypts and this one does not.
    #[error("the other side is encrypted, this one is not: start both the same way")]
    Encrypted,
    /// Another version of the protocol.
    #[error("the other side speaks version {found} of this protocol, this one version {}", MAGIC[7])]
    Version {
        /// Its version.
        found: u8,
    },
    /// More than there can be.
    #[error("a frame of type {kind} and {bytes} bytes, above the {max} there can be")]
    TooLarge {
        /// Type of the message.
        kind: u8,
        /// What it announces.
        bytes: usize,
        /// The most for this type.
        max: usize,
    },
    /// A type that no version may ignore.
    #[error("a message of the unknown type {kind}")]
    UnknownType {
        /// The type.
        kind: u8,
    },
    /// A body that does not decode.
    #[error("a {name} that is malformed")]
    Malformed {
        /// Name of the message.
        name: &'static str,
    },
}

/// Reads and writes the frames of one stream, both ways.
#[derive(Debug, Default)]
pub struct Frames {
    greeted: bool,
    met: bool,
    /// Bytes of this stream that were part of a message with something to say; only grows.
    progress: u64,
    /// Bytes of the frame at hand that were counted already.
    counted: usize,
}

impl Frames {
    /// Appends a message to `out`; before the first one, the magic.
    pub fn encode(&mut self, message: &Message, out: &mut BytesMut) {
        if !self.greeted {
            self.greeted = true;
            out.put_slice(&MAGIC);
        }
        let start = out.len();
        out.put_bytes(0, HEAD_BYTES);
        message.encode_body(out);
        let body = out.len() - start - HEAD_BYTES;
        let length = u32::try_from(body).expect("the bodies of all messages are bounded far below 4 GiB");
        if let Some(head) = out.get_mut(start..start + HEAD_BYTES) {
            let mut head: &mut [u8] = head;
            head.put_u32(length);
            head.put_u8(message.kind());
        }
    }

    /// Takes the next message out of what has arrived; none while it is incomplete. Reserves at most
    /// [`AHEAD_BYTES`] ahead.
    ///
    /// # Errors
    ///
    /// [`FrameError`]; the stream makes no sense from there on.
    pub fn decode(&mut self, arrived: &mut BytesMut) -> Result<Option<Message>, FrameError> {
        if !self.met && !self.meet(arrived)? {
            return Ok(None);
        }
        let Some(head) = arrived.get(..HEAD_BYTES) else { return Ok(None) };
        let mut head = head;
        let (length, kind) = (head.get_u32() as usize, head.get_u8());
        let max = body_bytes_max(kind);
        if length > max {
            return Err(FrameError::TooLarge { kind, bytes: length, max });
        }
        let whole = HEAD_BYTES + length;
        self.count(kind, arrived.len().min(whole));
        if arrived.len() < whole {
            arrived.reserve((whole - arrived.len()).min(AHEAD_BYTES));
            return Ok(None);
        }
        self.counted = 0;
        arrived.advance(HEAD_BYTES);
        Message::decode(kind, arrived.split_to(length).freeze()).map(Some)
    }

    /// Bytes that arrived as part of a message with something to say: not of a `Ping`, a `Pong`, or one that is
    /// skipped. Only grows.
    #[must_use]
    pub const fn progress(&self) -> u64 {
        self.progress
    }

    /// Whether the other side has begun to speak this protocol.
    #[must_use]
    pub const fn is_met(&self) -> bool {
        self.met
    }

    fn count(&mut self, kind: u8, here: usize) {
        if !matches!(kind, PING | PONG | SKIPPED..) {
            self.progress += (here - self.counted.min(here)) as u64;
            self.counted = here;
        }
    }

    /// Checks the magic; false while too little of it is here. What cannot become it is refused at once.
    fn meet(&mut self, arrived: &mut BytesMut) -> Result<bool, FrameError> {
        let n = arrived.len().min(MAGIC.len());
        let start = arrived.get(..n).unwrap_or_default();
        if MAGIC.starts_with(start) {
            if n < MAGIC.len() {
                return Ok(false);
            }
            arrived.advance(n);
            self.met = true;
            return Ok(true);
        }
        match (start.split_last(), MAGIC.split_last()) {
            _ if start == MAGIC_ENCRYPTED => Err(FrameError::Encrypted),
            (Some((version, name)), Some((_, ours))) if name == ours => {
                Err(FrameError::Version { found: *version })
            }
            _ if MAGIC_ENCRYPTED.starts_with(start) => Ok(false),
            _ => Err(FrameError::NotSpoken { found: start.to_vec() }),
        }
    }
}

const fn body_bytes_max(kind: u8) -> usize {
    match kind {
        GROUP => GROUP_BYTES_MAX,
        VALUE => VALUE_BYTES_MAX,
        _ => BODY_BYTES_MAX,
    }
}

#[cfg(feature = "tokio")]
impl tokio_util::codec::Decoder for Frames {
    type Item = Message;
    type Error = WireError;

    fn decode(&mut self, arrived: &mut BytesMut) -> Result<Option<Message>, WireError> {
        Ok(Self::decode(self, arrived)?)
    }
}

#[cfg(feature = "tokio")]
impl tokio_util::codec::Encoder<&Message> for Frames {
    type Error = WireError;

    fn encode(&mut self, message: &Message, out: &mut BytesMut) -> Result<(), WireError> {
        Self::encode(self, message, out);
        Ok(())
    }
}

/// What goes wrong on a wire: its bytes, or the wire itself.
#[cfg(feature = "tokio")]
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum WireError {
    /// The bytes are no frames.
    #[error(transparent)]
    Frame(#[from] FrameError),
    /// The wire broke.
    #[error("the wire broke")]
    Io(#[from] std::io::Error),
}
