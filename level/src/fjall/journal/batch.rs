//! One batch in a journal of the engine, format 3, read and checked.
//!
//! A journal is a row of batches, then zeros or nothing. All numbers are little-endian.
//!
//! ```text
//! batch  1  items: u32  seqno: u64  item*  3  xxh3 of the items: u64  "FJL" 3
//! item   2  type: u8  compression: u8  key space: u64  key len: u16  value len: u32  stored len: u32  key  value
//! clear  4  key space: u64
//! ```

use std::io::{self, Read};

use xxhash_rust::xxh3::Xxh3;

const START: u8 = 1;
const ITEM: u8 = 2;
const END: u8 = 3;
const CLEAR: u8 = 4;
const MAGIC: [u8; 4] = *b"FJL\x03";

/// Bytes of a batch before its items.
const START_BYTES: usize = 13;

/// A complete batch.
pub(super) struct Batch {
    pub(super) seqno: u64,
    /// In bytes.
    pub(super) length: u64,
}

/// Why there is no complete batch.
#[derive(Clone, Copy)]
pub(super) enum Broken {
    /// It ends too early, or goes on with what the engine does not take for an entry either.
    Unfinished,
    /// Its entries can be read, and cannot be right.
    Contradiction,
}

impl Batch {
    pub(super) fn read(from: &mut impl Read) -> io::Result<Result<Batch, Broken>> {
        match Batch::parse(Reader { from, hash: Xxh3::new(), length: 0 }) {
            Ok(batch) => Ok(Ok(batch)),
            Err(Stop::Broken(broken)) => Ok(Err(broken)),
            Err(Stop::Disk(error)) => Err(error),
        }
    }

    /// Whether a batch may begin here, at first sight.
    pub(super) fn may_begin(bytes: &[u8]) -> bool {
        bytes.first() == Some(&START) && matches!(bytes.get(START_BYTES), Some(&ITEM | &CLEAR))
    }

    fn parse(mut reader: Reader<'_, impl Read>) -> Result<Batch, Stop> {
        reader.tag(START)?;
        let items = u32::from_le_bytes(reader.take()?);
        let seqno = u64::from_le_bytes(reader.take()?);
        for _ in 0..items {
            reader.item()?;
        }
        reader.tag(END)?;
        let checksum = u64::from_le_bytes(reader.take()?);
        if reader.take()? != MAGIC {
            return Err(Stop::Broken(Broken::Unfinished));
        }
        if checksum != reader.hash.digest() {
            return Err(Stop::Broken(Broken::Contradiction));
        }
        Ok(Batch { seqno, length: reader.length })
    }
}

/// Why reading a batch stops.
enum Stop {
    Broken(Broken),
    Disk(io::Error),
}

impl From<io::Error> for Stop {
    fn from(error: io::Error) -> Stop {
        match error.kind() {
            io::ErrorKind::UnexpectedEof => Stop::Broken(Broken::Unfinished),
            _ => Stop::Disk(error),
        }
    }
}

struct Reader<'a, R> {
    from: &'a mut R,
    /// Over the items so far.
    hash: Xxh3,
    length: u64,
}

impl<R: Read> Reader<'_, R> {
    fn item(&mut self) -> Result<(), Stop> {
        match self.hashed()? {
            [ITEM] => {
                let [_type, compression] = self.hashed()?;
                let _key_space: [u8; 8] = self.hashed()?;
                let key = u16::from_le_bytes(self.hashed()?);
                let value = u32::from_le_bytes(self.hashed()?);
                let stored = u32::from_le_bytes(self.hashed()?);
                if compression == 0 && value != stored {
                    return Err(Stop::Broken(Broken::Contradiction));
                }
                self.skip(u64::from(key) + u64::from(stored))
            }
            [CLEAR] => self.skip(8),
            [other] => Err(Stop::Broken(unexpected(other))),
        }
    }

    fn tag(&mut self, tag: u8) -> Result<(), Stop> {
        let [found] = self.take()?;
        if found == tag { Ok(()) } else { Err(Stop::Broken(unexpected(found))) }
    }

    fn take<const N: usize>(&mut self) -> Result<[u8; N], Stop> {
        let mut bytes = [0; N];
        self.from.read_exact(&mut bytes)?;
        self.length += N as u64;
        Ok(bytes)
    }

    fn hashed<const N: usize>(&mut self) -> Result<[u8; N], Stop> {
        let bytes = self.take()?;
        self.hash.update(&bytes);
        Ok(bytes)
    }

    /// Hashes the next bytes without keeping them, as the length may be damaged.
    fn skip(&mut self, mut bytes: u64) -> Result<(), Stop> {
        let mut buffer = [0; 4096];
        while bytes > 0 {
            let (part, _) = buffer.split_at_mut(bytes.min(4096) as usize);
            self.from.read_exact(part)?;
            self.hash.update(part);
            self.length += part.len() as u64;
            bytes -= part.len() as u64;
        }
        Ok(())
    }
}

/// What a tag says that should not be here. One that is unknown may be from a newer engine: that judges it.
fn unexpected(tag: u8) -> Broken {
    match tag {
        START | ITEM | END | CLEAR => Broken::Contradiction,
        _ => Broken::Unfinished,
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    /// A batch with one item of a key and `value`.
    pub(in super::super) fn one(seqno: u64, value: &[u8]) -> Vec<u8> {
        let mut item = vec![ITEM, 0, 0];
        item.extend(7u64.to_le_bytes());
        item.extend(1u16.to_le_bytes());
        item.extend([(value.len() as u32).to_le_bytes(); 2].concat());
        item.push(b'k');
        item.extend(value);
        let mut hash = Xxh3::new();
        hash.update(&item);
        let mut batch = vec![START];
        batch.extend(1u32.to_le_bytes());
        batch.extend(seqno.to_le_bytes());
        batch.extend(item);
        batch.push(END);
        batch.extend(hash.digest().to_le_bytes());
        batch.extend(MAGIC);
        batch
    }
}
