//! Reissue: a new generation of a ticket, for another holder or seat, for a lost phone, or to reinstate a voided one.
//!
//! The generation's draft is kept in the store under its number, its page is drawn and stored, and one transaction
//! makes it live and writes its event. Until then the old code is valid. A crash in between leaves a draft, which the
//! request draws again when it is repeated: the same bytes under the same number, so tries use no numbers up. Another
//! request takes over the number. A file is created and never overwritten here, so a number has one content for good: a
//! request that finds another content under it takes the next number.

mod draft;
mod order;
mod wanted;

use std::sync::Arc;

use fulfillment_config::CodeFormat;
use fulfillment_domain::event::{Before, ticket_issued, ticket_reissued};
use fulfillment_domain::{Clock, OutboxEvent, Secret, Ticket, TicketId, TicketStatus};
use fulfillment_store::{Actor, Draft, Drafted, Reissue, Store, StoreError, step};
use jiff::Timestamp;
pub use order::NotReinstated;
use tracing::warn;
pub use wanted::Wanted;

use crate::keyring::Keys;
use crate::ports::{Files, FilesError, NewFile};
use crate::runtime::{Runtime, aside};
use crate::stages::issue::{Drawn, draw_alone};
use crate::stages::read_back::ReadBack;
use crate::templates::Templates;
use crate::{Publishing, Wake};

/// How often a request starts over because the ticket was changed meanwhile, or another file has the number: more than
/// there are numbers.
const TRIES: u32 = 300;

/// Dependencies of the reissuer.
pub struct Reissuer {
    /// The store.
    pub store: Arc<dyn Store>,
    /// The storage of ticket files.
    pub files: Arc<dyn Files>,
    /// The templates of pages.
    pub templates: Arc<Templates>,
    /// What codes are signed with.
    pub keys: Arc<Keys>,
    /// The secret that ids are derived from.
    pub secret: Secret,
    /// The time of day.
    pub clock: Arc<dyn Clock>,
    /// Waits, and cores to draw with.
    pub runtime: Arc<dyn Runtime>,
    /// The code format of new codes.
    pub code: CodeFormat,
    /// Which pages have their code read back.
    pub read_back: ReadBack,
    /// How events are written.
    pub publishing: Publishing,
    /// Wakes the workers when there is work.
    pub wake: Arc<Wake>,
}

/// Why no new generation is made.
#[derive(Debug, thiserror::Error)]
pub enum NotReissued {
    /// The ticket is unknown.
    #[error("there is no such ticket")]
    NoSuchTicket,
    /// The data for its page was erased.
    #[error("its personal data was erased")]
    Erased,
    /// It is void: only reinstating makes it valid again.
    #[error("it is void; reinstate it")]
    Voided,
    /// It is not void, so there is nothing to reinstate.
    #[error("it is not void")]
    NotVoided,
    /// Its first generation is not issued yet.
    #[error("it has no file yet; it can be reissued once it was issued")]
    NotIssued,
    /// The live generation is not the one that the caller knows; this is the live one's number.
    #[error("its current generation is {0}")]
    Moved(u32),
    /// The generation number in the code has reached its maximum.
    #[error("it has reached the highest generation that a code can hold")]
    Exhausted,
    /// The store cannot be reached.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The page cannot be drawn or stored; trying again may help.
    #[error("{0}")]
    Failed(String),
}

impl Reissuer {
    /// Makes a new generation and answers with the ticket's new state; a repeated request gets the same answer.
    pub async fn reissue(&self, id: TicketId, wanted: Wanted, by: &Actor) -> Result<Ticket, NotReissued> {
        // The generation that it replaces, and the number under which another file was found.
        let (mut first, mut taken) = (None, 0);
        for _ in 0..TRIES {
            let live = self.store.ticket(id).await?.ok_or(NotReissued::NoSuchTicket)?;
            if let Some(request) = &wanted.request
                && self.store.was_reissued(id, request).await?
            {
                return Ok(live);
            }
            check(&live, &wanted)?;
            if *first.get_or_insert(live.code.generation) != live.code.generation {
                return Err(NotReissued::Moved(live.code.generation));
            }
            let Some(draft) = self.reserved(&live, &wanted, taken).await? else { continue };
            let request = wanted.request.clone().or_else(|| draft.request.clone());
            let drawn = self.drawn(&live, draft).await?;
            if !self.stored(&drawn).await? {
                taken = drawn.ticket.code.generation;
                continue;
            }
            step!("after-reissue-file");
            let ticket = self.finished(drawn.ticket);
            let event = self.event(&live, &ticket, wanted.reason.as_deref()).map_err(|e| failed(&e))?;
            let reissue = Reissue {
                ticket,
                expected: live.code.generation,
                reinstates: wanted.reinstate,
                events: vec![event],
                by: by.clone(),
                reason: wanted.reason.clone(),
                request,
            };
            if let Some(stands) = self.store.reissue(&reissue).await? {
                step!("after-reissue-commit");
                self.wake.events.send_replace(());
                return Ok(stands);
            }
        }
        Err(NotReissued::Failed(
            "too many changes to this ticket at the same time; repeat the request".into(),
        ))
    }

    /// The draft of the next generation, kept in the store: the existing one if the request may use it, or another
    /// under its number. `None` when another change came first.
    async fn reserved(
        &self,
        live: &Ticket,
        wanted: &Wanted,
        taken: u32,
    ) -> Result<Option<Draft>, NotReissued> {
        let Drafted { draft: there, next } = self.store.drafted(live.id).await?;
        let there_is = there.as_ref().filter(|draft| draft.generation > taken);
        if let Some(draft) = there_is.filter(|draft| self.fits(draft, live, wanted)) {
            return Ok(Some(draft.clone()));
        }
        let of_live = there.as_ref().filter(|draft| draft.expected == live.code.generation);
        let number = of_live.map_or(next, |draft| draft.generation).max(taken + 1);
        let draft = self.draft(live, number, wanted)?;
        Ok(self.store.reserve(live.id, &draft, there.as_ref()).await?.then_some(draft))
    }

    async fn drawn(&self, live: &Ticket, draft: Draft) -> Result<Drawn, NotReissued> {
        let drafted = draft::ticket(live, draft, self.templates.version());
        self.templates.fetch(std::slice::from_ref(&drafted)).await?;
        let (templates, read_back) = (Arc::clone(&self.templates), self.read_back);
        let drawn = aside(self.runtime.as_ref(), move || draw_alone(&templates, drafted, read_back)).await;
        let drawn = drawn.map_err(|e| failed(&e))?.map_err(|failed| NotReissued::Failed(failed.reason))?;
        self.templates.keep_fonts().await?;
        Ok(drawn)
    }

    /// Stores the page; false when another file has its name.
    async fn stored(&self, drawn: &Drawn) -> Result<bool, NotReissued> {
        let file = NewFile { name: drawn.ticket.file_name(), content: drawn.pdf.clone() };
        match self.files.create(file).await {
            Ok(()) => Ok(true),
            Err(FilesError::OtherContent { what, .. }) => {
                warn!(
                    file = what,
                    "a file of another request has this generation's name; skipping the number"
                );
                Ok(false)
            }
            Err(error) => Err(failed(&error)),
        }
    }

    fn finished(&self, mut ticket: Ticket) -> Ticket {
        let now = self.now();
        ticket.lifecycle.status = TicketStatus::Generated;
        ticket.document.generated_at = Some(now);
        ticket.lifecycle.updated_at = now;
        ticket.lifecycle.sequence += 1;
        ticket
    }

    /// A ticket without a published event gets `ticket-issued`, whatever its generation.
    fn event(&self, live: &Ticket, ticket: &Ticket, reason: Option<&str>) -> serde_json::Result<OutboxEvent> {
        let url = self.publishing.link(&self.keys.current().links, ticket, self.clock.now());
        let publication = self.publishing.publication(&url, None);
        if live.lifecycle.sequence == 0 {
            return ticket_issued(ticket, &publication);
        }
        ticket_reissued(ticket, Before { generation: live.code.generation, reason }, &publication)
    }

    fn now(&self) -> Timestamp {
        draft::whole_microseconds(self.clock.now())
    }
}

fn check(live: &Ticket, wanted: &Wanted) -> Result<(), NotReissued> {
    if live.lifecycle.erased_at.is_some() {
        return Err(NotReissued::Erased);
    }
    if wanted.expected.is_some_and(|expected| expected != live.code.generation) {
        return Err(NotReissued::Moved(live.code.generation));
    }
    match (live.lifecycle.voided_at.is_some(), wanted.reinstate) {
        (true, false) => return Err(NotReissued::Voided),
        (false, true) => return Err(NotReissued::NotVoided),
        _ => {}
    }
    let issued = matches!(live.lifecycle.status, TicketStatus::Generated | TicketStatus::Delivered);
    if issued || wanted.reinstate { Ok(()) } else { Err(NotReissued::NotIssued) }
}

fn failed(error: &dyn std::error::Error) -> NotReissued {
    NotReissued::Failed(error.to_string())
}
