//! Access to a ticket: identifies the client first, then decides whether it may have the ticket.
//!
//! A service uses a token, the holder the signed link of `ticketPdfUrl`. A client without the right learns nothing, not
//! even whether the ticket exists.

use axum::http::HeaderMap;
use fulfillment_config::Scope;
use fulfillment_domain::{Ticket, TicketId};
use fulfillment_pipeline::operations::links::over;

use crate::access::{Access, Caller};
use crate::api::Api;
use crate::problem::{Kind, Problem};
use crate::tickets::state::View;

/// The client, as far as the request identifies it.
pub(super) enum Visitor<'a> {
    /// A client without a link, or a service: with the result of checking its token.
    Caller(Result<Caller, Problem>),
    /// A client with a link, and the error that it gets without it.
    Link { signature: &'a str, otherwise: Result<Caller, Problem> },
}

/// The client that was given the ticket.
pub(super) enum Admitted {
    Caller(Caller),
    /// A client with the signed link: presumably the holder.
    Holder,
}

impl Admitted {
    /// How much of the record is shown: a link shows the page alone.
    pub(super) fn view(&self) -> View {
        match self {
            Self::Caller(caller) => View::of(caller),
            Self::Holder => View::State,
        }
    }

    /// For logs.
    pub(super) fn name(&self) -> &str {
        match self {
            Self::Caller(caller) => caller.name(),
            Self::Holder => "link",
        }
    }
}

impl<'a> Visitor<'a> {
    /// A service is identified by its token, which needs one of the scopes, also when it sends a link along.
    pub(super) fn of(
        access: &Access,
        headers: &HeaderMap,
        any: &[Scope],
        signature: Option<&'a str>,
    ) -> Self {
        match (access.require(headers, any), signature) {
            (caller, None) => Self::Caller(caller),
            (Ok(caller @ Caller::Token(_)), Some(_)) => Self::Caller(Ok(caller)),
            (otherwise, Some(signature)) => Self::Link { signature, otherwise },
        }
    }
}

/// The ticket, if the client may have it.
pub(super) async fn admit(
    api: &Api,
    id: TicketId,
    visitor: Visitor<'_>,
) -> Result<(Admitted, Ticket), Problem> {
    let (ticket, caller) = match visitor {
        // Nothing is looked up for a client without a right.
        Visitor::Caller(caller) => {
            let caller = caller?;
            (api.store.ticket(id).await?, caller)
        }
        Visitor::Link { signature, otherwise } => {
            let ticket = api.store.ticket(id).await?;
            match ticket {
                Some(ticket) if is_signed(api, &ticket, signature) => {
                    if !api.linker.has_expired(over(&ticket)) {
                        return Ok((Admitted::Holder, ticket));
                    }
                    let caller = otherwise.map_err(|_| {
                        let detail = "Its event has been over for too long. Ask whoever sold the ticket.";
                        Problem::new(Kind::LinkExpired, detail)
                    })?;
                    return Ok((Admitted::Caller(caller), ticket));
                }
                Some(ticket) if otherwise.is_err() && was_signed(api, &ticket, signature) => {
                    let detail = "Use the new link that its holder was sent.";
                    return Err(Problem::new(Kind::TicketSuperseded, detail));
                }
                ticket => (ticket, otherwise?),
            }
        }
    };
    let ticket = ticket.ok_or_else(|| Problem::new(Kind::NoSuchTicket, "No ticket has this id."))?;
    Ok((Admitted::Caller(caller), ticket))
}

fn is_signed(api: &Api, ticket: &Ticket, signature: &str) -> bool {
    api.keys.current().links.accept(ticket.id, ticket.code.generation, signature)
}

/// Whether a link was valid for an earlier generation: its client learns that it was replaced, and nothing else.
fn was_signed(api: &Api, ticket: &Ticket, signature: &str) -> bool {
    let keyring = api.keys.current();
    (0..ticket.code.generation.min(256)).any(|earlier| keyring.links.accept(ticket.id, earlier, signature))
}
