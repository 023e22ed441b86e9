//! Why a node is none of a channel.

use std::error::Error;

use hyperlog::{AdmitError, KeyError, Malformed, NodeId, NodeRefused, Refusal, WriterId};

use crate::role::Role;

/// Why a node may not be stored in a channel. It depends on the node and on what it names alone.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Refused {
    /// A genesis that is not this channel's.
    #[error("this genesis founds another channel")]
    OtherChannel,
    /// A genesis anywhere but at the beginning of the root's log.
    #[error("a genesis is the first node of its writer, names no other, and is the root's own")]
    NotFirst,
    /// A node that acts under nothing.
    #[error("the node acts under no grant")]
    NoCap,
    /// A node that acts under something that is no grant.
    #[error("the node acts under {cap}, which is neither a grant nor the genesis")]
    NotAGrant {
        /// Under which node.
        cap: NodeId,
    },
    /// A node under somebody else's grant.
    #[error("{writer} acts under grant {cap}, which is not its own")]
    NotTheHolder {
        /// Whose node it is.
        writer: WriterId,
        /// Under which grant.
        cap: NodeId,
    },
    /// A grant or revocation by somebody who may write data alone.
    #[error("grant {cap} allows data, no grants and no revocations of others")]
    NotAdmin {
        /// Under which grant.
        cap: NodeId,
    },
    /// More than one has.
    #[error("a {own} cannot grant the role {granted}")]
    AboveOneself {
        /// One's own role.
        own: Role,
        /// The granted one.
        granted: Role,
    },
    /// A chain of grants that is too long.
    #[error("grants are passed on {DEPTH_MAX} times at most")]
    TooDeep,
    /// A node of the policy without its value.
    #[error("a genesis, grant or revocation without its value says nothing")]
    NoValue,
    /// A value that is none.
    #[error("the value is not that of its kind")]
    Malformed(#[from] Malformed),
    /// A grant to a key that cannot be a writer.
    #[error("the grant is to a key that cannot be a writer")]
    Key(#[from] KeyError),
    /// A revocation that does not link what it is about.
    #[error("the revocation names {id}, and does not link it")]
    NotLinked {
        /// What it should link.
        id: NodeId,
    },
    /// A revocation of something that is no grant.
    #[error("the revocation targets {id}, which is no grant")]
    NoTarget {
        /// What it targets.
        id: NodeId,
    },
    /// A revocation by somebody who is not above.
    #[error("the revocation acts under {cap}, and grant {target} does not come from there")]
    NotAbove {
        /// Under which grant.
        cap: NodeId,
        /// What it targets.
        target: NodeId,
    },
    /// A revocation that keeps what is none of the grant's.
    #[error("the revocation keeps {id}, which does not act under grant {target}")]
    KeepsOther {
        /// What it keeps.
        id: NodeId,
        /// What it targets.
        target: NodeId,
    },
    /// A kind of node that this version does not know.
    #[error("a kind of node that has no meaning in a channel")]
    UnknownKind,
}

/// The most grants between a node and the genesis. A constant of the format.
pub const DEPTH_MAX: u8 = 32;

impl From<Refused> for AdmitError {
    fn from(refused: Refused) -> Self {
        Self::Refused(Refusal(Box::new(refused)))
    }
}

/// Why the local writer may not write data now.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum NotAuthorized {
    /// The first node of the channel is not here.
    #[error("nothing of this channel is here yet: sync with somebody who has it")]
    Empty,
    /// Nobody granted it anything.
    #[error("writer {writer} has no grant here: an admin has to authorize it")]
    Never {
        /// Who wants to write.
        writer: WriterId,
    },
    /// All its grants have ended: they were revoked, or given back.
    #[error("the grants of writer {writer} have ended: they were revoked or given back")]
    Revoked {
        /// Who wants to write.
        writer: WriterId,
    },
}

impl NotAuthorized {
    /// Finds this reason behind what adding to a log, or to something over it, failed with.
    #[must_use]
    pub fn behind<'a>(error: &'a (dyn Error + 'static)) -> Option<&'a Self> {
        behind(error)
    }
}

impl Refused {
    /// Finds this reason behind what an import or a sync failed with.
    #[must_use]
    pub fn behind<'a>(error: &'a (dyn Error + 'static)) -> Option<&'a Self> {
        behind(error)
    }
}

/// Follows the causes of an error, also into what a policy refused.
fn behind<'a, T: Error + 'static>(error: &'a (dyn Error + 'static)) -> Option<&'a T> {
    let mut next = Some(error);
    while let Some(error) = next {
        if let Some(found) = error.downcast_ref() {
            return Some(found);
        }
        next = match (error.downcast_ref(), error.downcast_ref()) {
            (Some(Refusal(reason)), _) | (_, Some(NodeRefused::Policy(Refusal(reason)))) => Some(&**reason),
            _ => error.source(),
        };
    }
    None
}

impl From<NotAuthorized> for AdmitError {
    fn from(refused: NotAuthorized) -> Self {
        Self::Refused(Refusal(Box::new(refused)))
    }
}
