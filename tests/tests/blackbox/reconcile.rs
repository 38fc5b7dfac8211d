//! Tests of reconciliation: payments are compared with the records, and differences are repaired.

use anyhow::{Context, Result};
use fulfillment_tests::ordering::{Answer, one_seat};
use fulfillment_tests::payment::Payment;
use fulfillment_tests::rig;
use fulfillment_tests::scene::{PATIENCE, Scene};
use fulfillment_tests::service::{Service, Setup};
use fulfillment_tests::wait::eventually;
use fulfillment_tests::webhook::Receiver;
use serde_json::{Value, json};
use uuid::Uuid;

#[tokio::test]
async fn what_is_missing_is_reported_and_repaired() -> Result<()> {
    compared(Scene::embedded().await?).await
}

#[tokio::test]
async fn what_is_missing_is_repaired_with_postgres_too() -> Result<()> {
    compared(Scene::embedded().await?.with_postgres().await?).await
}

/// The exit code and the output.
async fn run(setup: &Setup, arguments: &[&str]) -> Result<(Option<i32>, Value)> {
    let mut all = vec!["--json", "reconcile"];
    all.extend(arguments);
    let output = setup.run(&all).await?;
    Ok((output.status.code(), serde_json::from_slice(&output.stdout).unwrap_or_default()))
}

/// The differences, by order.
fn found(report: &Value) -> Vec<(String, String)> {
    let text = |v: &Value| v.as_str().unwrap_or_default().to_owned();
    let differences = report["differences"].as_array().cloned().unwrap_or_default();
    let mut found: Vec<_> = differences.iter().map(|d| (text(&d["what"]), text(&d["orderId"]))).collect();
    found.sort();
    found
}

async fn issued(scene: &Scene, service: &Service) -> Result<(Uuid, String)> {
    let order = rig::id();
    scene.ordering.answer(order, [Answer::Json(one_seat(order))]);
    service.pay(Payment::of(order).json()).await?;
    let record = service.order_in(order, "issued").await?;
    Ok((order, record["tickets"][0]["id"].as_str().context("an id")?.to_owned()))
}

async fn compared(scene: Scene) -> Result<()> {
    let receiver = Receiver::start().await?;
    let scene = scene
        .set("FULFILLMENT_WEBHOOK_URL", receiver.url())
        .set("FULFILLMENT_WEBHOOK_SECRET", "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")
        .set("FULFILLMENT_WEBHOOK_BUDGET", "0s");
    let service = scene.start().await?;
    let at_rest = scene.setup.clone().env("FULFILLMENT_ORDERING_GRACE", "0s");
    receiver.answer([500]);
    let (unsent, _) = issued(&scene, &service).await?;
    eventually(PATIENCE, "an event is set apart", async || {
        let parked = "SELECT count(*) FROM outbox_delivery WHERE state = 'parked'";
        Ok((scene.record.number(parked).await? == 1).then_some(()))
    })
    .await?;
    let ((gone, gone_id), (damaged, damaged_id)) =
        (issued(&scene, &service).await?, issued(&scene, &service).await?);
    receiver.accepted(2, PATIENCE).await?;
    let file = |id: &str| scene.tickets_folder().join(format!("{id}.pdf"));
    let before = [std::fs::read(file(&gone_id))?, std::fs::read(file(&damaged_id))?];
    std::fs::remove_file(file(&gone_id))?;
    std::fs::write(file(&damaged_id), "damaged")?;
    let parked = rig::id();
    scene.ordering.answer(parked, [Answer::Text(r#"{"orderId":7}"#.into())]);
    service.pay(Payment::of(parked).json()).await?;
    service.order_in(parked, "parked").await?;
    let (unheard, unheard_too) = (Payment::of(rig::id()), rig::id());
    scene.ordering.answer_others(|order| Answer::Json(one_seat(order)));

    let list = scene.setup.data().join("paid.txt");
    let lines =
        [unsent.to_string(), unheard.json(), parked.to_string(), String::new(), unheard_too.to_string()];
    std::fs::write(&list, lines.join("\n"))?;
    let list = list.display().to_string();
    let wanted = ["--since", "1day", "--orders", &list];
    let (code, report) = run(&at_rest, &wanted).await?;
    let mut expected = vec![
        ("damaged_file".to_owned(), damaged.to_string()),
        ("missing_file".to_owned(), gone.to_string()),
        ("missing_payment".to_owned(), unheard.order_id.to_string()),
        ("missing_payment".to_owned(), unheard_too.to_string()),
        ("not_issued".to_owned(), parked.to_string()),
        ("unsent_event".to_owned(), unsent.to_string()),
    ];
    expected.sort();
    assert_eq!((code, found(&report)), (Some(1), expected.clone()), "{report}");
    assert_eq!((&report["orders"], &report["left"]), (&json!(6), &json!(6)), "{report}");
    let (code, report) = run(&at_rest, &["--orders", &list]).await?;
    assert_eq!((code, report["orders"].as_u64()), (Some(1), Some(4)), "without a time, what is listed alone");
    assert_eq!(run(&at_rest, &wanted).await?.1["differences"].as_array().map(Vec::len), Some(6));

    scene.ordering.answer(parked, [Answer::Json(one_seat(parked))]);
    let (code, report) = run(&at_rest, &[&wanted[..], &["--repair"]].concat()).await?;
    assert_eq!((code, found(&report), &report["left"]), (Some(0), expected, &json!(0)), "{report}");
    assert_eq!(
        (&report["repaired"], &report["setGoing"]),
        (&json!(2), &json!(4)),
        "the files; the rest is begun"
    );
    for order in [unheard.order_id, unheard_too, parked] {
        service.order_in(order, "issued").await?;
    }
    receiver.accepted(6, PATIENCE).await?;
    assert_eq!([std::fs::read(file(&gone_id))?, std::fs::read(file(&damaged_id))?], before, "the same bytes");
    let entered = format!("SELECT count(*) FROM inbox WHERE source = 'command reconcile {list}'");
    assert_eq!(scene.record.number(&entered).await?, 2, "the repair has a name");
    scene.settled(&service).await?;
    let (code, report) = run(&at_rest, &wanted).await?;
    assert_eq!((code, found(&report)), (Some(0), vec![]), "{report}");

    // The entered payment and the listed one count as one; so do a payment entered by its id alone and the payment
    // itself.
    let (_, again) = service.pay(unheard.json()).await?;
    assert_eq!(again["results"][0]["outcome"], "duplicate");
    let (_, other) = service.pay(Payment::of(unheard_too).json()).await?;
    assert_eq!(other["results"][0]["outcome"], "folded");
    scene.settled(&service).await
}

/// More differences than the store has connections: a repair must not wait for a query that waits for it.
#[tokio::test]
async fn many_lost_files_are_drawn_again() -> Result<()> {
    const ORDERS: usize = 60;
    let scene = Scene::embedded().await?;
    scene.ordering.answer_others(|order| Answer::Json(one_seat(order)));
    let service = scene.start().await?;
    let orders: Vec<Uuid> = (0..ORDERS).map(|_| rig::id()).collect();
    for order in &orders {
        service.pay(Payment::of(*order).json()).await?;
    }
    for order in &orders {
        service.order_in(*order, "issued").await?;
    }
    let mut before = Vec::new();
    for entry in std::fs::read_dir(scene.tickets_folder())? {
        let path = entry?.path();
        if path.extension().is_some_and(|extension| extension == "pdf") {
            before.push((path.clone(), std::fs::read(&path)?));
            std::fs::remove_file(path)?;
        }
    }
    assert_eq!(before.len(), ORDERS);
    let at_rest = scene.setup.clone().env("FULFILLMENT_ORDERING_GRACE", "0s");
    let wanted = ["--since", "1day", "--orders", "/dev/null", "--repair"];
    let (code, report) = tokio::time::timeout(PATIENCE, run(&at_rest, &wanted)).await??;
    assert_eq!((code, found(&report).len(), &report["left"]), (Some(0), ORDERS, &json!(0)), "{report}");
    for (path, content) in before {
        assert!(std::fs::read(&path)? == content, "{}: other bytes", path.display());
    }
    Ok(())
}

#[tokio::test]
async fn ordering_is_asked_what_was_paid() -> Result<()> {
    let scene = Scene::embedded().await?;
    let service = scene.start().await?;
    scene.leaves("the last payment is looked at while it is on its way");
    let (order, _) = issued(&scene, &service).await?;
    let missing = rig::id();
    scene.ordering.answer_list([Answer::Json(json!({ "orders": [order, { "orderId": missing }] }))]);
    let (code, report) = run(&scene.setup, &["--since", "1day"]).await?;
    let expected = vec![("missing_payment".to_owned(), missing.to_string())];
    assert_eq!((code, found(&report)), (Some(1), expected), "{report}");
    for (answer, code) in [
        (Answer::Json(json!([order])), 0),
        (Answer::Status(404), 2),
        (Answer::Status(500), 3),
        (Answer::Json(json!({ "list": [] })), 3),
    ] {
        scene.ordering.answer_list([answer]);
        let (ended, report) = run(&scene.setup, &["--since", "1day"]).await?;
        assert_eq!(ended, Some(code), "{report}");
    }
    // A recent payment may still be on its way.
    let waits = rig::id();
    service.pay(Payment::of(waits).json()).await?;
    let alone = ["--since", "1day", "--orders", "/dev/null"];
    let (code, report) = run(&scene.setup, &alone).await?;
    assert_eq!((code, &report["underWay"]), (Some(0), &json!(1)), "{report}");
    assert_eq!(run(&scene.setup.clone().env("FULFILLMENT_ORDERING_GRACE", "0s"), &alone).await?.0, Some(1));

    let bad = scene.setup.data().join("bad.txt");
    std::fs::write(&bad, format!("{order}\nnonsense\n"))?;
    let said = scene.setup.run(&["reconcile", "--orders", &bad.display().to_string()]).await?;
    assert_eq!(said.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&said.stderr).contains("line 2"), "the line is named");
    assert_eq!(run(&scene.setup, &[]).await?.0, Some(2));
    assert_eq!(run(&scene.setup, &["--since", "soon"]).await?.0, Some(2));
    let away = scene.setup.clone().env("FULFILLMENT_STORE_URL", "postgres://127.0.0.1:9/none");
    assert_eq!(run(&away, &alone).await?.0, Some(3));
    Ok(())
}
