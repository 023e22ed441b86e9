//! The one place where entries enter the store: our own and other people's alike.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::PoisonError;
use std::sync::atomic::Ordering;

use level::{Batch, Durability};

use super::durable::Applied;
use super::{Event, Inner, Log, State};
use crate::chains::{Prev, Tip};
use crate::entry::{BranchNo, Entry, Value};
use crate::error::Error;
use crate::extension::Committed;
use crate::fork::Fork;
use crate::group::Received;
use crate::header::Header;
use crate::ids::{Change, EntryId, Seq};
use crate::rows::{EXTENSION, Rows};
use crate::store::Arena;

/// An entry that passed every check and gets its place now.
pub(super) struct New {
    pub(super) received: Received,
    pub(super) ends_group: bool,
}

/// What a commit stored.
pub(super) struct Written {
    pub(super) entries: Vec<Entry>,
    pub(super) forks: Vec<Fork>,
    /// Entries that were stored before, and whose value came now.
    filled: Vec<Entry>,
    own: bool,
}

/// A batch in the making.
#[derive(Default)]
struct Making {
    batch: Batch,
    arena: Arena,
    /// Where its entries stand. A peer can send a group that forks at every entry, so they are looked up, not
    /// searched; a group that does not fork, which is nearly every one, never asks.
    places: BTreeMap<EntryId, (BranchNo, Seq)>,
    ids: BTreeMap<(BranchNo, Seq), EntryId>,
    indexed: usize,
}

impl Making {
    fn index(&mut self, entries: &[Entry]) {
        for entry in entries.iter().skip(self.indexed) {
            self.places.insert(entry.id, (entry.branch, entry.seq()));
            self.ids.insert((entry.branch, entry.seq()), entry.id);
        }
        self.indexed = entries.len();
    }
}

impl Inner {
    /// Applies entries as one batch: rows of entries, ids, branches, and what the layer above adds.
    ///
    /// The state in memory goes first, so from here on any failure poisons the log: the store is right,
    /// and reopening reads it again.
    pub(super) fn write(
        &self,
        state: &mut State,
        new: impl ExactSizeIterator<Item = New>,
        values: Vec<(Change, Value)>,
        own: bool,
    ) -> Result<(), Error> {
        state.check_writable()?;
        // Until it went well it went wrong: the layer above may panic in here, too.
        state.poisoned = true;
        let written = self.try_write(state, new, values, own)?;
        // A value that went is nobody's news.
        if !(written.entries.is_empty() && written.filled.is_empty()) {
            state.untold.push(written);
        }
        state.poisoned = false;
        Ok(())
    }

    fn try_write(
        &self,
        state: &mut State,
        new: impl ExactSizeIterator<Item = New>,
        values: Vec<(Change, Value)>,
        own: bool,
    ) -> Result<Written, Error> {
        let mut making = Making { arena: std::mem::take(&mut state.arena), ..Making::default() };
        let commit = state.commits + 1;
        let before_own = (own && new.len() > 0).then_some(state.last);
        let mut written =
            Written { entries: Vec::with_capacity(new.len()), forks: Vec::new(), filled: Vec::new(), own };
        for new in new {
            let (entry, fork) = self.place(state, &mut making, new, &written)?;
            state.last = entry.change;
            written.forks.extend(fork);
            written.entries.push(entry);
        }
        let mut valued = self.put_values(&mut making, values)?;
        let mut batch = making.batch;
        state.arena = making.arena;
        let touched = written.entries.iter().chain(&valued).map(|entry| entry.branch).collect();
        self.put_branches(state, &mut batch, &touched, commit);
        self.extend(state, &mut batch, &mut written.entries, &mut valued)?;
        written.filled = valued.into_iter().filter(|entry| matches!(entry.value, Value::Here(_))).collect();
        let bytes = batch.bytes();
        self.store.level().apply(batch, Durability::Buffered)?;
        self.extension.applied();
        state.commits = commit;
        state.own_stored = state.own;
        self.last.store(state.last.0, Ordering::Release);
        self.note_applied(&Applied { commit, last: state.last, before_own, bytes });
        Ok(written)
    }

    /// Has the layer above add its rows. Nobody is told of a value that it dropped.
    fn extend(
        &self,
        state: &mut State,
        batch: &mut Batch,
        new: &mut [Entry],
        valued: &mut [Entry],
    ) -> Result<(), Error> {
        let mut revalued = BTreeSet::new();
        let mut rows = Rows {
            store: &self.store,
            batch,
            prefix: EXTENSION.to_vec(),
            entries: new,
            chains: &state.chains,
            arena: &mut state.arena,
            revalued: &mut revalued,
        };
        if !new.is_empty() {
            self.extension.store(new, &mut rows)?;
        }
        if !valued.is_empty() {
            self.extension.revalue(valued, &mut rows)?;
        }
        for entry in new.iter_mut().chain(valued).filter(|entry| revalued.contains(&entry.change)) {
            entry.value = self.store.present_in(batch, entry.change)?.value;
        }
        Ok(())
    }

    /// Gives one entry its number and its branch. `so_far` holds what is not in the store yet.
    fn place(
        &self,
        state: &mut State,
        making: &mut Making,
        new: New,
        so_far: &Written,
    ) -> Result<(Entry, Option<Fork>), Error> {
        let New { received: Received { id, header, value, signature }, ends_group } = new;
        let change = Change(state.last.0 + 1);
        let prev = self.find_prev(state, &header, making, &so_far.entries)?;
        let sibling = self.find_sibling(state, &header, prev, making)?;
        let continues_own =
            header.writer == self.identity.writer() && state.own_tip().map(|tip| tip.id) == header.prev;
        let tip = Tip { writer: header.writer, seq: header.seq, id };
        let place = state.chains.place(tip, prev, change);
        // An own entry that comes back from a peer and continues what this store wrote is adopted.
        if so_far.own || (continues_own && sibling.is_none()) {
            state.own = Some(place.branch);
        }
        let fork = sibling.map(|other| Fork::new(tip.writer, tip.seq, id, other));
        let value = value.map_or(Value::Pending, Value::Here);
        state.lineage = state.lineage.then(&id);
        let (branch, lineage) = (place.branch, Some(state.lineage));
        let entry = Entry { change, id, header, value, signature, branch, ends_group, lineage };
        self.store.put_entry(&mut making.batch, &mut making.arena, &entry, place.starts_stretch);
        Ok((entry, fork))
    }

    fn find_prev(
        &self,
        state: &State,
        header: &Header,
        making: &mut Making,
        so_far: &[Entry],
    ) -> Result<Option<Prev>, Error> {
        let prev = match header.prev {
            Some(prev) => prev,
            // A second first entry: its sibling may be in this batch.
            None if state.chains.of(&header.writer).is_empty() => return Ok(None),
            None => {
                making.index(so_far);
                return Ok(None);
            }
        };
        if let Some(no) = state.chains.ending_in(&header.writer, &prev) {
            return Ok(Some(Prev::Tip(no)));
        }
        making.index(so_far);
        if let Some((branch, seq)) = making.places.get(&prev) {
            return Ok(Some(Prev::Inside(*branch, *seq)));
        }
        let stored = self.store.by_id(&prev)?;
        let stored = stored.ok_or_else(|| Error::damaged(format!("entry {prev}, which was verified")))?;
        Ok(Some(Prev::Inside(stored.branch, stored.seq())))
    }

    /// The entry that already stands where a new one goes: then the new one forks.
    fn find_sibling(
        &self,
        state: &State,
        header: &Header,
        prev: Option<Prev>,
        making: &Making,
    ) -> Result<Option<EntryId>, Error> {
        let branch = match prev {
            Some(Prev::Tip(_)) => return Ok(None),
            Some(Prev::Inside(branch, _)) => branch,
            None => match state.chains.of(&header.writer).first() {
                Some(first) => *first,
                None => return Ok(None),
            },
        };
        if let Some(id) = making.ids.get(&(branch, header.seq)) {
            return Ok(Some(*id));
        }
        let change = self.store.change_on(branch, header.seq)?;
        Ok(self.store.by_change(change)?.map(|entry| entry.id))
    }

    /// Every commit rewrites a branch, for its number stands there: also one that changes values only.
    fn put_branches(&self, state: &State, batch: &mut Batch, touched: &BTreeSet<BranchNo>, commit: u64) {
        for no in touched {
            if let Some(branch) = state.chains.get(*no) {
                self.store.put_branch(batch, *no, branch, commit);
            }
        }
        if let Some(own) = state.own.filter(|own| state.own_stored != Some(*own)) {
            self.store.put_own_branch(batch, &self.identity.writer(), own);
        }
    }

    /// Returns the entries with their new values.
    fn put_values(&self, making: &mut Making, values: Vec<(Change, Value)>) -> Result<Vec<Entry>, Error> {
        let mut valued = Vec::with_capacity(values.len());
        for (change, value) in values {
            let entry = self.store.by_change(change)?;
            let entry = entry.ok_or_else(|| Error::damaged(format!("entry {change}, which is missing")))?;
            let was = entry.value.clone();
            let entry = Entry { value, ..entry };
            self.store.put_value(&mut making.batch, &mut making.arena, &was, &entry);
            valued.push(entry);
        }
        Ok(valued)
    }

    /// Tells subscribers and live readers of what was committed, in order.
    pub(super) fn tell(&self) {
        let _in_order = self.telling.lock().unwrap_or_else(PoisonError::into_inner);
        let untold = std::mem::take(&mut self.state().untold);
        for written in &untold {
            self.tell_of(written);
        }
        self.wake.notify(usize::MAX);
    }

    fn tell_of(&self, Written { entries, forks, filled, own }: &Written) {
        self.extension.committed(&Committed { entries, filled, forks, own: *own });
        if self.events.is_heard() {
            for entry in entries {
                self.events.send(Event::Stored(entry.clone()));
            }
            for entry in filled {
                self.events.send(Event::Filled(entry.clone()));
            }
            for fork in forks {
                self.events.send(Event::Forked(*fork));
            }
        }
        for fork in forks {
            tracing::warn!(writer = %fork.writer, seq = %fork.seq, "a writer has two entries with one number");
        }
    }
}

impl Log {
    /// Sets values, where others are stored: what stays as it is makes no commit.
    pub(super) fn set_values(&self, values: Vec<(Change, Value)>) -> Result<(), Error> {
        let mut state = self.inner.state();
        self.inner.write_drafts(&mut state)?;
        let mut others = Vec::with_capacity(values.len());
        for (change, value) in values {
            if self.present(change)?.value != value {
                others.push((change, value));
            }
        }
        if !others.is_empty() {
            self.inner.write(&mut state, std::iter::empty(), others, true)?;
        }
        drop(state);
        self.inner.tell();
        Ok(())
    }
}
