//! Two logs face to face, without a session between them: the test says who speaks, and checks what is said
//! against a memory of its own.

use std::collections::BTreeSet;

use replicate::{Exchange, Key, Outgoing, Point, Replica, Tip, Wants, prefix};
use scuttleup::{Change, Entry, EntryId, Group, Log, LogExchange, Read, UNIT_BYTES};

/// How well the two know each other before anything is sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Named {
    /// Not at all.
    Nothing,
    /// By tips and samples, as in a session.
    Samples,
    /// By every single entry.
    Everything,
}

/// One side, with what it was told of the other.
pub(crate) struct Side {
    pub(crate) log: Log,
    pub(crate) exchange: LogExchange,
    /// What the other has, as far as this side can know, closed over `prev`.
    told: BTreeSet<EntryId>,
    /// What this side takes.
    wants: Wants,
    /// The last entry of the snapshot.
    pub(crate) last: Change,
    pub(crate) sent: BTreeSet<EntryId>,
}

pub(crate) type Checked<T = ()> = Result<T, String>;

/// Says what failed as a text, so that a check that fails can be a result.
pub(crate) fn told<T, E: std::fmt::Display>(what: &str, result: Result<T, E>) -> Checked<T> {
    result.map_err(|error| format!("{what}: {error}"))
}

pub(crate) fn that(holds: bool, what: impl FnOnce() -> String) -> Checked {
    if holds { Ok(()) } else { Err(what()) }
}

pub(crate) fn entries(log: &Log) -> Vec<Entry> {
    log.read(Read::all()).map(Result::unwrap).collect()
}

pub(crate) fn all_ids(log: &Log) -> BTreeSet<EntryId> {
    entries(log).iter().map(Entry::id).collect()
}

fn point(entry: &Entry) -> Point {
    let (writer, id) = (*entry.writer().as_bytes(), *entry.id().as_bytes());
    Point { writer, seq: entry.seq().0, prefix: prefix(&id) }
}

impl Side {
    pub(crate) fn new(log: &Log, wants: Wants) -> Checked<Self> {
        let exchange = told("a session begins", log.exchange())?;
        let last = Change(exchange.about().entries);
        that(last <= log.visible(), || format!("entry {last} is in the snapshot and not durable"))?;
        that(exchange.tips().is_sorted(), || "tips that do not ascend".into())?;
        let (told, sent) = (BTreeSet::new(), BTreeSet::new());
        Ok(Self { log: log.clone(), exchange, told, wants, last, sent })
    }

    /// The other has this entry, and all before it.
    fn note(&mut self, id: &EntryId) {
        let mut at = self.log.get(id).unwrap();
        while let Some(entry) = at.filter(|entry| self.told.insert(entry.id())) {
            at = entry.header().prev.and_then(|prev| self.log.get(&prev).unwrap());
        }
    }

    /// The other says that it has this entry.
    fn hear(&mut self, point: &Point, id: &EntryId) -> Checked<bool> {
        let here = told("an entry is named", self.exchange.peer_named(point))?;
        that(here == self.log.contains(id).unwrap(), || format!("{id} is said to be here: {here}"))?;
        if here {
            self.note(id);
        }
        Ok(here)
    }

    /// The entry of this log that it named.
    fn id_of(&self, point: &Point) -> Checked<EntryId> {
        let found = entries(&self.log).into_iter().find(|entry| self::point(entry) == *point);
        found.map(|entry| entry.id()).ok_or_else(|| format!("{point:?} is named and not here"))
    }

    /// What the other lacks of the snapshot, as far as this side can know, in local order.
    pub(crate) fn lacking(&self) -> Vec<Entry> {
        let entries = entries(&self.log).into_iter();
        entries.filter(|entry| entry.change() <= self.last && !self.told.contains(&entry.id())).collect()
    }

    pub(crate) fn group(&self, bytes: bytes::Bytes) -> Checked<Group> {
        told("a group is decoded", self.exchange.decoder()(bytes))
    }

    /// Checks what is about to go to the other, and delivers it.
    pub(crate) fn deliver(&mut self, outgoing: Outgoing, to: &mut Self) -> Checked<u64> {
        let Outgoing { bytes, entries } = outgoing;
        let group = to.group(bytes)?;
        that(group.len() as u64 == entries, || format!("{entries} entries are {}", group.len()))?;
        that(group.size() <= UNIT_BYTES, || format!("a group of {} bytes", group.size()))?;
        let mut before = None;
        let mut new = 0;
        for id in group.ids() {
            let entry = self.log.get(&id).unwrap().ok_or("an entry is sent that is not here")?;
            that(before < Some(entry.change()), || format!("{id} comes before what was stored first"))?;
            before = Some(entry.change());
            that(entry.change() <= self.log.visible(), || format!("{id} is sent and not durable"))?;
            that(!self.told.contains(&id), || format!("{id} is sent, and the other has it"))?;
            that(to.wants.takes(entry.writer().as_bytes()), || format!("{id} is of a declined writer"))?;
            that(self.sent.insert(id), || format!("{id} is sent twice"))?;
            new += u64::from(!to.log.contains(&id).unwrap());
        }
        let ids: Vec<EntryId> = group.ids().collect();
        let ingested = told("a group is stored", to.exchange.ingest(group))?;
        for id in &ids {
            self.note(id);
            to.note(id);
        }
        that(ingested.stored == new, || format!("{new} entries are new, {} are stored", ingested.stored))?;
        that(ingested.duplicates == entries - new, || "duplicates are miscounted".into())?;
        that(ingested.repeated == 0, || format!("{} entries are repeated", ingested.repeated))?;
        Ok(entries)
    }
}

/// Both sides, who know each other as well as is said.
pub(crate) fn meet(one: &Log, two: &Log, named: Named, wants: [&Wants; 2]) -> Checked<[Side; 2]> {
    let mut a = Side::new(one, wants[0].clone())?;
    let mut b = Side::new(two, wants[1].clone())?;
    a.exchange.agree(wants[0], wants[1]);
    b.exchange.agree(wants[1], wants[0]);
    match named {
        Named::Nothing => {}
        Named::Samples => {
            let to_b = tell_tips(&mut a, &mut b)?;
            let to_a = tell_tips(&mut b, &mut a)?;
            tell_samples(&mut a, &mut b, &to_b)?;
            tell_samples(&mut b, &mut a, &to_a)?;
        }
        Named::Everything => {
            tell_all(&mut a, &mut b)?;
            tell_all(&mut b, &mut a)?;
        }
    }
    for side in [&mut a, &mut b] {
        let offered = told("a plan is made", side.exchange.plan())?;
        let lacking = side.lacking().len() as u64;
        that(offered == lacking, || format!("{offered} entries are lacking, and should be {lacking}"))?;
    }
    Ok([a, b])
}

/// Returns the writers of tips that the other does not have.
fn tell_tips(from: &mut Side, to: &mut Side) -> Checked<BTreeSet<Key>> {
    let mut parted = BTreeSet::new();
    for (place, tip) in from.exchange.tips().to_vec().iter().enumerate() {
        let (point, id) = (tip.point(), EntryId::from_bytes(tip.id));
        if let Ok(place) = to.exchange.tips().binary_search(tip) {
            to.exchange.peer_has_tip(place);
            to.note(&id);
        } else if !to.hear(&point, &id)? {
            parted.insert(tip.writer);
        } else {
            from.exchange.peer_has_tip(place);
            from.note(&id);
        }
    }
    Ok(parted)
}

fn tell_samples(from: &mut Side, to: &mut Side, writers: &BTreeSet<Key>) -> Checked {
    for writer in writers {
        let mut samples = Vec::new();
        told("samples are taken", from.exchange.samples(writer, &mut samples))?;
        let branches = from.exchange.tips().iter().filter(|tip| tip.writer == *writer).count();
        that(samples.len() <= 64 * branches, || format!("{} samples", samples.len()))?;
        let once: BTreeSet<Point> = samples.iter().copied().collect();
        that(once.len() == samples.len(), || "a sample is taken twice".into())?;
        for point in samples {
            let id = from.id_of(&point)?;
            that(point.writer == *writer, || "a sample of another writer".into())?;
            to.hear(&point, &id)?;
        }
    }
    Ok(())
}

fn tell_all(from: &mut Side, to: &mut Side) -> Checked {
    for entry in entries(&from.log).iter().filter(|entry| entry.change() <= from.last) {
        to.hear(&point(entry), &entry.id())?;
    }
    Ok(())
}

/// Sends what `from` has, all of it; returns how many entries that were.
pub(crate) fn send_all(from: &mut Side, to: &mut Side) -> Checked<u64> {
    let mut count = 0;
    while let Some(outgoing) = told("a group is made", from.exchange.next_group())? {
        count += from.deliver(outgoing, to)?;
    }
    Ok(count)
}

/// Sends what came after the snapshot; returns how many entries that were.
pub(crate) fn send_live(from: &mut Side, to: &mut Side) -> Checked<u64> {
    let mut count = 0;
    while let Some(outgoing) = told("a live group is made", from.exchange.next_live())? {
        count += from.deliver(outgoing, to)?;
    }
    Ok(count)
}

/// A whole first sync; returns how many entries went there and back.
pub(crate) fn sync(one: &Log, two: &Log) -> [u64; 2] {
    let [mut a, mut b] = meet(one, two, Named::Samples, [&Wants::All, &Wants::All]).unwrap();
    let there = send_all(&mut a, &mut b).unwrap();
    let back = send_all(&mut b, &mut a).unwrap();
    settle(&mut a, &mut b).unwrap();
    [there, back]
}

/// Both are at the end, and equal.
pub(crate) fn settle(a: &mut Side, b: &mut Side) -> Checked {
    let (one, two) = (told("it ends", a.exchange.settle(true))?, told("it ends", b.exchange.settle(true))?);
    that(one == two, || format!("{one:?} differs from {two:?}"))?;
    let tips: Vec<Tip> = a.log.tips().iter().map(to_tip).collect();
    that(one.tips == tips && one.entries == a.log.last().0, || "the end is of another moment".into())
}

fn to_tip(tip: &scuttleup::Tip) -> Tip {
    Tip { writer: *tip.writer.as_bytes(), seq: tip.seq.0, id: *tip.id.as_bytes() }
}
