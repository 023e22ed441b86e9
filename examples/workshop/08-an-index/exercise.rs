//! An index: the key-value store by hand.
#![expect(unused, clippy::todo, reason = "steps are left to do; remove this line when none is")]

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
    // 1. Put the three together.
    todo!("1: name a row")
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
        // 2. Refuse a key with a 0 in it, or its rows would stand among those of another key. Of this key, remove the rows
        //    of the nodes that this one links to. Put a row for this one.
        todo!("2: make rows of a node")
    }
}

/// The view of `log`, with its rows in `level`.
pub fn open(log: &Log, level: impl Level + 'static) -> Result<Index<Kv>> {
    // 3. Open an index. It takes the log, the level and the view.
    todo!("3: open the index")
}

/// All values that a key holds, each with the node that gave it.
pub fn get(kv: &Index<Kv>, key: &str) -> Result<Vec<(NodeId, i64)>> {
    // 4. Read the rows whose names begin with the key and a 0. A name ends in the 32 bytes of an id.
    todo!("4: read the values of a key")
}

/// Gives a key a value, in place of all that it holds.
pub fn put(log: &Log, kv: &Index<Kv>, key: &str, value: i64) -> Result<NodeId> {
    // 5. Add a node that links to the nodes of all values that the key holds now.
    todo!("5: put a value")
}
