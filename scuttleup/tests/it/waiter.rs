//! Waiting for news without reading it.

use std::pin::pin;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, mpsc};
use std::task::{Context, Poll, Wake, Waker};
use std::thread;
use std::time::Duration;

use scuttleup::{Seq, Stop, Waiter};

use crate::support::{Forged, block_on, export, group, import, log, take};

/// Whether a waiter has been woken; waits for nothing.
fn is_woken(waiter: &mut Waiter) -> bool {
    struct Nobody;
    impl Wake for Nobody {
        fn wake(self: Arc<Self>) {}
    }
    let waker = Waker::from(Arc::new(Nobody));
    let polled = pin!(waiter.recv()).poll(&mut Context::from_waker(&waker));
    match polled {
        Poll::Ready(woken) => woken,
        Poll::Pending => false,
    }
}

/// Runs `wait` on another thread beside `then`, and says what it came back with; none when it had to be stopped.
fn comes_back<R: Send>(stop: Stop, wait: impl FnOnce() -> R + Send, then: impl FnOnce()) -> Option<R> {
    let (done, back) = mpsc::channel();
    thread::scope(|scope| {
        scope.spawn(move || done.send(wait()));
        then();
        let came = back.recv_timeout(Duration::from_secs(20)).ok();
        stop.stop();
        came
    })
}

#[test]
fn a_waiter_wakes_for_everything_that_changes_and_for_nothing_else() {
    let (log, other) = (log(1), crate::support::log(2));
    other.append_batch(["a", "b"]).unwrap();
    let full = export(&other);
    other.del(&other.writer(), Seq(1)).unwrap();
    let mut waiter = log.waiter();
    assert!(!is_woken(&mut waiter), "nothing has happened");
    log.append("1").unwrap();
    assert!(is_woken(&mut waiter), "an append");
    // The disk may have been waited for on the way, and that wakes, too.
    while is_woken(&mut waiter) {}
    let changes: [(&str, &dyn Fn()); 6] = [
        ("a batch", &|| assert_eq!(log.append_batch(["2", "3"]).unwrap().len(), 2)),
        ("an import", &|| drop(import(&log, &export(&other)))),
        ("a value that came", &|| assert_eq!(import(&log, &full).filled, 1)),
        ("a deletion", &|| log.del(&log.writer(), Seq(1)).unwrap()),
        ("a group", &|| drop(take(&log, group(&[Forged::first(3, "c").signed()])).unwrap())),
        ("another deletion", &|| assert!(log.del_by_id(&Forged::first(3, "c").id()).unwrap())),
    ];
    for (what, change) in changes {
        assert!(!is_woken(&mut waiter), "before {what}");
        change();
        assert!(is_woken(&mut waiter), "{what}");
        while is_woken(&mut waiter) {}
    }
    let before = log.last();
    assert_eq!(log.entries(&log.writer(), Seq(2)).unwrap().len(), 1);
    assert!(!is_woken(&mut waiter) && log.last() == before, "reading wakes nobody");
}

#[test]
fn what_came_before_a_waiter_is_none_of_its_news() {
    let log = log(1);
    log.append("1").unwrap();
    let mut waiter = log.waiter();
    assert!(!is_woken(&mut waiter));
    log.append("2").unwrap();
    let mut late = log.waiter();
    assert!(is_woken(&mut waiter) && !is_woken(&mut late), "each has its own");
}

#[test]
fn nothing_is_missed_between_waking_and_looking() {
    // Whoever looks after each waking, and waits again without looking twice, sees the last entry.
    const ENTRIES: u64 = 300;
    let log = log(1);
    let mut waiter = log.waiter();
    let seen = comes_back(
        waiter.stop_handle(),
        || {
            let mut wakings = 0;
            while log.last().0 < ENTRIES && waiter.wait() {
                wakings += 1;
            }
            wakings
        },
        || {
            for n in 0..ENTRIES {
                log.append(n.to_string()).unwrap();
                if n % 7 == 0 {
                    thread::yield_now();
                }
            }
        },
    );
    assert!(seen.expect("it hangs") >= 1);
}

#[test]
fn a_waiter_that_misses_something_is_found_out() {
    // The control: one that waits before it looks, where nothing comes any more.
    let log = log(1);
    log.append("1").unwrap();
    let mut waiter = log.waiter();
    let stop = waiter.stop_handle();
    let (done, back) = mpsc::channel();
    thread::scope(|scope| {
        scope.spawn(move || done.send(waiter.wait()));
        back.recv_timeout(Duration::from_millis(100)).unwrap_err();
        stop.stop();
        assert_eq!(back.recv(), Ok(false));
    });
}

#[test]
fn a_task_misses_nothing_either() {
    let log = log(1);
    let mut waiter = log.waiter();
    let seen = comes_back(
        waiter.stop_handle(),
        || block_on(async { while log.last().0 < 100 && waiter.recv().await {} }),
        || (0..100).for_each(|n| assert!(log.append(n.to_string()).is_ok())),
    );
    seen.expect("it hangs");
}

#[test]
fn a_recv_that_was_dropped_loses_no_news() {
    let log = log(1);
    let mut waiter = log.waiter();
    for n in 0..20 {
        // Asked, and dropped before it was woken.
        assert!(!is_woken(&mut waiter));
        log.append(n.to_string()).unwrap();
        assert!(waiter.wait(), "a thread may go on where a task stopped");
        while is_woken(&mut waiter) {}
    }
}

#[test]
fn a_stop_ends_the_waiting_of_a_thread_and_of_a_task_for_good() {
    for of_a_task in [false, true] {
        let log = log(1);
        let mut waiter = log.waiter();
        let stop = waiter.stop_handle();
        assert!(!waiter.is_stopped());
        let began = AtomicBool::new(false);
        let woken = comes_back(
            log.waiter().stop_handle(),
            || {
                began.store(true, Ordering::Release);
                let woken = if of_a_task { block_on(waiter.recv()) } else { waiter.wait() };
                (woken, waiter)
            },
            || {
                while !began.load(Ordering::Acquire) {
                    thread::yield_now();
                }
                stop.stop();
            },
        );
        let (woken, mut waiter) = woken.expect("it hangs");
        assert!(!woken && waiter.is_stopped());
        log.append("1").unwrap();
        assert!(!waiter.wait() && !block_on(waiter.recv()), "news or not");
        stop.stop();
    }
}

#[test]
fn a_stop_ends_its_own_waiter_and_no_other() {
    let log = log(1);
    let (mut one, mut two) = (log.waiter(), log.waiter());
    one.stop_handle().stop();
    assert!(!one.wait());
    assert!(two.wait(), "woken for nothing, and not stopped");
    assert!(!two.is_stopped() && !is_woken(&mut two));
    assert!(format!("{two:?}").contains("Waiter"));
}

#[test]
fn a_stop_may_outlive_the_log() {
    let waiter = log(1).waiter();
    let stop = waiter.stop_handle();
    drop(waiter);
    stop.stop();
}

#[test]
fn all_who_wait_are_woken() {
    let log = log(1);
    let (ready, woken) = (AtomicUsize::new(0), AtomicUsize::new(0));
    thread::scope(|scope| {
        for _ in 0..8 {
            let mut waiter = log.waiter();
            let (ready, woken) = (&ready, &woken);
            scope.spawn(move || {
                ready.fetch_add(1, Ordering::AcqRel);
                assert!(waiter.wait());
                woken.fetch_add(1, Ordering::AcqRel);
            });
        }
        while ready.load(Ordering::Acquire) < 8 {
            thread::yield_now();
        }
        log.append("1").unwrap();
    });
    assert_eq!(woken.load(Ordering::Acquire), 8);
}
