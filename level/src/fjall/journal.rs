//! A look at the journals of a database before the engine opens, and cuts, them.
//!
//! At the first entry that it cannot read, the engine takes what comes after for the torn end of the last write,
//! and cuts it off. After a crash that is right. After a flipped bit it would silently drop whole batches, synced
//! ones, too. So look first: if complete batches come after the damage, it is no torn end.
//!
//! A journal is a row of batches, then zeros or nothing. All numbers are little-endian.
//!
//! ```text
//! batch  1  items: u32  seqno: u64  item*  3  xxh3 of the items: u64  "FJL" 3
//! item   2  type: u8  compression: u8  key space: u64  key len: u16  value len: u32  stored len: u32  key  value
//! clear  4  key space: u64
//! ```

use std::{
    fs::{File, OpenOptions},
    io::{self, BufReader, Read, Seek, SeekFrom},
    path::{Path, PathBuf},
};

use xxhash_rust::xxh3::Xxh3;

use super::{create::sync_folder, errors::Failed};
use crate::Error;

const START: u8 = 1;
const ITEM: u8 = 2;
const END: u8 = 3;
const CLEAR: u8 = 4;
const MAGIC: [u8; 4] = *b"FJL\x03";

/// Bytes of a batch before its items, and of its smallest item.
const START_BYTES: usize = 13;

/// What the system writes at once: a write that was lost leaves whole pages of zeros.
const PAGE: usize = 4096;

const BUFFER: usize = 64 * 1024;
static ZEROS: [u8; BUFFER] = [0; BUFFER];

/// The end of a journal that a crash tore.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Torn {
    journal: PathBuf,
    /// Where the last complete batch ends.
    end: u64,
}

/// Looks at all journals of the closed database at `folder`, without changing them. Gives the torn end, if there
/// is one.
///
/// # Errors
///
/// [`Error::Corrupt`] if anything but the end of the newest journal is damaged.
pub(super) fn check(folder: &Path) -> Result<Option<Torn>, Error> {
    let mut journals = list(folder)?;
    // The engine syncs a journal before it begins the next: only the newest can be torn.
    let Some((_, newest)) = journals.pop() else { return Ok(None) };
    for (_, sealed) in journals {
        if scan(&sealed).failed("read", &sealed)? != State::Whole {
            return Err(corrupt(folder, format!("{} is damaged", sealed.display())));
        }
    }
    match scan(&newest).failed("read", &newest)? {
        State::Whole => Ok(None),
        State::Torn { end } => Ok(Some(Torn { journal: newest, end })),
        State::Damaged { at, next } => Err(corrupt(
            folder,
            format!("{} is damaged at byte {at}, and whole again at byte {next}", newest.display()),
        )),
    }
}

impl Torn {
    /// Cuts the torn end off, and keeps it in a file beside the journal.
    pub(super) fn cut(&self) -> Result<PathBuf, Error> {
        let kept = self.journal.with_extension(format!("jnl-torn-{}", self.end));
        let mut journal =
            OpenOptions::new().read(true).write(true).open(&self.journal).failed("open", &self.journal)?;
        let mut copy = File::create(&kept).failed("create", &kept)?;
        journal.seek(SeekFrom::Start(self.end)).failed("read", &self.journal)?;
        io::copy(&mut journal, &mut copy).failed("write to", &kept)?;
        copy.sync_all().failed("sync", &kept)?;
        sync_folder(kept.parent().unwrap_or(&kept))?;
        journal.set_len(self.end).and_then(|()| journal.sync_all()).failed("cut", &self.journal)?;
        Ok(kept)
    }
}

fn corrupt(folder: &Path, found: String) -> Error {
    Error::Corrupt { path: folder.to_owned(), what: "its journal", source: found.into() }
}

/// The journals of a database, oldest first.
fn list(folder: &Path) -> Result<Vec<(u64, PathBuf)>, Error> {
    let mut journals = Vec::new();
    for entry in std::fs::read_dir(folder).failed("read", folder)? {
        let path = entry.failed("read", folder)?.path();
        let name = path.file_name().and_then(|name| name.to_str());
        if let Some(number) = name.and_then(|name| name.strip_suffix(".jnl")?.parse().ok()) {
            journals.push((number, path));
        }
    }
    journals.sort();
    Ok(journals)
}

#[derive(Debug, PartialEq, Eq)]
enum State {
    Whole,
    /// Complete batches, then one that is not, then nothing that could not be lost in a crash.
    Torn {
        end: u64,
    },
    /// Not a batch at `at`, but one at `next`.
    Damaged {
        at: u64,
        next: u64,
    },
}

fn scan(path: &Path) -> io::Result<State> {
    let mut file = BufReader::with_capacity(BUFFER, File::open(path)?);
    let mut end = 0;
    while let Some(length) = batch(&mut file)? {
        end += length;
    }
    let mut file = file.into_inner();
    if only_zeros(&mut file, end)? {
        return Ok(State::Whole);
    }
    // Rare, so reading the rest at once is fine: a journal is some 64 MiB.
    file.seek(SeekFrom::Start(end))?;
    let mut rest = Vec::new();
    file.read_to_end(&mut rest)?;
    Ok(judge(&rest, end))
}

/// Whether what does not begin with a batch, `end` bytes into a journal, is a torn end.
fn judge(rest: &[u8], end: u64) -> State {
    let Some(next) = (1..rest.len()).find(|at| begins_complete_batch(&rest[*at..])) else {
        return State::Torn { end };
    };
    // Pages reach the disk in any order. One that did not reads as zeros: then what came after was not synced
    // either, and a crash may take it.
    let to_page = PAGE - 1 - ((end as usize).wrapping_sub(1) % PAGE);
    let pages = rest[..next].get(to_page..).unwrap_or_default();
    match pages.chunks_exact(PAGE).any(|page| page == &ZEROS[..PAGE]) {
        true => State::Torn { end },
        false => State::Damaged { at: end, next: end + next as u64 },
    }
}

fn begins_complete_batch(bytes: &[u8]) -> bool {
    // Most places are no batch at first sight.
    let looks = bytes.first() == Some(&START) && matches!(bytes.get(START_BYTES), Some(&ITEM | &CLEAR));
    let mut rest = bytes;
    looks && batch(&mut rest).is_ok_and(|length| length.is_some())
}

/// Reads one batch and gives its length in bytes, or `None` if there is no complete one.
fn batch(from: &mut impl Read) -> io::Result<Option<u64>> {
    let batch = Batch { from, hash: Xxh3::new(), length: 0 };
    match batch.read() {
        Ok(length) => Ok(Some(length)),
        Err(Broken::Batch) => Ok(None),
        Err(Broken::Disk(error)) => Err(error),
    }
}

enum Broken {
    Batch,
    Disk(io::Error),
}

impl From<io::Error> for Broken {
    fn from(error: io::Error) -> Broken {
        if error.kind() == io::ErrorKind::UnexpectedEof { Broken::Batch } else { Broken::Disk(error) }
    }
}

struct Batch<'a, R> {
    from: &'a mut R,
    /// Over the items so far.
    hash: Xxh3,
    length: u64,
}

impl<R: Read> Batch<'_, R> {
    fn read(mut self) -> Result<u64, Broken> {
        if self.take::<1>()? != [START] {
            return Err(Broken::Batch);
        }
        let items = u32::from_le_bytes(self.take()?);
        let _seqno: [u8; 8] = self.take()?;
        for _ in 0..items {
            self.item()?;
        }
        if self.take::<1>()? != [END] {
            return Err(Broken::Batch);
        }
        let checksum = u64::from_le_bytes(self.take()?);
        let whole = checksum == self.hash.digest() && self.take()? == MAGIC;
        if whole { Ok(self.length) } else { Err(Broken::Batch) }
    }

    fn item(&mut self) -> Result<(), Broken> {
        match self.hashed::<1>()? {
            [ITEM] => {
                let _type_compression_keyspace: [u8; 10] = self.hashed()?;
                let key = u16::from_le_bytes(self.hashed()?);
                let _value_len: [u8; 4] = self.hashed()?;
                let stored = u32::from_le_bytes(self.hashed()?);
                self.skip(u64::from(key) + u64::from(stored))
            }
            [CLEAR] => self.skip(8),
            _ => Err(Broken::Batch),
        }
    }

    fn take<const N: usize>(&mut self) -> Result<[u8; N], Broken> {
        let mut bytes = [0; N];
        self.from.read_exact(&mut bytes)?;
        self.length += N as u64;
        Ok(bytes)
    }

    fn hashed<const N: usize>(&mut self) -> Result<[u8; N], Broken> {
        let bytes = self.take()?;
        self.hash.update(&bytes);
        Ok(bytes)
    }

    /// Hashes the next bytes without keeping them, as the length may be damaged.
    fn skip(&mut self, mut bytes: u64) -> Result<(), Broken> {
        let mut buffer = [0; PAGE];
        while bytes > 0 {
            let part = &mut buffer[..bytes.min(PAGE as u64) as usize];
            self.from.read_exact(part)?;
            self.hash.update(part);
            self.length += part.len() as u64;
            bytes -= part.len() as u64;
        }
        Ok(())
    }
}

/// Whether `file` holds nothing but zeros from `at` on.
fn only_zeros(file: &mut File, mut at: u64) -> io::Result<bool> {
    let mut buffer = vec![0; BUFFER];
    while let Some(data) = next_data(file, at)? {
        file.seek(SeekFrom::Start(data))?;
        let read = file.read(&mut buffer)?;
        // Compared as slices, which is one call, fast without optimisation, too.
        if buffer[..read] != ZEROS[..read] {
            return Ok(false);
        }
        if read == 0 {
            break;
        }
        at = data + read as u64;
    }
    Ok(true)
}

/// Where `file` has data, from `at` on: a new journal is 64 MiB of nothing, which is not worth reading.
#[cfg(target_os = "linux")]
fn next_data(file: &mut File, at: u64) -> io::Result<Option<u64>> {
    use rustix::{
        fs::{SeekFrom, seek},
        io::Errno,
    };
    match seek(&*file, SeekFrom::Data(at)) {
        Ok(data) => Ok(Some(data)),
        Err(Errno::NXIO) => Ok(None),
        // This file system does not know its holes.
        Err(Errno::INVAL | Errno::NOTSUP) => Ok(Some(at)),
        Err(error) => Err(error.into()),
    }
}

/// Where `file` may have data, from `at` on.
#[cfg(not(target_os = "linux"))]
fn next_data(_: &mut File, at: u64) -> io::Result<Option<u64>> {
    Ok(Some(at))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A batch with one item of a key and `value`.
    fn one(value: &[u8]) -> Vec<u8> {
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
        batch.extend(9u64.to_le_bytes());
        batch.extend(item);
        batch.push(END);
        batch.extend(hash.digest().to_le_bytes());
        batch.extend(MAGIC);
        batch
    }

    fn look(journal: &[u8]) -> State {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), journal).unwrap();
        scan(file.path()).unwrap()
    }

    #[test]
    fn a_journal_of_whole_batches_is_whole() {
        let journal = [one(b"a"), one(&[5; 10_000]), one(b"")].concat();
        assert_eq!(look(&journal), State::Whole);
        assert_eq!(look(&[&journal[..], &ZEROS].concat()), State::Whole);
        assert_eq!(look(b""), State::Whole);
    }

    #[test]
    fn an_end_that_is_cut_anywhere_is_torn_where_the_last_batch_ended() {
        let (first, last) = (one(b"first"), one(b"last"));
        let journal = [first.clone(), last].concat();
        let end = first.len() as u64;
        for cut in first.len() + 1..journal.len() {
            assert_eq!(look(&journal[..cut]), State::Torn { end }, "cut at {cut}");
            assert_eq!(
                look(&[&journal[..cut], &ZEROS[..9000]].concat()),
                State::Torn { end },
                "cut at {cut}"
            );
        }
    }

    #[test]
    fn a_flipped_bit_before_the_last_batch_is_never_taken_for_a_torn_end() {
        let (first, last) = (one(b"first"), one(b"last"));
        let journal = [first.clone(), last].concat();
        for bit in 0..first.len() * 8 {
            // The sequence number is not under the checksum. Nothing can be done about that here.
            if (5 * 8..13 * 8).contains(&bit) {
                continue;
            }
            let mut journal = journal.clone();
            journal[bit / 8] ^= 1 << (bit % 8);
            assert_eq!(look(&journal), State::Damaged { at: 0, next: first.len() as u64 }, "bit {bit}");
        }
    }

    #[test]
    fn a_page_that_never_reached_the_disk_is_a_torn_end() {
        for before in [0, 1, 100, 4095, 4096, 5000] {
            let first = one(&vec![1; before]);
            let mut journal = [first.clone(), one(&[1; 20_000]), one(b"after")].concat();
            journal[8192..12288].fill(0);
            let end = if first.len() > 8192 { 0 } else { first.len() as u64 };
            assert_eq!(look(&journal), State::Torn { end }, "{before} bytes before");
        }
    }
}
