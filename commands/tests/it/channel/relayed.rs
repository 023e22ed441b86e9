//! Those who read, and pass on what they read.

use serde_json::json;

use super::{all_agree, two};
use crate::hyperkv::sync;
use crate::place::Place;
use crate::replicate::{dupsh, line};

#[test]
fn who_is_not_authorized_is_told_so_and_stores_nothing() {
    let place = Place::new();
    let (ana, reader) = (place.log("ana"), place.log("reader"));
    let key = ana.found("team");
    let own = reader.open(&key);
    let line = reader.kv_fails("put a 1");
    assert!(
        line.contains("not written: nothing of the channel is here yet: sync first; unless this is"),
        "{line}"
    );
    assert!(reader.does("members").is_empty());
    sync(&ana, &reader);
    let before = reader.nodes();
    for line in [reader.kv_fails("put a 1"), reader.fails("append x"), reader.fails("add x")] {
        let wanted =
            format!("nothing was written: writer {own} has no grant here: an admin has to authorize it");
        assert!(line.contains(&wanted), "{line}");
    }
    let rows = "{\"key\":\"a\",\"value\":1}\n";
    assert!(reader.kv_reads("import", rows).failed().contains("has no grant here"));
    assert!(
        reader
            .kv_reads("batch", "{\"type\":\"put\",\"key\":\"a\",\"value\":1}\n")
            .failed()
            .contains("no grant")
    );
    assert!(reader.reads("add --lines", "x\n").failed().contains("has no grant here"));
    let other = "7".repeat(64);
    for command in
        [format!("authorize {own}"), format!("revoke --grant {}", ana.nodes()[1]["id"].as_str().unwrap())]
    {
        assert!(reader.fails(&command).contains("is no admin here: only admins grant and revoke"));
    }
    assert!(reader.fails("resign").contains("has no grant that stands"));
    assert!(ana.fails(&format!("revoke --grant {other}")).contains("is no grant of this channel"));
    assert_eq!(reader.nodes(), before);
    assert_eq!(reader.whoami()["role"], "reader");
    // Once authorized, and told so, it writes.
    ana.authorize(&own);
    let (_, said) = sync(&ana, &reader);
    assert!(said.contains("\n1 writer more: `members` lists them\nthis writer may write now\n"), "{said}");
    reader.put("a", "1");
    sync(&ana, &reader);
    all_agree(&[&ana, &reader]);
    // A writer is no admin.
    assert!(reader.fails(&format!("authorize {}", ana.writer())).contains("is no admin here"));
}

#[test]
fn a_reader_passes_on_what_members_write() {
    let place = Place::new();
    let (ana, ben, key) = two(&place);
    let stranger = place.log("stranger");
    stranger.open(&key);
    ana.put("a", "1");
    ben.put("b", "1");
    for _ in 0..2 {
        sync(&ana, &stranger);
        sync(&stranger, &ben);
    }
    assert_eq!(ben.held("a"), [json!(1)]);
    all_agree(&[&ana, &ben, &stranger]);
    // A revocation as well.
    ana.does(&format!("revoke {} --keep-none", ben.writer()));
    sync(&ana, &stranger);
    assert_eq!(stranger.get("b"), json!({}));
    sync(&stranger, &ben);
    all_agree(&[&ana, &ben, &stranger]);
    assert!(ben.kv_fails("put c 1").contains("have ended"));
}

#[test]
fn logs_of_two_channels_or_of_none_do_not_meet() {
    let place = Place::new();
    let (ana, other, open) = (place.log("ana"), place.log("other"), place.log("open"));
    ana.found("team");
    other.found("team");
    open.put("a", "1");
    for (a, b) in [(&ana, &other), (&ana, &open), (&open, &other)] {
        let (nodes, others) = (a.nodes(), b.nodes());
        let both = dupsh(&line(&a.call("sync")), &line(&b.call("sync")));
        for said in [&both.a, &both.b] {
            let about =
                ["the other side is another channel", "run `open CHANNEL` there", "run `open CHANNEL` here"];
            assert!(about.iter().any(|about| said.contains(about)), "{said}");
        }
        assert_eq!((a.nodes(), b.nodes()), (nodes, others));
        let line = a.import(b.export()).failed();
        let about =
            ["this is an export of another channel", "of an open log, and here", "of a channel, and here"];
        assert!(about.iter().any(|about| line.contains(about)), "{line}");
    }
}

#[test]
fn an_open_log_says_that_it_is_no_channel() {
    let place = Place::new();
    let (log, writer) = (place.log("open"), place.log("another").writer());
    log.put("a", "1");
    for command in ["members", &format!("authorize {writer}"), &format!("revoke {writer}"), "resign"] {
        let line = log.kv_fails(command);
        assert!(line.contains("holds no channel: `found NAME` makes one in an empty folder"), "{line}");
    }
    let before = log.nodes();
    assert!(log.fails("found team").contains("there is a log here already"));
    assert!(!log.recovery().exists());
    let key = place.log("ana").found("team");
    assert!(log.fails(&format!("open {key}")).contains("holds an open log, with nodes in it"));
    assert_eq!(log.nodes(), before);
    assert_eq!(log.whoami()["channel"], json!(null));
    assert!(log.info().get("channel").is_none());
}

#[test]
fn looking_at_a_fresh_folder_does_not_spoil_it_for_a_channel() {
    let place = Place::new();
    let key = place.log("ana").found("team");
    for (n, look) in
        ["whoami", "members", "resign", "info", "list", "heads", "fsck", "export"].iter().enumerate()
    {
        for (name, program) in [("hyperlog", true), ("hyperkv", false)] {
            if !program && ["heads", "fsck", "export"].contains(look) {
                continue;
            }
            let log = place.log(&format!("{name} {n}"));
            let looked = if program { log.run([*look]) } else { log.kv_run(look) };
            drop(looked);
            if *look == "whoami" || *look == "members" {
                assert!(!log.path("sidecar").exists(), "{look} founded a log");
            }
            let own = log.open(&key);
            assert_eq!(log.whoami()["channel"], *key);
            assert_eq!(log.writer(), own, "the writer stays who it was");
            let log = place.log(&format!("founded {name} {n}"));
            drop(if program { log.run([*look]) } else { log.kv_run(look) });
            log.found("mine");
            log.put("a", "1");
            assert_eq!((log.held("a"), log.members().len()), (vec![json!(1)], 1));
            log.is_sound();
        }
    }
}
