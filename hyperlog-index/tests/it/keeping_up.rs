//! Every node once, in order, when somebody reads.

use std::sync::{Arc, Mutex};

use hyperlog::{Change, Memory, NodeId};
use hyperlog_index::{Index, Limits, OnFault, Progress, View};
use level::{Level, Order, Read as _};

use crate::support::{append, chain, dump, holds, ids, index, number, open, open_on, rebuilt};
use crate::views::{ALL, Probe, arrival, by_word, count, each_once, lengths, register, tally};

#[test]
fn every_node_is_mapped_once_and_in_local_order_whatever_the_commits() {
    // HI-2
    for commit in [1, 2, 3, 7, 100] {
        let log = chain((1..=20).map(|n| n.to_string()));
        let view = tally();
        let tally = index(&log, &Memory::new(), Arc::clone(&view), commit);
        assert_eq!(view.calls(), [], "opening maps nothing");
        tally.ready().unwrap();
        assert_eq!(view.calls(), ids(&log));
        tally.ready().unwrap();
        assert_eq!(view.calls(), [], "there is nothing new");
        let more = append(&log, ["21", "22"]);
        assert_eq!(number(tally.get(ALL).unwrap()), 22);
        assert_eq!(view.calls(), more);
        each_once(&tally, &ids(&log)).unwrap();
    }
}

#[test]
fn the_check_of_once_sees_twice_and_never() {
    // The control for the tests that rely on it.
    let log = chain(["1", "2"]);
    let all = ids(&log);
    let right = index(&log, &Memory::new(), tally(), 9);
    each_once(&right, &all).unwrap();
    each_once(&right, &all[..1]).unwrap_err();
    each_once(&right, &[all[0], NodeId::from_bytes([7; 32])]).unwrap_err();
    let twice = Probe::new("twice", |node, rows| {
        count(node, rows)?;
        if node.change.0 == 1 { count(node, rows) } else { Ok(()) }
    });
    each_once(&index(&log, &Memory::new(), twice, 9), &all).unwrap_err();
}

#[test]
fn one_node_is_mapped_at_a_time() {
    // HI-2
    let within = Mutex::new(());
    let alone = Probe::new("alone", move |node, rows| {
        let _alone = within.try_lock().map_err(|_| "two at a time")?;
        count(node, rows)
    });
    let log = chain((0..50).map(|n| n.to_string()));
    let alone = index(&log, &Memory::new(), alone.stops(), 3);
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| alone.ready().unwrap());
        }
    });
    each_once(&alone, &ids(&log)).unwrap();
}

#[test]
fn a_reopened_view_goes_on_where_it_was() {
    // HI-3
    let (level, view) = (Memory::new(), tally());
    let log = open_on(&level, 1);
    let mut expected = Vec::new();
    for round in 0..4 {
        let tally = index(&log, &level, Arc::clone(&view), 2);
        assert_eq!((tally.rebuild(), tally.last()), (None, log.last()), "as far as it was");
        expected = append(&log, (0..5).map(|n| format!("{round} {n}")));
        tally.ready().unwrap();
        assert_eq!(view.calls(), expected);
        each_once(&tally, &ids(&log)).unwrap();
    }
    assert_eq!(expected.len(), 5);
}

#[test]
fn several_views_live_on_one_log_each_with_rows_of_its_own() {
    // HI-1
    let (level, other) = (Memory::new(), Memory::new());
    let log = open_on(&level, 1);
    append(&log, ["a=1", "a=2", "b=some words"]);
    let (tally, register) = (index(&log, &level, tally(), 2), index(&log, &level, register(), 2));
    let (lengths, words) = (index(&log, &other, lengths(), 2), index(&log, &other, by_word(), 2));
    append(&log, ["c=3"]);
    // Each catches up when it is read, and no other does.
    assert_eq!(number(tally.get(ALL).unwrap()), 4);
    assert_eq!((register.last(), words.last()), (Change(0), Change(0)));
    assert_eq!(dump(&register).len(), 3);
    assert_eq!(lengths.value().unwrap(), (4, 21));
    assert_eq!(words.find("words").unwrap().count(), 1);
    let subs = |level: &Memory| level.subs().unwrap().join(" ");
    assert!(subs(&level).contains("index/register index/tally"), "{}", subs(&level));
    assert_eq!(subs(&other), "index/by-word index/lengths");
    register.reset().unwrap();
    assert_eq!(number(tally.get(ALL).unwrap()), 4, "another one's reset is none of its business");
    assert!(log.fsck().unwrap().is_clean());
}

#[test]
fn readiness_is_told_as_often_as_it_is_asked_for_and_includes_what_was_just_added() {
    // HI-4, HI-10: what `append` returned is there; there is nothing under way that could be missed.
    let log = open(1);
    let tally = index(&log, &Memory::new(), tally(), 10);
    tally.ready().unwrap();
    tally.ready().unwrap();
    for n in 1..=5 {
        log.append(n.to_string()).unwrap();
        assert_eq!(number(tally.get(ALL).unwrap()), n);
        assert_eq!(tally.last(), log.last());
    }
}

#[test]
fn who_does_not_read_pauses_and_then_gets_it_all() {
    // HI-6
    let (log, view) = (open(1), register());
    let register = index(&log, &Memory::new(), Arc::clone(&view), 10);
    append(&log, ["a=3", "a=4", "a=8"]);
    assert_eq!((view.calls(), register.last()), (vec![], Change(0)));
    let rows = dump(&register);
    assert_eq!(rows.values().map(|value| &value[..]).collect::<Vec<_>>(), [b"a=8"]);
    assert_eq!(view.calls(), ids(&log));
}

#[test]
fn equal_content_added_twice_is_two_nodes_and_mapped_twice() {
    // HI-12, amended: nodes are signed and have a place, so no two are the same.
    let log = open(1);
    let (one, two) = (log.add(&[], "same").unwrap(), log.add(&[], "same").unwrap());
    each_once(&index(&log, &Memory::new(), tally(), 10), &[one.id, two.id]).unwrap();
}

#[test]
fn a_snapshot_stays_and_says_how_far_it_is() {
    let log = chain(["1", "2"]);
    let tally = index(&log, &Memory::new(), tally(), 10);
    let before = tally.snapshot().unwrap();
    log.append("3").unwrap();
    assert_eq!((number(tally.get(ALL).unwrap()), number(before.get(ALL).unwrap())), (3, 2));
    let after = tally.snapshot().unwrap();
    tally.reset().unwrap();
    assert_eq!((before.last(), after.last(), tally.last()), (Change(2), Change(3), Change(0)));
    let rows = |order| after.range(.., order).map(|row| row.unwrap().0).collect::<Vec<_>>();
    let (up, mut down) = (rows(Order::Ascending), rows(Order::Descending));
    down.reverse();
    assert_eq!((up.len(), up), (7, down));
    assert_eq!(
        index(&open(2), &Memory::new(), crate::views::tally(), 1).snapshot().unwrap().last(),
        Change(0)
    );
}

#[test]
fn a_range_is_as_of_its_call() {
    let log = chain(["1", "2"]);
    let tally = index(&log, &Memory::new(), tally(), 10);
    let mut rows = tally.range(.., Order::Ascending).unwrap();
    rows.next().unwrap().unwrap();
    log.append("3").unwrap();
    tally.reset().unwrap();
    tally.ready().unwrap();
    assert_eq!(rows.count(), 4, "of the five that there were");
}

#[test]
fn progress_is_told_after_each_commit() {
    let log = chain((0..10).map(|n| n.to_string()));
    let tally = index(&log, &Memory::new(), tally(), 4);
    let told = |index: &Index<Arc<Probe>>| {
        let mut told = Vec::new();
        index.ready_with(|Progress { done, total, rebuild, .. }| told.push((done, total, rebuild))).unwrap();
        told
    };
    assert_eq!(told(&tally), [(4, 10, None), (8, 10, None), (10, 10, None)]);
    assert_eq!(told(&tally), []);
}

#[test]
fn a_commit_is_bounded_by_bytes_too_and_one_node_may_go_over() {
    let log = chain((0..6).map(|n| "x".repeat(100 + n)));
    let commits = |bytes| {
        let limits = Limits::new(100, bytes);
        let quiet = Probe::new("quiet", |_, _| Ok(()));
        let index = Index::open_with(&log, Arc::new(Memory::new()), quiet, limits).unwrap();
        let mut commits = 0;
        index.ready_with(|_| commits += 1).unwrap();
        assert_eq!(index.view().calls(), ids(&log));
        commits
    };
    assert_eq!([0, 50, 101, 250, 1_000_000].map(commits), [6, 6, 5, 2, 1]);
    assert_eq!(Limits::new(0, 0).nodes, 1, "or nothing would ever be mapped");
}

#[test]
fn a_name_that_is_none_is_refused() {
    let log = open(1);
    let opens = |name: &str| Index::open(&log, Memory::new(), Probe::new(name, count)).is_ok();
    assert!(opens("a-view_of/1.2"));
    assert!(opens(&"a".repeat(56)));
    assert!(!opens("Upper") && !opens("with space") && !opens(&"a".repeat(60)));
}

#[test]
fn a_pointer_to_a_view_is_that_view() {
    let view = Probe::new("pointed", count).version(7).stops();
    let boxed: Box<dyn View<Encoding = hyperlog::Utf8>> = Box::new(view);
    assert_eq!((boxed.name(), boxed.version(), boxed.on_fault()), ("pointed", 7, OnFault::Stop));
    let log = chain(["1"]);
    let index = index(&log, &Memory::new(), Arc::new(boxed), 1);
    assert_eq!(number(index.clone().get(ALL).unwrap()), 1);
    assert_eq!(index.view().name(), "pointed");
    assert!(format!("{index:?}").contains("pointed"));
}

#[test]
fn a_view_that_writes_nothing_comes_along_all_the_same() {
    let (level, log) = (Memory::new(), chain(["1", "2"]));
    let view = Probe::new("nothing", |_, _| Ok(())).shared();
    index(&log, &level, Arc::clone(&view), 1).ready().unwrap();
    assert_eq!(view.calls().len(), 2);
    index(&log, &level, Arc::clone(&view), 1).ready().unwrap();
    assert_eq!(view.calls().len(), 0);
}

#[test]
fn rows_of_the_view_are_kept_apart_from_those_of_the_index() {
    let level = Memory::new();
    let log = chain(["1", "bad 2"]);
    let view = Probe::new("rude", |node, rows| {
        [b"".as_slice(), b"c", b"s", b"v", b"\xff"].iter().try_for_each(|key| rows.put(key, vec![1]))?;
        count(node, rows)
    });
    let rude = index(&log, &level, view, 1);
    assert_eq!(dump(&rude).len(), 8);
    assert_eq!(crate::support::skipped(&rude).len(), 1);
    let sub = level.sub("index/rude").unwrap();
    let stored: Vec<_> =
        level.range(sub, level::KeyRange::all(), Order::Ascending).map(Result::unwrap).collect();
    assert_eq!(stored.len(), 8 + 2, "the rows, the cursor, and what was skipped");
    assert_eq!(holds(&index(&log, &level, arrival(), 1)), rebuilt(&log, arrival()));
}
