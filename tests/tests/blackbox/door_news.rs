//! Tests of the news of a door: every scanner that listens hears of a void within a second.

use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use fulfillment_tests::ordering::{Answer, seats};
use fulfillment_tests::payment::Payment;
use fulfillment_tests::rig;
use fulfillment_tests::scene::Scene;
use fulfillment_tests::service::{Service, TOKEN};
use serde_json::Value;

const EVENT: &str = "gala";

/// A listener over a connection of its own.
struct Listener(reqwest::Response, String);

impl Listener {
    async fn of(service: &Service, event: &str) -> Result<Self> {
        let url = format!("{}/events/{event}/door/news", service.base());
        let answer = service.client().get(url).bearer_auth(TOKEN).send().await?;
        anyhow::ensure!(answer.status() == 200, "{}", answer.status());
        Ok(Self(answer, String::new()))
    }

    /// The next news; `None` at the end of the stream.
    async fn news(&mut self) -> Result<Option<Value>> {
        loop {
            if let Some((block, rest)) = self.1.split_once("\n\n") {
                let data = block.lines().find_map(|line| line.strip_prefix("data: ")).map(str::to_owned);
                let rest = rest.len();
                self.1 = self.1.split_off(self.1.len() - rest);
                if let Some(data) = data {
                    return Ok(Some(serde_json::from_str(&data)?));
                }
                continue;
            }
            let chunk = tokio::time::timeout(Duration::from_secs(20), self.0.chunk()).await?;
            let Ok(Some(chunk)) = chunk else { return Ok(None) };
            self.1.push_str(std::str::from_utf8(&chunk)?);
        }
    }
}

#[tokio::test]
async fn a_void_is_told_within_a_second() -> Result<()> {
    let scene = Scene::embedded().await?;
    let mut service = scene.start().await?;
    let order = rig::id();
    let mut answer = seats(order, 1);
    answer["eventId"] = EVENT.into();
    scene.ordering.answer(order, [Answer::Json(answer)]);
    service.pay(Payment::of(order).json()).await?;
    let record = service.order_in(order, "issued").await?;
    let ticket = &record["tickets"][0];
    let mut listeners = Vec::new();
    for _ in 0..8 {
        listeners.push(Listener::of(&service, EVENT).await?);
    }
    let mut first = Value::Null;
    for listener in &mut listeners {
        first = listener.news().await?.context("news")?;
    }
    let url = format!("{}/tickets/{}/void", service.base(), ticket["id"].as_str().context("an id")?);
    let void = service.client().post(url).bearer_auth(TOKEN).header("content-type", "application/json");
    let answer = void.body(r#"{"reason":"sold twice"}"#).send().await?;
    assert_eq!(answer.status(), 200);
    let begun = Instant::now();
    for listener in &mut listeners {
        let news = listener.news().await?.context("news")?;
        assert!(news["version"].as_u64() > first["version"].as_u64(), "{news} after {first}");
        assert_eq!((&news["epoch"], &news["sequence"]), (&first["epoch"], &first["sequence"]));
    }
    assert!(begun.elapsed() < Duration::from_secs(1), "{:?}", begun.elapsed());
    service.stop(Duration::from_secs(20)).await?;
    assert!(listeners[0].news().await?.is_none(), "it ends with the process");
    Ok(())
}
