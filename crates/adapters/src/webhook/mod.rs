//! Webhooks: delivers events by HTTP POST, signed by the Standard Webhooks scheme.
//!
//! The body is `{"type": …, "timestamp": …, "data": …}` as that specification recommends: `type` is the event's,
//! `timestamp` its time, `data` the value byte for byte as published to Kafka. `webhook-id` is the event's id, the same
//! at each repeat. There are no `ce-*` headers: in `CloudEvents`' binary mode they would mean that the body is the data
//! itself.

mod signature;

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use async_trait::async_trait;
use fulfillment_config as config;
use fulfillment_domain::{Backoff, Clock, TicketId};
use fulfillment_pipeline::ports::Destination;
use fulfillment_store::{Delivery, DeliveryOutcome};
use futures::StreamExt as _;
use reqwest::header::CONTENT_TYPE;
use reqwest::{Client, StatusCode, Url};
use serde::Serialize;
use serde_json::value::RawValue;

use super::in_order::rounds;
use crate::health::HealthFlag;

use super::outbound::{Circuit, client, describe, retry_after};
use signature::Signer;

/// Tries are 5 s, 10 s, 20 s … up to an hour apart, until the time for retries is over.
const BACKOFF: Backoff = Backoff { first: Duration::from_secs(5), longest: Duration::from_secs(3600) };
/// The most that is read of a response body, in bytes, so that its connection can be reused.
const READ_OF_ANSWER: usize = 64 * 1024;

/// One webhook.
pub struct WebhookDestination {
    name: String,
    url: Url,
    signer: Signer,
    client: Client,
    clock: Arc<dyn Clock>,
    timeout: Duration,
    budget: Duration,
    concurrency: usize,
    circuit: Circuit,
    /// Set while it refuses what is sent: unlike a failure, that does not pass by itself.
    refusal: HealthFlag,
}

#[derive(Serialize)]
struct Envelope<'a> {
    r#type: &'a str,
    timestamp: jiff::Timestamp,
    data: &'a RawValue,
}

impl WebhookDestination {
    /// The destination's name in the store.
    pub fn name_of(target: &config::WebhookTarget) -> String {
        format!("webhook:{}", target.name)
    }

    /// Creates the destination; nothing is sent yet.
    pub fn new(
        target: &config::WebhookTarget,
        settings: &config::Webhook,
        clock: Arc<dyn Clock>,
    ) -> anyhow::Result<Self> {
        let what = || format!("the webhook {}", target.name);
        Ok(Self {
            name: Self::name_of(target),
            url: Url::parse(target.url.as_str()).with_context(what)?,
            signer: Signer::new(&target.secret).with_context(what)?,
            client: client(settings.timeout)?,
            clock,
            timeout: settings.timeout,
            budget: settings.budget,
            concurrency: settings.concurrency,
            circuit: Circuit::new(),
            refusal: HealthFlag::of(&format!("the webhook {}", target.name)),
        })
    }

    async fn deliver_one(&self, delivery: &Delivery) -> DeliveryOutcome {
        let Some(body) = body(delivery) else {
            return DeliveryOutcome::Parked { reason: "the event's value is not JSON".into() };
        };
        let pass = match self.circuit.enter() {
            Ok(pass) => pass,
            Err(reason) => return self.again(delivery, None, reason),
        };
        let (outcome, class) = match self.post(delivery, body).await {
            Ok(()) => {
                pass.succeeded();
                self.refusal.clear();
                (DeliveryOutcome::Sent, "sent")
            }
            Err(Refusal::Gone) => {
                pass.succeeded();
                let reason = "answers 410 Gone: it wants no more; remove the webhook, or set its new URL";
                self.refusal.set_trouble(reason);
                (DeliveryOutcome::Parked { reason: reason.into() }, "gone")
            }
            Err(Refusal::NotNow { after, reason }) => {
                pass.failed(&format!("{} {reason}", self.name));
                (self.again(delivery, after, reason), "refused")
            }
        };
        metrics::counter!("fulfillment_webhook_requests_total", "webhook" => self.name.clone(), "outcome" => class)
            .increment(1);
        outcome
    }

    async fn post(&self, delivery: &Delivery, body: Vec<u8>) -> Result<(), Refusal> {
        let id = delivery.event.id.to_string();
        let timestamp = self.clock.now().as_second();
        let mut request = self
            .client
            .post(self.url.clone())
            .header(CONTENT_TYPE, "application/json")
            .header("webhook-id", &id)
            .header("webhook-timestamp", timestamp)
            .header("webhook-signature", self.signer.sign(&id, timestamp, &body));
        if let Some(traceparent) = header(delivery, "traceparent") {
            request = request.header("traceparent", traceparent);
        }
        let mut response = request
            .body(body)
            .send()
            .await
            .map_err(|error| Refusal::NotNow { after: None, reason: describe(&error, self.timeout) })?;
        let (status, after) = (response.status(), retry_after(response.headers()));
        let mut read = 0;
        while read < READ_OF_ANSWER
            && let Ok(Some(chunk)) = response.chunk().await
        {
            read += chunk.len();
        }
        match status {
            _ if status.is_success() => Ok(()),
            StatusCode::GONE => Err(Refusal::Gone),
            _ => {
                let reason = format!("answers {}", status.as_u16());
                let passes = matches!(
                    status,
                    StatusCode::REQUEST_TIMEOUT | StatusCode::TOO_EARLY | StatusCode::TOO_MANY_REQUESTS
                );
                if status.is_client_error() && !passes {
                    self.refusal
                        .set_trouble(format!("it {reason}: check its URL, its secret and its rights"));
                }
                Err(Refusal::NotNow { after, reason })
            }
        }
    }

    /// Another try, or none when the time for retries is over.
    fn again(&self, delivery: &Delivery, after: Option<Duration>, reason: String) -> DeliveryOutcome {
        let age = self.clock.now().duration_since(delivery.created_at);
        let left = self.budget.saturating_sub(Duration::try_from(age).unwrap_or_default());
        if left.is_zero() {
            let budget = humantime::format_duration(self.budget);
            return DeliveryOutcome::Parked { reason: format!("{reason}; given up after {budget}") };
        }
        let wait = BACKOFF.wait(delivery.attempts, rand::random()).max(after.unwrap_or_default());
        // The last try is at the end of that time, not long after it.
        DeliveryOutcome::Retry { after: wait.min(left), reason }
    }
}

enum Refusal {
    Gone,
    NotNow { after: Option<Duration>, reason: String },
}

#[async_trait]
impl Destination for WebhookDestination {
    fn name(&self) -> &str {
        &self.name
    }

    /// The number of events that fit three quarters of the lease even if each request takes its full timeout.
    fn batch(&self, lease: Duration) -> usize {
        let time = (lease * 3 / 4).as_secs();
        let turns = time.checked_div(self.timeout.as_secs().max(1)).unwrap_or(1).max(1);
        self.concurrency.saturating_mul(usize::try_from(turns).unwrap_or(1)).min(500)
    }

    async fn deliver(&self, batch: Vec<Delivery>) -> Vec<(i64, DeliveryOutcome)> {
        let mut outcomes = Vec::with_capacity(batch.len());
        let mut waiting: HashSet<TicketId> = HashSet::new();
        for round in rounds(batch) {
            let waits = &waiting;
            let done: Vec<_> = futures::stream::iter(round)
                .map(|delivery| async move {
                    let outcome = match delivery.event.ticket_id {
                        Some(ticket) if waits.contains(&ticket) => {
                            self.again(&delivery, None, "an earlier event of the ticket waits".into())
                        }
                        _ => self.deliver_one(&delivery).await,
                    };
                    (delivery, outcome)
                })
                .buffer_unordered(self.concurrency)
                .collect()
                .await;
            for (delivery, outcome) in done {
                if let (Some(ticket), DeliveryOutcome::Retry { .. }) = (delivery.event.ticket_id, &outcome) {
                    waiting.insert(ticket);
                }
                outcomes.push((delivery.outbox_id, outcome));
            }
        }
        outcomes
    }

    fn trouble(&self) -> Option<String> {
        self.circuit.trouble().or_else(|| self.refusal.trouble())
    }
}

fn body(delivery: &Delivery) -> Option<Vec<u8>> {
    let event = &delivery.event;
    let data: &RawValue = serde_json::from_slice(&event.value).ok()?;
    let timestamp = header(delivery, "ce_time").and_then(|t| t.parse().ok()).unwrap_or(delivery.created_at);
    serde_json::to_vec(&Envelope { r#type: event.kind.as_str(), timestamp, data }).ok()
}

fn header<'a>(delivery: &'a Delivery, name: &str) -> Option<&'a str> {
    let (_, value) = delivery.event.headers.iter().find(|(n, _)| n == name)?;
    std::str::from_utf8(value).ok()
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;
    use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};

    use axum::Router;
    use axum::http::HeaderMap;
    use axum::response::IntoResponse as _;
    use fulfillment_domain::clock::FixedClock;

    use super::*;
    use crate::in_order::testing::delivery;
    use crate::outbound::testing::{config, nobody, serve};

    const NOW: &str = "2026-11-22T18:31:00Z";

    fn webhook_at(address: std::net::SocketAddr, now: &str) -> WebhookDestination {
        let config = config(&[
            ("FULFILLMENT_WEBHOOK_URL", &format!("http://{address}/hook")),
            ("FULFILLMENT_WEBHOOK_SECRET", "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"),
            ("FULFILLMENT_WEBHOOK_TIMEOUT", "300ms"),
        ]);
        let clock = Arc::new(FixedClock(now.parse().unwrap()));
        WebhookDestination::new(&config.webhooks[0], &config.webhook, clock).unwrap()
    }

    async fn outcome_of(
        status: u16,
        headers: &'static [(&'static str, &'static str)],
        now: &str,
    ) -> DeliveryOutcome {
        let answer = move || async move {
            let mut response = StatusCode::from_u16(status).unwrap().into_response();
            for (name, value) in headers {
                response.headers_mut().insert(*name, value.parse().unwrap());
            }
            response
        };
        let webhook = webhook_at(serve(Router::new().fallback(answer)).await, now);
        webhook.deliver(vec![delivery(1, 7, "{}")]).await.remove(0).1
    }

    #[tokio::test]
    async fn posts_the_value_untouched_and_signed() {
        let got = Arc::new(Mutex::new(None));
        let keep = Arc::clone(&got);
        let address = serve(Router::new().fallback(move |headers: HeaderMap, body: String| async move {
            *keep.lock().unwrap() = Some((headers, body));
        }))
        .await;
        let webhook = webhook_at(address, NOW);
        assert_eq!(webhook.name(), "webhook:default");
        let sent = webhook.deliver(vec![delivery(5, 7, r#"{"price":0.10,"b":[1e0 ]}"#)]).await;
        assert_eq!(sent, [(5, DeliveryOutcome::Sent)]);
        let (headers, body) = got.lock().unwrap().take().unwrap();
        assert_eq!(
            body,
            r#"{"type":"ticket-issued","timestamp":"2026-11-22T18:30:00Z","data":{"price":0.10,"b":[1e0 ]}}"#
        );
        let id = "00000000-0000-0000-0000-000000000005";
        let timestamp: i64 = headers["webhook-timestamp"].to_str().unwrap().parse().unwrap();
        assert_eq!(headers["webhook-id"], id);
        assert_eq!(timestamp, NOW.parse::<jiff::Timestamp>().unwrap().as_second());
        assert_eq!(headers["webhook-signature"], webhook.signer.sign(id, timestamp, body.as_bytes()));
        assert_eq!(headers["content-type"], "application/json");
    }

    #[tokio::test]
    async fn what_is_refused_is_tried_again_until_the_budget_is_spent() {
        for status in [302, 400, 401, 404, 429, 500] {
            let outcome = outcome_of(status, &[], NOW).await;
            let DeliveryOutcome::Retry { after, reason } = outcome else { panic!("{status}: {outcome:?}") };
            assert!(after <= BACKOFF.first && reason.contains(&status.to_string()), "{after:?} {reason}");
        }
        let outcome = outcome_of(503, &[("retry-after", "120")], NOW).await;
        assert!(matches!(outcome, DeliveryOutcome::Retry { after, .. } if after == Duration::from_secs(120)));
        let outcome = outcome_of(503, &[("retry-after", "120")], "2026-11-25T18:29:30Z").await;
        assert!(matches!(outcome, DeliveryOutcome::Retry { after, .. } if after == Duration::from_secs(30)));
        let outcome = outcome_of(500, &[], "2026-11-25T18:30:00Z").await;
        assert!(
            matches!(outcome, DeliveryOutcome::Parked { reason } if reason.contains("given up after 3days"))
        );
        let outcome = outcome_of(410, &[], NOW).await;
        assert!(matches!(outcome, DeliveryOutcome::Parked { reason } if reason.contains("Gone")));
    }

    #[tokio::test]
    async fn nobody_there_is_trouble_after_a_while() {
        let webhook = webhook_at(nobody().await, NOW);
        let outcomes = webhook
            .deliver((1..=30).map(|i| delivery(i, u128::from(i.unsigned_abs()), "{}")).collect())
            .await;
        assert_eq!(outcomes.len(), 30);
        assert!(outcomes.iter().all(|(_, o)| matches!(o, DeliveryOutcome::Retry { .. })));
        assert!(webhook.trouble().unwrap().contains("cannot be reached"));
        let broken = webhook.deliver(vec![delivery(1, 1, "{")]).await;
        assert!(matches!(broken[0].1, DeliveryOutcome::Parked { .. }));
    }

    #[tokio::test]
    async fn a_ticket_waits_for_its_earlier_event() {
        let asked = Arc::new(AtomicUsize::new(0));
        let count = Arc::clone(&asked);
        let address = serve(Router::new().fallback(move |body: String| async move {
            count.fetch_add(1, SeqCst);
            if body.contains("bad") { StatusCode::INTERNAL_SERVER_ERROR } else { StatusCode::NO_CONTENT }
        }))
        .await;
        let batch =
            vec![delivery(1, 7, r#""bad""#), delivery(2, 8, r#""good""#), delivery(3, 7, r#""good""#)];
        let mut outcomes = webhook_at(address, NOW).deliver(batch).await;
        outcomes.sort_by_key(|(id, _)| *id);
        assert!(matches!(outcomes[0].1, DeliveryOutcome::Retry { .. }));
        assert_eq!(outcomes[1].1, DeliveryOutcome::Sent);
        assert!(
            matches!(&outcomes[2].1, DeliveryOutcome::Retry { reason, .. } if reason.contains("earlier event"))
        );
        assert_eq!(asked.load(SeqCst), 2);
    }
}
