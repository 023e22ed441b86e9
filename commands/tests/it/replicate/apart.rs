//! Two logs that never met.

use std::time::Duration;

use super::{Both, are_equal, dupsh, late};
use crate::dice::Dice;
use crate::place::{Log, Place};

/// Chains and single nodes, or nothing at all. Returns how many.
fn write(log: &Log, dice: &mut Dice) -> u64 {
    let mut all = 0;
    for _ in 0..dice.below(3) {
        let nodes = 1 + dice.below(60);
        log.grow(nodes, dice);
        all += nodes;
        if dice.below(2) == 0 {
            log.append("over all");
            all += 1;
        }
    }
    all
}

/// Syncs two new logs. Each side comes to it up to `most` milliseconds late.
fn sync_late(most: u64, dice: &mut Dice) {
    let place = Place::new();
    let (a, b) = (place.log("a"), place.log("b"));
    let nodes = write(&a, dice) + write(&b, dice);
    let mut side = |log: &Log| late(Duration::from_millis(dice.below(most)), &log.syncing());
    let (a_side, b_side) = (side(&a), side(&b));
    let (a_said, b_said) = dupsh(&a_side, &b_side).well();
    for said in [a_said, b_said] {
        assert!(said.contains("both logs are equal"), "{said}");
    }
    assert_eq!(are_equal(&a, &b).len() as u64, nodes);
}

/// HL-91. `REPLICATE_RUNS=200` takes minutes, and comes up to a second late.
#[test]
fn two_logs_without_a_common_root_sync_and_end_by_themselves_every_time() {
    let mut dice = Dice::cast("two logs apart");
    let runs = std::env::var("REPLICATE_RUNS").ok().map(|runs| runs.parse().unwrap());
    let most = if runs.is_some() { 1_000 } else { 100 };
    for _ in 0..runs.unwrap_or(20) {
        sync_late(most, &mut dice);
    }
}

/// HL-91
#[test]
fn a_second_sync_has_nothing_to_do_and_says_so() {
    let place = Place::new();
    let (a, b) = (place.log("a"), place.log("b"));
    a.add("of a");
    b.add("of b");
    let (said, _) = dupsh(&a.syncing(), &b.syncing()).well();
    assert!(said.starts_with("received 1 node, sent 1; both logs are equal ("), "{said}");
    let (said, _) = dupsh(&a.syncing(), &b.syncing()).well();
    assert!(said.starts_with("received 0 nodes, sent 0; both logs are equal ("), "{said}");
    are_equal(&a, &b);
}

#[test]
fn a_folder_that_is_not_there_is_made_and_filled() {
    let place = Place::new();
    let (a, b) = (place.log("a"), place.log("b"));
    a.add("of a");
    let (_, said) = dupsh(&a.syncing(), &b.syncing()).well();
    assert!(said.starts_with("new writer "), "{said}");
    assert_eq!(are_equal(&a, &b).len(), 1);
}

#[test]
fn a_third_log_carries_between_two_that_never_meet() {
    let place = Place::new();
    let (a, b, c) = (place.log("a"), place.log("b"), place.log("c"));
    a.append("of a");
    b.append("of b");
    for (one, other) in [(&a, &c), (&c, &b), (&c, &a)] {
        dupsh(&one.syncing(), &other.syncing()).well();
    }
    are_equal(&a, &b);
    let merged = a.append("over all");
    dupsh(&c.syncing(), &a.syncing()).well();
    dupsh(&b.syncing(), &c.syncing()).well();
    assert_eq!(b.heads(), [merged]);
    are_equal(&a, &b);
}

/// The log is open in one program at a time, so who syncs with itself is told so.
#[test]
fn the_same_folder_twice_is_refused_by_name() {
    let place = Place::new();
    let a = place.log("a");
    a.add("one");
    let Both { code, a: first, b: second, .. } = dupsh(&a.syncing(), &a.syncing());
    assert_eq!(code, Some(1), "{first}{second}");
    let said = first + &second;
    assert!(said.contains("is open elsewhere: close the other program"), "{said}");
    assert!(said.contains("the connection ended in the middle"), "{said}");
    a.is_sound();
}
