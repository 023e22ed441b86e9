//! The map as it was, and what changed.

use std::collections::{BTreeMap, BTreeSet, btree_set};

use bytes::Bytes;
use hyperlog::{Change, Encoding, NodeId, Read};
use level::Order;

use crate::error::Error;
use crate::kv::HyperKv;
use crate::list::Entry;
use crate::op::Op;
use crate::select::Select;
use crate::values::{VALUES_BYTES_MAX, VALUES_MAX, Value, Values};
use crate::version::{Moment, Then};

/// The map as it was at some moment. It cannot be written.
///
/// Nothing is kept for it: what a key held is found by walking its history back. Whether nodes count is judged as of now.
#[derive(Clone)]
pub struct Past<E: Encoding> {
    kv: HyperKv<E>,
    then: Then,
}

impl<E: Encoding> std::fmt::Debug for Past<E> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Past").field("then", &self.then).finish_non_exhaustive()
    }
}

/// A key that held other values before and after.
#[derive(Clone, PartialEq, Eq)]
pub struct Difference<V> {
    /// The key.
    pub key: Bytes,
    /// What it held at the first moment.
    pub from: Values<V>,
    /// What it held at the second.
    pub to: Values<V>,
}

impl<V> std::fmt::Debug for Difference<V> {
    /// Leaves the key out: it can be private.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Difference").field("from", &self.from).field("to", &self.to).finish_non_exhaustive()
    }
}

/// What changed between two moments. See [`HyperKv::diff`].
pub struct Differences<E: Encoding> {
    from: Past<E>,
    to: Past<E>,
    /// The keys that may differ.
    keys: btree_set::IntoIter<Bytes>,
    order: Order,
    left: u64,
}

impl<E: Encoding> std::fmt::Debug for Differences<E> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Differences").field("keys", &self.keys.len()).finish_non_exhaustive()
    }
}

impl<E: Encoding> Iterator for Differences<E> {
    type Item = Result<Difference<E::Value>, Error>;

    fn next(&mut self) -> Option<Self::Item> {
        while self.left > 0 {
            let key = match self.order {
                Order::Ascending => self.keys.next(),
                Order::Descending => self.keys.next_back(),
            };
            if let Some(difference) = self.from.difference(&self.to, key?).transpose() {
                self.left -= 1;
                return Some(difference);
            }
        }
        None
    }
}

impl<E: Encoding> HyperKv<E> {
    /// The map as it was at a change of this replica, or at a version of any.
    ///
    /// # Errors
    ///
    /// [`Error::UnknownVersion`] for a version that is not here, or what the log says. A change that is still to come stands for
    /// now.
    pub fn at(&self, moment: impl Into<Moment>) -> Result<Past<E>, Error> {
        Ok(Past { then: self.then(moment.into())?, kv: self.clone() })
    }

    /// The keys that held other values at two moments, in their order. Reads the log from where the moments part: O(nodes
    /// since then), and keeps the keys in memory that were written since.
    ///
    /// # Errors
    ///
    /// As [`at`](Self::at); also as an item.
    pub fn diff(
        &self,
        from: impl Into<Moment>,
        to: impl Into<Moment>,
        select: Select,
    ) -> Result<Differences<E>, Error> {
        let (from, to) = (self.at(from)?, self.at(to)?);
        let keys = self.written_between(&from.then, &to.then, &select)?.into_iter();
        Ok(Differences { from, to, keys, order: select.order, left: select.limit })
    }

    /// The keys that were written in one of two states and not in the other.
    fn written_between(&self, one: &Then, other: &Then, select: &Select) -> Result<BTreeSet<Bytes>, Error> {
        let mut keys = BTreeSet::new();
        let since = self.all_was_there_until(one)?.min(self.all_was_there_until(other)?);
        for node in self.inner.log.changes(Read::all().since(since)) {
            let node = node?;
            let Some(op) = node.value().and_then(Op::decode) else { continue };
            if select.keys().contains(&op.key)
                && self.was_there(one, &node)? != self.was_there(other, &node)?
            {
                keys.insert(op.key);
            }
        }
        Ok(keys)
    }

    /// A place in the local order up to which everything was there.
    fn all_was_there_until(&self, then: &Then) -> Result<Change, Error> {
        let tips = match then {
            Then::Until(change) => return Ok(*change),
            Then::Tips(tips) => tips,
        };
        let mut first_missing = self.inner.log.last().0.saturating_add(1);
        for tip in self.inner.log.tips() {
            let seq = match tips.get(&tip.writer).map(Vec::as_slice) {
                None => 1,
                Some([(seq, _)]) if self.inner.log.branches_of(&tip.writer) == 1 => seq.0.saturating_add(1),
                // Of a writer that forked, anything may be missing.
                Some(_) => return Ok(Change(0)),
            };
            let missing = self.inner.log.nodes_at(&tip.writer, hyperlog::Seq(seq))?;
            first_missing = missing.iter().map(|node| node.change.0).fold(first_missing, u64::min);
        }
        Ok(Change(first_missing.saturating_sub(1)))
    }
}

impl<E: Encoding> Past<E> {
    /// What a key held. O(writes of the key since then), and those that they have seen.
    ///
    /// # Errors
    ///
    /// What the log or the store says.
    pub fn get(&self, key: impl AsRef<[u8]>) -> Result<Values<E::Value>, Error> {
        self.read(&self.current(key.as_ref())?)
    }

    /// At most `limit` values that a key held, whose ids are above `after`, and no more than fit into
    /// [`VALUES_BYTES_MAX`]: [`get`](Self::get) returns the first of them. Behind the last there is an empty page. Costs as
    /// much as `get`.
    ///
    /// # Errors
    ///
    /// As [`get`](Self::get).
    pub fn page(
        &self,
        key: impl AsRef<[u8]>,
        after: Option<NodeId>,
        limit: usize,
    ) -> Result<Vec<Value<E::Value>>, Error> {
        let current = self.current(key.as_ref())?;
        let (values, _) =
            self.decode(current.iter().filter(|id| after.is_none_or(|after| **id > after)), limit)?;
        Ok(values)
    }

    fn read(&self, current: &BTreeSet<NodeId>) -> Result<Values<E::Value>, Error> {
        let (values, gone) = self.decode(current.iter(), VALUES_MAX)?;
        Ok(Values::new(values, current.len() as u64 - gone))
    }

    /// The first of these writes; and how many of them lost their value since they were found.
    fn decode<'a>(
        &self,
        ids: impl Iterator<Item = &'a NodeId>,
        limit: usize,
    ) -> Result<Page<E::Value>, Error> {
        let (mut values, mut bytes, mut gone) = (Vec::new(), 0, 0);
        for id in ids.take(limit) {
            let node = self.kv.log().get(id)?;
            let Some(op) = node.value().and_then(Op::decode) else {
                gone += 1;
                continue;
            };
            bytes += op.body.held_len();
            if bytes > VALUES_BYTES_MAX {
                break;
            }
            values.push(Value::decode::<E>(*id, &op.body));
        }
        Ok((values, gone))
    }

    /// Keys and what they held, in their order, lazily. Looks at every key that was ever written in the range.
    ///
    /// # Errors
    ///
    /// What the log or the store says; also as an item.
    pub fn list(
        &self,
        select: Select,
    ) -> Result<impl Iterator<Item = Result<Entry<E::Value>, Error>> + '_, Error> {
        let Select { limit, order, deleted, .. } = select;
        let keys = self.kv.keys(select.keys(), order)?;
        let entries = keys.map(|key| {
            let key = key?;
            Ok(Entry { values: self.get(&key)?, key })
        });
        let wanted = entries.filter(move |entry: &Result<Entry<E::Value>, Error>| {
            !entry
                .as_ref()
                .is_ok_and(|entry| entry.values.is_empty() || (!deleted && entry.values.is_deleted()))
        });
        Ok(wanted.take(usize::try_from(limit).unwrap_or(usize::MAX)))
    }

    fn difference(&self, to: &Self, key: Bytes) -> Result<Option<Difference<E::Value>>, Error> {
        let (from_ids, to_ids) = (self.current(&key)?, to.current(&key)?);
        // All of them, and not only those that are read.
        if from_ids == to_ids {
            return Ok(None);
        }
        Ok(Some(Difference { key, from: self.read(&from_ids)?, to: to.read(&to_ids)? }))
    }

    /// The writes that were current then, by id.
    ///
    /// Back from the current ones of now. A write that was not there leads to those that it has seen. One that was there
    /// is current, unless another that was there has seen it; what that one has seen is not, and so on below.
    fn current(&self, key: &[u8]) -> Result<BTreeSet<NodeId>, Error> {
        let newest = self.kv.newest(key)?;
        let mut due: BTreeMap<Change, Due> =
            newest.into_iter().map(|(change, id)| (change, Due { id, superseded: false })).collect();
        let mut open = due.len();
        let mut current = BTreeSet::new();
        // What is left is all superseded, and so is what it has seen.
        while open > 0 {
            let Some((_, Due { id, superseded })) = due.pop_last() else { break };
            open -= usize::from(!superseded);
            let node = self.kv.log().get(&id)?;
            let was_there = self.kv.was_there(&self.then, &node)?;
            for (change, id) in self.kv.before(key, &node)? {
                let seen = due.entry(change).or_insert_with(|| {
                    open += 1;
                    Due { id, superseded: false }
                });
                if was_there && !std::mem::replace(&mut seen.superseded, true) {
                    open -= 1;
                }
            }
            if was_there && !superseded {
                current.insert(id);
            }
        }
        Ok(current)
    }
}

/// Values, and how many beside them are gone.
type Page<V> = (Vec<Value<V>>, u64);

/// A write that is still to be looked at, on the way back.
struct Due {
    id: NodeId,
    /// Another that was there has seen it.
    superseded: bool,
}
