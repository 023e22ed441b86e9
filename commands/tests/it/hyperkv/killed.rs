//! Indexing that is killed at any moment, and what the next command finds.

use std::fmt::Write as _;
use std::time::Duration;

use crate::dice::Dice;
use crate::killed::{Moments, killed_after, time};
use crate::place::{Log, Place};

/// How many rows there are: 20,000, or what `KV_ROWS` says.
fn count() -> u64 {
    std::env::var("KV_ROWS").ok().and_then(|rows| rows.parse().ok()).unwrap_or(20_000)
}

/// A map with so many rows, two for each key.
fn map_of_rows(place: &Place) -> Log {
    let log = place.log("whole");
    let rows = (0..count()).fold(String::new(), |mut rows, n| {
        writeln!(rows, "{{\"key\":\"key {}\",\"value\":{{\"n\":{n}}}}}", n * 7 % (count() / 2)).unwrap();
        rows
    });
    log.kv_reads("import", rows).done();
    log
}

/// What `list` finds: its answer, and how many nodes were indexed when it began.
fn list(log: &Log) -> (String, u64) {
    let ran = log.kv_run("list --json -v");
    let (_, behind) = ran.stderr.split_once("catching up indexed=").unwrap_or(("", ""));
    let indexed = behind.split(' ').next().and_then(|indexed| indexed.parse().ok()).unwrap_or(count());
    assert!(!ran.stderr.contains("anew"), "what was begun is gone on with: {}", ran.stderr);
    (ran.done(), indexed)
}

#[test]
fn an_import_that_was_killed_is_finished_by_the_next() {
    let place = Place::new();
    let mut dice = Dice::cast("killed rows");
    let rows: String = (0..25_000).map(|n| format!("{{\"key\":\"key {n:05}\",\"value\":{n}}}\n")).collect();
    let importing = || place.log("whole").kv_reads("import", &rows).done();
    let mut moments = Moments::new(time(|| drop(importing())));
    let expected = place.log("whole").keys("list");
    let mut kills = 0;
    for round in 0..4 {
        let log = place.log(&round.to_string());
        for _ in 0..2 {
            let (_, killed) =
                killed_after(moments.next(&mut dice), &mut log.call("import"), Some(&rows), &place);
            moments.learn(killed);
            kills += u32::from(killed);
            // What is there is a beginning: whole commits, in their order.
            let keys = log.keys("list");
            assert!(
                keys == expected[..keys.len()] && (keys.len().is_multiple_of(10_000) || keys.len() == 25_000)
            );
        }
        log.kv_reads("import", &rows).done();
        assert!(log.keys("list") == expected && log.nodes().len() == 25_000);
    }
    assert!(kills >= 3, "only {kills} of 8 were killed in time");
}

#[test]
fn a_map_whose_indexing_was_killed_is_the_same_to_the_next_command() {
    let place = Place::new();
    let whole = map_of_rows(&place);
    let (expected, _) = list(&whole);
    assert_eq!(expected.lines().count() as u64, count() / 2);
    let mut dice = Dice::cast("killed indexing");
    // The first part of it goes into opening the folder.
    let mut opening = time(|| drop(whole.kv("version")));
    let mut moments = Moments::new(time(|| drop(whole.kv("reindex"))).saturating_sub(opening).max(10_000));
    let mut halves = 0;
    for round in 0..10 {
        let log = place.log(&round.to_string());
        whole.clone_to(&log);
        // The second finds what the first one left, brought to its end.
        for _ in 0..2 {
            let wait = Duration::from_micros(opening) + moments.next(&mut dice);
            let (_, killed) = killed_after(wait, &mut log.call("reindex"), None, &place);
            let (found, indexed) = list(&log);
            assert!(found == expected, "round {round}");
            let half = killed && indexed < count();
            halves += u32::from(half);
            if killed == half {
                moments.learn(killed);
            }
            opening = if killed && !half { opening * 12 / 10 } else { opening * 95 / 100 };
        }
        if round == 9 {
            log.is_sound();
        }
    }
    assert!(halves >= 7, "only {halves} of 20 were killed in the middle");
}
