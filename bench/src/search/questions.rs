//! What is asked over HTTP, and how long the answers take.

use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use fulfillment_tests::service::Service;
use fulfillment_tests::wait::eventually;
use serde_json::{Value, json};

use super::filling::{WITH_ADDRESS, event_of, mixed, name_of, paid_at, seat_of};
use crate::door::quantile;
use crate::figures::Figures;

/// The time that an answer may take.
const AIM: f64 = 50.0;

/// One question, the `n`th time.
type Question = (&'static str, &'static str, fn(usize) -> Value);

const QUESTIONS: &[Question] = &[
    ("a whole name", "/orders/search", |order| json!({ "name": name_of(order) })),
    (
        "a name in an event",
        "/orders/search",
        |order| json!({ "name": name_of(order), "event": event_of(order) }),
    ),
    ("a common name", "/orders/search", |_| json!({ "name": "muller" })),
    (
        "the beginning of names",
        "/tickets/search",
        |order| json!({ "name": name_of(order).chars().take(2).collect::<String>() }),
    ),
    ("two words that nobody has", "/orders/search", |_| json!({ "name": "anna xylophon" })),
    ("common words that nobody has", "/orders/search", |_| json!({ "name": "muller karl anna" })),
    ("a seat of an event", "/tickets/search", |order| {
        let (section, row, seat) = seat_of(order, 1);
        json!({ "event": event_of(order), "seat": format!("section {section} row {row} seat {seat}") })
    }),
    ("a seat of any event", "/tickets/search", |order| {
        let (section, row, seat) = seat_of(order, 1);
        json!({ "seat": format!("{section} {row} {seat}") })
    }),
    (
        "an e-mail address",
        "/orders/search",
        |order| json!({ "email": format!("buyer{}@example.org", order % WITH_ADDRESS) }),
    ),
    ("the newest", "/orders/search", |_| json!({})),
    ("tickets of an event", "/tickets/search", |order| json!({ "event": event_of(order) })),
    ("orders of an event", "/orders/search", |order| json!({ "event": event_of(order) })),
    ("issued within a day", "/orders/search", |order| {
        let from = paid_at(order).unwrap_or_default();
        json!({ "issuedFrom": from, "issuedTo": from + jiff::SignedDuration::from_hours(24) })
    }),
    ("void tickets", "/tickets/search", |_| json!({ "status": "voided" })),
    ("what is not issued", "/orders/search", |_| json!({ "state": ["received", "enriched", "parked"] })),
    ("a flag that nobody has", "/tickets/search", |_| json!({ "flag": "missing_glyphs" })),
    ("500 of an event", "/tickets/search", |order| json!({ "event": event_of(order), "limit": 500 })),
];

/// Asks each question this often.
pub(super) async fn ask(
    service: &Service,
    store: &str,
    tickets: usize,
    times: usize,
    figures: &mut Figures,
) -> Result<()> {
    // The addresses are read in the background.
    let last = json!({ "email": format!("buyer{}@example.org", WITH_ADDRESS - 1) });
    let is_read = async || {
        let answer = one(service, "/orders/search", &last).await?;
        Ok((!answer["items"].as_array().is_none_or(Vec::is_empty)).then_some(()))
    };
    eventually(Duration::from_secs(120), "the addresses are indexed", is_read).await?;
    for (name, path, question) in QUESTIONS {
        let (mut all, mut rows) = (Vec::with_capacity(times), 0);
        for n in 0..times {
            let question = question(mixed(n) % (tickets / 2).max(1));
            let begun = Instant::now();
            let answer = one(service, path, &question).await?;
            all.push(begun.elapsed());
            rows += answer["items"].as_array().map_or(0, Vec::len);
        }
        all.sort();
        eprintln!("bench: {name}: {:.1} rows an answer", rows as f64 / times as f64);
        figures.add_beside(format!("{store}: {name}, p50"), quantile(&all, 0.50), "ms", AIM);
        figures.add_beside(format!("{store}: {name}, p99"), quantile(&all, 0.99), "ms", AIM);
    }
    Ok(())
}

async fn one(service: &Service, path: &str, question: &Value) -> Result<Value> {
    let response = service.post(path, question.to_string()).await?;
    let status = response.status();
    let answer: Value = response.json().await?;
    ensure!(status.is_success(), "{path} {question}: {answer}");
    Ok(answer)
}
