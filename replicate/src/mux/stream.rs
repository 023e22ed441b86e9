//! One of several streams.

use std::fmt;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio_util::compat::{Compat, FuturesAsyncReadCompatExt};

use super::state::Place;

/// One of the streams of a connection, both ways.
///
/// Dropping it before both sides have shut it down resets it; what was written before still arrives. A reset, and the end of
/// the connection, read like the end of the stream: who needs to know that this was all says so within, as sessions do by
/// `Bye`. Writing after either is `BrokenPipe`.
pub struct MuxStream {
    // Dropped first: when its place is free, what it had to say is with the driver.
    stream: Compat<yamux::Stream>,
    _place: Place,
}

impl MuxStream {
    pub(super) fn new(stream: yamux::Stream, place: Place) -> Self {
        Self { stream: stream.compat(), _place: place }
    }

    /// Tells the other side of it, which yamux does with the first bytes: a side that only listens would not be heard of.
    /// A stream that is new has room for that.
    pub(super) fn announce(&mut self, cx: &mut Context<'_>) {
        let _ = Pin::new(&mut self.stream).poll_write(cx, &[]);
    }
}

impl AsyncRead for MuxStream {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().stream).poll_read(cx, buf)
    }
}

impl AsyncWrite for MuxStream {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        if buf.is_empty() {
            return Poll::Ready(Ok(0));
        }
        Poll::Ready(ready!(Pin::new(&mut self.get_mut().stream).poll_write(cx, buf)).map_err(over))
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(ready!(Pin::new(&mut self.get_mut().stream).poll_flush(cx)).map_err(over))
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(ready!(Pin::new(&mut self.get_mut().stream).poll_shutdown(cx)).map_err(over))
    }
}

impl fmt::Debug for MuxStream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MuxStream").field("id", &self.stream.get_ref().id()).finish_non_exhaustive()
    }
}

fn over(_: io::Error) -> io::Error {
    io::Error::new(io::ErrorKind::BrokenPipe, "the other side reset this stream, or the connection has ended")
}
