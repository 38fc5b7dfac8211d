//! `POST /tickets/{id}/void`: voids a ticket on an operator's request.

use std::sync::Arc;

use axum::extract::{Request, State};
use axum::response::Response;
use fulfillment_config::Scope;
use fulfillment_domain::TicketId;
use fulfillment_domain::fields::Fields;
use tracing::info;

use crate::api::Api;
use crate::body;
#[cfg(test)]
use crate::description::{answers, views};
use crate::path::Id;
use crate::problem::{Kind, Problem};
use crate::tickets::state::View;

/// Voids a ticket: it is no longer valid
///
/// `ticket-voided` is published, the link answers 410, and the seat is free. Repeating it changes nothing. The body is
/// optional. Refunds and cancellations void tickets without this. A token without `read` or `admin` is answered with the
/// ticket's state.
#[cfg_attr(test, utoipa::path(
    post,
    path = "/tickets/{id}/void",
    operation_id = "ticketVoid",
    tag = "Tickets",
    params(answers::TicketPath),
    request_body(content = ref("#/components/schemas/Reason"),
        content_type = "application/json", example = json!({ "reason": "sold twice" })),
    responses(
        (status = 200, description = "The ticket as it is now.", body = views::TicketAnswer),
        (status = 400, body = answers::Problem, content_type = answers::PROBLEM,
            description = "`not-a-guid` or `bad-request`"),
        answers::Guarded,
        (status = 404, body = answers::Problem, content_type = answers::PROBLEM, description = "`no-such-ticket`"),
        answers::WithBody,
        (status = 503, response = answers::StoreUnavailable),
    ),
    security(("bearer" = ["withdraw"]), ("bearer" = ["admin"]))
))]
pub(crate) async fn void(
    State(api): State<Arc<Api>>,
    path: Result<Id<TicketId>, Problem>,
    request: Request,
) -> Result<Response, Problem> {
    let caller = api.access.require(request.headers(), &[Scope::Withdraw, Scope::Admin])?;
    let Id { id, .. } = path?;
    let bytes = body::read_json_or_nothing(&caller, request, api.limits.max_small_body).await?;
    let reason = if bytes.is_empty() {
        None
    } else {
        let read = Fields::parse(&bytes).and_then(|fields| fields.text("reason"));
        read.map_err(|why| Problem::new(Kind::BadRequest, format!("The body: {why}.")))?
    };
    let voided = api.voider.void(id, reason.as_deref().unwrap_or("by an operator"), &caller.actor()).await?;
    if voided {
        info!(ticket = %id, by = caller.name(), "a ticket was voided");
    }
    let ticket = api
        .store
        .ticket(id)
        .await?
        .ok_or_else(|| Problem::new(Kind::NoSuchTicket, "No ticket has this id."))?;
    Ok(View::of(&caller).ticket(&api.linker, &ticket))
}
