//! Nodes that a view cannot take.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use bytes::Bytes;
use hyperlog::{Encoding, EncodingError, Json, Memory, Utf8};
use hyperlog_index::{Error, MapError, OnFault, ROW_KEY_BYTES_MAX, Rebuild, Rows, View};

use crate::support::{append, chain, dump, holds, ids, index, number, open_on, rebuilt, skipped};
use crate::views::{ALL, Probe, count, each_once};

#[derive(Debug, thiserror::Error)]
#[error("the outer reason")]
struct Outer(#[source] Inner);

#[derive(Debug, thiserror::Error)]
#[error("the inner one")]
struct Inner;

/// Takes numbers. Everything else is a fault of its kind, behind rows that it has written by then.
fn picky(node: &hyperlog::Node<String>, rows: &mut Rows<'_>) -> Result<(), MapError> {
    count(node, rows)?;
    rows.del(b"gone");
    match node.value().map(String::as_str) {
        Some("error") => Err(Outer(Inner).into()),
        Some("panic") => panic!("in {} words", "many"),
        Some("str") => std::panic::panic_any("a word"),
        Some("odd") => std::panic::panic_any(7),
        Some("key") => Ok(rows.put(&[7; ROW_KEY_BYTES_MAX + 1], Bytes::new())?),
        Some("long") => Err("long ".repeat(1_000).into()),
        // Each of its characters has three bytes, so that the cut falls into one.
        Some("wide") => Err("\u{20ac}".repeat(1_000).into()),
        _ => Ok(()),
    }
}

const FAULTS: [(&str, &str); 7] = [
    ("error", "the outer reason: the inner one"),
    ("panic", "the view panicked: in many words"),
    ("str", "the view panicked: a word"),
    ("odd", "the view panicked: without words"),
    ("key", "65535"),
    ("long", "long long"),
    ("wide", "\u{20ac}\u{20ac}"),
];

#[test]
fn what_cannot_be_mapped_is_skipped_listed_and_leaves_no_row() {
    // HI-11
    for commit in [1, 3, 100] {
        let log = chain(["1"]);
        for (value, _) in FAULTS {
            append(&log, [value, "2"]);
        }
        let all = ids(&log);
        let (bad, good): (Vec<_>, Vec<_>) =
            all.iter().enumerate().partition::<Vec<_>, _>(|(place, _)| place % 2 == 1);
        let view = Probe::new("picky", picky).shared();
        let picky = index(&log, &Memory::new(), Arc::clone(&view), commit);
        each_once(&picky, &good.iter().map(|(_, id)| **id).collect::<Vec<_>>()).unwrap();
        assert_eq!(dump(&picky).len(), 1 + 2 * good.len(), "nothing of the others is left");
        let skipped = skipped(&picky);
        assert_eq!(skipped.len(), bad.len());
        for ((skipped, (place, id)), (value, reason)) in skipped.iter().zip(bad).zip(FAULTS) {
            assert_eq!((skipped.id, skipped.change.0), (*id, place as u64 + 1));
            assert!(skipped.reason.contains(reason), "{value}: {}", skipped.reason);
            let expected = match value {
                "long" => 1_024,
                "wide" => 1_023,
                _ => skipped.reason.len(),
            };
            assert_eq!(skipped.reason.len(), expected, "{value}");
        }
        assert_eq!(view.calls(), all, "each was tried once");
        append(&log, ["3"]);
        assert_eq!(number(picky.get(ALL).unwrap()), 9);
    }
}

#[test]
fn a_value_of_another_type_is_a_fault_too() {
    let log = chain(["1", "no number", "2", "[3]"]);
    let sum = Probe::<Json<i64>>::decoding("sum", |node, rows| {
        let before = number(rows.get(b"sum")?);
        Ok(rows.put(b"sum", (before + node.value().unwrap_or(&0)).to_be_bytes().to_vec())?)
    });
    let sum = index(&log, &Memory::new(), sum, 9);
    assert_eq!(number(sum.get(b"sum").unwrap()), 3);
    assert_eq!(skipped(&sum).iter().map(|skipped| skipped.change.0).collect::<Vec<_>>(), [2, 4]);
}

/// An encoding that panics at what it does not know.
#[derive(Debug)]
struct Rash;

impl Encoding for Rash {
    type Value = u64;

    fn encode(value: &u64) -> Result<Bytes, EncodingError> {
        Ok(value.to_string().into())
    }
    fn decode(bytes: &Bytes) -> Result<u64, EncodingError> {
        Ok(std::str::from_utf8(bytes).unwrap().parse().unwrap())
    }
}

#[test]
fn an_encoding_that_panics_is_a_fault_of_the_node() {
    let log = chain(["1", "x", "2"]);
    let rash = Probe::<Rash>::decoding("rash", |node, rows| Ok(rows.put(node.id.as_bytes(), vec![])?));
    let rash = index(&log, &Memory::new(), rash, 9);
    assert_eq!((dump(&rash).len(), skipped(&rash).len()), (2, 1));
    assert!(skipped(&rash)[0].reason.starts_with("the view panicked"));
}

#[test]
fn a_view_that_stops_says_why_until_another_version_goes_on() {
    // HI-11
    for value in ["error", "panic", "key"] {
        for commit in [1, 2, 100] {
            let level = Memory::new();
            let log = open_on(&level, 1);
            append(&log, ["1", "2", "3", value, "4"]);
            let all = ids(&log);
            let open = |version| {
                index(&log, &level, Probe::new("picky", picky).version(version).stops().shared(), commit)
            };
            let stopped = open(1);
            for index in [&stopped, &stopped, &open(1)] {
                let Error::Stopped { view, change, id, source } = index.ready().unwrap_err() else {
                    panic!("another error")
                };
                assert_eq!((view.as_str(), change.0, id), ("picky", 4, all[3]));
                assert!(!source.to_string().is_empty());
                assert!(index.get(ALL).is_err() && index.snapshot().is_err() && index.skipped().is_err());
                assert_eq!(index.last().0, 3, "what was mapped before is kept");
            }
            assert_eq!(stopped.view().calls()[..4], all[..4]);
            append(&log, ["5"]);
            assert!(stopped.ready().is_err());
            assert!(stopped.view().calls().iter().all(|id| *id == all[3]), "it is tried again, and alone");
            drop(stopped);
            // Another version of the view can take it.
            let fixed = index(&log, &level, Probe::new("picky", count).version(2).stops(), commit);
            assert_eq!(fixed.rebuild(), Some(Rebuild::Version { from: 1, to: 2 }));
            each_once(&fixed, &ids(&log)).unwrap();
        }
    }
}

#[test]
fn what_a_view_stopped_at_goes_through_when_the_reason_is_gone() {
    let log = chain(["1", "2", "3"]);
    let open = Arc::new(AtomicBool::new(false));
    let door = Arc::clone(&open);
    let view = Probe::new("door", move |node, rows| {
        count(node, rows)?;
        if node.change.0 == 2 && !door.load(Ordering::Relaxed) { Err("closed".into()) } else { Ok(()) }
    });
    let index = index(&log, &Memory::new(), view.stops().shared(), 9);
    index.ready().unwrap_err();
    index.reset().unwrap();
    index.ready().unwrap_err();
    assert_eq!(index.last().0, 1);
    open.store(true, Ordering::Relaxed);
    each_once(&index, &ids(&log)).unwrap();
    let calls: Vec<_> = index.view().calls();
    assert_eq!(calls.iter().filter(|id| **id == ids(&log)[0]).count(), 2, "once, and once after the reset");
}

#[test]
fn a_view_that_stopped_in_the_middle_of_a_rebuild_goes_on_from_there() {
    let (level, log) = (Memory::new(), chain(["1", "2", "3", "error"]));
    index(&log, &level, Probe::new("picky", count), 9).ready().unwrap();
    let view = Probe::new("picky", picky).version(2).stops().shared();
    let picky = index(&log, &level, Arc::clone(&view), 1);
    for calls in [4, 1, 1] {
        picky.ready().unwrap_err();
        assert_eq!(view.calls().len(), calls);
        assert_eq!(picky.last().0, 3);
    }
}

#[test]
fn skipping_is_what_a_view_does_unless_it_says_otherwise() {
    struct Plain;
    impl View for Plain {
        type Encoding = Utf8;
        fn name(&self) -> &str {
            "plain"
        }
        fn version(&self) -> u32 {
            1
        }
        fn map(&self, _: &hyperlog::Node<String>, _: &mut Rows<'_>) -> Result<(), MapError> {
            Err("never".into())
        }
    }
    assert_eq!(Plain.on_fault(), OnFault::Skip);
    let log = chain(["1", "2"]);
    assert_eq!(holds(&index(&log, &Memory::new(), Plain, 1)), rebuilt(&log, Plain));
}

#[test]
fn a_row_that_was_damaged_in_the_list_is_an_error_in_its_place() {
    let (level, log) = (Memory::new(), chain(["bad"]));
    let tally = index(&log, &level, crate::views::tally(), 1);
    tally.ready().unwrap();
    let sub = hyperlog::Level::sub(&level, "index/tally").unwrap();
    hyperlog::Level::put(&level, sub, b"s7", b"", hyperlog::Durability::Buffered).unwrap();
    let rows: Vec<_> = tally.skipped().unwrap().collect();
    assert!(rows[0].is_ok() && matches!(rows[1], Err(Error::Damaged { .. })));
}
