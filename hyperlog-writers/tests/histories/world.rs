//! All peers, all that was ever written, and how it gets around.

use std::collections::BTreeSet;

use bytes::Bytes;
use hyperlog::{Kind, Memory, NodeId, Purpose, Topic, WriterId, hash};
use hyperlog_writers::Role;
use replicate::sim::Dice;

use crate::forge::{Draft, Forge, Past};
use crate::intrigue::Intrigue;
use crate::mix::Mix;
use crate::oracle::{Book, No, What};
use crate::parcel::{Parcel, export, start_of};
use crate::place::{MakePolicy, Map, Place, key};

/// What must hold, or what does not.
pub(crate) type Checked = Result<(), String>;

/// The writer whose key is the root of all channels here.
pub(crate) const ROOT: u8 = 200;
/// Writers: the first are those of the peers.
const WRITERS: u8 = 10;
/// Levels as they were once that are kept for writers without rules.
const PASTS_MAX: usize = 8;

pub(crate) struct World {
    pub(crate) dice: Dice,
    pub(crate) book: Book,
    pub(crate) topic: Topic,
    pub(crate) places: Vec<Place>,
    pub(crate) pasts: Vec<Past>,
    /// In the order in which they were made, so what is named comes first.
    pub(crate) parcels: Vec<Parcel>,
    parcel_of: Vec<usize>,
    /// All writers but the root, by number and key.
    pub(crate) writers: Vec<(u8, WriterId)>,
    pub(crate) mix: Mix,
    pub(crate) step: u64,
    pub(crate) intrigue: Option<Intrigue>,
    /// Somebody floods the others with values of megabytes.
    pub(crate) bulky: bool,
    start: Vec<u8>,
    /// What happened, in words, when somebody wants to read it.
    told: Option<Vec<String>>,
}

impl World {
    /// Three to six peers, one of which has founded a channel.
    pub(crate) fn new(seed: u64, policy: Option<MakePolicy>, in_words: bool) -> Self {
        let mut dice = Dice::new(seed);
        let writers: Vec<_> = (1..=WRITERS).map(|n| (n, key(n))).collect();
        let root = key(ROOT);
        let genesis = [&root.as_bytes()[..], &[7; 32], b"histories"].concat();
        let topic = Topic::from_bytes(hash(Purpose::Topic, &[&genesis]));
        let count = [3, 3, 3, 3, 3, 3, 3, 4, 4, 5, 6][dice.place(11)];
        let mut places = Vec::new();
        for writer in 1..=count {
            let map = [Map::Nowhere, Map::WithTheLog, Map::Apart][dice.place(3)];
            places.push(Place::new(writer, topic, map, policy));
        }
        let mut forge = Forge::new(Past { level: Memory::new(), order: Vec::new() }, ROOT, topic);
        let start = start_of(&forge.log);
        let mut world = Self {
            dice,
            book: Book::default(),
            topic,
            places,
            pasts: Vec::new(),
            parcels: Vec::new(),
            parcel_of: Vec::new(),
            writers,
            mix: Mix::default(),
            step: 0,
            intrigue: None,
            bulky: false,
            start,
            told: in_words.then(Vec::new),
        };
        let founder = world.writers[0].1;
        let none = Draft { kind: Kind::Genesis, cap: None, links: Vec::new(), value: genesis.into() };
        forge.make(&none, &world.book);
        let first = forge.written(&mut world.book);
        let grant =
            Draft { kind: Kind::Grant, cap: Some(0), links: Vec::new(), value: grant(&founder, Role::Admin) };
        forge.make(&grant, &world.book);
        let second = forge.written(&mut world.book);
        world.pasts.push(forge.end());
        world.bulky = world.dice.chance(1);
        world.mix.bulky = u64::from(world.bulky);
        let bulky = world.bulky;
        world.places.iter_mut().for_each(|place| place.may_lack_values = bulky);
        world.send([first, second].concat());
        world
    }

    pub(crate) fn say(&mut self, line: impl FnOnce() -> String) {
        if let Some(told) = &mut self.told {
            let line = format!("{:3}  {}", self.step, line());
            told.push(line);
        }
    }

    pub(crate) fn into_told(self) -> Vec<String> {
        self.told.unwrap_or_default()
    }

    pub(crate) fn any_place(&mut self) -> usize {
        self.dice.place(self.places.len())
    }

    /// Mostly one that a peer writes as.
    pub(crate) fn any_writer(&mut self) -> WriterId {
        if self.dice.chance(80) {
            let place = self.any_place();
            return self.places[place].key();
        }
        let n = self.dice.place(self.writers.len());
        self.writers[n].1
    }

    pub(crate) fn is_online(&self, place: usize) -> bool {
        self.places[place].offline_until <= self.step
    }

    // ---- what is on its way ----

    pub(crate) fn parcel_with(&self, no: No) -> usize {
        self.parcel_of[no]
    }

    /// How many nodes were sent.
    pub(crate) fn nodes(&self) -> usize {
        self.parcel_of.len()
    }

    /// Notes what was just written.
    pub(crate) fn send(&mut self, parcels: Vec<Parcel>) {
        for parcel in parcels {
            // Who writes the same in the same place writes the same node.
            for no in parcel.nodes.iter().filter(|no| **no >= self.parcel_of.len()).collect::<Vec<_>>() {
                assert_eq!(*no, self.parcel_of.len(), "nodes are numbered as they are written");
                self.parcel_of.push(self.parcels.len());
                let no = *no;
                self.count(no);
                if self.told.is_some() {
                    let line = self.describe(no);
                    self.say(|| line);
                }
            }
            self.parcels.push(parcel);
        }
    }

    fn count(&mut self, no: No) {
        let fact = self.book.get(no);
        self.mix.nodes += 1;
        match fact.what {
            What::Grant { .. } => self.mix.grants += 1,
            What::Revoke { target, .. } if fact.cap == Some(target) => self.mix.resignations += 1,
            What::Revoke { .. } => self.mix.revocations += 1,
            _ => {}
        }
    }

    pub(crate) fn name(&self, writer: &WriterId) -> String {
        let found = self.writers.iter().find(|(_, key)| key == writer);
        found.map_or_else(|| "root".to_owned(), |(n, _)| format!("writer {n}"))
    }

    fn describe(&self, no: No) -> String {
        let fact = self.book.get(no);
        let what = match &fact.what {
            What::Data(_) => "data".to_owned(),
            What::Genesis { .. } => "the genesis".to_owned(),
            What::Grant { key, role } => format!("a grant to {} as {role}", self.name(key)),
            What::Revoke { target, keep } if fact.cap == Some(*target) => {
                format!("a resignation from {target} that keeps {keep:?}")
            }
            What::Revoke { target, keep } => format!("a revocation of {target} that keeps {keep:?}"),
            What::Nothing => "nothing".to_owned(),
        };
        let (author, prev, links) = (self.name(&fact.author), fact.prev, &fact.links);
        format!("  node {no} by {author}, after {prev:?}, under {:?}, links {links:?}: {what}", fact.cap)
    }

    /// These parcels and all that they depend on, but for what `has` says is there; what is named comes first.
    pub(crate) fn with_ancestors(
        &self,
        wanted: impl IntoIterator<Item = usize>,
        has: &BTreeSet<No>,
    ) -> BTreeSet<usize> {
        let mut all = BTreeSet::new();
        let mut to_do: Vec<usize> = wanted.into_iter().collect();
        while let Some(parcel) = to_do.pop() {
            let nodes = &self.parcels[parcel].nodes;
            if nodes.iter().all(|no| has.contains(no)) || !all.insert(parcel) {
                continue;
            }
            for no in nodes {
                let fact = self.book.get(*no);
                let parents = fact.links.iter().chain(&fact.prev).chain(&fact.cap);
                to_do.extend(parents.map(|parent| self.parcel_of[*parent]));
            }
        }
        all
    }

    pub(crate) fn export_of<'a>(&'a self, parcels: impl IntoIterator<Item = &'a usize>) -> Vec<u8> {
        export(&self.start, parcels.into_iter().map(|parcel| &self.parcels[*parcel]))
    }

    pub(crate) fn export_of_one(&self, parcel: &Parcel) -> Bytes {
        export(&self.start, [parcel]).into()
    }

    /// Parcels in an order that another peer could have got them in. A node can be in two of them, when somebody wrote
    /// the same in the same place again.
    pub(crate) fn shuffled(&mut self, parcels: &BTreeSet<usize>) -> Vec<usize> {
        let nodes = |parcel: &usize| self.parcels[*parcel].nodes.iter().copied();
        let mut missing: BTreeSet<No> = parcels.iter().flat_map(nodes).collect();
        let mut left: Vec<usize> = parcels.iter().copied().collect();
        let mut order = Vec::with_capacity(left.len());
        while !left.is_empty() {
            let ready: Vec<usize> = (0..left.len()).filter(|n| self.is_ready(left[*n], &missing)).collect();
            let n = *self.dice.pick(&ready).expect("parcels do not wait for each other in a circle");
            let parcel = left.remove(n);
            for no in &self.parcels[parcel].nodes {
                missing.remove(no);
            }
            order.push(parcel);
        }
        order
    }

    /// Whether all that a parcel names stands in itself, or is there.
    fn is_ready(&self, parcel: usize, missing: &BTreeSet<No>) -> bool {
        let nodes = &self.parcels[parcel].nodes;
        nodes.iter().all(|no| {
            let fact = self.book.get(*no);
            let mut parents = fact.links.iter().chain(&fact.prev).chain(&fact.cap);
            parents.all(|parent| nodes.contains(parent) || !missing.contains(parent))
        })
    }

    /// Parcels of which a place has nothing, ascending.
    pub(crate) fn lacks(&self, place: usize) -> Vec<usize> {
        let has = self.has(place);
        let lacks = |parcel: &usize| !self.parcels[*parcel].nodes.iter().all(|no| has.contains(no));
        (0..self.parcels.len()).filter(lacks).collect()
    }

    pub(crate) fn has(&self, place: usize) -> BTreeSet<No> {
        self.places[place].order.iter().copied().collect()
    }

    /// Brings parcels to a place, with all that they depend on, one after the other.
    pub(crate) fn deliver(&mut self, place: usize, wanted: &[usize]) -> Checked {
        let parcels = self.with_ancestors(wanted.iter().copied(), &self.has(place));
        let order = self.shuffled(&parcels);
        let nodes: Vec<&[No]> = order.iter().map(|parcel| &self.parcels[*parcel].nodes[..]).collect();
        let line = format!("to {place} come {:?}", nodes.concat());
        self.say(|| line);
        let bytes = self.export_of(&order);
        let there = &mut self.places[place];
        let imported = there.log().import(&bytes[..]);
        there.absorb(&self.book)?;
        imported.map_err(|error| format!("place {place} refuses an honest import: {}", reasons(&error)))?;
        Ok(())
    }

    pub(crate) fn sync(&mut self, a: usize, b: usize) -> Result<bool, String> {
        let before = [a, b].map(|place| self.places[place].order.len());
        let (of_a, of_b) = replicate::sync_with(
            self.places[a].log(),
            replicate::Options::default(),
            self.places[b].log(),
            replicate::Options::default(),
        );
        for place in [a, b] {
            self.places[place].absorb(&self.book)?;
        }
        let after = [a, b].map(|place| self.places[place].order.len());
        self.say(|| format!("{a} and {b} sync: {before:?}, then {after:?}"));
        for report in [of_a, of_b] {
            let report = report.map_err(|error| format!("{a} and {b} do not sync: {}", reasons(&error)))?;
            if !report.equal {
                return Err(format!("{a} and {b} were synced, and differ: {report:?}"));
            }
        }
        Ok(before != after)
    }

    pub(crate) fn keep_past(&mut self, past: Past) {
        if self.pasts.len() >= PASTS_MAX {
            let n = self.dice.place(self.pasts.len());
            self.pasts.swap_remove(n);
        }
        self.pasts.push(past);
    }
}

/// An error with all that caused it.
pub(crate) fn reasons(error: &dyn std::error::Error) -> String {
    let mut out = error.to_string();
    let mut next = error.source();
    while let Some(cause) = next {
        out += &format!(": {cause}");
        next = cause.source();
    }
    out
}

// ---- values, by the format ----

pub(crate) fn grant(key: &WriterId, role: Role) -> Bytes {
    [&key.as_bytes()[..], &[if role == Role::Admin { 2 } else { 1 }]].concat().into()
}

pub(crate) fn revoke(target: &NodeId, mut keep: Vec<NodeId>) -> Bytes {
    keep.sort_unstable();
    keep.dedup();
    keep.insert(0, *target);
    keep.iter().flat_map(|id| *id.as_bytes()).collect::<Vec<u8>>().into()
}
