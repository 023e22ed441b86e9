//! Nobody is waited for without end, and whoever does its part is waited for.

use std::time::Duration;

use bytes::BytesMut;
use replicate::{Cause, Frames, Limits, Message, Options};

use crate::talk::{Talk, assert_reports, cause};
use crate::toy::Toy;

const fn secs(n: u64) -> Duration {
    Duration::from_secs(n)
}

fn logs() -> (Toy, Toy) {
    let (a, b) = (Toy::default(), Toy::default());
    for n in 0..6 {
        a.chain(n, 3);
        b.chain(n + 3, 4);
    }
    a.hollow(|place| place == 10);
    (a, b)
}

fn pair(options: &Options) -> Talk {
    let (a, b) = logs();
    Talk::new(&a, options.clone(), &b, options.clone())
}

fn was_told(talk: &Talk, i: usize) -> bool {
    matches!(talk.ends[i].said.last(), Some(Message::Bye(bye)) if bye.reason.is_some())
}

#[test]
fn a_person_who_still_walks_to_the_other_terminal_is_waited_for() {
    let mut talk = pair(&Options::default());
    talk.say(0);
    talk.wires[0].clear();
    let end = &mut talk.ends[0];
    for day in 0..10 {
        assert_eq!(end.session.deadline(), None);
        end.session.tick(secs(day * 86_400));
        assert!(!end.session.is_over() && end.session.say().is_none());
    }
}

#[test]
fn on_a_socket_the_first_byte_must_come_in_time() {
    let mut talk = pair(&Options::default().limits(Limits::on_a_socket()));
    let mut nobody = [BytesMut::new(), BytesMut::new()];
    talk.say(0);
    std::mem::swap(&mut nobody, &mut talk.wires);
    assert_eq!(talk.ends[0].session.deadline(), Some(secs(10)));
    talk.now = secs(9);
    talk.ends[0].session.tick(talk.now);
    assert!(!talk.ends[0].session.is_over());
    talk.now = secs(10);
    talk.tick(0);
    while talk.say(0) {}
    assert!(talk.ends[0].session.is_over() && was_told(&talk, 0));
    let [one, _] = talk.finish();
    assert!(matches!(cause(one), Cause::Silent { seconds: 10 }));
}

/// Side 1 is heard up to a frame, and then never again, though it goes on to listen.
fn silent_after(options: &Options, frames: usize) -> Option<(Talk, Duration)> {
    let mut talk = pair(options);
    let mut heard = 0;
    loop {
        let acted = talk.say(0) | talk.deliver(1, usize::MAX);
        if heard < frames && talk.say(1) {
            heard += 1;
            talk.deliver(0, usize::MAX);
        } else if !acted {
            break;
        }
    }
    if heard < frames || talk.ends[0].session.is_over() {
        return None;
    }
    let since = talk.now;
    while !talk.ends[0].session.is_over() {
        let next = talk.ends[0].session.deadline().unwrap();
        talk.now = talk.now.max(next);
        assert!(talk.now < secs(1_000), "it waits for ever");
        talk.tick(0);
        while talk.say(0) {}
    }
    let waited = talk.now - since;
    Some((talk, waited))
}

#[test]
fn silence_at_any_stage_ends_the_session_with_a_name() {
    let mut searching = Limits::default();
    (searching.tips_at_once, searching.tips_per_range, searching.parts) = (0, 1, 2);
    (searching.points_per_message, searching.ids_per_ask) = (1, 1);
    let mut named = std::collections::BTreeSet::new();
    for limits in [Limits::default(), searching] {
        for live in [false, true] {
            let options = Options::default().limits(limits).live(live);
            let mut stages = 0;
            for frames in 1.. {
                let Some((talk, waited)) = silent_after(&options, frames) else { break };
                stages += 1;
                let told = was_told(&talk, 0);
                let said_bye = talk.ends[0].said.iter().any(|message| message.name() == "Bye");
                assert!(told || said_bye, "the other side is told");
                let [one, _] = talk.finish();
                let error = one.unwrap_err();
                match error.cause {
                    Cause::Stalled { owes, .. } => {
                        assert!(waited <= secs(31), "{waited:?}");
                        named.insert(owes);
                    }
                    Cause::Silent { seconds: 60 } => {
                        assert!(live && error.report.live && waited <= secs(61), "{waited:?}");
                    }
                    other => panic!("{other:?}"),
                }
            }
            assert!(stages >= 8, "{stages}");
        }
    }
    eprintln!("{named:#?}");
    assert!(named.len() >= 5, "{named:?}");
}

#[test]
fn an_idle_live_session_lives_for_hours() {
    let (a, b) = logs();
    let live = || Options::default().live(true);
    let mut talk = Talk::new(&a, live(), &b, live());
    talk.run_until(secs(5 * 3_600));
    assert!(!talk.is_over());
    let pings = talk.ends[0].said.iter().filter(|message| message.name() == "Ping").count();
    assert!(pings <= 5 * 3_600 / 20, "{pings}");
    a.append(1, 99);
    talk.run_until(secs(6 * 3_600));
    assert_eq!(a.ids(), b.ids());
    talk.ends[1].session.stop();
    talk.run_until(secs(7 * 3_600));
    let [one, other] = talk.finish().map(Result::unwrap);
    assert_reports(&one, &other);
}

/// After the handshake side 0 hears only this, every second. Returns when it gave up and why.
fn fed(mut feed: impl FnMut(u64) -> Vec<u8>) -> (Duration, Cause) {
    let mut talk = pair(&Options::default());
    let _ = talk.say(0) & talk.say(1) & talk.deliver(0, usize::MAX);
    for second in 1..1_000 {
        talk.now = secs(second);
        talk.tick(0);
        while talk.say(0) {}
        if talk.ends[0].session.is_over() {
            assert!(was_told(&talk, 0));
            let now = talk.now;
            let [one, _] = talk.finish();
            return (now, cause(one));
        }
        for bytes in feed(second).chunks(replicate::HEAD_BYTES) {
            talk.hand(0, bytes);
            while talk.say(0) {}
        }
    }
    panic!("it never gives up");
}

fn frame(message: &Message) -> Vec<u8> {
    let (mut frames, mut bytes) = (Frames::default(), BytesMut::new());
    frames.encode(message, &mut bytes);
    bytes[replicate::MAGIC.len()..].to_vec()
}

#[test]
fn a_byte_a_second_is_not_enough() {
    let mut group = frame(&Message::Group(vec![0; 1 << 20].into()));
    let (when, why) = fed(|_| vec![group.remove(0)]);
    assert!(when <= secs(31) && matches!(why, Cause::Stalled { bytes, .. } if bytes < 1_000), "{why:?}");
}

#[test]
fn pings_are_no_progress() {
    for pings in [1, 10_000] {
        let (when, why) = fed(|_| frame(&Message::Ping).repeat(pings));
        assert!(when <= secs(31) && matches!(why, Cause::Stalled { .. }), "{why:?}");
    }
}

#[test]
fn what_is_skipped_is_no_progress() {
    let bytes = frame(&Message::Unknown { kind: 0x81, bytes: 30_000 });
    let (when, why) = fed(|_| bytes.clone());
    assert!(when <= secs(31) && matches!(why, Cause::Stalled { .. }), "{why:?}");
}

/// The negative control: who does its part slowly is waited for.
#[test]
fn who_is_slow_and_does_its_part_is_waited_for() {
    let (a, b) = (Toy { per_group: 1, ..Toy::default() }, Toy::default());
    let mut prev = None;
    for token in 0..150 {
        prev = Some(a.put_sized(1, prev, token, 2_000));
    }
    let mut talk = Talk::new(&a, Options::default(), &b, Options::default());
    talk.capacity[0] = 1;
    for second in 0..1_000 {
        talk.now = secs(second);
        for i in 0..2 {
            talk.tick(i);
            while talk.say(i) {}
        }
        talk.deliver(1, 3_000);
        talk.deliver(0, 3_000);
        if talk.is_over() {
            break;
        }
    }
    assert!(talk.now > secs(120), "{:?}", talk.now);
    let [one, other] = talk.finish().map(Result::unwrap);
    assert_reports(&one, &other);
    assert!(one.equal);
}

#[test]
fn who_reads_nothing_is_given_up_at_any_stage() {
    for live in [false, true] {
        for frames in 1..20 {
            let (a, b) = logs();
            let options = || Options::default().live(live);
            let mut talk = Talk::new(&a, options(), &b, options());
            let mut said = 0;
            while said < frames {
                said += usize::from(talk.say(0));
                let acted = talk.deliver(1, usize::MAX) | talk.say(1) | talk.deliver(0, usize::MAX);
                if !acted && !talk.say(0) {
                    break;
                }
            }
            // It stops to read, and goes on to say what it has to.
            talk.capacity[0] = 0;
            a.append(1, 1_000);
            let since = talk.now;
            while !talk.ends[0].session.is_over() {
                let next = talk.ends[0].session.deadline().unwrap();
                talk.now = talk.now.max(next);
                assert!(talk.now - since < secs(70), "it waits for ever: {:?}", talk.ends[0].session);
                talk.tick(0);
                while talk.say(1) | talk.deliver(0, usize::MAX) {}
            }
            let [one, _] = talk.finish();
            if let Err(error) = one {
                let why = error.cause;
                assert!(matches!(why, Cause::Stalled { .. } | Cause::Silent { .. }), "{why:?}");
            }
        }
    }
}

/// It even asks whether this side is still there, and never reads that it is.
#[test]
fn who_pings_and_reads_nothing_is_given_up_at_any_stage() {
    for live in [false, true] {
        for frames in 1..20 {
            let (a, b) = logs();
            let options = || Options::default().live(live);
            let mut talk = Talk::new(&a, options(), &b, options());
            for _ in 0..frames {
                let _ = talk.say(0) | talk.deliver(1, usize::MAX) | talk.say(1) | talk.deliver(0, usize::MAX);
            }
            talk.capacity[0] = 0;
            for second in 1..200 {
                talk.now = secs(second);
                talk.tick(0);
                while talk.say(1) | talk.deliver(0, usize::MAX) {}
                if talk.ends[0].session.is_over() {
                    break;
                }
                talk.hand(0, &frame(&Message::Ping));
            }
            assert!(talk.now < secs(70), "{live} {frames}: {:?}", talk.ends[0].session);
        }
    }
}

#[test]
fn own_work_is_not_held_against_the_other_side() {
    let mut talk = pair(&Options::default());
    let _ = talk.say(0) & talk.say(1) & talk.deliver(0, usize::MAX);
    talk.ends[0].session.worked(secs(3_600));
    talk.now = secs(3_600);
    talk.tick(0);
    talk.settle();
    let [one, other] = talk.finish().map(Result::unwrap);
    assert_reports(&one, &other);
}

#[test]
fn who_is_live_has_the_whole_window_for_each_group() {
    let (a, b) = logs();
    let live = || Options::default().live(true);
    let mut talk = Talk::new(&a, live(), &b, live());
    talk.run_until(secs(29));
    a.append(1, 99);
    while talk.say(0) {}
    // 25 seconds pass before it is stored and acknowledged.
    talk.now = secs(29);
    talk.tick(0);
    talk.now = secs(54);
    talk.tick(0);
    talk.settle();
    assert!(!talk.is_over());
    assert_eq!(a.ids(), b.ids());
}

#[test]
fn who_is_live_and_always_a_little_behind_is_not_given_up() {
    let (a, b) = logs();
    let live = || Options::default().live(true);
    let mut talk = Talk::new(&a, live(), &b, live());
    talk.settle();
    for second in 0..300 {
        talk.now = secs(second);
        talk.tick(0);
        talk.tick(1);
        // What was said a second ago is acknowledged when the next group was said.
        a.append(1, 1_000 + second);
        talk.say(0);
        talk.deliver(0, usize::MAX);
        while talk.say(1) {}
        talk.deliver(1, usize::MAX);
        while talk.say(0) {}
        assert!(!talk.is_over(), "{second}: {:?}", talk.ends[0].said.last());
    }
}

#[test]
fn after_a_goodbye_no_deadline_lies_in_the_past() {
    let (a, b) = logs();
    let mut talk = Talk::new(&a, Options::default(), &b, Options::default());
    // Side 1 is heard to the end but for its last word.
    while !talk.ends[0].session.has_said_all() {
        let _ = talk.say(0) | talk.deliver(1, usize::MAX);
        if talk.ends[1].said.last().is_none_or(|message| message.name() != "Bye") {
            talk.say(1);
        }
        if talk.ends[1].said.last().is_none_or(|message| message.name() != "Bye") {
            talk.deliver(0, usize::MAX);
        }
    }
    let mut ticks = 0;
    while !talk.ends[0].session.is_over() {
        ticks += 1;
        let next = talk.ends[0].session.deadline().unwrap();
        talk.now = talk.now.max(next);
        talk.tick(0);
        assert!(ticks < 10, "it spins");
    }
}
