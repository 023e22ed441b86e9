//! Adding nodes and entries, one process after the other.

use crate::place::{Place, json_lines, run};

/// HL-90.
#[test]
fn two_adds_in_two_processes_are_entries_1_and_2_and_the_second_links_the_first() {
    let place = Place::new();
    let log = place.log("a");
    let hello = log.add("hello");
    let there = log.run(["add", "there", "--link", &hello]).done();
    let nodes = log.nodes();
    assert_eq!(nodes.len(), 2);
    assert_eq!((&nodes[0]["seq"], &nodes[1]["seq"]), (&1.into(), &2.into()));
    assert_eq!((nodes[0]["id"].as_str(), nodes[1]["id"].as_str()), (Some(&*hello), Some(there.trim_end())));
    assert_eq!(nodes[0]["links"], serde_json::json!([]));
    assert_eq!(nodes[1]["links"], serde_json::json!([hello]));
    assert_eq!(nodes[0]["writer"], nodes[1]["writer"]);
    assert_eq!(log.heads(), [there.trim_end()]);
    log.is_sound();
}

/// SC-15 and SC-7.
#[test]
fn entries_of_two_processes_are_numbered_on_and_their_writer_stays() {
    let place = Place::new();
    let log = place.log("a");
    let peers: Vec<String> = (1..=2)
        .map(|seq| {
            let line = log.scuttles(["append", "hello world"]).done();
            let (peer, number) = line.trim_end().split_once(' ').unwrap();
            assert_eq!(number, seq.to_string());
            peer.to_owned()
        })
        .collect();
    assert_eq!(peers[0], peers[1]);
    let read = log.scuttles(["read", "--json"]).done();
    let expected = |seq| format!(r#"{{"peer":"{}","seq":{seq},"entry":"hello world"}}"#, peers[0]);
    assert_eq!(read.lines().collect::<Vec<_>>(), [expected(1), expected(2)]);
    assert_eq!(log.scuttles(["entry", &peers[0], "2"]).done(), "hello world");
    assert_eq!(log.scuttles(["read", "--tail", "1", "--json"]).done().trim_end(), expected(2));
}

/// SC-8.
#[test]
fn a_deleted_entry_is_a_hole_and_the_numbers_go_on() {
    let place = Place::new();
    let log = place.log("a");
    for value in ["one", "two"] {
        log.scuttles(["append", value]).done();
    }
    let peer = json_lines(&log.scuttles(["read", "--json"]).done())[0]["peer"].as_str().unwrap().to_owned();
    assert_eq!(log.scuttles(["del", &peer, "1"]).done(), "");
    let line = log.scuttles(["entry", &peer, "1"]).failed();
    assert_eq!(
        line,
        format!(
            "scuttleup: writer {peer} has no value under 1 in this log: no such entry, or it was deleted, has not come yet, or is not wanted here"
        )
    );
    let entries = json_lines(&log.scuttles(["read", "--json"]).done());
    assert!(entries.iter().all(|entry| entry["entry"] != "one"), "{entries:?}");
    assert_eq!(log.scuttles(["append", "three"]).done(), format!("{peer} 3\n"));
    log.scuttles(["del", &peer, "9"]).failed();
}

#[test]
fn a_link_that_leads_nowhere_stores_nothing() {
    let place = Place::new();
    let log = place.log("a");
    log.add("first");
    let nowhere = "7".repeat(64);
    let line = log.fails(&format!("add second --link {nowhere}"));
    assert_eq!(line, format!("hyperlog: the node links to {nowhere}, which is not in this log"));
    assert_eq!(log.nodes().len(), 1);
    let ran = log.reads(&format!("add --lines --link {nowhere}"), "one\ntwo\n");
    assert!(ran.failed().contains(&nowhere));
    assert_eq!(log.nodes().len(), 1);
}

#[test]
fn a_malformed_id_is_refused_before_anything_is_touched() {
    let place = Place::new();
    let log = place.log("a");
    let ids = ["", "7", &"7".repeat(63), &"7".repeat(65), &"g".repeat(64), &"é".repeat(32), &" 7".repeat(32)];
    for id in ids {
        for args in [["add", "value", "--link", id].as_slice(), &["get", id]] {
            let line = log.run(args).misused();
            assert!(line.contains("64 hexadecimal digits"), "{line}");
        }
        let line = log.scuttles(["entry", id, "1"]).misused();
        assert!(line.contains("64 hexadecimal digits"), "{line}");
    }
    assert!(!log.0.exists(), "a folder was made for a call that could not be right");
}

#[test]
fn a_node_that_is_not_here_is_named() {
    let place = Place::new();
    let log = place.log("a");
    let nowhere = "7".repeat(64);
    assert_eq!(log.fails(&format!("get {nowhere}")), format!("hyperlog: node {nowhere} is not in this log"));
}

#[test]
fn append_links_all_heads() {
    let place = Place::new();
    let log = place.log("a");
    let mut roots = vec![log.add("one"), log.add("two")];
    roots.sort_unstable();
    assert_eq!(log.heads(), roots);
    let merge = log.append("merge");
    assert_eq!(log.heads(), [merge]);
    assert_eq!(log.nodes()[2]["links"], serde_json::json!(roots));
}

#[test]
fn a_value_may_look_like_an_option_or_be_empty() {
    let place = Place::new();
    let log = place.log("a");
    let values = ["-x", "--", "-", "--nothing", "-1", "", " ", "--lines"];
    for value in values {
        log.run(["add", "--", value]).done();
    }
    // Those that mean nothing else need no `--`.
    log.run(["add", "-x"]).done();
    log.run(["append", "-1"]).done();
    log.run(["add", ""]).done();
    let kept: Vec<_> = log.nodes().iter().map(|node| node["value"].as_str().unwrap().to_owned()).collect();
    assert_eq!(kept[..values.len()], values);
    assert_eq!(kept[values.len()..], ["-x", "-1", ""]);
    let line = log.run(["add"]).misused();
    assert!(line.contains("required"), "{line}");
    let other = place.log("b");
    assert!(other.scuttles(["append", "-x"]).done().ends_with(" 1\n"));
    assert!(other.scuttles(["append", ""]).done().ends_with(" 2\n"));
}

#[test]
fn get_gives_the_exact_bytes() {
    let place = Place::new();
    let log = place.log("a");
    let values: [&[u8]; 6] = [b"", b"\r", b"\x00\x01\x1b[2J", b"\xff\xfe", b"a\tb ", "grüße".as_bytes()];
    let input = values.join(&b"\n"[..]);
    let ids = log.reads("add --lines", &input).done();
    for (id, value) in ids.lines().zip(values) {
        let ran = log.run(["get", id]);
        assert_eq!(ran.stdout, value);
        assert!(ran.status.success());
    }
    assert_eq!(ids.lines().count(), values.len());
}

#[test]
fn what_is_added_is_told_in_json_where_that_is_asked_for() {
    let place = Place::new();
    let log = place.log("a");
    let mut told = log.does("add one --json");
    told.push_str(&log.does("append two --json"));
    told.push_str(&log.reads("add --lines --json", "three\nfour").done());
    assert_eq!(told, log.does("list --json"));
    let other = place.log("b");
    let told = other.scuttles(["append", "one", "--json"]).done();
    let keys: Vec<_> = json_lines(&told)[0].as_object().unwrap().keys().cloned().collect();
    assert_eq!(keys, ["peer", "seq", "id"]);
    let peer = json_lines(&told)[0]["peer"].as_str().unwrap().to_owned();
    let entry = other.scuttles(["entry", &peer, "1", "--json"]).done();
    assert_eq!(entry, other.scuttles(["read", "--json"]).done());
}

#[test]
fn an_argument_that_is_no_text_is_refused_in_words() {
    use std::os::unix::ffi::OsStrExt;
    let place = Place::new();
    let mut command = place.log("a").hyperlog();
    command.arg("add").arg(std::ffi::OsStr::from_bytes(b"\xff"));
    assert!(run(&mut command, b"").misused().contains("UTF-8"));
}
