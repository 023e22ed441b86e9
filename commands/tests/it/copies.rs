//! Copies of a folder, with the key or without the newest entries: nobody forks unawares.

use std::fs;

use crate::place::{Log, Place, copy};

fn exchange(a: &Log, b: &Log) -> (String, String) {
    let (from_a, from_b) = (a.export(), b.export());
    let (into_a, into_b) = (a.import(from_b), b.import(from_a));
    assert!(into_a.status.success() && into_b.status.success(), "{}{}", into_a.stderr, into_b.stderr);
    (into_a.stderr, into_b.stderr)
}

/// HL-93.
#[test]
fn a_copy_that_alone_has_written_is_caught_up_with() {
    let place = Place::new();
    let (a, b) = (place.log("a"), place.log("b"));
    a.append("one");
    a.clone_to(&b);
    let two = b.append("two");
    let (into_a, into_b) = exchange(&a, &b);
    assert!(!into_a.contains("fork") && !into_b.contains("fork"), "{into_a}{into_b}");
    assert_eq!(a.heads(), [two]);
    // What came home continues: the next number is free.
    a.append("three");
    assert_eq!(a.nodes()[2]["seq"], 3);
    assert_eq!(a.info()["forks"], 0);
    a.is_sound();
}

/// HL-93.
#[test]
fn two_copies_that_both_write_fork_and_both_are_told() {
    let place = Place::new();
    let (a, b, other) = (place.log("a"), place.log("b"), place.log("other"));
    a.append("one");
    a.clone_to(&b);
    let (on_a, on_b) = (a.append("two on a"), b.append("two on b"));
    other.append("somebody else");
    a.import(other.export()).done();
    let (into_a, into_b) = exchange(&a, &b);
    let (mut lower, mut higher) = (on_a.clone(), on_b.clone());
    if lower > higher {
        (lower, higher) = (higher, lower);
    }
    let writer = a.info()["writer"].as_str().unwrap().to_owned();
    let fork = format!("writer {writer} has two entries 2: {lower} and {higher}");
    for (said, log) in [(into_a, &a), (into_b, &b)] {
        assert_eq!(said.lines().filter(|line| *line == format!("fork: {fork}")).count(), 1, "{said}");
        assert_eq!(log.info()["forks"], 1);
        assert!(log.does("info").contains(&fork));
        assert_eq!(log.nodes().len(), 4);
    }
    assert_eq!((a.ids(), a.heads()), (b.ids(), b.heads()));
    assert!([&on_a, &on_b].iter().all(|id| a.heads().contains(id)));

    // Both go on, each on its own branch, and make no new fork by it.
    let (next_on_a, next_on_b) = (a.append("three on a"), b.append("three on b"));
    for log in [&a, &b] {
        let nodes = log.nodes();
        assert_eq!(nodes.last().unwrap()["seq"], 3);
    }
    exchange(&a, &b);
    let (into_a, into_b) = exchange(&a, &b);
    assert!(into_a.contains("0 new nodes") && into_b.contains("0 new nodes"), "{into_a}{into_b}");
    assert_eq!((a.ids(), a.heads()), (b.ids(), b.heads()));
    let mut heads = vec![next_on_a, next_on_b];
    heads.sort_unstable();
    assert_eq!(a.heads(), heads);
    for log in [&a, &b] {
        assert_eq!(log.info()["forks"], 1, "{}", log.does("info"));
        assert!(!log.import(a.export()).stderr.contains("fork"), "told again");
        log.is_sound();
    }
    // A third, who has both at once, sees the same.
    let third = place.log("third");
    let said = third.import([b.export(), a.export()].concat()).stderr;
    assert!(said.contains(&fork), "{said}");
    assert_eq!((third.ids(), third.heads()), (a.ids(), a.heads()));
    assert_eq!(third.info()["forks"], 1);
    third.append("heals");
    for log in [&a, &b] {
        log.import(third.export()).done();
        assert_eq!(log.heads().len(), 1);
    }
}

#[test]
fn the_json_of_an_import_names_the_fork_too() {
    let place = Place::new();
    let (a, b) = (place.log("a"), place.log("b"));
    a.append("one");
    a.clone_to(&b);
    a.append("on a");
    b.append("on b");
    let ran = a.reads("import --json", b.export());
    assert!(ran.stderr.contains("fork: "), "{}", ran.stderr);
    let told: serde_json::Value = serde_json::from_str(&ran.done()).unwrap();
    let keys: Vec<_> = told["forks"][0].as_object().unwrap().keys().cloned().collect();
    assert_eq!(keys, ["writer", "seq", "lower", "higher"]);
    assert_eq!(told["forks"][0]["seq"], 2);
}

/// A log that wrote on after its database was copied, and then got the old copy back. Returns an export
/// from before, which has what is missing.
fn with_an_old_database(place: &Place) -> (Log, Vec<u8>) {
    let log = place.log("a");
    let old = place.path().join("old");
    log.append("one");
    copy(&log.path("db"), &old);
    log.append("two");
    log.append("three");
    let export = log.export();
    fs::remove_dir_all(log.path("db")).unwrap();
    copy(&old, &log.path("db"));
    (log, export)
}

#[test]
fn an_old_database_under_its_key_reads_and_does_not_write() {
    let place = Place::new();
    let (log, export) = with_an_old_database(&place);
    for command in ["append x", "add x"] {
        let line = log.fails(command);
        assert!(
            line.contains("this copy of the log is older than what") && line.contains("lacks entry 3"),
            "{line}"
        );
        assert!(line.contains("import it or sync") && line.contains("move the identity file away"), "{line}");
    }
    let ran = log.reads("add --lines", "x\n");
    assert!(ran.failed().contains("older than what"), "lines as well");
    assert_eq!(log.nodes().len(), 1);
    assert_eq!(log.info()["needs_catch_up"], true);
    assert!(log.does("info").lines().any(|line| line.starts_with("behind ")));
    log.is_sound();

    // Only what is missing helps.
    let other = place.log("b");
    other.append("somebody else");
    log.import(other.export()).done();
    log.fails("append x");
    log.import(&export).done();
    assert_eq!(log.info()["needs_catch_up"], false);
    log.append("four");
    assert_eq!(log.nodes().last().unwrap()["seq"], 4);
    assert_eq!(log.info()["forks"], 0);
    log.is_sound();
}

#[test]
fn an_old_database_goes_on_as_a_new_writer_without_its_key() {
    let place = Place::new();
    let (log, export) = with_an_old_database(&place);
    fs::rename(log.path("identity"), place.path().join("identity")).unwrap();
    let ran = log.run(["append", "two again"]);
    assert!(ran.stderr.contains("new writer "), "{}", ran.stderr);
    ran.done();
    let last = log.nodes().pop().unwrap();
    assert_eq!((&last["change"], &last["seq"]), (&2.into(), &1.into()));
    let said = log.import(export).stderr;
    assert!(said.contains("2 new nodes") && !said.contains("fork"), "{said}");
    log.append("on");
    assert_eq!(log.nodes().last().unwrap()["seq"], 2);
    log.is_sound();
}

#[test]
fn a_database_that_is_gone_is_caught_up_with_as_well() {
    let place = Place::new();
    let (log, export) = with_an_old_database(&place);
    fs::remove_dir_all(log.path("db")).unwrap();
    assert!(log.fails("append x").contains("lacks entry 3"));
    log.import(export).done();
    log.append("four");
    assert_eq!(log.nodes().last().unwrap()["seq"], 4);
}

#[test]
fn a_folder_that_was_put_back_whole_does_not_know_and_forks_visibly() {
    let place = Place::new();
    let (log, old) = (place.log("a"), place.log("old"));
    log.append("one");
    log.clone_to(&old);
    log.append("two");
    let export = log.export();
    old.append("two again");
    let said = old.import(export).stderr;
    assert!(said.contains("fork: "), "{said}");
    old.is_sound();
}
