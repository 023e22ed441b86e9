//! What the layers take of memory, whatever the other side does. In a process of its own, with one thread that works.
#![expect(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

use std::pin::pin;
use std::time::Duration;

use hyperlog::Identity;
use peak_alloc::PeakAlloc;
use replicate::MAGIC_ENCRYPTED;
use replicate::mux::{MuxLimits, mux};
use replicate::noise::{Encrypted, secure};
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream, duplex};
use tokio::runtime::{Builder, Runtime};
use tokio::time::{sleep, timeout};

#[global_allocator]
static MEMORY: PeakAlloc = PeakAlloc;

const TOPIC: [u8; 32] = [3; 32];

fn runtime() -> Runtime {
    Builder::new_current_thread().enable_time().build().unwrap()
}

/// By how much memory grew, at the worst moment.
async fn grown_by(work: impl Future) -> usize {
    MEMORY.reset_peak_usage();
    let before = MEMORY.current_usage();
    work.await;
    MEMORY.peak_usage() - before
}

async fn met() -> [Encrypted<DuplexStream>; 2] {
    let (a, b) = duplex(1 << 10);
    let (ana, ben) = (Identity::from_seed(&[1; 32]), Identity::from_seed(&[2; 32]));
    let (a, b) = tokio::join!(secure(a, &ana, &TOPIC), secure(b, &ben, &TOPIC));
    [a.unwrap().stream, b.unwrap().stream]
}

/// As far as a stranger gets: to the last message before the proofs, at which it stalls.
async fn a_handshake_takes_little_before_anything_is_proven() {
    let (wire, mut other) = duplex(1 << 10);
    other.write_all(&[&MAGIC_ENCRYPTED[..], &[0xff; 16]].concat()).await.unwrap();
    other.write_all(&[0, 32]).await.unwrap();
    other.write_all(&[9; 32]).await.unwrap();
    let ana = Identity::from_seed(&[1; 32]);
    let mut stalled = Box::pin(secure(wire, &ana, &TOPIC));
    let future = size_of_val(&*stalled);
    let grown = grown_by(async { timeout(Duration::from_millis(50), &mut stalled).await.unwrap_err() }).await;
    // The second message was said, so the keys are there.
    let mut said = [0; 24 + 98];
    other.read_exact(&mut said).await.unwrap();
    assert!((500..4_096).contains(&(grown + future)), "{grown} and {future}");
}

async fn an_encrypted_stream_takes_what_it_says() {
    let [mut a, mut b] = met().await;
    // Nothing was read or written.
    let idle = grown_by(async {}).await;
    assert_eq!(idle, 0);
    let says = vec![7; 1 << 20];
    let mut piece = vec![0; 1 << 10];
    let grown = grown_by(async {
        let speak = async {
            a.write_all(&says).await.unwrap();
            a.flush().await.unwrap();
        };
        let listen = async {
            let mut heard = 0;
            while heard < says.len() {
                heard += b.read(&mut piece).await.unwrap();
            }
        };
        tokio::join!(speak, listen);
    });
    let grown = grown.await;
    // A frame as it came, one opened, one to be written.
    assert!((65_000..200_000).contains(&grown), "{grown}");
}

/// Frames of yamux: version, type, flags, stream, length.
fn frame(kind: u8, flags: u16, stream: u32, length: u32) -> Vec<u8> {
    [&[0, kind][..], &flags.to_be_bytes(), &stream.to_be_bytes(), &length.to_be_bytes()].concat()
}

/// A peer that opens all streams there may be and says so much on each, in frames of this size; nobody reads.
async fn unread_streams_take_their_windows(bytes: usize, body: usize) -> usize {
    let (wire, mut hostile) = duplex(1 << 16);
    let (streams, driver) = mux(wire, replicate::Side::Responder, MuxLimits::default());
    let content = vec![1; body];
    let (mut accepted, mut driver) = (Vec::new(), pin!(driver));
    let grown = grown_by(async {
        let fill = async {
            for n in 0..8 {
                let id = 2 * n + 1;
                hostile.write_all(&frame(1, 1, id, 0)).await.unwrap();
                let data = [frame(0, 0, id, body as u32), content.clone()].concat();
                for _ in 0..bytes / body {
                    hostile.write_all(&data).await.unwrap();
                }
            }
            sleep(Duration::from_millis(50)).await;
        };
        let accept = async {
            while let Some(stream) = streams.accept().await {
                accepted.push(stream);
            }
        };
        tokio::select! {
            () = fill => {}
            () = accept => {}
            ended = &mut driver => drop(ended),
        }
    });
    grown.await
}

#[test]
fn memory_is_bounded_whatever_the_other_side_does() {
    runtime().block_on(async {
        a_handshake_takes_little_before_anything_is_proven().await;
        an_encrypted_stream_takes_what_it_says().await;
        // A window each, and half of one more than is allowed.
        let grown = unread_streams_take_their_windows(3 << 17, 16 << 10).await;
        assert!((2 << 20..3 << 20).contains(&grown), "{grown}");
    });
}
