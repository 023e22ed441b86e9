//! One order on every peer, and the times that go with it.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use saga::{Memory, Role, Saga};
use serde_json::json;

use crate::place::{founder, member, options, sync, texts};

#[test]
fn what_was_written_apart_has_one_order_and_answers_follow_what_they_answer() {
    let ana = founder("ana");
    let (ben, cy) = (member(&ana, "ben"), member(&ana, "cy"));
    for n in 0..3 {
        for saga in [&ana, &ben, &cy] {
            saga.write_message(&format!("{} {n}", saga.username())).unwrap();
        }
    }
    sync(&ben, &cy);
    cy.write_message("I have seen ben's").unwrap();
    for (one, other) in [(&ana, &ben), (&ana, &cy), (&ben, &cy), (&ana, &ben)] {
        replicate::sync(one.channel().log(), other.channel().log()).unwrap();
    }
    assert_eq!(texts(&ana).len(), 10);
    assert_eq!(texts(&ana), texts(&ben));
    assert_eq!(texts(&ana), texts(&cy));
    assert_eq!(texts(&ana).last().unwrap(), "I have seen ben's");
}

#[test]
fn pages_of_the_history_are_all_of_it() {
    let ana = founder("ana");
    for n in 0..25 {
        ana.write_message(&format!("{n}")).unwrap();
    }
    let (mut all, mut before) = (Vec::new(), None);
    loop {
        let page = ana.history(before, 10).unwrap();
        let Some(first) = page.first() else { break };
        before = Some(first.position);
        all = [page, all].concat();
    }
    assert_eq!(all, ana.messages().unwrap());
    assert_eq!(all.len(), 25);
}

#[test]
fn a_lying_clock_is_shown_within_reason_and_does_not_move_the_order() {
    let time = Arc::new(AtomicU64::new(1_000_000));
    let clock = {
        let time = Arc::clone(&time);
        Arc::new(move || time.load(Ordering::Relaxed))
    };
    let ana = options().clock(clock).open(Arc::new(Memory::new()), None, "ana").unwrap();
    let liar = options().clock(Arc::new(|| 4_000_000_000_000)).open(
        Arc::new(Memory::new()),
        Some(ana.key()),
        "liar",
    );
    let (liar, late) = (liar.unwrap(), member(&ana, "late"));
    ana.invite(liar.writer(), Role::Writer).unwrap();
    sync(&ana, &liar);
    ana.write_message("one").unwrap();
    sync(&ana, &liar);
    liar.write_message("from the year 2096").unwrap();
    time.store(2_000_000, Ordering::Relaxed);
    sync(&ana, &liar);
    ana.write_message("three").unwrap();
    let shown: Vec<_> =
        ana.messages().unwrap().iter().map(|m| (m.text.clone(), m.shown, m.is_skewed())).collect();
    assert_eq!(
        shown,
        [
            ("one".into(), 1_000_000, false),
            ("from the year 2096".into(), 2_120_000, true),
            // Not before what it has seen.
            ("three".into(), 2_120_000, true),
        ]
    );
    // What was seen stays as it was seen, also when the view is built anew.
    time.store(9_000_000, Ordering::Relaxed);
    drop(late);
    assert_eq!(ana.messages().unwrap()[1].shown, 2_120_000);
}

#[test]
fn what_is_no_message_is_not_shown_and_what_is_harmful_is_shown_clean() {
    let ana = founder("ana");
    let ben = member(&ana, "ben");
    let put = |key: &str, value: serde_json::Value| ben.db().put(key, value).map(drop).unwrap();
    put("messages/1", json!("no object"));
    put("messages/2", json!({ "key": "messages/other", "message": "x", "username": "ben", "timestamp": 1 }));
    put("messages/3", json!({ "key": "messages/3", "message": 7, "username": "ben", "timestamp": 1 }));
    put("messages/4", json!({ "key": "messages/4", "message": "x", "username": "\u{202e}", "timestamp": 1 }));
    put("messages/5", json!({ "key": "messages/5", "message": "x", "username": "ben", "timestamp": "soon" }));
    put(
        "messages/6",
        json!({ "key": "messages/6", "message": "x".repeat(20_000), "username": "ben", "timestamp": 1 }),
    );
    // Somebody else's name under its key, and somebody else's name record.
    put(&format!("names/{}", ana.writer()), json!({ "username": "fool" }));
    put(
        "messages/7",
        json!({ "key": "messages/7", "message": "a\u{1b}[2Jb\nana: c", "username": "an\u{200b}a~x", "timestamp": 1e300 }),
    );
    sync(&ana, &ben);
    let messages = ana.messages().unwrap();
    let [message] = messages.as_slice() else { panic!("{messages:?}") };
    assert_eq!((message.text.as_str(), message.username.as_str()), ("a[2Jb⏎ana: c", "anax"));
    assert_eq!((message.writer, message.timestamp), (ben.writer(), u64::MAX));
    assert_eq!(ana.skipped().unwrap(), 7);
    // What was said stays said: neither its author nor anybody else takes its place.
    ana.db()
        .put(
            "messages/7",
            json!({ "key": "messages/7", "message": "forged", "username": "ben", "timestamp": 2 }),
        )
        .unwrap();
    ben.db().del("messages/7").unwrap();
    sync(&ana, &ben);
    for saga in [&ana, &ben] {
        let by_ben: Vec<_> =
            saga.messages().unwrap().into_iter().filter(|m| m.writer == ben.writer()).collect();
        assert_eq!(by_ben.len(), 1);
        assert!(saga.messages().unwrap().iter().any(|m| m.text == "forged" && m.writer == ana.writer()));
    }
}

#[test]
fn a_view_that_is_thrown_away_comes_back_the_same() {
    let storage = Memory::new();
    let ana = Saga::open(storage.clone(), None, "ana").unwrap();
    let ben = member(&ana, "ben");
    for n in 0..5 {
        ana.write_message(&format!("a{n}")).unwrap();
        ben.write_message(&format!("b{n}")).unwrap();
    }
    sync(&ana, &ben);
    let before = ana.messages().unwrap();
    drop(ana);
    assert!(level::Level::remove(&storage, "index/saga").unwrap());
    let ana = Saga::open(storage, None, "ana").unwrap();
    assert_eq!(ana.messages().unwrap(), before);
}
