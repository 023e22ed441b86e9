//! The branches of all writers: where each ends, and what it grew from.
//!
//! A writer's log is a chain through `prev`. A writer that forks has several branches: each new one
//! starts where an entry names a `prev` that already has a successor. The table is small (a row a
//! branch) and is held in memory.

use std::collections::BTreeMap;

use crate::entry::{BranchNo, Entry, Place};
use crate::ids::{Change, EntryId, Seq, WriterId};

/// The last entry of a branch of a writer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Tip {
    /// Whose branch.
    pub writer: WriterId,
    /// Number of its last entry.
    pub seq: Seq,
    /// Id of its last entry.
    pub id: EntryId,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Branch {
    pub(crate) writer: WriterId,
    /// The branch it grew from and the last entry that both share; none when it starts at seq 1.
    pub(crate) root: Option<(BranchNo, Seq)>,
    pub(crate) tip_seq: Seq,
    pub(crate) tip_id: EntryId,
    pub(crate) tip_change: Change,
}

impl Branch {
    pub(crate) const fn tip(&self) -> Tip {
        Tip { writer: self.writer, seq: self.tip_seq, id: self.tip_id }
    }
}

/// How to climb from a branch to those that it grew from.
#[derive(Clone, Copy, Debug)]
struct Way {
    /// How many branches lie above.
    depth: u32,
    /// A branch far above and the last entry on it that lies on the way; none at the top. How far depends on the depth
    /// alone: these are the jump pointers of Myers, "An applicative random-access stack" (1983).
    jump: Option<Place>,
}

/// Where an entry goes: onto the end of a branch, or beside one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Landed {
    pub(crate) branch: BranchNo,
    /// Whether its number does not follow from the entry before it: a new stretch begins.
    pub(crate) starts_stretch: bool,
}

#[derive(Debug, Default)]
pub(crate) struct Chains {
    branches: Vec<Branch>,
    /// One a branch. A writer can nest as many forks as it likes, so nobody climbs them one by one.
    ways: Vec<Way>,
    of_writer: BTreeMap<WriterId, Vec<BranchNo>>,
    /// The branches of writers with many of them, by where they end. The few of other writers are looked
    /// through, which is faster than to keep a map of what changes with every entry.
    crowded: BTreeMap<EntryId, BranchNo>,
}

/// A writer with more branches is crowded. A peer can make as many as it likes.
const FEW: usize = 8;

impl Chains {
    /// Adds a branch as it was stored. `None` when it refers to one that is not there.
    pub(crate) fn load(&mut self, branch: Branch) -> Option<BranchNo> {
        let no = BranchNo(u32::try_from(self.branches.len()).ok()?);
        if branch.root.is_some_and(|(root, _)| root >= no) {
            return None;
        }
        self.ways.push(self.way_above(&branch)?);
        self.branches.push(branch);
        let of_writer = self.of_writer.entry(branch.writer).or_default();
        of_writer.push(no);
        // The first time all that were few until now, then the new one.
        let newly = match of_writer.len() {
            few if few <= FEW => 0,
            few if few == FEW + 1 => few,
            _ => 1,
        };
        for no in of_writer.iter().rev().take(newly) {
            if let Some(branch) = self.branches.get(no.0 as usize) {
                self.crowded.insert(branch.tip_id, *no);
            }
        }
        Some(no)
    }

    pub(crate) fn len(&self) -> usize {
        self.branches.len()
    }

    pub(crate) fn get(&self, no: BranchNo) -> Option<&Branch> {
        self.branches.get(no.0 as usize)
    }

    pub(crate) fn of(&self, writer: &WriterId) -> &[BranchNo] {
        self.of_writer.get(writer).map_or(&[], Vec::as_slice)
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = (BranchNo, &Branch)> {
        (0..).map(BranchNo).zip(&self.branches)
    }

    /// The branches of writers that forked.
    pub(crate) fn forked(&self) -> Vec<(BranchNo, Branch)> {
        let forked = self.of_writer.values().filter(|branches| branches.len() > 1).flatten();
        forked.filter_map(|no| Some((*no, *self.get(*no)?))).collect()
    }

    pub(crate) fn writers(&self) -> usize {
        self.of_writer.len()
    }

    /// Whether entry `seq` of branch `inner` lies on the way to the end of branch `outer`. O(log nesting of forks).
    pub(crate) fn passes(&self, outer: BranchNo, inner: BranchNo, seq: Seq) -> bool {
        self.below(Place { branch: outer, seq: Seq(u64::MAX) }, inner).is_some_and(|last| seq <= last)
    }

    /// Whether an entry is `tip`, or stands before it in its writer's log. O(log nesting of forks).
    pub(crate) fn reaches(&self, tip: &Entry, entry: &Entry) -> bool {
        let same = tip.writer() == entry.writer() && tip.seq() >= entry.seq();
        same && self.passes(tip.branch, entry.branch, entry.seq())
    }

    /// The last entry on `branch` itself that lies on the way to `tip`; none when the way does not lead over it.
    /// O(log nesting of forks).
    pub(crate) fn below(&self, tip: Place, branch: BranchNo) -> Option<Seq> {
        let place = self.climb(tip, self.way(branch)?.depth)?;
        (place.branch == branch).then_some(place.seq)
    }

    /// The last entry that lies on the way to both; none when they share nothing. O(log nesting of forks).
    pub(crate) fn meet(&self, a: Place, b: Place) -> Option<Place> {
        let depth = self.way(a.branch)?.depth.min(self.way(b.branch)?.depth);
        let (mut a, mut b) = (self.climb(a, depth)?, self.climb(b, depth)?);
        while a.branch != b.branch {
            // Both jump equally far. Where that leads to one branch they may have met before it.
            (a, b) = match (self.way(a.branch)?.jump, self.way(b.branch)?.jump) {
                (Some(a), Some(b)) if a.branch != b.branch => (a, b),
                _ => (self.root(a.branch)?, self.root(b.branch)?),
            };
        }
        Some(Place { branch: a.branch, seq: a.seq.min(b.seq) })
    }

    /// Where the way to a place leaves the branch at `depth` above it; the place itself when it lies no deeper.
    fn climb(&self, mut place: Place, depth: u32) -> Option<Place> {
        loop {
            let way = self.way(place.branch)?;
            if way.depth <= depth {
                return Some(place);
            }
            let is_below = |jump: &Place| self.way(jump.branch).is_some_and(|way| way.depth >= depth);
            place = way.jump.filter(is_below).or_else(|| self.root(place.branch))?;
        }
    }

    fn way(&self, no: BranchNo) -> Option<Way> {
        self.ways.get(no.0 as usize).copied()
    }

    fn root(&self, no: BranchNo) -> Option<Place> {
        self.get(no)?.root.map(|(branch, seq)| Place { branch, seq })
    }

    fn way_above(&self, branch: &Branch) -> Option<Way> {
        let Some((root, seq)) = branch.root else { return Some(Way { depth: 0, jump: None }) };
        let above = self.way(root)?;
        let near = Place { branch: root, seq };
        Some(Way { depth: above.depth.checked_add(1)?, jump: Some(self.twice(above).unwrap_or(near)) })
    }

    /// Where two jumps of the same length lead: one jump of the next branch takes their place.
    fn twice(&self, way: Way) -> Option<Place> {
        let first = self.way(way.jump?.branch)?;
        let second = self.way(first.jump?.branch)?;
        if way.depth - first.depth == first.depth - second.depth { first.jump } else { None }
    }

    /// The branch of a writer that ends in `id`.
    pub(crate) fn ending_in(&self, writer: &WriterId, id: &EntryId) -> Option<BranchNo> {
        let branches = self.of(writer);
        if branches.len() > FEW {
            return self.crowded.get(id).copied();
        }
        branches.iter().copied().find(|no| self.get(*no).is_some_and(|branch| branch.tip_id == *id))
    }

    /// Puts an entry after `prev`, which the caller looked up, and says where it landed.
    pub(crate) fn place(&mut self, new: Tip, prev: Option<Prev>, change: Change) -> Landed {
        match prev {
            Some(Prev::Tip(no)) => self.extend(no, new, change),
            Some(Prev::Inside(root, seq)) => self.grow(new, Some((root, seq)), change),
            None => self.grow(new, None, change),
        }
    }

    fn extend(&mut self, no: BranchNo, new: Tip, change: Change) -> Landed {
        let crowded = self.of(&new.writer).len() > FEW;
        let branch =
            self.branches.get_mut(no.0 as usize).expect("the caller saw that this branch ends in `prev`");
        if crowded {
            self.crowded.remove(&branch.tip_id);
            self.crowded.insert(new.id, no);
        }
        let starts_stretch = branch.tip_change.0 + 1 != change.0;
        (branch.tip_seq, branch.tip_id, branch.tip_change) = (new.seq, new.id, change);
        Landed { branch: no, starts_stretch }
    }

    fn grow(&mut self, new: Tip, root: Option<(BranchNo, Seq)>, change: Change) -> Landed {
        let Tip { writer, seq: tip_seq, id: tip_id } = new;
        let branch = self.load(Branch { writer, root, tip_seq, tip_id, tip_change: change });
        let branch = branch
            .expect("the number of branches was checked, and a root is stored before what grows from it");
        Landed { branch, starts_stretch: true }
    }
}

/// Where the entry before a new one lies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Prev {
    /// At the end of this branch.
    Tip(BranchNo),
    /// Inside a branch, at this number: the new entry forks it.
    Inside(BranchNo, Seq),
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn writer(seed: u8) -> WriterId {
        crate::Identity::from_seed(&[seed; 32]).writer()
    }

    fn id(n: usize) -> EntryId {
        let mut id = [0; 32];
        id[..8].copy_from_slice(&(n as u64).to_be_bytes());
        EntryId::from_bytes(id)
    }

    /// Entries one by one: where each lies, and which it follows.
    #[derive(Default)]
    struct Tree {
        chains: Chains,
        places: Vec<Place>,
        prevs: Vec<Option<usize>>,
    }

    impl Tree {
        fn grow(&mut self, writer: WriterId, prev: Option<usize>) {
            let n = self.places.len();
            let after = prev.map(|prev| match self.chains.ending_in(&writer, &id(prev)) {
                Some(no) => Prev::Tip(no),
                None => Prev::Inside(self.places[prev].branch, self.places[prev].seq),
            });
            let seq = Seq(prev.map_or(0, |prev| self.places[prev].seq.0) + 1);
            let landed = self.chains.place(Tip { writer, seq, id: id(n) }, after, Change(n as u64 + 1));
            self.places.push(Place { branch: landed.branch, seq });
            self.prevs.push(prev);
        }

        /// The entry and all before it, the last first.
        fn way(&self, n: usize) -> Vec<usize> {
            std::iter::successors(Some(n), |n| self.prevs[*n]).collect()
        }
    }

    /// Two writers. Each step follows an early entry, a late one, or none, so that some trees are deep, others broad.
    fn tree(steps: &[(u8, usize)]) -> Tree {
        let mut tree = Tree::default();
        let mut own: [Vec<usize>; 2] = Default::default();
        for (n, (kind, pick)) in steps.iter().enumerate() {
            let who = usize::from(kind % 8 == 0);
            let back = if kind % 3 == 0 { *pick } else { pick % 3 };
            let len = own[who].len();
            let prev = if kind % 16 == 7 || len == 0 { None } else { Some(own[who][len - 1 - back % len]) };
            tree.grow(writer(who as u8 + 1), prev);
            own[who].push(n);
        }
        tree
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(200) })]

        #[test]
        fn meets_are_those_that_a_walk_through_prev_finds(
            steps in prop::collection::vec((any::<u8>(), 0..60usize), 1..60),
        ) {
            let tree = tree(&steps);
            let ways: Vec<Vec<usize>> = (0..steps.len()).map(|n| tree.way(n)).collect();
            for (a, way) in ways.iter().enumerate() {
                for (b, other) in ways.iter().enumerate() {
                    let walked = way.iter().find(|n| other.contains(n)).map(|n| tree.places[*n]);
                    prop_assert_eq!(tree.chains.meet(tree.places[a], tree.places[b]), walked);
                }
                for (no, branch) in tree.chains.iter() {
                    let walked = way.iter().map(|n| tree.places[*n]).find(|place| place.branch == no);
                    prop_assert_eq!(tree.chains.below(tree.places[a], no), walked.map(|place| place.seq));
                    let on_way = |seq| walked.is_some_and(|place| seq <= place.seq);
                    if branch.tip_id == id(a) {
                        for seq in (1..=branch.tip_seq.0).map(Seq) {
                            prop_assert_eq!(tree.chains.passes(tree.places[a].branch, no, seq), on_way(seq));
                        }
                    }
                }
            }
        }
    }

    const NESTED: u32 = 100_000;

    /// Branch n + 1 leaves branch n at entry n + 1, and each has one entry more than that.
    fn nested() -> Chains {
        let (mut chains, writer) = (Chains::default(), writer(1));
        for no in 0..NESTED {
            let tip_seq = Seq(u64::from(no) + 2);
            chains.load(Branch {
                writer,
                root: no.checked_sub(1).map(|root| (BranchNo(root), Seq(u64::from(no)))),
                tip_seq,
                tip_id: id(no as usize),
                tip_change: Change(tip_seq.0),
            });
        }
        chains
    }

    #[test]
    fn no_way_is_long_however_deep_forks_are_nested() {
        let chains = nested();
        let steps = |mut no: BranchNo| {
            let mut steps = 0;
            while let Some(jump) = chains.way(no).unwrap().jump {
                (no, steps) = (jump.branch, steps + 1);
            }
            steps
        };
        let longest = (0..NESTED).map(BranchNo).map(steps).max().unwrap();
        assert!((10..=40).contains(&longest), "{longest} jumps to the top of {NESTED} branches");
    }

    #[test]
    fn meets_below_many_nested_forks_are_found_at_once() {
        let chains = nested();
        let mut random = 1u64;
        let mut pick = || {
            random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            BranchNo((random >> 33) as u32 % NESTED)
        };
        // One by one these would be billions of steps.
        for _ in 0..100_000 {
            let (a, b) = (pick().min(pick()), pick());
            let (a, b) = (a.min(b), a.max(b));
            let end = |no: BranchNo| Place { branch: no, seq: Seq(u64::from(no.0) + 2) };
            let met = if a == b { end(a) } else { Place { branch: a, seq: Seq(u64::from(a.0) + 1) } };
            assert_eq!(chains.meet(end(a), end(b)), Some(met));
            assert_eq!(chains.below(end(b), a), Some(met.seq));
            assert_eq!(chains.below(end(a), b), (a == b).then_some(met.seq));
        }
    }

    #[test]
    fn a_branch_that_is_not_there_meets_nothing() {
        let chains = tree(&[(1, 0), (1, 0)]).chains;
        let (here, nowhere) =
            (Place { branch: BranchNo(0), seq: Seq(1) }, Place { branch: BranchNo(9), seq: Seq(1) });
        assert_eq!(chains.meet(here, here), Some(here));
        assert_eq!((chains.meet(here, nowhere), chains.below(here, BranchNo(9))), (None, None));
        assert_eq!(chains.below(nowhere, BranchNo(0)), None);
    }
}
