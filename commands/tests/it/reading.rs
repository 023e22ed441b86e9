//! Lists, heads, numbers, checks and backups.

use std::fs;
use std::os::unix::fs::PermissionsExt;

use crate::place::Place;

#[test]
fn list_tells_exactly_these_keys_in_this_order() {
    let place = Place::new();
    let log = place.log("a");
    log.append("one");
    log.append("two");
    for line in log.does("list --json").lines() {
        let node: serde_json::Value = serde_json::from_str(line).unwrap();
        let keys: Vec<_> = node.as_object().unwrap().keys().cloned().collect();
        assert_eq!(keys, ["change", "id", "writer", "seq", "links", "value"]);
        assert_eq!(log.does(&format!("get --json {}", node["id"].as_str().unwrap())).trim_end(), line);
    }
    let heads = log.does("heads --json");
    assert_eq!(heads, log.does("list --json --since 1"));
}

#[test]
fn a_value_that_is_no_text_is_told_in_base64() {
    let place = Place::new();
    let log = place.log("a");
    log.reads("add --lines", b"\xff\xfe\ntext\n").done();
    let nodes = log.nodes();
    assert_eq!(nodes[0]["value"], serde_json::json!({ "base64": "//4=" }));
    assert_eq!(nodes[1]["value"], "text");
    assert!(log.does("list").contains("(2 bytes that are not text)"));
}

#[test]
fn since_limit_and_reverse_choose_what_is_listed() {
    let place = Place::new();
    let log = place.log("a");
    log.reads("add --lines", "1\n2\n3\n4\n5\n").done();
    let listed = |args: &str| -> Vec<u64> {
        let list = log.does(&format!("list --json {args}"));
        crate::place::json_lines(&list).iter().map(|node| node["change"].as_u64().unwrap()).collect()
    };
    assert_eq!(listed(""), [1, 2, 3, 4, 5]);
    assert_eq!(listed("--reverse"), [5, 4, 3, 2, 1]);
    assert_eq!(listed("--since 2"), [3, 4, 5]);
    assert_eq!(listed("--since 2 --limit 2"), [3, 4]);
    assert_eq!(listed("--since 2 --limit 2 --reverse"), [5, 4]);
    assert_eq!(listed("--limit 0"), [0; 0]);
    assert_eq!(listed("--since 5"), [0; 0]);
    assert_eq!(listed("--since 18446744073709551615"), [0; 0]);
    assert_eq!(listed("--limit 18446744073709551615"), [1, 2, 3, 4, 5]);
    log.run(["list", "--limit", "-1"]).misused();
    log.run(["list", "--since", "x"]).misused();
}

#[test]
fn an_empty_log_is_empty_everywhere() {
    let place = Place::new();
    let log = place.log("a");
    for command in ["list", "heads", "list --json", "heads --json"] {
        assert_eq!(log.does(command), "");
    }
    assert_eq!(
        log.does("fsck"),
        "clean: 0 nodes in 0 groups, 0 signatures, 0 values deleted, 0 not here yet\n"
    );
    assert_eq!((log.info()["nodes"].as_u64(), log.info()["heads"].as_u64()), (Some(0), Some(0)));
    let other = place.log("b");
    other.import(log.export()).done();
    assert_eq!(other.info()["nodes"], 0);
}

#[test]
fn info_counts_and_its_json_says_the_same() {
    let place = Place::new();
    let (log, other) = (place.log("a"), place.log("b"));
    log.add("one");
    log.add("two");
    other.add("three");
    log.import(other.export()).done();
    let info = log.info();
    let keys: Vec<_> = info.as_object().unwrap().keys().cloned().collect();
    assert_eq!(keys, ["dir", "writer", "nodes", "writers", "heads", "forks", "needs_catch_up"]);
    assert_eq!(
        (&info["nodes"], &info["writers"], &info["heads"], &info["forks"]),
        (&3.into(), &2.into(), &3.into(), &0.into())
    );
    let text = log.does("info");
    for (name, key) in [
        ("writer", "writer"),
        ("nodes", "nodes"),
        ("writers", "writers"),
        ("heads", "heads"),
        ("forks", "forks"),
    ] {
        let line = text.lines().find(|line| line.split_whitespace().next() == Some(name)).unwrap();
        let value = info[key].as_str().map_or_else(|| info[key].to_string(), Into::into);
        assert_eq!(line.split_whitespace().nth(1), Some(&*value));
    }
}

#[test]
fn a_backup_is_the_same_log_of_a_new_writer() {
    let place = Place::new();
    let (log, copy) = (place.log("a"), place.log("deep/copy"));
    log.reads("add --lines", "1\n2\n3\n").done();
    log.add("4");
    log.does(&format!("backup {}", copy.0.display()));
    assert!(
        !copy.path("identity").exists() && !copy.path("sidecar").exists(),
        "the key must stay where it is"
    );
    let mode = fs::metadata(&copy.0).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode, 0o700, "a copy of private values is private");
    assert_eq!((copy.ids(), copy.heads()), (log.ids(), log.heads()));
    assert_ne!(copy.info()["writer"], log.info()["writer"]);
    copy.is_sound();
    copy.append("5");
    assert_eq!(copy.nodes()[4]["seq"], 1);
    let ran = log.import(copy.export());
    assert!(!ran.stderr.contains("fork"), "{}", ran.stderr);
    assert_eq!(log.ids(), copy.ids());
}

#[test]
fn a_backup_never_replaces_anything() {
    let place = Place::new();
    let (log, copy) = (place.log("a"), place.log("b"));
    log.add("one");
    log.does(&format!("backup {}", copy.0.display()));
    log.add("two");
    let before = copy.ids();
    for target in [&copy.0, &log.0] {
        let line = log.fails(&format!("backup {}", target.display()));
        assert!(line.contains("exists already: choose a new path"), "{line}");
    }
    assert_eq!(copy.ids(), before);
    let file = place.path().join("file");
    fs::write(&file, "precious").unwrap();
    for target in [file.clone(), file.join("below")] {
        let line = log.fails(&format!("backup {}", target.display()));
        assert!(line.contains(&*target.to_string_lossy()), "{line}");
    }
    assert_eq!(fs::read(&file).unwrap(), b"precious");
    assert_eq!(log.nodes().len(), 2);
}
