//! The numbers and names of the format, each a type of its own so that they cannot be swapped.

use std::fmt;
use std::str::FromStr;

use ed25519_dalek::VerifyingKey;

use crate::hash::{Purpose, hash};

/// A text that should have been 64 hexadecimal digits.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{text:?} is not {what}: it takes 64 hexadecimal digits")]
pub struct ParseIdError {
    what: &'static str,
    text: String,
}

pub(crate) fn from_hex(what: &'static str, text: &str) -> Result<[u8; 32], ParseIdError> {
    let refuse = || ParseIdError { what, text: text.chars().take(80).collect() };
    let digits = text.as_bytes();
    let mut out = [0; 32];
    if digits.len() != 64 {
        return Err(refuse());
    }
    for (byte, pair) in out.iter_mut().zip(digits.chunks_exact(2)) {
        for digit in pair {
            let half = char::from(*digit).to_digit(16).ok_or_else(refuse)?;
            *byte = (*byte << 4) | u8::try_from(half).map_err(|_| refuse())?;
        }
    }
    Ok(out)
}

fn hex(bytes: &[u8], f: &mut fmt::Formatter<'_>) -> fmt::Result {
    bytes.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
}

/// The id of an entry: the hash of its canonical header. Two entries are the same exactly when
/// their ids are.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct EntryId([u8; 32]);

impl EntryId {
    /// Wraps 32 bytes that are known to be an id.
    #[must_use]
    pub const fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// The 32 bytes.
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

impl fmt::Display for EntryId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        hex(&self.0, f)
    }
}

impl fmt::Debug for EntryId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [a, b, c, d, ..] = self.0;
        hex(&[a, b, c, d], f)
    }
}

impl FromStr for EntryId {
    type Err = ParseIdError;

    fn from_str(text: &str) -> Result<Self, ParseIdError> {
        from_hex("an id", text).map(Self)
    }
}

/// Why 32 bytes are not the key of a writer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum KeyError {
    /// The bytes are no point of the curve, or not the one encoding that a point has.
    #[error("these 32 bytes are not the canonical encoding of an Ed25519 public key")]
    NotCanonical,
    /// A key of small order, for which anybody can make signatures.
    #[error("this Ed25519 public key is weak: anybody can sign for it")]
    Weak,
}

/// A writer: an Ed25519 public key, in its canonical encoding and not weak.
///
/// The JSON of scuttleup calls it `peer`.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct WriterId([u8; 32]);

impl WriterId {
    /// Checks 32 bytes from anywhere. Some 5 µs: it decompresses the point.
    ///
    /// # Errors
    ///
    /// [`KeyError`] when two encodings would name one key, or when the key is of small order.
    pub fn from_bytes(bytes: [u8; 32]) -> Result<Self, KeyError> {
        if !is_canonical(&bytes) {
            return Err(KeyError::NotCanonical);
        }
        let key = VerifyingKey::from_bytes(&bytes).map_err(|_| KeyError::NotCanonical)?;
        if key.is_weak() {
            return Err(KeyError::Weak);
        }
        Ok(Self(bytes))
    }

    /// Wraps bytes that [`from_bytes`](Self::from_bytes) checked before they were stored: checking takes some 5 µs. With
    /// other bytes this is a writer who cannot sign anything.
    #[must_use]
    pub const fn from_stored(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// The 32 bytes.
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

/// Whether a point is written in the one way that RFC 8032 has for it: y, little-endian, below 2^255 - 19, and above it the
/// sign of x, which is not set where x is 0; that is where y is 1 or -1. To decompress and compress says the same, and
/// takes as long again.
fn is_canonical(bytes: &[u8; 32]) -> bool {
    let [low, middle @ .., high] = bytes;
    let (y_high, negative) = (high & 0x7f, high & 0x80 != 0);
    let all = |byte| middle.iter().all(|b| *b == byte);
    // 2^255 - 19 is ed ff .. ff 7f.
    let above = y_high == 0x7f && all(0xff) && *low >= 0xed;
    let one = y_high == 0 && all(0) && *low == 1;
    let minus_one = y_high == 0x7f && all(0xff) && *low == 0xec;
    !above && !(negative && (one || minus_one))
}

impl fmt::Display for WriterId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        hex(&self.0, f)
    }
}

impl fmt::Debug for WriterId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [a, b, c, d, ..] = self.0;
        hex(&[a, b, c, d], f)
    }
}

/// Why a text is not the key of a writer.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ParseWriterError {
    /// Not 64 hexadecimal digits.
    #[error(transparent)]
    Digits(#[from] ParseIdError),
    /// 32 bytes, but no key.
    #[error(transparent)]
    Key(#[from] KeyError),
}

impl FromStr for WriterId {
    type Err = ParseWriterError;

    fn from_str(text: &str) -> Result<Self, ParseWriterError> {
        Ok(Self::from_bytes(from_hex("a writer", text)?)?)
    }
}

/// The number of an entry in its writer's log: 1, 2, 3 ...
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Seq(pub u64);

/// The number of an entry in the local order of one replica: 1, 2, 3 ... without gaps. Local: it is
/// never hashed and never sent. 0 stands for "before the first".
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Change(pub u64);

impl fmt::Display for Seq {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl fmt::Display for Change {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// What a log is about. It is part of every id, so an entry of one topic is none of another; it is
/// never sent. Zeros, the default, for an open log: two open logs, made apart, can always be merged.
#[derive(Clone, Copy, Default, PartialEq, Eq, Hash)]
pub struct Topic([u8; 32]);

impl Topic {
    /// The topic of open logs.
    pub const OPEN: Self = Self([0; 32]);

    /// A topic of its own.
    #[must_use]
    pub const fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// The 32 bytes. Whoever knows them can read along, so they are not printed by `Debug`.
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }

    /// What may be shown of a topic: a hash of it, by which two logs see that they belong together.
    #[must_use]
    pub fn discovery_key(&self) -> [u8; 32] {
        hash(Purpose::Discovery, &[&self.0])
    }
}

impl fmt::Debug for Topic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if *self == Self::OPEN { f.write_str("Topic(open)") } else { f.write_str("Topic(..)") }
    }
}
