//! Nodes that a policy voids and restores, and values that go and come: a view is that of a fresh index.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use bytes::Bytes;
use hyperlog::testing::Verdicts;
use hyperlog::{Act, Hyperlog, Kind, Level, Memory, NodeId, Utf8};
use hyperlog_index::{Rebuild, View};

use crate::support::{append, export, holds, identity, import, index, number, open, rebuilt, skipped};
use crate::views::{ALL, Probe, by_word, count, each_once, lengths, register, tally};

pub(crate) fn toy_on(level: &(impl Level + Clone + 'static), n: u8) -> Hyperlog<Utf8> {
    Hyperlog::options()
        .policy(Arc::new(Verdicts::default()))
        .open(Arc::new(level.clone()), identity(n))
        .unwrap()
}

pub(crate) fn toy(n: u8) -> Hyperlog<Utf8> {
    toy_on(&Memory::new(), n)
}

/// Opens a view, and looks at it after each step.
fn follows<V: View>(view: impl Fn() -> V, commit: usize) {
    let log = toy(1);
    let rows = Memory::new();
    let open = || index(&log, &rows, view(), commit);
    let mut index = open();
    let look = |index: &hyperlog_index::Index<V>, step| {
        assert_eq!(holds(index), rebuilt(&log, view()), "{step}");
    };
    let ids = append(&log, ["a=1 one", "a=2 two", "bad b=3", "a=4 one"]);
    look(&index, "nodes");
    let say = |word: &str, id: NodeId| log.add(&[], format!("{word}:{id}")).unwrap();
    for (step, (word, id)) in [
        ("void", ids[1]),
        ("void", ids[2]),
        ("restore", ids[1]),
        ("void", ids[3]),
        ("void", ids[3]),
        ("restore", ids[3]),
        ("restore", ids[2]),
        ("restore", ids[3]),
    ]
    .into_iter()
    .enumerate()
    {
        say(word, id);
        if step == 2 {
            index = open();
        }
        look(&index, word);
        log.append("a=5 five").unwrap();
        look(&index, "one more");
    }
    for id in [ids[0], ids[2]] {
        log.del(&id).unwrap();
        look(&index, "a value that went");
    }
    assert!(log.fsck().unwrap().is_clean());
}

#[test]
fn views_follow_verdicts() {
    for commit in [1, 3, 1_000] {
        follows(tally, commit);
        follows(register, commit);
        follows(lengths, commit);
        follows(by_word, commit);
    }
}

#[test]
fn a_void_node_is_not_mapped_and_its_fault_is_none() {
    let log = toy(1);
    let tally = index(&log, &Memory::new(), tally(), 9);
    let ids = append(&log, ["1", "bad 2", "3"]);
    assert_eq!((number(tally.get(ALL).unwrap()), skipped(&tally).len()), (2, 1));
    let void = log.append(format!("void:{}", ids[1])).unwrap().id;
    let counting = [ids[0], ids[2], void];
    each_once(&tally, &counting).unwrap();
    assert!(skipped(&tally).is_empty());
    assert_eq!(tally.get(ids[1].as_bytes()).unwrap(), None);
    assert_eq!(tally.last(), log.last(), "void nodes are looked at all the same");
}

#[test]
fn what_a_policy_writes_for_itself_is_in_no_view() {
    let log = toy(1);
    let tally = index(&log, &Memory::new(), tally(), 9);
    let ids = append(&log, ["1", "2"]);
    let act = Act { kind: Kind::Grant, cap: None, links: vec![], value: Bytes::from_static(b"\xff") };
    log.act(|_| Ok::<_, hyperlog::Error>(act)).unwrap();
    each_once(&tally, &ids).unwrap();
    assert!(skipped(&tally).is_empty(), "a value that is no text is nobody's fault");
    assert_eq!((tally.last(), log.last().0), (log.last(), 3));
}

#[test]
fn a_node_that_is_void_when_it_comes_costs_no_rebuild() {
    let source = toy(2);
    let id = append(&source, ["1", "2"])[1];
    source.append(format!("void:{id}")).unwrap();
    let (log, view) = (toy(1), tally());
    let tally = index(&log, &Memory::new(), Arc::clone(&view), 1);
    log.append("before").unwrap();
    tally.ready().unwrap();
    let calls = view.calls().len();
    // All of the source is one group, so that the verdict and the node are one commit.
    import(&log, &export(&source));
    if log.epoch() == 0 {
        tally.ready().unwrap();
        assert_eq!((calls, view.calls().len()), (1, 2));
    }
    assert_eq!(holds(&tally), rebuilt(&log, crate::views::tally()));
    assert_eq!(tally.get(id.as_bytes()).unwrap(), None);
}

#[test]
fn a_verdict_is_told_as_the_reason() {
    let log = toy(1);
    let (rows, id) = (Memory::new(), append(&log, ["1", "2"])[0]);
    let tally = index(&log, &rows, tally(), 9);
    tally.ready().unwrap();
    log.append(format!("void:{id}")).unwrap();
    let reopened = index(&log, &rows, crate::views::tally(), 9);
    assert_eq!(reopened.rebuild(), Some(Rebuild::Epoch));
    let mut why = Vec::new();
    tally.ready_with(|told| why.push(told.rebuild)).unwrap();
    assert_eq!((why, tally.rebuild()), (vec![Some(Rebuild::Epoch)], None));
}

#[test]
fn a_value_that_is_deleted_leaves_the_view() {
    let log = open(1);
    let ids = append(&log, ["one", "two", "three"]);
    let view = lengths();
    let lengths = index(&log, &Memory::new(), view, 2);
    let words = index(&log, &Memory::new(), by_word(), 2);
    assert_eq!((lengths.value().unwrap(), words.find("two").unwrap().count()), ((3, 11), 1));
    log.del(&ids[1]).unwrap();
    assert_eq!((lengths.value().unwrap(), words.find("two").unwrap().count()), ((3, 8), 0));
    let tally = index(&log, &Memory::new(), tally(), 2);
    tally.ready().unwrap();
    tally.view().calls();
    log.del(&ids[1]).unwrap();
    tally.ready().unwrap();
    assert_eq!(tally.view().calls(), [], "it was deleted before: nothing to do");
}

#[test]
fn a_value_that_comes_later_comes_into_the_view() {
    let source = open(2);
    let ids = append(&source, ["one", "two", "bad"]);
    let full = export(&source);
    source.del(&ids[1]).unwrap();
    source.del(&ids[2]).unwrap();
    let log = open(1);
    import(&log, &export(&source));
    let words = index(&log, &Memory::new(), by_word(), 2);
    let tally = index(&log, &Memory::new(), tally(), 2);
    let pending = log.pending().count();
    assert_eq!((pending, words.find("two").unwrap().count(), skipped(&tally).len()), (2, 0, 0));
    import(&log, &full);
    assert_eq!((log.pending().count(), words.find("two").unwrap().count(), skipped(&tally).len()), (0, 1, 1));
    assert_eq!(holds(&words), rebuilt(&log, by_word()));
    assert_eq!(holds(&tally), rebuilt(&log, crate::views::tally()));
    // What comes again changes nothing, and builds nothing.
    tally.view().calls();
    import(&log, &full);
    tally.ready().unwrap();
    assert_eq!(tally.view().calls(), []);
}

#[test]
fn what_changes_while_a_commit_is_made_is_noticed_by_the_next() {
    for commit in [1, 2, 9] {
        let log = toy(1);
        let ids = append(&log, ["1", "2", "3", "4"]);
        let (of_view, disturbed) = (log.clone(), AtomicBool::new(false));
        let (first, third) = (ids[0], ids[2]);
        let view = Probe::new("disturbed", move |node, rows| {
            if node.id == third && !disturbed.swap(true, Ordering::Relaxed) {
                of_view.del(&first)?;
                of_view.append(format!("void:{third}"))?;
            }
            count(node, rows)
        })
        .shared();
        let index = index(&log, &Memory::new(), Arc::clone(&view), commit);
        index.ready().unwrap();
        assert_eq!(holds(&index), rebuilt(&log, Arc::clone(&view)), "commits of {commit}");
        assert_eq!(index.get(third.as_bytes()).unwrap(), None);
    }
}

#[test]
fn readers_beside_verdicts_end_with_the_view_that_is_built_anew() {
    let log = toy(1);
    let ids = append(&log, (0..10).map(|n| format!("a={n} word{n}")));
    let (tally, words) = (index(&log, &Memory::new(), tally(), 3), index(&log, &Memory::new(), by_word(), 2));
    let done = AtomicBool::new(false);
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                while !done.load(Ordering::Acquire) {
                    let before = log.last();
                    tally.ready().unwrap();
                    assert!(tally.snapshot().unwrap().last() >= before);
                    assert!(words.find("word3").unwrap().count() <= 1);
                }
            });
        }
        for round in 0..6 {
            for id in &ids[..5] {
                log.append(format!("{}:{id}", if round % 2 == 0 { "void" } else { "restore" })).unwrap();
            }
        }
        log.del(&ids[7]).unwrap();
        done.store(true, Ordering::Release);
    });
    assert_eq!(holds(&tally), rebuilt(&log, crate::views::tally()));
    assert_eq!(holds(&words), rebuilt(&log, by_word()));
}
