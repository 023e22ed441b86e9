//! Who is there: three messages of Noise, then three under its keys.

use snow::{HandshakeState, TransportState};
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt};

use super::greeting::Prologue;
use super::proof::{self, Hash, SIGNED_BYTES, TAG_BYTES};
use super::{NoiseError, SEAL_BYTES, fill};
use crate::point::Key;
use crate::prover::Prover;
use crate::side::Side;

const PATTERN: &str = "Noise_XX_25519_ChaChaPoly_BLAKE2s";

/// The messages of the pattern carry nothing, so each has one length: a key; a key and a sealed one; a sealed one.
const FIRST: (&str, usize) = ("the first message", 32);
const SECOND: (&str, usize) = ("the second message", 32 + 32 + 2 * SEAL_BYTES);
const THIRD: (&str, usize) = ("the third message", 32 + 2 * SEAL_BYTES);
const TAG: (&str, usize) = ("the proof of the topic", TAG_BYTES + SEAL_BYTES);
const ANSWER: (&str, usize) = ("the proof of topic and key", TAG_BYTES + SIGNED_BYTES + SEAL_BYTES);
const SIGNED: (&str, usize) = ("the proof of the key", SIGNED_BYTES + SEAL_BYTES);

/// The longest message, sealed.
const MESSAGE_BYTES_MAX: usize = ANSWER.1;

/// What comes in place of [`ANSWER`] from who does not know the topic: nothing, sealed.
const REFUSAL_BYTES: usize = SEAL_BYTES;

/// A stream on which two sides take turns.
pub(super) struct Turns<'a, S> {
    pub(super) stream: &'a mut S,
    pub(super) side: Side,
}

impl<S: AsyncRead + AsyncWrite + Unpin> Turns<'_, S> {
    /// The three messages of the pattern. Afterwards both have keys that nobody else has, and neither knows whose.
    pub(super) async fn agree(&mut self, prologue: &Prologue) -> Result<(TransportState, Hash), NoiseError> {
        let mut noise = begin(self.side, prologue)?;
        match self.side {
            Side::Initiator => {
                self.tell(&mut noise).await?;
                self.hear(&mut noise, SECOND).await?;
                self.tell(&mut noise).await?;
            }
            Side::Responder => {
                self.hear(&mut noise, FIRST).await?;
                self.tell(&mut noise).await?;
                self.hear(&mut noise, THIRD).await?;
            }
        }
        let hash = noise.get_handshake_hash().try_into().map_err(|_| NoiseError::Random)?;
        Ok((noise.into_transport_mode().map_err(local)?, hash))
    }

    /// The topic first, by tags that say nothing to who does not know it; keys only to who has shown to know it.
    pub(super) async fn prove(
        &mut self,
        noise: &mut TransportState,
        hash: &Hash,
        prover: &dyn Prover,
        topic: &[u8; 32],
    ) -> Result<Key, NoiseError> {
        let (ours, theirs) = (self.side, self.side.other());
        let tag = proof::tag(topic, ours, hash);
        let peer = match self.side {
            Side::Initiator => {
                self.seal(noise, &tag).await?;
                let answer = self.open(noise, ANSWER, REFUSAL_BYTES).await?;
                let (tag, signed) = answer.split_at_checked(TAG_BYTES).ok_or(NoiseError::OtherTopic)?;
                check_topic(proof::knows(topic, theirs, hash, tag))?;
                let peer = proof::verify(prover, theirs, hash, signed).ok_or(NoiseError::NotProven)?;
                self.seal(noise, &proof::sign(prover, ours, hash)?).await?;
                peer
            }
            Side::Responder => {
                let tag_heard = self.open(noise, TAG, TAG.1).await?;
                if let Err(error) = check_topic(proof::knows(topic, theirs, hash, &tag_heard)) {
                    // That it could not be told changes nothing.
                    let _ = self.seal(noise, &[]).await;
                    return Err(error);
                }
                let signed = proof::sign(prover, ours, hash)?;
                self.seal(noise, &[&tag[..], &signed].concat()).await?;
                let signed = self.open(noise, SIGNED, SIGNED.1).await?;
                proof::verify(prover, theirs, hash, &signed).ok_or(NoiseError::NotProven)?
            }
        };
        // Last, so that both learn of it.
        if peer == prover.key() { Err(NoiseError::Myself) } else { Ok(peer) }
    }

    async fn tell(&mut self, noise: &mut HandshakeState) -> Result<(), NoiseError> {
        let mut message = [0; MESSAGE_BYTES_MAX];
        let n = noise.write_message(&[], &mut message).map_err(local)?;
        self.send(message.get(..n).unwrap_or_default()).await
    }

    async fn hear(
        &mut self,
        noise: &mut HandshakeState,
        message: (&'static str, usize),
    ) -> Result<(), NoiseError> {
        let mut buffer = [0; MESSAGE_BYTES_MAX];
        let bytes = self.receive(&mut buffer, message, message.1).await?;
        noise.read_message(bytes, &mut []).map_err(|_| NoiseError::Altered { message: message.0 })?;
        Ok(())
    }

    async fn seal(&mut self, noise: &mut TransportState, plain: &[u8]) -> Result<(), NoiseError> {
        let mut message = [0; MESSAGE_BYTES_MAX];
        let n = noise.write_message(plain, &mut message).map_err(local)?;
        self.send(message.get(..n).unwrap_or_default()).await
    }

    async fn open(
        &mut self,
        noise: &mut TransportState,
        message: (&'static str, usize),
        or: usize,
    ) -> Result<Vec<u8>, NoiseError> {
        let (mut buffer, mut plain) = ([0; MESSAGE_BYTES_MAX], vec![0; MESSAGE_BYTES_MAX]);
        let bytes = self.receive(&mut buffer, message, or).await?;
        let opened = noise.read_message(bytes, &mut plain);
        plain.truncate(opened.map_err(|_| NoiseError::Altered { message: message.0 })?);
        Ok(plain)
    }

    async fn send(&mut self, message: &[u8]) -> Result<(), NoiseError> {
        let length = u16::try_from(message.len()).unwrap_or_default();
        self.stream.write_all(&length.to_be_bytes()).await?;
        self.stream.write_all(message).await?;
        Ok(self.stream.flush().await?)
    }

    /// A message of the one length that it has, or of the one other that there may be.
    async fn receive<'b>(
        &mut self,
        buffer: &'b mut [u8; MESSAGE_BYTES_MAX],
        (message, takes): (&'static str, usize),
        or: usize,
    ) -> Result<&'b [u8], NoiseError> {
        let mut length = [0; 2];
        fill(self.stream, &mut length, message).await?;
        let found = usize::from(u16::from_be_bytes(length));
        let malformed = NoiseError::Malformed { message, found, takes };
        if found != takes && found != or {
            return Err(malformed);
        }
        let bytes = buffer.get_mut(..found).ok_or(malformed)?;
        fill(self.stream, bytes, message).await?;
        Ok(bytes)
    }
}

/// The state of the pattern, with a key of this connection only: who is who is proven by other keys.
fn begin(side: Side, prologue: &Prologue) -> Result<HandshakeState, NoiseError> {
    let builder = || PATTERN.parse().map(snow::Builder::new);
    let keys = builder().and_then(|builder| builder.generate_keypair()).map_err(local)?;
    let builder = builder().and_then(|builder| builder.local_private_key(&keys.private)?.prologue(prologue));
    let builder = builder.map_err(local)?;
    match side {
        Side::Initiator => builder.build_initiator(),
        Side::Responder => builder.build_responder(),
    }
    .map_err(local)
}

const fn check_topic(known: bool) -> Result<(), NoiseError> {
    if known { Ok(()) } else { Err(NoiseError::OtherTopic) }
}

/// What fails on this side whatever the other does: of all that the pattern needs, only randomness can be lacking.
fn local(_: snow::Error) -> NoiseError {
    NoiseError::Random
}
