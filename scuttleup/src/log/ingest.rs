//! Storing what somebody else wrote.

use std::collections::BTreeSet;

use super::Log;
use super::write::New;
use crate::chains::Chains;
use crate::entry::{Entry, Value};
use crate::error::GroupError;
use crate::fork::Fork;
use crate::group::{Received, Verified};
use crate::ids::Change;

/// What became of a group.
#[derive(Debug, Default)]
#[non_exhaustive]
pub struct Ingested {
    /// Local numbers of the entries that are new here, ascending.
    pub stored: Vec<Change>,
    /// Entries that were here already.
    pub duplicates: usize,
    /// Values that had been missing and came now.
    pub filled: usize,
    /// Forks that show up now: each new entry with the one that stood in its place first. Where there are
    /// three, [`Log::forks`] pairs them with the lowest instead, on every replica alike.
    pub forks: Vec<Fork>,
}

/// Values for entries that are stored without.
type Values = Vec<(Change, Value)>;

impl Log {
    /// Stores a verified group as one commit. It is synced about once a second and per megabyte, since it
    /// could be fetched again; [`flush`](Self::flush) makes sure.
    ///
    /// # Errors
    ///
    /// [`GroupError::TooManyBranches`] or [`GroupError::TooManyForks`], and then nothing of the group is stored; or what the
    /// store says, and then the log takes no more writes until it is reopened.
    pub fn ingest(&self, group: Verified) -> Result<Ingested, GroupError> {
        let inner = &*self.inner;
        if group.log != inner.tag {
            return Err(GroupError::OtherLog);
        }
        let mut ingested = Ingested::default();
        {
            let mut state = inner.state();
            state.check_writable()?;
            inner.write_drafts(&mut state)?;
            let unchanged = state.last == group.as_of;
            let (new, values) = self.sort(group, unchanged, &mut ingested)?;
            check_branches(&state.chains, &new, inner.limits.branches_max)?;
            if new.is_empty() && values.is_empty() {
                return Ok(ingested);
            }
            inner.write(&mut state, new.into_iter(), values, false)?;
            let written = state.untold.last().expect("what was just written was not told yet");
            ingested.stored = written.entries.iter().map(Entry::change).collect();
            ingested.forks.clone_from(&written.forks);
        }
        inner.tell();
        inner.sync_if_due()?;
        Ok(ingested)
    }

    /// Drops what another session stored in the meantime, and finds values that were missing. When nothing was
    /// stored since the group was verified, what was fresh then is not looked up again.
    fn sort(
        &self,
        group: Verified,
        unchanged: bool,
        ingested: &mut Ingested,
    ) -> Result<(Vec<New>, Values), GroupError> {
        let (mut new, mut values) = (Vec::new(), Vec::new());
        let Verified { known, fresh, .. } = group;
        let known = known.into_iter().map(|received| (received, false));
        let fresh = fresh.into_iter().map(|received| (received, unchanged));
        for (received, is_new) in known.chain(fresh) {
            let stored = if is_new { None } else { self.inner.store.by_id(&received.id)? };
            let Some(entry) = stored else {
                new.push(New { received, ends_group: false });
                continue;
            };
            ingested.duplicates += 1;
            if let Some(value) = received.value.filter(|_| entry.value == Value::Pending) {
                values.push((entry.change, Value::Here(value)));
            }
        }
        ingested.filled = values.len();
        if let Some(last) = new.last_mut() {
            last.ends_group = true;
        }
        Ok((new, values))
    }
}

/// Refuses more branches than there is room for. Half of the room is for the first branches of writers: who forks must
/// not keep newcomers out.
fn check_branches(chains: &Chains, new: &[New], max: usize) -> Result<(), GroupError> {
    // Counting costs; it is only done where a bound is near.
    let (branches, forks) = (chains.len(), chains.len() - chains.writers());
    if branches.max(2 * forks) + 2 * new.len() <= max {
        return Ok(());
    }
    let (writers, new_forks) = new_branches(chains, new);
    if branches + writers + new_forks > max {
        return Err(GroupError::TooManyBranches { max });
    }
    if new_forks > 0 && forks + new_forks > max / 2 {
        return Err(GroupError::TooManyForks { max: max / 2 });
    }
    Ok(())
}

/// How many branches the entries would add: first ones of writers, and forks.
fn new_branches(chains: &Chains, new: &[New]) -> (usize, usize) {
    let (mut continued, mut added, mut writers) = (BTreeSet::new(), BTreeSet::new(), BTreeSet::new());
    let mut count = 0;
    for New { received: Received { id, header, .. }, .. } in new {
        let continues = header.prev.is_some_and(|prev| {
            added.remove(&prev)
                || (chains.ending_in(&header.writer, &prev).is_some() && continued.insert(prev))
        });
        if !continues {
            count += 1;
            if chains.of(&header.writer).is_empty() {
                writers.insert(header.writer);
            }
        }
        added.insert(*id);
    }
    (writers.len(), count - writers.len())
}
