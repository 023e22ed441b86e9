//! Files of rows.

use std::fmt::Write as _;
use std::fs::{self, File, OpenOptions};
use std::process::Stdio;

use serde_json::json;

use crate::place::{Log, Place, json_lines};

fn rows(count: usize) -> String {
    (0..count).fold(String::new(), |mut rows, n| {
        writeln!(rows, "{{\"key\":\"key {n}\",\"value\":{n}}}").unwrap();
        rows
    })
}

/// How many were new and how many unchanged.
#[track_caller]
fn import(log: &Log, call: &str, input: &str) -> (u64, u64) {
    let told = json_lines(&log.kv_reads(&format!("{call} --json"), input).done());
    (told[0]["new"].as_u64().unwrap(), told[0]["unchanged"].as_u64().unwrap())
}

#[test]
fn what_is_imported_again_changes_nothing() {
    let place = Place::new();
    let log = place.log("a");
    // More than one commit.
    let rows = rows(12_345);
    let ran = log.kv_reads("import", &rows);
    assert!(ran.stderr.ends_with("\nimported 12345 new rows, 0 unchanged\n"), "{}", ran.stderr);
    assert_eq!(ran.done(), "");
    let (list, version) = (log.kv("list"), log.kv("version"));
    assert_eq!(list.lines().count(), 12_345);
    assert_eq!(log.kv_reads("import", &rows).stderr, "imported 0 new rows, 12345 unchanged\n");
    assert_eq!((log.kv("list"), log.kv("version")), (list, version));
    assert_eq!(log.nodes().len(), 12_345);
    log.is_sound();
}

#[test]
fn only_rows_that_say_something_new_are_written() {
    let place = Place::new();
    let log = place.log("a");
    assert_eq!(import(&log, "import", "{\"key\":\"a\",\"value\":{\"x\":1,\"y\":2}}\n"), (1, 0));
    // The order of fields says nothing; a type, a number of another kind or a missing field does.
    assert_eq!(
        import(&log, "import", "{\"value\":{\"y\":2,\"x\":1},\"key\":\"a\",\"type\":\"put\"}"),
        (0, 1)
    );
    for value in ["{\"x\":1}", "{\"x\":1.0}", "{\"x\":\"1\"}", "[]", "null"] {
        let row = format!("{{\"key\":\"a\",\"value\":{value}}}\n");
        assert_eq!((import(&log, "import", &row), import(&log, "import", &row)), ((1, 0), (0, 1)));
    }
    // What stands before in the same commit counts, too.
    let twice = "{\"key\":\"b\",\"value\":1}\n{\"key\":\"b\",\"value\":1}\n{\"key\":\"b\",\"value\":2}\n{\"key\":\"b\",\"value\":1}\n";
    assert_eq!(import(&log, "import", twice), (3, 1));
    assert_eq!(log.held("b"), [json!(1)]);
    let del = "{\"type\":\"del\",\"key\":\"b\"}\n{\"type\":\"del\",\"key\":\"b\"}\n";
    assert_eq!((import(&log, "import", del), import(&log, "import", del)), ((1, 1), (0, 2)));
    assert_eq!(log.held("b"), [json!(null)]);
    assert_eq!(import(&log, "import", ""), (0, 0));
    assert_eq!(import(&log, "import", "\n \n"), (0, 0));
}

#[test]
fn a_row_for_a_key_in_conflict_resolves_it() {
    let place = Place::new();
    let (a, b) = (place.log("a"), place.log("b"));
    a.put("k", "1");
    b.put("k", "2");
    super::sync(&a, &b);
    assert_eq!(import(&a, "import", "{\"key\":\"k\",\"value\":1}\n"), (1, 0));
    assert_eq!(a.held("k"), [json!(1)]);
}

#[test]
fn a_field_of_every_line_can_be_the_key() {
    let place = Place::new();
    let log = place.log("a");
    let input = "{\"id\":7,\"name\":\"ana\"}\n{\"name\":\"ben\",\"id\":\"x y\",\"value\":0}\n{\"id\":-15}\n";
    assert_eq!(import(&log, "import --key id", input), (3, 0));
    assert_eq!(import(&log, "import --key id", input), (0, 3));
    assert_eq!(log.keys("list"), ["-15", "7", "x y"]);
    assert_eq!(log.held("x y"), [json!({ "name": "ben", "id": "x y", "value": 0 })]);
    assert!(log.kv("get 'x y'").contains("{\"name\":\"ben\",\"id\":\"x y\",\"value\":0}"), "in this order");
    for (bad, why) in [
        ("{\"name\":\"ana\"}", "id not provided"),
        ("{\"id\":null}", "id is neither text nor a whole number"),
        ("{\"id\":1.5}", "id is neither text nor a whole number"),
        ("{\"id\":100000000000000000001}", "100000000000000000001 does not fit into 64 bits"),
        ("{\"id\":\"\"}", "a key has 1 to 1024 bytes"),
        ("7", "not an object"),
    ] {
        let line = log.kv_reads("import --key id", bad).failed();
        assert!(line.starts_with(&format!("hyperkv: line 1: {why}")), "{line}");
    }
}

#[test]
fn a_bad_line_is_named_and_what_stands_before_it_is_stored() {
    let place = Place::new();
    for (n, before) in [0, 1, 9_999, 10_000, 10_001].into_iter().enumerate() {
        let log = place.log(&n.to_string());
        let input = rows(before) + "{\"key\":\"bad\"}\n{\"key\":\"behind\",\"value\":1}\n";
        let line = log.kv_reads("import", &input).failed();
        let why = format!(
            "hyperkv: line {}: value not provided; the rows before it are stored: {before} new, 0 unchanged",
            before + 1
        );
        assert_eq!(line, why);
        assert_eq!(log.kv("list").lines().count(), before);
        // Mended, it goes on.
        let mended = input.replace("\"bad\"", "\"bad\",\"value\":0");
        assert_eq!(import(&log, "import", &mended), (2, before as u64));
    }
    let log = place.log("more");
    for (bad, why) in [
        ("{\"type\":\"beep\",\"key\":\"a\"}", "batch type not recognized"),
        ("{\"key\":\"a\",\"values\":{}}", "value not provided"),
        ("{\"key\":\"a\",\"value\":1,\"links\":[]}", "there is no field \"links\""),
        ("{\"key\":\"a\",", "not JSON"),
    ] {
        let line = log.kv_reads("import", bad).failed();
        assert!(line.starts_with(&format!("hyperkv: line 1: {why}")), "{line}");
    }
}

#[test]
fn a_file_imports_as_a_pipe_does() {
    let place = Place::new();
    let (file, log) = (place.path().join("rows"), place.log("a"));
    fs::write(&file, rows(100)).unwrap();
    let mut command = log.call("import");
    let output = command.stdin(File::open(&file).unwrap()).stdout(Stdio::null()).output().unwrap();
    assert!(
        String::from_utf8_lossy(&output.stderr).ends_with("imported 100 new rows, 0 unchanged\n"),
        "{output:?}"
    );
    assert_eq!(import(&log, "import", &rows(100)), (0, 100));
}

#[test]
fn a_report_that_finds_no_room_is_a_failure_and_the_rows_are_there() {
    let place = Place::new();
    let log = place.log("a");
    log.put("a", "1");
    fs::write(place.path().join("rows"), rows(10)).unwrap();
    for call in
        ["get a", "list", "list --json", "history a", "diff 0 1", "version", "put a 2", "import --json"]
    {
        let mut command = log.call(call);
        command.stdin(File::open(place.path().join("rows")).unwrap());
        let output =
            command.stdout(OpenOptions::new().write(true).open("/dev/full").unwrap()).output().unwrap();
        let said = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(1), "{call}: {said}");
        assert!(said.contains("No space left") && said.lines().count() == 1, "{call}: {said}");
    }
    assert_eq!(log.keys("list").len(), 11);
    assert_eq!(log.held("a"), [json!(2)]);
}

#[test]
fn numbers_come_back_as_they_were_and_importing_them_again_changes_nothing() {
    let place = Place::new();
    let log = place.log("a");
    let numbers = [
        "0.1",
        "1e23",
        "9007199254740993",
        "18446744073709551615",
        "1.2543025e-32",
        "2.2250738585072014e-308",
    ];
    let rows: String = numbers
        .iter()
        .enumerate()
        .map(|(n, number)| format!("{{\"key\":\"{n}\",\"value\":{number}}}\n"))
        .collect();
    assert_eq!(import(&log, "import", &rows), (numbers.len() as u64, 0));
    assert_eq!(import(&log, "import", &rows), (0, numbers.len() as u64));
    for (n, number) in numbers.iter().enumerate() {
        let held = log.held(&n.to_string());
        assert_eq!(held[0].as_f64(), Some(number.parse().unwrap()), "{number}");
    }
    let line = log.kv_reads("import", "{\"key\":\"k\",\"value\":[18446744073709551616]}").failed();
    assert!(line.contains("does not fit into 64 bits: write it as text"), "{line}");
    assert!(log.kv_run("put k 18446744073709551616").misused().contains("does not fit into 64 bits"));
}
