//! `POST /tickets/{id}/resend`: sends a ticket's event once more, so that Notification sends the ticket again.

use std::sync::Arc;

use axum::extract::{Request, State};
use axum::response::Response;
use fulfillment_config::Scope;
use fulfillment_domain::TicketId;
use fulfillment_domain::fields::Fields;
use fulfillment_pipeline::operations::resend::NotResent;
use tracing::{error, info};

use super::reissues::idempotency_key;
use crate::api::Api;
use crate::body;
#[cfg(test)]
use crate::description::{answers, ticket as schema};
use crate::path::Id;
use crate::problem::{Kind, Problem};
use crate::tickets::state::View;

/// Sends a ticket's event once more
///
/// "Send me my ticket again": `ticket-issued` is published to one destination, with the ticket as it is now, the next
/// `sequence`, an id of its own and `sentAgain`, so that Notification sends the ticket again although it knows the
/// earlier event. Code and link stay as they are. `to` is `kafka`, `webhook:NAME` or `stream`; left out, it is the only
/// destination, or Kafka among several. Whoever follows `GET /events` sees the event too. The same `Idempotency-Key` is
/// sent once, for as long as the event is kept.
#[cfg_attr(test, utoipa::path(
    post,
    path = "/tickets/{id}/resend",
    operation_id = "ticketResend",
    tag = "Tickets",
    params(answers::TicketPath, answers::Idempotent),
    request_body(content = ref("#/components/schemas/Resend"),
        content_type = "application/json", example = json!({ "to": "webhook:mailer" })),
    responses(
        (status = 200, description = "The ticket as it is now; its `sequence` counts the event.", body = schema::Ticket),
        (status = 400, body = answers::Problem, content_type = answers::PROBLEM,
            description = "`not-a-guid`, or `bad-request`: no `Idempotency-Key`, or a `to` that is no destination, or is \
                needed."),
        answers::Guarded,
        (status = 404, body = answers::Problem, content_type = answers::PROBLEM, description = "`no-such-ticket`"),
        (status = 409, body = answers::Problem, content_type = answers::PROBLEM,
            headers(("Retry-After" = u32, description = "Seconds to wait.")),
            description = "`ticket-pending`: not issued yet; it is announced once it is."),
        (status = 410, body = answers::Problem, content_type = answers::PROBLEM,
            description = "`ticket-voided` or `ticket-erased`"),
        answers::WithBody,
        (status = 503, response = answers::StoreUnavailable),
    ),
    security(("bearer" = ["admin"]))
))]
pub(crate) async fn resend(
    State(api): State<Arc<Api>>,
    path: Result<Id<TicketId>, Problem>,
    request: Request,
) -> Result<Response, Problem> {
    let caller = api.access.require(request.headers(), &[Scope::Admin])?;
    let Id { id, .. } = path?;
    let key = idempotency_key(request.headers())?;
    let bytes = body::read_json_or_nothing(&caller, request, api.limits.max_small_body).await?;
    let to = if bytes.is_empty() {
        None
    } else {
        let read = Fields::parse(&bytes).and_then(|fields| fields.text("to"));
        read.map_err(|why| Problem::new(Kind::BadRequest, format!("The body: {why}.")))?
    };
    let Some(key) = key else {
        let detail = "Send an Idempotency-Key: a request that is sent twice must not send the ticket twice.";
        return Err(Problem::new(Kind::BadRequest, detail));
    };
    let (ticket, destination) = api.resender.resend(id, to.as_deref(), Some(&key), &caller.actor()).await?;
    info!(ticket = %id, by = caller.name(), destination, "a ticket's event is sent again");
    Ok(View::Whole.ticket(&api.linker, &ticket))
}

impl From<NotResent> for Problem {
    fn from(why: NotResent) -> Self {
        match why {
            NotResent::NoSuchTicket => Self::new(Kind::NoSuchTicket, "No ticket has this id."),
            NotResent::Erased => Self::new(Kind::TicketErased, "Its data was erased, so it cannot be sent."),
            NotResent::Voided => Self::new(Kind::TicketVoided, "This ticket is no longer valid."),
            NotResent::NotIssued => {
                Self::new(Kind::TicketPending, "It is announced once it is issued.").retry_after(2)
            }
            NotResent::NoSuchDestination { .. } | NotResent::NoDestination(_) => {
                Self::new(Kind::BadRequest, format!("to: {why}.")).with("field", "to")
            }
            NotResent::Store(error) => error.into(),
            NotResent::Failed(reason) => {
                error!(reason, "a ticket's event could not be sent again");
                Self::new(Kind::StoreUnavailable, "Nothing was sent; send the request again.").retry_after(5)
            }
        }
    }
}
