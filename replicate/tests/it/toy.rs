//! A log in memory: hash-chained entries with branches, and an honest side of a session, unless told otherwise.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard};

use bytes::Bytes;
use replicate::{
    About, Decoder, Exchange, Fork, Ingested, Key, News, Outgoing, Point, Replica, ReplicaError, Settled,
    Tip, Wants, digest, prefix,
};
use serde::{Deserialize, Serialize};

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Entry {
    pub(crate) writer: Key,
    pub(crate) seq: u64,
    pub(crate) prev: Option<Key>,
    /// Stands for the hash of the value.
    pub(crate) token: u64,
    /// None while the value is not here.
    pub(crate) value: Option<Vec<u8>>,
}

impl Entry {
    pub(crate) fn id(&self) -> Key {
        let mut token = [7; 32];
        token[..8].copy_from_slice(&self.token.to_le_bytes());
        let id = self.prev.unwrap_or_default();
        digest(&[
            Tip { writer: self.writer, seq: self.seq, id },
            Tip { writer: [0; 32], seq: self.seq, id: token },
        ])
    }
}

/// The value that a token stands for.
pub(crate) fn value_of(token: u64, bytes: usize) -> Vec<u8> {
    let mut value = vec![b'v'; bytes.max(8)];
    value[..8].copy_from_slice(&token.to_le_bytes());
    value
}

fn is_value_of(token: u64, value: &[u8]) -> bool {
    value.get(..8) == Some(&token.to_le_bytes()[..])
}

/// What a log does wrong on purpose.
#[derive(Clone, Debug, Default)]
pub(crate) struct Faults {
    /// Calls until the log fails; every call of the exchange that can fail counts.
    pub(crate) fails_after: Option<u64>,
    /// Sends nothing of these writers and does not say so.
    pub(crate) hides: BTreeSet<Key>,
    /// Claims these tips.
    pub(crate) claims: Vec<Tip>,
    /// Sends what the peer has, too.
    pub(crate) forgets: bool,
}

#[derive(Clone, Debug, Default)]
pub(crate) struct Store {
    pub(crate) entries: Vec<(Key, Entry)>,
    places: BTreeMap<Key, usize>,
    numbers: BTreeMap<(Key, u64), Vec<usize>>,
    prevs: Vec<Option<usize>>,
    children: Vec<Vec<usize>>,
    writers: BTreeSet<Key>,
}

impl Store {
    /// Stores an entry whose `prev` is here; returns its place, and the fork that shows.
    fn put(&mut self, id: Key, entry: Entry) -> (usize, Option<Fork>) {
        let place = self.entries.len();
        let prev = entry.prev.map(|prev| self.places[&prev]);
        let sibling = match prev {
            Some(prev) => self.children[prev].first().copied(),
            None => self.numbers.get(&(entry.writer, 1)).and_then(|first| first.first().copied()),
        };
        let fork = sibling.map(|sibling| {
            let other = self.entries[sibling].0;
            Fork { writer: entry.writer, seq: entry.seq, lower: id.min(other), higher: id.max(other) }
        });
        if let Some(prev) = prev {
            self.children[prev].push(place);
        }
        self.places.insert(id, place);
        self.numbers.entry((entry.writer, entry.seq)).or_default().push(place);
        self.writers.insert(entry.writer);
        self.prevs.push(prev);
        self.children.push(Vec::new());
        self.entries.push((id, entry));
        (place, fork)
    }

    fn tip(&self, place: usize) -> Tip {
        let (id, Entry { writer, seq, .. }) = &self.entries[place];
        Tip { writer: *writer, seq: *seq, id: *id }
    }

    fn tips(&self) -> Vec<(Tip, usize)> {
        let ends = (0..self.entries.len()).filter(|place| self.children[*place].is_empty());
        let mut tips: Vec<_> = ends.map(|place| (self.tip(place), place)).collect();
        tips.sort_unstable();
        tips
    }
}

#[derive(Clone, Debug)]
pub(crate) struct Toy {
    pub(crate) store: Arc<Mutex<Store>>,
    pub(crate) faults: Faults,
    pub(crate) kind: &'static str,
    pub(crate) topic: Key,
    /// Entries in a group.
    pub(crate) per_group: usize,
    /// What the session said that the peer has.
    pub(crate) noted: Arc<Mutex<BTreeSet<Point>>>,
}

impl Default for Toy {
    fn default() -> Self {
        Self {
            store: Arc::default(),
            faults: Faults::default(),
            kind: "toy",
            topic: [1; 32],
            per_group: 3,
            noted: Arc::default(),
        }
    }
}

pub(crate) fn writer(n: u64) -> Key {
    let mut key = [0; 32];
    let spread = n.wrapping_mul(0x9e37_79b9_7f4a_7c15);
    key[..8].copy_from_slice(&spread.to_be_bytes());
    key[24..].copy_from_slice(&n.to_be_bytes());
    key
}

impl Toy {
    pub(crate) fn store(&self) -> MutexGuard<'_, Store> {
        self.store.lock().unwrap()
    }

    /// Another log with the same entries.
    pub(crate) fn copy(&self) -> Self {
        let store = Arc::new(Mutex::new(self.store().clone()));
        Self { store, noted: Arc::default(), ..self.clone() }
    }

    /// The same log, which does something wrong from now on.
    pub(crate) fn with(&self, faults: Faults) -> Self {
        Self { faults, ..self.clone() }
    }

    /// Appends to any entry of a writer, or begins with it; returns the id.
    pub(crate) fn put(&self, n: u64, prev: Option<Key>, token: u64) -> Key {
        self.put_sized(n, prev, token, 8)
    }

    pub(crate) fn put_sized(&self, n: u64, prev: Option<Key>, token: u64, bytes: usize) -> Key {
        let mut store = self.store();
        let seq = prev.map_or(1, |prev| store.entries[store.places[&prev]].1.seq + 1);
        let entry = Entry { writer: writer(n), seq, prev, token, value: Some(value_of(token, bytes)) };
        let id = entry.id();
        if !store.places.contains_key(&id) {
            store.put(id, entry);
        }
        id
    }

    /// Appends to the first tip of a writer.
    pub(crate) fn append(&self, n: u64, token: u64) -> Key {
        let prev = self.store().tips().iter().find(|(tip, _)| tip.writer == writer(n)).map(|(tip, _)| tip.id);
        self.put(n, prev, token)
    }

    /// A chain of one writer.
    pub(crate) fn chain(&self, n: u64, entries: u64) {
        let mut prev = None;
        for token in 0..entries {
            prev = Some(self.put(n, prev, token));
        }
    }

    pub(crate) fn len(&self) -> usize {
        self.store().entries.len()
    }

    pub(crate) fn has(&self, id: &Key) -> bool {
        self.store().places.contains_key(id)
    }

    /// All entries, as they are named to a peer.
    pub(crate) fn points(&self) -> BTreeSet<Point> {
        let store = self.store();
        (0..store.entries.len()).map(|place| store.tip(place).point()).collect()
    }

    pub(crate) fn ids(&self) -> BTreeSet<Key> {
        self.store().places.keys().copied().collect()
    }

    pub(crate) fn ids_of(&self, n: u64) -> BTreeSet<Key> {
        self.store().entries.iter().filter(|(_, e)| e.writer == writer(n)).map(|(id, _)| *id).collect()
    }

    pub(crate) fn tips(&self) -> Vec<Tip> {
        self.store().tips().into_iter().map(|(tip, _)| tip).collect()
    }

    /// Drops the values of the entries for which `which` says so.
    pub(crate) fn hollow(&self, which: impl Fn(usize) -> bool) -> usize {
        let mut store = self.store();
        let places = 0..store.entries.len();
        let chosen: Vec<usize> = places.filter(|place| which(*place)).collect();
        chosen.iter().for_each(|place| store.entries[*place].1.value = None);
        chosen.len()
    }

    pub(crate) fn missing(&self) -> usize {
        self.store().entries.iter().filter(|(_, entry)| entry.value.is_none()).count()
    }

    /// All that another log has.
    pub(crate) fn take(&self, other: &Toy) {
        let theirs = other.store().entries.clone();
        let mut store = self.store();
        for (id, entry) in theirs {
            if !store.places.contains_key(&id) {
                store.put(id, entry);
            }
        }
    }
}

impl Replica for Toy {
    type Exchange = Side;

    fn exchange(&self) -> Result<Side, ReplicaError> {
        let store = self.store();
        let mut tips = store.tips();
        tips.extend(self.faults.claims.iter().map(|tip| (*tip, usize::MAX)));
        tips.sort_unstable();
        let (tips, places) = tips.into_iter().unzip();
        let about = About {
            kind: self.kind.into(),
            discovery_key: self.topic,
            entries: store.entries.len() as u64,
            writers: store.writers.len() as u64,
        };
        Ok(Side {
            toy: self.clone(),
            about,
            tips,
            places,
            last: store.entries.len(),
            at: 0,
            has: Vec::new(),
            exchanged: Vec::new(),
            planned: None,
            ours: Wants::All,
            theirs: Wants::All,
            wanted: 0,
            calls: std::cell::Cell::new(0),
        })
    }
}

/// One side of one session.
pub(crate) struct Side {
    toy: Toy,
    about: About,
    tips: Vec<Tip>,
    places: Vec<usize>,
    /// Entries of the snapshot.
    last: usize,
    at: usize,
    /// What the peer has, closed over `prev`.
    has: Vec<bool>,
    /// What went over the wire, either way.
    exchanged: Vec<bool>,
    planned: Option<u64>,
    ours: Wants,
    theirs: Wants,
    wanted: usize,
    calls: std::cell::Cell<u64>,
}

#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub(crate) struct ToyError(pub(crate) &'static str);

fn refused(what: &'static str) -> ReplicaError {
    ReplicaError::Peer(Box::new(ToyError(what)))
}

fn get(bits: &[bool], place: usize) -> bool {
    bits.get(place).copied().unwrap_or(false)
}

fn set(bits: &mut Vec<bool>, place: usize) {
    if bits.len() <= place {
        bits.resize(place + 1, false);
    }
    bits[place] = true;
}

impl Side {
    fn call(&self) -> Result<(), ReplicaError> {
        self.calls.set(self.calls.get() + 1);
        match self.toy.faults.fails_after {
            Some(calls) if self.calls.get() > calls => {
                Err(ReplicaError::Local(Box::new(ToyError("the disk is secretly broken"))))
            }
            _ => Ok(()),
        }
    }

    fn note(&mut self, place: usize) {
        let toy = self.toy.clone();
        let store = toy.store();
        let mut at = Some(place);
        while let Some(place) = at.filter(|place| !get(&self.has, *place)) {
            set(&mut self.has, place);
            at = store.prevs[place];
        }
    }

    fn is_hidden(&self, writer: &Key) -> bool {
        self.toy.faults.hides.contains(writer)
    }

    /// Entries from `at` on, up to `to`, that the peer lacks and takes.
    fn next(&mut self, to: usize) -> Option<Outgoing> {
        let toy = self.toy.clone();
        let store = toy.store();
        let mut group: Vec<Entry> = Vec::new();
        while self.at < to && group.len() < toy.per_group {
            let place = self.at;
            let (_, entry) = &store.entries[place];
            self.at += 1;
            let has = get(&self.has, place) && !toy.faults.forgets;
            if has || !self.theirs.takes(&entry.writer) || self.is_hidden(&entry.writer) {
                continue;
            }
            set(&mut self.has, place);
            set(&mut self.exchanged, place);
            group.push(entry.clone());
        }
        let entries = group.len() as u64;
        let bytes = postcard::to_allocvec(&group).unwrap().into();
        (entries > 0).then_some(Outgoing { bytes, entries })
    }

    fn lacks(&self, counts: impl Fn(&Entry) -> bool) -> u64 {
        let store = self.toy.store();
        let all = store.entries.iter().take(self.last).enumerate();
        all.filter(|(place, (_, entry))| !get(&self.has, *place) && counts(entry)).count() as u64
    }
}

impl Exchange for Side {
    type Group = Vec<Entry>;

    fn about(&self) -> About {
        self.about.clone()
    }

    fn tips(&self) -> &[Tip] {
        &self.tips
    }

    fn agree(&mut self, ours: &Wants, theirs: &Wants) {
        (self.ours, self.theirs) = (ours.clone(), theirs.clone());
    }

    fn peer_has_tip(&mut self, place: usize) {
        self.toy.noted.lock().unwrap().insert(self.tips[place].point());
        let place = self.places[place];
        if place != usize::MAX {
            self.note(place);
        }
    }

    fn peer_named(&mut self, point: &Point) -> Result<bool, ReplicaError> {
        self.call()?;
        self.toy.noted.lock().unwrap().insert(*point);
        let place = {
            let store = self.toy.store();
            let places = store.numbers.get(&(point.writer, point.seq));
            let mut places = places.into_iter().flatten();
            places.find(|place| prefix(&store.entries[**place].0) == point.prefix).copied()
        };
        place.into_iter().for_each(|place| self.note(place));
        Ok(place.is_some())
    }

    fn samples(&self, writer: &Key, out: &mut Vec<Point>) -> Result<(), ReplicaError> {
        self.call()?;
        let store = self.toy.store();
        for (tip, place) in self.tips.iter().zip(&self.places).filter(|(tip, _)| tip.writer == *writer) {
            if *place == usize::MAX || get(&self.has, *place) {
                continue;
            }
            let (mut at, mut seq, mut step) = (*place, tip.seq, 1);
            while seq > 1 {
                let target = tip.seq.saturating_sub(step).max(1);
                while seq > target {
                    at = store.prevs[at].unwrap();
                    seq -= 1;
                }
                out.push(store.tip(at).point());
                step *= 2;
            }
        }
        Ok(())
    }

    fn plan(&mut self) -> Result<u64, ReplicaError> {
        self.call()?;
        assert!(self.planned.is_none(), "planned twice");
        let lacks = if self.toy.faults.forgets { self.last as u64 } else { self.lacks(|_| true) };
        self.planned = Some(lacks);
        Ok(lacks)
    }

    fn next_group(&mut self) -> Result<Option<Outgoing>, ReplicaError> {
        self.call()?;
        assert!(self.planned.is_some(), "not planned");
        Ok(self.next(self.last))
    }

    fn next_live(&mut self) -> Result<Option<Outgoing>, ReplicaError> {
        self.call()?;
        assert!(self.planned.is_some(), "not planned");
        self.at = self.at.max(self.last);
        let to = self.toy.len();
        Ok(self.next(to))
    }

    fn left_out(&self) -> u64 {
        assert!(self.planned.is_some(), "not planned");
        self.lacks(|entry| !self.theirs.takes(&entry.writer))
    }

    fn decoder(&self) -> Decoder<Vec<Entry>> {
        Arc::new(|bytes: Bytes| match postcard::take_from_bytes(&bytes) {
            Ok((group, [])) => Ok(group),
            _ => Err(refused("no group")),
        })
    }

    fn ingest(&mut self, group: Vec<Entry>) -> Result<Ingested, ReplicaError> {
        self.call()?;
        let mut ingested = Ingested::default();
        let toy = self.toy.clone();
        let mut noted = Vec::new();
        {
            let mut store = toy.store();
            let mut scratch = BTreeMap::new();
            let ids: Vec<Key> = group.iter().map(Entry::id).collect();
            for (id, entry) in ids.iter().zip(&group) {
                let fits = match entry.prev {
                    None => entry.seq == 1,
                    Some(prev) => {
                        let before = scratch.get(&prev).copied().or_else(|| {
                            let (_, entry) = &store.entries[*store.places.get(&prev)?];
                            Some((entry.writer, entry.seq))
                        });
                        before.is_some_and(|(writer, seq)| writer == entry.writer && seq + 1 == entry.seq)
                    }
                };
                let genuine = entry.value.as_ref().is_none_or(|value| is_value_of(entry.token, value));
                if !fits || !genuine || !self.ours.takes(&entry.writer) {
                    return Err(refused("an entry that does not fit"));
                }
                scratch.insert(*id, (entry.writer, entry.seq));
            }
            for (id, entry) in ids.into_iter().zip(group) {
                let known = store.places.get(&id).copied();
                let place = match known {
                    Some(place) => {
                        ingested.duplicates += 1;
                        ingested.repeated += u64::from(get(&self.exchanged, place));
                        if entry.value.is_some() && store.entries[place].1.value.is_none() {
                            store.entries[place].1.value = entry.value;
                            ingested.filled += 1;
                        }
                        place
                    }
                    None => {
                        ingested.stored += 1;
                        let (place, fork) = store.put(id, entry);
                        ingested.forks.extend(fork);
                        place
                    }
                };
                noted.push(place);
            }
        }
        for place in noted {
            set(&mut self.exchanged, place);
            self.note(place);
        }
        Ok(ingested)
    }

    fn wanted_values(&mut self, max: usize) -> Result<Vec<Key>, ReplicaError> {
        self.call()?;
        let toy = self.toy.clone();
        let store = toy.store();
        let mut ids = Vec::new();
        while ids.len() < max && self.wanted < store.entries.len() {
            let (id, entry) = &store.entries[self.wanted];
            self.wanted += 1;
            if entry.value.is_none() {
                ids.push(*id);
            }
        }
        Ok(ids)
    }

    fn value(&self, id: &Key) -> Result<Option<Bytes>, ReplicaError> {
        self.call()?;
        let store = self.toy.store();
        let entry = store.places.get(id).map(|place| &store.entries[*place].1);
        Ok(entry.and_then(|entry| entry.value.clone()).map(Bytes::from))
    }

    fn fill(&mut self, id: &Key, value: Bytes) -> Result<bool, ReplicaError> {
        self.call()?;
        let mut store = self.toy.store();
        let Some(place) = store.places.get(id).copied() else { return Err(refused("an unknown entry")) };
        let entry = &mut store.entries[place].1;
        if !is_value_of(entry.token, &value) {
            return Err(refused("another value"));
        }
        let missing = entry.value.is_none();
        entry.value.get_or_insert(value.to_vec());
        Ok(missing)
    }

    fn settle(&mut self, _complete: bool) -> Result<Settled, ReplicaError> {
        self.call()?;
        let mut tips = self.toy.tips();
        tips.extend(&self.toy.faults.claims);
        tips.sort_unstable();
        Ok(Settled { tips, entries: self.toy.len() as u64 })
    }

    fn news(&self) -> News {
        Box::pin(std::future::pending())
    }
}
