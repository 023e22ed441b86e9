//! The map: putting, deleting, getting.

use std::collections::{BTreeMap, BTreeSet};
use std::marker::PhantomData;
use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use hyperlog::{Binary, Doc, Durability, Encoding, Hyperlog, Identity, Link, NodeId};
use hyperlog_index::{Index, Progress, Snapshot};
use level::{Level, Order};

use crate::error::Error;
use crate::op::{Body, Op, is_key};
use crate::register::{self, Held, Register};
use crate::values::{VALUES_BYTES_MAX, VALUES_MAX, Value, Values};
use crate::view::Registers;

/// A map from keys to the values that writers gave them: all of them, as long as nobody who has seen them writes again.
///
/// Keys are bytes, 1 to [`KEY_BYTES_MAX`](crate::KEY_BYTES_MAX) of them; values are what the encoding makes of them.
/// Cheap to clone; all clones are one map.
pub struct HyperKv<E = Binary> {
    pub(crate) inner: Arc<Inner>,
    encoding: PhantomData<fn() -> E>,
}

pub(crate) struct Inner {
    pub(crate) log: Hyperlog,
    pub(crate) index: Index<Registers>,
    /// Held from when the values are read that a write supersedes until the write is stored.
    writing: Mutex<()>,
}

impl<E> Clone for HyperKv<E> {
    fn clone(&self) -> Self {
        Self { inner: Arc::clone(&self.inner), encoding: PhantomData }
    }
}

impl<E> std::fmt::Debug for HyperKv<E> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("HyperKv").field(&self.inner.log).finish()
    }
}

/// What is to be written of one key.
#[derive(Clone, PartialEq, Eq)]
#[must_use]
pub struct Write<V> {
    key: Bytes,
    /// None deletes.
    value: Option<V>,
    /// None: all current values.
    links: Option<Vec<NodeId>>,
    fields: Bytes,
}

impl<V> std::fmt::Debug for Write<V> {
    /// Shows what it is, never the value or the key: they can be private.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let what = if self.value.is_some() { "put" } else { "del" };
        f.debug_struct("Write").field("what", &what).field("links", &self.links).finish_non_exhaustive()
    }
}

impl<V> Write<V> {
    /// Gives a key a value.
    pub fn put(key: impl AsRef<[u8]>, value: impl Into<V>) -> Self {
        Self::new(key.as_ref(), Some(value.into()))
    }

    /// Deletes a key, as far as this writer has seen: what others write meanwhile stays.
    pub fn del(key: impl AsRef<[u8]>) -> Self {
        Self::new(key.as_ref(), None)
    }

    fn new(key: &[u8], value: Option<V>) -> Self {
        Self { key: Bytes::copy_from_slice(key), value, links: None, fields: Bytes::new() }
    }

    /// Supersedes these writes, and no others; with none of them, the write stands beside all that there is. Default: all
    /// current values of the key, or as many as [`HyperKv::get`] shows.
    pub fn links(mut self, links: impl IntoIterator<Item = NodeId>) -> Self {
        self.links = Some(links.into_iter().collect());
        self
    }

    /// Says something of the write: bytes of the application's own, which go with the value, or with the delete.
    pub fn fields(mut self, fields: impl Into<Bytes>) -> Self {
        self.fields = fields.into();
        self
    }
}

impl<E> HyperKv<E> {
    /// The map over a log that was opened elsewhere, say with a policy; the view lies in `level`. The log may hold
    /// other things, too.
    ///
    /// One map for each level: clone it. Two would write over each other's view, and take each other for other writers.
    ///
    /// # Errors
    ///
    /// What the log or the store says.
    pub fn over<F>(log: &Hyperlog<F>, level: impl Level + 'static) -> Result<Self, Error> {
        let index = Index::open(log, level, Registers)?;
        let inner = Inner { log: log.with_encoding(), index, writing: Mutex::new(()) };
        Ok(Self { inner: Arc::new(inner), encoding: PhantomData })
    }

    /// Opens a map, its log and its view in one level. A level holds one map, opened once; clone the map to share it.
    ///
    /// # Errors
    ///
    /// [`Error::Open`], or what the store says.
    pub fn open(level: impl Level + 'static, identity: Identity) -> Result<Self, Error> {
        let level: Arc<dyn Level> = Arc::new(level);
        let log = Hyperlog::options().open::<Binary>(Arc::clone(&level), identity)?;
        HyperKv::over(&log, level)
    }

    /// Opens a map in a folder, which stays locked while the map is open.
    ///
    /// # Errors
    ///
    /// As [`open`](Self::open).
    #[cfg(feature = "disk")]
    pub fn open_in(folder: &hyperlog::disk::Folder) -> Result<Self, Error> {
        HyperKv::over(&Hyperlog::<Binary>::open_in(folder)?, folder.level())
    }

    /// The same map, read and written through another encoding.
    #[must_use]
    pub fn with_encoding<F: Encoding>(&self) -> HyperKv<F> {
        HyperKv { inner: Arc::clone(&self.inner), encoding: PhantomData }
    }

    /// The log below: to add what is no part of the map, to export, to look at heads and forks.
    #[must_use]
    pub fn log(&self) -> &Hyperlog {
        &self.inner.log
    }

    /// The view: to see how far it is, or to keep it warm.
    #[must_use]
    pub fn index(&self) -> &Index<Registers> {
        &self.inner.index
    }

    /// Throws the view away and builds it anew from the log. `progress` is told after each commit.
    ///
    /// # Errors
    ///
    /// What the log or the store says; the next read goes on.
    pub fn reindex(&self, progress: impl FnMut(Progress)) -> Result<(), Error> {
        self.inner.index.reset()?;
        Ok(self.inner.index.ready_with(progress)?)
    }

    /// The current values, up to [`VALUES_MAX`] of them; and how many there are.
    pub(crate) fn held(&self, key: &[u8]) -> Result<(Vec<Held>, u64), Error> {
        match self.inner.index.get(&register::register_key(key))? {
            None => Ok((Vec::new(), 0)),
            Some(row) => self.unfold(key, row),
        }
    }

    /// What the row of a key stands for.
    pub(crate) fn unfold(&self, key: &[u8], row: Bytes) -> Result<(Vec<Held>, u64), Error> {
        match Register::decode(row).ok_or(Error::Damaged)? {
            Register::Few(few) => {
                let count = few.len() as u64;
                Ok((few, count))
            }
            Register::Many { .. } => self.page_of(key, None, VALUES_MAX),
        }
    }

    /// At most `limit` current values behind one of them, and how many there are in all, as of one moment.
    pub(crate) fn page_of(
        &self,
        key: &[u8],
        after: Option<NodeId>,
        limit: usize,
    ) -> Result<(Vec<Held>, u64), Error> {
        page_in(&self.inner.index.snapshot()?, key, after, limit)
    }

    /// The view as it is now.
    pub(crate) fn snapshot(&self) -> Result<Snapshot, Error> {
        Ok(self.inner.index.snapshot()?)
    }
}

/// At most `limit` current values of a key behind one of them, no more than fit into [`VALUES_BYTES_MAX`], and how many there
/// are in all.
pub(crate) fn page_in(
    rows: &Snapshot,
    key: &[u8],
    after: Option<NodeId>,
    limit: usize,
) -> Result<(Vec<Held>, u64), Error> {
    let Some(row) = rows.get(&register::register_key(key))? else { return Ok((Vec::new(), 0)) };
    let register = Register::decode(row).ok_or(Error::Damaged)?;
    let count = register.count();
    let Register::Few(few) = register else {
        let range = after.map_or_else(|| register::values_of(key), |id| register::values_after(key, &id));
        let (mut page, mut bytes) = (Vec::new(), 0);
        for row in rows.range(range, Order::Ascending).take(limit) {
            let held = register::decode_value(key, row?).map_err(|_| Error::Damaged)?;
            bytes += held.1.len();
            if bytes > VALUES_BYTES_MAX {
                break;
            }
            page.push(held);
        }
        return Ok((page, count));
    };
    let behind = few.into_iter().filter(|(id, _)| after.is_none_or(|after| *id > after));
    Ok((behind.take(limit).collect(), count))
}

impl<E: Encoding> HyperKv<E> {
    /// The current values of a key; none when it was never written. One point read, or a short range where there are
    /// more than 16 values or more than 64 KiB of them; catches up first.
    ///
    /// # Errors
    ///
    /// What the log or the store says.
    pub fn get(&self, key: impl AsRef<[u8]>) -> Result<Values<E::Value>, Error> {
        let (held, total) = self.held(key.as_ref())?;
        Ok(Values::new(decode::<E>(held)?, total))
    }

    /// At most `limit` current values of a key whose ids are above `after`, and no more than fit into
    /// [`VALUES_BYTES_MAX`]: [`get`](Self::get) returns the first of them. Behind the last there is an empty page.
    ///
    /// # Errors
    ///
    /// As [`get`](Self::get).
    pub fn page(
        &self,
        key: impl AsRef<[u8]>,
        after: Option<NodeId>,
        limit: usize,
    ) -> Result<Vec<Value<E::Value>>, Error> {
        decode::<E>(self.page_of(key.as_ref(), after, limit)?.0)
    }

    /// Gives a key a value, which supersedes the current ones: where there are more than [`VALUES_MAX`], those that
    /// [`get`](Self::get) shows. Returns the node that says so.
    ///
    /// # Errors
    ///
    /// [`Error::Key`], [`Error::Encoding`], or what the log says.
    pub fn put(&self, key: impl AsRef<[u8]>, value: impl Into<E::Value>) -> Result<NodeId, Error> {
        self.write(Write::put(key, value))
    }

    /// Deletes a key, as far as this replica has seen: a value that somebody else writes meanwhile stays.
    ///
    /// # Errors
    ///
    /// As [`put`](Self::put).
    pub fn del(&self, key: impl AsRef<[u8]>) -> Result<NodeId, Error> {
        self.write(Write::del(key))
    }

    /// Writes one key, as [`Write`] says.
    ///
    /// # Errors
    ///
    /// As [`put`](Self::put); `UnknownLink` of the log for a link that leads nowhere.
    pub fn write(&self, write: Write<E::Value>) -> Result<NodeId, Error> {
        let nodes = self.batch([write])?;
        Ok(*nodes.first().expect("a batch returns a node for each write"))
    }

    /// Writes keys as one commit: all of them or none. A later write of a key supersedes the earlier ones of the batch,
    /// unless it has links of its own. Returns the nodes, in order.
    ///
    /// # Errors
    ///
    /// As [`write`](Self::write). Nothing is written then; only when the disk fails last, while it syncs, may all of it be
    /// there after the map is opened again.
    pub fn batch(&self, writes: impl IntoIterator<Item = Write<E::Value>>) -> Result<Vec<NodeId>, Error> {
        let ops = writes.into_iter().map(encode::<E>).collect::<Result<Vec<_>, _>>()?;
        let durability = self.inner.log.durability();
        // Stored under the lock and made durable after it, so that writers wait for the disk together.
        let log = self.inner.log.with_durability(Durability::Buffered);
        let writing = self.inner.writing.lock().unwrap_or_else(PoisonError::into_inner);
        let docs = self.link(ops)?;
        let nodes = log.batch(docs)?;
        drop(writing);
        if durability == Durability::Synced && !nodes.is_empty() {
            log.flush()?;
        }
        Ok(nodes.into_iter().map(|node| node.id).collect())
    }

    /// Says what each write supersedes.
    fn link(&self, ops: Vec<(Op, Option<Vec<NodeId>>)>) -> Result<Vec<Doc<Bytes>>, Error> {
        let unlinked = ops.iter().filter(|(_, links)| links.is_none()).map(|(op, _)| op.key.clone());
        let mut seen = self.seen(unlinked.collect())?;
        // Of each key, the places of earlier writes that no later one supersedes.
        let mut earlier = BTreeMap::<Bytes, Vec<usize>>::new();
        let mut docs = Vec::with_capacity(ops.len());
        for (place, (op, links)) in ops.into_iter().enumerate() {
            let value = op.encode();
            let links = if let Some(links) = links {
                links.into_iter().map(Link::Node).collect()
            } else {
                // What the batch wrote of the key before, then what there was; what does not fit is left to the next.
                let before = earlier.entry(op.key.clone()).or_default();
                let mut links: Vec<Link> = take(before, VALUES_MAX).map(Link::Doc).collect();
                let room = VALUES_MAX - links.len();
                links.extend(
                    seen.get_mut(&op.key).into_iter().flat_map(|seen| take(seen, room)).map(Link::Node),
                );
                links
            };
            earlier.entry(op.key).or_default().push(place);
            docs.push(Doc { links, value });
        }
        Ok(docs)
    }

    /// Of each key that has any, the nodes of its current values, or the first of them. Looked up in the order of the keys, in
    /// which neighbours are found faster.
    fn seen(&self, keys: BTreeSet<Bytes>) -> Result<BTreeMap<Bytes, Vec<NodeId>>, Error> {
        if keys.is_empty() {
            return Ok(BTreeMap::new());
        }
        let (rows, mut seen) = (self.snapshot()?, BTreeMap::new());
        for key in keys {
            let (held, _) = page_in(&rows, &key, None, VALUES_MAX)?;
            if !held.is_empty() {
                seen.insert(key, held.into_iter().map(|(id, _)| id).collect());
            }
        }
        Ok(seen)
    }

    /// Brings the values of a key together: `merge` makes one of them, or leaves it be; what it makes supersedes exactly
    /// the values that it was shown, deletes and [unreadable ones](Values::has_unreadable) among them. Of more than [`VALUES_MAX`] values it is shown the first so many: go on until
    /// none is written. Nothing is asked or written where there are fewer than two.
    ///
    /// # Errors
    ///
    /// As [`put`](Self::put).
    pub fn merge(
        &self,
        key: impl AsRef<[u8]>,
        merge: impl FnOnce(&Values<E::Value>) -> Option<E::Value>,
    ) -> Result<Option<NodeId>, Error> {
        let key = key.as_ref();
        let values = self.get(key)?;
        if !values.is_conflict() {
            return Ok(None);
        }
        let Some(value) = merge(&values) else { return Ok(None) };
        self.write(Write::new(key, Some(value)).links(values.ids())).map(Some)
    }
}

/// At most so many from the front.
fn take<T>(from: &mut Vec<T>, most: usize) -> impl Iterator<Item = T> + '_ {
    from.drain(..from.len().min(most))
}

/// What is written, and what it supersedes where that is said.
fn encode<E: Encoding>(write: Write<E::Value>) -> Result<(Op, Option<Vec<NodeId>>), Error> {
    let Write { key, value, links, fields } = write;
    if !is_key(&key) {
        return Err(Error::Key { len: key.len() });
    }
    let value = value.as_ref().map(E::encode).transpose()?;
    Ok((Op { key, body: Body { fields, value } }, links))
}

pub(crate) fn decode<E: Encoding>(held: Vec<Held>) -> Result<Vec<Value<E::Value>>, Error> {
    let value = |(id, body): Held| Ok(Value::decode::<E>(id, &Body::decode(body).ok_or(Error::Damaged)?));
    held.into_iter().map(value).collect()
}
