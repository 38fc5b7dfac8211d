//! Devices of doors: what a device's token is bound to, and what a device says of itself.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use axum::http::HeaderMap;
use fulfillment_store::{DeviceContact, DeviceState};
use jiff::Timestamp;

use crate::problem::{Kind, Problem};

/// How tokens of devices begin, so that programs that look for leaked secrets find them.
pub(crate) const PREFIX: &str = "fdt_";

/// The headers by which a device says the version of its app, and how many scans it has still to upload.
const APP_VERSION: &str = "door-app-version";
const QUEUE: &str = "door-queue";
/// The longest version, in bytes.
const MAX_VERSION: usize = 64;

/// What a device's token is bound to.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Device {
    /// Its name, which its scans carry.
    pub(crate) name: String,
    pub(crate) event: String,
    /// All if there is none.
    pub(crate) gates: Vec<String>,
}

impl Device {
    /// Refuses what is about another event.
    pub(crate) fn check_event(&self, event: &str) -> Result<(), Problem> {
        if self.event == event {
            return Ok(());
        }
        let detail = "The device was enrolled for another event.";
        Err(Problem::new(Kind::Forbidden, detail).with("field", "eventId"))
    }

    /// The gate of a scan and the name of its device. `at` is where the scan is in the body.
    pub(crate) fn place(
        &self,
        at: &str,
        gate: Option<String>,
        device: Option<&str>,
    ) -> Result<(Option<String>, String), Problem> {
        let refused = |kind, field: &str, why: String| {
            Problem::new(kind, format!("\"{at}{field}\" {why}.")).with("field", format!("{at}{field}"))
        };
        if device.is_some_and(|device| device != self.name) {
            let why = format!("is another device: this one is {:?}; it may be left out", self.name);
            return Err(refused(Kind::Forbidden, "device", why));
        }
        let gate = match (gate, self.gates.as_slice()) {
            (Some(gate), gates) if !gates.is_empty() && !gates.contains(&gate) => {
                let why = format!("is not one of the device's gates: {}", gates.join(", "));
                return Err(refused(Kind::Forbidden, "gate", why));
            }
            (None, [only]) => Some(only.clone()),
            (None, [_, ..]) => {
                let why = "must be given: the device has several gates".to_owned();
                return Err(refused(Kind::BadRequest, "gate", why));
            }
            (gate, _) => gate,
        };
        Ok((gate, self.name.clone()))
    }
}

/// What a device says of itself in the headers of any request. What cannot be read is not noted.
pub(crate) fn state_of(headers: &HeaderMap) -> DeviceState {
    let text = |name| headers.get(name).and_then(|value| value.to_str().ok()).map(str::trim);
    DeviceState {
        app_version: text(APP_VERSION)
            .filter(|version| (1..=MAX_VERSION).contains(&version.len()))
            .map(str::to_owned),
        queued: text(QUEUE).and_then(|queued| queued.parse().ok()),
        ..DeviceState::default()
    }
}

/// The contacts that are not written yet: no scan waits for a write of them.
#[derive(Default)]
pub(crate) struct Contacts(Mutex<HashMap<[u8; 32], DeviceContact>>);

impl Contacts {
    /// Notes a contact of the device with this token.
    pub(crate) fn note(&self, token_sha256: [u8; 32], at: Timestamp, state: DeviceState) {
        let mut contacts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let known = contacts.entry(token_sha256).or_insert_with(|| DeviceContact {
            token_sha256,
            at,
            state: DeviceState::default(),
        });
        known.at = known.at.max(at);
        let DeviceState { app_version, queued, feed_version, clock_offset_ms } = &mut known.state;
        *app_version = state.app_version.or(app_version.take());
        *queued = state.queued.or(*queued);
        *feed_version = state.feed_version.or(*feed_version);
        *clock_offset_ms = state.clock_offset_ms.or(*clock_offset_ms);
    }

    /// Those that were noted since the last time.
    pub(crate) fn take(&self) -> Vec<DeviceContact> {
        let mut contacts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        contacts.drain().map(|(_, contact)| contact).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn device(gates: &[&str]) -> Device {
        let gates = gates.iter().map(|gate| (*gate).to_owned()).collect();
        Device { name: "n1".into(), event: "gala".into(), gates }
    }

    #[test]
    fn a_device_speaks_for_itself_and_its_gates() {
        let gate = |gates: &[&str], gate: Option<&str>| {
            let placed = device(gates).place("[2].", gate.map(str::to_owned), Some("n1"));
            placed.map(|(gate, _)| gate).map_err(|problem| {
                (problem.status().as_u16(), problem.extension("field").cloned().unwrap_or_default())
            })
        };
        assert_eq!(gate(&[], None), Ok(None));
        assert_eq!(gate(&[], Some("x")), Ok(Some("x".into())));
        assert_eq!(gate(&["a"], None), Ok(Some("a".into())));
        assert_eq!(gate(&["a", "b"], Some("b")), Ok(Some("b".into())));
        assert_eq!(gate(&["a", "b"], None), Err((400, "[2].gate".into())));
        assert_eq!(gate(&["a", "b"], Some("c")), Err((403, "[2].gate".into())));
        assert_eq!(device(&[]).place("", None, None).unwrap().1, "n1");
        assert_eq!(device(&[]).place("", None, Some("n2")).unwrap_err().status(), 403);
        assert!(device(&[]).check_event("gala").is_ok());
        assert_eq!(device(&[]).check_event("Gala").unwrap_err().status(), 403);
    }

    #[test]
    fn contacts_of_a_device_are_written_as_one() {
        let contacts = Contacts::default();
        let at = |second| Timestamp::from_second(second).unwrap();
        let mut headers = HeaderMap::new();
        headers.insert(APP_VERSION, "1.2".parse().unwrap());
        headers.insert(QUEUE, "many".parse().unwrap());
        contacts.note([1; 32], at(2), state_of(&headers));
        contacts.note([1; 32], at(1), DeviceState { feed_version: Some(4), ..DeviceState::default() });
        contacts.note([2; 32], at(1), DeviceState::default());
        let mut taken = contacts.take();
        taken.sort_by_key(|contact| contact.token_sha256);
        let state =
            DeviceState { app_version: Some("1.2".into()), feed_version: Some(4), ..DeviceState::default() };
        assert_eq!(taken[0], DeviceContact { token_sha256: [1; 32], at: at(2), state });
        assert_eq!((taken.len(), contacts.take().len()), (2, 0));
    }
}
