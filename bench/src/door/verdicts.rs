//! Measures how many scans one core judges as a scanner does, beside the bare verification of the same signatures.

// Built for wasm as well, and measured there.
#[path = "../../../crates/door/wasm/src/scanner.rs"]
pub(super) mod scanner;

use std::time::Duration;

use anyhow::{Context, Result, anyhow};

use super::{Size, median};
use crate::figures::Figures;
use scanner::Scanner;

/// How long a round takes at least.
const ROUND: Duration = Duration::from_millis(200);

pub(super) fn measure(size: Size, figures: &mut Figures) -> Result<()> {
    let scanner = Scanner::new().map_err(|error| anyhow!("{error}"))?;
    let (mut verdicts, mut bare) = (Vec::new(), Vec::new());
    // Interleaved, so that other load slows both equally.
    for _ in 0..size.rounds {
        bare.push(round(|| scanner.verify_all())?);
        verdicts.push(round(|| scanner.judge_all())?);
    }
    figures.add_beside("verdicts of one core", median(&mut verdicts), "scans/s", median(&mut bare));
    Ok(())
}

/// How many a second of this thread's CPU time.
fn round(run: impl Fn() -> Option<u32>) -> Result<f64> {
    let (begun, mut done) = (on_core()?, 0.0);
    loop {
        done += f64::from(run().context("a good code was refused")?);
        let taken = on_core()?.saturating_sub(begun);
        if taken >= ROUND {
            return Ok(done / taken.as_secs_f64());
        }
    }
}

/// The CPU time of this thread.
fn on_core() -> Result<Duration> {
    let stat = std::fs::read_to_string("/proc/thread-self/schedstat")?;
    Ok(Duration::from_nanos(stat.split(' ').next().unwrap_or_default().parse()?))
}
