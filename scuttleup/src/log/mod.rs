//! The log: every writer's chain, in one local order, on one store.

mod append;
mod catch_up;
mod durable;
mod fill;
mod ingest;
mod options;
mod write;

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use level::Level;

pub use append::{Appended, Transaction};
pub use ingest::Ingested;
pub use options::Options;

use crate::chains::{Chains, Tip};
use crate::clock::Clock;
use crate::entry::{BranchNo, Entry, Lineage, Value};
use crate::error::{Error, GroupError, OpenError};
use crate::events::{Bus, Events};
use crate::extension::Extension;
use crate::fork::{Evidence, Fork};
use crate::group::{Drafts, Group, Verified};
use crate::identity::Identity;
use crate::ids::{Change, EntryId, Seq, Topic, WriterId};
use crate::limits::Limits;
use crate::reader::{Read, Reader};
use crate::rows::StoredRows;
use crate::sidecar::{Mark, Sidecar};
use crate::store::{Arena, Store};
use crate::waiter::Waiter;
use durable::Durable;
use write::Written;

pub use level::Durability;

/// What opening found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Opened {
    /// The log was made just now, or had no entries and has become one of this kind and topic now.
    pub created: bool,
    /// Batches that were durable once and are not here: an old copy, or a damaged journal. What is not
    /// our own can be fetched again.
    pub lost_commits: u64,
}

/// Tells one open log from another within a process, so that a group is stored where it was verified.
static NEXT_TAG: AtomicU64 = AtomicU64::new(0);

/// A log of logs: a hash-chained, signed, numbered one per writer, in one local order.
///
/// Cheap to clone; all clones are one log. Dropping the last one makes everything durable.
#[derive(Clone)]
pub struct Log {
    pub(crate) inner: Arc<Inner>,
}

pub(crate) struct Inner {
    pub(crate) store: Store,
    pub(crate) extension: Arc<dyn Extension>,
    pub(crate) limits: Limits,
    pub(crate) wake: event_listener::Event,
    identity: Identity,
    sidecar: Arc<dyn Sidecar>,
    clock: Option<Arc<dyn Clock>>,
    durability: Durability,
    /// Held while a batch is made and applied, never across I/O with a peer, never while waiting for a sync.
    state: Mutex<State>,
    durable: Durable,
    /// Last entry that is stored; only grows.
    last: AtomicU64,
    events: Bus<Event>,
    /// Held while subscribers are told, so that they are told in order.
    telling: Mutex<()>,
    opened: Opened,
    tag: u64,
    /// What sessions of this log do wrong on purpose.
    #[cfg(feature = "testing")]
    pub(crate) defect: Option<crate::replica::Defect>,
}

struct State {
    chains: Chains,
    /// Batches that were ever committed; only grows.
    commits: u64,
    last: Change,
    /// The local order up to `last`.
    lineage: Lineage,
    /// The branch on which this store last wrote for its identity.
    own: Option<BranchNo>,
    /// What the store says of that.
    own_stored: Option<BranchNo>,
    /// Set while the store is behind its sidecar: what it lacks.
    missing: Option<catch_up::Missing>,
    /// Set for good when a write failed: what is in memory may be ahead of the store.
    poisoned: bool,
    /// Own entries that wait to be committed together. Numbered already: everything that stores something else
    /// commits them first.
    drafts: Drafts,
    /// Commits that subscribers were not told of.
    untold: Vec<Written>,
    /// Where rows are written; what is left of a piece of memory serves the next commit.
    arena: Arena,
}

impl State {
    fn own_tip(&self) -> Option<Tip> {
        self.own.and_then(|no| self.chains.get(no)).map(crate::chains::Branch::tip)
    }

    fn mark(&self, writer: WriterId) -> Mark {
        Mark { writer, last: self.own_tip().map(|tip| (tip.seq, tip.id)), commits: self.commits }
    }
}

/// News from a log.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Event {
    /// An entry was stored, our own or somebody else's.
    Stored(Entry),
    /// The value of an entry came that had been missing.
    Filled(Entry),
    /// A writer has two entries with one number.
    Forked(Fork),
}

impl std::fmt::Debug for Log {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Log")
            .field("writer", &self.writer())
            .field("last", &self.last())
            .finish_non_exhaustive()
    }
}

impl Inner {
    fn state(&self) -> MutexGuard<'_, State> {
        // A panic in the closure of a transaction leaves the state as it was; one during a write poisons the log.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Log {
    /// Opens an open log with nothing above it.
    ///
    /// # Errors
    ///
    /// As [`Options::open`].
    pub fn open(level: impl Level + 'static, identity: Identity) -> Result<Self, OpenError> {
        Options::default().open(Arc::new(level), identity)
    }

    /// Everything that can be chosen.
    pub fn options() -> Options {
        Options::default()
    }

    /// The writer that appends here.
    #[must_use]
    pub fn writer(&self) -> WriterId {
        self.inner.identity.writer()
    }

    /// What the log is about.
    #[must_use]
    pub fn topic(&self) -> Topic {
        self.inner.store.topic()
    }

    /// The layer above.
    #[must_use]
    pub fn extension(&self) -> &Arc<dyn Extension> {
        &self.inner.extension
    }

    /// What an append waits for, unless it says otherwise.
    #[must_use]
    pub fn durability(&self) -> Durability {
        self.inner.durability
    }

    /// What opening found.
    #[must_use]
    pub fn opened(&self) -> Opened {
        self.inner.opened
    }

    /// The last entry of the local order; 0 when the log is empty. Entries are numbered without gaps, so
    /// this is also how many there are.
    #[must_use]
    pub fn last(&self) -> Change {
        Change(self.inner.last.load(Ordering::Acquire))
    }

    /// The last entry that live readers and peers may see: the local order up to the first own entry that
    /// is not durable yet.
    #[must_use]
    pub fn visible(&self) -> Change {
        self.inner.durable.visible()
    }

    /// The ends of all branches of all writers, ascending by writer, number and id. O(branches).
    #[must_use]
    pub fn tips(&self) -> Vec<Tip> {
        let mut tips: Vec<Tip> = self.inner.state().chains.iter().map(|(_, branch)| branch.tip()).collect();
        tips.sort_unstable();
        tips
    }

    /// How many writers have entries here.
    #[must_use]
    pub fn writers(&self) -> usize {
        self.inner.state().chains.writers()
    }

    /// An entry by its id; none when there is none. Two point reads.
    ///
    /// # Errors
    ///
    /// What the store says.
    pub fn get(&self, id: &EntryId) -> Result<Option<Entry>, Error> {
        self.inner.store.by_id(id)
    }

    /// An entry by its number in the local order. One point read.
    ///
    /// # Errors
    ///
    /// What the store says.
    pub fn at(&self, change: Change) -> Result<Option<Entry>, Error> {
        self.inner.store.by_change(change)
    }

    /// Whether there is such an entry. One point read.
    ///
    /// # Errors
    ///
    /// What the store says.
    pub fn contains(&self, id: &EntryId) -> Result<bool, Error> {
        Ok(self.inner.store.change_of(id)?.is_some())
    }

    /// The value that a writer put under a number. Where the writer forked, the one that came here first.
    ///
    /// # Errors
    ///
    /// [`Error::NotFound`] when there is none, or it was deleted, or is not here yet, or is not wanted here.
    pub fn entry(&self, writer: &WriterId, seq: Seq) -> Result<Bytes, Error> {
        let values = self.entries(writer, seq)?;
        let value = values.iter().find_map(|entry| entry.value.bytes().cloned());
        value.ok_or(Error::NotFound { writer: *writer, seq })
    }

    /// All entries that a writer put under a number, in local order: one, unless the writer forked.
    /// O(branches of the writer).
    ///
    /// # Errors
    ///
    /// What the store says.
    pub fn entries(&self, writer: &WriterId, seq: Seq) -> Result<Vec<Entry>, Error> {
        let mut places = Vec::new();
        {
            let state = self.inner.state();
            for no in state.chains.of(writer) {
                let Some(branch) = state.chains.get(*no) else { continue };
                let first = branch.root.map_or(1, |(_, shared)| shared.0 + 1);
                if (first..=branch.tip_seq.0).contains(&seq.0) {
                    places.push(*no);
                }
            }
        }
        let mut changes = Vec::new();
        for no in places {
            changes.push(self.inner.store.change_on(no, seq)?);
        }
        changes.sort_unstable();
        let read = |change| {
            let entry = self.present(change)?;
            let wanted = entry.writer() == *writer && entry.seq() == seq;
            wanted.then_some(entry).ok_or_else(|| Error::damaged(format!("the index of {writer} at {seq}")))
        };
        changes.into_iter().map(read).collect()
    }

    pub(crate) fn present(&self, change: Change) -> Result<Entry, Error> {
        let entry = self.inner.store.by_change(change)?;
        entry.ok_or_else(|| Error::damaged(format!("entry {change} of the local order, which is missing")))
    }

    /// Drops the values under a number, and keeps that they were there: ids, chains and signatures stay
    /// whole, and the values do not come back in a sync. Durable when it returns.
    ///
    /// # Errors
    ///
    /// [`Error::NotFound`] when there is no such entry.
    pub fn del(&self, writer: &WriterId, seq: Seq) -> Result<(), Error> {
        let entries = self.entries(writer, seq)?;
        if entries.is_empty() {
            return Err(Error::NotFound { writer: *writer, seq });
        }
        self.set_values(entries.into_iter().map(|entry| (entry.change, Value::Deleted)).collect())?;
        self.flush()
    }

    /// As [`del`](Self::del), for one entry; false when there is none with this id.
    ///
    /// # Errors
    ///
    /// What the store says.
    pub fn del_by_id(&self, id: &EntryId) -> Result<bool, Error> {
        let Some(change) = self.inner.store.change_of(id)? else { return Ok(false) };
        self.set_values(vec![(change, Value::Deleted)])?;
        self.flush()?;
        Ok(true)
    }

    /// Entries whose value is not here yet, in local order, lazily. Those whose value is not wanted are not among them.
    pub fn pending(&self) -> impl Iterator<Item = Result<Entry, Error>> + '_ {
        self.inner.store.pending().map(|change| self.present(change?))
    }

    /// Reads entries in local order; see [`Read`].
    #[must_use]
    pub fn read(&self, what: Read) -> Reader {
        Reader::new(self.clone(), what)
    }

    /// Wakes when something changes from now on.
    #[must_use]
    pub fn waiter(&self) -> Waiter {
        Waiter::new(self.clone())
    }

    /// News from now on.
    #[must_use]
    pub fn subscribe(&self) -> Events<Event> {
        self.inner.events.subscribe()
    }

    /// Whether `id` is `tip`, or stands before it in its writer's log. Up to four point reads; without forks of the
    /// writer it says the same as that `id` has the smaller number.
    ///
    /// # Errors
    ///
    /// What the store says. An entry that is not stored reaches nothing.
    pub fn reaches(&self, tip: &EntryId, id: &EntryId) -> Result<bool, Error> {
        // Read before the lock is taken: others write meanwhile.
        let (Some(tip), Some(entry)) = (self.get(tip)?, self.get(id)?) else { return Ok(false) };
        Ok(self.inner.state().chains.reaches(&tip, &entry))
    }

    /// How many branches a writer has here: 0 when there is nothing of it, more than 1 when it forked.
    #[must_use]
    pub fn branches_of(&self, writer: &WriterId) -> usize {
        self.inner.state().chains.of(writer).len()
    }

    /// All forks that are stored, ascending. The same set of entries gives the same list on every replica.
    ///
    /// # Errors
    ///
    /// What the store says.
    pub fn forks(&self) -> Result<Vec<Fork>, Error> {
        let branches = self.inner.state().chains.forked();
        crate::fork::all(self, branches)
    }

    /// What proves a fork to somebody who has nothing but the writer's key. Bounded by two groups.
    ///
    /// # Errors
    ///
    /// What the store says.
    pub fn evidence(&self, fork: &Fork) -> Result<Evidence, Error> {
        crate::fork::evidence(self, fork)
    }

    /// The rows of the layer above, all as of one moment.
    ///
    /// # Errors
    ///
    /// What the store says.
    pub fn rows(&self) -> Result<StoredRows, Error> {
        Ok(StoredRows::new(self.inner.store.level().snapshot()?, self.inner.store.meta()))
    }

    /// Runs `look` on a log that does not change meanwhile.
    pub(crate) fn while_nobody_writes<R>(&self, look: impl FnOnce(&Chains, Change) -> R) -> R {
        let state = self.inner.state();
        look(&state.chains, state.last)
    }

    /// As [`while_nobody_writes`](Self::while_nobody_writes), where all that is seen must be in the store: after
    /// a failed write it may not be.
    pub(crate) fn while_all_is_stored<R>(&self, look: impl FnOnce(&Chains, Change) -> R) -> Result<R, Error> {
        let state = self.inner.state();
        state.check_writable()?;
        Ok(look(&state.chains, state.last))
    }

    /// Checks a group from outside against what is stored; stores nothing. Takes no lock that an append
    /// would wait for.
    ///
    /// # Errors
    ///
    /// [`GroupError`] with what is wrong.
    pub fn verify(&self, group: Group) -> Result<Verified, GroupError> {
        // Read before anything is looked up: what is stored from now on is noticed when the group is ingested.
        let as_of = self.last();
        crate::group::verify(group, &self.inner.store, &*self.inner.extension, as_of, self.inner.tag)
    }
}
