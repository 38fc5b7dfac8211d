//! Logs to standard error, and metrics for Prometheus.

use std::io::IsTerminal as _;

use anyhow::Context as _;
use metrics_exporter_prometheus::{Matcher, PrometheusBuilder, PrometheusHandle};
use tracing_subscriber::Layer as _;
use tracing_subscriber::filter::Targets;
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::SubscriberInitExt as _;

use fulfillment_config::{Log, LogFormat};

use crate::traces::Traces;

/// Histogram buckets in seconds, from half a millisecond to half a minute.
const BUCKETS: [f64; 12] = [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.5, 1.0, 5.0, 30.0];

/// Starts logging as the settings say, with colours on a terminal unless `NO_COLOR` is set (no-color.org). Must be
/// called once per process.
pub(crate) fn log(
    settings: &Log,
    environment: &[(String, String)],
    traces: Option<&Traces>,
) -> anyhow::Result<()> {
    let plain = environment.iter().any(|(name, value)| name == "NO_COLOR" && !value.is_empty());
    let filter: Targets = settings
        .level
        .parse()
        .with_context(|| format!("log.level: {:?} is not a level or a filter", settings.level))?;
    let lines = tracing_subscriber::fmt::layer().with_writer(std::io::stderr);
    let lines = match settings.format {
        LogFormat::Json => lines.json().flatten_event(true).boxed(),
        LogFormat::Text => lines.with_ansi(!plain && std::io::stderr().is_terminal()).boxed(),
    };
    let exported = traces.map(|traces| tracing_opentelemetry::layer().with_tracer(traces.tracer()));
    // The filter is a layer of its own: as a filter of one layer it would not recognise that a query whether anything
    // is logged, which libraries make, is not an event, and would drop the event after it.
    let started = tracing_subscriber::registry().with(filter).with(lines).with(exported).try_init();
    started.map_err(|error| anyhow::anyhow!("logging cannot be started: {error}"))
}

/// Starts the metrics recorder. Must be called once per process.
pub(crate) fn metrics() -> anyhow::Result<PrometheusHandle> {
    let handle = PrometheusBuilder::new()
        .set_buckets_for_metric(Matcher::Suffix("_seconds".into()), &BUCKETS)?
        .install_recorder()?;
    Ok(handle)
}
