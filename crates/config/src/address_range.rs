//! Ranges of addresses.

use std::fmt;
use std::net::IpAddr;

use ipnet::IpNet;

/// An address, or a network as in 10.0.0.0/8.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AddressRange(IpNet);

impl AddressRange {
    fn parse(text: &str) -> Option<Self> {
        let single = || text.parse().ok().map(|address: IpAddr| IpNet::from(address));
        text.parse().ok().or_else(single).map(Self)
    }

    pub(crate) fn list(text: &str) -> Option<Vec<Self>> {
        text.split(',').map(str::trim).filter(|entry| !entry.is_empty()).map(Self::parse).collect()
    }

    /// Whether every address, or every one of its kind, is in it.
    pub(crate) fn is_everybody(&self) -> bool {
        self.0.prefix_len() == 0
    }

    /// Whether the address is in it.
    pub fn contains(&self, address: IpAddr) -> bool {
        self.0.contains(&address)
    }
}

impl fmt::Display for AddressRange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_a_network_of_one() {
        let networks = AddressRange::list("10.0.0.0/8, 192.0.2.7,2001:db8::/32,").unwrap();
        let known = |text: &str| networks.iter().any(|network| network.contains(text.parse().unwrap()));
        for inside in ["10.9.9.9", "192.0.2.7", "2001:db8::1"] {
            assert!(known(inside), "{inside}");
        }
        for outside in ["11.0.0.1", "192.0.2.8", "2001:db9::1"] {
            assert!(!known(outside), "{outside}");
        }
        for bad in ["10.0.0.0/33", "proxy", "10.0.0"] {
            assert_eq!(AddressRange::list(bad), None, "{bad}");
        }
    }
}
