//! Adding nodes: those of the application, and those of a policy.

use bytes::Bytes;
use scuttleup::{Appended, Durability, Transaction};

use crate::encoding::Encoding;
use crate::error::Error;
use crate::events::Event;
use crate::ext::{Ext, Kind, LINKS_MAX};
use crate::graph;
use crate::heads;
use crate::log::Hyperlog;
use crate::node::{Content, Node, NodeId};
use crate::policy::{Act, Acting};

/// A document for [`Hyperlog::batch`].
#[derive(Clone, PartialEq, Eq)]
pub struct Doc<T> {
    /// What it links to.
    pub links: Vec<Link>,
    /// Its value.
    pub value: T,
}

impl<T> std::fmt::Debug for Doc<T> {
    /// Shows the links, never the value: it can be private.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Doc").field("links", &self.links).finish_non_exhaustive()
    }
}

/// What a document of a batch links to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Link {
    /// A node of the log.
    Node(NodeId),
    /// An earlier document of the same batch, by its place from 0.
    Doc(usize),
}

impl From<NodeId> for Link {
    fn from(id: NodeId) -> Self {
        Self::Node(id)
    }
}

impl<E: Encoding> Hyperlog<E> {
    /// Adds a node that links to nodes of the log. Links are a set: order and repetition say nothing.
    ///
    /// # Errors
    ///
    /// [`Error::UnknownLink`], [`Error::TooManyLinks`], [`Error::Encoding`], what the policy says, or what
    /// the log says. Then nothing is stored.
    pub fn add(&self, links: &[NodeId], value: impl Into<E::Value>) -> Result<Node<E::Value>, Error> {
        let links = links.iter().copied().map(Link::Node).collect();
        let mut nodes = self.batch([Doc { links, value: value.into() }])?;
        Ok(nodes.pop().expect("a batch returns a node for each document"))
    }

    /// Adds a node that links to all heads, as of one moment: nobody else writes in between. Of more than
    /// 256 heads it links the earliest 256; the others stay heads.
    ///
    /// # Errors
    ///
    /// As [`add`](Self::add).
    pub fn append(&self, value: impl Into<E::Value>) -> Result<Node<E::Value>, Error> {
        let value = value.into();
        let bytes = E::encode(&value)?;
        let told = self.tell_before(|| vec![(Vec::new(), bytes.clone())]);
        let added = self.transaction(|transaction| {
            let cap = self.graph.cap(self.writer(), transaction)?;
            let links = heads::to_link(transaction)?;
            let (appended, ext) = add_one(transaction, Kind::Data, cap, links, bytes)?;
            Ok(node(appended, ext, Content::Here(value)))
        });
        self.tell_after(told, added)
    }

    /// Adds documents as one commit: all of them or none. A document may link to earlier ones of the batch.
    ///
    /// # Errors
    ///
    /// As [`add`](Self::add), and [`Error::UnknownDocument`].
    pub fn batch(&self, docs: impl IntoIterator<Item = Doc<E::Value>>) -> Result<Vec<Node<E::Value>>, Error> {
        let docs: Vec<Doc<E::Value>> = docs.into_iter().collect();
        let encoded = docs.iter().map(|doc| E::encode(&doc.value)).collect::<Result<Vec<_>, _>>()?;
        let told = self
            .tell_before(|| docs.iter().map(|doc| given(&doc.links)).zip(encoded.iter().cloned()).collect());
        let added = self.transaction(|transaction| {
            let cap = self.graph.cap(self.writer(), transaction)?;
            let mut nodes: Vec<Node<E::Value>> = Vec::with_capacity(docs.len());
            for (doc, bytes) in docs.into_iter().zip(encoded) {
                let links = resolve(&doc.links, &nodes)?;
                let (appended, ext) = add_one(transaction, Kind::Data, cap, links, bytes)?;
                nodes.push(node(appended, ext, Content::Here(doc.value)));
            }
            Ok(nodes)
        });
        self.tell_after(told, added)
    }

    /// Tells subscribers of local nodes that are about to be added. Without subscribers nothing is made.
    fn tell_before(&self, docs: impl FnOnce() -> Vec<(Vec<NodeId>, Bytes)>) -> Vec<Bytes> {
        let events = &self.graph.events;
        if !events.is_heard() {
            return Vec::new();
        }
        let tell = |(links, value): (Vec<NodeId>, Bytes)| {
            events.send(Event::PreAdd { links, value: value.clone() });
            value
        };
        docs().into_iter().map(tell).collect()
    }

    /// Tells those who were told before what was not added after all.
    fn tell_after<R>(&self, told: Vec<Bytes>, added: Result<R, Error>) -> Result<R, Error> {
        added.inspect_err(|error| {
            for value in told {
                self.graph.events.send(Event::Reject { value, reason: error.to_string() });
            }
        })
    }
}

impl<E> Hyperlog<E> {
    /// Adds a node of the policy's. `decide` sees what is stored while nobody else writes; a call to the log itself
    /// from in there may wait for ever. The node links to what it says, and to heads.
    ///
    /// # Errors
    ///
    /// What `decide` says, [`Error::TooManyLinks`] by what it says alone, what the policy says of the node, or
    /// what the log says. Then nothing is stored.
    pub fn act<F: From<Error>>(
        &self,
        decide: impl FnOnce(&Acting<'_, '_>) -> Result<Act, F>,
    ) -> Result<Node, F> {
        self.transaction(|transaction| {
            let rows = graph::policy_rows(&transaction.rows());
            let act = decide(&Acting { transaction, rows })?;
            let Act { kind, cap, mut links, value } = act;
            let room = LINKS_MAX.saturating_sub(links.len());
            let heads = heads::to_link(transaction).map_err(Error::from)?;
            links.extend(heads.into_iter().take(room));
            let (appended, ext) = add_one(transaction, kind, cap, links, value.clone())?;
            Ok(node(appended, ext, Content::Here(value)))
        })
    }

    /// Runs `build` as one commit. Under a policy it is applied before the next one begins, so that verdicts and
    /// heads are those of the moment: a policy judges what is stored, not what waits for the disk.
    fn transaction<R, F: From<Error>>(
        &self,
        build: impl FnOnce(&mut Transaction<'_>) -> Result<R, F>,
    ) -> Result<R, F> {
        let governed = self.graph.has_policy();
        let durability = if governed { Some(Durability::Buffered) } else { self.durability };
        let build = |transaction: &mut Transaction<'_>| build(transaction).map_err(Lifted);
        let result = self.log.transaction(durability, build).map_err(|Lifted(error)| error)?;
        if governed && self.durability() == Durability::Synced {
            self.log.flush().map_err(Error::from)?;
        }
        Ok(result)
    }
}

/// An error of this layer or above, of which the layer below need not know.
struct Lifted<F>(F);

impl<F: From<Error>> From<scuttleup::Error> for Lifted<F> {
    fn from(error: scuttleup::Error) -> Self {
        Self(Error::from(error).into())
    }
}

fn add_one(
    transaction: &mut Transaction<'_>,
    kind: Kind,
    cap: Option<NodeId>,
    mut links: Vec<NodeId>,
    value: Bytes,
) -> Result<(Appended, Ext), Error> {
    links.sort_unstable();
    links.dedup();
    if links.len() > LINKS_MAX {
        return Err(Error::TooManyLinks { count: links.len() });
    }
    let ext = Ext { kind, cap, links };
    let appended = transaction.append(ext.encode(), value)?;
    Ok((appended, ext))
}

fn given(links: &[Link]) -> Vec<NodeId> {
    links
        .iter()
        .filter_map(|link| match link {
            Link::Node(id) => Some(*id),
            Link::Doc(_) => None,
        })
        .collect()
}

fn resolve<T>(links: &[Link], earlier: &[Node<T>]) -> Result<Vec<NodeId>, Error> {
    let resolve = |link: &Link| match *link {
        Link::Node(id) => Ok(id),
        Link::Doc(place) => {
            let doc = earlier.get(place);
            doc.map(|node| node.id).ok_or(Error::UnknownDocument { document: earlier.len(), link: place })
        }
    };
    links.iter().map(resolve).collect()
}

fn node<T>(appended: Appended, ext: Ext, value: Content<T>) -> Node<T> {
    let Appended { writer, seq, prev, id, change } = appended;
    let Ext { kind, cap, links } = ext;
    Node { change, id, writer, seq, prev, links, kind, cap, value }
}
