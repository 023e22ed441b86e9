//! Several streams on one: yamux, within bounds.
//!
//! Each stream has its own backpressure: a side that stops reading one of them holds up that one only. What the bytes are
//! stands in the [specification of yamux](https://github.com/hashicorp/yamux/blob/master/spec.md).
//!
//! ```no_run
//! # async fn example(stream: replicate::noise::Secured<tokio::net::TcpStream>) -> std::io::Result<()> {
//! use replicate::mux::{MuxLimits, mux};
//!
//! let (mux, driver) = mux(stream.stream, stream.side, MuxLimits::default());
//! let driver = tokio::spawn(driver); // nothing moves without it
//! let first = mux.open().await?;
//! while let Some(stream) = mux.accept().await { /* one that the other side opened */ }
//! # Ok(()) }
//! ```

mod driver;
mod state;
mod stream;

use std::io;
use std::sync::Arc;

use tokio::io::{AsyncRead, AsyncWrite};
use tokio::sync::{Semaphore, mpsc, oneshot};

pub use stream::MuxStream;

use crate::side::Side;
use state::{Place, Shared};

/// The most streams that [`MuxLimits::streams`] can be.
const STREAMS_MAX: usize = 256;

/// What a connection may take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct MuxLimits {
    /// Streams that each side may have open: 8, and 1 to 256. This side's own wait for a place. More of the other side's are reset, and as
    /// many again in a row end the connection.
    ///
    /// Each takes up to 256 KiB here while it is not read, so by default the streams of both sides take 4 MiB at most; and
    /// those that are gone here while the other side does not take in that they are, 2 MiB more. That is for frames of 1 KiB
    /// and more: yamux keeps each by itself, so those of a byte take some 50 times as much.
    pub streams: usize,
}

impl Default for MuxLimits {
    fn default() -> Self {
        Self { streams: 8 }
    }
}

impl MuxLimits {
    /// Sets [`streams`](Self::streams).
    #[must_use]
    pub const fn streams(mut self, streams: usize) -> Self {
        self.streams = streams;
        self
    }
}

/// Why a connection ended other than in order.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum MuxError {
    /// More streams than there may be, over and over.
    #[error("the other side goes on opening more than the {max} streams there may be")]
    TooManyStreams {
        /// The most at once.
        max: usize,
    },
    /// Bytes that are no yamux.
    #[error("the other side does not keep to the protocol of several streams on one")]
    Protocol(#[source] yamux::ConnectionError),
    /// The connection broke.
    #[error("the connection broke")]
    Io(#[from] io::Error),
}

/// Opens and accepts the streams of a connection. Clones are the same.
#[derive(Clone, Debug)]
pub struct Mux {
    requests: mpsc::Sender<(Place, oneshot::Sender<MuxStream>)>,
    places: Arc<Semaphore>,
    shared: Arc<Shared>,
}

/// Several streams on `stream`. Both ends do so, on different sides.
///
/// The future drives the connection until it ends: spawn it. It ends in order, with `Ok`, when either side has closed and
/// its streams are gone; then it waits up to two seconds for the other to end as well, on a runtime with a timer. Dropping
/// it ends everything at once.
pub fn mux<S>(
    stream: S,
    side: Side,
    limits: MuxLimits,
) -> (Mux, impl Future<Output = Result<(), MuxError>> + Send)
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let max = limits.streams.clamp(1, STREAMS_MAX);
    let places = Arc::new(Semaphore::new(max));
    let shared = Arc::new(Shared::new(Arc::clone(&places)));
    let (requests, asked) = mpsc::channel(1);
    let driver = driver::Driver::new(Arc::clone(&shared), asked, max);
    (Mux { requests, places, shared }, driver.run(stream, side))
}

impl Mux {
    /// Opens a stream; the other side accepts it. Waits while as many as there may be are open.
    ///
    /// # Errors
    ///
    /// `NotConnected` when the connection has ended, or was closed here.
    pub async fn open(&self) -> io::Result<MuxStream> {
        let permit = Arc::clone(&self.places).acquire_owned().await.map_err(|_| ended())?;
        let (reply, opened) = oneshot::channel();
        let place = Place::of_ours(&self.shared, permit);
        self.requests.send((place, reply)).await.map_err(|_| ended())?;
        opened.await.map_err(|_| ended())
    }

    /// The next stream that the other side opens; none when the connection has ended, or was closed here. One that is not
    /// accepted counts as open.
    pub async fn accept(&self) -> Option<MuxStream> {
        self.shared.accept().await
    }

    /// Closes this side, in order: no stream is opened or accepted any more, and the connection ends when those that are
    /// open here are dropped. Nothing is lost of what was written to them. So does dropping every `Mux` of it.
    pub fn close(&self) {
        self.shared.close();
    }
}

fn ended() -> io::Error {
    io::Error::new(io::ErrorKind::NotConnected, "the connection has ended or was closed")
}
