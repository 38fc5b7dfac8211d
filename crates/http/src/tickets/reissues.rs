//! `POST /tickets/{id}/reissue` and `/tickets/{id}/reinstate`: a new generation of a ticket.
//!
//! Each request needs the generation that the client takes to be the live one (`expectedGeneration`), or an
//! `Idempotency-Key`: sent again, it must not invalidate the code that was just mailed.

use std::sync::Arc;

use axum::extract::{Request, State};
use axum::http::HeaderMap;
use axum::response::Response;
use fulfillment_config::Scope;
use fulfillment_domain::TicketId;
use fulfillment_domain::fields::Fields;
use fulfillment_pipeline::operations::reissue::{NotReissued, Wanted};
use tracing::{error, info};

use crate::api::Api;
use crate::body;
#[cfg(test)]
use crate::description::{answers, ticket as schema};
use crate::path::Id;
use crate::problem::{Kind, Problem};
use crate::tickets::state::View;

/// The maximum length of an idempotency key.
const LONGEST_KEY: usize = 200;

/// Issues a new code and page for a ticket
///
/// For another holder or seat, or after the loss of a phone. The old code is valid until the new page is stored; then the
/// old code and its link end (`ticket-superseded`), and `ticket-reissued` is published. The code keeps its id; its
/// generation is one higher.
#[cfg_attr(test, utoipa::path(
    post,
    path = "/tickets/{id}/reissue",
    operation_id = "ticketReissue",
    tag = "Tickets",
    params(answers::TicketPath, answers::Idempotent),
    request_body(content = ref("#/components/schemas/Change"),
        content_type = "application/json", example = json!({
        "holderName": "Ada Lovelace", "holderEmail": "ada@example.org", "reason": "sold on", "expectedGeneration": 0
    })),
    responses(
        (status = 200, description = "The ticket as it is now.", body = schema::Ticket),
        (status = 400, body = answers::Problem, content_type = answers::PROBLEM,
            description = "`not-a-guid`, or `bad-request`: a field that cannot be read, or neither \
                `Idempotency-Key` nor `expectedGeneration`."),
        answers::Guarded,
        (status = 404, body = answers::Problem, content_type = answers::PROBLEM, description = "`no-such-ticket`"),
        (status = 409, body = answers::Problem, content_type = answers::PROBLEM,
            headers(("Retry-After" = u32, description = "Seconds to wait.")),
            description = "`generation-mismatch`, with the current `generation`; `ticket-pending`: not issued yet."),
        (status = 410, body = answers::Problem, content_type = answers::PROBLEM,
            description = "`ticket-voided` or `ticket-erased`"),
        answers::WithBody,
        (status = 503, body = answers::Problem, content_type = answers::PROBLEM,
            headers(("Retry-After" = u32, description = "Seconds to wait.")),
            description = "`store-unavailable`, or `files-unavailable`: the old code is still valid. Send the \
                request again: the same page is drawn under the same generation."),
    ),
    security(("bearer" = ["admin"]))
))]
pub(crate) async fn reissue(
    State(api): State<Arc<Api>>,
    path: Result<Id<TicketId>, Problem>,
    request: Request,
) -> Result<Response, Problem> {
    new_generation(api, path, request, false).await
}

/// Makes a voided ticket valid again
///
/// The ticket gets a code with another id: the voided code stays void at every door. The order's cancellations are
/// dismissed, so that a repeat of them changes nothing.
#[cfg_attr(test, utoipa::path(
    post,
    path = "/tickets/{id}/reinstate",
    operation_id = "ticketReinstate",
    tag = "Tickets",
    params(answers::TicketPath, answers::Idempotent),
    request_body(content = ref("#/components/schemas/Change"),
        content_type = "application/json", example = json!({
        "reason": "voided by mistake", "expectedGeneration": 0
    })),
    responses(
        (status = 200, description = "The ticket as it is now.", body = schema::Ticket),
        (status = 400, body = answers::Problem, content_type = answers::PROBLEM,
            description = "`not-a-guid`, or `bad-request`: a field that cannot be read, or neither \
                `Idempotency-Key` nor `expectedGeneration`."),
        answers::Guarded,
        (status = 404, body = answers::Problem, content_type = answers::PROBLEM, description = "`no-such-ticket`"),
        (status = 409, body = answers::Problem, content_type = answers::PROBLEM,
            description = "`ticket-not-voided`, or `generation-mismatch` with the current `generation`."),
        (status = 410, body = answers::Problem, content_type = answers::PROBLEM, description = "`ticket-erased`"),
        answers::WithBody,
        (status = 503, body = answers::Problem, content_type = answers::PROBLEM,
            headers(("Retry-After" = u32, description = "Seconds to wait.")),
            description = "`store-unavailable`, or `files-unavailable`: the old code is still valid. Send the \
                request again: the same page is drawn under the same generation."),
    ),
    security(("bearer" = ["admin"]))
))]
pub(crate) async fn reinstate(
    State(api): State<Arc<Api>>,
    path: Result<Id<TicketId>, Problem>,
    request: Request,
) -> Result<Response, Problem> {
    new_generation(api, path, request, true).await
}

/// The name that the client gave its request.
pub(super) fn idempotency_key(headers: &HeaderMap) -> Result<Option<String>, Problem> {
    let Some(key) = headers.get("idempotency-key") else { return Ok(None) };
    let key = key.to_str().ok().filter(|key| !key.is_empty() && key.len() <= LONGEST_KEY);
    key.map(|key| Some(key.to_owned())).ok_or_else(|| {
        Problem::new(
            Kind::BadRequest,
            format!("Idempotency-Key must be 1 to {LONGEST_KEY} visible ASCII characters."),
        )
    })
}

async fn new_generation(
    api: Arc<Api>,
    path: Result<Id<TicketId>, Problem>,
    request: Request,
    reinstate: bool,
) -> Result<Response, Problem> {
    let caller = api.access.require(request.headers(), &[Scope::Admin])?;
    let Id { id, .. } = path?;
    let headers = request.headers().clone();
    let bytes = body::read_json_or_nothing(&caller, request, api.limits.max_small_body).await?;
    let mut wanted = Wanted::default();
    if !bytes.is_empty() {
        wanted = Fields::parse(&bytes).and_then(|fields| Wanted::read(&fields)).map_err(|why| {
            let problem = Problem::new(Kind::BadRequest, format!("The body: {why}."));
            match why.field {
                Some(field) => problem.with("field", field),
                None => problem,
            }
        })?;
    }
    wanted.request = idempotency_key(&headers)?;
    if wanted.request.is_none() && wanted.expected.is_none() {
        let detail = "Send expectedGeneration or an Idempotency-Key to make a repeated request safe.";
        return Err(Problem::new(Kind::BadRequest, detail).with("field", "expectedGeneration"));
    }
    wanted.reinstate = reinstate;
    let ticket = api.reissuer.reissue(id, wanted, &caller.actor()).await?;
    info!(ticket = %id, by = caller.name(), generation = ticket.code.generation, "a ticket has a new generation");
    Ok(View::Whole.ticket(&api.linker, &ticket))
}

impl From<NotReissued> for Problem {
    fn from(why: NotReissued) -> Self {
        match why {
            NotReissued::NoSuchTicket => Self::new(Kind::NoSuchTicket, "No ticket has this id."),
            NotReissued::Erased => {
                Self::new(Kind::TicketErased, "Its data was erased, so it cannot be reissued.")
            }
            NotReissued::Voided => Self::new(Kind::TicketVoided, "Reinstate it instead."),
            NotReissued::NotVoided => Self::new(Kind::TicketNotVoided, "Reissue it instead."),
            NotReissued::NotIssued => {
                Self::new(Kind::TicketPending, "It can be reissued once it has been issued.").retry_after(2)
            }
            NotReissued::Moved(generation) => {
                Self::new(Kind::GenerationMismatch, format!("The current generation is {generation}."))
                    .with("generation", generation)
            }
            NotReissued::Exhausted => Self::new(
                Kind::GenerationMismatch,
                "It has reached the highest generation that a code can hold.",
            ),
            NotReissued::Store(error) => error.into(),
            NotReissued::Failed(reason) => {
                error!(reason, "a ticket could not be reissued");
                Self::new(Kind::FilesUnavailable, "The old code is still valid; send the request again.")
                    .retry_after(5)
            }
        }
    }
}
