//! Listening.

use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

use socket2::{Domain, Protocol, Socket, Type};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;
use tokio::time::sleep;

use crate::error::JoinError;

/// Connections that the system holds before they are taken in.
const BACKLOG: i32 = 128;

/// How long not to take anybody in, when there are no more file descriptors: at first, and at most.
const PAUSE_FIRST: Duration = Duration::from_millis(50);
const PAUSE_MAX: Duration = Duration::from_secs(2);

/// Listens on all of these, or on none.
pub(crate) fn listen(addresses: &[SocketAddr]) -> Result<Vec<TcpListener>, JoinError> {
    let bind = |address: &SocketAddr| {
        // Who listens on both by name wants two sockets.
        let both = !addresses.iter().any(|other| other.is_ipv4() && other.port() == address.port());
        open(*address, both).map_err(|error| JoinError::Listen { address: *address, error })
    };
    addresses.iter().map(bind).collect()
}

fn open(address: SocketAddr, both: bool) -> io::Result<TcpListener> {
    match bind(address, both) {
        // A machine without IPv6.
        Err(error) if address.is_ipv6() && address.ip().is_unspecified() && both => {
            let address = SocketAddr::from((Ipv4Addr::UNSPECIFIED, address.port()));
            bind(address, false).map_err(|_| error)
        }
        bound => bound,
    }
}

fn bind(address: SocketAddr, both: bool) -> io::Result<TcpListener> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP))?;
    if address.is_ipv6() && address.ip().is_unspecified() {
        socket.set_only_v6(!both)?;
    }
    // A program that restarts gets its port again, whatever connections are still dying there. On Windows it would let
    // others take the port.
    #[cfg(unix)]
    socket.set_reuse_address(true)?;
    socket.set_nonblocking(true)?;
    socket.bind(&address.into())?;
    socket.listen(BACKLOG)?;
    TcpListener::from_std(socket.into())
}

/// Takes in whoever comes, as fast as they are taken from here. Ends with its reader.
pub(crate) async fn accept(listener: TcpListener, came: mpsc::Sender<(TcpStream, SocketAddr)>) {
    let mut failures = 0;
    // The place first, so that nobody is taken in for whom there is none.
    while let Ok(place) = came.reserve().await {
        match listener.accept().await {
            Ok(arrived) => {
                failures = 0;
                place.send(arrived);
            }
            Err(error) => {
                if failures == 0 {
                    tracing::warn!(target: "swarm", "nobody can be taken in: {error}");
                }
                sleep(pause(failures)).await;
                failures = failures.saturating_add(1);
            }
        }
    }
}

/// After so many failures in a row.
fn pause(failures: u32) -> Duration {
    PAUSE_FIRST.saturating_mul(2_u32.saturating_pow(failures)).min(PAUSE_MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn accepting_that_fails_waits_longer_and_longer() {
        let pauses: Vec<_> = (0..8).map(|failures| pause(failures).as_millis()).collect();
        assert_eq!(pauses, [50, 100, 200, 400, 800, 1600, 2000, 2000]);
        assert_eq!(pause(u32::MAX), PAUSE_MAX);
    }

    #[tokio::test]
    async fn one_socket_hears_both_kinds_of_addresses_where_there_are_both() {
        let listeners = listen(&["[::]:0".parse().unwrap()]).unwrap();
        let address = listeners[0].local_addr().unwrap();
        TcpStream::connect((Ipv4Addr::LOCALHOST, address.port())).await.unwrap();
        if address.is_ipv6() {
            TcpStream::connect(("::1", address.port())).await.unwrap();
        }
    }

    #[tokio::test]
    async fn a_port_that_is_taken_is_an_error_that_names_it() {
        let taken = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let taken = taken.local_addr().unwrap();
        let error = listen(&[taken]).unwrap_err();
        assert!(error.to_string().contains(&taken.to_string()), "{error}");
    }
}
