//! Commands that cannot be taken back say what they touch, and need a yes.

use anyhow::{Context, Result};
use fulfillment_tests::ordering::{Answer, seats};
use fulfillment_tests::payment::Payment;
use fulfillment_tests::rig;
use fulfillment_tests::scene::Scene;
use serde_json::{Value, json};

#[tokio::test]
async fn what_cannot_be_taken_back_says_what_it_touches_and_needs_a_yes() -> Result<()> {
    let scene = Scene::embedded().await?;
    let service = scene.start().await?;
    let order = rig::id();
    scene.ordering.answer(order, [Answer::Json(seats(order, 2))]);
    let payment = Payment::of(order);
    service.pay(payment.json()).await?;
    let issued = service.order_in(order, "issued").await?;
    let ticket = &issued["tickets"][0];
    let text = |name: &str| ticket[name].as_str().map(str::to_owned).context("a ticket's field");
    let (id, event, kid, number) = (text("id")?, text("eventId")?, text("kid")?, text("ticketNumber")?);
    let buyer = text("customerEmail")?;
    // The same payment with another amount is set apart.
    let other = Payment { amount: "1".into(), ..payment.clone() };
    assert_eq!(service.pay(other.json()).await?.0, 409);
    let listed: Value = serde_json::from_slice(&scene.setup.run(&["dlq", "list", "--json"]).await?.stdout)?;
    let letter = listed["letters"][0]["id"].to_string();
    let order = order.to_string();

    let erased = json!({ "orders": [order], "tickets": 2, "letters": 0, "similar": [] });
    let cases = [
        (vec!["erase", "--email", &buyer], "1 order with 2 tickets", erased.clone()),
        (vec!["erase", "--order", &order], "1 order with 2 tickets", erased),
        (
            vec!["order", "cancel", &order],
            "voids 2 tickets",
            json!({ "orderId": order, "state": "issued", "tickets": 2 }),
        ),
        (
            vec!["ticket", "void", &id],
            "voids 1 ticket of order",
            json!({ "ticketId": id, "ticketNumber": number, "orderId": order, "tickets": 1 }),
        ),
        (
            vec!["event", "cancel", &event],
            "voids 2 tickets",
            json!({ "eventId": event, "eventName": ticket["eventName"], "tickets": 2 }),
        ),
        (
            vec!["keys", "revoke", &kid, "--reason", "leaked"],
            "2 live tickets",
            json!({ "kid": kid, "revoked": false, "liveTickets": 2, "makesKey": true }),
        ),
        (
            vec!["dlq", "drop", &letter, "--reason", "a test"],
            "1 dead letter",
            json!({
                "id": letter, "toDrop": { "letters": 1, "refunds": 0, "lateOrders": 0, "attention": 0 }
            }),
        ),
    ];
    for (arguments, touches, plan) in &cases {
        // Without a terminal nobody can answer.
        let refused = scene.setup.run(arguments).await?;
        let said = String::from_utf8_lossy(&refused.stderr);
        assert_eq!(refused.status.code(), Some(2), "{arguments:?}: {said}");
        assert!(said.contains(touches) && said.contains("--yes"), "{arguments:?}: {said}");
        let dry = scene.setup.run(&[&arguments[..], &["--dry-run"]].concat()).await?;
        let said = String::from_utf8_lossy(&dry.stdout);
        assert!(dry.status.success() && said.contains(touches), "{arguments:?}: {said}");
        // A dry run is one, whatever else is said.
        let dry = scene.setup.run(&[&arguments[..], &["--dry-run", "--yes", "--json"]].concat()).await?;
        assert!(dry.status.success(), "{dry:?}");
        assert_eq!(&serde_json::from_slice::<Value>(&dry.stdout)?, plan, "{arguments:?}");
    }
    assert_eq!(service.get_json(&format!("/orders/{order}")).await?, issued, "nothing was changed");
    let after: Value = serde_json::from_slice(&scene.setup.run(&["dlq", "list", "--json"]).await?.stdout)?;
    assert_eq!(after, listed);
    let keys: Value = serde_json::from_slice(&scene.setup.run(&["keys", "list", "--json"]).await?.stdout)?;
    assert_eq!(keys[0]["state"], "signs", "{keys}");

    // With a yes they do it; and what touches nothing any more needs none.
    for (arguments, ..) in cases.iter().rev() {
        let done = scene.setup.run(&[&arguments[..], &["--yes"]].concat()).await?;
        let expected = i32::from(arguments[..2] == ["erase", "--email"]);
        assert_eq!(done.status.code(), Some(expected), "{arguments:?}: {done:?}");
    }
    assert!(scene.setup.run(&["ticket", "void", &id]).await?.status.success(), "it is void already");
    assert!(scene.setup.run(&["keys", "revoke", &kid, "--reason", "again"]).await?.status.success());
    let erased = service.get_json(&format!("/orders/{order}")).await?;
    assert!(erased["voidedAt"].is_string() && erased["erasedAt"].is_string(), "{erased}");
    scene.settled(&service).await
}
