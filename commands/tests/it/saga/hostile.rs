//! Names and texts that are made to deceive.

use std::process::Stdio;

use super::{Talker, once, saga, talker};
use crate::place::{Place, run};
use crate::talk::{HOSTILE, is_tame};

#[test]
fn nothing_that_a_terminal_obeys_is_printed_whoever_wrote_it() {
    let place = Place::new();
    let mut ana = Talker::founds(&place, "ana", "open");
    let (key, address) = (ana.key(), ana.address().to_string());
    let name = format!("e{}ve", HOSTILE.concat());
    let mut eve = Talker::of("eve", talker(&place, &name).args(["--join", &key, "--connect", &address]));
    eve.hears("done", |value| value["text"] == "you may write now");
    for hostile in HOSTILE {
        eve.says(&format!("x{hostile}y").replace(['\n', '\r'], ""));
    }
    eve.writes("the last");
    ana.reads("the last");
    ana.says(&format!("/invite {}", HOSTILE.concat().replace(['\n', '\r'], "")));
    ana.hears("error", |_| true);
    let raw = |command: &mut std::process::Command, input: &str| {
        let ran = run(command.stdin(Stdio::piped()), input.as_bytes());
        assert!(is_tame(&ran.stderr), "{:?}", ran.stderr);
        let printed = ran.done();
        assert!(is_tame(&printed), "{printed:?}");
        printed
    };
    drop((eve, ana));
    for input in ["", "/history\n/members\n/name \u{1b}[2Jx\n/\u{1b}[2J\n/connect \u{1b}[2J:1\n"] {
        let plain = raw(saga(&place, "ana").args(["--from-start", "--listen", "127.0.0.1:0"]), input);
        assert!(plain.contains("the last"), "{plain}");
        let json = raw(talker(&place, "ana").arg("--from-start"), input);
        assert!(json.contains("the last"));
    }
}

#[test]
fn a_text_is_one_line_whatever_is_in_it() {
    let place = Place::new();
    let values = once(talker(&place, "ana").args(["--door", "ask"]), "a\u{2028}b\u{85}c\u{b}d\n");
    let said = values.iter().find(|value| value["type"] == "message").unwrap();
    assert_eq!(said["text"], "a⏎b⏎c⏎d");
}
