//! Opening a database that is there.

use std::{panic, path::Path};

use ::fjall::Database;

use super::{FjallOptions, errors::Failed};
use crate::Error;

/// The smallest journal limit that the engine takes.
const JOURNAL_BYTES_MIN: u64 = 64 * 1024 * 1024;

/// Opens what is at `path`, or makes one there: callers see to which of the two it is.
pub(super) fn database(path: &Path, options: &FjallOptions) -> Result<Database, Error> {
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
