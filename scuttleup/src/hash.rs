//! The one hash of the format: BLAKE2b with a 32-byte digest and a personalisation per purpose.

use blake2::Blake2bMac;
use blake2::digest::consts::U32;
use blake2::digest::{FixedOutput, Update};

/// What a hash is for. Each purpose has a 16-byte personalisation, so that bytes hashed for one
/// purpose can never stand for another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Purpose {
    /// The id of an entry: over its canonical header.
    Node,
    /// The hash of a value, which the header carries in the value's place.
    Value,
    /// The discovery key of a log: over its topic.
    Discovery,
    /// The digest of a set of tips. Sessions of the crate `replicate` compare by it, under this same personalisation.
    Tips,
    /// The topic of a channel.
    Topic,
}

impl Purpose {
    const fn personal(self) -> &'static [u8; 16] {
        match self {
            Self::Node => b"hyperlog.node.v1",
            Self::Value => b"hyperlog.value.1",
            Self::Discovery => b"hyperlog.disc.v1",
            Self::Tips => b"hyperlog.tips.v1",
            Self::Topic => b"hyperlog.topic.1",
        }
    }
}

/// Hashes the concatenation of `parts`. O(bytes); about 0.3 µs for a header on a desktop of 2024.
///
/// Equal to Python's `hashlib.blake2b(data, digest_size=32, person=...)`.
#[must_use]
pub fn hash(purpose: Purpose, parts: &[&[u8]]) -> [u8; 32] {
    let mut hasher = Blake2bMac::<U32>::new_with_salt_and_personal(None, &[], purpose.personal())
        .expect("an empty salt and a 16-byte personal are within the limits of BLAKE2b");
    for part in parts {
        hasher.update(part);
    }
    hasher.finalize_fixed().into()
}
