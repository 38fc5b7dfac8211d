//! Errors as problem documents (RFC 9457), one type for all of them.

use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE, RETRY_AFTER};
use axum::http::{HeaderName, HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use fulfillment_store::StoreError;
use serde_json::{Map, Value};

/// The kind of a problem, by what a client would do about it. Each has its own permanent `type`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    NotAGuid,
    BadRequest,
    UnreadablePayment,
    UnreadableWithdrawal,
    Unauthorized,
    Forbidden,
    NotLocal,
    NoSuchTicket,
    NoFile,
    TicketFailed,
    NoSuchOrder,
    NoSuchEvent,
    NoSuchPage,
    MethodNotAllowed,
    TicketPending,
    PaymentQuarantined,
    RefundQuarantined,
    GenerationMismatch,
    TicketNotVoided,
    LinkExpired,
    TicketSuperseded,
    TicketVoided,
    TicketErased,
    EventsPruned,
    AnotherEpoch,
    NumberKeyChanged,
    TooLarge,
    UnsupportedMediaType,
    RangeNotSatisfiable,
    TooManyRequests,
    Internal,
    StoreUnavailable,
    FilesUnavailable,
    TooManyStreams,
    TooManyConnections,
    TimedOut,
    BodyTimedOut,
}

impl Kind {
    #[cfg(test)]
    pub(crate) const ALL: [Self; 37] = [
        Self::NotAGuid,
        Self::BadRequest,
        Self::UnreadablePayment,
        Self::UnreadableWithdrawal,
        Self::Unauthorized,
        Self::Forbidden,
        Self::NotLocal,
        Self::NoSuchTicket,
        Self::NoFile,
        Self::TicketFailed,
        Self::NoSuchOrder,
        Self::NoSuchEvent,
        Self::NoSuchPage,
        Self::MethodNotAllowed,
        Self::TicketPending,
        Self::PaymentQuarantined,
        Self::RefundQuarantined,
        Self::GenerationMismatch,
        Self::TicketNotVoided,
        Self::LinkExpired,
        Self::TicketSuperseded,
        Self::TicketVoided,
        Self::TicketErased,
        Self::EventsPruned,
        Self::AnotherEpoch,
        Self::NumberKeyChanged,
        Self::TooLarge,
        Self::UnsupportedMediaType,
        Self::RangeNotSatisfiable,
        Self::TooManyRequests,
        Self::Internal,
        Self::StoreUnavailable,
        Self::FilesUnavailable,
        Self::TooManyStreams,
        Self::TooManyConnections,
        Self::TimedOut,
        Self::BodyTimedOut,
    ];

    /// Its `type`.
    pub(crate) fn urn(self) -> String {
        format!("urn:fulfillment:problem:{}", self.describe().0)
    }

    /// The last part of its `type`, its status and its title.
    pub(crate) fn describe(self) -> (&'static str, StatusCode, &'static str) {
        use StatusCode as S;
        match self {
            Self::NotAGuid => ("not-a-guid", S::BAD_REQUEST, "The id is not a GUID"),
            Self::BadRequest => ("bad-request", S::BAD_REQUEST, "The request cannot be read"),
            Self::UnreadablePayment => {
                ("unreadable-payment", S::BAD_REQUEST, "No payment in the request can be read")
            }
            Self::UnreadableWithdrawal => (
                "unreadable-withdrawal",
                S::BAD_REQUEST,
                "No refund or cancellation in the request can be read",
            ),
            Self::Unauthorized => ("unauthorized", S::UNAUTHORIZED, "A token is required"),
            Self::Forbidden => ("forbidden", S::FORBIDDEN, "The token lacks the required scope"),
            Self::NotLocal => {
                ("not-local", S::FORBIDDEN, "Without a token only this machine's user has access")
            }
            Self::NoSuchTicket => ("no-such-ticket", S::NOT_FOUND, "Ticket not found"),
            Self::NoFile => ("no-file", S::NOT_FOUND, "The ticket's file is missing"),
            Self::TicketFailed => ("ticket-failed", S::NOT_FOUND, "The ticket's file could not be created"),
            Self::NoSuchOrder => ("no-such-order", S::NOT_FOUND, "Order not found"),
            Self::NoSuchEvent => ("no-such-event", S::NOT_FOUND, "Event not found"),
            Self::NoSuchPage => ("no-such-page", S::NOT_FOUND, "No route has this path"),
            Self::MethodNotAllowed => {
                ("method-not-allowed", S::METHOD_NOT_ALLOWED, "The route does not support this method")
            }
            Self::TicketPending => {
                ("ticket-pending", S::CONFLICT, "The ticket's file has not been created yet")
            }
            Self::PaymentQuarantined => (
                "payment-quarantined",
                S::CONFLICT,
                "The payment contradicts an earlier payment with the same id",
            ),
            Self::RefundQuarantined => (
                "refund-quarantined",
                S::CONFLICT,
                "The refund contradicts an earlier refund with the same id",
            ),
            Self::GenerationMismatch => {
                ("generation-mismatch", S::CONFLICT, "Another generation of the ticket is current")
            }
            Self::TicketNotVoided => ("ticket-not-voided", S::CONFLICT, "The ticket is not void"),
            Self::LinkExpired => ("link-expired", S::GONE, "The link to the ticket has expired"),
            Self::TicketSuperseded => {
                ("ticket-superseded", S::GONE, "The ticket was reissued under another link")
            }
            Self::TicketVoided => ("ticket-voided", S::GONE, "The ticket was voided"),
            Self::TicketErased => ("ticket-erased", S::GONE, "The ticket's personal data was erased"),
            Self::EventsPruned => ("events-pruned", S::GONE, "Events after this position were deleted"),
            Self::AnotherEpoch => ("another-epoch", S::GONE, "The position is of another epoch of the store"),
            Self::NumberKeyChanged => {
                ("number-key-changed", S::GONE, "Another key of ticket numbers is in use")
            }
            Self::TooLarge => ("too-large", S::PAYLOAD_TOO_LARGE, "The request is too large"),
            Self::UnsupportedMediaType => (
                "unsupported-media-type",
                S::UNSUPPORTED_MEDIA_TYPE,
                "The body's content type is not supported",
            ),
            Self::RangeNotSatisfiable => {
                ("range-not-satisfiable", S::RANGE_NOT_SATISFIABLE, "The range is outside the file")
            }
            Self::TooManyRequests => ("too-many-requests", S::TOO_MANY_REQUESTS, "Too many requests"),
            Self::Internal => ("internal", S::INTERNAL_SERVER_ERROR, "Internal error"),
            Self::StoreUnavailable => {
                ("store-unavailable", S::SERVICE_UNAVAILABLE, "The store is unavailable")
            }
            Self::FilesUnavailable => {
                ("files-unavailable", S::SERVICE_UNAVAILABLE, "The file storage is unavailable")
            }
            Self::TooManyStreams => {
                ("too-many-streams", S::SERVICE_UNAVAILABLE, "Too many open streams or downloads")
            }
            Self::TooManyConnections => {
                ("too-many-connections", S::SERVICE_UNAVAILABLE, "Too many open connections")
            }
            Self::TimedOut => ("timed-out", S::SERVICE_UNAVAILABLE, "The answer took too long"),
            Self::BodyTimedOut => {
                ("body-timed-out", S::REQUEST_TIMEOUT, "The request's body stopped arriving")
            }
        }
    }
}

/// A problem document, with the headers that belong to it. No personal data goes into its text.
#[derive(Debug)]
pub(crate) struct Problem(Box<Parts>);

#[derive(Debug)]
struct Parts {
    kind: Kind,
    detail: String,
    headers: Vec<(HeaderName, HeaderValue)>,
    extensions: Map<String, Value>,
}

impl Problem {
    /// A problem of this kind; `detail` says what is wrong with this request, and what to do.
    pub(crate) fn new(kind: Kind, detail: impl Into<String>) -> Self {
        let (headers, extensions) = (Vec::new(), Map::new());
        Self(Box::new(Parts { kind, detail: detail.into(), headers, extensions }))
    }

    /// Asks the client to retry after this many seconds.
    pub(crate) fn retry_after(self, seconds: u32) -> Self {
        self.header(RETRY_AFTER, HeaderValue::from(seconds))
    }

    pub(crate) fn header(mut self, name: HeaderName, value: HeaderValue) -> Self {
        self.0.headers.push((name, value));
        self
    }

    /// An extension member.
    pub(crate) fn with(mut self, name: &str, value: impl Into<Value>) -> Self {
        self.0.extensions.insert(name.to_owned(), value.into());
        self
    }

    #[cfg(test)]
    pub(crate) fn extension(&self, name: &str) -> Option<&Value> {
        self.0.extensions.get(name)
    }

    pub(crate) fn status(&self) -> StatusCode {
        self.0.kind.describe().1
    }
}

impl From<StoreError> for Problem {
    fn from(error: StoreError) -> Self {
        tracing::error!(%error, "a request ends without the store");
        match error {
            StoreError::Unavailable(_) | StoreError::Unmet(_) | StoreError::InUse(_) => {
                Self::new(Kind::StoreUnavailable, "Nothing was lost; send the request again.").retry_after(5)
            }
            StoreError::Refused(_) => {
                Self::new(Kind::BadRequest, "The store rejected the data of this request.")
            }
            StoreError::Incompatible(_) => Self::new(
                Kind::Internal,
                "The stored data does not match this version of the service. See the service's log.",
            ),
        }
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let Parts { kind, detail, headers: own, extensions } = *self.0;
        let (_, status, title) = kind.describe();
        let mut body = Map::new();
        body.insert("type".into(), kind.urn().into());
        body.insert("title".into(), title.into());
        body.insert("status".into(), status.as_u16().into());
        body.insert("detail".into(), detail.into());
        body.extend(extensions);
        let mut response = (status, Value::Object(body).to_string()).into_response();
        response.extensions_mut().insert(kind);
        let headers = response.headers_mut();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
        headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
        headers.extend(own);
        response
    }
}
