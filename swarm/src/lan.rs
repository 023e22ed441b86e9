//! The local network, by multicast DNS: announcing this swarm, and hearing of others.
//!
//! The name of an announcement is random, and so is that of its host: nothing in it tells who is there, and of the topic only
//! the discovery key, a hash.

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, SocketAddrV4};
use std::time::Duration;

use mdns_sd::{Error, IfKind, ResolvedService, ScopedIp, ServiceDaemon, ServiceEvent, ServiceInfo};
use socket2::{Domain, Protocol, Socket, Type};
use tokio::sync::mpsc;
use tokio::time::{sleep, timeout};

use crate::error::LanError;
use crate::found::{Announced, Found, VERSION, hex, is_ours, worth_dialling};

const SERVICE: &str = "_hyperlog._tcp.local.";

const PORT: u16 = 5353;
const GROUP_V4: Ipv4Addr = Ipv4Addr::new(224, 0, 0, 251);
const GROUP_V6: Ipv6Addr = Ipv6Addr::new(0xff02, 0, 0, 0, 0, 0, 0, 0xfb);

/// How often everything that is known is heard anew: what there was no room for before may have some now.
const ANEW_EVERY: Duration = Duration::from_secs(60);

/// How long to wait when the daemon is busy, or does not let us hear any more.
const BUSY: Duration = Duration::from_secs(1);

/// How long a goodbye may take.
const GOODBYE_IN: Duration = Duration::from_secs(1);

/// Ports that are announced.
const PORTS_MAX: usize = 8;

/// Announces and hears until it is dropped, which says goodbye.
pub(crate) struct Lan {
    daemon: ServiceDaemon,
    /// Own announcements.
    names: Vec<String>,
    discovery_key: String,
}

fn mdns(error: Error) -> LanError {
    LanError::Mdns(error.to_string())
}

impl Lan {
    /// `random` names this swarm; it must not be used for anything else.
    pub(crate) fn begin(
        discovery_key: &[u8; 32],
        listening: &[SocketAddr],
        random: &[u8],
    ) -> Result<Self, LanError> {
        probe().map_err(LanError::Multicast)?;
        let daemon = ServiceDaemon::new().map_err(mdns)?;
        // From here on the daemon is ended, whatever happens.
        let mut lan = Self { daemon, names: Vec::new(), discovery_key: hex(discovery_key) };
        let mut ports: Vec<u16> = listening.iter().map(SocketAddr::port).collect();
        ports.sort_unstable();
        ports.dedup();
        for port in ports.into_iter().take(PORTS_MAX) {
            let name = hex(random);
            let at: Vec<IpAddr> =
                listening.iter().filter(|address| address.port() == port).map(SocketAddr::ip).collect();
            lan.announce(&name, port, &at).map_err(mdns)?;
        }
        Ok(lan)
    }

    fn announce(&mut self, random: &str, port: u16, at: &[IpAddr]) -> Result<(), Error> {
        // One name for each port.
        let name = format!("{random}-{port}");
        let txt = [("v", VERSION), ("dk", self.discovery_key.as_str())];
        let host = format!("{random}.local.");
        let info = ServiceInfo::new(SERVICE, &name, &host, (), port, &txt[..])?;
        let mut info = info.enable_addr_auto();
        info.set_interfaces(interfaces(at));
        self.names.push(info.get_fullname().to_ascii_lowercase());
        self.daemon.register(info)
    }

    /// Tells what is heard, until nobody listens.
    pub(crate) async fn hear(&self, found: &mpsc::Sender<Found>) {
        loop {
            let heard = match self.daemon.browse(SERVICE) {
                Ok(heard) => heard,
                Err(Error::Again) => {
                    sleep(BUSY).await;
                    continue;
                }
                Err(error) => {
                    // Nobody may listen any more, and then it does not matter.
                    let _ = found.send(Found::NoLan { error: mdns(error) }).await;
                    return;
                }
            };
            let mut anew = std::pin::pin!(sleep(ANEW_EVERY));
            loop {
                let event = tokio::select! {
                    event = heard.recv_async() => event,
                    () = &mut anew => break,
                };
                let Ok(event) = event else {
                    // More came at once than there was room for.
                    sleep(BUSY).await;
                    break;
                };
                if let Some(news) = self.understand(event)
                    && found.send(news).await.is_err()
                {
                    return;
                }
            }
        }
    }

    fn understand(&self, event: ServiceEvent) -> Option<Found> {
        match event {
            ServiceEvent::ServiceResolved(service) => self.resolved(&service),
            ServiceEvent::ServiceRemoved(_, name) => Some(Found::Gone { name: name.to_ascii_lowercase() }),
            _ => None,
        }
    }

    fn resolved(&self, service: &ResolvedService) -> Option<Found> {
        let name = service.fullname.to_ascii_lowercase();
        let txt = |key| service.get_property_val_str(key);
        if self.names.contains(&name) || !is_ours(&name, txt("v"), txt("dk"), &self.discovery_key) {
            return None;
        }
        let addresses = worth_dialling(service.addresses.iter().flat_map(heard), service.port);
        if addresses.is_empty() {
            return None;
        }
        // Both must not think the same of it; names differ, so do not. Who is not heard goes first.
        let lets_us_go_first = self.names.iter().all(|ours| *ours < name);
        tracing::debug!(target: "swarm", "found in the LAN: {addresses:?}");
        Some(Found::Here { name, addresses, lets_us_go_first })
    }

    /// Says goodbye, and waits until it is said, but not for long.
    pub(crate) async fn leave(&self) {
        if let Ok(ended) = self.daemon.shutdown() {
            let _ = timeout(GOODBYE_IN, ended.recv_async()).await;
        }
    }
}

impl Drop for Lan {
    fn drop(&mut self) {
        // Its thread ends after it said goodbye. It may have ended before.
        let _ = self.daemon.shutdown();
    }
}

/// An address of an announcement, once for each interface on which it was heard.
fn heard(ip: &ScopedIp) -> Vec<Announced> {
    let interfaces = match ip {
        ScopedIp::V4(ip) => ip.interface_ids(),
        ScopedIp::V6(ip) => std::slice::from_ref(ip.scope_id()),
        _ => &[],
    };
    let announced = |interface: &mdns_sd::InterfaceId| Announced {
        ip: ip.to_ip_addr(),
        interface: interface.index,
        // Asked of the system, and only where it matters.
        loopback: ip.is_loopback() && interface.get_addrs().iter().any(IpAddr::is_loopback),
    };
    interfaces.iter().map(announced).collect()
}

/// On which interfaces to announce a listener.
fn interfaces(at: &[IpAddr]) -> Vec<IfKind> {
    let kind = |ip: &IpAddr| match ip {
        // It listens on both kinds of addresses.
        IpAddr::V6(ip) if ip.is_unspecified() => IfKind::All,
        IpAddr::V4(ip) if ip.is_unspecified() => IfKind::IPv4,
        ip => IfKind::Addr(*ip),
    };
    at.iter().map(kind).collect()
}

/// Whether the system lets this program speak to many at once: the daemon would not say that it does not.
fn probe() -> io::Result<()> {
    let v4 = socket(Domain::IPV4, SocketAddrV4::new(Ipv4Addr::UNSPECIFIED, PORT).into()).and_then(|socket| {
        let anywhere = socket.join_multicast_v4(&GROUP_V4, &Ipv4Addr::UNSPECIFIED);
        anywhere.or_else(|_| socket.join_multicast_v4(&GROUP_V4, &Ipv4Addr::LOCALHOST))
    });
    v4.or_else(|error| {
        let v6 = socket(Domain::IPV6, (Ipv6Addr::UNSPECIFIED, PORT).into());
        v6.and_then(|socket| socket.join_multicast_v6(&GROUP_V6, 0)).map_err(|_| error)
    })
}

fn socket(domain: Domain, address: SocketAddr) -> io::Result<Socket> {
    let socket = Socket::new(domain, Type::DGRAM, Some(Protocol::UDP))?;
    if domain == Domain::IPV6 {
        socket.set_only_v6(true)?;
    }
    socket.set_reuse_address(true)?;
    #[cfg(unix)]
    socket.set_reuse_port(true)?;
    socket.bind(&address.into())?;
    Ok(socket)
}
