//! What a stranger, or a bad disk, can do to a view that is honest.

use std::sync::Mutex;

use hyperlog::{Memory, NodeId};
use hyperlog_index::{Index, Progress, Rebuild};
use level::testing::{Failing, Operation};

use crate::support::{append, chain, dump, holds, ids, index, open, rebuilt};
use crate::views::{Probe, count, each_once, tally};

#[test]
fn values_that_come_and_go_meanwhile_do_not_keep_a_read_from_ending() {
    let log = open(1);
    let nodes = append(&log, (0..20).map(|n| n.to_string()));
    // Each time that a node is mapped, the value of another one goes: every commit ends in another epoch.
    let (other, left) = (log.clone(), Mutex::new(nodes.clone()));
    let meddling = Probe::new("tally", move |node, rows| {
        if let Some(id) = left.lock().unwrap().pop() {
            other.del(&id)?;
        }
        count(node, rows)
    });
    let meddled = index(&log, &Memory::new(), meddling.shared(), 1);
    meddled.ready().unwrap();
    let calls = meddled.view().calls().len();
    assert!(calls <= 4 * nodes.len(), "{calls} calls for {} nodes", nodes.len());
    // Whoever reads when it is quiet sees what a new view would.
    assert_eq!(holds(&meddled), rebuilt(&log, tally()));
    assert_eq!((meddled.rebuild(), meddled.last()), (None, log.last()));
}

#[test]
fn what_was_finished_in_spite_of_another_epoch_is_built_anew_after_reopening() {
    let (log, level) = (open(1), Memory::new());
    let nodes = append(&log, (0..6).map(|n| n.to_string()));
    let (other, left) = (log.clone(), Mutex::new(nodes));
    let meddling = Probe::new("tally", move |node, rows| {
        if let Some(id) = left.lock().unwrap().pop() {
            other.del(&id)?;
        }
        count(node, rows)
    });
    index(&log, &level, meddling.shared(), 1).ready().unwrap();
    let opened = index(&log, &level, tally(), 9);
    assert_eq!(opened.rebuild(), Some(Rebuild::Epoch));
    assert_eq!(holds(&opened), rebuilt(&log, tally()));
}

#[test]
fn a_commit_ends_where_its_rows_are_many_although_the_nodes_are_small() {
    let log = chain((0..32).map(|n| n.to_string()));
    let large = || {
        let map = |node: &hyperlog::Node<String>, rows: &mut hyperlog_index::Rows<'_>| {
            Ok(rows.put(node.id.as_bytes(), vec![0; 1000])?)
        };
        Probe::new("large", map)
    };
    let commits = |bytes: usize| {
        let limits = hyperlog_index::Limits::new(1000, bytes);
        let level = std::sync::Arc::new(Memory::new());
        let index = Index::open_with(&log, level, large(), limits).unwrap();
        let mut commits = 0;
        index.ready_with(|Progress { .. }| commits += 1).unwrap();
        assert_eq!(dump(&index).len(), 32);
        commits
    };
    assert_eq!([commits(1 << 20), commits(10_000), commits(1)], [1, 4, 32]);
}

#[test]
fn a_cursor_on_a_damaged_part_of_the_disk_is_built_anew_and_loses_nobody_the_log() {
    let (log, level) = (chain(["1", "2"]), Failing::new(Memory::new()));
    each_once(&index(&log, &level, tally(), 9), &ids(&log)).unwrap();
    let corrupt =
        || level::Error::Corrupt { path: "index".into(), what: "a block", source: "a bit flipped".into() };
    let next = level.count(Operation::Read);
    level.fail_when(move |kind, n| (kind == Operation::Read && n == next).then(corrupt));
    let opened = index(&log, &level, tally(), 9);
    assert_eq!(opened.rebuild(), Some(Rebuild::Damaged));
    each_once(&opened, &ids(&log)).unwrap();
    // And so it is when it shows later.
    let more: Vec<NodeId> = append(&log, ["3"]);
    let next = level.count(Operation::Read);
    level.fail_when(move |kind, n| (kind == Operation::Read && n == next).then(corrupt));
    each_once(&opened, &ids(&log)).unwrap();
    assert_eq!(opened.view().calls().last(), more.last());
}
