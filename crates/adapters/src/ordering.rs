//! Client of Ordering over HTTP: `GET {base}/orders/{orderId}`, and `GET {base}/orders?paidSince={time}` if Ordering
//! has it.

use std::collections::HashSet;

use anyhow::Context as _;
use async_trait::async_trait;
use bytes::Bytes;
use fulfillment_config as config;
use fulfillment_domain::{Failure, OrderId, Paid, PaidPage, Unreadable};
use fulfillment_pipeline::ports::{Availability, Ordering, OrderingError};
use jiff::Timestamp;
use reqwest::header::HeaderMap;

use super::outbound::{Limits, Unanswered, Upstream, next_link, total};

/// The most pages of a list.
const MOST_PAGES: u64 = 10_000;

/// The client; a call makes one request, or one per page of a list.
pub struct OrderingClient(Upstream);

impl OrderingClient {
    /// `settings.url` must be set.
    pub fn new(settings: &config::Ordering) -> anyhow::Result<Self> {
        let base = settings.url.as_ref().context("ordering.url is not set")?;
        let limits = Limits {
            timeout: settings.timeout,
            concurrency: settings.concurrency,
            max_answer: settings.max_answer.0,
        };
        Ok(Self(Upstream::new("Ordering", base, settings.token.as_ref(), limits)?))
    }

    /// The orders paid since then, from as many pages as Ordering returns.
    ///
    /// # Errors
    /// As for one order; and for a list that declares itself incomplete, or whose next page has no address that may be
    /// requested.
    pub async fn paid_since(&self, since: Timestamp) -> Result<Vec<Paid>, OrderingError> {
        let refused =
            |why: &Unreadable| OrderingError::Failed(Failure::permanent(format!("Ordering's list: {why}")));
        let mut url = self.0.url(&["orders"], &[("paidSince", &*since.to_string())]);
        let mut all = PaidPage::default();
        let mut asked = HashSet::new();
        loop {
            let (headers, body) = self.0.fetch(url.clone(), None).await?;
            all.extend(page(&headers, &body).map_err(|why| refused(&why))?);
            asked.insert(url.clone());
            let Some(next) = all.next.take() else { break };
            // The token is sent with each request, so it must not go to another host.
            let target = url.join(&next).ok().filter(|target| target.origin() == url.origin());
            let why = match target {
                None => "its next page is on another server, or nowhere",
                Some(target) if asked.contains(&target) => "its next page is one that was read before",
                Some(_) if asked.len() as u64 >= MOST_PAGES => "it has more pages than are read",
                Some(target) => {
                    url = target;
                    continue;
                }
            };
            return Err(refused(&Unreadable::whole(why)));
        }
        all.whole(asked.len() as u64).map_err(|why| refused(&why))
    }

    /// What is wrong with Ordering, judged by the last requests.
    pub fn trouble(&self) -> Option<String> {
        self.0.trouble()
    }
}

/// Parses a page from its body and headers.
fn page(headers: &HeaderMap, body: &[u8]) -> Result<PaidPage, Unreadable> {
    let mut page = PaidPage::read(body)?;
    page.next = page.next.take().or_else(|| next_link(headers));
    page.total = page.total.max(total(headers));
    for (name, value) in headers {
        if let Ok(value) = value.to_str() {
            page.header(name.as_str(), value);
        }
    }
    Ok(page)
}

#[async_trait]
impl Ordering for OrderingClient {
    async fn order(&self, id: OrderId, traceparent: Option<&str>) -> Result<Bytes, OrderingError> {
        self.0.get(&["orders", &id.to_string()], &[], traceparent).await.map_err(OrderingError::from)
    }

    fn availability(&self) -> Availability {
        self.0.availability()
    }
}

impl From<Unanswered> for OrderingError {
    fn from(unanswered: Unanswered) -> Self {
        match unanswered {
            Unanswered::NotFound => Self::Unknown,
            Unanswered::Failed(failure) => Self::Failed(failure),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::net::SocketAddr;
    use std::sync::Arc;
    use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
    use std::time::Duration;

    use axum::Router;
    use axum::extract::Path;
    use axum::http::{HeaderMap, StatusCode};
    use axum::response::IntoResponse as _;
    use axum::routing::get;
    use fulfillment_domain::Decision;
    use uuid::Uuid;

    use super::*;
    use crate::outbound::testing::{config, nobody, serve, serve_raw};

    const ORDER: OrderId = OrderId(Uuid::from_u128(7));
    const TRACE: &str = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";

    fn client(address: SocketAddr, more: &[(&str, &str)]) -> OrderingClient {
        let url = format!("http://{address}/base");
        let variables: Vec<_> =
            [("FULFILLMENT_ORDERING_URL", url.as_str())].into_iter().chain(more.iter().copied()).collect();
        OrderingClient::new(&config(&variables).ordering).unwrap()
    }

    async fn decision(address: SocketAddr) -> (Decision, String) {
        match client(address, &[("FULFILLMENT_ORDERING_TIMEOUT", "200ms")])
            .order(ORDER, None)
            .await
            .unwrap_err()
        {
            OrderingError::Failed(failure) => (failure.decision, failure.reason),
            OrderingError::Unknown => panic!("unknown"),
        }
    }

    async fn answering(status: u16, headers: &'static [(&'static str, &'static str)]) -> SocketAddr {
        let answer = move || async move {
            let mut response = StatusCode::from_u16(status).unwrap().into_response();
            for (name, value) in headers {
                response.headers_mut().insert(*name, value.parse().unwrap());
            }
            response
        };
        serve(Router::new().fallback(answer)).await
    }

    #[tokio::test]
    async fn asks_with_token_and_trace_context_and_answers_with_the_body() {
        let router = Router::new().route(
            "/base/orders/{id}",
            get(|Path(id): Path<String>, headers: HeaderMap| async move {
                assert_eq!(headers["authorization"], "Bearer hush");
                format!("{id} {}", headers["traceparent"].to_str().unwrap())
            }),
        );
        let client = client(serve(router).await, &[("FULFILLMENT_ORDERING_TOKEN", "hush")]);
        let body = client.order(ORDER, Some(TRACE)).await.unwrap();
        assert_eq!(body, format!("{ORDER} {TRACE}"));
        assert_eq!(client.trouble(), None);
    }

    /// Answers `GET /base/orders` by its query.
    async fn listing(
        answer: impl Fn(&str) -> (HeaderMap, String) + Clone + Send + Sync + 'static,
    ) -> OrderingClient {
        let handler = move |axum::extract::RawQuery(query): axum::extract::RawQuery| async move {
            answer(&query.unwrap_or_default())
        };
        let router = Router::new().route("/base/orders", get(handler));
        client(serve(router).await, &[("FULFILLMENT_ORDERING_TOKEN", "hush")])
    }

    async fn paid(client: &OrderingClient) -> Result<Vec<u128>, String> {
        let listed = client.paid_since("2026-11-22T18:30:00Z".parse().unwrap()).await;
        match listed {
            Ok(listed) => Ok(listed.iter().map(|paid| paid.payment.order_id.0.as_u128()).collect()),
            Err(OrderingError::Failed(failure)) => Err(failure.reason),
            Err(OrderingError::Unknown) => Err("unknown".to_owned()),
        }
    }

    fn id(n: u128) -> Uuid {
        Uuid::from_u128(n)
    }

    #[tokio::test]
    async fn asks_what_was_paid_since_page_by_page() {
        let first = "paidSince=2026-11-22T18%3A30%3A00Z";
        let whole = listing(move |query| {
            assert_eq!(query, first);
            (HeaderMap::new(), format!(r#"["{}"]"#, id(1)))
        });
        assert_eq!(paid(&whole.await).await, Ok(vec![1]));

        let linked = listing(move |query| {
            let list = |n, next: &str| format!(r#"{{"orders":["{}"],"total":3{next}}}"#, id(n));
            let body = match query {
                "p=2" => list(2, r#","nextLink":"?p=3""#),
                "p=3" => list(3, r#","nextLink":null"#),
                _ => list(1, r#","nextLink":"orders?p=2","hasMore":true"#),
            };
            (HeaderMap::new(), body)
        });
        assert_eq!(paid(&linked.await).await, Ok(vec![1, 2, 3]));

        let in_headers = listing(move |query| {
            let mut headers = HeaderMap::new();
            headers.insert("x-total-count", "2".parse().unwrap());
            if query == first {
                headers.insert("link", "</base/orders?p=2>; rel=\"next\"".parse().unwrap());
                return (headers, format!(r#"["{}"]"#, id(1)));
            }
            (headers, format!(r#"["{}"]"#, id(2)))
        });
        assert_eq!(paid(&in_headers.await).await, Ok(vec![1, 2]));
    }

    #[tokio::test]
    async fn a_list_that_is_not_whole_is_refused() {
        for (more, said) in [
            (r#""hasMore":true"#, "hasMore"),
            (r#""total":2"#, "announces 2 orders and lists 1"),
            (r#""nextLink":"http://elsewhere.example/orders""#, "on another server"),
            (r#""nextLink":"//elsewhere.example/orders""#, "on another server"),
            (r#""nextLink":"https://[""#, "on another server"),
            (r#""nextLink":"?p=1""#, "read before"),
        ] {
            let client =
                listing(move |_| (HeaderMap::new(), format!(r#"{{"orders":["{}"],{more}}}"#, id(1)))).await;
            let why = paid(&client).await.unwrap_err();
            assert!(why.contains(said) && !why.contains("elsewhere"), "{more}: {why}");
        }
        // One of each kind: the formats are tested where they are parsed.
        for (name, value, said) in
            [("content-range", "items 0-0/7", "announces 7"), ("x-total-pages", "7", "has 7 pages")]
        {
            let counted = listing(move |_| {
                let mut headers = HeaderMap::new();
                headers.insert(name, value.parse().unwrap());
                (headers, format!(r#"["{}"]"#, id(1)))
            });
            let why = paid(&counted.await).await.unwrap_err();
            assert!(why.contains(said), "{name}: {why}");
        }
    }

    #[tokio::test]
    async fn statuses_fall_into_their_classes() {
        let transient = |after: Option<u64>| Decision::Transient { after: after.map(Duration::from_secs) };
        for (status, headers, expected) in [
            (408, &[][..], transient(None)),
            (425, &[], transient(None)),
            (429, &[("retry-after", "7")], transient(Some(7))),
            (
                429,
                &[
                    ("retry-after", "Sun, 22 Nov 2026 18:30:09 GMT"),
                    ("date", "Sun, 22 Nov 2026 18:30:00 GMT"),
                ],
                transient(Some(9)),
            ),
            (500, &[], transient(None)),
            (503, &[("retry-after", "3")], transient(Some(3))),
            (400, &[], Decision::Permanent),
            (410, &[], Decision::Permanent),
            (401, &[], Decision::Blocked),
            (403, &[], Decision::Blocked),
            (302, &[("location", "/base/elsewhere")], Decision::Blocked),
        ] {
            let (decision, reason) = decision(answering(status, headers).await).await;
            assert_eq!(decision, expected, "{status}");
            assert!(reason.contains(&status.to_string()), "{reason}");
        }
        let unknown = client(answering(404, &[]).await, &[]).order(ORDER, None).await;
        assert_eq!(unknown, Err(OrderingError::Unknown));
    }

    #[tokio::test]
    async fn broken_slow_and_absent_answers_are_transient() {
        let half = serve_raw(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{\"orderId\":").await;
        let garbage = serve_raw(b"what?\r\n\r\n").await;
        let slow = serve(Router::new().fallback(|| async {
            tokio::time::sleep(Duration::from_secs(5)).await;
        }))
        .await;
        for (address, said) in [
            (half, "amid its answer"),
            (garbage, "ends the connection"),
            (slow, "within 200ms"),
            (nobody().await, "cannot be reached"),
        ] {
            let (decision, reason) = decision(address).await;
            assert_eq!(decision, Decision::Transient { after: None }, "{reason}");
            assert!(reason.contains(said), "{said} not in {reason}");
            assert!(!reason.contains("/orders/"), "no URL: {reason}");
        }
    }

    #[tokio::test]
    async fn an_answer_above_the_limit_is_refused_with_and_without_a_length() {
        let long = serve(Router::new().fallback(|| async { "x".repeat(5000) })).await;
        let endless = serve(Router::new().fallback(|| async {
            axum::body::Body::from_stream(futures::stream::repeat_with(|| {
                Ok::<_, std::io::Error>("x".repeat(999))
            }))
        }))
        .await;
        for address in [long, endless] {
            let client = client(address, &[("FULFILLMENT_ORDERING_MAX_ANSWER", "4KiB")]);
            let OrderingError::Failed(failure) = client.order(ORDER, None).await.unwrap_err() else {
                panic!()
            };
            assert_eq!(failure.decision, Decision::Permanent);
            assert!(failure.reason.contains("larger than 4096 bytes"), "{failure}");
        }
    }

    #[tokio::test]
    async fn refused_wholesale_it_stops_asking_and_says_so() {
        let asked = Arc::new(AtomicUsize::new(0));
        let count = Arc::clone(&asked);
        let address = serve(Router::new().fallback(move || async move {
            count.fetch_add(1, SeqCst);
            StatusCode::UNAUTHORIZED
        }))
        .await;
        let client = client(address, &[]);
        for _ in 0..20 {
            let OrderingError::Failed(failure) = client.order(ORDER, None).await.unwrap_err() else {
                panic!()
            };
            assert_eq!(failure.decision, Decision::Blocked);
        }
        assert_eq!(asked.load(SeqCst), 5);
        assert!(client.trouble().unwrap().contains("ordering.token"));
    }

    #[tokio::test]
    async fn never_asks_more_at_once_than_it_may() {
        let (now, most) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
        let (n, m) = (Arc::clone(&now), Arc::clone(&most));
        let address = serve(Router::new().fallback(move || async move {
            m.fetch_max(n.fetch_add(1, SeqCst) + 1, SeqCst);
            tokio::time::sleep(Duration::from_millis(20)).await;
            n.fetch_sub(1, SeqCst);
            "{}"
        }))
        .await;
        let client = client(address, &[("FULFILLMENT_ORDERING_CONCURRENCY", "3")]);
        let answers = futures::future::join_all((0..12).map(|_| client.order(ORDER, None))).await;
        assert!(answers.iter().all(Result::is_ok));
        assert_eq!(most.load(SeqCst), 3);
    }
}
