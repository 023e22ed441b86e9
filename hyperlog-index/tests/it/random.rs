//! Graphs at random, on replicas that exchange them as they like: a view that keeps up is one that is built anew.

use hyperlog::{Hyperlog, Memory, NodeId, Utf8};
use hyperlog_index::{Index, View};
use proptest::prelude::*;
use proptest::sample::Index as Pick;

use crate::standing::toy_on;
use crate::support::{export, holds, ids, import, index, rebuilt};
use crate::views::{arrival, by_word, lengths, register, tally};

const REPLICAS: usize = 3;

#[derive(Clone, Debug)]
enum Step {
    Add(Vec<Pick>, u8),
    Append(u8),
    Fan(u8),
    Judge(Pick, bool),
    Del(Pick),
    Import(usize),
    Sync(usize),
    Read,
    Reset,
    Reopen(usize),
}

fn step() -> impl Strategy<Value = (usize, Step)> {
    let step = prop_oneof![
        4 => (prop::collection::vec(any::<Pick>(), 0..4), 0u8..9).prop_map(|(links, n)| Step::Add(links, n)),
        3 => (0u8..9).prop_map(Step::Append),
        1 => (1u8..20).prop_map(Step::Fan),
        1 => (any::<Pick>(), any::<bool>()).prop_map(|(pick, voids)| Step::Judge(pick, voids)),
        1 => any::<Pick>().prop_map(Step::Del),
        2 => (0..REPLICAS).prop_map(Step::Import),
        2 => (0..REPLICAS).prop_map(Step::Sync),
        4 => Just(Step::Read),
        1 => Just(Step::Reset),
        2 => (1usize..6).prop_map(Step::Reopen),
    ];
    (0..REPLICAS, step)
}

/// A view that comes along with a log, in its level or another one.
trait Follower {
    /// Says how it differs from one that is built anew.
    fn look(&self, log: &Hyperlog<Utf8>) -> Result<(), String>;
    fn reset(&self);
    fn reopen(&mut self, log: &Hyperlog<Utf8>, commit: usize);
    fn agrees_with_its_like(&self, log: &Hyperlog<Utf8>, other: &Hyperlog<Utf8>) -> bool;
}

struct Following<V: View> {
    index: Index<V>,
    level: Memory,
    view: fn() -> V,
}

fn follow<V: View>(log: &Hyperlog<Utf8>, level: &Memory, view: fn() -> V) -> Box<dyn Follower> {
    Box::new(Following { index: index(log, level, view(), 3), level: level.clone(), view })
}

impl<V: View> Follower for Following<V> {
    fn look(&self, log: &Hyperlog<Utf8>) -> Result<(), String> {
        let (found, expected) = (holds(&self.index), rebuilt(log, (self.view)()));
        if found == expected { Ok(()) } else { Err(format!("{found:?} instead of {expected:?}")) }
    }
    fn reset(&self) {
        self.index.reset().unwrap();
    }
    fn reopen(&mut self, log: &Hyperlog<Utf8>, commit: usize) {
        self.index = index(log, &self.level, (self.view)(), commit);
    }
    fn agrees_with_its_like(&self, log: &Hyperlog<Utf8>, other: &Hyperlog<Utf8>) -> bool {
        rebuilt(log, (self.view)()) == rebuilt(other, (self.view)())
    }
}

struct Replica {
    level: Memory,
    log: Hyperlog<Utf8>,
    views: Vec<Box<dyn Follower>>,
}

impl Replica {
    fn new(n: u8) -> Self {
        let (level, other) = (Memory::new(), Memory::new());
        let log = toy_on(&level, n);
        let views = vec![
            follow(&log, &level, tally),
            follow(&log, &other, register),
            follow(&log, &level, lengths),
            follow(&log, &other, by_word),
        ];
        Self { level, log, views }
    }

    fn pick(&self, pick: &Pick) -> Option<NodeId> {
        let ids = ids(&self.log);
        (!ids.is_empty()).then(|| *pick.get(&ids))
    }

    fn look(&self) -> Result<(), String> {
        self.views.iter().try_for_each(|view| view.look(&self.log))
    }

    fn reopen(&mut self, n: u8, commit: usize) {
        self.log = toy_on(&self.level, n);
        self.views.iter_mut().for_each(|view| view.reopen(&self.log, commit));
    }
}

/// Something that every view finds something in: a write of a key, words, or a fault.
fn says(n: u8) -> String {
    if n == 8 { "bad".into() } else { format!("{}={n} word{n} more", ["a", "b", "c"][usize::from(n % 3)]) }
}

fn act(replicas: &mut [Replica], at: usize, step: &Step, dels: bool) -> Result<(), String> {
    let replica = &replicas[at];
    let log = &replica.log;
    match step {
        Step::Add(links, n) => {
            let links: Vec<NodeId> = links.iter().filter_map(|pick| replica.pick(pick)).collect();
            log.add(&links, says(*n)).unwrap();
        }
        Step::Append(n) => drop(log.append(says(*n)).unwrap()),
        Step::Fan(n) => (0..*n).for_each(|n| drop(log.add(&[], says(n)).unwrap())),
        Step::Judge(pick, voids) => {
            let Some(id) = replica.pick(pick) else { return Ok(()) };
            log.append(format!("{}:{id}", if *voids { "void" } else { "restore" })).unwrap();
        }
        Step::Del(pick) => {
            // A verdict whose value went would stand here and not elsewhere.
            let id = replica
                .pick(pick)
                .filter(|id| dels && log.get(id).unwrap().value().is_some_and(|text| !text.contains(':')));
            id.iter().for_each(|id| log.del(id).unwrap());
        }
        Step::Import(to) if *to != at => import(&replicas[*to].log, &export(log)),
        Step::Sync(to) if *to != at => drop(replicate::sync(log, &replicas[*to].log).unwrap()),
        Step::Import(_) | Step::Sync(_) => {}
        Step::Read => return replica.look(),
        Step::Reset => replica.views.iter().for_each(|view| view.reset()),
        Step::Reopen(commit) => replicas[at].reopen(u8::try_from(at).unwrap() + 1, *commit),
    }
    Ok(())
}

fn run(steps: &[(usize, Step)], dels: bool) -> Result<Vec<Replica>, String> {
    let mut replicas: Vec<Replica> = (1..=3).map(Replica::new).collect();
    for (at, step) in steps {
        act(&mut replicas, *at, step, dels)?;
    }
    for _ in 0..2 {
        for at in 0..REPLICAS {
            act(&mut replicas, at, &Step::Sync((at + 1) % REPLICAS), dels)?;
        }
    }
    replicas.iter().try_for_each(Replica::look)?;
    Ok(replicas)
}

proptest! {
    #![proptest_config(ProptestConfig { max_shrink_iters: 400, ..ProptestConfig::with_cases(40) })]

    #[test]
    fn keeping_up_is_building_anew_and_equal_logs_have_equal_views(
        steps in prop::collection::vec(step(), 1..40),
    ) {
        let replicas = run(&steps, false).map_err(TestCaseError::fail)?;
        for other in &replicas[1..] {
            prop_assert_eq!(ids(&other.log).len(), ids(&replicas[0].log).len());
            let views = replicas[0].views.iter();
            prop_assert!(views.clone().all(|view| view.agrees_with_its_like(&replicas[0].log, &other.log)));
        }
    }

    #[test]
    fn values_that_go_and_come_leave_a_view_that_is_built_anew(
        steps in prop::collection::vec(step(), 1..40),
    ) {
        run(&steps, true).map_err(TestCaseError::fail)?;
    }
}

#[test]
fn a_view_that_depends_on_arrival_differs_between_replicas() {
    // The control for the first property.
    let replicas: Vec<Replica> = (1..=2).map(Replica::new).collect();
    replicas.iter().for_each(|replica| drop(replica.log.append(replica.log.writer().to_string()).unwrap()));
    replicate::sync(&replicas[0].log, &replicas[1].log).unwrap();
    let view = follow(&replicas[0].log, &Memory::new(), arrival);
    assert!(!view.agrees_with_its_like(&replicas[0].log, &replicas[1].log));
    assert!(replicas[0].views[0].agrees_with_its_like(&replicas[0].log, &replicas[1].log));
}

#[test]
fn a_row_that_no_node_wrote_is_seen() {
    // The control for both.
    let (log, level) = (crate::support::chain(["a=1"]), Memory::new());
    let view = follow(&log, &level, register);
    view.look(&log).unwrap();
    let sub = hyperlog::Level::sub(&level, "index/register").unwrap();
    hyperlog::Level::put(&level, sub, b"vstray", b"", hyperlog::Durability::Buffered).unwrap();
    view.look(&log).unwrap_err();
    view.reset();
    view.look(&log).unwrap();
}
