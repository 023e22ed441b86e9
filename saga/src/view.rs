//! The view of a chat: posts in their order, their heads, and names.
//!
//! ```text
//! p <kind> <height 8> <id 32>    a post: its writer, when to show it, what it claims
//! i <id 32>                      where a post stands: its kind and height
//! h <kind> <id 32>               a post that no other links to
//! n <writer 32>                  the name that a writer took last
//! ```

use std::sync::Arc;

use bytes::Bytes;
use hyperlog::{Binary, Hyperlog, Node, NodeId, WriterId};
use hyperlog_index::{MapError, Rows, View};
use level::KeyRange;
use serde::{Deserialize, Serialize};

use crate::clock::{Received, shown};
use crate::post::{Claims, Kind, Position, Said};

/// Raise it with every change of what the rows are.
const VERSION: u32 = 1;

pub(crate) struct Chat {
    pub(crate) received: Arc<Received>,
    pub(crate) log: Hyperlog,
}

/// A row of a post.
#[derive(Serialize, Deserialize)]
pub(crate) struct Row {
    pub(crate) writer: [u8; 32],
    pub(crate) shown: u64,
    pub(crate) claims: Claims,
}

/// A row of a name.
#[derive(Serialize, Deserialize)]
pub(crate) struct Named {
    height: u64,
    id: [u8; 32],
    pub(crate) name: String,
}

impl View for Chat {
    type Encoding = Binary;

    fn name(&self) -> &str {
        "saga"
    }

    fn version(&self) -> u32 {
        VERSION
    }

    fn map(&self, node: &Node<Bytes>, rows: &mut Rows<'_>) -> Result<(), MapError> {
        let Some(said) = Said::read(node)? else { return Ok(()) };
        let (height, floor) = above(node, rows)?;
        let position = Position { height, id: node.id };
        let name = match said {
            Said::Post(kind, claims) => {
                let received = self.received.at(node.change, self.log.last())?;
                let name = claims.username.clone();
                let shown = shown(claims.timestamp, floor, received);
                let row = Row { writer: *node.writer.as_bytes(), shown, claims };
                rows.put(&post_key(kind, position), postcard::to_allocvec(&row)?)?;
                rows.put(&place_key(&node.id), place_row(kind, height))?;
                for link in &node.links {
                    rows.del(&head_key(kind, link));
                }
                rows.put(&head_key(kind, &node.id), Bytes::new())?;
                name
            }
            Said::Name(name) => name,
        };
        take_name(&node.writer, position, name, rows)
    }
}

/// The height of a node, and the time before which it cannot be shown: one more than, and that of, the posts it has seen.
fn above(node: &Node<Bytes>, rows: &Rows<'_>) -> Result<(u64, u64), MapError> {
    let (mut height, mut floor) = (0, 0);
    for seen in node.links.iter().chain(&node.prev) {
        let Some((kind, below)) = rows.get(&place_key(seen))?.and_then(|row| read_place(&row)) else {
            continue;
        };
        height = below.max(height);
        let position = Position { height: below, id: *seen };
        if let Some(row) = rows.get(&post_key(kind, position))? {
            floor = floor.max(postcard::from_bytes::<Row>(&row)?.shown);
        }
    }
    Ok((height.saturating_add(1), floor))
}

/// A writer's name is the one with the highest position, so that all peers see the same.
fn take_name(
    writer: &WriterId,
    position: Position,
    name: String,
    rows: &mut Rows<'_>,
) -> Result<(), MapError> {
    let key = name_key(writer);
    let before = rows.get(&key)?.map(|row| postcard::from_bytes::<Named>(&row)).transpose()?;
    let id = *position.id.as_bytes();
    if before.is_none_or(|before| (before.height, before.id) < (position.height, id)) {
        rows.put(&key, postcard::to_allocvec(&Named { height: position.height, id, name })?)?;
    }
    Ok(())
}

// ---- keys of rows ----

const POST: u8 = b'p';
const PLACE: u8 = b'i';
const HEAD: u8 = b'h';
const NAME: u8 = b'n';

pub(crate) fn posts(kind: Kind) -> KeyRange {
    KeyRange::prefix(&[POST, kind.byte()])
}

/// The posts of a kind that stand before one.
pub(crate) fn posts_before(kind: Kind, position: Position) -> KeyRange {
    use std::ops::Bound;
    KeyRange::new(Bound::Included(vec![POST, kind.byte()]), Bound::Excluded(post_key(kind, position)))
}

pub(crate) fn post_key(kind: Kind, position: Position) -> Vec<u8> {
    [&[POST, kind.byte()], &position.height.to_be_bytes()[..], position.id.as_bytes()].concat()
}

pub(crate) fn read_post_key(key: &[u8]) -> Option<Position> {
    let height = key.get(2..10)?.try_into().ok()?;
    let id = key.get(10..)?.try_into().ok()?;
    Some(Position { height: u64::from_be_bytes(height), id: NodeId::from_bytes(id) })
}

pub(crate) fn place_key(id: &NodeId) -> Vec<u8> {
    [&[PLACE], &id.as_bytes()[..]].concat()
}

fn place_row(kind: Kind, height: u64) -> Vec<u8> {
    [&[kind.byte()], &height.to_be_bytes()[..]].concat()
}

pub(crate) fn read_place(row: &[u8]) -> Option<(Kind, u64)> {
    let (byte, height) = row.split_first()?;
    let kind = Kind::ALL.into_iter().find(|kind| kind.byte() == *byte)?;
    Some((kind, u64::from_be_bytes(height.try_into().ok()?)))
}

pub(crate) fn heads(kind: Kind) -> KeyRange {
    KeyRange::prefix(&[HEAD, kind.byte()])
}

fn head_key(kind: Kind, id: &NodeId) -> Vec<u8> {
    [&[HEAD, kind.byte()], &id.as_bytes()[..]].concat()
}

pub(crate) fn read_head_key(key: &[u8]) -> Option<NodeId> {
    Some(NodeId::from_bytes(key.get(2..)?.try_into().ok()?))
}

pub(crate) fn name_key(writer: &WriterId) -> Vec<u8> {
    [&[NAME], &writer.as_bytes()[..]].concat()
}
