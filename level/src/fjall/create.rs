//! Making a database so that a crash, or a second maker, leaves a whole one or none.

use std::{
    ffi::{OsStr, OsString},
    fs, io,
    path::{Path, PathBuf},
};

use super::{FjallOptions, errors::Failed, open};
use crate::Error;

/// The file that the engine writes last when it makes a database, and looks for first when it opens one.
pub(super) const VERSION: &str = "version";

/// The file that the engine locks.
pub(super) const LOCK: &str = "lock";

/// How often to try again when another maker's cleaning took our unfinished database.
const TRIES: usize = 10;

/// Sees to it that a database is at `path`, and returns its full path.
pub(super) fn at(path: &Path, options: &FjallOptions) -> Result<PathBuf, Error> {
    let path = std::path::absolute(path).failed("find", path)?;
    // A link to a folder stands for the folder, so that the new database is made beside that.
    let path = if path.is_symlink() { fs::canonicalize(&path).failed("follow", &path)? } else { path };
    match found(&path)? {
        Found::Database => {}
        Found::Nothing | Found::EmptyFolder => {
            build(&path, |unfinished| open::engine(unfinished, options).map(drop))?;
        }
    }
    Ok(path)
}

enum Found {
    Nothing,
    EmptyFolder,
    Database,
}

/// Looks at `path` without touching it.
fn found(path: &Path) -> Result<Found, Error> {
    let not = |found| Err(Error::NotADatabase { path: path.to_owned(), found });
    match fs::metadata(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Found::Nothing),
        Err(error) => return Err(error).failed("open", path),
        Ok(there) if !there.is_dir() => return not("it is a file"),
        Ok(_) => {}
    }
    if path.join(VERSION).try_exists().failed("open", path)? {
        return Ok(Found::Database);
    }
    match fs::read_dir(path).failed("open", path)?.next() {
        None => Ok(Found::EmptyFolder),
        Some(_) => not("it is a folder with other things in it"),
    }
}

/// Makes a database under a temporary name beside `path`, has it filled by `fill`, which must close it, and
/// renames it to `path`. Returns `None` if somebody else put something there meanwhile.
pub(super) fn build<T>(path: &Path, fill: impl Fn(&Path) -> Result<T, Error>) -> Result<Option<T>, Error> {
    let not_a_folder = Error::NotADatabase { path: path.to_owned(), found: "it is no name of a folder" };
    let (Some(parent), Some(name)) = (path.parent(), path.file_name()) else { return Err(not_a_folder) };
    make_folder(parent)?;
    clean(parent, name);
    let mut tries = 0;
    loop {
        tries += 1;
        let unfinished = Unfinished { path: parent.join(unfinished_name(name)) };
        let filled = fill(&unfinished.path);
        // Held until it is renamed, so that nobody takes it for something left over.
        let lock = open::lock(&unfinished.path.join(LOCK));
        // Another maker's cleaning may come where the lock is not held, before and after the engine holds it. Then
        // it has taken the folder away, or holds the lock while it does: begin again.
        let ours =
            lock.is_ok() && unfinished.path.join(LOCK).exists() && unfinished.path.join(VERSION).exists();
        match filled {
            Ok(_) | Err(Error::Locked { .. } | Error::Io { .. }) if !ours && tries < TRIES => continue,
            Err(error) => return Err(error),
            Ok(filled) => {
                let _held = lock?;
                sync_all(&unfinished.path)?;
                return Ok(unfinished.becomes(path)?.then_some(filled));
            }
        }
    }
}

/// A folder that is deleted unless it is renamed.
struct Unfinished {
    path: PathBuf,
}

impl Unfinished {
    /// Moves it to `path`, durably. False if something is there by now.
    fn becomes(self, path: &Path) -> Result<bool, Error> {
        // Unix would rename over an empty folder, others not. Nothing but an empty folder is removed by this.
        if let Ok(there) = fs::metadata(path)
            && there.is_dir()
        {
            // Whoever made the folder may have said who may look into it.
            fs::set_permissions(&self.path, there.permissions())
                .failed("set the permissions of", &self.path)?;
            if fs::remove_dir(path).is_err() {
                return Ok(false);
            }
        }
        match fs::rename(&self.path, path) {
            Ok(()) => {}
            Err(_) if path.exists() => return Ok(false),
            Err(error) => return Err(error).failed("create", path),
        }
        std::mem::forget(self);
        sync_folder(path.parent().unwrap_or(path))?;
        Ok(true)
    }
}

impl Drop for Unfinished {
    fn drop(&mut self) {
        // What cannot be removed now is left to the next maker's cleaning.
        let _ = fs::remove_dir_all(&self.path);
    }
}

/// `.name.unfinished-<random>`: hidden, beside the path, so that renaming stays within a file system.
fn unfinished_name(name: &OsStr) -> OsString {
    use std::hash::{BuildHasher, RandomState};
    let mut unfinished = unfinished_prefix(name);
    unfinished.push(format!("{:016x}", RandomState::new().hash_one(std::process::id())));
    unfinished
}

fn unfinished_prefix(name: &OsStr) -> OsString {
    let mut prefix = OsString::from(".");
    prefix.push(name);
    prefix.push(".unfinished-");
    prefix
}

/// Removes what killed makers of `name` left in `parent`: a living maker holds the lock file of its database, or will
/// see that it was taken away.
fn clean(parent: &Path, name: &OsStr) {
    let prefix = unfinished_prefix(name);
    let Ok(entries) = fs::read_dir(parent) else { return };
    for entry in entries.flatten() {
        if !entry.file_name().as_encoded_bytes().starts_with(prefix.as_encoded_bytes()) {
            continue;
        }
        let folder = entry.path();
        match fs::OpenOptions::new().read(true).write(true).open(folder.join(LOCK)) {
            Ok(lock) if lock.try_lock().is_ok() => drop(fs::remove_dir_all(&folder)),
            Ok(_) => {}
            // Killed before there was a lock. Removes only an empty folder.
            Err(_) => drop(fs::remove_dir(&folder)),
        }
    }
}

/// Makes `folder` and its parents, each of them durable.
fn make_folder(folder: &Path) -> Result<(), Error> {
    if folder.as_os_str().is_empty() || folder.is_dir() {
        return Ok(());
    }
    let parent = folder.parent();
    parent.map_or(Ok(()), make_folder)?;
    match fs::create_dir(folder) {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => {
            return Err(error).failed("create", folder);
        }
        _ => {}
    }
    parent.map_or(Ok(()), sync_folder)
}

/// Makes the entries of `folder` durable.
pub(super) fn sync_folder(folder: &Path) -> Result<(), Error> {
    if cfg!(windows) {
        return Ok(()); // There, a folder cannot be opened as a file.
    }
    fs::File::open(folder).and_then(|folder| folder.sync_all()).failed("sync", folder)
}

/// Makes everything below `folder` durable.
fn sync_all(folder: &Path) -> Result<(), Error> {
    for entry in fs::read_dir(folder).failed("read", folder)? {
        let path = entry.failed("read", folder)?.path();
        if path.is_dir() {
            sync_all(&path)?;
        } else {
            // Opened to be written to, because some systems sync nothing else.
            let file = fs::OpenOptions::new().write(true).open(&path).failed("open", &path)?;
            file.sync_all().failed("sync", &path)?;
        }
    }
    sync_folder(folder)
}
