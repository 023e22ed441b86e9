//! Readers: ranges, directions, and live ones.

use std::sync::Arc;

use level::Memory;
use proptest::prelude::*;
use scuttleup::{Change, Durability, Limits, Log, Read, Seq};

use crate::support::{block_on, export, identity, import, log, values};

fn numbers(log: &Log, what: Read) -> Vec<u64> {
    log.read(what).map(|entry| entry.unwrap().change().0).collect()
}

/// What is there now, of a reader that would otherwise wait.
fn numbers_now(log: &Log, what: Read) -> Vec<u64> {
    let mut reader = log.read(what);
    std::iter::from_fn(|| reader.try_next()).map(|entry| entry.unwrap().change().0).collect()
}

fn log_of(n: u64) -> Log {
    let log = log(1);
    log.append_batch((1..=n).map(|n| format!("{n}"))).unwrap();
    log
}

/// SC-1
#[test]
fn a_reader_gives_all_entries_in_order_and_ends() {
    let log = log(1);
    log.append("test1").unwrap();
    log.append("test2").unwrap();
    let read: Vec<_> = log.read(Read::all()).map(Result::unwrap).collect();
    assert_eq!(values(&log), ["test1", "test2"]);
    assert!(read.iter().all(|entry| entry.writer() == log.writer()));
    assert_eq!(read.iter().map(|entry| entry.seq()).collect::<Vec<_>>(), [Seq(1), Seq(2)]);
}

/// SC-2
#[test]
fn a_live_reader_that_was_there_first_gives_entries_as_they_come() {
    let log = log(1);
    let mut live = log.read(Read::all().live(true));
    assert!(live.try_next().is_none());
    log.append("test1").unwrap();
    assert_eq!(live.try_next().unwrap().unwrap().value().bytes().unwrap(), "test1");
    assert!(live.try_next().is_none());
    log.append("test2").unwrap();
    assert_eq!(live.next().unwrap().unwrap().value().bytes().unwrap(), "test2");
}

/// SC-3
#[test]
fn what_one_log_exports_another_reads() {
    let (one, two) = (log(1), log(2));
    one.append_batch(["test1", "test2"]).unwrap();
    import(&two, &export(&one));
    assert_eq!(values(&two), ["test1", "test2"]);
}

/// SC-9, and the table of HL-33 for a log of six.
#[test]
fn options_combine() {
    let log = log_of(6);
    let none: [u64; 0] = [];
    let all = Read::all;
    assert_eq!(numbers(&log, all().until(Change(4))), [1, 2, 3]);
    assert_eq!(numbers(&log, all().since(Change(1)).until(Change(4))), [2, 3]);
    assert_eq!(numbers(&log, all().reverse(true)), [6, 5, 4, 3, 2, 1]);
    assert_eq!(numbers(&log, all().limit(2)), [1, 2]);
    assert_eq!(numbers(&log, all().reverse(true).limit(2)), [6, 5]);
    assert_eq!(numbers(&log, all().reverse(true).since(Change(2)).until(Change(5))), [4, 3]);
    assert_eq!(numbers(&log, all().limit(0)), none);
    assert_eq!(numbers(&log, all().live(true).limit(0)), none);
    assert_eq!(numbers(&log, all().live(true).limit(3)), [1, 2, 3]);
    assert_eq!(numbers(&log, all().live(true).until(Change(4))), [1, 2, 3]);
    assert_eq!(numbers(&log, all().tail(true)), none);
    assert_eq!(numbers(&log, all().tail(true).reverse(true)), none);
    assert_eq!(numbers_now(&log, all().live(true).since(Change(4))), [5, 6]);
    assert_eq!(
        numbers_now(&log, all().live(true).reverse(true)),
        [1, 2, 3, 4, 5, 6],
        "a live reader reads forwards"
    );
    let mut tail = log.read(all().live(true).tail(true));
    assert!(tail.try_next().is_none());
    log.append("7").unwrap();
    assert_eq!(tail.try_next().unwrap().unwrap().change(), Change(7));
    let seen = [(log.writer(), Seq(5)), (identity(9).writer(), Seq(1))];
    assert_eq!(numbers(&log, all().after(seen)), [6, 7]);
    assert_eq!(numbers(&log, all().after(seen).limit(1)), [6], "the limit counts what is given");
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(300) })]

    /// Against a list that is filtered the slow way.
    #[test]
    fn a_reader_gives_what_a_filter_would(
        since in proptest::option::of(prop_oneof![0..14u64, Just(u64::MAX), Just(u64::MAX - 1)]),
        until in proptest::option::of(prop_oneof![0..14u64, Just(u64::MAX)]),
        limit in proptest::option::of(0..12u64),
        reverse: bool,
        live: bool,
        tail: bool,
        fetch in 0..4usize,
    ) {
        let mut limits = Limits::default();
        limits.read_entries = fetch;
        let log = Log::options().limits(limits).open(Arc::new(Memory::new()), identity(1)).unwrap();
        log.append_batch((1..=10).map(|n| format!("{n}"))).unwrap();
        let mut what = Read::all().reverse(reverse).live(live).tail(tail);
        what = since.map_or(what.clone(), |since| what.since(Change(since)));
        what = until.map_or(what.clone(), |until| what.until(Change(until)));
        what = limit.map_or(what.clone(), |limit| what.limit(limit));
        let floor = if tail { 10 } else { since.unwrap_or(0) };
        let mut wanted: Vec<u64> = (1..=10).filter(|n| *n > floor && until.is_none_or(|until| *n < until)).collect();
        if reverse && !live {
            wanted.reverse();
        }
        wanted.truncate(limit.unwrap_or(100) as usize);
        prop_assert_eq!(numbers_now(&log, what), wanted);
    }
}

#[test]
fn a_live_reader_ends_by_its_handle_also_while_it_waits() {
    let log = log_of(2);
    let mut waiting = log.read(Read::all().live(true));
    let stop = waiting.stop_handle();
    std::thread::scope(|scope| {
        let reader =
            scope.spawn(move || waiting.by_ref().map(|entry| entry.unwrap().change().0).collect::<Vec<_>>());
        // It has to reach the end first; it may or may not sleep by then, and both must end.
        std::thread::yield_now();
        log.append("3").unwrap();
        stop.stop();
        let read = reader.join().unwrap();
        assert!(read == [1, 2, 3] || read == [1, 2] || read.is_empty(), "{read:?}");
    });
    let mut stopped = log.read(Read::all().live(true));
    stopped.stop_handle().stop();
    assert!(stopped.next().is_none());
    assert!(block_on(stopped.recv()).is_none());
}

#[test]
fn an_async_reader_wakes_when_something_is_appended() {
    let log = log(1);
    let mut reader = log.read(Read::all().live(true).limit(100));
    std::thread::scope(|scope| {
        let read = scope.spawn(move || {
            block_on(async {
                let mut read = Vec::new();
                while let Some(entry) = reader.recv().await {
                    read.push(entry.unwrap().change().0);
                }
                read
            })
        });
        for n in 0..100 {
            log.append(format!("{n}")).unwrap();
        }
        assert_eq!(read.join().unwrap(), (1..=100).collect::<Vec<_>>());
    });
}

#[test]
fn any_number_of_live_readers_get_everything_however_slow_they_are() {
    let mut limits = Limits::default();
    (limits.read_entries, limits.events_max) = (3, 2);
    let log = Log::options().limits(limits).open(Arc::new(Memory::new()), identity(1)).unwrap();
    let mut slow = log.read(Read::all().live(true).limit(400));
    assert!(slow.try_next().is_none());
    std::thread::scope(|scope| {
        let readers: Vec<_> = (0..6)
            .map(|_| {
                let reader = log.read(Read::all().live(true).limit(400));
                scope.spawn(move || reader.map(|entry| entry.unwrap().seq().0).collect::<Vec<_>>())
            })
            .collect();
        for n in 0..100 {
            log.append_batch((0..4).map(|m| format!("{n} {m}"))).unwrap();
        }
        for reader in readers {
            assert_eq!(reader.join().unwrap(), (1..=400).collect::<Vec<_>>());
        }
    });
    assert_eq!(slow.map(|entry| entry.unwrap().seq().0).collect::<Vec<_>>(), (1..=400).collect::<Vec<_>>());
}

#[test]
fn a_live_reader_never_passes_an_own_entry_that_is_not_durable() {
    let log =
        Log::options().durability(Durability::Buffered).open(Arc::new(Memory::new()), identity(1)).unwrap();
    let theirs = export(&log_of_seed(2));
    log.append("mine").unwrap();
    let mut live = log.read(Read::all().live(true));
    assert!(live.try_next().is_none());
    // The end of an import is a sync.
    import(&log, &theirs);
    assert_eq!(log.visible(), Change(2));
    assert_eq!(numbers_now(&log, Read::all().live(true)), [1, 2]);
}

fn log_of_seed(seed: u8) -> Log {
    let log = log(seed);
    log.append("theirs").unwrap();
    log
}
