//! The same with logs of numbered entries.

use std::process::Command;

use ::scuttleup::disk::Folder;

use super::{Pair, dupsh, line, report};
use crate::dice::Dice;
use crate::place::{Log, Place, json_lines};

fn replicate(log: &Log, args: &str) -> Command {
    let mut command = log.scuttleup();
    command.arg("replicate").args(args.split_whitespace());
    command
}

fn syncing(log: &Log) -> String {
    line(&replicate(log, ""))
}

/// Appends so many entries, in this process: one process for each takes a minute.
fn write(log: &Log, entries: u64, dice: &mut Dice) {
    let log = Folder::open(&log.0).unwrap().log().unwrap();
    let values = (0..entries).map(|n| format!("{n} {:016x}", dice.below(u64::MAX)));
    if entries > 0 {
        log.append_batch(values).unwrap();
    }
}

/// All entries of a log, in the order of writers and numbers.
fn entries(log: &Log) -> Vec<String> {
    let mut lines: Vec<String> = log.scuttles(["read", "--json"]).done().lines().map(Into::into).collect();
    lines.sort_unstable();
    lines
}

#[track_caller]
fn are_same(a: &Log, b: &Log) -> usize {
    let (here, there) = (entries(a), entries(b));
    assert!(here == there, "{} entries here, {} there", here.len(), there.len());
    here.len()
}

/// SC-5
#[test]
fn two_logs_have_all_entries_after_a_sync() {
    let place = Place::new();
    let (a, b) = (place.log("a"), place.log("b"));
    for value in ["one", "two"] {
        a.scuttles(["append", value]).done();
    }
    b.scuttles(["append", "three"]).done();
    let (said, other) = dupsh(&syncing(&a), &syncing(&b)).well();
    assert!(said.starts_with("received 1 entry, sent 2; both logs are equal"), "{said}");
    assert!(other.starts_with("received 2 entries, sent 1; both logs are equal"), "{other}");
    assert_eq!(are_same(&a, &b), 3);
}

/// SC-6
#[test]
fn modes_and_writers_are_chosen_as_with_a_graph() {
    let place = Place::new();
    let (a, b) = (place.log("a"), place.log("b"));
    a.scuttles(["append", "of a"]).done();
    b.scuttles(["append", "of b"]).done();
    for mode in ["--push", "--pull"] {
        let (a, b) = Pair::start(&mut replicate(&a, mode), &mut replicate(&b, mode)).end();
        assert!(a.failed().contains("both sides only") && b.failed().contains("both sides only"));
    }
    let (said, _) = Pair::start(&mut replicate(&a, "--push"), &mut replicate(&b, "--pull")).end_well();
    assert!(said.contains("sent 1; the logs differ: entries went one way only"), "{said}");
    assert_eq!((entries(&a).len(), entries(&b).len()), (1, 2));
    let writer = json_lines(&a.scuttles(["read", "--json"]).done())[0]["peer"].as_str().unwrap().to_owned();
    let c = place.log("c");
    let args = format!("--without {writer} --json");
    let (b_said, c_said) = Pair::start(&mut replicate(&b, "--json"), &mut replicate(&c, &args)).end_well();
    assert_eq!((&report(&b_said)["sent"], &report(&c_said)["received"]), (&1.into(), &1.into()));
    assert!(c_said.contains("the other side left out 1 entries that are declined here"), "{c_said}");
    assert_eq!(entries(&c).len(), 1);
}

/// SC-12
#[test]
fn entries_of_a_third_go_on_from_who_has_them() {
    let place = Place::new();
    let (a, relay, c) = (place.log("a"), place.log("relay"), place.log("c"));
    let mut dice = Dice::cast("values");
    write(&a, 50, &mut dice);
    write(&relay, 3, &mut dice);
    dupsh(&syncing(&a), &syncing(&relay)).well();
    let (_, said) = dupsh(&syncing(&relay), &syncing(&c)).well();
    assert!(said.contains("received 53 entries, sent 0; both logs are equal"), "{said}");
    are_same(&a, &c);
    // And answers go back over the same relay.
    write(&c, 7, &mut dice);
    dupsh(&syncing(&c), &syncing(&relay)).well();
    dupsh(&syncing(&relay), &syncing(&a)).well();
    assert_eq!(are_same(&a, &c), 60);
}

/// SC-13
#[test]
fn however_many_there_are_on_either_side_all_arrive_without_live() {
    let mut dice = Dice::cast("counts");
    for (of_a, of_b) in [(2, 1), (1_000, 1), (1_000, 1_000), (500, 0), (0, 500), (0, 0)] {
        let place = Place::new();
        let (a, b) = (place.log("a"), place.log("b"));
        write(&a, of_a, &mut dice);
        write(&b, of_b, &mut dice);
        let (said, _) = dupsh(&syncing(&a), &syncing(&b)).well();
        assert!(said.contains(", sent ") && said.contains("both logs are equal"), "{said}");
        assert_eq!(are_same(&a, &b) as u64, of_a + of_b);
    }
}

/// A value that is not here comes from who has it, and an echo that has it as little changes nothing.
#[test]
fn values_that_are_missing_are_asked_for() {
    let place = Place::new();
    let (a, b, c) = (place.log("a"), place.log("b"), place.log("c"));
    for value in ["one", "two", "three"] {
        a.scuttles(["append", value]).done();
    }
    dupsh(&syncing(&a), &syncing(&b)).well();
    let peer = json_lines(&a.scuttles(["read", "--json"]).done())[0]["peer"].as_str().unwrap().to_owned();
    a.scuttles(["del", &peer, "2"]).done();
    dupsh(&syncing(&a), &syncing(&c)).well();
    let pending = || json_lines(&c.scuttles(["read", "--json"]).done())[1]["pending"] == true;
    assert!(pending());
    dupsh("cat", &syncing(&c)).well();
    assert!(pending());
    let (said, _) = dupsh(&syncing(&c), &syncing(&b)).well();
    assert!(said.contains("received 0 entries, 1 values that were missing, sent 0"), "{said}");
    are_same(&b, &c);
    // What was deleted stays so where it was.
    dupsh(&syncing(&a), &syncing(&b)).well();
    assert_eq!(json_lines(&a.scuttles(["read", "--json"]).done())[1]["deleted"], true);
}

#[test]
fn a_live_session_prints_entries_as_they_come() {
    let place = Place::new();
    let (a, b) = (place.log("a"), place.log("b"));
    a.scuttles(["append", "of a"]).done();
    b.scuttles(["append", "of b"]).done();
    let mut pair =
        Pair::start(&mut replicate(&a, "--live --print"), &mut replicate(&b, "--live --print --json"));
    pair.a.says("of b");
    pair.b.says("\"of a\"");
    pair.a.tell(rustix::process::Signal::INT);
    pair.end_well();
    assert_eq!(are_same(&a, &b), 2);
}
