//! One side is killed at any moment of a sync.

use std::thread;
use std::time::{Duration, Instant};

use rustix::process::Signal;

use super::{Pair, are_equal};
use crate::dice::Dice;
use crate::place::{Log, Place};

/// Nodes of each side, so that the moments fall into the work.
const NODES: u64 = 1_500;

fn two_logs(dice: &mut Dice) -> (Place, Log, Log) {
    let place = Place::new();
    let (a, b) = (place.log("a"), place.log("b"));
    a.grow(NODES, dice);
    b.grow(NODES, dice);
    (place, a, b)
}

fn pair(a: &Log, b: &Log) -> Pair {
    Pair::start(&mut a.replicate(""), &mut b.replicate(""))
}

/// How long a whole sync takes here and now.
fn whole(dice: &mut Dice) -> u64 {
    let (_place, a, b) = two_logs(dice);
    let start = Instant::now();
    pair(&a, &b).end_well();
    u64::try_from(start.elapsed().as_micros()).unwrap()
}

/// What hit: the sync was begun and not through.
#[derive(Default)]
struct Hits {
    in_the_middle: u32,
    too_late: u32,
}

/// Kills one side after a while, and looks at the other and at both logs.
fn kill(first: bool, wait: Duration, dice: &mut Dice, hits: &mut Hits) {
    let (_place, a, b) = two_logs(dice);
    let pair = pair(&a, &b);
    thread::sleep(wait);
    let (killed, left) = if first { (pair.a, pair.b) } else { (pair.b, pair.a) };
    killed.tell(Signal::KILL);
    let killed = killed.ends();
    let left = left.ends();
    if left.code == Some(0) {
        hits.too_late += 1;
    } else {
        assert_eq!(killed.code, None, "{killed:?}");
        let why = left.failed();
        assert!(why.contains("the connection ended in the middle: the other side "), "{why}");
    }
    let before = [&a, &b].map(|log| log.info()["nodes"].as_u64().unwrap());
    assert!(before.iter().all(|nodes| *nodes >= NODES), "{before:?}");
    let unequal = before.iter().any(|nodes| *nodes < 2 * NODES);
    hits.in_the_middle += u32::from(unequal && before.iter().any(|nodes| *nodes > NODES));
    a.is_sound();
    b.is_sound();
    self::pair(&a, &b).end_well();
    assert_eq!(are_equal(&a, &b).len() as u64, 2 * NODES);
}

/// `REPLICATE_KILLS=20` is the long form.
#[test]
fn whoever_is_killed_is_missed_and_nothing_that_was_stored_is_lost() {
    let mut dice = Dice::cast("killed syncs");
    let kills: u32 = std::env::var("REPLICATE_KILLS").map_or(5, |kills| kills.parse().unwrap());
    let (mut micros, mut hits) = (whole(&mut dice), Hits::default());
    for n in 0..2 * kills {
        let late = hits.too_late;
        kill(n % 2 == 0, Duration::from_micros(dice.below(micros)), &mut dice, &mut hits);
        micros = if hits.too_late > late { micros * 7 / 10 } else { micros * 11 / 10 };
    }
    let Hits { in_the_middle, too_late } = hits;
    println!("{in_the_middle} of {} in the middle, {too_late} too late", 2 * kills);
    assert!(too_late < kills, "{too_late} of {} came too late", 2 * kills);
    assert!(in_the_middle > 0, "none was killed while entries came");
}
