//! What views and maps need of a log: when they are out of date, nodes by place, verdicts by range, branches.

use std::collections::BTreeSet;

use hyperlog::{Change, Doc, Error, Memory, NodeId};
use proptest::prelude::*;

use crate::policy::{toy, toy_on};
use crate::support::{export, identity, import, nodes, open};

/// Whether `work` begins an epoch.
fn begins_an_epoch(log: &hyperlog::Hyperlog<hyperlog::Utf8>, work: impl FnOnce()) -> bool {
    let before = log.epoch();
    work();
    assert!(log.epoch() >= before, "it only grows");
    log.epoch() > before
}

#[test]
fn an_epoch_begins_when_a_stored_value_goes_or_comes_and_not_otherwise() {
    let source = open(2);
    let ids: Vec<NodeId> = (0..4).map(|n| source.append(n.to_string()).unwrap().id).collect();
    let full = export(&source);
    source.del(&ids[1]).unwrap();
    source.del(&ids[2]).unwrap();
    let hollow = export(&source);

    let log = open(1);
    let epoch = |work: &dyn Fn()| begins_an_epoch(&log, work);
    assert_eq!(log.epoch(), 0);
    assert!(!epoch(&|| drop(log.append("a").unwrap())));
    assert!(!epoch(&|| drop(log.batch([Doc { links: vec![], value: "b".to_owned() }]).unwrap())));
    assert!(
        !epoch(&|| import(&log, &hollow).stored.checked_sub(4).map(drop).unwrap()),
        "new ones, two without"
    );
    assert!(!epoch(&|| drop(import(&log, &hollow))), "nothing new");
    assert_eq!(log.pending().count(), 2);
    // A value that never came is given up.
    assert!(epoch(&|| log.del(&ids[1]).unwrap()));
    assert!(epoch(&|| assert_eq!(import(&log, &full).filled, 1)), "the other one comes");
    assert!(!epoch(&|| assert_eq!(import(&log, &full).filled, 0)));
    assert!(epoch(&|| log.del(&ids[3]).unwrap()));
    assert!(!epoch(&|| log.del(&ids[3]).unwrap()), "it was deleted before");
    assert!(!epoch(&|| assert_eq!(import(&log, &full).filled, 0)), "and does not come back");
    let unknown = NodeId::from_bytes([7; 32]);
    assert!(!epoch(&|| assert!(matches!(log.del(&unknown), Err(Error::NotFound { .. })))));
    assert!(!epoch(&|| log.add(&[unknown], "refused").map(drop).unwrap_err().to_string().clear()));
    assert!(!epoch(&|| log.flush().unwrap()));
    assert!(log.fsck().unwrap().is_clean());
}

#[test]
fn a_value_that_comes_in_a_sync_begins_an_epoch() {
    let (one, two) = (open(1), open(2));
    let id = one.append("value").unwrap().id;
    let full = open(3);
    import(&full, &export(&one));
    one.del(&id).unwrap();
    replicate::sync(&two, &one).unwrap();
    assert_eq!((two.pending().count(), two.epoch()), (1, 0));
    replicate::sync(&two, &full).unwrap();
    assert_eq!((two.pending().count(), two.epoch()), (0, 1));
    assert_eq!(full.epoch(), 0);
}

#[test]
fn an_epoch_survives_reopening() {
    let level = Memory::new();
    let log = toy_on(&level, 1);
    let ids: Vec<NodeId> = (0..3).map(|n| log.append(n.to_string()).unwrap().id).collect();
    log.del(&ids[0]).unwrap();
    log.append(format!("void:{}", ids[1])).unwrap();
    let epoch = log.epoch();
    assert_eq!(epoch, 2, "one for the value, one for the verdict");
    drop(log);
    let log = toy_on(&level, 1);
    assert_eq!(log.epoch(), epoch);
    log.append("more").unwrap();
    log.del(&ids[0]).unwrap();
    assert_eq!(log.epoch(), epoch);
    log.del(&ids[2]).unwrap();
    assert_eq!(log.epoch(), epoch + 1, "it goes on from there");
}

#[test]
fn an_epoch_is_told_apart_by_those_who_read_it_before_the_values() {
    // Whoever reads an epoch and then a value that is older than it would never look again.
    let log = open(1);
    let ids: Vec<NodeId> = (0..50).map(|n| log.append(n.to_string()).unwrap().id).collect();
    std::thread::scope(|scope| {
        scope.spawn(|| ids.iter().for_each(|id| log.del(id).unwrap()));
        let mut epoch = 0;
        while epoch < 50 {
            epoch = log.epoch();
            let gone = nodes(&log).iter().filter(|node| node.value().is_none()).count();
            assert!(gone as u64 >= epoch, "{gone} values are gone in epoch {epoch}");
        }
    });
}

#[test]
fn nodes_are_found_by_their_place() {
    let log = open(1);
    assert_eq!(log.at(Change(1)).unwrap(), None);
    for n in 1..=20 {
        let node = log.append(n.to_string()).unwrap();
        assert_eq!(log.at(node.change).unwrap(), Some(node));
    }
    for (change, expected) in [(0, None), (1, Some("1")), (20, Some("20")), (21, None), (u64::MAX, None)] {
        let node = log.at(Change(change)).unwrap();
        assert_eq!(node.as_ref().and_then(|node| node.value().map(String::as_str)), expected, "{change}");
    }
    let numbers = log.with_encoding::<hyperlog::Json<u64>>();
    assert_eq!(numbers.at(Change(7)).unwrap().unwrap().value(), Some(&7));
    log.append("no number").unwrap();
    assert!(matches!(numbers.at(Change(21)), Err(Error::Value { change: Change(21), .. })));
    let third = log.at(Change(3)).unwrap().unwrap();
    log.del(&third.id).unwrap();
    assert_eq!(log.at(Change(3)).unwrap().unwrap().value(), None);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]

    #[test]
    fn verdicts_of_a_range_are_those_of_its_nodes(
        voids in prop::collection::vec(any::<prop::sample::Index>(), 0..6),
        first in 0u64..30,
        last in 0u64..30,
    ) {
        let log = toy(1);
        let ids: Vec<NodeId> = (0..15).map(|n| log.append(n.to_string()).unwrap().id).collect();
        for void in voids {
            log.append(format!("void:{}", void.get(&ids))).unwrap();
        }
        let expected: BTreeSet<Change> = nodes(&log)
            .iter()
            .filter(|node| (first..=last).contains(&node.change.0) && log.is_void(&node.id).unwrap())
            .map(|node| node.change)
            .collect();
        prop_assert_eq!(log.void_between(Change(first), Change(last)).unwrap(), expected);
    }
}

#[test]
fn verdicts_of_a_range_follow_what_is_restored_and_reach_both_ends() {
    let log = toy(1);
    let ids: Vec<NodeId> = (0..4).map(|n| log.append(n.to_string()).unwrap().id).collect();
    let between = |first, last| {
        let void = log.void_between(Change(first), Change(last)).unwrap();
        void.into_iter().map(|change| change.0).collect::<Vec<_>>()
    };
    assert_eq!(between(0, u64::MAX), Vec::<u64>::new());
    for id in &ids {
        log.append(format!("void:{id}")).unwrap();
    }
    assert_eq!(between(0, u64::MAX), [1, 2, 3, 4]);
    assert_eq!(
        (between(2, 3), between(4, 4), between(5, 9), between(3, 2)),
        (vec![2, 3], vec![4], vec![], vec![])
    );
    log.append(format!("restore:{}", ids[1])).unwrap();
    assert_eq!(between(0, u64::MAX), [1, 3, 4]);
    assert!(
        open(2).void_between(Change(0), Change(9)).unwrap().is_empty(),
        "nothing is void without a policy"
    );
}

#[test]
fn branches_of_a_writer_are_counted_and_nodes_are_reached_along_their_own() {
    let one = open(1);
    let (writer, stranger) = (one.writer(), identity(9).writer());
    assert_eq!(one.branches_of(&writer), 0);
    let shared: Vec<NodeId> = (0..3).map(|n| one.append(n.to_string()).unwrap().id).collect();
    let two = open(1);
    import(&two, &export(&one));
    let left: Vec<NodeId> = (0..3).map(|n| one.append(format!("left {n}")).unwrap().id).collect();
    let right: Vec<NodeId> = (0..3).map(|n| two.append(format!("right {n}")).unwrap().id).collect();
    let log = open(3);
    import(&log, &export(&one));
    assert_eq!(
        (log.branches_of(&writer), log.branches_of(&stranger), log.branches_of(&log.writer())),
        (1, 0, 0)
    );
    import(&log, &export(&two));
    assert_eq!(log.branches_of(&writer), 2);
    let own = log.append("own").unwrap();
    let reaches = |tip: &NodeId, id: &NodeId| log.reaches(tip, id).unwrap();
    for branch in [&left, &right] {
        let line = [&shared[..], branch].concat();
        for (place, tip) in line.iter().enumerate() {
            for (other, id) in line.iter().enumerate() {
                assert_eq!(reaches(tip, id), other <= place, "{place} {other}");
            }
        }
    }
    for (a, b) in left.iter().zip(&right) {
        assert!(!reaches(a, b) && !reaches(b, a), "of another branch");
    }
    assert!(!reaches(&left[2], &right[0]) && !reaches(&right[2], &left[0]));
    // A link is no way along a writer's log.
    assert!(own.links.contains(&left[2]) && !reaches(&own.id, &left[2]) && reaches(&own.id, &own.id));
    let unknown = NodeId::from_bytes([7; 32]);
    assert!(!reaches(&unknown, &own.id) && !reaches(&own.id, &unknown) && !reaches(&unknown, &unknown));
    // A fork at the very beginning, and one of a branch.
    let three = open(1);
    let first = three.append("first").unwrap().id;
    import(&log, &export(&three));
    let four = open(1);
    import(&four, &export(&two));
    let late = four.append("late").unwrap().id;
    two.append("other").unwrap();
    import(&log, &export(&two));
    import(&log, &export(&four));
    assert_eq!(log.branches_of(&writer), 4);
    assert!(reaches(&late, &shared[0]) && reaches(&late, &right[2]));
    assert!(!reaches(&late, &left[0]) && !reaches(&late, &first) && !reaches(&first, &shared[0]));
}

#[test]
fn a_waiter_of_the_graph_wakes_for_verdicts() {
    let log = toy(1);
    let id = log.append("a").unwrap().id;
    let mut waiter = log.waiter();
    log.append(format!("void:{id}")).unwrap();
    assert!(waiter.wait(), "it returns, since it listened before");
    assert_eq!(log.epoch(), 1);
    waiter.stop_handle().stop();
    assert!(!waiter.wait() && waiter.is_stopped());
}
