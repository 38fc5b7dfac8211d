//! Destinations of events: what waits for each, and closing what a removed one left.

use std::sync::Arc;

use fulfillment_store::{Actor, DestinationBacklog, Destinations, StoreError};

/// Deliveries closed in one transaction.
const BATCH: usize = 10_000;

/// Why nothing was closed.
#[derive(Debug, thiserror::Error)]
pub enum NotClosed {
    /// It is in use.
    #[error("{0} is in the settings, so events go on being sent to it: remove it from the settings first")]
    Configured(String),
    /// Nothing waits for it.
    #[error("nothing waits for {0}; `fulfillment destination list` shows what does")]
    NothingWaits(String),
    /// The store cannot be reached.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// The destinations of a configuration, and those that the store still keeps events for.
pub struct DestinationDesk {
    /// The store.
    pub store: Arc<dyn Destinations>,
    /// The names in the settings.
    pub configured: Vec<String>,
}

impl DestinationDesk {
    /// Every destination that is configured or has open deliveries, by name, each with whether it is configured.
    ///
    /// # Errors
    /// As the store's.
    pub async fn list(&self) -> Result<Vec<(DestinationBacklog, bool)>, StoreError> {
        let mut all = self.store.destinations().await?;
        for name in &self.configured {
            if !all.iter().any(|known| known.name == *name) {
                let name = name.clone();
                all.push(DestinationBacklog { name, waiting: 0, parked: 0, since: None, reason: None });
            }
        }
        all.sort_by(|a, b| a.name.cmp(&b.name));
        let with_settings = all.into_iter().map(|known| {
            let configured = self.configured.contains(&known.name);
            (known, configured)
        });
        Ok(with_settings.collect())
    }

    /// Closes all deliveries of a destination that is not configured, and returns how many.
    ///
    /// # Errors
    /// [`NotClosed`]; what was closed until then stays closed.
    pub async fn drop(&self, name: &str, why: &str, by: &Actor) -> Result<u64, NotClosed> {
        if self.configured.iter().any(|configured| configured == name) {
            return Err(NotClosed::Configured(name.to_owned()));
        }
        let mut closed = 0;
        loop {
            let now = self.store.close_deliveries(name, why, BATCH, by).await?;
            closed += now;
            if now == 0 {
                return if closed > 0 { Ok(closed) } else { Err(NotClosed::NothingWaits(name.to_owned())) };
            }
        }
    }
}
