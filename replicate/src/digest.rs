//! The digest of a set of tips: a hash of them in their order. Never a sum or an XOR, which writers of many keys
//! could make come out as they like.

use blake2::Blake2bMac;
use blake2::digest::consts::U32;
use blake2::digest::{FixedOutput, Update};

use crate::point::{Key, Tip};

/// Digest of tips that are in ascending order: BLAKE2b with the personalisation `hyperlog.tips.v1` over writer, seq
/// (8 bytes, little-endian) and id of each. O(tips).
#[must_use]
pub fn digest(tips: &[Tip]) -> Key {
    let mut hasher = Blake2bMac::<U32>::new_with_salt_and_personal(None, &[], b"hyperlog.tips.v1")
        .expect("an empty salt and a personalisation of 16 bytes are within the limits of BLAKE2b");
    for Tip { writer, seq, id } in tips {
        hasher.update(writer);
        hasher.update(&seq.to_le_bytes());
        hasher.update(id);
    }
    hasher.finalize_fixed().into()
}
