//! The seam for a policy: which nodes may be stored, and which of those count.

use bytes::Bytes;
use scuttleup::{AdmitError, Change, Error, Known, Rows, StoredRows, WriterId};

use crate::ext::{Ext, Kind};
use crate::node::{Node, NodeId};

/// The kind of a log that is a graph.
pub(crate) const KIND: &str = "hyperlog";

/// Decides over a graph. Without one, everything may be stored and everything counts.
///
/// What it says must be a function of the graph alone: `admit` of the node and what it names, which nodes
/// are void of the stored set. Then all replicas agree, whatever order things arrived in.
pub trait Policy: Send + Sync {
    /// The kind of log that a graph is under this policy, 1 to 32 bytes. Logs of different kinds are never mixed: not in
    /// a store, not in a sync. Default: that of a graph without a policy.
    fn kind(&self) -> &'static str {
        KIND
    }

    /// Whether a node may be stored. It is asked before the signature is checked. [`Named`] reads what the
    /// node names.
    ///
    /// A node may come without its value, from a peer that deleted it. A policy that needs the value of a node
    /// refuses it every time then. Only values of data can be deleted by [`Hyperlog::del`](crate::Hyperlog::del).
    ///
    /// # Errors
    ///
    /// [`AdmitError::Refused`] with the reason, or what the store says.
    fn admit(&self, node: &Asking<'_>, known: &Known<'_>) -> Result<(), AdmitError>;

    /// Adds rows to the commit that stores `nodes`, and says whose standing changes by it. A *void* node
    /// does not count: it is no head, and supersedes none. The log keeps the verdicts.
    ///
    /// Nodes that are void from the start cost next to nothing. When the standing of older nodes changes, the
    /// heads are built anew, O(nodes), and [`Hyperlog::epoch`](crate::Hyperlog::epoch) goes up.
    ///
    /// # Errors
    ///
    /// What the store says.
    fn store(&self, nodes: &[Node], rows: &mut Rows<'_>) -> Result<Effects, Error>;

    /// The grant that local data acts under. Asked once for each commit.
    ///
    /// # Errors
    ///
    /// [`AdmitError::Refused`] when the writer may not write.
    fn cap(&self, writer: WriterId, rows: &StoredRows) -> Result<Option<NodeId>, AdmitError>;
}

/// A node that a policy makes: of any kind, under a grant of its choice.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Act {
    /// What it is for.
    pub kind: Kind,
    /// The grant that it acts under.
    pub cap: Option<NodeId>,
    /// What it links to. As many heads are added as there is room for.
    pub links: Vec<NodeId>,
    /// Its value.
    pub value: Bytes,
}

/// A node that asks to be stored.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct Asking<'a> {
    /// Its id.
    pub id: NodeId,
    /// Who wrote it.
    pub writer: WriterId,
    /// The writer's previous node; stored, or earlier in the same group.
    pub prev: Option<NodeId>,
    /// What it is for.
    pub kind: Kind,
    /// The grant that it acts under; stored, or earlier in the same group.
    pub cap: Option<NodeId>,
    /// What it links to; all stored, or earlier in the same group.
    pub links: &'a [NodeId],
    /// Its value, unless it comes without.
    pub value: Option<&'a Bytes>,
}

/// What a node says that another one names: a policy decides by it.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Named {
    /// Who wrote it.
    pub writer: WriterId,
    /// The writer's previous node.
    pub prev: Option<NodeId>,
    /// What it is for.
    pub kind: Kind,
    /// The grant that it acts under.
    pub cap: Option<NodeId>,
    /// What it links to.
    pub links: Vec<NodeId>,
    /// Its value, where that is here.
    pub value: Option<Bytes>,
}

impl Named {
    /// The node with this id, stored or earlier in the same group. Two point reads at most.
    ///
    /// # Errors
    ///
    /// What the store says.
    pub fn find(id: &NodeId, known: &Known<'_>) -> Result<Option<Self>, Error> {
        let Some((header, value)) = known.get(id)? else { return Ok(None) };
        let ext = Ext::decode(&header.ext)
            .map_err(|source| Error::Damaged { row: format!("node {id}"), source: Some(source) })?;
        let Ext { kind, cap, links } = ext;
        Ok(Some(Self { writer: header.writer, prev: header.prev, kind, cap, links, value }))
    }
}

/// Whose standing a commit changes; nodes of the commit itself may be among them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Effects {
    /// Nodes that count no more; and nodes of the commit itself that never do.
    pub voided: Vec<Change>,
    /// Nodes that count again.
    pub restored: Vec<Change>,
}
