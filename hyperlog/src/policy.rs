//! The seam for a policy: which nodes may be stored, and which of those count.

use bytes::Bytes;
use scuttleup::{AdmitError, Change, Error, Known, Rows, StoredRows, Transaction, WriterId};

use crate::ext::{Ext, Kind};
use crate::graph::to_node;
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

    /// The grant that local data acts under. Asked once for each commit. `before` is the one that the writer's last
    /// node acts under.
    ///
    /// # Errors
    ///
    /// [`AdmitError::Refused`] when the writer may not write.
    fn cap(
        &self,
        writer: WriterId,
        before: Option<NodeId>,
        rows: &StoredRows,
    ) -> Result<Option<NodeId>, AdmitError>;
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

/// What a policy sees while it decides on an [`Act`] and nobody else writes: what is stored.
#[derive(Debug)]
pub struct Acting<'a, 't> {
    pub(crate) transaction: &'a Transaction<'t>,
    pub(crate) rows: StoredRows,
}

impl Acting<'_, '_> {
    /// The rows of the policy.
    #[must_use]
    pub const fn rows(&self) -> &StoredRows {
        &self.rows
    }

    /// The grant that the local writer's last node acts under.
    ///
    /// # Errors
    ///
    /// What the store says.
    pub fn cap_before(&self) -> Result<Option<NodeId>, Error> {
        cap_before(self.transaction)
    }

    /// A node of any kind by its place in the local order.
    ///
    /// # Errors
    ///
    /// What the store says.
    pub fn raw_at(&self, change: Change) -> Result<Option<Node>, Error> {
        self.transaction.at(change)?.map(|entry| to_node(&entry)).transpose()
    }

    /// As [`Hyperlog::reaches`](crate::Hyperlog::reaches).
    ///
    /// # Errors
    ///
    /// What the store says.
    pub fn reaches(&self, tip: &NodeId, id: &NodeId) -> Result<bool, Error> {
        self.transaction.reaches(tip, id)
    }
}

/// The grant that the local writer's last node acts under.
pub(crate) fn cap_before(transaction: &Transaction<'_>) -> Result<Option<NodeId>, Error> {
    let Some(header) = transaction.last()? else { return Ok(None) };
    let ext = Ext::decode(&header.ext).map_err(|source| Error::Damaged {
        row: format!("entry {} of the own log", header.seq),
        source: Some(source),
    })?;
    Ok(ext.cap)
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
