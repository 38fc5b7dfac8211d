//! `GET /tickets/{id}` and `/tickets/{id}.pdf`: the ticket's PDF, or its record as JSON.
//!
//! The PDF is served for a token with the scope `read`, or for the signed link of `ticketPdfUrl`. The record contains
//! personal data that the page does not have, and is served for tokens alone; with `read:status` it is reduced to the
//! state.

use std::sync::Arc;

use axum::extract::rejection::QueryRejection;
use axum::extract::{Query, State};
use axum::http::header::{ACCEPT, RANGE, VARY};
use axum::http::{HeaderMap, Method, StatusCode};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use fulfillment_config::Scope;
use fulfillment_domain::{Ticket, TicketId, TicketStatus};
use fulfillment_store::{Action, AuditEntry};
use serde::Deserialize;
use sha2::{Digest, Sha256};
use tracing::{error, info, warn};

use crate::access::Caller;
use crate::api::Api;
#[cfg(test)]
use crate::description::{answers, views};
use crate::path::{Id, without_punctuation};
use crate::problem::{Kind, Problem};
use crate::tickets::admission::{self, Admitted, Visitor};
use crate::tickets::file;
use crate::tickets::state::View;

/// The query of a link.
#[derive(Deserialize)]
#[cfg_attr(test, derive(utoipa::IntoParams), into_params(parameter_in = Query))]
pub(crate) struct Link {
    /// The signature of `ticketPdfUrl`: opens the PDF without a token.
    s: Option<String>,
}

/// The ticket's PDF, whatever `Accept` says
///
/// A bare id needs a token once one is configured; the signed link of `ticketPdfUrl` opens it without one.
#[cfg(test)]
#[expect(dead_code, reason = "the router serves it by `ticket`")]
#[utoipa::path(
    get,
    path = "/tickets/{id}.pdf",
    operation_id = "getTicketPdf",
    tag = "Tickets",
    params(answers::TicketPath, Link, answers::Download),
    responses(
        (status = 200, description = "The PDF.", content(("application/pdf")),
            headers(
                ("ETag" = String, description = "SHA-256 of the file, a strong validator."),
                ("Content-Disposition" = String, description = "`inline`, with a readable file name."),
            )),
        (status = 206,
            description = "One part of the PDF, as `Range` asks. Several ranges at once are answered with the \
                whole.",
            headers(("Content-Range" = String, description = "Which part.")), content(("application/pdf"))),
        (status = 304, description = "`If-None-Match` names this file."),
        answers::NoPdf,
    ),
    security(("bearer" = ["read"]), ("link" = []))
)]
pub(crate) fn ticket_pdf() {}

/// The ticket's PDF, or its record
///
/// A bare id needs a token once one is configured; the signed link of `ticketPdfUrl` opens the PDF without one. The
/// record, with `Accept: application/json`, always needs the token; with `read:status` instead of `read` it is the
/// ticket's state, without personal data, code and links, and there is no PDF. `HEAD` works too. Each request is logged with the
/// ticket's id and the token's name.
///
/// The first complete `GET` by a signed link is recorded as the holder's first download.
#[cfg_attr(test, utoipa::path(
    get,
    path = "/tickets/{id}",
    operation_id = "getTicket",
    tag = "Tickets",
    params(answers::TicketPath, Link, answers::Accept, answers::Download),
    responses(
        (status = 200, description = "The PDF or, with `Accept: application/json` and a token, the record.",
            headers(
                ("ETag" = String, description = "SHA-256 of the file, a strong validator."),
                ("Content-Disposition" = String, description = "`inline`, with a readable file name."),
            ),
            content(("application/pdf"), (views::TicketRecordAnswer = "application/json"))),
        (status = 206,
            description = "One part of the PDF, as `Range` asks. Several ranges at once are answered with the \
                whole.",
            headers(("Content-Range" = String, description = "Which part.")), content(("application/pdf"))),
        (status = 304, description = "`If-None-Match` names this file."),
        answers::NoPdf,
    ),
    security(("bearer" = ["read"]), ("bearer" = ["read:status"]), ("link" = []))
))]
pub(crate) async fn ticket(
    State(api): State<Arc<Api>>,
    method: Method,
    headers: HeaderMap,
    link: Result<Query<Link>, QueryRejection>,
    path: Result<Id<TicketId>, Problem>,
) -> Result<Response, Problem> {
    let Id { id, pdf } = path?;
    let signature = link.ok().and_then(|Query(link)| link.s);
    let signature = signature.as_deref().map(without_punctuation);
    let wants_json = !pdf && wants_json(&headers);
    // The record is not for the holder: a link gives access to the page alone.
    let scopes: &[Scope] = if wants_json { &[Scope::ReadStatus, Scope::Read] } else { &[Scope::Read] };
    let visitor = Visitor::of(&api.access, &headers, scopes, signature.filter(|_| !wants_json));
    let (visitor, ticket) = match admission::admit(&api, id, visitor).await {
        Ok(admitted) => admitted,
        Err(problem) => {
            let by = api.access.token_of(&headers);
            let by = by.as_ref().map_or("nobody", Caller::name);
            info!(ticket = %id, by, status = problem.status().as_u16(), "a ticket was not handed out");
            return Err(problem);
        }
    };
    let what = if wants_json { "record" } else { "pdf" };
    let answer = if wants_json {
        record(&api, visitor.view(), &ticket).await
    } else {
        document(&api, &method, &headers, &ticket).await
    };
    let status = match &answer {
        Ok(response) => response.status(),
        Err(problem) => problem.status(),
    };
    info!(ticket = %id, by = visitor.name(), what, %method, status = status.as_u16(), "a ticket was asked for");
    if let (Ok(_), Admitted::Caller(caller)) = (&answer, &visitor) {
        let action = if wants_json { Action::ReadTicket } else { Action::ReadPdf };
        api.trail.read(caller, |by| AuditEntry::new(by, action).order(ticket.order_id).ticket(id)).await;
    }
    // A part of the file, or only its headers, is not a download; nor is a service's own request, or a prefetch by a
    // program before anyone has opened the link.
    let whole = status == StatusCode::OK && method == Method::GET && !headers.contains_key(RANGE);
    if whole
        && !is_prefetch(&headers)
        && matches!(visitor, Admitted::Holder)
        && ticket.lifecycle.first_downloaded_at.is_none()
        && let Err(error) = api.store.downloaded(id, api.clock.now()).await
    {
        // The holder gets the ticket even if recording fails.
        warn!(ticket = %id, %error, "the first download could not be noted");
    }
    answer
}

/// The record, with what the doors have scanned of the ticket.
async fn record(api: &Api, view: View, ticket: &Ticket) -> Result<Response, Problem> {
    let check_ins = match view {
        View::Whole => api.store.check_ins_of(ticket.id).await?,
        View::State => Vec::new(),
    };
    Ok(([(VARY, "Accept")], view.ticket_scanned(&api.linker, ticket, check_ins)).into_response())
}

async fn document(
    api: &Api,
    method: &Method,
    headers: &HeaderMap,
    ticket: &Ticket,
) -> Result<Response, Problem> {
    if ticket.lifecycle.erased_at.is_some() {
        return Err(Problem::new(Kind::TicketErased, "Its PDF was deleted permanently."));
    }
    if ticket.lifecycle.voided_at.is_some() {
        return Err(Problem::new(Kind::TicketVoided, "This ticket is no longer valid."));
    }
    match ticket.lifecycle.status {
        TicketStatus::Generated | TicketStatus::Delivered => {}
        TicketStatus::Pending => {
            let detail = "The order is paid and the ticket is being created. Try again in a moment.";
            return Err(Problem::new(Kind::TicketPending, detail).retry_after(2));
        }
        TicketStatus::Failed => {
            let detail = "It is being retried in the background. See the ticket's record for the reason.";
            return Err(Problem::new(Kind::TicketFailed, detail));
        }
    }
    let content = api.files.get(ticket.document.path.as_deref().unwrap_or(&ticket.file_name())).await;
    let content = content.map_err(|error| {
        error!(ticket = %ticket.id, %error, "a ticket's file cannot be fetched");
        Problem::new(Kind::FilesUnavailable, "The ticket is not lost; try again later.").retry_after(5)
    })?;
    let sound = content.and_then(|content| {
        let tag = tag_of(ticket, &content)?;
        Some((content, tag))
    });
    let Some((content, tag)) = sound else {
        api.heal.heal(ticket.id);
        let detail = "It is being recreated from the record. Try again in a moment.";
        return Err(Problem::new(Kind::NoFile, detail).retry_after(2));
    };
    file::answer(method, headers, content, &tag, &file::Name::of(ticket))
}

/// The strong validator of these bytes. `None` if they are not what was recorded: a damaged or replaced file counts as
/// missing.
fn tag_of(ticket: &Ticket, content: &Bytes) -> Option<String> {
    let found: [u8; 32] = Sha256::digest(content).into();
    match ticket.document.sha256 {
        Some(recorded) if recorded != found => {
            error!(ticket = %ticket.id, "a ticket's file is not the one recorded; it is not handed out");
            None
        }
        _ => Some(format!("\"{}\"", hex::encode(found))),
    }
}

/// Whether the request declares itself a prefetch: browsers send `Sec-Purpose` (Fetch Standard), older ones and mail
/// programs one of the others.
fn is_prefetch(headers: &HeaderMap) -> bool {
    ["sec-purpose", "purpose", "x-purpose", "x-moz"].iter().flat_map(|name| headers.get_all(*name)).any(
        |value| {
            let value = value.to_str().unwrap_or_default().to_ascii_lowercase();
            ["prefetch", "prerender", "preview"].iter().any(|word| value.contains(word))
        },
    )
}

/// Whether JSON is requested explicitly, and with at least the preference of PDF (RFC 9110, 12.5.1).
fn wants_json(headers: &HeaderMap) -> bool {
    let quality = |name: &str| {
        headers
            .get_all(ACCEPT)
            .iter()
            .filter_map(|v| v.to_str().ok())
            .flat_map(|v| v.split(','))
            .filter_map(|range| {
                let mut parts = range.split(';').map(str::trim);
                let named = parts.next()?.eq_ignore_ascii_case(name);
                let q = parts.find_map(|p| p.strip_prefix("q=")).and_then(|q| q.parse::<f32>().ok());
                named.then(|| q.unwrap_or(1.0))
            })
            .fold(0.0, f32::max)
    };
    quality("application/json") > quality("application/pdf")
}
