//! Whose fault it is.

use replicate::ReplicaError;

use crate::error::{Error, FillError, GroupError};
use crate::ids::{EntryId, WriterId};

/// An entry that came although its writer was declined.
#[derive(Debug, thiserror::Error)]
#[error("the peer sent entry {id} of writer {writer}, whom this side declined")]
pub(super) struct Declined {
    pub(super) id: EntryId,
    pub(super) writer: WriterId,
}

pub(super) fn local(error: Error) -> ReplicaError {
    ReplicaError::Local(Box::new(error))
}

pub(super) fn of_group(error: GroupError) -> ReplicaError {
    match error {
        GroupError::Store(error) => local(error),
        GroupError::OtherLog => ReplicaError::Local(Box::new(error)),
        error => ReplicaError::Peer(Box::new(error)),
    }
}

pub(super) fn of_fill(error: FillError) -> ReplicaError {
    match error {
        FillError::Store(error) => local(error),
        error => ReplicaError::Peer(Box::new(error)),
    }
}
