//! A simulated Ordering and Identity service: each order's answers are scripted, including failures, and each call is
//! counted.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use anyhow::Result;
use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::{Path, State};
use axum::http::{HeaderMap, Response, StatusCode, header};
use axum::routing::get;
use futures::{StreamExt as _, stream};
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use uuid::Uuid;

/// The answer to one request.
#[derive(Debug, Clone)]
pub enum Answer {
    /// 200 with this object.
    Json(Value),
    /// This status and no body.
    Status(u16),
    /// This status, and `Retry-After` in seconds.
    RetryAfter(u16, u32),
    /// 200 with text that may not be JSON.
    Text(String),
    /// The answer after a delay.
    Slow(Duration, Box<Answer>),
    /// 200 with the length of the whole object, half of it, and a closed connection.
    Half(Value),
}

/// A running Ordering that is also Identity. It stops when dropped.
pub struct Ordering {
    base: String,
    book: Arc<Mutex<Book>>,
    server: JoinHandle<()>,
}

#[derive(Default)]
struct Book {
    /// Answers by path; the last answer of a list is repeated.
    scripts: HashMap<String, Vec<Answer>>,
    calls: HashMap<String, usize>,
    /// The `traceparent` of the last request, by path.
    traceparents: HashMap<String, String>,
    token: Option<String>,
    /// The answer for an order without a script, made from its id.
    otherwise: Option<fn(Uuid) -> Answer>,
    running: usize,
    most_at_once: usize,
}

impl Ordering {
    /// Starts on a free port. An order or user without a script is answered with 404.
    ///
    /// # Errors
    /// No port is free.
    pub async fn start() -> Result<Self> {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
        let base = format!("http://{}", listener.local_addr()?);
        let book = Arc::new(Mutex::new(Book::default()));
        let routes = Router::new()
            .route("/orders", get(list))
            .route("/orders/{id}", get(order))
            .route("/internal/users/{id}", get(user))
            .with_state(Arc::clone(&book));
        let server = tokio::spawn(async move {
            if let Err(error) = axum::serve(listener, routes).await {
                eprintln!("Ordering stopped: {error}");
            }
        });
        Ok(Self { base, book, server })
    }

    /// The value for `FULFILLMENT_ORDERING_URL` and `FULFILLMENT_IDENTITY_URL`.
    #[must_use]
    pub fn url(&self) -> &str {
        &self.base
    }

    /// Scripts the answers about an order, one per request; the last one is repeated. Replaces an earlier script.
    pub fn answer(&self, order: Uuid, answers: impl IntoIterator<Item = Answer>) {
        lock(&self.book).scripts.insert(format!("/orders/{order}"), answers.into_iter().collect());
    }

    /// Answers any order without a script, for tests with many.
    pub fn answer_others(&self, answer: fn(Uuid) -> Answer) {
        lock(&self.book).otherwise = Some(answer);
    }

    /// Scripts the answers to the list of paid orders, as [`Self::answer`] does.
    pub fn answer_list(&self, answers: impl IntoIterator<Item = Answer>) {
        lock(&self.book).scripts.insert("/orders".to_owned(), answers.into_iter().collect());
    }

    /// Scripts Identity's answers about a user, as [`Self::answer`] does.
    pub fn answer_user(&self, user: Uuid, answers: impl IntoIterator<Item = Answer>) {
        lock(&self.book).scripts.insert(format!("/internal/users/{user}"), answers.into_iter().collect());
    }

    /// From now on, requests without this token get 401; `None` removes the requirement.
    pub fn demand_token(&self, token: Option<&str>) {
        lock(&self.book).token = token.map(str::to_owned);
    }

    /// How often an order was requested, refused requests included.
    #[must_use]
    pub fn calls(&self, order: Uuid) -> usize {
        lock(&self.book).calls.get(&format!("/orders/{order}")).copied().unwrap_or(0)
    }

    /// The `traceparent` of the last request for an order.
    #[must_use]
    pub fn traceparent(&self, order: Uuid) -> Option<String> {
        lock(&self.book).traceparents.get(&format!("/orders/{order}")).cloned()
    }

    /// How often a user was requested.
    #[must_use]
    pub fn user_calls(&self, user: Uuid) -> usize {
        lock(&self.book).calls.get(&format!("/internal/users/{user}")).copied().unwrap_or(0)
    }

    /// The number of all requests.
    #[must_use]
    pub fn total(&self) -> usize {
        lock(&self.book).calls.values().sum()
    }

    /// The maximum number of concurrent requests.
    #[must_use]
    pub fn most_at_once(&self) -> usize {
        lock(&self.book).most_at_once
    }
}

impl Drop for Ordering {
    fn drop(&mut self) {
        self.server.abort();
    }
}

/// A row that no other order has: seats that are sold twice have their own tests.
fn row(order: Uuid) -> String {
    format!("{}", order.as_u128() % 1_000_000_007)
}

/// An order of one seat as Ordering writes it, which a test may change.
#[must_use]
pub fn one_seat(order: Uuid) -> Value {
    json!({
        "orderId": order,
        "customerEmail": "ada.lovelace@example.org",
        "eventId": "6f1c1f0e-53a1-4c5e-9a52-0c5d7f3f1a11",
        "eventName": "Analytical Engines, Live",
        "seatNumber": format!("Section A, Row {}, Seat 12", row(order)),
        "price": 59.5,
        "currency": "EUR",
    })
}

/// An order of `count` named seats in one row, with event details, which a test may change.
#[must_use]
pub fn seats(order: Uuid, count: usize) -> Value {
    let mut value = one_seat(order);
    let items: Vec<Value> = (1..=count)
        .map(|seat| {
            json!({
                "itemId": format!("{order}-{seat}"),
                "section": "A",
                "row": row(order),
                "seatNumber": seat.to_string(),
                "holderName": format!("Guest {seat}"),
                "category": "Stalls",
                "price": 59.5,
                "currency": "EUR",
            })
        })
        .collect();
    value["items"] = Value::Array(items);
    value["eventStartsAt"] = json!("2027-05-14T19:30:00+02:00");
    value["timeZone"] = json!("Europe/Berlin");
    value["venueName"] = json!("Great Hall");
    value["venueAddress"] = json!("1 Example Street, Berlin");
    value
}

async fn order(
    State(book): State<Arc<Mutex<Book>>>,
    Path(id): Path<String>,
    headers: HeaderMap,
) -> Response<Body> {
    serve(&book, format!("/orders/{id}"), id.parse().ok(), &headers).await
}

async fn list(State(book): State<Arc<Mutex<Book>>>, headers: HeaderMap) -> Response<Body> {
    serve(&book, "/orders".to_owned(), None, &headers).await
}

async fn user(
    State(book): State<Arc<Mutex<Book>>>,
    Path(id): Path<String>,
    headers: HeaderMap,
) -> Response<Body> {
    serve(&book, format!("/internal/users/{id}"), None, &headers).await
}

async fn serve(book: &Mutex<Book>, path: String, order: Option<Uuid>, headers: &HeaderMap) -> Response<Body> {
    let mut answer = lock(book).next(path, order, headers);
    while let Answer::Slow(delay, then) = answer {
        tokio::time::sleep(delay).await;
        answer = *then;
    }
    lock(book).running -= 1;
    write(answer)
}

impl Book {
    fn next(&mut self, path: String, order: Option<Uuid>, headers: &HeaderMap) -> Answer {
        self.running += 1;
        self.most_at_once = self.most_at_once.max(self.running);
        let answer = match (&self.token, self.scripts.get_mut(&path)) {
            (Some(token), _)
                if headers.get(header::AUTHORIZATION).is_none_or(|got| *got != format!("Bearer {token}")) =>
            {
                Answer::Status(401)
            }
            (_, Some(script)) if script.len() > 1 => script.remove(0),
            (_, Some(script)) => script.first().cloned().unwrap_or(Answer::Status(404)),
            (_, None) => match (self.otherwise, order) {
                (Some(make), Some(order)) => make(order),
                _ => Answer::Status(404),
            },
        };
        if let Some(traceparent) = headers.get("traceparent").and_then(|value| value.to_str().ok()) {
            self.traceparents.insert(path.clone(), traceparent.to_owned());
        }
        *self.calls.entry(path).or_default() += 1;
        answer
    }
}

fn write(answer: Answer) -> Response<Body> {
    let (status, body) = match answer {
        Answer::Json(value) => (200, Body::from(value.to_string())),
        Answer::Text(text) => (200, Body::from(text)),
        Answer::Status(status) => (status, Body::empty()),
        Answer::RetryAfter(status, seconds) => {
            let mut response = write(Answer::Status(status));
            response.headers_mut().insert(header::RETRY_AFTER, seconds.into());
            return response;
        }
        Answer::Half(value) => return half(&value),
        Answer::Slow(_, then) => return write(*then),
    };
    let mut response = Response::new(body);
    *response.status_mut() = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    response.headers_mut().insert(header::CONTENT_TYPE, header::HeaderValue::from_static("application/json"));
    response
}

/// A body that is truncated: its full length is announced, then the server closes the connection halfway.
fn half(value: &Value) -> Response<Body> {
    let text = value.to_string();
    let first = Bytes::copy_from_slice(&text.as_bytes()[..text.len() / 2]);
    // An immediate failure would discard the head and the first half before they are sent.
    let failure = async {
        tokio::time::sleep(Duration::from_millis(50)).await;
        Err("the rest is missing")
    };
    let parts = stream::once(async { Ok(first) }).chain(stream::once(failure));
    let mut response = Response::new(Body::from_stream(parts));
    response.headers_mut().insert(header::CONTENT_LENGTH, text.len().into());
    response
}

/// A panic in one test's thread must not hide the next test's answer.
fn lock(book: &Mutex<Book>) -> MutexGuard<'_, Book> {
    book.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rig::id;

    #[tokio::test]
    async fn a_script_is_followed_and_its_last_answer_stays() {
        let ordering = Ordering::start().await.unwrap();
        let order = id();
        ordering
            .answer(order, [Answer::Status(404), Answer::RetryAfter(503, 7), Answer::Json(one_seat(order))]);
        let url = format!("{}/orders/{order}", ordering.url());
        let mut statuses = Vec::new();
        for _ in 0..4 {
            statuses.push(reqwest::get(&url).await.unwrap().status().as_u16());
        }
        assert_eq!(statuses, [404, 503, 200, 200]);
        assert_eq!(ordering.calls(order), 4);
        let value: Value = reqwest::get(&url).await.unwrap().json().await.unwrap();
        assert_eq!(value["orderId"], order.to_string());
    }

    #[tokio::test]
    async fn half_a_body_breaks_off() {
        let ordering = Ordering::start().await.unwrap();
        let order = id();
        ordering.answer(order, [Answer::Half(one_seat(order))]);
        let response = reqwest::get(format!("{}/orders/{order}", ordering.url())).await.unwrap();
        assert_eq!(response.status(), 200);
        response.bytes().await.expect_err("the body is cut");
    }

    #[tokio::test]
    async fn a_demanded_token_is_looked_at() {
        let ordering = Ordering::start().await.unwrap();
        ordering.answer_others(|order| Answer::Json(one_seat(order)));
        ordering.demand_token(Some("open sesame"));
        let url = format!("{}/orders/{}", ordering.url(), id());
        assert_eq!(reqwest::get(&url).await.unwrap().status(), 401);
        let told = reqwest::Client::new().get(&url).bearer_auth("open sesame").send().await.unwrap();
        assert_eq!(told.status(), 200);
    }
}
