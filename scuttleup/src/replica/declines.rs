//! What is left out because the peer declines a writer: that writer's entries, and what depends on them.
//!
//! Once an entry of a branch is left out, so is the rest of that branch. So a number a branch says it all, however
//! many entries that is.

use std::collections::BTreeMap;

use replicate::Wants;

use super::LogExchange;
use super::book::Book;
use crate::entry::{BranchNo, Entry};
use crate::error::Error;
use crate::ids::{EntryId, Seq};

/// Where branches stop.
#[derive(Debug, Default)]
pub(super) struct Stops {
    stops: BTreeMap<BranchNo, Stop>,
}

#[derive(Debug)]
struct Stop {
    /// The first entry that was left out.
    first: Seq,
    /// The last one.
    last: Seq,
}

impl Stops {
    pub(super) fn is_empty(&self) -> bool {
        self.stops.is_empty()
    }

    /// Leaves out a branch from `seq` on; `end` is where it ended when the session began.
    pub(super) fn stop(&mut self, branch: BranchNo, seq: Seq, end: Seq) {
        let stop = self.stops.entry(branch).or_insert(Stop { first: seq, last: end.max(seq) });
        stop.first = stop.first.min(seq);
        stop.last = stop.last.max(seq);
    }

    /// Whether an entry was left out, and the peer has it from nowhere else.
    pub(super) fn lack(&self, branch: BranchNo, seq: Seq, book: &Book) -> bool {
        self.stops.get(&branch).is_some_and(|stop| seq >= stop.first) && !book.has(branch, seq)
    }

    /// Whether an entry that the peer lacks cannot be sent because of what was left out before it on its branch.
    /// When the peer has got all of that elsewhere, the branch goes on.
    fn hold(&mut self, branch: BranchNo, seq: Seq, book: &Book) -> bool {
        let Some(stop) = self.stops.get_mut(&branch).filter(|stop| seq >= stop.first) else { return false };
        if seq.0 == book.last(branch).0 + 1 {
            self.stops.remove(&branch);
            return false;
        }
        stop.last = stop.last.max(seq);
        true
    }

    /// Entries that were left out and that the peer still lacks.
    pub(super) fn left_out(&self, book: &Book) -> u64 {
        let count = |(branch, stop): (&BranchNo, &Stop)| {
            let before = Seq(stop.first.0.saturating_sub(1)).max(book.last(*branch));
            stop.last.0.saturating_sub(before.0)
        };
        self.stops.iter().map(count).sum()
    }
}

impl LogExchange {
    /// Whether an entry that the peer lacks may be sent to it: the peer takes its writer, and has or will have
    /// what it names. If not, its branch stops.
    pub(super) fn may_send(&mut self, entry: &Entry) -> Result<bool, Error> {
        if self.theirs == Wants::All {
            return Ok(true);
        }
        let (branch, seq) = (entry.branch, entry.seq());
        if self.stops.hold(branch, seq, &self.book) {
            return Ok(false);
        }
        let may = self.theirs.takes(entry.writer().as_bytes()) && !self.names_what_is_left_out(entry)?;
        if !may {
            self.stops.stop(branch, seq, self.snapshot.end(branch));
        }
        Ok(may)
    }

    /// All that an entry names is stored before it, so it was looked at before: it was sent, or the peer has it, or
    /// its branch stopped.
    fn names_what_is_left_out(&self, entry: &Entry) -> Result<bool, Error> {
        if self.stops.is_empty() {
            return Ok(false);
        }
        if self.root_is_left_out(entry) {
            return Ok(true);
        }
        for parent in self.parents(entry) {
            let parent = self.log.inner.store.by_id(&parent)?;
            let parent =
                parent.ok_or_else(|| Error::damaged(format!("what entry {} names", entry.change())))?;
            if self.stops.lack(parent.branch, parent.seq(), &self.book) {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Of the first entry of a branch: whether what it grows from was left out.
    fn root_is_left_out(&self, entry: &Entry) -> bool {
        let root = self.log.while_nobody_writes(|chains, _| chains.get(entry.branch).and_then(|b| b.root));
        root.is_some_and(|(root, shared)| {
            entry.seq().0 == shared.0 + 1 && self.stops.lack(root, shared, &self.book)
        })
    }

    /// What an entry names besides the one before it.
    pub(super) fn parents(&self, entry: &Entry) -> Vec<EntryId> {
        let mut parents = Vec::new();
        self.log.extension().parents(&entry.header().ext, &mut parents);
        parents.retain(|parent| Some(*parent) != entry.header().prev);
        parents
    }
}
