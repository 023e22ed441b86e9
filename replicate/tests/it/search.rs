//! The search for the tips that differ: it finds them all, it ends, and its cost follows what differs.

use std::collections::BTreeSet;

use replicate::{Limits, Options, Point, Report, sync_with};

use crate::dice::{Dice, seeds};
use crate::talk::{assert_reports, tiny};
use crate::toy::Toy;

fn both(a: &Toy, b: &Toy, limits: Limits) -> (Report, Report) {
    let options = Options::default().limits(limits);
    let (one, other) = sync_with(a, options.clone(), b, options);
    let (one, other) = (one.unwrap(), other.unwrap());
    assert_reports(&one, &other);
    assert!(one.equal && a.ids() == b.ids());
    (one, other)
}

/// What one side learned is true, and no tip of the other is missing from it.
fn assert_learned(here: &Toy, their_tips: &BTreeSet<Point>, theirs: &BTreeSet<Point>) {
    let noted = here.noted.lock().unwrap();
    assert!(noted.is_subset(theirs), "something is taken for common that is not");
    assert!(noted.is_superset(their_tips), "a tip of the other side was not found");
}

fn points(log: &Toy) -> (BTreeSet<Point>, BTreeSet<Point>) {
    (log.tips().iter().map(|tip| tip.point()).collect(), log.points())
}

/// Writers with one entry or with many branches, each here or there or on both sides.
fn random_tips(dice: &mut Dice, tips: usize) -> (Toy, Toy) {
    let logs = [Toy { per_group: 64, ..Toy::default() }, Toy { per_group: 64, ..Toy::default() }];
    let [only_a, only_b] = dice.pick(&[[0, 0], [0, 1], [1, 1], [30, 30], [100, 0], [50, 50], [0, 0]]);
    let forked = dice.pick(&[0, 5, 90]);
    let mut count = 0;
    for n in 0.. {
        if count >= tips {
            break;
        }
        let branches = if dice.chance(forked) { 1 + dice.below(200) } else { 1 };
        for branch in 0..branches {
            let luck = dice.below(100);
            let (a, b) = (luck >= only_b, luck < only_b || luck >= only_b + only_a);
            for log in [a.then_some(&logs[0]), b.then_some(&logs[1])].into_iter().flatten() {
                let first = log.put(n, None, 0);
                if branches > 1 {
                    log.put(n, Some(first), branch as u64);
                }
            }
            count += 1;
        }
    }
    // At least one differs, else there is no search.
    logs[0].put(1 << 40, None, 1);
    let [a, b] = logs;
    if dice.chance(50) { (a, b) } else { (b, a) }
}

fn check(dice: &mut Dice, tips: usize, limits: Limits) {
    let (a, b) = random_tips(dice, tips);
    let (ours, theirs) = (points(&a), points(&b));
    both(&a, &b, limits);
    assert_learned(&a, &theirs.0, &theirs.1);
    assert_learned(&b, &ours.0, &ours.1);
}

#[test]
fn every_tip_that_differs_is_found_whatever_the_bounds() {
    seeds(0..300, |seed| {
        let dice = &mut Dice(seed);
        let tips = dice.pick(&[0, 1, 2, 3, 10, 60]);
        let limits = tiny(dice);
        check(dice, tips, limits);
    });
}

#[test]
fn every_tip_that_differs_is_found_among_thousands() {
    seeds(0..12, |seed| {
        let dice = &mut Dice(seed);
        let tips = 300 + dice.below(2_700);
        let limits = if dice.chance(50) { Limits::default() } else { tiny(dice) };
        check(dice, tips, limits);
    });
}

/// The negative control: the checker sees a tip that was not found, and one that is taken for common.
#[test]
#[should_panic(expected = "was not found")]
fn a_tip_that_is_not_found_would_be_noticed() {
    let (a, b) = (Toy::default(), Toy::default());
    a.chain(1, 1);
    b.chain(2, 1);
    let (tips, all) = points(&b);
    assert_learned(&a, &tips, &all);
}

/// One entry each of many writers, one of which is ahead in `b`.
fn one_ahead(writers: u64) -> (Toy, Toy) {
    let a = Toy::default();
    for n in 0..writers {
        a.put(n, None, 0);
    }
    let b = a.copy();
    b.append(writers / 2, 1);
    (a, b)
}

fn cost(a: &Toy, b: &Toy) -> u64 {
    let (one, other) = both(a, b, Limits::default());
    eprintln!("{} + {} bytes", one.bytes_sent, other.bytes_sent);
    one.bytes_sent + other.bytes_sent
}

#[test]
fn one_of_1_000_writers_costs_2_kilobytes() {
    let (a, b) = one_ahead(1_000);
    assert!(cost(&a, &b) <= 2_048);
}

#[test]
fn one_of_100_000_writers_costs_6_kilobytes() {
    let (a, b) = one_ahead(100_000);
    assert!(cost(&a, &b) <= 6_144);
}

#[test]
fn an_empty_log_gets_100_000_writers() {
    let (full, empty) = (Toy { per_group: 1_000, ..Toy::default() }, Toy::default());
    for n in 0..100_000 {
        full.put(n, None, 0);
    }
    let (one, other) = both(&empty, &full, Limits::default());
    assert_eq!((one.received, other.received), (100_000, 0));
    // 58 bytes a tip, once.
    assert!(one.bytes_sent < 4_096, "{}", one.bytes_sent);
}

#[test]
fn bounds_of_nothing_are_bounds_of_one() {
    let mut limits = Limits::default();
    (limits.tips_at_once, limits.tips_per_range, limits.parts) = (0, 0, 0);
    (limits.points_per_message, limits.ids_per_ask) = (0, 0);
    check(&mut Dice(1), 20, limits);
}

#[test]
fn bounds_beyond_a_frame_are_bounds_of_a_frame() {
    let mut limits = Limits::default();
    (limits.tips_at_once, limits.points_per_message, limits.ids_per_ask) = (4_000, usize::MAX, usize::MAX);
    check(&mut Dice(1), 3_000, limits);
}
