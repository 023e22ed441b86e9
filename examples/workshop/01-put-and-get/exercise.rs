//! Put and get: ordered bytes to bytes, in memory and on disk.
#![expect(unused, clippy::todo, reason = "steps are left to do; remove this line when none is")]

use std::path::Path;

use level::{Batch, Durability, Fjall, KeyRange, Level, Order};

/// `?` turns any error into this one.
pub type Result<T> = std::result::Result<T, Box<dyn std::error::Error>>;

/// Rows live in sub-levels, each an ordered map of its own. This is the name of ours.
const NOTES: &str = "notes";

/// Puts `value` under `key`.
pub fn put(level: &dyn Level, key: &str, value: &str) -> Result<()> {
    // 1. Get the sub-level `NOTES`, and put the row in it, synced.
    todo!("1: put a value under a key")
}

/// The value under `key`, or `None` when there is none.
pub fn get(level: &dyn Level, key: &str) -> Result<Option<String>> {
    // 2. Get the bytes under the key, and make them text.
    todo!("2: get the value under a key")
}

/// The keys that begin with `prefix`, in order.
pub fn keys(level: &dyn Level, prefix: &str) -> Result<Vec<String>> {
    // 3. Read the range of that prefix. Each row is a key and a value, or an error.
    todo!("3: read the keys of a range")
}

/// Puts all `rows`, or none of them.
pub fn put_all(level: &dyn Level, rows: &[(&str, &str)]) -> Result<()> {
    // 4. Put all rows in one batch, and apply it once.
    todo!("4: put several rows, all or nothing")
}

/// Opens the level in the folder `path`, puts `value` under `key`, and says what was there before.
pub fn remember(path: &Path, key: &str, value: &str) -> Result<Option<String>> {
    // 5. Open a level on disk, and use what you have. It is closed when the variable goes out of scope.
    todo!("5: keep a value on disk")
}
