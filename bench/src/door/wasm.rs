//! Measures the same verdicts as wasm, in Node: what a scanner in a browser does.

use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use tokio::process::Command;

use super::Size;
use super::verdicts::scanner::{CODES, ROUNDS};
use crate::figures::Figures;

/// Times the modules and prints how many seconds of CPU time each took, as JSON.
const PROGRAM: &str = include_str!("wasm.js");

const LIMIT: Duration = Duration::from_mins(5);

/// `modules` is the folder that has them, if this machine could build them; without it the figure is absent, unless it is
/// `required`.
pub(super) async fn measure(
    modules: Option<&Path>,
    required: bool,
    size: Size,
    figures: &mut Figures,
) -> Result<()> {
    let Some(modules) = modules else {
        let missing = "no compiler for wasm32-unknown-unknown: rustup target add wasm32-unknown-unknown, or \
                       scripts/wasm --debian; then run scripts/bench door again";
        if required {
            bail!("{missing}");
        }
        eprintln!("bench: verdicts as wasm are left out: {missing}");
        return Ok(());
    };
    let mut node = Command::new("node");
    node.args(["-e", PROGRAM, "--"]).arg(modules).arg(size.rounds.to_string()).kill_on_drop(true);
    let output = tokio::time::timeout(LIMIT, node.output())
        .await
        .with_context(|| format!("node runs for more than {LIMIT:?}"))?
        .context("node does not start; scripts/rig/install --only tools installs it")?;
    ensure!(output.status.success(), "node: {}", String::from_utf8_lossy(&output.stderr));
    let seconds: serde_json::Value = serde_json::from_slice(&output.stdout)?;
    let rate = |name: &str| {
        let seconds = seconds[name].as_f64().filter(|seconds| *seconds > 0.0).context("a time")?;
        anyhow::Ok(f64::from(CODES * ROUNDS) / seconds)
    };
    figures.add_beside("verdicts of one core, wasm", rate("verdicts")?, "scans/s", rate("signatures")?);
    Ok(())
}
