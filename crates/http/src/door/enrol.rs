//! `POST /door/enrol`: gives a device its token, for the code that it has scanned.

use std::sync::Arc;

use axum::Json;
use axum::extract::{Request, State};
use axum::http::header::CACHE_CONTROL;
use axum::response::{IntoResponse, Response};
use fulfillment_config::token_hash;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use tracing::info;

use super::no_such_event;
use super::number_key::{self, NumberKey};
use crate::api::Api;
use crate::body;
use crate::connections::Origin;
#[cfg(test)]
use crate::description::{answers, door as schema};
use crate::device::PREFIX;
use crate::object::Object;
use crate::problem::{Kind, Problem};

/// The shortest and the longest secret.
const SECRET: std::ops::RangeInclusive<usize> = 32..=128;

/// What a device sends to be enrolled.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[cfg_attr(test, derive(utoipa::ToSchema), schema(as = Enrolment))]
pub(crate) struct EnrolRequest {
    /// The code: what follows `#` in the URL of `fulfillment door device new`.
    code: String,
    /// A random text that the device has made for this code and tells nobody else. A request whose answer was lost is
    /// sent again with the same one.
    #[cfg_attr(test, schema(min_length = 32, max_length = 128))]
    secret: String,
}

/// An enrolled device.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Enrolled {
    token: String,
    name: String,
    event_id: String,
    gates: Vec<String>,
    role: &'static str,
    expires_at: Timestamp,
    server_time: Timestamp,
    #[serde(flatten)]
    number_key: number_key::Shown,
}

/// Enrol a device
///
/// Answers with the device's token, for a code that is good once and for 15 minutes. If the answer is lost, send the same
/// request again within that time: it has the same answer. Any other request with a code that was used is refused. The
/// token is for the routes of this event's door. Check-ins have the device's name, and are for its gates.
#[cfg_attr(test, utoipa::path(
    post,
    path = "/door/enrol",
    operation_id = "enrolDevice",
    tag = "Doors",
    request_body(content = EnrolRequest, content_type = "application/json",
        example = json!({ "code": "3f1c…", "secret": "9a0e…" })),
    responses(
        (status = 200, description = "The token and what it is for.", body = schema::EnrolledDevice),
        (status = 400, body = answers::Problem, content_type = answers::PROBLEM,
            description = "`bad-request`: `field` names what is wrong."),
        (status = 401, body = answers::Problem, content_type = answers::PROBLEM,
            description = "`unauthorized`: the code is unknown, was used, was revoked, or is too old. It is answered half \
                a second late"),
        answers::WithBody,
        (status = 503, response = answers::StoreUnavailable),
    )
))]
pub(crate) async fn enrol(State(api): State<Arc<Api>>, request: Request) -> Result<Response, Problem> {
    let origin = request.extensions().get::<Origin>();
    let client = origin.map(|origin| api.limits.peers.named(origin.peer.ip(), request.headers()));
    let bytes = body::read_json(request, api.limits.max_small_body).await?;
    let EnrolRequest { code, secret } = read(&bytes)?;
    let token = token_of(&code, &secret);
    let Some(device) = api.store.enrol_device(&token_hash(&code), &token_hash(&token)).await? else {
        return Err(api.access.refuse_code(client).await);
    };
    let (epoch, _) = api.store.door_version(&device.event_id).await?.ok_or_else(no_such_event)?;
    info!(device = device.name, event = device.event_id, "a device of a door was given its token");
    let answer = Enrolled {
        number_key: NumberKey::of(&api, &device.event_id, epoch).shown(),
        token,
        name: device.name,
        event_id: device.event_id,
        gates: device.gates,
        role: device.role.as_str(),
        expires_at: device.expires_at,
        server_time: api.clock.now(),
    };
    Ok(([(CACHE_CONTROL, "private, no-store")], Json(answer)).into_response())
}

fn read(bytes: &[u8]) -> Result<EnrolRequest, Problem> {
    let mut reader = serde_json::Deserializer::from_slice(bytes);
    let wrong = |field: String, why: String| Problem::new(Kind::BadRequest, why).with("field", field);
    let Object(request): Object<EnrolRequest> =
        serde_path_to_error::deserialize(&mut reader).map_err(|error| {
            // Not the value: it may be a secret.
            let field = error.path().to_string();
            wrong(
                field.clone(),
                format!("\"{field}\": the body must be {{\"code\", \"secret\"}}, two texts."),
            )
        })?;
    reader.end().map_err(|_| Problem::new(Kind::BadRequest, "The body has something after its JSON."))?;
    if !SECRET.contains(&request.secret.len()) {
        let (least, most) = (SECRET.start(), SECRET.end());
        let why =
            format!("\"secret\" must be {least} to {most} characters that the device has drawn at random.");
        return Err(wrong("secret".to_owned(), why));
    }
    Ok(request)
}

/// The token of a device. It follows from the code and the device's secret: so a lost answer can be given again, although
/// the token is kept nowhere, and whoever has seen the code alone does not know it.
fn token_of(code: &str, secret: &str) -> String {
    let mut hash = Sha256::new_with_prefix("fulfillment door device");
    for part in [code, secret] {
        hash.update((part.len() as u64).to_be_bytes());
        hash.update(part);
    }
    format!("{PREFIX}{}", hex::encode(hash.finalize()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_needs_both_parts() {
        let token = token_of("code", "secret");
        assert_eq!((token.len(), token == token_of("code", "secret")), (68, true));
        for (code, secret) in [("code", "other"), ("other", "secret"), ("codes", "ecret"), ("", "codesecret")]
        {
            assert_ne!(token_of(code, secret), token);
        }
    }

    #[test]
    fn what_is_wrong_is_named_and_not_repeated() {
        let wrong = |body: &str| read(body.as_bytes()).err().unwrap();
        let short = wrong(r#"{"code": "c", "secret": "short"}"#);
        assert_eq!(short.extension("field"), Some(&"secret".into()));
        assert!(!format!("{:?}", wrong(r#"{"code": 73291, "secret": "x"}"#)).contains("73291"));
        for body in ["", "[]", "{}", "{\"code\": \"c\"}", "{\"code\":\"c\",\"secret\":\"\",\"x\":1}"] {
            assert!(read(body.as_bytes()).is_err(), "{body}");
        }
        let good = format!(r#"{{"code": "c", "secret": "{}"}}"#, "s".repeat(32));
        assert!(read(good.as_bytes()).is_ok() && read(format!("{good} x").as_bytes()).is_err());
    }
}
