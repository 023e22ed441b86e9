//! The seam for the layer above: what it keeps in an entry's `ext`, and what it adds to a commit.

use bytes::Bytes;
use level::{Batch, Level, Read, Sub};

use crate::entry::Entry;
use crate::error::Error;
use crate::group::{Near, Received};
use crate::header::Header;
use crate::ids::EntryId;
use crate::input::{Input, Malformed};
use crate::store::Store;

/// What a log does beyond chains: [`Plain`] adds nothing, hyperlog adds links.
///
/// Every call is made by the log; `admit` may run on several threads at once, `store` never does.
pub trait Extension: Send + Sync {
    /// The kind of log, 1 to 32 bytes. It is written into the store and into exports, so that logs of
    /// different kinds are never mixed.
    fn kind(&self) -> &'static str;

    /// Whether an entry may be stored. The answer may depend only on the entry and on what it names
    /// (which is stored, or stands earlier in the same group), so that it is the same on every replica
    /// and never changes.
    ///
    /// # Errors
    ///
    /// [`AdmitError::Refused`] with the reason, or what the store says.
    fn admit(&self, entry: &Candidate<'_>, known: &Known<'_>) -> Result<(), AdmitError>;

    /// Adds rows to the commit that stores `entries`: they appear together or not at all.
    ///
    /// # Errors
    ///
    /// What the store says when it is read. The log then stops taking writes until it is reopened.
    fn store(&self, entries: &[Entry], rows: &mut Rows<'_>) -> Result<(), Error>;

    /// Writes `ext` in as few bytes as its surroundings allow.
    fn pack(&self, ext: &[u8], near: &Near<'_>, out: &mut Vec<u8>);

    /// Undoes [`pack`](Self::pack). The result is canonical whatever the input: one `ext` has one encoding.
    ///
    /// # Errors
    ///
    /// [`Malformed`] for what `pack` would not write.
    fn unpack(&self, input: &mut Input, near: &Near<'_>) -> Result<Bytes, Malformed>;
}

/// An entry that asks to be stored.
#[derive(Clone, Copy, Debug)]
pub struct Candidate<'a> {
    /// Its id.
    pub id: EntryId,
    /// What is hashed of it; its chain is already checked.
    pub header: &'a Header,
    /// Its value, unless it comes without.
    pub value: Option<&'a Bytes>,
}

/// Why an entry was not admitted.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum AdmitError {
    /// The layer above refuses it.
    #[error(transparent)]
    Refused(Refusal),
    /// The store could not be read.
    #[error(transparent)]
    Store(#[from] Error),
}

/// The reason of the layer above, as an error of its own.
#[derive(Debug, thiserror::Error)]
#[error(transparent)]
pub struct Refusal(pub Box<dyn std::error::Error + Send + Sync>);

/// All that an entry may refer to: what is stored, and what stands before it in its group.
pub struct Known<'a> {
    pub(crate) store: &'a Store,
    pub(crate) earlier: &'a dyn Earlier,
}

impl std::fmt::Debug for Known<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Known").finish_non_exhaustive()
    }
}

/// Entries of the same group, or of the same transaction, that are not stored yet.
pub(crate) trait Earlier {
    fn contains(&self, id: &EntryId) -> bool;
    fn get(&self, id: &EntryId) -> Option<Received>;
}

impl Known<'_> {
    /// Whether there is such an entry. One point read at most.
    ///
    /// # Errors
    ///
    /// What the store says.
    pub fn contains(&self, id: &EntryId) -> Result<bool, Error> {
        Ok(self.earlier.contains(id) || self.store.change_of(id)?.is_some())
    }

    /// The header of an entry, and its value where that is here. Two point reads at most.
    ///
    /// # Errors
    ///
    /// What the store says.
    pub fn get(&self, id: &EntryId) -> Result<Option<(Header, Option<Bytes>)>, Error> {
        if let Some(entry) = self.earlier.get(id) {
            return Ok(Some((entry.header, entry.value)));
        }
        let entry = self.store.by_id(id)?;
        Ok(entry.map(|entry| (entry.header, entry.value.bytes().cloned())))
    }
}

/// The rows of the layer above in the commit at hand. Keys are its own: they cannot touch the log's.
pub struct Rows<'a> {
    pub(crate) level: &'a dyn Level,
    pub(crate) sub: Sub,
    pub(crate) batch: &'a mut Batch,
}

impl std::fmt::Debug for Rows<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Rows").field("batch", &self.batch.len()).finish_non_exhaustive()
    }
}

impl Rows<'_> {
    /// Writes a row.
    pub fn put(&mut self, key: &[u8], value: impl Into<Bytes>) {
        self.batch.put(self.sub, ext_key(key), value);
    }

    /// Removes a row.
    pub fn del(&mut self, key: &[u8]) {
        self.batch.del(self.sub, ext_key(key));
    }

    /// Reads a row: of this commit first, then of the store.
    ///
    /// # Errors
    ///
    /// What the store says.
    pub fn get(&self, key: &[u8]) -> Result<Option<Bytes>, Error> {
        let key = ext_key(key);
        match self.batch.get(self.sub, &key) {
            Some(row) => Ok(row.cloned()),
            None => Ok(Read::get(self.level, self.sub, &key)?),
        }
    }
}

/// The rows of the layer above lie beside the log's own under a letter of their own.
pub(crate) fn ext_key(key: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(1 + key.len());
    out.push(b'x');
    out.extend_from_slice(key);
    out
}

/// A log with nothing above it: `ext` is empty, everything is admitted.
#[derive(Clone, Copy, Debug, Default)]
pub struct Plain;

/// An entry of a plain log that carries bytes for a layer above.
#[derive(Debug, thiserror::Error)]
#[error("an entry of a plain scuttleup log has no ext, this one has {0} bytes")]
struct ExtNotEmpty(usize);

impl Extension for Plain {
    fn kind(&self) -> &'static str {
        "scuttleup"
    }

    fn admit(&self, entry: &Candidate<'_>, _: &Known<'_>) -> Result<(), AdmitError> {
        match entry.header.ext.len() {
            0 => Ok(()),
            n => Err(AdmitError::Refused(Refusal(Box::new(ExtNotEmpty(n))))),
        }
    }

    fn store(&self, _: &[Entry], _: &mut Rows<'_>) -> Result<(), Error> {
        Ok(())
    }

    fn pack(&self, _: &[u8], _: &Near<'_>, _: &mut Vec<u8>) {}

    fn unpack(&self, _: &mut Input, _: &Near<'_>) -> Result<Bytes, Malformed> {
        Ok(Bytes::new())
    }
}
