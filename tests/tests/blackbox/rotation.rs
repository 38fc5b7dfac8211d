//! Tests of key rotation: keys change while the service runs, and codes in circulation stay valid.

use anyhow::{Context, Result};
use fulfillment_tests::ordering::{Answer, one_seat};
use fulfillment_tests::payment::Payment;
use fulfillment_tests::rig;
use fulfillment_tests::scene::{PATIENCE, Scene};
use fulfillment_tests::service::Service;
use fulfillment_tests::wait::eventually;
use serde_json::Value;

/// A new ticket's code, and the key that signed it.
async fn code(scene: &Scene, service: &Service) -> Result<(String, String)> {
    let order = rig::id();
    scene.ordering.answer(order, [Answer::Json(one_seat(order))]);
    service.pay(Payment::of(order).json()).await?;
    let record = service.order_in(order, "issued").await?;
    let text = |name: &str| record["tickets"][0][name].as_str().unwrap_or_default().to_owned();
    Ok((text("qrCodeData"), text("kid")))
}

/// The output of a `keys` command.
async fn keys(scene: &Scene, arguments: &[&str]) -> Result<Value> {
    let said = scene.setup.run(&[&["keys", "--json"], arguments].concat()).await?;
    serde_json::from_slice(&said.stdout).with_context(|| String::from_utf8_lossy(&said.stderr).into_owned())
}

fn kid(key: &Value) -> Result<String> {
    key["kid"].as_str().map(str::to_owned).context("a kid")
}

/// Waits until every process publishes this many keys.
async fn publish(services: &[&Service], count: usize) -> Result<()> {
    for service in services {
        eventually(PATIENCE, "the keys are published", async || {
            let jwks = service.get_json("/.well-known/ticket-keys.json").await?;
            Ok((jwks["keys"].as_array().map(Vec::len) == Some(count)).then_some(()))
        })
        .await?;
    }
    Ok(())
}

#[tokio::test]
async fn a_new_key_signs_and_an_old_one_retires_without_a_restart() -> Result<()> {
    let scene = Scene::embedded().await?.with_postgres().await?;
    assert_eq!(scene.setup.run(&["keys", "list"]).await?.status.code(), Some(1), "there are none yet");
    let service = scene.start().await?;
    let beside = scene.start().await?;
    let (first, first_kid) = code(&scene, &service).await?;
    let refused = scene.setup.run(&["keys", "retire", &first_kid]).await?;
    assert_eq!(refused.status.code(), Some(2), "it is the only one: {refused:?}");

    let waiting = keys(&scene, &["new"]).await?;
    assert_eq!(waiting["state"], "waits");
    publish(&[&service, &beside], 2).await?;
    assert_eq!(code(&scene, &service).await?.1, first_kid, "a key is published before it signs");

    assert_eq!(keys(&scene, &["retire", &kid(&waiting)?]).await?["state"], "retired");
    let second_kid = kid(&keys(&scene, &["new", "--at-once"]).await?)?;
    publish(&[&service, &beside], 3).await?;
    let second = eventually(PATIENCE, "the new key signs", async || {
        let (second, by) = code(&scene, &service).await?;
        Ok((by == second_kid).then_some(second))
    })
    .await?;
    keys(&scene, &["retire", &first_kid]).await?;
    let listed = keys(&scene, &["list"]).await?;
    let states: Vec<_> =
        listed.as_array().context("keys")?.iter().map(|k| (&k["kid"], &k["state"])).collect();
    assert_eq!(states.len(), 3, "{listed}");
    for (key, state) in states {
        assert_eq!(*state, if *key == second_kid { "signs" } else { "retired" }, "{listed}");
    }
    publish(&[&service, &beside], 3).await?;
    for code in [&first, &second] {
        assert_eq!(scene.setup.run(&["verify", code]).await?.status.code(), Some(0), "old codes open doors");
    }
    // And after a restart, with the private half deleted.
    drop((service, beside));
    let service = scene.start().await?;
    assert_eq!(code(&scene, &service).await?.1, second_kid);
    scene.settled(&service).await
}
