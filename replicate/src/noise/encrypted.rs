//! The stream behind the handshake: bytes in sealed frames.

use std::fmt;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use snow::TransportState;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use super::SEAL_BYTES;

/// Bytes before a sealed frame: its length.
const LENGTH_BYTES: usize = 2;

/// The longest frame, sealed.
const SEALED_BYTES_MAX: usize = u16::MAX as usize;

/// The longest frame, opened.
pub const PLAIN_BYTES_MAX: usize = SEALED_BYTES_MAX - SEAL_BYTES;

/// Bytes that are read at once, while no longer frame is announced.
const READ_BYTES: usize = 16 << 10;

/// An encrypted stream, as [`secure`](super::secure) makes it.
///
/// What is written is sealed at once, and on its way when it is flushed. The halves of `tokio::io::split` work
/// independently: reading never waits for writing.
///
/// A frame that was altered, left out, repeated or swapped is an error of kind `InvalidData`, as is every read and write
/// from then on; nothing of it is delivered. An end inside of a frame is `UnexpectedEof`. **An end between two frames is
/// the end of the stream, and whoever can cut the wire can cut it there**: who needs to know that this was all says so
/// within, as sessions do by `Bye`.
///
/// Memory: at most a frame of 64 KiB as it came, one that was opened and not read yet, and one to be written; nothing
/// before they are needed. A byte costs some 2 ns on each side.
pub struct Encrypted<S> {
    stream: S,
    noise: TransportState,
    arrived: Window,
    opened: Window,
    sealed: Window,
    broken: bool,
}

impl<S> Encrypted<S> {
    pub(super) fn new(stream: S, noise: TransportState) -> Self {
        let [arrived, opened, sealed] = [Window::default(), Window::default(), Window::default()];
        Self { stream, noise, arrived, opened, sealed, broken: false }
    }

    /// The stream that carries this one.
    pub const fn get_ref(&self) -> &S {
        &self.stream
    }

    fn check(&self) -> io::Result<()> {
        if self.broken { Err(altered()) } else { Ok(()) }
    }

    /// The frame that is next, sealed, when all of it has arrived; else how many bytes it takes with its length.
    fn next_frame(&self) -> Result<&[u8], io::Result<usize>> {
        let Some((length, rest)) = self.arrived.get().split_first_chunk::<LENGTH_BYTES>() else {
            return Err(Ok(0));
        };
        let length = usize::from(u16::from_be_bytes(*length));
        // Nobody seals nothing: a frame without content would let a reader work for no bytes at all.
        if length <= SEAL_BYTES {
            return Err(Err(altered()));
        }
        rest.get(..length).ok_or(Ok(LENGTH_BYTES + length))
    }

    /// Opens the next frame, into `buf` if it has room for it, and else into a buffer of its own. False while it is not
    /// here whole; then there is room for the rest of it.
    fn open(&mut self, buf: &mut ReadBuf<'_>) -> io::Result<bool> {
        let sealed = match self.next_frame() {
            Ok(sealed) => sealed,
            Err(whole) => {
                self.arrived.make_room(whole?.max(READ_BYTES));
                return Ok(false);
            }
        };
        let (taken, plain) = (LENGTH_BYTES + sealed.len(), sealed.len() - SEAL_BYTES);
        // Borrowed apart: what arrived is read while the keys move on.
        let sealed = self.arrived.get().get(LENGTH_BYTES..taken).unwrap_or_default();
        if buf.remaining() >= plain {
            let room = buf.initialize_unfilled_to(plain);
            self.noise.read_message(sealed, room).map_err(|_| altered())?;
            buf.advance(plain);
        } else {
            let room = self.opened.reset(plain);
            self.noise.read_message(sealed, room).map_err(|_| altered())?;
            self.opened.end = plain;
        }
        self.arrived.take(taken);
        Ok(true)
    }
}

impl<S: AsyncWrite + Unpin> Encrypted<S> {
    /// Writes what is sealed, to the stream; does not flush that.
    fn poll_drain(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        while !self.sealed.get().is_empty() {
            match ready!(Pin::new(&mut self.stream).poll_write(cx, self.sealed.get()))? {
                0 => return Poll::Ready(Err(io::ErrorKind::WriteZero.into())),
                n => self.sealed.take(n),
            }
        }
        Poll::Ready(Ok(()))
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Encrypted<S> {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        if buf.remaining() == 0 {
            return Poll::Ready(Ok(()));
        }
        loop {
            let opened = this.opened.get();
            if !opened.is_empty() {
                let n = opened.len().min(buf.remaining());
                buf.put_slice(opened.get(..n).unwrap_or_default());
                this.opened.take(n);
                return Poll::Ready(Ok(()));
            }
            this.check()?;
            let before = buf.filled().len();
            match this.open(buf) {
                Ok(true) if buf.filled().len() > before => return Poll::Ready(Ok(())),
                Ok(true) => continue,
                Ok(false) => {}
                Err(error) => {
                    this.broken = true;
                    return Poll::Ready(Err(error));
                }
            }
            let mut room = ReadBuf::new(this.arrived.room());
            ready!(Pin::new(&mut this.stream).poll_read(cx, &mut room))?;
            let n = room.filled().len();
            if n == 0 {
                let inside = !this.arrived.get().is_empty();
                return Poll::Ready(if inside { Err(io::ErrorKind::UnexpectedEof.into()) } else { Ok(()) });
            }
            this.arrived.end += n;
        }
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Encrypted<S> {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        this.check()?;
        ready!(this.poll_drain(cx))?;
        let plain = buf.get(..PLAIN_BYTES_MAX).unwrap_or(buf);
        if plain.is_empty() {
            return Poll::Ready(Ok(0));
        }
        let length = plain.len() + SEAL_BYTES;
        let room = this.sealed.reset(LENGTH_BYTES + length);
        let (head, body) = room.split_at_mut(LENGTH_BYTES);
        head.copy_from_slice(&u16::try_from(length).unwrap_or(u16::MAX).to_be_bytes());
        this.noise.write_message(plain, body).map_err(io::Error::other)?;
        this.sealed.end = LENGTH_BYTES + length;
        // As far as it goes now. It was taken, so an error is told by the next call.
        let _ = this.poll_drain(cx);
        Poll::Ready(Ok(plain.len()))
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        ready!(this.poll_drain(cx))?;
        Pin::new(&mut this.stream).poll_flush(cx)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        ready!(this.poll_drain(cx))?;
        Pin::new(&mut this.stream).poll_shutdown(cx)
    }
}

impl<S: fmt::Debug> fmt::Debug for Encrypted<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Encrypted").field("stream", &self.stream).finish_non_exhaustive()
    }
}

fn altered() -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, "an encrypted frame that was altered on the way")
}

/// Bytes with a part of them in use.
#[derive(Default)]
struct Window {
    bytes: Vec<u8>,
    start: usize,
    end: usize,
}

impl Window {
    fn get(&self) -> &[u8] {
        self.bytes.get(self.start..self.end).unwrap_or_default()
    }

    /// What is unused behind the part in use.
    fn room(&mut self) -> &mut [u8] {
        self.bytes.get_mut(self.end..).unwrap_or_default()
    }

    /// Takes the first `n` bytes out.
    fn take(&mut self, n: usize) {
        self.start = self.end.min(self.start + n);
        if self.start == self.end {
            (self.start, self.end) = (0, 0);
        }
    }

    /// Makes room so that `whole` bytes fit, of which those in use are the first; moves them only when it must.
    fn make_room(&mut self, whole: usize) {
        if self.start + whole <= self.bytes.len() && self.end < self.bytes.len() {
            return;
        }
        self.bytes.copy_within(self.start..self.end, 0);
        (self.start, self.end) = (0, self.end - self.start);
        self.grow(whole);
    }

    /// Drops what is in use, and gives room for so much.
    fn reset(&mut self, bytes: usize) -> &mut [u8] {
        (self.start, self.end) = (0, 0);
        self.grow(bytes);
        self.bytes.get_mut(..bytes).unwrap_or_default()
    }

    /// Up to the size of a frame, exactly as large as is needed.
    fn grow(&mut self, bytes: usize) {
        let more = bytes.saturating_sub(self.bytes.len());
        self.bytes.reserve_exact(more);
        self.bytes.resize(self.bytes.len() + more, 0);
    }
}
