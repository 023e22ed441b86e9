//! What is at the other end need not be what one thinks.

use std::time::{Duration, Instant};

use super::{Both, dupsh, line};
use crate::place::{Log, Place};

fn one_node(place: &Place) -> Log {
    let log = place.log("a");
    log.append("one");
    log
}

/// It failed, and the log is as it was. Returns why.
#[track_caller]
fn fails_with(log: &Log, both: &Both) -> String {
    assert_eq!((both.code, both.b.lines().count()), (Some(1), 1), "{both:?}");
    assert!(both.b.starts_with("hyperlog: the sync did not complete (0 entries were received, 0 sent): "));
    assert_eq!(log.nodes().len(), 1);
    log.is_sound();
    both.b.trim_end().to_owned()
}

#[test]
fn who_speaks_something_else_is_told_apart_at_once() {
    let place = Place::new();
    let log = one_node(&place);
    for stranger in ["echo hello", "echo", "printf x", "yes", "cat /dev/zero"] {
        let start = Instant::now();
        let both = dupsh(stranger, &log.syncing());
        let code = both.code;
        // What is written to nobody ends those that never stop: whose failure is first is chance.
        let both = Both { code: code.filter(|code| ![141, 1].contains(code)).or(Some(1)), ..both };
        let why = fails_with(&log, &both);
        assert!(why.contains("does not speak this protocol"), "{stranger}: {why}");
        assert!(why.chars().count() < 250, "{why}");
        assert!(start.elapsed() < Duration::from_secs(20));
    }
}

#[test]
fn who_says_nothing_and_leaves_is_named() {
    let place = Place::new();
    let log = one_node(&place);
    let why = fails_with(&log, &dupsh("true", &log.syncing()));
    assert!(why.ends_with("the connection ended in the middle: the other side has not said hello"), "{why}");
}

#[test]
fn who_waits_for_nobody_says_so_and_ends_with_them() {
    let place = Place::new();
    let log = one_node(&place);
    let both = dupsh("sleep 3", &log.syncing());
    let (waiting, why) = both.b.split_once('\n').unwrap();
    assert_eq!((both.code, waiting), (Some(1), "waiting for the other side"), "{both:?}");
    assert!(why.contains("the connection ended in the middle: the other side has not said hello"), "{why}");
    // Who comes in time is not waited for aloud.
    let both = dupsh("sleep 0.3", &log.syncing());
    assert!(!both.b.contains("waiting"), "{both:?}");
}

/// An echo is a sync with oneself: both are equal, and both say goodbye.
#[test]
fn an_echo_is_equal_to_who_calls() {
    let place = Place::new();
    let log = one_node(&place);
    let (_, said) = dupsh("cat", &log.syncing()).well();
    assert!(said.starts_with("received 0 nodes, sent 0; both logs are equal"), "{said}");
    for (mode, why) in [("--push", "both sides only push"), ("--pull", "both sides only pull")] {
        let both = dupsh("cat", &line(&log.replicate(mode)));
        assert!(fails_with(&log, &both).contains(why), "{both:?}");
    }
    assert_eq!(log.nodes().len(), 1);
}

#[test]
fn a_log_of_another_kind_is_named_on_both_sides() {
    let place = Place::new();
    let (graph, log) = (one_node(&place), place.log("s"));
    log.scuttles(["append", "one"]).done();
    let mut scuttleup = log.scuttleup();
    let both = dupsh(&line(scuttleup.arg("replicate")), &graph.syncing());
    let why = fails_with(&graph, &both);
    assert!(why.ends_with("the other side syncs a \"scuttleup\" log, this one a hyperlog log"), "{why}");
    let why = both.a.trim_end();
    assert!(why.ends_with("the other side syncs a \"hyperlog\" log, this one a scuttleup log"), "{why}");
}

/// An export is of the same family, and no sync.
#[test]
fn an_export_at_the_other_end_is_no_sync() {
    let place = Place::new();
    let (log, other) = (one_node(&place), place.log("b"));
    other.append("of b");
    let both = dupsh(&line(other.hyperlog().arg("export")), &log.syncing());
    assert_eq!(both.code, Some(1));
    assert!(both.b.contains("does not speak this protocol"), "{}", both.b);
    let both = dupsh(&line(other.hyperlog().arg("import")), &log.syncing());
    assert!(both.a.contains("hyperlog: "), "{}", both.a);
    assert!(both.b.contains("the connection ended in the middle"), "{}", both.b);
    other.is_sound();
}
