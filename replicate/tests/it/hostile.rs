//! A peer that says what it should not: the session ends, says why, and keeps nothing that grows.

use std::time::Duration;

use bytes::BytesMut;
use replicate::{
    Ask, Bye, Cause, Frames, Hello, Key, Last, Limits, Locate, Message, Mode, Named, Options, Range, Sample,
    Session, Stored, Takes, Tips, What,
};

use crate::dice::{Dice, seeds};
use crate::talk::{Talk, cause, random_logs, tiny};
use crate::toy::{Entry, Side, Toy, writer};

// ---- one side, and whatever it is told ----

struct Victim {
    session: Session<Side>,
    said: Vec<Message>,
    now: Duration,
    /// It had said goodbye in order.
    left: bool,
}

impl Victim {
    fn new(toy: &Toy, options: Options) -> Self {
        let session = Session::new(toy, options, Duration::ZERO).unwrap();
        let mut victim = Self { session, said: Vec::new(), now: Duration::ZERO, left: false };
        victim.listen();
        victim
    }

    fn listen(&mut self) {
        while let Some(message) = self.session.say() {
            self.said.push(message);
        }
        while self.session.next_event().is_some() {}
    }

    fn hears(mut self, message: Message) -> Self {
        self.left = self.said.last().is_some_and(|message| message.name() == "Bye");
        self.session.read(self.now, 100, 100 * self.said.len() as u64);
        self.session.hear(message, self.now);
        self.listen();
        self
    }

    fn hears_all(self, messages: impl IntoIterator<Item = Message>) -> Self {
        messages.into_iter().fold(self, Self::hears)
    }

    fn is_over(&self) -> bool {
        self.session.is_over()
    }

    /// Why it ended, of which it told the other side.
    fn cause(self) -> Cause {
        assert!(self.session.is_over(), "it goes on");
        let why = cause(self.session.finish(self.now));
        if let Some(Message::Bye(bye)) = self.said.last() {
            assert!(bye.reason.is_some() || self.left, "{why:?} was not told");
        } else {
            assert!(matches!(why, Cause::ByPeer { .. }), "{why:?} was not told");
        }
        why
    }
}

#[track_caller]
fn assert_unexpected(why: &Cause, name: &str) {
    assert!(matches!(why, Cause::Unexpected { message, .. } if *message == name), "{why:?}");
}

#[track_caller]
fn assert_invalid(why: &Cause, name: &str) {
    assert!(matches!(why, Cause::Invalid { message, .. } if *message == name), "{why:?}");
}

/// What an honest log says first.
fn hello_of(toy: &Toy, options: Options) -> Hello {
    let mut session = Session::new(toy, options, Duration::ZERO).unwrap();
    let Some(Message::Hello(hello)) = session.say() else { panic!("no hello") };
    *hello
}

fn logs() -> (Toy, Toy) {
    let (a, b) = (Toy::default(), Toy::default());
    a.chain(1, 3);
    b.chain(1, 1);
    b.chain(2, 4);
    (a, b)
}

fn met(options: Options, change: impl FnOnce(&mut Hello)) -> Victim {
    let (a, b) = logs();
    let mut hello = hello_of(&b, Options::default());
    change(&mut hello);
    Victim::new(&a, options).hears(Message::Hello(Box::new(hello)))
}

fn tips_of(toy: &Toy) -> Message {
    let tips: Vec<Named> = toy.tips().iter().map(|tip| Named::from(tip.point())).collect();
    whole(What::List { tips: tips.into(), reply: false })
}

fn whole(what: What) -> Message {
    tips(vec![range(&[], None, what)], false)
}

fn range(from: &[u8], to: Option<&[u8]>, what: What) -> Range {
    Range { from: from.to_vec().into(), to: to.map(|to| to.to_vec().into()), what }
}

fn tips(ranges: Vec<Range>, more: bool) -> Message {
    Message::Tips(Tips { ranges: ranges.into(), more })
}

fn locate(writers: Vec<(Key, Vec<Sample>)>, more: bool) -> Message {
    let writers: Vec<_> = writers.into_iter().map(|(writer, samples)| (writer, samples.into())).collect();
    Message::Locate(Locate { writers: writers.into(), more })
}

fn ask(ids: usize, more: bool) -> Message {
    Message::Ask(Ask { ids: vec![[1; 32]; ids].into(), more })
}

fn stored(entries: u64, last: bool) -> Message {
    let last = last.then_some(Last { digest: [0; 32], elsewhere: 0 });
    Message::Stored(Stored { entries, last })
}

fn bye(reason: Option<&str>) -> Message {
    Message::Bye(Bye { reason: reason.map(Into::into) })
}

/// A group of the first entries of a new chain.
fn group(n: u64, entries: u64) -> Message {
    let toy = Toy::default();
    toy.chain(n, entries);
    let all: Vec<Entry> = toy.store().entries.iter().map(|(_, entry)| entry.clone()).collect();
    Message::Group(postcard::to_allocvec(&all).unwrap().into())
}

/// Up to where entries go.
fn syncing(options: Options, change: impl FnOnce(&mut Hello)) -> Victim {
    let (_, b) = logs();
    met(options, change).hears_all([tips_of(&b), locate(vec![], false)])
}

// ---- the handshake ----

#[test]
fn a_wrong_hello_ends_the_session() {
    let over = |change: fn(&mut Hello)| met(Options::default(), change).cause();
    assert!(matches!(over(|hello| hello.kind = "other".into()), Cause::OtherKind { .. }));
    assert!(matches!(over(|hello| hello.discovery_key = [9; 32]), Cause::OtherTopic));
    assert!(matches!(over(|hello| hello.tips = 1 << 60), Cause::TooManyTips { .. }));
    assert_invalid(&over(|hello| hello.kind = String::new()), "Hello");
    assert_invalid(&over(|hello| hello.kind = "k".repeat(33)), "Hello");
    assert_invalid(&over(|hello| hello.metadata = vec![0; 4_097].into()), "Hello");
    let many = || (0..1_025).map(writer).collect::<Vec<_>>().into();
    let (only, without) = (Takes::Only(many()), Takes::Without(many()));
    for takes in [only, without] {
        assert_invalid(&met(Options::default(), |hello| hello.takes = takes).cause(), "Hello");
    }
}

#[test]
fn nothing_comes_before_hello_and_hello_comes_once() {
    let (a, b) = logs();
    for message in [tips_of(&b), group(5, 1), Message::Ping, bye(None), stored(0, true), ask(1, false)] {
        let name = message.name();
        assert_unexpected(&Victim::new(&a, Options::default()).hears(message).cause(), name);
    }
    let again = Message::Hello(Box::new(hello_of(&b, Options::default())));
    assert_unexpected(&met(Options::default(), |_| {}).hears(again).cause(), "Hello");
}

// ---- tips and samples ----

#[test]
fn ranges_must_ascend() {
    let same = || What::Same;
    for ranges in [
        vec![range(&[5], Some(&[4]), same())],
        vec![range(&[5], Some(&[5]), same())],
        vec![range(&[], Some(&[5]), same()), range(&[4], None, same())],
        vec![range(&[], None, same()), range(&[], None, same())],
        vec![range(&[], None, same()), range(&[7], Some(&[8]), same())],
        vec![range(&[1; 57], None, same())],
        vec![range(&[], Some(&[1; 57]), same())],
    ] {
        assert_invalid(&met(Options::default(), |_| {}).hears(tips(ranges.clone(), false)).cause(), "Tips");
        // Also when they come in two messages.
        let mut victim = met(Options::default(), |_| {});
        for range in ranges {
            if !victim.is_over() {
                victim = victim.hears(tips(vec![range], true));
            }
        }
        assert_invalid(&victim.cause(), "Tips");
    }
}

#[test]
fn no_more_tips_come_than_were_announced() {
    let all = |n: u64| {
        let named = (0..n).map(|n| Named { writer: writer(n), sample: Sample { seq: 1, prefix: [0; 16] } });
        What::List { tips: named.collect::<Vec<_>>().into(), reply: false }
    };
    let announced = |hello: &mut Hello| hello.tips = 5;
    let why = met(Options::default(), announced).hears(whole(all(6))).cause();
    assert!(matches!(why, Cause::TooManyTips { max: 5 }), "{why:?}");
    let ranges = vec![range(&[], Some(&[9]), all(3)), range(&[9], None, all(3))];
    let why = met(Options::default(), announced).hears(tips(ranges, false)).cause();
    assert!(matches!(why, Cause::TooManyTips { max: 5 }), "{why:?}");
}

#[test]
fn a_turn_has_an_end() {
    let mut limits = Limits::default();
    limits.ranges_max = 100;
    let mut victim = met(Options::default().limits(limits), |_| {});
    for n in 0..200u8 {
        if !victim.is_over() {
            victim = victim.hears(tips(vec![range(&[n], Some(&[n + 1]), What::Same)], true));
        }
    }
    assert_invalid(&victim.cause(), "Tips");
    assert_invalid(&met(Options::default(), |_| {}).hears(tips(vec![], true)).cause(), "Tips");
    assert_invalid(&met(Options::default(), |_| {}).hears(whole(What::Digest([0; 16]))).cause(), "Tips");
}

/// The other side always has another digest.
#[test]
fn a_search_has_an_end() {
    for first in [[0; 32], [255; 32]] {
        let (a, _) = logs();
        (0..300).for_each(|n| a.chain(n, 1));
        let hello = Hello { digest: first, tips: 1_000, ..hello_of(&a, Options::default()) };
        let mut victim = Victim::new(&a, Options::default()).hears(Message::Hello(Box::new(hello)));
        let mut turns = 0;
        while !victim.is_over() {
            turns += 1;
            assert!(turns < 100, "it goes on for ever");
            victim = victim.hears(whole(What::Digest([turns; 16])));
        }
        let said = victim.said.len();
        assert_invalid(&victim.cause(), "Tips");
        assert!(said < 100, "{said}");
    }
}

#[test]
fn tips_come_in_turn() {
    let (_, b) = logs();
    let victim = met(Options::default(), |_| {}).hears(tips_of(&b));
    assert_unexpected(&victim.hears(tips_of(&b)).cause(), "Tips");
    // Few tips: both have one turn, also while the victim has not spoken.
    let (a, _) = logs();
    let mut session = Session::new(&a, Options::default(), Duration::ZERO).unwrap();
    session.hear(Message::Hello(Box::new(hello_of(&b, Options::default()))), Duration::ZERO);
    session.hear(tips_of(&b), Duration::ZERO);
    session.hear(tips(vec![], false), Duration::ZERO);
    assert_invalid(&cause(session.finish(Duration::ZERO)), "Tips");
    (0..300).for_each(|n| a.chain(n, 1));
    // It is the victim's turn first, and it has not spoken.
    let hello = Hello { digest: [255; 32], tips: 1_000, ..hello_of(&a, Options::default()) };
    let mut session = Session::new(&a, Options::default(), Duration::ZERO).unwrap();
    session.hear(Message::Hello(Box::new(hello)), Duration::ZERO);
    session.hear(whole(What::Same), Duration::ZERO);
    assert_invalid(&cause(session.finish(Duration::ZERO)), "Tips");
}

#[test]
fn samples_have_an_end() {
    let (_, b) = logs();
    let located = || met(Options::default(), |_| {}).hears(tips_of(&b));
    assert_invalid(&located().hears(locate(vec![], true)).cause(), "Locate");
    for samples in [0, 1, 50] {
        let mut victim = located();
        let sample = Sample { seq: 1, prefix: [0; 16] };
        let mut messages = 0;
        while !victim.is_over() {
            messages += 1;
            assert!(messages < 10_000, "it goes on for ever");
            victim = victim.hears(locate(vec![(writer(1), vec![sample; samples])], true));
        }
        assert_invalid(&victim.cause(), "Locate");
    }
}

// ---- entries ----

#[test]
fn an_offer_comes_once_and_is_not_above_what_there_is() {
    let offer = |entries| Message::Offer { entries };
    let victim = || syncing(Options::default(), |_| {});
    let why = victim().hears(offer(6)).cause();
    assert!(matches!(why, Cause::MoreThanOffered { offered: 5 }), "{why:?}");
    assert_unexpected(&victim().hears_all([offer(5), offer(5)]).cause(), "Offer");
    assert_unexpected(&victim().hears_all([Message::Sent { left_out: 0 }, offer(5)]).cause(), "Offer");
    let push = Options::default().mode(Mode::Push);
    assert_unexpected(&syncing(push, |_| {}).hears(offer(1)).cause(), "Offer");
}

#[test]
fn groups_come_between_offer_and_sent_and_no_more_than_offered() {
    let offer = |entries| Message::Offer { entries };
    let victim = || syncing(Options::default(), |_| {});
    assert_unexpected(&victim().hears(group(5, 1)).cause(), "Group");
    let sent = Message::Sent { left_out: 0 };
    assert_unexpected(&victim().hears_all([offer(5), sent.clone(), group(5, 1)]).cause(), "Group");
    let why = victim().hears_all([offer(2), group(5, 3)]).cause();
    assert!(matches!(why, Cause::MoreThanOffered { offered: 2 }), "{why:?}");
    assert_invalid(&victim().hears_all([offer(2), group(5, 0)]).cause(), "Group");
    let garbage = Message::Group(vec![7; 100].into());
    assert!(matches!(victim().hears_all([offer(2), garbage]).cause(), Cause::Refused(_)));
    let push = Options::default().mode(Mode::Push);
    assert_unexpected(&syncing(push, |_| {}).hears(group(5, 1)).cause(), "Group");
    // Only who said that it would go on may go on.
    let live = Options::default().live(true);
    assert_unexpected(&syncing(live, |_| {}).hears_all([offer(2), sent, group(5, 1)]).cause(), "Group");
}

#[test]
fn who_sends_the_same_again_and_again_is_stopped() {
    let mut limits = Limits::default();
    limits.repeated_max = 10;
    let options = Options::default().limits(limits);
    let mut victim = syncing(options, |hello| hello.entries = u64::MAX);
    victim = victim.hears(Message::Offer { entries: u64::MAX });
    let mut groups = 0;
    while !victim.is_over() {
        groups += 1;
        assert!(groups < 100, "it goes on for ever");
        victim = victim.hears(group(5, 4));
    }
    assert!(matches!(victim.cause(), Cause::Wasteful { .. }));
}

#[test]
fn nobody_has_stored_what_was_not_sent() {
    let victim = || syncing(Options::default(), |_| {});
    let sent = victim().said.iter().filter(|message| message.name() == "Group").count();
    assert_eq!(sent, 1, "two entries were sent");
    for claims in [vec![stored(3, false)], vec![stored(0, false)], vec![stored(2, false), stored(1, false)]] {
        assert_invalid(&victim().hears_all(claims).cause(), "Stored");
    }
    // All of it, but this side still waits for questions, and has not said that this was all.
    let asked = syncing(Options::default(), |hello| hello.asks = true);
    assert_invalid(&asked.hears(stored(2, true)).cause(), "Stored");
    for claims in [vec![stored(1, true)], vec![stored(2, true), stored(2, true)]] {
        assert_invalid(&victim().hears_all(claims).cause(), "Stored");
    }
}

#[test]
fn nobody_ends_what_is_not_done() {
    let victim = || syncing(Options::default(), |_| {});
    assert_unexpected(&victim().hears(bye(None)).cause(), "Bye");
    assert_unexpected(&victim().hears_all([Message::Sent { left_out: 0 }, bye(None)]).cause(), "Bye");
    assert_unexpected(&victim().hears_all([stored(2, true), bye(None)]).cause(), "Bye");
    let sent = Message::Sent { left_out: 0 };
    assert_unexpected(&victim().hears_all([sent.clone(), sent]).cause(), "Sent");
}

#[test]
fn a_reason_reaches_the_report_and_no_terminal() {
    for options in [Options::default(), Options::default().live(true)] {
        let reason = format!("no \u{1b}[31m{}", "x".repeat(5_000));
        let why = syncing(options, |_| {}).hears(bye(Some(&reason))).cause();
        let Cause::ByPeer { reason } = why else { panic!("{why:?}") };
        assert!(reason.starts_with("no [31mx") && reason.len() <= 1_024, "{reason:?}");
    }
}

// ---- values ----

#[test]
fn questions_were_announced_and_come_one_at_a_time() {
    let asks = |hello: &mut Hello| hello.asks = true;
    let victim = || syncing(Options::default(), asks);
    assert_unexpected(&syncing(Options::default(), |_| {}).hears(ask(1, false)).cause(), "Ask");
    assert_invalid(&victim().hears(ask(1_025, false)).cause(), "Ask");
    assert_invalid(&victim().hears(ask(0, true)).cause(), "Ask");
    assert_unexpected(&victim().hears_all([ask(1, false), ask(1, false)]).cause(), "Ask");
    // Two at once, of which the first is not answered yet.
    let mut victim = victim();
    victim.session.hear(ask(1, true), victim.now);
    assert_unexpected(&victim.hears(ask(1, true)).cause(), "Ask");
}

#[test]
fn answers_were_asked_for() {
    let (a, b) = logs();
    a.hollow(|place| place == 0);
    let id = a.store().entries[0].0;
    let syncing = || {
        let hello = Message::Hello(Box::new(hello_of(&b, Options::default())));
        Victim::new(&a.copy(), Options::default()).hears_all([hello, tips_of(&b), locate(vec![], false)])
    };
    assert!(syncing().said.iter().any(|message| message.name() == "Ask"));
    let value = |id: Key, token: u64| Message::Value { id, value: crate::toy::value_of(token, 8).into() };
    assert_invalid(&syncing().hears(value([5; 32], 0)).cause(), "Value");
    assert!(matches!(syncing().hears(value(id, 1)).cause(), Cause::Refused(_)));
    assert_invalid(&syncing().hears_all([value(id, 0), value(id, 0)]).cause(), "Value");
    assert_unexpected(&syncing().hears_all([Message::Answered, value(id, 0)]).cause(), "Value");
    assert_unexpected(&syncing().hears_all([Message::Answered, Message::Answered]).cause(), "Answered");
    let (a, _) = logs();
    let hello = Message::Hello(Box::new(hello_of(&b, Options::default())));
    let unasked = Victim::new(&a, Options::default()).hears_all([hello, tips_of(&b), locate(vec![], false)]);
    assert_unexpected(&unasked.hears(Message::Answered).cause(), "Answered");
}

// ---- everything at any moment ----

fn evil() -> Vec<Message> {
    let (_, b) = logs();
    let all = What::List { tips: vec![].into(), reply: true };
    vec![
        Message::Hello(Box::new(hello_of(&b, Options::default()))),
        tips_of(&b),
        tips(vec![], false),
        tips(vec![], true),
        whole(all),
        whole(What::Same),
        whole(What::Digest([3; 16])),
        locate(vec![], false),
        locate(vec![], true),
        locate(vec![(writer(1), vec![Sample { seq: u64::MAX, prefix: [255; 16] }])], true),
        Message::Offer { entries: 0 },
        Message::Offer { entries: u64::MAX },
        Message::Group(vec![].into()),
        group(5, 0),
        group(5, 2),
        Message::Sent { left_out: 0 },
        Message::Sent { left_out: u64::MAX },
        ask(0, true),
        ask(1, true),
        ask(1, false),
        Message::Value { id: [0; 32], value: vec![].into() },
        Message::Answered,
        stored(0, false),
        stored(u64::MAX, false),
        stored(0, true),
        stored(u64::MAX, true),
        Message::Ping,
        Message::Pong,
        bye(None),
        bye(Some("because")),
        Message::Unknown { kind: 0x80, bytes: 10 },
    ]
}

/// What an honest side may say as well.
fn is_harmless(message: &Message) -> bool {
    match message {
        Message::Ping | Message::Pong | Message::Unknown { .. } => true,
        Message::Locate(locate) => locate.more && !locate.writers.0.is_empty(),
        _ => false,
    }
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum How {
    /// In addition to what an honest side says.
    Also,
    /// In place of it.
    Instead,
    /// And then nothing any more.
    Last,
}

/// Side 1 is honest until its message number `k`; none when it says fewer. Returns whether side 0 need not notice, for
/// it was over or an honest side would have said the same, and whether it failed.
fn play(options: [Options; 2], k: usize, evil: &Message, how: How) -> Option<(bool, bool)> {
    let (a, b) = logs();
    a.hollow(|place| place == 1);
    b.hollow(|place| place == 2);
    let [one, other] = options;
    let mut talk = Talk::new(&a, one, &b, other);
    let mut frames = Frames::default();
    let (mut said, mut was_over, mut reached, mut silent) = (0, false, false, false);
    let mut held = None;
    for _ in 0..1_000 {
        let mut acted = talk.say(0) | talk.deliver(1, usize::MAX);
        let over = talk.ends[0].session.is_over();
        if said == k && !reached && !silent {
            (reached, was_over, silent) = (true, over, how == How::Last);
            let mut bytes = BytesMut::new();
            frames.encode(evil, &mut bytes);
            talk.hand(0, &bytes);
            let honest = talk.ends[1].session.say();
            was_over |= honest.as_ref() == Some(evil);
            if how == How::Also {
                held = honest;
            } else {
                acted |= honest.is_some();
            }
        }
        let end = &mut talk.ends[1];
        if !silent && let Some(message) = held.take().or_else(|| end.session.say()) {
            said += 1;
            acted = true;
            let mut bytes = BytesMut::new();
            frames.encode(&message, &mut bytes);
            talk.hand(0, &bytes);
        }
        if !acted {
            let deadline = talk.ends[0].session.deadline();
            let Some(next) = deadline else { break };
            talk.now = talk.now.max(next);
            assert!(talk.now < Duration::from_secs(100), "{k} {how:?} {evil}: it goes on");
            talk.tick(0);
        }
    }
    if !reached {
        return None;
    }
    let end = &talk.ends[0];
    assert!(end.session.is_over(), "{k} {how:?} {evil}: it goes on: {:?}", end.session);
    let said_bye = end.said.iter().any(|message| message.name() == "Bye");
    let [one, _] = talk.finish();
    if let Err(error) = &one {
        assert!(said_bye || matches!(error.cause, Cause::ByPeer { .. }), "{k} {how:?} {evil}: not told");
    }
    Some((was_over, one.is_err()))
}

#[test]
fn whatever_is_said_whenever_the_session_ends() {
    let mut searching = Limits::default();
    (searching.tips_at_once, searching.tips_per_range, searching.parts) = (0, 1, 2);
    let mode = |mode| Options::default().mode(mode);
    let live = || Options::default().live(true);
    let cases = [
        [Options::default(), Options::default()],
        [Options::default().limits(searching), Options::default().limits(searching)],
        [mode(Mode::Push), Options::default()],
        [mode(Mode::Pull), Options::default()],
        [live(), Options::default()],
    ];
    let mut played = 0;
    for options in cases {
        for message in evil() {
            for how in [How::Also, How::Instead, How::Last] {
                for k in 0.. {
                    let Some((was_over, failed)) = play(options.clone(), k, &message, how) else { break };
                    played += 1;
                    let may_pass =
                        how == How::Instead || was_over || is_harmless(&message) && how == How::Also;
                    assert!(failed || may_pass, "{k} {how:?} {message}: nobody noticed");
                }
            }
        }
    }
    assert!(played > 2_000, "{played}");
}

// ---- bytes ----

/// Side 0 hears bytes, whatever they are, and then nothing.
fn feed(toy: &Toy, options: Options, dice: &mut Dice, bytes: &[u8]) -> Talk {
    let cuts: &[usize] = if dice.chance(50) { &[1] } else { &[1, 5, 50, 1_000, 1 << 20] };
    let mut talk = Talk::new(toy, options, &Toy::default(), Options::default());
    let mut left = bytes;
    while !left.is_empty() {
        let n = dice.pick(cuts).min(left.len());
        let (now, later) = left.split_at(n);
        talk.hand(0, now);
        while talk.say(0) {}
        left = later;
    }
    if dice.chance(50) {
        talk.ends[0].session.ended();
    }
    for _ in 0..20 {
        while talk.say(0) {}
        let Some(next) = talk.ends[0].session.deadline() else { break };
        talk.now = talk.now.max(next);
        talk.tick(0);
    }
    talk
}

#[test]
fn any_bytes_end_the_session() {
    seeds(0..3_000, |seed| {
        let dice = &mut Dice(seed);
        let mut bytes = if dice.chance(90) { replicate::MAGIC.to_vec() } else { Vec::new() };
        for _ in 0..dice.below(20) {
            let body = dice.below(60);
            if dice.chance(90) {
                bytes.extend((body as u32).to_be_bytes());
                bytes.push(dice.pick(&[1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 0x80, 0xff]));
            }
            bytes.extend((0..body).map(|_| if dice.chance(50) { 0 } else { dice.roll() as u8 }));
        }
        let (a, _) = logs();
        let talk = feed(&a, Options::default().limits(Limits::on_a_socket()), dice, &bytes);
        assert!(talk.ends[0].session.is_over());
        let [one, _] = talk.finish();
        assert!(one.is_err());
    });
}

/// What an honest side 1 says to side 0.
fn honest(a: &Toy, b: &Toy, options: &Options) -> Vec<u8> {
    let mut talk = Talk::new(a, options.clone(), b, options.clone());
    talk.settle();
    let mut bytes = BytesMut::new();
    let mut frames = Frames::default();
    talk.ends[1].said.iter().for_each(|message| frames.encode(message, &mut bytes));
    bytes.to_vec()
}

#[test]
fn any_change_to_an_honest_stream_is_survived() {
    let (mut failed, mut passed) = (0, 0);
    seeds(0..800, |seed| {
        let dice = &mut Dice(seed);
        let (a, b) = random_logs(dice, 3, 30);
        a.hollow(|place| place % 5 == 0);
        let options = Options::default().limits(tiny(dice)).live(dice.chance(20));
        let mut bytes = honest(&a.copy(), &b, &options);
        for _ in 0..dice.below(4) {
            let at = dice.below(bytes.len());
            match dice.below(5) {
                0 => bytes[at] ^= 1 << dice.below(8),
                1 => bytes[at] = dice.roll() as u8,
                2 => drop(bytes.remove(at)),
                3 => bytes.insert(at, dice.roll() as u8),
                _ => bytes.truncate(at.max(1)),
            }
            if bytes.is_empty() {
                bytes.push(0);
            }
        }
        let talk = feed(&a, options, dice, &bytes);
        assert!(talk.ends[0].session.is_over(), "{:?}", talk.ends[0].session);
        drop(talk.finish());
    });
    // The negative control: a stream that is not changed is taken.
    for seed in 0..50 {
        let dice = &mut Dice(seed);
        let (a, b) = random_logs(dice, 3, 30);
        let bytes = honest(&a.copy(), &b, &Options::default());
        // Cut too coarsely it comes before what it answers.
        let [one, _] = feed(&a, Options::default(), dice, &bytes).finish();
        *if one.is_ok() { &mut passed } else { &mut failed } += 1;
    }
    assert!(passed > 15 && failed < 35, "{passed} {failed}");
}
