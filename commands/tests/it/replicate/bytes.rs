//! What goes over standard output: the protocol, and nothing else.

use std::fs;

use ::bytes::BytesMut;
use replicate::{Frames, MAGIC, Message};

use super::{dupsh, line, quote, sh};
use crate::place::{Log, Place};

/// All messages in what a side printed. Anything else in it is a failure.
#[track_caller]
fn messages(printed: &[u8]) -> Vec<Message> {
    assert!(printed.starts_with(&MAGIC), "{:?}", &printed[..printed.len().min(16)]);
    let (mut frames, mut bytes) = (Frames::default(), BytesMut::from(printed));
    let mut messages = Vec::new();
    while let Some(message) = frames.decode(&mut bytes).unwrap() {
        messages.push(message);
    }
    assert!(bytes.is_empty(), "{} bytes are left", bytes.len());
    messages
}

/// A side of which a copy of all that it prints is kept in a file.
fn kept(place: &Place, name: &str, log: &Log, args: &str) -> String {
    let file = place.path().join(format!("{name} printed"));
    sh(&format!("{} | tee {}", line(&log.replicate(args)), quote(file.to_str().unwrap())))
}

#[track_caller]
fn printed(place: &Place, name: &str) -> Vec<Message> {
    messages(&fs::read(place.path().join(format!("{name} printed"))).unwrap())
}

#[test]
fn nothing_but_the_protocol_is_on_standard_output() {
    let place = Place::new();
    for (round, args) in ["", "--json", "-vvv", "-vvv --json", "--push", "--live"].into_iter().enumerate() {
        // The other is new each time, and has something to say about that.
        let (a, b) = (place.log("a"), place.log(&round.to_string()));
        a.append("of a");
        b.append("of b");
        if round % 2 == 0 {
            fs::remove_dir_all(&b.0).unwrap();
        }
        let both = dupsh(&kept(&place, "a", &a, ""), &kept(&place, "b", &b, args));
        both.well();
        for name in ["a", "b"] {
            let messages = printed(&place, name);
            assert!(matches!(messages.first(), Some(Message::Hello(_))));
            assert!(matches!(messages.last(), Some(Message::Bye(bye)) if bye.reason.is_none()));
        }
    }
}

#[test]
fn a_fork_and_a_failure_are_not_told_there_either() {
    let place = Place::new();
    let (a, b) = (place.log("a"), place.log("b"));
    a.append("one");
    a.clone_to(&b);
    a.append("on a");
    b.append("on b");
    let (said, _) = dupsh(&kept(&place, "a", &a, ""), &kept(&place, "b", &b, "")).well();
    assert!(said.contains("fork: "), "{said}");
    printed(&place, "a");
    printed(&place, "b");
    dupsh(&kept(&place, "a", &a, "--push"), &kept(&place, "b", &b, "--push"));
    for name in ["a", "b"] {
        let last = printed(&place, name).pop();
        assert!(!matches!(last, Some(Message::Bye(bye)) if bye.reason.is_none()), "an end in order");
    }
}

/// The control: a byte that does not belong there would be seen.
#[test]
#[should_panic = "NotSpoken"]
fn a_line_before_the_protocol_would_be_seen() {
    let mut frames = Frames::default();
    frames.decode(&mut BytesMut::from(&b"new writer 77 in a\n"[..])).unwrap();
}
