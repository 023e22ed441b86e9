//! Whether a group may be stored: chain, then admission, and the signatures last, since they cost most.

use super::{Drafts, Group, Received, Verified};
use crate::error::{AdmitError, Error, GroupError};
use crate::extension::{Candidate, Extension, Known};
use crate::identity;
use crate::ids::{Change, EntryId, Seq, WriterId};
use crate::store::Store;

/// Verifies a group against what is stored. Entries that are stored already cost one lookup each and no
/// signature check.
pub(crate) fn verify(
    group: Group,
    store: &Store,
    extension: &dyn Extension,
    as_of: Change,
    log: u64,
) -> Result<Verified, GroupError> {
    if group.topic != store.topic() {
        return Err(GroupError::OtherTopic);
    }
    let (mut known, mut fresh) = (Vec::new(), Drafts::default());
    for entry in group.entries {
        if store.change_of(&entry.id)?.is_some() {
            known.push(entry);
            continue;
        }
        check_chain(&entry, &fresh, store)?;
        check_admission(&entry, &fresh, store, extension)?;
        fresh.push(entry);
    }
    let fresh = fresh.into_entries();
    fresh.iter().try_for_each(check_signature)?;
    Ok(Verified { fresh, known, as_of, log })
}

fn check_chain(entry: &Received, earlier: &Drafts, store: &Store) -> Result<(), GroupError> {
    let Some(prev) = entry.header.prev else { return Ok(()) };
    let before = place_of(&prev, earlier, store)?;
    let (writer, seq) = before.ok_or(GroupError::UnknownPrevious { id: entry.id, prev })?;
    if writer == entry.header.writer && seq.0.checked_add(1) == Some(entry.header.seq.0) {
        Ok(())
    } else {
        Err(GroupError::BrokenChain { id: entry.id, prev })
    }
}

fn place_of(id: &EntryId, earlier: &Drafts, store: &Store) -> Result<Option<(WriterId, Seq)>, Error> {
    if let Some(entry) = earlier.find(id) {
        return Ok(Some((entry.header.writer, entry.header.seq)));
    }
    Ok(store.by_id(id)?.map(|entry| (entry.writer(), entry.seq())))
}

fn check_admission(
    entry: &Received,
    earlier: &Drafts,
    store: &Store,
    extension: &dyn Extension,
) -> Result<(), GroupError> {
    let candidate = Candidate { id: entry.id, header: &entry.header, value: entry.value.as_ref() };
    extension.admit(&candidate, &Known { store, earlier, tip: None }).map_err(|error| match error {
        AdmitError::Refused(refusal) => GroupError::Refused { id: entry.id, refusal },
        AdmitError::Store(error) => GroupError::Store(error),
    })
}

fn check_signature(entry: &Received) -> Result<(), GroupError> {
    let Some(signature) = &entry.signature else { return Ok(()) };
    if identity::verify(&entry.header.writer, &entry.id, signature) {
        Ok(())
    } else {
        Err(GroupError::BadSignature { id: entry.id, writer: entry.header.writer })
    }
}
