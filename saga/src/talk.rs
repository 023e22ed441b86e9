//! What peers say to each other beside the log: requests to join, passed on.

use std::io;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::time::Instant;

use crate::door::Signed;

/// Longest word, in bytes.
const WORD_BYTES_MAX: usize = 1024;

/// Words of one connection that are heard at once, and from then on in each second. What is said beyond that is not listened to.
const HEARD: Bucket = Bucket::new(64, Duration::from_secs(1));

/// Words of one connection that are passed on to others: far fewer than they would hear, so that nobody can make us use up what
/// others hear of us.
pub(crate) const PASSED_ON: Bucket = Bucket::new(8, Duration::from_secs(30));

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
    let mut bucket = HEARD;
    loop {
        let Ok(length) = stream.read_u16().await else { return };
        if usize::from(length) > WORD_BYTES_MAX {
            return;
        }
        let mut body = vec![0; usize::from(length)];
        if stream.read_exact(&mut body).await.is_err() {
            return;
        }
        match postcard::from_bytes(&body) {
            Ok(word) if bucket.take(Instant::now()) => heard(word),
            Ok(_) => {}
            Err(_) => return,
        }
    }
}

/// And of all connections together.
pub(crate) const PASSED_ON_IN_ALL: Bucket = Bucket::new(32, Duration::from_secs(5));

/// So many at once, and another one after each while.
#[derive(Debug)]
pub(crate) struct Bucket {
    left: u32,
    max: u32,
    each: Duration,
    /// Since when the next one comes; none before the first.
    since: Option<Instant>,
}

impl Bucket {
    const fn new(max: u32, each: Duration) -> Self {
        Self { left: max, max, each, since: None }
    }

    /// Takes one, if there is one left.
    pub(crate) fn take(&mut self, now: Instant) -> bool {
        let since = self.since.unwrap_or(now);
        let came = now.duration_since(since).as_nanos().checked_div(self.each.as_nanos()).unwrap_or(0);
        let came = u32::try_from(came).unwrap_or(u32::MAX);
        if self.left.saturating_add(came) >= self.max {
            (self.left, self.since) = (self.max, Some(now));
        } else {
            self.left += came;
            self.since = Some(since + self.each * came);
        }
        let any = self.left > 0;
        self.left = self.left.saturating_sub(1);
        any
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bucket_gives_so_many_at_once_and_then_one_in_each_while() {
        let (mut bucket, start) = (Bucket::new(3, Duration::from_secs(10)), Instant::now());
        let mut given = |second| (0..5).filter(|_| bucket.take(start + Duration::from_secs(second))).count();
        assert_eq!([0, 9, 10, 25, 29, 30, 1000].map(&mut given), [3, 0, 1, 1, 0, 1, 3]);
    }
}
