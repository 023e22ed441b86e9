//! Frames: what comes out is what went in, however it is cut, and nothing else is accepted.

use bytes::{BufMut, BytesMut};
use replicate::{
    Ask, BODY_BYTES_MAX, Bye, FrameError, Frames, GROUP_BYTES_MAX, Hello, Last, List, Locate, MAGIC,
    MAGIC_ENCRYPTED, Message, Mode, Named, Range, Sample, Stored, Takes, Tips, VALUE_BYTES_MAX, What,
};

use crate::dice::{Dice, seeds};

fn key(dice: &mut Dice) -> [u8; 32] {
    let mut key = [0; 32];
    key.iter_mut().for_each(|byte| *byte = dice.roll() as u8);
    key
}

fn number(dice: &mut Dice) -> u64 {
    let bits = dice.below(64);
    dice.roll() >> bits
}

fn list<T>(dice: &mut Dice, max: usize, mut item: impl FnMut(&mut Dice) -> T) -> List<T> {
    let n = dice.below(max + 1);
    List((0..n).map(|_| item(dice)).collect())
}

fn octets(dice: &mut Dice, max: usize) -> List<u8> {
    list(dice, max, |dice| dice.roll() as u8)
}

fn sample(dice: &mut Dice) -> Sample {
    Sample { seq: number(dice), prefix: key(dice)[..16].try_into().unwrap() }
}

fn what(dice: &mut Dice) -> What {
    match dice.below(3) {
        0 => What::Same,
        1 => What::Digest(key(dice)[..16].try_into().unwrap()),
        _ => What::List {
            tips: list(dice, 5, |dice| Named { writer: key(dice), sample: sample(dice) }),
            reply: dice.chance(50),
        },
    }
}

fn range(dice: &mut Dice) -> Range {
    let to = dice.chance(70).then(|| octets(dice, 60));
    Range { from: octets(dice, 60), to, what: what(dice) }
}

fn hello(dice: &mut Dice) -> Hello {
    Hello {
        kind: dice.pick(&["", "toy", "größer"]).into(),
        discovery_key: key(dice),
        mode: dice.pick(&[Mode::Sync, Mode::Push, Mode::Pull]),
        live: dice.chance(50),
        asks: dice.chance(50),
        digest: key(dice),
        tips: number(dice),
        writers: number(dice),
        entries: number(dice),
        takes: match dice.below(3) {
            0 => Takes::All,
            1 => Takes::Only(list(dice, 5, key)),
            _ => Takes::Without(list(dice, 5, key)),
        },
        metadata: octets(dice, 300),
    }
}

fn message(dice: &mut Dice) -> Message {
    match dice.below(14) {
        0 => Message::Hello(Box::new(hello(dice))),
        1 => Message::Tips(Tips { ranges: list(dice, 5, range), more: dice.chance(50) }),
        2 => {
            let writers = list(dice, 5, |dice| (key(dice), list(dice, 5, sample)));
            Message::Locate(Locate { writers, more: dice.chance(50) })
        }
        3 => Message::Offer { entries: number(dice) },
        4 => Message::Group(octets(dice, 3_000).0.into()),
        5 => Message::Sent { left_out: number(dice) },
        6 => Message::Ask(Ask { ids: list(dice, 5, key), more: dice.chance(50) }),
        7 => Message::Value { id: key(dice), value: octets(dice, 3_000).0.into() },
        8 => Message::Answered,
        9 => {
            let last = dice.chance(50).then(|| Last { digest: key(dice), elsewhere: number(dice) });
            Message::Stored(Stored { entries: number(dice), last })
        }
        10 => Message::Ping,
        11 => Message::Pong,
        12 => Message::Bye(Bye { reason: dice.chance(50).then(|| "weil".repeat(dice.below(50))) }),
        _ => Message::Unknown { kind: 0x80 | dice.roll() as u8, bytes: dice.below(500) },
    }
}

#[test]
fn what_comes_out_is_what_went_in_however_it_is_cut() {
    seeds(0..500, |seed| {
        let dice = &mut Dice(seed);
        let messages: Vec<Message> = (0..dice.below(20)).map(|_| message(dice)).collect();
        let (mut writer, mut wire) = (Frames::default(), BytesMut::new());
        messages.iter().for_each(|message| writer.encode(message, &mut wire));
        let (sent, mut reader, mut arrived) = (wire.clone(), Frames::default(), BytesMut::new());
        let mut heard = Vec::new();
        while !wire.is_empty() {
            let n = dice.pick(&[1, 4, 9, 100, 10_000]).min(wire.len());
            arrived.extend_from_slice(&wire.split_to(n));
            let before = reader.progress();
            while let Some(message) = reader.decode(&mut arrived).unwrap() {
                heard.push(message);
            }
            assert!(reader.progress() >= before && reader.progress() <= sent.len() as u64);
        }
        assert_eq!(heard, messages);
        assert!(arrived.is_empty());
    });
}

fn body_of(message: &Message) -> Vec<u8> {
    let (mut frames, mut wire) = (Frames::default(), BytesMut::new());
    frames.encode(message, &mut wire);
    wire[MAGIC.len() + 5..].to_vec()
}

fn decode(kind: u8, body: &[u8]) -> Result<Option<Message>, FrameError> {
    let mut arrived = BytesMut::from(&MAGIC[..]);
    arrived.put_u32(body.len() as u32);
    arrived.put_u8(kind);
    arrived.put_slice(body);
    Frames::default().decode(&mut arrived)
}

#[test]
fn what_is_accepted_is_said_again_as_it_was_meant() {
    let mut accepted = 0;
    seeds(0..20_000, |seed| {
        let dice = &mut Dice(seed);
        let message = message(dice);
        let mut body = body_of(&message);
        for _ in 0..1 + dice.below(3) {
            if !body.is_empty() {
                let at = dice.below(body.len());
                body[at] ^= 1 << dice.below(8);
            }
        }
        // Whether it is a message or not, nothing panics; and if it is, it means itself.
        if let Ok(Some(again)) = decode(message.kind(), &body) {
            assert_eq!(decode(again.kind(), &body_of(&again)), Ok(Some(again)));
        }
    });
    for seed in 0..1_000 {
        let message = message(&mut Dice(seed));
        assert_eq!(decode(message.kind(), &body_of(&message)), Ok(Some(message)));
        accepted += 1;
    }
    assert_eq!(accepted, 1_000);
}

#[test]
fn bytes_behind_a_body_are_an_error_and_so_are_missing_ones() {
    seeds(0..1_000, |seed| {
        let message = message(&mut Dice(seed));
        if matches!(message, Message::Group(_) | Message::Value { .. } | Message::Unknown { .. }) {
            return;
        }
        let mut body = body_of(&message);
        body.push(0);
        assert!(decode(message.kind(), &body).is_err(), "{message}");
        body.pop();
        if body.pop().is_some() {
            assert!(decode(message.kind(), &body).is_err(), "{message}");
        }
    });
    assert!(decode(8, &[0; 31]).is_err(), "a value without an id");
}

#[test]
fn types_that_nobody_may_skip_are_errors() {
    for kind in (14..0x80).chain([0]) {
        assert_eq!(decode(kind, &[]), Err(FrameError::UnknownType { kind }));
    }
    for kind in 0x80..=0xff {
        assert_eq!(decode(kind, b"later"), Ok(Some(Message::Unknown { kind, bytes: 5 })));
    }
}

#[test]
fn a_length_above_what_there_can_be_is_an_error_at_once() {
    for kind in 0..=0xff {
        let max = match kind {
            5 => GROUP_BYTES_MAX,
            8 => VALUE_BYTES_MAX,
            _ => BODY_BYTES_MAX,
        };
        for (length, accepted) in [(max, true), (max + 1, false), (u32::MAX as usize, false)] {
            let mut arrived = BytesMut::from(&MAGIC[..]);
            arrived.put_u32(length as u32);
            arrived.put_u8(kind);
            let result = Frames::default().decode(&mut arrived);
            assert_eq!(result.is_ok(), accepted, "{kind} {length}");
        }
    }
}

#[test]
fn another_beginning_is_named_as_early_as_can_be() {
    let first = |bytes: &[u8]| Frames::default().decode(&mut BytesMut::from(bytes));
    for n in 0..8 {
        assert_eq!(first(&MAGIC[..n]), Ok(None));
        assert_eq!(first(&MAGIC_ENCRYPTED[..n]), Ok(None));
    }
    assert_eq!(first(&MAGIC_ENCRYPTED), Err(FrameError::Encrypted));
    assert_eq!(first(b"HLSYNC\0\x02"), Err(FrameError::Version { found: 2 }));
    assert_eq!(first(b"S"), Err(FrameError::NotSpoken { found: b"S".to_vec() }));
    assert_eq!(first(b"HLX"), Err(FrameError::NotSpoken { found: b"HLX".to_vec() }));
    assert_eq!(first(b"GET / HTTP/1.1"), Err(FrameError::NotSpoken { found: b"GET / HT".to_vec() }));
}

#[test]
fn pings_and_what_is_skipped_are_no_progress() {
    let mut frames = Frames::default();
    let mut wire = BytesMut::new();
    for message in [Message::Ping, Message::Pong, Message::Unknown { kind: 0x99, bytes: 1_000 }] {
        Frames::default().encode(&message, &mut wire);
        if frames.is_met() {
            let _ = wire.split_to(MAGIC.len());
        }
        assert_eq!(frames.decode(&mut wire), Ok(Some(message)));
        assert_eq!(frames.progress(), 0);
    }
}
