//! Where the peer's branches and ours part: what it names is looked up, and what is here is named to it.

use std::collections::BTreeSet;

use replicate::{Key, Point, prefix};

use super::LogExchange;
use super::book::Source;
use crate::chains::Chains;
use crate::entry::BranchNo;
use crate::error::Error;
use crate::ids::Seq;

/// Ids that begin alike and are looked through for the one that was named. It takes about 2^64 hashes to make
/// two of them.
const ALIKE_MAX: usize = 16;
/// Steps from branch to root that the samples of a writer take in all, while the log waits. A writer can nest
/// forks as deep as there are branches. What is not sampled is sent, and may have been there.
const STEPS_MAX: usize = 1 << 20;

impl LogExchange {
    pub(super) fn note_tip(&mut self, place: usize) {
        let Some((tip, branch)) = self.snapshot.tips.get(place).zip(self.snapshot.branches.get(place)) else {
            return;
        };
        let Self { log, book, .. } = self;
        log.while_nobody_writes(|chains, _| book.note(chains, *branch, Seq(tip.seq), Source::Named));
    }

    pub(super) fn note_point(&mut self, point: &Point) -> Result<bool, Error> {
        let found = self.find(point)?;
        #[cfg(feature = "testing")]
        if found.is_none() && self.defect == Some(super::Defect::NoLocate) {
            self.assume(point);
        }
        let Some(branch) = found else { return Ok(false) };
        let Self { log, book, .. } = self;
        log.while_nobody_writes(|chains, _| book.note(chains, branch, Seq(point.seq), Source::Named));
        Ok(true)
    }

    /// The branch on which the entry lies.
    fn find(&self, point: &Point) -> Result<Option<BranchNo>, Error> {
        let store = &self.log.inner.store;
        for change in store.changes_by_prefix(&point.prefix).take(ALIKE_MAX) {
            let entry = store.by_change(change?)?;
            let named = entry.filter(|entry| {
                entry.writer().as_bytes() == &point.writer
                    && entry.seq().0 == point.seq
                    && prefix(entry.id().as_bytes()) == point.prefix
            });
            if let Some(entry) = named {
                return Ok(Some(entry.branch));
            }
        }
        Ok(None)
    }

    pub(super) fn sample(&self, writer: &Key, out: &mut Vec<Point>) -> Result<(), Error> {
        let places = self.log.while_nobody_writes(|chains, _| self.places_to_sample(writer, chains));
        let store = &self.log.inner.store;
        for (branch, seq) in places {
            let entry = self.log.present(store.change_on(branch, seq)?)?;
            out.push(Point { writer: *writer, seq: seq.0, prefix: prefix(entry.id().as_bytes()) });
        }
        Ok(())
    }

    /// Each entry once, however many branches lead through it.
    fn places_to_sample(&self, writer: &Key, chains: &Chains) -> BTreeSet<(BranchNo, Seq)> {
        let (mut places, mut steps) = (BTreeSet::new(), 0);
        let first = self.snapshot.tips.partition_point(|tip| tip.writer < *writer);
        let tips = self.snapshot.tips.iter().zip(&self.snapshot.branches).skip(first);
        for (tip, branch) in tips.take_while(|(tip, _)| tip.writer == *writer) {
            if self.book.has(*branch, Seq(tip.seq)) {
                continue;
            }
            let mut at = *branch;
            for seq in below(tip.seq) {
                while let Some((root, shared)) = chains.get(at).and_then(|branch| branch.root)
                    && seq <= shared
                {
                    at = root;
                    steps += 1;
                }
                places.insert((at, seq));
            }
            if steps > STEPS_MAX {
                break;
            }
        }
        places
    }
}

/// The numbers at distance 1, 2, 4 ... below a tip, and 1; descending. At most 64.
fn below(tip: u64) -> impl Iterator<Item = Seq> {
    let at = move |power| tip.checked_sub(1u64 << power).filter(|seq| *seq > 1);
    (0..u64::BITS - 1).map_while(at).chain((tip > 1).then_some(1)).map(Seq)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sampled(tip: u64) -> Vec<u64> {
        below(tip).map(|seq| seq.0).collect()
    }

    #[test]
    fn samples_lie_at_doubling_distances_and_end_with_the_first() {
        assert_eq!(sampled(1), [0u64; 0]);
        assert_eq!(sampled(2), [1]);
        assert_eq!(sampled(3), [2, 1]);
        assert_eq!(sampled(4), [3, 2, 1]);
        assert_eq!(sampled(10), [9, 8, 6, 2, 1]);
        assert_eq!(sampled(17), [16, 15, 13, 9, 1]);
        assert!(sampled(u64::MAX).len() <= 64);
        assert_eq!(sampled(u64::MAX).last(), Some(&1));
    }
}
