//! The first bytes: magic, and a nonce that decides who is who.

use std::cmp::Ordering;

use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt};

use super::NoiseError;
use crate::frame::{MAGIC, MAGIC_ENCRYPTED};
use crate::side::Side;

/// Bytes of a nonce: two sides draw the same one never.
const NONCE_BYTES: usize = 16;

/// What the handshake begins with: magic, larger nonce, smaller nonce.
pub(super) type Prologue = [u8; MAGIC_ENCRYPTED.len() + 2 * NONCE_BYTES];

type Nonce = [u8; NONCE_BYTES];

/// Greets, and settles who initiates: the side of the larger nonce.
pub(super) async fn greet<S>(stream: &mut S) -> Result<(Side, Prologue), NoiseError>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let mut ours = Nonce::default();
    getrandom::fill(&mut ours).map_err(|_| NoiseError::Random)?;
    // Both at once: a pipe may hold less than a greeting.
    let (mut reader, mut writer) = tokio::io::split(stream);
    let speak = async {
        writer.write_all(&MAGIC_ENCRYPTED).await?;
        writer.write_all(&ours).await?;
        Ok::<_, NoiseError>(writer.flush().await?)
    };
    let (theirs, ()) = tokio::try_join!(meet(&mut reader), speak)?;
    let (side, larger, smaller) = match ours.cmp(&theirs) {
        Ordering::Greater => (Side::Initiator, ours, theirs),
        Ordering::Less => (Side::Responder, theirs, ours),
        Ordering::Equal => return Err(NoiseError::Mirror),
    };
    let mut prologue = [0; MAGIC_ENCRYPTED.len() + 2 * NONCE_BYTES];
    let bytes = MAGIC_ENCRYPTED.iter().chain(&larger).chain(&smaller);
    prologue.iter_mut().zip(bytes).for_each(|(to, from)| *to = *from);
    Ok((side, prologue))
}

/// Reads the other's greeting; returns its nonce. What cannot become a greeting is refused at its first byte that differs.
async fn meet<R: AsyncRead + Unpin>(reader: &mut R) -> Result<Nonce, NoiseError> {
    let mut found = Vec::with_capacity(MAGIC.len());
    while found.len() < MAGIC.len() {
        let mut byte = [0];
        super::fill(reader, &mut byte, "the first bytes").await?;
        found.extend(byte);
        if !MAGIC_ENCRYPTED.starts_with(&found) && !MAGIC.starts_with(&found) {
            return Err(match (found.split_last(), MAGIC_ENCRYPTED.split_last()) {
                (Some((version, name)), Some((_, ours))) if name == ours => {
                    NoiseError::Version { found: *version }
                }
                _ => NoiseError::NotSpoken { found },
            });
        }
    }
    if found == MAGIC {
        return Err(NoiseError::Unencrypted);
    }
    let mut nonce = Nonce::default();
    super::fill(reader, &mut nonce, "the nonce").await?;
    Ok(nonce)
}
