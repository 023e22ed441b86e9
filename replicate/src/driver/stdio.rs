//! Standard input and output as a stream.
//!
//! A read from standard input cannot be taken back, and a runtime that waits for one never ends. So both are read and
//! written on threads of their own, which nobody waits for: they end with the process.

use std::io::{self, Read, Write};
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::{Buf, Bytes};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::sync::mpsc;

/// Bytes that are read or written at once.
const CHUNK_BYTES: usize = 64 << 10;

/// Standard input and standard output, to run a session over. Call it once.
///
/// Nothing else may print to standard output while the session runs. When the writing side is shut down, standard
/// output is closed, so that the program at the other end sees the end of it.
#[must_use]
pub fn stdio() -> (Stdin, Stdout) {
    (Stdin::new(), Stdout::new())
}

/// Standard input.
#[derive(Debug)]
pub struct Stdin {
    chunks: mpsc::Receiver<io::Result<Bytes>>,
    left: Bytes,
}

impl Stdin {
    #[expect(clippy::disallowed_methods, reason = "a blocking read must not hold up a runtime")]
    fn new() -> Self {
        let (sender, chunks) = mpsc::channel(1);
        std::thread::spawn(move || read_all(&sender));
        Self { chunks, left: Bytes::new() }
    }
}

fn read_all(sender: &mpsc::Sender<io::Result<Bytes>>) {
    let mut stdin = io::stdin().lock();
    let mut chunk = vec![0; CHUNK_BYTES];
    loop {
        let read = match stdin.read(&mut chunk) {
            Ok(0) => return,
            Ok(n) => Ok(Bytes::copy_from_slice(chunk.get(..n).unwrap_or_default())),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) => Err(error),
        };
        let failed = read.is_err();
        if sender.blocking_send(read).is_err() || failed {
            return;
        }
    }
}

impl AsyncRead for Stdin {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if self.left.is_empty() {
            match ready!(self.chunks.poll_recv(cx)) {
                Some(chunk) => self.left = chunk?,
                None => return Poll::Ready(Ok(())),
            }
        }
        let n = self.left.len().min(buf.remaining());
        buf.put_slice(&self.left.split_to(n));
        Poll::Ready(Ok(()))
    }
}

/// Standard output.
#[derive(Debug)]
pub struct Stdout {
    /// None once it was shut down.
    chunks: Option<mpsc::Sender<Bytes>>,
    results: mpsc::Receiver<io::Result<()>>,
    /// A chunk is being written.
    busy: bool,
}

impl Stdout {
    #[expect(clippy::disallowed_methods, reason = "a blocking write must not hold up a runtime")]
    fn new() -> Self {
        let (chunks, to_write) = mpsc::channel(1);
        let (written, results) = mpsc::channel(1);
        std::thread::spawn(move || write_all(to_write, &written));
        Self { chunks: Some(chunks), results, busy: false }
    }

    /// Waits until the chunk at hand is written.
    fn poll_idle(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        if !self.busy {
            return Poll::Ready(Ok(()));
        }
        let result = ready!(self.results.poll_recv(cx));
        self.busy = false;
        Poll::Ready(result.unwrap_or_else(|| Err(io::ErrorKind::BrokenPipe.into())))
    }
}

/// Writes chunks, says of each how it went, and closes standard output after the last.
fn write_all(mut chunks: mpsc::Receiver<Bytes>, written: &mpsc::Sender<io::Result<()>>) {
    let mut stdout = io::stdout().lock();
    while let Some(mut chunk) = chunks.blocking_recv() {
        let mut result = Ok(());
        while chunk.has_remaining() && result.is_ok() {
            result = stdout.write(&chunk).map(|n| chunk.advance(n));
        }
        if written.blocking_send(result.and_then(|()| stdout.flush())).is_err() {
            break;
        }
    }
    // It stays open otherwise until the process ends, which may be long after.
    let closed = close();
    let _ = written.blocking_send(closed);
}

/// Gives standard output to nobody, which closes what it was.
#[cfg(unix)]
#[expect(clippy::disallowed_methods, reason = "the null device is where output goes that nobody reads")]
fn close() -> io::Result<()> {
    let nobody = std::fs::File::options().write(true).open("/dev/null")?;
    Ok(rustix::stdio::dup2_stdout(nobody)?)
}

#[cfg(not(unix))]
fn close() -> io::Result<()> {
    Ok(())
}

impl AsyncWrite for Stdout {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        ready!(self.poll_idle(cx))?;
        let chunk = buf.get(..buf.len().min(CHUNK_BYTES)).unwrap_or_default();
        let sent = self.chunks.as_ref().map(|chunks| chunks.try_send(Bytes::copy_from_slice(chunk)));
        if !matches!(sent, Some(Ok(()))) {
            return Poll::Ready(Err(io::ErrorKind::BrokenPipe.into()));
        }
        self.busy = true;
        Poll::Ready(Ok(chunk.len()))
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.poll_idle(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        if self.chunks.is_some() {
            ready!(self.poll_idle(cx))?;
            self.chunks = None;
            self.busy = true;
        }
        self.poll_idle(cx)
    }
}
