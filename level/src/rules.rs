//! What every backend refuses, so that all refuse alike.

use crate::{Batch, Error};

/// Longest key, in bytes. The storage engine keeps its length in 16 bits.
pub const KEY_BYTES_MAX: usize = u16::MAX as usize;

/// Longest value, in bytes. The storage engine keeps its length in 32 bits.
pub const VALUE_BYTES_MAX: u64 = u32::MAX as u64;

/// Longest name of a sub-level, in bytes, with the prefixes of [`within`](crate::within()).
pub const NAME_BYTES_MAX: usize = 64;

/// Whether a key can be stored at all.
pub(crate) fn is_key(key: &[u8]) -> bool {
    (1..=KEY_BYTES_MAX).contains(&key.len())
}

/// Refuses a name that is not one.
pub(crate) fn check_name(name: &str) -> Result<(), Error> {
    let fits = (1..=NAME_BYTES_MAX).contains(&name.len());
    let spelled =
        name.bytes().all(|byte| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'.' | b'_' | b'/' | b'-'));
    if fits && spelled { Ok(()) } else { Err(Error::Name { name: name.to_owned() }) }
}

/// Refuses a batch with a key or value that cannot be stored.
pub(crate) fn check_batch(batch: &Batch) -> Result<(), Error> {
    for (_, key, value) in batch.iter() {
        if !is_key(key) {
            return Err(Error::Key { len: key.len() });
        }
        if let Some(value) = value
            && u32::try_from(value.len()).is_err()
        {
            return Err(Error::Value { len: value.len() });
        }
    }
    Ok(())
}
