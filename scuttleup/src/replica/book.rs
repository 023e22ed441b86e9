//! What the peer has.

use std::collections::BTreeMap;
#[cfg(feature = "testing")]
use std::collections::BTreeSet;

use crate::chains::Chains;
use crate::entry::BranchNo;
use crate::ids::Seq;

/// Of each branch the last entry that the peer has. It has everything before it, too, also on the branches that
/// this one grew from: the book is *closed* over `prev`.
///
/// So what the peer lacks of a stored group is the end of each branch in it, with the signature that covers it.
#[derive(Debug, Default)]
pub(super) struct Book {
    have: BTreeMap<BranchNo, Seq>,
    #[cfg(feature = "testing")]
    open: Option<BTreeSet<(BranchNo, Seq)>>,
}

impl Book {
    /// A book that is not closed, on purpose.
    #[cfg(feature = "testing")]
    pub(super) fn open() -> Self {
        Self { open: Some(BTreeSet::new()), ..Self::default() }
    }

    /// The last entry of a branch that the peer has; 0 for none.
    pub(super) fn last(&self, branch: BranchNo) -> Seq {
        self.have.get(&branch).copied().unwrap_or(Seq(0))
    }

    pub(super) fn has(&self, branch: BranchNo, seq: Seq) -> bool {
        #[cfg(feature = "testing")]
        if self.open.as_ref().is_some_and(|open| open.contains(&(branch, seq))) {
            return true;
        }
        seq <= self.last(branch)
    }

    /// The peer has this entry, and so all that it reaches. Each step raises an entry of the book, and where none
    /// is to be raised the rest was raised before: however deep forks are nested, a session pays for each once.
    pub(super) fn note(&mut self, chains: &Chains, mut branch: BranchNo, mut seq: Seq) {
        #[cfg(feature = "testing")]
        if let Some(open) = &mut self.open {
            open.insert((branch, seq));
            return;
        }
        while self.raise(branch, seq) {
            let Some((root, shared)) = chains.get(branch).and_then(|branch| branch.root) else { return };
            (branch, seq) = (root, shared.min(seq));
        }
    }

    /// The peer was sent this entry, after all that it reaches.
    pub(super) fn sent(&mut self, branch: BranchNo, seq: Seq) {
        self.raise(branch, seq);
    }

    fn raise(&mut self, branch: BranchNo, seq: Seq) -> bool {
        let have = self.have.entry(branch).or_insert(Seq(0));
        let raised = *have < seq;
        *have = seq.max(*have);
        raised
    }
}
