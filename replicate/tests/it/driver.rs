//! The driver, over a stream in memory, between two real logs.

use std::time::Duration;

use hyperlog::{Hyperlog, Identity, Memory, Read, Utf8};
use replicate::{Cause, Driver, Event, Options, Session};
use tokio::runtime::Builder;
use tokio::sync::mpsc::unbounded_channel;
use tokio::time::{sleep, timeout};

/// It becomes live while it is asked what to say, and so before anybody listens for it.
#[test]
fn who_becomes_live_with_nothing_to_say_is_woken_by_what_comes_next() {
    let runtime = Builder::new_current_thread().enable_time().build().unwrap();
    for appends in [0, 1] {
        let logs = [7, 8].map(|seed| Hyperlog::<Utf8>::open(Memory::new(), Identity::from_seed(&[seed; 32])));
        let logs = logs.map(Result::unwrap);
        let (tell, mut synced) = unbounded_channel();
        let drivers = logs.each_ref().map(|log| {
            let session = Session::new(log, Options::default().live(true), Duration::ZERO).unwrap();
            let tell = tell.clone();
            Driver::new(session).on_event(move |event| {
                if matches!(event, Event::Synced { .. }) {
                    tell.send(()).unwrap();
                }
            })
        });
        let stop = drivers[0].stop_handle();
        let streams = <[_; 2]>::from(tokio::io::duplex(1 << 16));
        let sessions = drivers.into_iter().zip(streams).map(|(driver, stream)| {
            let (reader, writer) = tokio::io::split(stream);
            runtime.spawn(driver.run(reader, writer))
        });
        let sessions: Vec<_> = sessions.collect();
        let scene = async {
            for _ in &logs {
                synced.recv().await;
            }
            // Both have said their last word of the first sync, and wait.
            sleep(Duration::from_millis(50)).await;
            logs[appends].append("later").unwrap();
            let mut changes = logs[1 - appends].changes(Read::all().live(true));
            assert_eq!(changes.recv().await.unwrap().unwrap().value().unwrap(), "later");
            stop.stop();
            for session in sessions {
                assert!(session.await.unwrap().unwrap().live);
            }
        };
        runtime.block_on(async { timeout(Duration::from_secs(10), scene).await.unwrap() });
    }
}

/// As a program that ends while it syncs.
#[test]
fn who_shuts_the_runtime_down_ends_its_sessions_without_a_panic() {
    let watching = Builder::new_current_thread().enable_time().build().unwrap();
    for micros in (0..2_000).step_by(20) {
        let runtime = Builder::new_multi_thread().worker_threads(1).enable_time().build().unwrap();
        let streams = <[_; 2]>::from(tokio::io::duplex(1 << 16));
        let sessions = [7, 8].into_iter().zip(streams).map(|(seed, stream)| {
            let log = Hyperlog::<Utf8>::open(Memory::new(), Identity::from_seed(&[seed; 32])).unwrap();
            log.append("hello").unwrap();
            let session = Session::new(&log, Options::default(), Duration::ZERO).unwrap();
            runtime.spawn(replicate::run(session, stream))
        });
        let sessions: Vec<_> = sessions.collect();
        watching.block_on(async { sleep(Duration::from_micros(micros)).await });
        runtime.shutdown_background();
        for session in sessions {
            let ended = watching.block_on(session);
            assert!(!ended.is_err_and(|error| error.is_panic()), "after {micros} us");
        }
    }
}

/// What is left of a cut connection may be too short to be told from anything else, but it is no other language.
#[test]
fn a_stream_that_is_cut_within_its_first_bytes_was_interrupted() {
    let runtime = Builder::new_current_thread().enable_time().build().unwrap();
    for (cut, spoken) in [(0, true), (1, true), (7, true), (3, false)] {
        let log = Hyperlog::<Utf8>::open(Memory::new(), Identity::from_seed(&[7; 32])).unwrap();
        let session = Session::new(&log, Options::default(), Duration::ZERO).unwrap();
        let first: &[u8] = if spoken { &replicate::MAGIC } else { b"SSH-2.0" };
        let run = Driver::new(session).run(&first[..cut], tokio::io::sink());
        let error =
            runtime.block_on(async { timeout(Duration::from_secs(10), run).await.unwrap() }).unwrap_err();
        assert_eq!(matches!(error.cause, Cause::Interrupted { .. }), spoken, "{cut} bytes: {error:?}");
    }
}
