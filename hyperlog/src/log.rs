//! The graph: opening it, reading it, and looking after it.

use std::collections::BTreeSet;
use std::io;
use std::marker::PhantomData;
use std::sync::Arc;

use level::Level;
use scuttleup::{
    Change, Checked, Durability, Events, Evidence, ExportError, Exported, Fork, Identity, ImportError,
    Imported, Lineage, OpenError, Opened, Read, Seq, StoredRows, Tip, Topic, Waiter, WriterId,
};

use crate::changes::Changes;
use crate::encoding::{Binary, Encoding};
use crate::error::Error;
use crate::events::Event;
use crate::ext::Kind;
use crate::fingerprint::Fingerprint;
use crate::graph::{self, Graph, to_node};
use crate::heads;
use crate::node::{Node, NodeId};
use crate::options::Options;

/// An append-only graph of signed nodes, each of which links to what its writer had seen.
///
/// Cheap to clone; all clones are one log. Dropping the last one makes everything durable.
pub struct Hyperlog<E = Binary> {
    pub(crate) log: scuttleup::Log,
    pub(crate) graph: Arc<Graph>,
    pub(crate) durability: Option<Durability>,
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
}
