//! Tests of orders of more than one seat, and of unusual names and seats.

use anyhow::{Context, Result};
use fulfillment_tests::ordering::{Answer, one_seat, seats};
use fulfillment_tests::payment::Payment;
use fulfillment_tests::rig;
use fulfillment_tests::scene::Scene;
use fulfillment_tests::tools;
use serde_json::{Value, json};

#[tokio::test]
async fn every_seat_gets_its_ticket_and_its_event() -> Result<()> {
    let scene = Scene::platform().await?;
    let service = scene.start().await?;
    let order = rig::id();
    scene.ordering.answer(order, [Answer::Json(seats(order, 8))]);
    scene.wire()?.pay(&Payment { amount: "476".into(), ..Payment::of(order) }).await?;
    let mut codes = std::collections::HashSet::new();
    let mut numbers = std::collections::HashSet::new();
    let mut indexes = Vec::new();
    for message in scene.wire()?.issued(8).await? {
        let event = message.json()?;
        assert_eq!(message.key, Some(order.to_string()));
        assert_eq!(event["ticketCount"], 8);
        assert_eq!(event["holderName"], format!("Guest {}", event["ticketIndex"]));
        indexes.push(event["ticketIndex"].as_u64().context("an index")?);
        codes.insert(event["qrCodeData"].as_str().map(str::to_owned));
        numbers.insert(event["ticketNumber"].as_str().map(str::to_owned));
    }
    indexes.sort_unstable();
    assert_eq!(indexes, (1..=8).collect::<Vec<_>>());
    assert_eq!((codes.len(), numbers.len()), (8, 8));
    let record = service.order_in(order, "issued").await?;
    let last = &record["tickets"][7];
    let row = last["row"].as_str().context("a row")?;
    assert_eq!(last["seat"], format!("Section A, Row {row}, Seat 8"));
    assert_eq!(record["tickets"][7]["flags"], json!([]));
    scene.settled(&service).await
}

#[tokio::test]
async fn a_quantity_without_seats_is_as_many_tickets() -> Result<()> {
    let scene = Scene::platform().await?;
    let service = scene.start().await?;
    let order = rig::id();
    let mut answer = one_seat(order);
    answer["items"] = json!([
        { "quantity": 300, "category": "Standing", "price": 20, "currency": "EUR" },
        { "seatId": "box-3", "seatLabel": "Box 3", "price": 90.5, "currency": "EUR" },
    ]);
    scene.ordering.answer(order, [Answer::Json(answer)]);
    scene.wire()?.pay(&Payment { amount: "6090.50".into(), ..Payment::of(order) }).await?;
    scene.wire()?.issued(301).await?;
    let record = service.order_in(order, "issued").await?;
    let tickets = record["tickets"].as_array().context("tickets")?;
    assert_eq!(tickets.len(), 301);
    assert_eq!((&tickets[300]["seat"], &tickets[300]["seatId"]), (&json!("Box 3"), &json!("box-3")));
    assert!(tickets.iter().all(|ticket| ticket["flags"] == json!([])));
    scene.settled(&service).await
}

#[tokio::test]
async fn a_seat_sold_twice_is_issued_twice_and_flagged() -> Result<()> {
    let scene = Scene::platform().await?;
    let service = scene.start().await?;
    let (first, second, elsewhere, nowhere) = (rig::id(), rig::id(), rig::id(), rig::id());
    for order in [first, second, elsewhere, nowhere] {
        let mut answer = one_seat(order);
        answer["seatNumber"] = json!("Section A, Row 5, Seat 12");
        if order == elsewhere {
            answer["eventId"] = json!(rig::id());
        }
        if order == nowhere {
            answer["seatNumber"] = json!("N/A");
        }
        scene.ordering.answer(order, [Answer::Json(answer)]);
        scene.wire()?.pay(&Payment::of(order)).await?;
        let record = service.order_in(order, "issued").await?;
        let expected = if order == second { json!(["seat_conflict"]) } else { json!([]) };
        assert_eq!(record["tickets"][0]["flags"], expected, "{record}");
    }
    scene.settled(&service).await
}

#[tokio::test]
async fn a_nul_in_a_name_spoils_nothing() -> Result<()> {
    for scene in [Scene::platform().await?, Scene::embedded().await?.with_kafka().await?] {
        let service = scene.start().await?;
        scene.ordering.answer_others(|order| Answer::Json(one_seat(order)));
        let order = rig::id();
        let mut answer = seats(order, 1);
        answer["items"][0]["holderName"] = json!("Zo\0e \u{202e}\u{7}Nul");
        answer["customerEmail"] = json!("zoe\0@example.org");
        answer["eventName"] = json!("Nul\0 Night");
        answer["note"] = json!("\0\0");
        scene.ordering.answer(order, [Answer::Json(answer)]);
        let mut payment: Value = serde_json::from_str(&Payment::of(order).json())?;
        payment["transactionId"] = json!("t\0x");
        let wire = scene.wire()?;
        wire.kafka.send(&wire.payments, None, &[], Some(payment.to_string().as_bytes())).await?;
        let neighbour = Payment::of(rig::id());
        wire.pay(&neighbour).await?;
        let record = service.order_in(order, "issued").await?;
        service.order_in(neighbour.order_id, "issued").await?;
        let ticket = &record["tickets"][0];
        assert_eq!(
            (&ticket["eventName"], &ticket["customerEmail"]),
            (&json!("Nul Night"), &json!("zoe@example.org"))
        );
        let id = ticket["id"].as_str().context("an id")?;
        let pdf = service.get(&format!("/tickets/{id}.pdf")).await?.error_for_status()?.bytes().await?;
        assert!(tools::pdf_text(&pdf)?.contains("Nul Night"));
        scene.settled(&service).await?;
    }
    Ok(())
}
