//! Sets details of an event over what Ordering says.

use std::sync::Arc;

use fulfillment_domain::{EventPatch, EventRecord, Unreadable};
use fulfillment_store::{Actor, Announcing, Events, SetEvent, StoreError};

use crate::Wake;

/// Dependencies of a change.
pub struct EventDesk {
    /// The store of the events.
    pub store: Arc<dyn Events>,
    /// How the store writes `event-updated`.
    pub announcing: Announcing,
    /// Wakes the relay.
    pub wake: Arc<Wake>,
}

/// Why nothing was changed.
#[derive(Debug, thiserror::Error)]
pub enum NotSet {
    /// A time contradicts another one that is in force.
    #[error(transparent)]
    Refused(#[from] Unreadable),
    /// The store.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl EventDesk {
    /// Changes an event's record, and returns it with whether the details in force changed. An unknown event is made.
    ///
    /// # Errors
    /// [`NotSet`].
    pub async fn set(&self, id: &str, patch: &EventPatch, by: &Actor) -> Result<(EventRecord, bool), NotSet> {
        match self.store.set_event(id, patch, &self.announcing, by).await? {
            SetEvent::Refused(why) => Err(why.into()),
            SetEvent::Set(record, changed) => {
                self.wake.events.send_replace(());
                Ok((*record, changed))
            }
        }
    }
}
