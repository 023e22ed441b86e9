//! Putting, deleting, and batches.

use serde_json::json;

use crate::place::{Place, json_lines};

#[test]
fn a_value_that_was_put_is_held_under_the_id_that_was_printed() {
    // HK-1, HK-25
    let place = Place::new();
    let log = place.log("a");
    let id = log.put("A", "555");
    assert_eq!(log.get("A"), json!({ id.as_str(): { "value": 555 } }));
    let told = json_lines(&log.kv("put --json A '{\"b\":1,\"a\":[true,null,\"x\"]}'"));
    let (writer, second) = (told[0]["writer"].as_str().unwrap(), told[0]["id"].as_str().unwrap());
    let expected = format!(
        r#"{{"change":2,"id":"{second}","writer":"{writer}","seq":2,"links":["{id}"],"key":"A","value":{{"b":1,"a":[true,null,"x"]}}}}"#
    );
    assert_eq!(told[0].to_string(), expected);
    assert_eq!(
        log.kv("get A"),
        format!("{{\"{second}\":{{\"value\":{{\"b\":1,\"a\":[true,null,\"x\"]}}}}}}\n")
    );
    assert_eq!(writer, log.info()["writer"]);
}

#[test]
fn values_of_every_kind_come_back_as_they_were() {
    let place = Place::new();
    let log = place.log("a");
    for value in [
        "null",
        "true",
        "-5",
        "1.5",
        "1e+300",
        "18446744073709551615",
        "\"\"",
        "\"gr\u{fc}\u{df}e\"",
        "[]",
        "{}",
        "{\"z\":1,\"a\":{\"y\":2,\"b\":3}}",
        "\"-x\"",
    ] {
        let id = log.put("-key", value);
        let text = log.kv("get -- -key");
        assert_eq!(text, format!("{{\"{id}\":{{\"value\":{value}}}}}\n"));
    }
    // What means nothing else needs no `--`.
    log.kv("put -k -1");
    assert_eq!(log.kv("get -k").matches("-1}").count(), 1);
}

#[test]
fn who_forgets_the_quotes_is_shown_where_they_belong() {
    let place = Place::new();
    let log = place.log("a");
    for text in ["ana", "", "'ana'", "{a:1}", "1 2", "NaN"] {
        let line = crate::place::run(log.hyperkv().args(["put", "name", text]), b"").misused();
        assert!(line.contains("not JSON") && line.ends_with("put name '\"ana\"'"), "{line}");
    }
    assert!(!log.0.exists(), "a folder was made for a call that could not be right");
    assert!(log.kv_run("put name").misused().contains("required"));
}

#[test]
fn a_deleted_key_says_so_and_can_be_put_again() {
    // HK-4
    let place = Place::new();
    let log = place.log("a");
    let first = log.put("A", "1");
    let told = json_lines(&log.kv("del A --json"));
    let id = told[0]["id"].as_str().unwrap();
    assert_eq!((&told[0]["deleted"], &told[0]["links"]), (&json!(true), &json!([first])));
    assert_eq!(log.get("A"), json!({ id: { "deleted": true } }));
    log.put("A", "2");
    assert_eq!(log.held("A"), [json!(2)]);
    log.kv("del nothing");
    assert_eq!(log.held("nothing"), [json!(null)]);
}

#[test]
fn a_write_with_links_supersedes_these_and_no_others() {
    let place = Place::new();
    let log = place.log("a");
    let one = log.put("X", "1");
    let two = log.put("X", "2");
    // It has seen the first only, so it stands beside the second.
    log.kv(&format!("put X 3 --link {one}"));
    assert_eq!(log.held("X"), [json!(2), json!(3)]);
    log.kv(&format!("del X --link {two} --link {one}"));
    assert_eq!(log.held("X"), [json!(3), json!(null)]);
    log.put("X", "4");
    assert_eq!(log.held("X"), [json!(4)]);
}

#[test]
fn a_link_that_leads_nowhere_writes_nothing() {
    // HK-16
    let place = Place::new();
    let log = place.log("a");
    log.put("X", "1");
    let nowhere = "7".repeat(64);
    for call in [format!("put X 2 --link {nowhere}"), format!("del X --link {nowhere}")] {
        assert_eq!(
            log.kv_fails(&call),
            format!("hyperkv: the node links to {nowhere}, which is not in this log")
        );
    }
    let row = json!({ "type": "put", "key": "X", "value": 2, "links": [nowhere] });
    let line = log.kv_reads("batch", row.to_string()).failed();
    assert!(
        line.starts_with(&format!("hyperkv: line 1: it links to {nowhere}, which is not in this log")),
        "{line}"
    );
    assert!(log.kv_run("put X 2 --link 7").misused().contains("64 hexadecimal digits"));
    assert_eq!(log.held("X"), [json!(1)]);
    assert_eq!(log.nodes().len(), 1);
}

#[test]
fn a_key_has_a_byte_at_least_and_1024_at_most() {
    let place = Place::new();
    let log = place.log("a");
    let (longest, longer) = ("k".repeat(1024), "k".repeat(1025));
    log.put(&longest, "1");
    assert_eq!(log.held(&longest), [json!(1)]);
    for (call, len) in
        [("put '' 1".to_owned(), 0), (format!("put {longer} 1"), 1025), (format!("del {longer}"), 1025)]
    {
        let line = log.kv_fails(&call);
        assert!(line.contains(&format!("a key has 1 to 1024 bytes, this one has {len}")), "{line}");
    }
    assert_eq!(log.get(""), json!({}));
    assert_eq!(log.nodes().len(), 1);
}

#[test]
fn a_batch_is_one_commit_in_which_later_rows_supersede_earlier_ones() {
    // HK-11, HK-20
    let place = Place::new();
    let log = place.log("a");
    let old = log.put("C", "0");
    log.put("C", "1");
    let input = json!({ "type": "put", "key": "C", "value": 2, "links": [old] }).to_string()
        + "\n\n{\"type\":\"put\",\"key\":\"A\",\"value\":123}\n  {\"key\":\"B\",\"type\":\"put\",\"value\":null}\r\n"
        + "{\"type\":\"del\",\"key\":\"B\"}\n{\"type\":\"put\",\"key\":\"A\",\"value\":[1]}";
    let ids = log.kv_reads("batch", &input).done();
    let ids: Vec<&str> = ids.lines().collect();
    assert_eq!(ids.len(), 5);
    assert_eq!(log.held("C"), [json!(1), json!(2)]);
    assert_eq!(log.get("B"), json!({ ids[3]: { "deleted": true } }));
    assert_eq!(log.get("A"), json!({ ids[4]: { "value": [1] } }));
    let told =
        json_lines(&log.kv_reads("batch --json", "{\"type\":\"put\",\"key\":\"A\",\"value\":1}").done());
    assert_eq!(
        (&told[0]["key"], &told[0]["value"], &told[0]["links"]),
        (&json!("A"), &json!(1), &json!([ids[4]]))
    );
    assert_eq!(log.kv_reads("batch", "").done(), "");
}

#[test]
fn a_batch_with_a_bad_row_names_its_line_and_writes_nothing() {
    // HK-16
    let place = Place::new();
    let log = place.log("a");
    let good = "{\"type\":\"put\",\"key\":\"a\",\"value\":1}";
    let long = format!("{{\"type\":\"put\",\"key\":\"a\",\"value\":\"{}\"}}", "x".repeat(1 << 20));
    let endless = format!("{{\"type\":\"put\",\"key\":\"a\",\"value\":\"{}\"}}", "x".repeat(8 << 20));
    let key = format!("{{\"type\":\"put\",\"key\":\"{}\",\"value\":1}}", "x".repeat(1025));
    let cases = [
        ("{\"type\":\"beep\",\"key\":\"a\",\"value\":1}", "batch type not recognized"),
        ("{\"type\":5,\"key\":\"a\",\"value\":1}", "batch type not recognized"),
        ("{\"key\":\"a\",\"value\":1}", "batch type not provided"),
        ("{\"type\":\"put\",\"value\":1}", "key not provided"),
        ("{\"type\":\"put\",\"key\":5,\"value\":1}", "key is not text"),
        ("{\"type\":\"put\",\"key\":\"\",\"value\":1}", "a key has 1 to 1024 bytes, this one has 0"),
        (&key, "a key has 1 to 1024 bytes, this one has 1025"),
        ("{\"type\":\"put\",\"key\":\"a\"}", "value not provided"),
        ("{\"type\":\"del\",\"key\":\"a\",\"value\":1}", "a del has no value"),
        ("{\"type\":\"put\",\"key\":\"a\",\"value\":1,\"links\":\"x\"}", "links are a list of ids"),
        ("{\"type\":\"put\",\"key\":\"a\",\"value\":1,\"links\":[\"x\"]}", "links are a list of ids"),
        ("{\"type\":\"put\",\"key\":\"a\",\"value\":1,\"link\":[]}", "there is no field \"link\""),
        ("{\"type\":\"put\",\"key\":\"a\",\"value\":}", "not JSON: expected value at column 33"),
        ("[1]", "not an object"),
        ("put a 1", "not JSON"),
        (&long, "key and value have 1048582 bytes, above the 1048576 that"),
        (&endless, "longer than 8388608 bytes"),
    ];
    for (bad, why) in cases {
        let line = log.kv_reads("batch", format!("{good}\n\n{bad}\n{good}\n")).failed();
        assert!(line.starts_with(&format!("hyperkv: line 3: {why}")), "{line}");
        assert!(line.ends_with("; nothing was stored"), "{line}");
    }
    let line = log.kv_reads("batch", b"{\"type\":\"put\",\"key\":\"\xff\",\"value\":1}").failed();
    assert!(line.starts_with("hyperkv: line 1: not JSON"), "{line}");
    assert_eq!(log.nodes().len(), 0);
}

#[test]
fn a_row_may_be_as_large_as_a_write_and_no_larger() {
    let place = Place::new();
    let log = place.log("a");
    let row = |len: usize| format!("{{\"type\":\"put\",\"key\":\"a\",\"value\":\"{}\"}}\n", "x".repeat(len));
    let largest = (1 << 20) - 3 - 1 - 2;
    log.kv_reads("batch", row(largest)).done();
    assert_eq!(log.held("a")[0].as_str().unwrap().len(), largest);
    for call in ["batch", "import"] {
        let line = log.kv_reads(call, row(largest + 1)).failed();
        assert!(line.contains("line 1: key and value have 1048577 bytes"), "{line}");
    }
    // However it is written: the map keeps it short.
    let escaped = row(1).replace('x', &"\\u0078".repeat(largest - 1));
    log.kv_reads("import", escaped).done();
    assert_eq!(log.held("a")[0].as_str().unwrap().len(), largest - 1);
}
