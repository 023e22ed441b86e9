//! The view of a chat: posts in their order, their heads, and names.
//!
//! ```text
//! p <kind> <height 8> <id 32>    a post: its writer, when to show it, what it claims
//! i <id 32>                      where a post or a name stands: its kind, its height, when to show it
//! h <kind>                       the posts that no other links to, of more than can be linked the highest: height 8, id 32 each
//! n <writer 32>                  the name that a writer took last
//! ```

use std::sync::Arc;

use bytes::Bytes;
use hyperlog::{Binary, Hyperlog, LINKS_MAX, Node, NodeId, WriterId};
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
        let links = places(&node.links, rows)?;
        let before = places(node.prev.as_slice(), rows)?;
        let seen = || links.iter().chain(&before).map(|(_, place)| place);
        let height = seen().map(|place| place.height).max().unwrap_or(0).saturating_add(1);
        let floor = seen().map(|place| place.shown).max().unwrap_or(0);
        let position = Position { height, id: node.id };
        match said {
            Said::Post(kind, claims) => {
                let received = self.received.at(node.change, self.log.last());
                let shown = shown(claims.timestamp, floor, received);
                rows.put(&place_key(&node.id), Place { kind: kind.byte(), height, shown }.encode())?;
                let mut heads = read_heads(rows.get(&head_key(kind))?);
                heads.retain(|head| !links.iter().any(|(id, _)| *id == head.id));
                take_head(&mut heads, position);
                rows.put(&head_key(kind), write_heads(&heads))?;
                take_name(&node.writer, position, &claims.username, rows)?;
                let row = Row { writer: *node.writer.as_bytes(), shown, claims };
                rows.put(&post_key(kind, position), postcard::to_allocvec(&row)?)?;
            }
            Said::Name(name) => {
                // Its place counts for the height of what comes after: the next name above all.
                rows.put(&place_key(&node.id), Place { kind: NAME, height, shown: floor }.encode())?;
                take_name(&node.writer, position, &name, rows)?;
            }
        }
        Ok(())
    }
}

/// Where those of some nodes stand that have a place. One point read for each.
fn places(ids: &[NodeId], rows: &Rows<'_>) -> Result<Vec<(NodeId, Place)>, MapError> {
    let mut places = Vec::with_capacity(ids.len());
    for id in ids {
        places.extend(rows.get(&place_key(id))?.and_then(|row| Some((*id, Place::decode(&row)?))));
    }
    Ok(places)
}

/// A writer's name is the one with the highest position, so that all peers see the same.
fn take_name(writer: &WriterId, position: Position, name: &str, rows: &mut Rows<'_>) -> Result<(), MapError> {
    let key = name_key(writer);
    let before = rows.get(&key)?.map(|row| postcard::from_bytes::<Named>(&row)).transpose()?;
    let id = *position.id.as_bytes();
    if before.is_none_or(|before| (before.height, before.id) < (position.height, id)) {
        rows.put(
            &key,
            postcard::to_allocvec(&Named { height: position.height, id, name: name.to_owned() })?,
        )?;
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

/// The position in the key of a post.
pub(crate) fn read_post_key(key: &[u8]) -> Option<Position> {
    read_position(key.get(2..)?)
}

const HEAD_BYTES: usize = 8 + 32;

fn read_position(bytes: &[u8]) -> Option<Position> {
    let (height, id) = bytes.split_at_checked(8)?;
    let (height, id) = (height.try_into().ok()?, id.try_into().ok()?);
    Some(Position { height: u64::from_be_bytes(height), id: NodeId::from_bytes(id) })
}

pub(crate) fn place_key(id: &NodeId) -> Vec<u8> {
    [&[PLACE], &id.as_bytes()[..]].concat()
}

/// Where a node stands.
pub(crate) struct Place {
    /// That of a post, or [`NAME`].
    kind: u8,
    pub(crate) height: u64,
    shown: u64,
}

impl Place {
    fn encode(&self) -> Vec<u8> {
        [&[self.kind], &self.height.to_be_bytes()[..], &self.shown.to_be_bytes()].concat()
    }

    pub(crate) fn decode(row: &[u8]) -> Option<Self> {
        let (kind, rest) = row.split_first()?;
        let (height, shown) = rest.split_at_checked(8)?;
        let number = |bytes: &[u8]| Some(u64::from_be_bytes(bytes.try_into().ok()?));
        Some(Self { kind: *kind, height: number(height)?, shown: number(shown)? })
    }

    pub(crate) fn is_of(&self, kind: Kind) -> bool {
        self.kind == kind.byte()
    }
}

/// One row, and not a row for each: what is deleted from the end of a range that grows would be passed over by every read.
pub(crate) fn head_key(kind: Kind) -> [u8; 2] {
    [HEAD, kind.byte()]
}

/// Ascending. A row that is damaged counts as none: the next post then links less than it could.
pub(crate) fn read_heads(row: Option<Bytes>) -> Vec<Position> {
    let row = row.unwrap_or_default();
    row.chunks_exact(HEAD_BYTES).filter_map(read_position).collect()
}

fn write_heads(heads: &[Position]) -> Vec<u8> {
    heads.iter().flat_map(|head| [&head.height.to_be_bytes()[..], head.id.as_bytes()].concat()).collect()
}

/// Of more than a node can link the lowest is let go: what comes next stands above it anyway.
fn take_head(heads: &mut Vec<Position>, head: Position) {
    let place = heads.partition_point(|other| *other < head);
    heads.insert(place, head);
    if heads.len() > LINKS_MAX {
        heads.remove(0);
    }
}

pub(crate) fn name_key(writer: &WriterId) -> Vec<u8> {
    [&[NAME], &writer.as_bytes()[..]].concat()
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU64, Ordering};

    use hyperlog::Memory;
    use hyperlog_index::testing::Orders;
    use hyperlog_writers::Role;
    use level::Level;

    use super::*;
    use crate::clock::WallClock;
    use crate::saga::Saga;

    /// Three people write apart, change their names, and meet now and then.
    fn chat(clock: &WallClock) -> Saga {
        let open = |key, name| {
            Saga::options().clock(Arc::clone(clock)).open(Arc::new(Memory::new()), key, name).unwrap()
        };
        let sync = |one: &Saga, other: &Saga| {
            drop(replicate::sync(one.channel().log(), other.channel().log()).unwrap())
        };
        let ana = open(None, "ana");
        let all = [ana.clone(), open(Some(ana.key()), "ben"), open(Some(ana.key()), "cy")];
        for other in &all {
            ana.invite(other.writer(), Role::Writer).unwrap();
            sync(&ana, other);
        }
        for n in 0..40 {
            let one = &all[n % 3];
            match n % 5 {
                0 => drop(one.write_operation(n).unwrap()),
                1 => one.set_username(&format!("name {n}")).unwrap(),
                _ => drop(one.write_message(&format!("{n}")).unwrap()),
            }
            if n % 7 == 0 {
                sync(one, &all[(n + 1) % 3]);
            }
        }
        sync(&all[0], &all[1]);
        sync(&all[0], &all[2]);
        ana
    }

    fn is_the_same_in_all_orders(clock: WallClock) -> bool {
        let saga = chat(&clock);
        let level: Arc<dyn Level> = Arc::new(Memory::new());
        let sub = level.sub("saga").unwrap();
        let received = Arc::new(Received::open(level, sub, clock).unwrap());
        let last = saga.channel().log().last();
        for change in (1..=last.0).map(hyperlog::Change) {
            received.at(change, change);
        }
        let view = Chat { received, log: saga.channel().log().clone() };
        Orders::of(saga.channel().log()).unwrap().check(&view, 60, 1, |rows| rows).unwrap().is_ok()
    }

    #[test]
    fn rows_do_not_depend_on_the_order_in_which_things_came() {
        assert!(is_the_same_in_all_orders(Arc::new(|| 1_000_000)));
    }

    /// The control: the time to show depends on it, and only that.
    #[test]
    fn the_time_to_show_depends_on_when_things_came() {
        let time = AtomicU64::new(1_000_000_000);
        // It runs backwards, so that what is claimed is never believed.
        let clock = move || time.fetch_sub(1_000_000, Ordering::Relaxed);
        assert!(!is_the_same_in_all_orders(Arc::new(clock)));
    }
}
