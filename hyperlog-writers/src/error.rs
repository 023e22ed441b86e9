//! What can go wrong with a channel.

use hyperlog::{IdentityError, LogError, NodeId, OpenError, WriterId};

use crate::refused::DEPTH_MAX;
use crate::value::{KEEP_MAX, NAME_BYTES_MAX};

/// Why something could not be done in a channel.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// What the log says.
    #[error(transparent)]
    Log(#[from] hyperlog::Error),
    /// The first node of the channel is not here.
    #[error("nothing of this channel is here yet: sync with somebody who has it")]
    Empty,
    /// The local writer is no admin.
    #[error("writer {writer} is no admin here: only admins grant and revoke")]
    NotAdmin {
        /// The local writer.
        writer: WriterId,
    },
    /// The local writer's grants are at the end of the chain.
    #[error("grants are passed on {DEPTH_MAX} times at most, and yours was: ask who is nearer to the root")]
    TooDeep,
    /// No such grant.
    #[error("node {id} is no grant of this channel")]
    NoGrant {
        /// What was named.
        id: NodeId,
    },
    /// A grant of somebody else's making.
    #[error(
        "grant {id} does not come from a grant of yours: {by} made it, and only who is above it can end it"
    )]
    NotAbove {
        /// The grant.
        id: NodeId,
        /// Who made it.
        by: WriterId,
    },
    /// One's own key in place of another one.
    #[error("this is the key that is to be replaced")]
    SameKey,
    /// Nobody to revoke.
    #[error("writer {writer} has no grant that stands")]
    NoMember {
        /// Who was named.
        writer: WriterId,
    },
    /// More nodes to keep than a revocation can name.
    #[error("a revocation keeps at most {KEEP_MAX} nodes, each with all before it; these are {count}")]
    KeepsTooMuch {
        /// How many were named.
        count: usize,
    },
    /// More branches than a revocation can keep.
    #[error(
        "the writer forked, and {branches} of its branches count here: name at most {KEEP_MAX} nodes to keep, or none"
    )]
    Forked {
        /// How many there are.
        branches: usize,
    },
    /// A node to keep that does not act under the grant.
    #[error("node {id} does not act under grant {grant}, so the revocation cannot keep it")]
    KeepsOther {
        /// What was named.
        id: NodeId,
        /// What is revoked.
        grant: NodeId,
    },
}

impl From<LogError> for Error {
    fn from(error: LogError) -> Self {
        Self::Log(error.into())
    }
}

/// Why a channel could not be founded.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum FoundError {
    /// A name that is none.
    #[error("the name of a channel takes 1 to {NAME_BYTES_MAX} bytes")]
    Name,
    /// There is a log already.
    #[error("there is a log here already: a channel is founded where nothing is")]
    NotEmpty,
    /// The root key cannot be the one that writes here every day.
    #[error("the root key is to be another one than the founder's: it is kept elsewhere")]
    RootWrites,
    /// The log cannot be opened.
    #[error(transparent)]
    Open(#[from] OpenError),
    /// The first nodes cannot be made.
    #[error(transparent)]
    Log(#[from] hyperlog::Error),
    /// There is no randomness, or the signer of the root refused.
    #[error(transparent)]
    Identity(#[from] IdentityError),
    /// The recovery file would lie beside the log, and be lost, stolen and copied with it.
    #[cfg(feature = "disk")]
    #[error("the recovery key cannot be kept in the folder of the log: whoever copies that would have it")]
    RecoveryInside,
    /// No recovery file.
    #[cfg(feature = "disk")]
    #[error(transparent)]
    Folder(#[from] hyperlog::disk::FolderError),
}
