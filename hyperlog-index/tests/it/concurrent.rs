//! Readers, writers, and who waits for either.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;

use hyperlog::{Change, Memory};
use hyperlog_index::Error;

use crate::support::{append, block_on, chain, export, ids, import, index, number, open, poll_once, polled};
use crate::views::{ALL, Probe, count, each_once, lengths, tally};

#[test]
fn eight_readers_see_every_node_that_was_there_when_they_asked() {
    let log = open(1);
    let (tally, lengths) =
        (index(&log, &Memory::new(), tally(), 7), index(&log, &Memory::new(), lengths(), 3));
    let (done, reads) = (AtomicBool::new(false), AtomicUsize::new(0));
    thread::scope(|scope| {
        for reader in 0..8 {
            let (log, tally, lengths, done, reads) = (&log, &tally, &lengths, &done, &reads);
            scope.spawn(move || {
                let mut seen = 0;
                while !done.load(Ordering::Acquire) {
                    let before = log.last().0;
                    let now = match reader % 3 {
                        0 => number(tally.get(ALL).unwrap()).cast_unsigned(),
                        1 => lengths.value().unwrap().0,
                        _ => tally.snapshot().unwrap().last().0,
                    };
                    assert!(now >= before, "{now} of {before}");
                    assert!(now >= seen, "it goes back");
                    seen = now;
                    reads.fetch_add(1, Ordering::Relaxed);
                    thread::yield_now();
                }
            });
        }
        for n in 0..150 {
            log.append(n.to_string()).unwrap();
        }
        while reads.load(Ordering::Relaxed) < 100 {
            thread::yield_now();
        }
        done.store(true, Ordering::Release);
    });
    each_once(&tally, &ids(&log)).unwrap();
    assert_eq!(tally.view().calls(), ids(&log), "in order, by whichever thread");
}

#[test]
fn a_warm_view_is_there_before_anybody_reads_and_ends_when_it_is_stopped() {
    // HI-8: it tells of changes, of errors, and ends.
    let log = chain(["1", "2"]);
    let (view, tally) = (tally(), index(&log, &Memory::new(), tally(), 9));
    drop(view);
    let mut warm = tally.warm();
    let stop = warm.stop_handle();
    assert_eq!(warm.next().unwrap().unwrap(), Change(2), "the first time at once");
    let told = AtomicUsize::new(0);
    thread::scope(|scope| {
        let told = &told;
        scope.spawn(move || {
            for change in warm {
                told.store(usize::try_from(change.unwrap().0).unwrap(), Ordering::Release);
            }
        });
        for n in 3..=20 {
            log.append(n.to_string()).unwrap();
            while told.load(Ordering::Acquire) < n {
                thread::yield_now();
            }
            assert_eq!(tally.last().0, n as u64, "nobody has read");
        }
        // A value that goes is news as well.
        tally.view().calls();
        log.del(&ids(&log)[0]).unwrap();
        while tally.view().calls().is_empty() {
            thread::yield_now();
        }
        stop.stop();
    });
    assert!(tally.warm().next().is_some(), "another one is not stopped");
}

#[test]
fn a_stopped_one_ends_also_when_there_is_always_something_new() {
    let log = open(1);
    let tally = index(&log, &Memory::new(), tally(), 9);
    let mut warm = tally.warm();
    for _ in 0..3 {
        append(&log, ["x"]);
        assert!(warm.next().is_some());
    }
    append(&log, ["x"]);
    warm.stop_handle().stop();
    assert!(warm.next().is_none());
    assert!(block_on(warm.recv()).is_none());
    append(&log, ["x"]);
    assert!(warm.next().is_none(), "for good");
}

#[test]
fn a_warm_view_tells_an_error_and_tries_again_when_more_comes() {
    let log = chain(["1", "bad"]);
    let open = Arc::new(AtomicBool::new(false));
    let door = Arc::clone(&open);
    let view = Probe::new(
        "door",
        move |node, rows| {
            if door.load(Ordering::Relaxed) { Ok(()) } else { count(node, rows) }
        },
    );
    let index = index(&log, &Memory::new(), view.stops(), 9);
    let mut warm = index.warm();
    assert!(matches!(warm.next(), Some(Err(Error::Stopped { .. }))));
    append(&log, ["3"]);
    assert!(matches!(block_on(warm.recv()), Some(Err(Error::Stopped { .. }))));
    open.store(true, Ordering::Relaxed);
    append(&log, ["4"]);
    assert_eq!(warm.next().unwrap().unwrap(), Change(4));
}

#[test]
fn catching_up_as_a_task_lets_others_run_after_each_commit() {
    let log = chain((0..10).map(|n| n.to_string()));
    let tally = index(&log, &Memory::new(), tally(), 2);
    let (ready, polls) = polled(tally.ready_async());
    ready.unwrap();
    assert_eq!((polls, tally.last()), (6, Change(10)), "five commits");
    assert_eq!(polled(tally.ready_async()).1, 1, "there is nothing to do");
    each_once(&tally, &ids(&log)).unwrap();
    append(&log, ["bad"]);
    let stops = index(&log, &Memory::new(), Probe::new("stops", count).stops(), 100);
    assert!(matches!(block_on(stops.ready_async()), Err(Error::Stopped { .. })));
}

#[test]
fn a_task_is_told_of_what_comes_and_sleeps_in_between() {
    let (log, other) = (chain(["1"]), open(2));
    let tally = index(&log, &Memory::new(), tally(), 9);
    let mut warm = tally.warm();
    assert_eq!(block_on(warm.recv()).unwrap().unwrap(), Change(1));
    assert!(poll_once(warm.recv()).is_none(), "nothing is new");
    append(&other, ["2", "3"]);
    import(&log, &export(&other));
    assert_eq!(block_on(warm.recv()).unwrap().unwrap(), Change(3));
    let stop = warm.stop_handle();
    thread::scope(|scope| {
        scope.spawn(|| {
            thread::yield_now();
            log.append("4").unwrap();
        });
        assert_eq!(block_on(warm.recv()).unwrap().unwrap(), Change(4));
        scope.spawn(|| {
            thread::yield_now();
            stop.stop();
        });
        // It may be told once more of the same: the append was seen before it was announced.
        assert!(block_on(warm.recv()).is_none());
    });
}

#[test]
fn a_task_that_was_dropped_halfway_is_not_taken_for_told() {
    let log = chain(["1", "2", "3"]);
    let tally = index(&log, &Memory::new(), tally(), 1);
    let mut warm = tally.warm();
    assert!(poll_once(warm.recv()).is_none(), "it has made one commit");
    assert_eq!(tally.last(), Change(1));
    assert_eq!(block_on(warm.recv()).unwrap().unwrap(), Change(3));
    each_once(&tally, &ids(&log)).unwrap();
}

#[test]
fn two_views_are_warmed_by_threads_of_their_own() {
    let log = open(1);
    let (tally, lengths) =
        (index(&log, &Memory::new(), tally(), 2), index(&log, &Memory::new(), lengths(), 2));
    let (one, two) = (tally.warm(), lengths.warm());
    let stops = [one.stop_handle(), two.stop_handle()];
    thread::scope(|scope| {
        scope.spawn(|| one.for_each(|change| assert!(change.is_ok())));
        scope.spawn(|| two.for_each(|change| assert!(change.is_ok())));
        append(&log, (0..20).map(|n| n.to_string()));
        while tally.last() < log.last() || lengths.last() < log.last() {
            thread::yield_now();
        }
        stops.iter().for_each(hyperlog::Stop::stop);
    });
    each_once(&tally, &ids(&log)).unwrap();
}
