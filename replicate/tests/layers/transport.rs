//! What is read and written once two have met.

use std::io::ErrorKind;
use std::pin::pin;

use proptest::prelude::*;
use replicate::Side;
use replicate::noise::{Encrypted, PLAIN_BYTES_MAX, secure};
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream, duplex};
use tokio::task::yield_now;

use crate::ends::{LONG, TOPIC, both, identity, met, noise};
use crate::script::Script;

/// Ben's stream, and a script that has met him.
async fn begun() -> (Encrypted<DuplexStream>, Script) {
    let (wire, other) = duplex(1 << 18);
    let (ana, ben) = (identity(1), identity(2));
    let (met, script) =
        both(secure(wire, &ben, &TOPIC), Script::meet(other, Side::Initiator, &ana, &TOPIC)).await;
    (met.unwrap().stream, script)
}

/// What is read until the end or an error, in pieces of at most this size.
async fn read_all(stream: &mut Encrypted<DuplexStream>, piece: usize) -> (Vec<u8>, Option<ErrorKind>) {
    let (mut heard, mut buffer) = (Vec::new(), vec![0; piece]);
    let reading = async {
        loop {
            match stream.read(&mut buffer).await {
                Ok(0) => return None,
                Ok(n) => heard.extend(&buffer[..n]),
                Err(error) => return Some(error.kind()),
            }
        }
    };
    let ended = tokio::time::timeout(LONG, reading).await.unwrap();
    (heard, ended)
}

/// Readers with room for a whole frame, and with less.
const PIECES: [usize; 3] = [1, 7, 1 << 17];

#[tokio::test]
async fn a_bit_that_is_flipped_ends_the_stream_and_nothing_of_its_frame_is_delivered() {
    for piece in PIECES {
        // Anywhere but in the length: in the content, in the seal, in none.
        for flipped in [Some(2), Some(6), Some(7), Some(22), None] {
            let (mut stream, mut script) = begun().await;
            let (before, mut frame) = (script.sealed(b"before"), script.sealed(b"hello"));
            let after = script.sealed(b"after");
            if let Some(byte) = flipped {
                frame[byte] ^= 0x10;
            }
            script.wire.write_all(&[before, frame, after].concat()).await.unwrap();
            script.wire.shutdown().await.unwrap();
            let (heard, ended) = read_all(&mut stream, piece).await;
            if flipped.is_none() {
                assert_eq!((&heard[..], ended), (&b"beforehelloafter"[..], None));
                continue;
            }
            assert_eq!((&heard[..], ended), (&b"before"[..], Some(ErrorKind::InvalidData)));
            // And for good.
            assert_eq!(read_all(&mut stream, piece).await, (vec![], Some(ErrorKind::InvalidData)));
            assert_eq!(stream.write_all(b"x").await.unwrap_err().kind(), ErrorKind::InvalidData);
        }
    }
}

#[tokio::test]
async fn frames_that_are_swapped_repeated_or_left_out_end_the_stream() {
    for order in [&[0, 1, 2][..], &[1, 0, 2], &[0, 0], &[0, 2]] {
        let (mut stream, mut script) = begun().await;
        let frames = [script.sealed(b"a"), script.sealed(b"b"), script.sealed(b"c")];
        for frame in order {
            script.wire.write_all(&frames[*frame]).await.unwrap();
        }
        script.wire.shutdown().await.unwrap();
        let (heard, ended) = read_all(&mut stream, 100).await;
        let right = order.iter().zip(0..).take_while(|(frame, n)| *frame == n).count();
        assert_eq!(heard, b"abc"[..right]);
        assert_eq!(ended, (right < order.len()).then_some(ErrorKind::InvalidData), "{order:?}");
    }
}

#[tokio::test]
async fn frames_without_content_are_an_error_and_not_skipped() {
    for length in 0..=16_u16 {
        let (mut stream, mut script) = begun().await;
        let frame = [&length.to_be_bytes()[..], &vec![0; length.into()]].concat();
        for _ in 0..1_000 {
            script.wire.write_all(&frame).await.unwrap();
        }
        assert_eq!(read_all(&mut stream, 100).await, (vec![], Some(ErrorKind::InvalidData)));
    }
    // One that is sealed as it should be.
    let (mut stream, mut script) = begun().await;
    script.seal(b"").await;
    assert_eq!(read_all(&mut stream, 100).await, (vec![], Some(ErrorKind::InvalidData)));
}

#[tokio::test]
async fn an_end_inside_of_a_frame_is_told_from_one_between_two() {
    for piece in PIECES {
        for cut in 0..=46 {
            let (mut stream, mut script) = begun().await;
            let frames = [script.sealed(b"hello"), script.sealed(b"again")].concat();
            assert_eq!(frames.len(), 46);
            script.wire.write_all(&frames[..cut]).await.unwrap();
            script.wire.shutdown().await.unwrap();
            let (heard, ended) = read_all(&mut stream, piece).await;
            assert_eq!(heard, b"helloagain"[..cut / 23 * 5]);
            assert_eq!(ended, (cut % 23 != 0).then_some(ErrorKind::UnexpectedEof), "{cut}");
        }
    }
}

#[tokio::test]
async fn the_longest_frame_is_read_whole_by_readers_of_any_size() {
    for piece in [1 << 10, PLAIN_BYTES_MAX - 1, PLAIN_BYTES_MAX, 1 << 17] {
        let (mut stream, mut script) = begun().await;
        let longest = noise(1, PLAIN_BYTES_MAX);
        script.seal(&longest).await;
        script.seal(b"and more").await;
        script.wire.shutdown().await.unwrap();
        let (heard, ended) = read_all(&mut stream, piece).await;
        assert!(heard == [&longest[..], b"and more"].concat() && ended.is_none());
    }
}

#[tokio::test]
async fn what_was_written_is_said_when_it_is_flushed_or_shut_down() {
    for shuts_down in [false, true] {
        let (mut stream, mut script) = begun().await;
        let says = noise(2, 150_000);
        let speak = async {
            stream.write_all(&says).await.unwrap();
            if shuts_down { stream.shutdown().await.unwrap() } else { stream.flush().await.unwrap() }
        };
        let listen = async {
            let mut heard = Vec::new();
            while heard.len() < says.len() {
                heard.extend(script.open().await.unwrap());
            }
            heard
        };
        let ((), heard) = both(speak, listen).await;
        assert!(heard == says);
        if shuts_down {
            assert!(script.open().await.is_none());
        }
    }
}

/// Polls once, and gives up on what did not come at once.
async fn once<F: Future>(future: F) -> Option<F::Output> {
    let mut future = pin!(future);
    std::future::poll_fn(|cx| match future.as_mut().poll(cx) {
        std::task::Poll::Ready(done) => std::task::Poll::Ready(Some(done)),
        std::task::Poll::Pending => std::task::Poll::Ready(None),
    })
    .await
}

/// Writes that are given up on were not taken; reads that are given up on took nothing.
async fn talk_impatiently(pipe: usize, writes: Vec<usize>, reads: Vec<usize>) {
    let (a, b) = duplex(pipe);
    let (a, b) = met(a, b).await;
    let (mut a, mut b) = (a.stream, b.stream);
    let says = noise(3, writes.iter().sum());
    let speak = async {
        let mut rest = &says[..];
        for size in writes.iter().cycle() {
            if rest.is_empty() {
                break;
            }
            match once(a.write(&rest[..rest.len().min(*size)])).await {
                Some(n) => rest = &rest[n.unwrap()..],
                None => yield_now().await,
            }
        }
        while once(a.shutdown()).await.is_none() {
            yield_now().await;
        }
    };
    let listen = async {
        let (mut heard, mut buffer) = (Vec::<u8>::new(), vec![0_u8; 1 << 17]);
        for size in reads.iter().cycle() {
            match once(b.read(&mut buffer[..*size])).await {
                Some(Ok(0)) => break,
                Some(n) => heard.extend(&buffer[..n.unwrap()]),
                None => yield_now().await,
            }
        }
        heard
    };
    let ((), heard) = both(speak, listen).await;
    assert!(heard == says, "{} of {} bytes", heard.len(), says.len());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn nothing_is_lost_to_those_who_give_up_and_try_again(
        pipe in 1_usize..5_000,
        writes in proptest::collection::vec(prop_oneof![1_usize..50, 1_usize..70_000], 1..8),
        reads in proptest::collection::vec(prop_oneof![1_usize..50, 1_usize..70_000], 1..8),
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
        runtime.block_on(talk_impatiently(pipe, writes, reads));
    }
}
