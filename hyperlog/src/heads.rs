//! The nodes that no other node links to, kept up to date commit by commit.
//!
//! The earliest 32 lie in one row, the rest in rows of their own. So a log with few heads, which is
//! nearly every log, costs one small row per commit and leaves no tombstones behind, and a log with a
//! million heads costs a row each.

use std::collections::BTreeSet;

use bytes::{BufMut, Bytes};
use scuttleup::{Change, Error, Input, Malformed, Rows, StoredRows, Transaction};

use crate::ext::{LINKS_MAX, View};
use crate::node::NodeId;

const ROW: &[u8] = b"h";
const MORE: &[u8] = b"m";
/// Heads in the one row: 1.3 KB at most.
const INLINE_MAX: usize = 32;

/// The heads as one commit sees and changes them.
#[derive(Debug, Default)]
pub(crate) struct Heads {
    /// The earliest, in local order. All others come later in it.
    first: Vec<(Change, NodeId)>,
    /// Rows below [`MORE`].
    more: u64,
    changed: bool,
}

impl Heads {
    fn decode(row: Option<Bytes>) -> Result<Self, Error> {
        let Some(row) = row else { return Ok(Self::default()) };
        let decode = || -> Result<Self, Malformed> {
            let mut input = Input::new(row);
            let more = input.array().map(u64::from_be_bytes)?;
            let mut first = Vec::new();
            while input.remaining() > 0 {
                first.push((Change(input.array().map(u64::from_be_bytes)?), input.id()?));
            }
            Ok(Self { first, more, changed: false })
        };
        decode().map_err(|source| damaged("the row of heads", Some(source)))
    }

    /// The heads before the commit at hand. Moves later ones up where there is room, which keeps the
    /// one row ahead of the rest.
    pub(crate) fn begin(rows: &mut Rows<'_>) -> Result<Self, Error> {
        let mut heads = Self::decode(rows.get(ROW)?)?;
        if heads.first.len() < INLINE_MAX && heads.more > 0 {
            let room = INLINE_MAX - heads.first.len();
            let up: Vec<_> =
                rows.before().starting_with(MORE).take(room).map(decode_more).collect::<Result<_, _>>()?;
            for (change, id) in up {
                rows.del(&more_key(change));
                heads.first.push((change, id));
                heads.more = heads.more.saturating_sub(1);
            }
            heads.changed = true;
        }
        Ok(heads)
    }

    /// Adds a node, which supersedes what it links to.
    pub(crate) fn add(
        &mut self,
        change: Change,
        id: NodeId,
        links: impl IntoIterator<Item = NodeId>,
        rows: &mut Rows<'_>,
    ) -> Result<(), Error> {
        for link in links {
            self.supersede(&link, rows)?;
        }
        if self.more == 0 && self.first.len() < INLINE_MAX {
            self.first.push((change, id));
        } else {
            rows.put(&more_key(change), Bytes::copy_from_slice(id.as_bytes()));
            self.more += 1;
        }
        self.changed = true;
        Ok(())
    }

    fn supersede(&mut self, link: &NodeId, rows: &mut Rows<'_>) -> Result<(), Error> {
        if let Some(place) = self.first.iter().position(|(_, id)| id == link) {
            self.first.remove(place);
            self.changed = true;
        } else if self.more > 0
            && let Some(change) = rows.change_of(link)?
            && rows.get(&more_key(change))?.is_some()
        {
            rows.del(&more_key(change));
            self.more -= 1;
            self.changed = true;
        }
        Ok(())
    }

    /// Writes what changed.
    pub(crate) fn end(&self, rows: &mut Rows<'_>) {
        if !self.changed {
            return;
        }
        let mut row = Vec::with_capacity(8 + 40 * self.first.len());
        row.put_u64(self.more);
        for (change, id) in &self.first {
            row.put_u64(change.0);
            row.put_slice(id.as_bytes());
        }
        rows.put(ROW, row);
    }

    /// Forgets all heads, to build them anew.
    pub(crate) fn clear(rows: &mut Rows<'_>) -> Result<Self, Error> {
        let before = rows.before();
        for row in before.starting_with(MORE) {
            let (change, _) = decode_more(row)?;
            rows.del(&more_key(change));
        }
        Ok(Self { changed: true, ..Self::default() })
    }
}

/// At most `limit` heads, the earliest in local order first.
pub(crate) fn read(rows: &StoredRows, limit: usize) -> Result<Vec<NodeId>, Error> {
    let heads = Heads::decode(rows.get(ROW)?)?;
    let mut ids: Vec<NodeId> = heads.first.into_iter().map(|(_, id)| id).take(limit).collect();
    if heads.more > 0 {
        let more =
            rows.starting_with(MORE).take(limit - ids.len()).map(|row| decode_more(row).map(|(_, id)| id));
        for id in more {
            ids.push(id?);
        }
    }
    Ok(ids)
}

/// The heads that a new node links to: the earliest 256, those that are about to be committed with it included.
pub(crate) fn to_link(transaction: &Transaction<'_>) -> Result<Vec<NodeId>, Error> {
    let mut linked = BTreeSet::new();
    let mut drafts = Vec::new();
    for (id, header) in transaction.drafts() {
        let view = View::decode(&header.ext).map_err(|source| damaged("a draft", Some(source)))?;
        linked.extend(view.links());
        drafts.push(id);
    }
    let stored = read(&transaction.rows(), LINKS_MAX.saturating_add(linked.len()))?;
    let heads = stored.into_iter().chain(drafts).filter(|id| !linked.contains(id));
    Ok(heads.take(LINKS_MAX).collect())
}

fn more_key(change: Change) -> Vec<u8> {
    [MORE, &change.0.to_be_bytes()].concat()
}

fn decode_more(row: Result<(Bytes, Bytes), Error>) -> Result<(Change, NodeId), Error> {
    let (key, value) = row?;
    let decode = || {
        let change = u64::from_be_bytes(key.get(MORE.len()..)?.try_into().ok()?);
        Some((Change(change), NodeId::from_bytes(value.as_ref().try_into().ok()?)))
    };
    decode().ok_or_else(|| damaged("a row of heads", None))
}

fn damaged(row: &str, source: Option<Malformed>) -> Error {
    Error::Damaged { row: row.to_owned(), source }
}
