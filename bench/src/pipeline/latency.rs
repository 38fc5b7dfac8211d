//! Measures latency from payment to ticket-issued below capacity: payments paced evenly at half of the measured rate.

use std::collections::{HashMap, HashSet};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use fulfillment_tests::payment::Payment;
use fulfillment_tests::rig;
use fulfillment_tests::wait::eventually;
use futures::future::try_join_all;

use super::tickets::Tickets;
use super::world::World;
use super::{Size, milliseconds};
use crate::figures::Figures;
use crate::ordering::SEATS;

const LIMIT: Duration = Duration::from_secs(120);

pub(super) async fn measure(
    world: &World,
    size: Size,
    tickets: &Tickets,
    figures: &mut Figures,
) -> Result<()> {
    let rate = tickets.per_second / 2.0 / SEATS as f64;
    let count = (rate * size.paced.as_secs_f64()).ceil().max(1.0) as usize;
    eprintln!("bench: {count} payments, {rate:.1} a second");
    // Send times by the order's id, which is every message's key.
    let sent: Mutex<HashMap<String, Instant>> = Mutex::default();
    let before = world.inbox_head().await?;
    let caught_up = AtomicBool::new(false);
    let mut times = Vec::with_capacity(count * SEATS);
    let (mut seen, mut known) = (0, HashSet::new());
    let reading = world.kafka.read(&world.issued, LIMIT, |messages| {
        let now = Instant::now();
        for message in &messages[seen..] {
            let paid = message.key.as_ref().and_then(|key| lock(&sent).get(key).copied());
            // A repeated event is not a second arrival.
            if known.insert(message.header("ce_id")) {
                times.extend(paid.map(|paid| now - paid));
            }
        }
        seen = messages.len();
        caught_up.store(seen >= tickets.events, Ordering::Release);
        times.len() >= count * SEATS
    });
    let paying = async {
        let ready = async || Ok(caught_up.load(Ordering::Acquire).then_some(()));
        eventually(LIMIT, "reading the events of the backlog", ready).await?;
        // Leaves time for the service's clean-up after the backlog.
        tokio::time::sleep(Duration::from_secs(1)).await;
        let begun = Instant::now();
        let pay = |index: usize| {
            let sent = &sent;
            async move {
                tokio::time::sleep_until((begun + Duration::from_secs_f64(index as f64 / rate)).into()).await;
                let payment = Payment::of(rig::id());
                lock(sent).insert(payment.order_id.to_string(), Instant::now());
                world.kafka.pay(&world.payments, &payment).await
            }
        };
        try_join_all((0..count).map(pay)).await
    };
    let read = async { reading.await.with_context(|| tickets.service.log()) };
    tokio::try_join!(read, paying)?;
    times.sort();
    ensure!(!times.is_empty(), "no ticket came");
    stages(world, before, figures).await?;
    figures.add("latency at half load: p50", milliseconds(quantile(&times, 0.50)), "ms");
    figures.add("latency at half load: p99", milliseconds(quantile(&times, 0.99)), "ms");
    Ok(())
}

/// The median time to each stage, from the service's own records.
async fn stages(world: &World, before: usize, figures: &mut Figures) -> Result<()> {
    let stages = [
        ("latency: received, p50", "i.received_at"),
        ("latency: frozen, p50", "o.frozen_at"),
        ("latency: drawn and stored, p50", "t.generated_at"),
    ];
    for (name, stage) in stages {
        let median = format!(
            "SELECT percentile_disc(0.5) WITHIN GROUP
                    (ORDER BY extract(epoch FROM {stage}) * 1000 - i.source_timestamp)
             FROM bc_fulfillment.inbox i JOIN bc_fulfillment.orders o USING (order_id)
                  JOIN bc_fulfillment.tickets t USING (order_id)
             WHERE i.id > {before}"
        );
        figures.add(name, world.database.number(&median).await? as f64, "ms");
    }
    Ok(())
}

/// The quantile of sorted times: the one that this share of them does not exceed.
fn quantile(sorted: &[Duration], share: f64) -> Duration {
    let place = (sorted.len() as f64 * share).ceil() as usize;
    sorted[place.clamp(1, sorted.len()) - 1]
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_are_times_that_were_measured() {
        let times: Vec<_> = (1..=200).map(Duration::from_millis).collect();
        assert_eq!(quantile(&times, 0.50), Duration::from_millis(100));
        assert_eq!(quantile(&times, 0.99), Duration::from_millis(198));
        assert_eq!(quantile(&times[..1], 0.99), Duration::from_millis(1));
    }
}
