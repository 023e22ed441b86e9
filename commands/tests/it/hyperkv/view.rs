//! The view, built anew.

use serde_json::json;

use crate::damaged::{flip, tamper};
use crate::place::{Log, Place, json_lines};

fn some(place: &Place) -> Log {
    let log = place.log("a");
    let rows: String =
        (0..5_000).map(|n| format!("{{\"key\":\"key {}\",\"value\":{n}}}\n", n % 999)).collect();
    log.kv_reads("import", rows).done();
    log
}

#[test]
fn reindex_says_how_many_nodes_and_changes_nothing() {
    let place = Place::new();
    let log = some(&place);
    let (list, version) = (log.kv("list"), log.kv("version"));
    let ran = log.kv_run("reindex");
    assert_eq!((&*ran.stderr, &*ran.stdout), ("built the view anew from 5000 nodes\n", &b""[..]));
    let told = log.kv_run("reindex --json");
    assert_eq!(told.stderr, "");
    assert_eq!(json_lines(&told.done()), [json!({ "nodes": 5000 })]);
    assert_eq!((log.kv("list"), log.kv("version")), (list, version));
    assert_eq!(place.log("new").kv_run("reindex --json").done(), "{\"nodes\":0}\n");
}

#[test]
fn a_view_that_is_built_anew_says_why_once() {
    let place = Place::new();
    let log = some(&place);
    let list = log.kv("list");
    for (damage, why) in [
        (None, "its place in the log cannot be read"),
        (Some(13), "it was made of another log"),
        (Some(4), "version 1 of the view instead of 0"),
    ] {
        tamper(&log, "index/kv", |rows| {
            let cursor = rows.iter_mut().find(|(key, _)| key == b"c").unwrap();
            match damage {
                None => cursor.1 = Some(b"nonsense".to_vec()),
                Some(place) => flip(cursor, |_| place),
            }
        });
        for call in ["version", "info"] {
            assert_eq!(log.kv_run(call).stderr, "", "it does not need the view");
        }
        let ran = log.kv_run("list");
        assert_eq!(ran.stderr, format!("building the view anew: {why}\n"));
        assert_eq!(ran.done(), list);
        assert_eq!(log.kv_run("list").stderr, "");
    }
    // Without any row it is built as it was at first, which needs no reason.
    tamper(&log, "index/kv", |rows| rows.iter_mut().for_each(|row| row.1 = None));
    let ran = log.kv_run("list");
    assert_eq!((&*ran.stderr, ran.stdout == list.as_bytes()), ("", true));
}

#[test]
fn what_came_while_nobody_looked_is_there_when_somebody_does() {
    let place = Place::new();
    let (a, b) = (some(&place), place.log("b"));
    b.put("key 1", "\"of b\"");
    b.import(a.export()).done();
    a.import(b.export()).done();
    assert_eq!(a.kv("list"), b.kv("list"));
    assert_eq!(a.keys("conflicts"), ["key 1"]);
}
