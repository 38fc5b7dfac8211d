//! Measures the relay: waiting events from the outbox to Kafka, by a process that does nothing else.

use std::collections::HashSet;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use fulfillment_tests::kafka::Message;
use futures::{StreamExt as _, TryStreamExt as _, stream};

use super::Size;
use super::world::{IN_FLIGHT, World, stop};
use crate::figures::Figures;
use crate::ordering::SEATS;

const LIMIT: Duration = Duration::from_secs(240);

pub(super) async fn measure(world: &World, size: Size, figures: &mut Figures) -> Result<()> {
    let expected = size.orders * SEATS;
    world.pay(size.orders).await?;
    let issuing = world.setup.clone().roles("ingest,issue").launch()?;
    let begun = Instant::now();
    let waiting = "SELECT count(*) FROM bc_fulfillment.outbox WHERE kind = 'ticket-issued'";
    while usize::try_from(world.database.number(waiting).await?)? < expected {
        ensure!(begun.elapsed() < LIMIT, "not issued after {LIMIT:?}:\n{}", issuing.log());
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
    stop(issuing).await?;
    world.database.execute("CHECKPOINT").await?;

    let relaying = world.setup.clone().roles("relay").launch()?;
    let (mut known, mut seen, mut first) = (HashSet::with_capacity(expected), 0, None);
    let messages = world.kafka.read(&world.issued, LIMIT, |messages| {
        known.extend(messages[seen..].iter().filter_map(|message| message.header("ce_id")));
        seen = messages.len();
        if seen > 0 && first.is_none() {
            first = Some(Instant::now());
        }
        known.len() >= expected
    });
    let messages = messages.await.with_context(|| relaying.log())?;
    let time = first.context("no event came")?.elapsed();
    stop(relaying).await?;

    let floor = produce(world, &messages).await?;
    figures.add("floor: bare producer", floor, "events/s");
    figures.add_beside("relay", expected as f64 / time.as_secs_f64(), "events/s", floor);
    Ok(())
}

/// Messages per second of a bare producer that sends the same messages.
async fn produce(world: &World, messages: &[Message]) -> Result<f64> {
    let topic = world.kafka.topic("again", 6).await?;
    let headers: Vec<Vec<(&str, &str)>> = messages
        .iter()
        .map(|message| {
            let text =
                |(name, value): &'_ (String, Vec<u8>)| std::str::from_utf8(value).is_ok() && !name.is_empty();
            ensure!(message.headers.iter().all(text), "a header is no text");
            Ok(message
                .headers
                .iter()
                .filter_map(|(name, value)| Some((&**name, std::str::from_utf8(value).ok()?)))
                .collect())
        })
        .collect::<Result<_>>()?;
    let begun = Instant::now();
    stream::iter(messages.iter().zip(&headers))
        .map(|(message, headers)| {
            world.kafka.send(&topic, message.key.as_deref(), headers, message.value.as_deref())
        })
        .buffer_unordered(IN_FLIGHT)
        .try_for_each(|_| async { Ok(()) })
        .await?;
    Ok(messages.len() as f64 / begun.elapsed().as_secs_f64())
}
