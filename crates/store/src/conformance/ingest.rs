//! Conformance of the inbox: ingestion of payments.

use fulfillment_domain::{EventKind, OrderState};

use super::Backend;
use super::fixtures::{
    LONG, at_once, at_stored, ingest, letters, loudly, message, order, paid, payment, quietly, rows, to_kafka,
};
use crate::{DeadLetterRoute, IngestOutcome};

/// A later version may add a constraint while this one still runs beside it.
pub async fn a_later_constraint_refuses_no_payment(backend: &dyn Backend) {
    let store = backend.store();
    ingest(&*store, &[payment(1, 1, "5")]).await;
    backend.execute("CREATE UNIQUE INDEX later ON inbox (outcome)").await;
    for batch in [&[payment(2, 2, "5"), payment(3, 3, "5")][..], &[payment(2, 2, "5")]] {
        let refused = store.ingest(batch, &to_kafka(), &loudly()).await.unwrap_err();
        assert!(matches!(refused, crate::StoreError::Unmet(_)), "{refused:?}");
    }
    backend.execute("DROP INDEX later").await;
    assert_eq!(ingest(&*store, &[payment(2, 2, "5")]).await, [IngestOutcome::New(order(2))]);
}

pub async fn new_duplicate_already_paid(backend: &dyn Backend) {
    let store = backend.store();
    let batch = [payment(1, 1, "5.00"), payment(1, 1, "5"), payment(2, 1, "5"), payment(3, 2, "6")];
    let outcomes = ingest(&*store, &batch).await;
    let (one, two) = (order(1), order(2));
    assert_eq!(
        outcomes,
        [
            IngestOutcome::New(one),
            IngestOutcome::Duplicate(one),
            IngestOutcome::AlreadyPaid(one),
            IngestOutcome::New(two)
        ]
    );
    assert_eq!(
        ingest(&*store, &[payment(2, 1, "5.000"), payment(4, 2, "6")]).await,
        [IngestOutcome::Duplicate(one), IngestOutcome::AlreadyPaid(two)]
    );
    let record = store.order(one).await.unwrap().unwrap();
    assert_eq!(record.state, OrderState::Received);
    assert_eq!(record.received_at, at_stored());
    let payments: Vec<_> =
        record.payments.iter().map(|p| (p.key.as_str(), p.outcome.as_str(), p.duplicates)).collect();
    assert_eq!(payments, [("pay-1", "accepted", 1), ("pay-2", "already_paid", 1)]);
    let again = store.order(two).await.unwrap().unwrap().payments;
    assert_eq!((again[0].duplicates, again[1].outcome.as_str()), (0, "already_paid"));
    assert_eq!(store.claim("w", 10, LONG).await.unwrap().len(), 2);
}

pub async fn keeps_raw_bytes(backend: &dyn Backend) {
    let store = backend.store();
    let mut odd = payment(1, 1, "5");
    odd.raw.extend(b" \0\xff");
    ingest(&*store, &[odd.clone(), message(2, b"\0 no JSON \xff")]).await;
    let length = i64::try_from(odd.raw.len()).unwrap();
    assert_eq!(backend.number("SELECT length(raw) FROM inbox").await, length);
    assert_eq!(backend.number("SELECT length(key) FROM inbox").await, 4);
    assert_eq!(backend.number("SELECT length(raw) FROM dead_letters").await, 11);
    let lent = store.claim_deliveries("kafka", 10, LONG).await.unwrap();
    assert_eq!(lent[0].event.value, b"\0 no JSON \xff");
    assert_eq!(lent[0].event.key.as_deref(), Some(&b"key\0"[..]));
    assert_eq!(lent[0].event.headers[0], ("h".to_owned(), vec![0xff, 0]));
}

pub async fn one_key_another_content(backend: &dyn Backend) {
    let store = backend.store();
    let batch = [payment(1, 1, "5"), payment(1, 1, "6"), payment(1, 2, "5")];
    let outcomes = ingest(&*store, &batch).await;
    assert_eq!(
        outcomes,
        [
            IngestOutcome::New(order(1)),
            IngestOutcome::Quarantined(order(1)),
            IngestOutcome::Quarantined(order(2))
        ]
    );
    let mut later = payment(1, 2, "5");
    paid(&mut later).currency = None;
    later.raw.push(b' ');
    assert_eq!(ingest(&*store, &[later]).await, [IngestOutcome::Quarantined(order(2))]);
    assert!(store.order(order(2)).await.unwrap().is_none(), "a quarantined payment makes no order");
    let summary = store.summary().await.unwrap();
    assert_eq!((summary.quarantined, summary.dead_lettered, summary.undelivered), (3, 0, 3));
    assert_eq!(store.order(order(1)).await.unwrap().unwrap().payments.len(), 1);
}

pub async fn poison_among_good(backend: &dyn Backend) {
    let store = backend.store();
    let mut worse = message(3, br#"{"orderId":"x"}"#);
    worse.content.as_mut().unwrap_err().reason.push('\0');
    let batch = [payment(1, 1, "5"), message(2, b"nonsense"), worse, payment(4, 4, "1")];
    let outcomes = ingest(&*store, &batch).await;
    assert_eq!(outcomes[0], IngestOutcome::New(order(1)));
    assert!(matches!(&outcomes[1], IngestOutcome::DeadLettered(why) if why.field.is_none()));
    assert!(
        matches!(&outcomes[2], IngestOutcome::DeadLettered(why) if why.field.as_deref() == Some("orderId"))
    );
    assert_eq!(outcomes[3], IngestOutcome::New(order(4)));
    assert_eq!(backend.number("SELECT count(*) FROM dead_letters WHERE field = 'orderId'").await, 1);
    let lent = store.claim_deliveries("kafka", 10, LONG).await.unwrap();
    let event = &lent[1].event;
    assert_eq!((event.kind, event.order_id), (EventKind::DeadLetter, None));
    let header = |name: &str| {
        let found = event.headers.iter().find(|(n, _)| n == name);
        found.map(|(_, value)| String::from_utf8_lossy(value).into_owned())
    };
    assert_eq!(header("dlq-field").as_deref(), Some("orderId"));
    assert_eq!(header("dlq-topic").as_deref(), Some("payment-succeeded"));
    assert_eq!(header("dlq-partition").as_deref(), Some("3"));
    assert_eq!(header("dlq-offset").as_deref(), Some("3"));
    assert!(
        header("dlq-reason").is_some() && header("dlq-source").is_some() && header("traceparent").is_some()
    );
}

/// A producer's headers cannot pass for what is recorded about its dead letter.
pub async fn forged_facts_of_dead_letters(backend: &dyn Backend) {
    let store = backend.store();
    let mut forged = message(2, b"nonsense");
    let header = |(name, value): (&str, &str)| (name.to_owned(), value.as_bytes().to_vec());
    forged.headers = [
        ("dlq-reason", "all is well"),
        ("DLQ-Topic", "another"),
        ("dlq-field", "amount"),
        ("dlq-attempts", "7"),
        ("original-dlq-offset", "9"),
        ("h", "v"),
    ]
    .map(header)
    .into();
    ingest(&*store, std::slice::from_ref(&forged)).await;
    let event = store.claim_deliveries("kafka", 10, LONG).await.unwrap().remove(0).event;
    let told: Vec<_> = event
        .headers
        .iter()
        .map(|(name, value)| (name.as_str(), String::from_utf8_lossy(value).into_owned()))
        .collect();
    let named =
        |wanted: &str| told.iter().filter(|(name, _)| name.eq_ignore_ascii_case(wanted)).collect::<Vec<_>>();
    let letter = letters(&*store, false).await.remove(0);
    assert_eq!(named("dlq-reason"), [&("dlq-reason", letter.record.reason.clone())]);
    assert_eq!(named("dlq-topic"), [&("dlq-topic", "payment-succeeded".to_owned())]);
    assert_eq!((named("dlq-field").len(), named("dlq-attempts").len()), (0, 0), "{told:?}");
    let original: Vec<_> =
        told.iter().filter(|(name, _)| name.starts_with("original-")).map(|(n, _)| *n).collect();
    assert_eq!(
        original,
        [
            "original-dlq-reason",
            "original-DLQ-Topic",
            "original-dlq-field",
            "original-dlq-attempts",
            "original-dlq-offset"
        ]
    );
    assert_eq!(named("h"), [&("h", "v".to_owned())]);
    assert_eq!(letter.headers, forged.headers, "the record keeps them as they came");
}

pub async fn replay_adds_nothing(backend: &dyn Backend) {
    let store = backend.store();
    let mut batch: Vec<_> = (1..20).map(|n| payment(n, n % 7, "5")).collect();
    batch.extend([message(20, b"nonsense"), payment(1, 5, "5"), message(20, b"nonsense")]);
    ingest(&*store, &batch).await;
    let before = rows(backend).await;
    let again = ingest(&*store, &batch).await;
    assert_eq!(rows(backend).await, before);
    assert_eq!(again.iter().filter(|o| matches!(o, IngestOutcome::Duplicate(_))).count(), 19);
    assert_eq!(backend.number("SELECT count(*) FROM dead_letters").await, 2);
}

pub async fn dead_letters_without_route(backend: &dyn Backend) {
    let store = backend.store();
    store.ingest(&[message(1, b"nonsense")], &DeadLetterRoute::default(), &quietly()).await.unwrap();
    assert_eq!(store.summary().await.unwrap().dead_lettered, 1);
    assert_eq!(backend.number("SELECT count(*) FROM outbox").await, 0);
    assert!(store.ingest(&[], &to_kafka(), &quietly()).await.unwrap().is_empty());
}

pub async fn large_dead_letters_become_pointers(backend: &dyn Backend) {
    let store = backend.store();
    ingest(&*store, &[message(1, &vec![b'x'; 1_001])]).await;
    let id = backend.number("SELECT id FROM dead_letters").await;
    let lent = store.claim_deliveries("kafka", 1, LONG).await.unwrap();
    assert_eq!(
        String::from_utf8_lossy(&lent[0].event.value),
        format!(r#"{{"deadLetterId":{id},"bytes":1001}}"#)
    );
    assert_eq!(backend.number("SELECT length(raw) FROM dead_letters").await, 1_001);
}

pub async fn overlapping_batches_at_once(backend: &dyn Backend) {
    let answers = at_once(backend, 6, |store, n| async move {
        let n = u32::try_from(n).unwrap();
        // Batches overlap, some in reverse; payment n has two orders, and order n has two payments.
        let mut batch: Vec<_> = (n * 10..n * 10 + 40).map(|i| payment(i, i / 2, "5")).collect();
        batch.push(payment(1_000, 900 + n, "5"));
        batch.push(message(5, b"nonsense"));
        if n % 2 == 1 {
            batch.reverse();
        }
        ingest(&*store, &batch).await
    })
    .await;
    let mut new: Vec<_> = answers
        .iter()
        .flatten()
        .filter_map(|o| if let IngestOutcome::New(order) = o { Some(*order) } else { None })
        .collect();
    let all = new.len();
    new.sort();
    new.dedup();
    assert_eq!((new.len(), all), (46, 46), "each order is new once");
    assert_eq!(backend.number("SELECT count(*) FROM orders").await, 46);
    assert_eq!(backend.number("SELECT count(*) FROM payments").await, 91);
    assert_eq!(backend.number("SELECT count(*) FROM payments WHERE outcome = 'accepted'").await, 46);
    assert_eq!(backend.number("SELECT count(*) FROM inbox").await, 91);
    assert_eq!(backend.number("SELECT CAST(sum(duplicates) AS BIGINT) FROM payments").await, 6 * 40 - 90);
    assert_eq!(backend.number("SELECT count(*) FROM dead_letters WHERE kind = 'quarantined'").await, 5);
    assert_eq!(backend.number("SELECT count(*) FROM dead_letters WHERE kind = 'unreadable'").await, 1);
}

pub async fn payment_of_a_voided_order(backend: &dyn Backend) {
    let store = backend.store();
    ingest(&*store, &[payment(1, 1, "5")]).await;
    let voided = "UPDATE orders SET state = 'voided', voided_at = '2026-11-22T18:30:00.000000Z'";
    backend.execute(voided).await;
    assert_eq!(ingest(&*store, &[payment(2, 1, "5")]).await, [IngestOutcome::Late(order(1))]);
    let record = store.order(order(1)).await.unwrap().unwrap();
    assert_eq!(
        (record.state, record.reason.as_deref()),
        (OrderState::Parked, Some("paid after its void")),
        "money was taken and nothing is issued: never quietly"
    );
    assert!(store.claim("w", 10, LONG).await.unwrap().is_empty());
}

pub async fn exact_money(backend: &dyn Backend) {
    let store = backend.store();
    let amounts =
        ["49.90", "0.1", "0.0000000001", "100", "79228162514264337593543950335", "0.30000000000000004"];
    let batch: Vec<_> = (0u32..).zip(amounts).map(|(n, a)| payment(n, n, a)).collect();
    ingest(&*store, &batch).await;
    for (n, amount) in (0u32..).zip(amounts) {
        let record = store.order(order(n)).await.unwrap().unwrap();
        assert_eq!(record.payments[0].amount.unwrap().to_string(), amount);
    }
    for claim in store.claim("w", 10, LONG).await.unwrap() {
        assert!(amounts.contains(&claim.amount.unwrap().to_string().as_str()));
    }
}

pub async fn long_payment_ids(backend: &dyn Backend) {
    let store = backend.store();
    // Longer than an index row may be, and not compressible below that.
    let id = (0u32..600).map(|n| (n.wrapping_mul(2_654_435_761) >> 8).to_string()).collect::<String>();
    let mut long = payment(1, 1, "5");
    paid(&mut long).payment_id = Some(id.clone());
    assert_eq!(ingest(&*store, std::slice::from_ref(&long)).await, [IngestOutcome::New(order(1))]);
    assert_eq!(ingest(&*store, &[long]).await, [IngestOutcome::Duplicate(order(1))]);
    assert_eq!(store.claim("w", 1, LONG).await.unwrap()[0].payment_id.as_deref(), Some(id.as_str()));
}
