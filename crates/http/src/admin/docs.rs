//! API documentation: `/openapi.json`, and `/docs`, the same document in Swagger UI, which is embedded. Nothing is
//! loaded from elsewhere.

use axum::extract::Path;
use axum::extract::rejection::PathRejection;
use axum::http::HeaderValue;
use axum::http::header::{CACHE_CONTROL, CONTENT_ENCODING, CONTENT_SECURITY_POLICY, CONTENT_TYPE};
use axum::response::{Html, IntoResponse, Redirect, Response};

#[cfg(test)]
use crate::description::answers;
use crate::guard;

/// The description of this API, OpenAPI 3.1.
pub(crate) const OPENAPI: &str = include_str!("../../../../docs/openapi.json");

const PAGE: &str = include_str!("viewer/page.html");

/// Content security policy: the page may load, show and request only what this service serves. Some icons of the viewer
/// are `data:` URLs.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; \
                      connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

/// Leads to the documentation
///
/// Relative, because a proxy may serve the service under a path of its own.
#[cfg_attr(test, utoipa::path(
    get,
    path = "/",
    operation_id = "landing",
    tag = "Operations",
    responses((status = 303, description = "To `docs`.", headers(("Location" = String))))
))]
pub(crate) async fn landing() -> Redirect {
    Redirect::to("docs")
}

/// This document
#[cfg_attr(test, utoipa::path(
    get,
    path = "/openapi.json",
    operation_id = "openapi",
    tag = "Operations",
    responses((status = 200, description = "OpenAPI 3.1.", body = Object, content_type = "application/json"))
))]
pub(crate) async fn openapi() -> impl IntoResponse {
    ([(CONTENT_TYPE, "application/json"), (CACHE_CONTROL, "public, max-age=300")], OPENAPI)
}

/// This document as a page
#[cfg_attr(test, utoipa::path(
    get,
    path = "/docs",
    operation_id = "docs",
    tag = "Operations",
    responses((status = 200, description = "The page.", body = String, content_type = "text/html"))
))]
pub(crate) async fn page() -> impl IntoResponse {
    ([(CONTENT_SECURITY_POLICY, POLICY), (CACHE_CONTROL, "public, max-age=300")], Html(PAGE))
}

/// Scripts and styles of the page
#[cfg_attr(test, utoipa::path(
    get,
    path = "/docs/{file}",
    operation_id = "docsFile",
    tag = "Operations",
    params(("file" = String, Path, description = "As the page names it.")),
    responses(
        (status = 200, description = "The file.", content(("text/javascript"), ("text/css"))),
        (status = 404, description = "`no-such-page`", body = answers::Problem, content_type = answers::PROBLEM),
    )
))]
pub(crate) async fn file(path: Result<Path<String>, PathRejection>) -> Response {
    let name = path.map(|Path(name)| name).unwrap_or_default();
    let (js, css) = ("text/javascript; charset=utf-8", "text/css; charset=utf-8");
    let (kind, content): (_, &[u8]) = match &*name {
        "page.js" => (js, include_bytes!("viewer/page.js")),
        "page.css" => (css, include_bytes!("viewer/page.css")),
        "swagger-ui-bundle.js" => (js, include_bytes!("viewer/swagger-ui-bundle.js.gz")),
        "swagger-ui.css" => (css, include_bytes!("viewer/swagger-ui.css.gz")),
        _ => return guard::no_such_page().await.into_response(),
    };
    let mut response =
        ([(CONTENT_TYPE, kind), (CACHE_CONTROL, "public, max-age=300")], content).into_response();
    if name.starts_with("swagger-ui") {
        // The page has no other format: the viewer reads this one.
        response.headers_mut().insert(CONTENT_ENCODING, HeaderValue::from_static("gzip"));
    }
    response
}
