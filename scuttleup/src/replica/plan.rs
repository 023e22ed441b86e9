//! What the peer lacks of the snapshot, branch by branch, so that what it has need not be read.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use super::LogExchange;
use crate::entry::BranchNo;
use crate::error::Error;
use crate::ids::{Change, Seq};
use crate::store::Store;

/// Of each branch that is not known to be done with, an entry such that nothing before it need be looked at;
/// the earliest first.
///
/// It is put right when it is asked, not when a branch moves on.
#[derive(Debug, Default)]
pub(super) struct Plan {
    due: BinaryHeap<Reverse<Due>>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Due {
    change: Change,
    branch: BranchNo,
    seq: Seq,
}

impl Plan {
    fn add(&mut self, store: &Store, branch: BranchNo, seq: Seq) -> Result<(), Error> {
        let change = store.change_on(branch, seq)?;
        self.due.push(Reverse(Due { change, branch, seq }));
        Ok(())
    }

    /// The first entry behind `at` that is to be looked at. `next` says which entry of a branch is the first to be,
    /// not before the one given.
    fn first_after(
        &mut self,
        at: Change,
        store: &Store,
        next: impl Fn(BranchNo, Seq) -> Option<Seq>,
    ) -> Result<Option<Change>, Error> {
        while let Some(Reverse(due)) = self.due.pop() {
            let Due { change, branch, seq } = due;
            let from = if change > at { seq } else { Seq(seq.0 + 1) };
            match next(branch, from) {
                Some(next) if next == seq => {
                    self.due.push(Reverse(due));
                    return Ok(Some(change));
                }
                Some(next) => self.add(store, branch, next)?,
                None => {}
            }
        }
        Ok(None)
    }
}

/// A branch of which the peer lacks something.
struct Lacking {
    branch: BranchNo,
    /// The first entry of the branch itself that the peer lacks, and the last.
    first: Seq,
    end: Seq,
    /// The peer does not take its writer.
    declined: bool,
}

impl LogExchange {
    /// Counts only: where much is lacking, reading from the beginning finds it.
    pub(super) fn make_plan(&mut self) -> u64 {
        let mut total = 0;
        for Lacking { branch, first, end, declined } in self.lacking() {
            total += end.0 - first.0 + 1;
            if declined {
                self.stops.stop(branch, first, end);
            }
        }
        if total == 0 {
            self.at = self.snapshot.last;
        }
        total
    }

    fn lacking(&self) -> Vec<Lacking> {
        let Self { log, snapshot, book, unit, theirs, .. } = self;
        log.while_nobody_writes(|chains, _| {
            let lacking = |(branch, end)| {
                let known = chains.get(branch)?;
                let shared = known.root.map_or(Seq(0), |(_, shared)| shared);
                let first = Seq(shared.max(book.last(branch)).max(unit.reached(branch)).0 + 1);
                let declined = !theirs.takes(known.writer.as_bytes());
                (first <= end).then_some(Lacking { branch, first, end, declined })
            };
            snapshot.ends().filter_map(lacking).collect()
        })
    }

    /// Goes to just before the next entry that the peer lacks; false when there is none.
    pub(super) fn seek(&mut self) -> Result<bool, Error> {
        let mut plan = match self.plan.take() {
            Some(plan) => plan,
            None => self.due()?,
        };
        let Self { log, snapshot, book, stops, unit, .. } = self;
        let next = |branch, from: Seq| {
            let passed = book.last(branch).max(unit.reached(branch));
            let seq = Seq(passed.0 + 1).max(from);
            (seq <= snapshot.end(branch) && !stops.lack(branch, seq, book)).then_some(seq)
        };
        let found = plan.first_after(self.at, &log.inner.store, next)?;
        self.plan = Some(plan);
        if let Some(change) = found {
            self.at = Change(change.0 - 1);
            self.skipped = 0;
        }
        Ok(found.is_some())
    }

    fn due(&self) -> Result<Plan, Error> {
        let mut plan = Plan::default();
        for Lacking { branch, first, .. } in self.lacking() {
            if !self.stops.lack(branch, first, &self.book) {
                plan.add(&self.log.inner.store, branch, first)?;
            }
        }
        Ok(plan)
    }
}
