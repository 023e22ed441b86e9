//! What can be chosen for a swarm, and its bounds.

use std::net::{Ipv6Addr, SocketAddr};
use std::time::Duration;

/// What can be chosen for a swarm. The default listens on any port of all interfaces, and looks around in the LAN.
#[derive(Clone, Debug)]
#[non_exhaustive]
#[must_use]
pub struct Options {
    /// Where to listen; nowhere if empty. `[::]` stands for both kinds of addresses, and for IPv4 alone on a machine
    /// that has no IPv6. Default: `[::]:0`.
    pub listen: Vec<SocketAddr>,
    /// Whether to announce this swarm in the local network, and to look for others there. Default: yes. Without the
    /// feature `lan` it has no effect.
    pub lan: bool,
    /// Each a `HOST:PORT` that is dialled, and dialled again whenever it is not connected. Default: none.
    pub connect: Vec<String>,
    /// Bounds. Default: [`Limits::default`].
    pub limits: Limits,
}

impl Default for Options {
    fn default() -> Self {
        let anywhere = SocketAddr::from((Ipv6Addr::UNSPECIFIED, 0));
        Self { listen: vec![anywhere], lan: true, connect: Vec::new(), limits: Limits::default() }
    }
}

impl Options {
    /// Where to listen; nowhere if empty.
    pub fn listen(mut self, addresses: impl IntoIterator<Item = SocketAddr>) -> Self {
        self.listen = addresses.into_iter().collect();
        self
    }

    /// Whether to announce this swarm in the local network, and to look for others there.
    pub fn lan(mut self, lan: bool) -> Self {
        self.lan = lan;
        self
    }

    /// Adds a `HOST:PORT` that is dialled whenever it is not connected.
    pub fn connect(mut self, address: impl Into<String>) -> Self {
        self.connect.push(address.into());
        self
    }

    /// Bounds.
    pub fn limits(mut self, limits: Limits) -> Self {
        self.limits = limits;
        self
    }
}

/// The bounds of a swarm, each with its reason. The defaults suit a desktop; tests use tiny ones.
///
/// An *address* is here what one stranger has at no cost: an IPv4 address, or the first 64 bits of an IPv6 address.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct Limits {
    /// Handshakes with one address that came by itself. One more ends the oldest of them: who says nothing must not
    /// keep out who comes later. Room for a household behind one router.
    pub handshakes_per_address: usize,
    /// Handshakes with all that came by themselves. One more ends the oldest of the address that has most of them.
    /// Each costs a socket and a few kilobytes.
    pub handshakes: usize,
    /// How long a handshake may take. It is three messages, so it is long on any line.
    pub handshake_in: Duration,
    /// Connections that came from one address. Of those who know the topic, but they may be many in one place.
    pub connections_per_address: usize,
    /// Connections in all. Each is a session with each log, so it is the memory of sessions that this bounds.
    pub connections: usize,
    /// Addresses that are dialled at the same time, so that a list of dead ones is no burst of packets.
    pub dials_at_once: usize,
    /// How long an address has to take a call.
    pub connect_in: Duration,
    /// Addresses that were given, at first or by [`Swarm::dial`](crate::Swarm::dial).
    pub given: usize,
    /// Peers that the LAN announces. Anybody there can announce as many as it likes; those that never answered give
    /// way.
    pub found: usize,
    /// Events about strangers that wait to be read. More are only counted.
    pub refused: usize,
    /// The least time before an address is dialled again: a peer that restarts is soon there.
    pub redial_first: Duration,
    /// The most time before an address is dialled again: a peer that was off for days is still met within a minute.
    pub redial_max: Duration,
    /// A connection that lasted so long was good: if it ends, the address is dialled as if for the first time.
    pub steady_after: Duration,
    /// By how much one of two swarms that find each other lets the other go first, so that not both dial.
    pub head_start: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            handshakes_per_address: 8,
            handshakes: 32,
            handshake_in: Duration::from_secs(10),
            connections_per_address: 8,
            connections: 64,
            dials_at_once: 16,
            connect_in: Duration::from_secs(10),
            given: 256,
            found: 64,
            refused: 16,
            redial_first: Duration::from_secs(1),
            redial_max: Duration::from_secs(60),
            steady_after: Duration::from_secs(30),
            head_start: Duration::from_secs(1),
        }
    }
}

impl Limits {
    /// Bounds with which a swarm works: of nothing at a time there would be no connection.
    pub(crate) fn within_reason(self) -> Self {
        Self {
            handshakes_per_address: self.handshakes_per_address.max(1),
            handshakes: self.handshakes.max(1),
            dials_at_once: self.dials_at_once.max(1),
            // A busy loop otherwise.
            redial_first: self.redial_first.max(Duration::from_millis(1)),
            ..self
        }
    }
}
