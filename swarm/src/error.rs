//! What can go wrong, in words for people.

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use replicate::noise::NoiseError;

/// Why a swarm could not begin.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum JoinError {
    /// An address to dial that is none.
    #[error("{address:?} is no address to connect to: it has to be HOST:PORT, such as example.org:4000")]
    NotAnAddress {
        /// As it was given.
        address: String,
    },
    /// An address to listen on that is not to be had.
    #[error("cannot listen on {address}")]
    Listen {
        /// As it was given.
        address: SocketAddr,
        /// What the system says.
        #[source]
        error: io::Error,
    },
    /// The system gave no randomness.
    #[error("the system gave no randomness")]
    Random(#[source] getrandom::Error),
}

/// Why an address could not be reached.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DialError {
    /// Not a `HOST:PORT`. It is never tried.
    #[error("it is no address to connect to: it has to be HOST:PORT, such as example.org:4000")]
    NotAnAddress,
    /// There are as many addresses to dial as there may be. It is never tried.
    #[error("there are {max} addresses to connect to already")]
    TooManyAddresses {
        /// [`Limits::given`](crate::Limits::given).
        max: usize,
    },
    /// The name is not known.
    #[error("the name of the host cannot be resolved")]
    Resolve(#[source] io::Error),
    /// Nobody takes the call.
    #[error("nobody answers")]
    Connect(#[source] io::Error),
    /// Somebody took it, and is not one of us.
    #[error("the handshake failed")]
    Handshake(#[source] NoiseError),
    /// Somebody took it, and proved its key, and then broke off.
    #[error("it broke off after the handshake")]
    BrokeOff(#[source] io::Error),
    /// Somebody took it, and then was too slow.
    #[error("no handshake within {} s", .within.as_secs_f32())]
    TooSlow {
        /// [`Limits::handshake_in`](crate::Limits::handshake_in).
        within: Duration,
    },
    /// There are as many connections as there may be.
    #[error("there are as many connections as there may be")]
    TooMany,
    /// It leads to who has the same key.
    #[error("this is this program itself, or one that runs on a copy of its folder")]
    Itself,
}

/// Why somebody who came did not get in.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Refusal {
    /// It does not know the topic, or does not speak this at all.
    #[error("the handshake failed")]
    Handshake(#[source] NoiseError),
    /// It proved its key and then broke off.
    #[error("it broke off after the handshake")]
    BrokeOff(#[source] io::Error),
    /// It did not finish in time.
    #[error("no handshake within {} s", .within.as_secs_f32())]
    TooSlow {
        /// [`Limits::handshake_in`](crate::Limits::handshake_in).
        within: Duration,
    },
    /// Others came, and it was the one that had been at it for longest.
    #[error("too many come at the same time")]
    TooManyHandshakes,
    /// There are as many connections as there may be, in all or from its address.
    #[error("there are as many connections as there may be")]
    TooManyConnections,
}

/// Why nobody can be found in the local network.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LanError {
    /// The system does not let this program speak to many at once.
    #[error("no multicast on this machine")]
    Multicast(#[source] io::Error),
    /// Multicast DNS failed.
    #[error("multicast DNS failed: {0}")]
    Mdns(String),
}
