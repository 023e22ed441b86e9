//! What comes over a wire that is cut, altered, or held by somebody who says anything at all.

use std::time::Duration;

use proptest::prelude::*;
use replicate::Side;
use replicate::noise::{NoiseError, Secured, secure};
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream, duplex};
use tokio::time::timeout;

use crate::ends::{TOPIC, error, identity};
use crate::script::Script;

/// Bytes that the initiator says in a handshake: greeting, first and third message, tag, key.
const INITIATOR_BYTES: usize = 24 + 34 + 66 + 50 + 114;
/// And the responder: greeting, second message, answer.
const RESPONDER_BYTES: usize = 24 + 98 + 146;

const fn said_by(side: Side) -> usize {
    match side {
        Side::Initiator => INITIATOR_BYTES,
        Side::Responder => RESPONDER_BYTES,
    }
}

/// What befalls the bytes from ana to ben.
#[derive(Clone, Copy, Debug)]
enum Harm {
    Nothing,
    /// Only so many arrive, and no more either way.
    Cut(usize),
    /// One bit of this byte.
    Flip(usize, u8),
}

/// Passes on what comes from `from`, harmed.
async fn harmed(from: &mut (impl AsyncReadExt + Unpin), to: &mut (impl AsyncWriteExt + Unpin), harm: Harm) {
    let mut at = 0;
    let mut buffer = [0; 512];
    while let Ok(n @ 1..) = from.read(&mut buffer).await {
        let part = &mut buffer[..n];
        match harm {
            Harm::Cut(whole) if at + n > whole => {
                let _ = to.write_all(&part[..whole - at]).await;
                return;
            }
            Harm::Flip(byte, bit) if (at..at + n).contains(&byte) => part[byte - at] ^= 1 << bit,
            _ => {}
        }
        at += n;
        if to.write_all(part).await.is_err() {
            break;
        }
    }
    // The end of one way is passed on, and the other way goes on.
    let _ = to.shutdown().await;
    std::future::pending::<()>().await;
}

type Met = Option<Result<Secured<DuplexStream>, NoiseError>>;

/// A script that plays ana's part on this side, towards ben over a wire that does harm; what ben came to. None when he
/// would wait for ever: time runs ahead when nothing else does.
async fn with_harm(side: Side, harm: Harm) -> Met {
    let (ana, from_ana) = duplex(1 << 12);
    let (ben, to_ben) = duplex(1 << 12);
    let wire = async move {
        let (mut out_of_ana, mut into_ana) = tokio::io::split(from_ana);
        let (mut out_of_ben, mut into_ben) = tokio::io::split(to_ben);
        tokio::select! {
            () = harmed(&mut out_of_ana, &mut into_ben, harm) => {}
            () = harmed(&mut out_of_ben, &mut into_ana, Harm::Nothing) => {}
        }
    };
    // It panics where the handshake breaks, which is its own matter.
    let ana = tokio::spawn(async move { drop(Script::meet(ana, side, &identity(1), &TOPIC).await) });
    let wire = tokio::spawn(wire);
    let met = timeout(Duration::from_secs(60), secure(ben, &identity(2), &TOPIC)).await.ok();
    ana.abort();
    wire.abort();
    met
}

#[tokio::test(start_paused = true)]
async fn a_handshake_that_is_cut_after_any_byte_ends() {
    for side in [Side::Initiator, Side::Responder] {
        for cut in 0..said_by(side) {
            let met = with_harm(side, Harm::Cut(cut)).await.expect("it waits for what cannot come");
            let error = error(met);
            assert!(matches!(error, NoiseError::Ended { .. } | NoiseError::Io(_)), "{cut}: {error:?}");
        }
        let met = with_harm(side, Harm::Cut(said_by(side))).await.unwrap();
        assert_eq!(met.unwrap().side, side.other());
    }
}

/// Bits of the nonce too: both sides must have heard the same ones.
#[tokio::test(start_paused = true)]
async fn no_bit_of_a_handshake_can_be_flipped() {
    for side in [Side::Initiator, Side::Responder] {
        assert!(with_harm(side, Harm::Nothing).await.unwrap().is_ok());
        for byte in 0..said_by(side) {
            for bit in 0..8 {
                match with_harm(side, Harm::Flip(byte, bit)).await {
                    Some(met) => drop(error(met)),
                    // Then both believe to be asked, and wait: who may flip bits may as well hold all of them back.
                    None => {
                        assert!((8..24).contains(&byte), "byte {byte} of the {side:?} makes the other wait")
                    }
                }
            }
        }
    }
}

fn garbage(bytes: Vec<u8>) -> Met {
    let runtime =
        tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap();
    runtime.block_on(async {
        let (wire, mut other) = duplex(1 << 16);
        other.write_all(&bytes).await.unwrap();
        other.shutdown().await.unwrap();
        timeout(Duration::from_secs(60), secure(wire, &identity(1), &TOPIC)).await.ok()
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    #[test]
    fn garbage_is_an_error_and_is_not_waited_for(
        greeting in 0_usize..4,
        nonce in prop_oneof![Just([0; 16]), Just([0xff; 16]), any::<[u8; 16]>()],
        length in prop_oneof![Just(32_u16), Just(96), Just(64), any::<u16>()],
        rest in proptest::collection::vec(any::<u8>(), 0..400),
    ) {
        let length = length.to_be_bytes();
        let greeted = [&replicate::MAGIC_ENCRYPTED[..], &nonce, &length].concat();
        // All of it at random, or only what comes after a part that is right.
        let right = [0, 8, 24, 26][greeting];
        let met = garbage([&greeted[..right], &rest].concat());
        prop_assert!(met.expect("it waits for what cannot come").is_err());
    }
}
