//! Sessions that go on until somebody ends them.

use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};

use super::{Dupsh, Pair, are_equal, eventually, line, report};
use crate::place::{Log, Place};

fn two_logs(place: &Place) -> (Log, Log) {
    let (a, b) = (place.log("a"), place.log("b"));
    a.append("of a");
    a.append("of a, too");
    b.append("of b");
    (a, b)
}

/// Both have told each other that all is stored.
fn is_synced(said: &str) -> bool {
    let told = |way| said.lines().any(|line| line.contains(way) && line.contains("all on disk"));
    told("-> Stored") && told("<- Stored")
}

/// Both, live, when the first sync is through.
#[track_caller]
fn live(a: &Log, b: &Log, args: &str) -> Pair {
    let args = format!("--live -v --json {args}");
    let mut pair = Pair::start(&mut a.replicate(&args), &mut b.replicate(&args));
    for side in [&mut pair.a, &mut pair.b] {
        eventually("the first sync", || is_synced(&side.said()).then_some(()));
        side.still_runs();
    }
    pair
}

#[test]
fn ctrl_c_to_either_side_ends_both_in_order() {
    for (first, signal) in [(true, Signal::INT), (false, Signal::INT), (true, Signal::TERM)] {
        let place = Place::new();
        let (a, b) = two_logs(&place);
        let mut pair = live(&a, &b, "");
        std::thread::sleep(Duration::from_millis(300));
        pair.a.still_runs();
        pair.b.still_runs();
        let start = Instant::now();
        if first { &pair.a } else { &pair.b }.tell(signal);
        let (a_said, b_said) = pair.end_well();
        assert!(start.elapsed() < Duration::from_secs(8), "{:?}", start.elapsed());
        for said in [a_said, b_said] {
            let report = report(&said);
            let told = [&report["complete"], &report["equal"], &report["live"], &report["peer"]["live"]];
            assert_eq!(told, [&serde_json::Value::Bool(true); 4], "{report}");
        }
        are_equal(&a, &b);
    }
}

#[test]
fn ctrl_c_to_dupsh_ends_both_in_order_too() {
    let place = Place::new();
    let (a, b) = two_logs(&place);
    let side = |log: &Log| line(&log.replicate("--live -v --json"));
    let mut dupsh = Dupsh::start(&side(&a), &side(&b));
    eventually("a live session", || {
        let said = dupsh.said.each_ref().map(|said| std::fs::read_to_string(said.path()).unwrap());
        said.iter().all(|said| is_synced(said)).then_some(())
    });
    std::thread::sleep(Duration::from_millis(300));
    dupsh.dupsh.still_runs();
    kill_process(Pid::from_child(&dupsh.dupsh.child), Signal::INT).unwrap();
    let both = dupsh.ends();
    assert_eq!((both.code, &*both.dupsh), (Some(130), ""), "{both:?}");
    for said in [both.a, both.b] {
        let report = report(&said);
        assert_eq!(
            (&report["complete"], &report["live"], &report["error"]),
            (&true.into(), &true.into(), &().into())
        );
        assert!(!said.lines().any(|line| line.starts_with("hyperlog: ")), "{said}");
    }
    are_equal(&a, &b);
}

#[test]
fn what_comes_is_printed_as_it_comes_and_not_what_was_there() {
    let place = Place::new();
    let (a, b) = two_logs(&place);
    let mut pair = Pair::start(&mut a.replicate("--live --print"), &mut b.replicate("--live --print --json"));
    pair.a.says("of b");
    pair.b.says("\"of a, too\"");
    pair.a.still_runs();
    pair.b.still_runs();
    pair.b.tell(Signal::INT);
    let (a_said, b_said) = pair.end_well();
    let [one, other] = ["of a", "of b"].map(|value| a_said.matches(value).count());
    assert_eq!((one, other), (0, 1), "{a_said}");
    assert_eq!((b_said.matches("\"of a").count(), b_said.matches("\"of b\"").count()), (2, 0), "{b_said}");
    are_equal(&a, &b);
}

#[test]
fn where_one_side_does_not_want_to_go_on_neither_does() {
    for (a_args, b_args) in [("--live --json", "--json"), ("--json", "--live --json")] {
        let place = Place::new();
        let (a, b) = two_logs(&place);
        let (a_said, b_said) = Pair::start(&mut a.replicate(a_args), &mut b.replicate(b_args)).end_well();
        assert_eq!((&report(&a_said)["live"], &report(&b_said)["live"]), (&false.into(), &false.into()));
        are_equal(&a, &b);
    }
}

#[test]
fn a_second_ctrl_c_ends_a_session_whose_other_side_does_not_answer() {
    let place = Place::new();
    let (a, b) = two_logs(&place);
    let pair = live(&a, &b, "");
    pair.b.tell(Signal::STOP);
    pair.a.tell(Signal::INT);
    let Pair { a: mut left, b: stopped } = pair;
    std::thread::sleep(Duration::from_millis(300));
    left.still_runs();
    let start = Instant::now();
    left.tell(Signal::INT);
    let why = left.ends().failed();
    assert!(why.ends_with(": stopped here"), "{why}");
    assert!(start.elapsed() < Duration::from_secs(8), "{:?}", start.elapsed());
    stopped.tell(Signal::CONT);
    // It was told goodbye before the first ctrl-C turned into the second.
    assert!(matches!(stopped.ends().code, Some(0 | 1)));
    are_equal(&a, &b);
}

#[test]
fn who_is_killed_in_a_live_session_is_missed_at_once() {
    let place = Place::new();
    let (a, b) = two_logs(&place);
    let Pair { a: left, b: killed } = live(&a, &b, "");
    let start = Instant::now();
    killed.tell(Signal::KILL);
    assert_eq!(killed.ends().code, None);
    let why = left.ends().failed();
    assert!(why.ends_with("the connection ended in the middle: the other side did not say goodbye"), "{why}");
    assert!(start.elapsed() < Duration::from_secs(8), "{:?}", start.elapsed());
    are_equal(&a, &b);
}
