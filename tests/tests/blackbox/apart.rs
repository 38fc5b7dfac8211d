//! Tests of dead letters and parked orders: listed and replayed by commands.

use anyhow::{Context, Result};
use fulfillment_tests::ordering::{Answer, one_seat};
use fulfillment_tests::payment::Payment;
use fulfillment_tests::rig;
use fulfillment_tests::scene::{PATIENCE, Scene};
use fulfillment_tests::wait::eventually;
use serde_json::{Value, json};

#[tokio::test]
async fn dead_letters_are_shown_whole_and_replayed_once() -> Result<()> {
    letters(Scene::platform().await?).await
}

#[tokio::test]
async fn dead_letters_of_the_embedded_store_too() -> Result<()> {
    letters(Scene::embedded().await?.with_kafka().await?).await
}

async fn letters(scene: Scene) -> Result<()> {
    let scene = scene.set("FULFILLMENT_PIPELINE_MAX_MESSAGE", "64KiB");
    let service = scene.start().await?;
    let wire = scene.wire()?;
    scene.ordering.answer_others(|order| Answer::Json(one_seat(order)));
    let run = async |arguments: &[&str]| -> Result<(Option<i32>, Value)> {
        let mut all = vec!["--json"];
        all.extend(arguments);
        let output = scene.setup.clone().env("FULFILLMENT_PIPELINE_MAX_MESSAGE", "1MiB").run(&all).await?;
        Ok((output.status.code(), serde_json::from_slice(&output.stdout).unwrap_or_default()))
    };
    assert_eq!(run(&["dlq", "list"]).await?.0, Some(0), "nothing stands apart yet");
    // Too large for the service's settings, but not for the command, which has other settings.
    let order = rig::id();
    let large =
        format!(r#"{{"orderId":"{order}","amount":59.5,"currency":"EUR","note":"{}"}}"#, "x".repeat(70_000));
    let nonsense = [0xff, 0x00, b'x'];
    for value in [large.as_bytes(), &nonsense] {
        wire.kafka.send(&wire.payments, Some("k"), &[("x-origin", "till 7")], Some(value)).await?;
    }
    wire.kafka.send(&wire.refunded, None, &[], Some(b"{}")).await?;
    let listed = eventually(PATIENCE, "three letters", async || {
        let (_, listed) = run(&["dlq", "list"]).await?;
        Ok((listed["letters"].as_array().is_some_and(|l| l.len() == 3)).then_some(listed))
    })
    .await?;
    let letters = listed["letters"].as_array().context("letters")?;
    let find = |what: &str| letters.iter().find(|l| l["reason"].as_str().is_some_and(|r| r.contains(what)));
    let id = |letter: &Value| letter["id"].to_string();
    let (large_one, bad) = (find("larger").context("the large one")?, find("UTF-8").context("the bad one")?);
    let shown = run(&["dlq", "show", &id(bad)]).await?.1;
    assert_eq!(shown["raw"], json!({ "base64": "/wB4" }), "the original bytes");
    assert_eq!((&shown["key"], &shown["headers"]), (&json!("k"), &json!([["x-origin", "till 7"]])));
    assert!(shown["source"].as_str().is_some_and(|s| s.starts_with(&format!("kafka {}/", wire.payments))));
    let raw = scene.setup.run(&["dlq", "show", &id(bad), "--raw"]).await?;
    assert_eq!(raw.stdout, nonsense);
    assert!(letters.iter().any(|l| l["about"] == "refund" && l["field"] == "refundId"));

    let (code, replayed) = run(&["dlq", "replay", &id(large_one)]).await?;
    assert_eq!((code, &replayed[0]["outcome"]), (Some(0), &json!("new")));
    service.order_in(order, "issued").await?;
    assert_eq!(run(&["dlq", "replay", &id(large_one)]).await?.1[0]["outcome"], "replayed before: new");
    assert_eq!(run(&["dlq", "replay", "--all"]).await?.0, Some(1), "two are as bad as they were");
    let (code, listed) = run(&["dlq", "list"]).await?;
    assert_eq!((code, listed["letters"].as_array().map(Vec::len)), (Some(1), Some(2)), "and make no others");
    assert_eq!(listed["letters"][0]["attempts"], 1);
    for letter in listed["letters"].as_array().context("letters")? {
        assert_eq!(run(&["dlq", "drop", &id(letter), "--reason", "a test", "--yes"]).await?.0, Some(0));
        assert_eq!(run(&["dlq", "drop", &id(letter), "--reason", "again"]).await?.0, Some(1));
    }
    assert_eq!(run(&["dlq", "list"]).await?.0, Some(0));
    let closed = run(&["dlq", "list", "--closed"]).await?.1;
    let words: Vec<_> =
        closed["letters"].as_array().context("letters")?.iter().map(|l| &l["closedAs"]).collect();
    assert_eq!(words.iter().filter(|w| ***w == "dropped").count(), 2);
    assert_eq!(run(&["dlq", "show", "404"]).await?.0, Some(1));
    assert_eq!(run(&["dlq", "show", "x"]).await?.0, Some(2));
    assert_eq!(wire.kafka.all(&wire.dead_letters).await?.len(), 3, "nothing is set apart twice");
    scene.settled(&service).await
}

#[tokio::test]
async fn parked_orders_and_refunds_are_looked_at_the_same_way() -> Result<()> {
    let scene = Scene::embedded().await?;
    let service = scene.start().await?;
    let run = async |arguments: &[&str]| -> Result<(Option<i32>, Value)> {
        let mut all = vec!["--json"];
        all.extend(arguments);
        let output = scene.setup.run(&all).await?;
        Ok((output.status.code(), serde_json::from_slice(&output.stdout).unwrap_or_default()))
    };
    let (waits, late) = (rig::id(), rig::id());
    scene.ordering.answer(waits, [Answer::Text(r#"{"orderId":7}"#.into())]);
    let payment = Payment::of(waits);
    service.pay(payment.json()).await?;
    service.order_in(waits, "parked").await?;
    service.post("/events/order-cancelled", json!({ "orderId": late }).to_string()).await?;
    service.pay(Payment::of(late).json()).await?;
    service.order_in(late, "parked").await?;
    let part = json!({ "refundId": "part", "paymentId": payment.payment_id, "orderId": waits, "amount": 1 });
    service.post("/events/payment-refunded", part.to_string()).await?;
    let (code, listed) = run(&["dlq", "list"]).await?;
    assert_eq!((code, listed["orders"].as_array().map(Vec::len)), (Some(1), Some(2)), "{listed}");
    assert_eq!(listed["refunds"][0]["key"], "refund:part");
    let people = scene.setup.run(&["dlq", "list"]).await?;
    let people = String::from_utf8_lossy(&people.stdout).into_owned();
    let lines: Vec<&str> = people.lines().collect();
    assert!(lines.first().is_some_and(|line| line.starts_with("KIND ") && line.ends_with("WHY")), "{people}");
    let day = listed["orders"][0]["parkedAt"].as_str().and_then(|at| at.split('T').next());
    let since = format!("{}T", day.context("a time")?);
    for id in [waits.to_string(), late.to_string(), "refund:part".to_owned()] {
        assert!(lines.iter().any(|line| line.contains(&id) && line.contains(&since)), "{id}:\n{people}");
    }
    let shown = run(&["dlq", "show", &waits.to_string()]).await?.1;
    assert_eq!(shown["messages"][0]["raw"], payment.json(), "the original bytes");
    assert_eq!(run(&["dlq", "drop", &waits.to_string(), "--reason", "no"]).await?.0, Some(2), "it is paid");
    assert_eq!(
        run(&["dlq", "drop", &late.to_string(), "--reason", "paid back by bank", "--yes"]).await?.0,
        Some(0)
    );
    service.order_in(late, "voided").await?;
    assert_eq!(run(&["dlq", "drop", "refund:part", "--reason", "goodwill", "--yes"]).await?.0, Some(0));
    assert_eq!(run(&["dlq", "drop", "refund:part", "--reason", "goodwill"]).await?.0, Some(1));
    scene.ordering.answer(waits, [Answer::Json(one_seat(waits))]);
    let (code, replayed) = run(&["dlq", "replay", "--all"]).await?;
    assert_eq!((code, &replayed[0]["outcome"]), (Some(0), &json!("set going")), "{replayed}");
    service.order_in(waits, "issued").await?;
    assert_eq!(run(&["dlq", "list"]).await?.0, Some(0));
    scene.settled(&service).await
}
