//! Tests of duplicates: a payment that arrives twice is issued once.

use anyhow::{Context, Result};
use fulfillment_tests::ordering::{Answer, one_seat, seats};
use fulfillment_tests::payment::Payment;
use fulfillment_tests::rig;
use fulfillment_tests::scene::Scene;
use serde_json::{Value, json};

#[tokio::test]
async fn the_same_message_again_issues_nothing() -> Result<()> {
    let scene = Scene::platform().await?;
    let service = scene.start().await?;
    let wire = scene.wire()?;
    let order = rig::id();
    scene.ordering.answer(order, [Answer::Json(seats(order, 3))]);
    let payment = Payment::of(order);
    for _ in 0..3 {
        wire.pay(&payment).await?;
    }
    wire.issued(3).await?;
    // Again after everything is done, in another spelling and without a key.
    let pascal = format!(
        r#"{{"PaymentId":"{}","OrderId":"{order}","Amount":59.5,"Currency":"EUR","Status":"SUCCEEDED"}}"#,
        payment.payment_id.to_string().to_uppercase()
    );
    wire.kafka.send(&wire.payments, None, &[], Some(pascal.as_bytes())).await?;
    wire.caught_up().await?;
    let record = service.order_in(order, "issued").await?;
    assert_eq!(record["payments"].as_array().map(Vec::len), Some(1), "{record}");
    assert_eq!(record["payments"][0]["duplicates"], 3);
    assert_eq!(record["tickets"].as_array().map(Vec::len), Some(3));
    assert_eq!(wire.kafka.all(&wire.dead_letters).await?.len(), 0);
    scene.settled(&service).await
}

#[tokio::test]
async fn a_second_payment_of_an_order_is_kept_and_shown_and_issues_nothing() -> Result<()> {
    let scene = Scene::platform().await?;
    let service = scene.start().await?;
    let wire = scene.wire()?;
    let order = rig::id();
    scene.ordering.answer(order, [Answer::Json(one_seat(order))]);
    wire.pay(&Payment::of(order)).await?;
    wire.issued(1).await?;
    let second = Payment::of(order);
    wire.pay(&second).await?;
    wire.caught_up().await?;

    let shown = scene.setup.run(&["order", "show", "--json", &order.to_string()]).await?;
    assert_eq!(shown.status.code(), Some(0), "{shown:?}");
    let record: Value = serde_json::from_slice(&shown.stdout)?;
    let payments = record["payments"].as_array().context("payments")?;
    let outcomes: Vec<_> = payments.iter().map(|payment| payment["outcome"].clone()).collect();
    assert_eq!(outcomes, ["accepted", "already_paid"]);
    assert_eq!(payments[1]["key"], second.payment_id.to_string());
    assert_eq!(record["tickets"].as_array().map(Vec::len), Some(1));
    let people = scene.setup.run(&["order", "show", &order.to_string()]).await?;
    assert!(String::from_utf8_lossy(&people.stdout).contains("already_paid"));
    scene.settled(&service).await
}

#[tokio::test]
async fn a_topic_replayed_from_its_start_issues_nothing() -> Result<()> {
    let mut scene = Scene::platform().await?;
    scene.ordering.answer_others(|order| Answer::Json(seats(order, 2)));
    let mut service = scene.start().await?;
    let orders: Vec<_> = (0..20).map(|_| rig::id()).collect();
    for order in &orders {
        scene.wire()?.pay(&Payment::of(*order)).await?;
    }
    scene.wire()?.kafka.send(&scene.wire()?.payments, None, &[], Some(b"unreadable")).await?;
    scene.wire()?.issued(40).await?;
    scene.settled(&service).await?;
    let before = scene.wire()?.kafka.all(&scene.wire()?.issued).await?.len();
    assert!(service.stop(std::time::Duration::from_secs(20)).await?.success());
    let asked = scene.ordering.total();

    // The topic is read again by a group that has committed nothing.
    scene.setup = scene.setup.clone().env("FULFILLMENT_KAFKA_GROUP_ID", rig::unique("replay"));
    let service = scene.start().await?;
    let wire = scene.wire()?;
    let fence = rig::id();
    wire.pay(&Payment::of(fence)).await?;
    service.order_in(fence, "issued").await?;
    fulfillment_tests::wait::eventually(
        fulfillment_tests::scene::PATIENCE,
        "all is read again",
        async || {
            let again = scene.record.number("SELECT sum(duplicates) FROM payments").await?;
            Ok((again == 20).then_some(()))
        },
    )
    .await?;
    scene.settled(&service).await?;
    assert_eq!(scene.record.number("SELECT count(*) FROM tickets").await?, 42);
    assert_eq!(wire.kafka.all(&wire.issued).await?.len(), before + 2, "only the new order's events");
    assert_eq!(wire.kafka.all(&wire.dead_letters).await?.len(), 1, "the same dead letter is not said again");
    assert_eq!(scene.ordering.total(), asked + 1, "nobody is asked about what is done");
    Ok(())
}

#[tokio::test]
async fn a_known_payment_with_another_amount_is_set_apart() -> Result<()> {
    let scene = Scene::platform().await?;
    let service = scene.start().await?;
    let wire = scene.wire()?;
    let order = rig::id();
    scene.ordering.answer(order, [Answer::Json(one_seat(order))]);
    let payment = Payment::of(order);
    wire.pay(&payment).await?;
    wire.issued(1).await?;
    for changed in [
        Payment { amount: "5950".into(), ..payment.clone() },
        Payment { currency: "USD".into(), ..payment.clone() },
        Payment { order_id: rig::id(), ..payment.clone() },
    ] {
        wire.pay(&changed).await?;
    }
    let dead = wire.dead(3).await?;
    assert!(dead.iter().all(|message| message.header("dlq-reason").is_some()));
    let kinds = "SELECT count(*) FROM dead_letters WHERE kind = 'quarantined'";
    assert_eq!(scene.record.number(kinds).await?, 3);
    // Trailing zeros and a later time do not make another payment.
    wire.pay(&Payment { amount: "59.5000".into(), ..payment.clone() }).await?;
    wire.caught_up().await?;
    assert_eq!(scene.record.number(kinds).await?, 3);
    assert_eq!(scene.record.number("SELECT count(*) FROM tickets").await?, 1);
    service.order_in(order, "issued").await?;
    scene.settled(&service).await
}

#[tokio::test]
async fn a_payment_under_two_keys_is_one_and_its_refund_voids() -> Result<()> {
    under_two_keys(Scene::platform().await?).await
}

#[tokio::test]
async fn a_payment_under_two_keys_with_the_embedded_store_too() -> Result<()> {
    under_two_keys(Scene::embedded().await?).await
}

async fn under_two_keys(scene: Scene) -> Result<()> {
    let service = scene.start().await?;
    for nameless_first in [true, false] {
        let order = rig::id();
        scene.ordering.answer(order, [Answer::Json(one_seat(order))]);
        let payment = Payment::of(order);
        let mut both = [
            format!(r#"{{"OrderId":"{order}","CustomerId":"{}","Amount":59.5}}"#, payment.customer_id),
            payment.json(),
        ];
        if !nameless_first {
            both.reverse();
        }
        let [first, second] = both;
        let (status, answer) = service.pay(first).await?;
        assert_eq!((status, &answer["results"][0]["outcome"]), (202, &"new".into()), "{answer}");
        service.order_in(order, "issued").await?;
        let (status, answer) = service.pay(second).await?;
        assert_eq!((status, &answer["results"][0]["outcome"]), (200, &"folded".into()), "{answer}");

        let shown = scene.setup.run(&["order", "show", &order.to_string()]).await?;
        let shown = String::from_utf8_lossy(&shown.stdout).into_owned();
        assert!(shown.contains(&format!("folded into {}", payment.payment_id)), "{shown}");
        // Another amount under the known key is parked and listed.
        let (status, _) = service.pay(format!(r#"{{"OrderId":"{order}","Amount":60}}"#)).await?;
        assert_eq!(status, 409);
        let listed = scene.setup.run(&["dlq", "list"]).await?;
        let listed = String::from_utf8_lossy(&listed.stdout).into_owned();
        assert!(listed.contains("the payment id is known with another amount"), "{listed}");

        let refund = json!({ "refundId": rig::id(), "paymentId": payment.payment_id, "orderId": order,
                             "amount": 59.5, "currency": "EUR" });
        let answer = service.post("/events/payment-refunded", refund.to_string()).await?;
        assert_eq!(answer.status(), 202);
        let record = service.order_in(order, "voided").await?;
        assert!(record["tickets"][0]["voidedAt"].is_string(), "{record}");
        assert_eq!(record["payments"][1]["foldedInto"], payment.payment_id.to_string());
    }
    scene.settled(&service).await
}
