//! The graph: adding nodes, and reading them.

use std::collections::BTreeSet;
use std::io;
use std::marker::PhantomData;
use std::sync::Arc;

use bytes::Bytes;
use level::Level;
use scuttleup::{
    Appended, Change, Checked, Durability, Events, Evidence, ExportError, Exported, Fork, Identity,
    ImportError, Imported, Lineage, OpenError, Opened, Read, Seq, StoredRows, Tip, Topic, Transaction,
    Waiter, WriterId,
};

use crate::changes::Changes;
use crate::encoding::{Binary, Encoding};
use crate::error::Error;
use crate::events::Event;
use crate::ext::{Ext, Kind, LINKS_MAX};
use crate::fingerprint::Fingerprint;
use crate::graph::{self, Graph, to_node};
use crate::heads;
use crate::node::{Content, Node, NodeId};
use crate::options::Options;
use crate::policy::{Act, Acting};

/// An append-only graph of signed nodes, each of which links to what its writer had seen.
///
/// Cheap to clone; all clones are one log. Dropping the last one makes everything durable.
pub struct Hyperlog<E = Binary> {
    log: scuttleup::Log,
    graph: Arc<Graph>,
    durability: Option<Durability>,
    encoding: PhantomData<fn() -> E>,
}

impl<E> Clone for Hyperlog<E> {
    fn clone(&self) -> Self {
        self.share()
    }
}

impl<E> std::fmt::Debug for Hyperlog<E> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Hyperlog").field(&self.log).finish()
    }
}

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

impl<E> Hyperlog<E> {
    pub(crate) fn new(log: scuttleup::Log, graph: Arc<Graph>) -> Self {
        Self { log, graph, durability: None, encoding: PhantomData }
    }

    /// The log below, where nodes are entries.
    pub(crate) fn entries(&self) -> &scuttleup::Log {
        &self.log
    }

    fn share<F>(&self) -> Hyperlog<F> {
        let Self { log, graph, durability, .. } = self;
        Hyperlog {
            log: log.clone(),
            graph: Arc::clone(graph),
            durability: *durability,
            encoding: PhantomData,
        }
    }

    /// The same log, read and written through another encoding.
    #[must_use]
    pub fn with_encoding<F: Encoding>(&self) -> Hyperlog<F> {
        self.share()
    }

    /// The same log, with another durability for what is added through this handle.
    #[must_use]
    pub fn with_durability(&self, durability: Durability) -> Self {
        Self { durability: Some(durability), ..self.share() }
    }

    /// The writer that adds here.
    #[must_use]
    pub fn writer(&self) -> WriterId {
        self.log.writer()
    }

    /// What the graph is about.
    #[must_use]
    pub fn topic(&self) -> Topic {
        self.log.topic()
    }

    /// What adding through this handle waits for.
    #[must_use]
    pub fn durability(&self) -> Durability {
        self.durability.unwrap_or(self.log.durability())
    }

    /// What opening found.
    #[must_use]
    pub fn opened(&self) -> Opened {
        self.log.opened()
    }

    /// The last node of the local order, which is also how many nodes there are; 0 when there is none.
    #[must_use]
    pub fn last(&self) -> Change {
        self.log.last()
    }

    /// The last node that live readers and peers may see.
    #[must_use]
    pub fn visible(&self) -> Change {
        self.log.visible()
    }

    /// The ends of all writers' logs, ascending. O(branches).
    #[must_use]
    pub fn tips(&self) -> Vec<Tip> {
        self.log.tips()
    }

    /// How many writers have nodes here.
    #[must_use]
    pub fn writers(&self) -> usize {
        self.log.writers()
    }

    /// The nodes that no other node links to, ascending by id: the same on every replica with the same
    /// nodes. O(heads).
    ///
    /// # Errors
    ///
    /// What the store says.
    pub fn heads(&self) -> Result<Vec<NodeId>, Error> {
        let mut heads = heads::read(&self.log.rows()?, usize::MAX)?;
        heads.sort_unstable();
        Ok(heads)
    }

    /// Whether there is such a node. One point read.
    ///
    /// # Errors
    ///
    /// What the store says.
    pub fn contains(&self, id: &NodeId) -> Result<bool, Error> {
        Ok(self.log.contains(id)?)
    }

    /// Whether a node does not count, by the verdict of the policy. Three point reads.
    ///
    /// # Errors
    ///
    /// [`Error::NotFound`], or what the store says.
    pub fn is_void(&self, id: &NodeId) -> Result<bool, Error> {
        let entry = self.log.get(id)?.ok_or(Error::NotFound { id: *id })?;
        Ok(Graph::is_void(entry.change(), &self.log.rows()?)?)
    }

    /// The nodes from `first` to `last`, both included, that do not count. One short range read: mostly there is
    /// none.
    ///
    /// # Errors
    ///
    /// What the store says.
    pub fn void_between(&self, first: Change, last: Change) -> Result<BTreeSet<Change>, Error> {
        Ok(Graph::void_between(first, last, &self.log.rows()?)?)
    }

    /// How many commits have changed what nodes that were already stored amount to: whether they count, by the
    /// verdict of the policy, or whether their value is here. A view that was made in another epoch is out of date.
    /// Kept over restarts; local, since it depends on the order of arrival. O(1), from memory.
    ///
    /// Read it before the nodes: what changes while you read is then noticed afterwards.
    #[must_use]
    pub fn epoch(&self) -> u64 {
        self.graph.epoch()
    }

    /// The fingerprint of no nodes at all, which says the epoch alone. From memory.
    #[must_use]
    pub fn fingerprint_of_nothing(&self) -> Fingerprint {
        Fingerprint::new(self.graph.epoch_now(), Lineage::default())
    }

    /// What tells the log up to a node from any other, and from itself in another epoch: for a view to keep beside its
    /// rows. None when there is no such node. One point read.
    ///
    /// # Errors
    ///
    /// What the store says.
    pub fn fingerprint(&self, change: Change) -> Result<Option<Fingerprint>, Error> {
        // Read first: what changes meanwhile is noticed by the epoch.
        let epoch = self.graph.epoch_now();
        let entry = self.log.at(change)?;
        Ok(entry.map(|entry| Fingerprint::new(epoch, entry.lineage())))
    }

    /// Whether `id` is `tip`, or stands before it in its writer's log. See [`scuttleup::Log::reaches`].
    ///
    /// # Errors
    ///
    /// What the store says.
    pub fn reaches(&self, tip: &NodeId, id: &NodeId) -> Result<bool, Error> {
        Ok(self.log.reaches(tip, id)?)
    }

    /// How many branches a writer has here: 0 when there is nothing of it, more than 1 when it forked.
    #[must_use]
    pub fn branches_of(&self, writer: &WriterId) -> usize {
        self.log.branches_of(writer)
    }

    /// Drops the value of a node, and keeps that it was there: ids, links and signatures stay whole, and
    /// the value does not come back in a sync.
    ///
    /// # Errors
    ///
    /// [`Error::NotFound`]; [`Error::NotData`], since a policy needs its nodes whole; or what the store says.
    pub fn del(&self, id: &NodeId) -> Result<(), Error> {
        let entry = self.log.get(id)?.ok_or(Error::NotFound { id: *id })?;
        if to_node(&entry)?.kind != Kind::Data {
            return Err(Error::NotData { id: *id });
        }
        if self.log.del_by_id(id)? { Ok(()) } else { Err(Error::NotFound { id: *id }) }
    }

    /// The rows of the policy, as of one moment.
    ///
    /// # Errors
    ///
    /// What the store says.
    pub fn policy_rows(&self) -> Result<StoredRows, Error> {
        Ok(graph::policy_rows(&self.log.rows()?))
    }

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

    /// The nodes whose value is not here yet, in local order, lazily.
    pub fn pending(&self) -> impl Iterator<Item = Result<NodeId, Error>> + '_ {
        self.log.pending().map(|entry| Ok(entry?.id()))
    }

    /// All forks of writers, ascending.
    ///
    /// # Errors
    ///
    /// What the store says.
    pub fn forks(&self) -> Result<Vec<Fork>, Error> {
        Ok(self.log.forks()?)
    }

    /// What proves a fork to somebody who has nothing but the writer's key.
    ///
    /// # Errors
    ///
    /// What the store says.
    pub fn evidence(&self, fork: &Fork) -> Result<Evidence, Error> {
        Ok(self.log.evidence(fork)?)
    }

    /// Whether adding has to wait until an entry is fetched; see [`scuttleup::Error::NeedsCatchUp`].
    ///
    /// # Errors
    ///
    /// That error.
    pub fn check_caught_up(&self) -> Result<(), Error> {
        Ok(self.log.check_caught_up()?)
    }

    /// Makes everything durable that was stored so far.
    ///
    /// # Errors
    ///
    /// What the store says.
    pub fn flush(&self) -> Result<(), Error> {
        Ok(self.log.flush()?)
    }

    /// A node of any kind by its id, its value as bytes. Two point reads.
    ///
    /// # Errors
    ///
    /// [`Error::NotFound`], or what the store says.
    pub fn raw(&self, id: &NodeId) -> Result<Node, Error> {
        let entry = self.log.get(id)?.ok_or(Error::NotFound { id: *id })?;
        Ok(to_node(&entry)?)
    }

    /// As [`raw`](Self::raw), by its place in the local order; none when there is no such place. One point read.
    ///
    /// # Errors
    ///
    /// What the store says.
    pub fn raw_at(&self, change: Change) -> Result<Option<Node>, Error> {
        let entry = self.log.at(change)?;
        Ok(entry.map(|entry| to_node(&entry)).transpose()?)
    }

    /// Wakes when something changes from now on.
    #[must_use]
    pub fn waiter(&self) -> Waiter {
        self.log.waiter()
    }

    /// News from now on.
    #[must_use]
    pub fn subscribe(&self) -> Events<Event> {
        self.graph.events.subscribe()
    }

    /// Writes the whole log as a stream of bytes; see [`scuttleup::Log::export`].
    ///
    /// # Errors
    ///
    /// [`ExportError`].
    pub fn export(&self, out: impl io::Write) -> Result<Exported, ExportError> {
        self.log.export(out)
    }

    /// As [`export`](Self::export); `progress` is told the nodes done and in all.
    ///
    /// # Errors
    ///
    /// [`ExportError`].
    pub fn export_with(
        &self,
        out: impl io::Write,
        progress: impl FnMut(u64, u64),
    ) -> Result<Exported, ExportError> {
        self.log.export_with(out, progress)
    }

    /// Reads any concatenation of exports; see [`scuttleup::Log::import`].
    ///
    /// # Errors
    ///
    /// [`ImportError`].
    pub fn import(&self, input: impl io::Read) -> Result<Imported, ImportError> {
        self.log.import(input)
    }

    /// As [`import`](Self::import); `progress` is told what was imported so far.
    ///
    /// # Errors
    ///
    /// [`ImportError`].
    pub fn import_with(
        &self,
        input: impl io::Read,
        progress: impl FnMut(&Imported),
    ) -> Result<Imported, ImportError> {
        self.log.import_with(input, progress)
    }

    /// Checks everything: hashes, signatures, chains, groups, indexes, links and heads. Reads the whole log;
    /// adding waits.
    ///
    /// # Errors
    ///
    /// When the store cannot be read at all. What is merely wrong is in [`Checked::problems`].
    pub fn fsck(&self) -> Result<Checked, Error> {
        self.fsck_with(|_, _| {})
    }

    /// As [`fsck`](Self::fsck); `progress` is told the nodes done and in all.
    ///
    /// # Errors
    ///
    /// As [`fsck`](Self::fsck).
    pub fn fsck_with(&self, mut progress: impl FnMut(u64, u64)) -> Result<Checked, Error> {
        crate::fsck::run(&self.log, &mut progress)
    }
}

impl Hyperlog {
    /// Everything that can be chosen.
    pub fn options() -> Options {
        Options::default()
    }
}

impl<E: Encoding> Hyperlog<E> {
    /// Opens an open log.
    ///
    /// # Errors
    ///
    /// As [`Options::open`].
    pub fn open(level: impl Level + 'static, identity: Identity) -> Result<Self, OpenError> {
        Options::default().open(Arc::new(level), identity)
    }

    /// Opens an open log in a folder, which stays locked while the log is open.
    ///
    /// # Errors
    ///
    /// As [`Options::open`].
    #[cfg(feature = "disk")]
    pub fn open_in(folder: &scuttleup::disk::Folder) -> Result<Self, OpenError> {
        Options::from(folder.options()).open(folder.level(), folder.identity())
    }

    /// A node by its id. Two point reads.
    ///
    /// # Errors
    ///
    /// [`Error::NotFound`]; [`Error::Value`] when its value is something else.
    pub fn get(&self, id: &NodeId) -> Result<Node<E::Value>, Error> {
        let entry = self.log.get(id)?.ok_or(Error::NotFound { id: *id })?;
        to_node(&entry)?.decode::<E>()
    }

    /// A node by its place in the local order. One point read.
    ///
    /// # Errors
    ///
    /// [`Error::Value`] when its value is something else, or what the store says.
    pub fn at(&self, change: Change) -> Result<Option<Node<E::Value>>, Error> {
        let entry = self.log.at(change)?;
        entry.map(|entry| to_node(&entry)?.decode::<E>()).transpose()
    }

    /// The nodes that a writer put under a number: more than one where it forked. Ascending by place.
    ///
    /// # Errors
    ///
    /// As [`at`](Self::at).
    pub fn nodes_at(&self, writer: &WriterId, seq: Seq) -> Result<Vec<Node<E::Value>>, Error> {
        let entries = self.log.entries(writer, seq)?;
        entries.iter().map(|entry| to_node(entry)?.decode::<E>()).collect()
    }

    /// Reads nodes in local order.
    #[must_use]
    pub fn changes(&self, what: Read) -> Changes<E> {
        Changes::new(self.log.read(what))
    }

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
