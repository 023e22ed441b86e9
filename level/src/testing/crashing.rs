//! A level whose power can be cut.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use bytes::Bytes;
use imbl::{OrdMap, ordmap::DiffItem};

use crate::{Batch, Durability, Error, KeyRange, Level, Memory, Order, Read, Rows, Sub, memory::State};

/// A level in memory that remembers what a power cut could take: the batches since the last sync.
///
/// Creating and removing a sub-level is durable at once, and removing makes every earlier batch durable, as on
/// disk. Handles share one store.
///
/// ```
/// use level::{Batch, Durability, Level, Read, testing::Crashing};
///
/// let before = Crashing::new();
/// let sub = before.sub("log")?;
/// for (key, durability) in [("a", Durability::Synced), ("b", Durability::Buffered), ("c", Durability::Buffered)] {
///     let mut batch = Batch::new();
///     batch.put(sub, key, "");
///     before.apply(batch, durability)?;
/// }
/// assert_eq!(before.unsynced(), 2);
///
/// let after = before.crash(1);
/// let sub = after.sub("log")?;
/// assert!(after.get(sub, b"b")?.is_some(), "the first unsynced batch was kept");
/// assert!(after.get(sub, b"c")?.is_none(), "the second was not");
/// # Ok::<(), level::Error>(())
/// ```
#[derive(Clone, Debug, Default)]
pub struct Crashing {
    live: Memory,
    past: Arc<Mutex<Past>>,
}

type Subs = BTreeMap<Sub, OrdMap<Bytes, Bytes>>;

#[derive(Default)]
struct Past {
    /// The rows at the last sync.
    synced: Subs,
    /// The rows after each batch since then.
    unsynced: Vec<Subs>,
    crashed: bool,
}

impl Past {
    /// The rows after so many unsynced batches, or after all of them if there are fewer.
    fn after(&self, batches: usize) -> &Subs {
        let last = batches.min(self.unsynced.len()).wrapping_sub(1);
        self.unsynced.get(last).unwrap_or(&self.synced)
    }
}

/// Makes the changes that lead from `before` to `after`.
fn redo(rows: &mut Subs, before: &Subs, after: &Subs) {
    for (sub, after) in after {
        let rows = rows.entry(*sub).or_default();
        for change in before.get(sub).unwrap_or(&OrdMap::new()).diff(after) {
            match change {
                DiffItem::Add(key, value) | DiffItem::Update { new: (key, value), .. } => {
                    rows.insert(key.clone(), value.clone());
                }
                DiffItem::Remove(key, _) => {
                    rows.remove(key);
                }
            }
        }
    }
}

impl std::fmt::Debug for Past {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let unsynced = self.unsynced.len();
        f.debug_struct("Past")
            .field("unsynced", &unsynced)
            .field("crashed", &self.crashed)
            .finish_non_exhaustive()
    }
}

impl Crashing {
    /// An empty level.
    pub fn new() -> Crashing {
        Crashing::default()
    }

    /// Number of batches since the last sync: what a crash could take.
    pub fn unsynced(&self) -> usize {
        self.past().unsynced.len()
    }

    /// Cuts the power, and gives the level that is there afterwards: what was synced and the first `keep`
    /// unsynced batches, or all of them if there are fewer.
    ///
    /// Every handle of the level before, its snapshots apart, answers [`Error::Poisoned`] from now on. [`Sub`]s
    /// have to be asked for again.
    #[must_use = "the level before is dead"]
    pub fn crash(&self, keep: usize) -> Crashing {
        let mut past = self.past();
        past.crashed = true;
        self.begin_with(past.after(keep))
    }

    /// As [`crash`](Self::crash), on a disk that breaks its promise: it loses the unsynced batch number `lost`, from 0,
    /// and keeps those behind it. So a test can show that it would see that.
    #[must_use = "the level before is dead"]
    pub fn crash_out_of_order(&self, lost: usize) -> Crashing {
        let mut past = self.past();
        past.crashed = true;
        let mut kept = past.after(lost).clone();
        for batch in lost.saturating_add(1)..past.unsynced.len() {
            redo(&mut kept, past.after(batch), past.after(batch + 1));
        }
        self.begin_with(&kept)
    }

    /// A copy, as a backup takes it: what is here now is durable there. This level goes on.
    #[must_use]
    pub fn copy(&self) -> Crashing {
        let _past = self.past();
        self.begin_with(&self.live.state().subs)
    }

    /// A level of its own that begins with these rows.
    fn begin_with(&self, rows: &Subs) -> Crashing {
        let mut state = State::default();
        for (name, sub) in &self.live.state().names {
            let fresh = Sub::fresh();
            state.names.insert(name.clone(), fresh);
            state.subs.insert(fresh, rows.get(sub).cloned().unwrap_or_default());
        }
        let past = Past { synced: state.subs.clone(), ..Past::default() };
        Crashing { live: Memory::from_state(state), past: Arc::new(Mutex::new(past)) }
    }

    fn past(&self) -> MutexGuard<'_, Past> {
        self.past.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The lock that orders changes, unless the power was cut.
    fn alive(&self) -> Result<MutexGuard<'_, Past>, Error> {
        let past = self.past();
        if past.crashed { Err(Error::Poisoned) } else { Ok(past) }
    }

    fn synced(&self, past: &mut Past) {
        past.synced = self.live.state().subs.clone();
        past.unsynced.clear();
    }
}

impl Read for Crashing {
    fn get(&self, sub: Sub, key: &[u8]) -> Result<Option<Bytes>, Error> {
        let _past = self.alive()?;
        self.live.get(sub, key)
    }

    fn range(&self, sub: Sub, range: KeyRange, order: Order) -> Rows<'_> {
        match self.alive() {
            Ok(_past) => self.live.range(sub, range, order),
            Err(error) => Box::new(std::iter::once(Err(error))),
        }
    }
}

impl Level for Crashing {
    fn sub(&self, name: &str) -> Result<Sub, Error> {
        let _past = self.alive()?;
        self.live.sub(name)
    }

    fn subs(&self) -> Result<Vec<String>, Error> {
        let _past = self.alive()?;
        self.live.subs()
    }

    fn remove(&self, name: &str) -> Result<bool, Error> {
        let mut past = self.alive()?;
        let removed = self.live.remove(name)?;
        if removed {
            self.synced(&mut past);
        }
        Ok(removed)
    }

    fn apply(&self, batch: Batch, durability: Durability) -> Result<(), Error> {
        let mut past = self.alive()?;
        let changes = !batch.is_empty();
        self.live.apply(batch, durability)?;
        match durability {
            Durability::Synced => self.synced(&mut past),
            Durability::Buffered if changes => past.unsynced.push(self.live.state().subs.clone()),
            Durability::Buffered => {}
        }
        Ok(())
    }

    fn snapshot(&self) -> Result<Arc<dyn Read>, Error> {
        let _past = self.alive()?;
        self.live.snapshot()
    }
}
