//! Which connection to a key stays. Pure.
//!
//! Both ends of a connection know the same of it: who dialled, the number that the dialler gave it, and a random
//! number of each of both processes. So they decide alike, in whatever order connections come to be on either end.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::gate::Id;

/// A public key.
pub(crate) type KeyBytes = [u8; 32];

/// Random, one for each swarm: who restarts has another.
pub(crate) type Instance = [u8; 16];

/// What both ends know of a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Terms {
    /// Whether this end dialled.
    pub(crate) dialed: bool,
    /// The number that the dialler gave the connection: greater than all before, if it had no connection to this key as far
    /// as it knew, and else smaller. So what is dialled once too often replaces nothing that works.
    pub(crate) number: i64,
    /// Which run of the other program this is.
    pub(crate) instance: Instance,
}

/// What becomes of a new connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// It is the only one.
    First,
    /// It stays, and this one goes.
    Replaces(Id),
    /// The other one stays.
    Loses,
}

#[derive(Debug)]
struct Held {
    id: Id,
    terms: Terms,
    since: Duration,
    /// The run of the other program before this one. What still comes of it is late.
    before: Option<Instance>,
}

/// The connections that are in use, one for each key.
#[derive(Debug)]
pub(crate) struct Registry {
    me: KeyBytes,
    held: BTreeMap<KeyBytes, Held>,
}

impl Registry {
    pub(crate) fn new(me: KeyBytes) -> Self {
        Self { me, held: BTreeMap::new() }
    }

    /// Which of two stays: the one that the smaller key dialled; of one dialler, that of the greater number. From a program that was
    /// started anew, its own: what the old run had is dead, though nobody may have noticed.
    pub(crate) fn judge(&self, key: &KeyBytes, terms: &Terms) -> Verdict {
        let Some(held) = self.held.get(key) else { return Verdict::First };
        let stays = if held.terms.instance == terms.instance {
            self.rank(key, terms) > self.rank(key, &held.terms)
        } else {
            held.before != Some(terms.instance)
        };
        if stays { Verdict::Replaces(held.id) } else { Verdict::Loses }
    }

    /// Greater stays. The same on both ends.
    fn rank(&self, key: &KeyBytes, terms: &Terms) -> (bool, i64) {
        let dialed_by_smaller = terms.dialed == (self.me < *key);
        (dialed_by_smaller, terms.number)
    }

    /// From now on `id` is the connection to `key`.
    pub(crate) fn hold(&mut self, key: KeyBytes, id: Id, terms: Terms, now: Duration) {
        let old = self.held.remove(&key);
        let before = old.and_then(|old| match old.terms.instance == terms.instance {
            true => old.before,
            false => Some(old.terms.instance),
        });
        self.held.insert(key, Held { id, terms, since: now, before });
    }

    /// A stream was closed. If it was the connection to a key: which, and how long it lasted.
    pub(crate) fn ended(&mut self, id: Id, now: Duration) -> Option<(KeyBytes, Duration)> {
        let key = self.held.iter().find(|(_, held)| held.id == id).map(|(key, _)| *key)?;
        let held = self.held.remove(&key)?;
        Some((key, now.saturating_sub(held.since)))
    }
}

#[cfg(test)]
mod tests;
