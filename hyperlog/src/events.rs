//! News from a graph.

use std::fmt;

use bytes::Bytes;
use scuttleup::Fork;

use crate::node::{Node, NodeId};

/// What happened. For every local `add`, a `PreAdd` is followed by one `Add` or one `Reject`, so that
/// counting shows what is still under way (by both, when the disk fails after the node was applied: what is
/// there after reopening holds); what peers send is told as `Add` alone.
///
/// Events are for showing and waking. Whoever must not miss a node reads [`changes`](crate::Hyperlog::changes)
/// live.
#[derive(Clone)]
#[non_exhaustive]
pub enum Event {
    /// A local node is about to be added; it cannot be read yet.
    PreAdd {
        /// Its links, as they were given; empty for `append`, which finds them itself.
        links: Vec<NodeId>,
        /// Its value.
        value: Bytes,
    },
    /// A node was added.
    Add {
        /// The node.
        node: Node,
        /// Whether it was added here.
        own: bool,
    },
    /// The value of a node came that had been missing.
    Filled {
        /// The node, with its value.
        node: Node,
    },
    /// A local node was not added.
    Reject {
        /// Its value.
        value: Bytes,
        /// Why, in words; the caller of `add` has the error itself.
        reason: String,
    },
    /// A writer has two entries with one number.
    Fork(Fork),
    /// Nodes that counted do not any more, or nodes that did not do again: views of them are out of date.
    Standing {
        /// [`Hyperlog::epoch`](crate::Hyperlog::epoch) from now on.
        epoch: u64,
    },
}

impl fmt::Debug for Event {
    /// Shows ids and lengths, never a value: it can be private.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::PreAdd { links, value } => write!(f, "PreAdd({} bytes, links {links:?})", value.len()),
            Self::Add { node, own } => write!(f, "Add(own: {own}, {node:?})"),
            Self::Reject { value, reason } => write!(f, "Reject({} bytes, {reason:?})", value.len()),
            Self::Filled { node } => write!(f, "Filled({node:?})"),
            Self::Fork(fork) => write!(f, "{fork:?}"),
            Self::Standing { epoch } => write!(f, "Standing(epoch {epoch})"),
        }
    }
}
