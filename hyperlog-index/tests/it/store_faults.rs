//! A store that fails is nobody's fault but its own: nothing is skipped for it, mapped twice, or lost.

use std::sync::Arc;

use hyperlog::{Memory, Node};
use hyperlog_index::{Error, Index, MapError, Rows, View};
use level::Order;
use level::testing::{Failing, Operation};

use crate::support::{append, chain, holds, ids, index, rebuilt, skipped};
use crate::views::{Probe, count, each_once, tally};

#[derive(Debug, thiserror::Error)]
#[error("something went wrong, and I will not say what")]
struct Wrapped;

/// Does what `count` does, and ...
fn passes(node: &Node<String>, rows: &mut Rows<'_>) -> Result<(), MapError> {
    rows.range(.., Order::Descending).take(3).try_for_each(|row| row.map(drop))?;
    count(node, rows)
}

fn wraps(node: &Node<String>, rows: &mut Rows<'_>) -> Result<(), MapError> {
    passes(node, rows).map_err(|_| Wrapped.into())
}

fn swallows(node: &Node<String>, rows: &mut Rows<'_>) -> Result<(), MapError> {
    let _first = rows.range(.., Order::Ascending).find_map(Result::ok);
    let _all = rows.get(b"all").ok();
    let _once_more = rows.get(b"none").unwrap_or_default();
    drop(rows.put(b"swallowed", vec![]));
    count(node, rows).or(Ok(()))
}

fn panics(node: &Node<String>, rows: &mut Rows<'_>) -> Result<(), MapError> {
    let row = rows.get(b"none");
    let _none = row.expect("the store answers");
    passes(node, rows)
}

type Map = fn(&Node<String>, &mut Rows<'_>) -> Result<(), MapError>;

const HABITS: [(&str, Map); 4] =
    [("passes", passes), ("wraps", wraps), ("swallows", swallows), ("panics", panics)];

fn view(name: &str, map: Map) -> Arc<Probe> {
    Probe::new(name, map).shared()
}

/// Whether an error is that of the store.
fn is_of_the_store(error: &Error) -> bool {
    matches!(error, Error::Interrupted { .. } | Error::Store(_))
}

/// Fails one operation of each number, until there are no more of them; returns how many there were.
fn at_every_operation<V: View>(operation: Operation, stops: bool, view: impl Fn() -> V) -> u64 {
    let log = chain(["1", "2", "3", "4", "5"]);
    let expected = rebuilt(&log, view());
    assert!(expected.1.is_empty());
    for n in 0.. {
        let level = Failing::new(Memory::new());
        let index = index(&log, &level, view(), 2);
        level.fail_once(operation, n);
        let Err(error) = index.ready() else { return n };
        assert!(is_of_the_store(&error), "{error:?}");
        assert!(!stops || std::error::Error::source(&error).is_some() || matches!(error, Error::Store(_)));
        assert!(index.last().0 % 2 == 0 || matches!(error, Error::Interrupted { .. }));
        // The same one goes on, and so does one that is opened now.
        let again = if n % 2 == 0 { index } else { Index::open(&log, level.clone(), view()).unwrap() };
        assert_eq!(holds(&again), expected, "after operation {n}");
    }
    unreachable!("a number of operations is finite")
}

#[test]
fn a_read_that_fails_is_never_taken_for_a_fault_of_the_node() {
    for (name, map) in HABITS {
        let reads = at_every_operation(Operation::Read, false, || view(name, map));
        assert!(reads >= 10, "{name}: {reads}");
        let stopping = || Probe::new(name, map).stops();
        assert_eq!(at_every_operation(Operation::Read, true, stopping), reads);
    }
}

#[test]
fn what_the_view_made_of_a_failed_read_is_told() {
    for ((name, map), told) in
        HABITS.into_iter().zip(["failed on purpose", "I will not say what", "passed over", "panicked"])
    {
        let (log, level) = (chain(["1"]), Failing::new(Memory::new()));
        let index = index(&log, &level, view(name, map), 2);
        // The first one looks at the cursor.
        level.fail_once(Operation::Read, 1);
        let Err(Error::Interrupted { view, source }) = index.ready() else { panic!("{name}") };
        assert_eq!(view, name);
        let words = format!("{source} {source:?}");
        assert!(words.contains(told), "{name}: {words}");
    }
}

#[test]
fn a_write_that_fails_loses_nothing_and_maps_nothing_twice() {
    for (name, map) in HABITS {
        assert_eq!(at_every_operation(Operation::Apply, false, || view(name, map)), 3, "three commits");
    }
}

#[test]
fn a_fault_of_the_node_is_still_one() {
    // The control: the same views, and a store that answers.
    let log = chain(["1", "bad 2", "3"]);
    for (name, map) in HABITS {
        let index = index(&log, &Failing::new(Memory::new()), view(name, map), 2);
        index.ready().unwrap();
        assert_eq!(skipped(&index).len(), usize::from(name != "swallows"), "{name}");
    }
}

#[test]
fn a_store_that_stays_broken_stays_an_error_and_goes_on_when_it_is_whole() {
    let log = chain(["1", "2", "3"]);
    let (level, view) = (Failing::new(Memory::new()), tally());
    let tally = index(&log, &level, Arc::clone(&view), 1);
    level.fail_from(Operation::Apply, 1);
    for _ in 0..3 {
        assert!(matches!(tally.ready(), Err(Error::Store(_))));
        assert!(matches!(tally.get(b"all"), Err(Error::Store(_))));
        assert_eq!(tally.last().0, 1);
    }
    append(&log, ["4"]);
    level.heal();
    each_once(&tally, &ids(&log)).unwrap();
    level.fail_from(Operation::Read, 0);
    assert!(tally.get(b"all").is_err() && Index::open(&log, level.clone(), crate::views::tally()).is_err());
    assert!(tally.range(.., Order::Ascending).unwrap().next().unwrap().is_err());
    level.fail_from(Operation::Snapshot, 0);
    assert!(tally.snapshot().is_err());
    level.heal();
    each_once(&tally, &ids(&log)).unwrap();
}

#[test]
fn a_log_that_fails_is_no_fault_either() {
    for operation in [Operation::Read, Operation::Snapshot] {
        let below = Failing::new(Memory::new());
        let log = crate::support::open_on(&below, 1);
        append(&log, ["1", "2", "3", "4", "5"]);
        let expected = rebuilt(&log, tally());
        let mut failed = 0;
        for n in 0..40 {
            let rows = Memory::new();
            let tally = index(&log, &rows, tally(), 2);
            below.fail_once(operation, n);
            let result = tally.ready();
            below.heal();
            let again = if n % 2 == 0 { tally } else { index(&log, &rows, crate::views::tally(), 2) };
            assert_eq!(holds(&again), expected, "{operation:?} {n}");
            assert!(matches!(result, Ok(()) | Err(Error::Log(_))), "{result:?}");
            failed += u32::from(result.is_err());
        }
        // A reader that has something to give comes back to what it could not read.
        assert!(failed >= 3, "{operation:?}: {failed}");
    }
}

#[test]
fn a_failure_at_any_place_of_a_rebuild_leaves_no_old_row() {
    let log = chain(["1", "2", "3", "4", "5"]);
    let new = || Probe::new("tally", |node, rows| Ok(rows.put(node.id.as_bytes(), vec![])?)).version(2);
    let expected = rebuilt(&log, new());
    for operation in [Operation::Read, Operation::Apply, Operation::Sub] {
        let mut failed = 0;
        for n in 0..40 {
            let level = Failing::new(Memory::new());
            index(&log, &level, tally(), 2).ready().unwrap();
            let new = index(&log, &level, new(), 2);
            level.fail_once(operation, n);
            failed += u32::from(new.ready().is_err());
            level.heal();
            assert_eq!(holds(&new), expected, "{operation:?} {n}");
        }
        assert!(failed >= 2 || operation == Operation::Read, "{operation:?}: {failed}");
    }
}
