//! Tests of the feed as a scanner follows it: over HTTP, with nothing but the published keys.

use std::io::Read as _;
use std::time::Duration;

use anyhow::{Context, Result};
use fulfillment_credential::KeySet;
use fulfillment_door::feed::{HeldFeed, Outcome, Received, read};
use fulfillment_tests::ordering::{Answer, seats};
use fulfillment_tests::payment::Payment;
use fulfillment_tests::rig;
use fulfillment_tests::scene::Scene;
use fulfillment_tests::service::Service;
use serde_json::{Value, json};

const EVENT: &str = "gala";

/// What a path of the door answers: the status and the document.
async fn fetch(service: &Service, path: &str) -> Result<(u16, Vec<u8>)> {
    let answer = service.get(&format!("/events/{EVENT}/door{path}")).await?;
    Ok((answer.status().as_u16(), answer.bytes().await?.to_vec()))
}

async fn keys(service: &Service) -> Result<KeySet> {
    Ok(KeySet::from_jwks(&service.get_json("/.well-known/ticket-keys.json").await?)?)
}

async fn received(service: &Service, path: &str) -> Result<(Vec<u8>, Received)> {
    let (status, bytes) = fetch(service, path).await?;
    anyhow::ensure!(status == 200, "{status} {}", String::from_utf8_lossy(&bytes));
    let received = read(&bytes, &keys(service).await?)?;
    Ok((bytes, received))
}

fn since(held: &HeldFeed) -> String {
    format!("?since={}-{}", held.origin().epoch, held.origin().version)
}

fn verdict(held: &HeldFeed, ticket: &Value) -> Result<&'static str> {
    let code = ticket["qrCodeData"].as_str().context("a code")?;
    Ok(held.verify(code, held.origin().made_at).code())
}

#[tokio::test]
async fn a_scanner_follows_voids_and_a_restored_store() -> Result<()> {
    let scene = Scene::embedded().await?;
    let mut service = scene.start().await?;
    let order = rig::id();
    let mut answer = seats(order, 2);
    answer["eventId"] = EVENT.into();
    scene.ordering.answer(order, [Answer::Json(answer)]);
    service.pay(Payment::of(order).json()).await?;
    let record = service.order_in(order, "issued").await?;
    let tickets = record["tickets"].as_array().context("tickets")?;

    let (_, snapshot) = received(&service, "").await?;
    let mut held = HeldFeed::begin(snapshot, EVENT)?;
    assert_eq!((verdict(&held, &tickets[0])?, verdict(&held, &tickets[1])?), ("valid", "valid"));

    let path = format!("/tickets/{}/void", tickets[0]["id"].as_str().context("an id")?);
    service.post(&path, json!({ "reason": "lost" }).to_string()).await?.error_for_status()?;
    let (_, delta) = received(&service, &since(&held)).await?;
    assert_eq!(held.apply(delta)?, Outcome::Applied);
    assert_eq!((verdict(&held, &tickets[0])?, verdict(&held, &tickets[1])?), ("voided", "valid"));
    let (stored, _) = received(&service, "").await?;
    service.stop(Duration::from_secs(20)).await?;

    // Without a network, by the file alone.
    let file = scene.setup.data().join("feed.cose");
    std::fs::write(&file, stored)?;
    let file = file.to_str().context("a path")?;
    for (ticket, expected, exit) in [(&tickets[0], "voided", 1), (&tickets[1], "valid", 0)] {
        let code = ticket["qrCodeData"].as_str().context("a code")?;
        let ran = scene.setup.run(&["verify", "--feed", file, "--json", code]).await?;
        let said = String::from_utf8_lossy(&ran.stdout).into_owned();
        assert_eq!(ran.status.code(), Some(exit), "{said} {}", String::from_utf8_lossy(&ran.stderr));
        assert!(said.contains(expected), "{said}");
    }

    // A restored store counts in a new epoch: what was held is replaced, not added to.
    let ran = scene.setup.run(&["store", "new-epoch", "--yes"]).await?;
    assert!(ran.status.success(), "{ran:?}");
    let service = scene.start().await?;
    assert_eq!(fetch(&service, &since(&held)).await?.0, 410);
    let (before, (_, snapshot)) = (held.origin().epoch, received(&service, "").await?);
    assert_eq!(held.apply(snapshot)?, Outcome::Applied);
    assert!(held.origin().epoch > before);
    assert_eq!((verdict(&held, &tickets[0])?, verdict(&held, &tickets[1])?), ("voided", "valid"));
    Ok(())
}

/// Whoever accepts gzip is sent it, and asks with the tag of either whether there is something new.
#[tokio::test]
async fn documents_are_compressed() -> Result<()> {
    let scene = Scene::embedded().await?;
    let mut service = scene.start().await?;
    let path = format!("/events/{EVENT}/door");
    let order = rig::id();
    let mut answer = seats(order, 1);
    answer["eventId"] = EVENT.into();
    answer["venueAddress"] = "Friedrichstraße 107, ".repeat(60).into();
    scene.ordering.answer(order, [Answer::Json(answer)]);
    service.pay(Payment::of(order).json()).await?;
    service.order_in(order, "issued").await?;
    let ask = async |encoding: &str, tag: &str| {
        let request = service.asking(&path).header("accept-encoding", encoding).header("if-none-match", tag);
        request.send().await
    };
    let (plain, packed) = (ask("identity", "").await?, ask("gzip", "").await?);
    let header = |answer: &reqwest::Response, name: &str| {
        answer.headers().get(name).and_then(|value| value.to_str().ok()).unwrap_or_default().to_owned()
    };
    assert_eq!(
        (header(&plain, "content-encoding"), header(&packed, "content-encoding")),
        (String::new(), "gzip".into())
    );
    let tag = header(&plain, "etag");
    assert_eq!((header(&packed, "etag"), header(&packed, "vary")), (tag.clone(), "Accept-Encoding".into()));
    let (plain, packed) = (plain.bytes().await?, packed.bytes().await?);
    let mut decoded = Vec::new();
    flate2::read::GzDecoder::new(packed.as_ref()).read_to_end(&mut decoded)?;
    assert!(decoded == plain && packed.len() < plain.len(), "{} of {}", packed.len(), plain.len());
    for encoding in ["identity", "gzip"] {
        assert_eq!(ask(encoding, &tag).await?.status(), 304, "{encoding}");
    }
    service.stop(Duration::from_secs(20)).await?;
    Ok(())
}
