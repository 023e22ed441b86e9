//! The seam for the layer above: what it keeps in an entry's `ext`, and what it adds to a commit.

use bytes::Bytes;

use crate::entry::Entry;
use crate::error::{AdmitError, Error, Refusal};
use crate::fork::Fork;
use crate::group::{Near, Received};
use crate::header::Header;
use crate::ids::EntryId;
use crate::input::{Input, Malformed};
use crate::rows::Rows;
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

    /// Adds rows to the commit that stores `entries`: they appear together or not at all. It may also choose which values
    /// are kept: see [`Rows::drop_value`].
    ///
    /// # Errors
    ///
    /// What the store says when it is read. The log then stops taking writes until it is reopened.
    fn store(&self, entries: &[Entry], rows: &mut Rows<'_>) -> Result<(), Error>;

    /// Adds rows to a commit that changes the values of stored entries: they came, or were dropped. Called
    /// under the same lock as [`store`](Self::store). Default: none.
    ///
    /// # Errors
    ///
    /// As [`store`](Self::store).
    fn revalue(&self, _entries: &[Entry], _rows: &mut Rows<'_>) -> Result<(), Error> {
        Ok(())
    }

    /// Learns that the rows of the last [`store`](Self::store) and [`revalue`](Self::revalue) are in the store, where
    /// everybody can read them. Called under the same lock, before the call that wrote returns. Default: nothing.
    fn applied(&self) {}

    /// Learns what was committed, after it was, in order. It may read the log and must not write to it: others
    /// wait to be told. Default: nothing.
    fn committed(&self, _: &Committed<'_>) {}

    /// Adds the entries that `ext` names, besides the writer's own previous one: all that must be stored before
    /// an entry with this `ext`. Default: none.
    fn parents(&self, _ext: &[u8], _out: &mut Vec<EntryId>) {}

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
#[derive(Clone, Copy)]
pub struct Candidate<'a> {
    /// Its id.
    pub id: EntryId,
    /// What is hashed of it; its chain is already checked.
    pub header: &'a Header,
    /// Its value, unless it comes without.
    pub value: Option<&'a Bytes>,
}

impl std::fmt::Debug for Candidate<'_> {
    /// Shows that there is a value, never its contents: values can be private.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { id, header, value } = self;
        f.debug_struct("Candidate")
            .field("id", id)
            .field("header", header)
            .field("here", &value.is_some())
            .finish()
    }
}

/// All that an entry may refer to: what is stored, and what stands before it in its group.
pub struct Known<'a> {
    pub(crate) store: &'a Store,
    pub(crate) earlier: &'a dyn Earlier,
    /// An entry that is known to be stored: most local entries name the one before them.
    pub(crate) tip: Option<EntryId>,
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
        Ok(self.tip == Some(*id) || self.earlier.contains(id) || self.store.change_of(id)?.is_some())
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

/// What a commit stored, for those who wait for it.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct Committed<'a> {
    /// New entries, in local order, with the values that are stored.
    pub entries: &'a [Entry],
    /// Entries that were stored before, and whose missing value came now.
    pub filled: &'a [Entry],
    /// Forks that show up now.
    pub forks: &'a [Fork],
    /// Whether this log appended them, rather than somebody else.
    pub own: bool,
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
