//! Two sides that know the topic meet and talk.

use replicate::Side;
use replicate::mux::{MuxLimits, mux};
use replicate::noise::{Encrypted, secure};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, duplex};

use crate::ends::{TOPIC, both, identity, met, noise, sockets};

/// Says all of it in chunks of many sizes, while it hears all of the other's, in chunks of many sizes.
async fn talk<S: AsyncRead + AsyncWrite + Unpin>(stream: Encrypted<S>, says: &[u8], hears: &[u8]) {
    let (mut reader, mut writer) = tokio::io::split(stream);
    let speak = async {
        let (mut rest, mut size) = (says, 1);
        while !rest.is_empty() {
            let (chunk, later) = rest.split_at(rest.len().min(size));
            writer.write_all(chunk).await.unwrap();
            (rest, size) = (later, (size * 7 + 3) % 100_003);
        }
        writer.shutdown().await.unwrap();
    };
    let listen = async {
        let (mut heard, mut size) = (Vec::new(), 1);
        loop {
            let start = heard.len();
            heard.resize(start + size, 0);
            let n = reader.read(&mut heard[start..]).await.unwrap();
            heard.truncate(start + n);
            size = size * 5 % 100_003 + 1;
            if n == 0 {
                break;
            }
        }
        assert!(heard == hears, "{} of {} bytes", heard.len(), hears.len());
    };
    tokio::join!(speak, listen);
}

async fn meet_and_talk<S: AsyncRead + AsyncWrite + Unpin>(a: S, b: S, bytes: usize) {
    let (says, hears) = (noise(1, bytes), noise(2, bytes + 1));
    let (a, b) = met(a, b).await;
    both(talk(a.stream, &says, &hears), talk(b.stream, &hears, &says)).await;
}

#[tokio::test]
async fn both_hear_all_of_what_the_other_says_at_the_same_time_through_pipes_of_any_size() {
    for (pipe, bytes) in [(1, 20_000), (2, 20_000), (64, 10_000_000), (1 << 16, 10_000_000)] {
        let (a, b) = duplex(pipe);
        meet_and_talk(a, b, bytes).await;
    }
}

#[tokio::test]
async fn both_hear_all_of_what_the_other_says_at_the_same_time_through_sockets() {
    let (a, b) = sockets().await;
    meet_and_talk(a, b, 10_000_000).await;
}

/// Or nobody could spawn them.
#[test]
fn all_futures_of_the_layers_can_be_sent_to_other_threads() {
    fn sent(_: impl Send) {}
    let ana = identity(1);
    sent(secure(duplex(1).0, &ana, &TOPIC));
    let (mux, driver) = mux(duplex(1).0, Side::Initiator, MuxLimits::default());
    sent(mux.open());
    sent(mux.accept());
    sent(driver);
}
