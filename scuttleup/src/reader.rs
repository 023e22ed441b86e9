//! Reading the local order: a range of it, either way, or live.
//!
//! A live reader holds a place in the local order, sleeps until something is stored, and reads the store
//! again. A slow one never loses an entry and never makes memory grow; an idle one costs nothing.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use level::Order;

use crate::entry::Entry;
use crate::error::Error;
use crate::ids::{Change, Seq, WriterId};
use crate::log::Log;

/// Which entries to read. Without options: all that are stored when the reader is made, oldest first.
#[derive(Clone, Debug, Default)]
#[must_use]
pub struct Read {
    since: Option<Change>,
    until: Option<Change>,
    limit: Option<u64>,
    reverse: bool,
    live: bool,
    tail: bool,
    after: BTreeMap<WriterId, Seq>,
}

impl Read {
    /// Everything that is stored now.
    pub fn all() -> Self {
        Self::default()
    }

    /// Only entries after this one: exclusive.
    pub const fn since(mut self, change: Change) -> Self {
        self.since = Some(change);
        self
    }

    /// Only entries before this one: exclusive.
    pub const fn until(mut self, change: Change) -> Self {
        self.until = Some(change);
        self
    }

    /// Of the writers named, only entries above the number named.
    pub fn after(mut self, seen: impl IntoIterator<Item = (WriterId, Seq)>) -> Self {
        self.after.extend(seen);
        self
    }

    /// At most so many entries; then the reader ends, a live one too. 0 reads none.
    pub const fn limit(mut self, entries: u64) -> Self {
        self.limit = Some(entries);
        self
    }

    /// Newest first. A reader that is live cannot be; it reads forwards.
    pub const fn reverse(mut self, reverse: bool) -> Self {
        self.reverse = reverse;
        self
    }

    /// Goes on with entries as they become visible, instead of ending.
    pub const fn live(mut self, live: bool) -> Self {
        self.live = live;
        self
    }

    /// Leaves out what is stored when the reader is made: with `live`, only what comes later.
    pub const fn tail(mut self, tail: bool) -> Self {
        self.tail = tail;
        self
    }
}

/// Entries, read as [`Read`] says; an error is the last item. As an iterator it blocks while it is live and nothing is new;
/// [`recv`](Self::recv) waits without blocking the thread.
#[derive(Debug)]
pub struct Reader {
    log: Log,
    what: Read,
    /// Entries that were fetched and not given out. Bounded by `Limits::read_entries` and `read_bytes`.
    fetched: VecDeque<Entry>,
    /// Forwards: the last entry that was fetched. Backwards: the one after it.
    at: Change,
    /// The last entry that a reader which is not live will give.
    end: Change,
    left: u64,
    /// An error is the last item: what comes after a damaged row cannot be told from what is missing.
    failed: bool,
    stopped: Arc<AtomicBool>,
}

/// Ends a live reader, or whoever else waits for a log, from elsewhere.
#[derive(Clone, Debug)]
pub struct Stop {
    log: std::sync::Weak<crate::log::Inner>,
    stopped: Arc<AtomicBool>,
}

impl Stop {
    pub(crate) fn new(log: &Log, stopped: &Arc<AtomicBool>) -> Self {
        Self { log: Arc::downgrade(&log.inner), stopped: Arc::clone(stopped) }
    }

    /// A reader ends once it has given out what it already fetched.
    pub fn stop(&self) {
        self.stopped.store(true, Ordering::Release);
        if let Some(log) = self.log.upgrade() {
            log.wake.notify(usize::MAX);
        }
    }
}

/// What a reader has for its caller right now.
#[expect(
    clippy::large_enum_variant,
    reason = "it is passed on at once, never kept; a box would cost an allocation an entry"
)]
enum Step {
    Entry(Entry),
    Wait,
    End,
}

impl Reader {
    pub(crate) fn new(log: Log, mut what: Read) -> Self {
        let last = if what.live { log.visible() } else { log.last() };
        let end = what.until.map_or(last, |until| last.min(Change(until.0.saturating_sub(1))));
        let since = what.since.unwrap_or_default();
        let start = if what.tail { last.max(since) } else { since };
        what.since = Some(start);
        let at =
            if what.reverse && !what.live { Change(end.0.max(start.0).saturating_add(1)) } else { start };
        let left = what.limit.unwrap_or(u64::MAX);
        let stopped = Arc::new(AtomicBool::new(false));
        Self { log, what, fetched: VecDeque::new(), at, end, left, failed: false, stopped }
    }

    /// Something that ends this reader from another thread or task.
    #[must_use]
    pub fn stop_handle(&self) -> Stop {
        Stop::new(&self.log, &self.stopped)
    }

    /// The next entry, if there is one now. Never waits, live or not.
    pub fn try_next(&mut self) -> Option<Result<Entry, Error>> {
        match self.step() {
            Ok(Step::Entry(entry)) => Some(Ok(entry)),
            Ok(Step::Wait | Step::End) => None,
            Err(error) => Some(Err(error)),
        }
    }

    /// Waits for the next entry. None at the end, which a live reader without a limit never reaches.
    pub async fn recv(&mut self) -> Option<Result<Entry, Error>> {
        let mut woken = None;
        loop {
            match self.step() {
                Ok(Step::Entry(entry)) => return Some(Ok(entry)),
                Ok(Step::End) => return None,
                Err(error) => return Some(Err(error)),
                // Looks once more after it began to listen, so that nothing is stored unseen in between.
                Ok(Step::Wait) => match woken.take() {
                    None => woken = Some(self.log.inner.wake.listen()),
                    Some(woken) => woken.await,
                },
            }
        }
    }

    fn step(&mut self) -> Result<Step, Error> {
        loop {
            if self.left == 0 {
                return Ok(Step::End);
            }
            if let Some(entry) = self.fetched.pop_front() {
                if self.what.after.get(&entry.writer()).is_some_and(|seen| entry.seq() <= *seen) {
                    continue;
                }
                self.left -= 1;
                return Ok(Step::Entry(entry));
            }
            if self.failed || self.stopped.load(Ordering::Acquire) {
                return Ok(Step::End);
            }
            self.failed = true;
            let fetched = self.fetch()?;
            self.failed = false;
            if fetched == 0 {
                return Ok(if self.may_go_on() { Step::Wait } else { Step::End });
            }
        }
    }

    /// The last entry that there is to give, as of now.
    fn end_now(&self) -> Change {
        if !self.what.live {
            return self.end;
        }
        let visible = self.log.visible();
        self.what.until.map_or(visible, |until| visible.min(Change(until.0.saturating_sub(1))))
    }

    /// Whether a live reader that has given everything may get more.
    fn may_go_on(&self) -> bool {
        self.what.live && self.what.until.is_none_or(|until| self.at.0.saturating_add(1) < until.0)
    }

    /// Fetches a bounded number of entries; returns how many.
    fn fetch(&mut self) -> Result<usize, Error> {
        let backwards = self.what.reverse && !self.what.live;
        let (from, to, order) = if backwards {
            let floor = self.what.since.unwrap_or_default();
            (Change(floor.0.saturating_add(1)), Change(self.at.0.saturating_sub(1)), Order::Descending)
        } else {
            (Change(self.at.0.saturating_add(1)), self.end_now(), Order::Ascending)
        };
        if from > to {
            return Ok(0);
        }
        let limits = &self.log.inner.limits;
        let mut bytes = 0;
        for entry in self.log.inner.store.entries(from, to, order) {
            let entry = match entry {
                // What was read before the fault is given out first; the next fetch begins with it.
                Err(_) if !self.fetched.is_empty() => break,
                entry => entry?,
            };
            self.at = entry.change();
            bytes += entry.header().size();
            self.fetched.push_back(entry);
            if bytes >= limits.read_bytes || self.fetched.len() >= limits.read_entries {
                break;
            }
        }
        // The range was not empty: what is in it is stored.
        if self.fetched.is_empty() {
            return Err(Error::damaged(format!(
                "entries {from} to {to} of the local order, which are missing"
            )));
        }
        Ok(self.fetched.len())
    }
}

#[cfg(not(target_family = "wasm"))]
impl Iterator for Reader {
    type Item = Result<Entry, Error>;

    fn next(&mut self) -> Option<Self::Item> {
        let mut woken = None;
        loop {
            match self.step() {
                Ok(Step::Entry(entry)) => return Some(Ok(entry)),
                Ok(Step::End) => return None,
                Err(error) => return Some(Err(error)),
                Ok(Step::Wait) => match woken.take() {
                    None => woken = Some(self.log.inner.wake.listen()),
                    Some(woken) => event_listener::Listener::wait(woken),
                },
            }
        }
    }
}
