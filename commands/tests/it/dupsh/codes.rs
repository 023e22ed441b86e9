//! What `dupsh` exits with.

use std::fs;
use std::process::Command;

use rustix::process::Signal;

use super::{Dupsh, Place, a_while, eventually, sh, state};

/// The code of two scripts, and of the same two the other way round.
#[track_caller]
fn codes(a: &str, b: &str) -> [Option<i32>; 2] {
    [(a, b), (b, a)].map(|(a, b)| Dupsh::start(&sh(a), &sh(b)).ends().code)
}

#[test]
fn two_that_go_well_exit_with_0() {
    assert_eq!(codes("true", "exit 0"), [Some(0); 2]);
}

#[test]
fn one_that_fails_is_told_of_by_its_code() {
    for code in [1, 3, 77, 255] {
        assert_eq!(codes(&format!("exit {code}"), "true"), [Some(code); 2]);
        assert_eq!(codes(&format!("exit {code}"), "sleep 0.2"), [Some(code); 2], "the first ends well last");
        assert_eq!(codes(&format!("sleep 0.2; exit {code}"), "true"), [Some(code); 2], "or first");
    }
}

#[test]
fn an_end_by_a_signal_is_128_and_the_signal() {
    for signal in [6, 9, 13] {
        assert_eq!(codes(&format!("kill -{signal} $$"), "cat >/dev/null"), [Some(128 + signal); 2]);
    }
}

#[test]
fn of_two_that_fail_the_first_is_told_of() {
    assert_eq!(codes("exit 3", "sleep 0.5; exit 4"), [Some(3); 2]);
    assert_eq!(codes("sleep 0.5; exit 3", "exit 4"), [Some(4); 2]);
}

/// The second often fails because the first did, within a moment. So `dupsh` is kept from looking until both
/// have ended.
#[cfg(target_os = "linux")]
#[test]
fn of_two_that_fail_the_first_is_told_of_whenever_somebody_looks() {
    let waits = |name, code| {
        sh(&format!("echo $$ > {name}; while [ ! -e end-{name} ]; do sleep 0.01; done; exit {code}"))
    };
    for order in [["a", "b"], ["b", "a"]].repeat(10) {
        let dupsh = Dupsh::start(&waits("a", 3), &waits("b", 4));
        let pids = order.map(|name| dupsh.pid_in(name));
        dupsh.waits();
        dupsh.tell(Signal::STOP);
        for (name, pid) in order.into_iter().zip(pids) {
            fs::write(dupsh.place.path().join(format!("end-{name}")), "").unwrap();
            eventually("the end of one", || (state(pid) == Some('Z')).then_some(()));
        }
        dupsh.tell(Signal::CONT);
        dupsh.ends().quietly(if order[0] == "a" { 3 } else { 4 });
    }
}

/// To whom ignores SIGCHLD the system tells no codes; and that is inherited.
#[test]
fn a_code_is_known_also_where_nobody_was_to_be_told_of_children() {
    let ignoring = |command: &[&str]| {
        let mut env = Command::new("env");
        Dupsh::of(Place::new(), env.arg("--ignore-signal=CHLD").args(command)).ends()
    };
    ignoring(&[env!("CARGO_BIN_EXE_dupsh"), &sh("exit 3"), "true"]).quietly(3);
    // The control: it is inherited.
    let status = ignoring(&["cat", "/proc/self/status"]).stdout;
    assert!(status.contains("SigIgn:") && !status.contains("SigIgn:\t0000000000000000"), "{status}");
}

#[test]
fn who_does_not_mind_that_the_other_failed_is_waited_for() {
    let dupsh = Dupsh::start("false", &sh("while [ ! -e enough ]; do sleep 0.05; done; echo done > ended"));
    a_while();
    dupsh.still_runs();
    fs::write(dupsh.place.path().join("enough"), "").unwrap();
    assert_eq!(dupsh.ends().quietly(1).read("ended"), "done\n");
}

#[test]
fn who_has_ended_is_no_zombie_while_the_other_goes_on() {
    let dupsh = Dupsh::start(&sh("echo $$ > a"), &sh("echo $$ > b; exec sleep 600"));
    let (a, b) = (dupsh.pid_in("a"), dupsh.pid_in("b"));
    eventually("the reaping", || state(a).is_none().then_some(()));
    assert!(state(b).is_some());
    dupsh.still_runs();
}
