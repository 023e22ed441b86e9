//! Who may come in: how many at a time, from one address and in all. Pure.

use std::collections::BTreeMap;
use std::net::IpAddr;

use crate::address::counted_as;
use crate::options::Limits;

/// Numbers every stream of a swarm, in the order in which they began.
pub(crate) type Id = u64;

/// Counts streams from when they come until they are closed.
#[derive(Debug)]
pub(crate) struct Gate {
    limits: Limits,
    /// Handshakes with those who came by themselves. The oldest is the first.
    knocking: BTreeMap<Id, IpAddr>,
    /// Sent away; the socket is not closed yet.
    leaving: BTreeMap<Id, IpAddr>,
    /// Connections, until their owner drops them. None for those that were dialled here.
    inside: BTreeMap<Id, Option<IpAddr>>,
}

/// Sockets that may be closing while others are taken in.
const LEAVING_MAX: usize = 8;

impl Gate {
    pub(crate) fn new(limits: Limits) -> Self {
        Self { limits, knocking: BTreeMap::new(), leaving: BTreeMap::new(), inside: BTreeMap::new() }
    }

    /// Whether somebody else may knock now: not while many that were sent away still hold a socket.
    pub(crate) fn is_open(&self) -> bool {
        self.leaving.len() < LEAVING_MAX
    }

    /// Somebody came. Returns who has to go for that.
    pub(crate) fn knock(&mut self, id: Id, address: IpAddr) -> Option<(Id, IpAddr)> {
        let address = counted_as(address);
        let of = |counted: IpAddr| self.knocking.values().filter(|other| **other == counted).count();
        let crowded = if of(address) >= self.limits.handshakes_per_address {
            Some(address)
        } else if self.knocking.len() >= self.limits.handshakes {
            // Whoever has most of them: one handshake from one address is never ended by a flood from another.
            self.knocking.values().copied().max_by_key(|counted| of(*counted))
        } else {
            None
        };
        let evicted = crowded.and_then(|crowded| {
            let (id, _) = self.knocking.iter().find(|(_, counted)| **counted == crowded)?;
            Some((*id, crowded))
        });
        if let Some((id, address)) = evicted {
            self.knocking.remove(&id);
            self.leaving.insert(id, address);
        }
        self.knocking.insert(id, address);
        evicted
    }

    /// Whether `id`, whose handshake is done, may stay, in the place of another if it replaces one. If not, it is to be
    /// closed at once.
    pub(crate) fn enter(&mut self, id: Id, came_from: Option<IpAddr>, replaces: Option<Id>) -> bool {
        let came_from = came_from.map(counted_as);
        self.knocking.remove(&id);
        // What is replaced may still be held by its owner, so it is counted once more, but not twice.
        let spare = usize::from(replaces.is_some_and(|other| self.inside.contains_key(&other)));
        let neighbours =
            self.inside.iter().filter(|(other, address)| **address == came_from && Some(**other) != replaces);
        let crowded = came_from.is_some() && neighbours.count() >= self.limits.connections_per_address;
        let full = self.inside.len() >= self.limits.connections + spare;
        if crowded || full {
            return false;
        }
        self.inside.insert(id, came_from);
        true
    }

    /// Whether there is room for one more connection that is dialled here.
    pub(crate) fn has_room(&self) -> bool {
        self.inside.len() < self.limits.connections
    }

    /// The stream is closed, whatever it was.
    pub(crate) fn left(&mut self, id: Id) {
        self.knocking.remove(&id);
        self.leaving.remove(&id);
        self.inside.remove(&id);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn gate() -> Gate {
        Gate::new(Limits {
            handshakes_per_address: 2,
            handshakes: 5,
            connections_per_address: 2,
            connections: 3,
            ..Limits::default()
        })
    }

    fn address(number: u8) -> IpAddr {
        IpAddr::from([192, 0, 2, number])
    }

    #[test]
    fn one_more_from_an_address_ends_its_oldest() {
        let mut gate = gate();
        assert_eq!(gate.knock(1, address(1)), None);
        assert_eq!(gate.knock(2, address(2)), None);
        assert_eq!(gate.knock(3, address(1)), None);
        assert_eq!(gate.knock(4, address(1)), Some((1, address(1))));
        assert_eq!(gate.knock(5, address(1)), Some((3, address(1))));
        gate.left(4);
        assert_eq!(gate.knock(6, address(1)), None);
    }

    #[test]
    fn a_flood_from_some_addresses_ends_no_handshake_of_another() {
        let mut gate = gate();
        assert_eq!(gate.knock(1, address(9)), None);
        for id in 2..6 {
            assert_eq!(gate.knock(id, address(u8::try_from(id / 2).unwrap())), None);
        }
        for id in 6..100 {
            let (evicted, of) = gate.knock(id, address(u8::try_from(1 + id % 2).unwrap())).unwrap();
            assert!(evicted != 1 && of != address(9));
            gate.left(evicted);
            assert_eq!(gate.knocking.len(), 5);
        }
    }

    #[test]
    fn nobody_else_comes_in_while_those_sent_away_hold_their_sockets() {
        let mut gate = gate();
        let mut evicted = Vec::new();
        let mut id = 0;
        while gate.is_open() {
            id += 1;
            evicted.extend(gate.knock(id, address(1)));
        }
        assert_eq!(evicted.len(), LEAVING_MAX);
        gate.left(evicted[0].0);
        assert!(gate.is_open());
    }

    #[test]
    fn connections_are_bounded_by_address_and_in_all_and_a_replacement_finds_room() {
        let mut gate = gate();
        assert!(gate.enter(1, Some(address(1)), None));
        assert!(gate.enter(2, Some(address(1)), None));
        assert!(!gate.enter(3, Some(address(1)), None), "the third of an address");
        assert!(gate.enter(4, Some(address(1)), Some(1)), "in the place of its first");
        assert!(!gate.has_room());
        assert!(!gate.enter(5, Some(address(2)), None), "the fourth in all");
        gate.left(1);
        assert!(gate.has_room());
        assert!(gate.enter(6, None, None), "who is dialled counts in all");
        assert!(!gate.enter(7, None, None));
        assert!(gate.enter(8, None, Some(6)));
        assert!(!gate.enter(9, None, Some(8)), "an owner that keeps what was replaced gets no more");
    }
}
