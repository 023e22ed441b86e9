//! Two maps that were written apart.

use std::fmt::Write as _;

use serde_json::json;

use super::{held, sync};
use crate::dice::Dice;
use crate::place::{Log, Place, json_lines};
use crate::replicate::{dupsh, line};

#[test]
fn both_sides_of_a_conflict_are_kept_and_who_has_seen_both_merges() {
    // HI-13
    let place = Place::new();
    let (db1, db2) = (place.log("db1"), place.log("db2"));
    db1.put("A", "\"beep\"");
    db1.put("A", "\"boop\"");
    db2.put("A", "\"whatever\"");
    db2.put("B", "\"hey\"");
    sync(&db1, &db2);
    assert_eq!(db1.held("A"), [json!("boop"), json!("whatever")]);
    assert_eq!(db1.get("A"), db2.get("A"));
    for db in [&db1, &db2] {
        assert_eq!(db.held("B"), [json!("hey")]);
        assert_eq!(db.keys("conflicts"), ["A"]);
    }
    db1.put("A", "\"whatboop\"");
    assert_eq!(db1.held("A"), [json!("whatboop")]);
    sync(&db1, &db2);
    let one = db2.get("A");
    assert_eq!(held(&one), [json!("whatboop")]);
    for db in [&db1, &db2] {
        db.kv("reindex");
        assert_eq!(db.get("A"), one);
        assert_eq!(db.kv("conflicts"), "");
    }
}

#[test]
fn a_delete_and_a_value_that_did_not_know_of_each_other_both_stay() {
    // HK-5
    let place = Place::new();
    let (a, b) = (place.log("a"), place.log("b"));
    a.put("foo", "\"bar\"");
    b.put("foo", "\"bar\"");
    a.kv("del foo");
    b.put("foo", "\"box\"");
    sync(&a, &b);
    assert_eq!(a.held("foo"), [json!("box"), json!(null)]);
    assert_eq!(a.get("foo"), b.get("foo"));
    assert_eq!(a.keys("list --present"), ["foo"], "it is not only deleted");
}

#[test]
fn push_only_sends_and_pull_only_receives() {
    let place = Place::new();
    let (a, b) = (place.log("a"), place.log("b"));
    a.put("a", "1");
    b.put("b", "2");
    let (a_said, _) = dupsh(&line(&a.call("push")), &line(&b.call("sync"))).well();
    assert!(
        a_said.contains("received 0 nodes, sent 1; the logs differ: entries went one way only"),
        "{a_said}"
    );
    assert_eq!((a.keys("list"), b.keys("list")), (vec!["a".into()], vec!["a".into(), "b".into()]));
    dupsh(&line(&a.call("pull")), &line(&b.call("push"))).well();
    assert_eq!(a.kv("list"), b.kv("list"));
    let both = dupsh(&line(&a.call("push")), &line(&b.call("push")));
    assert!(both.a.contains("hyperkv: ") && both.a.contains("both sides only push"), "{}", both.a);
    assert!(a.kv_run("sync --push").misused().contains("--push"));
}

/// A file of rows.
fn rows(count: usize) -> String {
    (0..count).fold(String::new(), |mut rows, n| {
        writeln!(rows, r#"{{"name":"name {n:05}","mail":"{n}@example.org","n":{n},"none":null}}"#).unwrap();
        rows
    })
}

/// Edits some of the keys by a batch: each once.
fn edit(log: &Log, who: &str, keys: &[usize]) {
    let edit = |n: &usize| match n % 5 {
        0 => format!("{{\"type\":\"del\",\"key\":\"name {n:05}\"}}\n"),
        _ => format!("{{\"type\":\"put\",\"key\":\"name {n:05}\",\"value\":\"of {who}\"}}\n"),
    };
    let ids = log.kv_reads("batch", keys.iter().map(edit).collect::<String>()).done();
    assert_eq!(ids.lines().count(), keys.len());
}

#[test]
fn a_file_that_two_have_imported_and_edited_apart_is_merged_to_one() {
    let place = Place::new();
    let (a, b) = (place.log("a"), place.log("b"));
    let mut dice = Dice::cast("edited apart");
    a.kv_reads("import --key name", rows(5_000)).done();
    sync(&a, &b);
    assert_eq!(b.kv("list").lines().count(), 5_000);
    let pick = |step: usize, start: u64| -> Vec<usize> {
        (usize::try_from(start).unwrap()..5_000).step_by(step).collect()
    };
    let (of_a, of_b) = (pick(7, dice.below(7)), pick(11, dice.below(11)));
    edit(&a, "a", &of_a);
    edit(&b, "b", &of_b);
    sync(&a, &b);
    let both: Vec<usize> = of_a.iter().copied().filter(|n| of_b.contains(n)).collect();
    let names: Vec<String> = both.iter().map(|n| format!("name {n:05}")).collect();
    assert!(both.len() > 50);
    assert_eq!(a.keys("conflicts"), names);
    assert_eq!(a.kv("conflicts --json"), b.kv("conflicts --json"));
    assert_eq!(a.kv("list --json"), b.kv("list --json"));
    for entry in json_lines(&a.kv("conflicts --json")) {
        let deleted = entry["key"].as_str().unwrap().ends_with(['0', '5']);
        let expected = if deleted { [json!(null), json!(null)] } else { [json!("of a"), json!("of b")] };
        assert_eq!(held(&entry["values"]), expected);
    }
    // One side merges by single puts, the other by a batch, half each.
    let (first, second) = names.split_at(20);
    for name in first {
        a.put(name, "\"merged\"");
    }
    let merges: String = second
        .iter()
        .map(|key| format!("{}\n", json!({"type": "put", "key": key, "value": "merged"})))
        .collect();
    b.kv_reads("batch", merges).done();
    sync(&a, &b);
    for db in [&a, &b] {
        assert_eq!(db.kv("conflicts"), "");
        assert_eq!(db.held(&names[0]), [json!("merged")]);
        assert_eq!(db.held(&names[names.len() - 1]), [json!("merged")]);
        db.is_sound();
    }
    assert_eq!(a.kv("list --json"), b.kv("list --json"));
    assert_eq!(a.kv("version"), b.kv("version"));
}
