//! Listing, histories, differences.

use serde_json::{Value, json};

use super::{held, sync};
use crate::place::{Log, Place, json_lines};

/// A map with some keys.
fn some(place: &Place) -> Log {
    let log = place.log("a");
    let put = |key: &str| format!("{{\"type\":\"put\",\"key\":\"{key}\",\"value\":\"of {key}\"}}\n");
    log.kv_reads("batch", ["a", "b", "ba", "bb", "c", "d"].map(put).concat()).done();
    log.kv("del c");
    log
}

#[test]
fn where_nothing_was_written_nothing_is_printed() {
    // HK-2
    let place = Place::new();
    let log = place.log("a");
    assert_eq!(log.kv("get A"), "{}\n");
    assert_eq!(log.kv("get A --json"), "{}\n");
    for call in ["list", "list --json", "history A", "history A --json", "conflicts", "diff 0 0"] {
        assert_eq!(log.kv(call), "", "{call}");
    }
    assert_eq!(log.kv("version"), "0\n");
    assert!(log.kv_fails("diff 0 5").contains("there is no change 5: this log ends at 0"));
}

#[test]
fn a_line_has_a_key_and_what_it_holds() {
    let place = Place::new();
    let log = place.log("a");
    let (one, two) = (log.put("a key", "1"), log.put("b", "{\"x\":[]}"));
    let listed =
        format!("a key\t{{\"{one}\":{{\"value\":1}}}}\nb\t{{\"{two}\":{{\"value\":{{\"x\":[]}}}}}}\n");
    assert_eq!(log.kv("list"), listed);
    let listed = log.kv("list --json");
    assert_eq!(
        listed.lines().next(),
        Some(&*format!("{{\"key\":\"a key\",\"values\":{{\"{one}\":{{\"value\":1}}}}}}"))
    );
}

#[test]
fn ranges_prefix_limit_and_reverse_choose_what_is_listed() {
    // HK-7, HK-15
    let place = Place::new();
    let log = some(&place);
    for (options, keys) in [
        ("", "a b ba bb c d"),
        ("--gt b", "ba bb c d"),
        ("--gte b", "b ba bb c d"),
        ("--lt bb", "a b ba"),
        ("--lte bb", "a b ba bb"),
        ("--gt a --lte ba", "b ba"),
        ("--prefix b", "b ba bb"),
        ("--prefix b --gt b --reverse", "bb ba"),
        ("--limit 2", "a b"),
        ("--limit 2 --reverse", "d c"),
        ("--limit 0", ""),
        ("--present", "a b ba bb d"),
        ("--present --gte c --limit 1", "d"),
        ("--gt d", ""),
        ("--gt c --lt b", ""),
        ("--prefix ''", "a b ba bb c d"),
    ] {
        assert_eq!(log.keys(&format!("list {options}")).join(" "), keys, "{options}");
    }
    log.kv_run("list --limit -1").misused();
}

#[test]
fn a_deleted_key_is_listed_as_deleted_unless_only_what_is_there_is_wanted() {
    let place = Place::new();
    let log = some(&place);
    let listed = json_lines(&log.kv("list --json --gte c --limit 1"));
    assert_eq!(listed[0]["key"], "c");
    assert!(
        listed[0]["values"].as_object().unwrap().values().all(|value| *value == json!({ "deleted": true }))
    );
    assert!(!log.kv("list --present").contains("deleted"));
}

#[test]
fn the_history_of_a_key_is_told_newest_first() {
    // HK-13, HK-22
    let place = Place::new();
    let log = place.log("a");
    let a = log.put("X", "100");
    log.put("other", "1");
    let b = log.put("X", "201");
    let c = log.kv(&format!("put X 202 --link {a}")).trim_end().to_owned();
    let d = log.kv("del X").trim_end().to_owned();
    let told = json_lines(&log.kv("history X --json"));
    let ids: Vec<&str> = told.iter().map(|line| line["id"].as_str().unwrap()).collect();
    assert_eq!(ids, [&d, &c, &b, &a]);
    let keys: Vec<Vec<&String>> =
        told.iter().map(|line| line.as_object().unwrap().keys().collect()).collect();
    assert_eq!(keys[0], ["change", "id", "writer", "seq", "links", "key", "deleted"]);
    assert_eq!(keys[1], ["change", "id", "writer", "seq", "links", "key", "value"]);
    assert_eq!(
        (&told[0]["key"], &told[0]["change"], &told[1]["value"]),
        (&json!("X"), &json!(5), &json!(202))
    );
    let mut links = [b.clone(), c];
    links.sort_unstable();
    let mut seen: Vec<&str> =
        told[0]["links"].as_array().unwrap().iter().map(|link| link.as_str().unwrap()).collect();
    seen.sort_unstable();
    assert_eq!(
        (seen, &told[1]["links"], &told[3]["links"]),
        (links.iter().map(|id| &**id).collect(), &json!([a]), &json!([]))
    );
    let text = log.kv("history X");
    let lines: Vec<&str> = text.lines().collect();
    assert!(lines[0].contains(&d) && lines[0].ends_with("  (deleted)"), "{text}");
    assert!(lines[2].contains(&format!(" <- {}  201", &a[..8])), "{text}");
    assert_eq!(lines.len(), 4);
}

#[test]
fn conflicts_are_the_keys_with_several_values() {
    let place = Place::new();
    let (a, b) = (place.log("a"), place.log("b"));
    for (key, json) in [("p/one", "1"), ("p/two", "1"), ("q", "1")] {
        a.put(key, json);
    }
    b.put("p/two", "2");
    b.put("q", "2");
    b.put("r", "2");
    assert_eq!(a.kv("conflicts"), "");
    sync(&a, &b);
    for log in [&a, &b] {
        assert_eq!(log.keys("conflicts"), ["p/two", "q"]);
        assert_eq!(log.keys("conflicts --prefix p/"), ["p/two"]);
        assert_eq!(log.kv("conflicts --prefix q"), log.kv("list --prefix q"));
        assert_eq!(held(&json_lines(&log.kv("conflicts --json"))[1]["values"]), [json!(1), json!(2)]);
    }
}

#[test]
fn a_difference_is_between_changes_or_versions_here_and_elsewhere() {
    let place = Place::new();
    let (a, b) = (place.log("a"), place.log("b"));
    let one = a.put("k", "1");
    a.put("same", "0");
    let before = a.kv("version");
    let before = before.trim_end();
    let two = a.put("k", "2");
    a.put("new", "3");
    assert_eq!(json_lines(&a.kv("version --json"))[0]["change"], 4);
    let line = format!("k\t{{\"{one}\":{{\"value\":1}}}}\t{{\"{two}\":{{\"value\":2}}}}\n");
    assert_eq!(a.kv("diff 2 3"), line);
    assert_eq!(a.kv(&format!("diff {before} 4 --prefix k")), line);
    let told = json_lines(&a.kv(&format!("diff {before} {} --json", a.kv("version").trim_end())));
    let keys: Vec<&String> = told[0].as_object().unwrap().keys().collect();
    assert_eq!(keys, ["key", "from", "to"]);
    assert_eq!(
        (&told[0]["key"], &told[1]["key"], &told[1]["from"]),
        (&json!("k"), &json!("new"), &json!({}))
    );
    assert_eq!(a.kv("diff 4 4"), "");
    assert_eq!(json_lines(&a.kv("diff 4 0 --json")).len(), 3, "backwards, too");
    // A version names the same wherever it is known.
    assert!(b.kv_fails(&format!("diff {before} 0")).contains("which is not in this log"));
    b.put("k", "9");
    sync(&a, &b);
    let there: Vec<Value> =
        json_lines(&b.kv(&format!("diff {before} {} --json", b.kv("version").trim_end())));
    let k = there.iter().find(|line| line["key"] == "k").unwrap();
    assert_eq!((held(&k["from"]), held(&k["to"])), (vec![json!(1)], vec![json!(2), json!(9)]));
    assert_eq!(a.kv("version"), b.kv("version"));
    for wrong in ["x", "-1", "7+", ""] {
        let line = a.kv_run(&format!("diff '{wrong}' 0")).misused();
        assert!(wrong == "-1" || line.contains("a version is ids joined by +, or 0"), "{line}");
    }
}

#[test]
fn info_and_backup_are_those_of_the_log() {
    let place = Place::new();
    let (log, copy) = (some(&place), place.log("copy"));
    assert_eq!(log.kv("info"), log.does("info"));
    assert_eq!(log.kv("info --json"), log.does("info --json"));
    log.kv(&format!("backup {}", copy.0.display()));
    assert!(!copy.path("identity").exists(), "the key must stay where it is");
    assert_eq!(copy.kv("list"), log.kv("list"));
    copy.put("a", "2");
    assert_eq!(copy.held("a"), [json!(2)]);
    sync(&log, &copy);
    assert_eq!(copy.kv("list"), log.kv("list"));
}
