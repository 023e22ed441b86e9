//! A look at the journals of a database before the engine opens, and cuts, them.
//!
//! At the first entry that it cannot read, the engine takes what comes after for the torn end of the last write,
//! and cuts it off. After a crash that is right. After a flipped bit it would silently drop whole batches, synced
//! ones, too. So look first: if complete batches come after the damage, it is no torn end.
//!
//! A sequence number is not under the checksum of its batch, but they ascend (see `Shared::delete`), so a wrong one
//! shows.

mod batch;

use std::{
    fs::{File, OpenOptions},
    io::{self, BufReader, Read, Seek, SeekFrom},
    path::{Path, PathBuf},
};

use self::batch::{Batch, Broken};
use super::{create::sync_folder, errors::Failed};
use crate::Error;

/// What the system writes at once: a write that was lost leaves whole pages of zeros.
const PAGE: usize = 4096;

const BUFFER: usize = 64 * 1024;
static ZEROS: [u8; BUFFER] = [0; BUFFER];

/// Sequence numbers count batches: a step like this is none.
const SEQNO_STEP_MAX: u64 = 1 << 40;

/// The end of a journal that a crash tore, so that the engine would not open it.
#[derive(Debug)]
pub(super) struct Torn {
    journal: PathBuf,
    /// Where the last complete batch ends.
    end: u64,
}

/// Looks at all journals of the closed database at `folder`, without changing them. Gives the torn end that has to be
/// cut off before the engine opens, if there is one.
///
/// # Errors
///
/// [`Error::Corrupt`] if anything but the end of the newest journal is damaged.
pub(super) fn check(folder: &Path) -> Result<Option<Torn>, Error> {
    let mut journals = list(folder)?;
    // The engine syncs a journal before it begins the next: only the newest can be torn.
    let Some((_, newest)) = journals.pop() else { return Ok(None) };
    let mut seqno = 0;
    for (_, sealed) in journals {
        if scan(&sealed, &mut seqno).failed("read", &sealed)? != State::Whole {
            return Err(corrupt(folder, format!("{} is damaged", sealed.display())));
        }
    }
    match scan(&newest, &mut seqno).failed("read", &newest)? {
        State::Whole | State::Unfinished { .. } => Ok(None),
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
    /// Complete batches, then nothing.
    Whole,
    /// Complete batches, then the beginning of one: the engine cuts that off.
    Unfinished { end: u64 },
    /// Complete batches, then one that contradicts itself, then none that a crash could not have lost. The engine
    /// would not open this.
    Torn { end: u64 },
    /// Not a batch at `at`, but one at `next`.
    Damaged { at: u64, next: u64 },
}

/// Reads a journal. `seqno` is that of the last batch before it, and then of its own last.
fn scan(path: &Path, seqno: &mut u64) -> io::Result<State> {
    let mut file = BufReader::with_capacity(BUFFER, File::open(path)?);
    let mut end = 0;
    let broken = loop {
        match Batch::read(&mut file)? {
            Ok(batch) if batch.seqno.checked_sub(*seqno).is_none_or(|step| step > SEQNO_STEP_MAX) => {
                break Broken::Contradiction;
            }
            Ok(batch) => {
                // The first batch of all has number 0, so each says the smallest that may follow.
                *seqno = batch.seqno + 1;
                end += batch.length;
            }
            Err(broken) => break broken,
        }
    };
    let mut file = file.into_inner();
    if only_zeros(&mut file, end)? {
        return Ok(State::Whole);
    }
    // Rare, so reading the rest at once is fine: a journal is some 64 MiB.
    file.seek(SeekFrom::Start(end))?;
    let mut rest = Vec::new();
    file.read_to_end(&mut rest)?;
    Ok(judge(&rest, end, broken))
}

/// What a journal is whose first `end` bytes are complete batches, and whose `rest` does not begin with one.
fn judge(rest: &[u8], end: u64, broken: Broken) -> State {
    let next =
        (1..rest.len()).find(|at| rest.get(*at..).is_some_and(begins_complete_batch)).unwrap_or(rest.len());
    // Pages reach the disk in any order. One that did not reads as zeros: then what came after was not synced
    // either, and a crash may take it.
    let to_page = end.next_multiple_of(PAGE as u64) - end;
    let pages = rest.get(to_page as usize..next).unwrap_or_default();
    let lost_page = pages.chunks_exact(PAGE).any(|page| page == &ZEROS[..PAGE]);
    match broken {
        _ if next < rest.len() && !lost_page => State::Damaged { at: end, next: end + next as u64 },
        Broken::Contradiction => State::Torn { end },
        Broken::Unfinished => State::Unfinished { end },
    }
}

fn begins_complete_batch(mut bytes: &[u8]) -> bool {
    Batch::may_begin(bytes) && Batch::read(&mut bytes).is_ok_and(|batch| batch.is_ok())
}

/// Whether `file` holds nothing but zeros from `at` on.
fn only_zeros(file: &mut File, mut at: u64) -> io::Result<bool> {
    let mut buffer = vec![0; BUFFER];
    while let Some(data) = next_data(file, at)? {
        file.seek(SeekFrom::Start(data))?;
        let read = file.read(&mut buffer)?;
        // Compared as slices, which is one call, fast without optimisation, too.
        if buffer.get(..read) != ZEROS.get(..read) {
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
    use super::{batch::tests::one, *};

    fn look(journal: &[u8]) -> State {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), journal).unwrap();
        scan(file.path(), &mut 0).unwrap()
    }

    #[test]
    fn a_journal_of_whole_batches_is_whole() {
        let journal = [one(0, b"a"), one(1, &[5; 10_000]), one(7, b"")].concat();
        assert_eq!(look(&journal), State::Whole);
        assert_eq!(look(&[&journal[..], &ZEROS].concat()), State::Whole);
        assert_eq!(look(b""), State::Whole);
    }

    #[test]
    fn an_end_that_is_cut_anywhere_is_torn_where_the_last_batch_ended() {
        let (first, last) = (one(5, b"first"), one(6, b"last"));
        let journal = [first.clone(), last].concat();
        let end = first.len() as u64;
        for cut in first.len() + 1..journal.len() {
            assert_eq!(look(&journal[..cut]), State::Unfinished { end }, "cut at {cut}");
            let zeros = look(&[&journal[..cut], &ZEROS[..9000]].concat());
            let torn = zeros == State::Unfinished { end } || zeros == State::Torn { end };
            assert!(torn, "zeros from {cut}: {zeros:?}");
        }
    }

    #[test]
    fn a_last_batch_that_contradicts_itself_is_torn() {
        let (first, mut last) = (one(5, b"first"), one(6, b"last"));
        let checksum = last.len() - 6;
        last[checksum] ^= 1;
        assert_eq!(look(&[first.clone(), last].concat()), State::Torn { end: first.len() as u64 });
        let not_later = [first.clone(), one(5, b"last")].concat();
        assert_eq!(look(&not_later), State::Torn { end: first.len() as u64 });
    }

    #[test]
    fn a_flipped_bit_before_the_last_batch_is_never_taken_for_a_torn_end() {
        let (first, last) = (one(5, b"first"), one(6, b"last"));
        let journal = [first.clone(), last, one(7, b"after")].concat();
        for bit in 0..first.len() * 8 {
            let mut journal = journal.clone();
            journal[bit / 8] ^= 1 << (bit % 8);
            let found = look(&journal);
            // A sequence number that is smaller than before is in order where nothing comes before.
            let in_order = journal[5..13] < first[5..13] && (5..13).contains(&(bit / 8)) || bit == 5 * 8;
            assert!(matches!(found, State::Damaged { .. }) || in_order, "bit {bit}: {found:?}");
        }
    }

    #[test]
    fn a_page_that_never_reached_the_disk_is_a_torn_end() {
        for before in [0, 1, 100, 4095, 4096, 5000] {
            let first = one(0, &vec![1; before]);
            let mut journal = [first.clone(), one(1, &[1; 20_000]), one(2, b"after")].concat();
            journal[8192..12288].fill(0);
            let end = if first.len() > 8192 { 0 } else { first.len() as u64 };
            assert_eq!(look(&journal), State::Torn { end }, "{before} bytes before");
        }
    }
}
