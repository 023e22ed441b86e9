//! The policy of a channel.

use hyperlog::{
    AdmitError, Asking, Change, Effects, Known, LogError, Node, NodeId, Policy, Rows, StoredRows, WriterId,
};

use crate::admission::Admission;
use crate::key::ChannelKey;
use crate::ledger::Ledger;
use crate::records::{GRANT, Grant, change_at_end, damaged, ended_key, grants_of, key_of};
use crate::refused::NotAuthorized;

/// The [`Policy`] of a channel: only authorized writers write, and a revocation takes back. [`Channel`](crate::Channel)
/// opens a log with it.
#[derive(Debug)]
pub struct Writers {
    admission: Admission,
}

impl Writers {
    /// The rules of a channel.
    #[must_use]
    pub fn new(channel: ChannelKey) -> Self {
        Self { admission: Admission::new(channel.topic()) }
    }
}

/// The kind of a log that is a channel.
pub const KIND: &str = "hyperlog-writers";

impl Policy for Writers {
    /// A log of its own kind: who knows nothing of grants must not write, or pass on, what the others refuse.
    fn kind(&self) -> &'static str {
        KIND
    }

    fn admit(&self, node: &Asking<'_>, known: &Known<'_>) -> Result<(), AdmitError> {
        self.admission.admit(node, known)
    }

    fn store(&self, nodes: &[Node], rows: &mut Rows<'_>) -> Result<Effects, LogError> {
        let mut ledger = Ledger::new(rows);
        nodes.iter().try_for_each(|node| ledger.take(node))?;
        ledger.finish()
    }

    fn cap(
        &self,
        writer: WriterId,
        before: Option<NodeId>,
        rows: &StoredRows,
    ) -> Result<Option<NodeId>, AdmitError> {
        let open = of_key(&writer, rows).collect::<Result<Vec<_>, _>>()?;
        match choose(open, before) {
            Some(grant) => Ok(Some(grant.id)),
            None if rows.get(&ended_key(writer.as_bytes()))?.is_some() => {
                Err(NotAuthorized::Revoked { writer }.into())
            }
            None if all(rows).next().is_none() => Err(NotAuthorized::Empty.into()),
            None => Err(NotAuthorized::Never { writer }.into()),
        }
    }
}

/// Of the grants of a key that stand, the one to act under: the one it acted under last, for whoever grants it something
/// unasked must not come to stand above what it writes; else the one nearest to the root, which ends least easily.
pub(crate) fn choose(open: Vec<(Change, Grant)>, before: Option<NodeId>) -> Option<Grant> {
    let rank = |(change, grant): &(Change, Grant)| (Some(grant.id) != before, grant.depth, *change);
    open.into_iter().min_by_key(rank).map(|(_, grant)| grant)
}

/// The grants of a key that stand, the first in local order first, lazily; for the root, the genesis is one of them.
pub(crate) fn of_key<'a>(
    key: &WriterId,
    rows: &'a StoredRows,
) -> impl Iterator<Item = Result<(Change, Grant), LogError>> + use<'a> {
    rows.starting_with(&grants_of(key.as_bytes())).map(|row| at(change_at_end(&row?.0)?, rows))
}

/// All grants, in local order, the genesis first. Lazily.
pub(crate) fn all(rows: &StoredRows) -> impl Iterator<Item = Result<(Change, Grant), LogError>> + '_ {
    rows.starting_with(&[GRANT]).map(|row| {
        let (key, row) = row?;
        let change = change_at_end(&key)?;
        Ok((change, decode(change, row)?))
    })
}

/// A grant by its local number.
pub(crate) fn at(change: Change, rows: &StoredRows) -> Result<(Change, Grant), LogError> {
    let row = rows.get(&key_of(GRANT, change))?;
    let row = row.ok_or_else(|| damaged(&format!("grant {change}, which is missing"), None))?;
    Ok((change, decode(change, row)?))
}

fn decode(change: Change, row: bytes::Bytes) -> Result<Grant, LogError> {
    Grant::decode(row).map_err(|source| damaged(&format!("grant {change}"), source))
}
