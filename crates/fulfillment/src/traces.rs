//! Exports traces to an OpenTelemetry collector, by OTLP over HTTP. Off unless the standard variables name a collector:
//! <https://opentelemetry.io/docs/specs/otel/protocol/exporter/>.

use anyhow::Context as _;
use opentelemetry::trace::TracerProvider as _;
use opentelemetry_otlp::{Protocol, SpanExporter, WithExportConfig as _};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::trace::{SdkTracer, SdkTracerProvider};
use tracing::warn;

/// The exporter of spans, until it is shut down.
pub(crate) struct Traces(SdkTracerProvider);

impl Traces {
    /// Starts exporting, if these variables ask for it.
    ///
    /// # Errors
    /// A variable asks for something unsupported, or cannot be read.
    pub(crate) fn start(environment: &[(String, String)]) -> anyhow::Result<Option<Self>> {
        let value = |name: &str| {
            let found = environment.iter().find(|(known, _)| known == name);
            found.map(|(_, value)| value.as_str()).filter(|value| !value.is_empty())
        };
        let either = |signal: &str, all: &str| value(signal).or_else(|| value(all));
        let endpoint = either("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "OTEL_EXPORTER_OTLP_ENDPOINT");
        let disabled = value("OTEL_SDK_DISABLED").is_some_and(|value| value.eq_ignore_ascii_case("true"));
        let exporter = value("OTEL_TRACES_EXPORTER").unwrap_or("otlp");
        if endpoint.is_none() || disabled || exporter == "none" {
            return Ok(None);
        }
        anyhow::ensure!(exporter == "otlp", "OTEL_TRACES_EXPORTER: {exporter:?} is not supported, otlp is");
        let protocol = either("OTEL_EXPORTER_OTLP_TRACES_PROTOCOL", "OTEL_EXPORTER_OTLP_PROTOCOL");
        if let Some(other) = protocol.filter(|protocol| *protocol != "http/protobuf") {
            anyhow::bail!("OTEL_EXPORTER_OTLP_PROTOCOL: {other:?} is not supported, http/protobuf is");
        }
        let exporter = SpanExporter::builder().with_http().with_protocol(Protocol::HttpBinary).build();
        let exporter = exporter.context("the OpenTelemetry exporter cannot be started")?;
        let mut resource = Resource::builder()
            .with_attribute(opentelemetry::KeyValue::new("service.version", env!("FULFILLMENT_VERSION")));
        if value("OTEL_SERVICE_NAME").is_none() {
            resource = resource.with_service_name("fulfillment");
        }
        let provider = SdkTracerProvider::builder().with_batch_exporter(exporter);
        fulfillment_pipeline::trace::export();
        Ok(Some(Self(provider.with_resource(resource.build()).build())))
    }

    /// Creates the spans.
    pub(crate) fn tracer(&self) -> SdkTracer {
        self.0.tracer("fulfillment")
    }

    /// Sends the remaining spans, within the exporter's own timeout.
    pub(crate) async fn end(self) {
        let ended = tokio::task::spawn_blocking(move || self.0.shutdown()).await;
        if let Ok(Err(error)) = ended {
            warn!(%error, "the last traces could not be exported");
        }
    }
}
