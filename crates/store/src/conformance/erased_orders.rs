//! Conformance of what comes of an erased order later: letters, reasons that somebody types, files that are left.

use std::time::Duration;

use fulfillment_domain::{Delivered, TicketId};
use tokio::task::yield_now;

use super::Backend;
use super::fixtures::{
    LONG, at, desk, ingest, issued, letters, loudly, message, order, quietly, recorded, refund, to_kafka,
    withdraw,
};
use crate::{AttentionScope, Incoming, IngestOutcome};

/// A name that only messages and operators say.
const NAME: &str = "Ada Byron";

/// A message that cannot be read and names an order.
fn unreadable(n: i64, of: u32) -> Incoming {
    message(n, format!(r#"{{"order":"{}","name":"{NAME}"#, order(of)).to_uppercase().as_bytes())
}

/// Where the name is written in letters, their events, refunds, the attention list, histories and tickets.
async fn named(backend: &dyn Backend) -> Vec<String> {
    let store = backend.store();
    let says = |text: &[u8]| String::from_utf8_lossy(text).to_lowercase().contains(&NAME.to_lowercase());
    let mut named = Vec::new();
    for letter in letters(&*store, true).await {
        let headers = letter.headers.iter().any(|(_, value)| says(value));
        if headers || says(&letter.raw) || letter.key.as_deref().is_some_and(says) {
            named.push(format!("letter {}", letter.record.id));
        }
    }
    // A row's bytes are compared in this process: the stores write them in different ways.
    for delivery in store.claim_deliveries("kafka", 1_000, LONG).await.unwrap() {
        if says(&delivery.event.value) || delivery.event.headers.iter().any(|(_, value)| says(value)) {
            named.push(format!("event {:?}", delivery.event.kind));
        }
    }
    for (table, column) in [
        ("withdrawals", "note"),
        ("withdrawals", "reason"),
        ("order_attention", "acknowledged_why"),
        ("ticket_history", "why"),
        ("tickets", "void_reason"),
        ("orders", "reason"),
        ("dead_letters", "note"),
        ("dead_letters", "reason"),
    ] {
        let sql = format!("SELECT count(*) FROM {table} WHERE {column} LIKE '%{NAME}%'");
        if backend.number(&sql).await > 0 {
            named.push(format!("{table}.{column}"));
        }
    }
    named
}

/// A dead letter that comes after the erasure of an order that it names is kept without its content.
pub async fn letters_that_come_later(backend: &dyn Backend) {
    let store = backend.store();
    issued(&*store, 2, 1).await;
    let mut by_key = message(3, format!("{{ {NAME}").as_bytes());
    by_key.key = Some(order(1).to_string().into_bytes());
    ingest(&*store, &[by_key.clone(), unreadable(4, 1)]).await;
    assert_eq!(named(backend).await, ["letter 1", "letter 2", "event DeadLetter", "event DeadLetter"]);
    assert_eq!(store.erase(order(1), &desk()).await.unwrap().unwrap().letters, 2);
    assert_eq!(named(backend).await, [""; 0]);

    by_key.raw.push(b'!');
    let mut by_header = unreadable(6, 1);
    by_header.headers = vec![("customer".into(), NAME.as_bytes().to_vec())];
    let of_another = refund(7, 2, 2, &format!(r#","who":"{NAME}","of":"{}""#, order(1)));
    ingest(&*store, &[by_key, unreadable(5, 1), by_header, of_another.clone()]).await;
    let contradiction = refund(7, 2, 2, &format!(r#","amount":1,"who":"{NAME}","of":"{}""#, order(1)));
    assert_eq!(withdraw(&*store, contradiction).await, IngestOutcome::Quarantined(order(2)));
    let contradiction = format!(
        r#"{{"paymentId":"pay-1","orderId":"{}","amount":7,"currency":"EUR","name":"{NAME}"}}"#,
        order(1)
    );
    let outcomes = ingest(&*store, &[message(8, contradiction.as_bytes())]).await;
    assert_eq!(outcomes, [IngestOutcome::Quarantined(order(1))]);
    assert_eq!(named(backend).await, [""; 0]);
    assert_eq!(backend.number("SELECT count(*) FROM dead_letters WHERE closed_at IS NULL").await, 0);

    ingest(&*store, &[unreadable(9, 2)]).await;
    assert_eq!(named(backend).await.len(), 2, "one of an order that is there is kept whole");
}

/// However a letter spells the order's id: in a string of JSON, without hyphens, escaped, or in base64.
pub async fn letters_in_any_spelling(backend: &dyn Backend) {
    /// `{"orderId":"...","name":"Ada Byron"` of order 1.
    const ENCODED: &str =
        "eyJvcmRlcklkIjoiMGYwMDAwMDAtMDAwMC00MDAwLTgwMDAtMDAwMDAwMDAwMDAxIiwibmFtZSI6IkFkYSBCeXJvbiI=";
    let store = backend.store();
    issued(&*store, 2, 1).await;
    let said = |n: u32, round: i64| {
        let (id, simple) = (order(n).to_string(), order(n).0.simple());
        let spellings = [
            format!(r#"{{"orderId":"{simple}","name":"{NAME}""#),
            format!(r#"{{"orderId":"{}","name":"{NAME}""#, id.replace('-', "\\u002d")),
            format!(r#"{{"orderId":"\u0030{}","name":"{NAME}""#, &id[1..]),
            format!(
                r#"{{"messageType":["urn:message:Paid"],"message":{{"order":"{simple}","name":"{NAME}"}}}}"#
            ),
            format!(r#"{{"body":"{{\"order\":\"{}\"}}","name":"{NAME}"}}"#, id.replace('-', "\\\\u002D")),
        ];
        let letters = (10 * (i64::from(n) + 2 * round)..).zip(spellings);
        letters.map(|(at, text)| message(at, text.as_bytes())).collect::<Vec<_>>()
    };
    let encoded = |at: i64| {
        message(
            at,
            format!(r#"{{"specversion":"1.0","name":"{NAME}","data_base64":"{ENCODED}"}}"#).as_bytes(),
        )
    };
    let mut by_key = message(2, NAME.as_bytes());
    by_key.key = Some(order(1).0.simple().to_string().into_bytes());
    ingest(&*store, &[by_key.clone(), encoded(1)]).await;
    ingest(&*store, &said(1, 1)).await;
    ingest(&*store, &said(2, 1)).await;
    let of_another = message(3, format!(r#"{{"x":"\u0041","y":"data_base64","name":"{NAME}"}}"#).as_bytes());
    ingest(&*store, &[of_another]).await;
    assert_eq!(store.erase(order(1), &desk()).await.unwrap().unwrap().letters, 7);
    let whole = async || backend.number("SELECT count(*) FROM dead_letters WHERE length(raw) > 0").await;
    assert_eq!(whole().await, 6, "those of another order and of none");
    assert_eq!(named(backend).await.len(), 12, "and their events");

    by_key.raw.push(b'!');
    ingest(&*store, &[by_key, encoded(4)]).await;
    ingest(&*store, &said(1, 9)).await;
    assert_eq!(backend.number("SELECT count(*) FROM dead_letters").await, 20);
    assert_eq!(whole().await, 6, "what comes later too");
    assert_eq!(named(backend).await.len(), 6, "no event either: those of before are lent");
}

/// The channel of a delivery may name somebody: it is not kept once the ticket is erased.
pub async fn channels_of_later_deliveries(backend: &dyn Backend) {
    let store = backend.store();
    let id = issued(&*store, 1, 1).await[0].id;
    store.erase(order(1), &desk()).await.unwrap().unwrap();
    let word =
        Delivered { ticket_id: id, channel: Some(NAME.into()), delivered_at: Some(at()), generation: None };
    let delivered = store.deliver(&word, at()).await.unwrap().unwrap();
    assert!(delivered.lifecycle.delivered_at.is_some());
    assert_eq!(delivered.lifecycle.delivery_channel, None);
}

/// Whichever comes first, the letter or the erasure: nothing of the letter is left.
pub async fn letters_while_it_is_erased(backend: &dyn Backend) {
    const ORDERS: u32 = 40;
    let store = backend.store();
    issued(&*store, ORDERS, 1).await;
    let other = backend.another().await;
    let writing = tokio::spawn(async move {
        for n in 1..=ORDERS {
            ingest(&*other, &[unreadable(i64::from(n), n)]).await;
            yield_now().await;
        }
    });
    for n in 1..=ORDERS {
        assert!(store.erase(order(n), &desk()).await.unwrap().is_some());
        yield_now().await;
    }
    writing.await.unwrap();
    assert_eq!(named(backend).await, [""; 0]);
}

async fn enter(backend: &dyn Backend, n: u32, reason: &str) {
    let sql = format!(
        "INSERT INTO order_attention (order_id, reason, detail, since, shows_at) VALUES \
         ('{}', '{reason}', '', '2026-11-01T00:00:00.000000Z', '2026-11-01T00:00:00.000000Z')",
        order(n)
    );
    backend.execute(&sql).await;
}

/// Whatever operators say about an order leaves with it, and what they say later is not written.
pub async fn reasons_that_people_type(backend: &dyn Backend) {
    let store = backend.store();
    let tickets = issued(&*store, 2, 2).await;
    let say_all = async |n: u32, round: u32, ticket: TicketId| {
        let scope = AttentionScope::Order(order(n));
        enter(backend, n, if round == 0 { "overpaid" } else { "void_but_paid" }).await;
        assert_eq!(store.acknowledge(&scope, NAME, &desk()).await.unwrap(), 1);
        let waiting = refund(100 * n + round, n, n, r#","items":[{"itemId":"none","quantity":1}]"#);
        assert!(recorded(&*store, waiting).await.is_open());
        let key = format!("refund:r-{}", 100 * n + round);
        assert!(store.lift_withdrawal(&key, NAME, &desk()).await.unwrap());
        assert!(store.void_ticket(ticket, NAME, &loudly(), &desk()).await.unwrap());
    };
    say_all(1, 0, tickets[0].id).await;
    say_all(2, 0, tickets[2].id).await;
    // An order that only a refund has named.
    store.ingest(&[refund(9, 9, 9, "")], &to_kafka(), &quietly()).await.unwrap();
    assert!(store.lift_unpaid(order(9), NAME, &desk()).await.unwrap());
    for n in [1, 2, 9] {
        store.erase(order(n), &desk()).await.unwrap().unwrap();
    }
    assert_eq!(named(backend).await, [""; 0]);
    say_all(1, 1, tickets[1].id).await;
    store.ingest(&[refund(10, 9, 9, "")], &to_kafka(), &quietly()).await.unwrap();
    assert!(store.lift_unpaid(order(9), NAME, &desk()).await.unwrap());
    assert_eq!(named(backend).await, [""; 0]);
    let void = store.ticket(tickets[1].id).await.unwrap().unwrap();
    assert_eq!(void.lifecycle.void_reason.as_deref(), Some("erased"));
}

/// Files are due until they were removed, however long their storage was away, and again while a worker may write one.
pub async fn files_until_they_are_removed(backend: &dyn Backend) {
    let store = backend.store();
    let tickets = issued(&*store, 2, 1).await;
    let (hour, day) = (Duration::from_secs(3600), Duration::from_secs(24 * 3600));
    assert_eq!(store.files_due(9).await.unwrap(), []);
    let mut expected = Vec::new();
    for n in 1..=2 {
        expected.extend(store.erase(order(n), &desk()).await.unwrap().unwrap().files);
    }
    let due = async || {
        let mut due = store.files_due(9).await.unwrap();
        due.sort();
        due
    };
    expected.sort();
    assert_eq!(due().await, expected);
    assert_eq!(store.files_due(1).await.unwrap().len(), 1);
    let (first, second) = (expected[0].0, expected[1].0);
    assert!(tickets.iter().any(|t| t.id == first));
    store.files_tried(&[(first, true), (second, false)], day, Duration::ZERO).await.unwrap();
    assert_eq!(due().await, expected[1..], "one that could not be removed is due again");
    store.files_tried(&[(second, false)], day, hour).await.unwrap();
    assert_eq!(due().await, [], "after the time given");
    let left = "SELECT count(*) FROM erased_files";
    assert_eq!(backend.number(left).await, 2, "a worker may write one yet");

    // The storage was away for longer than any worker can have a file.
    let long_ago = "'2001-01-01T00:00:00.000000Z'";
    backend.execute(&format!("UPDATE tickets SET erased_at = {long_ago}")).await;
    backend.execute(&format!("UPDATE erased_files SET due_at = {long_ago}")).await;
    store.erase(order(1), &desk()).await.unwrap().unwrap();
    assert_eq!(due().await, expected);
    store.files_tried(&[(first, true), (second, true)], day, hour).await.unwrap();
    assert_eq!(due().await, []);
    assert_eq!(backend.number(left).await, 0);
}
