//! Scanners that are web pages of another origin: those of `http.door_origins` may use the routes of doors (CORS, as the
//! Fetch standard has it).
//!
//! A page of another origin can read an answer only if the answer names the page's origin, and can send a token or JSON
//! only after a preflight request that was answered so. The public keys are for pages of any origin; see `admin::keys`.

use std::sync::Arc;

use axum::extract::{MatchedPath, Request, State};
use axum::http::header::{
    ACCESS_CONTROL_ALLOW_HEADERS, ACCESS_CONTROL_ALLOW_METHODS, ACCESS_CONTROL_ALLOW_ORIGIN,
    ACCESS_CONTROL_EXPOSE_HEADERS, ACCESS_CONTROL_MAX_AGE, ACCESS_CONTROL_REQUEST_METHOD, ORIGIN, VARY,
};
use axum::http::{HeaderValue, Method, StatusCode};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use fulfillment_config::WebOrigin;

use crate::api::Api;

/// What a scanner may ask with. It sets no rules.
const METHODS: &str = "GET, HEAD, POST";
const HEADERS: &str =
    "Authorization, Content-Type, Door-App-Version, Door-Queue, If-None-Match, Last-Event-ID";
/// What a page may read beside the headers that every page may.
const EXPOSED: &str = "ETag, Retry-After";
/// How long a browser remembers this, in seconds.
const MAX_AGE: &str = "3600";

/// Says in the answers of doors, refusals included, that a page of a configured origin may read them.
///
/// Where no token is needed, `local` refuses them as it refuses the pages of all other sites.
pub(crate) async fn share(State(api): State<Arc<Api>>, request: Request, next: Next) -> Response {
    let origins = &api.access.door_origins;
    if origins.is_empty() || !is_of_door(&request) {
        return next.run(request).await;
    }
    let origin = allowed(origins, &request);
    let mut response = next.run(request).await;
    let headers = response.headers_mut();
    headers.append(VARY, HeaderValue::from_static("Origin"));
    if let Some(origin) = origin {
        headers.insert(ACCESS_CONTROL_ALLOW_ORIGIN, origin);
        headers.insert(ACCESS_CONTROL_EXPOSE_HEADERS, HeaderValue::from_static(EXPOSED));
    }
    response
}

/// Answers the preflight request of a page of a configured origin. Browsers send no token with it.
pub(crate) async fn preflight(State(api): State<Arc<Api>>, request: Request, next: Next) -> Response {
    let is_preflight = request.method() == Method::OPTIONS
        && request.headers().contains_key(ACCESS_CONTROL_REQUEST_METHOD)
        && is_of_door(&request)
        && allowed(&api.access.door_origins, &request).is_some();
    if !is_preflight {
        return next.run(request).await;
    }
    let allow = [
        (ACCESS_CONTROL_ALLOW_METHODS, METHODS),
        (ACCESS_CONTROL_ALLOW_HEADERS, HEADERS),
        (ACCESS_CONTROL_MAX_AGE, MAX_AGE),
    ];
    (StatusCode::NO_CONTENT, allow).into_response()
}

fn is_of_door(request: &Request) -> bool {
    request.extensions().get::<MatchedPath>().is_some_and(|route| is_door(route.as_str()))
}

/// Whether the route is one that scanners use.
fn is_door(route: &str) -> bool {
    match route.strip_prefix("/events/{eventId}/") {
        Some(rest) => rest == "check-ins" || rest == "door" || rest.starts_with("door/"),
        None => route == "/door/enrol",
    }
}

/// The origin of the page that sends the request, if it is one of these.
fn allowed(origins: &[WebOrigin], request: &Request) -> Option<HeaderValue> {
    let mut given = request.headers().get_all(ORIGIN).iter();
    let (origin, None) = (given.next()?, given.next()) else { return None };
    origins.iter().any(|known| known.as_str().as_bytes() == origin.as_bytes()).then(|| origin.clone())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_routes_of_doors_are_shared_and_no_others() {
        let shared: Vec<_> = crate::ROUTES.iter().filter(|(route, _)| is_door(route)).copied().collect();
        let expected = [
            ("/events/{eventId}/check-ins", "post"),
            ("/events/{eventId}/check-ins", "get"),
            ("/events/{eventId}/door", "get"),
            ("/events/{eventId}/door/admitted", "get"),
            ("/events/{eventId}/door/names", "get"),
            ("/events/{eventId}/door/number-key", "get"),
            ("/events/{eventId}/door/numbers", "get"),
            ("/events/{eventId}/door/news", "get"),
            ("/events/{eventId}/door/still-good/{kid}", "get"),
            ("/door/enrol", "post"),
            ("/events/{eventId}/door/status", "get"),
            ("/events/{eventId}/door/rules", "get"),
            ("/events/{eventId}/door/rules", "put"),
        ];
        assert_eq!(shared, expected);
        assert!(!METHODS.contains("PUT"), "pages of other origins set no rules");
    }
}
