//! What peers say to each other beside the log: requests to join, passed on.

use std::io;

use serde::{Deserialize, Serialize};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};

use crate::door::Signed;

/// Longest word, in bytes.
const WORD_BYTES_MAX: usize = 1024;

/// Words that are heard on one connection; whatever comes after is not listened to.
const WORDS_MAX: usize = 256;

/// One word: 2 bytes of length, then this in postcard.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Word {
    Ask(Signed),
}

pub(crate) async fn say(mut stream: impl AsyncWrite + Unpin, word: &Word) -> io::Result<()> {
    let body = postcard::to_allocvec(word).map_err(io::Error::other)?;
    let length = u16::try_from(body.len()).map_err(io::Error::other)?;
    stream.write_all(&[&length.to_be_bytes()[..], &body].concat()).await?;
    stream.flush().await
}

/// Hears words until the stream ends. What is too long or makes no sense ends it, too: this is for showing, and the log goes on
/// without.
pub(crate) async fn hear(mut stream: impl AsyncRead + Unpin, mut heard: impl FnMut(Word)) {
    for _ in 0..WORDS_MAX {
        let Ok(length) = stream.read_u16().await else { return };
        if usize::from(length) > WORD_BYTES_MAX {
            return;
        }
        let mut body = vec![0; usize::from(length)];
        if stream.read_exact(&mut body).await.is_err() {
            return;
        }
        match postcard::from_bytes(&body) {
            Ok(word) => heard(word),
            Err(_) => return,
        }
    }
}
