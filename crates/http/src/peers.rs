//! Which address a request counts for.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use axum::http::HeaderMap;
use fulfillment_config::{AddressRange, Http};

/// The proxies whose word about addresses is believed.
pub(crate) struct Peers {
    proxies: Vec<AddressRange>,
}

impl Peers {
    pub(crate) fn new(http: &Http) -> Self {
        Self { proxies: http.trusted_proxies.clone() }
    }

    fn is_proxy(&self, address: IpAddr) -> bool {
        self.proxies.iter().any(|network| network.contains(address))
    }

    /// The address that a connection counts for. `None`: it is a proxy's, or may be one's, with many clients behind it.
    pub(crate) fn counted(&self, peer: IpAddr) -> Option<IpAddr> {
        let peer = peer.to_canonical();
        let may_be_proxy = if self.proxies.is_empty() { is_private(peer) } else { self.is_proxy(peer) };
        (!may_be_proxy).then(|| network_of(peer))
    }

    /// The address to name in the log.
    pub(crate) fn named(&self, peer: IpAddr, headers: &HeaderMap) -> IpAddr {
        self.client(peer, headers).unwrap_or_else(|| peer.to_canonical())
    }

    /// The address that a request counts for: if a trusted proxy sent it, the last one in `X-Forwarded-For` that is not
    /// a trusted proxy's. The client can invent what stands before it.
    pub(crate) fn client(&self, peer: IpAddr, headers: &HeaderMap) -> Option<IpAddr> {
        let peer = peer.to_canonical();
        if !self.is_proxy(peer) {
            return self.counted(peer);
        }
        let given = headers.get_all("x-forwarded-for").iter().filter_map(|value| value.to_str().ok());
        let hops: Vec<&str> = given.flat_map(|value| value.split(',')).map(str::trim).collect();
        // One that cannot be read ends the search.
        let hops = hops.into_iter().rev().map_while(address_of);
        hops.into_iter().find(|hop| !self.is_proxy(*hop)).map(network_of)
    }
}

/// The address in a hop, which some proxies write with its port.
fn address_of(hop: &str) -> Option<IpAddr> {
    let with_port = || hop.parse().ok().map(|with_port: SocketAddr| with_port.ip());
    hop.parse().ok().or_else(with_port).map(|address: IpAddr| address.to_canonical())
}

/// One client can have all addresses of an IPv6 network of 64 bits.
fn network_of(address: IpAddr) -> IpAddr {
    match address {
        IpAddr::V4(_) => address,
        IpAddr::V6(v6) => Ipv6Addr::from_bits(v6.to_bits() & (u128::MAX << 64)).into(),
    }
}

/// The network of an address, for records and the log: a whole address belongs to a person.
pub(crate) fn prefix_of(address: IpAddr) -> String {
    match address.to_canonical() {
        IpAddr::V4(v4) => format!("{}/24", Ipv4Addr::from_bits(v4.to_bits() & (u32::MAX << 8))),
        IpAddr::V6(v6) => format!("{}/48", Ipv6Addr::from_bits(v6.to_bits() & (u128::MAX << 80))),
    }
}

fn is_private(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(v4) => v4.is_loopback() || v4.is_private() || v4.is_link_local(),
        IpAddr::V6(v6) => v6.is_loopback() || v6.is_unique_local() || v6.is_unicast_link_local(),
    }
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderValue;

    use super::*;

    fn peers(proxies: &str) -> Peers {
        let setting = ("FULFILLMENT_HTTP_TRUSTED_PROXIES".to_owned(), proxies.to_owned());
        Peers::new(&fulfillment_config::Config::defaults([setting]).unwrap().http)
    }

    #[test]
    fn private_peers_count_for_nobody_until_proxies_are_named() {
        let (some, none) = (peers("10.0.0.0/8, 2001:db8::5"), peers(""));
        for (peer, by_default, with_proxies) in [
            ("203.0.113.7", Some("203.0.113.7"), Some("203.0.113.7")),
            ("10.1.2.3", None, None),
            ("192.168.1.2", None, Some("192.168.1.2")),
            ("127.0.0.1", None, Some("127.0.0.1")),
            ("::1", None, Some("::")),
            ("::ffff:203.0.113.7", Some("203.0.113.7"), Some("203.0.113.7")),
            ("2001:db8:1:2:3::4", Some("2001:db8:1:2::"), Some("2001:db8:1:2::")),
            ("2001:db8::5", Some("2001:db8::"), None),
            ("fd00::1", None, Some("fd00::")),
        ] {
            let expected = |text: Option<&str>| text.map(|text| text.parse().unwrap());
            let peer: IpAddr = peer.parse().unwrap();
            assert_eq!(none.counted(peer), expected(by_default), "{peer}");
            assert_eq!(some.counted(peer), expected(with_proxies), "{peer}");
        }
    }

    #[test]
    fn refusals_are_counted_by_networks() {
        for (address, network) in [
            ("203.0.113.7", "203.0.113.0/24"),
            ("::ffff:203.0.113.7", "203.0.113.0/24"),
            ("2001:db8:1:2::3", "2001:db8:1::/48"),
            ("::1", "::/48"),
        ] {
            assert_eq!(prefix_of(address.parse().unwrap()), network);
        }
    }

    #[test]
    fn a_trusted_proxy_names_the_client_and_nobody_else_does() {
        let peers = peers("10.0.0.0/8");
        let client = |peer: &str, forwarded: &[&str]| {
            let mut headers = HeaderMap::new();
            for value in forwarded {
                headers.append("x-forwarded-for", HeaderValue::from_str(value).unwrap());
            }
            peers.client(peer.parse().unwrap(), &headers).map(|address| address.to_string())
        };
        assert_eq!(client("10.0.0.1", &["203.0.113.7"]).as_deref(), Some("203.0.113.7"));
        // What the client sent stands before what the proxies added.
        let chain = ["198.51.100.1, 203.0.113.7", "10.2.2.2"];
        assert_eq!(client("10.0.0.1", &chain).as_deref(), Some("203.0.113.7"));
        assert_eq!(client("10.0.0.1", &["203.0.113.7:4711"]).as_deref(), Some("203.0.113.7"));
        assert_eq!(client("10.0.0.1", &["[2001:db8:1:2::3]:4711"]).as_deref(), Some("2001:db8:1:2::"));
        assert_eq!(client("10.0.0.1", &["198.51.100.1, unknown"]), None);
        assert_eq!(client("10.0.0.1", &[]), None);
        assert_eq!(client("203.0.113.9", &["203.0.113.7"]).as_deref(), Some("203.0.113.9"));
    }
}
