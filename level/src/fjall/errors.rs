//! What the engine says, in the words of this crate.

use std::{error::Error as StdError, io, path::Path};

use crate::Error;

/// Puts a failure of the engine or the system into words: what was done, and to what.
pub(super) trait Failed<T> {
    fn failed(self, doing: &'static str, path: &Path) -> Result<T, Error>;
}

impl<T> Failed<T> for io::Result<T> {
    fn failed(self, doing: &'static str, path: &Path) -> Result<T, Error> {
        self.map_err(|source| io_error(source, doing, path))
    }
}

impl<T> Failed<T> for ::fjall::Result<T> {
    fn failed(self, doing: &'static str, path: &Path) -> Result<T, Error> {
        self.map_err(|error| engine_error(error, doing, path))
    }
}

fn io_error(source: io::Error, doing: &'static str, path: &Path) -> Error {
    let path = path.to_owned();
    match source.kind() {
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => Error::Full { path, source },
        _ => Error::Io { doing, path, source },
    }
}

fn engine_error(error: ::fjall::Error, doing: &'static str, path: &Path) -> Error {
    use ::fjall::Error as E;
    let corrupt = |what, error: E| Error::Corrupt { path: path.to_owned(), what, source: Box::new(error) };
    match error {
        E::Locked => Error::Locked { path: path.to_owned() },
        E::Poisoned => Error::Poisoned,
        E::Io(source) => io_error(source, doing, path),
        E::InvalidVersion(_) => Error::Format { path: path.to_owned(), source: Box::new(error) },
        E::JournalRecovery(_) | E::InvalidTag(_) | E::InvalidTrailer => corrupt("its journal", error),
        E::Decompress(_) | E::Unrecoverable => corrupt("its tables", error),
        // The tables wrap what the system says: only what is not from there is damage.
        E::Storage(inner) => match from_system(&inner) {
            Some(source) => io_error(source, doing, path),
            None => corrupt("its tables", E::Storage(inner)),
        },
        _ => Error::Engine { path: path.to_owned(), source: Box::new(error) },
    }
}

/// The error of the operating system below `error`, if one is its cause.
fn from_system(error: &(dyn StdError + 'static)) -> Option<io::Error> {
    let cause = error.source()?.downcast_ref::<io::Error>()?;
    // An unexpected end is a short file: that is damage, not the system.
    if cause.kind() == io::ErrorKind::UnexpectedEof {
        return None;
    }
    Some(match cause.raw_os_error() {
        Some(code) => io::Error::from_raw_os_error(code),
        None => io::Error::new(cause.kind(), cause.to_string()),
    })
}
