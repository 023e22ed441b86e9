//! An old copy of the database was put back: reading and syncing go on, appending waits.

use super::{Log, State};
use crate::entry::Entry;
use crate::error::Error;
use crate::ids::{EntryId, Seq, WriterId};
use crate::sidecar::Mark;
use crate::store::Store;

/// The own entry that the sidecar knows of and the store lacks.
#[derive(Clone, Copy, Debug)]
pub(super) struct Missing {
    seq: Seq,
    id: EntryId,
}

impl State {
    /// Compares the store with what the sidecar remembers; returns how many commits are lost.
    ///
    /// A sidecar of another writer says nothing about this one: the user started a new identity.
    pub(super) fn compare(
        &mut self,
        mark: Option<Mark>,
        writer: WriterId,
        store: &Store,
    ) -> Result<u64, Error> {
        let Some(mark) = mark else { return Ok(0) };
        let lost = mark.commits.saturating_sub(self.commits);
        if lost > 0 {
            tracing::warn!(lost, "the log is older than its sidecar: batches that were durable are not here");
        }
        if let Some((seq, id)) = mark.last.filter(|_| mark.writer == writer) {
            match store.by_id(&id) {
                Ok(Some(entry)) => self.go_on_from(&entry),
                Ok(None) => self.missing = Some(Missing { seq, id }),
                // Nothing is built upon it, but the log opens: it can be read and checked.
                Err(error @ Error::Damaged { .. }) => {
                    tracing::warn!(%error, "the entry that this writer wrote last cannot be read");
                    self.missing = Some(Missing { seq, id });
                }
                Err(error) => return Err(error),
            }
        }
        Ok(lost)
    }

    /// Appending goes on behind what was last written here, whichever branch came back first: on another one
    /// the numbers up to there would be given out again.
    fn go_on_from(&mut self, entry: &Entry) {
        let passes = |own| self.chains.passes(own, entry.branch, entry.seq());
        if !self.own.is_some_and(passes) {
            self.own = Some(entry.branch);
        }
    }

    pub(super) fn check_caught_up(&self, writer: WriterId) -> Result<(), Error> {
        match self.missing {
            Some(Missing { seq, id }) => Err(Error::NeedsCatchUp { writer, seq, id }),
            None => Ok(()),
        }
    }
}

impl Log {
    /// Whether appending has to wait until an entry is fetched: [`Error::NeedsCatchUp`] says which.
    ///
    /// # Errors
    ///
    /// [`Error::NeedsCatchUp`].
    pub fn check_caught_up(&self) -> Result<(), Error> {
        self.inner.state().check_caught_up(self.writer())
    }

    /// Tells the log that a first sync with a peer, or an import, has completed: everything that the other
    /// side had is stored. Ends [`Error::NeedsCatchUp`] when the missing entry has come. A peer's mere
    /// claim never starts or ends anything.
    ///
    /// # Errors
    ///
    /// What the store says.
    pub fn sync_completed(&self) -> Result<(), Error> {
        self.flush()?;
        let missing = self.inner.state().missing;
        if let Some(Missing { seq, id }) = missing
            && let Some(entry) = self.get(&id)?
        {
            let mut state = self.inner.state();
            state.missing = None;
            state.go_on_from(&entry);
            drop(state);
            tracing::info!(%seq, "caught up with what this writer had written");
            self.inner.raise_sidecar()?;
        }
        Ok(())
    }
}
