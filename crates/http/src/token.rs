//! What is known of a token: not the token itself.

use std::collections::BTreeSet;

use fulfillment_config::Scope;
use fulfillment_store::{DeviceRecord, DeviceRole};
use jiff::Timestamp;

use crate::device::Device;

/// A token, without itself.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Token {
    pub(crate) name: String,
    pub(crate) scopes: BTreeSet<Scope>,
    /// From when it is refused.
    pub(crate) expires_at: Option<Timestamp>,
    /// Its hash, if the store has it and may revoke it.
    pub(crate) stored: Option<[u8; 32]>,
    /// The device that it is for: then it is for the door of one event alone.
    pub(crate) device: Option<Device>,
}

/// The token of a device.
pub(crate) fn of_device(device: DeviceRecord) -> Option<([u8; 32], Token)> {
    let sha256 = device.token_sha256?;
    let scopes: &[Scope] = match device.role {
        DeviceRole::Steward => &[Scope::Door],
        DeviceRole::Supervisor => &[Scope::Door, Scope::DoorNames, Scope::DoorSupervise],
    };
    let token = Token {
        name: device.client(),
        scopes: scopes.iter().copied().collect(),
        expires_at: Some(device.ends_at()),
        stored: Some(sha256),
        device: Some(Device { name: device.name, event: device.event_id, gates: device.gates }),
    };
    Some((sha256, token))
}
