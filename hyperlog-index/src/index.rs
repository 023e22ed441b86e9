//! A view and its rows, kept up to date with a log by whoever reads them.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock, RwLockReadGuard};

use bytes::Bytes;
use hyperlog::{Change, Hyperlog, Waiter};
use level::{Batch, Durability, KeyRange, Level, Order, Read, Row, Sub};

use crate::catch_up::{Progress, Rebuild, State};
use crate::error::Error;
use crate::layout::{CURSOR, Cursor, Skipped, row_of_view, skipped_range, view_key, view_range};
use crate::limits::Limits;
use crate::view::View;
use crate::warm::Warm;

/// A view of a log: rows that are derived from its nodes, and can be thrown away.
///
/// Nothing runs in the background. Whoever reads waits until the view has caught up with all that the log held when
/// the call began; when there is nothing new that costs two loads from memory. Rows and the place in the log are
/// one atomic batch, so each node is mapped exactly once, also over a crash.
///
/// Cheap to clone; all clones are one. Have one for each view: two of the same view would write over each other.
pub struct Index<V: View> {
    pub(crate) inner: Arc<Inner<V>>,
}

pub(crate) struct Inner<V: View> {
    pub(crate) log: Hyperlog,
    pub(crate) level: Arc<dyn Level>,
    pub(crate) view: V,
    pub(crate) limits: Limits,
    /// Name of the sub-level.
    name: String,
    /// The sub-level. Held for reading while it is looked up in, for writing while it is replaced.
    sub: RwLock<Sub>,
    /// Held while nodes are mapped.
    state: Mutex<State>,
    /// How far the rows are. Set back before `epoch` is set.
    last: AtomicU64,
    /// The epoch of the rows plus 1; 0 while they have to be built anew. Read before `last`.
    epoch: AtomicU64,
}

impl<V: View> Clone for Index<V> {
    fn clone(&self) -> Self {
        Self { inner: Arc::clone(&self.inner) }
    }
}

impl<V: View> std::fmt::Debug for Index<V> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Inner { view, log, .. } = &*self.inner;
        f.debug_struct("Index").field("view", &view.name()).field("log", log).finish_non_exhaustive()
    }
}

impl<V: View> Index<V> {
    /// Opens a view of a log, or begins it. Its rows lie in the sub-level `index/NAME` of `level`, which may be that of
    /// the log or another one. A few point reads: nodes are mapped when the view is read.
    ///
    /// # Errors
    ///
    /// What the log or the store says.
    pub fn open<E>(log: &Hyperlog<E>, level: impl Level + 'static, view: V) -> Result<Self, Error> {
        Self::open_with(log, Arc::new(level), view, Limits::default())
    }

    /// As [`open`](Self::open), with other bounds.
    ///
    /// # Errors
    ///
    /// As [`open`](Self::open).
    pub fn open_with<E>(
        log: &Hyperlog<E>,
        level: Arc<dyn Level>,
        view: V,
        limits: Limits,
    ) -> Result<Self, Error> {
        let name = format!("index/{}", view.name());
        if view.name().is_empty() {
            return Err(level::Error::Name { name }.into());
        }
        let sub = level.sub(&name)?;
        let log = log.with_encoding();
        let state = match level.get(sub, CURSOR) {
            // The rows are derived: what is damaged of them is built anew, and no reason to lose the log.
            Err(level::Error::Corrupt { .. }) => State::damaged(&log),
            row => State::load(&log, row?, view.version())?,
        };
        let (last, epoch) = (AtomicU64::new(0), AtomicU64::new(0));
        let (sub, state) = (RwLock::new(sub), Mutex::new(state));
        let inner = Inner { log, level, view, limits, name, sub, state, last, epoch };
        inner.publish(&inner.state());
        Ok(Self { inner: Arc::new(inner) })
    }

    /// The view.
    #[must_use]
    pub fn view(&self) -> &V {
        &self.inner.view
    }

    /// Why the next read builds the view anew, if it does. A view that was never built, or was deleted, has no reason.
    #[must_use]
    pub fn rebuild(&self) -> Option<Rebuild> {
        self.inner.state().rebuild
    }

    /// Catches up with the log, as it is now. O(nodes that are new); O(1), from memory, when there are none.
    ///
    /// # Errors
    ///
    /// [`Error::Stopped`] when the view cannot take a node and wants to stop; what the log or the store says. What
    /// was mapped before is kept, and the next call goes on from there.
    pub fn ready(&self) -> Result<(), Error> {
        self.ready_with(|_| {})
    }

    /// As [`ready`](Self::ready); `progress` is told after each commit.
    ///
    /// # Errors
    ///
    /// As [`ready`](Self::ready).
    pub fn ready_with(&self, progress: impl FnMut(Progress)) -> Result<(), Error> {
        self.inner.reach(self.inner.target(), progress)
    }

    /// As [`ready`](Self::ready), and lets other tasks run after each commit. Reading and mapping themselves block the
    /// thread, for some milliseconds at a time: on a runtime with other things to do, call [`ready`](Self::ready)
    /// where blocking is allowed.
    ///
    /// # Errors
    ///
    /// As [`ready`](Self::ready).
    pub async fn ready_async(&self) -> Result<(), Error> {
        let target = self.inner.target();
        while !self.inner.has_reached(target) {
            self.inner.step(target)?;
            crate::warm::yield_now().await;
        }
        Ok(())
    }

    /// A row. Catches up, and then is one point read.
    ///
    /// # Errors
    ///
    /// As [`ready`](Self::ready).
    pub fn get(&self, key: &[u8]) -> Result<Option<Bytes>, Error> {
        let sub = self.inner.caught_up()?;
        Ok(self.inner.level.get(*sub, &view_key(key))?)
    }

    /// The rows of a range, in `order` of their keys, all as of this call. Catches up first.
    ///
    /// # Errors
    ///
    /// As [`ready`](Self::ready); as an item, what the store says.
    pub fn range(
        &self,
        range: impl Into<KeyRange>,
        order: Order,
    ) -> Result<impl Iterator<Item = Result<Row, Error>> + '_, Error> {
        let sub = self.inner.caught_up()?;
        let rows = self.inner.level.range(*sub, view_range(&range.into()), order);
        Ok(rows.map(|row| Ok(row_of_view(row?))))
    }

    /// All rows as they are now, to keep. Catches up first; then O(1).
    ///
    /// # Errors
    ///
    /// As [`ready`](Self::ready).
    pub fn snapshot(&self) -> Result<Snapshot, Error> {
        let sub = self.inner.caught_up()?;
        let (rows, sub) = (self.inner.level.snapshot()?, *sub);
        let cursor = rows.get(sub, CURSOR)?.and_then(Cursor::decode);
        Ok(Snapshot { rows, sub, last: cursor.map_or(Change(0), |cursor| cursor.last) })
    }

    /// The nodes that the view could not take, in local order. Catches up first.
    ///
    /// # Errors
    ///
    /// As [`ready`](Self::ready); as an item, what the store says, or [`Error::Damaged`].
    pub fn skipped(&self) -> Result<impl Iterator<Item = Result<Skipped, Error>> + '_, Error> {
        let sub = self.inner.caught_up()?;
        let rows = self.inner.level.range(*sub, skipped_range(), Order::Ascending);
        let damaged = || Error::Damaged { view: self.inner.view.name().to_owned() };
        Ok(rows.map(move |row| Skipped::decode(row?).ok_or_else(damaged)))
    }

    /// The last node that was looked at, whether or not there are newer ones. O(1), from memory.
    #[must_use]
    pub fn last(&self) -> Change {
        Change(self.inner.last.load(Ordering::Acquire))
    }

    /// Throws all rows away; they are built anew when the view is read.
    ///
    /// # Errors
    ///
    /// What the store says.
    pub fn reset(&self) -> Result<(), Error> {
        let mut state = self.inner.state();
        state.rebuild = Some(Rebuild::Asked);
        state.begun = self.inner.log.fingerprint_of_nothing();
        state.restarts = 0;
        self.inner.throw_away(&mut state)
    }

    /// Keeps the view up to date with everything that comes, for as long as somebody asks: on a thread or task of yours.
    #[must_use]
    pub fn warm(&self) -> Warm<V> {
        Warm::new(self.clone())
    }

    pub(crate) fn waiter(&self) -> Waiter {
        self.inner.log.waiter()
    }
}

/// The rows of a view as they were at one moment.
///
/// It keeps old versions of rows from being cleaned up: drop it when done.
#[derive(Clone)]
pub struct Snapshot {
    rows: Arc<dyn Read>,
    sub: Sub,
    last: Change,
}

impl std::fmt::Debug for Snapshot {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Snapshot").field("last", &self.last).finish_non_exhaustive()
    }
}

impl Snapshot {
    /// The last node that had been mapped.
    #[must_use]
    pub const fn last(&self) -> Change {
        self.last
    }

    /// A row. One point read.
    ///
    /// # Errors
    ///
    /// What the store says.
    pub fn get(&self, key: &[u8]) -> Result<Option<Bytes>, Error> {
        Ok(self.rows.get(self.sub, &view_key(key))?)
    }

    /// The rows of a range, in `order` of their keys.
    ///
    /// # Errors
    ///
    /// As an item: what the store says.
    pub fn range(
        &self,
        range: impl Into<KeyRange>,
        order: Order,
    ) -> impl Iterator<Item = Result<Row, Error>> + '_ {
        let rows = self.rows.range(self.sub, view_range(&range.into()), order);
        rows.map(|row| Ok(row_of_view(row?)))
    }
}

impl<V: View> Inner<V> {
    pub(crate) fn state(&self) -> MutexGuard<'_, State> {
        // What is in there is changed only after the store was.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn sub(&self) -> RwLockReadGuard<'_, Sub> {
        self.sub.read().unwrap_or_else(PoisonError::into_inner)
    }

    /// What the rows have to reach: the epoch and the last node.
    pub(crate) fn target(&self) -> (u64, Change) {
        (self.log.epoch(), self.log.last())
    }

    pub(crate) fn has_reached(&self, (epoch, last): (u64, Change)) -> bool {
        // In this order: rows of a new epoch begin with nothing.
        self.epoch.load(Ordering::Acquire) > epoch && self.last.load(Ordering::Acquire) >= last.0
    }

    /// Maps nodes until the rows are that far.
    fn reach(&self, target: (u64, Change), mut progress: impl FnMut(Progress)) -> Result<(), Error> {
        while !self.has_reached(target) {
            if let Some(told) = self.step(target)? {
                progress(told);
            }
        }
        Ok(())
    }

    /// The sub-level of rows that have caught up. While the guard is held, nobody throws them away.
    fn caught_up(&self) -> Result<RwLockReadGuard<'_, Sub>, Error> {
        let target = self.target();
        loop {
            self.reach(target, |_| {})?;
            let sub = self.sub();
            // Somebody may have thrown the rows away before they were held.
            if self.has_reached(target) {
                return Ok(sub);
            }
        }
    }

    /// Shows readers how far the rows are.
    pub(crate) fn publish(&self, state: &State) {
        let last = state.last();
        if state.rebuild.is_some() {
            self.epoch.store(0, Ordering::Release);
        }
        self.last.store(last.0, Ordering::Release);
        if state.rebuild.is_none() {
            self.epoch.store(state.begun.epoch().saturating_add(1), Ordering::Release);
        }
    }

    /// Applies a commit of the view.
    pub(crate) fn apply(&self, batch: Batch) -> Result<(), Error> {
        // It is derived: what a power cut takes is mapped once more. So it need not wait for the disk.
        Ok(self.level.apply(batch, Durability::Buffered)?)
    }

    /// Removes all rows, the cursor among them.
    pub(crate) fn throw_away(&self, state: &mut State) -> Result<(), Error> {
        self.epoch.store(0, Ordering::Release);
        let mut sub = self.sub.write().unwrap_or_else(PoisonError::into_inner);
        // Until it went well, the next step begins with it once more: nothing is mapped over old rows.
        (state.cursor, state.building) = (None, false);
        self.level.remove(&self.name)?;
        *sub = self.level.sub(&self.name)?;
        drop(sub);
        state.building = true;
        self.publish(state);
        Ok(())
    }
}
