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
    at_tip: BTreeMap<EntryId, BranchNo>,
}

impl Chains {
    /// Adds a branch as it was stored. `None` when it refers to one that is not there.
    pub(crate) fn load(&mut self, branch: Branch) -> Option<BranchNo> {
        let no = BranchNo(u32::try_from(self.branches.len()).ok()?);
        if branch.root.is_some_and(|(root, _)| root >= no) {
            return None;
        }
        self.of_writer.entry(branch.writer).or_default().push(no);
        self.at_tip.insert(branch.tip_id, no);
        self.branches.push(branch);
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

    pub(crate) fn writers(&self) -> usize {
        self.of_writer.len()
    }

    /// Whether a branch ends in `id`.
    pub(crate) fn ends_in(&self, id: &EntryId) -> bool {
        self.at_tip.contains_key(id)
    }

    /// Puts an entry after `prev` (the branch and number of which the caller looked up, unless it is a
    /// tip) and says where it landed.
    pub(crate) fn place(&mut self, new: Tip, prev: Option<Prev>, change: Change) -> Place {
        match prev {
            Some(Prev::Tip(id)) => {
                let no = self.at_tip.remove(&id).expect("the caller saw that `prev` is a tip");
                let branch = self.branches.get_mut(no.0 as usize).expect("tips name branches");
                let starts_stretch = branch.tip_change.0 + 1 != change.0;
                (branch.tip_seq, branch.tip_id, branch.tip_change) = (new.seq, new.id, change);
                self.at_tip.insert(new.id, no);
                Place { branch: no, starts_stretch }
            }
            Some(Prev::Inside(root, seq)) => self.grow(new, Some((root, seq)), change),
            None => self.grow(new, None, change),
        }
    }

    fn grow(&mut self, new: Tip, root: Option<(BranchNo, Seq)>, change: Change) -> Place {
        let Tip { writer, seq: tip_seq, id: tip_id } = new;
        let branch = self.load(Branch { writer, root, tip_seq, tip_id, tip_change: change });
        let branch = branch.expect("the number of branches was checked, and a root is stored before what grows from it");
        Place { branch, starts_stretch: true }
    }
}

/// Where the entry before a new one lies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Prev {
    /// At the end of a branch.
    Tip(EntryId),
    /// Inside a branch, at this number: the new entry forks it.
    Inside(BranchNo, Seq),
}
