//! Several streams on one.

use std::time::Duration;

use replicate::Side;
use replicate::mux::{Mux, MuxError, MuxLimits, MuxStream, mux};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, DuplexStream, duplex};
use tokio::task::JoinHandle;
use tokio::time::{sleep, timeout};

use crate::ends::{LONG, both, met, noise, sockets};

type Driver = JoinHandle<Result<(), MuxError>>;

fn start(stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static, side: Side) -> (Mux, Driver) {
    let (mux, driver) = mux(stream, side, MuxLimits::default());
    (mux, tokio::spawn(driver))
}

fn pair(pipe: usize) -> ((Mux, Driver), (Mux, Driver)) {
    let (a, b) = duplex(pipe);
    (start(a, Side::Initiator), start(b, Side::Responder))
}

async fn in_order(driver: Driver) {
    timeout(LONG, driver).await.unwrap().unwrap().unwrap();
}

async fn read_all(mut stream: MuxStream) -> Vec<u8> {
    let mut heard = Vec::new();
    timeout(LONG, stream.read_to_end(&mut heard)).await.unwrap().unwrap();
    heard
}

/// A stream of `a`, both ends of it.
async fn open(a: &Mux, b: &Mux) -> (MuxStream, MuxStream) {
    let (opened, accepted) = both(a.open(), b.accept()).await;
    (opened.unwrap(), accepted.unwrap())
}

/// Frames of yamux: version, type, flags, stream, length.
fn frame(kind: u8, flags: u16, stream: u32, length: u32) -> Vec<u8> {
    [&[0, kind][..], &flags.to_be_bytes(), &stream.to_be_bytes(), &length.to_be_bytes()].concat()
}

const SYN: u16 = 1;

#[tokio::test]
async fn either_side_opens_streams_and_either_may_speak_first() {
    let ((a, _driving), (b, _driven)) = pair(64);
    for (opener, acceptor) in [(&a, &b), (&b, &a)] {
        let (mut opened, mut accepted) = open(opener, acceptor).await;
        let mut heard = [0; 5];
        accepted.write_all(b"first").await.unwrap();
        timeout(LONG, opened.read_exact(&mut heard)).await.unwrap().unwrap();
        assert_eq!(&heard, b"first");
        opened.write_all(b"later").await.unwrap();
        timeout(LONG, accepted.read_exact(&mut heard)).await.unwrap().unwrap();
        assert_eq!(&heard, b"later");
    }
}

#[tokio::test]
async fn a_stream_that_nobody_reads_holds_up_no_other() {
    let ((a, _driving), (b, _driven)) = pair(1 << 12);
    let (mut full, unread) = open(&a, &b).await;
    let megabyte = noise(1, 1 << 20);
    // More than it can hold: it waits, or this test shows nothing.
    let stuck = timeout(Duration::from_millis(300), full.write_all(&megabyte)).await;
    assert!(stuck.is_err(), "a stream takes as much as is written");
    let (mut other, heard) = open(&a, &b).await;
    let speak = async {
        other.write_all(&megabyte).await.unwrap();
        other.shutdown().await.unwrap();
    };
    let ((), heard) = both(speak, read_all(heard)).await;
    assert!(heard == megabyte);
    drop(unread);
}

#[tokio::test]
async fn who_has_as_many_streams_as_there_may_be_waits_for_one_to_end() {
    let ((a, _driving), (b, _driven)) = pair(1 << 12);
    let mut streams = Vec::new();
    for _ in 0..MuxLimits::default().streams {
        streams.push(open(&a, &b).await);
    }
    assert!(timeout(Duration::from_millis(100), a.open()).await.is_err());
    // The other side has places of its own.
    let theirs = open(&b, &a).await;
    let (opened, accepted) = streams.pop().unwrap();
    drop(accepted);
    drop(opened);
    let (mut opened, accepted) = open(&a, &b).await;
    opened.write_all(b"x").await.unwrap();
    opened.shutdown().await.unwrap();
    assert_eq!(read_all(accepted).await, b"x");
    drop(theirs);
}

#[tokio::test]
async fn who_opens_and_drops_streams_while_the_other_side_does_not_read_keeps_the_connection() {
    let (wire, other) = duplex(64);
    let (a, driving) = start(wire, Side::Initiator);
    let mut stuck = a.open().await.unwrap();
    assert!(timeout(Duration::from_millis(50), stuck.write_all(&[7; 1 << 19])).await.is_err());
    for _ in 0..100 {
        // Opened or not: it does not matter here.
        drop(timeout(Duration::from_millis(1), a.open()).await);
    }
    assert!(!driving.is_finished());
    let (b, _driven) = start(other, Side::Responder);
    drop(stuck);
    let reading = tokio::spawn({
        let b = b.clone();
        async move { while b.accept().await.is_some() {} }
    });
    drop(timeout(LONG, a.open()).await.unwrap().unwrap());
    a.close();
    in_order(driving).await;
    reading.await.unwrap();
}

/// Opens streams as fast as it can, and reads what comes back.
async fn flood(wire: DuplexStream, streams: u32) {
    let (mut reader, mut writer) = tokio::io::split(wire);
    let opening = async {
        for n in 0..streams {
            let sent = writer.write_all(&frame(1, SYN, 2 * n + 1, 0)).await;
            if sent.is_err() {
                return;
            }
        }
        std::future::pending::<()>().await;
    };
    let reading = async {
        let mut buffer = [0; 64];
        while reader.read(&mut buffer).await.is_ok_and(|n| n > 0) {}
    };
    tokio::select! { () = opening => {}, () = reading => {} }
}

#[tokio::test]
async fn a_flood_of_streams_ends_the_connection_and_a_few_too_many_do_not() {
    let max = MuxLimits::default().streams as u32;
    for (streams, ends) in [(max, false), (2 * max, false), (2 * max + 1, true), (10_000, true)] {
        let (wire, hostile) = duplex(1 << 16);
        let flooding = tokio::spawn(flood(hostile, streams));
        let (b, driven) = start(wire, Side::Responder);
        if ends {
            let ended = timeout(LONG, driven).await.unwrap().unwrap();
            assert!(matches!(ended, Err(MuxError::TooManyStreams { max: 8 })), "{ended:?}");
            assert!(b.accept().await.is_none());
        } else {
            sleep(Duration::from_millis(100)).await;
            assert!(!driven.is_finished());
            for _ in 0..max {
                std::mem::forget(timeout(LONG, b.accept()).await.unwrap().unwrap());
            }
            assert!(timeout(Duration::from_millis(100), b.accept()).await.is_err(), "one more was accepted");
        }
        flooding.abort();
    }
}

#[tokio::test]
async fn garbage_ends_the_connection() {
    for (bytes, protocol) in [
        (b"SSH-2.0-somebody".to_vec(), true),
        (frame(0, SYN, 1, 1 << 30), true),
        (frame(0, SYN, 1, 9), false),
    ] {
        let (wire, mut hostile) = duplex(1 << 16);
        let (b, driven) = start(wire, Side::Responder);
        hostile.write_all(&bytes).await.unwrap();
        hostile.shutdown().await.unwrap();
        let ended = timeout(LONG, driven).await.unwrap().unwrap();
        match ended {
            Err(MuxError::Protocol(_)) => assert!(protocol),
            // Cut inside of a frame.
            Err(MuxError::Io(error)) => {
                assert!(!protocol && error.kind() == std::io::ErrorKind::UnexpectedEof)
            }
            other => panic!("{other:?}"),
        }
        assert!(b.open().await.is_err());
    }
}

/// Says it and leaves at once.
async fn say_and_leave(mux: Mux, mut stream: MuxStream, says: Vec<u8>) {
    stream.write_all(&says).await.unwrap();
    stream.shutdown().await.unwrap();
    mux.close();
}

#[tokio::test]
async fn who_closes_loses_nothing_of_what_was_said_and_both_end_in_order() {
    for pipe in [1, 64, 1 << 16] {
        let ((a, driving), (b, driven)) = pair(pipe);
        let (opened, accepted) = open(&a, &b).await;
        let says = noise(2, 200_000);
        let ((), heard) = both(say_and_leave(a.clone(), opened, says.clone()), read_all(accepted)).await;
        assert!(heard == says, "{} of {} bytes", heard.len(), says.len());
        in_order(driving).await;
        in_order(driven).await;
        assert!(a.open().await.is_err() && a.accept().await.is_none());
        assert!(b.open().await.is_err() && b.accept().await.is_none());
    }
}

/// Each says more than all pipes between them hold, hears the other, and closes.
#[tokio::test]
async fn two_that_close_at_once_end_in_order_on_full_pipes_too() {
    for pipe in [1, 7, 64] {
        let ((a, driving), (b, driven)) = pair(pipe);
        let (opened, accepted) = open(&a, &b).await;
        let says = noise(3, 100_000);
        let side = |mux: Mux, stream: MuxStream| {
            let says = says.clone();
            async move {
                let (mut reader, mut writer) = tokio::io::split(stream);
                let mut heard = Vec::new();
                let speak = async {
                    writer.write_all(&says).await.unwrap();
                    writer.shutdown().await.unwrap();
                };
                let ((), listened) = tokio::join!(speak, reader.read_to_end(&mut heard));
                listened.unwrap();
                assert!(heard == says);
                mux.close();
            }
        };
        both(side(a.clone(), opened), side(b.clone(), accepted)).await;
        in_order(driving).await;
        in_order(driven).await;
    }
}

#[tokio::test]
async fn a_closed_side_waits_for_its_streams_and_takes_no_more() {
    let ((a, driving), (b, driven)) = pair(1 << 12);
    let (mut opened, mut accepted) = open(&a, &b).await;
    a.close();
    assert!(a.open().await.is_err());
    assert!(a.accept().await.is_none());
    sleep(Duration::from_millis(50)).await;
    assert!(!driving.is_finished() && !driven.is_finished());
    // Both ways still.
    let mut heard = [0; 2];
    opened.write_all(b"hi").await.unwrap();
    accepted.read_exact(&mut heard).await.unwrap();
    accepted.write_all(b"ho").await.unwrap();
    opened.read_exact(&mut heard).await.unwrap();
    assert_eq!(&heard, b"ho");
    drop(opened);
    in_order(driving).await;
    in_order(driven).await;
    assert!(read_all(accepted).await.is_empty());
    drop(b);
}

#[tokio::test]
async fn a_side_that_is_dropped_whole_ends_in_order() {
    let ((a, driving), (b, driven)) = pair(1 << 12);
    drop(a);
    in_order(driving).await;
    in_order(driven).await;
    assert!(b.accept().await.is_none());
}

#[tokio::test]
async fn without_its_driver_everything_ends() {
    let ((a, driving), (b, driven)) = pair(1 << 12);
    let (mut opened, accepted) = open(&a, &b).await;
    let reading = tokio::spawn(read_all(accepted));
    driving.abort();
    assert!(reading.await.unwrap().is_empty());
    assert!(timeout(LONG, a.accept()).await.unwrap().is_none());
    assert!(a.open().await.is_err());
    let mut heard = Vec::new();
    timeout(LONG, opened.read_to_end(&mut heard)).await.unwrap().unwrap();
    assert_eq!(opened.write_all(b"x").await.unwrap_err().kind(), std::io::ErrorKind::BrokenPipe);
    in_order(driven).await;
    // One that never ran is as good as one that was dropped.
    let (never, driver) = mux(duplex(64).0, Side::Initiator, MuxLimits::default());
    drop(driver);
    assert!(never.open().await.is_err() && never.accept().await.is_none());
}

#[tokio::test]
async fn what_was_accepted_by_nobody_does_not_keep_a_closed_side_open() {
    let ((a, driving), (b, driven)) = pair(1 << 12);
    let _opened = a.open().await.unwrap();
    sleep(Duration::from_millis(50)).await;
    b.close();
    in_order(driven).await;
    in_order(driving).await;
}

/// All that is between two logs on a network.
#[tokio::test]
async fn streams_on_an_encrypted_socket_carry_megabytes_both_ways() {
    let (a, b) = sockets().await;
    let (a, b) = met(a, b).await;
    let ((a, driving), (b, driven)) = (start(a.stream, a.side), start(b.stream, b.side));
    let says = noise(4, 3_000_000);
    let (first, second) = (open(&a, &b).await, open(&b, &a).await);
    let speak = |mut stream: MuxStream| {
        let says = says.clone();
        async move {
            stream.write_all(&says).await.unwrap();
            stream.shutdown().await.unwrap();
        }
    };
    let speaking = async { tokio::join!(speak(first.0), speak(second.0)) };
    let listening = async { tokio::join!(read_all(first.1), read_all(second.1)) };
    let (_, heard) = both(speaking, listening).await;
    assert!(heard.0 == says && heard.1 == says);
    drop((a, b));
    in_order(driving).await;
    in_order(driven).await;
}
