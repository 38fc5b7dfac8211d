//! Sends a ticket's event once more, to one destination: "send me my ticket again".
//!
//! Receivers skip an event whose id they know, so this is another event: `ticket-issued` with the ticket as it is now,
//! the next `sequence`, an id of its own, and `sentAgain`.

use std::sync::Arc;

use fulfillment_domain::event::ticket_issued_again;
use fulfillment_domain::{Clock, ShownStatus, Ticket, TicketId};
use fulfillment_store::{Actor, Resent, Store, StoreError};

use crate::keyring::Keys;
use crate::{Publishing, Wake};

/// The name of the event stream as a destination: whoever follows it gets every event.
pub const STREAM: &str = "stream";

/// How often it is tried while other events of the ticket come in between.
const TRIES: u32 = 20;

/// Dependencies.
pub struct Resender {
    /// The store.
    pub store: Arc<dyn Store>,
    /// The secrets of links.
    pub keys: Arc<Keys>,
    /// The time of day.
    pub clock: Arc<dyn Clock>,
    /// How events are written.
    pub publishing: Publishing,
    /// Wakes the relay.
    pub wake: Arc<Wake>,
}

/// Why nothing is sent.
#[derive(Debug, thiserror::Error)]
pub enum NotResent {
    /// The ticket is unknown.
    #[error("there is no such ticket")]
    NoSuchTicket,
    /// It is void.
    #[error("it is void: there is nothing to send")]
    Voided,
    /// It was erased.
    #[error("its personal data was erased: there is nothing to send")]
    Erased,
    /// It was not announced yet.
    #[error("it is not issued yet: its event is sent once it is")]
    NotIssued,
    /// No destination has this name.
    #[error("there is no destination {asked:?}: {known}")]
    NoSuchDestination {
        /// The name.
        asked: String,
        /// Those that there are.
        known: String,
    },
    /// Several destinations, and none is named.
    #[error("events go to several destinations: name the one that Notification reads; {0}")]
    NoDestination(String),
    /// The store cannot be reached.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// It cannot be written; trying again may help.
    #[error("{0}")]
    Failed(String),
}

impl Resender {
    /// Sends the event, and answers with the ticket and the destination. The same `request` is sent once.
    ///
    /// # Errors
    /// [`NotResent`]
    pub async fn resend(
        &self,
        id: TicketId,
        to: Option<&str>,
        request: Option<&str>,
        by: &Actor,
    ) -> Result<(Ticket, String), NotResent> {
        let destination = self.destination(to)?;
        let request = request.map(|request| format!("{destination}|{request}"));
        let destinations: Vec<_> =
            Some(destination.clone()).filter(|name| name != STREAM).into_iter().collect();
        for _ in 0..TRIES {
            let mut ticket = self.store.ticket(id).await?.ok_or(NotResent::NoSuchTicket)?;
            match ticket.shown_status() {
                ShownStatus::Erased => return Err(NotResent::Erased),
                ShownStatus::Voided => return Err(NotResent::Voided),
                ShownStatus::Pending | ShownStatus::Failed => return Err(NotResent::NotIssued),
                ShownStatus::Generated | ShownStatus::Delivered => {}
            }
            ticket.lifecycle.sequence += 1;
            let now = self.clock.now();
            let link = self.publishing.link(&self.keys.current().links, &ticket, now);
            let mut publication = self.publishing.publication(&link, None);
            publication.destinations = &destinations;
            let event = ticket_issued_again(&ticket, now, request.as_deref(), &publication)
                .map_err(|error| NotResent::Failed(error.to_string()))?;
            match self.store.resend(&ticket, &event, by).await? {
                Resent::Changed => {}
                Resent::Written | Resent::Known => {
                    self.wake.events.send_replace(());
                    let ticket = self.store.ticket(id).await?.ok_or(NotResent::NoSuchTicket)?;
                    return Ok((ticket, destination));
                }
            }
        }
        Err(NotResent::Failed("too many changes to this ticket at the same time; repeat the request".into()))
    }

    /// The destination of this name; without a name the only one, Kafka where there is more, or the stream where there is
    /// none: what Notification reads.
    fn destination(&self, to: Option<&str>) -> Result<String, NotResent> {
        let known = &self.publishing.destinations;
        let names = || {
            let all: Vec<_> = known.iter().map(String::as_str).chain([STREAM]).collect();
            format!("there are {}", all.join(", "))
        };
        match (to, known.as_slice()) {
            (Some(name), _) if name == STREAM || known.iter().any(|known| known == name) => {
                Ok(name.to_owned())
            }
            (Some(name), _) => Err(NotResent::NoSuchDestination { asked: name.to_owned(), known: names() }),
            (None, []) => Ok(STREAM.to_owned()),
            (None, [only]) => Ok(only.clone()),
            (None, several) => {
                let kafka = several.iter().find(|name| !name.starts_with("webhook:"));
                kafka.cloned().ok_or_else(|| NotResent::NoDestination(names()))
            }
        }
    }
}
