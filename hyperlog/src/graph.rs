//! What a hyperlog does beyond chains: links that lead somewhere, heads, and what the policy says.

use std::collections::{BTreeSet, VecDeque};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::{BufMut, Bytes};
use scuttleup::{
    AdmitError, Bus, Candidate, Change, Committed, Entry, Error, Extension, Header, Input, Known, Lineage,
    Malformed, Near, Rows, StoredRows, Transaction, WriterId,
};

use crate::error::NodeRefused;
use crate::events::Event;
use crate::ext::{Ext, View};
use crate::heads::Heads;
use crate::node::{Node, NodeId};
use crate::policy::{self, Asking, Effects, Policy};

/// Below this, rows of the policy.
const POLICY: &[u8] = b"p";
/// Below this, a row for each void node, by its local number.
const VOID: &[u8] = b"v";
/// How many commits have changed whether stored nodes count, or what is here of their values.
const EPOCH: &[u8] = b"e";

pub(crate) struct Graph {
    /// None: everybody may write, and everything counts.
    policy: Option<Arc<dyn Policy>>,
    pub(crate) events: Bus<Event>,
    /// The epochs that subscribers were not told of, each with the first node of the commit that began it.
    untold_epochs: Mutex<VecDeque<(Change, u64)>>,
    /// The number of the epoch of what is in the store, for everybody to read; only grows.
    epoch: AtomicU64,
    epochs: Mutex<Epochs>,
}

/// What became of stored nodes.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Epoch {
    pub(crate) number: u64,
    /// A digest of all that began an epoch.
    pub(crate) digest: Lineage,
}

#[derive(Debug, Default)]
struct Epochs {
    /// That of what is in the store.
    now: Epoch,
    /// That of the commit in the making; it is the one of now once that is applied.
    next: Epoch,
}

/// What can befall a stored node.
#[derive(Clone, Copy)]
enum Befell {
    Filled = 1,
    Dropped,
    Voided,
    Restored,
}

impl Graph {
    pub(crate) fn new(policy: Option<Arc<dyn Policy>>, events_max: usize) -> Self {
        let (events, untold_epochs) = (Bus::new(events_max), Mutex::default());
        Self { policy, events, untold_epochs, epoch: AtomicU64::new(0), epochs: Mutex::default() }
    }

    /// Reads what memory keeps of the rows.
    pub(crate) fn load(&self, rows: &StoredRows) -> Result<(), Error> {
        self.epochs().next = decode_epoch(rows.get(EPOCH)?)?;
        self.applied();
        Ok(())
    }

    /// Whether anything but the graph itself decides what counts.
    pub(crate) fn has_policy(&self) -> bool {
        self.policy.is_some()
    }

    /// The grant under which a local node may be added.
    pub(crate) fn cap(
        &self,
        writer: WriterId,
        transaction: &Transaction<'_>,
    ) -> Result<Option<NodeId>, Error> {
        match &self.policy {
            None => Ok(None),
            Some(policy) => {
                let before = policy::cap_before(transaction)?;
                Ok(policy.cap(writer, before, &policy_rows(&transaction.rows()))?)
            }
        }
    }

    pub(crate) fn epoch(&self) -> u64 {
        self.epoch.load(Ordering::Acquire)
    }

    /// The epoch of what is in the store.
    pub(crate) fn epoch_now(&self) -> Epoch {
        self.epochs().now
    }

    fn epochs(&self) -> MutexGuard<'_, Epochs> {
        self.epochs.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Begins an epoch with the commit in the making, and says which. Of the two calls of one commit, both may
    /// begin one: the later counts.
    fn begin_epoch(&self, what: impl IntoIterator<Item = (Befell, Change)>, rows: &mut Rows<'_>) -> u64 {
        let mut epochs = self.epochs();
        let Epoch { number, digest } = epochs.next;
        let digest = what.into_iter().fold(digest, |digest, (befell, change)| {
            let mut mark = [befell as u8; 32];
            mark[24..].copy_from_slice(&change.0.to_be_bytes());
            digest.then(&NodeId::from_bytes(mark))
        });
        epochs.next = Epoch { number: number + 1, digest };
        rows.put(EPOCH, [epochs.next.number.to_be_bytes(), digest.to_bytes()].concat());
        epochs.next.number
    }

    /// Takes in new nodes, of which those in `void` do not count; all others are as they were.
    fn grow(entries: &[Entry], void: &BTreeSet<Change>, rows: &mut Rows<'_>) -> Result<(), Error> {
        for change in void {
            rows.put(&void_key(*change), Bytes::new());
        }
        let mut heads = Heads::begin(rows)?;
        for entry in entries.iter().filter(|entry| !void.contains(&entry.change())) {
            heads.add(entry.change(), entry.id(), view(entry)?.links(), rows)?;
        }
        heads.end(rows);
        Ok(())
    }

    /// Takes in new nodes where the standing of old ones changes: the heads of what counts now are built
    /// anew. O(nodes); revocations are rare.
    fn rebuild(&self, entries: &[Entry], effects: &Effects, rows: &mut Rows<'_>) -> Result<(), Error> {
        for change in &effects.voided {
            rows.put(&void_key(*change), Bytes::new());
        }
        for change in &effects.restored {
            rows.del(&void_key(*change));
        }
        let voided = effects.voided.iter().map(|change| (Befell::Voided, *change));
        let restored = effects.restored.iter().map(|change| (Befell::Restored, *change));
        let epoch = self.begin_epoch(voided.chain(restored), rows);
        let began = entries.first().map(Entry::change);
        self.untold_epochs().extend(began.map(|began| (began, epoch)));
        let mut heads = Heads::clear(rows)?;
        for entry in rows.entries_before() {
            Self::add_if_it_counts(&mut heads, &entry?, rows)?;
        }
        for entry in entries {
            Self::add_if_it_counts(&mut heads, entry, rows)?;
        }
        heads.end(rows);
        Ok(())
    }

    fn add_if_it_counts(heads: &mut Heads, entry: &Entry, rows: &mut Rows<'_>) -> Result<(), Error> {
        if rows.get(&void_key(entry.change()))?.is_some() {
            return Ok(());
        }
        heads.add(entry.change(), entry.id(), view(entry)?.links(), rows)
    }

    fn untold_epochs(&self) -> MutexGuard<'_, VecDeque<(Change, u64)>> {
        self.untold_epochs.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The epoch that a commit began. Others may have been made meanwhile, and are not told before their time:
    /// who heard of an epoch too early would look too early, and not again.
    fn epoch_of(&self, committed: &Committed<'_>) -> Option<u64> {
        let first = committed.entries.first()?.change();
        let mut untold = self.untold_epochs();
        let mut epoch = None;
        while let Some((_, began)) = untold.pop_front_if(|(change, _)| *change <= first) {
            epoch = Some(began);
        }
        epoch
    }

    /// Whether a stored node does not count.
    pub(crate) fn is_void(change: Change, rows: &StoredRows) -> Result<bool, Error> {
        Ok(rows.get(&void_key(change))?.is_some())
    }

    /// The nodes from `first` to `last` that do not count.
    pub(crate) fn void_between(
        first: Change,
        last: Change,
        rows: &StoredRows,
    ) -> Result<BTreeSet<Change>, Error> {
        let change = |row: Result<(Bytes, Bytes), Error>| {
            let (key, _) = row?;
            let number = key.get(VOID.len()..).and_then(|number| number.try_into().ok());
            number
                .map(|number| Change(u64::from_be_bytes(number)))
                .ok_or_else(|| Error::Damaged { row: format!("void key {key:02x?}"), source: None })
        };
        rows.between(&void_key(first), &void_key(last)).map(change).collect()
    }
}

/// The rows of the policy among those of the graph.
pub(crate) fn policy_rows(rows: &StoredRows) -> StoredRows {
    rows.within(POLICY)
}

fn void_key(change: Change) -> Vec<u8> {
    [VOID, &change.0.to_be_bytes()].concat()
}

/// A row of before there was a digest has the number alone.
fn decode_epoch(row: Option<Bytes>) -> Result<Epoch, Error> {
    let Some(row) = row else { return Ok(Epoch::default()) };
    let mut input = Input::new(row);
    let mut decode = || -> Result<Epoch, Malformed> {
        let number = input.array().map(u64::from_be_bytes)?;
        let digest =
            if input.remaining() == 0 { Lineage::default() } else { Lineage::from_bytes(input.array()?) };
        input.end()?;
        Ok(Epoch { number, digest })
    };
    decode().map_err(|source| Error::Damaged { row: "the epoch".into(), source: Some(source) })
}

fn view(entry: &Entry) -> Result<View<'_>, Error> {
    View::decode(&entry.header().ext).map_err(|source| damaged(entry, source))
}

pub(crate) fn to_node(entry: &Entry) -> Result<Node, Error> {
    Node::from_entry(entry).map_err(|source| damaged(entry, source))
}

fn damaged(entry: &Entry, source: Malformed) -> Error {
    Error::Damaged { row: format!("node {} of the local order", entry.change()), source: Some(source) }
}

impl Extension for Graph {
    fn kind(&self) -> &'static str {
        self.policy.as_ref().map_or(policy::KIND, |policy| policy.kind())
    }

    fn admit(&self, entry: &Candidate<'_>, known: &Known<'_>) -> Result<(), AdmitError> {
        let view = View::decode(&entry.header.ext).map_err(NodeRefused::Malformed)?;
        for link in view.links() {
            if !known.contains(&link)? {
                return Err(NodeRefused::UnknownLink { link }.into());
            }
        }
        if let Some(cap) = view.cap
            && !known.contains(&cap)?
        {
            return Err(NodeRefused::UnknownCap { cap }.into());
        }
        let Some(policy) = &self.policy else { return Ok(()) };
        let View { kind, cap, .. } = view;
        let Header { writer, prev, .. } = *entry.header;
        let links: Vec<NodeId> = view.links().collect();
        let asking = Asking { id: entry.id, writer, prev, kind, cap, links: &links, value: entry.value };
        policy.admit(&asking, known).map_err(|error| match error {
            AdmitError::Refused(refusal) => NodeRefused::Policy(refusal).into(),
            error => error,
        })
    }

    fn store(&self, entries: &[Entry], rows: &mut Rows<'_>) -> Result<(), Error> {
        let Some(policy) = &self.policy else { return Self::grow(entries, &BTreeSet::new(), rows) };
        let nodes = entries.iter().map(to_node).collect::<Result<Vec<_>, _>>()?;
        let effects = policy.store(&nodes, &mut rows.within(POLICY))?;
        let first = nodes.first().map_or(Change(0), |node| node.change);
        // A node that never counted changes nothing for those before it. So a revoked writer who goes on
        // writing costs what any writer costs, not a rebuild for every node.
        if effects.restored.is_empty() && effects.voided.iter().all(|change| *change >= first) {
            Self::grow(entries, &effects.voided.into_iter().collect(), rows)
        } else {
            self.rebuild(entries, &effects, rows)
        }
    }

    fn revalue(&self, entries: &[Entry], rows: &mut Rows<'_>) -> Result<(), Error> {
        let mut befell = Vec::with_capacity(entries.len());
        for entry in entries {
            // What does not count is in no view, with or without its value.
            if rows.get(&void_key(entry.change()))?.is_none() {
                let what = if entry.value().bytes().is_some() { Befell::Filled } else { Befell::Dropped };
                befell.push((what, entry.change()));
            }
        }
        if !befell.is_empty() {
            self.begin_epoch(befell, rows);
        }
        Ok(())
    }

    fn applied(&self) {
        let mut epochs = self.epochs();
        epochs.now = epochs.next;
        self.epoch.store(epochs.now.number, Ordering::Release);
    }

    fn committed(&self, committed: &Committed<'_>) {
        let epoch = self.epoch_of(committed);
        if !self.events.is_heard() {
            return;
        }
        for node in committed.entries.iter().filter_map(|entry| to_node(entry).ok()) {
            self.events.send(Event::Add { node, own: committed.own });
        }
        for node in committed.filled.iter().filter_map(|entry| to_node(entry).ok()) {
            self.events.send(Event::Filled { node });
        }
        for fork in committed.forks {
            self.events.send(Event::Fork(*fork));
        }
        if let Some(epoch) = epoch {
            self.events.send(Event::Standing { epoch });
        }
    }

    fn parents(&self, ext: &[u8], out: &mut Vec<NodeId>) {
        // What is stored decodes.
        if let Ok(view) = View::decode(ext) {
            out.extend(view.links());
            out.extend(view.cap);
        }
    }

    fn pack(&self, ext: &[u8], near: &Near<'_>, out: &mut Vec<u8>) {
        match Ext::decode(ext) {
            Ok(ext) => {
                ext.pack(near, out);
            }
            // Nothing that is stored gets here. If it did, this does not decode to a node on the other side.
            Err(_) => out.put_u8(u8::MAX),
        }
    }

    fn unpack(&self, input: &mut Input, near: &Near<'_>) -> Result<Bytes, Malformed> {
        Ext::unpack(input, near).map(|ext| ext.encode())
    }
}
