//! Which way entries go, and for how long.

use replicate::{Cause, Difference, Event, Mode, Options, sync_with};

use crate::dice::{Dice, seeds};
use crate::talk::{MODES, Talk, assert_reports, cause, tiny};
use crate::toy::Toy;

fn logs() -> (Toy, Toy) {
    let (a, b) = (Toy::default(), Toy::default());
    a.chain(1, 4);
    b.chain(1, 2);
    b.chain(2, 5);
    (a, b)
}

#[test]
fn entries_go_where_both_modes_let_them() {
    for ours in MODES {
        for theirs in MODES {
            let (a, b) = logs();
            let (options_a, options_b) = (Options::default().mode(ours), Options::default().mode(theirs));
            let (one, other) = sync_with(&a, options_a, &b, options_b);
            match (ours, theirs) {
                (Mode::Push, Mode::Push) => {
                    assert!(matches!((cause(one), cause(other)), (Cause::BothPush, Cause::BothPush)));
                    continue;
                }
                (Mode::Pull, Mode::Pull) => {
                    assert!(matches!((cause(one), cause(other)), (Cause::BothPull, Cause::BothPull)));
                    continue;
                }
                _ => {}
            }
            let (one, other) = (one.unwrap(), other.unwrap());
            assert_reports(&one, &other);
            let to_b = ours.sends() && theirs.receives();
            let to_a = theirs.sends() && ours.receives();
            assert_eq!((one.sent, other.sent), (if to_b { 2 } else { 0 }, if to_a { 5 } else { 0 }));
            if to_a && to_b {
                assert!(one.equal);
            } else {
                assert_eq!(
                    (&one.differences[..], &other.differences[..]),
                    (&[Difference::OneWay][..], &[Difference::OneWay][..])
                );
            }
        }
    }
}

#[test]
fn logs_that_are_equal_are_equal_one_way_too() {
    for theirs in [Mode::Sync, Mode::Pull] {
        let (a, _) = logs();
        let push = Options::default().mode(Mode::Push);
        let (one, other) = sync_with(&a, push, &a.copy(), Options::default().mode(theirs));
        assert_reports(&one.unwrap(), &other.unwrap());
    }
}

#[test]
fn who_is_behind_sends_nothing_back() {
    seeds(0..100, |seed| {
        let dice = &mut Dice(seed);
        let a = Toy { per_group: 1, ..Toy::default() };
        for n in 0..1 + dice.below(20) as u64 {
            a.chain(n, 1 + dice.below(30) as u64);
        }
        let b = a.copy();
        // Either goes on with other writers than the other, and forks among what it adds.
        let (mut new_a, mut new_b) = (0, 0);
        for n in 0..20 {
            let (log, new) = if n % 2 == 0 { (&a, &mut new_a) } else { (&b, &mut new_b) };
            for token in 0..dice.below(5) as u64 {
                let tip = log.append(n, 1_000 + token);
                let other = log.put(n, Some(tip), 2_000 + token);
                log.put(n, Some(other), 3_000 + token);
                *new += 3;
            }
        }
        let (ours, theirs) =
            dice.pick(&[(Mode::Sync, Mode::Sync), (Mode::Pull, Mode::Sync), (Mode::Sync, Mode::Push)]);
        let limits = tiny(dice);
        let options = |mode| Options::default().mode(mode).limits(limits);
        let (one, other) = sync_with(&a, options(ours), &b, options(theirs));
        let (one, other) = (one.unwrap(), other.unwrap());
        assert_reports(&one, &other);
        assert_eq!((one.duplicates, other.duplicates), (0, 0));
        assert_eq!(
            (other.sent, one.sent),
            (new_b, if ours.sends() && theirs.receives() { new_a } else { 0 })
        );
    });
}

#[test]
fn values_go_one_way_too() {
    for (pushes, filled) in [(true, 4), (false, 0)] {
        let (a, _) = logs();
        let b = a.copy();
        b.hollow(|_| true);
        let mode = if pushes { Mode::Push } else { Mode::Pull };
        let (one, other) = sync_with(&a, Options::default().mode(mode), &b, Options::default());
        let (one, other) = (one.unwrap(), other.unwrap());
        assert_reports(&one, &other);
        assert_eq!(other.filled, filled);
    }
}

#[test]
fn one_that_wants_to_go_on_does_not_hold_the_other() {
    for (ours, theirs) in [(true, false), (false, true), (false, false)] {
        for equal in [false, true] {
            let (a, b) = logs();
            let b = if equal { a.copy() } else { b };
            let mut talk = Talk::new(&a, Options::default().live(ours), &b, Options::default().live(theirs));
            talk.settle();
            assert!(talk.is_over());
            let [one, other] = talk.finish().map(Result::unwrap);
            assert_reports(&one, &other);
            assert!(!one.live && !other.live);
        }
    }
}

#[test]
fn a_live_session_goes_on_and_either_side_ends_it() {
    for equal in [false, true] {
        for stopper in 0..2 {
            let (a, b) = logs();
            let b = if equal { a.copy() } else { b };
            let live = || Options::default().live(true);
            let mut talk = Talk::new(&a, live(), &b, live());
            talk.settle();
            assert!(!talk.is_over());
            for end in &talk.ends {
                assert!(end.session.news().is_some());
                let synced = |event: &&Event| **event == Event::Synced { equal: true };
                assert_eq!(end.events.iter().filter(synced).count(), 1);
            }
            for round in 0..5 {
                a.append(1, 100 + round);
                b.append(2, 100 + round);
                // Both write the same number: a fork, which goes through as well.
                let tip = a.tips()[0].id;
                a.put(7, None, 200 + round);
                assert!(a.has(&tip));
                talk.settle();
                assert_eq!(a.ids(), b.ids(), "what is written goes over at once");
            }
            talk.ends[stopper].session.stop();
            talk.settle();
            assert!(talk.is_over());
            for end in &talk.ends {
                assert_eq!(end.said.last().unwrap().name(), "Bye");
            }
            let [one, other] = talk.finish().map(Result::unwrap);
            assert_reports(&one, &other);
            assert!(one.live && other.live && one.equal);
        }
    }
}

#[test]
fn a_live_session_goes_one_way_too() {
    let (a, b) = logs();
    let push = Options::default().live(true).mode(Mode::Push);
    let mut talk = Talk::new(&a, push, &b, Options::default().live(true));
    talk.settle();
    a.append(1, 9);
    b.append(2, 9);
    talk.settle();
    assert_eq!((a.len(), b.len()), (5, 5 + 5 + 1));
    talk.ends[1].session.stop();
    talk.settle();
    assert!(talk.is_over());
    let [one, other] = talk.finish().map(Result::unwrap);
    assert_eq!((one.sent, other.received, other.sent), (3, 3, 0));
}
