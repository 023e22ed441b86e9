//! Frames in any order between the directions, cut anywhere, with any delay: two honest sides always come to an end.

use std::time::Duration;

use replicate::{Cause, Difference, Mode, Options, Wants};

use crate::dice::{Dice, seeds};
use crate::talk::{MODES, Outcome, Talk, assert_reports, random_logs, tiny};
use crate::toy::{Toy, writer};

struct Case {
    logs: [Toy; 2],
    options: [Options; 2],
    modes: [Mode; 2],
    live: [bool; 2],
}

fn case(dice: &mut Dice) -> Case {
    let (writers, entries) = (1 + dice.below(5), dice.pick(&[0, 1, 10, 60]));
    let (a, b) = random_logs(dice, writers, entries);
    if dice.chance(30) {
        a.take(&b);
        b.take(&a);
    }
    for log in [&a, &b] {
        if dice.chance(30) {
            let every = 1 + dice.below(4);
            log.hollow(|place| place % every == 0);
        }
    }
    let limits = tiny(dice);
    let modes = [(); 2].map(|()| if dice.chance(60) { Mode::Sync } else { dice.pick(&MODES) });
    let live = [(); 2].map(|()| dice.chance(60));
    let wants = [(); 2].map(|()| match dice.below(10) {
        0 => Wants::Only([writer(0)].into()),
        1 => Wants::Without([writer(1)].into()),
        _ => Wants::All,
    });
    let [one, other] = wants;
    let options =
        |i: usize, wants| Options::default().mode(modes[i]).live(live[i]).limits(limits).wants(wants);
    Case { logs: [a, b], options: [options(0, one), options(1, other)], modes, live }
}

fn assert_end(case: &Case, [one, other]: [Outcome; 2]) {
    match (one, other) {
        (Ok(one), Ok(other)) => {
            assert_reports(&one, &other);
            assert!(!one.live && !other.live || case.live == [true, true]);
            if one.equal && !one.live && !other.live {
                assert!(!one.differences.iter().any(|_| true));
            }
        }
        (Err(one), Err(other)) => {
            let both = matches!((&one.cause, &other.cause), (Cause::BothPush, Cause::BothPush))
                && case.modes == [Mode::Push; 2]
                || matches!((&one.cause, &other.cause), (Cause::BothPull, Cause::BothPull))
                    && case.modes == [Mode::Pull; 2];
            assert!(both, "{one:?} {other:?}");
        }
        (one, other) => panic!("{one:?} {other:?}"),
    }
}

#[test]
fn honest_sides_always_come_to_an_end() {
    seeds(0..3_000, |seed| {
        let dice = &mut Dice(seed);
        let case = case(dice);
        let [a, b] = &case.logs;
        let [options_a, options_b] = case.options.clone();
        let mut talk = Talk::new(a, options_a, b, options_b);
        talk.capacity = [(); 2].map(|()| dice.pick(&[1, 100, 5_000, usize::MAX]));
        // Either or both stop, at any moment: before the first byte, while entries go, live, at the same time.
        let stops = dice.pick(&[[true, false], [false, true], [true, true]]);
        let when = dice.pick(&[0, 5, 50, 300, 1_000]);
        let at = [when + dice.below(40), when + dice.below(40)];
        let writes = dice.pick(&[0, 0, 3]);
        let (logs, mut token) = (case.logs.clone(), 1 << 32);
        talk.run_randomly(dice, |talk, dice, step| {
            for i in 0..2 {
                if stops[i] && step == at[i] {
                    talk.ends[i].session.stop();
                }
                if dice.below(100) < writes {
                    token += 1;
                    let n = dice.below(4) as u64;
                    if dice.chance(80) {
                        logs[i].append(n, token)
                    } else {
                        logs[i].put(n, None, token)
                    };
                }
            }
        });
        // Only who is live waits, for whoever stops.
        assert!(talk.now < Duration::from_secs(20) || case.live == [true, true], "{:?}", talk.now);
        assert_end(&case, talk.finish());
    });
}

/// The negative control: a frame that is lost is no honest interleaving, and is noticed.
#[test]
fn a_frame_that_is_lost_is_noticed() {
    let mut noticed = 0;
    for lost in 0..12 {
        let (a, b) = (Toy::default(), Toy::default());
        a.chain(1, 7);
        b.chain(2, 7);
        let mut talk = Talk::new(&a, Options::default(), &b, Options::default());
        let mut count = 0;
        while !talk.is_over() {
            let before = talk.wires[0].len();
            if talk.say(0) {
                count += 1;
                if count == lost + 1 {
                    talk.wires[0].truncate(before);
                }
            }
            let acted = talk.deliver(1, usize::MAX) | talk.say(1) | talk.deliver(0, usize::MAX);
            if !acted && !talk.say(0) {
                let until = talk.now + Duration::from_secs(100);
                talk.run_until(until);
            }
        }
        let lost_name = talk.ends[0].said.get(lost).map(|message| message.name());
        let [one, other] = talk.finish();
        noticed += usize::from(one.is_err() || other.is_err());
        // What was stored is said again with the next group, and at the end.
        assert!(
            one.is_err() || other.is_err() || matches!(lost_name, None | Some("Stored")),
            "{lost_name:?}"
        );
    }
    assert!(noticed > 5, "{noticed}");
}

/// Everything in lockstep, with a stop at each moment in turn.
#[test]
fn a_stop_at_any_moment_ends_in_order() {
    for who in [[true, false], [false, true], [true, true]] {
        for live in [[true, true], [true, false]] {
            for moment in 0..40 {
                let (a, b) = (Toy::default(), Toy::default());
                a.chain(1, 7);
                b.chain(1, 3);
                b.chain(2, 7);
                b.hollow(|place| place == 1);
                let [options_a, options_b] = live.map(|live| Options::default().live(live));
                let mut talk = Talk::new(&a, options_a, &b, options_b);
                for step in 0..200 {
                    if step == moment {
                        (0..2).filter(|i| who[*i]).for_each(|i| talk.ends[i].session.stop());
                    }
                    if step == 30 && live == [true, true] {
                        a.append(1, 50);
                        b.append(2, 50);
                    }
                    match step % 4 {
                        0 => drop(talk.say(0)),
                        1 => drop(talk.deliver(1, usize::MAX)),
                        2 => drop(talk.say(1)),
                        _ => drop(talk.deliver(0, usize::MAX)),
                    }
                }
                assert!(talk.is_over(), "{who:?} {live:?} {moment}");
                let [one, other] = talk.finish().map(Result::unwrap);
                assert_reports(&one, &other);
                let late = [Difference::WrittenHere, Difference::WrittenThere];
                assert!(one.differences.iter().all(|why| late.contains(why)), "{one:?}");
                assert!(
                    a.ids_of(2).len() >= 7 && b.ids_of(1).len() >= 7,
                    "what was there is synced before the end"
                );
            }
        }
    }
}
