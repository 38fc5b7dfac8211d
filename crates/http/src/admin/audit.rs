//! `GET /audit`: who did what, and who read what.

use std::sync::Arc;

use axum::Json;
use axum::extract::rejection::QueryRejection;
use axum::extract::{Query, State};
use axum::http::HeaderMap;
use axum::http::header::CACHE_CONTROL;
use axum::response::{IntoResponse, Response};
use fulfillment_config::Scope;
use fulfillment_store::{Action, AuditEntry, AuditFilter, AuditRecord};
use serde::{Deserialize, Serialize};

use crate::api::Api;
#[cfg(test)]
use crate::description::{answers, audit as schema};
use crate::problem::{Kind, Problem};

/// Records of one answer, if the request names no other number.
const PAGE: usize = 100;
/// The most records of one answer.
const LARGEST_PAGE: usize = 1_000;

/// Which records are wanted: those that match all of these.
#[derive(Deserialize)]
#[cfg_attr(test, derive(utoipa::IntoParams), into_params(parameter_in = Query))]
pub(crate) struct Asked {
    /// Only since this time (RFC 3339).
    since: Option<String>,
    /// Only what this token, user or network did.
    actor: Option<String>,
    /// Only this action, such as `ticket.void`, or all that begin so: `ticket`, `order`, `read`, `refused`.
    action: Option<String>,
    /// Only what was done to this order or its tickets.
    order: Option<String>,
    /// Only what was done to this ticket.
    ticket: Option<String>,
    /// Only records with a lower number: the next page.
    before: Option<String>,
    /// How many at most: 1 to 1,000; otherwise 100.
    limit: Option<String>,
}

/// A page of the audit.
#[derive(Serialize)]
pub(crate) struct AuditPage {
    records: Vec<AuditRecord>,
    /// Send it as `before` for the next page; none after the last one.
    before: Option<i64>,
}

/// Who did what, and who read what
///
/// Newest first, by ids alone: no record has personal data. Reads and refusals follow within a minute.
#[cfg_attr(test, utoipa::path(
    get,
    path = "/audit",
    operation_id = "audit",
    tag = "Operations",
    params(Asked),
    responses(
        (status = 200, description = "A page of the audit.", body = schema::AuditPage),
        (status = 400, body = answers::Problem, content_type = answers::PROBLEM,
            description = "`bad-request`: `field` names what is wrong in the query."),
        answers::Guarded,
        (status = 503, response = answers::StoreUnavailable),
    ),
    security(("bearer" = ["audit"]))
))]
pub(crate) async fn audit(
    State(api): State<Arc<Api>>,
    headers: HeaderMap,
    asked: Result<Query<Asked>, QueryRejection>,
) -> Result<Response, Problem> {
    let caller = api.access.require(&headers, &[Scope::Audit])?;
    let Query(asked) =
        asked.map_err(|_| Problem::new(Kind::BadRequest, "The query gives a name more than once."))?;
    let (filter, limit) = asked.read()?;
    let records = api.store.audit(&filter, limit).await?;
    let before = records.last().map(|last| last.id).filter(|_| records.len() == limit);
    api.trail.read(&caller, |by| AuditEntry::new(by, Action::ReadAudit)).await;
    Ok(([(CACHE_CONTROL, "private, no-store")], Json(AuditPage { records, before })).into_response())
}

impl Asked {
    fn read(self) -> Result<(AuditFilter, usize), Problem> {
        if self.action.as_deref().is_some_and(|word| !Action::is_named_by(word)) {
            let known = Action::ALL.iter().map(|action| action.as_str()).collect::<Vec<_>>().join(", ");
            return Err(wrong("action", &format!("is unknown; there are {known}")));
        }
        let limit = field("limit", self.limit.as_deref(), "must be 1 to 1,000")?.unwrap_or(PAGE);
        if !(1..=LARGEST_PAGE).contains(&limit) {
            return Err(wrong("limit", "must be 1 to 1,000"));
        }
        let filter = AuditFilter {
            since: field("since", self.since.as_deref(), "must be a time such as 2026-11-30T18:00:00Z")?,
            actor: self.actor,
            action: self.action,
            order: field("order", self.order.as_deref(), "must be a GUID")?,
            ticket: field("ticket", self.ticket.as_deref(), "must be a GUID")?,
            before: field("before", self.before.as_deref(), "must be the number of a record")?,
        };
        Ok((filter, limit))
    }
}

fn field<T: std::str::FromStr>(name: &str, text: Option<&str>, expected: &str) -> Result<Option<T>, Problem> {
    text.map(|text| text.parse().map_err(|_| wrong(name, expected))).transpose()
}

fn wrong(field: &str, why: &str) -> Problem {
    Problem::new(Kind::BadRequest, format!("\"{field}\" {why}.")).with("field", field)
}
