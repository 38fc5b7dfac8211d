//! Host names, and which of them are this machine's own.

use std::net::IpAddr;

/// A host name or address, without a port.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Host(url::Host);

impl Host {
    /// Reads a name, an IPv4 address, or an IPv6 address in brackets. Upper case, international names and a dot at the
    /// end do not make another host.
    pub fn parse(text: &str) -> Option<Self> {
        let host = url::Host::parse(text).ok()?;
        Some(Self(match host {
            url::Host::Domain(name) => url::Host::Domain(name.trim_end_matches('.').to_owned()),
            address => address,
        }))
    }

    /// Reads names separated by commas. A wildcard is refused: it would match no host, and whoever writes one means
    /// that it matches all.
    pub(crate) fn list(text: &str) -> Option<Vec<Self>> {
        let names = text.split(',').map(str::trim).filter(|name| !name.is_empty());
        names.map(|name| Self::parse(name).filter(|host| !host.is_wildcard())).collect()
    }

    fn is_wildcard(&self) -> bool {
        matches!(&self.0, url::Host::Domain(name) if name.contains('*'))
    }

    /// Whether it leads to this machine wherever it is resolved: localhost, a name under it, or a loopback address.
    pub fn is_loopback(&self) -> bool {
        match &self.0 {
            url::Host::Domain(name) => name == "localhost" || name.ends_with(".localhost"),
            url::Host::Ipv4(address) => address.is_loopback(),
            url::Host::Ipv6(address) => IpAddr::from(*address).to_canonical().is_loopback(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn loopback_has_many_spellings() {
        for own in [
            "localhost",
            "LOCALHOST.",
            "a.localhost",
            "127.0.0.1",
            "127.9.8.7",
            "[::1]",
            "[::ffff:127.0.0.1]",
        ] {
            assert!(Host::parse(own).unwrap().is_loopback(), "{own}");
        }
        for other in
            ["localhost.evil.example", "notlocalhost", "10.0.0.1", "0.0.0.0", "[::2]", "127.0.0.1.nip.io"]
        {
            assert!(!Host::parse(other).unwrap().is_loopback(), "{other}");
        }
        for bad in ["", "a b", "localhost:80", "[::1", "http://localhost"] {
            assert_eq!(Host::parse(bad), None, "{bad}");
        }
        assert_eq!(Host::parse("Tickets.Example."), Host::parse("tickets.example"));
        assert_eq!(Host::list("box, tickets.example").map(|hosts| hosts.len()), Some(2));
        for wildcard in ["*", "box,*", "*.example", "%2a"] {
            assert_eq!(Host::list(wildcard), None, "{wildcard}");
        }
    }
}
