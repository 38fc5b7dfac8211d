//! The door of an event: its rules, as server and scanners read them.
//!
//! `docs/door.md` describes the rules for a venue. Nothing here reads a file, a clock or a time zone database.

mod rules;

pub use rules::{
    AreaRules, CategoryRules, GateRules, Limits, MAX_AREAS, MAX_CATEGORIES, MAX_GATES, MAX_JSON_BYTES,
    MAX_NAME_CHARS, ReEntry, Rules, RulesError, StaleFeed,
};
