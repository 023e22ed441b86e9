//! Being told what changed.

use std::collections::{BTreeSet, VecDeque};

use bytes::Bytes;
use hyperlog::{Change, Encoding, Read, Stop, Waiter};

use crate::error::Error;
use crate::kv::HyperKv;
use crate::list::Entry;
use crate::op::Op;
use crate::select::Select;

/// Keys that were written, by us or by somebody else.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Changed {
    /// Which, each once.
    pub keys: BTreeSet<Bytes>,
    /// What stored nodes amount to has changed (nodes were voided or restored, values came or went): any key may hold
    /// something else now.
    pub any: bool,
}

/// Nodes that are looked at for one [`Changed`], so that it stays small.
const AT_ONCE: u64 = 4096;

/// Tells the keys that are written from now on, several writes at once where they come fast. As an iterator it blocks its
/// thread; [`recv`](Self::recv) waits without. Nothing is missed, however slow its reader is, and after an error the next call
/// tries again. Dropping it, or its [`stop_handle`](Self::stop_handle), ends it.
pub struct Watch<E> {
    kv: HyperKv<E>,
    select: Select,
    waiter: Waiter,
    /// The last node that was looked at.
    at: Change,
    epoch: u64,
    ended: bool,
}

impl<E> std::fmt::Debug for Watch<E> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Watch").field("at", &self.at).finish_non_exhaustive()
    }
}

impl<E: Encoding> HyperKv<E> {
    /// Tells which keys change from now on.
    pub fn watch(&self, select: Select) -> Watch<E> {
        // Made first: what is stored from here on wakes it.
        let waiter = self.inner.log.waiter();
        let (epoch, at) = (self.inner.log.epoch(), self.inner.log.visible());
        Watch { kv: self.clone(), select, waiter, at, epoch, ended: false }
    }

    /// Keys and what they hold, as they change from now on; with `old`, first all that there are. Each change is told at
    /// least once: what changes while the old ones are read can come twice. A key that changes faster than it is read
    /// comes once, as it is then. When any key may hold something else (see [`Changed::any`]),
    /// all that there are come again; one that is there no more, because its only write does not count, does not.
    ///
    /// # Errors
    ///
    /// What the log or the store says.
    pub fn live(&self, select: Select, old: bool) -> Result<Live<E>, Error> {
        let watch = self.watch(select.clone());
        // Read after the watch began: what is written in between comes twice rather than not at all.
        let rest = old.then(|| select.clone());
        Ok(Live { watch, left: select.limit, rest, due: VecDeque::new() })
    }
}

impl<E: Encoding> Watch<E> {
    /// Something that ends this from another thread or task.
    #[must_use]
    pub fn stop_handle(&self) -> Stop {
        self.waiter.stop_handle()
    }

    /// What changed, if something did. Never waits.
    pub fn try_next(&mut self) -> Option<Result<Changed, Error>> {
        self.look().transpose()
    }

    /// Waits until something changes. None once it was stopped.
    pub async fn recv(&mut self) -> Option<Result<Changed, Error>> {
        loop {
            if self.ended {
                return None;
            }
            if let Some(changed) = self.look().transpose() {
                return Some(changed);
            }
            self.ended = !self.waiter.recv().await;
        }
    }

    fn look(&mut self) -> Result<Option<Changed>, Error> {
        let log = &self.kv.inner.log;
        let epoch = log.epoch();
        let mut changed = Changed { any: epoch != self.epoch, ..Changed::default() };
        // Own writes that are not durable yet are not shown.
        while self.at < log.visible() && changed == Changed::default() {
            let until = Change(log.visible().0.saturating_add(1));
            let mut at = self.at;
            for node in log.changes(Read::all().since(at).until(until).limit(AT_ONCE)) {
                let node = node?;
                at = node.change;
                let key = node.value().and_then(Op::decode).map(|op| op.key);
                changed.keys.extend(key.filter(|key| self.select.keys().contains(key)));
            }
            // Only now: after an error all of it is read once more.
            self.at = at;
        }
        self.epoch = epoch;
        Ok((changed != Changed::default()).then_some(changed))
    }
}

#[cfg(not(target_family = "wasm"))]
impl<E: Encoding> Iterator for Watch<E> {
    type Item = Result<Changed, Error>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            if self.ended {
                return None;
            }
            if let Some(changed) = self.look().transpose() {
                return Some(changed);
            }
            self.ended = !self.waiter.wait();
        }
    }
}

/// Keys that are read at once.
const PAGE: u64 = 256;

/// Keys and what they hold, as they change. See [`HyperKv::live`].
pub struct Live<E> {
    watch: Watch<E>,
    left: u64,
    /// What is still to be read of what there was.
    rest: Option<Select>,
    due: VecDeque<Bytes>,
}

impl<E> std::fmt::Debug for Live<E> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Live").field("watch", &self.watch).finish_non_exhaustive()
    }
}

impl<E: Encoding> Live<E> {
    /// Something that ends this from another thread or task.
    #[must_use]
    pub fn stop_handle(&self) -> Stop {
        self.watch.stop_handle()
    }

    /// The next key, if there is one now. Never waits.
    pub fn try_next(&mut self) -> Option<Result<Entry<E::Value>, Error>> {
        loop {
            match self.next_due() {
                Ok(None) => {}
                found => return found.transpose(),
            }
            match self.watch.try_next()? {
                Ok(changed) => self.take_in(changed),
                Err(error) => return Some(Err(error)),
            }
        }
    }

    /// Waits for the next key. None at the limit, or once it was stopped.
    pub async fn recv(&mut self) -> Option<Result<Entry<E::Value>, Error>> {
        loop {
            match self.next_due() {
                Ok(None) if self.left > 0 => {}
                found => return found.transpose(),
            }
            match self.watch.recv().await? {
                Ok(changed) => self.take_in(changed),
                Err(error) => return Some(Err(error)),
            }
        }
    }

    /// What is known to be next.
    fn next_due(&mut self) -> Result<Option<Entry<E::Value>>, Error> {
        while self.left > 0 {
            let Some(key) = self.due.front().cloned() else {
                if self.read_page()? { continue } else { return Ok(None) }
            };
            let values = self.watch.kv.get(&key)?;
            // Only now: after an error it is read once more.
            self.due.pop_front();
            if self.watch.select.deleted || !values.is_deleted() {
                self.left -= 1;
                return Ok(Some(Entry { key, values }));
            }
        }
        Ok(None)
    }

    /// Reads keys that there were; false when there are no more.
    fn read_page(&mut self) -> Result<bool, Error> {
        let Some(select) = self.rest.clone() else { return Ok(false) };
        let page = usize::try_from(PAGE).unwrap_or(usize::MAX);
        let keys = self.watch.kv.keys(select.keys(), select.order)?.take(page);
        self.due = keys.collect::<Result<_, _>>()?;
        self.rest = self.due.back().filter(|_| self.due.len() == page).map(|last| match select.order {
            level::Order::Ascending => select.gt(last),
            level::Order::Descending => select.lt(last),
        });
        Ok(!self.due.is_empty())
    }

    fn take_in(&mut self, changed: Changed) {
        if changed.any {
            self.rest = Some(self.watch.select.clone());
        }
        self.due.extend(changed.keys);
    }
}

#[cfg(not(target_family = "wasm"))]
impl<E: Encoding> Iterator for Live<E> {
    type Item = Result<Entry<E::Value>, Error>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            match self.next_due() {
                Ok(None) if self.left > 0 => {}
                found => return found.transpose(),
            }
            match self.watch.next()? {
                Ok(changed) => self.take_in(changed),
                Err(error) => return Some(Err(error)),
            }
        }
    }
}
