//! Whole logs are synced over the layers.

use std::time::Duration;

use hyperlog::{Hyperlog, Identity, Memory, Utf8};
use replicate::mux::{MuxLimits, mux};
use replicate::{Options, Session, run};
use tokio::io::{AsyncRead, AsyncWrite, duplex};

use crate::ends::{both, met, sockets};

fn log(seed: u8, entries: usize) -> Hyperlog<Utf8> {
    let log = Hyperlog::<Utf8>::open(Memory::new(), Identity::from_seed(&[seed; 32])).unwrap();
    for n in 0..entries {
        log.append(format!("{n} {}", "x".repeat(n % 500))).unwrap();
    }
    log
}

/// Syncs two logs over two ends of a wire.
async fn sync<A, B>(logs: [&Hyperlog<Utf8>; 2], a: A, b: B)
where
    A: AsyncRead + AsyncWrite,
    B: AsyncRead + AsyncWrite,
{
    assert_ne!(logs[0].heads().unwrap(), logs[1].heads().unwrap());
    let [x, y] = logs.map(|log| Session::new(log, Options::default(), Duration::ZERO).unwrap());
    let (x, y) = both(run(x, a), run(y, b)).await;
    assert!(x.unwrap().equal && y.unwrap().equal);
    assert_eq!(logs[0].heads().unwrap(), logs[1].heads().unwrap());
}

#[tokio::test]
async fn two_logs_get_equal_over_an_encrypted_stream() {
    for pipe in [64, 1 << 16] {
        let (a, b) = duplex(pipe);
        let (a, b) = met(a, b).await;
        sync([&log(7, 500), &log(8, 300)], a.stream, b.stream).await;
    }
}

#[tokio::test]
async fn two_pairs_of_logs_get_equal_over_two_streams_of_one_encrypted_socket() {
    let (a, b) = sockets().await;
    let (a, b) = met(a, b).await;
    let (a, driving) = mux(a.stream, a.side, MuxLimits::default());
    let (b, driven) = mux(b.stream, b.side, MuxLimits::default());
    let (driving, driven) = (tokio::spawn(driving), tokio::spawn(driven));
    let first = [log(7, 500), log(8, 300)];
    let second = [log(9, 10), log(10, 2_000)];
    let (one, two) = (both(a.open(), b.accept()).await, both(b.open(), a.accept()).await);
    let one = sync(first.each_ref(), one.0.unwrap(), one.1.unwrap());
    let two = sync(second.each_ref(), two.0.unwrap(), two.1.unwrap());
    both(one, two).await;
    a.close();
    let (driving, driven) = both(driving, driven).await;
    driving.unwrap().unwrap();
    driven.unwrap().unwrap();
}
