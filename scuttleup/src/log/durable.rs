//! When entries become durable, and who may see them before.
//!
//! Waiting for the disk is shared: whoever comes first commits and syncs for all who came by then, while
//! the next ones gather (group commit).

use std::collections::VecDeque;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use super::{Inner, Log, State};
use crate::error::Error;
use crate::ids::Change;
use crate::sidecar::Mark;

pub(super) struct Durable {
    sync: Mutex<Sync>,
    /// Told when a turn of syncing ends.
    turn_ended: Condvar,
    pending: Mutex<Pending>,
    /// Last entry that peers and live readers may see; only grows.
    visible: AtomicU64,
}

struct Sync {
    /// Somebody is syncing; the others wait for the end of that turn.
    busy: bool,
    /// How many wait.
    waiting: usize,
    /// Commits that are durable, and the last entry in them.
    commits: u64,
    last: Change,
    /// When the sidecar itself was last synced, and how often it was rewritten since.
    sidecar_at: Option<Duration>,
    sidecar_lag: u32,
}

#[derive(Default)]
struct Pending {
    /// Commits with own entries that are not durable: commit and the entry before its first own one.
    own: VecDeque<(u64, Change)>,
    /// Bytes of entries that wait for a sync, and since when.
    bytes: usize,
    since: Option<Duration>,
    last: Change,
    /// The last commit that was applied.
    commit: u64,
}

impl Durable {
    pub(super) fn new(last: Change, commits: u64) -> Self {
        Self {
            sync: Mutex::new(Sync {
                busy: false,
                waiting: 0,
                commits,
                last,
                sidecar_at: None,
                sidecar_lag: 0,
            }),
            turn_ended: Condvar::new(),
            pending: Mutex::new(Pending { last, ..Pending::default() }),
            visible: AtomicU64::new(last.0),
        }
    }

    pub(super) fn visible(&self) -> Change {
        Change(self.visible.load(Ordering::Acquire))
    }

    fn sync(&self) -> MutexGuard<'_, Sync> {
        self.sync.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits until nobody syncs, and takes the turn; none when it became needless meanwhile. All who wait are
    /// woken together: then they gather for the next turn, instead of syncing one by one.
    fn turn(&self, is_needless: impl Fn(&Sync) -> bool) -> Option<Turn<'_>> {
        let mut sync = self.sync();
        loop {
            if is_needless(&sync) {
                return None;
            }
            if !sync.busy {
                sync.busy = true;
                return Some(Turn { durable: self });
            }
            sync.waiting += 1;
            sync = self.turn_ended.wait(sync).unwrap_or_else(PoisonError::into_inner);
            sync.waiting -= 1;
        }
    }

    fn pending(&self) -> MutexGuard<'_, Pending> {
        self.pending.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Publishes what may be seen now.
    fn publish(&self, pending: &Pending) {
        let visible = pending.own.front().map_or(pending.last, |(_, before)| *before);
        self.visible.fetch_max(visible.0, Ordering::AcqRel);
    }
}

/// The right to sync, alone. Taken before the log's state, never after it.
struct Turn<'a> {
    durable: &'a Durable,
}

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        let mut sync = self.durable.sync();
        sync.busy = false;
        // Waking is a call to the system, and mostly there is nobody to wake.
        if sync.waiting > 0 {
            self.durable.turn_ended.notify_all();
        }
    }
}

/// A batch that was applied and is not synced yet.
pub(super) struct Applied {
    pub(super) commit: u64,
    /// The last entry after the batch.
    pub(super) last: Change,
    /// The entry before the first own one of the batch.
    pub(super) before_own: Option<Change>,
    pub(super) bytes: usize,
}

impl Inner {
    /// Notes a batch that was applied just now. Called while the state is held, so in order.
    pub(super) fn note_applied(&self, applied: &Applied) {
        let now = self.clock.as_ref().map(|clock| clock.now());
        let mut pending = self.durable.pending();
        pending.last = applied.last;
        pending.commit = applied.commit;
        pending.bytes += applied.bytes;
        pending.since = pending.since.or(now);
        if let Some(before) = applied.before_own {
            pending.own.push_back((applied.commit, before));
        }
        self.durable.publish(&pending);
    }

    /// Syncs when something has waited for long, or much of it has.
    pub(super) fn sync_if_due(&self) -> Result<(), Error> {
        let due = {
            let pending = self.durable.pending();
            let waited = self
                .clock
                .as_ref()
                .zip(pending.since)
                .map(|(clock, since)| clock.now().saturating_sub(since));
            pending.bytes > self.limits.unsynced_bytes_max
                || waited.is_some_and(|waited| waited >= self.limits.sync_interval)
        };
        if due { self.sync_all() } else { Ok(()) }
    }

    /// Returns once everything that was appended or stored until now is durable.
    pub(super) fn sync_all(&self) -> Result<(), Error> {
        // Drafts have their numbers: whoever syncs up to the last of them has committed them all.
        let (commits, last) = {
            let state = self.state();
            (state.commits, Change(state.last.0 + state.drafts.len() as u64))
        };
        self.sync_unless(|sync| sync.commits >= commits && sync.last >= last)
    }

    /// Returns once the local order is durable up to `last`.
    pub(super) fn sync_entries(&self, last: Change) -> Result<(), Error> {
        self.sync_unless(|sync| sync.last >= last)
    }

    fn sync_unless(&self, is_done: impl Fn(&Sync) -> bool) -> Result<(), Error> {
        // Somebody may have synced for this caller while it waited for its turn.
        let Some(turn) = self.durable.turn(is_done) else { return Ok(()) };
        let Some(mark) = self.sync_store()? else { return Ok(()) };
        let due = self.sidecar_sync_is_due();
        if let Err(error) = self.store_sidecar(&mark, due) {
            // What was to be made durable is. The sidecar may lag, and is written again with the next entry.
            tracing::error!(%error, "until the sidecar can be written, an old copy of the database goes unnoticed");
        }
        drop(turn);
        Ok(())
    }

    fn store_sidecar(&self, mark: &Mark, synced: bool) -> Result<(), Error> {
        self.sidecar.store(mark, synced).map_err(Error::Sidecar)?;
        let now = self.clock.as_ref().map(|clock| clock.now());
        let mut sync = self.durable.sync();
        sync.sidecar_lag = if synced { 0 } else { sync.sidecar_lag + 1 };
        sync.sidecar_at = if synced { now } else { sync.sidecar_at.or(now) };
        Ok(())
    }

    fn sidecar_sync_is_due(&self) -> bool {
        let now = self.clock.as_ref().map(|clock| clock.now());
        let sync = self.durable.sync();
        match now.zip(sync.sidecar_at) {
            Some((now, at)) => now.saturating_sub(at) >= self.limits.sync_interval,
            None => sync.sidecar_lag >= self.limits.sidecar_lag_max,
        }
    }

    /// What was applied while the disk was busy goes on waiting.
    fn note_synced(&self, commits: u64, bytes: usize) {
        let now = self.clock.as_ref().map(|clock| clock.now());
        let mut pending = self.durable.pending();
        while pending.own.front().is_some_and(|(commit, _)| *commit <= commits) {
            pending.own.pop_front();
        }
        pending.bytes -= bytes;
        pending.since = if pending.commit > commits { now } else { None };
        self.durable.publish(&pending);
        drop(pending);
        self.wake.notify(usize::MAX);
    }

    /// Writes the sidecar as the store stands, and syncs both. The store first, and nobody else meanwhile:
    /// others may be appending, and the sidecar must not name what is not durable.
    pub(super) fn raise_sidecar(&self) -> Result<(), Error> {
        let turn = self.durable.turn(|_| false);
        if let Some(mark) = self.sync_store()? {
            self.store_sidecar(&mark, true)?;
        }
        drop(turn);
        Ok(())
    }

    /// Commits what waits, and makes durable what was applied until now; returns what the sidecar may say from
    /// then on: nothing while it knows of more than this store has, for it must not be lowered. The caller has the
    /// turn, so nobody else does this meanwhile.
    fn sync_store(&self) -> Result<Option<Mark>, Error> {
        let (commits, last, bytes, mark) = {
            let mut state = self.state();
            state.check_writable()?;
            self.write_drafts(&mut state)?;
            let mark = state.missing.is_none().then(|| state.mark(self.identity.writer()));
            (state.commits, state.last, self.durable.pending().bytes, mark)
        };
        if let Err(error) = self.store.level().sync() {
            self.state().poisoned = true;
            return Err(error.into());
        }
        // Shown first: who sees below that nothing is left to do tells a caller that may look for it at once.
        self.note_synced(commits, bytes);
        let mut sync = self.durable.sync();
        (sync.commits, sync.last) = (commits, last);
        drop(sync);
        Ok(mark)
    }
}

impl State {
    pub(super) fn check_writable(&self) -> Result<(), Error> {
        if self.poisoned { Err(Error::Poisoned) } else { Ok(()) }
    }
}

impl Log {
    /// Makes everything durable that was stored so far, and shows it to live readers and peers.
    ///
    /// # Errors
    ///
    /// What the store says; the log then takes no more writes until it is reopened.
    pub fn flush(&self) -> Result<(), Error> {
        self.inner.sync_all()
    }

    /// Makes the local order durable up to `last`, which is stored.
    pub(crate) fn flush_to(&self, last: Change) -> Result<(), Error> {
        self.inner.sync_entries(last)
    }
}

impl Drop for Inner {
    fn drop(&mut self) {
        let state = self.state();
        let guarded = !state.poisoned && state.missing.is_none();
        drop(state);
        let synced = if guarded { self.raise_sidecar() } else { self.sync_all() };
        match synced {
            // Whose write failed was told so then.
            Ok(()) | Err(Error::Poisoned) => {}
            Err(error) => tracing::error!(%error, "closing the log could not make everything durable"),
        }
    }
}
