//! `POST /tickets/{id}/delivered`: Notification confirms that a ticket was delivered to its holder.

use std::sync::Arc;

use axum::extract::{Request, State};
use axum::response::Response;
use fulfillment_config::Scope;
use fulfillment_domain::fields::Fields;
use fulfillment_domain::{Delivered, TicketId, Unreadable};

use crate::api::Api;
use crate::body;
#[cfg(test)]
use crate::description::{answers, views};
use crate::path::Id;
use crate::problem::{Kind, Problem};
use crate::tickets::state::View;

/// Notification reports that the ticket reached its holder
///
/// Repeating it changes nothing. The body is optional. A delivery of an earlier generation is recorded with that one,
/// and the ticket stays as it is. It is of an earlier one by its `generation`, or because `deliveredAt` is before the
/// current generation was stored. A token without `read` is answered with the ticket's state.
#[cfg_attr(test, utoipa::path(
    post,
    path = "/tickets/{id}/delivered",
    operation_id = "ticketDelivered",
    tag = "Tickets",
    params(answers::TicketPath),
    request_body(content = ref("#/components/schemas/Delivered"),
        content_type = "application/json", example = json!({
        "channel": "email", "deliveredAt": "2026-11-22T18:31:05Z", "generation": 0
    })),
    responses(
        (status = 200, description = "The ticket as it is now.", body = views::TicketAnswer),
        (status = 400, body = answers::Problem, content_type = answers::PROBLEM,
            description = "`not-a-guid`, or `bad-request` with the `field` that is wrong."),
        answers::Guarded,
        (status = 404, body = answers::Problem, content_type = answers::PROBLEM, description = "`no-such-ticket`"),
        (status = 409, body = answers::Problem, content_type = answers::PROBLEM,
            description = "`generation-mismatch`: a later generation than the current one, which is in \
                `generation`."),
        answers::WithBody,
        (status = 503, response = answers::StoreUnavailable),
    ),
    security(("bearer" = ["deliver"]))
))]
pub(crate) async fn delivered(
    State(api): State<Arc<Api>>,
    path: Result<Id<TicketId>, Problem>,
    request: Request,
) -> Result<Response, Problem> {
    let caller = api.access.require(request.headers(), &[Scope::Deliver])?;
    let Id { id, .. } = path?;
    let bytes = body::read_json_or_nothing(&caller, request, api.limits.max_small_body).await?;
    let word = if bytes.is_empty() {
        Delivered { ticket_id: id, channel: None, delivered_at: None, generation: None }
    } else {
        parse(id, &bytes).map_err(|Unreadable { field, reason }| {
            let name = field.as_deref().unwrap_or("the body");
            let problem = Problem::new(Kind::BadRequest, format!("{name} {reason}"));
            match field {
                Some(field) => problem.with("field", field),
                None => problem,
            }
        })?
    };
    let at = word.delivered_at.unwrap_or_else(|| api.clock.now());
    let ticket = api
        .store
        .deliver(&word, at)
        .await?
        .ok_or_else(|| Problem::new(Kind::NoSuchTicket, "No ticket has this id."))?;
    if word.generation.is_some_and(|generation| generation > ticket.code.generation) {
        let detail = format!("The current generation is {}; there is no later one.", ticket.code.generation);
        return Err(Problem::new(Kind::GenerationMismatch, detail).with("generation", ticket.code.generation));
    }
    Ok(View::of(&caller).ticket(&api.linker, &ticket))
}

fn parse(id: TicketId, bytes: &[u8]) -> Result<Delivered, Unreadable> {
    let fields = Fields::parse(bytes)?;
    if fields.guid("ticketId")?.is_some_and(|named| named != id.0) {
        return Err(Unreadable::field("ticketId", "is not the ticket in the path"));
    }
    let generation = fields.integer("generation")?;
    let generation = generation
        .map(|n| u32::try_from(n).map_err(|_| Unreadable::field("generation", "is not a generation number")))
        .transpose()?;
    Ok(Delivered {
        ticket_id: id,
        channel: fields.text("channel")?,
        delivered_at: fields.time("deliveredAt")?,
        generation,
    })
}
