//! Tests of refunds and cancellations before, during and after the issue of the tickets that they void.

use std::time::Duration;

use anyhow::{Context, Result};
use fulfillment_tests::ordering::{Answer, one_seat, seats};
use fulfillment_tests::payment::Payment;
use fulfillment_tests::rig;
use fulfillment_tests::scene::{PATIENCE, Scene};
use fulfillment_tests::service::{Service, Setup};
use fulfillment_tests::wait::eventually;
use serde_json::{Value, json};
use uuid::Uuid;

fn refund(payment: &Payment, rest: &Value) -> Value {
    let mut refund = json!({
        "refundId": rig::id(), "paymentId": payment.payment_id, "orderId": payment.order_id, "reason": "fell ill",
        "refundedAt": "2026-11-24T10:00:00Z",
    });
    if let (Some(refund), Some(rest)) = (refund.as_object_mut(), rest.as_object()) {
        refund.extend(rest.clone());
    }
    refund
}

fn links(record: &Value) -> Vec<String> {
    let tickets = record["tickets"].as_array().cloned().unwrap_or_default();
    tickets.iter().map(|t| format!("/tickets/{}.pdf", t["id"].as_str().unwrap_or_default())).collect()
}

#[tokio::test]
async fn refunds_and_cancellations_by_topic_reach_the_world_once() -> Result<()> {
    by_topic(Scene::platform().await?).await
}

#[tokio::test]
async fn refunds_and_cancellations_by_topic_with_the_embedded_store() -> Result<()> {
    by_topic(Scene::embedded().await?.with_kafka().await?).await
}

async fn by_topic(scene: Scene) -> Result<()> {
    let mut service = scene.start().await?;
    let wire = scene.wire()?;
    let (off, part, early) = (rig::id(), rig::id(), rig::id());
    for (order, count) in [(off, 2), (part, 3), (early, 1)] {
        scene.ordering.answer(order, [Answer::Json(seats(order, count))]);
    }
    let (of_off, of_part, of_early) = (Payment::of(off), Payment::of(part), Payment::of(early));
    let whole = refund(&of_early, &json!({ "amount": 59.5, "currency": "EUR" })).to_string();
    wire.kafka.send(&wire.refunded, None, &[], Some(whole.as_bytes())).await?;
    service.order_in(early, "parked").await?;
    for payment in [&of_off, &of_part, &of_early] {
        wire.pay(payment).await?;
    }
    let record = service.order_in(early, "voided").await?;
    assert_eq!(
        (&record["reason"], record["tickets"].as_array().map(Vec::len)),
        (&json!("refunded: fell ill"), Some(0))
    );
    assert_eq!(scene.ordering.calls(early), 0, "nobody is asked about what is refunded");

    let before = service.order_in(off, "issued").await?;
    service.order_in(part, "issued").await?;
    wire.issued(5).await?;
    let cancelled =
        json!({ "order_id": off, "reason": "rain", "cancelled_at": of_off.processed_at }).to_string();
    let one_item = json!({ "items": [{ "itemId": format!("{part}-2"), "quantity": 1 }], "amount": 1 });
    let one_item = refund(&of_part, &one_item).to_string();
    for _ in 0..2 {
        wire.kafka.send(&wire.cancelled, None, &[], Some(cancelled.as_bytes())).await?;
        wire.kafka.send(&wire.refunded, None, &[], Some(one_item.as_bytes())).await?;
    }
    let void = service.order_in(off, "voided").await?;
    assert_eq!(void["reason"], "cancelled: rain");
    let told = wire.told(&wire.voided, 3).await?;
    for message in told.iter().filter(|m| m.key.as_deref() == Some(off.to_string().as_str())) {
        let value = message.json()?;
        assert_eq!((&value["reason"], &value["sequence"]), (&json!("cancelled: rain"), &json!(2)));
        assert_eq!(message.header("ce_type").as_deref(), Some("ticket-voided"));
        let id = value["ticketId"].as_str().context("a ticket")?;
        assert!(before["tickets"].as_array().is_some_and(|t| t.iter().any(|t| t["id"] == id)));
    }
    for link in links(&void) {
        let gone = service.get(&link).await?;
        assert_eq!(gone.status(), 410);
        assert_eq!(gone.json::<Value>().await?["type"], "urn:fulfillment:problem:ticket-voided");
    }
    let record = service.order_in(part, "issued").await?;
    let statuses: Vec<_> =
        record["tickets"].as_array().context("tickets")?.iter().map(|t| t["voidedAt"].is_null()).collect();
    assert_eq!(statuses, [true, false, true], "one item of three");

    // Both topics are read again completely, as by a new group: nothing changes and nothing more is published.
    let count = wire.kafka.all(&wire.voided).await?.len();
    assert_eq!(count, 3);
    service.stop(Duration::from_secs(20)).await?;
    let again = scene.setup.clone().env("FULFILLMENT_KAFKA_GROUP_ID", rig::unique("again"));
    let service = again.start().await?;
    eventually(PATIENCE, "everything is read again", async || {
        let record = service.order_in(off, "voided").await?;
        Ok((record["withdrawals"][0]["duplicates"].as_u64() >= Some(3)).then_some(()))
    })
    .await?;
    scene.settled(&service).await?;
    assert_eq!(wire.kafka.all(&wire.voided).await?.len(), count);
    Ok(())
}

#[tokio::test]
async fn a_cancellation_during_the_issue_leaves_no_live_ticket() -> Result<()> {
    let scene = Scene::embedded().await?.with_postgres().await?.set("FULFILLMENT_ORDERING_TIMEOUT", "10s");
    let service = scene.start().await?;
    let order = rig::id();
    let slowly = Answer::Slow(Duration::from_secs(2), Box::new(Answer::Json(seats(order, 4))));
    scene.ordering.answer(order, [slowly]);
    let payment = Payment::of(order);
    service.pay(payment.json()).await?;
    eventually(PATIENCE, "Ordering is being asked", async || {
        Ok((scene.ordering.calls(order) == 1).then_some(()))
    })
    .await?;
    let cancelled = json!({ "orderId": order, "cancelledAt": payment.processed_at }).to_string();
    assert_eq!(service.post("/events/order-cancelled", cancelled).await?.status(), 202);
    tokio::time::sleep(Duration::from_secs(3)).await;
    let record = service.order_in(order, "voided").await?;
    assert_eq!(record["tickets"], json!([]), "its worker woke and could write nothing");
    // A further payment gets no tickets, and is listed.
    let (status, said) = service.pay(Payment::of(order).json()).await?;
    assert_eq!((status, &said["results"][0]["outcome"]), (202, &json!("late")));
    let record = service.order_in(order, "parked").await?;
    assert_eq!(record["reason"], "paid after cancellation");
    let retried = scene.setup.run(&["retry", "--order", &order.to_string()]).await?;
    assert_eq!(retried.status.code(), Some(1), "nor does a retry issue it");
    scene.settled(&service).await
}

#[tokio::test]
async fn a_double_charge_goes_back_and_the_ticket_stays() -> Result<()> {
    let scene = Scene::embedded().await?;
    let service = scene.start().await?;
    let order = rig::id();
    scene.ordering.answer(order, [Answer::Json(one_seat(order))]);
    let (first, second) = (Payment::of(order), Payment::of(order));
    service.pay(first.json()).await?;
    let record = service.order_in(order, "issued").await?;
    let back =
        |payment: &Payment| refund(payment, &json!({ "amount": 59.50, "currency": "EUR" })).to_string();
    let early = service.post("/events/payment-refunded", back(&second)).await?;
    assert_eq!(early.json::<Value>().await?["results"][0]["outcome"], "waiting");
    service.pay(second.json()).await?;
    let after = service.order_in(order, "issued").await?;
    assert_eq!(after["withdrawals"][0]["state"], "applied");
    let link = &links(&record)[0];
    assert_eq!(service.get(link).await?.status(), 200);
    service.post("/events/payment-refunded", back(&first)).await?.error_for_status()?;
    service.order_in(order, "voided").await?;
    assert_eq!(service.get(link).await?.status(), 410);
    scene.settled(&service).await
}

#[tokio::test]
async fn an_operator_takes_tickets_back_by_commands() -> Result<()> {
    let scene = Scene::embedded().await?;
    let service = scene.start().await?;
    let run = async |arguments: &[&str]| -> Result<(Option<i32>, Value)> {
        let mut all = vec!["--json"];
        all.extend(arguments);
        let output = scene.setup.run(&all).await?;
        Ok((output.status.code(), serde_json::from_slice(&output.stdout).unwrap_or_default()))
    };
    let mut records = Vec::new();
    for count in [1, 2, 2] {
        let order = rig::id();
        scene.ordering.answer(order, [Answer::Json(seats(order, count))]);
        service.pay(Payment::of(order).json()).await?;
        records.push(service.order_in(order, "issued").await?);
    }
    let id = |record: &Value| record["orderId"].as_str().unwrap_or_default().to_owned();
    let ticket =
        |record: &Value, i: usize| record["tickets"][i]["id"].as_str().unwrap_or_default().to_owned();
    let (code, said) = run(&["order", "cancel", &id(&records[0]), "--reason", "off", "--yes"]).await?;
    assert_eq!((code, &said["outcome"]), (Some(0), &json!("applied")));
    service.order_in(id(&records[0]).parse::<Uuid>()?, "voided").await?;

    let one = ticket(&records[1], 0);
    let (code, said) = run(&["ticket", "void", &one, "--reason", "sold twice", "--yes"]).await?;
    assert_eq!((code, &said["voidReason"]), (Some(0), &json!("sold twice")));
    assert_eq!(run(&["ticket", "void", &rig::id().to_string()]).await?.0, Some(1));
    let payment = records[1]["payments"][0]["key"].as_str().context("a key")?.to_owned();
    let order = id(&records[1]);
    let args = ["refund", "--id", "r1", "--order", &order, "--payment", &payment, "--amount", "1"];
    let (code, said) = run(&args).await?;
    assert_eq!((code, &said["outcome"]), (Some(0), &json!("parked")), "{said}");
    assert!(said["note"].as_str().is_some_and(|note| note.contains("neither items nor tickets")));
    assert_eq!(run(&args).await?.1["outcome"], "duplicate");
    let other = ["refund", "--id", "r1", "--order", &order, "--payment", &payment, "--amount", "2"];
    assert_eq!(run(&other).await?.0, Some(1), "the same refund with another amount");

    let two = ticket(&records[2], 1);
    let order = id(&records[2]);
    let (code, said) = run(&["refund", "--id", "r2", "--order", &order, "--ticket", &two]).await?;
    assert_eq!((code, &said["outcome"]), (Some(0), &json!("applied")));
    assert_eq!(service.get(&format!("/tickets/{two}.pdf")).await?.status(), 410);
    assert_eq!(service.get(&format!("/tickets/{}.pdf", ticket(&records[2], 0))).await?.status(), 200);
    assert_eq!(run(&["refund", "--id", "r3", "--order", &order, "--amount", "-1"]).await?.0, Some(2));

    // For an order without a payment, the command assumes a mistyped id, unless the operator states otherwise.
    let ghost = rig::id().to_string();
    let mistyped = ["refund", "--id", "r4", "--order", &ghost];
    assert_eq!(run(&mistyped).await?.0, Some(1));
    assert_eq!(run(&["order", "cancel", &ghost]).await?.0, Some(1));
    assert_eq!(run(&["order", "show", &ghost]).await?.0, Some(1), "nothing was kept of it");
    let early = ["refund", "--id", "r4", "--order", &ghost, "--before-payment"];
    assert_eq!(
        run(&early).await?,
        (Some(0), json!({"orderId": ghost, "outcome": "waiting", "note": "awaiting payment"}))
    );
    assert_eq!(run(&["order", "show", &ghost]).await?.1["reason"], "awaiting payment");
    assert_eq!(run(&["dlq", "drop", &ghost, "--reason", "a typing error", "--yes"]).await?.0, Some(0));
    let listed = run(&["dlq", "list"]).await?.1.to_string();
    assert!(!listed.contains(&ghost), "{listed}");
    scene.settled(&service).await
}

#[tokio::test]
async fn a_refund_on_its_way_voids_nothing_and_a_reinstated_ticket_outlives_what_was_on_record() -> Result<()>
{
    let scene = Scene::embedded().await?;
    let service = scene.start().await?;
    let order = rig::id();
    scene.ordering.answer(order, [Answer::Json(seats(order, 2))]);
    let payment = Payment::of(order);
    service.pay(payment.json()).await?;
    let record = service.order_in(order, "issued").await?;
    let mut whole = refund(&payment, &json!({ "amount": 59.50, "currency": "EUR", "status": "PENDING" }));
    let mut outcomes = Vec::new();
    for status in ["PENDING", "failed", "failed", "succeeded", "pending"] {
        whole["status"] = json!(status);
        let said = service.post("/events/payment-refunded", whole.to_string()).await?.error_for_status()?;
        outcomes.push(said.json::<Value>().await?["results"][0]["outcome"].clone());
    }
    assert_eq!(outcomes, ["pending", "failed", "duplicate", "applied", "duplicate"]);
    whole["status"] = json!("on holiday");
    whole["refundId"] = json!(rig::id());
    let said = service.post("/events/payment-refunded", whole.to_string()).await?;
    assert_eq!(said.status(), 400, "a word that nobody knows");
    service.order_in(order, "voided").await?;

    let back = scene.setup.run(&["order", "reinstate", &order.to_string()]).await?;
    assert_eq!(back.status.code(), Some(0), "{}", String::from_utf8_lossy(&back.stderr));
    let item = json!({ "itemIds": [format!("{order}-1")] });
    service
        .post("/events/payment-refunded", refund(&payment, &item).to_string())
        .await?
        .error_for_status()?;
    let record_after = service.order_in(order, "issued").await?;
    let void = |i: usize| !record_after["tickets"][i]["voidedAt"].is_null();
    assert_eq!((void(0), void(1)), (true, false), "one item of two: the first refund was dismissed");
    assert_eq!(service.get(&links(&record)[1]).await?.status(), 200);
    scene.settled(&service).await
}

#[tokio::test]
async fn a_ticket_changes_hands_and_the_old_code_is_good_until_then() -> Result<()> {
    reissued(Scene::platform().await?).await
}

#[tokio::test]
async fn a_ticket_changes_hands_with_the_embedded_store_too() -> Result<()> {
    reissued(Scene::embedded().await?.with_kafka().await?).await
}

async fn reissued(scene: Scene) -> Result<()> {
    let service = scene.start().await?;
    let wire = scene.wire()?;
    let order = rig::id();
    scene.ordering.answer(order, [Answer::Json(seats(order, 2))]);
    service.pay(Payment::of(order).json()).await?;
    let record = service.order_in(order, "issued").await?;
    let id = record["tickets"][0]["id"].as_str().context("an id")?.to_owned();
    let events = wire.issued(2).await?;
    let event = events
        .iter()
        .find(|m| m.header("ce_subject").as_deref() == Some(&id))
        .context("its event")?
        .json()?;
    let old_link = event["ticketPdfUrl"].as_str().context("a link")?.to_owned();
    let old_code = event["qrCodeData"].as_str().context("a code")?.to_owned();

    let request = service
        .client()
        .post(format!("{}/tickets/{id}/reissue", service.base()))
        .bearer_auth(fulfillment_tests::service::TOKEN)
        .header("idempotency-key", "desk-1")
        .header("content-type", "application/json")
        .body(json!({ "holderName": "Grace Hopper", "reason": "sold on" }).to_string());
    let again = request.try_clone().context("a request")?;
    let first: Value = request.send().await?.error_for_status()?.json().await?;
    let second: Value = again.send().await?.error_for_status()?.json().await?;
    assert_eq!(
        (&first["generation"], &second["generation"]),
        (&json!(1), &json!(1)),
        "said twice, done once"
    );
    let told = wire.told(&wire.reissued, 1).await?.remove(0).json()?;
    assert_eq!((&told["generation"], &told["previousGeneration"]), (&json!(1), &json!(0)));
    assert_eq!((&told["holderName"], &told["reason"]), (&json!("Grace Hopper"), &json!("sold on")));
    assert_eq!(told["sequence"], 2);
    let new_link = told["ticketPdfUrl"].as_str().context("a link")?;
    assert_eq!(service.client().get(new_link).send().await?.status(), 200);
    let over = service.client().get(&old_link).send().await?;
    assert_eq!(over.status(), 410);
    assert_eq!(over.json::<Value>().await?["type"], "urn:fulfillment:problem:ticket-superseded");
    let new_code = told["qrCodeData"].as_str().context("a code")?;
    assert_ne!(new_code, old_code);
    verdicts_of(&scene, &service, &old_code, new_code).await?;

    // By command: voided, reinstated, and an outdated decision refused.
    let run = async |arguments: &[&str]| scene.setup.run(arguments).await;
    assert_eq!(run(&["ticket", "reissue", &id, "--expected-generation", "0"]).await?.status.code(), Some(1));
    assert_eq!(run(&["order", "cancel", &order.to_string(), "--yes"]).await?.status.code(), Some(0));
    service.order_in(order, "voided").await?;
    for code in [&old_code[..], new_code] {
        let (ended, answer) = verdict(&scene.setup, &[], code).await?;
        assert_eq!((ended, &answer["verdict"]), (Some(1), &json!("voided")), "{answer}");
    }
    let back = run(&["order", "reinstate", &order.to_string(), "--json"]).await?;
    let back: Value = serde_json::from_slice(&back.stdout)
        .with_context(|| String::from_utf8_lossy(&back.stderr).into_owned())?;
    assert_eq!((&back["state"], &back["withdrawals"][0]["state"]), (&json!("issued"), &json!("lifted")));
    for ticket in back["tickets"].as_array().context("tickets")? {
        assert_eq!((&ticket["era"], &ticket["voidedAt"]), (&json!(1), &Value::Null), "another code's id");
        let id = ticket["id"].as_str().context("an id")?;
        assert_eq!(service.get(&format!("/tickets/{id}.pdf")).await?.status(), 200);
        let code = ticket["qrCodeData"].as_str().context("a code")?;
        assert_eq!(verdict(&scene.setup, &[], code).await?.0, Some(0), "good again");
    }
    assert_eq!(
        verdict(&scene.setup, &[], new_code).await?.1["verdict"],
        "voided",
        "the former one stays void"
    );
    wire.told(&wire.reissued, 3).await?;
    assert_eq!(
        run(&["order", "reinstate", &order.to_string()]).await?.status.code(),
        Some(1),
        "nothing is void"
    );
    scene.settled(&service).await
}

/// The exit code and output of `verify`.
async fn verdict(setup: &Setup, more: &[&str], code: &str) -> Result<(Option<i32>, Value)> {
    let said = setup.run(&[&["verify", "--json", code][..], more].concat()).await?;
    Ok((said.status.code(), serde_json::from_slice(&said.stdout).unwrap_or_default()))
}

async fn verdicts_of(scene: &Scene, service: &Service, old_code: &str, new_code: &str) -> Result<()> {
    // The local store can say which code is revoked, and so can the service; the keys alone cannot.
    let keys = scene.setup.data().join("jwks.json").display().to_string();
    std::fs::write(&keys, service.get_json("/.well-known/ticket-keys.json").await?.to_string())?;
    let door = Setup::new()?;
    let base = service.base();
    for (code, word, exit) in [(old_code, "superseded", 1), (new_code, "valid", 0)] {
        for (setup, more) in [(&scene.setup, &[][..]), (&door, &["--service", base])] {
            let (ended, answer) = verdict(setup, more, code).await?;
            assert_eq!((ended, &answer["verdict"]), (Some(exit), &json!(word)), "{answer}");
            assert_eq!(answer["voidsChecked"], true, "{answer}");
        }
        let (ended, answer) = verdict(&door, &["--keys", &keys], code).await?;
        assert_eq!(
            (ended, &answer["verdict"], &answer["voidsChecked"]),
            (Some(0), &json!("valid"), &json!(false))
        );
    }
    let said = door.run(&["verify", "--keys", &keys, new_code]).await?;
    assert!(String::from_utf8_lossy(&said.stdout).contains("voids and reissues were not checked"));
    let nowhere = ["--service", "http://127.0.0.1:9"];
    assert_eq!(verdict(&door, &nowhere, new_code).await?.0, Some(3), "nobody answers");
    assert_eq!(verdict(&door, &["--service", "tickets"], new_code).await?.0, Some(2), "no address");
    let stranger = door.clone().env("FULFILLMENT_HTTP_TOKEN", "not-the-services-own-token-at-all");
    assert_eq!(verdict(&stranger, &["--service", base], new_code).await?.0, Some(2), "it wants its token");
    Ok(())
}
