//! What the local network says, as far as it is believed. Pure: everything in here comes from strangers.

use std::net::{IpAddr, SocketAddr, SocketAddrV6};

use crate::error::LanError;
use crate::reach::ADDRESSES_MAX;

/// What the local network says.
#[derive(Debug)]
pub(crate) enum Found {
    /// Somebody announces the same topic.
    Here {
        name: String,
        addresses: Vec<SocketAddr>,
        /// Whether this end is to dial first, and the other one a little later.
        lets_us_go_first: bool,
    },
    /// And does so no more.
    Gone { name: String },
    /// Nobody can be found.
    NoLan { error: LanError },
}

/// An announced address.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Announced {
    pub(crate) ip: IpAddr,
    /// The number of the interface on which it was heard.
    pub(crate) interface: u32,
    /// Whether that interface leads nowhere but to this machine.
    pub(crate) loopback: bool,
}

/// The version of announcements, in TXT: `v=1`.
pub(crate) const VERSION: &str = "1";

/// Bytes of a name in DNS.
const NAME_BYTES_MAX: usize = 255;

/// The discovery key as it stands in TXT: `dk=` and this.
pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Whether an announcement is one of ours, about the same topic.
pub(crate) fn is_ours(name: &str, version: Option<&str>, discovery_key: Option<&str>, ours: &str) -> bool {
    name.len() <= NAME_BYTES_MAX && version == Some(VERSION) && discovery_key == Some(ours)
}

/// Those addresses of an announcement that make sense to dial, the nearest first.
pub(crate) fn worth_dialling(announced: impl IntoIterator<Item = Announced>, port: u16) -> Vec<SocketAddr> {
    if port == 0 {
        return Vec::new();
    }
    let mut addresses: Vec<SocketAddr> =
        announced.into_iter().filter_map(|announced| address(announced, port)).collect();
    addresses.sort_by_key(|address| (!address.ip().is_loopback(), address.is_ipv6(), *address));
    addresses.dedup();
    addresses.truncate(ADDRESSES_MAX);
    addresses
}

fn address(announced: Announced, port: u16) -> Option<SocketAddr> {
    let Announced { ip, interface, loopback } = announced;
    let ip = ip.to_canonical();
    // Somebody elsewhere must not have this machine call itself: other programs listen there who believe in that.
    if ip.is_unspecified() || ip.is_multicast() || ip.is_loopback() && !loopback {
        return None;
    }
    match ip {
        IpAddr::V4(ip) if ip.is_broadcast() => None,
        IpAddr::V6(ip) if ip.is_unicast_link_local() => {
            Some(SocketAddrV6::new(ip, port, 0, interface).into())
        }
        ip => Some(SocketAddr::new(ip, port)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn heard(ip: &str, loopback: bool) -> Announced {
        Announced { ip: ip.parse().unwrap(), interface: 3, loopback }
    }

    #[test]
    fn announcements_of_other_topics_versions_and_endless_names_are_none_of_ours() {
        let ours = hex(&[0xab; 32]);
        assert!(is_ours("name", Some("1"), Some(&ours), &ours));
        assert!(!is_ours("name", Some("1"), Some(&hex(&[0xac; 32])), &ours));
        assert!(!is_ours("name", Some("1"), None, &ours));
        assert!(!is_ours("name", Some("2"), Some(&ours), &ours));
        assert!(!is_ours("name", None, Some(&ours), &ours));
        assert!(!is_ours(&"n".repeat(256), Some("1"), Some(&ours), &ours));
    }

    #[test]
    fn what_leads_nowhere_or_back_to_this_machine_is_not_dialled() {
        for ip in [
            "0.0.0.0",
            "::",
            "224.0.0.251",
            "ff02::fb",
            "255.255.255.255",
            "127.0.0.1",
            "::1",
            "::ffff:127.0.0.1",
        ] {
            assert_eq!(worth_dialling([heard(ip, false)], 1), [], "{ip}");
        }
        assert_eq!(worth_dialling([heard("192.0.2.1", false)], 0), []);
        assert_eq!(worth_dialling([heard("127.0.0.1", true)], 1), ["127.0.0.1:1".parse().unwrap()]);
    }

    #[test]
    fn the_nearest_address_is_first_and_there_are_never_many() {
        let heard_all = [heard("2001:db8::1", false), heard("fe80::1", false), heard("192.0.2.1", false)];
        let found = worth_dialling(heard_all.into_iter().chain([heard("127.0.0.1", true)]), 7);
        let found: Vec<_> = found.iter().map(ToString::to_string).collect();
        assert_eq!(found, ["127.0.0.1:7", "192.0.2.1:7", "[2001:db8::1]:7", "[fe80::1%3]:7"]);
        let many = (0..200).map(|last| heard(&format!("192.0.2.{last}"), false));
        assert_eq!(worth_dialling(many, 7).len(), ADDRESSES_MAX);
    }
}
