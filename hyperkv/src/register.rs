//! The current values of one key, as the view keeps them: a few in one row, many in rows of their own.
//!
//! Which of the two it is depends on the values alone, never on how they came to be: the rows of a view must not tell in
//! which order its nodes were mapped.

use bytes::{Buf, BufMut, Bytes};
use hyperlog::NodeId;
use hyperlog_index::Rows;
use level::{KeyRange, Order};

/// More values than this lie in rows of their own.
const FEW: usize = 16;
/// And so do more bytes than this, unless one value has them.
const FEW_BYTES: u64 = 64 << 10;

/// Below this, by key, the row of its register.
const REGISTER: u8 = b'k';
/// Below this, by key and id, a value of a register with many.
const MANY: u8 = b'm';
/// Below this, by key, an empty row for each register with more than one value.
const CONFLICT: u8 = b'x';

/// A value by the node that wrote it: [`Body`](crate::op::Body) in its encoding.
pub(crate) type Held = (NodeId, Bytes);

/// What the row of a key says.
pub(crate) enum Register {
    /// All values, ascending by id.
    Few(Vec<Held>),
    /// How many values there are, and how many bytes they have.
    Many { count: u64, bytes: u64 },
}

impl Register {
    pub(crate) fn decode(mut row: Bytes) -> Option<Self> {
        let count = usize::from(row.try_get_u8().ok()?);
        if count == 0 {
            let (count, bytes) = (row.try_get_u64().ok()?, row.try_get_u64().ok()?);
            return row.is_empty().then_some(Self::Many { count, bytes });
        }
        let mut few = Vec::with_capacity(count);
        for _ in 0..count {
            let id = NodeId::from_bytes(row.get(..32)?.try_into().ok()?);
            row.advance(32);
            let len = usize::try_from(row.try_get_u32().ok()?).ok()?;
            if len > row.len() {
                return None;
            }
            few.push((id, row.split_to(len)));
        }
        row.is_empty().then_some(Self::Few(few))
    }

    fn encode(&self) -> Bytes {
        match self {
            Self::Few(few) => {
                let bytes: usize = few.iter().map(|(_, body)| 36 + body.len()).sum();
                let mut row = Vec::with_capacity(1 + bytes);
                row.put_u8(u8::try_from(few.len()).expect("few are fewer than 256"));
                for (id, body) in few {
                    row.put_slice(id.as_bytes());
                    row.put_u32(u32::try_from(body.len()).expect("a value is shorter than 4 GiB"));
                    row.put_slice(body);
                }
                row.into()
            }
            Self::Many { count, bytes } => {
                let mut row = Vec::with_capacity(17);
                row.put_u8(0);
                row.put_u64(*count);
                row.put_u64(*bytes);
                row.into()
            }
        }
    }

    pub(crate) fn count(&self) -> u64 {
        match self {
            Self::Few(few) => few.len() as u64,
            Self::Many { count, .. } => *count,
        }
    }
}

const fn are_few(count: u64, bytes: u64) -> bool {
    count == 1 || (count <= FEW as u64 && bytes <= FEW_BYTES)
}

/// A row of the view that is none of ours.
#[derive(Debug, thiserror::Error)]
#[error("a row of the map holds something else")]
pub(crate) struct BadRow;

type Result<T> = std::result::Result<T, Box<dyn std::error::Error + Send + Sync>>;

/// Takes in a write of a key, which has seen the writes that it links to. Mostly one read and one row.
pub(crate) fn write(rows: &mut Rows<'_>, key: &[u8], links: &[NodeId], new: Held) -> Result<()> {
    let name = register_key(key);
    let before = rows.get(&name)?.map(|row| Register::decode(row).ok_or(BadRow)).transpose()?;
    let before = before.unwrap_or(Register::Few(Vec::new()));
    let was_conflict = before.count() > 1;
    let after = match before {
        Register::Few(few) => write_few(rows, key, links, few, new)?,
        Register::Many { count, bytes } => write_many(rows, key, links, (count, bytes), new)?,
    };
    let is_conflict = after.count() > 1;
    if is_conflict != was_conflict {
        let row = conflict_key(key);
        if is_conflict { rows.put(&row, Bytes::new())? } else { rows.del(&row) }
    }
    Ok(rows.put(&name, after.encode())?)
}

fn write_few(
    rows: &mut Rows<'_>,
    key: &[u8],
    links: &[NodeId],
    mut few: Vec<Held>,
    new: Held,
) -> Result<Register> {
    few.retain(|(id, _)| links.binary_search(id).is_err());
    let place = few.partition_point(|(id, _)| *id < new.0);
    few.insert(place, new);
    let bytes = few.iter().map(|(_, body)| body.len() as u64).sum();
    let count = few.len() as u64;
    if are_few(count, bytes) {
        return Ok(Register::Few(few));
    }
    for (id, body) in few {
        rows.put(&value_key(key, &id), body)?;
    }
    Ok(Register::Many { count, bytes })
}

fn write_many(
    rows: &mut Rows<'_>,
    key: &[u8],
    links: &[NodeId],
    (mut count, mut bytes): (u64, u64),
    (id, body): Held,
) -> Result<Register> {
    for link in links {
        let row = value_key(key, link);
        if let Some(seen) = rows.get(&row)? {
            rows.del(&row);
            (count, bytes) = (count.saturating_sub(1), bytes.saturating_sub(seen.len() as u64));
        }
    }
    (count, bytes) = (count + 1, bytes + body.len() as u64);
    rows.put(&value_key(key, &id), body)?;
    if !are_few(count, bytes) {
        return Ok(Register::Many { count, bytes });
    }
    let few = rows.range(values_of(key), Order::Ascending).map(|row| decode_value(key, row?));
    let few = few.collect::<Result<Vec<Held>>>()?;
    for (id, _) in &few {
        rows.del(&value_key(key, id));
    }
    Ok(Register::Few(few))
}

pub(crate) fn decode_value(key: &[u8], (name, body): level::Row) -> Result<Held> {
    let id = name.get(values_prefix(key).len()..).and_then(|id| id.try_into().ok()).ok_or(BadRow)?;
    Ok((NodeId::from_bytes(id), body))
}

// ---- keys of rows ----

pub(crate) fn register_key(key: &[u8]) -> Vec<u8> {
    [&[REGISTER], key].concat()
}

/// The key that a row's name speaks of.
pub(crate) fn key_of(name: &Bytes) -> Bytes {
    name.slice(1.min(name.len())..)
}

fn conflict_key(key: &[u8]) -> Vec<u8> {
    [&[CONFLICT], key].concat()
}

/// The name begins with the length of the key, so that no key's values stand among those of another.
fn values_prefix(key: &[u8]) -> Vec<u8> {
    let len = u16::try_from(key.len()).expect("a key is shorter than 64 KiB").to_be_bytes();
    [&[MANY], len.as_slice(), key].concat()
}

fn value_key(key: &[u8], id: &NodeId) -> Vec<u8> {
    let mut name = values_prefix(key);
    name.extend_from_slice(id.as_bytes());
    name
}

/// The rows of a register with many values.
pub(crate) fn values_of(key: &[u8]) -> KeyRange {
    KeyRange::prefix(&values_prefix(key))
}

/// The same, behind one of them.
pub(crate) fn values_after(key: &[u8], id: &NodeId) -> KeyRange {
    let all = values_of(key);
    KeyRange::new(std::ops::Bound::Excluded(value_key(key, id)), all.end().map(Bytes::copy_from_slice))
}

/// Rows of registers in a range of keys.
pub(crate) fn registers_in(keys: &KeyRange) -> KeyRange {
    below(REGISTER, keys)
}

/// Rows of conflicts in a range of keys.
pub(crate) fn conflicts_in(keys: &KeyRange) -> KeyRange {
    below(CONFLICT, keys)
}

fn below(letter: u8, keys: &KeyRange) -> KeyRange {
    use std::ops::Bound::Unbounded;
    let all = KeyRange::prefix(&[letter]);
    let named = |key: &[u8]| Bytes::from([&[letter], key].concat());
    let start = match keys.start() {
        Unbounded => all.start().map(Bytes::copy_from_slice),
        bounded => bounded.map(named),
    };
    let end = match keys.end() {
        Unbounded => all.end().map(Bytes::copy_from_slice),
        bounded => bounded.map(named),
    };
    KeyRange::new(start, end)
}
