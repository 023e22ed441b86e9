//! Standard input as a chain of nodes.

use crate::place::Place;

#[test]
fn a_hundred_thousand_lines_are_a_chain() {
    let place = Place::new();
    let log = place.log("a");
    let root = log.add("root");
    let lines: String = (0..100_000).map(|n| format!("line {n}\n")).collect();
    let ids = log.reads(&format!("add --lines --link {root}"), lines).done();
    let ids: Vec<&str> = ids.lines().collect();
    assert_eq!(ids.len(), 100_000);
    let info = log.info();
    assert_eq!((&info["nodes"], &info["heads"]), (&100_001.into(), &1.into()));
    let mut before = root.as_str();
    let listed = log.does("list --json --since 1");
    for (n, (line, id)) in listed.lines().zip(&ids).enumerate() {
        let writer = info["writer"].as_str().unwrap();
        let (change, seq) = (n + 2, n + 2);
        let expected = format!(
            r#"{{"change":{change},"id":"{id}","writer":"{writer}","seq":{seq},"links":["{before}"],"value":"line {n}"}}"#
        );
        assert_eq!(line, expected);
        before = id;
    }
    assert_eq!(listed.lines().count(), 100_000);
    log.is_sound();
}

#[test]
fn lines_are_the_bytes_between_newlines() {
    let place = Place::new();
    let cases: [(&[u8], &[&str]); 6] = [
        (b"", &[]),
        (b"\n", &[""]),
        (b"\n\n", &["", ""]),
        (b"one\ntwo", &["one", "two"]),
        (b"one\ntwo\n", &["one", "two"]),
        (b" one\r\n\ttwo ", &[" one\r", "\ttwo "]),
    ];
    for (n, (input, values)) in cases.into_iter().enumerate() {
        let log = place.log(&n.to_string());
        assert_eq!(log.reads("add --lines", input).done().lines().count(), values.len());
        let kept: Vec<_> =
            log.nodes().iter().map(|node| node["value"].as_str().unwrap().to_owned()).collect();
        assert_eq!(kept, values, "{:?}", String::from_utf8_lossy(input));
    }
}

const LARGEST: usize = 1 << 20;

#[test]
fn a_line_may_be_as_long_as_a_value_and_no_longer() {
    let place = Place::new();
    let log = place.log("a");
    let largest = "x".repeat(LARGEST);
    log.reads("add --lines", format!("short\n{largest}\n")).done();
    log.reads("add --lines", &largest).done();
    assert_eq!(log.nodes().len(), 3);
    log.is_sound();

    let input = format!("one\ntwo\n{largest}x\nfour\n");
    let ran = log.reads("add --lines --atomic", &input);
    assert_eq!(
        ran.failed(),
        "hyperlog: line 3 is above the 1048576 bytes that a value can have: nothing was stored"
    );
    assert_eq!(log.nodes().len(), 3);

    let ran = log.reads("add --lines", &input);
    assert_eq!(ran.stdout.iter().filter(|byte| **byte == b'\n').count(), 2);
    let line = ran.failed_after_printing();
    assert_eq!(
        line,
        "hyperlog: line 3 is above the 1048576 bytes that a value can have: the lines before it are stored"
    );
    assert_eq!(log.nodes().len(), 5);

    // The place is counted over all commits.
    let many: String = "line\n".repeat(10_005);
    let line = log.reads("add --lines", format!("{many}{largest}x")).failed_after_printing();
    assert!(line.starts_with("hyperlog: line 10006 is above"), "{line}");
    assert_eq!(log.info()["nodes"], 5 + 10_005);
}

#[test]
fn a_value_on_the_command_line_meets_the_same_bound() {
    let place = Place::new();
    let log = place.log("a");
    // One argument cannot be as long as a value, so this is as far as it goes.
    log.run(["add", &"x".repeat(100_000)]).done();
    assert_eq!(log.nodes()[0]["value"].as_str().unwrap().len(), 100_000);
}

#[test]
fn atomic_lines_are_one_commit_of_several_groups() {
    let place = Place::new();
    let log = place.log("a");
    let lines: String = (0..20_001).map(|n| format!("{n}\n")).collect();
    assert_eq!(log.reads("add --lines --atomic", lines).done().lines().count(), 20_001);
    log.is_sound();
}

#[test]
fn options_of_lines_go_with_lines_only() {
    let place = Place::new();
    let log = place.log("a");
    log.run(["add", "--atomic", "x"]).misused();
    log.run(["add", "--lines", "x"]).misused();
}
