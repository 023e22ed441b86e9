//! The view: of each key, the values that no later write has seen.

use hyperlog::{Binary, Node};
use hyperlog_index::{MapError, Rows, View};

use crate::op::Op;
use crate::register;

/// The view of a map. [`HyperKv`](crate::HyperKv) has one; it is public for those who put the parts together otherwise.
///
/// The values of a key are those writes of it that no other write of it names in its links. That a writer wrote on, or
/// that a path leads there through other keys, does not count as seen. What is no operation changes nothing.
#[derive(Clone, Copy, Debug, Default)]
pub struct Registers;

impl View for Registers {
    type Encoding = Binary;

    fn name(&self) -> &str {
        "kv"
    }

    fn version(&self) -> u32 {
        1
    }

    fn map(&self, node: &Node, rows: &mut Rows<'_>) -> Result<(), MapError> {
        let Some(Op { key, body }) = node.value().and_then(Op::decode) else { return Ok(()) };
        register::write(rows, &key, &node.links, (node.id, body.encode()))
    }
}
