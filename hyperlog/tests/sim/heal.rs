//! Nothing goes wrong any more, everybody syncs with everybody: then all must be equal.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use hyperlog::{Content, Durability, Error, Hyperlog, LogError, Memory, Node, NodeId, Read, Utf8};
use replicate::sim::Faults;
use replicate::{Cause, Mode, Options, SyncError};

use crate::link::{Plan, with_reasons};
use crate::world::{Checked, World};

/// How long after the last fault every session has ended, or goes on for good.
const HEALED_IN: Duration = Duration::from_secs(400);

impl World {
    pub(crate) fn heal(&mut self) -> Checked {
        self.end_sessions()?;
        if self.dice.chance(25) {
            self.converse()?;
        }
        self.sync_all()?;
        self.check()
    }

    // ---- the sessions that are open ----

    fn end_sessions(&mut self) -> Checked {
        self.trace.say(format_args!("{:?} heal", self.now));
        self.links.iter_mut().for_each(|link| link.wire.calm());
        self.places.iter().try_for_each(crate::place::Place::flush)?;
        self.settle()?;
        self.check_live()?;
        for link in &mut self.links {
            replicate::sim::Side::BOTH.into_iter().for_each(|side| link.wire.stop(side));
        }
        self.settle()?;
        match self.links.first() {
            None => Ok(()),
            Some(link) => Err(format!("the session of {:?} does not end: {:?}", link.places, link.wire)),
        }
    }

    /// Goes on until nothing moves, and those have given up who wait for nothing.
    fn settle(&mut self) -> Checked {
        let end = self.now + HEALED_IN;
        while self.links.iter_mut().any(|link| !link.wire.is_quiet()) {
            let Some((at, link)) = self.next() else { break };
            self.step(at, link)?;
        }
        self.bury()?;
        if self.links.iter().all(crate::link::Link::lasts) {
            return Ok(());
        }
        self.pass(end.saturating_sub(self.now))
    }

    /// A live session brings everything by itself.
    fn check_live(&self) -> Checked {
        for link in self.links.iter().filter(|link| link.plan.keeps_equal()) {
            let [a, b] = link.places.map(|place| self.places[place].log().tips());
            if a != b {
                return Err(format!("a live session left {:?} different: {a:?}, {b:?}", link.places));
            }
        }
        Ok(())
    }

    // ---- a conversation that nothing disturbs ----

    /// What one writes the other has at once, and nothing is sent twice.
    fn converse(&mut self) -> Checked {
        self.sync_pair(0, 1)?;
        let plan = Plan { modes: [Mode::Sync; 2], live: [true; 2], declines: false };
        let live = || Options::default().live(true);
        self.connect([0, 1], plan, [live(), live()], &calm())?;
        let twice = self.mix.twice;
        for turn in 0..4 {
            self.pass(Duration::from_secs(1))?;
            self.append(turn % 2, Durability::Synced)?;
        }
        self.settle()?;
        self.check_live()?;
        self.end_sessions()?;
        if self.mix.twice == twice { Ok(()) } else { Err("a live session sent something twice".into()) }
    }

    // ---- all with all ----

    fn sync_all(&mut self) -> Checked {
        let count = self.places.len();
        for round in 0..=count + 1 {
            let mut moved = 0;
            for place in 0..count {
                moved += self.sync_pair(place, (place + 1) % count)?;
            }
            self.trace.say(format_args!("round {round}: {moved}"));
            if moved == 0 {
                return self.sync_for_values();
            }
        }
        Err("the logs are synced again and again, and something always moves".into())
    }

    /// A value does not come by way of somebody who deleted it: whoever lacks one asks everybody.
    fn sync_for_values(&mut self) -> Checked {
        for place in 0..self.places.len() {
            for other in 0..self.places.len() {
                let lacks = self.places[place].log().pending().next().is_some();
                if lacks && other != place {
                    self.sync_pair(place, other)?;
                }
            }
        }
        Ok(())
    }

    fn sync_pair(&mut self, a: usize, b: usize) -> Result<u64, String> {
        if self.dice.chance(20) {
            return self.sync_over_wire(a, b);
        }
        let [log_a, log_b] = [a, b].map(|place| self.places[place].log());
        let (of_a, of_b) = replicate::sync_with(log_a, Options::default(), log_b, Options::default());
        let mut moved = 0;
        // Who refused something knows what it was; the other only hears of it.
        let mut ends = [(b, of_b), (a, of_a)];
        ends.sort_by_key(|(_, end)| matches!(end, Err(SyncError { cause: Cause::ByPeer { .. }, .. })));
        for (place, end) in ends {
            let report = end.map_err(|error| {
                format!("{a} and {b} do not sync, as {place} says: {}", with_reasons(&error.cause))
            })?;
            if !report.equal {
                return Err(format!("{a} and {b} were synced, and differ: {report:?}"));
            }
            self.trace.say(format_args!("synced {a} and {b}, {place} says: {report:?}"));
            self.mix.received += report.received;
            self.mix.twice += report.duplicates;
            self.mix.received_alone += report.received;
            self.mix.twice_alone += report.duplicates;
            moved += report.received + report.duplicates + report.filled;
        }
        Ok(moved)
    }

    fn sync_over_wire(&mut self, a: usize, b: usize) -> Result<u64, String> {
        let before = [a, b].map(|place| self.fingerprint(place));
        let plan = Plan { modes: [Mode::Sync; 2], live: [false; 2], declines: false };
        self.connect([a, b], plan, [Options::default(), Options::default()], &calm())?;
        self.pass(HEALED_IN)?;
        if !self.links.is_empty() {
            return Err(format!("the sync of {a} and {b} does not end: {:?}", self.links[0].wire));
        }
        if self.places[a].log().tips() != self.places[b].log().tips() {
            return Err(format!("{a} and {b} were synced over a wire, and differ"));
        }
        let after = [a, b].map(|place| self.fingerprint(place));
        Ok(u64::from(before != after))
    }

    /// Changes when a sync brings anything.
    fn fingerprint(&self, place: usize) -> (u64, usize) {
        let log = self.places[place].log();
        (log.last().0, log.pending().count())
    }

    // ---- what must hold then ----

    fn check(&mut self) -> Checked {
        let mut all = Vec::new();
        for (place, it) in self.places.iter().enumerate() {
            let nodes = check_log(it.log()).map_err(|why| format!("place {place}: {why}"))?;
            all.push(nodes);
        }
        self.check_equal(&all)?;
        self.check_forks()?;
        self.check_values(&all)?;
        self.check_promises(&all)?;
        self.check_export()?;
        let hash = self.places[0].log().tips();
        self.trace.say(format_args!("{hash:?}"));
        Ok(())
    }

    fn check_equal(&self, all: &[Nodes]) -> Checked {
        let first = self.places[0].log();
        let heads = first.heads().map_err(|error| error.to_string())?;
        for (place, it) in self.places.iter().enumerate().skip(1) {
            let log = it.log();
            if !all[place].keys().eq(all[0].keys()) {
                return Err(format!("places 0 and {place} have other nodes"));
            }
            if log.tips() != first.tips() {
                return Err(format!("places 0 and {place} have other tips"));
            }
            if log.heads().map_err(|error| error.to_string())? != heads {
                return Err(format!("places 0 and {place} have other heads"));
            }
        }
        Ok(())
    }

    /// The same everywhere, proven, and only where a writer wrote in two places.
    fn check_forks(&mut self) -> Checked {
        let named = |error: Error| format!("forks cannot be listed: {error}");
        let forks = self.places[0].log().forks().map_err(named)?;
        for (place, it) in self.places.iter().enumerate() {
            if it.log().forks().map_err(named)? != forks {
                return Err(format!("places 0 and {place} know of other forks"));
            }
        }
        let last = self.places.len() - 1;
        for fork in &forks {
            if !self.cloned.contains(&fork.writer) {
                return Err(format!("an honest writer forked by itself: {fork:?}"));
            }
            let evidence = self.places[last].log().evidence(fork).map_err(named)?;
            if evidence.proves() != Some(*fork) {
                return Err(format!("nothing proves {fork:?}"));
            }
        }
        self.mix.forks += forks.len() as u64;
        Ok(())
    }

    /// A value that anybody has is everywhere, but where it was deleted.
    fn check_values(&mut self, all: &[Nodes]) -> Checked {
        for id in all[0].keys() {
            let here = all.iter().any(|nodes| matches!(nodes.get(id), Some(Content::Here(()))));
            for (place, nodes) in all.iter().enumerate() {
                let deleted = self.places[place].deleted.contains(id);
                match nodes.get(id) {
                    Some(Content::Deleted) if !deleted => {
                        return Err(format!("the value of {id} is deleted at {place}, by nobody"));
                    }
                    Some(Content::Here(()) | Content::Pending) if deleted => {
                        return Err(format!("the value of {id} came back to {place}"));
                    }
                    Some(Content::Pending) if here => {
                        return Err(format!("the value of {id} did not come to {place}"));
                    }
                    _ => {}
                }
            }
        }
        let pending = |nodes: &Nodes| nodes.values().filter(|value| **value == Content::Pending).count();
        self.mix.hollow += all.iter().map(pending).sum::<usize>() as u64;
        Ok(())
    }

    /// What was said to be durable is there, and who cannot go on lacks what nobody has.
    fn check_promises(&self, all: &[Nodes]) -> Checked {
        for (place, it) in self.places.iter().enumerate() {
            if let Some(id) = it.promised().filter(|id| !all[0].contains_key(id)) {
                return Err(format!("{id} was durable at {place}, and is gone"));
            }
            match it.log().check_caught_up() {
                Ok(()) => {}
                Err(Error::Log(LogError::NeedsCatchUp { id, .. })) if !all[0].contains_key(&id) => {}
                Err(error) => return Err(format!("{place} still cannot write: {error}")),
            }
        }
        Ok(())
    }

    /// Somebody new takes the whole log as well.
    fn check_export(&mut self) -> Checked {
        if !self.dice.chance(10) {
            return Ok(());
        }
        let place = self.any_place();
        let log = self.places[place].log();
        let mut bytes = Vec::new();
        log.export(&mut bytes).map_err(|error| format!("{place} cannot be exported: {error:?}"))?;
        let fresh = hyperlog::Identity::from_seed(&[99; 32]);
        let other = Hyperlog::<Utf8>::open(Memory::new(), fresh).map_err(|error| error.to_string())?;
        other.import(bytes.as_slice()).map_err(|error| format!("the export of {place}: {error:?}"))?;
        if other.tips() == log.tips() { Ok(()) } else { Err("an import has other tips".into()) }
    }
}

/// A wire on which nothing goes wrong.
fn calm() -> Faults {
    Faults { piece_max: 1_000, latency_max: Duration::from_millis(1), capacity: 5_000, ..Faults::default() }
}

/// Nodes by id, and what became of their values.
type Nodes = BTreeMap<NodeId, Content<()>>;

/// Checks one log by itself: its own check, and that what a node names stands before it.
fn check_log(log: &Hyperlog<Utf8>) -> Result<Nodes, String> {
    let checked = log.fsck().map_err(|error| format!("cannot be checked: {error:?}"))?;
    if !checked.is_clean() {
        return Err(format!("{:?}", checked.problems));
    }
    let mut nodes = Nodes::new();
    let mut ends = BTreeSet::new();
    for node in log.changes(Read::all()) {
        let Node { id, prev, links, value, .. } =
            node.map_err(|error| format!("cannot be read: {error:?}"))?;
        if let Some(parent) = links.iter().chain(&prev).find(|parent| !nodes.contains_key(*parent)) {
            return Err(format!("{id} names {parent}, which does not stand before it"));
        }
        ends.insert(id);
        if let Some(prev) = &prev {
            ends.remove(prev);
        }
        let value = match value {
            Content::Here(_) => Content::Here(()),
            Content::Deleted => Content::Deleted,
            Content::Pending => Content::Pending,
            Content::Unwanted => Content::Unwanted,
            Content::Policy => Content::Policy,
        };
        if nodes.insert(id, value).is_some() {
            return Err(format!("{id} stands twice"));
        }
    }
    let tips: BTreeSet<NodeId> = log.tips().iter().map(|tip| tip.id).collect();
    if tips == ends { Ok(nodes) } else { Err("the tips are not what nothing follows".into()) }
}
