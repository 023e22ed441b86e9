//! Power cuts: of the rows alone, of the log alone, and of both.

use std::sync::Arc;

use hyperlog::{Durability, Hyperlog, Utf8};
use level::testing::Crashing;

use crate::support::{append, holds, identity, ids, index, rebuilt};
use crate::views::{each_once, tally};

fn buffered(level: &Crashing) -> Hyperlog<Utf8> {
    Hyperlog::options().durability(Durability::Buffered).open(Arc::new(level.clone()), identity(1)).unwrap()
}

/// Adds and reads in turns, with commits of two nodes.
fn work(log: &Hyperlog<Utf8>, rows: &Crashing) {
    let tally = index(log, rows, tally(), 2);
    for n in 0..4 {
        append(log, (0..3).map(|m| format!("{n} {m}")));
        tally.ready().unwrap();
    }
}

/// What is there is the view of the log that is there, also when both go on.
fn look(log: &Hyperlog<Utf8>, rows: &Crashing) -> Result<(), String> {
    let tally = index(log, rows, tally(), 2);
    each_once(&tally, &ids(log))?;
    if holds(&tally) != rebuilt(log, crate::views::tally()) {
        return Err("it is not what it would be, built anew".into());
    }
    append(log, ["more", "and more"]);
    each_once(&tally, &ids(log))
}

#[test]
fn rows_of_the_same_level_are_lost_with_their_log() {
    for keep in 0..40 {
        let level = Crashing::new();
        let log = buffered(&level);
        log.flush().unwrap();
        work(&log, &level);
        let unsynced = level.unsynced();
        let after = level.crash(keep);
        let log = buffered(&after);
        assert!(log.last().0 < 12 || keep + 2 >= unsynced, "{keep} of {unsynced}");
        let tally = index(&log, &after, tally(), 2);
        assert!(tally.rebuild().is_none() && tally.last() <= log.last(), "a prefix of both is one");
        look(&log, &after).unwrap();
        if keep > unsynced {
            return;
        }
    }
    panic!("there are more commits than that")
}

#[test]
fn rows_of_another_level_are_lost_alone() {
    for keep in 0..9 {
        let (level, rows) = (Crashing::new(), Crashing::new());
        let log = buffered(&level);
        work(&log, &rows);
        assert_eq!(rows.unsynced(), 8);
        let after = rows.crash(keep);
        let view = tally();
        let tally = index(&log, &after, Arc::clone(&view), 2);
        let kept = usize::try_from(tally.last().0).unwrap();
        tally.ready().unwrap();
        assert_eq!(view.calls(), ids(&log)[kept..], "what was kept is not mapped again");
        look(&log, &after).unwrap();
    }
}

#[test]
fn a_log_is_lost_alone_and_its_rows_are_ahead_of_it() {
    for keep in 0..14 {
        let (level, rows) = (Crashing::new(), Crashing::new());
        let log = buffered(&level);
        log.flush().unwrap();
        work(&log, &rows);
        look(&buffered(&level.crash(keep)), &rows).unwrap();
    }
}

#[test]
fn both_are_lost_each_at_a_place_of_its_own() {
    for keep in 0..14 {
        for kept in 0..9 {
            let (level, rows) = (Crashing::new(), Crashing::new());
            let log = buffered(&level);
            log.flush().unwrap();
            work(&log, &rows);
            look(&buffered(&level.crash(keep)), &rows.crash(kept)).unwrap();
        }
    }
}

#[test]
fn a_disk_that_loses_a_commit_in_the_middle_would_be_seen() {
    // The control: this disk breaks its promise.
    let (level, rows) = (Crashing::new(), Crashing::new());
    let log = buffered(&level);
    work(&log, &rows);
    let lost = rows.crash_out_of_order(3);
    look(&log, &lost).unwrap_err();
    index(&log, &lost, tally(), 2).reset().unwrap();
    look(&log, &lost).unwrap();
}
