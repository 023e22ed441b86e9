//! What a terminal is shown.

use std::fs::{self, File};
use std::io::Write as _;
use std::process::Stdio;

use crate::damaged::tamper;
use crate::place::{Place, json_lines, run};
use crate::talk::{HOSTILE, is_tame};
use crate::terminal::seen;

#[test]
fn nothing_that_a_terminal_obeys_is_printed_of_keys_and_values() {
    let place = Place::new();
    let log = place.log("a");
    for text in HOSTILE {
        assert!(!is_tame(text));
        // As it is, not escaped: that is what others can have written.
        log.put(text, &format!("\"{}\"", text.replace(|c: char| c.is_ascii_control(), "")));
        log.put(&format!("key\t{text}\n"), &serde_json::json!({ text: [text] }).to_string());
        run(log.hyperkv().args(["del", text]), b"").done();
    }
    let mut calls =
        vec!["list".to_owned(), "list --json".into(), "diff 0 21".into(), "diff 0 21 --json".into()];
    calls.push("-vvv conflicts".into());
    for call in calls {
        // Tabs stand between keys and values, and nowhere else.
        let ran = log.kv_run(&call);
        assert!(is_tame(&ran.stderr.replace('\t', "")), "{}", ran.stderr);
        let text = ran.done();
        assert!(is_tame(&text.replace('\t', "")), "{call}: {text:?}");
        assert!(call.contains("conflicts") || text.lines().count() == 2 * HOSTILE.len(), "{text}");
        if call.starts_with("-v") {
            // Which has colours of its own.
            continue;
        }
        let terminal = seen(&mut log.call(&call), Stdio::null());
        assert!(is_tame(&terminal.replace(['\t', '\r'], "")), "{call}: {terminal:?}");
    }
    for text in HOSTILE {
        for command in ["get", "history"] {
            for json in [&[][..], &["--json"]] {
                let text = run(log.hyperkv().args([command, text]).args(json), b"").done();
                assert!(is_tame(&text), "{command}: {text:?}");
            }
        }
        // Nor of what was asked wrongly.
        let row = serde_json::json!({ "type": "put", "key": "k", "value": 1, text: 1 }).to_string();
        assert!(is_tame(&log.kv_reads("batch", row).failed()));
    }
    let keys = log.keys("list");
    assert!(HOSTILE.iter().all(|text| keys.iter().any(|key| key == text)), "escaped, not lost: {keys:?}");
}

fn rows(count: usize) -> String {
    (0..count).map(|n| format!("{{\"key\":\"key {n}\",\"value\":{n}}}\n")).collect()
}

#[test]
fn a_bar_is_drawn_on_a_terminal_and_nowhere_else() {
    let place = Place::new();
    let (file, log) = (place.path().join("rows"), place.log("a"));
    fs::write(&file, rows(12_000)).unwrap();
    let length = fs::metadata(&file).unwrap().len();
    let shown = seen(&mut log.call("import"), File::open(&file).unwrap());
    let grouped = |n: u64| format!("{},{:03}", n / 1000, n % 1000);
    assert!(shown.contains(&format!("/{} bytes, ", grouped(length))), "{shown:?}");
    assert!(shown.contains("imported 12000 new rows, 0 unchanged"), "{shown:?}");
    // Of a pipe nobody knows the end.
    let (reader, mut writer) = std::io::pipe().unwrap();
    let feeding = std::thread::spawn(move || writer.write_all(rows(12_000).as_bytes()).unwrap());
    let shown = seen(&mut log.call("import"), reader);
    feeding.join().unwrap();
    assert!(shown.contains(" rows, ") && shown.contains("/s"), "{shown:?}");
    assert!(shown.contains("imported 0 new rows, 12000 unchanged"), "{shown:?}");
    let shown = seen(&mut log.call("reindex"), Stdio::null());
    assert!(shown.contains("/12,000 nodes indexed, "), "{shown:?}");
    // Catching up shows it for every command.
    tamper(&log, "index/kv", |rows| rows.iter_mut().for_each(|row| row.1 = None));
    let shown = seen(&mut log.call("get nothing"), Stdio::null());
    assert!(shown.contains("/12,000 nodes indexed, ") && shown.trim_end().ends_with("{}"), "{shown:?}");
    let shown = seen(&mut log.call("get nothing"), Stdio::null());
    assert_eq!(shown, "{}\r\n", "nothing to catch up with");
    // Without a terminal there is nothing but words.
    assert_eq!(log.kv_run("reindex").stderr, "built the view anew from 12000 nodes\n");
    assert_eq!(log.kv_reads("import", rows(12_000)).stderr, "imported 0 new rows, 12000 unchanged\n");
}

#[test]
fn who_has_read_enough_may_go() {
    let place = Place::new();
    let log = place.log("a");
    log.kv_reads("import", rows(3_000)).done();
    for call in ["list", "list --json", "diff 0 3000"] {
        let mut command = log.call(call);
        let mut child = crate::place::spawn(&mut command);
        drop(child.stdout.take());
        let output = child.wait_with_output().unwrap();
        assert!(output.status.success(), "{call}: {output:?}");
        assert_eq!(String::from_utf8_lossy(&output.stderr), "", "{call}");
    }
    assert_eq!(json_lines(&log.kv("list --json")).len(), 3_000);
}
