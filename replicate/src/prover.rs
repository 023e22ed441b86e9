//! Who is at this end of a wire: the seam between layers that need a proof of it and keys that can give one.

use std::error::Error as StdError;
use std::fmt;
use std::sync::Arc;

use crate::point::Key;

/// Who proves to be behind a key. `scuttleup::Identity` is one.
pub trait Prover: Send + Sync {
    /// The public key: Ed25519, 32 bytes.
    fn key(&self) -> Key;

    /// Signs `bytes`, with a prefix of its own before them, so that the signature fits nothing else that the key signs.
    /// It is called on the thread that polls: a signer that takes long holds that up.
    ///
    /// # Errors
    ///
    /// [`ProofError`] when the key cannot be used now.
    fn prove(&self, bytes: &[u8]) -> Result<[u8; 64], ProofError>;

    /// Whether `proof` is what the holder of `key` signed over `bytes`. Strict: false for a key that is weak or not
    /// written in its one encoding, whatever the proof.
    fn verify(&self, key: &Key, bytes: &[u8], proof: &[u8; 64]) -> bool;
}

/// The key of this side could not be used.
#[derive(Debug)]
pub struct ProofError(Box<dyn StdError + Send + Sync>);

impl ProofError {
    /// With what went wrong.
    pub fn new(cause: impl Into<Box<dyn StdError + Send + Sync>>) -> Self {
        Self(cause.into())
    }
}

impl fmt::Display for ProofError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("this side could not prove its key")
    }
}

impl StdError for ProofError {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        Some(&*self.0)
    }
}

macro_rules! forward {
    ($($pointer:ty),*) => {$(
        impl<P: Prover + ?Sized> Prover for $pointer {
            fn key(&self) -> Key {
                (**self).key()
            }

            fn prove(&self, bytes: &[u8]) -> Result<[u8; 64], ProofError> {
                (**self).prove(bytes)
            }

            fn verify(&self, key: &Key, bytes: &[u8], proof: &[u8; 64]) -> bool {
                (**self).verify(key, bytes, proof)
            }
        }
    )*};
}

forward!(&P, Box<P>, Arc<P>);
