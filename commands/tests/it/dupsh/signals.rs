//! Signals to `dupsh`, which end both commands.

use std::fs::{self, File};
use std::io::Write as _;
use std::os::fd::OwnedFd;
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::{Duration, Instant};

use rustix::process::Signal;
use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};

use super::{Dupsh, Place, a_while, eventually, sh, state};

const SIGNALS: [(Signal, i32); 3] = [(Signal::INT, 130), (Signal::TERM, 143), (Signal::HUP, 129)];

/// Sees to it that `dupsh` hears a signal: what was ignored when the tests were started, as in the background
/// of a script or under `nohup`, would be ignored by all that they start.
fn heard() {
    let status = fs::read_to_string("/proc/self/status").unwrap();
    let ignored = status.lines().find_map(|line| line.strip_prefix("SigIgn:")).unwrap();
    let ignored = u64::from_str_radix(ignored.trim(), 16).unwrap();
    for (signal, _) in SIGNALS {
        let raw = signal.as_raw();
        if ignored >> (raw - 1) & 1 == 1 {
            // Caught and forgotten, which no program inherits.
            signal_hook::flag::register(raw, Arc::new(AtomicBool::new(false))).unwrap();
        }
    }
}

fn start(a: &str, b: &str) -> Dupsh {
    heard();
    Dupsh::start(a, b)
}

/// Two cats, which have nothing to say to each other and wait for ever.
fn cats() -> Dupsh {
    start(&sh("echo $$ > a; exec cat"), &sh("echo $$ > b; exec cat"))
}

#[test]
fn a_signal_ends_both_and_is_the_code() {
    for (signal, code) in SIGNALS {
        let dupsh = cats();
        let (a, b) = (dupsh.pid_in("a"), dupsh.pid_in("b"));
        a_while();
        dupsh.still_runs();
        assert!(state(a).is_some() && state(b).is_some());
        dupsh.tell(signal);
        let start = Instant::now();
        dupsh.ends().quietly(code);
        assert!(start.elapsed() < Duration::from_millis(1_900), "who obeys is not waited for");
        assert_eq!((state(a), state(b)), (None, None));
    }
}

#[test]
fn a_signal_to_all_ends_them_too() {
    for (signal, code) in SIGNALS {
        let dupsh = cats();
        dupsh.told("a");
        dupsh.told("b");
        rustix::process::kill_process_group(dupsh.pid(), signal).unwrap();
        dupsh.ends().quietly(code);
    }
}

#[test]
fn a_signal_in_the_first_moment_leaves_nothing_behind() {
    // Before anybody hears signals, `dupsh` itself dies of one; and whoever had been started would be left.
    for n in 0..60 {
        let dupsh = start("sleep 600", "sleep 600");
        std::thread::sleep(Duration::from_micros(n * 100));
        dupsh.tell(Signal::TERM);
        let code = dupsh.ends().code;
        assert!(matches!(code, None | Some(143)), "{code:?}");
    }
}

#[test]
fn each_command_is_told_the_signal_and_may_end_by_itself() {
    let own = |name: &str| {
        let told = "echo ready > NAME; while :; do sleep 0.05; done";
        let traps = "for s in INT TERM HUP; do trap \"sleep 1; echo $s > NAME-told; exit 5\" $s; done;";
        sh(&format!("{traps} {told}").replace("NAME", name))
    };
    for ((signal, code), name) in SIGNALS.into_iter().zip(["INT", "TERM", "HUP"]) {
        let dupsh = start(&own("a"), &own("b"));
        dupsh.told("a");
        dupsh.told("b");
        dupsh.tell(signal);
        let ended = dupsh.ends().quietly(code);
        assert_eq!((ended.read("a-told"), ended.read("b-told")), (format!("{name}\n"), format!("{name}\n")));
    }
}

#[test]
fn who_does_not_end_in_5_seconds_is_killed_and_named() {
    let stubborn = sh("trap '' TERM; echo $$ > a; exec sleep 600");
    for (a, b) in [(stubborn.as_str(), "cat"), ("cat", &stubborn)] {
        let dupsh = start(a, b);
        let pid = dupsh.pid_in("a");
        dupsh.tell(Signal::TERM);
        let start = Instant::now();
        let ended = dupsh.ends();
        assert!((4..30).contains(&start.elapsed().as_secs()), "{:?}", start.elapsed());
        assert_eq!((ended.code, state(pid)), (Some(143), None));
        assert_eq!(ended.stderr, "dupsh: killed `sh`, which did not end when it was asked to\n");
    }
}

#[test]
fn who_goes_on_after_a_failure_is_ended_by_a_signal() {
    let dupsh = start("false", &sh("echo $$ > b; exec sleep 600"));
    let b = dupsh.pid_in("b");
    a_while();
    dupsh.tell(Signal::INT);
    dupsh.ends().quietly(130);
    assert_eq!(state(b), None);
}

#[test]
fn what_was_to_be_ignored_is_ignored_by_all_as_nohup_has_it() {
    for (name, (signal, _)) in ["INT", "TERM", "HUP"].into_iter().zip(SIGNALS) {
        let script = format!("trap '' {name}; exec \"$0\" \"$@\"");
        let mut command = Command::new("sh");
        command.args(["-c", &script, env!("CARGO_BIN_EXE_dupsh")]);
        command.args([sh("echo $$ > a; exec cat"), sh("echo $$ > b; exec cat")]);
        let dupsh = Dupsh::of(Place::new(), &mut command);
        let (a, _) = (dupsh.pid_in("a"), dupsh.pid_in("b"));
        dupsh.tell(signal);
        rustix::process::kill_process(a, signal).unwrap();
        a_while();
        dupsh.still_runs();
        dupsh.tell(Signal::KILL);
    }
}

/// A new terminal: the end of a person, and its name.
fn terminal() -> (File, String) {
    let person: OwnedFd = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY | OpenptFlags::CLOEXEC).unwrap();
    grantpt(&person).unwrap();
    unlockpt(&person).unwrap();
    let name = ptsname(&person, Vec::new()).unwrap().into_string().unwrap();
    (person.into(), name)
}

/// `dupsh` in the foreground of a terminal.
fn at(terminal: &str, a: &str, b: &str) -> Dupsh {
    heard();
    let script = "exec setsid -c \"$0\" \"$@\" < $TERMINAL 2> stderr";
    let mut command = Command::new("sh");
    command.args(["-c", script, env!("CARGO_BIN_EXE_dupsh"), a, b]).env("TERMINAL", terminal);
    Dupsh::spawn(Place::new(), &mut command)
}

#[test]
fn ctrl_c_at_a_terminal_ends_both() {
    let (mut person, terminal) = terminal();
    let dupsh = at(&terminal, &sh("echo $$ > a; exec cat"), &sh("echo $$ > b; exec cat"));
    let (a, b) = (dupsh.pid_in("a"), dupsh.pid_in("b"));
    person.write_all(b"\x03").unwrap();
    let start = Instant::now();
    dupsh.ends().quietly(130);
    assert!(start.elapsed() < Duration::from_millis(1_900), "what the terminal had told was waited for");
    assert_eq!((state(a), state(b)), (None, None));
}

#[test]
fn ctrl_c_at_a_terminal_is_not_told_twice_in_one_moment() {
    let (mut person, terminal) = terminal();
    let counts = "trap 'echo told >> told' INT; echo ready > a; while :; do sleep 0.05; done";
    let dupsh = at(&terminal, &sh(counts), "cat");
    dupsh.told("a");
    person.write_all(b"\x03").unwrap();
    dupsh.told("told");
    let times = || fs::read_to_string(dupsh.place.path().join("told")).unwrap().lines().count();
    a_while();
    assert_eq!(times(), 1);
    // The control: who was not told by the terminal, as far as anybody knows, is told at last.
    eventually("the signal that is passed on", || (times() == 2).then_some(()));
    assert_eq!(dupsh.ends().code, Some(130));
}
