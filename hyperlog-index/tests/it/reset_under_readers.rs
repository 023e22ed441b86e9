//! Rows that are thrown away while others read them.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;

use hyperlog::Memory;
use hyperlog_index::testing::Orders;
use level::{KeyRange, Order};

use crate::support::{append, chain, ids, index, number};
use crate::views::{ALL, by_word, each_once, tally};

/// Reads with each method until it is over; panics at what it must not see.
fn read_all_the_while(read: impl Fn(usize) + Send + Sync, disturb: impl FnOnce()) {
    let (done, reads) = (AtomicBool::new(false), AtomicUsize::new(0));
    thread::scope(|scope| {
        for reader in 0..8 {
            let (read, done, reads) = (&read, &done, &reads);
            scope.spawn(move || {
                while !done.load(Ordering::Acquire) {
                    read(reader);
                    reads.fetch_add(1, Ordering::Relaxed);
                }
            });
        }
        disturb();
        while reads.load(Ordering::Relaxed) < 200 {
            thread::yield_now();
        }
        done.store(true, Ordering::Release);
    });
}

#[test]
fn no_reader_sees_rows_that_are_not_all_there() {
    let log = chain((0..10).map(|n| n.to_string()));
    let tally = index(&log, &Memory::new(), tally(), 4);
    let all = ids(&log);
    let read = |reader: usize| match reader % 4 {
        0 => assert_eq!(number(tally.get(ALL).unwrap()), 10),
        1 => assert_eq!(tally.range(.., Order::Ascending).unwrap().count(), 21),
        2 => {
            let snapshot = tally.snapshot().unwrap();
            assert_eq!((snapshot.last().0, number(snapshot.get(ALL).unwrap())), (10, 10));
        }
        _ => assert_eq!(tally.get(all[9].as_bytes()).unwrap().map(|row| row.len()), Some(8)),
    };
    read_all_the_while(read, || {
        for _ in 0..200 {
            tally.reset().unwrap();
            thread::yield_now();
        }
    });
    each_once(&tally, &all).unwrap();
}

#[test]
fn no_reader_sees_rows_of_an_epoch_that_is_over() {
    let log = chain((0..40).map(|n| format!("word{n} x")));
    let words = index(&log, &Memory::new(), by_word(), 5);
    let left = AtomicUsize::new(40);
    let read = |_| {
        // Less and less is left; what was gone before the call is not found.
        let before = left.load(Ordering::Acquire);
        let found = words.find("x").unwrap().count();
        assert!(found <= before, "{found} of {before}");
        assert!(words.find_range(KeyRange::prefix(b"word"), Order::Ascending).unwrap().count() <= before);
    };
    read_all_the_while(read, || {
        for id in &ids(&log)[..20] {
            log.del(id).unwrap();
            left.fetch_sub(1, Ordering::Release);
        }
    });
    assert_eq!(words.find("x").unwrap().count(), 20);
    Orders::of(&log).unwrap().check(&by_word(), 3, 1, |rows| rows).unwrap().unwrap();
}

#[test]
fn resets_from_many_threads_end_in_one_whole_view() {
    let log = chain((0..10).map(|n| n.to_string()));
    let tally = Arc::new(index(&log, &Memory::new(), tally(), 3));
    thread::scope(|scope| {
        for n in 0..4 {
            let (log, tally) = (&log, Arc::clone(&tally));
            scope.spawn(move || {
                for round in 0..20 {
                    append(log, [format!("{n} {round}")]);
                    tally.reset().unwrap();
                    assert!(tally.last() <= log.last());
                    tally.ready().unwrap();
                }
            });
        }
    });
    each_once(&tally, &ids(&log)).unwrap();
}
