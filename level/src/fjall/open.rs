//! Opening a database that is there.

use std::{
    fs, panic,
    path::{Path, PathBuf},
    thread,
    time::Duration,
};

use ::fjall::{Database, FormatVersion};

use super::{
    FjallOptions,
    create::{LOCK, VERSION},
    errors::Failed,
    journal,
};
use crate::Error;

/// The smallest journal limit that the engine takes.
const JOURNAL_BYTES_MIN: u64 = 64 * 1024 * 1024;

/// How often, and how far apart, to try for the lock: a handle that was just dropped may still be closing.
const LOCK_TRIES: u32 = 20;
const LOCK_WAIT: Duration = Duration::from_millis(10);

/// An open database, and where the end of its journal is kept if that was torn and had to be cut off.
pub(super) struct Opened {
    pub(super) db: Database,
    pub(super) torn: Option<PathBuf>,
}

/// Opens the database at `path`.
pub(super) fn database(path: &Path, options: &FjallOptions) -> Result<Opened, Error> {
    check_version(path)?;
    let lock = lock(path)?;
    let torn = journal::check(path)?;
    // The engine takes the lock itself. Who comes between makes it, or us, fail with `Locked`.
    drop(lock);
    match (engine(path, options), torn) {
        (Err(Error::Corrupt { .. }), Some(torn)) => {
            let torn = Some(torn.cut()?);
            Ok(Opened { db: engine(path, options)?, torn })
        }
        (db, _) => Ok(Opened { db: db?, torn: None }),
    }
}

fn check_version(path: &Path) -> Result<(), Error> {
    let file = path.join(VERSION);
    let found = fs::read(&file).failed("read", &file)?;
    let ours = u8::from(FormatVersion::V3);
    match found[..] {
        [b'F', b'J', b'L', version, ..] if version == ours => Ok(()),
        [b'F', b'J', b'L', version, ..] => Err(Error::Format {
            path: path.to_owned(),
            source: format!("the storage format is {version}, this program reads {ours}").into(),
        }),
        _ => Err(Error::Corrupt {
            path: path.to_owned(),
            what: "its version file",
            source: format!("{} does not begin with FJL", file.display()).into(),
        }),
    }
}

fn lock(path: &Path) -> Result<fs::File, Error> {
    let file = path.join(LOCK);
    let lock = fs::OpenOptions::new().read(true).write(true).create(true).truncate(false).open(&file);
    let lock = lock.failed("open", &file)?;
    for _ in 1..LOCK_TRIES {
        match lock.try_lock() {
            Ok(()) => return Ok(lock),
            Err(fs::TryLockError::WouldBlock) => thread::sleep(LOCK_WAIT),
            Err(fs::TryLockError::Error(error)) => return Err(error).failed("lock", &file),
        }
    }
    Err(Error::Locked { path: path.to_owned() })
}

/// Has the engine open what is at `path`, or make a database there.
pub(super) fn engine(path: &Path, options: &FjallOptions) -> Result<Database, Error> {
    let builder = Database::builder(path)
        .cache_size(options.cache_bytes)
        .max_journaling_size(options.journal_bytes.max(JOURNAL_BYTES_MIN));
    // The engine asserts, rather than checks, a few things about the files that it finds, such as that folders
    // of key spaces have numbers as names. A damaged folder is no reason for this process to die.
    let opened = panic::catch_unwind(panic::AssertUnwindSafe(|| builder.open()));
    match opened {
        Ok(opened) => opened.failed("open", path),
        Err(_) => Err(Error::Corrupt {
            path: path.to_owned(),
            what: "its files",
            source: "the storage engine gave up on what it found, see its panic message".into(),
        }),
    }
}
