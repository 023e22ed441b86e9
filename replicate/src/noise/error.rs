//! Why two ends did not come to speak.

use std::io;

use crate::frame::MAGIC_ENCRYPTED;
use crate::prover::ProofError;

/// Why a stream was not secured. Nothing of it can be used further.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum NoiseError {
    /// Another program, or another end of the wire than was meant.
    #[error("the other side does not speak this protocol: its first bytes are {found:02x?}")]
    NotSpoken {
        /// What it began with, at most 8 bytes.
        found: Vec<u8>,
    },
    /// This side encrypts and the other one does not.
    #[error("the other side is not encrypted, this one is: start both the same way")]
    Unencrypted,
    /// Another version of the encryption.
    #[error("the other side speaks version {found} of the encryption, this one version {}", MAGIC_ENCRYPTED[7])]
    Version {
        /// Its version.
        found: u8,
    },
    /// What is written to the stream comes back from it.
    #[error("this side hears itself: connect it to another one")]
    Mirror,
    /// The other side holds the key of this side.
    #[error("the other side has the key of this one: it is this program, or runs on a copy of its folder")]
    Myself,
    /// The other side knows another topic, or none.
    #[error("the other side does not know the topic of this one: give both the same channel")]
    OtherTopic,
    /// A message of the handshake that is not as long as it has to be.
    #[error(
        "{message} of the other side has {found} bytes, where it takes {takes}: it does not keep to the protocol"
    )]
    Malformed {
        /// Which message.
        message: &'static str,
        /// Its length.
        found: usize,
        /// The length there is.
        takes: usize,
    },
    /// A message of the handshake that does not authenticate.
    #[error(
        "{message} of the other side was altered on the way, or somebody is in between: try another way to it"
    )]
    Altered {
        /// Which message.
        message: &'static str,
    },
    /// A key without the secret half to it.
    #[error("the other side did not prove the key that it names")]
    NotProven,
    /// The key of this side could not be used.
    #[error(transparent)]
    Proof(#[from] ProofError),
    /// The stream ended.
    #[error("the connection ended before {missing} of the other side: it is gone, or takes no part in this")]
    Ended {
        /// What did not come.
        missing: &'static str,
    },
    /// No key can be made.
    #[error("the system gave no randomness to make a key from")]
    Random,
    /// The stream broke.
    #[error("the connection failed in the handshake")]
    Io(#[from] io::Error),
}
