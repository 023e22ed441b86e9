//! What moves a connection.

use std::future::poll_fn;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, ReadBuf};
use tokio::sync::{mpsc, oneshot};
use tokio_util::compat::{Compat, TokioAsyncReadCompatExt};
use yamux::{Config, Connection, ConnectionError, DEFAULT_CREDIT, FrameDecodeError, Mode};

use super::state::{Place, Shared};
use super::{MuxError, MuxStream};
use crate::side::Side;

/// How long a side that has ended listens for the end of the other: what it does not read, a socket may answer by taking
/// back what it sent.
const LINGER: Duration = Duration::from_secs(2);

type Request = (Place, oneshot::Sender<MuxStream>);

pub(super) struct Driver {
    shared: Arc<Shared>,
    requests: mpsc::Receiver<Request>,
    max: usize,
    /// Streams in a row for which there was no place.
    refused: usize,
}

impl Driver {
    pub(super) fn new(shared: Arc<Shared>, requests: mpsc::Receiver<Request>, max: usize) -> Self {
        Self { shared, requests, max, refused: 0 }
    }

    pub(super) async fn run<S>(mut self, stream: S, side: Side) -> Result<(), MuxError>
    where
        S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let blocked = Arc::new(AtomicBool::new(false));
        let mut wire = Wire { stream, blocked: Arc::clone(&blocked) };
        let mut connection = Connection::new((&mut wire).compat(), config(self.max), mode(side));
        let ended = poll_fn(|cx| self.poll(&mut connection, &blocked, cx)).await;
        // Whoever waits for a stream of it goes on.
        drop((connection, self));
        ended?;
        let (mut reader, mut writer) = tokio::io::split(wire.stream);
        let last = async { tokio::join!(writer.shutdown(), discard(&mut reader)) };
        // All that counts was said: whatever goes wrong from here on is no matter.
        let _ = tokio::time::timeout(LINGER, last).await;
        Ok(())
    }

    fn poll<S: AsyncRead + AsyncWrite + Unpin>(
        &mut self,
        connection: &mut Connection<Compat<&mut Wire<S>>>,
        blocked: &AtomicBool,
        cx: &mut Context<'_>,
    ) -> Poll<Result<(), MuxError>> {
        loop {
            let was_blocked = blocked.load(Ordering::Relaxed);
            // While nothing can be written, dropped streams are not gone yet, and yamux ends a connection that has too many.
            if !was_blocked {
                self.open(connection, cx)?;
            }
            // Asked before the connection moves on: what dropped streams had to say moves with it.
            let over = self.shared.is_over(cx.waker());
            while let Poll::Ready(next) = connection.poll_next_inbound(cx) {
                match next {
                    Some(Ok(stream)) => self.take(stream)?,
                    Some(Err(error)) => return Poll::Ready(Err(why(error))),
                    None => return Poll::Ready(Ok(())),
                }
            }
            match (was_blocked, blocked.load(Ordering::Relaxed)) {
                (true, false) => {}
                (_, false) if over => return Poll::Ready(Ok(())),
                _ => return Poll::Pending,
            }
        }
    }

    /// Opens the streams that are asked for here.
    fn open<S: AsyncRead + AsyncWrite + Unpin>(
        &mut self,
        connection: &mut Connection<Compat<&mut Wire<S>>>,
        cx: &mut Context<'_>,
    ) -> Result<(), MuxError> {
        while let Poll::Ready(request) = self.requests.poll_recv(cx) {
            let Some((place, reply)) = request else {
                // Nobody is there to open or accept any more.
                self.shared.close();
                break;
            };
            match connection.poll_new_outbound(cx) {
                Poll::Ready(Ok(stream)) => {
                    let mut stream = MuxStream::new(stream, place);
                    stream.announce(cx);
                    // Who asked may have gone.
                    let _ = reply.send(stream);
                }
                Poll::Ready(Err(error)) => return Err(why(error)),
                // yamux waits so at 256 streams of which the other side has heard nothing.
                Poll::Pending => {}
            }
        }
        Ok(())
    }

    /// A stream that the other side opened. Where it is dropped, it is reset.
    fn take(&mut self, stream: yamux::Stream) -> Result<(), MuxError> {
        if let Some(place) = Place::of_theirs(&self.shared, self.max) {
            self.refused = 0;
            drop(self.shared.offer(MuxStream::new(stream, place)));
            return Ok(());
        }
        self.refused += 1;
        if self.refused > self.max { Err(MuxError::TooManyStreams { max: self.max }) } else { Ok(()) }
    }
}

impl Drop for Driver {
    fn drop(&mut self) {
        self.shared.close();
    }
}

/// Windows do not grow, so memory is bounded by the number of streams: of ours, of theirs, and of those which are gone here
/// while the other side does not read that they are.
fn config(streams: usize) -> Config {
    let most = 3 * streams;
    let mut config = Config::default();
    config.set_max_connection_receive_window(None);
    config.set_max_num_streams(most);
    config.set_max_connection_receive_window(Some(most * DEFAULT_CREDIT as usize));
    config
}

const fn mode(side: Side) -> Mode {
    match side {
        Side::Initiator => Mode::Client,
        Side::Responder => Mode::Server,
    }
}

fn why(error: ConnectionError) -> MuxError {
    match error {
        ConnectionError::Io(error) | ConnectionError::Decode(FrameDecodeError::Io(error)) => {
            MuxError::Io(error)
        }
        other => MuxError::Protocol(other),
    }
}

async fn discard(reader: &mut (impl AsyncRead + Unpin)) {
    let mut buffer = [0; 1024];
    while reader.read(&mut buffer).await.is_ok_and(|n| n > 0) {}
}

/// The stream below, which tells whether something that is to be written waits for it.
struct Wire<S> {
    stream: S,
    blocked: Arc<AtomicBool>,
}

impl<S> Wire<S> {
    fn note<T>(&self, done: Poll<T>) -> Poll<T> {
        self.blocked.store(done.is_pending(), Ordering::Relaxed);
        done
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Wire<S> {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().stream).poll_read(cx, buf)
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Wire<S> {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        let done = Pin::new(&mut this.stream).poll_write(cx, buf);
        this.note(done)
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        let done = Pin::new(&mut this.stream).poll_flush(cx);
        this.note(done)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().stream).poll_shutdown(cx)
    }
}
