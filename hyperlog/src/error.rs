//! What can go wrong with a graph.

use scuttleup::{AdmitError, Change, GroupError, Malformed, Refusal};

use crate::NodeId;
use crate::encoding::EncodingError;
use crate::ext::LINKS_MAX;

/// Why a node could not be added or read.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// No such node.
    #[error("node {id} is not in this log")]
    NotFound {
        /// Which.
        id: NodeId,
    },
    /// A node of the policy's, whose value cannot be dropped.
    #[error("node {id} belongs to the policy: its value cannot be deleted")]
    NotData {
        /// Which.
        id: NodeId,
    },
    /// A link that leads out of the log.
    #[error("the node links to {link}, which is not in this log")]
    UnknownLink {
        /// Where it leads.
        link: NodeId,
    },
    /// A batch links to a document that does not stand before.
    #[error("document {document} of the batch links to document {link}, which does not stand before it")]
    UnknownDocument {
        /// Place of the document that links, from 0.
        document: usize,
        /// Place that it links to.
        link: usize,
    },
    /// More links than a node can have.
    #[error("a node has at most {LINKS_MAX} links, this one has {count}: merge in steps")]
    TooManyLinks {
        /// How many there are.
        count: usize,
    },
    /// A value that does not encode.
    #[error("the value has no such encoding")]
    Encoding(#[from] EncodingError),
    /// A stored value that does not decode: anybody may have written anything.
    #[error("the value of node {id}, number {change} of the local order, cannot be read")]
    Value {
        /// Which node.
        id: NodeId,
        /// Its number in the local order.
        change: Change,
        /// What it should have been.
        source: EncodingError,
    },
    /// The policy refused the node.
    #[error("the policy of this log refuses the node: {0}")]
    Policy(#[source] Refusal),
    /// What the log below says.
    #[error(transparent)]
    Log(scuttleup::Error),
}

/// Why a node from outside is none of this graph.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum NodeRefused {
    /// Its `ext` is not that of a node.
    #[error("not a node")]
    Malformed(#[from] Malformed),
    /// A link that leads out of the log.
    #[error("the node links to {link}, which is not in this log")]
    UnknownLink {
        /// Where it leads.
        link: NodeId,
    },
    /// A grant that is not here.
    #[error("the node acts under {cap}, which is not in this log")]
    UnknownCap {
        /// Which grant.
        cap: NodeId,
    },
    /// The policy refuses it.
    #[error(transparent)]
    Policy(Refusal),
}

impl From<NodeRefused> for AdmitError {
    fn from(refused: NodeRefused) -> Self {
        Self::Refused(Refusal(Box::new(refused)))
    }
}

impl From<scuttleup::Error> for Error {
    /// Gives what this layer refused its own name back.
    fn from(error: scuttleup::Error) -> Self {
        match error {
            scuttleup::Error::Refused(Refusal(reason)) => match reason.downcast::<NodeRefused>() {
                Ok(refused) => match *refused {
                    NodeRefused::UnknownLink { link } => Self::UnknownLink { link },
                    NodeRefused::Policy(refusal) => Self::Policy(refusal),
                    other => Self::Policy(Refusal(Box::new(other))),
                },
                Err(reason) => Self::Policy(Refusal(reason)),
            },
            error => Self::Log(error),
        }
    }
}

/// The reason of this layer in a group's refusal, if it is that.
#[must_use]
pub fn refused(error: &GroupError) -> Option<&NodeRefused> {
    match error {
        GroupError::Refused { refusal, .. } => refusal.0.downcast_ref(),
        _ => None,
    }
}
