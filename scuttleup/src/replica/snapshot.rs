//! The log at one moment, all of it durable.

use replicate::{Settled, Tip};

use crate::chains::Branch;
use crate::entry::BranchNo;
use crate::error::Error;
use crate::ids::{Change, Seq};
use crate::log::Log;

pub(super) struct Snapshot {
    /// Ascending.
    pub(super) tips: Vec<Tip>,
    /// The branches that end there.
    pub(super) branches: Vec<BranchNo>,
    /// Where each branch ends, by its number.
    ends: Vec<Seq>,
    pub(super) last: Change,
    pub(super) writers: u64,
}

impl Snapshot {
    /// Drafts are not part of it. Nobody who waits for the log waits for the disk here.
    pub(super) fn take(log: &Log) -> Result<Self, Error> {
        let (mut tips, last, writers) = log.while_all_is_stored(|chains, last| {
            let tips: Vec<(Tip, BranchNo)> = chains.iter().map(|(no, branch)| (to_tip(branch), no)).collect();
            (tips, last, chains.writers() as u64)
        })?;
        make_durable(log, last)?;
        let ends = tips.iter().map(|(tip, _)| Seq(tip.seq)).collect();
        tips.sort_unstable();
        let (tips, branches) = tips.into_iter().unzip();
        Ok(Self { tips, branches, ends, last, writers })
    }

    /// The last entry of a branch; 0 when the branch is younger than the snapshot.
    pub(super) fn end(&self, branch: BranchNo) -> Seq {
        self.ends.get(branch.0 as usize).copied().unwrap_or(Seq(0))
    }

    /// Branches in the order of their numbers, and where they end.
    pub(super) fn ends(&self) -> impl Iterator<Item = (BranchNo, Seq)> {
        (0..).map(BranchNo).zip(self.ends.iter().copied())
    }
}

/// Syncs what was received, and says what is durable then.
pub(super) fn settle(log: &Log, complete: bool) -> Result<Settled, Error> {
    if complete {
        log.sync_completed()?;
    }
    let (mut tips, last) = log.while_all_is_stored(|chains, last| {
        let tips: Vec<Tip> = chains.iter().map(|(_, branch)| to_tip(branch)).collect();
        (tips, last)
    })?;
    // After they were taken: a peer must not hear of an own entry that a crash could take back.
    log.flush()?;
    tips.sort_unstable();
    Ok(Settled { tips, entries: last.0 })
}

fn make_durable(log: &Log, last: Change) -> Result<(), Error> {
    #[cfg(feature = "testing")]
    if log.inner.defect == Some(super::Defect::NoDurabilityGate) {
        return Ok(());
    }
    log.flush_to(last)
}

fn to_tip(branch: &Branch) -> Tip {
    Tip { writer: *branch.writer.as_bytes(), seq: branch.tip_seq.0, id: *branch.tip_id.as_bytes() }
}
