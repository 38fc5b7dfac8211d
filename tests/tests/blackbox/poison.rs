//! Tests of poison messages: unreadable messages between readable ones.

use anyhow::{Context, Result};
use fulfillment_tests::ordering::{Answer, one_seat};
use fulfillment_tests::payment::Payment;
use fulfillment_tests::rig;
use fulfillment_tests::scene::Scene;
use serde_json::{Value, json};

#[tokio::test]
async fn bad_messages_become_dead_letters_and_their_neighbours_tickets() -> Result<()> {
    poison(Scene::platform().await?).await
}

#[tokio::test]
async fn bad_messages_become_dead_letters_with_the_embedded_store_too() -> Result<()> {
    poison(Scene::embedded().await?.with_kafka().await?).await
}

async fn poison(scene: Scene) -> Result<()> {
    let scene = scene.set("FULFILLMENT_PIPELINE_MAX_MESSAGE", "100KiB");
    let wire = scene.wire()?;
    scene.ordering.answer_others(|order| Answer::Json(one_seat(order)));
    let order = rig::id();
    let disagreeing = format!(r#"{{"orderId":"{order}","order_id":"{}"}}"#, rig::id());
    let failed = format!(r#"{{"orderId":"{order}","amount":1,"status":"failed"}}"#);
    let bad: Vec<Vec<u8>> = vec![
        b"not JSON".to_vec(),
        b"{\"orderId\":".to_vec(),
        vec![0xff, 0xfe, 0x00, 0x80],
        b"null".to_vec(),
        b"[]".to_vec(),
        b"{}".to_vec(),
        br#"{"orderId":7}"#.to_vec(),
        br#"{"orderId":"not a guid"}"#.to_vec(),
        format!(r#"{{"orderId":"{order}","amount":"much"}}"#).into_bytes(),
        format!(r#"{{"orderId":"{order}","amount":1,"currency":"Euro"}}"#).into_bytes(),
        disagreeing.into_bytes(),
        failed.into_bytes(),
        "[".repeat(50_000).into_bytes(),
        Vec::new(),
    ];
    let oversized = format!(r#"{{"orderId":"{order}","note":"{}"}}"#, "x".repeat(200_000));
    let mut good = Vec::new();
    let mut sent = Vec::new();
    for value in bad.iter().map(Vec::as_slice).chain([oversized.as_bytes()]) {
        let payment = Payment::of(rig::id());
        wire.pay(&payment).await?;
        good.push(payment.order_id);
        // The producer claims to be a dead letter from elsewhere.
        let headers =
            [("x-origin", "till 7"), ("dlq-offset", "1000000"), ("dlq-reason", ""), ("DLQ-topic", "x")];
        let at = wire.kafka.send(&wire.payments, Some("a key"), &headers, Some(value)).await?;
        sent.push((at, value.to_vec()));
    }
    // A null value has no content, and does not become a dead letter.
    wire.kafka.send(&wire.payments, None, &[], None).await?;
    // All of it is there before the service starts, so it arrives as one batch.
    let service = scene.start().await?;
    wire.issued(good.len()).await?;
    let dead = wire.dead(sent.len()).await?;
    for ((partition, offset), value) in &sent {
        let letter = dead
            .iter()
            .find(|letter| {
                letter.header("dlq-partition") == Some(partition.to_string())
                    && letter.header("dlq-offset") == Some(offset.to_string())
            })
            .with_context(|| format!("no dead letter from {partition}@{offset}"))?;
        assert_eq!(letter.header("dlq-topic").as_deref(), Some(wire.payments.as_str()));
        assert!(letter.header("dlq-reason").is_some_and(|why| !why.is_empty()));
        if value.len() > 102_400 {
            let pointer = letter.json()?;
            assert_eq!(pointer["bytes"], value.len());
            assert!(pointer["deadLetterId"].is_number());
        } else {
            assert_eq!(letter.value.as_deref().unwrap_or_default(), value.as_slice(), "the raw bytes");
        }
        if letter.key.is_some() {
            assert_eq!(letter.key.as_deref(), Some("a key"));
            assert_eq!(letter.header("x-origin").as_deref(), Some("till 7"), "its own headers go with it");
            assert_eq!(letter.header("original-dlq-offset").as_deref(), Some("1000000"));
            assert_eq!(letter.header("DLQ-topic"), None);
        }
    }
    assert_eq!(dead.len(), sent.len());
    wire.caught_up().await?;
    let raw = format!("SELECT count(*) FROM dead_letters WHERE length(raw) = {}", oversized.len());
    assert_eq!(scene.record.number(&raw).await?, 1, "the oversized one is kept whole");
    assert_eq!(scene.record.number("SELECT count(*) FROM tickets").await?, i64::try_from(good.len())?);
    scene.settled(&service).await
}

#[tokio::test]
async fn cloud_events_and_mixed_spellings_are_read() -> Result<()> {
    let scene = Scene::embedded().await?.with_kafka().await?;
    let service = scene.start().await?;
    let wire = scene.wire()?;
    scene.ordering.answer_others(|order| Answer::Json(one_seat(order)));
    let orders: Vec<_> = (0..4).map(|_| rig::id()).collect();
    let values = [
        json!({ "specversion": "1.0", "type": "payment-succeeded", "source": "/payment", "id": "1",
                "data": { "orderId": orders[0], "amount": 59.5, "currency": "EUR" } }),
        json!({ "order_id": orders[1], "customer_email": "a@example.org", "price": 59.5, "currency": "EUR" }),
        json!({ "OrderId": orders[2], "Amount": 59.5, "payment_method": "carrier_pigeon", "new": { "a": [1] } }),
        json!({ "OrderId": orders[3], "order_id": orders[3], "processedAt": "yesterday", "status": "Succeeded" }),
    ];
    for value in &values {
        wire.kafka.send(&wire.payments, None, &[], Some(value.to_string().as_bytes())).await?;
    }
    // A CloudEvent in binary mode: its attributes are headers.
    let binary = Payment::of(rig::id());
    let headers = [("ce_specversion", "1.0"), ("ce_type", "payment-succeeded"), ("ce_id", "2")];
    wire.kafka.send(&wire.payments, None, &headers, Some(binary.json().as_bytes())).await?;
    for order in orders.iter().chain([&binary.order_id]) {
        service.order_in(*order, "issued").await?;
    }
    assert_eq!(wire.kafka.all(&wire.dead_letters).await?.len(), 0);
    scene.settled(&service).await
}

#[tokio::test]
async fn amounts_keep_their_digits() -> Result<()> {
    let scene = Scene::embedded().await?;
    let service = scene.start().await?;
    for digits in ["0.1", "0.10", "12345678901234.567", "1e2", "0"] {
        let order = rig::id();
        let answer = one_seat(order).to_string().replace("59.5", digits);
        scene.ordering.answer(order, [Answer::Text(answer)]);
        service.pay(Payment { amount: digits.into(), ..Payment::of(order) }.json()).await?;
        let record = service.order_in(order, "issued").await?;
        assert_eq!(record["tickets"][0]["flags"], json!([]), "{digits} was paid and ordered");
        let id = record["tickets"][0]["id"].as_str().context("an id")?;
        let text = service.asking(&format!("/tickets/{id}")).header("accept", "application/json");
        let text = text.send().await?.text().await?;
        let shown = if digits == "1e2" { "100" } else { digits };
        assert!(text.contains(&format!(r#""price":{shown},"#)), "{digits}: {text}");
        serde_json::from_str::<Value>(&text)?;
    }
    scene.settled(&service).await
}
