//! Who gets in, who may write, and that it can be taken back.

use super::{Talker, ana_and_ben, talker};
use crate::place::Place;

#[test]
fn who_asks_waits_at_the_door_until_an_admin_lets_them_in() {
    let place = Place::new();
    let mut ana = Talker::founds(&place, "ana", "ask");
    ana.writes("before ben");
    let mut ben = Talker::joins(&place, "ben", &mut ana);
    ben.reads("before ben");
    let label = ben.label();
    ana.hears("request", |value| value["name"] == "ben");
    ben.says("too early");
    let waits = ben.hears("waits", |_| true);
    assert!(waits["why"].as_str().unwrap().contains(&format!("/invite {label}")), "{waits}");
    ana.says("/requests");
    let asking = ana.hears("requests", |_| true);
    assert_eq!(asking["requests"][0]["name"], "ben");
    ben.says(&format!("/invite {label}"));
    assert!(ben.hears("error", |_| true)["why"].as_str().unwrap().contains("only admins"));
    ana.says(&format!("/invite {label}"));
    ana.reads("too early");
    ben.writes("and more");
    ana.reads("and more");
    ana.says("/requests");
    assert_eq!(ana.hears("requests", |_| true)["requests"].as_array().unwrap().len(), 0);
    ana.says("/members");
    let members = ana.hears("members", |_| true);
    let ben = members["members"].as_array().unwrap().iter().find(|member| member["name"] == "ben").unwrap();
    assert_eq!((&ben["role"], &ben["online"]), (&"writer".into(), &true.into()));
}

#[test]
fn a_key_alone_reads_and_does_not_write() {
    let place = Place::new();
    let mut ana = Talker::founds(&place, "ana", "invite");
    ana.writes("secret to nobody who has the key");
    let mut ben = Talker::joins(&place, "ben", &mut ana);
    ben.reads("secret to nobody who has the key");
    ben.says("may I?");
    ben.hears("waits", |_| true);
    // The positive control: what comes after it is there.
    ana.writes("later");
    ben.reads("later");
    assert_eq!(ana.history(), ["secret to nobody who has the key", "later"]);
    assert!(!ana.heard(|value| value["type"] == "request"), "nobody is heard");
    // At the end it waits a while, and then says that it was not sent.
    let ended = ben.ends();
    assert_eq!(ended.code, Some(1));
    assert!(ended.stderr.starts_with("saga: 1 message was not sent"), "{}", ended.stderr);
}

#[test]
fn an_admin_who_was_invited_invites_others_and_the_door_can_be_opened() {
    let place = Place::new();
    let (mut ana, mut ben) = ana_and_ben(&place);
    ana.says("/invite ben admin");
    ben.hears("done", |value| value["text"].as_str().unwrap().contains("admin"));
    ben.says("/door invite");
    assert_eq!(ben.hears("door", |_| true)["door"], "invite");
    ana.says("/door invite");
    ana.hears("door", |_| true);
    let mut cy = Talker::joins(&place, "cy", &mut ben);
    ben.hears("join", |value| value["name"] == "cy");
    ben.says("/invite cy");
    cy.hears("done", |value| value["text"] == "you may write now");
    cy.writes("thanks to ben");
    ana.reads("thanks to ben");
}

#[test]
fn what_the_removed_write_later_shows_up_nowhere() {
    let place = Place::new();
    let (mut ana, mut ben) = ana_and_ben(&place);
    let mut cy = Talker::joins(&place, "cy", &mut ana);
    cy.hears("done", |value| value["text"] == "you may write now");
    ben.writes("while I could");
    cy.reads("while I could");
    ana.reads("while I could");
    // Ben is off the network when he is removed, and writes on.
    ben.ends().well();
    ana.hears("leave", |value| value["name"] == "ben");
    ana.says("/remove ben");
    let done = ana.hears("done", |value| value["text"].as_str().unwrap().contains("writes no more"));
    assert!(done["text"].as_str().unwrap().contains("Reading goes on"));
    let mut ben = Talker::of("ben", &mut talker(&place, "ben"));
    ben.writes("you cannot stop me");
    ben.ends().well();
    let address = ana.address().to_string();
    let mut ben = Talker::of("ben", talker(&place, "ben").args(["--connect", &address]));
    ana.writes("after ben");
    // He reads on, learns that he may not write, and what he wrote is gone for him, too.
    ben.reads("after ben");
    ben.hears("error", |value| value["why"].as_str().unwrap().contains("removed"));
    ben.says("still?");
    ben.hears("not_sent", |value| value["text"] == "still?");
    cy.reads("after ben");
    for talker in [&mut ana, &mut cy, &mut ben] {
        assert_eq!(talker.history(), ["while I could", "after ben"], "{}", talker.name);
    }
}

#[test]
fn a_stranger_with_another_key_does_not_get_in() {
    let place = Place::new();
    let mut ana = Talker::founds(&place, "ana", "open");
    ana.writes("among us");
    let address = ana.address().to_string();
    let key = "7".repeat(64);
    let mut eve = Talker::of("eve", talker(&place, "eve").args(["--join", &key, "--connect", &address]));
    eve.hears("net", |value| value["text"].as_str().unwrap().contains(&address));
    ana.hears("net", |value| value["text"].as_str().unwrap().contains("did not get in"));
    assert!(!ana.heard(|value| value["type"] == "join"));
    assert!(!eve.heard(|value| ["join", "message"].contains(&value["type"].as_str().unwrap())));
    assert!(eve.history().is_empty());
}
