//! A group as bytes. It leaves out whatever the receiver can compute: ids, hashes of values that come
//! along, and number and `prev` within a stretch.
//!
//! One group has one encoding: what [`encode`](Group::encode) would not have written is refused.
//!
//! Nothing here is trusted: the receiver rebuilds each header and hashes it, so a wrong byte anywhere
//! makes another id, and the signature fails.

use std::collections::{BTreeMap, BTreeSet};

use bytes::{BufMut, Bytes};

use super::{Group, Near, Numbered, Received};
use crate::error::GroupError;
use crate::extension::Extension;
use crate::header::{EXT_BYTES_MAX, Header, UNIT_BYTES, VALUE_BYTES_MAX};
use crate::ids::{EntryId, Seq, Topic, WriterId};
use crate::input::{Input, Malformed, put_varint};

const SIGNED: u8 = 1;
const HOLLOW: u8 = 2;

impl Group {
    /// The bytes of the group: see `docs/format.md`, "group". At most a quarter more than [`UNIT_BYTES`]:
    /// many small entries of as many writers, without their values.
    #[must_use]
    pub fn encode(&self, extension: &dyn Extension) -> Vec<u8> {
        let mut encoder = Encoder::new(self);
        let mut rest = self.entries.as_slice();
        while let Some((stretch, after)) = split_stretch(rest) {
            encoder.stretch(stretch, extension);
            rest = after;
        }
        encoder.out
    }

    /// Rebuilds the headers of a group for a log about `topic` and hashes them. O(bytes); allocates in
    /// proportion to the bytes that are there, never to a count in them.
    ///
    /// # Errors
    ///
    /// [`GroupError`] when the bytes are malformed, or the group is empty, too large or not covered.
    pub fn decode(bytes: Bytes, topic: Topic, extension: &dyn Extension) -> Result<Self, GroupError> {
        let mut decoder = Decoder {
            topic,
            extension,
            earlier: Numbered::default(),
            entries: Vec::new(),
            size: 0,
            writers_used: 0,
            scratch: Vec::new(),
        };
        let mut input = Input::new(bytes);
        let writers = decode_writers(&mut input)?;
        while input.remaining() > 0 {
            decoder.stretch(&mut input, &writers)?;
        }
        if decoder.writers_used != writers.len() {
            return Err(input.malformed("writers with entries only").into());
        }
        Self::checked(topic, decoder.entries)
    }
}

/// The leading entries that follow each other on one branch.
fn split_stretch(entries: &[Received]) -> Option<(&[Received], &[Received])> {
    let follows = |pair: &[Received]| matches!(pair, [a, b] if b.header.prev == Some(a.id));
    let len = entries.windows(2).take_while(|pair| follows(pair)).count() + 1;
    entries.split_at_checked(len)
}

struct Encoder {
    out: Vec<u8>,
    writers: BTreeMap<WriterId, u64>,
    earlier: Numbered,
    before: Option<Bytes>,
}

impl Encoder {
    fn new(group: &Group) -> Self {
        let mut writers = BTreeMap::new();
        let mut table = Vec::new();
        for entry in &group.entries {
            let next = writers.len() as u64;
            writers.entry(entry.header.writer).or_insert_with(|| {
                table.put_slice(entry.header.writer.as_bytes());
                next
            });
        }
        let mut out = Vec::new();
        put_varint(&mut out, writers.len() as u64);
        out.put_slice(&table);
        Self { out, writers, earlier: Numbered::default(), before: None }
    }

    fn stretch(&mut self, entries: &[Received], extension: &dyn Extension) {
        let Some(first) = entries.first() else { return };
        let writer =
            self.writers.get(&first.header.writer).expect("the table holds every writer of the group");
        put_varint(&mut self.out, *writer);
        put_varint(&mut self.out, first.header.seq.0);
        if let Some(prev) = first.header.prev {
            put_reference(&mut self.out, &prev, &Near { prev: None, before: None, earlier: &self.earlier });
        }
        put_varint(&mut self.out, entries.len() as u64);
        for entry in entries {
            self.entry(entry, extension);
        }
    }

    fn entry(&mut self, entry: &Received, extension: &dyn Extension) {
        let signed = if entry.signature.is_some() { SIGNED } else { 0 };
        let hollow = if entry.value.is_none() { HOLLOW } else { 0 };
        self.out.push(signed | hollow);
        let near = Near { prev: entry.header.prev, before: self.before.as_ref(), earlier: &self.earlier };
        extension.pack(&entry.header.ext, &near, &mut self.out);
        put_varint(&mut self.out, u64::from(entry.header.value_len));
        match &entry.value {
            Some(value) => self.out.put_slice(value),
            None => self.out.put_slice(&entry.header.value_hash),
        }
        if let Some(signature) = &entry.signature {
            self.out.put_slice(signature);
        }
        self.earlier.push(entry.id);
        self.before = Some(entry.header.ext.clone());
    }
}

fn decode_writers(input: &mut Input) -> Result<Vec<WriterId>, Malformed> {
    let count = input.length()?;
    if count > input.remaining() / 32 {
        return Err(input.malformed("as many writers as announced"));
    }
    let mut seen = BTreeSet::new();
    let mut next = |_| {
        let writer = input.writer()?;
        seen.insert(writer).then_some(writer).ok_or_else(|| input.malformed("each writer once"))
    };
    (0..count).map(&mut next).collect()
}

struct Decoder<'a> {
    topic: Topic,
    extension: &'a dyn Extension,
    earlier: Numbered,
    entries: Vec<Received>,
    size: usize,
    /// Writers of the table that had an entry so far: they stand there in the order in which they do.
    writers_used: usize,
    /// Where headers are written to be hashed.
    scratch: Vec<u8>,
}

impl Decoder<'_> {
    fn stretch(&mut self, input: &mut Input, writers: &[WriterId]) -> Result<(), GroupError> {
        let place = input.length()?;
        let writer = *writers.get(place).ok_or_else(|| input.malformed("a writer of the table"))?;
        if place > self.writers_used {
            return Err(input.malformed("writers in the order of their entries").into());
        }
        self.writers_used = self.writers_used.max(place + 1);
        let mut seq = input.varint()?;
        let mut prev = match seq {
            0 => return Err(input.malformed("a number from 1 up").into()),
            1 => None,
            _ => Some(self.reference(input)?),
        };
        if prev.is_some() && prev == self.entries.last().map(|entry| entry.id) {
            return Err(input.malformed("a stretch that begins elsewhere").into());
        }
        let count = input.varint()?;
        if count == 0 {
            return Err(input.malformed("a stretch of at least one entry").into());
        }
        for _ in 0..count {
            let id = self.entry(input, writer, Seq(seq), prev)?;
            seq = seq.checked_add(1).ok_or_else(|| input.malformed("a number of at most 64 bits"))?;
            prev = Some(id);
        }
        Ok(())
    }

    fn entry(
        &mut self,
        input: &mut Input,
        writer: WriterId,
        seq: Seq,
        prev: Option<EntryId>,
    ) -> Result<EntryId, GroupError> {
        let flags = input.u8()?;
        if flags & !(SIGNED | HOLLOW) != 0 {
            return Err(input.malformed("known flags of an entry").into());
        }
        let before = self.entries.last().map(|entry| &entry.header.ext);
        let ext = self.extension.unpack(input, &Near { prev, before, earlier: &self.earlier })?;
        if ext.len() > EXT_BYTES_MAX {
            return Err(input.malformed("at most 8,448 bytes of ext").into());
        }
        let value_len = input.length()?;
        if value_len > VALUE_BYTES_MAX {
            return Err(input.malformed("a value of at most 1 MiB").into());
        }
        let value = if flags & HOLLOW == 0 { Some(input.take(value_len)?) } else { None };
        let value_hash = match &value {
            Some(value) => Header::hash_value(value),
            None => input.array()?,
        };
        let value_len = u32::try_from(value_len).map_err(|_| input.malformed("a value of at most 1 MiB"))?;
        let header = Header { topic: self.topic, writer, seq, prev, ext, value_len, value_hash };
        let signature = if flags & SIGNED == 0 { None } else { Some(input.array()?) };
        let id = header.id_in(&mut self.scratch);
        self.push(Received { id, header, value, signature })
    }

    fn push(&mut self, entry: Received) -> Result<EntryId, GroupError> {
        // Each entry measures more than a hundred bytes, so this also bounds how many there can be.
        self.size += entry.header.size();
        if self.size > UNIT_BYTES {
            return Err(GroupError::TooLarge { size: self.size });
        }
        let id = entry.id;
        self.earlier.push(id);
        self.entries.push(entry);
        Ok(id)
    }

    fn reference(&self, input: &mut Input) -> Result<EntryId, Malformed> {
        take_reference(input, &Near { prev: None, before: None, earlier: &self.earlier })
    }
}

/// Writes an id as its distance back in the group, or as 0 and in full.
pub fn put_reference(out: &mut Vec<u8>, id: &EntryId, near: &Near<'_>) {
    let distance = near.distance(id);
    put_varint(out, distance.unwrap_or(0) as u64);
    if distance.is_none() {
        out.put_slice(id.as_bytes());
    }
}

/// Reads what [`put_reference`] wrote.
///
/// # Errors
///
/// [`Malformed`] when the distance leads out of the group, when there is an id in full that a distance
/// would have named, or the input ends.
pub fn take_reference(input: &mut Input, near: &Near<'_>) -> Result<EntryId, Malformed> {
    match input.length()? {
        0 => {
            let id = input.id()?;
            if near.distance(&id).is_some() {
                Err(input.malformed("a distance in the group"))
            } else {
                Ok(id)
            }
        }
        distance => near.at_distance(distance).ok_or_else(|| input.malformed("an entry of this group")),
    }
}
