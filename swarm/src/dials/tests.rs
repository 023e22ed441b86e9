use proptest::prelude::*;

use super::*;

const SECOND: Duration = Duration::from_secs(1);
const KEY: KeyBytes = [7; 32];

fn dials() -> Dials {
    Dials::new(Limits { given: 2, found: 2, dials_at_once: 2, ..Limits::default() }, 1)
}

fn given(address: &str) -> Target {
    Target::Given(address.to_owned())
}

fn found(name: &str) -> Target {
    Target::Found(name.to_owned())
}

fn due(dials: &mut Dials, now: Duration) -> Option<Target> {
    dials.due(now).map(|(target, _)| target)
}

#[test]
fn pauses_double_and_stay_between_a_second_and_a_minute() {
    let limits = Limits::default();
    let bases: Vec<u64> = (0..8).map(|failures| pause(&limits, failures, u32::MAX).as_secs()).collect();
    assert_eq!(bases, [2, 4, 8, 16, 32, 60, 60, 60]);
    let least: Vec<u64> = (0..8).map(|failures| pause(&limits, failures, 0).as_secs()).collect();
    assert_eq!(least, [1, 2, 4, 8, 16, 30, 30, 30]);
    assert_eq!(pause(&limits, u32::MAX, u32::MAX), Duration::from_secs(60));
}

proptest! {
    #[test]
    fn no_pause_is_shorter_than_the_first_or_longer_than_the_most(failures: u32, dice: u32) {
        let limits = Limits::default();
        let pause = pause(&limits, failures, dice);
        prop_assert!(pause >= limits.redial_first && pause <= limits.redial_max, "{pause:?}");
    }
}

#[test]
fn pauses_of_two_swarms_are_not_in_step() {
    let pauses = [1, 2].map(|seed| {
        let mut dials = Dials::new(Limits::default(), seed);
        dials.give("a:1".into(), Duration::ZERO);
        (0..8).filter_map(|_| Some(dials.failed(&given("a:1"), Duration::ZERO)?.0)).collect::<Vec<_>>()
    });
    assert_ne!(pauses[0], pauses[1]);
}

#[test]
fn a_given_address_is_tried_until_it_answers() {
    let mut dials = dials();
    assert!(dials.give("a:1".into(), Duration::ZERO));
    let mut now = Duration::ZERO;
    for failed in 1..=100 {
        assert_eq!(due(&mut dials, now), Some(given("a:1")));
        assert_eq!(due(&mut dials, now + 1000 * SECOND), None, "it is being dialled");
        let (again_in, failures) = dials.failed(&given("a:1"), now).unwrap();
        assert_eq!(failures, failed);
        assert_eq!(dials.next_at(), Some(now + again_in));
        assert_eq!(due(&mut dials, now + again_in - Duration::from_millis(1)), None);
        now += again_in;
    }
    assert!(now > 90 * 30 * SECOND, "and not often");
}

#[test]
fn an_address_is_not_dialled_while_its_key_is_connected_by_whatever_way() {
    let mut dials = dials();
    dials.give("a:1".into(), Duration::ZERO);
    dials.find("b".into(), Vec::new(), Duration::ZERO, Duration::ZERO);
    for _ in 0..2 {
        let target = due(&mut dials, Duration::ZERO).unwrap();
        dials.met(&target, KEY);
    }
    assert_eq!(dials.next_at(), None);
    dials.ended(&[8; 32], SECOND, SECOND);
    assert_eq!(dials.next_at(), None, "another key");
    dials.ended(&KEY, SECOND, SECOND);
    assert!(dials.next_at().unwrap() >= 2 * SECOND);
    assert!(due(&mut dials, 3 * SECOND).is_some());
    assert!(due(&mut dials, 3 * SECOND).is_some());
}

#[test]
fn a_connection_that_lasted_resets_the_pauses_and_a_short_one_does_not() {
    for (lasted, long) in [(29 * SECOND, true), (30 * SECOND, false)] {
        let mut dials = dials();
        dials.give("a:1".into(), Duration::ZERO);
        for _ in 0..10 {
            dials.failed(&given("a:1"), Duration::ZERO);
        }
        dials.met(&given("a:1"), KEY);
        dials.ended(&KEY, lasted, 100 * SECOND);
        let again_in = dials.next_at().unwrap() - 100 * SECOND;
        assert_eq!(again_in > 2 * SECOND, long, "{again_in:?}");
    }
}

#[test]
fn a_peer_that_takes_calls_and_hangs_up_is_called_less_and_less() {
    let mut dials = dials();
    dials.give("a:1".into(), Duration::ZERO);
    let mut now = Duration::ZERO;
    for _ in 0..8 {
        now = now.max(dials.next_at().unwrap());
        dials.met(&given("a:1"), KEY);
        dials.ended(&KEY, Duration::ZERO, now);
    }
    assert!(dials.next_at().unwrap() - now >= 30 * SECOND);
}

#[test]
fn only_so_many_are_dialled_at_once_and_the_one_that_waits_longest_first() {
    let mut dials = dials();
    dials.find("c".into(), Vec::new(), SECOND, Duration::ZERO);
    dials.give("a:1".into(), 3 * SECOND);
    dials.give("b:1".into(), 2 * SECOND);
    assert_eq!(due(&mut dials, 9 * SECOND), Some(found("c")));
    assert_eq!(due(&mut dials, 9 * SECOND), Some(given("b:1")));
    assert_eq!((due(&mut dials, 9 * SECOND), dials.next_at()), (None, None));
    dials.failed(&found("c"), 9 * SECOND);
    assert_eq!(due(&mut dials, 9 * SECOND), Some(given("a:1")));
}

#[test]
fn what_is_announced_is_dialled_while_it_is_announced() {
    let mut dials = dials();
    let address = SocketAddr::from(([192, 0, 2, 1], 1));
    dials.find("a".into(), vec![address], Duration::ZERO, Duration::ZERO);
    assert_eq!(dials.due(Duration::ZERO), Some((found("a"), vec![address])));
    dials.failed(&found("a"), Duration::ZERO);
    dials.lose("a");
    assert_eq!(due(&mut dials, 1000 * SECOND), None);
    assert_eq!(dials.failed(&found("a"), Duration::ZERO), None, "nor is there anything to tell");
}

#[test]
fn who_comes_and_goes_is_dialled_no_more_often() {
    let mut dials = dials();
    let mut dialled = 0;
    for tick in 0..600 {
        let now = Duration::from_millis(100 * tick);
        dials.find("a".into(), Vec::new(), Duration::ZERO, now);
        if let Some(target) = due(&mut dials, now) {
            dials.failed(&target, now);
            dialled += 1;
        }
        dials.lose("a");
    }
    assert!((2..=7).contains(&dialled), "{dialled} times in a minute");
}

#[test]
fn who_comes_and_goes_while_it_is_dialled_or_connected_is_not_dialled_again() {
    let mut dials = dials();
    dials.find("a".into(), Vec::new(), Duration::ZERO, Duration::ZERO);
    let come_and_go = |dials: &mut Dials| {
        for _ in 0..10 {
            dials.lose("a");
            dials.find("a".into(), Vec::new(), Duration::ZERO, SECOND);
        }
        due(dials, 1000 * SECOND)
    };
    assert_eq!(due(&mut dials, Duration::ZERO), Some(found("a")));
    assert_eq!(come_and_go(&mut dials), None);
    dials.met(&found("a"), KEY);
    assert_eq!(come_and_go(&mut dials), None);
    dials.lose("a");
    dials.ended(&KEY, SECOND, SECOND);
    assert!(dials.dials.is_empty(), "nothing is left of it");
}

#[test]
fn there_are_never_more_announcements_than_the_bound_and_those_that_never_answered_give_way() {
    let mut dials = dials();
    for name in ["a", "b"] {
        assert!(dials.find(name.into(), Vec::new(), Duration::ZERO, Duration::ZERO));
    }
    assert!(!dials.find("c".into(), Vec::new(), Duration::ZERO, Duration::ZERO), "all are still to be tried");
    assert_eq!(due(&mut dials, Duration::ZERO), Some(found("a")));
    assert_eq!(due(&mut dials, Duration::ZERO), Some(found("b")));
    dials.met(&found("a"), KEY);
    dials.failed(&found("b"), Duration::ZERO);
    assert!(dials.find("c".into(), Vec::new(), Duration::ZERO, Duration::ZERO));
    assert!(!dials.find("d".into(), Vec::new(), Duration::ZERO, Duration::ZERO));
    assert_eq!(dials.dials.keys().cloned().collect::<Vec<_>>(), [found("a"), found("c")]);
}

#[test]
fn there_are_never_more_given_addresses_than_the_bound_and_the_same_one_counts_once() {
    let mut dials = dials();
    assert!(dials.give("a:1".into(), Duration::ZERO));
    assert!(dials.give("b:1".into(), Duration::ZERO));
    assert!(dials.give("a:1".into(), Duration::ZERO));
    assert!(!dials.give("c:1".into(), Duration::ZERO));
}

#[test]
fn this_program_itself_is_not_dialled_again() {
    let mut dials = dials();
    dials.find("a".into(), Vec::new(), Duration::ZERO, Duration::ZERO);
    let target = due(&mut dials, Duration::ZERO).unwrap();
    dials.forget(&target);
    dials.find("a".into(), Vec::new(), Duration::ZERO, Duration::ZERO);
    assert_eq!(dials.next_at(), None);
}
