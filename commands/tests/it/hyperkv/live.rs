//! Two maps that sync live, and print the keys that change.

use rustix::process::Signal;
use serde_json::{Value, json};

use super::{held, sync};
use crate::place::{Place, json_lines};
use crate::replicate::Pair;

#[test]
fn the_keys_that_change_are_printed_with_their_values_and_not_what_was_there() {
    let place = Place::new();
    let (a, b) = (place.log("a"), place.log("b"));
    a.put("old", "0");
    sync(&a, &b);
    a.put("both", "\"of a\"");
    b.put("both", "\"of b\"");
    b.put("of b", "{\"x\":1}");
    let mut pair = Pair::start(&mut a.call("sync --live --print"), &mut b.call("sync --live --print --json"));
    pair.a.says("\nof b\t{");
    pair.a.says("both\t{");
    pair.b.says("{\"key\":\"both\",\"values\":{");
    pair.a.still_runs();
    pair.b.still_runs();
    pair.b.tell(Signal::INT);
    let (a_said, b_said) = pair.end_well();
    let line = a_said.lines().find(|line| line.starts_with("both\t")).unwrap();
    let values: Value = serde_json::from_str(line.split_once('\t').unwrap().1).unwrap();
    assert_eq!(held(&values), [json!("of a"), json!("of b")]);
    assert_eq!(values, a.get("both"));
    let told = json_lines(
        &b_said.lines().filter(|line| line.starts_with("{\"key\"")).collect::<Vec<_>>().join("\n"),
    );
    assert_eq!(told.len(), 1, "{b_said}");
    assert_eq!(
        (&told[0]["key"], held(&told[0]["values"])),
        (&json!("both"), vec![json!("of a"), json!("of b")])
    );
    assert!(!a_said.contains("old\t") && !b_said.contains("\"old\""), "{a_said}{b_said}");
    assert!(a_said.contains("both logs are equal"), "{a_said}");
    assert_eq!(a.kv("list"), b.kv("list"));
}

#[test]
fn of_many_values_the_first_are_printed_and_the_rest_is_counted() {
    // Whoever goes on writing beside what there is must not have all of it printed each time.
    let place = Place::new();
    let (a, b, c) = (place.log("a"), place.log("b"), place.log("c"));
    let rows: String = (0..20)
        .map(|n| format!("{{\"type\":\"put\",\"key\":\"many\",\"value\":{n},\"links\":[]}}\n"))
        .collect();
    b.kv_reads("batch", &rows).done();
    let mut pair = Pair::start(&mut a.call("sync --live --print"), &mut b.call("sync --live"));
    pair.a.says("\tand 4 more");
    pair.b.tell(Signal::INT);
    let (a_said, _) = pair.end_well();
    let line = a_said.lines().find(|line| line.starts_with("many\t")).unwrap();
    let values: Value = serde_json::from_str(line.split('\t').nth(1).unwrap()).unwrap();
    assert_eq!((held(&values).len(), a.held("many").len()), (16, 20));
    let mut pair = Pair::start(&mut c.call("sync --live --print --json"), &mut b.call("sync --live"));
    pair.a.says("\"more\":4}");
    pair.b.tell(Signal::INT);
    let (c_said, _) = pair.end_well();
    let told = json_lines(c_said.lines().find(|line| line.starts_with("{\"key\"")).unwrap());
    assert_eq!((held(&told[0]["values"]).len(), &told[0]["more"]), (16, &json!(4)));
}

#[test]
fn to_print_without_to_go_on_is_refused() {
    let place = Place::new();
    let log = place.log("a");
    let ran = log.kv_run("sync --print");
    assert!(ran.stderr.contains("--live"), "{ran:?}");
    ran.misused();
    assert!(log.kv_run("replicate").misused().contains("unrecognized subcommand"));
    assert!(!log.0.exists());
}
