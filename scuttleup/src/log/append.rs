//! Writing one's own entries: chained as they are pushed, signed by the run, committed as one batch.

use std::sync::Arc;

use bytes::Bytes;
use level::Read;

use super::write::New;
use super::{Durability, Inner, Log, State};
use crate::chains::{Chains, Tip};
use crate::entry::Entry;
use crate::error::Error;
use crate::extension::{Candidate, Known};
use crate::group::{Drafts, Received};
use crate::header::{EXT_BYTES_MAX, Header, UNIT_BYTES, VALUE_BYTES_MAX};
use crate::ids::{Change, EntryId, Seq, WriterId};
use crate::rows::StoredRows;

/// A writer signs at least every so many entries. It binds the writer; receivers do not check it.
const RUN_ENTRIES_MAX: usize = 256;

/// Where an appended entry ended up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Appended {
    /// The writer: this log's own.
    pub writer: WriterId,
    /// Its number there.
    pub seq: Seq,
    /// The writer's entry before it; none for its first.
    pub prev: Option<EntryId>,
    /// Its id.
    pub id: EntryId,
    /// Its number in the local order.
    pub change: Change,
}

/// Own entries in the making. Nothing is stored until the closure that got it returns `Ok`; then all
/// of it is, as one batch.
///
/// While somebody waits for the disk, others go on: what they append stays a *draft* until the next commit
/// takes all drafts together, under one signature a run.
pub struct Transaction<'a> {
    log: &'a Inner,
    /// The end of the own branch, and of the local order, before the first draft.
    own_tip: Option<Tip>,
    last: Change,
    chains: &'a Chains,
    drafts: &'a mut Drafts,
    /// Drafts from here on belong to this transaction, and are dropped with it unless they are to be kept.
    start: usize,
    keep: bool,
    scratch: Vec<u8>,
}

impl std::fmt::Debug for Transaction<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Transaction").field("entries", &self.len()).finish_non_exhaustive()
    }
}

impl Drop for Transaction<'_> {
    fn drop(&mut self) {
        if !self.keep {
            self.drafts.truncate(self.start);
        }
    }
}

impl Transaction<'_> {
    /// Adds an entry after the last one. Costs two hashes, and what the layer above checks.
    ///
    /// # Errors
    ///
    /// [`Error::TooLarge`] above the sizes of the format, [`Error::Refused`] by the layer above. The
    /// entry is then not part of the transaction; what was added before still is.
    pub fn append(&mut self, ext: Bytes, value: Bytes) -> Result<Appended, Error> {
        check_size("ext", ext.len(), EXT_BYTES_MAX)?;
        check_size("a value", value.len(), VALUE_BYTES_MAX)?;
        let prev = self.tip();
        let header = Header {
            topic: self.log.store.topic(),
            writer: self.log.identity.writer(),
            seq: Seq(prev.map_or(0, |tip| tip.seq.0) + 1),
            prev: prev.map(|tip| tip.id),
            ext,
            value_len: u32::try_from(value.len()).unwrap_or(u32::MAX),
            value_hash: Header::hash_value(&value),
        };
        let id = header.id_in(&mut self.scratch);
        self.admit(&Candidate { id, header: &header, value: Some(&value) })?;
        let appended = Appended {
            writer: header.writer,
            seq: header.seq,
            prev: header.prev,
            id,
            change: Change(self.last.0 + self.drafts.len() as u64 + 1),
        };
        self.drafts.push(Received { id, header, value: Some(value), signature: None });
        Ok(appended)
    }

    /// Entries that were appended so far.
    fn len(&self) -> usize {
        self.drafts.len() - self.start
    }

    /// What is not stored yet, in order: the entries of this transaction, and before them those of others
    /// that will be committed with it.
    pub fn drafts(&self) -> impl Iterator<Item = (EntryId, &Header)> {
        self.drafts.iter().map(|draft| (draft.id, &draft.header))
    }

    /// Whether an entry is stored, or will be committed with or before this transaction.
    ///
    /// # Errors
    ///
    /// What the store says.
    pub fn contains(&self, id: &EntryId) -> Result<bool, Error> {
        self.known().contains(id)
    }

    /// The header of the writer's last entry, stored or about to be. Two point reads at most.
    ///
    /// # Errors
    ///
    /// What the store says.
    pub fn last(&self) -> Result<Option<Header>, Error> {
        let Some(tip) = self.tip() else { return Ok(None) };
        Ok(self.known().get(&tip.id)?.map(|(header, _)| header))
    }

    /// As [`Log::at`], from in here: what is stored.
    ///
    /// # Errors
    ///
    /// What the store says.
    pub fn at(&self, change: Change) -> Result<Option<Entry>, Error> {
        self.log.store.by_change(change)
    }

    /// As [`Log::reaches`], from in here: among what is stored.
    ///
    /// # Errors
    ///
    /// What the store says.
    pub fn reaches(&self, tip: &EntryId, id: &EntryId) -> Result<bool, Error> {
        let store = &self.log.store;
        let (Some(tip), Some(entry)) = (store.by_id(tip)?, store.by_id(id)?) else { return Ok(false) };
        Ok(self.chains.reaches(&tip, &entry))
    }

    /// The rows of the layer above, as they are stored: without what [`drafts`](Self::drafts) will add.
    #[must_use]
    pub fn rows(&self) -> StoredRows {
        let read: Arc<dyn Read> = Arc::clone(self.log.store.level()) as _;
        StoredRows::new(read, self.log.store.meta())
    }

    fn known(&self) -> Known<'_> {
        Known { store: &self.log.store, earlier: &*self.drafts, tip: self.own_tip.map(|tip| tip.id) }
    }

    fn admit(&self, candidate: &Candidate<'_>) -> Result<(), Error> {
        Ok(self.log.extension.admit(candidate, &self.known())?)
    }

    fn tip(&self) -> Option<Tip> {
        let last = self.drafts.last();
        let last = last.map(|draft| Tip { writer: draft.header.writer, seq: draft.header.seq, id: draft.id });
        last.or(self.own_tip)
    }
}

impl Inner {
    /// Commits all drafts as one batch, unsynced.
    pub(super) fn write_drafts(&self, state: &mut State) -> Result<(), Error> {
        if state.drafts.len() == 0 {
            return Ok(());
        }
        let drafts = std::mem::take(&mut state.drafts).into_entries();
        let mut signatures = self.sign_runs(&drafts)?.into_iter().peekable();
        let new = drafts.into_iter().enumerate().map(|(place, draft)| {
            let signature = signatures.next_if(|(end, _)| *end == place).map(|(_, signature)| signature);
            New { received: Received { signature, ..draft }, ends_group: signature.is_some() }
        });
        self.write(state, new, Vec::new(), true)
    }

    /// Cuts own entries into runs: the places where they end, and the signatures there.
    fn sign_runs(&self, drafts: &[Received]) -> Result<Vec<(usize, [u8; 64])>, Error> {
        let mut signatures = Vec::new();
        let (mut entries, mut size) = (0, 0);
        for (place, draft) in drafts.iter().enumerate() {
            entries += 1;
            size += draft.header.size();
            let next = drafts.get(place + 1).map(|next| next.header.size());
            if entries == RUN_ENTRIES_MAX || next.is_none_or(|next| size + next > UNIT_BYTES) {
                signatures.push((place, self.identity.sign(&draft.id).map_err(Error::Sign)?));
                (entries, size) = (0, 0);
            }
        }
        Ok(signatures)
    }
}

fn check_size(what: &'static str, bytes: usize, max: usize) -> Result<(), Error> {
    if bytes > max { Err(Error::TooLarge { what, bytes, max }) } else { Ok(()) }
}

impl Log {
    /// Appends one entry. When it returns, the entry is as durable as the log was opened for.
    ///
    /// # Errors
    ///
    /// [`Error::NeedsCatchUp`] on an old copy of the log, [`Error::TooLarge`], or what the store says.
    pub fn append(&self, value: impl Into<Bytes>) -> Result<Appended, Error> {
        let value = value.into();
        self.transaction(None, |transaction| transaction.append(Bytes::new(), value))
    }

    /// Appends entries as one commit: all of them or none. They are signed in runs, so that a large batch
    /// costs a hash an entry and a signature every 256.
    ///
    /// # Errors
    ///
    /// As [`append`](Self::append).
    pub fn append_batch<V: Into<Bytes>>(
        &self,
        values: impl IntoIterator<Item = V>,
    ) -> Result<Vec<Appended>, Error> {
        let values: Vec<Bytes> = values.into_iter().map(Into::into).collect();
        self.transaction(None, |transaction| {
            values.into_iter().map(|value| transaction.append(Bytes::new(), value)).collect()
        })
    }

    /// Runs `build` while nobody else writes, and commits what it appended when it returns `Ok`. Without
    /// a durability of its own it takes the log's.
    ///
    /// `build` has the log to itself. What it needs of it is in the [`Transaction`]; a call to the log from in
    /// there may wait for the end of the transaction, and so for ever.
    ///
    /// # Errors
    ///
    /// What `build` returns, [`Error::NeedsCatchUp`] on an old copy of the log, or what the store says.
    /// When an error comes from the store, the log takes no more writes until it is reopened.
    pub fn transaction<R, E: From<Error>>(
        &self,
        durability: Option<Durability>,
        build: impl FnOnce(&mut Transaction<'_>) -> Result<R, E>,
    ) -> Result<R, E> {
        let inner = &*self.inner;
        inner.sync_if_due()?;
        let durability = durability.unwrap_or(inner.durability);
        let (result, last) = {
            let mut state = inner.state();
            state.check_writable()?;
            state.check_caught_up(self.writer())?;
            let (own_tip, last, start) = (state.own_tip(), state.last, state.drafts.len());
            let State { chains, drafts, .. } = &mut *state;
            let mut transaction = Transaction {
                log: inner,
                own_tip,
                last,
                chains,
                drafts,
                start,
                keep: false,
                scratch: Vec::new(),
            };
            let result = build(&mut transaction)?;
            if transaction.len() == 0 {
                return Ok(result);
            }
            transaction.keep = true;
            drop(transaction);
            let last = Change(last.0 + state.drafts.len() as u64);
            // A signer that may refuse must refuse this transaction, and not others together with it.
            if durability == Durability::Buffered || inner.identity.is_foreign() {
                inner.write_drafts(&mut state)?;
            }
            (result, last)
        };
        if durability == Durability::Synced {
            inner.sync_entries(last)?;
        }
        inner.tell();
        Ok(result)
    }
}
