//! Readiness: the state of each part of the service, as last found by the background probes.

use std::collections::BTreeMap;
use std::sync::{PoisonError, RwLock};

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
    parts: RwLock<BTreeMap<String, PartState>>,
}

impl Default for Readiness {
    fn default() -> Self {
        let starting = PartState::Down("not asked yet".into());
        Self { parts: RwLock::new(BTreeMap::from([(STORE.to_owned(), starting)])) }
    }
}

impl Readiness {
    /// Records the state of a part.
    pub fn set(&self, part: &str, state: PartState) {
        let mut parts = self.parts.write().unwrap_or_else(PoisonError::into_inner);
        match parts.get_mut(part) {
            Some(known) => *known = state,
            None => drop(parts.insert(part.to_owned(), state)),
        }
    }

    /// Marks the service as stopping: not ready from now on.
    pub fn draining(&self) {
        self.set(DRAINING, PartState::Down("the service is shutting down".into()));
    }

    /// The state of the whole, and of its parts.
    pub(crate) fn look(&self) -> (Overall, BTreeMap<String, PartState>) {
        let parts = self.parts.read().unwrap_or_else(PoisonError::into_inner).clone();
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
