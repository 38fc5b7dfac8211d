//! Reads a rules document and checks what its fields say of each other.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::Deserialize;

use super::shapes::{self, Object};
use super::{
    AreaRules, CategoryRules, GateRules, Limits, MAX_AREAS, MAX_CATEGORIES, MAX_GATES, MAX_JSON_BYTES,
    ReEntry, Rules, StaleFeed, times,
};

/// Why a text is not the rules of a door.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{field}: {problem}")]
pub struct RulesError {
    field: String,
    problem: String,
}

impl RulesError {
    fn new(field: impl Into<String>, problem: impl Into<String>) -> Self {
        let short = |text: String| match text.char_indices().nth(300) {
            Some((end, _)) => format!("{}...", &text[..end]),
            None => text,
        };
        Self { field: short(field.into()), problem: short(problem.into()) }
    }

    /// The path of the field that is wrong, like `categories.VIP.gates[0]`; `rules` is the whole document.
    #[must_use]
    pub fn field(&self) -> &str {
        &self.field
    }

    /// What is wrong with it.
    #[must_use]
    pub fn problem(&self) -> &str {
        &self.problem
    }
}

/// The fields of [`Rules`] as they are written, before they are compared with each other.
#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
pub(super) struct Document {
    re_entry: ReEntry,
    stale_feed: StaleFeed,
    #[serde(deserialize_with = "times::optional")]
    from: Option<Timestamp>,
    #[serde(deserialize_with = "times::optional")]
    until: Option<Timestamp>,
    #[serde(deserialize_with = "shapes::declared")]
    categories: BTreeMap<String, CategoryRules>,
    #[serde(deserialize_with = "shapes::declared")]
    gates: BTreeMap<String, GateRules>,
    #[serde(deserialize_with = "shapes::declared")]
    areas: BTreeMap<String, AreaRules>,
    #[serde(deserialize_with = "shapes::object")]
    limits: Limits,
}

impl Rules {
    /// Reads rules from JSON. An error names the field.
    pub fn read(json: &str) -> Result<Self, RulesError> {
        if json.len() > MAX_JSON_BYTES {
            let problem = format!("the document has {} bytes, of {MAX_JSON_BYTES} allowed", json.len());
            return Err(RulesError::new("rules", problem));
        }
        let mut reader = serde_json::Deserializer::from_str(json);
        let document: Object<Document> = serde_path_to_error::deserialize(&mut reader).map_err(|error| {
            let path = error.path().to_string();
            let field = if path == "." { "rules".to_owned() } else { path };
            RulesError::new(field, error.into_inner().to_string())
        })?;
        reader.end().map_err(|error| RulesError::new("rules", error.to_string()))?;
        document.try_into()
    }
}

impl TryFrom<Object<Document>> for Rules {
    type Error = RulesError;

    fn try_from(Object(document): Object<Document>) -> Result<Self, RulesError> {
        let Document { re_entry, stale_feed, from, until, categories, gates, areas, limits } = document;
        let rules = Self { re_entry, stale_feed, from, until, categories, gates, areas, limits };
        rules.check_sizes()?;
        if let (Some(from), Some(until)) = (rules.from, rules.until)
            && from >= until
        {
            return Err(RulesError::new("from", format!("it is not before `until` ({until})")));
        }
        for (name, gate) in &rules.gates {
            if let Some(area) = &gate.area {
                rules.check_area(area, || format!("gates.{name}.area"))?;
            }
        }
        for (name, category) in &rules.categories {
            rules.check_times(name, category)?;
            rules.check_places(name, category)?;
        }
        Ok(rules)
    }
}

impl Rules {
    fn check_sizes(&self) -> Result<(), RulesError> {
        let sizes = [
            ("gates", self.gates.len(), MAX_GATES),
            ("areas", self.areas.len(), MAX_AREAS),
            ("categories", self.categories.len(), MAX_CATEGORIES),
        ];
        for (field, size, most) in sizes {
            if size > most {
                return Err(RulesError::new(field, format!("{size} are declared, of {most} allowed")));
            }
        }
        Ok(())
    }

    fn check_area(&self, area: &str, field: impl Fn() -> String) -> Result<(), RulesError> {
        if self.areas.contains_key(area) {
            return Ok(());
        }
        Err(RulesError::new(field(), format!("area {area:?} is not declared in `areas`")))
    }

    /// A category's times lie within the event's. So nobody has to know which of the two is the stronger.
    fn check_times(&self, name: &str, category: &CategoryRules) -> Result<(), RulesError> {
        let field = |field: &str| format!("categories.{name}.{field}");
        if let (Some(from), Some(open)) = (category.from, self.from)
            && from < open
        {
            return Err(RulesError::new(field("from"), format!("it is before the event's `from` ({open})")));
        }
        if let (Some(until), Some(closed)) = (category.until, self.until)
            && until > closed
        {
            return Err(RulesError::new(
                field("until"),
                format!("it is after the event's `until` ({closed})"),
            ));
        }
        let (from, until) = (category.from.or(self.from), category.until.or(self.until));
        if let (Some(from), Some(until)) = (from, until)
            && from >= until
        {
            return Err(match category.from {
                Some(_) => RulesError::new(field("from"), format!("it is not before `until` ({until})")),
                None => {
                    RulesError::new(field("until"), format!("it is not after the event's `from` ({from})"))
                }
            });
        }
        Ok(())
    }

    fn check_places(&self, name: &str, category: &CategoryRules) -> Result<(), RulesError> {
        for area in &category.areas {
            self.check_area(area, || format!("categories.{name}.areas"))?;
        }
        for gate in &category.gates {
            let field = format!("categories.{name}.gates");
            if !self.gates.contains_key(gate) {
                return Err(RulesError::new(field, format!("gate {gate:?} is not declared in `gates`")));
            }
            if category.areas.is_empty() {
                continue;
            }
            match self.area_of(gate) {
                Some(area) if category.areas.contains(area) => {}
                Some(area) => {
                    let problem =
                        format!("gate {gate:?} leads to area {area:?}, which is not in `areas` here");
                    return Err(RulesError::new(field, problem));
                }
                None => {
                    let problem = format!("gate {gate:?} has no area, but the category is limited to some");
                    return Err(RulesError::new(field, problem));
                }
            }
        }
        Ok(())
    }
}
