//! Founding a channel, and opening it again.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;

use super::{Talker, once, saga, talker};
use crate::place::{Place, run};

fn channel_of(values: &[serde_json::Value]) -> serde_json::Value {
    values.iter().find(|value| value["type"] == "channel").unwrap().clone()
}

#[test]
fn who_comes_back_finds_the_last_channel_and_new_founds_another() {
    let place = Place::new();
    let ana = || talker(&place, "ana");
    let first = channel_of(&once(ana().args(["--door", "ask"]), "hello\n"));
    assert_eq!((&first["role"], &first["name"]), (&"admin".into(), &"ana".into()));
    let again = channel_of(&once(&mut ana(), ""));
    assert_eq!((&again["key"], &again["writer"]), (&first["key"], &first["writer"]));
    assert!(again["recovery"].is_null(), "told of once");
    let other = channel_of(&once(ana().args(["--new", "--door", "ask"]), ""));
    assert_ne!(other["key"], first["key"]);
    assert_ne!(other["writer"], first["writer"], "each channel has a key of its own");
    assert_eq!(channel_of(&once(&mut ana(), ""))["key"], other["key"], "the last one");
    let key = first["key"].as_str().unwrap();
    let heard = once(ana().args(["--join", key]), "/history\n");
    assert!(heard.iter().any(|value| value["type"] == "history" && value["text"] == "hello"));
    assert_eq!(channel_of(&once(&mut ana(), ""))["key"], first["key"], "the last one again");
}

#[test]
fn a_channel_lies_under_its_own_name_and_its_recovery_key_beside_it() {
    let place = Place::new();
    let channel = channel_of(&once(talker(&place, "ana").args(["--door", "ask"]), ""));
    let home = place.path().join("chat/ana");
    let mut names: Vec<String> =
        fs::read_dir(&home).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    let [folder, recovery, last] = names.as_slice() else { panic!("{names:?}") };
    assert!(folder.len() == 16 && folder.chars().all(|c| c.is_ascii_hexdigit()), "{folder}");
    assert!(!channel["key"].as_str().unwrap().starts_with(folder.as_str()), "the key is no name of a file");
    assert_eq!((recovery, last.as_str()), (&format!("{folder}.recovery"), "last"));
    assert_eq!(channel["recovery"].as_str().unwrap(), home.join(recovery).to_str().unwrap());
    for secret in [recovery, last] {
        assert_eq!(fs::metadata(home.join(secret)).unwrap().permissions().mode() & 0o777, 0o600, "{secret}");
    }
    assert_eq!(fs::metadata(&home).unwrap().permissions().mode() & 0o777, 0o700);
}

#[test]
fn no_name_leads_out_of_the_folder() {
    let place = Place::new();
    for name in ["../../x", "..", "a/b", "Ana", "\u{1b}[2J"] {
        once(talker(&place, name).args(["--door", "ask"]), "");
    }
    let outside: Vec<_> =
        fs::read_dir(place.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(outside, ["chat"]);
    let homes = fs::read_dir(place.path().join("chat")).unwrap().count();
    assert_eq!(homes, 5);
}

#[test]
fn where_nobody_can_be_asked_the_door_has_to_be_said() {
    let place = Place::new();
    for piped in [&mut saga(&place, "ana"), saga(&place, "ana").arg("--json")] {
        let why = run(piped, b"hello\n").misused();
        assert!(why.contains("--door is needed"), "{why}");
    }
    assert!(run(saga(&place, "ana").arg("--tui"), b"").misused().contains("--tui"));
    assert!(run(saga(&place, "~").args(["--door", "ask"]), b"").misused().contains("a name has"));
    assert!(run(saga(&place, "ana").args(["--door", "ajar"]), b"").misused().contains("ajar"));
    assert!(run(saga(&place, "ana").args(["--join", "abc"]), b"").misused().contains("abc"));
    once(talker(&place, "ana").args(["--door", "ask"]), "");
    // It is founded: opening it again needs no door.
    once(&mut talker(&place, "ana"), "");
}

#[test]
fn what_cannot_be_opened_is_told_in_one_line() {
    let place = Place::new();
    let mut open = Talker::founds(&place, "ana", "ask");
    open.channel();
    let locked = run(&mut talker(&place, "ana"), b"");
    assert_eq!(locked.status.code(), Some(1));
    assert!(locked.stderr.starts_with("saga: ") && locked.stderr.lines().count() == 1, "{}", locked.stderr);
    let address = open.address().to_string();
    let taken = run(talker(&place, "ben").args(["--door", "ask", "--listen", &address]), b"");
    assert!(taken.stderr.starts_with("saga: ") && taken.stderr.contains(&address), "{}", taken.stderr);
    open.ends().well();
    let home = place.path().join("chat/ana");
    for entry in fs::read_dir(&home).unwrap().map(Result::unwrap) {
        if entry.file_type().unwrap().is_dir() {
            fs::remove_dir_all(entry.path()).unwrap();
        }
    }
    let gone = run(&mut talker(&place, "ana"), b"");
    assert!(gone.stderr.contains("is gone") && gone.stderr.contains("--new"), "{}", gone.stderr);
}
