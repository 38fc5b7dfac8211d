//! `POST /tickets/{id}/void`: an operator's word.

use std::sync::Arc;

use axum::Json;
use axum::extract::{Request, State};
use axum::http::header::CACHE_CONTROL;
use axum::response::{IntoResponse, Response};
use fulfillment_config::Scope;
use fulfillment_domain::TicketId;
use fulfillment_domain::fields::Fields;
use tracing::info;

use crate::api::Api;
use crate::body;
use crate::path::Id;
use crate::problem::{Kind, Problem};

/// Voids one ticket and answers with it. The body is optional: `{reason}`. Again changes nothing.
pub(crate) async fn void(
    State(api): State<Arc<Api>>,
    path: Result<Id<TicketId>, Problem>,
    request: Request,
) -> Result<Response, Problem> {
    let caller = api.access.require(request.headers(), Scope::Admin)?;
    let Id { id, .. } = path?;
    let headers = request.headers().clone();
    let bytes = body::read(request).await?;
    let reason = if bytes.is_empty() {
        None
    } else {
        body::require_json(&headers)?;
        let read = Fields::parse(&bytes).and_then(|fields| fields.text("reason"));
        read.map_err(|why| Problem::new(Kind::BadRequest, format!("The body: {why}.")))?
    };
    let voided = api.voider.void(id, reason.as_deref().unwrap_or("by an operator")).await?;
    if voided {
        info!(ticket = %id, by = caller.name(), "a ticket was voided");
    }
    let ticket = api
        .store
        .ticket(id)
        .await?
        .ok_or_else(|| Problem::new(Kind::NoSuchTicket, "No ticket has this id."))?;
    Ok(([(CACHE_CONTROL, "private, no-store")], Json(ticket)).into_response())
}
