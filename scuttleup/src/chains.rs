//! The branches of all writers: where each ends, and what it grew from.
//!
//! A writer's log is a chain through `prev`. A writer that forks has several branches: each new one
//! starts where an entry names a `prev` that already has a successor. The table is small (a row a
//! branch) and is held in memory.

use std::collections::BTreeMap;

use crate::entry::BranchNo;
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

/// Where an entry goes: onto the end of a branch, or beside one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Place {
    pub(crate) branch: BranchNo,
    /// Whether its number does not follow from the entry before it: a new stretch begins.
    pub(crate) starts_stretch: bool,
}

#[derive(Debug, Default)]
pub(crate) struct Chains {
    branches: Vec<Branch>,
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

    /// Whether entry `seq` of branch `inner` lies on the way to the end of branch `outer`. O(nesting of forks).
    pub(crate) fn passes(&self, outer: BranchNo, inner: BranchNo, seq: Seq) -> bool {
        let (mut at, mut shared) = (outer, Seq(u64::MAX));
        loop {
            if at == inner {
                return seq <= shared;
            }
            // Roots are stored before what grows from them, so this ends.
            match self.get(at).and_then(|branch| branch.root) {
                Some((root, last)) => (at, shared) = (root, last),
                None => return false,
            }
        }
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
    pub(crate) fn place(&mut self, new: Tip, prev: Option<Prev>, change: Change) -> Place {
        match prev {
            Some(Prev::Tip(no)) => self.extend(no, new, change),
            Some(Prev::Inside(root, seq)) => self.grow(new, Some((root, seq)), change),
            None => self.grow(new, None, change),
        }
    }

    fn extend(&mut self, no: BranchNo, new: Tip, change: Change) -> Place {
        let crowded = self.of(&new.writer).len() > FEW;
        let branch =
            self.branches.get_mut(no.0 as usize).expect("the caller saw that this branch ends in `prev`");
        if crowded {
            self.crowded.remove(&branch.tip_id);
            self.crowded.insert(new.id, no);
        }
        let starts_stretch = branch.tip_change.0 + 1 != change.0;
        (branch.tip_seq, branch.tip_id, branch.tip_change) = (new.seq, new.id, change);
        Place { branch: no, starts_stretch }
    }

    fn grow(&mut self, new: Tip, root: Option<(BranchNo, Seq)>, change: Change) -> Place {
        let Tip { writer, seq: tip_seq, id: tip_id } = new;
        let branch = self.load(Branch { writer, root, tip_seq, tip_id, tip_change: change });
        let branch = branch
            .expect("the number of branches was checked, and a root is stored before what grows from it");
        Place { branch, starts_stretch: true }
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
