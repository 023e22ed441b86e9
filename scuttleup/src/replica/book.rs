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
    lines: BTreeMap<BranchNo, Line>,
    #[cfg(feature = "testing")]
    open: Option<BTreeSet<(BranchNo, Seq)>>,
}

/// What is known of one branch. 0 stands for none.
#[derive(Clone, Copy, Debug)]
struct Line {
    /// The last entry that the peer has.
    last: Seq,
    /// The last one that the peer sent, or that what it sent reaches. What an entry reaches is sent before it, so
    /// whoever sends anything up to here sends it again.
    received: Seq,
    /// The first one that was sent to the peer.
    sent: Option<Seq>,
}

const UNKNOWN: Line = Line { last: Seq(0), received: Seq(0), sent: None };

/// How it is known that the peer has an entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Source {
    /// It said so.
    Named,
    /// It sent it.
    Received,
}

impl Book {
    /// A book that is not closed, on purpose.
    #[cfg(feature = "testing")]
    pub(super) fn open() -> Self {
        Self { open: Some(BTreeSet::new()), ..Self::default() }
    }

    fn line(&self, branch: BranchNo) -> Line {
        self.lines.get(&branch).copied().unwrap_or(UNKNOWN)
    }

    /// The last entry of a branch that the peer has; 0 for none.
    pub(super) fn last(&self, branch: BranchNo) -> Seq {
        self.line(branch).last
    }

    pub(super) fn has(&self, branch: BranchNo, seq: Seq) -> bool {
        #[cfg(feature = "testing")]
        if self.open.as_ref().is_some_and(|open| open.contains(&(branch, seq))) {
            return true;
        }
        seq <= self.last(branch)
    }

    /// Whether the peer sent an entry in this session, or was sent it. What it has only said to have does not count:
    /// it may not know that we have it, too.
    pub(super) fn was_exchanged(&self, branch: BranchNo, seq: Seq) -> bool {
        let Line { last, received, sent } = self.line(branch);
        seq <= received || sent.is_some_and(|sent| (sent..=last).contains(&seq))
    }

    /// The peer has this entry, and so all that it reaches. Each step raises a line of the book, and where none is
    /// to be raised the rest was raised before: however deep forks are nested, a session pays for each once.
    pub(super) fn note(&mut self, chains: &Chains, mut branch: BranchNo, mut seq: Seq, source: Source) {
        #[cfg(feature = "testing")]
        if let Some(open) = &mut self.open {
            open.insert((branch, seq));
            return;
        }
        while self.raise(branch, seq, source) {
            let Some((root, shared)) = chains.get(branch).and_then(|branch| branch.root) else { return };
            (branch, seq) = (root, shared.min(seq));
        }
    }

    /// The peer was sent this entry, after all that it reaches.
    pub(super) fn sent(&mut self, branch: BranchNo, seq: Seq) {
        let line = self.lines.entry(branch).or_insert(UNKNOWN);
        line.last = line.last.max(seq);
        line.sent.get_or_insert(seq);
    }

    fn raise(&mut self, branch: BranchNo, seq: Seq, source: Source) -> bool {
        let line = self.lines.entry(branch).or_insert(UNKNOWN);
        let received = if source == Source::Received { seq } else { Seq(0) };
        let raised = line.last < seq || line.received < received;
        line.last = line.last.max(seq);
        line.received = line.received.max(received);
        raised
    }
}
