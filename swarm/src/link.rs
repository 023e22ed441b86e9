//! One stream, which ends when its place is taken.

use std::io;
use std::net::Shutdown;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Weak};
use std::task::{Context, Poll, ready};

use socket2::SockRef;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio::sync::mpsc::UnboundedSender;

use crate::gate::Id;

/// The stream below a connection. Dropping it closes it, frees its place, and lets its address be dialled again.
///
/// When a better connection to the same key takes its place, reading and writing fail with
/// [`ConnectionAborted`](io::ErrorKind::ConnectionAborted).
#[derive(Debug)]
pub struct Link {
    socket: Arc<Socket>,
    id: Id,
    closed: UnboundedSender<Id>,
}

#[derive(Debug)]
struct Socket {
    stream: TcpStream,
    replaced: AtomicBool,
}

/// Ends a link from elsewhere. Does not keep it open.
#[derive(Clone, Debug)]
pub(crate) struct Handle(Weak<Socket>);

impl Handle {
    /// A better connection took its place: both directions end now.
    pub(crate) fn replaced(&self) {
        let Some(socket) = self.0.upgrade() else { return };
        socket.replaced.store(true, Ordering::Release);
        // It wakes whoever reads or writes. If the other end was faster, it is closed already.
        let _ = SockRef::from(&socket.stream).shutdown(Shutdown::Both);
    }
}

impl Link {
    /// `closed` is told `id` when this is dropped.
    pub(crate) fn new(stream: TcpStream, id: Id, closed: UnboundedSender<Id>) -> (Self, Handle) {
        // A chat waits for no full packet. Where it cannot be set, it is only slower.
        let _ = stream.set_nodelay(true);
        let socket = Arc::new(Socket { stream, replaced: AtomicBool::new(false) });
        let handle = Handle(Arc::downgrade(&socket));
        (Self { socket, id, closed }, handle)
    }

    fn stands(&self) -> io::Result<()> {
        if self.socket.replaced.load(Ordering::Acquire) {
            let why = "a better connection to the same key took the place of this one";
            return Err(io::Error::new(io::ErrorKind::ConnectionAborted, why));
        }
        Ok(())
    }
}

impl Drop for Link {
    fn drop(&mut self) {
        // Nobody listens after the swarm was left.
        let _ = self.closed.send(self.id);
    }
}

impl AsyncRead for Link {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        loop {
            self.stands()?;
            ready!(self.socket.stream.poll_read_ready(cx))?;
            self.stands()?;
            match self.socket.stream.try_read(buf.initialize_unfilled()) {
                // The end may be that of the other side, or that of being replaced.
                Ok(0) => return Poll::Ready(self.stands()),
                Ok(read) => {
                    buf.advance(read);
                    return Poll::Ready(Ok(()));
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                Err(error) => return Poll::Ready(self.stands().and(Err(error))),
            }
        }
    }
}

impl AsyncWrite for Link {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        loop {
            self.stands()?;
            ready!(self.socket.stream.poll_write_ready(cx))?;
            match self.socket.stream.try_write(bytes) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                Err(error) => return Poll::Ready(self.stands().and(Err(error))),
                Ok(written) => return Poll::Ready(Ok(written)),
            }
        }
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        // A socket holds nothing back.
        Poll::Ready(self.stands())
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        let shut = SockRef::from(&self.socket.stream).shutdown(Shutdown::Write);
        Poll::Ready(match shut {
            // The other end is gone already: it is as shut as it can be.
            Err(error) if error.kind() == io::ErrorKind::NotConnected => Ok(()),
            shut => shut,
        })
    }
}
