//! What can go wrong, by family: opening a log, using it, and taking what somebody else sent.

use crate::identity::IdentityError;
use crate::ids::{Change, EntryId, Seq, WriterId};
use crate::input::Malformed;

/// Why a log cannot be opened.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum OpenError {
    /// The store was written by a later version of this software.
    #[error("this log has format {found}, this program knows up to {known}: use a newer program")]
    Newer {
        /// Format of the store.
        found: u32,
        /// The newest that this code knows.
        known: u32,
    },
    /// The store holds another kind of log.
    #[error("this is a {found} log, not a {wanted} log")]
    OtherKind {
        /// Kind in the store.
        found: String,
        /// Kind that was asked for.
        wanted: &'static str,
    },
    /// The store holds a log about something else.
    #[error("this log is about another topic")]
    OtherTopic,
    /// The sidecar cannot be read or written.
    #[error(
        "the sidecar that guards against old copies of the log cannot be used; if the database is no old copy, remove the sidecar"
    )]
    Sidecar(#[source] std::io::Error),
    /// The system gave no identity, or one that cannot be used.
    #[error("there is no usable identity")]
    Identity(#[from] IdentityError),
    /// A row of the log's own is missing or damaged, or the store failed.
    #[error(transparent)]
    Log(#[from] Error),
}

impl From<level::Error> for OpenError {
    fn from(error: level::Error) -> Self {
        Self::Log(error.into())
    }
}

/// Why a log could not be read or written.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The store failed.
    #[error("the store failed")]
    Level(#[from] level::Error),
    /// There is no such entry, or its value was deleted, has not come yet, or is not wanted here.
    #[error(
        "writer {writer} has no value under {seq} in this log: no such entry, or it was deleted, has not come yet, or is not wanted here"
    )]
    NotFound {
        /// Whose entry.
        writer: WriterId,
        /// Its number.
        seq: Seq,
    },
    /// An old copy of the database was put back under its identity: appending now would give numbers
    /// out twice.
    #[error(
        "this copy of the log is older than what {writer} has already written (it lacks entry {seq}, {id}): \
         import it or sync with a peer that has it, or move the identity file away to go on as a new writer"
    )]
    NeedsCatchUp {
        /// The identity of this log.
        writer: WriterId,
        /// Number of the entry that is missing.
        seq: Seq,
        /// Its id.
        id: EntryId,
    },
    /// A value or `ext` above the sizes of the format.
    #[error("{what} of {bytes} bytes is above the {max} that the format allows")]
    TooLarge {
        /// Which part of the entry.
        what: &'static str,
        /// Its size.
        bytes: usize,
        /// The most there may be.
        max: usize,
    },
    /// An earlier write failed, so what is in memory and on disk may differ.
    #[error("an earlier write to this log failed: close it and open it again")]
    Poisoned,
    /// A row of the log cannot be what this software wrote.
    #[error("the log is damaged at {row}: run fsck, and restore a backup or sync into a new folder")]
    Damaged {
        /// Which row.
        row: String,
        /// Why it does not decode, where that is the trouble.
        source: Option<Malformed>,
    },
    /// The layer above refused the entry.
    #[error(transparent)]
    Refused(Refusal),
    /// The identity did not sign.
    #[error("the entry could not be signed")]
    Sign(#[source] IdentityError),
    /// The sidecar could not be written: everything is stored, but the guard against old copies lags.
    #[error("everything is stored, but the sidecar beside the log could not be written")]
    Sidecar(#[source] std::io::Error),
}

impl Error {
    pub(crate) fn damaged(row: impl Into<String>) -> Self {
        Self::Damaged { row: row.into(), source: None }
    }

    pub(crate) fn damaged_entry(change: Change, source: Malformed) -> Self {
        Self::Damaged { row: format!("entry {change} of the local order"), source: Some(source) }
    }
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

impl From<AdmitError> for Error {
    fn from(error: AdmitError) -> Self {
        match error {
            AdmitError::Refused(refusal) => Self::Refused(refusal),
            AdmitError::Store(error) => error,
        }
    }
}

/// Why a group from outside was not stored. Nothing of it was.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum GroupError {
    /// The bytes are no group.
    #[error("not a group of entries")]
    Malformed(#[from] Malformed),
    /// No entries at all.
    #[error("a group without entries")]
    Empty,
    /// More than fits in a unit.
    #[error("a group of {size} bytes, above the {} that the format allows", crate::UNIT_BYTES)]
    TooLarge {
        /// Its size, or where counting stopped.
        size: usize,
    },
    /// One entry twice.
    #[error("a group that holds an entry twice")]
    Repeated,
    /// A signature is missing.
    #[error("no signature covers entry {id}")]
    Uncovered {
        /// The last entry of the branch that lacks one.
        id: EntryId,
    },
    /// A signature that a later one already stands for.
    #[error("entry {id} carries a signature that nothing needs")]
    NeedlessSignature {
        /// Which entry.
        id: EntryId,
    },
    /// Entries of another topic.
    #[error("a group about another topic")]
    OtherTopic,
    /// Verified by another log.
    #[error("a group that another log verified")]
    OtherLog,
    /// A gap: what comes before is not here.
    #[error("entry {id} follows {prev}, which is not in this log: something before it is missing")]
    UnknownPrevious {
        /// The entry.
        id: EntryId,
        /// What it names.
        prev: EntryId,
    },
    /// A `prev` of another writer or with another number.
    #[error("entry {id} does not continue {prev}, which it names as previous")]
    BrokenChain {
        /// The entry.
        id: EntryId,
        /// What it names.
        prev: EntryId,
    },
    /// The layer above refused an entry.
    #[error("entry {id} was refused")]
    Refused {
        /// Which entry.
        id: EntryId,
        /// Why.
        #[source]
        refusal: Refusal,
    },
    /// Forged, or damaged on the way.
    #[error("the signature of entry {id} is not {writer}'s: the entry was forged, or damaged on its way")]
    BadSignature {
        /// The signed entry.
        id: EntryId,
        /// Who should have signed.
        writer: WriterId,
    },
    /// More branches than this log keeps.
    #[error("more than {max} branches of writers in one log")]
    TooManyBranches {
        /// [`Limits::branches_max`](crate::Limits::branches_max).
        max: usize,
    },
    /// More forks than this log keeps.
    #[error("more than {max} forks of writers in one log")]
    TooManyForks {
        /// Half of [`Limits::branches_max`](crate::Limits::branches_max).
        max: usize,
    },
    /// Not the group's fault: the store failed.
    #[error(transparent)]
    Store(#[from] Error),
}

/// Why a value was not taken.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum FillError {
    /// The entry is not here.
    #[error("there is no entry {id} in this log, so there is no value to fill in")]
    Unknown {
        /// Which entry.
        id: EntryId,
    },
    /// The entry names another value.
    #[error("this is not the value of entry {id}: its length or its hash differs")]
    OtherValue {
        /// Which entry.
        id: EntryId,
    },
    /// Not the value's fault: the store failed.
    #[error(transparent)]
    Store(#[from] Error),
}

impl From<level::Error> for GroupError {
    fn from(error: level::Error) -> Self {
        Self::Store(error.into())
    }
}
