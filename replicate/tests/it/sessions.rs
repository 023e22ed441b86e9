//! Two logs face to face: afterwards both have what either had, and both reports say what happened.

use std::collections::BTreeSet;
use std::time::Duration;

use replicate::{Cause, Difference, Event, Options, Report, Session, Wants, sync, sync_with};

use crate::dice::{Dice, seeds};
use crate::talk::{Talk, assert_reports, cause, random_logs, tiny};
use crate::toy::{Faults, Toy, writer};

fn both(a: &Toy, b: &Toy) -> (Report, Report) {
    let (one, other) = sync_with(a, Options::default(), b, Options::default());
    let (one, other) = (one.unwrap(), other.unwrap());
    assert_reports(&one, &other);
    (one, other)
}

#[test]
fn both_logs_have_afterwards_what_either_had() {
    seeds(0..400, |seed| {
        let dice = &mut Dice(seed);
        let (writers, entries) = (1 + dice.below(12), dice.below(200));
        let (a, b) = random_logs(dice, writers, entries);
        let union: BTreeSet<_> = a.ids().union(&b.ids()).copied().collect();
        let new = (union.len() - a.len(), union.len() - b.len());
        let limits = tiny(dice);
        let options = || Options::default().limits(limits);
        let (one, other) = sync_with(&a, options(), &b, options());
        let (one, other) = (one.unwrap(), other.unwrap());
        assert_reports(&one, &other);
        assert!(one.equal);
        assert_eq!((a.ids(), b.ids()), (union.clone(), union));
        assert_eq!((one.received, other.received), (new.0 as u64, new.1 as u64));
        // And now there is nothing left to be said.
        let again = sync(&a, &b).unwrap();
        assert_eq!((again.sent, again.received), (0, 0));
    });
}

/// The negative control: a side that keeps something back is not reported as equal.
#[test]
fn what_is_kept_back_shows() {
    let (a, b) = (Toy::default(), Toy::default());
    a.chain(1, 3);
    a.chain(2, 3);
    b.chain(3, 1);
    let hiding = a.with(Faults { hides: [writer(2)].into(), ..Faults::default() });
    let (one, other) = sync_with(&hiding, Options::default(), &b, Options::default());
    let (one, other) = (one.unwrap(), other.unwrap());
    assert!(one.complete && !one.equal && !other.equal);
    assert_eq!(one.differences, [Difference::Unexplained]);
    assert_eq!(other.differences, [Difference::Claimed(1)], "its tip was listed and did not come");
    assert_eq!(b.len(), 4);
}

#[test]
fn equal_logs_take_one_round_trip_and_250_bytes_each_way() {
    for entries in [0, 10, 100_000] {
        let a = Toy::default();
        (0..entries / 10).for_each(|n| a.chain(n, 10));
        let b = a.copy();
        let mut talk = Talk::new(&a, Options::default(), &b, Options::default());
        talk.settle();
        for end in &talk.ends {
            let said: Vec<&str> = end.said.iter().map(|message| message.name()).collect();
            assert_eq!(said, ["Hello", "Stored", "Bye"], "after the hello nothing is awaited");
        }
        let [one, other] = talk.finish().map(Result::unwrap);
        assert_reports(&one, &other);
        assert!(one.equal && other.equal);
        assert!(one.bytes_sent <= 250 && one.bytes_received <= 250, "{one:?}");
    }
}

#[test]
fn tips_that_do_not_come_are_named() {
    let (a, b) = (Toy::default(), Toy::default());
    b.chain(1, 2);
    let claimed = replicate::Tip { writer: writer(9), seq: 4, id: [3; 32] };
    let lying = a.with(Faults { claims: vec![claimed], ..Faults::default() });
    let mut talk = Talk::new(&lying, Options::default(), &b, Options::default());
    talk.settle();
    let named = Event::Claimed { writer: writer(9), seq: 4 };
    assert_eq!(talk.ends[1].events.iter().filter(|event| **event == named).count(), 1);
    let [_, other] = talk.finish().map(Result::unwrap);
    assert_eq!(other.differences, [Difference::Claimed(1)]);
}

#[test]
fn what_is_declined_is_left_out_and_both_know_how_much() {
    let (a, b) = (Toy::default(), Toy::default());
    a.chain(1, 4);
    a.chain(2, 5);
    b.chain(3, 6);
    for wants in [Wants::Only([writer(1)].into()), Wants::Without([writer(2)].into())] {
        let b = b.copy();
        let a = a.copy();
        let options = Options::default().wants(wants);
        let (one, other) = sync_with(&a, Options::default(), &b, options);
        let (one, other) = (one.unwrap(), other.unwrap());
        assert_reports(&one, &other);
        assert_eq!(one.differences, [Difference::LeftOut(5)]);
        assert_eq!(other.differences, [Difference::Declined(5)]);
        assert_eq!((b.ids_of(1).len(), b.ids_of(2).len(), a.ids_of(3).len()), (4, 0, 6));
    }
}

#[test]
fn an_entry_of_a_declined_writer_is_refused() {
    let (a, b) = (Toy::default(), Toy::default());
    a.chain(2, 1);
    let (hello, group) = {
        let mut talk = Talk::new(&a, Options::default(), &b, Options::default());
        talk.settle();
        let mut said = talk.ends[0].said.clone().into_iter();
        (said.next().unwrap(), said.find(|message| message.name() == "Group").unwrap())
    };
    assert_eq!((hello.name(), group.name()), ("Hello", "Group"));
    let b = Toy::default();
    let declines = Options::default().wants(Wants::Without([writer(2)].into()));
    let mut talk = Talk::new(&a, Options::default(), &b, declines);
    // Up to the point where entries may come.
    while !talk.ends[0].said.iter().any(|message| message.name() == "Offer") {
        talk.say(1);
        talk.deliver(0, usize::MAX);
        talk.say(0);
        talk.deliver(1, usize::MAX);
    }
    talk.ends[1].session.hear(group, Duration::ZERO);
    talk.settle();
    let [_, other] = talk.finish();
    assert!(matches!(cause(other), Cause::Refused(_)));
    assert_eq!(b.len(), 0);
}

#[test]
fn missing_values_come_in_many_questions() {
    seeds(0..60, |seed| {
        let dice = &mut Dice(seed);
        let (a, b) = random_logs(dice, 4, 120);
        if dice.chance(50) {
            a.take(&b);
            b.take(&a);
        }
        let (mut lost, every) = (0, 1 + dice.below(5));
        if dice.chance(80) {
            lost = a.hollow(|place| place % every == 0);
        }
        // The other lacks others, which this one may have.
        let odd = b.hollow(|place| dice_free(place, every));
        let limits = tiny(dice);
        let options = || Options::default().limits(limits);
        let before = (a.missing(), b.missing());
        assert_eq!(before, (lost, odd));
        let (one, other) = sync_with(&a, options(), &b, options());
        let (one, other) = (one.unwrap(), other.unwrap());
        assert_reports(&one, &other);
        assert!(one.equal);
        assert_same_values(&a, &b);
        let new = |log: &Toy, report: &Report, before| {
            assert!(log.missing() as u64 + report.filled >= before as u64, "filled counts what was missing");
        };
        new(&a, &one, before.0);
        new(&b, &other, before.1);
    });
}

fn dice_free(place: usize, every: usize) -> bool {
    every > 1 && place % every == 1
}

/// Whatever value one of two equal logs has, the other has.
fn assert_same_values(a: &Toy, b: &Toy) {
    let values = |log: &Toy| -> BTreeSet<_> {
        let store = log.store();
        store.entries.iter().filter(|(_, entry)| entry.value.is_some()).map(|(id, _)| *id).collect()
    };
    assert_eq!(values(a), values(b));
}

#[test]
fn more_values_than_fit_in_a_question_are_asked_for_in_order() {
    let a = Toy::default();
    a.chain(1, 3_000);
    let b = a.copy();
    assert_eq!(b.hollow(|_| true), 3_000);
    let (one, other) = both(&a, &b);
    assert_eq!((one.filled, other.filled, b.missing()), (0, 3_000, 0));
    assert!(one.equal && other.received == 0);
}

#[test]
fn values_that_nobody_has_are_no_reason_to_wait() {
    let a = Toy::default();
    a.chain(1, 5);
    a.hollow(|_| true);
    let b = a.copy();
    let (one, other) = both(&a, &b);
    assert_eq!((one.filled, other.filled, a.missing(), b.missing()), (0, 0, 5, 5));
}

#[test]
fn who_wrote_meanwhile_is_told() {
    for (here, there) in [(true, false), (false, true), (true, true)] {
        for when in 0..12 {
            let (a, b) = (Toy::default(), Toy::default());
            a.chain(1, 3);
            b.chain(2, 3);
            let mut talk = Talk::new(&a, Options::default(), &b, Options::default());
            for _ in 0..when {
                let _ = talk.say(0) | talk.deliver(1, usize::MAX) | talk.say(1) | talk.deliver(0, usize::MAX);
            }
            if here {
                a.append(7, 1);
            }
            if there {
                b.append(8, 1);
            }
            talk.settle();
            let [one, other] = talk.finish().map(Result::unwrap);
            assert_reports(&one, &other);
            let says = |report: &Report, what| report.differences.contains(&what);
            assert_eq!(says(&one, Difference::WrittenHere), says(&other, Difference::WrittenThere));
            assert_eq!(says(&one, Difference::WrittenThere), says(&other, Difference::WrittenHere));
            assert!(here || !says(&one, Difference::WrittenHere));
            assert!(there || !says(&one, Difference::WrittenThere));
            if when < 3 {
                assert_eq!(says(&one, Difference::WrittenHere), here);
                assert_eq!(says(&one, Difference::WrittenThere), there);
            }
        }
    }
}

#[test]
fn writing_into_equal_logs_is_told_too() {
    let a = Toy::default();
    a.chain(1, 3);
    let b = a.copy();
    let mut talk = Talk::new(&a, Options::default(), &b, Options::default());
    a.append(1, 77);
    talk.settle();
    let [one, other] = talk.finish().map(Result::unwrap);
    assert_reports(&one, &other);
    assert_eq!(one.differences, [Difference::WrittenHere]);
    assert_eq!(other.differences, [Difference::WrittenThere]);
}

#[test]
fn forks_are_reported_once_and_in_order() {
    let (a, b) = (Toy::default(), Toy::default());
    for n in 0..5 {
        a.chain(n, 2);
        let first = b.put(n, None, 0);
        b.put(n, Some(first), 99);
    }
    let mut talk = Talk::new(&a, Options::default(), &b, Options::default());
    talk.settle();
    for end in &talk.ends {
        assert_eq!(end.events.iter().filter(|event| matches!(event, Event::Fork(_))).count(), 5);
    }
    let [one, other] = talk.finish().map(Result::unwrap);
    assert_reports(&one, &other);
    assert_eq!((one.forks.len(), &one.forks), (5, &other.forks));
}

#[test]
fn an_unfinished_session_is_an_error() {
    let (a, b) = (Toy::default(), Toy::default());
    b.chain(1, 1);
    let session = Session::new(&a, Options::default(), Duration::ZERO).unwrap();
    assert!(matches!(cause(session.finish(Duration::ZERO)), Cause::Stopped));
    let mut talk = Talk::new(&a, Options::default(), &b, Options::default());
    talk.say(0);
    talk.say(1);
    talk.deliver(0, usize::MAX);
    for outcome in talk.finish() {
        assert!(matches!(cause(outcome), Cause::Stopped));
    }
}

#[test]
fn an_abort_is_told_to_the_other_side() {
    let (a, b) = (Toy::default(), Toy::default());
    b.chain(1, 1);
    let mut talk = Talk::new(&a, Options::default(), &b, Options::default());
    talk.say(0);
    talk.ends[0].session.abort();
    talk.settle();
    let [one, other] = talk.finish().map(cause);
    assert!(matches!(one, Cause::Stopped));
    assert!(matches!(other, Cause::ByPeer { reason } if reason == "stopped by its user"));
}

#[test]
fn a_log_that_fails_ends_the_session_and_keeps_its_secrets() {
    let (mut failed, mut done) = (0, 0);
    for calls in 0..60 {
        let (a, b) = (Toy { per_group: 1, ..Toy::default() }, Toy::default());
        a.chain(1, 4);
        b.chain(1, 2);
        b.chain(2, 4);
        b.hollow(|place| place == 0);
        let faulty = a.with(Faults { fails_after: Some(calls), ..Faults::default() });
        let Ok(session) = Session::new(&faulty, Options::default(), Duration::ZERO) else { continue };
        drop(session);
        let mut talk = Talk::new(&faulty, Options::default(), &b, Options::default());
        talk.settle();
        assert!(talk.is_over());
        let [one, other] = talk.finish();
        match (one, other) {
            (Ok(_), Ok(_)) => done += 1,
            (Err(error), other) => {
                failed += 1;
                assert!(matches!(error.cause, Cause::Local(_)));
                let Cause::ByPeer { reason } = cause(other) else { panic!("the peer was told") };
                assert!(!reason.contains("secret"), "{reason}");
            }
            (Ok(_), Err(error)) => panic!("{error:?}"),
        }
    }
    assert!(failed > 10 && done > 10, "{failed} {done}");
}

#[test]
fn two_kinds_of_logs_and_two_topics_do_not_mix() {
    let (a, b) = (Toy::default(), Toy { kind: "other", ..Toy::default() });
    let (one, other) = sync_with(&a, Options::default(), &b, Options::default());
    assert!(matches!(cause(one), Cause::OtherKind { theirs, ours } if theirs == "other" && ours == "toy"));
    assert!(matches!(cause(other), Cause::OtherKind { theirs, .. } if theirs == "toy"));
    let b = Toy { topic: [2; 32], ..Toy::default() };
    let (one, other) = sync_with(&a, Options::default(), &b, Options::default());
    assert!(matches!((cause(one), cause(other)), (Cause::OtherTopic, Cause::OtherTopic)));
}

#[test]
fn what_does_not_fit_in_a_handshake_is_an_error_at_once() {
    let long = Options::default().metadata(vec![0; replicate::METADATA_BYTES_MAX + 1]);
    let many = Wants::Only((0..=replicate::WRITERS_NAMED_MAX as u64).map(writer).collect());
    for options in [long, Options::default().wants(many)] {
        let result = Session::new(&Toy::default(), options, Duration::ZERO);
        assert!(matches!(result.unwrap_err(), Cause::TooLarge { .. }));
    }
    let long = Options::default().metadata(vec![0; replicate::METADATA_BYTES_MAX]);
    let many = Wants::Only((0..replicate::WRITERS_NAMED_MAX as u64).map(writer).collect());
    let (one, other) = sync_with(&Toy::default(), long.wants(many), &Toy::default(), Options::default());
    assert!(one.unwrap().equal && other.unwrap().peer.unwrap().metadata.len() == 4_096);
}

/// Side 0 can say nothing from some moment on, and hears all that side 1 says.
fn muted_after(frames: usize, reason: Option<&'static str>) -> [Result<Report, replicate::SyncError>; 2] {
    let (a, b) = (Toy::default(), Toy::default());
    a.chain(1, 3);
    b.chain(2, 3);
    b.chain(3, 1);
    let mut talk = Talk::new(&a, Options::default(), &b, Options::default());
    let mut said = 0;
    loop {
        let may = said < frames;
        let spoke = may && talk.say(0);
        said += usize::from(spoke);
        if said == frames && spoke {
            // What was written before arrives.
            talk.deliver(1, usize::MAX);
            talk.ends[0].session.mute();
            if let Some(reason) = reason {
                talk.ends[1].session.broke(replicate::FrameError::Malformed { name: reason });
            }
        }
        let acted = talk.deliver(1, usize::MAX) | talk.say(1) | talk.deliver(0, usize::MAX);
        if !spoke && !acted {
            break;
        }
    }
    // Nothing more comes: the wire is gone.
    talk.ends.iter_mut().for_each(|end| end.session.ended());
    assert!(talk.is_over(), "{frames} {:?}", talk.ends[0].session);
    talk.finish()
}

#[test]
fn why_the_other_side_left_is_heard_though_nothing_can_be_said() {
    for frames in 1..5 {
        let [one, _] = muted_after(frames, Some("whim"));
        let why = cause(one);
        assert!(matches!(&why, Cause::ByPeer { reason } if reason.contains("whim")), "{frames} {why:?}");
    }
}

#[test]
fn a_session_in_which_nothing_can_be_said_any_more_ends() {
    let mut complete = 0;
    for frames in 1..12 {
        match muted_after(frames, None) {
            [Ok(one), _] => {
                assert!(one.complete);
                complete += 1;
            }
            [Err(error), _] => {
                assert!(matches!(error.cause, Cause::Interrupted { .. }), "{frames} {error:?}");
            }
        }
    }
    assert!(complete > 0, "who has said what matters is done without a goodbye");
}
