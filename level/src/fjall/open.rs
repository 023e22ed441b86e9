//! Opening a database that is there.

use std::{
    fs,
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

/// The folder of the key spaces, each in a folder with its number as name.
const KEYSPACES: &str = "keyspaces";

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
    let lock = lock(&path.join(LOCK))?;
    check_folders(path)?;
    let torn = match journal::check(path)? {
        Some(torn) => Some(torn.cut()?),
        None => None,
    };
    // The engine takes the lock itself. Who comes between makes it, or us, fail with `Locked`.
    drop(lock);
    Ok(Opened { db: engine(path, options)?, torn })
}

/// Refuses what the engine would panic at, which could not even be caught: it panics again while it unwinds.
fn check_folders(path: &Path) -> Result<(), Error> {
    let stray = |stray: &Path| Error::Corrupt {
        path: path.to_owned(),
        what: "its files",
        source: format!("{} does not belong there", stray.display()).into(),
    };
    let entries = |folder: &Path| -> Result<Vec<fs::DirEntry>, Error> {
        fs::read_dir(folder).and_then(Iterator::collect).failed("read", folder)
    };
    for entry in entries(&path.join(KEYSPACES))? {
        let number = entry.file_name().to_str().is_some_and(|name| name.parse::<u64>().is_ok());
        if entry.path().is_dir() && !number {
            return Err(stray(&entry.path()));
        }
    }
    for entry in entries(path)? {
        let journal = entry.path().extension().is_some_and(|extension| extension.eq_ignore_ascii_case("jnl"));
        if journal && !entry.path().is_file() {
            return Err(stray(&entry.path()));
        }
    }
    Ok(())
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

/// Opens the lock file and locks it, if nobody else does.
pub(super) fn lock(file: &Path) -> Result<fs::File, Error> {
    let lock = fs::OpenOptions::new().read(true).write(true).open(file).failed("open", file)?;
    for _ in 0..LOCK_TRIES {
        match lock.try_lock() {
            Ok(()) => return Ok(lock),
            Err(fs::TryLockError::WouldBlock) => thread::sleep(LOCK_WAIT),
            Err(fs::TryLockError::Error(error)) => return Err(error).failed("lock", file),
        }
    }
    Err(Error::Locked { path: file.parent().unwrap_or(file).to_owned() })
}

/// Has the engine open what is at `path`, or make a database there.
pub(super) fn engine(path: &Path, options: &FjallOptions) -> Result<Database, Error> {
    Database::builder(path)
        .cache_size(options.cache_bytes)
        .max_journaling_size(options.journal_bytes.max(JOURNAL_BYTES_MIN))
        .open()
        .failed("open", path)
}
