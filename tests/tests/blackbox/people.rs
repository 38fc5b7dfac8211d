//! Tests that a person is found in every spelling of the address, and that similar addresses are left to a person.

use anyhow::Result;
use fulfillment_tests::ordering::{Answer, one_seat};
use fulfillment_tests::payment::Payment;
use fulfillment_tests::rig;
use fulfillment_tests::scene::{PATIENCE, Scene};
use fulfillment_tests::service::Service;
use serde_json::{Value, json};
use uuid::Uuid;

async fn run(scene: &Scene, arguments: &[&str]) -> Result<(Option<i32>, Value, String)> {
    let mut all = vec!["--json"];
    all.extend(arguments);
    let output = scene.setup.run(&all).await?;
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    Ok((output.status.code(), serde_json::from_slice(&output.stdout).unwrap_or_default(), said))
}

/// An issued order whose buyer Ordering spells like this.
async fn bought(scene: &Scene, service: &Service, buyer: &str) -> Result<Uuid> {
    let order = rig::id();
    let mut value = one_seat(order);
    value["customerEmail"] = json!(buyer);
    scene.ordering.answer(order, [Answer::Json(value)]);
    service.pay(Payment::of(order).json()).await?;
    service.order_in(order, "issued").await?;
    Ok(order)
}

fn ids(orders: &Value) -> Vec<String> {
    let orders = orders.as_array().into_iter().flatten();
    let mut ids: Vec<String> =
        orders.map(|o| o["orderId"].as_str().or(o.as_str()).unwrap_or_default().to_owned()).collect();
    ids.sort();
    ids
}

#[tokio::test]
async fn a_person_is_erased_in_every_spelling_and_similar_ones_are_left() -> Result<()> {
    let scene = Scene::embedded().await?;
    let mut service = scene.start().await?;
    let mut expected = Vec::new();
    for spelling in [
        "zo\u{eb}.o'neil+t@b\u{fc}cher.example",
        "ZO\u{cb}.O'Neil+T@B\u{dc}CHER.example",
        "Zo\u{eb} <zoe\u{308}.o'neil+t@xn--bcher-kva.example>",
        "mailto:zo%C3%AB.o%27neil%2Bt@b\u{fc}cher.example",
    ] {
        expected.push(bought(&scene, &service, spelling).await?.to_string());
    }
    // In the payment alone, escaped.
    let order = rig::id();
    scene.ordering.answer(order, [Answer::Json(one_seat(order))]);
    let payment = Payment::of(order).json();
    let escaped =
        r#","buyers":["Zo\u00eb <ZO\u00CB.O\u0027Neil\u002BT@B\u00FCcher.example.>, bob@example.org"]}"#;
    let payment = payment.trim_end().strip_suffix('}').map(|open| format!("{open}{escaped}"));
    service.pay(payment.unwrap_or_default()).await?;
    service.order_in(order, "issued").await?;
    expected.push(order.to_string());
    expected.sort();
    let neighbour = bought(&scene, &service, "zoe.oneil@b\u{fc}cher.example").await?;
    scene.settled(&service).await?;

    let address = "zo\u{eb}.o'neil+t@B\u{fc}cher.example";
    let (code, dry, said) = run(&scene, &["erase", "--email", address, "--dry-run"]).await?;
    assert_eq!((code, ids(&dry["orders"])), (Some(1), expected.clone()), "{dry} {said}");
    let (code, done, said) = run(&scene, &["erase", "--yes", "--email", address]).await?;
    assert_eq!((code, ids(&done["orders"])), (Some(1), expected.clone()), "{done} {said}");
    assert!(done["receipt"].is_string(), "{done}");
    let left = json!([{ "order": neighbour, "addresses": ["zoe.oneil@xn--bcher-kva.example"] }]);
    assert_eq!(done["similar"], left, "somebody decides about it");
    assert!(said.contains("similar addresses"), "{said}");
    assert!(service.order_in(neighbour, "issued").await?["erasedAt"].is_null());

    let (code, done, said) =
        run(&scene, &["erase", "--yes", "--email", "zoe.oneil@b\u{fc}cher.example"]).await?;
    assert_eq!((code, ids(&done["orders"])), (Some(0), vec![neighbour.to_string()]), "{done} {said}");
    assert_eq!(run(&scene, &["erase", "--email", address]).await?.0, Some(1), "nothing is left");
    assert_eq!(run(&scene, &["erase", "--email", "a@example.org, b@example.org"]).await?.0, Some(2));
    scene.settled(&service).await?;
    assert!(service.stop(PATIENCE).await?.success());
    Ok(())
}
