//! Middleware around every route: a timeout, panic handling, and headers of all responses.

use std::panic::AssertUnwindSafe;
use std::time::Duration;

use axum::extract::Request;
use axum::http::header::{REFERRER_POLICY, X_CONTENT_TYPE_OPTIONS};
use axum::http::{HeaderValue, Method, Uri};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use futures::FutureExt;

use crate::problem::{Kind, Problem};

/// The longest time until a response begins. A stream of events has begun long before.
const LONGEST: Duration = Duration::from_secs(60);

/// Ends a request that panics or takes too long with a problem document.
pub(crate) async fn guard(request: Request, next: Next) -> Response {
    let answer = AssertUnwindSafe(tokio::time::timeout(LONGEST, next.run(request))).catch_unwind();
    let mut response = match answer.await {
        Ok(Ok(response)) => response,
        Ok(Err(_)) => Problem::new(
            Kind::TimedOut,
            "The request took longer than 60 seconds. It may have been carried out; sending it again is safe.",
        )
        .retry_after(5)
        .into_response(),
        Err(_) => {
            tracing::error!("a request panicked; the message is above");
            Problem::new(Kind::Internal, "See the service's log.").into_response()
        }
    };
    let headers = response.headers_mut();
    headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    // A signed link grants access: the referrer must not carry it to the targets of a page's links.
    headers.insert(REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
    response
}

/// No route has this path.
pub(crate) async fn no_such_page() -> Problem {
    Problem::new(Kind::NoSuchPage, "See /docs or /openapi.json for the routes.")
}

/// The route exists, but not with this method. The router adds `Allow`.
pub(crate) async fn method_not_allowed(method: Method, uri: Uri) -> Problem {
    Problem::new(Kind::MethodNotAllowed, format!("{} does not support {method}.", uri.path()))
}

#[cfg(test)]
mod tests {
    use axum::Router;
    use axum::body::Body;
    use axum::routing::get;
    use tower::ServiceExt;

    use super::*;

    #[tokio::test]
    async fn a_panic_ends_one_request_only() {
        let fall: fn() -> std::future::Ready<()> = || panic!("on purpose");
        let app = Router::new().route("/", get(fall)).layer(axum::middleware::from_fn(guard));
        for _ in 0..2 {
            let response = app.clone().oneshot(Request::new(Body::empty())).await.unwrap();
            assert_eq!(response.status(), 500);
            assert_eq!(response.headers()["content-type"], "application/problem+json");
        }
    }
}
