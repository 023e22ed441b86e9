//! Concatenate two logs: any set of exports is a log.

use hyperlog::{Hyperlog, Identity, Imported, Memory, Utf8};

/// `?` turns any error into this one.
pub type Result<T> = std::result::Result<T, Box<dyn std::error::Error>>;

/// The whole log as bytes: for a file, a stick, a pipe.
pub fn export(log: &Hyperlog<Utf8>) -> Result<Vec<u8>> {
    let mut bytes = Vec::new();
    log.export(&mut bytes)?;
    Ok(bytes)
}

/// One export after the other: what `cat one two` does.
pub fn concatenate(one: &[u8], two: &[u8]) -> Vec<u8> {
    [one, two].concat()
}

/// Imports any number of exports that were concatenated, and says what was new.
pub fn import(log: &Hyperlog<Utf8>, bytes: &[u8]) -> Result<Imported> {
    Ok(log.import(bytes)?)
}

/// A new log in memory, with a writer of its own, that imported `exports` in the order given.
pub fn collect(exports: &[&[u8]]) -> Result<Hyperlog<Utf8>> {
    let log = Hyperlog::open(Memory::new(), Identity::generate())?;
    for export in exports {
        import(&log, export)?;
    }
    Ok(log)
}
