//! The door of an event: its rules, the judgement of each scan by them, and the feed that scanners know it by.
//!
//! Server and scanners judge with this crate, so that they never differ: `docs/door.md` describes the rules and the
//! verdicts for a venue. Nothing here reads a file, a clock or a time zone database: times, zones and what is on record
//! are passed in.
//!
//! ```
//! use fulfillment_credential::{Claims, KeySet, SigningKey, VerifyOptions, sign, verify};
//! use fulfillment_door::{Counts, Direction, History, Movement, Origin, Presented, Rules, Scan, Verdict, judge};
//! use jiff::tz::{Offset, TimeZone};
//!
//! let key = SigningKey::from_seed(&[7; 32]);
//! let claims = Claims { expires_at: 1_900_000_000, cti: *b"0123456789", event: 12, category: 3, generation: 0 };
//! let keys = KeySet::from_keys([key.public()])?;
//! let options = VerifyOptions { event: Some(12), ..VerifyOptions::default() };
//! let code = verify(&sign(&key, &claims)?, &keys, 1_800_000_000, &options);
//!
//! let scan = Scan {
//!     direction: Direction::Entry,
//!     at: "2026-12-22T18:30:00Z".parse()?,
//!     gate: Some("South"),
//!     category: Some("Standing"),
//!     overridden: false,
//!     origin: Origin::Online,
//! };
//! let before = Movement {
//!     direction: Direction::Entry,
//!     at: "2026-12-22T18:04:00Z".parse()?,
//!     receipt: 1,
//!     gate: Some("North".into()),
//!     device: None,
//! };
//! let history = History::fold([before], Some(scan.at));
//! let presented = Presented::code(&code, 12);
//! let judgement = judge(&Rules::default(), &scan, &presented, &history, &Counts::default());
//! assert_eq!(judgement.verdict, Verdict::AlreadyAdmitted);
//!
//! let zone = TimeZone::fixed(Offset::constant(1));
//! assert_eq!(judgement.message(&zone), "already admitted at 19:04 by gate North");
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

pub mod feed;
mod judging;
mod rules;

pub use judging::{
    Conflict, Counts, Direction, FirstEntry, History, Judgement, MAX_CLOCK_OFFSET, MAX_ONLINE_DELAY,
    MAX_SCAN_AGE, Movement, Numbered, Origin, Presented, REPEAT_WITHIN, Scan, Sighting, TimeError,
    UnknownVerdict, Verdict, corrected_time, day_of, judge,
};
pub use rules::{
    AreaRules, CategoryRules, GateRules, Limits, MAX_AREAS, MAX_CATEGORIES, MAX_GATES, MAX_JSON_BYTES,
    MAX_NAME_CHARS, ReEntry, Rules, RulesError, StaleFeed,
};
