//! What a peer can make a session allocate. A program of its own with one test, for the counter is the process's.
#![expect(clippy::unwrap_used, clippy::panic, reason = "a failed unwrap is a failed test, in helpers too")]

use std::time::Duration;

use bytes::Bytes;
use level::Memory;
use replicate::{Cause, Hello, List, Locate, Message, Named, Options, Range, Sample, Session, Tips, What};
use scuttleup::{Log, LogExchange};

use crate::peer::{Victim, drain, finish, hello, no_samples, no_tips};
use crate::support::{chain, group, identity};

#[path = "../hostile/peer.rs"]
#[expect(dead_code, reason = "shared with the tests of hostile peers")]
mod peer;

#[path = "../it/support.rs"]
#[expect(dead_code, reason = "shared with the other tests of this crate")]
mod support;

/// Counts what is allocated.
#[global_allocator]
static ALLOCATED: peak_alloc::PeakAlloc = peak_alloc::PeakAlloc;

const MIB: usize = 1 << 20;

/// Bytes that `work` had allocated at most, beyond what was there before.
fn peak(work: impl FnOnce()) -> usize {
    ALLOCATED.reset_peak_usage();
    let before = ALLOCATED.current_usage();
    work();
    ALLOCATED.peak_usage().saturating_sub(before)
}

#[test]
fn whatever_a_peer_does_memory_stays_within_its_bound() {
    // The control: what is allocated is counted.
    assert!(peak(|| drop(std::hint::black_box(vec![1_u8; 8 * MIB]))) >= 8 * MIB);
    // What is sent is there before anything is counted.
    MUCH.with(|_| ());
    MORE.with(|_| ());
    let cases: [(&str, fn(), usize); 5] = [
        ("200,000 phantom tips", phantom_tips, 2 * MIB),
        ("a million samples", endless_samples, 2 * MIB),
        ("a peer that takes everything of 24 MiB", sends_much, 4 * MIB),
        ("a peer that reads nothing", reads_nothing, 4 * MIB),
        ("a million entries without parents", dangling, MIB),
    ];
    for (what, case, most) in cases {
        let bytes = peak(case);
        println!("{what}: {} KiB", bytes >> 10);
        assert!(bytes <= most, "{what}: {bytes} bytes");
    }
    flat_in_the_difference();
}

fn said_hello(tips: u64) -> Message {
    let Message::Hello(hello) = hello() else { unreachable!() };
    Message::Hello(Box::new(Hello { tips, ..*hello }))
}

fn begun(victim: &Victim, tips: u64) -> Session<LogExchange> {
    let mut session = Session::new(&victim.log, Options::default(), Duration::ZERO).unwrap();
    drain(&mut session);
    session.hear(said_hello(tips), Duration::ZERO);
    drain(&mut session);
    session
}

/// Tips that nobody has, in ascending order.
fn phantom(n: u32) -> Named {
    let mut writer = [7; 32];
    writer[..4].copy_from_slice(&n.to_be_bytes());
    Named { writer, sample: Sample { seq: 5, prefix: [3; 16] } }
}

fn phantom_tips() {
    let victim = Victim::new();
    let mut session = begun(&victim, 200_000);
    for start in (0..200_000_u32).step_by(1_000) {
        let tips = List((start..start + 1_000).map(phantom).collect());
        let (from, to) = (start.to_be_bytes().to_vec(), (start + 1_000).to_be_bytes().to_vec());
        let range = Range { from: List(from), to: Some(List(to)), what: What::List { tips, reply: false } };
        session.hear(Message::Tips(Tips { ranges: List(vec![range]), more: true }), Duration::ZERO);
        drain(&mut session);
        assert!(!session.is_over());
    }
}

fn endless_samples() {
    let victim = Victim::new();
    let mut session = begun(&victim, 4);
    session.hear(no_tips(), Duration::ZERO);
    drain(&mut session);
    let mut said = 0;
    while !session.is_over() {
        let samples = List((1..=1_000).map(|seq| Sample { seq, prefix: [3; 16] }).collect());
        let writers = List(vec![([7; 32], samples)]);
        session.hear(Message::Locate(Locate { writers, more: true }), Duration::ZERO);
        drain(&mut session);
        said += 1;
        assert!(said <= 1_000, "it goes on for ever");
    }
    assert!(matches!(finish(session).unwrap_err().cause, Cause::Invalid { .. }));
}

fn much(entries: usize) -> Log {
    let log = Log::open(Memory::new(), identity(3)).unwrap();
    let value = Bytes::from(vec![b'x'; 1_000]);
    log.append_batch(vec![value; entries]).unwrap();
    log
}

fn sending(log: &Log) -> Session<LogExchange> {
    let mut session = Session::new(log, Options::default(), Duration::ZERO).unwrap();
    for message in [said_hello(0), no_tips()] {
        session.hear(message, Duration::ZERO);
        drain(&mut session);
    }
    session.hear(no_samples(), Duration::ZERO);
    session
}

thread_local! {
    static MUCH: Log = much(24_000);
    static MORE: Log = much(72_000);
}

fn sends_much() {
    MUCH.with(|log| {
        let mut session = sending(log);
        let mut bytes = 0;
        while let Some(message) = session.say() {
            if let Message::Group(group) = message {
                bytes += group.len();
            }
        }
        assert!(bytes >= 24_000_000, "{bytes}");
    });
}

fn reads_nothing() {
    MUCH.with(|log| {
        // The wire took a few messages and takes no more.
        let mut session = sending(log);
        let stuck: Vec<Message> = (0..4).filter_map(|_| session.say()).collect();
        assert_eq!(stuck.len(), 4);
        session.tick(Duration::from_secs(1));
        session.read(Duration::from_secs(1), 10, 10);
        session.tick(Duration::from_secs(40));
        drain(&mut session);
        let error = finish(session).unwrap_err();
        assert!(matches!(error.cause, Cause::Stalled { .. }), "{error:?}");
    });
}

fn dangling() {
    let victim = Victim::new();
    let orphans = chain(1, 3);
    let bytes: Bytes = group(&orphans[1..]).into();
    let mut session = victim.syncing();
    for _ in 0..1_000_000 {
        session.hear(Message::Group(bytes.clone()), Duration::ZERO);
    }
    drain(&mut session);
    assert!(matches!(finish(session).unwrap_err().cause, Cause::Refused(_)));
}

/// Three times the difference takes as much memory.
fn flat_in_the_difference() {
    let all = |log: &Log| {
        let mut session = sending(log);
        while session.say().is_some() {}
    };
    let much = MUCH.with(|log| peak(|| all(log)));
    let more = MORE.with(|log| peak(|| all(log)));
    println!("a difference of 24 MiB: {} KiB; of 72 MiB: {} KiB", much >> 10, more >> 10);
    assert!(more <= much + much / 4 + MIB / 4, "{much} {more}");
}
