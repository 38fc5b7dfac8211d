//! Readiness: the state of each part of the service, as last found by the background probes.

use std::collections::BTreeMap;
use std::sync::{PoisonError, RwLock};

use fulfillment_pipeline::operations::status::{PartHealth, PartStatus};
use jiff::Timestamp;
use serde::Serialize;

/// The state of a part. The text is for callers with a right, and never has secrets.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PartState {
    /// It works.
    Ok,
    /// It works in part, or will recover by itself.
    Degraded(String),
    /// It does not work.
    Down(String),
}

impl PartState {
    pub(crate) fn text(&self) -> Option<&str> {
        match self {
            Self::Ok => None,
            Self::Degraded(text) | Self::Down(text) => Some(text),
        }
    }
}

/// The service as a whole.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
#[cfg_attr(test, derive(utoipa::ToSchema), schema(as = ReadinessStatus))]
pub(crate) enum Overall {
    Ready,
    /// Something does not work, but requests should still be sent here.
    Degraded,
    /// The store cannot be reached, or the service is stopping: requests should go elsewhere.
    #[serde(rename = "not ready")]
    NotReady,
}

/// The part that everything depends on.
const STORE: &str = "store";
/// The part that exists only while the service stops.
const DRAINING: &str = "draining";

/// The parts by name: `store`, `files`, `ordering`, `kafka`, `webhook:<name>`. Not ready until a probe has reached the
/// store.
#[derive(Debug)]
pub struct Readiness {
    parts: RwLock<BTreeMap<String, Part>>,
}

/// What is known of a part.
#[derive(Debug)]
struct Part {
    state: PartState,
    /// Since when it is as well, or as bad, as it is.
    since: Option<Timestamp>,
    /// What was wrong last, and when.
    last_error: Option<(String, Timestamp)>,
}

impl Part {
    fn status(&self) -> PartStatus {
        match self.state {
            PartState::Ok => PartStatus::Ok,
            PartState::Degraded(_) => PartStatus::Degraded,
            PartState::Down(_) => PartStatus::Down,
        }
    }
}

impl Default for Readiness {
    fn default() -> Self {
        let starting = Part { state: PartState::Down("not asked yet".into()), since: None, last_error: None };
        Self { parts: RwLock::new(BTreeMap::from([(STORE.to_owned(), starting)])) }
    }
}

impl Readiness {
    /// Records the state of a part as it is at this time.
    pub fn set(&self, part: &str, state: PartState, at: Timestamp) {
        let mut parts = self.parts.write().unwrap_or_else(PoisonError::into_inner);
        let first = || Part { state: PartState::Ok, since: None, last_error: None };
        let known = parts.entry(part.to_owned()).or_insert_with(first);
        if let Some(text) = state.text() {
            known.last_error = Some((text.to_owned(), at));
        }
        let before = known.status();
        known.state = state;
        if known.since.is_none() || known.status() != before {
            known.since = Some(at);
        }
    }

    /// Marks the service as stopping: not ready from now on.
    pub fn draining(&self, at: Timestamp) {
        self.set(DRAINING, PartState::Down("the service is shutting down".into()), at);
    }

    /// The health of each part, with its past.
    pub(crate) fn health(&self) -> Vec<PartHealth> {
        let parts = self.parts.read().unwrap_or_else(PoisonError::into_inner);
        let health = parts.iter().map(|(name, part)| {
            let (last_error, last_error_at) = part.last_error.clone().unzip();
            let error = part.state.text().map(str::to_owned);
            PartHealth {
                name: name.clone(),
                status: part.status(),
                since: part.since,
                error,
                last_error,
                last_error_at,
            }
        });
        health.collect()
    }

    /// The state of the whole, and of its parts.
    pub(crate) fn look(&self) -> (Overall, BTreeMap<String, PartState>) {
        let parts = self.parts.read().unwrap_or_else(PoisonError::into_inner);
        let parts: BTreeMap<_, _> =
            parts.iter().map(|(name, part)| (name.clone(), part.state.clone())).collect();
        let down = |part| matches!(parts.get(part), Some(PartState::Down(_)));
        let overall = if down(STORE) || down(DRAINING) {
            Overall::NotReady
        } else if parts.values().any(|state| *state != PartState::Ok) {
            Overall::Degraded
        } else {
            Overall::Ready
        };
        (overall, parts)
    }
}
