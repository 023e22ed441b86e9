//! A local writer never waits for a peer.

use std::time::{Duration, Instant};

use level::Memory;
use replicate::{Cause, Driver, Limits, Options, Session};
use scuttleup::Log;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use crate::support::{assert_clean, identity};

#[test]
#[expect(clippy::disallowed_methods, reason = "the test looks at the clock")]
fn a_local_append_does_not_wait_for_a_peer_that_reads_nothing() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
    let log = Log::open(Memory::new(), identity(1)).unwrap();
    log.append_batch(vec![vec![b'x'; 10_000]; 2_000]).unwrap();
    let mut limits = Limits::default();
    limits.window = Duration::from_secs(2);
    let session = Session::new(&log, Options::default().live(true).limits(limits), Duration::ZERO).unwrap();
    // An honest peer's first words, and then it neither reads nor writes.
    let other = Log::open(Memory::new(), identity(2)).unwrap();
    let error = runtime.block_on(async {
        let (near, far) = tokio::io::duplex(4_096);
        let (reader, writer) = tokio::io::split(near);
        let session = tokio::spawn(Driver::new(session).run(reader, writer));
        let silent = tokio::spawn(first_words(far, other));
        let appending = {
            let log = log.clone();
            tokio::task::spawn_blocking(move || {
                let start = Instant::now();
                for _ in 0..200 {
                    log.append("while it is stuck").unwrap();
                }
                start.elapsed()
            })
        };
        let took = appending.await.unwrap();
        assert!(!session.is_finished(), "the session ended before the peer was seen to be stuck");
        assert!(took < Duration::from_secs(1), "200 appends took {took:?}");
        let error = session.await.unwrap().unwrap_err();
        silent.abort();
        error
    });
    assert!(matches!(error.cause, Cause::Stalled { .. }), "{error:?}");
    assert_eq!(log.last().0, 2_200);
    assert_clean(&log);
}

/// Says what an honest session says until it offers, reading as little as it must, and then holds still.
async fn first_words(mut wire: tokio::io::DuplexStream, log: Log) {
    let mut session = Session::new(&log, Options::default().live(true), Duration::ZERO).unwrap();
    let (mut frames, mut arrived) = (replicate::Frames::default(), bytes::BytesMut::new());
    loop {
        let mut out = bytes::BytesMut::new();
        while let Some(message) = session.say() {
            frames.encode(&message, &mut out);
        }
        wire.write_all(&out).await.unwrap();
        match frames.decode(&mut arrived).unwrap() {
            Some(replicate::Message::Offer { .. }) => std::future::pending().await,
            Some(message) => session.hear(message, Duration::ZERO),
            None => drop(wire.read_buf(&mut arrived).await.unwrap()),
        }
    }
}
