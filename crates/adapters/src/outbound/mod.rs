//! HTTP requests to other services: one connection pool, with limits of time, number and size.

mod answer;
mod circuit;
#[cfg(test)]
pub(super) mod testing;

use std::time::Duration;

use anyhow::Context as _;
use bytes::{Bytes, BytesMut};
use fulfillment_domain::{Decision, Failure};
use fulfillment_pipeline::ports::Availability;
use reqwest::header::{ACCEPT, AUTHORIZATION, HeaderMap, HeaderValue};
use reqwest::{Client, Response, StatusCode, Url};
use tokio::sync::Semaphore;

pub(super) use answer::{describe, next_link, retry_after, total};
pub(super) use circuit::Circuit;

use fulfillment_config::{HttpUrl, Sensitive};

/// The connect timeout.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);

/// The HTTP client that all adapters use. A redirect is never followed: it would carry the token, or an event with an
/// e-mail address in it, to an address that is not configured.
pub(super) fn client(timeout: Duration) -> anyhow::Result<Client> {
    Client::builder()
        .user_agent(concat!("fulfillment/", env!("CARGO_PKG_VERSION")))
        .redirect(reqwest::redirect::Policy::none())
        .connect_timeout(CONNECT_TIMEOUT.min(timeout))
        .timeout(timeout)
        .build()
        .context("cannot set up an HTTP client")
}

/// The limits for one service.
pub(super) struct Limits {
    /// The timeout for a complete response.
    pub(super) timeout: Duration,
    /// The maximum number of concurrent requests.
    pub(super) concurrency: usize,
    /// The largest answer, in bytes.
    pub(super) max_answer: usize,
}

/// Why there is no usable response.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Unanswered {
    /// 404.
    NotFound,
    /// Anything else.
    Failed(Failure),
}

/// [`Unanswered`], and whether other requests would fail in the same way.
struct Refusal {
    unanswered: Unanswered,
    of_all: bool,
}

impl Refusal {
    fn of_this(unanswered: Unanswered) -> Self {
        Self { unanswered, of_all: false }
    }

    fn of_all(unanswered: Unanswered) -> Self {
        Self { unanswered, of_all: true }
    }

    fn outcome(&self) -> &'static str {
        match &self.unanswered {
            Unanswered::NotFound => "not_found",
            Unanswered::Failed(failure) => match failure.decision {
                Decision::Transient { .. } => "transient",
                Decision::Permanent => "permanent",
                Decision::Blocked => "blocked",
            },
        }
    }

    fn reason(&self) -> &str {
        match &self.unanswered {
            Unanswered::NotFound => "does not know it",
            Unanswered::Failed(failure) => &failure.reason,
        }
    }
}

/// A service that is queried by GET.
pub(super) struct Upstream {
    /// Its name in reasons: "Ordering".
    name: &'static str,
    base: Url,
    authorization: Option<HeaderValue>,
    client: Client,
    limits: Limits,
    permits: Semaphore,
    circuit: Circuit,
}

/// Reads the body of an error response if it is small: a connection is reused only after its response was read.
async fn drain(mut response: Response) {
    const LITTLE: usize = 16 * 1024;
    let mut read = 0;
    while let Ok(Some(chunk)) = response.chunk().await {
        read += chunk.len();
        if read > LITTLE {
            return;
        }
    }
}

impl Upstream {
    pub(super) fn new(
        name: &'static str,
        base: &HttpUrl,
        token: Option<&Sensitive>,
        limits: Limits,
    ) -> anyhow::Result<Self> {
        let section = name.to_lowercase();
        let authorization = token
            .map(|token| HeaderValue::from_str(&format!("Bearer {}", token.expose())))
            .transpose()
            .with_context(|| format!("{section}.token has characters that no HTTP header can carry"))?
            .map(|mut value| {
                value.set_sensitive(true);
                value
            });
        Ok(Self {
            name,
            base: Url::parse(base.as_str()).with_context(|| format!("{section}.url is not a URL"))?,
            authorization,
            client: client(limits.timeout)?,
            permits: Semaphore::new(limits.concurrency),
            limits,
            circuit: Circuit::new(),
        })
    }

    /// What is wrong, judged by the last requests.
    pub(super) fn trouble(&self) -> Option<String> {
        self.circuit.trouble()
    }

    /// Whether a request would be sent now.
    pub(super) fn availability(&self) -> Availability {
        self.circuit.availability()
    }

    /// Requests `{base}/{path…}?{query…}`, each part percent-encoded, and returns the body.
    pub(super) async fn get(
        &self,
        path: &[&str],
        query: &[(&str, &str)],
        traceparent: Option<&str>,
    ) -> Result<Bytes, Unanswered> {
        self.fetch(self.url(path, query), traceparent).await.map(|(_, body)| body)
    }

    /// The address of `{base}/{path…}?{query…}`.
    pub(super) fn url(&self, path: &[&str], query: &[(&str, &str)]) -> Url {
        let mut url = self.base.clone();
        if let Ok(mut segments) = url.path_segments_mut() {
            segments.pop_if_empty().extend(path);
        }
        if !query.is_empty() {
            url.query_pairs_mut().extend_pairs(query);
        }
        url
    }

    /// Requests an address of [`Upstream::url`], or one that such a response names, and returns headers and body.
    pub(super) async fn fetch(
        &self,
        url: Url,
        traceparent: Option<&str>,
    ) -> Result<(HeaderMap, Bytes), Unanswered> {
        let Ok(_permit) = self.permits.acquire().await else {
            return Err(self.blocked("is no longer asked: the service is stopping"));
        };
        // Asked after the wait for a permit: requests that waited fail immediately when the circuit has opened
        // meanwhile.
        let pass = match self.circuit.enter() {
            Ok(pass) => pass,
            Err(reason) => return Err(Unanswered::Failed(Failure::blocked(reason))),
        };
        let answer = self.ask(url, traceparent).await;
        let outcome = match &answer {
            Err(refusal) if refusal.of_all => {
                pass.failed(refusal.reason());
                refusal.outcome()
            }
            Err(refusal) => {
                pass.succeeded();
                refusal.outcome()
            }
            Ok(_) => {
                pass.succeeded();
                "answered"
            }
        };
        metrics::counter!("fulfillment_questions_total", "to" => self.name, "outcome" => outcome)
            .increment(1);
        answer.map_err(|refusal| refusal.unanswered)
    }

    async fn ask(&self, url: Url, traceparent: Option<&str>) -> Result<(HeaderMap, Bytes), Refusal> {
        let mut request = self.client.get(url).header(ACCEPT, "application/json");
        if let Some(authorization) = &self.authorization {
            request = request.header(AUTHORIZATION, authorization.clone());
        }
        if let Some(traceparent) = traceparent {
            request = request.header("traceparent", traceparent);
        }
        let response = request
            .send()
            .await
            .map_err(|error| Refusal::of_all(self.transient(None, describe(&error, self.limits.timeout))))?;
        if response.status().is_success() {
            let headers = response.headers().clone();
            return Ok((headers, self.body(response).await?));
        }
        let refusal = self.refusal(&response);
        drain(response).await;
        Err(refusal)
    }

    fn refusal(&self, response: &Response) -> Refusal {
        let status = response.status();
        let section = self.name.to_lowercase();
        let said = format!("answers {}", status.as_u16());
        let wait = retry_after(response.headers());
        match status {
            StatusCode::NOT_FOUND => Refusal::of_this(Unanswered::NotFound),
            StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => {
                Refusal::of_all(self.blocked(&format!("{said}: check {section}.token")))
            }
            _ if status.is_redirection() => Refusal::of_all(
                self.blocked(&format!("{said}, and redirects are not followed: check {section}.url")),
            ),
            StatusCode::REQUEST_TIMEOUT | StatusCode::TOO_EARLY | StatusCode::TOO_MANY_REQUESTS => {
                Refusal::of_this(self.transient(wait, said))
            }
            _ if status.is_server_error() => Refusal::of_all(self.transient(wait, said)),
            _ => Refusal::of_this(Unanswered::Failed(Failure::permanent(format!("{} {said}", self.name)))),
        }
    }

    /// Reads the body in chunks, so that no response takes more memory than allowed.
    async fn body(&self, mut response: Response) -> Result<Bytes, Refusal> {
        let limit = self.limits.max_answer;
        let too_large = || {
            let reason = format!("{}'s answer is larger than {limit} bytes", self.name);
            Refusal::of_this(Unanswered::Failed(Failure::permanent(reason)))
        };
        if response.content_length().is_some_and(|length| length > limit as u64) {
            return Err(too_large());
        }
        let mut body = BytesMut::new();
        loop {
            match response.chunk().await {
                Ok(Some(chunk)) if body.len() + chunk.len() > limit => return Err(too_large()),
                Ok(Some(chunk)) => body.extend_from_slice(&chunk),
                Ok(None) => return Ok(body.freeze()),
                Err(error) => {
                    let reason = describe(&error, self.limits.timeout);
                    return Err(Refusal::of_all(self.transient(None, format!("{reason} (amid its answer)"))));
                }
            }
        }
    }

    fn transient(&self, after: Option<Duration>, what: impl std::fmt::Display) -> Unanswered {
        let mut failure = Failure::transient(format!("{} {what}", self.name));
        failure.decision = Decision::Transient { after };
        Unanswered::Failed(failure)
    }

    fn blocked(&self, what: &str) -> Unanswered {
        Unanswered::Failed(Failure::blocked(format!("{} {what}", self.name)))
    }
}
