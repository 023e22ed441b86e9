//! Who writes: the secret side of a writer, behind `signature::Signer`.

use std::fmt;
use std::sync::Arc;

use ed25519_dalek::{SECRET_KEY_LENGTH, Signature, SigningKey, VerifyingKey};
use replicate::{Key, ProofError, Prover};
use signature::{Keypair, Signer};
use zeroize::Zeroizing;

use crate::ids::{EntryId, KeyError, WriterId};

/// What is signed is this and an id, so that a signature made for anything else never fits an entry.
const ENTRY_PREFIX: &[u8] = b"hyperlog/1 entry";

/// What is signed to prove a key to a peer is this and the bytes it asks for. It is as long as the prefix of an entry and
/// differs from it, so neither signature ever fits the other.
const PROOF_PREFIX: &[u8; ENTRY_PREFIX.len()] = b"hyperlog/1 proof";

fn message(id: &EntryId) -> [u8; 48] {
    let mut message = [0; 48];
    let (prefix, rest) = message.split_at_mut(ENTRY_PREFIX.len());
    prefix.copy_from_slice(ENTRY_PREFIX);
    rest.copy_from_slice(id.as_bytes());
    message
}

/// Whether `signature` is `writer`'s, over `id`. `verify_strict` only: it is the one rule on which all
/// peers agree for crafted keys too. About 40 µs.
#[must_use]
pub fn verify(writer: &WriterId, id: &EntryId, signature: &[u8; 64]) -> bool {
    VerifyingKey::from_bytes(writer.as_bytes())
        .is_ok_and(|key| key.verify_strict(&message(id), &Signature::from_bytes(signature)).is_ok())
}

/// Why an identity could not be had or could not sign.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum IdentityError {
    /// The signer's own public key is not acceptable as a writer.
    #[error("the signer's public key cannot be a writer")]
    Key(#[from] KeyError),
    /// The signer refused.
    #[error("the signer refused to sign")]
    Signer(#[source] signature::Error),
    /// The signer returned something that is not its signature.
    #[error("the signer returned a signature that does not verify")]
    WrongSignature,
    /// The system gave no randomness to make a key from.
    #[error("the system gave no randomness to make a key from")]
    Random(#[source] getrandom::Error),
}

/// A writer and the means to sign for it. Cheap to clone; `Debug` shows the public half only.
#[derive(Clone)]
pub struct Identity {
    writer: WriterId,
    signer: Arc<dyn Signer<Signature> + Send + Sync>,
    /// A foreign signer (a hardware key, an agent) is not believed: what it returns is verified.
    foreign: bool,
}

impl Identity {
    /// A new key, out of the system's randomness.
    ///
    /// # Panics
    ///
    /// When the system has no randomness to give; [`try_generate`](Self::try_generate) returns that.
    #[must_use]
    pub fn generate() -> Self {
        Self::try_generate().expect("the system gives randomness")
    }

    /// A new key, out of the system's randomness.
    ///
    /// # Errors
    ///
    /// [`IdentityError::Random`] when the system has none to give.
    pub fn try_generate() -> Result<Self, IdentityError> {
        let mut seed = Zeroizing::new([0; SECRET_KEY_LENGTH]);
        getrandom::fill(seed.as_mut()).map_err(IdentityError::Random)?;
        Ok(Self::from_seed(&seed))
    }

    /// The key that a 32-byte secret stands for. The caller wipes its copy.
    #[must_use]
    pub fn from_seed(seed: &[u8; SECRET_KEY_LENGTH]) -> Self {
        let key = SigningKey::from_bytes(seed);
        let writer = WriterId::from_stored(key.verifying_key().to_bytes());
        Self { writer, signer: Arc::new(key), foreign: false }
    }

    /// Signs with something else: a hardware key, an agent. Each signature is verified before it is
    /// stored, which costs about 40 µs.
    ///
    /// # Errors
    ///
    /// [`IdentityError::Key`] when its public key cannot be a writer.
    pub fn from_signer<S>(signer: S) -> Result<Self, IdentityError>
    where
        S: Signer<Signature> + Keypair<VerifyingKey = VerifyingKey> + Send + Sync + 'static,
    {
        let writer = WriterId::from_bytes(signer.verifying_key().to_bytes())?;
        Ok(Self { writer, signer: Arc::new(signer), foreign: true })
    }

    /// The public half.
    #[must_use]
    pub const fn writer(&self) -> WriterId {
        self.writer
    }

    /// Whether signing is somebody else's doing: it may take long, and may be refused.
    pub(crate) const fn is_foreign(&self) -> bool {
        self.foreign
    }

    pub(crate) fn sign(&self, id: &EntryId) -> Result<[u8; 64], IdentityError> {
        let signature = self.signer.try_sign(&message(id)).map_err(IdentityError::Signer)?.to_bytes();
        if self.foreign && !verify(&self.writer, id, &signature) {
            return Err(IdentityError::WrongSignature);
        }
        Ok(signature)
    }
}

/// Proves to a peer who is at this end of a wire. About 20 µs to sign, 40 to verify; a foreign signer may take longer, and
/// what it returns is verified.
impl Prover for Identity {
    fn key(&self) -> Key {
        *self.writer.as_bytes()
    }

    fn prove(&self, bytes: &[u8]) -> Result<[u8; 64], ProofError> {
        let signed = self.signer.try_sign(&proof_message(bytes));
        let proof = signed.map_err(|error| ProofError::new(IdentityError::Signer(error)))?.to_bytes();
        if self.foreign && !self.verify(&self.key(), bytes, &proof) {
            return Err(ProofError::new(IdentityError::WrongSignature));
        }
        Ok(proof)
    }

    fn verify(&self, key: &Key, bytes: &[u8], proof: &[u8; 64]) -> bool {
        WriterId::from_bytes(*key).is_ok()
            && VerifyingKey::from_bytes(key).is_ok_and(|key| {
                key.verify_strict(&proof_message(bytes), &Signature::from_bytes(proof)).is_ok()
            })
    }
}

fn proof_message(bytes: &[u8]) -> Vec<u8> {
    [PROOF_PREFIX, bytes].concat()
}

impl fmt::Debug for Identity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Identity").field("writer", &self.writer).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// With the identity point for a key and for R, and s = 0, the equation holds for every message.
    #[test]
    fn a_signature_that_fits_every_message_fits_none() {
        let mut point = [0; 32];
        point[0] = 1;
        let mut signature = [0; 64];
        signature[0] = 1;
        let id = EntryId::from_bytes([7; 32]);
        let key = VerifyingKey::from_bytes(&point).unwrap();
        let loose = ed25519_dalek::Verifier::verify(&key, &message(&id), &Signature::from_bytes(&signature));
        assert!(loose.is_ok(), "the lax rule takes it, or this test shows nothing");
        assert!(!verify(&WriterId::from_stored(point), &id, &signature));
    }

    #[test]
    fn a_proof_fits_its_bytes_and_its_key_and_no_entry() {
        let (ana, ben) = (Identity::from_seed(&[1; 32]), Identity::from_seed(&[2; 32]));
        let proof = ana.prove(b"bytes").unwrap();
        assert!(ben.verify(&ana.key(), b"bytes", &proof));
        assert!(!ben.verify(&ana.key(), b"other bytes", &proof));
        assert!(!ben.verify(&ben.key(), b"bytes", &proof));
        // Nor does it for bytes that are an id, either way.
        let id = EntryId::from_bytes([7; 32]);
        assert!(!verify(&ana.writer(), &id, &ana.prove(id.as_bytes()).unwrap()));
        let signed = ana.sign(&id).unwrap();
        assert!(verify(&ana.writer(), &id, &signed));
        assert!(!ben.verify(&ana.key(), id.as_bytes(), &signed));
    }

    /// As above, for the key in all its spellings.
    #[test]
    fn no_proof_is_taken_of_a_key_that_is_weak_or_spelled_otherwise() {
        let ana = Identity::from_seed(&[1; 32]);
        let mut signature = [0; 64];
        signature[0] = 1;
        for (low, middle, high) in [(1, 0, 0), (1, 0, 0x80), (0xee, 0xff, 0x7f), (0xec, 0xff, 0x7f)] {
            let mut key = [middle; 32];
            (key[0], key[31]) = (low, high);
            assert!(!ana.verify(&key, b"bytes", &signature), "{key:02x?}");
        }
    }

    /// A signer that signs with another key than it names.
    struct Liar(SigningKey);

    impl Signer<Signature> for Liar {
        fn try_sign(&self, message: &[u8]) -> Result<Signature, signature::Error> {
            SigningKey::from_bytes(&[9; 32]).try_sign(message)
        }
    }

    impl Keypair for Liar {
        type VerifyingKey = VerifyingKey;

        fn verifying_key(&self) -> VerifyingKey {
            self.0.verifying_key()
        }
    }

    #[test]
    fn what_a_foreign_signer_returns_for_a_proof_is_verified() {
        let honest = Identity::from_signer(SigningKey::from_bytes(&[1; 32])).unwrap();
        assert!(honest.prove(b"bytes").is_ok());
        let liar = Identity::from_signer(Liar(SigningKey::from_bytes(&[1; 32]))).unwrap();
        let error = liar.prove(b"bytes").unwrap_err();
        let cause = std::error::Error::source(&error).unwrap().downcast_ref();
        assert!(matches!(cause, Some(IdentityError::WrongSignature)));
    }
}
