//! Who does not know the topic, or does not hold the key, gets nowhere and learns nothing.

use replicate::noise::{NoiseError, Secured, secure};
use replicate::{Prover, Side};
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream, duplex};

use crate::ends::{TOPIC, both, error, identity};
use crate::script::Script;

const SIDES: [Side; 2] = [Side::Initiator, Side::Responder];

/// Ana's end, against a script.
async fn ana(wire: DuplexStream) -> Result<Secured<DuplexStream>, NoiseError> {
    secure(wire, &identity(1), &TOPIC).await
}

fn wires() -> (DuplexStream, DuplexStream) {
    duplex(1 << 16)
}

fn contains(bytes: &[u8], part: &[u8]) -> bool {
    bytes.windows(part.len()).any(|window| window == part)
}

#[tokio::test]
async fn a_script_that_keeps_to_the_protocol_is_met_on_either_side() {
    for side in SIDES {
        let (wire, other) = wires();
        let (met, mut script) = both(ana(wire), Script::meet(other, side, &identity(2), &TOPIC)).await;
        let mut met = met.unwrap();
        assert_eq!((met.peer, met.side), (identity(2).key(), side.other()));
        met.stream.write_all(b"hello").await.unwrap();
        assert_eq!(script.open().await.unwrap(), b"hello");
    }
}

#[tokio::test]
async fn both_sides_are_told_that_the_topic_is_another() {
    // Who initiates is chance.
    for _ in 0..8 {
        let (a, b) = wires();
        let (ana, ben) = (identity(1), identity(2));
        let (a, b) = both(secure(a, &ana, &TOPIC), secure(b, &ben, &[4; 32])).await;
        for error in [error(a), error(b)] {
            assert!(matches!(error, NoiseError::OtherTopic), "{error:?}");
            assert!(error.to_string().contains("does not know the topic"), "{error}");
        }
    }
}

/// Either side: the nonce of the stranger decides which end ana is.
#[tokio::test]
async fn a_stranger_learns_no_key_whichever_side_it_takes() {
    let key = identity(1).key();
    for side in SIDES {
        // Without the topic: a tag at random, one that is sent back, and the one for another topic.
        for kind in 0..3 {
            let (wire, other) = wires();
            let stranger = async {
                let mut script = Script::begin(other, side).await;
                let mut heard = Vec::new();
                if side == Side::Responder {
                    heard.extend(script.open().await.unwrap());
                    assert_eq!(heard.len(), 32, "a tag and no more");
                }
                let mut tag = script.tag(&[4; 32]);
                match kind {
                    0 => tag = [9; 32],
                    1 if side == Side::Responder => tag.copy_from_slice(&heard),
                    _ => {}
                }
                let mut says = tag.to_vec();
                if side == Side::Responder {
                    says.extend(script.signed(&identity(2)));
                }
                script.seal(&says).await;
                if side == Side::Initiator {
                    assert_eq!(script.open().await.unwrap(), b"", "a refusal, which says nothing");
                }
                heard.extend(script.rest().await);
                heard
            };
            let (met, heard) = both(ana(wire), stranger).await;
            assert!(matches!(error(met), NoiseError::OtherTopic));
            assert!(!contains(&heard, &key) && heard.len() <= 32, "{heard:02x?}");
        }
        // Who knows it learns the key, or the above shows nothing.
        let (wire, other) = wires();
        let knows = async {
            let mut script = Script::begin(other, side).await;
            let tag = script.tag(&TOPIC);
            if side == Side::Initiator {
                script.seal(&tag).await;
                script.open().await.unwrap()
            } else {
                script.open().await.unwrap();
                let signed = script.signed(&identity(2));
                script.seal(&[&tag[..], &signed].concat()).await;
                script.open().await.unwrap()
            }
        };
        let (_, heard) = both(ana(wire), knows).await;
        assert!(contains(&heard, &key));
    }
}

/// Whom ana takes a peer for that knows the topic and says this for its key.
async fn presented(side: Side, signed: impl FnOnce(&Script) -> Vec<u8>) -> Result<[u8; 32], NoiseError> {
    let (wire, other) = wires();
    let peer = async {
        let mut script = Script::begin(other, side).await;
        let (tag, signed) = (script.tag(&TOPIC), signed(&script));
        if side == Side::Initiator {
            script.seal(&tag).await;
            script.open().await.unwrap();
            script.seal(&signed).await;
        } else {
            script.open().await.unwrap();
            script.seal(&[&tag[..], &signed].concat()).await;
        }
        let heard = script.rest().await;
        assert!(side == Side::Initiator || heard.is_empty(), "it went on with a key that was not proven");
    };
    let (met, ()) = both(async { ana(wire).await.map(|met| met.peer) }, peer).await;
    met
}

#[tokio::test]
async fn a_signature_of_another_connection_of_another_side_or_of_another_key_proves_nothing() {
    let ben = identity(2);
    for side in SIDES {
        let (wire, other) = wires();
        let (_, before) = both(ana(wire), Script::meet(other, side, &ben, &TOPIC)).await;
        let replayed = before.signed(&ben);
        let refused = presented(side, |_| replayed).await;
        assert!(matches!(refused, Err(NoiseError::NotProven)), "{refused:?}");
        let refused = presented(side, |script| {
            let mut statement = script.statement();
            statement[16] ^= 3;
            [&ben.key()[..], &ben.prove(&statement).unwrap()].concat()
        });
        assert!(matches!(refused.await, Err(NoiseError::NotProven)));
        // Signed by another than is named.
        let refused = presented(side, |script| {
            [&identity(3).key()[..], &ben.prove(&script.statement()).unwrap()].concat()
        });
        assert!(matches!(refused.await, Err(NoiseError::NotProven)));
    }
}

#[tokio::test]
async fn keys_for_which_anybody_can_sign_and_keys_with_two_spellings_prove_nothing() {
    // With the point 1 for a key and for R, and s = 0, the equation of a signature holds for every message.
    let mut signature = [0; 64];
    signature[0] = 1;
    let spelled = |low: u8, middle: u8, high: u8| {
        let mut key = [middle; 32];
        (key[0], key[31]) = (low, high);
        key
    };
    let keys = [
        spelled(1, 0, 0),
        // The same point, as p + 1, and with the sign of a zero.
        spelled(0xee, 0xff, 0x7f),
        spelled(1, 0, 0x80),
        // Of order 2 and 4.
        spelled(0xec, 0xff, 0x7f),
        spelled(0, 0, 0),
        // No point at all.
        spelled(2, 0, 0),
    ];
    for side in SIDES {
        for key in keys {
            let refused = presented(side, |_| [&key[..], &signature].concat()).await;
            assert!(matches!(refused, Err(NoiseError::NotProven)), "{key:02x?}");
        }
    }
}

/// It knows the topic, so the tags are no hindrance: that signatures are about one handshake is.
#[tokio::test]
async fn a_man_in_the_middle_who_knows_the_topic_cannot_pass_proofs_on() {
    let (a, towards_ana) = wires();
    let (b, towards_ben) = wires();
    let middle = async {
        let mut left = Script::begin(towards_ana, Side::Initiator).await;
        let mut right = Script::begin(towards_ben, Side::Responder).await;
        // Ben's end initiates: its tag, then ana's answer, each made anew where it can be.
        right.open().await.unwrap();
        let tag = left.tag(&TOPIC);
        left.seal(&tag).await;
        let answer = left.open().await.unwrap();
        let tag = right.tag(&TOPIC);
        right.seal(&[&tag[..], &answer[32..]].concat()).await;
        if let Some(signed) = right.open().await {
            left.seal(&signed).await;
        }
    };
    let ben = identity(2);
    let ((a, b), ()) = both(async { tokio::join!(ana(a), secure(b, &ben, &TOPIC)) }, middle).await;
    assert!(matches!(error(b), NoiseError::NotProven));
    assert!(matches!(error(a), NoiseError::Ended { .. }));
}

#[tokio::test]
async fn a_side_that_hears_itself_says_so() {
    let (wire, other) = wires();
    let echo = async {
        let (mut reader, mut writer) = tokio::io::split(other);
        let _ = tokio::io::copy(&mut reader, &mut writer).await;
    };
    tokio::select! {
        met = ana(wire) => assert!(matches!(error(met), NoiseError::Mirror)),
        () = echo => panic!("the echo ended"),
    }
}

#[tokio::test]
async fn two_with_the_same_key_both_learn_of_it() {
    for _ in 0..4 {
        let (a, b) = wires();
        let (a, b) = both(ana(a), ana(b)).await;
        assert!(matches!(error(a), NoiseError::Myself));
        assert!(matches!(error(b), NoiseError::Myself));
    }
}

#[tokio::test]
async fn who_does_not_speak_this_is_told_apart_at_its_first_bytes() {
    type Expected = fn(&NoiseError) -> bool;
    let spoken: [(&[u8], Expected); 5] = [
        (&replicate::MAGIC, |error| matches!(error, NoiseError::Unencrypted)),
        (b"HLNOIS\0\x02", |error| matches!(error, NoiseError::Version { found: 2 })),
        (b"SSH-2.0", |error| matches!(error, NoiseError::NotSpoken { found } if found == b"S")),
        (b"HLSYNC\0\x09", |error| matches!(error, NoiseError::NotSpoken { .. })),
        (b"", |error| matches!(error, NoiseError::Ended { .. })),
    ];
    for (bytes, expected) in spoken {
        let (wire, mut other) = wires();
        other.write_all(bytes).await.unwrap();
        // It stays, and is not waited for, unless it has said nothing.
        if bytes.is_empty() {
            other.shutdown().await.unwrap();
        }
        let (met, ()) = both(ana(wire), async {}).await;
        let error = error(met);
        assert!(expected(&error), "{error:?}");
        let mut greeting = Vec::new();
        other.read_to_end(&mut greeting).await.unwrap();
        assert!(greeting.len() <= 24);
    }
}
