//! An index: the key-value store by hand.

use hyperlog::{Hyperlog, Json, Level, Node, NodeId};
use hyperlog_index::{Index, MapError, Rows, View};
use level::{KeyRange, Order};

/// `?` turns any error into this one.
pub type Result<T> = std::result::Result<T, Box<dyn std::error::Error>>;

/// What a node says: this key has this value.
pub type Put = (String, i64);

/// The log. It is all that is kept for good.
pub type Log = Hyperlog<Json<Put>>;

/// The name of a row: the key, a 0 that ends it, and the id of the node that gave it a value.
pub fn name(key: &str, id: &NodeId) -> Vec<u8> {
    [key.as_bytes(), &[0], id.as_bytes()].concat()
}

/// The view: each key holds the values that no later node has linked to, a row for each.
pub struct Kv;

impl View for Kv {
    type Encoding = Json<Put>;

    fn name(&self) -> &str {
        "kv"
    }

    fn version(&self) -> u32 {
        1
    }

    fn map(&self, node: &Node<Put>, rows: &mut Rows<'_>) -> std::result::Result<(), MapError> {
        let Some((key, value)) = node.value() else { return Ok(()) };
        if key.contains('\0') {
            return Err("a key has no 0 in it".into());
        }
        for link in &node.links {
            rows.del(&name(key, link));
        }
        rows.put(&name(key, &node.id), value.to_be_bytes().to_vec())?;
        Ok(())
    }
}

/// The view of `log`, with its rows in `level`.
pub fn open(log: &Log, level: impl Level + 'static) -> Result<Index<Kv>> {
    Ok(Index::open(log, level, Kv)?)
}

/// All values that a key holds, each with the node that gave it.
pub fn get(kv: &Index<Kv>, key: &str) -> Result<Vec<(NodeId, i64)>> {
    let mut values = Vec::new();
    for row in kv.range(KeyRange::prefix(&[key.as_bytes(), &[0]].concat()), Order::Ascending)? {
        let (name, value) = row?;
        let id = name.last_chunk().ok_or("a name ends in an id")?;
        values.push((NodeId::from_bytes(*id), i64::from_be_bytes(value[..].try_into()?)));
    }
    Ok(values)
}

/// Gives a key a value, in place of all that it holds.
pub fn put(log: &Log, kv: &Index<Kv>, key: &str, value: i64) -> Result<NodeId> {
    let seen: Vec<NodeId> = get(kv, key)?.into_iter().map(|(id, _)| id).collect();
    Ok(log.add(&seen, (key.to_owned(), value))?.id)
}
