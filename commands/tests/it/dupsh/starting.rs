//! Commands that cannot be started.

use std::fs;
use std::process::Command;

use super::{Dupsh, Place};

/// Does not end by itself.
const LONG: &str = "sleep 600";

/// The code, and the one line.
#[track_caller]
fn refused(a: &str, b: &str) -> (Option<i32>, String) {
    let place = Place::new();
    fs::write(place.path().join("plain"), "no program").unwrap();
    let ended = Dupsh::start_in(place, a, b).ends();
    assert!(ended.stderr.starts_with("dupsh: ") && ended.stderr.lines().count() == 1, "{ended:?}");
    (ended.code, ended.stderr)
}

#[test]
fn a_program_that_is_not_there_is_127_and_ends_the_other() {
    for (a, b) in [("no-such-program -x", LONG), (LONG, "no-such-program -x"), (LONG, "no-such-program")] {
        let (code, said) = refused(a, b);
        assert_eq!(code, Some(127), "{said}");
        assert!(said.contains("cannot start `no-such-program`"), "{said}");
    }
    let (code, said) = refused("cd /tmp", LONG);
    assert!(code == Some(127) && said.contains("sh -c"), "{said}");
    assert_eq!(refused("''", LONG).0, Some(127));
}

#[test]
fn a_file_that_cannot_be_run_is_126_and_ends_the_other() {
    for (a, b) in [("./plain", LONG), (LONG, "./plain")] {
        let (code, said) = refused(a, b);
        assert_eq!(code, Some(126), "{said}");
        assert!(said.contains("cannot start `./plain`: Permission denied"), "{said}");
    }
}

#[test]
fn a_hostile_name_is_told_tamely() {
    let (_, said) = refused("'\u{1b}[2J\n\u{202e}'", LONG);
    assert!(!said.trim_end().contains(|c: char| c.is_control() || c == '\u{202e}'), "{said:?}");
}

#[test]
fn nobody_need_listen_to_why() {
    let script = format!("exec {} no-such-program cat 2>/dev/full", env!("CARGO_BIN_EXE_dupsh"));
    Dupsh::of(Place::new(), Command::new("sh").args(["-c", &script])).ends().quietly(127);
}
