//! Measures start-up: from the process's start to 200 from /health/ready, on a migrated schema with existing keys.

use std::time::{Duration, Instant};

use anyhow::{Result, ensure};

use super::world::{World, stop};
use super::{Size, milliseconds};
use crate::figures::Figures;

const LIMIT: Duration = Duration::from_secs(30);

pub(super) async fn measure(world: &World, size: Size, figures: &mut Figures) -> Result<()> {
    // Makes the keys and marks the storage.
    stop(world.setup.start().await?).await?;
    let mut times = Vec::with_capacity(size.starts);
    for _ in 0..size.starts {
        let begun = Instant::now();
        let service = world.setup.launch()?;
        let url = format!("{}/health/ready", service.base());
        loop {
            let answer = service.client().get(&url).timeout(LIMIT).send().await;
            if answer.is_ok_and(|response| response.status() == 200) {
                break;
            }
            ensure!(begun.elapsed() < LIMIT, "not ready after {LIMIT:?}:\n{}", service.log());
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
        times.push(begun.elapsed());
        stop(service).await?;
    }
    times.sort();
    figures.add("ready", milliseconds(times[times.len() / 2]), "ms");
    Ok(())
}
