//! Statements of the overview.

mod counting;
mod events;
mod minutes;
mod open;

use std::time::Duration;

use async_trait::async_trait;

#[cfg(feature = "conformance")]
pub(crate) use self::events::{EVENTS, UNFINISHED};
#[cfg(feature = "conformance")]
pub(crate) use self::open::{DELIVERIES, OPEN};
use super::Sql;
use crate::{DestinationBacklog, EventOverview, EventsWanted, OpenGroup, Overview, Result, Throughput};

#[async_trait]
impl<S: Sql> Overview for S {
    async fn open_work(&self) -> Result<Vec<OpenGroup>> {
        open::groups(&mut self.read().await?).await
    }

    async fn open_deliveries(&self) -> Result<Vec<DestinationBacklog>> {
        open::deliveries(&mut self.read().await?).await
    }

    async fn events_at_a_glance(&self, wanted: EventsWanted, limit: usize) -> Result<Vec<EventOverview>> {
        events::at_a_glance(&mut self.snapshot().await?, wanted, limit).await
    }

    async fn event_counted_now(&self, id: &str) -> Result<Option<EventOverview>> {
        events::counted_now(&mut self.read().await?, id).await
    }

    async fn count_next_event(&self, lease: Duration) -> Result<bool> {
        counting::count_next(self, lease).await
    }

    async fn count_minutes(&self) -> Result<()> {
        minutes::count(self).await
    }

    async fn throughput(&self) -> Result<Throughput> {
        minutes::throughput(&mut self.read().await?).await
    }
}
