//! Tests of orders that grow after their first tickets were issued, and of those that must not.

use anyhow::{Context, Result};
use fulfillment_tests::ordering::{Answer, one_seat, seats};
use fulfillment_tests::payment::Payment;
use fulfillment_tests::rig;
use fulfillment_tests::scene::Scene;
use serde_json::{Value, json};
use uuid::Uuid;

fn pay(order: Uuid, amount: &str) -> String {
    Payment { amount: amount.into(), ..Payment::of(order) }.json()
}

fn ids(record: &Value) -> Vec<String> {
    let tickets = record["tickets"].as_array().cloned().unwrap_or_default();
    tickets.iter().filter_map(|t| t["id"].as_str().map(str::to_owned)).collect()
}

fn reasons(record: &Value) -> Vec<&str> {
    record["attention"].as_array().into_iter().flatten().filter_map(|a| a["reason"].as_str()).collect()
}

#[tokio::test]
async fn an_order_that_gained_a_seat_gets_its_ticket() -> Result<()> {
    grows(Scene::platform().await?).await
}

#[tokio::test]
async fn an_order_that_gained_a_seat_with_the_embedded_store_too() -> Result<()> {
    grows(Scene::embedded().await?).await
}

async fn grows(scene: Scene) -> Result<()> {
    let service = scene.start().await?;
    let order = rig::id();
    scene.ordering.answer(order, [Answer::Json(seats(order, 2))]);
    let first = pay(order, "119.00");
    service.pay(first.clone()).await?;
    let before = service.order_in(order, "issued").await?;
    // Ordering is slow, then fails, and only then returns the third seat.
    scene.ordering.answer(
        order,
        [
            Answer::Status(503),
            Answer::Json(seats(order, 2)),
            Answer::Half(seats(order, 3)),
            Answer::Json(seats(order, 3)),
        ],
    );
    let second = pay(order, "59.5");
    let (status, answer) = service.pay(second.clone()).await?;
    assert_eq!((status, &answer["results"][0]["outcome"]), (200, &"already_paid".into()), "{answer}");
    let issued = |r: &Value| r["state"] == "issued" && ids(r).len() == 3 && reasons(r).is_empty();
    let record = service.order_when(order, "three tickets", issued).await?;
    assert_eq!(ids(&record)[..2], ids(&before)[..], "{record}");
    let third = &record["tickets"][2];
    assert_eq!((&third["ticketIndex"], &third["ticketCount"]), (&json!(3), &json!(3)));
    assert_eq!(record["tickets"][0]["ticketCount"], 2, "old rows stay as they are");
    assert!(third["flags"].as_array().is_some_and(Vec::is_empty), "{third}");
    scene.settled(&service).await?;

    // The same payments again, into an empty store with the same keys: the same ids, although everything arrives
    // together.
    let again = Scene::embedded().await?;
    again.ordering.answer(order, [Answer::Json(seats(order, 3))]);
    let keys = scene.setup.data().join("keys");
    let again = again.set("FULFILLMENT_CREDENTIAL_KEYS_DIR", keys.to_string_lossy());
    let rebuilt = again.start().await?;
    rebuilt.pay(format!("[{first},{second}]")).await?;
    let replayed = rebuilt.order_when(order, "issued again", issued).await?;
    assert_eq!(ids(&replayed), ids(&record));
    again.settled(&rebuilt).await
}

#[tokio::test]
async fn an_unpaid_line_and_a_double_charge_wait_for_an_operator() -> Result<()> {
    let scene = Scene::embedded().await?;
    let service = scene.start().await?;
    let order = rig::id();
    scene.ordering.answer(order, [Answer::Json(seats(order, 1))]);
    service.pay(pay(order, "59.50")).await?;
    service.order_in(order, "issued").await?;
    let mut basket = seats(order, 2);
    basket["items"][1]["price"] = json!(80);
    scene.ordering.answer(order, [Answer::Json(basket)]);
    service.pay(pay(order, "59.50")).await?;
    let listed = |r: &Value| reasons(r) == ["new_lines_unpaid"];
    let record = service.order_when(order, "listed", listed).await?;
    assert_eq!((&record["state"], ids(&record).len()), (&json!("issued"), 1), "{record}");
    let list = scene.setup.run(&["dlq", "list"]).await?;
    let list = String::from_utf8_lossy(&list.stdout).into_owned();
    assert!(list.contains("paid 119.00 EUR, all lines cost 139.5 EUR"), "{list}");

    // Retried by an operator, it waits as before; an operator may nevertheless issue it.
    let asked = scene.ordering.calls(order);
    let run = scene.setup.run(&["order", "refresh", &order.to_string()]).await?;
    assert_eq!(run.status.code(), Some(0), "{run:?}");
    let again = |_: &Value| scene.ordering.calls(order) > asked;
    service.order_when(order, "asked again", again).await?;
    scene.settled(&service).await?;
    let run = scene.setup.run(&["order", "refresh", "--issue", &order.to_string()]).await?;
    assert_eq!(run.status.code(), Some(0), "{run:?}");
    let issued = |r: &Value| r["state"] == "issued" && ids(r).len() == 2 && reasons(r).is_empty();
    service.order_when(order, "issued by hand", issued).await?;
    scene.settled(&service).await
}

#[tokio::test]
async fn reordered_positions_are_listed_and_two_halves_are_a_price() -> Result<()> {
    let scene = Scene::embedded().await?;
    let service = scene.start().await?;
    let order = rig::id();
    let lines = |items: Value| {
        let mut answer = one_seat(order);
        answer["items"] = items;
        Answer::Json(answer)
    };
    let (standing, balcony) =
        (json!({"category": "Standing", "price": 20}), json!({"category": "Balcony", "price": 40}));
    scene.ordering.answer(order, [lines(json!([standing, balcony]))]);
    // Two halves of a price: nothing is listed, and no amount is reported as wrong.
    service.pay(pay(order, "30")).await?;
    service.order_in(order, "issued").await?;
    service.pay(pay(order, "30")).await?;
    let fits = |r: &Value| {
        r["tickets"]
            .as_array()
            .is_some_and(|t| t.iter().all(|t| t["flags"].as_array().is_some_and(Vec::is_empty)))
    };
    let record = service.order_when(order, "the halves fit", fits).await?;
    assert!(reasons(&record).is_empty() && ids(&record).len() == 2, "{record}");
    // A line is added before the others: it is not known which one is new.
    scene.ordering.answer(order, [lines(json!([balcony, standing, balcony]))]);
    service.pay(pay(order, "40")).await?;
    let record = service.order_when(order, "listed", |r| reasons(r) == ["cannot_tell_new"]).await?;
    assert_eq!((&record["state"], ids(&record).len()), (&json!("issued"), 2), "{record}");
    let detail = record["attention"][0]["detail"].as_str().context("a detail")?;
    assert!(detail.contains("line 1") && detail.contains("paid 100 EUR, all lines cost 100 EUR"), "{detail}");
    // Corrected at Ordering, and retried.
    scene.ordering.answer(order, [lines(json!([standing, balcony, balcony]))]);
    scene.setup.run(&["order", "refresh", &order.to_string()]).await?;
    let issued = |r: &Value| r["state"] == "issued" && ids(r).len() == 3 && reasons(r).is_empty();
    service.order_when(order, "three tickets", issued).await?;
    scene.settled(&service).await
}

#[tokio::test]
async fn a_failed_question_never_parks_an_issued_order() -> Result<()> {
    let scene = Scene::embedded().await?.set("FULFILLMENT_PIPELINE_MAX_ATTEMPTS", "3");
    let service = scene.start().await?;
    let order = rig::id();
    scene.ordering.answer(order, [Answer::Json(one_seat(order))]);
    service.pay(pay(order, "59.50")).await?;
    service.order_in(order, "issued").await?;
    scene.ordering.answer(order, [Answer::Text("no JSON".into())]);
    service.pay(pay(order, "59.50")).await?;
    let record = service.order_when(order, "listed", |r| reasons(r) == ["not_asked_again"]).await?;
    assert_eq!(record["state"], "issued", "{record}");
    scene.ordering.answer(order, [Answer::Json(one_seat(order))]);
    let run = scene.setup.run(&["order", "refresh", &order.to_string()]).await?;
    assert_eq!(run.status.code(), Some(0), "{run:?}");
    service.order_when(order, "overpaid", |r| reasons(r) == ["overpaid"]).await?;
    let unknown = scene.setup.run(&["order", "refresh", &rig::id().to_string()]).await?;
    assert_eq!(unknown.status.code(), Some(1), "{unknown:?}");
    scene.settled(&service).await
}

#[tokio::test]
async fn half_of_a_price_goes_back_and_is_listed() -> Result<()> {
    let scene = Scene::embedded().await?;
    let service = scene.start().await?;
    let order = rig::id();
    scene.ordering.answer(order, [Answer::Json(one_seat(order))]);
    let half = |amount: &str| Payment { amount: amount.into(), ..Payment::of(order) };
    let halves = [half("30.00"), half("29.50")];
    for payment in &halves {
        service.pay(payment.json()).await?;
        service.order_in(order, "issued").await?;
    }
    let back = async |payment: &Payment| {
        let refund = json!({ "refundId": rig::id(), "orderId": order, "paymentId": payment.payment_id });
        service.post("/events/payment-refunded", refund.to_string()).await?.error_for_status()?;
        anyhow::Ok(())
    };
    back(&halves[1]).await?;
    let record = service.order_when(order, "listed", |r| reasons(r) == ["underpaid"]).await?;
    assert_eq!((&record["state"], &record["tickets"][0]["voidedAt"]), (&json!("issued"), &Value::Null));
    let listed = scene.setup.run(&["dlq", "list"]).await?;
    let listed = String::from_utf8_lossy(&listed.stdout).into_owned();
    assert!(listed.contains("30.00 EUR of its payments is left, and its good tickets cost 59.5"), "{listed}");
    back(&halves[0]).await?;
    let record = service.order_in(order, "voided").await?;
    assert!(reasons(&record).is_empty(), "{record}");
    scene.settled(&service).await
}
