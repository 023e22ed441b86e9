//! What other programs can have written into the log.

use hyperkv::{HyperKv, Write};
use hyperlog::disk::Folder;
use hyperlog::{Binary, Durability, Hyperlog};
use serde_json::json;

use super::held;
use crate::place::{Log, Place, json_lines};

/// Writes keys through the library, whatever they and their values are.
fn write(log: &Log, writes: impl IntoIterator<Item = Write<bytes::Bytes>>) {
    let folder = Folder::open(&log.0).unwrap();
    let graph = Hyperlog::<Binary>::open_in(&folder).unwrap().with_durability(Durability::Buffered);
    let kv: HyperKv<Binary> = HyperKv::over(&graph, folder.level()).unwrap();
    for write in writes {
        kv.write(write).unwrap();
    }
    kv.log().flush().unwrap();
}

fn put(key: impl AsRef<[u8]>, value: impl Into<Vec<u8>>) -> Write<bytes::Bytes> {
    Write::put(key, value.into())
}

#[test]
fn a_value_that_is_no_json_is_shown_as_such_beside_the_others() {
    let place = Place::new();
    let log = place.log("a");
    write(&log, [put("k", "\x1b[2J{"), put("k", "1").links([])]);
    let values: Vec<_> = log.get("k").as_object().unwrap().values().cloned().collect();
    let why = values.iter().find_map(|value| value["unreadable"].as_str()).unwrap();
    assert!(why.starts_with("the value is not JSON"), "{why}");
    assert!(values.contains(&json!({ "value": 1 })));
    assert!(log.kv("history k").contains("(unreadable: the value is not JSON"));
    assert!(json_lines(&log.kv("history k --json")).iter().any(|line| line["unreadable"].is_string()));
    log.put("k", "2");
    assert_eq!(log.held("k"), [json!(2)], "a write supersedes what it cannot read");
}

#[test]
fn a_key_that_is_no_text_cannot_be_taken_for_another() {
    let place = Place::new();
    let log = place.log("a");
    write(
        &log,
        [put(b"\xff", "1"), put("{\"base64\":\"/w==\"}", "2"), put("a\tb", "3"), put("\"a\\tb\"", "4")],
    );
    let text = log.kv("list");
    let keys: Vec<&str> = text.lines().map(|line| line.split_once('\t').unwrap().0).collect();
    assert_eq!(
        keys,
        ["\"\\\"a\\\\tb\\\"\"", "\"a\\tb\"", "\"{\\\"base64\\\":\\\"/w==\\\"}\"", "{\"base64\":\"/w==\"}"]
    );
    let told = json_lines(&log.kv("list --json"));
    assert_eq!(told[3]["key"], json!({ "base64": "/w==" }));
    assert_eq!(told[2]["key"], "{\"base64\":\"/w==\"}");
    assert_eq!(held(&told[3]["values"]), [json!(1)]);
}

#[test]
fn what_an_application_said_of_a_write_is_shown() {
    // HK-9, HK-10
    let place = Place::new();
    let log = place.log("a");
    write(&log, [put("k", "1").fields("why"), Write::del("d").fields(b"\xff".to_vec())]);
    assert_eq!(
        log.get("k").as_object().unwrap().values().next(),
        Some(&json!({ "value": 1, "fields": "why" }))
    );
    let deleted = json!({ "deleted": true, "fields": { "base64": "/w==" } });
    assert_eq!(log.get("d").as_object().unwrap().values().next(), Some(&deleted));
    assert_eq!(json_lines(&log.kv("history k --json"))[0]["fields"], "why");
}

#[test]
fn more_values_than_one_write_can_supersede_are_all_printed() {
    let place = Place::new();
    let log = place.log("a");
    write(&log, (0..600).map(|n| put("many", n.to_string()).links([])));
    let mut numbers: Vec<_> = log.held("many").iter().map(|value| value.as_u64().unwrap()).collect();
    numbers.sort_unstable();
    assert_eq!(numbers, (0..600).collect::<Vec<_>>());
    let listed = json_lines(&log.kv("list --json"));
    assert_eq!((&listed[0]["values"], &log.get("many")), (&log.get("many"), &listed[0]["values"]));
    assert_eq!(log.kv("conflicts"), log.kv("list"));
    assert_eq!(json_lines(&log.kv("diff 0 600 --json"))[0]["to"], listed[0]["values"]);
    // Each merge takes the first 256 of them.
    for left in [345, 90, 1] {
        log.put("many", "\"merged\"");
        assert_eq!(log.held("many").len(), left);
    }
    // What was there then is paged through as of then.
    let merged = json_lines(&log.kv("diff 600 603 --json"));
    assert_eq!((&merged[0]["from"], &merged[0]["to"]), (&listed[0]["values"], &log.get("many")));
}

#[test]
fn nodes_that_are_no_writes_are_no_part_of_the_map() {
    let place = Place::new();
    let log = place.log("a");
    log.append("no operation");
    log.put("k", "1");
    log.append("{\"key\":\"k\",\"value\":2}");
    assert_eq!(log.keys("list"), ["k"]);
    assert_eq!(log.held("k"), [json!(1)]);
    assert_eq!(log.nodes().len(), 3);
}
