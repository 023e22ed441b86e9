//! The canonical header of an entry: the bytes that are hashed, and in this file alone.

use std::fmt;

use bytes::{BufMut, Bytes};

use crate::hash::{Purpose, hash};
use crate::ids::{EntryId, Seq, Topic, WriterId};
use crate::input::{Input, Malformed};

/// The largest value, in bytes. A constant of the format: two peers cannot differ in it.
pub const VALUE_BYTES_MAX: usize = 1 << 20;
/// The most bytes that the layer above may keep in an entry. A constant of the format.
pub const EXT_BYTES_MAX: usize = 8_448;
/// The most that a run or a group may measure, in bytes of headers and values: an entry of any legal
/// size fits. A constant of the format.
pub const UNIT_BYTES: usize = VALUE_BYTES_MAX + (16 << 10);

const VERSION: u8 = 1;
/// Bytes of a header that are not `ext`.
pub(crate) const FIXED_BYTES: usize = 1 + 32 + 32 + 8 + 32 + 2 + 4 + 32;
/// Version and topic: the same for all entries of a log, so they are not stored with each.
const COMMON_BYTES: usize = 1 + 32;

/// What is hashed and signed of an entry. The value stands in it as its length and hash, so it can be
/// dropped later without breaking ids, chains or signatures.
#[derive(Clone, PartialEq, Eq)]
pub struct Header {
    /// What the log is about.
    pub topic: Topic,
    /// Whose log the entry is in.
    pub writer: WriterId,
    /// Its number there; at least 1.
    pub seq: Seq,
    /// The writer's previous entry; none exactly when `seq` is 1.
    pub prev: Option<EntryId>,
    /// Bytes that belong to the layer above; at most [`EXT_BYTES_MAX`].
    pub ext: Bytes,
    /// Length of the value in bytes; at most [`VALUE_BYTES_MAX`].
    pub value_len: u32,
    /// [`Purpose::Value`] hash of the value.
    pub value_hash: [u8; 32],
}

impl fmt::Debug for Header {
    /// Shows the length of `ext`, never its contents: what the layer above keeps there can be private.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Header")
            .field("topic", &self.topic)
            .field("writer", &self.writer)
            .field("seq", &self.seq)
            .field("prev", &self.prev)
            .field("ext_len", &self.ext.len())
            .field("value_len", &self.value_len)
            .finish_non_exhaustive()
    }
}

impl Header {
    /// The hash that stands for a value.
    #[must_use]
    pub fn hash_value(value: &[u8]) -> [u8; 32] {
        hash(Purpose::Value, &[value])
    }

    /// The id of the entry. Two BLAKE2b blocks for a node with one link.
    #[must_use]
    pub fn id(&self) -> EntryId {
        self.id_in(&mut Vec::new())
    }

    /// As [`id`](Self::id), with a buffer that is used again: a batch hashes thousands.
    pub(crate) fn id_in(&self, scratch: &mut Vec<u8>) -> EntryId {
        scratch.clear();
        self.encode_into(scratch);
        EntryId::from_bytes(hash(Purpose::Node, &[scratch]))
    }

    /// How much of a [`UNIT_BYTES`] the entry takes: header and value, whether or not the value is here.
    #[must_use]
    pub fn size(&self) -> usize {
        FIXED_BYTES + self.ext.len() + self.value_len as usize
    }

    /// The canonical bytes.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(FIXED_BYTES + self.ext.len());
        self.encode_into(&mut out);
        out
    }

    fn encode_into(&self, out: &mut Vec<u8>) {
        out.put_u8(VERSION);
        out.put_slice(self.topic.as_bytes());
        self.encode_own(out);
    }

    /// Decodes canonical bytes: `encode(decode(x)) == x` for every accepted `x`.
    ///
    /// # Errors
    ///
    /// [`Malformed`] for anything that [`encode`](Self::encode) would not have written.
    pub fn decode(bytes: Bytes) -> Result<Self, Malformed> {
        let mut input = Input::new(bytes);
        if input.u8()? != VERSION {
            return Err(input.malformed("an entry of version 1"));
        }
        let topic = Topic::from_bytes(input.array()?);
        let writer = input.writer()?;
        let header = Self::decode_after_writer(topic, writer, &mut input)?;
        input.end()?;
        Ok(header)
    }

    /// The part of the header that differs from entry to entry.
    pub(crate) fn encode_own(&self, out: &mut impl BufMut) {
        out.put_slice(self.writer.as_bytes());
        out.put_u64_le(self.seq.0);
        out.put_slice(self.prev.as_ref().map_or(&[0; 32], |prev| prev.as_bytes()));
        out.put_u16_le(u16::try_from(self.ext.len()).expect("ext was checked when the entry was made"));
        out.put_slice(&self.ext);
        out.put_u32_le(self.value_len);
        out.put_slice(&self.value_hash);
    }

    /// Decodes what [`encode_own`](Self::encode_own) wrote into our own store: the writer was checked then.
    pub(crate) fn decode_own(topic: Topic, input: &mut Input) -> Result<Self, Malformed> {
        let writer = WriterId::from_stored(input.array()?);
        Self::decode_after_writer(topic, writer, input)
    }

    fn decode_after_writer(topic: Topic, writer: WriterId, input: &mut Input) -> Result<Self, Malformed> {
        let seq = Seq(input.u64()?);
        let prev = match input.id()? {
            zeros if zeros.as_bytes() == &[0; 32] => None,
            id => Some(id),
        };
        // A group ends before the largest number, too, so that one more never overflows.
        if seq.0 == u64::MAX {
            return Err(input.malformed("a number that another can follow"));
        }
        if seq.0 == 0 || (seq.0 == 1) != prev.is_none() {
            return Err(input.malformed("a previous id exactly when seq is above 1"));
        }
        let ext_len = usize::from(input.u16()?);
        if ext_len > EXT_BYTES_MAX {
            return Err(input.malformed("at most 8,448 bytes of ext"));
        }
        let ext = input.take(ext_len)?;
        let value_len = input.u32()?;
        if value_len as usize > VALUE_BYTES_MAX {
            return Err(input.malformed("a value of at most 1 MiB"));
        }
        let value_hash = input.array()?;
        Ok(Self { topic, writer, seq, prev, ext, value_len, value_hash })
    }
}

const _: () =
    assert!(COMMON_BYTES + 110 == FIXED_BYTES, "a stored header is the header without version and topic");
const _: () =
    assert!(FIXED_BYTES + EXT_BYTES_MAX + VALUE_BYTES_MAX <= UNIT_BYTES, "every legal entry fits in a unit");
