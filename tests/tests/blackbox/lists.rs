//! Tests of lists: an operator finds an order by what a buyer says, and nobody finds one that was erased.

use std::time::Duration;

use anyhow::{Context, Result};
use fulfillment_tests::ordering::{Answer, one_seat};
use fulfillment_tests::payment::Payment;
use fulfillment_tests::rig;
use fulfillment_tests::scene::Scene;
use fulfillment_tests::service::Service;
use fulfillment_tests::wait::eventually;
use serde_json::{Value, json};
use uuid::Uuid;

/// An order is found by its names within this time of its issue.
const SOON: Duration = Duration::from_secs(5);

async fn bought(scene: &Scene, service: &Service, name: &str, email: &str) -> Result<Uuid> {
    let order = rig::id();
    let mut value = one_seat(order);
    (value["customerName"], value["customerEmail"]) = (json!(name), json!(email));
    scene.ordering.answer(order, [Answer::Json(value)]);
    service.pay(Payment::of(order).json()).await?;
    service.order_in(order, "issued").await?;
    Ok(order)
}

/// The exit code of a list, and the orders in it.
async fn listed(scene: &Scene, arguments: &[&str]) -> Result<(Option<i32>, Vec<String>)> {
    let mut all = vec!["--json"];
    all.extend(arguments);
    let output = scene.setup.run(&all).await?;
    let answer: Value = serde_json::from_slice(&output.stdout)
        .with_context(|| String::from_utf8_lossy(&output.stderr).into_owned())?;
    let rows = answer["items"].as_array().context("items")?;
    Ok((
        output.status.code(),
        rows.iter().map(|row| row["orderId"].as_str().unwrap_or_default().to_owned()).collect(),
    ))
}

async fn searched(service: &Service, path: &str, body: &Value) -> Result<Value> {
    Ok(service.post(path, body.to_string()).await?.error_for_status()?.json().await?)
}

#[tokio::test]
async fn an_order_is_found_by_its_name_without_accents_until_it_is_erased() -> Result<()> {
    let scene = Scene::embedded().await?;
    let service = scene.start().await?;
    let order = bought(&scene, &service, "Zo\u{eb} M\u{fc}ller-Gro\u{df}", "zoe@example.org").await?;
    let found = async || {
        let (_, orders) = listed(&scene, &["order", "list", "--name", "muller zoe"]).await?;
        Ok((orders == [order.to_string()]).then_some(()))
    };
    eventually(SOON, "the order is found by its name", found).await?;
    let other = bought(&scene, &service, "=Ada, \"Countess\"", "ada@example.org").await?;
    let found = async || Ok((listed(&scene, &["order", "list"]).await?.1.len() == 2).then_some(()));
    eventually(SOON, "both are listed", found).await?;
    for arguments in [
        &["order", "list", "--name", "GROSS"][..],
        &["order", "list", "--email", "Zoe@Example.org"],
        &["ticket", "list", "--name", "mu", "--status", "Generated"],
        &["ticket", "list", "--email", "zoe@example.org", "--issued-from", "1hour"],
    ] {
        assert_eq!(listed(&scene, arguments).await?, (Some(0), vec![order.to_string()]), "{arguments:?}");
    }
    assert_eq!(listed(&scene, &["order", "list", "--name", "zoe ada"]).await?, (Some(1), vec![]));
    let orders = listed(&scene, &["order", "list", "--sort", "oldest"]).await?.1;
    assert_eq!(orders, [order.to_string(), other.to_string()]);

    let body = json!({ "name": "MULLER gro", "state": "issued" });
    let answer = searched(&service, "/orders/search", &body).await?;
    assert_eq!((&answer["items"][0]["orderId"], &answer["next"]), (&json!(order), &Value::Null), "{answer}");
    let tickets = searched(&service, "/tickets/search", &body).await?;
    assert_eq!(tickets["items"][0]["orderId"], json!(order));
    let pages = service.get_json("/orders?limit=1").await?;
    let next = pages["next"].as_str().context("a second page")?;
    assert_eq!(pages["items"][0]["orderId"], json!(other));
    let second = service.get_json(&format!("/orders?limit=1&cursor={next}")).await?;
    assert_eq!(second["items"][0]["orderId"], json!(order));
    assert_eq!(service.get("/orders?name=muller").await?.status().as_u16(), 400, "addresses are logged");

    let table = scene.setup.run(&["order", "list", "--utc", "--sort", "oldest"]).await?;
    let table = String::from_utf8_lossy(&table.stdout).into_owned();
    let lines: Vec<_> = table.lines().collect();
    assert!(lines[0].starts_with("ORDER ") && lines[1].starts_with(&order.to_string()), "{table}");
    assert!(lines[1].contains("Z  ") && lines[1].contains("M\u{fc}ller"), "{table}");
    let csv = scene.setup.run(&["ticket", "list", "--csv", "--all", "--name", "countess"]).await?;
    let csv = String::from_utf8_lossy(&csv.stdout).into_owned();
    assert!(csv.starts_with("NUMBER,STATUS,") && csv.contains(r#""'=Ada, ""Countess""""#), "{csv}");

    let erased = scene.setup.run(&["erase", "--email", "zoe@example.org", "--yes", "--json"]).await?;
    assert!(erased.status.success(), "{}", String::from_utf8_lossy(&erased.stderr));
    for arguments in
        [&["order", "list", "--name", "muller"][..], &["order", "list", "--email", "zoe@example.org"]]
    {
        assert_eq!(listed(&scene, arguments).await?, (Some(1), vec![]), "{arguments:?}");
    }
    let again = scene.setup.run(&["store", "reindex"]).await?;
    assert!(again.status.success(), "{}", String::from_utf8_lossy(&again.stderr));
    assert_eq!(searched(&service, "/orders/search", &json!({ "name": "muller" })).await?["items"], json!([]));
    assert_eq!(listed(&scene, &["order", "list", "--status", "erased"]).await?.1, [order.to_string()]);
    let kept = searched(&service, "/orders/search", &json!({ "name": "ada" })).await?;
    assert_eq!(kept["items"][0]["orderId"], json!(other));
    Ok(())
}

#[tokio::test]
async fn what_is_wrong_is_said_by_its_option() -> Result<()> {
    let scene = Scene::embedded().await?;
    let service = scene.start().await?;
    for (arguments, said) in [
        (&["order", "list", "--state", "paid"][..], "--state"),
        (&["order", "list", "--error", "bucket"], "--error is searched in open work only"),
        (&["ticket", "list", "--received-from", "soon"], "--received-from"),
        (&["ticket", "list", "--ticket-number", "1"], "--ticket-number"),
    ] {
        let output = scene.setup.run(arguments).await?;
        let error = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(2), "{error}");
        assert!(error.contains(said), "{error}");
    }
    drop(service);
    Ok(())
}
