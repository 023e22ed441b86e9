//! A level in memory: for tests, for a browser, for what need not last.

use std::{
    collections::{BTreeMap, VecDeque},
    fmt,
    ops::Bound,
    sync::{Arc, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard},
};

use bytes::Bytes;
use imbl::OrdMap;

use crate::{
    Batch, Durability, Error, KeyRange, Level, Order, Read, Row, Rows, Sub,
    rules::{check_batch, check_name},
};

/// A level in memory, gone with its last handle.
///
/// Handles are cheap to clone, and share one store. A snapshot is O(1); a write while one is alive copies the
/// O(log n) nodes on its path, once. No threads, clocks or files. [`Durability`] means nothing here.
#[derive(Clone, Default)]
pub struct Memory {
    state: Arc<RwLock<Arc<State>>>,
}

impl Memory {
    /// An empty level.
    pub fn new() -> Memory {
        Memory::default()
    }

    #[cfg(feature = "testing")]
    pub(crate) fn from_state(state: State) -> Memory {
        Memory { state: Arc::new(RwLock::new(Arc::new(state))) }
    }

    pub(crate) fn state(&self) -> Arc<State> {
        self.read().clone()
    }

    // Nothing panics while the lock is held, so a poisoned one says nothing about the state.
    fn read(&self) -> RwLockReadGuard<'_, Arc<State>> {
        self.state.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self) -> RwLockWriteGuard<'_, Arc<State>> {
        self.state.write().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for Memory {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Memory").field("subs", &self.read().names).finish_non_exhaustive()
    }
}

impl Read for Memory {
    fn get(&self, sub: Sub, key: &[u8]) -> Result<Option<Bytes>, Error> {
        self.read().get(sub, key)
    }

    fn range(&self, sub: Sub, range: KeyRange, order: Order) -> Rows<'_> {
        self.read().rows(sub, range, order)
    }
}

impl Level for Memory {
    fn sub(&self, name: &str) -> Result<Sub, Error> {
        check_name(name)?;
        if let Some(sub) = self.read().names.get(name) {
            return Ok(*sub);
        }
        let mut state = self.write();
        // Another thread may have made it between the two locks.
        if let Some(sub) = state.names.get(name) {
            return Ok(*sub);
        }
        let sub = Sub::fresh();
        let state = Arc::make_mut(&mut state);
        state.names.insert(name.to_owned(), sub);
        state.subs.insert(sub, OrdMap::new());
        Ok(sub)
    }

    fn subs(&self) -> Result<Vec<String>, Error> {
        Ok(self.read().names.keys().cloned().collect())
    }

    fn remove(&self, name: &str) -> Result<bool, Error> {
        check_name(name)?;
        let mut state = self.write();
        if !state.names.contains_key(name) {
            return Ok(false);
        }
        let state = Arc::make_mut(&mut state);
        let removed = state.names.remove(name);
        Ok(removed.is_some_and(|sub| state.subs.remove(&sub).is_some()))
    }

    fn apply(&self, batch: Batch, _: Durability) -> Result<(), Error> {
        check_batch(&batch)?;
        let mut state = self.write();
        state.knows_all(&batch)?;
        if !batch.is_empty() {
            Arc::make_mut(&mut state).apply(batch);
        }
        Ok(())
    }

    fn snapshot(&self) -> Result<Arc<dyn Read>, Error> {
        Ok(self.state())
    }
}

/// A level at one moment. Cloning it is O(1) in the rows.
#[derive(Clone, Default)]
pub(crate) struct State {
    pub(crate) names: BTreeMap<String, Sub>,
    pub(crate) subs: BTreeMap<Sub, OrdMap<Bytes, Bytes>>,
}

impl State {
    /// That every sub-level of the batch is there.
    pub(crate) fn knows_all(&self, batch: &Batch) -> Result<(), Error> {
        match batch.subs().find(|sub| !self.subs.contains_key(sub)) {
            Some(sub) => Err(Error::UnknownSub { sub }),
            None => Ok(()),
        }
    }

    /// Makes the changes of sub-levels that are there.
    fn apply(&mut self, batch: Batch) {
        for (sub, key, value) in batch {
            let Some(rows) = self.subs.get_mut(&sub) else { continue };
            match value {
                Some(value) => rows.insert(key, value),
                None => rows.remove(&key[..]),
            };
        }
    }

    /// Like `Read::range`, but owned: nothing of the level stays locked or borrowed.
    fn rows(&self, sub: Sub, range: KeyRange, order: Order) -> Rows<'static> {
        match self.subs.get(&sub) {
            Some(rows) => Box::new(Cursor::new(rows.clone(), range, order)),
            None => Box::new(std::iter::once(Err(Error::UnknownSub { sub }))),
        }
    }
}

impl Read for State {
    fn get(&self, sub: Sub, key: &[u8]) -> Result<Option<Bytes>, Error> {
        let rows = self.subs.get(&sub).ok_or(Error::UnknownSub { sub })?;
        Ok(rows.get(key).cloned())
    }

    fn range(&self, sub: Sub, range: KeyRange, order: Order) -> Rows<'_> {
        self.rows(sub, range, order)
    }
}

/// Reads a range in steps, because an iterator of the map cannot be kept beside the map it borrows.
struct Cursor {
    rows: OrdMap<Bytes, Bytes>,
    /// What was not read yet; `None` at the end.
    rest: Option<KeyRange>,
    order: Order,
    /// How many rows the next step reads.
    step: usize,
    /// Read, but not handed out yet.
    read: VecDeque<Row>,
}

impl Cursor {
    /// Most rows of a step: finding the place again is then a small part of the cost of a row.
    const STEP_MAX: usize = 64;

    fn new(rows: OrdMap<Bytes, Bytes>, range: KeyRange, order: Order) -> Cursor {
        let rest = (!range.is_empty()).then_some(range);
        Cursor { rows, rest, order, step: 1, read: VecDeque::new() }
    }

    /// Reads on, each time twice as far as before: for who wants only the first row, one is enough.
    fn read_on(&mut self) {
        let Some(mut rest) = self.rest.take() else { return };
        let step = self.step;
        self.step = (step * 2).min(Self::STEP_MAX);
        let rows = self.rows.range::<_, [u8]>(rest.bounds());
        let owned = |(key, value): (&Bytes, &Bytes)| (key.clone(), value.clone());
        match self.order {
            Order::Ascending => self.read.extend(rows.take(step).map(owned)),
            Order::Descending => self.read.extend(rows.rev().take(step).map(owned)),
        }
        if self.read.len() < step {
            return;
        }
        if let Some((last, _)) = self.read.back() {
            match self.order {
                Order::Ascending => rest.set_start(Bound::Excluded(last.clone())),
                Order::Descending => rest.set_end(Bound::Excluded(last.clone())),
            }
            self.rest = (!rest.is_empty()).then_some(rest);
        }
    }
}

impl Iterator for Cursor {
    type Item = Result<Row, Error>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.read.is_empty() {
            self.read_on();
        }
        self.read.pop_front().map(Ok)
    }
}
