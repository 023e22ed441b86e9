//! Damage that the disk does not notice, and the check that does.

use level::{Batch, Durability, Fjall, KeyRange, Level, Order, Read};

use crate::place::{Log, Place, copy};

/// Keys and values; a row without a value is deleted.
pub(crate) type Rows = Vec<Row>;
pub(crate) type Row = (Vec<u8>, Option<Vec<u8>>);
type Damage = fn(&mut Rows);

/// Opens the database behind the log's back.
pub(crate) fn tamper(log: &Log, sub: &str, change: impl Fn(&mut Rows)) {
    let level = Fjall::open(log.path("db")).unwrap();
    let sub = level.sub(sub).unwrap();
    let rows = level.range(sub, KeyRange::all(), Order::Ascending).map(Result::unwrap);
    let mut rows: Vec<_> = rows.map(|(key, value)| (key.to_vec(), Some(value.to_vec()))).collect();
    change(&mut rows);
    let mut batch = Batch::new();
    for (key, value) in rows {
        match value {
            Some(value) => batch.put(sub, key, value),
            None => batch.del(sub, key),
        }
    }
    level.apply(batch, Durability::Synced).unwrap();
}

pub(crate) fn flip(row: &mut Row, place: impl Fn(usize) -> usize) {
    let value = row.1.as_mut().unwrap();
    let at = place(value.len());
    value[at] ^= 1;
}

#[test]
fn a_check_finds_every_kind_of_damage() {
    let place = Place::new();
    let (log, kept) = (place.log("a"), place.log("kept"));
    log.add("a lonely head");
    log.reads("add --lines", "one\ntwo\nthree\n").done();
    log.clone_to(&kept);
    let cases: [(&str, &str, Damage); 8] = [
        ("a letter of a value", "entries", |rows| flip(&mut rows[1], |len| len - 1)),
        ("a bit of a signature", "entries", |rows| flip(&mut rows[0], |_| 1 + 4 + 32 + 5)),
        ("a bit of an id", "entries", |rows| flip(&mut rows[1], |_| 1 + 4 + 5)),
        ("a row of an entry", "entries", |rows| rows[1].1 = None),
        ("two entries in each other's place", "entries", |rows| {
            let (one, two) = (rows[1].1.clone(), rows[2].1.clone());
            (rows[1].1, rows[2].1) = (two, one);
        }),
        ("a row of an id", "ids", |rows| rows[2].1 = None),
        ("an id that leads elsewhere", "ids", |rows| flip(&mut rows[2], |len| len - 1)),
        ("a head", "meta", |rows| {
            let heads = rows.iter_mut().filter(|(key, _)| key.first() == Some(&b'x'));
            heads.for_each(|head| head.1 = None);
        }),
    ];
    for (what, sub, damage) in cases {
        tamper(&log, sub, damage);
        let ran = log.run(["fsck"]);
        let printed = String::from_utf8(ran.stdout.clone()).unwrap();
        let line = ran.failed_after_printing();
        assert!(line.starts_with("hyperlog: found ") && line.contains("problem"), "{what}: {line}");
        assert!(printed.lines().last().unwrap().starts_with("damaged: "), "{what}: {printed}");
        assert!(printed.lines().count() > 1, "{what}: {printed}");
        let told = log.run(["fsck", "--json"]);
        assert_eq!(told.status.code(), Some(1));
        let told: serde_json::Value = serde_json::from_slice(&told.stdout).unwrap();
        assert!(!told["problems"].as_array().unwrap().is_empty(), "{what}: {told}");
        std::fs::remove_dir_all(log.path("db")).unwrap();
        copy(&kept.path("db"), &log.path("db"));
        log.is_sound();
    }
}

#[test]
fn rows_that_are_written_again_as_they_are_are_no_damage() {
    let place = Place::new();
    let log = place.log("a");
    log.reads("add --lines", "one\ntwo\n").done();
    for sub in ["entries", "ids", "meta"] {
        tamper(&log, sub, |rows| assert!(!rows.is_empty()));
    }
    log.is_sound();
    log.append("three");
    log.is_sound();
}

#[test]
fn damage_is_a_failure_even_when_nobody_reads_of_it() {
    let place = Place::new();
    let log = place.log("a");
    log.add("one");
    tamper(&log, "entries", |rows| flip(&mut rows[0], |len| len - 1));
    let mut child = crate::place::spawn(log.hyperlog().arg("fsck"));
    drop(child.stdout.take());
    assert_eq!(child.wait().unwrap().code(), Some(1));
}

#[test]
fn a_log_without_an_entry_says_where_it_is_damaged() {
    let place = Place::new();
    let log = place.log("a");
    log.reads("add --lines", "one\ntwo\nthree\n").done();
    tamper(&log, "entries", |rows| rows[1].1.as_mut().unwrap().truncate(10));
    let line = log.run(["list"]).failed_after_printing();
    assert!(line.contains("the log is damaged at entry 2 of the local order: run fsck"), "{line}");
    let line = log.run(["export"]).failed_after_printing();
    assert!(line.contains("the log is damaged"), "{line}");
}
