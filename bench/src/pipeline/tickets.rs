//! Measures tickets: a backlog of orders from payment to ticket-issued, by a process with every role.

use std::collections::HashSet;
use std::convert::Infallible;
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use fulfillment_tests::service::Service;

use super::world::{World, stop};
use super::{Size, mebibytes};
use crate::figures::Figures;
use crate::floor::sql::Pgbench;
use crate::floor::{files, render};
use crate::ordering::SEATS;
use crate::process::{cpu_time, peak_memory};

const LIMIT: Duration = Duration::from_secs(240);
/// Orders that the service issues together: their files are synced together.
const ORDERS_A_GROUP: usize = 64;
/// The maximum number of connections for a floor: more make it lower on a small machine.
const CLIENTS: usize = 8;

/// The service after its backlog, warm and idle.
pub(super) struct Tickets {
    pub(super) service: Service,
    pub(super) per_second: f64,
    /// The service's CPU time, in microseconds per ticket.
    pub(super) cpu: f64,
    /// Its peak memory, in bytes.
    memory: u64,
    /// Events in the topic.
    pub(super) events: usize,
    /// Its maximum number of busy connections.
    connections: usize,
}

pub(super) async fn measure(world: &World, size: Size, figures: &mut Figures) -> Result<Tickets> {
    let tickets = issue(world, size.orders).await?;
    figures.add("tickets: CPU of the service", tickets.cpu, "us/ticket");
    figures.add("tickets: peak memory", mebibytes(tickets.memory), "MiB");
    Ok(tickets)
}

/// Issues a backlog of this many orders, which is complete before the service starts.
pub(super) async fn issue(world: &World, orders: usize) -> Result<Tickets> {
    let expected = orders * SEATS;
    world.pay(orders).await?;
    world.database.execute("CHECKPOINT").await?;
    let before = world.inbox_head().await?;
    let service = world.setup.launch()?;
    let began = first_payment(world, &service, before).await?;
    let cpu = cpu_time(service.pid())?;
    let busiest = AtomicUsize::new(1);
    let events = tokio::select! {
        events = all_issued(world, expected) => events.with_context(|| service.log())?,
        never = watch_connections(world, &busiest) => match never? {},
    };
    let time = began.elapsed();
    let cpu = cpu_time(service.pid())?.saturating_sub(cpu);
    let per_second = expected as f64 / time.as_secs_f64();
    eprintln!("bench: {expected} tickets in {time:.1?}, {per_second:.0} a second");
    if events > expected {
        eprintln!("bench: {} events came again", events - expected);
    }
    let cpu = cpu.as_secs_f64() * 1e6 / expected as f64;
    let memory = peak_memory(service.pid())?;
    Ok(Tickets { service, per_second, cpu, memory, events, connections: busiest.into_inner() })
}

/// When the first payment after the existing ones was recorded: then the group has its partitions.
async fn first_payment(world: &World, service: &Service, before: usize) -> Result<Instant> {
    let begun = Instant::now();
    while world.inbox_head().await? == before {
        ensure!(begun.elapsed() < LIMIT, "no payment came in for {LIMIT:?}:\n{}", service.log());
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    Ok(Instant::now())
}

/// Reads until this many different events have arrived; returns the number of messages.
async fn all_issued(world: &World, expected: usize) -> Result<usize> {
    let mut known = HashSet::with_capacity(expected);
    let mut seen = 0;
    let messages = world
        .kafka
        .read(&world.issued, LIMIT, |messages| {
            known.extend(messages[seen..].iter().filter_map(|message| message.header("ce_id")));
            seen = messages.len();
            known.len() >= expected
        })
        .await?;
    Ok(messages.len())
}

async fn watch_connections(world: &World, busiest: &AtomicUsize) -> Result<Infallible> {
    loop {
        busiest.fetch_max(world.busy_connections().await?, Ordering::Relaxed);
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

/// The most that this machine could do with the same tickets; the figure is compared with the lowest floor.
pub(super) async fn floors(
    world: &World,
    size: Size,
    program: &Path,
    tickets: Tickets,
    figures: &mut Figures,
) -> Result<()> {
    let Tickets { service, per_second, connections, .. } = tickets;
    stop(service).await?;

    let pgbench = Pgbench { program, database: &world.database };
    let alone = pgbench.issue(1).await? * SEATS as f64;
    figures.add("floor: freeze + complete, 1 client", alone, "tickets/s");
    let clients = connections.min(CLIENTS);
    let together = if clients > 1 {
        eprintln!("bench: the service used {connections} connections at once, pgbench {clients}");
        let together = pgbench.issue(clients).await? * SEATS as f64;
        figures.add("floor: freeze + complete, as many", together, "tickets/s");
        together
    } else {
        alone
    };

    let rendering = render::measure(&world.database, size.floor).await?;
    figures.add("floor: render loop", rendering.pages_per_second, "tickets/s");

    // Beside the service's own folder: the same file system.
    let folder = tempfile::tempdir_in(world.setup.data())?;
    let (bytes, time) = (rendering.bytes, size.floor);
    let written = tokio::task::spawn_blocking(move || {
        files::measure(folder.path(), bytes, ORDERS_A_GROUP * SEATS, time)
    })
    .await??;
    figures.add("floor: durable files", written, "tickets/s");

    let lowest = together.min(rendering.pages_per_second).min(written);
    figures.add_beside("tickets", per_second, "tickets/s", lowest);
    Ok(())
}
