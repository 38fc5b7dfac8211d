//! Tests of a failing Ordering: late, slow, wrong, truncated. A paid order is never dropped.

use std::time::Duration;

use anyhow::{Context, Result};
use fulfillment_tests::ordering::{Answer, one_seat};
use fulfillment_tests::payment::Payment;
use fulfillment_tests::rig;
use fulfillment_tests::scene::{PATIENCE, Scene};
use fulfillment_tests::wait::eventually;
use serde_json::json;

/// The answers about an order before the real one.
type Script = fn(uuid::Uuid) -> Vec<Answer>;

#[tokio::test]
async fn an_unknown_failing_slow_or_garbled_order_is_asked_for_again() -> Result<()> {
    let scene = Scene::embedded().await?;
    let service = scene.start().await?;
    let bad_days: [(&str, Script); 6] = [
        ("unknown at first", |_| vec![Answer::Status(404), Answer::Status(404)]),
        ("failing", |_| vec![Answer::Status(500), Answer::Status(503), Answer::Status(502)]),
        ("asking for patience", |_| vec![Answer::RetryAfter(429, 1)]),
        ("slow", |order| vec![Answer::Slow(Duration::from_secs(3), Box::new(Answer::Json(one_seat(order))))]),
        ("half", |order| vec![Answer::Half(one_seat(order))]),
        ("no JSON", |_| vec![Answer::Text("<html>".into()), Answer::Text(String::new())]),
    ];
    let mut orders = Vec::new();
    for (what, make) in bad_days {
        let order = rig::id();
        let mut script = make(order);
        script.push(Answer::Json(one_seat(order)));
        orders.push((what, order, script.len()));
        scene.ordering.answer(order, script);
        assert_eq!(service.pay(Payment::of(order).json()).await?.0, 202);
    }
    for (what, order, calls) in orders {
        let record = service.order_in(order, "issued").await.context(what)?;
        assert_eq!(record["tickets"].as_array().map(Vec::len), Some(1), "{what}");
        assert!(scene.ordering.calls(order) >= calls, "{what}");
    }
    scene.settled(&service).await
}

#[tokio::test]
async fn an_answer_for_another_order_is_never_issued() -> Result<()> {
    let scene = Scene::embedded().await?.set("FULFILLMENT_PIPELINE_PARKED_RETRY_EVERY", "300ms");
    let service = scene.start().await?;
    let order = rig::id();
    scene.ordering.answer(order, [Answer::Json(one_seat(rig::id()))]);
    service.pay(Payment::of(order).json()).await?;
    let record = service.order_in(order, "parked").await?;
    assert!(record["reason"].as_str().is_some_and(|why| why.contains("another order")), "{record}");
    assert_eq!(record["tickets"], json!([]));
    // Ordering recovers; the background job asks again.
    scene.ordering.answer(order, [Answer::Json(one_seat(order))]);
    service.order_in(order, "issued").await?;
    scene.settled(&service).await
}

#[tokio::test]
async fn answers_that_do_not_fit_park_the_order_with_the_reason() -> Result<()> {
    let scene = Scene::embedded().await?;
    let service = scene.start().await?;
    let broken = [
        ("quantity", json!([{ "quantity": 0, "price": 1 }])),
        ("quantity", json!([{ "quantity": 2, "seatNumber": "4", "price": 1 }])),
        ("tickets", json!([{ "quantity": 10_001, "price": 1 }])),
    ];
    for (word, items) in broken {
        let order = rig::id();
        let mut answer = one_seat(order);
        answer["items"] = items;
        scene.ordering.answer(order, [Answer::Json(answer)]);
        service.pay(Payment::of(order).json()).await?;
        let record = service.order_in(order, "parked").await?;
        assert!(record["reason"].as_str().is_some_and(|why| why.contains(word)), "{record}");
    }
    scene.settled(&service).await
}

#[tokio::test]
async fn a_locked_door_burns_no_attempts() -> Result<()> {
    let scene = Scene::embedded()
        .await?
        .set("FULFILLMENT_ORDERING_TOKEN", "right")
        .set("FULFILLMENT_PIPELINE_MAX_ATTEMPTS", "2");
    let service = scene.start().await?;
    scene.ordering.demand_token(Some("another"));
    scene.ordering.answer_others(|order| Answer::Json(one_seat(order)));
    let orders: Vec<_> = (0..5).map(|_| rig::id()).collect();
    for order in &orders {
        service.pay(Payment::of(*order).json()).await?;
    }
    eventually(PATIENCE, "health names Ordering", async || {
        let ready = service.get_json("/health/ready").await?;
        Ok((ready["parts"]["ordering"]["status"] == "degraded").then_some(()))
    })
    .await?;
    // More claims than the budget of attempts: none of them may count.
    tokio::time::sleep(Duration::from_secs(8)).await;
    for order in &orders {
        let record = service.order_in(*order, "received").await?;
        assert!(record["attempts"].as_u64().is_some_and(|attempts| attempts <= 1), "{record}");
    }
    scene.ordering.demand_token(Some("right"));
    for order in &orders {
        service.order_in(*order, "issued").await?;
    }
    scene.settled(&service).await
}

#[tokio::test]
async fn a_user_id_becomes_an_address_where_identity_is_there() -> Result<()> {
    let scene = Scene::embedded().await?;
    let scene = {
        let url = scene.ordering.url().to_owned();
        scene.set("FULFILLMENT_IDENTITY_URL", url)
    };
    let service = scene.start().await?;
    let (known, unknown) = (rig::id(), rig::id());
    for (order, user) in [(rig::id(), known), (rig::id(), unknown)] {
        let mut answer = one_seat(order);
        answer["customerEmail"] = json!(user);
        scene.ordering.answer(order, [Answer::Json(answer)]);
        scene.ordering.answer_user(
            known,
            [Answer::Status(503), Answer::Json(json!({ "userId": known, "email": "grace@example.org" }))],
        );
        service.pay(Payment::of(order).json()).await?;
        let record = service.order_in(order, "issued").await?;
        let ticket = &record["tickets"][0];
        if user == known {
            assert_eq!(
                (&ticket["customerEmail"], &ticket["flags"]),
                (&json!("grace@example.org"), &json!([]))
            );
        } else {
            assert_eq!(
                (&ticket["customerEmail"], &ticket["flags"]),
                (&json!(user), &json!(["email_unresolved"]))
            );
        }
    }
    scene.settled(&service).await
}

#[tokio::test]
async fn without_identity_a_user_id_is_issued_and_flagged() -> Result<()> {
    let scene = Scene::embedded().await?;
    let service = scene.start().await?;
    let order = rig::id();
    let mut answer = one_seat(order);
    answer["customerEmail"] = json!(rig::id());
    scene.ordering.answer(order, [Answer::Json(answer)]);
    service.pay(Payment::of(order).json()).await?;
    let record = service.order_in(order, "issued").await?;
    assert_eq!(record["tickets"][0]["flags"], json!(["email_unresolved"]));
    scene.settled(&service).await
}

#[tokio::test]
async fn a_name_to_come_is_waited_for_until_the_grace_ends() -> Result<()> {
    let scene = Scene::embedded()
        .await?
        .set("FULFILLMENT_ORDERING_GRACE", "4s")
        // The tests' delays are short: twenty attempts would be over before the grace period ends.
        .set("FULFILLMENT_PIPELINE_MAX_ATTEMPTS", "1000");
    let service = scene.start().await?;
    let pending = |order| {
        let mut answer = one_seat(order);
        answer["eventName"] = json!("Event Details Pending");
        Answer::Json(answer)
    };
    let (soon, never) = (rig::id(), rig::id());
    scene.ordering.answer(soon, [pending(soon), pending(soon), Answer::Json(one_seat(soon))]);
    scene.ordering.answer(never, [pending(never)]);
    for order in [soon, never] {
        service.pay(Payment::of(order).json()).await?;
    }
    let record = service.order_in(soon, "issued").await?;
    assert_eq!(record["tickets"][0]["eventName"], "Analytical Engines, Live");
    assert_eq!(record["tickets"][0]["flags"], json!([]));
    let record = service.order_in(never, "issued").await?;
    assert_eq!(record["tickets"][0]["flags"], json!(["event_details_pending"]));
    scene.settled(&service).await
}

#[tokio::test]
async fn another_amount_than_ordered_is_flagged_and_issued() -> Result<()> {
    let scene = Scene::embedded().await?;
    let service = scene.start().await?;
    let order = rig::id();
    scene.ordering.answer(order, [Answer::Json(one_seat(order))]);
    service.pay(Payment { amount: "1".into(), ..Payment::of(order) }.json()).await?;
    let record = service.order_in(order, "issued").await?;
    assert_eq!(record["tickets"][0]["flags"], json!(["amount_mismatch"]));
    scene.settled(&service).await
}

#[tokio::test]
async fn a_parked_order_is_issued_once_ordering_has_recovered_and_somebody_says_retry() -> Result<()> {
    let scene = Scene::platform()
        .await?
        .set("FULFILLMENT_ORDERING_GRACE", "0s")
        .set("FULFILLMENT_PIPELINE_MAX_ATTEMPTS", "2");
    let service = scene.start().await?;
    let (unknown, failing) = (rig::id(), rig::id());
    scene.ordering.answer(failing, [Answer::Status(500)]);
    for order in [unknown, failing] {
        scene.wire()?.pay(&Payment::of(order)).await?;
        service.order_in(order, "parked").await?;
    }
    for order in [unknown, failing] {
        scene.ordering.answer(order, [Answer::Json(one_seat(order))]);
    }
    let said = scene.setup.run(&["retry", "--all", "--json"]).await?;
    assert_eq!(said.status.code(), Some(0), "{said:?}");
    assert_eq!(String::from_utf8_lossy(&said.stdout).trim(), r#"{"orders":2}"#);
    for order in [unknown, failing] {
        service.order_in(order, "issued").await?;
    }
    let nobody = scene.setup.run(&["retry", "--order", &rig::id().to_string()]).await?;
    assert_eq!(nobody.status.code(), Some(1));
    scene.settled(&service).await
}

#[tokio::test]
async fn no_more_questions_at_once_than_allowed() -> Result<()> {
    let scene = Scene::embedded().await?.set("FULFILLMENT_ORDERING_CONCURRENCY", "4");
    let service = scene.start().await?;
    scene.ordering.answer_others(|order| {
        Answer::Slow(Duration::from_millis(100), Box::new(Answer::Json(one_seat(order))))
    });
    let orders: Vec<_> = (0..40).map(|_| rig::id()).collect();
    let all: Vec<_> = orders.iter().map(|order| Payment::of(*order).json()).collect();
    service.pay(format!("[{}]", all.join(","))).await?;
    for order in &orders {
        service.order_in(*order, "issued").await?;
    }
    assert_eq!(scene.ordering.most_at_once(), 4);
    scene.settled(&service).await
}

#[tokio::test]
async fn lines_that_admit_nobody_are_no_tickets_and_their_order_says_so() -> Result<()> {
    let scene = Scene::embedded().await?;
    let service = scene.start().await?;
    let (mixed, fees, unread) = (rig::id(), rig::id(), rig::id());
    let answer = |order, rest: serde_json::Value| {
        let mut answer = one_seat(order);
        for field in ["price", "seatNumber"] {
            answer[field].take();
        }
        for (name, value) in rest.as_object().into_iter().flatten() {
            answer[name] = value.clone();
        }
        Answer::Json(answer)
    };
    let seat = json!({ "price": 60, "section": "A", "row": "1", "seatNumber": 12.0, "holderName": {} });
    let voucher = json!({ "price": -10, "kind": "gift" });
    let fee = json!({ "price": "+2.00", "type": "booking_fee", "quantity": "1" });
    scene.ordering.answer(mixed, [answer(mixed, json!({ "items": [voucher, seat, fee], "doorsAt": "TBA" }))]);
    scene
        .ordering
        .answer(fees, [answer(fees, json!({ "items": [fee, { "price": 5, "admission": false }] }))]);
    let lines = json!({ "price": 180, "lines": [{ "seat": "1" }, { "seat": "2" }, { "seat": "3" }], "eventName": {} });
    scene.ordering.answer(unread, [answer(unread, lines)]);
    for (order, amount) in [(mixed, "52.00"), (fees, "7.00"), (unread, "180.00")] {
        service.pay(Payment { amount: amount.into(), ..Payment::of(order) }.json()).await?;
    }
    let record = service.order_in(mixed, "issued").await?;
    assert_eq!(record["tickets"].as_array().map(Vec::len), Some(1), "{record}");
    let ticket = &record["tickets"][0];
    assert_eq!((&ticket["seat"], &ticket["line"]), (&json!("Section A, Row 1, Seat 12"), &json!("pos:1")));
    assert_eq!(ticket["flags"], json!(["detail_left_out", "line_left_out"]));
    let notes = record["notes"].as_array().context("notes")?;
    for part in ["doorsAt was left out", "items[1].holderName was left out", "-10 EUR", "fee, 1 x 2.00 EUR"] {
        assert!(
            notes.iter().any(|note| note.as_str().is_some_and(|n| n.contains(part))),
            "{part}: {notes:?}"
        );
    }
    let shown = scene.setup.run(&["order", "show", &mixed.to_string()]).await?;
    let shown = String::from_utf8_lossy(&shown.stdout).into_owned();
    assert_eq!(shown.lines().filter(|line| line.starts_with("note ")).count(), notes.len(), "{shown}");

    let record = service.order_in(fees, "issued").await?;
    assert_eq!((&record["tickets"], &record["reason"]), (&json!([]), &json!("nothing_admits")));
    assert_eq!(record["notes"].as_array().map(Vec::len), Some(2));
    let missing =
        scene.setup.run(&["reconcile", "--since", "1day", "--orders", "/dev/null", "--json"]).await?;
    assert!(!String::from_utf8_lossy(&missing.stdout).contains(&fees.to_string()), "{missing:?}");

    let record = service.order_in(unread, "parked").await?;
    let why = record["reason"].as_str().unwrap_or_default();
    assert!(why.contains("more was sold") && why.contains("eventName: is not a string"), "{why}");
    scene.settled(&service).await
}
