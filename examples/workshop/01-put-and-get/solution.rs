//! Put and get: ordered bytes to bytes, in memory and on disk.

use std::path::Path;

use level::{Batch, Durability, Fjall, KeyRange, Level, Order};

/// `?` turns any error into this one.
pub type Result<T> = std::result::Result<T, Box<dyn std::error::Error>>;

/// Rows live in sub-levels, each an ordered map of its own. This is the name of ours.
const NOTES: &str = "notes";

/// Puts `value` under `key`.
pub fn put(level: &dyn Level, key: &str, value: &str) -> Result<()> {
    let notes = level.sub(NOTES)?;
    Ok(level.put(notes, key.as_bytes(), value.as_bytes(), Durability::Synced)?)
}

/// The value under `key`, or `None` when there is none.
pub fn get(level: &dyn Level, key: &str) -> Result<Option<String>> {
    let notes = level.sub(NOTES)?;
    let value = level.get(notes, key.as_bytes())?;
    Ok(value.map(|bytes| String::from_utf8(bytes.to_vec())).transpose()?)
}

/// The keys that begin with `prefix`, in order.
pub fn keys(level: &dyn Level, prefix: &str) -> Result<Vec<String>> {
    let notes = level.sub(NOTES)?;
    let mut keys = Vec::new();
    for row in level.range(notes, KeyRange::prefix(prefix.as_bytes()), Order::Ascending) {
        let (key, _value) = row?;
        keys.push(String::from_utf8(key.to_vec())?);
    }
    Ok(keys)
}

/// Puts all `rows`, or none of them.
pub fn put_all(level: &dyn Level, rows: &[(&str, &str)]) -> Result<()> {
    let notes = level.sub(NOTES)?;
    let mut batch = Batch::new();
    for (key, value) in rows {
        batch.put(notes, key.to_string(), value.to_string());
    }
    Ok(level.apply(batch, Durability::Synced)?)
}

/// Opens the level in the folder `path`, puts `value` under `key`, and says what was there before.
pub fn remember(path: &Path, key: &str, value: &str) -> Result<Option<String>> {
    let level = Fjall::open(path)?;
    let before = get(&level, key)?;
    put(&level, key, value)?;
    Ok(before)
}
