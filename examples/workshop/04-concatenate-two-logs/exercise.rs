//! Concatenate two logs: any set of exports is a log.
#![expect(unused, clippy::todo, reason = "steps are left to do; remove this line when none is")]

use hyperlog::{Hyperlog, Identity, Imported, Memory, Utf8};

/// `?` turns any error into this one.
pub type Result<T> = std::result::Result<T, Box<dyn std::error::Error>>;

/// The whole log as bytes: for a file, a stick, a pipe.
pub fn export(log: &Hyperlog<Utf8>) -> Result<Vec<u8>> {
    // 1. Export the log into a vector.
    todo!("1: export a log")
}

/// One export after the other: what `cat one two` does.
pub fn concatenate(one: &[u8], two: &[u8]) -> Vec<u8> {
    // 2. No tricks: the bytes of the one, then the bytes of the other.
    todo!("2: concatenate two exports")
}

/// Imports any number of exports that were concatenated, and says what was new.
pub fn import(log: &Hyperlog<Utf8>, bytes: &[u8]) -> Result<Imported> {
    // 3. Import the bytes. The log reads them from anything that is `std::io::Read`.
    todo!("3: import what was concatenated")
}

/// A new log in memory, with a writer of its own, that imported `exports` in the order given.
pub fn collect(exports: &[&[u8]]) -> Result<Hyperlog<Utf8>> {
    // 4. Open a log on `Memory::new()` with a new identity, and import one export after the other.
    todo!("4: make a log of exports")
}
