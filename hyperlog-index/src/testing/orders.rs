//! A graph in many orders, of which every replica could have had any.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use bytes::Bytes;
use hyperlog::{Change, Hyperlog, Node, NodeId, Read};
use level::{Durability, Level, Memory, Order};

use crate::error::Error;
use crate::layout::{row_of_view, skipped_range, view_range};
use crate::mapper::Mapper;
use crate::view::View;

/// The nodes of a log, to be mapped in many topological orders.
#[derive(Debug)]
pub struct Orders {
    nodes: Vec<Node>,
    /// The places of those that do not count: what comes after them comes after what they come after.
    void: BTreeSet<usize>,
    /// For each node, the places of what it must come after.
    after: Vec<Vec<usize>>,
}

/// A view whose rows depend on the order.
#[derive(Debug)]
pub struct OrderMatters<T> {
    /// What the view was in local order.
    pub expected: T,
    /// What it was in `order`.
    pub found: T,
    /// The nodes in the order that made the difference.
    pub order: Vec<NodeId>,
}

impl<T: fmt::Debug> fmt::Display for OrderMatters<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { expected, found, order } = self;
        write!(f, "the view depends on the order: {found:?} instead of {expected:?}, in the order {order:?}")
    }
}

impl Orders {
    /// Takes the nodes of a log. Void ones are not mapped, and hold the others in order.
    ///
    /// # Errors
    ///
    /// What the log says.
    pub fn of<E>(log: &Hyperlog<E>) -> Result<Self, Error> {
        let log: Hyperlog = log.with_encoding();
        let void = log.void_between(Change(0), log.last())?;
        let nodes = log.changes(Read::all()).collect::<Result<Vec<_>, _>>()?;
        let is_void = |(place, node): (usize, &Node)| void.contains(&node.change).then_some(place);
        let void = nodes.iter().enumerate().filter_map(is_void).collect();
        let places: BTreeMap<NodeId, usize> = nodes.iter().map(|node| node.id).zip(0..).collect();
        let after =
            nodes.iter().map(|node| parents(node).filter_map(|id| places.get(&id).copied()).collect());
        let after = after.collect();
        Ok(Self { nodes, void, after })
    }

    /// Maps the nodes in local order, and in `orders` others drawn with `seed`; each time in commits of other sizes.
    /// `look` says what of the rows must be the same.
    ///
    /// # Errors
    ///
    /// [`Error`] when the view stops.
    pub fn check<V: View, T: PartialEq>(
        &self,
        view: &V,
        orders: usize,
        seed: u64,
        look: impl Fn(BTreeMap<Bytes, Bytes>) -> T,
    ) -> Result<Result<(), OrderMatters<T>>, Error> {
        let local: Vec<usize> = (0..self.nodes.len()).collect();
        let expected = look(self.map(view, &local, usize::MAX)?);
        let mut dice = Dice(seed);
        for turn in 0..orders {
            let order = match turn {
                // The extremes first: always what is newest, always what is oldest by id.
                0 => self.order(|ready| ready.len() - 1),
                1 => self.order(|_| 0),
                _ => self.order(|ready| dice.below(ready.len())),
            };
            let found = look(self.map(view, &order, 1 + dice.below(5))?);
            if found != expected {
                let order = order.into_iter().filter_map(|place| Some(self.nodes.get(place)?.id)).collect();
                return Ok(Err(OrderMatters { expected, found, order }));
            }
        }
        Ok(Ok(()))
    }

    /// A topological order; `pick` chooses among the nodes that could come next.
    fn order(&self, mut pick: impl FnMut(&[usize]) -> usize) -> Vec<usize> {
        let mut waits: Vec<BTreeSet<usize>> =
            self.after.iter().map(|after| after.iter().copied().collect()).collect();
        let mut before = vec![Vec::new(); self.nodes.len()];
        for (place, after) in self.after.iter().enumerate() {
            for parent in after {
                if let Some(next) = before.get_mut(*parent) {
                    next.push(place);
                }
            }
        }
        let mut ready: Vec<usize> =
            waits.iter().enumerate().filter(|(_, waits)| waits.is_empty()).map(|(place, _)| place).collect();
        let mut order = Vec::with_capacity(self.nodes.len());
        while !ready.is_empty() {
            let place = ready.remove(pick(&ready));
            order.push(place);
            for next in before.get(place).into_iter().flatten() {
                let Some(waits) = waits.get_mut(*next) else { continue };
                if waits.remove(&place) && waits.is_empty() {
                    ready.push(*next);
                }
            }
        }
        order
    }

    /// The rows of the view after the nodes in some order, numbered as a replica would that got them so.
    fn map<V: View>(
        &self,
        view: &V,
        order: &[usize],
        commit: usize,
    ) -> Result<BTreeMap<Bytes, Bytes>, Error> {
        let level = Memory::new();
        let sub = level.sub("view")?;
        let mut nodes = (1..).zip(order).filter_map(|(change, place)| {
            let mut node = self.nodes.get(*place)?.clone();
            node.change = Change(change);
            (!self.void.contains(place)).then_some(node)
        });
        loop {
            let mut mapper =
                Mapper { view, stored: &level, sub, void: BTreeSet::new(), batch: Default::default() };
            let mut mapped = 0_usize;
            for node in nodes.by_ref().take(commit) {
                mapper.map(node)?;
                mapped += 1;
            }
            let batch = mapper.batch;
            level.apply(batch, Durability::Buffered)?;
            if mapped == 0 {
                break;
            }
        }
        // How many were skipped must be the same, too; which numbers they had is local.
        let skipped = level::Read::range(&level, sub, skipped_range(), Order::Ascending).count();
        let rows = level::Read::range(&level, sub, view_range(&level::KeyRange::all()), Order::Ascending);
        let mut rows = rows.map(|row| Ok(row_of_view(row?))).collect::<Result<BTreeMap<_, _>, Error>>()?;
        if skipped > 0 {
            rows.insert(Bytes::from_static(b"\xff\xff skipped"), skipped.to_string().into());
        }
        Ok(rows)
    }
}

/// What a node comes after, wherever it is stored.
fn parents(node: &Node) -> impl Iterator<Item = NodeId> + '_ {
    node.links.iter().copied().chain(node.prev).chain(node.cap)
}

/// Numbers that look random and come from a seed: splitmix64.
struct Dice(u64);

impl Dice {
    fn below(&mut self, n: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut x = self.0;
        x = (x ^ (x >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        x = (x ^ (x >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        let n = n.max(1) as u64;
        usize::try_from((x ^ (x >> 31)) % n).unwrap_or(0)
    }
}
