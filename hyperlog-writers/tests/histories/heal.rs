//! At the end everybody syncs with everybody: then all must be equal, and equal to a log that is made anew.

use std::collections::BTreeSet;

use hyperlog::{Content, Read};

use crate::check::{differ, rows};
use crate::oracle::No;
use crate::place::{MakePolicy, Map, Place};
use crate::world::{Checked, World, reasons};

/// A writer that nobody knows.
const STRANGER: u8 = 150;

impl World {
    pub(crate) fn heal(&mut self, policy: Option<MakePolicy>) -> Checked {
        self.step += 1;
        self.say(|| "all come together".to_owned());
        // What nobody has heard of yet comes to light.
        if self.dice.chance(25) {
            let all: Vec<usize> = (0..self.parcels.len()).collect();
            let place = self.any_place();
            self.deliver(place, &all)?;
        }
        self.sync_all()?;
        if self.bulky {
            self.sync_for_values()?;
        }
        for place in 0..self.places.len() {
            self.look(place, true)?;
        }
        self.mix.void += self.places[0].order.iter().filter(|no| self.is_void_at_first(**no)).count() as u64;
        self.mix.dropped += self.places.iter().map(dropped).sum::<u64>();
        self.check_equal()?;
        self.check_rebuilt(policy)?;
        if self.dice.chance(8) { self.check_whole() } else { Ok(()) }
    }

    fn is_void_at_first(&self, no: No) -> bool {
        self.places[0].seen.as_ref().is_some_and(|seen| seen.is_void(no))
    }

    fn sync_all(&mut self) -> Checked {
        let count = self.places.len();
        for _ in 0..=count + 1 {
            let mut moved = false;
            for place in 0..count {
                moved |= self.sync(place, (place + 1) % count)?;
            }
            if !moved {
                return Ok(());
            }
        }
        Err("the peers sync again and again, and something always moves".into())
    }

    /// A value does not come by way of somebody who dropped it: whoever lacks one asks everybody.
    fn sync_for_values(&mut self) -> Checked {
        let lacks = |this: &Self, place: usize| this.places[place].log().pending().count();
        for place in 0..self.places.len() {
            for other in 0..self.places.len() {
                if place != other && lacks(self, place) > 0 {
                    self.sync(place, other)?;
                }
            }
        }
        // What one still lacks nobody has.
        let lacking: Vec<usize> = (0..self.places.len()).map(|place| lacks(self, place)).collect();
        match lacking.iter().all(|count| *count == lacking[0]) {
            true => Ok(()),
            false => Err(format!("values that somebody has did not come to all: {lacking:?} are missing")),
        }
    }

    fn check_equal(&self) -> Checked {
        let first = &self.places[0];
        for (place, there) in self.places.iter().enumerate().skip(1) {
            same(first, there).map_err(|why| format!("places 0 and {place}: {why}"))?;
        }
        Ok(())
    }

    /// Somebody new takes all of it at once, and somebody else one commit after the other, in another order.
    fn check_rebuilt(&mut self, policy: Option<MakePolicy>) -> Checked {
        let from = self.any_place();
        if self.dice.chance(70) {
            let mut bytes = Vec::new();
            let exported = self.places[from].log().export(&mut bytes);
            exported.map_err(|error| format!("{from} cannot be exported: {}", reasons(&error)))?;
            self.rebuild(from, &bytes, policy).map_err(|why| format!("taken in at once: {why}"))
        } else {
            let has: BTreeSet<No> = self.has(from);
            let here = |n: &usize| self.parcels[*n].nodes.iter().all(|no| has.contains(no));
            let parcels = (0..self.parcels.len()).filter(here).collect();
            let order = self.shuffled(&parcels);
            let bytes = self.export_of(&order);
            self.rebuild(from, &bytes, policy).map_err(|why| format!("taken in one by one: {why}"))
        }
    }

    fn rebuild(&mut self, from: usize, bytes: &[u8], policy: Option<MakePolicy>) -> Checked {
        // Who takes it in another order has dropped other values.
        let map = if self.dice.chance(50) && !self.bulky { Map::Apart } else { Map::Nowhere };
        let mut fresh = Place::new(STRANGER, self.topic, map, policy);
        fresh.log().import(bytes).map_err(|error| format!("refused: {}", reasons(&error)))?;
        fresh.absorb(&self.book)?;
        same(&self.places[from], &fresh)
    }

    fn check_whole(&mut self) -> Checked {
        let place = self.any_place();
        let checked = self.places[place].log().fsck();
        let checked = checked.map_err(|error| format!("{place} cannot be checked: {}", reasons(&error)))?;
        if checked.is_clean() { Ok(()) } else { Err(format!("{place} is not whole: {:?}", checked.problems)) }
    }
}

fn dropped(place: &Place) -> u64 {
    let nodes = place.log().changes(Read::all());
    nodes.filter(|node| node.as_ref().is_ok_and(|node| node.value == Content::Unwanted)).count() as u64
}

/// Two peers that have stored the same nodes have everything alike.
fn same(a: &Place, b: &Place) -> Checked {
    let (set_a, set_b): (BTreeSet<No>, BTreeSet<No>) =
        (a.order.iter().copied().collect(), b.order.iter().copied().collect());
    differ("the nodes", &set_a, &set_b)?;
    let heads = |place: &Place| place.log().heads().map_err(|error| reasons(&error));
    differ("the heads", &heads(a)?, &heads(b)?)?;
    if let (Some(a), Some(b)) = (a.channel(), b.channel()) {
        let fault = |error: hyperlog_writers::Error| reasons(&error);
        differ("the members", &a.members().map_err(fault)?, &b.members().map_err(fault)?)?;
        differ("the grants", &a.grants().map_err(fault)?, &b.grants().map_err(fault)?)?;
    }
    if let (Some(a), Some(b)) = (a.kv(), b.kv()) {
        differ("the map", &rows(a)?, &rows(b)?)?;
    }
    Ok(())
}
