//! An entry seen as part of the graph.

use bytes::Bytes;
use scuttleup::{Change, Entry, Malformed, Seq, Value, WriterId};

use crate::encoding::Encoding;
use crate::error::Error;
use crate::ext::{Ext, Kind};

/// The id of a node: the id of its entry.
pub use scuttleup::EntryId as NodeId;

/// What became of a node's value.
#[derive(Clone, PartialEq, Eq)]
pub enum Content<T> {
    /// It is here.
    Here(T),
    /// It was deleted on this replica, and stays so.
    Deleted,
    /// It is not here yet; it is filled in when some peer has it.
    Pending,
    /// It is not kept, since the node does not count; it is asked for again should the node count after all.
    Unwanted,
    /// It belongs to the policy: the node is of a kind other than data. Whoever reads the log with types of the
    /// application meets such nodes as well.
    Policy,
}

impl<T> std::fmt::Debug for Content<T> {
    /// Shows whether there is a value, never the value: it can be private.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Here(_) => "Here(..)",
            Self::Deleted => "Deleted",
            Self::Pending => "Pending",
            Self::Unwanted => "Unwanted",
            Self::Policy => "Policy",
        })
    }
}

impl<T> Content<T> {
    /// The value, where it is here.
    pub const fn as_ref(&self) -> Option<&T> {
        match self {
            Self::Here(value) => Some(value),
            Self::Deleted | Self::Pending | Self::Unwanted | Self::Policy => None,
        }
    }

    /// The value, where it is here.
    pub fn into_option(self) -> Option<T> {
        match self {
            Self::Here(value) => Some(value),
            Self::Deleted | Self::Pending | Self::Unwanted | Self::Policy => None,
        }
    }
}

/// A node of the graph. Without a type it carries bytes. `Debug` leaves its value out.
#[derive(Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Node<T = Bytes> {
    /// Its number in the local order of this replica.
    pub change: Change,
    /// Its id: the hash of all that follows, the local number and the policy's verdict aside.
    pub id: NodeId,
    /// Who wrote it.
    pub writer: WriterId,
    /// Its number in the writer's log.
    pub seq: Seq,
    /// The writer's previous node; none for its first.
    pub prev: Option<NodeId>,
    /// What it links to: a set, ascending.
    pub links: Vec<NodeId>,
    /// What it is for.
    pub kind: Kind,
    /// The grant that it acts under; none in a log without a policy of writers.
    pub cap: Option<NodeId>,
    /// Its value, or what became of it.
    pub value: Content<T>,
}

impl<T> std::fmt::Debug for Node<T> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { change, id, writer, seq, prev, links, kind, cap, value } = self;
        f.debug_struct("Node")
            .field("change", &change.0)
            .field("id", id)
            .field("writer", writer)
            .field("seq", &seq.0)
            .field("prev", prev)
            .field("links", links)
            .field("kind", kind)
            .field("cap", cap)
            .field("value", value)
            .finish()
    }
}

impl Node {
    /// Reads an entry of a hyperlog.
    pub(crate) fn from_entry(entry: &Entry) -> Result<Self, Malformed> {
        let Ext { kind, cap, links } = Ext::decode(&entry.header().ext)?;
        let value = match entry.value() {
            Value::Here(bytes) => Content::Here(bytes.clone()),
            Value::Deleted => Content::Deleted,
            Value::Pending => Content::Pending,
            Value::Unwanted => Content::Unwanted,
        };
        Ok(Self {
            change: entry.change(),
            id: entry.id(),
            writer: entry.writer(),
            seq: entry.seq(),
            prev: entry.header().prev,
            links,
            kind,
            cap,
            value,
        })
    }

    /// Decodes the value, where it is data. O(bytes of the value).
    ///
    /// # Errors
    ///
    /// [`Error::Value`] when somebody wrote something else.
    pub fn decode<E: Encoding>(self) -> Result<Node<E::Value>, Error> {
        let Self { change, id, writer, seq, prev, links, kind, cap, value } = self;
        let value = match value {
            _ if kind != Kind::Data => Content::Policy,
            Content::Here(bytes) => {
                Content::Here(E::decode(&bytes).map_err(|source| Error::Value { id, change, source })?)
            }
            Content::Deleted => Content::Deleted,
            Content::Pending => Content::Pending,
            Content::Unwanted => Content::Unwanted,
            Content::Policy => Content::Policy,
        };
        Ok(Node { change, id, writer, seq, prev, links, kind, cap, value })
    }
}

impl<T> Node<T> {
    /// The value, where it is here.
    pub const fn value(&self) -> Option<&T> {
        self.value.as_ref()
    }
}
