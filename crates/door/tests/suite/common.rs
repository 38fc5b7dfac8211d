//! An event with rules of every kind, and a scan that they admit.

use fulfillment_credential::{Claims, DoorFeed, KeySet, PREFIX, SigningKey, VerifyOptions, sign, verify};
use fulfillment_door::{
    Counts, Direction, FirstEntry, History, Judgement, Origin, Presented, Rules, Scan, judge,
};
use jiff::Timestamp;

pub(crate) const EVENT: u32 = 12;

pub(crate) const RULES: &str = r#"{
    "from": "2026-12-22T18:00:00Z",
    "until": "2026-12-22T23:00:00Z",
    "categories": {
        "Standing": { "from": "2026-12-22T18:30:00Z", "until": "2026-12-22T22:00:00Z", "areas": ["Floor"], "gates": ["South"] }
    },
    "gates": { "North": { "area": "Hall" }, "South": { "area": "Floor", "limit": 500 }, "East": { "area": "Floor" }, "Yard": {} },
    "areas": { "Hall": {}, "Floor": { "limit": 300 } },
    "limits": { "day": 2000 }
}"#;

pub(crate) fn time(text: &str) -> Timestamp {
    text.parse().unwrap()
}

pub(crate) fn rules() -> Rules {
    Rules::read(RULES).unwrap()
}

pub(crate) fn key() -> SigningKey {
    SigningKey::from_seed(&[7; 32])
}

pub(crate) fn claims() -> Claims {
    Claims { expires_at: 1_830_000_000, cti: *b"0123456789", event: EVENT, category: 3, generation: 0 }
}

/// What a scanner knows of the key that has signed a code.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum KeyState {
    Known,
    Unknown,
    Revoked,
}

/// A code as the scanner of an event sees it.
pub(crate) struct Code {
    pub(crate) is_mangled: bool,
    pub(crate) is_forged: bool,
    pub(crate) key: KeyState,
    pub(crate) feed: DoorFeed,
    pub(crate) event: u32,
    pub(crate) now: i64,
}

impl Code {
    pub(crate) fn good() -> Self {
        Self {
            is_mangled: false,
            is_forged: false,
            key: KeyState::Known,
            feed: DoorFeed::new(),
            event: EVENT,
            now: 1_800_000_000,
        }
    }

    pub(crate) fn presented(&self) -> Presented {
        let mut text = sign(&key(), &claims()).unwrap();
        if self.is_forged {
            let mut bytes = base45::decode(text.strip_prefix(PREFIX).unwrap()).unwrap();
            let signature = bytes.len() - 64;
            bytes[signature] ^= 1;
            text = format!("{PREFIX}{}", base45::encode(bytes));
        }
        if self.is_mangled {
            text.insert(0, 'x');
        }
        let (held, none) = (KeySet::from_keys([key().public()]).unwrap(), KeySet::new());
        let (keys, revoked) = match self.key {
            KeyState::Known => (&held, &none),
            KeyState::Unknown => (&none, &none),
            KeyState::Revoked => (&none, &held),
        };
        let options =
            VerifyOptions { event: Some(self.event), feed: Some(&self.feed), revoked: Some(revoked) };
        Presented::code(&verify(&text, keys, self.now, &options), self.event)
    }
}

/// Everything that decides about one scan.
pub(crate) struct Case {
    pub(crate) code: Code,
    pub(crate) rules: Rules,
    pub(crate) scan: Scan<'static>,
    pub(crate) history: History,
    pub(crate) counts: Counts,
}

impl Case {
    /// One that is admitted.
    pub(crate) fn good() -> Self {
        Self {
            code: Code::good(),
            rules: rules(),
            scan: Scan {
                direction: Direction::Entry,
                at: time("2026-12-22T19:00:00Z"),
                gate: Some("South"),
                category: Some("Standing"),
                overridden: false,
                origin: Origin::Online,
            },
            history: History::default(),
            counts: Counts::default(),
        }
    }

    pub(crate) fn judge(&self) -> Judgement {
        judge(&self.rules, &self.scan, &self.code.presented(), &self.history, &self.counts)
    }
}

/// A ticket that went in by gate North.
pub(crate) fn admitted_at(at: &str) -> History {
    let first = FirstEntry { at: time(at), gate: Some("North".into()), device: Some("scanner 1".into()) };
    History { entries: 1, exits: 0, first: Some(first), inside: true, last_entry_at: Some(time(at)) }
}
