//! What two sides prove to each other under a handshake: that they know the topic, and that their keys are theirs.
//!
//! Both are about the hash of this one handshake and a side of it, so that neither fits another connection, and none can be
//! sent back to whom it came from.

use blake2::Blake2bMac;
use blake2::digest::Mac;
use blake2::digest::consts::U32;

use crate::point::Key;
use crate::prover::{ProofError, Prover};
use crate::side::Side;

/// Personalisation of the tag, and the first bytes of what is signed.
const LABEL: &[u8; 16] = b"hyperlog.meet.v1";

/// Bytes of a tag.
pub(super) const TAG_BYTES: usize = 32;

/// Bytes of a key and the signature by it.
pub(super) const SIGNED_BYTES: usize = 32 + 64;

/// The hash of a handshake, which no other has: both sides chose keys at random that are part of it.
pub(super) type Hash = [u8; 32];

const fn number(side: Side) -> u8 {
    match side {
        Side::Initiator => 1,
        Side::Responder => 2,
    }
}

fn mac(topic: &[u8; 32], side: Side, hash: &Hash) -> Blake2bMac<U32> {
    let mut mac = Blake2bMac::<U32>::new_with_salt_and_personal(Some(topic), &[], LABEL).expect(
        "a key of 32 bytes, an empty salt and a personalisation of 16 are within the limits of BLAKE2b",
    );
    Mac::update(&mut mac, &[number(side)]);
    Mac::update(&mut mac, hash);
    mac
}

/// What only who knows the topic can say, once, on this side of this connection.
pub(super) fn tag(topic: &[u8; 32], side: Side, hash: &Hash) -> [u8; TAG_BYTES] {
    mac(topic, side, hash).finalize().into_bytes().into()
}

/// Whether the other side knows the topic; takes the same time whatever differs.
pub(super) fn knows(topic: &[u8; 32], side: Side, hash: &Hash, tag: &[u8]) -> bool {
    mac(topic, side, hash).verify_slice(tag).is_ok()
}

fn statement(side: Side, hash: &Hash) -> Vec<u8> {
    [&LABEL[..], &[number(side)], hash].concat()
}

/// Key and signature of this side.
pub(super) fn sign(prover: &dyn Prover, side: Side, hash: &Hash) -> Result<Vec<u8>, ProofError> {
    let signature = prover.prove(&statement(side, hash))?;
    Ok([&prover.key()[..], &signature].concat())
}

/// The key of the other side, if it is its.
pub(super) fn verify(prover: &dyn Prover, side: Side, hash: &Hash, signed: &[u8]) -> Option<Key> {
    let (key, signature) = signed.split_first_chunk::<32>()?;
    let signature = signature.try_into().ok()?;
    prover.verify(key, &statement(side, hash), signature).then_some(*key)
}
