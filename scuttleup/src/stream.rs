//! A log as a stream of bytes: to keep, to carry on a stick, to concatenate.
//!
//! Any concatenation of exports imports to the union of the logs, in any order of them, and importing
//! twice changes nothing. See `docs/format.md`, "export".

use std::io::{ErrorKind, Read, Write};

use bytes::{BufMut, Bytes, BytesMut};
use level::Order;

use crate::entry::Entry;
use crate::error::{Error, GroupError};
use crate::extension::Extension;
use crate::fork::Fork;
use crate::group::{Group, Received};
use crate::header::UNIT_BYTES;
use crate::ids::Change;
use crate::input::{Input, Malformed, put_varint};
use crate::log::Log;

const MAGIC: &[u8; 8] = b"hlexport";
const VERSION: u8 = 1;
const START: u8 = 1;
const GROUP: u8 = 2;
const END: u8 = 3;
/// The largest frame: a group with its table of writers, signatures, and hashes of values that are not
/// there. An entry measures 143 bytes at least, and can take 36 more than it measures: a quarter.
const FRAME_BYTES_MAX: usize = UNIT_BYTES + UNIT_BYTES / 4 + (64 << 10);
/// The buffer of a frame grows with what arrived, at most so far ahead.
const AHEAD_BYTES: usize = 64 << 10;

/// Why an export stopped.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ExportError {
    /// The log could not be read.
    #[error(transparent)]
    Log(#[from] Error),
    /// The other end took no more.
    #[error("writing the export failed")]
    Write(#[from] std::io::Error),
}

/// What was exported.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Exported {
    /// Entries.
    pub entries: u64,
    /// Groups that they went in.
    pub groups: u64,
    /// Bytes in all.
    pub bytes: u64,
}

/// Why an import stopped, and where. What was imported until then is stored and stays.
#[derive(Debug, thiserror::Error)]
#[error("the import stopped at byte {at}; the {} new entries before it are kept", so_far.stored)]
#[non_exhaustive]
pub struct ImportError {
    /// Offset of the frame at fault, in bytes.
    pub at: u64,
    /// What was imported until then.
    pub so_far: Box<Imported>,
    /// What is wrong.
    #[source]
    pub cause: ImportCause,
}

/// What is wrong with an import.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ImportCause {
    /// No bytes at all.
    #[error("there is nothing to import: the input is empty")]
    Empty,
    /// Not an export.
    #[error("this is not an export of a log")]
    NotAnExport,
    /// Made by a later version.
    #[error("this export has version {found}, this program knows version {VERSION}: use a newer program")]
    Newer {
        /// Its version.
        found: u8,
    },
    /// Another kind of log.
    #[error("this is the export of a {found:?} log, not of a {wanted} log")]
    OtherKind {
        /// Its kind.
        found: String,
        /// The kind of this log.
        wanted: &'static str,
    },
    /// A log about something else.
    #[error("this is the export of a log about another topic")]
    OtherTopic,
    /// The bytes end before the export does.
    #[error("the export is cut off: it ends in the middle")]
    Truncated,
    /// A frame that no export has.
    #[error("the export is damaged: {0}")]
    Malformed(#[from] Malformed),
    /// A frame that announces more than there can be.
    #[error("a frame of {bytes} bytes, above the {FRAME_BYTES_MAX} there can be: the export is damaged")]
    FrameTooLarge {
        /// What it announces.
        bytes: usize,
    },
    /// Frames are missing.
    #[error("the export is incomplete: it says {said} entries and holds {held}")]
    Incomplete {
        /// Entries that it says it holds.
        said: u64,
        /// Entries that it holds.
        held: u64,
    },
    /// A group that cannot be stored.
    #[error(transparent)]
    Group(#[from] GroupError),
    /// The input could not be read.
    #[error("reading the export failed")]
    Read(#[from] std::io::Error),
    /// The log could not be written.
    #[error(transparent)]
    Log(#[from] Error),
}

/// What was imported.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Imported {
    /// Exports that were concatenated.
    pub exports: u64,
    /// Entries that are new here.
    pub stored: u64,
    /// Entries that were here already.
    pub duplicates: u64,
    /// Values that had been missing and came now.
    pub filled: u64,
    /// Forks that showed up, at most 1,024 of them.
    pub forks: Vec<Fork>,
    /// Bytes that were read.
    pub bytes: u64,
}

/// Forks that a report lists.
const FORKS_LISTED: usize = 1_024;

impl Log {
    /// Writes everything that is visible, group by group. Memory: one group.
    ///
    /// # Errors
    ///
    /// [`ExportError`].
    pub fn export(&self, out: impl Write) -> Result<Exported, ExportError> {
        self.export_with(out, |_, _| {})
    }

    /// As [`export`](Self::export); `progress` is told the entries done and in all.
    ///
    /// # Errors
    ///
    /// [`ExportError`].
    pub fn export_with(
        &self,
        mut out: impl Write,
        mut progress: impl FnMut(u64, u64),
    ) -> Result<Exported, ExportError> {
        let last = self.visible();
        let mut exporter =
            Exporter { out: &mut out, done: Exported::default(), extension: &**self.extension() };
        exporter.start(&self.topic().discovery_key())?;
        let (mut unit, mut unit_size, mut group, mut group_size) = (Vec::new(), 0, Vec::new(), 0);
        for entry in self.inner.store.entries(Change(1), last, Order::Ascending) {
            let entry = entry?;
            group_size += entry.header().size();
            let ends_group = entry.ends_group();
            group.push(entry);
            if !ends_group {
                continue;
            }
            if unit_size + group_size > UNIT_BYTES {
                exporter.group(self, std::mem::take(&mut unit))?;
                unit_size = 0;
                progress(exporter.done.entries, last.0);
            }
            unit.append(&mut group);
            unit_size += std::mem::take(&mut group_size);
        }
        exporter.group(self, unit)?;
        exporter.end()?;
        progress(exporter.done.entries, last.0);
        Ok(exporter.done)
    }

    /// Reads any concatenation of exports, verifies every group and stores what is new. Everything is durable
    /// when it returns. Memory: one frame.
    ///
    /// # Errors
    ///
    /// [`ImportError`]. Whole groups that came before the fault are kept; nothing unverified is stored.
    pub fn import(&self, input: impl Read) -> Result<Imported, ImportError> {
        self.import_with(input, |_| {})
    }

    /// As [`import`](Self::import); `progress` is told what was imported so far.
    ///
    /// # Errors
    ///
    /// As [`import`](Self::import).
    pub fn import_with(
        &self,
        mut input: impl Read,
        mut progress: impl FnMut(&Imported),
    ) -> Result<Imported, ImportError> {
        let mut importer =
            Importer { log: self, frames: Frames { input: &mut input, at: 0 }, done: Imported::default() };
        match importer.run(&mut progress) {
            Ok(()) => Ok(importer.done),
            Err((at, cause)) => {
                // What is stored is worth keeping; the first error is the one to report.
                let flushed = self.flush();
                if let Err(error) = flushed {
                    tracing::warn!(%error, "what was imported could not be made durable");
                }
                Err(ImportError { at, so_far: Box::new(importer.done), cause })
            }
        }
    }
}

struct Exporter<'a> {
    out: &'a mut dyn Write,
    done: Exported,
    extension: &'a dyn Extension,
}

impl Exporter<'_> {
    fn start(&mut self, discovery_key: &[u8; 32]) -> Result<(), ExportError> {
        self.write(MAGIC)?;
        let mut body = vec![VERSION];
        body.put_slice(discovery_key);
        body.put_slice(self.extension.kind().as_bytes());
        self.frame(START, &body)
    }

    fn group(&mut self, log: &Log, entries: Vec<Entry>) -> Result<(), ExportError> {
        if entries.is_empty() {
            return Ok(());
        }
        self.done.entries += entries.len() as u64;
        self.done.groups += 1;
        let first = entries.first().map_or(Change(0), Entry::change);
        let group = Group::new(log.topic(), entries.into_iter().map(Received::from).collect());
        let group = group.map_err(|_| Error::damaged(format!("the group of entry {first}: run fsck")))?;
        self.frame(GROUP, &group.encode(self.extension))
    }

    fn end(&mut self) -> Result<(), ExportError> {
        let mut body = Vec::new();
        put_varint(&mut body, self.done.entries);
        self.frame(END, &body)?;
        Ok(self.out.flush()?)
    }

    fn frame(&mut self, kind: u8, body: &[u8]) -> Result<(), ExportError> {
        let length = u32::try_from(body.len()).map_err(|_| Error::damaged("a group that is too large"))?;
        self.write(&length.to_be_bytes())?;
        self.write(&[kind])?;
        self.write(body)
    }

    fn write(&mut self, bytes: &[u8]) -> Result<(), ExportError> {
        self.done.bytes += bytes.len() as u64;
        Ok(self.out.write_all(bytes)?)
    }
}

struct Importer<'a> {
    log: &'a Log,
    frames: Frames<'a>,
    done: Imported,
}

impl Importer<'_> {
    /// Runs to the end of the input. An error comes with the offset of the frame at fault.
    fn run(&mut self, progress: &mut dyn FnMut(&Imported)) -> Result<(), (u64, ImportCause)> {
        loop {
            let at = self.frames.at;
            match self.one_export(progress) {
                Ok(true) => self.done.exports += 1,
                Ok(false) if self.done.exports == 0 => return Err((at, ImportCause::Empty)),
                Ok(false) => break,
                Err(failed) => return Err(failed),
            }
        }
        self.log.sync_completed().map_err(|error| (self.frames.at, error.into()))
    }

    /// Reads one export; false when there is none any more.
    fn one_export(&mut self, progress: &mut dyn FnMut(&Imported)) -> Result<bool, (u64, ImportCause)> {
        let at = self.frames.at;
        if !self.frames.magic().map_err(|cause| (at, cause))? {
            return Ok(false);
        }
        let mut held = 0;
        let mut started = false;
        loop {
            let at = self.frames.at;
            let step =
                self.frames.frame().and_then(|(kind, body)| self.frame(kind, body, &mut started, &mut held));
            self.done.bytes = self.frames.at;
            match step {
                Ok(true) => return Ok(true),
                Ok(false) => progress(&self.done),
                Err(cause) => return Err((at, cause)),
            }
        }
    }

    /// Takes one frame; true when it ends the export.
    fn frame(
        &mut self,
        kind: u8,
        body: Bytes,
        started: &mut bool,
        held: &mut u64,
    ) -> Result<bool, ImportCause> {
        let mut input = Input::new(body);
        match (kind, *started) {
            (START, false) => {
                *started = true;
                self.start(&mut input).map(|()| false)
            }
            (GROUP, true) => {
                *held += self.group(input.take_rest())?;
                Ok(false)
            }
            (END, true) => {
                let said = input.varint()?;
                input.end()?;
                if said == *held { Ok(true) } else { Err(ImportCause::Incomplete { said, held: *held }) }
            }
            _ => Err(input.malformed("a frame of this kind has no place here").into()),
        }
    }

    fn start(&mut self, input: &mut Input) -> Result<(), ImportCause> {
        let found = input.u8()?;
        if found != VERSION {
            return Err(ImportCause::Newer { found });
        }
        let discovery_key: [u8; 32] = input.array()?;
        let kind = input.take_rest();
        let wanted = self.log.extension().kind();
        if kind != wanted.as_bytes() {
            let found =
                String::from_utf8_lossy(kind.get(..kind.len().min(32)).unwrap_or_default()).into_owned();
            return Err(ImportCause::OtherKind { found, wanted });
        }
        if discovery_key == self.log.topic().discovery_key() { Ok(()) } else { Err(ImportCause::OtherTopic) }
    }

    fn group(&mut self, body: Bytes) -> Result<u64, ImportCause> {
        let group = Group::decode(body, self.log.topic(), &**self.log.extension())?;
        let held = group.len() as u64;
        let ingested = self.log.ingest(self.log.verify(group)?)?;
        self.done.stored += ingested.stored.len() as u64;
        self.done.duplicates += ingested.duplicates as u64;
        self.done.filled += ingested.filled as u64;
        let room = FORKS_LISTED.saturating_sub(self.done.forks.len());
        self.done.forks.extend(ingested.forks.into_iter().take(room));
        Ok(held)
    }
}

/// The frames of a stream.
struct Frames<'a> {
    input: &'a mut dyn Read,
    at: u64,
}

impl Frames<'_> {
    /// Whether another export starts here; false at the end of the input.
    fn magic(&mut self) -> Result<bool, ImportCause> {
        let found = self.up_to(MAGIC.len())?;
        match found.len() {
            0 => Ok(false),
            _ if found.as_ref() == MAGIC => Ok(true),
            n if MAGIC.starts_with(&found) && n < MAGIC.len() => Err(ImportCause::Truncated),
            _ => Err(ImportCause::NotAnExport),
        }
    }

    fn frame(&mut self) -> Result<(u8, Bytes), ImportCause> {
        let mut head = Input::new(self.exactly(5)?);
        let length = head.array().map(u32::from_be_bytes)? as usize;
        let kind = head.u8()?;
        if length > FRAME_BYTES_MAX {
            return Err(ImportCause::FrameTooLarge { bytes: length });
        }
        Ok((kind, self.exactly(length)?))
    }

    fn exactly(&mut self, n: usize) -> Result<Bytes, ImportCause> {
        let bytes = self.up_to(n)?;
        if bytes.len() == n { Ok(bytes) } else { Err(ImportCause::Truncated) }
    }

    /// Reads `n` bytes, or what there is.
    fn up_to(&mut self, n: usize) -> Result<Bytes, ImportCause> {
        let (mut bytes, mut filled) = (BytesMut::new(), 0);
        while filled < n {
            if filled == bytes.len() {
                bytes.resize(n.min(filled + AHEAD_BYTES), 0);
            }
            match self.input.read(bytes.get_mut(filled..).unwrap_or_default()) {
                Ok(0) => break,
                Ok(read) => filled += read,
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(error.into()),
            }
        }
        bytes.truncate(filled);
        self.at += filled as u64;
        Ok(bytes.freeze())
    }
}
