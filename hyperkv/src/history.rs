//! What was ever written: of one key, newest first; of all, in local order.

use std::collections::BTreeMap;

use bytes::Bytes;
use hyperlog::{Change, Changes, Encoding, Node, NodeId, Read, Seq, Stop, WriterId};

use crate::error::Error;
use crate::kv::{HyperKv, page_in};
use crate::op::Op;
use crate::values::{VALUES_MAX, What};

/// A write that was made.
#[derive(Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Written<V> {
    /// Its place in the local order of this replica.
    pub change: Change,
    /// The node that says so.
    pub id: NodeId,
    /// Who wrote it.
    pub writer: WriterId,
    /// Its number in the writer's log.
    pub seq: Seq,
    /// What it has seen.
    pub links: Vec<NodeId>,
    /// Of which key.
    pub key: Bytes,
    /// What the application said of the write; empty where it said nothing.
    pub fields: Bytes,
    /// What it says.
    pub what: What<V>,
}

impl<V> std::fmt::Debug for Written<V> {
    /// Leaves the key out: it can be private.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { change, id, writer, seq, what, .. } = self;
        f.debug_struct("Written")
            .field("change", &change.0)
            .field("id", id)
            .field("writer", writer)
            .field("seq", &seq.0)
            .field("what", what)
            .finish_non_exhaustive()
    }
}

impl<V> Written<V> {
    /// What a node of the log below says of the map, for views of one's own over that log. None when it is no write: the log
    /// may hold other things too.
    #[must_use]
    pub fn read<E: Encoding<Value = V>>(node: &Node) -> Option<Self> {
        let Op { key, body } = node.value().and_then(Op::decode)?;
        let what = What::decode::<E>(body.value.as_ref());
        let Node { change, id, writer, seq, links, .. } = node.clone();
        Some(Self { change, id, writer, seq, links, key, fields: body.fields, what })
    }
}

impl<E: Encoding> HyperKv<E> {
    /// All writes of a key, deletes among them, each before those that it has seen: newest first in the local order.
    /// Empty for a key that was never written. Lazily; some point reads and a short range for each write.
    ///
    /// # Errors
    ///
    /// What the log or the store says; also as an item.
    pub fn history(&self, key: impl AsRef<[u8]>) -> Result<History<E>, Error> {
        let key = Bytes::copy_from_slice(key.as_ref());
        let due = self.newest(&key)?;
        Ok(History { kv: self.clone(), key, due })
    }

    /// All writes, in local order, in which those that a write has seen come before it. Live too, as [`Read`] says.
    /// Writes that do not count are left out. A limit is one of nodes, whatever they are.
    pub fn writes(&self, what: Read) -> Writes<E> {
        Writes { kv: self.clone(), changes: self.inner.log.changes(what) }
    }

    /// The nodes of all current values, by their place.
    pub(crate) fn newest(&self, key: &[u8]) -> Result<BTreeMap<Change, NodeId>, Error> {
        let rows = self.snapshot()?;
        let (mut newest, mut after) = (BTreeMap::new(), None);
        loop {
            let (page, _) = page_in(&rows, key, after, VALUES_MAX)?;
            let Some((last, _)) = page.last() else { return Ok(newest) };
            after = Some(*last);
            for (id, _) in page {
                newest.insert(self.inner.log.get(&id)?.change, id);
            }
        }
    }

    /// What a node links to, of the same key and as far as it counts, by place.
    pub(crate) fn before(&self, key: &[u8], node: &Node) -> Result<Vec<(Change, NodeId)>, Error> {
        let mut before = Vec::new();
        for link in &node.links {
            let node = self.inner.log.get(link)?;
            let is_of_key = node.value().and_then(Op::decode).is_some_and(|op| op.key == key);
            if is_of_key && self.counts(node.change)? {
                before.push((node.change, node.id));
            }
        }
        Ok(before)
    }

    pub(crate) fn counts(&self, change: Change) -> Result<bool, Error> {
        Ok(self.inner.log.void_between(change, change)?.is_empty())
    }
}

/// All writes of a key, newest first. See [`HyperKv::history`].
pub struct History<E: Encoding> {
    kv: HyperKv<E>,
    key: Bytes,
    /// What was found and not given out yet. What a node has seen stands before it in local order, so the last of these
    /// comes next. Ids alone: values can be large.
    due: BTreeMap<Change, NodeId>,
}

impl<E: Encoding> std::fmt::Debug for History<E> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("History").field("due", &self.due.len()).finish_non_exhaustive()
    }
}

impl<E: Encoding> History<E> {
    /// None for a node whose value was deleted since it was found.
    fn look_at(&mut self, id: &NodeId) -> Result<Option<Written<E::Value>>, Error> {
        let node = self.kv.inner.log.get(id)?;
        self.due.extend(self.kv.before(&self.key, &node)?);
        Ok(Written::read::<E>(&node))
    }
}

impl<E: Encoding> Iterator for History<E> {
    type Item = Result<Written<E::Value>, Error>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            let (_, id) = self.due.pop_last()?;
            match self.look_at(&id) {
                Ok(None) => {}
                Ok(Some(written)) => return Some(Ok(written)),
                Err(error) => {
                    self.due.clear();
                    return Some(Err(error));
                }
            }
        }
    }
}

/// All writes, in local order. See [`HyperKv::writes`]. As an iterator it blocks while it is live and nothing is new;
/// [`recv`](Self::recv) waits without blocking the thread.
pub struct Writes<E> {
    kv: HyperKv<E>,
    changes: Changes<hyperlog::Binary>,
}

impl<E> std::fmt::Debug for Writes<E> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Writes").field(&self.changes).finish()
    }
}

impl<E: Encoding> Writes<E> {
    /// Something that ends this from another thread or task.
    #[must_use]
    pub fn stop_handle(&self) -> Stop {
        self.changes.stop_handle()
    }

    /// The next write, if there is one now. Never waits, live or not.
    pub fn try_next(&mut self) -> Option<Result<Written<E::Value>, Error>> {
        loop {
            let node = self.changes.try_next()?;
            if let Some(written) = self.look_at(node) {
                return Some(written);
            }
        }
    }

    /// Waits for the next write. None at the end, which a live reader without a limit never reaches.
    pub async fn recv(&mut self) -> Option<Result<Written<E::Value>, Error>> {
        loop {
            let node = self.changes.recv().await?;
            if let Some(written) = self.look_at(node) {
                return Some(written);
            }
        }
    }

    fn look_at(&self, node: Result<Node, hyperlog::Error>) -> Option<Result<Written<E::Value>, Error>> {
        let written = match node {
            Ok(node) => Written::read::<E>(&node)?,
            Err(error) => return Some(Err(error.into())),
        };
        match self.kv.counts(written.change) {
            Ok(true) => Some(Ok(written)),
            Ok(false) => None,
            Err(error) => Some(Err(error)),
        }
    }
}

#[cfg(not(target_family = "wasm"))]
impl<E: Encoding> Iterator for Writes<E> {
    type Item = Result<Written<E::Value>, Error>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            let node = self.changes.next()?;
            if let Some(written) = self.look_at(node) {
                return Some(written);
            }
        }
    }
}
