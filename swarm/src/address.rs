//! Addresses: as people write them, and as strangers have them.

use std::net::{IpAddr, Ipv6Addr};

/// Bytes of a `HOST:PORT`: the longest name that DNS has, and a port.
const ADDRESS_BYTES_MAX: usize = 253 + 6;

/// Whether this is a host, a colon and a port: `example.org:4000`, `192.0.2.1:4000`, `[2001:db8::1]:4000`.
pub(crate) fn is_host_and_port(text: &str) -> bool {
    if text.len() > ADDRESS_BYTES_MAX || text.chars().any(|char| char.is_control() || char.is_whitespace()) {
        return false;
    }
    let Some((host, port)) = text.rsplit_once(':') else { return false };
    let host_is_one = match host.strip_prefix('[').and_then(|host| host.strip_suffix(']')) {
        // A zone may follow: `fe80::1%eth0`.
        Some(host) => host.split('%').next().is_some_and(|host| host.parse::<Ipv6Addr>().is_ok()),
        None => !host.is_empty() && !host.contains([':', '[', ']']),
    };
    host_is_one && port.parse::<u16>().is_ok_and(|port| port != 0)
}

/// What one stranger has at no cost, and is counted by: an IPv4 address, or the first 64 bits of an IPv6 address.
pub(crate) fn counted_as(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V4(address) => IpAddr::V4(address),
        IpAddr::V6(address) => IpAddr::V6(Ipv6Addr::from_bits(address.to_bits() & !u128::from(u64::MAX))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_host_and_a_port_are_told_from_anything_else() {
        for good in ["localhost:1", "192.0.2.1:4000", "[::1]:65535", "[fe80::1%eth0]:4000", "a.example:80"] {
            assert!(is_host_and_port(good), "{good}");
        }
        let long = format!("{}:1", "a".repeat(300));
        for bad in
            ["", ":", "host", "host:", ":80", "host:0", "host:65536", "::1:80", "[::1]", "[host]:1", &long]
        {
            assert!(!is_host_and_port(bad), "{bad}");
        }
        assert!(!is_host_and_port("ho st:1"));
        assert!(!is_host_and_port("host\u{1b}[2J:1"));
    }

    #[test]
    fn neighbours_in_a_64_are_one_and_mapped_addresses_are_ipv4() {
        let counted = |text: &str| counted_as(text.parse().unwrap());
        assert_eq!(counted("2001:db8:1:2:3::4"), counted("2001:db8:1:2:ffff::"));
        assert_ne!(counted("2001:db8:1:2::"), counted("2001:db8:1:3::"));
        assert_eq!(counted("::ffff:192.0.2.1"), counted("192.0.2.1"));
        assert_ne!(counted("192.0.2.1"), counted("192.0.2.2"));
    }
}
