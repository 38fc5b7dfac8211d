//! Reads scans from requests.

use fulfillment_config::Scope;
use fulfillment_credential::{KeySet, bare, open};
use fulfillment_domain::ticket_number;
use fulfillment_door::{Direction, Verdict, corrected_time};
use fulfillment_store::{DeviceState, NewCheckIn, Offline, Scanned};
use jiff::Timestamp;
use serde::Deserialize;
use sha2::{Digest as _, Sha256};

use crate::access::Caller;
use crate::object::Object;
use crate::problem::{Kind, Problem};

/// The most scans of one request.
pub(crate) const MAX_SCANS: usize = 1_000;

/// The longest name of a gate or device, and the longest nonce, in characters.
const MAX_NAME: usize = 100;
const MAX_NONCE: usize = 64;
const MAX_REASON: usize = fulfillment_store::MAX_OVERRIDE_REASON;

/// A scan of a ticket.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[cfg_attr(test, derive(utoipa::ToSchema), schema(as = Scan))]
pub(crate) struct ScanRequest {
    /// The content of the QR code; or `ticketNumber`.
    code: Option<String>,
    /// The number printed on the ticket, as somebody typed it.
    ticket_number: Option<String>,
    /// The gate, as the event's rules name it; of a device's token one of its own, which may be left out if it has one.
    #[cfg_attr(test, schema(max_length = 100))]
    gate: Option<String>,
    /// The device; of a device's token its own name, which may be left out. The same ticket, device and direction within 3 seconds is one check-in.
    #[cfg_attr(test, schema(max_length = 100))]
    device: Option<String>,
    /// `entry` (the default), `exit`, or `check`, which counts nothing.
    #[serde(default)]
    #[cfg_attr(test, schema(value_type = String))]
    direction: Direction,
    /// When it was scanned, by the device's clock; otherwise now.
    #[cfg_attr(test, schema(value_type = Option<String>, format = DateTime))]
    scanned_at: Option<Timestamp>,
    /// What to add to the device's clock to get the service's, in milliseconds.
    #[serde(default)]
    clock_offset_ms: i64,
    /// The client's own id of the scan: a repeat is answered with the stored result.
    #[cfg_attr(test, schema(max_length = 64))]
    pub(super) nonce: Option<String>,
    /// Scanned without a network: `shown` is what the device has decided.
    #[serde(default)]
    pub(super) offline: bool,
    /// The verdict that the device has shown.
    #[cfg_attr(test, schema(value_type = Option<String>))]
    shown: Option<Verdict>,
    /// The version of the door's feed that the device had.
    feed_version: Option<u64>,
    /// Admit whomever the rules refuse; for tokens with `door:supervise`.
    #[serde(rename = "override")]
    #[cfg_attr(test, schema(value_type = Option<OverrideRequest>))]
    overridden: Option<Object<OverrideRequest>>,
}

/// A supervisor's decision.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[cfg_attr(test, derive(utoipa::ToSchema), schema(as = Override))]
pub(crate) struct OverrideRequest {
    /// Why, for the record.
    #[cfg_attr(test, schema(max_length = 500))]
    reason: String,
}

/// Reads one object or an array of them.
pub(super) fn read(bytes: &[u8]) -> Result<Vec<ScanRequest>, Problem> {
    let mut reader = serde_json::Deserializer::from_slice(bytes);
    let is_array = bytes.iter().find(|byte| !byte.is_ascii_whitespace()) == Some(&b'[');
    let read = if is_array {
        serde_path_to_error::deserialize(&mut reader)
    } else {
        serde_path_to_error::deserialize(&mut reader).map(|one| vec![one])
    };
    let scans: Vec<Object<ScanRequest>> = read.map_err(|error| {
        let (path, inner) = (error.path().to_string(), error.into_inner());
        let place = if path == "." { "The body".to_owned() } else { format!("\"{path}\"") };
        Problem::new(Kind::BadRequest, format!("{place}: {inner}.")).with("field", path)
    })?;
    reader.end().map_err(|_| Problem::new(Kind::BadRequest, "The body has something after its JSON."))?;
    if scans.is_empty() || scans.len() > MAX_SCANS {
        let detail = format!("The body has {} scans; send 1 to {MAX_SCANS}.", scans.len());
        let kind = if scans.is_empty() { Kind::BadRequest } else { Kind::TooLarge };
        return Err(Problem::new(kind, detail));
    }
    Ok(scans.into_iter().map(|Object(scan)| scan).collect())
}

/// The keys by which codes are judged.
pub(super) struct Keys<'a> {
    pub(super) accepted: &'a KeySet,
    pub(super) revoked: &'a KeySet,
}

impl ScanRequest {
    /// Whether it is what a device without a network has done. A check has done nothing.
    pub(super) fn is_upload(&self) -> bool {
        self.offline && self.direction != Direction::Check
    }

    /// What it says of its device.
    pub(super) fn state(&self) -> DeviceState {
        DeviceState {
            feed_version: self.feed_version,
            clock_offset_ms: Some(self.clock_offset_ms),
            ..DeviceState::default()
        }
    }

    /// Checks the scan, and its code's signature.
    pub(super) fn open(
        self,
        at: &str,
        event: &str,
        caller: &Caller,
        keys: &Keys<'_>,
        now: Timestamp,
    ) -> Result<NewCheckIn, Problem> {
        let wrong = |field: &str, why: &str| {
            Problem::new(Kind::BadRequest, format!("\"{at}{field}\" {why}."))
                .with("field", format!("{at}{field}"))
        };
        // Of a code and a number only whether they are there: whatever a guest shows must not keep out the scans beside it.
        for (field, text, most) in [
            ("gate", &self.gate, MAX_NAME),
            ("device", &self.device, MAX_NAME),
            ("nonce", &self.nonce, MAX_NONCE),
        ] {
            let Some(text) = text else { continue };
            let characters = text.chars().count();
            if !(1..=most).contains(&characters) {
                return Err(wrong(field, &format!("must have 1 to {most} characters")));
            }
            if field != "nonce" && text.trim() != text {
                return Err(wrong(field, "must not begin or end with a space"));
            }
            // They are repeated in messages.
            if text.chars().any(char::is_control) {
                return Err(wrong(field, "must have no control characters"));
            }
        }
        let (what, scanned) = match (&self.code, &self.ticket_number) {
            (Some(code), None) => {
                let opened = open(code, keys.accepted, Some(keys.revoked));
                (bare(code).to_owned(), opened.map_or_else(Scanned::Refused, Scanned::Code))
            }
            (None, Some(number)) => {
                // A slip is answered as a number that no ticket has.
                let known = ticket_number::normalise(number);
                (known.clone().unwrap_or_else(|| number.clone()), Scanned::Number(known.unwrap_or_default()))
            }
            _ => return Err(wrong("code", "or \"ticketNumber\" must be given, one of them")),
        };
        match (self.offline, self.shown) {
            (true, None) => {
                return Err(wrong("shown", "must be what the device showed, for a scan made offline"));
            }
            (false, Some(_)) => return Err(wrong("shown", "belongs to a scan with \"offline\": true alone")),
            _ => {}
        }
        let reason = self.overridden.map(|Object(overridden)| overridden.reason);
        if let Some(reason) = &reason {
            if reason.chars().any(char::is_control) {
                return Err(wrong("override.reason", "must have no control characters"));
            }
            if !(1..=MAX_REASON).contains(&reason.trim().chars().count()) {
                return Err(wrong("override.reason", &format!("must have 1 to {MAX_REASON} characters")));
            }
            if !caller.has(&[Scope::DoorSupervise]) {
                let word = Scope::DoorSupervise.as_str();
                let detail = format!("The token lacks the scope \"{word}\", which an override needs.");
                return Err(Problem::new(Kind::Forbidden, detail).with("scope", word));
            }
        }
        let scanned_at =
            corrected_time(self.scanned_at, self.clock_offset_ms, now, self.offline).map_err(|error| {
                let error = error.to_string();
                let (field, why) = error.split_once(": ").unwrap_or(("scannedAt", &error));
                wrong(field, &format!("is wrong: {why}"))
            })?;
        let (gate, device) = match caller.device() {
            None => (self.gate, self.device),
            Some(device) => {
                let (gate, name) = device.place(at, self.gate, self.device.as_deref())?;
                (gate, Some(name))
            }
        };
        let mut request = Sha256::new();
        for part in [event, &what, direction_word(self.direction), gate.as_deref().unwrap_or_default()] {
            request.update((part.len() as u64).to_be_bytes());
            request.update(part);
        }
        Ok(NewCheckIn {
            scanned,
            direction: self.direction,
            scanned_at,
            gate,
            device,
            offline: self.shown.map(|shown| Offline {
                shown,
                // Whoever has a device that was taken from it may set its clock back, and is no supervisor.
                device_revoked: caller.had_ended(scanned_at) || (reason.is_some() && caller.had_ended(now)),
            }),
            override_reason: reason,
            feed_version: self.feed_version,
            clock_offset_ms: self.clock_offset_ms,
            by: caller.actor(),
            nonce: self.nonce,
            request: request.finalize().into(),
        })
    }
}

fn direction_word(direction: Direction) -> &'static str {
    match direction {
        Direction::Entry => "entry",
        Direction::Exit => "exit",
        Direction::Check => "check",
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn one_and_many_are_read() {
        assert_eq!(read(br#"{ "code": "x" }"#).unwrap().len(), 1);
        assert_eq!(read(br#" [{ "code": "x" }, { "ticketNumber": "y" }]"#).unwrap().len(), 2);
        for wrong in ["", "[]", "null", "7", "{", "[{\"code\":1}]", "{\"code\":\"x\"}{}", "[[]]"] {
            assert!(read(wrong.as_bytes()).is_err(), "{wrong}");
        }
        // The fields in their order are no scan.
        let fields = r#"["TK1:x", null, "North", "s1", "entry", null, 0, "n1", false, null, null, null]"#;
        let override_fields = r#"{"code": "x", "override": ["reason"]}"#;
        assert!(read(format!("[{fields}]").as_bytes()).is_err() && read(override_fields.as_bytes()).is_err());
    }

    #[test]
    fn what_a_guest_shows_keeps_out_no_scan_beside_it() {
        let none = || KeySet::from_keys([]).unwrap();
        let (accepted, revoked) = (none(), none());
        let keys = Keys { accepted: &accepted, revoked: &revoked };
        for (field, text) in [
            ("code", "9".repeat(7_089)),
            ("code", String::new()),
            ("ticketNumber", "9".repeat(7_089)),
            ("ticketNumber", "\u{1b}".to_owned()),
        ] {
            let body = serde_json::json!({ field: text }).to_string();
            let scan = read(body.as_bytes()).unwrap().remove(0);
            let scan = scan.open("", "e", &Caller::Anonymous, &keys, Timestamp::UNIX_EPOCH);
            let scanned = scan.map(|scan| scan.scanned);
            let refused = match field {
                "code" => matches!(scanned, Ok(Scanned::Refused(_))),
                _ => matches!(scanned, Ok(Scanned::Number(number)) if number.is_empty()),
            };
            assert!(refused, "{field}: {text:.20}");
        }
    }

    proptest! {
        #[test]
        fn any_body_is_read_or_refused(
            bytes in prop::collection::vec(any::<u8>(), 0..64),
            field in prop_oneof![Just("code"), Just("scannedAt"), Just("clockOffsetMs"), Just("shown"), Just("x")],
            value in prop_oneof![Just("null".to_owned()), Just("1e400".to_owned()), "\"[a-z0-9:TZ-]{0,24}\"", "-?[0-9]{1,22}"],
        ) {
            let _ = read(&bytes).map(|scans| scans.len());
            let body = format!(r#"{{"{field}": {value}}}"#);
            let key = fulfillment_credential::SigningKey::from_seed(&[1; 32]).public();
            let keys = KeySet::from_keys([key]).unwrap();
            let none = KeySet::from_keys([]).unwrap();
            let keys = Keys { accepted: &keys, revoked: &none };
            if let Ok(scans) = read(body.as_bytes()) {
                for scan in scans {
                    let _ = scan.open("", "e", &Caller::Anonymous, &keys, Timestamp::UNIX_EPOCH).map(|scan| scan.nonce);
                }
            }
        }
    }
}
