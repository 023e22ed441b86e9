//! Two ends of a wire, and what both do.

use std::time::Duration;

use hyperlog::Identity;
use replicate::Prover;
use replicate::noise::{NoiseError, Secured, secure};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::timeout;

pub(crate) const TOPIC: [u8; 32] = [3; 32];

/// Long enough for anything that does not hang, on any machine.
pub(crate) const LONG: Duration = Duration::from_secs(60);

pub(crate) fn identity(seed: u8) -> Identity {
    Identity::from_seed(&[seed; 32])
}

pub(crate) async fn sockets() -> (TcpStream, TcpStream) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let (dialled, accepted) = tokio::join!(TcpStream::connect(address), listener.accept());
    (dialled.unwrap(), accepted.unwrap().0)
}

/// Both ends of a wire, met.
pub(crate) async fn met<A, B>(a: A, b: B) -> (Secured<A>, Secured<B>)
where
    A: AsyncRead + AsyncWrite + Unpin,
    B: AsyncRead + AsyncWrite + Unpin,
{
    let (ana, ben) = (identity(1), identity(2));
    let (a, b) = both(secure(a, &ana, &TOPIC), secure(b, &ben, &TOPIC)).await;
    let (a, b) = (a.unwrap(), b.unwrap());
    assert_eq!((a.peer, b.peer), (ben.key(), ana.key()));
    assert_eq!(a.side, b.side.other());
    (a, b)
}

/// Waits for both, and not for ever.
pub(crate) async fn both<A, B>(a: impl Future<Output = A>, b: impl Future<Output = B>) -> (A, B) {
    // Boxed: each future that holds another is several times as large, and these are held by many.
    let (a, b) = (Box::pin(a), Box::pin(b));
    timeout(LONG, async { tokio::join!(a, b) }).await.unwrap()
}

/// What went wrong.
pub(crate) fn error<S>(ended: Result<Secured<S>, NoiseError>) -> NoiseError {
    match ended {
        Ok(_) => panic!("it was secured"),
        Err(error) => error,
    }
}

/// Bytes that repeat nowhere near.
pub(crate) fn noise(seed: u64, bytes: usize) -> Vec<u8> {
    let mut state = seed;
    let next = || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 33) as u8
    };
    std::iter::repeat_with(next).take(bytes).collect()
}
