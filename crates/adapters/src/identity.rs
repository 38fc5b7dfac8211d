//! Client of Identity over HTTP: `GET {base}/internal/users/{id}` answers `{ "userId", "email" }`.

use anyhow::Context as _;
use async_trait::async_trait;
use fulfillment_config as config;
use fulfillment_domain::fields::Fields;
use fulfillment_domain::{Failure, Unreadable};
use fulfillment_pipeline::ports::Identity;

use super::outbound::{Limits, Unanswered, Upstream};

/// Concurrent requests; each reads one small row in Identity.
const CONCURRENCY: usize = 32;
/// The largest answer, in bytes.
const MAX_ANSWER: usize = 64 * 1024;

/// The client; a call makes one request.
pub struct IdentityClient(Upstream);

impl IdentityClient {
    /// `settings.url` must be set.
    pub fn new(settings: &config::Identity) -> anyhow::Result<Self> {
        let base = settings.url.as_ref().context("identity.url is not set")?;
        let limits = Limits { timeout: settings.timeout, concurrency: CONCURRENCY, max_answer: MAX_ANSWER };
        Ok(Self(Upstream::new("Identity", base, settings.token.as_ref(), limits)?))
    }

    /// What is wrong with Identity, judged by the last requests.
    pub fn trouble(&self) -> Option<String> {
        self.0.trouble()
    }
}

#[async_trait]
impl Identity for IdentityClient {
    async fn email(&self, user_id: &str) -> Result<Option<String>, Failure> {
        // Dots alone are not a path segment, even percent-encoded.
        if matches!(user_id, "" | "." | "..") {
            return Ok(None);
        }
        let answer = match self.0.get(&["internal", "users", user_id], &[], None).await {
            Ok(answer) => answer,
            Err(Unanswered::NotFound) => return Ok(None),
            Err(Unanswered::Failed(failure)) => return Err(failure),
        };
        read(&answer, user_id)
            .map_err(|unreadable| Failure::transient(format!("Identity's answer: {unreadable}")))
    }
}

/// The address, if the answer is for this user: another user must not get the tickets.
fn read(answer: &[u8], user_id: &str) -> Result<Option<String>, Unreadable> {
    let fields = Fields::parse(answer)?;
    if let Some(id) = fields.identifier("userId")?
        && !id.eq_ignore_ascii_case(user_id)
    {
        return Err(Unreadable::field("userId", "belongs to another user"));
    }
    match fields.email("email")? {
        Some(email) if !email.contains('@') => Err(Unreadable::field("email", "is not an e-mail address")),
        email => Ok(email),
    }
}

#[cfg(test)]
mod tests {
    use axum::Router;
    use axum::extract::Path;
    use axum::http::StatusCode;
    use axum::routing::get;

    use super::*;
    use crate::outbound::testing::{config, serve};

    async fn client(router: Router) -> IdentityClient {
        let url = format!("http://{}", serve(router).await);
        IdentityClient::new(&config(&[("FULFILLMENT_IDENTITY_URL", &url)]).identity).unwrap()
    }

    #[tokio::test]
    async fn asks_for_the_user_whatever_the_id_has_in_it() {
        let users =
            get(|Path(id): Path<String>| async move { format!(r#"{{"email":"{}@example.org"}}"#, id.len()) });
        let client = client(Router::new().route("/internal/users/{id}", users)).await;
        for id in ["3f2504e0", "a/b?c#d%2e", "ä ö"] {
            assert_eq!(client.email(id).await.unwrap(), Some(format!("{}@example.org", id.len())), "{id}");
        }
        assert_eq!(client.email("..").await.unwrap(), None);
    }

    #[tokio::test]
    async fn a_user_that_is_not_known_has_no_address() {
        let unknown = client(Router::new()).await;
        assert_eq!(unknown.email("u").await.unwrap(), None);
        let down = client(Router::new().fallback(|| async { StatusCode::BAD_GATEWAY })).await;
        assert!(down.email("u").await.unwrap_err().reason.contains("502"));
    }

    #[test]
    fn answers_are_read_in_any_spelling_and_only_for_the_user() {
        let id = "3f2504e0-4f89-41d3-9a0c-0305e82c3301";
        let mine = format!(r#"{{"user_id":"{}","Email":" a@b.example "}}"#, id.to_uppercase());
        assert_eq!(read(mine.as_bytes(), id).unwrap().as_deref(), Some("a@b.example"));
        assert_eq!(read(b"{}", id), Ok(None));
        assert_eq!(read(mine.as_bytes(), "u-2").unwrap_err().field.as_deref(), Some("userId"));
        assert_eq!(read(br#"{"email":"nobody"}"#, id).unwrap_err().field.as_deref(), Some("email"));
        assert!(read(b"<html>", id).is_err());
    }
}
