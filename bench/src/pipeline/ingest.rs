//! Measures ingest: a backlog of payments from Kafka into the inbox, by a process that does nothing else.

use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Result, ensure};

use super::world::{World, stop};
use super::{Size, mebibytes};
use crate::figures::Figures;
use crate::floor::sql::Pgbench;
use crate::process::peak_memory;

const LIMIT: Duration = Duration::from_secs(600);

pub(super) async fn measure(world: &World, size: Size, program: &Path, figures: &mut Figures) -> Result<()> {
    world.pay(size.payments).await?;
    world.database.execute("CHECKPOINT").await?;
    let service = world.setup.clone().roles("ingest").launch()?;
    let begun = Instant::now();
    let (mut first, mut connections) = (None, 1);
    let rate = loop {
        tokio::time::sleep(Duration::from_millis(20)).await;
        let head = world.inbox_head().await?;
        match first {
            None if head > 0 => first = Some((Instant::now(), head)),
            Some((since, before)) if head >= size.payments => {
                break (head - before) as f64 / Instant::elapsed(&since).as_secs_f64();
            }
            _ => {}
        }
        connections = connections.max(world.busy_connections().await?);
        ensure!(begun.elapsed() < LIMIT, "{head} payments after {LIMIT:?}:\n{}", service.log());
    };
    let memory = peak_memory(service.pid())?;
    stop(service).await?;
    let accepted = world.database.number("SELECT count(*) FROM bc_fulfillment.payments").await?;
    ensure!(usize::try_from(accepted)? == size.payments, "{accepted} payments of {}", size.payments);

    let pgbench = Pgbench { program, database: &world.database };
    let alone = pgbench.ingest(1).await?;
    figures.add("floor: ingest SQL, 1 client", alone, "payments/s");
    let floor = if connections > 1 {
        eprintln!("bench: the service used {connections} connections at once");
        let together = pgbench.ingest(connections).await?;
        figures.add("floor: ingest SQL, as many clients", together, "payments/s");
        together
    } else {
        alone
    };
    figures.add_beside("ingest", rate, "payments/s", floor);
    figures.add("ingest: peak memory", mebibytes(memory), "MiB");
    Ok(())
}
