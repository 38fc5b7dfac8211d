//! Links that an operator prints, and tickets that are sent once more.

use anyhow::{Context, Result};
use fulfillment_tests::ordering::{Answer, seats};
use fulfillment_tests::payment::Payment;
use fulfillment_tests::rig;
use fulfillment_tests::scene::{PATIENCE, Scene};
use fulfillment_tests::wait::eventually;
use fulfillment_tests::webhook::Receiver;
use serde_json::{Value, json};

#[tokio::test]
async fn an_operator_prints_links_and_sends_a_ticket_again() -> Result<()> {
    let mailer = Receiver::start().await?;
    let scene = Scene::embedded()
        .await?
        .set("FULFILLMENT_WEBHOOK_URL", format!("{}/mail", mailer.url()))
        .set("FULFILLMENT_WEBHOOK_SECRET", "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw");
    let service = scene.start().await?;
    let scene = scene.set("FULFILLMENT_HTTP_PUBLIC_URL", service.base());
    let run = async |arguments: &[&str]| -> Result<(Option<i32>, Value, String)> {
        let done = scene.setup.run(&[arguments, &["--json"]].concat()).await?;
        let said = String::from_utf8_lossy(&done.stderr).into_owned();
        Ok((done.status.code(), serde_json::from_slice(&done.stdout).unwrap_or_default(), said))
    };
    let opens = async |link: &Value| -> Result<u16> {
        Ok(service.client().get(link.as_str().context("a link")?).send().await?.status().as_u16())
    };
    let order = rig::id();
    scene.ordering.answer(order, [Answer::Json(seats(order, 2))]);
    service.pay(Payment::of(order).json()).await?;
    let record = service.order_in(order, "issued").await?;
    let (order, id) = (order.to_string(), record["tickets"][0]["id"].as_str().context("an id")?.to_owned());

    let (code, ticket, said) = run(&["ticket", "link", &id]).await?;
    assert_eq!((code, opens(&ticket["link"]).await?), (Some(0), 200), "{said}");
    let (code, all, said) = run(&["order", "link", &order]).await?;
    assert_eq!((code, opens(&all["link"]).await?), (Some(0), 200), "{said}");
    let shown = run(&["order", "show", &order]).await?.1;
    assert_eq!(
        (&shown["ticketsPdfUrl"], &shown["tickets"][0]["ticketPdfUrl"]),
        (&all["link"], &ticket["link"])
    );
    let people = scene.setup.run(&["ticket", "show", &id]).await?;
    let people = String::from_utf8_lossy(&people.stdout).into_owned();
    assert!(people.contains("status      Generated") && people.contains("holder      Guest 1"), "{people}");
    let audited = run(&["audit", "list", "--action", "read.link"]).await?.1;
    assert!(audited.to_string().contains(&id), "{audited}");

    // Sent again: another event, to a receiver that skips ids that it knows.
    let events = async |count: usize| {
        eventually(PATIENCE, "the mailer has the events", async || {
            let all = mailer.requests();
            let of_ticket = all.iter().filter(|r| String::from_utf8_lossy(&r.body).contains(&id)).cloned();
            let of_ticket: Vec<_> = of_ticket.collect();
            Ok((of_ticket.len() >= count).then_some(of_ticket))
        })
        .await
    };
    events(1).await?;
    let (code, sent, said) = run(&["ticket", "resend", &id]).await?;
    assert_eq!((code, &sent["sequence"]), (Some(0), &json!(2)), "{said}");
    let both = events(2).await?;
    assert_ne!(both[0].header("webhook-id"), both[1].header("webhook-id"));
    let again = both[1].json()?.to_string();
    assert!(again.contains("sentAgain") && again.contains("\"sequence\":2"), "{again}");
    let (code, _, said) = run(&["ticket", "resend", &id, "--to", "kafka"]).await?;
    assert!(code == Some(2) && said.contains("stream"), "{said}");

    // A void ticket has no link and is not sent; a new code ends the order's link.
    assert_eq!(run(&["ticket", "void", &id, "--yes"]).await?.0, Some(0));
    for command in ["link", "resend"] {
        let (code, _, said) = run(&["ticket", command, &id]).await?;
        assert!(code == Some(1) && said.contains("void"), "{command}: {said}");
    }
    assert_eq!(opens(&all["link"]).await?, 200, "the other one is in it");
    let shown = run(&["ticket", "show", &id]).await?.1;
    assert_eq!((&shown["shownStatus"], &shown["ticketPdfUrl"]), (&json!("voided"), &Value::Null));
    let other = record["tickets"][1]["id"].as_str().context("an id")?;
    let reissue = ["ticket", "reissue", other, "--expected-generation", "0", "--holder-name", "Somebody"];
    assert_eq!(run(&reissue).await?.0, Some(0));
    assert_eq!(opens(&all["link"]).await?, 410);
    // After the event links expire, and one that is renewed works.
    let late = scene.setup.clone().env("FULFILLMENT_HTTP_LINKS_EXPIRE_AFTER", "1day");
    let renewed = late.run(&["order", "link", &order, "--renew", "--json"]).await?;
    let renewed: Value = serde_json::from_slice(&renewed.stdout)?;
    assert!(renewed["until"].is_string(), "{renewed}");
    assert_eq!(opens(&renewed["link"]).await?, 200);
    assert_eq!(run(&["erase", "--order", &order, "--yes"]).await?.0, Some(0));
    let (code, _, said) = run(&["order", "link", &order]).await?;
    assert!(code == Some(1) && said.contains("erased"), "{said}");
    assert_eq!(opens(&renewed["link"]).await?, 410);
    // The check of what is left expects one ticket-issued of each ticket.
    scene.leaves("a ticket was announced twice, as it was asked for");
    Ok(())
}
