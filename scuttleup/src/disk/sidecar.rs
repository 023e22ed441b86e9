//! A sidecar in a file.

use std::fs::{File, OpenOptions};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use bytes::{BufMut, Bytes};

use super::{private, sync_parent};
use crate::hash::{Purpose, hash};
use crate::ids::{EntryId, Seq, WriterId};
use crate::input::{Input, Malformed};
use crate::sidecar::{Mark, Sidecar};

/// A sidecar in a file: two slots, written in turn, so that a torn write leaves the one before.
#[derive(Debug)]
pub struct SidecarFile {
    path: PathBuf,
    open: Mutex<Option<OpenSidecar>>,
}

#[derive(Debug)]
struct OpenSidecar {
    file: File,
    /// Counts rewrites; its lowest bit names the slot.
    generation: u64,
}

const SLOT_BYTES: u64 = 512;
const SIDECAR_MAGIC: &[u8; 8] = b"hlsidec1";

impl SidecarFile {
    /// The sidecar at `path`; nothing is opened or made yet.
    #[must_use]
    pub fn new(path: PathBuf) -> Self {
        Self { path, open: Mutex::new(None) }
    }

    fn with_open<R>(&self, f: impl FnOnce(&mut OpenSidecar) -> io::Result<R>) -> io::Result<R> {
        let mut guard = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        let mut open = match guard.take() {
            Some(open) => open,
            None => OpenSidecar::open(&self.path)?,
        };
        let result = f(&mut open);
        *guard = Some(open);
        result
    }
}

impl OpenSidecar {
    fn open(path: &Path) -> io::Result<Self> {
        let mut options = OpenOptions::new();
        options.read(true).write(true).create(true).truncate(false);
        let file = private(&mut options).open(path)?;
        let generation = read_slots(&file)?.map_or(0, |(generation, _)| generation);
        Ok(Self { file, generation })
    }
}

impl Sidecar for SidecarFile {
    fn load(&self) -> io::Result<Option<Mark>> {
        self.with_open(|open| Ok(read_slots(&open.file)?.map(|(_, mark)| mark)))
    }

    fn store(&self, mark: &Mark, sync: bool) -> io::Result<()> {
        let made = self.with_open(|open| {
            let made = open.generation == 0;
            // A write that fails is tried again in the same slot: the other one is good.
            let generation = open.generation + 1;
            write_at(&open.file, &encode_slot(generation, mark), (generation & 1) * SLOT_BYTES)?;
            open.generation = generation;
            if sync {
                open.file.sync_data()?;
            }
            Ok(made)
        })?;
        if made && sync { sync_parent(&self.path) } else { Ok(()) }
    }
}

fn encode_slot(generation: u64, mark: &Mark) -> Vec<u8> {
    let (seq, id) = mark.last.map_or((0, EntryId::from_bytes([0; 32])), |(seq, id)| (seq.0, id));
    let mut slot = Vec::with_capacity(128);
    slot.put_slice(SIDECAR_MAGIC);
    slot.put_u64(generation);
    slot.put_slice(mark.writer.as_bytes());
    slot.put_u64(seq);
    slot.put_slice(id.as_bytes());
    slot.put_u64(mark.commits);
    let sum = hash(Purpose::Value, &[&slot]);
    slot.put_slice(&sum);
    slot
}

const SLOT_USED_BYTES: usize = 8 + 8 + 32 + 8 + 32 + 8 + 32;

fn decode_slot(slot: &Bytes) -> Result<(u64, Mark), Malformed> {
    let mut input = Input::new(slot.clone());
    let body = slot.get(..SLOT_USED_BYTES - 32).unwrap_or_default();
    if input.array::<8>()? != *SIDECAR_MAGIC {
        return Err(input.malformed("a sidecar of this version"));
    }
    let generation = input.array().map(u64::from_be_bytes)?;
    let writer = WriterId::from_stored(input.array()?);
    let seq = input.array().map(u64::from_be_bytes)?;
    let id = input.id()?;
    let commits = input.array().map(u64::from_be_bytes)?;
    if input.array::<32>()? != hash(Purpose::Value, &[body]) {
        return Err(input.malformed("the checksum of a sidecar"));
    }
    let last = (seq > 0).then_some((Seq(seq), id));
    Ok((generation, Mark { writer, last, commits }))
}

/// The newer of the two slots that can be read. None in a file that was just made.
fn read_slots(file: &File) -> io::Result<Option<(u64, Mark)>> {
    let (mut found, mut damaged, mut empty) = (None, None, 0);
    for slot in 0..2 {
        let bytes = read_at(file, SLOT_USED_BYTES, slot * SLOT_BYTES)?;
        if bytes.iter().all(|byte| *byte == 0) {
            empty += 1;
            continue;
        }
        match decode_slot(&bytes) {
            Ok(slot) => {
                found = [found, Some(slot)].into_iter().flatten().max_by_key(|(generation, _)| *generation)
            }
            Err(error) => damaged = Some(error),
        }
    }
    match (found, damaged) {
        // The very first write was torn: the log was being made, and had nothing to guard.
        (None, Some(_)) if empty > 0 => Ok(None),
        (None, Some(error)) => Err(io::Error::new(io::ErrorKind::InvalidData, error)),
        (found, _) => Ok(found),
    }
}

#[cfg(unix)]
fn write_at(file: &File, bytes: &[u8], at: u64) -> io::Result<()> {
    std::os::unix::fs::FileExt::write_all_at(file, bytes, at)
}

#[cfg(unix)]
fn read_at(file: &File, n: usize, at: u64) -> io::Result<Bytes> {
    let mut bytes = vec![0; n];
    let mut read = 0;
    while let Some(rest) = bytes.get_mut(read..).filter(|rest| !rest.is_empty()) {
        match std::os::unix::fs::FileExt::read_at(file, rest, at + read as u64) {
            Ok(0) => break,
            Ok(more) => read += more,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(bytes.into())
}

#[cfg(not(unix))]
fn write_at(mut file: &File, bytes: &[u8], at: u64) -> io::Result<()> {
    use std::io::{Seek, SeekFrom};
    file.seek(SeekFrom::Start(at))?;
    file.write_all(bytes)
}

#[cfg(not(unix))]
fn read_at(mut file: &File, n: usize, at: u64) -> io::Result<Bytes> {
    use std::io::{Seek, SeekFrom};
    file.seek(SeekFrom::Start(at))?;
    let mut bytes = Vec::new();
    file.take(n as u64).read_to_end(&mut bytes)?;
    bytes.resize(n, 0);
    Ok(bytes.into())
}
