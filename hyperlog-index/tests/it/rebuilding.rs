//! Rows that are gone, or none of this view and log: they are built anew, by themselves and once.

use std::sync::Arc;

use bytes::Bytes;
use hyperlog::{Durability, Hyperlog, Memory, Utf8};
use hyperlog_index::{Fold, Index, Progress, Rebuild};
use level::testing::{Crashing, Failing, Operation};
use level::{Fjall, Level};

use crate::support::{
    append, chain, dump, export, holds, identity, ids, import, index, number, open, open_on, rebuilt,
};
use crate::views::{ALL, Probe, count, each_once, tally};

/// Catches up, and says for which reasons rows were being built meanwhile.
fn reasons(index: &Index<Arc<Probe>>) -> Vec<Option<Rebuild>> {
    let mut told = Vec::new();
    index.ready_with(|Progress { rebuild, .. }| told.push(rebuild)).unwrap();
    told
}

#[test]
fn a_view_that_was_reset_is_built_anew() {
    // HI-9
    let (log, view) = (chain(["1", "2", "bad 3"]), tally());
    let tally = index(&log, &Memory::new(), Arc::clone(&view), 2);
    let before = holds(&tally);
    assert_eq!((before.1.len(), view.calls().len()), (1, 3));
    tally.reset().unwrap();
    assert_eq!((tally.rebuild(), tally.last().0), (Some(Rebuild::Asked), 0));
    assert_eq!(reasons(&tally), [Some(Rebuild::Asked); 2]);
    assert_eq!((tally.rebuild(), view.calls().len()), (None, 3));
    assert_eq!(holds(&tally), before);
    tally.reset().unwrap();
    tally.reset().unwrap();
    assert_eq!(holds(&tally), before);
    let empty = index(&open(1), &Memory::new(), view, 2);
    empty.reset().unwrap();
    assert!(dump(&empty).is_empty() && empty.rebuild().is_none());
}

#[test]
fn a_sub_level_that_was_removed_is_built_anew() {
    // HI-9
    let (level, view) = (Memory::new(), tally());
    let log = open_on(&level, 1);
    append(&log, ["1", "2", "3"]);
    let open = || index(&log, &level, Arc::clone(&view), 2);
    let before = holds(&open());
    assert_eq!(view.calls().len(), 3);
    assert!(level.remove("index/tally").unwrap());
    let tally = open();
    assert_eq!((tally.rebuild(), tally.last().0), (None, 0), "it looks like one that is new");
    assert_eq!((holds(&tally), view.calls()), (before, ids(&log)));
}

#[test]
fn a_folder_that_was_removed_is_built_anew() {
    // HI-9
    let dir = tempfile::tempdir().unwrap();
    let (path, view) = (dir.path().join("index"), tally());
    let log = chain(["1", "2", "3"]);
    let open = || Index::open(&log, Fjall::open(&path).unwrap(), Arc::clone(&view)).unwrap();
    let before = holds(&open());
    assert_eq!(view.calls().len(), 3);
    assert_eq!(holds(&open()), before);
    assert_eq!(view.calls().len(), 0, "it was kept");
    std::fs::remove_dir_all(&path).unwrap();
    assert_eq!(holds(&open()), before);
    assert_eq!(view.calls(), ids(&log));
}

#[test]
fn another_version_is_built_once() {
    let (level, log) = (Memory::new(), chain(["1", "2", "3"]));
    let open = |version| index(&log, &level, Probe::new("tally", count).version(version).shared(), 2);
    let first = open(1);
    assert_eq!(reasons(&first), [None, None]);
    for (from, to) in [(1, 7), (7, 2)] {
        let why = Some(Rebuild::Version { from, to });
        let next = open(to);
        assert_eq!((next.rebuild(), next.last().0), (why, 3));
        assert_eq!(reasons(&next), [why, why]);
        assert_eq!(next.view().calls(), ids(&log));
        each_once(&next, &ids(&log)).unwrap();
        let again = open(to);
        assert_eq!((again.rebuild(), reasons(&again)), (None, vec![]));
        assert_eq!(again.view().calls(), []);
    }
    assert!(open(9).rebuild().unwrap().to_string().contains("version 9 of the view instead of 2"));
}

#[test]
fn rows_of_another_version_never_show() {
    let (level, log) = (Memory::new(), chain(["1", "2"]));
    let other = |node: &hyperlog::Node<String>, rows: &mut hyperlog_index::Rows<'_>| {
        Ok(rows.put(&[b"new", node.id.as_bytes().as_slice()].concat(), vec![])?)
    };
    index(&log, &level, tally(), 2).ready().unwrap();
    let new = index(&log, &level, Probe::new("tally", other).version(2), 1);
    assert!(dump(&new).keys().all(|key| key.starts_with(b"new")), "{:?}", dump(&new));
}

#[test]
fn another_log_is_another_view() {
    let level = Memory::new();
    let (one, two, none) = (chain(["1", "2"]), open(2), open(3));
    append(&two, ["one", "two", "three"]);
    for _ in 0..2 {
        for log in [&one, &two, &none] {
            let tally = index(log, &level, tally(), 2);
            assert!(matches!(tally.rebuild(), None | Some(Rebuild::OtherLog)), "{:?}", tally.rebuild());
            assert_eq!(holds(&tally), rebuilt(log, crate::views::tally()));
        }
    }
    index(&two, &level, tally(), 2).ready().unwrap();
    assert_eq!(index(&one, &level, tally(), 2).rebuild(), Some(Rebuild::OtherLog));
}

#[test]
fn a_log_that_lost_its_end_is_another_log() {
    let (level, rows) = (Crashing::new(), Memory::new());
    let open = |level: &Crashing| -> Hyperlog<Utf8> {
        Hyperlog::options()
            .durability(Durability::Buffered)
            .open(Arc::new(level.clone()), identity(1))
            .unwrap()
    };
    let log = open(&level);
    append(&log, ["1", "2"]);
    log.flush().unwrap();
    append(&log, ["3", "4"]);
    each_once(&index(&log, &rows, tally(), 9), &ids(&log)).unwrap();
    let log = open(&level.crash(0));
    assert_eq!(log.last().0, 2);
    let tally = index(&log, &rows, tally(), 9);
    assert_eq!(tally.rebuild(), Some(Rebuild::OtherLog));
    append(&log, ["three", "four", "five"]);
    each_once(&tally, &ids(&log)).unwrap();
    assert_eq!(holds(&tally), rebuilt(&log, crate::views::tally()));
}

#[test]
fn an_index_over_an_older_copy_of_the_log_is_built_anew() {
    let (level, rows) = (Crashing::new(), Memory::new());
    let log = open_on(&level, 1);
    append(&log, ["1", "2"]);
    let copy = level.copy();
    append(&log, ["3"]);
    index(&log, &rows, tally(), 9).ready().unwrap();
    let log = open_on(&copy, 1);
    let tally = index(&log, &rows, tally(), 9);
    assert_eq!(tally.rebuild(), Some(Rebuild::OtherLog));
    each_once(&tally, &ids(&log)).unwrap();
}

#[test]
fn a_log_that_went_another_way_and_met_again_is_another_log() {
    let (level, rows) = (Crashing::new(), Memory::new());
    let log = open_on(&level, 1);
    append(&log, ["a"]);
    let copy = level.copy();
    let (ben, eve) = (open(2), open(3));
    append(&ben, ["b"]);
    append(&eve, ["e"]);
    let other = open(4);
    append(&other, ["d"]);
    // First a, b, e; in the older copy a, d, e: the last node is the same, under the same number.
    import(&log, &export(&ben));
    import(&log, &export(&eve));
    each_once(&index(&log, &rows, tally(), 9), &ids(&log)).unwrap();
    let last = ids(&log).pop();
    let log = open_on(&copy, 1);
    import(&log, &export(&other));
    import(&log, &export(&eve));
    assert_eq!((log.last().0, ids(&log).pop()), (3, last), "or this test tests nothing");
    let tally = index(&log, &rows, tally(), 9);
    assert_eq!(tally.rebuild(), Some(Rebuild::OtherLog));
    each_once(&tally, &ids(&log)).unwrap();
}

#[test]
fn an_epoch_that_was_lost_and_begun_otherwise_is_another_epoch() {
    let (level, rows) = (Crashing::new(), Memory::new());
    let log = open_on(&level, 1);
    let nodes = append(&log, ["a", "b"]);
    let copy = level.copy();
    log.del(&nodes[0]).unwrap();
    let words = |log: &Hyperlog<Utf8>| index(log, &rows, crate::views::tally(), 9);
    words(&log).ready().unwrap();
    let log = open_on(&copy, 1);
    log.del(&nodes[1]).unwrap();
    assert_eq!(words(&log).rebuild(), Some(Rebuild::Epoch));
    assert_eq!(holds(&words(&log)), rebuilt(&log, crate::views::tally()));
}

#[test]
fn two_indexes_of_one_view_that_take_turns_map_nothing_twice() {
    let (level, log) = (Memory::new(), chain(["1"]));
    let (one, two) = (index(&log, &level, tally(), 9), index(&log, &level, tally(), 9));
    for n in 0..6 {
        let index = if n % 3 == 0 { &one } else { &two };
        append(&log, [n.to_string()]);
        each_once(index, &ids(&log)).unwrap();
    }
    each_once(&one, &ids(&log)).unwrap();
}

#[test]
fn an_older_copy_of_the_rows_catches_up() {
    let (level, rows) = (Memory::new(), Crashing::new());
    let (log, view) = (open_on(&level, 1), tally());
    append(&log, ["1", "2"]);
    index(&log, &rows, Arc::clone(&view), 9).ready().unwrap();
    let copy = rows.copy();
    let more = append(&log, ["3", "4"]);
    index(&log, &rows, Arc::clone(&view), 9).ready().unwrap();
    view.calls();
    each_once(&index(&log, &copy, Arc::clone(&view), 9), &ids(&log)).unwrap();
    assert_eq!(view.calls(), more);
}

#[test]
fn a_cursor_that_cannot_be_read_is_built_anew() {
    let log = chain(["1", "2", "3"]);
    let level = Memory::new();
    let sub = level.sub("index/tally").unwrap();
    index(&log, &level, tally(), 9).ready().unwrap();
    let whole = level::Read::get(&level, sub, b"c").unwrap().unwrap();
    let mut newer = whole.to_vec();
    newer[0] = 9;
    let with_other = |place: usize| {
        let mut other = whole.to_vec();
        other[place] = !other[place];
        Bytes::from(other)
    };
    for (row, why) in [
        (Bytes::new(), Rebuild::Damaged),
        (whole.slice(..whole.len() - 1), Rebuild::Damaged),
        ([&whole[..], b"\0"].concat().into(), Rebuild::Damaged),
        (newer.into(), Rebuild::Damaged),
        (with_other(13), Rebuild::OtherLog),
        (with_other(21), Rebuild::Epoch),
        (with_other(36), Rebuild::Epoch),
    ] {
        let sub = level.sub("index/tally").unwrap();
        level.put(sub, b"c", &row, Durability::Buffered).unwrap();
        let tally = index(&log, &level, tally(), 9);
        assert_eq!(tally.rebuild(), Some(why));
        each_once(&tally, &ids(&log)).unwrap();
        assert_eq!(tally.rebuild(), None);
    }
    assert_eq!(index(&log, &level, tally(), 9).rebuild(), None, "the last one is whole");
}

#[test]
fn damaged_rows_of_a_fold_are_an_error_until_it_is_reset() {
    let (level, log) = (Memory::new(), chain(["1", "22"]));
    let fold = |name: &str| Fold::<Utf8, String, _>::new(name, 1, String::new(), |all, _| all.push('x'));
    let fold = Index::open(&log, level.clone(), fold("fold")).unwrap();
    assert_eq!(fold.value().unwrap(), "xx");
    let sub = level.sub("index/fold").unwrap();
    level.put(sub, b"v", b"\xff", Durability::Buffered).unwrap();
    assert!(matches!(fold.value(), Err(hyperlog_index::Error::Damaged { view }) if view == "fold"));
    fold.reset().unwrap();
    assert_eq!(fold.value().unwrap(), "xx");
}

#[test]
fn rows_that_could_not_be_thrown_away_are_not_mapped_over() {
    for failing in 0..2 {
        for asked in [true, false] {
            let (level, log) = (Failing::new(Memory::new()), chain(["1", "2", "3"]));
            let old = index(&log, &level, tally(), 2);
            old.ready().unwrap();
            let tally = index(&log, &level, Probe::new("tally", count).version(1 + u32::from(!asked)), 2);
            level.fail_once(Operation::Sub, failing);
            if asked {
                tally.reset().unwrap_err();
            } else {
                tally.ready().unwrap_err();
            }
            each_once(&tally, &ids(&log)).unwrap();
            assert_eq!(number(tally.get(ALL).unwrap()), 3);
        }
    }
}
