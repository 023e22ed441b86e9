//! The seam for policies, with toys in it.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex};

use hyperlog::testing::{No, Verdicts, verdict};
use hyperlog::{
    AdmitError, Asking, Change, Doc, Effects, Error, Event, Hyperlog, ImportCause, Kind, Known, Level,
    LogError, Memory, News, Node, NodeId, NodeRefused, Policy, Read, Refusal, Rows, StoredRows, Utf8,
    WriterId, refused,
};
use level::testing::{Failing, Operation};
use proptest::prelude::*;
use proptest::sample::Index;

use crate::rogue::{Rogue, ext};
use crate::support::{check, check_nodes, export, identity, import, import_fails, nodes, open};

fn with(policy: impl Policy + 'static, level: &(impl Level + Clone + 'static), n: u8) -> Hyperlog<Utf8> {
    Hyperlog::options().policy(Arc::new(policy)).open(Arc::new(level.clone()), identity(n)).unwrap()
}

pub(crate) fn toy(n: u8) -> Hyperlog<Utf8> {
    toy_on(&Memory::new(), n)
}

pub(crate) fn toy_on(level: &(impl Level + Clone + 'static), n: u8) -> Hyperlog<Utf8> {
    with(Verdicts::default(), level, n)
}

/// Which nodes are void, counted from scratch.
fn void(nodes: &[Node]) -> BTreeSet<NodeId> {
    let mut weights = BTreeMap::<NodeId, i64>::new();
    for (id, weight) in nodes.iter().filter_map(|node| verdict(node.value()?)) {
        *weights.entry(id).or_default() += weight;
    }
    weights.into_iter().filter_map(|(id, weight)| (weight > 0).then_some(id)).collect()
}

pub(crate) fn check_toy(log: &Hyperlog<Utf8>) {
    let nodes = nodes(log);
    let void = void(&nodes);
    for node in &nodes {
        assert_eq!(log.is_void(&node.id).unwrap(), void.contains(&node.id));
    }
    check_nodes(&nodes, &log.heads().unwrap(), log.last(), |id| void.contains(id)).unwrap();
    let checked = log.fsck().unwrap();
    assert!(checked.is_clean(), "{checked:?}");
}

#[test]
fn what_the_policy_refuses_is_not_stored_by_adding() {
    let log = toy(1);
    let a = log.append("a").unwrap();
    let mut events = log.subscribe();
    let docs = ["fine", "no"].map(|value| Doc { links: vec![a.id.into()], value: value.to_owned() });
    for error in [
        log.append("no").unwrap_err(),
        log.add(&[], "no").unwrap_err(),
        log.batch(docs).unwrap_err(),
        log.append(format!("void:{}", NodeId::from_bytes([7; 32]))).unwrap_err(),
    ] {
        let Error::Policy(Refusal(reason)) = &error else { panic!("{error:?}") };
        assert!(reason.is::<No>());
        assert!(error.to_string().contains("policy"));
    }
    let told: Vec<_> = std::iter::from_fn(|| events.try_next()).collect();
    assert_eq!(told.iter().filter(|news| matches!(news, News::Event(Event::PreAdd { .. }))).count(), 5);
    assert_eq!(told.iter().filter(|news| matches!(news, News::Event(Event::Reject { .. }))).count(), 5);
    assert_eq!((log.last(), log.heads().unwrap()), (Change(1), vec![a.id]));
    check_toy(&log);
}

#[test]
fn what_the_policy_refuses_is_not_stored_by_an_import() {
    let free = open(2);
    free.append("fine").unwrap();
    free.append("no").unwrap();
    let log = toy(1);
    let ImportCause::Group(error) = import_fails(&log, &export(&free)) else { panic!("another reason") };
    assert!(matches!(refused(&error), Some(NodeRefused::Policy(Refusal(reason))) if reason.is::<No>()));
    assert_eq!(log.last(), Change(0), "not even what stands before it in its group");
    check_toy(&log);
    assert_eq!(import(&open(3), &export(&free)).stored, 2, "a log without the policy takes both");
}

#[test]
fn a_writer_whom_the_policy_bars_cannot_add_and_can_read() {
    let policy = Verdicts { barred: Some(identity(1).writer()) };
    let log = with(policy, &Memory::new(), 1);
    assert!(matches!(log.append("a"), Err(Error::Policy(_))));
    assert!(matches!(log.add(&[], "a"), Err(Error::Policy(_))));
    let other = open(2);
    other.append("b").unwrap();
    import(&log, &export(&other));
    assert_eq!(log.last(), Change(1));
    check_toy(&log);
}

#[test]
fn void_nodes_are_no_heads_and_supersede_nobody_until_they_are_restored() {
    let level = Memory::new();
    let log = with(Verdicts::default(), &level, 1);
    let add = |links: &[NodeId], value: &str| log.add(links, value).unwrap().id;
    let a = add(&[], "a");
    let b = add(&[a], "b");
    let c = add(&[b], "c");
    let sorted = |mut ids: Vec<NodeId>| {
        ids.sort_unstable();
        ids
    };
    assert_eq!((log.heads().unwrap(), log.epoch()), (vec![c], 0));
    let mut events = log.subscribe();
    let v = add(&[], &format!("void:{c}"));
    assert_eq!(log.heads().unwrap(), sorted(vec![b, v]));
    assert!(log.is_void(&c).unwrap());
    let w = add(&[], &format!("void:{b}"));
    assert_eq!(log.heads().unwrap(), sorted(vec![a, v, w]));
    // A node that links a void one counts, and is a head.
    let d = add(&[c], "d");
    assert_eq!(log.heads().unwrap(), sorted(vec![a, d, v, w]));
    let r = add(&[v, w], &format!("restore:{c}"));
    assert_eq!(log.heads().unwrap(), sorted(vec![a, d, r]), "c counts, and d has seen it");
    let s = add(&[r], &format!("restore:{b}"));
    assert_eq!(log.heads().unwrap(), sorted(vec![d, s]), "b supersedes a again");
    assert_eq!(log.epoch(), 4);
    let told = std::iter::from_fn(|| events.try_next());
    let epochs = told.filter_map(|news| match news {
        News::Event(Event::Standing { epoch }) => Some(epoch),
        _ => None,
    });
    assert_eq!(epochs.collect::<Vec<_>>(), [1, 2, 3, 4]);
    assert_eq!(log.append("joins").unwrap().links, sorted(vec![d, s]));
    add(&[], &format!("void:{a}"));
    check_toy(&log);

    let (heads, epoch) = (log.heads().unwrap(), log.epoch());
    drop(log);
    let log = with(Verdicts::default(), &level, 1);
    assert_eq!((log.heads().unwrap(), log.epoch(), log.is_void(&a).unwrap()), (heads, epoch, true));
    check_toy(&log);
}

#[test]
fn a_node_that_is_void_when_it_comes_changes_no_older_ones() {
    let source = toy(2);
    let a = source.append("a").unwrap();
    let b = source.append("b").unwrap();
    source.append(format!("void:{}", b.id)).unwrap();
    let log = toy(1);
    let mut events = log.subscribe();
    import(&log, &export(&source));
    assert!(log.is_void(&b.id).unwrap() && !log.is_void(&a.id).unwrap());
    assert_eq!(log.heads().unwrap(), source.heads().unwrap());
    assert_eq!(log.epoch(), 0, "no node that was stored changed its standing");
    assert!(
        std::iter::from_fn(|| events.try_next()).all(|news| matches!(news, News::Event(Event::Add { .. })))
    );
    check_toy(&log);
}

#[derive(Clone, Debug)]
enum Step {
    Add(Vec<Index>),
    Append,
    Fan(usize),
    Void(Index),
    Restore(Index),
    /// Several verdicts in one commit.
    Judge(Vec<(Index, bool)>),
    Send(usize),
    Reopen,
}

fn step() -> impl Strategy<Value = (usize, Step)> {
    let step = prop_oneof![
        4 => prop::collection::vec(any::<Index>(), 0..4).prop_map(Step::Add),
        2 => Just(Step::Append),
        1 => (1usize..50).prop_map(Step::Fan),
        3 => any::<Index>().prop_map(Step::Void),
        2 => any::<Index>().prop_map(Step::Restore),
        2 => prop::collection::vec((any::<Index>(), any::<bool>()), 1..6).prop_map(Step::Judge),
        3 => (0..REPLICAS).prop_map(Step::Send),
        1 => Just(Step::Reopen),
    ];
    (0..REPLICAS, step)
}

const REPLICAS: usize = 2;

fn act(logs: &mut [Hyperlog<Utf8>], levels: &[Memory], at: usize, step: &Step) {
    let log = &logs[at];
    let known: Vec<NodeId> = nodes(log).iter().map(|node| node.id).collect();
    let pick = |index: &Index| (!known.is_empty()).then(|| *index.get(&known));
    let word = |voids: bool| if voids { "void" } else { "restore" };
    match step {
        Step::Add(links) => drop(log.add(&links.iter().filter_map(pick).collect::<Vec<_>>(), "x").unwrap()),
        Step::Append => drop(log.append("joins").unwrap()),
        Step::Fan(n) => {
            drop(log.batch((0..*n).map(|n| Doc { links: vec![], value: n.to_string() })).unwrap())
        }
        Step::Void(index) | Step::Restore(index) => {
            if let Some(id) = pick(index) {
                log.append(format!("{}:{id}", word(matches!(step, Step::Void(_))))).unwrap();
            }
        }
        Step::Judge(verdicts) => {
            let verdicts = verdicts.iter().filter_map(|(index, voids)| Some((pick(index)?, *voids)));
            let docs =
                verdicts.map(|(id, voids)| Doc { links: vec![], value: format!("{}:{id}", word(voids)) });
            log.batch(docs.collect::<Vec<_>>()).unwrap();
        }
        Step::Send(to) => drop(import(&logs[*to], &export(log))),
        Step::Reopen => logs[at] = with(Verdicts::default(), &levels[at], u8::try_from(at).unwrap() + 1),
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn verdicts_and_heads_do_not_depend_on_what_came_when(steps in prop::collection::vec(step(), 1..40)) {
        let levels: Vec<Memory> = (0..REPLICAS).map(|_| Memory::new()).collect();
        let mut logs: Vec<_> = (1..).zip(&levels).map(|(n, level)| with(Verdicts::default(), level, n)).collect();
        for (at, step) in &steps {
            act(&mut logs, &levels, *at, step);
            let nodes = nodes(&logs[*at]);
            let void = void(&nodes);
            let heads = logs[*at].heads().unwrap();
            check_nodes(&nodes, &heads, logs[*at].last(), |id| void.contains(id)).unwrap();
        }
        logs.iter().for_each(check_toy);
        // All at once, in either order, and each with the other's.
        let exports: Vec<_> = logs.iter().map(export).collect();
        for all in [[&exports[0][..], &exports[1]].concat(), [&exports[1][..], &exports[0]].concat()] {
            logs.push(toy(9));
            logs.iter().for_each(|log| drop(import(log, &all)));
        }
        logs.iter().for_each(check_toy);
        let heads = logs[0].heads().unwrap();
        prop_assert!(logs.iter().all(|log| log.heads().unwrap() == heads));
    }
}

#[test]
fn the_check_of_verdicts_sees_a_wrong_one() {
    // The control for the tests above.
    let log = toy(1);
    let a = log.append("a").unwrap();
    let b = log.append("b").unwrap();
    log.append(format!("void:{}", b.id)).unwrap();
    let (nodes, heads) = (nodes(&log), log.heads().unwrap());
    check_nodes(&nodes, &heads, log.last(), |id| *id == b.id).unwrap();
    check_nodes(&nodes, &heads, log.last(), |_| false).unwrap_err();
    check_nodes(&nodes, &heads, log.last(), |id| *id == a.id).unwrap_err();
}

/// All that one writer writes is void.
struct Revoked(WriterId);

impl Policy for Revoked {
    fn admit(&self, _: &Asking<'_>, _: &Known<'_>) -> Result<(), AdmitError> {
        Ok(())
    }

    fn store(&self, nodes: &[Node], _: &mut Rows<'_>) -> Result<Effects, LogError> {
        let voided = nodes.iter().filter(|node| node.writer == self.0).map(|node| node.change).collect();
        Ok(Effects { voided, ..Effects::default() })
    }

    fn cap(&self, _: WriterId, _: Option<NodeId>, _: &StoredRows) -> Result<Option<NodeId>, AdmitError> {
        Ok(None)
    }
}

#[test]
fn a_revoked_writer_who_goes_on_costs_what_any_writer_costs() {
    let cost = |before: usize| {
        let level = Failing::new(Memory::new());
        let log = with(Revoked(identity(2).writer()), &level, 1);
        log.batch((0..before).map(|n| Doc { links: vec![], value: n.to_string() })).unwrap();
        let heads = log.heads().unwrap();
        let revoked = open(2);
        let reads = level.count(Operation::Read);
        for _ in 0..10 {
            revoked.append("void").unwrap();
            import(&log, &export(&revoked));
        }
        let reads = level.count(Operation::Read) - reads;
        assert_eq!((log.heads().unwrap(), log.epoch()), (heads, 0));
        assert!(log.fsck().unwrap().is_clean());
        reads
    };
    let (small, large) = (cost(10), cost(3_000));
    assert!(large <= 2 * small, "{small} rows for ten void nodes beside 10 others, {large} beside 3,000");
}

/// Every node acts under a grant.
struct Under(Arc<Mutex<Option<NodeId>>>);

impl Policy for Under {
    fn admit(&self, node: &Asking<'_>, known: &Known<'_>) -> Result<(), AdmitError> {
        match node.cap {
            Some(cap) if known.get(&cap)?.is_none() => Err(AdmitError::Refused(Refusal(Box::new(No)))),
            _ => Ok(()),
        }
    }

    fn store(&self, _: &[Node], _: &mut Rows<'_>) -> Result<Effects, LogError> {
        Ok(Effects::default())
    }

    fn cap(&self, _: WriterId, _: Option<NodeId>, _: &StoredRows) -> Result<Option<NodeId>, AdmitError> {
        Ok(*self.0.lock().unwrap())
    }
}

#[test]
fn nodes_act_under_the_grant_that_the_policy_names() {
    let grant = Arc::new(Mutex::new(None));
    let log = with(Under(Arc::clone(&grant)), &Memory::new(), 1);
    let a = log.append("a").unwrap();
    *grant.lock().unwrap() = Some(a.id);
    let b = log.add(&[], "b").unwrap();
    assert_eq!((a.cap, b.cap), (None, Some(a.id)));
    assert_eq!(log.heads().unwrap().len(), 2, "acting under a node does not supersede it");
    *grant.lock().unwrap() = Some(NodeId::from_bytes([7; 32]));
    let error = log.append("c").unwrap_err();
    assert!(
        matches!(&error, Error::Policy(Refusal(reason)) if matches!(reason.downcast_ref(), Some(NodeRefused::UnknownCap { .. })))
    );
    let copy = open(2);
    import(&copy, &export(&log));
    assert_eq!(copy.get(&b.id).unwrap().cap, Some(a.id));
    check(&copy);
}

#[test]
fn a_policy_meets_all_kinds_of_nodes_with_what_they_name() {
    #[derive(Default)]
    struct Notes(Mutex<Vec<Note>>);
    type Note = (Kind, Option<NodeId>, Vec<NodeId>, WriterId);
    struct Noting(Arc<Notes>);
    impl Policy for Noting {
        fn admit(&self, node: &Asking<'_>, known: &Known<'_>) -> Result<(), AdmitError> {
            for id in node.links.iter().chain(&node.cap) {
                assert!(known.contains(id)? && known.get(id)?.is_some());
            }
            self.0.0.lock().unwrap().push((node.kind, node.cap, node.links.to_vec(), node.writer));
            Ok(())
        }
        fn store(&self, _: &[Node], _: &mut Rows<'_>) -> Result<Effects, LogError> {
            Ok(Effects::default())
        }
        fn cap(&self, _: WriterId, _: Option<NodeId>, _: &StoredRows) -> Result<Option<NodeId>, AdmitError> {
            Ok(None)
        }
    }
    let rogue = Rogue::new(2);
    let genesis = rogue.append(ext(1, None, &[]));
    let grant = rogue.append(ext(2, Some(genesis), &[genesis]));
    rogue.append(ext(3, Some(genesis), &[grant]));
    let notes = Arc::new(Notes::default());
    let log = with(Noting(Arc::clone(&notes)), &Memory::new(), 1);
    import(&log, &rogue.export());
    let writer = rogue.log.writer();
    let expected = [
        (Kind::Genesis, None, vec![], writer),
        (Kind::Grant, Some(genesis), vec![genesis], writer),
        (Kind::Revoke, Some(genesis), vec![grant], writer),
    ];
    assert_eq!(*notes.0.lock().unwrap(), expected);
    let kinds: Vec<Kind> = log.changes(Read::all()).map(|node| node.unwrap().kind).collect();
    assert_eq!(kinds, [Kind::Genesis, Kind::Grant, Kind::Revoke]);
}
