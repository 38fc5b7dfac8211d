//! A scanner's verdicts, and the bare signatures under them: the same code natively (`bench/src/door/verdicts.rs`) and as
//! wasm.

use std::error::Error;

use coset::{CoseSign1, TaggedCborSerializable as _};
use ed25519_dalek::{Signature, VerifyingKey};
use fulfillment_credential::{Claims, Cti, KeySet, PREFIX, SigningKey, Standing};
use fulfillment_door::feed::{
    Admitted, Direction as Way, Document, DoorScan, Head, HeldFeed, Keys, Origin, Outcome, Snapshot, read,
    sign,
};
use fulfillment_door::{Counts, Direction, Verdict};
use jiff::Timestamp;

const SEED: [u8; 32] = [7; 32];
const NOW: i64 = 1_800_000_000;
const EVENT: u32 = 4_711;
const EVENT_ID: &str = "2027-gala";
const RULES: &str = r#"{ "reEntry": "afterExit", "categories": { "Seat": { "areas": ["Hall"] } },
    "gates": { "North": { "area": "Hall" } }, "areas": { "Hall": {} } }"#;

/// Two of a hundred of 200,000 tickets.
const VOIDS: u32 = 4_000;
/// Tickets of which the feed says that their holders are in.
const INSIDE: u32 = 50_000;
/// Codes that are shown in turn, so that no result comes from a cache of the last one.
pub(crate) const CODES: u32 = 256;
/// How often a measurement in wasm goes through all codes.
#[allow(dead_code, reason = "not every program that has this file needs it")]
pub(crate) const ROUNDS: u32 = 20;

/// A code, the bytes that its signature covers, and the signature.
struct Shown {
    code: String,
    signed: Vec<u8>,
    signature: Signature,
}

/// A scanner that holds the feed of a large event, and codes that it admits.
pub(crate) struct Scanner {
    held: HeldFeed,
    codes: Vec<Shown>,
    key: VerifyingKey,
    at: Timestamp,
}

impl Scanner {
    /// Makes the feed and the codes.
    pub(crate) fn new() -> Result<Self, Box<dyn Error>> {
        let key = SigningKey::from_seed(&SEED);
        let accepted = KeySet::from_keys([key.public()])?;
        let origin = Origin { event: EVENT, epoch: 1, version: 3, made_at: NOW - 60 };
        let mut deviations: Vec<_> = (0..VOIDS).map(|n| (cti(n), VOID)).collect();
        deviations.sort_unstable_by_key(|(cti, _)| *cti);
        let snapshot = Document::Snapshot(Snapshot {
            origin,
            event_id: EVENT_ID.to_owned(),
            fresh_until: NOW + 1_200,
            head: Head {
                categories: vec![(1, "Seat".to_owned())],
                gates: vec!["North".to_owned()],
                rules: Some(RULES.to_owned()),
                ..Head::default()
            },
            keys: Keys { accepted: accepted.clone(), revoked: KeySet::new() },
            deviations,
        });
        let mut held = HeldFeed::begin(read(&sign(&key, &snapshot)?, &accepted)?, EVENT_ID)?;
        if held.rules().is_none() {
            return Err("the rules are not understood".into());
        }
        let mut tickets: Vec<_> =
            (VOIDS..VOIDS + INSIDE).map(|n| (prefix(&cti(n)), Way::In, NOW - 600)).collect();
        tickets.sort_unstable_by_key(|(prefix, ..)| *prefix);
        let admitted = Document::Admitted(Admitted { origin, from: 0, tickets });
        if held.apply(read(&sign(&key, &admitted)?, &accepted)?)? != Outcome::Applied {
            return Err("the part was not applied".into());
        }
        let codes =
            (VOIDS + INSIDE..).take(CODES as usize).map(|n| shown(&key, n)).collect::<Result<_, _>>()?;
        let key = VerifyingKey::from_bytes(&key.public().to_bytes())?;
        Ok(Self { held, codes, key, at: Timestamp::from_second(NOW)? })
    }

    /// Judges each code once: read, signature, feed, who is in, rules. The number of codes, if all are admitted.
    #[allow(dead_code, reason = "not every program that has this file needs it")]
    pub(crate) fn judge_all(&self) -> Option<u32> {
        let admitted = |shown: &&Shown| {
            let scan = DoorScan {
                code: std::hint::black_box(&shown.code),
                direction: Direction::Entry,
                at: self.at,
                gate: Some("North"),
                overridden: false,
            };
            let judged = self.held.judge(&scan, &[], &Counts::default());
            judged.is_ok_and(|judged| judged.judgement.verdict == Verdict::Admitted && !judged.feed_stale)
        };
        (self.codes.iter().filter(admitted).count() == self.codes.len()).then_some(CODES)
    }

    /// Verifies each signature once and does nothing else. The number of codes, if all are good.
    #[allow(dead_code, reason = "not every program that has this file needs it")]
    pub(crate) fn verify_all(&self) -> Option<u32> {
        let good = |shown: &&Shown| {
            self.key.verify_strict(std::hint::black_box(&shown.signed), &shown.signature).is_ok()
        };
        (self.codes.iter().filter(good).count() == self.codes.len()).then_some(CODES)
    }
}

const VOID: Standing = Standing { lowest_good_generation: 0, voided: true };

/// Unguessable ids are spread; these are, too.
fn cti(n: u32) -> Cti {
    let mut id = [1; 10];
    id[..4].copy_from_slice(&n.wrapping_mul(0x9e37_79b1).to_be_bytes());
    id[4..8].copy_from_slice(&n.to_be_bytes());
    id
}

fn prefix(cti: &Cti) -> [u8; 5] {
    let mut prefix = [0; 5];
    prefix.copy_from_slice(&cti[..5]);
    prefix
}

fn shown(key: &SigningKey, n: u32) -> Result<Shown, Box<dyn Error>> {
    let claims = Claims { expires_at: NOW + 36_000, cti: cti(n), event: EVENT, category: 1, generation: 0 };
    let code = fulfillment_credential::sign(key, &claims)?;
    let message = CoseSign1::from_tagged_slice(&base45::decode(&code[PREFIX.len()..])?)?;
    let signature = Signature::from_slice(&message.signature)?;
    Ok(Shown { code, signed: message.tbs_data(&[]), signature })
}
