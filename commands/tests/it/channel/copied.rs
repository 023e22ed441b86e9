//! Channels that are copied, carried and checked.

use serde_json::json;

use super::{all_agree, two};
use crate::hyperkv::sync;
use crate::place::Place;

#[test]
fn a_backup_opens_as_the_channel_for_a_new_writer() {
    let place = Place::new();
    let (ana, ben, key) = two(&place);
    ben.put("b", "1");
    ana.put("a", "1");
    ana.does(&format!("revoke {} --keep-none", ben.writer()));
    sync(&ana, &ben);
    for (name, program) in [("hyperlog", true), ("hyperkv", false)] {
        let copy = place.log(name);
        let words = ["backup", copy.0.to_str().unwrap()];
        if program {
            ana.run(words).done()
        } else {
            ana.kv_run(&words.join(" ")).done()
        };
        assert!(!copy.path("identity").exists() && !copy.recovery().exists(), "a key was copied");
        assert_eq!((&copy.whoami()["channel"], &copy.whoami()["role"]), (&json!(key), &json!("reader")));
        all_agree(&[&ana, &copy]);
        assert!(copy.kv_fails("put c 1").contains("has no grant here"));
        sync(&ana, &copy);
        ana.authorize(&copy.writer());
        sync(&ana, &copy);
        copy.put(name, "1");
        sync(&ana, &copy);
        all_agree(&[&ana, &copy]);
    }
}

#[test]
fn an_export_carries_a_channel_to_who_has_opened_it() {
    let place = Place::new();
    let (ana, ben, key) = two(&place);
    ben.put("b", "1");
    let late = ben.export();
    ana.does(&format!("revoke {}", ben.writer()));
    let (reader, open) = (place.log("reader"), place.log("open"));
    let line = open.import(ana.export()).failed();
    assert!(
        line.contains(
            "this is an export of a channel, and here is an open log: run `open CHANNEL` here first"
        ),
        "{line}"
    );
    open.open(&key);
    assert_eq!(open.whoami()["channel"], *key, "an import that was refused spoils nothing");
    reader.open(&key);
    // In either order.
    reader.import(&late).done();
    assert_eq!(reader.held("b"), [json!(1)]);
    let ran = reader.import(ana.export());
    assert!(
        ran.stderr.contains("what counts here changed: 1 node does not count any more"),
        "{}",
        ran.stderr
    );
    ran.done();
    open.import(ana.export()).done();
    let ran = open.import(&late);
    assert!(!ran.stderr.contains("what counts here changed"), "it never counted here: {}", ran.stderr);
    ran.done();
    assert_eq!(open.get("b"), json!({}));
    all_agree(&[&reader, &open]);
    // What nobody granted is refused by whoever takes it in, and an export that is cut is none.
    let whole = ana.export();
    let fresh = place.log("fresh");
    fresh.open(&key);
    assert!(fresh.import(&whole[..whole.len() - 1]).failed().contains("cut off"));
}

#[test]
fn what_is_listed_says_what_does_not_count_either_way() {
    let place = Place::new();
    let (ana, ben, _) = two(&place);
    let lines: String = (0..3_000).map(|n| format!("{n}\n")).collect();
    let ids = ben.reads("add --lines", &lines).done();
    let ids: Vec<&str> = ids.lines().collect();
    sync(&ana, &ben);
    let ran = ana.run(["revoke", &ben.writer(), "--keep", ids[1_499]]);
    assert!(ran.stderr.contains("1500 nodes of those here do not count any more"), "{}", ran.stderr);
    ran.done();
    let mut void: Vec<String> = ids[1_500..].iter().map(|&id| id.to_owned()).collect();
    let listed = |words: &str| -> Vec<String> {
        let nodes = crate::place::json_lines(&ana.does(words));
        nodes
            .iter()
            .filter(|node| node["void"] == true)
            .map(|node| node["id"].as_str().unwrap().into())
            .collect()
    };
    assert_eq!(listed("list --json"), void);
    assert_eq!(listed("list --json --since 1502 --limit 10"), void[..9]);
    void.reverse();
    assert_eq!(listed("list --json --reverse"), void);
    let node: serde_json::Value =
        serde_json::from_str(&ana.does(&format!("get --json {}", ids[2_999]))).unwrap();
    assert_eq!((&node["void"], &node["value"]), (&json!(true), &json!("2999")));
    assert_eq!(ana.info()["void"], 1_500);
    ana.is_sound();
}
