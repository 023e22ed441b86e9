//! Random histories of logs that fork, relay and decline, each session checked against what can be known.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use level::{Durability, Memory};
use proptest::prelude::*;
use replicate::{Exchange, Key, Wants};
use scuttleup::{Defect, Entry, EntryId, Log, Read};

use super::face::{Checked, Named, Side, all_ids, entries, meet, send_live, settle, that, told};
use super::links;
use crate::support::identity;

/// A place in a list of any length.
#[derive(Clone, Copy, Debug)]
struct At(usize);

impl At {
    fn index(self, len: usize) -> usize {
        self.0 % len
    }

    fn get<T>(self, list: &[T]) -> &T {
        &list[self.index(list.len())]
    }
}

fn at() -> impl Strategy<Value = At> {
    (0..1_000usize).prop_map(At)
}

#[derive(Clone, Debug)]
enum Step {
    /// A batch of so many entries, each linking to some.
    Append {
        log: At,
        entries: usize,
        links: Vec<At>,
        bytes: usize,
    },
    /// Keeps a copy of the log's store.
    Keep {
        log: At,
    },
    /// Puts an old copy back under the log's key: what is appended then forks.
    PutBack {
        log: At,
        kept: At,
    },
    Delete {
        log: At,
        entry: At,
    },
    Sync(Sync),
}

#[derive(Clone, Debug)]
struct Sync {
    one: At,
    two: At,
    named: Named,
    /// Ends after so many groups.
    cut: Option<usize>,
    /// Who speaks next; from the beginning again when it is used up.
    turns: Vec<bool>,
    /// What is appended on either side while they talk, and whether they go on live.
    meanwhile: [usize; 2],
    live: bool,
    /// Places of writers that each side declines.
    declines: [Vec<At>; 2],
}

fn size() -> impl Strategy<Value = usize> {
    prop_oneof![20 => 0..40usize, 1 => Just(200_000usize), 1 => Just(500_000usize)]
}

fn count() -> impl Strategy<Value = usize> {
    prop_oneof![6 => 1..4usize, 4 => 4..20usize, 1 => 250..270usize]
}

fn sync() -> impl Strategy<Value = Sync> {
    let named =
        prop_oneof![1 => Just(Named::Nothing), 4 => Just(Named::Samples), 4 => Just(Named::Everything)];
    let cut = prop_oneof![3 => Just(None), 1 => (0..3usize).prop_map(Some)];
    let declines = || prop_oneof![1 => Just(Vec::new()), 1 => prop::collection::vec(at(), 1..3)];
    (
        (at(), at()),
        (named, cut, prop::collection::vec(any::<bool>(), 1..6)),
        ([0..3usize, 0..3usize], any::<bool>()),
        [declines(), declines()],
    )
        .prop_map(|((one, two), (named, cut, turns), (meanwhile, live), declines)| Sync {
            one,
            two,
            named,
            cut,
            turns,
            meanwhile,
            live,
            declines,
        })
}

fn step() -> impl Strategy<Value = Step> {
    let links = || prop::collection::vec(at(), 0..4);
    prop_oneof![
        8 => (at(), count(), links(), size())
            .prop_map(|(log, entries, links, bytes)| Step::Append { log, entries, links, bytes }),
        2 => at().prop_map(|log| Step::Keep { log }),
        2 => (at(), at()).prop_map(|(log, kept)| Step::PutBack { log, kept }),
        1 => (at(), at()).prop_map(|(log, entry)| Step::Delete { log, entry }),
        8 => sync().prop_map(Step::Sync),
    ]
}

struct Here {
    seed: u8,
    level: Memory,
    log: Log,
    durability: Durability,
}

struct World {
    logs: Vec<Here>,
    kept: Vec<(usize, Memory)>,
    defect: Option<Defect>,
    /// What the deep checks found to do: a test of the test.
    left_out: u64,
}

fn open(seed: u8, level: &Memory, durability: Durability, defect: Option<Defect>) -> Log {
    let mut options = links::options().durability(durability);
    if let Some(defect) = defect {
        options = options.defect(defect);
    }
    options.open(Arc::new(level.clone()), identity(seed)).unwrap()
}

impl World {
    fn new(durable: &[bool], defect: Option<Defect>) -> Self {
        let here = |(seed, durable): (u8, &bool)| {
            let durability = if *durable { Durability::Synced } else { Durability::Buffered };
            let level = Memory::new();
            Here { seed, log: open(seed, &level, durability, defect), level, durability }
        };
        let logs = (1..).zip(durable).map(here).collect();
        Self { logs, kept: Vec::new(), defect, left_out: 0 }
    }

    fn run(&mut self, steps: &[Step]) -> Checked {
        for step in steps {
            match step {
                Step::Append { log, entries, links, bytes } => {
                    append(&log.get(&self.logs).log, *entries, links, *bytes);
                }
                Step::Keep { log } => {
                    let at = log.index(self.logs.len());
                    let copy = Memory::new();
                    level::copy(&self.logs[at].level, &copy).unwrap();
                    self.kept.push((at, copy));
                }
                Step::PutBack { log, kept } => self.put_back(log.index(self.logs.len()), *kept),
                Step::Delete { log, entry } => {
                    let all = entries(&log.get(&self.logs).log);
                    if !all.is_empty() {
                        log.get(&self.logs).log.del_by_id(&entry.get(&all).id()).unwrap();
                    }
                }
                Step::Sync(sync) => self.sync(sync)?,
            }
        }
        self.finish()
    }

    fn put_back(&mut self, at: usize, kept: At) {
        let copies: Vec<&Memory> =
            self.kept.iter().filter(|(of, _)| *of == at).map(|(_, copy)| copy).collect();
        if copies.is_empty() {
            return;
        }
        let level = Memory::new();
        level::copy(*kept.get(&copies), &level).unwrap();
        let Here { seed, durability, .. } = self.logs[at];
        self.logs[at] = Here { seed, log: open(seed, &level, durability, self.defect), level, durability };
    }

    fn sync(&mut self, sync: &Sync) -> Checked {
        let (one, two) = (sync.one.get(&self.logs), sync.two.get(&self.logs));
        if one.seed == two.seed {
            return Ok(());
        }
        let writers: Vec<Key> = self.logs.iter().map(|here| *here.log.writer().as_bytes()).collect();
        let wants = sync.declines.each_ref().map(|declined| {
            let declined: BTreeSet<Key> = declined.iter().map(|place| *place.get(&writers)).collect();
            if declined.is_empty() { Wants::All } else { Wants::Without(declined) }
        });
        let left_out = session(&one.log, &two.log, sync, &wants)?;
        self.left_out += left_out;
        Ok(())
    }

    /// In the end all have all, and every log is whole.
    fn finish(&self) -> Checked {
        let whole = Sync {
            one: At(0),
            two: At(0),
            named: Named::Samples,
            cut: None,
            turns: vec![true, false],
            meanwhile: [0, 0],
            live: false,
            declines: [Vec::new(), Vec::new()],
        };
        for _ in 0..2 {
            for pair in self.logs.windows(2) {
                session(&pair[0].log, &pair[1].log, &whole, &[Wants::All, Wants::All])?;
            }
        }
        let last = self.logs.last().unwrap();
        for here in self.logs.iter().rev() {
            session(&last.log, &here.log, &whole, &[Wants::All, Wants::All])?;
        }
        for here in &self.logs {
            that(all_ids(&here.log) == all_ids(&last.log), || "logs differ in the end".into())?;
            that(here.log.tips() == last.log.tips(), || "tips differ in the end".into())?;
            that(here.log.forks().unwrap() == last.log.forks().unwrap(), || "forks differ".into())?;
            let checked = here.log.fsck().unwrap();
            that(checked.is_clean(), || format!("{checked:#?}"))?;
        }
        Ok(())
    }
}

fn append(log: &Log, n: usize, linked: &[At], bytes: usize) {
    let all = entries(log);
    let value = vec![7; bytes];
    let links: Vec<EntryId> = linked.iter().filter(|_| !all.is_empty()).map(|at| at.get(&all).id()).collect();
    // Large ones are few.
    let n = if bytes > 1_000 { n.min(4) } else { n };
    let batch: Vec<(Vec<EntryId>, &[u8])> = (0..n)
        .map(|place| (links.iter().skip(place % 4).take(1).copied().collect(), value.as_slice()))
        .collect();
    links::append(log, &batch);
}

/// Everything that can be said of one session of two honest logs. Returns how much was left out.
fn session(one: &Log, two: &Log, sync: &Sync, wants: &[Wants; 2]) -> Checked<u64> {
    let [mut a, mut b] = meet(one, two, sync.named, [&wants[0], &wants[1]])?;
    let sent = [kept(&a, &wants[1]), kept(&b, &wants[0])];
    let mut left = sync.cut.unwrap_or(usize::MAX);
    let mut open = [true, true];
    for (round, turn) in sync.turns.iter().cycle().enumerate() {
        if left == 0 {
            return Ok(0);
        }
        if round < 2 {
            append(if *turn { one } else { two }, sync.meanwhile[round % 2], &[], 5);
        }
        let turn = if open[usize::from(*turn)] { *turn } else { !*turn };
        let (from, to) = if turn { (&mut b, &mut a) } else { (&mut a, &mut b) };
        match told("a group is made", from.exchange.next_group())? {
            Some(outgoing) => {
                from.deliver(outgoing, to)?;
                left -= 1;
            }
            None => open[usize::from(turn)] = false,
        }
        if open == [false, false] {
            break;
        }
    }
    check_sent(&a, &sent[0], sync)?;
    check_sent(&b, &sent[1], sync)?;
    let left_out = a.exchange.left_out() + b.exchange.left_out();
    if sync.live {
        live(&mut a, &mut b, sync)?;
    }
    if left_out == 0 && wants.iter().all(|wants| *wants == Wants::All) {
        equal(&mut a, &mut b, sync)?;
    }
    Ok(left_out)
}

fn equal(a: &mut Side, b: &mut Side, sync: &Sync) -> Checked {
    if sync.live || sync.meanwhile == [0, 0] {
        that(all_ids(&a.log) == all_ids(&b.log), || "both have all, and differ".into())?;
        settle(a, b)?;
    }
    Ok(())
}

/// Nothing that should go is missing. That nothing else goes was seen with each group.
fn check_sent(side: &Side, expected: &BTreeSet<EntryId>, sync: &Sync) -> Checked {
    let lacking = side.lacking().len() as u64;
    let left_out = side.exchange.left_out();
    that(left_out == lacking, || format!("{left_out} entries are said to be left out of {lacking}"))?;
    if sync.named == Named::Everything {
        that(side.sent == *expected, || {
            format!("{} entries were sent in place of {}", side.sent.len(), expected.len())
        })?;
    }
    Ok(())
}

fn live(a: &mut Side, b: &mut Side, sync: &Sync) -> Checked {
    for (round, turn) in sync.turns.iter().enumerate() {
        append(if *turn { &a.log } else { &b.log }, 1 + round % 3, &[At(0)], 3);
        // What is not durable is held back, and then goes.
        send_live(a, b)?;
        send_live(b, a)?;
        told("it is made durable", a.log.flush())?;
        told("it is made durable", b.log.flush())?;
        send_live(a, b)?;
        send_live(b, a)?;
        let echo = send_live(a, b)? + send_live(b, a)?;
        that(echo == 0, || "nobody has anything new, and something is said".into())?;
    }
    Ok(())
}

/// What can be sent of a snapshot to a peer that takes some writers only: the largest set in which every entry has
/// what it names, or the peer has it, and every entry is covered within the stored group that it is of.
fn kept(side: &Side, theirs: &Wants) -> BTreeSet<EntryId> {
    let lacking = side.lacking();
    let groups = groups(&side.log);
    let mut dropped = BTreeSet::new();
    loop {
        let keep: Vec<&Entry> = lacking.iter().filter(|entry| !dropped.contains(&entry.id())).collect();
        let followed: BTreeSet<(usize, EntryId)> =
            keep.iter().filter_map(|entry| Some((groups[&entry.id()], entry.header().prev?))).collect();
        let drop = |entry: &&&Entry| {
            let covered =
                entry.signature().is_some() || followed.contains(&(groups[&entry.id()], entry.id()));
            !theirs.takes(entry.writer().as_bytes())
                || links::parents(entry).any(|parent| dropped.contains(&parent))
                || !covered
        };
        let more: Vec<EntryId> = keep.iter().filter(drop).map(|entry| entry.id()).collect();
        if more.is_empty() {
            return keep.iter().map(|entry| entry.id()).collect();
        }
        dropped.extend(more);
    }
}

fn groups(log: &Log) -> BTreeMap<EntryId, usize> {
    let mut group = 0;
    let number = |entry: Result<Entry, _>| {
        let entry: Entry = entry.unwrap();
        let number = (entry.id(), group);
        group += usize::from(entry.ends_group());
        number
    };
    log.read(Read::all()).map(number).collect::<Vec<_>>().into_iter().collect()
}

fn history() -> impl Strategy<Value = (Vec<bool>, Vec<Step>)> {
    (prop::collection::vec(any::<bool>(), 2..5), prop::collection::vec(step(), 1..25))
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(64) })]

    #[test]
    fn whatever_happened_a_session_brings_what_is_lacking_and_nothing_else((durable, steps) in history()) {
        let checked = World::new(&durable, None).run(&steps);
        prop_assert!(checked.is_ok(), "{}", checked.unwrap_err());
    }
}

/// The first thing that is found wrong with a log that has a fault, in at most so many histories.
fn first_wrong(defect: Option<Defect>, histories: usize) -> (Option<String>, u64) {
    use proptest::strategy::ValueTree;
    let mut runner = proptest::test_runner::TestRunner::deterministic();
    let mut left_out = 0;
    for _ in 0..histories {
        let (durable, steps) = history().new_tree(&mut runner).unwrap().current();
        let mut world = World::new(&durable, defect);
        if let Err(wrong) = world.run(&steps) {
            return (Some(wrong), left_out);
        }
        left_out += world.left_out;
    }
    (None, left_out)
}

/// The test above would see what it is there to see.
#[test]
fn each_fault_is_found_in_a_few_histories() {
    let (wrong, left_out) = first_wrong(None, 40);
    assert_eq!(wrong, None);
    assert!(left_out > 100, "{left_out} entries were left out, all in all");
    for defect in [
        Defect::CutGroups,
        Defect::OneSignaturePerWriter,
        Defect::OpenBook,
        Defect::NoDurabilityGate,
        Defect::NoLocate,
    ] {
        let (wrong, _) = first_wrong(Some(defect), 400);
        assert!(wrong.is_some(), "{defect:?} goes unnoticed");
    }
}
