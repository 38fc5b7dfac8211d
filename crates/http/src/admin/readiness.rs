//! Which parts of the service work, as the background probes last found them.

use std::collections::BTreeMap;
use std::sync::{PoisonError, RwLock};

use serde::Serialize;

/// How a part is doing. The text is shown to everybody: no addresses, no secrets.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PartState {
    /// It works.
    Ok,
    /// It works in part, or will again by itself.
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
    /// Something does not work, and requests should come all the same.
    Degraded,
    /// The store cannot be reached, or the service is ending: requests should go elsewhere.
    #[serde(rename = "not ready")]
    NotReady,
}

/// The part that nothing works without.
const STORE: &str = "store";
/// The part that is there only while the service ends.
const DRAINING: &str = "draining";

/// The parts by name: `store`, `files`, `ordering`, `kafka`, `webhook:<name>`. Not ready until the store
/// has been found to work.
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
    /// Records how a part is doing.
    pub fn set(&self, part: &str, state: PartState) {
        let mut parts = self.parts.write().unwrap_or_else(PoisonError::into_inner);
        match parts.get_mut(part) {
            Some(known) => *known = state,
            None => drop(parts.insert(part.to_owned(), state)),
        }
    }

    /// Says that the service is ending: not ready from now on.
    pub fn draining(&self) {
        self.set(DRAINING, PartState::Down("the service is shutting down".into()));
    }

    /// The whole, and its parts.
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
