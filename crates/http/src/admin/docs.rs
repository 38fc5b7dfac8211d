//! `/openapi.json`, and `/docs`: the same document as a page, without a script or anything from elsewhere.

use std::fmt::Write as _;
use std::sync::LazyLock;

use axum::http::header::{CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE};
use axum::response::{Html, IntoResponse, Redirect};
use serde_json::Value;

/// The description of this API, OpenAPI 3.1.
pub(crate) const OPENAPI: &str = include_str!("../../../../docs/openapi.json");

const STYLE: &str = include_str!("docs.css");

static PAGE: LazyLock<String> = LazyLock::new(|| page_of(&serde_json::from_str(OPENAPI).unwrap_or_default()));

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
    let headers = [
        (CONTENT_SECURITY_POLICY, "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'"),
        (CACHE_CONTROL, "public, max-age=300"),
    ];
    (headers, Html(PAGE.as_str()))
}

/// The document as a page: a list of operations by tag, each to be opened, and the schemas.
fn page_of(api: &Value) -> String {
    let mut out = String::with_capacity(64 * 1024);
    let title = escape(text(&api["info"]["title"]));
    let _ = write!(
        out,
        "<!doctype html><html lang=en><head><meta charset=utf-8>\
         <meta name=viewport content=\"width=device-width,initial-scale=1\">\
         <title>{title}</title><style>{STYLE}</style></head><body><header><h1>{title}</h1>"
    );
    paragraphs(&mut out, text(&api["info"]["description"]));
    out.push_str("<p class=links><a href=\"openapi.json\">openapi.json</a></p></header><main>");
    for tag in list(&api["tags"]) {
        let name = text(&tag["name"]);
        let _ = write!(out, "<section><h2>{}</h2>", escape(name));
        paragraphs(&mut out, text(&tag["description"]));
        for (path, methods) in entries(&api["paths"]) {
            for (method, operation) in entries(methods) {
                if list(&operation["tags"]).any(|t| t == name) {
                    show_operation(&mut out, api, path, method, operation);
                }
            }
        }
        out.push_str("</section>");
    }
    out.push_str("<section><h2>Schemas</h2>");
    for (name, schema) in entries(&api["components"]["schemas"]) {
        let _ = write!(
            out,
            "<details id=\"schema-{0}\"><summary><b>{0}</b><span>{1}</span></summary><div>",
            escape(name),
            inline(text(&schema["description"]))
        );
        show_fields(&mut out, schema);
        out.push_str("</div></details>");
    }
    out.push_str("</section></main></body></html>");
    out
}

fn show_operation(out: &mut String, api: &Value, path: &str, method: &str, operation: &Value) {
    let _ = write!(
        out,
        "<details><summary><code class=\"method {method}\">{}</code><code class=path>{}</code><span>{}</span></summary><div>",
        method.to_uppercase(),
        escape(path),
        inline(text(&operation["summary"]))
    );
    paragraphs(out, text(&operation["description"]));
    let scopes: Vec<_> =
        list(&operation["security"]).flat_map(entries).flat_map(|(_, s)| list(s)).map(text).collect();
    match scopes.first() {
        Some(scope) => {
            let _ = write!(out, "<p class=scope>Token with the scope <code>{}</code></p>", escape(scope));
        }
        None => out.push_str("<p class=scope>Open to all</p>"),
    }
    let parameters: Vec<_> = list(&operation["parameters"]).map(|p| resolve(api, p)).collect();
    if !parameters.is_empty() {
        out.push_str("<h3>Parameters</h3><table>");
        for p in parameters {
            let _ = write!(
                out,
                "<tr><th><code>{}</code></th><td>{}</td><td>{}</td></tr>",
                escape(text(&p["name"])),
                escape(text(&p["in"])),
                inline(text(&p["description"]))
            );
        }
        out.push_str("</table>");
    }
    for (media, content) in entries(&operation["requestBody"]["content"]).take(1) {
        let _ = write!(out, "<h3>Body <small>{}</small></h3>", escape(media));
        show_example(out, &content["example"]);
    }
    out.push_str("<h3>Answers</h3><table>");
    for (status, response) in entries(&operation["responses"]) {
        let response = resolve(api, response);
        let class = status.chars().next().unwrap_or('0');
        let _ = write!(
            out,
            "<tr><th><code class=\"status s{class}\">{}</code></th><td>{}",
            escape(status),
            inline(text(&response["description"]))
        );
        for (media, content) in entries(&response["content"]) {
            let schema = &content["schema"];
            let named = text(&schema["$ref"]).rsplit('/').next().unwrap_or_default();
            let _ = match named {
                "" => write!(out, "<small>{}</small>", escape(media)),
                n => write!(
                    out,
                    "<small>{} · <a href=\"#schema-{1}\">{1}</a></small>",
                    escape(media),
                    escape(n)
                ),
            };
        }
        out.push_str("</td></tr>");
    }
    out.push_str("</table></div></details>");
}

fn show_example(out: &mut String, example: &Value) {
    if let Ok(pretty) = serde_json::to_string_pretty(example)
        && !example.is_null()
    {
        let _ = write!(out, "<pre>{}</pre>", escape(&pretty));
    }
}

fn show_fields(out: &mut String, schema: &Value) {
    out.push_str("<table>");
    for (name, field) in entries(&schema["properties"]) {
        let kind = match &own(schema, field)["type"] {
            Value::String(kind) => kind.clone(),
            Value::Array(kinds) => kinds.iter().map(text).collect::<Vec<_>>().join(" or "),
            _ => text(&field["$ref"]).rsplit('/').next().unwrap_or_default().to_owned(),
        };
        let _ = write!(
            out,
            "<tr><th><code>{}</code></th><td>{}</td><td>{}</td></tr>",
            escape(name),
            escape(&kind),
            inline(text(&field["description"]))
        );
    }
    out.push_str("</table>");
}

/// What a field is, where the schema has a definition of its own for it.
fn own<'a>(schema: &'a Value, field: &'a Value) -> &'a Value {
    let name = field["$ref"].as_str().and_then(|r| r.strip_prefix("#/$defs/"));
    name.map_or(field, |name| &schema["$defs"][name])
}

/// What a `$ref` within the document leads to.
fn resolve<'a>(api: &'a Value, value: &'a Value) -> &'a Value {
    let target = value["$ref"].as_str().and_then(|r| api.pointer(r.strip_prefix('#')?));
    target.unwrap_or(value)
}

fn entries(value: &Value) -> impl Iterator<Item = (&str, &Value)> {
    value.as_object().into_iter().flatten().map(|(k, v)| (k.as_str(), v))
}

fn list(value: &Value) -> impl Iterator<Item = &Value> {
    value.as_array().into_iter().flatten()
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}

fn paragraphs(out: &mut String, text: &str) {
    for paragraph in text.split("\n\n").filter(|p| !p.is_empty()) {
        let _ = write!(out, "<p>{}</p>", inline(paragraph));
    }
}

/// Escaped text in which every second backtick ends a piece of code.
fn inline(text: &str) -> String {
    let pieces = text.split('`').enumerate();
    pieces.fold(String::new(), |mut out, (i, piece)| {
        let piece = escape(piece);
        let _ = if i % 2 == 1 { write!(out, "<code>{piece}</code>") } else { write!(out, "{piece}") };
        out
    })
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}
