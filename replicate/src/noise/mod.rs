//! A stream of bytes becomes an encrypted one, between two sides that know the same topic and prove their keys.
//!
//! ```text
//! magic, nonce                        both, at once; the larger nonce initiates
//! -> e      <- e, ee, s, es      -> s, se         Noise_XX_25519_ChaChaPoly_BLAKE2s, keys of this connection only
//! -> tag           <- tag, key, signature         -> key, signature
//! ```
//!
//! Nothing that tells who is there leaves this side before the other has shown that it knows the topic. What the bytes are
//! stands in `docs/protocol.md`.

mod encrypted;
mod error;
mod greeting;
mod handshake;
mod proof;

use std::io;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite};

pub use crate::side::Side;
pub use encrypted::{Encrypted, PLAIN_BYTES_MAX};
pub use error::NoiseError;

use crate::point::Key;
use crate::prover::Prover;

/// What a sealed message is longer than its content.
const SEAL_BYTES: usize = 16;

/// A stream that is encrypted, with somebody known at its other end.
#[derive(Debug)]
#[non_exhaustive]
pub struct Secured<S> {
    /// The stream.
    pub stream: Encrypted<S>,
    /// The key that the other side proved to hold.
    pub peer: Key,
    /// Which end this is; the other side has the other.
    pub side: Side,
}

/// Secures a stream: both sides show that they know `topic`, and then prove their keys.
///
/// It reads and writes the stream and does nothing else: there is no timeout in it, so put one around it; a side that goes
/// silent is waited for. When it fails, or is dropped, the stream is lost. Costs three round trips at most, some 500 bytes
/// each way, about 0.5 ms to compute, and less than 4 KiB of memory.
///
/// # Errors
///
/// [`NoiseError`].
pub async fn secure<S>(mut stream: S, prover: &dyn Prover, topic: &[u8; 32]) -> Result<Secured<S>, NoiseError>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let (side, prologue) = greeting::greet(&mut stream).await?;
    let mut turns = handshake::Turns { stream: &mut stream, side };
    let (mut noise, hash) = turns.agree(&prologue).await?;
    let peer = turns.prove(&mut noise, &hash, prover, topic).await?;
    Ok(Secured { stream: Encrypted::new(stream, noise), peer, side })
}

/// Reads so many bytes.
async fn fill<R>(reader: &mut R, bytes: &mut [u8], missing: &'static str) -> Result<(), NoiseError>
where
    R: AsyncRead + Unpin,
{
    match reader.read_exact(bytes).await {
        Ok(_) => Ok(()),
        Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => Err(NoiseError::Ended { missing }),
        Err(error) => Err(error.into()),
    }
}
