//! HL-93: a folder that was copied with its key.

use serde_json::Value;

use super::{are_equal, dupsh, line, report};
use crate::place::{Log, Place};

fn with_json(log: &Log) -> String {
    line(&log.replicate("--json"))
}

/// HL-93
#[test]
fn a_copy_that_alone_has_written_is_caught_up_with() {
    for first in [true, false] {
        let place = Place::new();
        let (a, b) = (place.log("a"), place.log("b"));
        a.append("one");
        a.clone_to(&b);
        let two = b.append("two");
        let (one, other) = if first { (&a, &b) } else { (&b, &a) };
        let (said, more) = dupsh(&one.syncing(), &other.syncing()).well();
        assert!(!(said + &more).contains("fork"));
        assert_eq!((are_equal(&a, &b).len(), a.heads()), (2, vec![two]));
        // What came home continues: the next number is free.
        a.append("three");
        assert_eq!((&a.nodes()[2]["seq"], &a.info()["forks"]), (&3.into(), &0.into()));
        dupsh(&one.syncing(), &other.syncing()).well();
        are_equal(&a, &b);
    }
}

/// Two copies with a branch each, and the fork that they make, as it is told.
fn fork(place: &Place) -> (Log, Log, [String; 2], Value) {
    let (a, b) = (place.log("a"), place.log("b"));
    a.append("one");
    a.clone_to(&b);
    let mut ids = [a.append("two on a"), b.append("two on b")];
    ids.sort_unstable();
    let writer = &a.info()["writer"];
    let fork = serde_json::json!({ "writer": writer, "seq": 2, "lower": ids[0], "higher": ids[1] });
    (a, b, ids, fork)
}

/// HL-93
#[test]
fn two_copies_that_both_wrote_have_both_branches_and_both_are_told() {
    let place = Place::new();
    let (a, b, ids, fork) = fork(&place);
    let (a_said, b_said) = dupsh(&a.syncing(), &b.syncing()).well();
    let writer = fork["writer"].as_str().unwrap();
    let told = format!("fork: writer {writer} has two entries 2: {} and {}", ids[0], ids[1]);
    for said in [&a_said, &b_said] {
        assert_eq!(said.lines().filter(|line| *line == told).count(), 1, "{said}");
        assert!(said.contains("both logs are equal"), "{said}");
    }
    are_equal(&a, &b);
    assert_eq!((a.heads(), &a.info()["forks"]), (ids.to_vec(), &1.into()));

    // It is news once.
    let (a_said, b_said) = dupsh(&a.syncing(), &b.syncing()).well();
    assert!(!(a_said + &b_said).contains("fork"));
}

/// HL-93
#[test]
fn a_program_is_told_of_the_fork_as_well() {
    let place = Place::new();
    let (a, b, _, fork) = fork(&place);
    let (a_said, b_said) = dupsh(&with_json(&a), &with_json(&b)).well();
    for said in [a_said, b_said] {
        let report = report(&said);
        assert_eq!(report["forks"], Value::from(vec![fork.clone()]), "{report}");
        assert_eq!((&report["equal"], &report["received"]), (&true.into(), &1.into()), "{report}");
    }
}

/// HL-93
#[test]
fn a_third_log_syncs_with_either_copy_and_carries_the_fork() {
    let place = Place::new();
    let (a, b, ids, _) = fork(&place);
    let third = place.log("third");
    third.append("somebody else");
    dupsh(&third.syncing(), &a.syncing()).well();
    let (said, other) = dupsh(&third.syncing(), &b.syncing()).well();
    assert!(said.contains("fork: ") && other.contains("fork: "), "{said}{other}");
    let (said, _) = dupsh(&a.syncing(), &third.syncing()).well();
    assert!(said.contains("fork: "), "{said}");
    are_equal(&a, &third);
    are_equal(&b, &third);
    assert!(ids.iter().all(|id| a.heads().contains(id)));

    // Each copy goes on, on its own branch, and the branches grow on all three.
    let next = [a.append("three on a"), b.append("three on b")];
    for (one, other) in [(&a, &third), (&b, &third), (&a, &third)] {
        dupsh(&one.syncing(), &other.syncing()).well();
    }
    are_equal(&a, &b);
    are_equal(&a, &third);
    assert!(next.iter().all(|id| third.heads().contains(id)));
    assert_eq!(third.info()["forks"], 1);
}

/// HL-93
#[test]
fn copies_with_long_branches_exchange_little_more_than_the_branches() {
    let place = Place::new();
    let (a, b) = (place.log("a"), place.log("b"));
    let mut dice = crate::dice::Dice::cast("values");
    a.grow(2_000, &mut dice);
    a.clone_to(&b);
    a.grow(300, &mut dice);
    b.grow(500, &mut dice);
    let (a_said, b_said) = dupsh(&with_json(&a), &with_json(&b)).well();
    let (a_report, b_report) = (report(&a_said), report(&b_said));
    for (report, received, sent) in [(&a_report, 500, 300), (&b_report, 300, 500)] {
        assert_eq!(report["received"], received, "{report}");
        // Where exactly they part is not asked for: of the common part as much may go as the other's branch is long.
        assert!((sent..=800).contains(&report["sent"].as_u64().unwrap()), "{report}");
    }
    are_equal(&a, &b);
}

/// An old copy of the database under its key does not write until it has synced.
#[test]
fn a_log_that_was_put_back_is_caught_up_by_a_sync() {
    let place = Place::new();
    let (a, b, old) = (place.log("a"), place.log("b"), place.path().join("old"));
    a.append("one");
    crate::place::copy(&a.path("db"), &old);
    a.append("two");
    dupsh(&a.syncing(), &b.syncing()).well();
    std::fs::remove_dir_all(a.path("db")).unwrap();
    crate::place::copy(&old, &a.path("db"));
    assert!(a.fails("append x").contains("older than what"));
    let (said, _) = dupsh(&a.syncing(), &b.syncing()).well();
    assert!(said.contains("received 1 node"), "{said}");
    a.append("three");
    assert_eq!((&a.nodes()[2]["seq"], &a.info()["forks"]), (&3.into(), &0.into()));
}
