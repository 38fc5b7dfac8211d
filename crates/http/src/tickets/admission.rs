//! Who may have a ticket: first who asks, then whether they may.
//!
//! A service asks with a token, the holder with the signed link of `ticketPdfUrl`. Whoever has no right learns nothing,
//! not even whether the ticket exists.

use axum::http::HeaderMap;
use fulfillment_config::Scope;
use fulfillment_domain::{Ticket, TicketId};

use crate::access::{Access, Caller};
use crate::api::Api;
use crate::problem::{Kind, Problem};

/// Who asks, as far as the request shows it.
pub(super) enum Visitor<'a> {
    /// Somebody without a link, or a service: with what its token is worth.
    Caller(Result<Caller, Problem>),
    /// Somebody with a link, and what they are without it.
    Link { signature: &'a str, otherwise: Result<Caller, Problem> },
}

/// Who was given the ticket.
pub(super) enum Admitted {
    Caller(Caller),
    /// Whoever has the signed link: the holder, as far as can be known.
    Holder,
}

impl Admitted {
    /// For logs.
    pub(super) fn name(&self) -> &str {
        match self {
            Self::Caller(caller) => caller.name(),
            Self::Holder => "link",
        }
    }
}

impl<'a> Visitor<'a> {
    /// A service is known by its token, also when it sends a link along.
    pub(super) fn of(access: &Access, headers: &HeaderMap, signature: Option<&'a str>) -> Self {
        match (access.require(headers, Scope::Read), signature) {
            (caller, None) => Self::Caller(caller),
            (Ok(caller @ Caller::Token { .. }), Some(_)) => Self::Caller(Ok(caller)),
            (otherwise, Some(signature)) => Self::Link { signature, otherwise },
        }
    }
}

/// The ticket, if it may be given to who asks.
pub(super) async fn admit(
    api: &Api,
    id: TicketId,
    visitor: Visitor<'_>,
) -> Result<(Admitted, Ticket), Problem> {
    let (ticket, caller) = match visitor {
        // Nothing is looked up for somebody without a right.
        Visitor::Caller(caller) => {
            let caller = caller?;
            (api.store.ticket(id).await?, caller)
        }
        Visitor::Link { signature, otherwise } => {
            let ticket = api.store.ticket(id).await?;
            match ticket {
                Some(ticket) if is_signed(api, &ticket, signature) => return Ok((Admitted::Holder, ticket)),
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
    api.secret.link_is_signed(ticket.id, ticket.code.generation, signature)
}

/// Whether a link was good for an earlier generation: whoever has it learns that it is over, and nothing else.
fn was_signed(api: &Api, ticket: &Ticket, signature: &str) -> bool {
    (0..ticket.code.generation.min(256))
        .any(|earlier| api.secret.link_is_signed(ticket.id, earlier, signature))
}
