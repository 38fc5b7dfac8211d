//! Problem documents, and the responses and parameters that many routes share.

use serde_json::Value;
use utoipa::openapi::schema::ObjectBuilder;
use utoipa::openapi::{Object, Type};
use utoipa::{IntoParams, IntoResponses, ToResponse, ToSchema};
use uuid::Uuid;

use crate::ingest::messages::ItemResult;
use crate::problem::Kind;

/// The media type of every answer that is no success.
pub(crate) const PROBLEM: &str = "application/problem+json";

/// A problem document (RFC 9457).
#[derive(ToSchema)]
pub(crate) struct Problem {
    #[schema(schema_with = problem_types)]
    r#type: String,
    /// For people; the same for each type.
    title: String,
    /// The HTTP status.
    status: u16,
    /// What is wrong with this request, and what to do.
    detail: String,
    /// The field that is wrong.
    #[schema(required = false)]
    field: String,
    /// The scope that the token lacks.
    #[schema(required = false)]
    scope: String,
    /// The header that a request without a token is refused for.
    #[schema(required = false)]
    header: String,
    /// The current generation of the ticket.
    #[schema(required = false)]
    generation: u32,
    /// For messages: the outcome of each.
    #[schema(required = false)]
    results: Vec<ItemResult>,
}

fn problem_types() -> Object {
    ObjectBuilder::new()
        .schema_type(Type::String)
        .description(Some("What went wrong, for programs. Stable."))
        .enum_values(Some(Kind::ALL.map(|kind| Value::from(kind.urn()))))
        .build()
}

/// `not-a-guid`
#[derive(ToResponse)]
#[response(content_type = "application/problem+json")]
pub(crate) struct NotAGuid(Problem);

/// `unauthorized`: no token, or an unknown one.
#[derive(ToResponse)]
#[response(
    content_type = "application/problem+json",
    headers(("WWW-Authenticate" = String, description = "`Bearer`."))
)]
pub(crate) struct Unauthorized(Problem);

/// `forbidden`: the token lacks the scope named in `scope`. `not-local`: no token is set, so that only this machine's user
/// has access, and `header` shows that the request comes from somebody else.
#[derive(ToResponse)]
#[response(content_type = "application/problem+json")]
pub(crate) struct Forbidden(Problem);

/// `too-large`: the body, the array or one message.
#[derive(ToResponse)]
#[response(content_type = "application/problem+json")]
pub(crate) struct TooLarge(Problem);

/// `unsupported-media-type`: a media type that is not listed. Plain text, forms and bodies without a type are among
/// them, because a page of another site can send those without a preflight request.
#[derive(ToResponse)]
#[response(content_type = "application/problem+json")]
pub(crate) struct UnsupportedMediaType(Problem);

/// `too-many-requests`: too many such requests are in progress, or too many of this token or address came at once.
#[derive(ToResponse)]
#[response(
    content_type = "application/problem+json",
    headers(("Retry-After" = u32, description = "Seconds to wait."))
)]
pub(crate) struct TooManyRequests(Problem);

/// `store-unavailable`: send the request again. `timed-out`: it took longer than 60 seconds.
#[derive(ToResponse)]
#[response(
    content_type = "application/problem+json",
    headers(("Retry-After" = u32, description = "Seconds to wait."))
)]
pub(crate) struct StoreUnavailable(Problem);

/// What every guarded route answers without a right.
#[derive(IntoResponses)]
pub(crate) enum Guarded {
    #[response(status = 401)]
    Unauthorized(#[ref_response] Unauthorized),
    #[response(status = 403)]
    Forbidden(#[ref_response] Forbidden),
}

/// What every guarded route with a body answers besides.
#[derive(IntoResponses)]
pub(crate) enum WithBody {
    #[response(status = 413)]
    TooLarge(#[ref_response] TooLarge),
    #[response(status = 415)]
    UnsupportedMediaType(#[ref_response] UnsupportedMediaType),
}

/// Why there is no PDF of a ticket.
#[derive(IntoResponses)]
pub(crate) enum NoPdf {
    #[response(status = 400)]
    NotAGuid(#[ref_response] NotAGuid),
    #[response(status = 401)]
    Unauthorized(#[ref_response] Unauthorized),
    #[response(status = 403)]
    Forbidden(#[ref_response] Forbidden),
    /// `no-such-ticket`; `no-file`: the file is missing and is being created again; `ticket-failed`: it could not be
    /// created and is being retried.
    #[response(
        status = 404,
        content_type = "application/problem+json",
        headers(("Retry-After" = u32, description = "Seconds to wait."))
    )]
    NotFound(Problem),
    /// `ticket-pending`: the order is paid, and the file is not created yet.
    #[response(
        status = 409,
        content_type = "application/problem+json",
        headers(("Retry-After" = u32, description = "Seconds to wait."))
    )]
    Pending(Problem),
    /// `ticket-voided`, `ticket-erased`, `ticket-superseded`: the link belongs to an earlier generation, or
    /// `link-expired`: the event has been over for longer than `http.links_expire_after`.
    #[response(status = 410, content_type = "application/problem+json")]
    Gone(Problem),
    /// `range-not-satisfiable`
    #[response(
        status = 416,
        content_type = "application/problem+json",
        headers(("Content-Range" = String, description = "The length of the file."))
    )]
    Range(Problem),
    /// `store-unavailable` or `files-unavailable`: try again later; the ticket is not lost.
    #[response(
        status = 503,
        content_type = "application/problem+json",
        headers(("Retry-After" = u32, description = "Seconds to wait."))
    )]
    Unavailable(Problem),
}

#[derive(IntoParams)]
#[into_params(parameter_in = Path)]
pub(crate) struct TicketPath {
    /// The ticket's id: a GUID in 8-4-4-4-12 form, of any version.
    id: Uuid,
}

#[derive(IntoParams)]
#[into_params(parameter_in = Path)]
pub(crate) struct OrderPath {
    /// The order's id: a GUID in 8-4-4-4-12 form, of any version.
    id: Uuid,
}

/// Conditions and ranges of a download.
#[derive(IntoParams)]
#[into_params(parameter_in = Header)]
pub(crate) struct Download {
    /// One range of bytes, `bytes=0-1023`.
    #[param(rename = "Range", required = false)]
    range: String,
    /// With `Range`: the `ETag` that the range belongs to. If the file is another one, the whole file is the answer.
    #[param(rename = "If-Range", required = false)]
    if_range: String,
    /// An `ETag` that the caller has.
    #[param(rename = "If-None-Match", required = false)]
    if_none_match: String,
}

#[derive(IntoParams)]
#[into_params(parameter_in = Header)]
pub(crate) struct Idempotent {
    /// A name for the request: the same request sent again under it changes nothing.
    #[param(rename = "Idempotency-Key", min_length = 1, max_length = 200, required = false)]
    key: String,
}

#[derive(IntoParams)]
#[into_params(parameter_in = Header)]
pub(crate) struct Accept {
    /// `application/json` asks for the record.
    #[param(rename = "Accept", required = false)]
    accept: String,
}

#[derive(IntoParams)]
#[into_params(parameter_in = Header)]
pub(crate) struct Trace {
    /// W3C trace context; passed on with the order to its events.
    #[param(required = false)]
    traceparent: String,
}

#[derive(IntoParams)]
#[into_params(parameter_in = Header)]
pub(crate) struct Resume {
    /// Begin after this position; an event's id works too.
    #[param(rename = "Last-Event-ID", required = false)]
    last: String,
}
