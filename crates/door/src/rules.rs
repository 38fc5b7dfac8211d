//! The rules of an event's door: when, where and how often a ticket is admitted. A JSON document that server and
//! scanners read alike.

mod reading;
mod shapes;
mod times;

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

pub use reading::RulesError;

/// The maximum size of a rules document in bytes.
pub const MAX_JSON_BYTES: usize = 64 * 1024;
/// The maximum number of gates.
pub const MAX_GATES: usize = 200;
/// The maximum number of areas.
pub const MAX_AREAS: usize = 200;
/// The maximum number of categories.
pub const MAX_CATEGORIES: usize = 500;
/// The maximum length of a name of a gate, an area or a category, in characters.
pub const MAX_NAME_CHARS: usize = 100;

/// The rules of an event's door. The default is that of an event without any: each ticket is admitted once, by any gate,
/// at any time.
///
/// They are read by [`Rules::read`] or by serde, which check the same.
///
/// ```
/// use fulfillment_door::Rules;
///
/// let rules = Rules::read(
///     r#"{
///         "until": "2026-12-22T22:00:00+01:00",
///         "categories": { "VIP": { "areas": ["Lounge"] } },
///         "gates": { "North": { "area": "Hall" }, "Lounge": { "area": "Lounge", "limit": 150 } },
///         "areas": { "Lounge": { "limit": 120 }, "Hall": {} }
///     }"#,
/// )?;
/// assert_eq!(rules.area_of("North"), Some("Hall"));
/// assert_eq!(Rules::read(&rules.to_json())?, rules);
///
/// let unknown = Rules::read(r#"{ "gates": { "North": { "area": "Hall" } } }"#).unwrap_err();
/// assert_eq!(unknown.to_string(), "gates.North.area: area \"Hall\" is not declared in `areas`");
/// # Ok::<(), fulfillment_door::RulesError>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", try_from = "shapes::Object<reading::Document>")]
#[non_exhaustive]
pub struct Rules {
    /// Whether a ticket that was admitted is admitted again.
    #[serde(skip_serializing_if = "is_default")]
    pub re_entry: ReEntry,
    /// What scanners do whose feed is older than it says it may be.
    #[serde(skip_serializing_if = "is_default")]
    pub stale_feed: StaleFeed,
    /// The first moment at which anyone is admitted.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub from: Option<Timestamp>,
    /// The moment from which nobody is admitted any more.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub until: Option<Timestamp>,
    /// Restrictions of ticket categories by their names. Others have none.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub categories: BTreeMap<String, CategoryRules>,
    /// The gates by their names.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub gates: BTreeMap<String, GateRules>,
    /// The areas by their names.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub areas: BTreeMap<String, AreaRules>,
    /// Limits of the whole event.
    #[serde(skip_serializing_if = "is_default")]
    pub limits: Limits,
}

/// Whether a ticket that was admitted is admitted again.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum ReEntry {
    /// Never.
    #[default]
    Never,
    /// After its holder was scanned at an exit.
    AfterExit,
    /// Always.
    Always,
}

/// What scanners do whose feed is older than it says it may be.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum StaleFeed {
    /// Judge by it, with a lasting warning.
    #[default]
    Warn,
    /// Judge nothing until they have a newer one.
    Stop,
}

/// Where and when tickets of a category are admitted.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
#[non_exhaustive]
pub struct CategoryRules {
    /// The first moment at which they are admitted; not before the event's own.
    #[serde(skip_serializing_if = "Option::is_none", deserialize_with = "times::optional")]
    pub from: Option<Timestamp>,
    /// The moment from which they are not admitted any more; not after the event's own.
    #[serde(skip_serializing_if = "Option::is_none", deserialize_with = "times::optional")]
    pub until: Option<Timestamp>,
    /// The gates that admit them; without an entry, every gate of their areas.
    #[serde(skip_serializing_if = "BTreeSet::is_empty", deserialize_with = "shapes::listed")]
    pub gates: BTreeSet<String>,
    /// The areas they are admitted to; without an entry, every area.
    #[serde(skip_serializing_if = "BTreeSet::is_empty", deserialize_with = "shapes::listed")]
    pub areas: BTreeSet<String>,
}

/// What is known of a gate.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
#[non_exhaustive]
pub struct GateRules {
    /// The area that it leads to.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub area: Option<String>,
    /// How many people it admits.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub limit: Option<u32>,
}

/// What is known of an area.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
#[non_exhaustive]
pub struct AreaRules {
    /// How many people may be in it at once.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub limit: Option<u32>,
}

/// Limits of the whole event.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
#[non_exhaustive]
pub struct Limits {
    /// How many entries a day has, in the event's time zone.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub day: Option<u32>,
}

impl Rules {
    /// The area that a gate leads to, if both are declared.
    #[must_use]
    pub fn area_of(&self, gate: &str) -> Option<&str> {
        self.gates.get(gate)?.area.as_deref()
    }

    /// Whether anything limits how many people are admitted.
    #[must_use]
    pub fn has_limits(&self) -> bool {
        self.limits != Limits::default()
            || self.gates.values().any(|gate| gate.limit.is_some())
            || self.areas.values().any(|area| area.limit.is_some())
    }

    /// The rules as JSON: the same rules always give the same text, with names sorted, times in UTC and no field that has
    /// its default. It is never longer than a document that was read.
    #[must_use]
    #[expect(
        clippy::expect_used,
        clippy::missing_panics_doc,
        reason = "numbers, times and maps with string keys can always be written"
    )]
    pub fn to_json(&self) -> String {
        serde_json::to_string(self).expect("rules are JSON")
    }
}

fn is_default<T: Default + PartialEq>(value: &T) -> bool {
    *value == T::default()
}
