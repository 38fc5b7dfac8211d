//! Spans along the pipeline, in the trace that a payment came with (W3C Trace Context). Log lines show them, and where
//! traces are exported ([`export`]) they are what is exported.
//!
//! The spans have the level `ERROR`, the least verbose one, so that they exist at every log level: an error is logged
//! with its order, and the log level does not decide what is exported.

use std::sync::atomic::{AtomicBool, Ordering};

use fulfillment_domain::trace::trace_id;
use fulfillment_store::{Claim, Delivery, Incoming};
use opentelemetry::Context;
use opentelemetry::trace::{SpanContext, SpanId, TraceContextExt as _, TraceFlags, TraceId, TraceState};
use tracing::{Span, error_span, field};
use tracing_opentelemetry::OpenTelemetrySpanExt as _;

static EXPORTED: AtomicBool = AtomicBool::new(false);

/// From now on also creates the spans that no log line would show: of each message and of each delivery.
pub fn export() {
    EXPORTED.store(true, Ordering::Relaxed);
}

/// Whether traces are exported.
pub fn is_exported() -> bool {
    EXPORTED.load(Ordering::Relaxed)
}

/// Makes a span part of the trace that a `traceparent` names. Without a valid one it starts a new trace.
pub fn follow(span: &Span, traceparent: Option<&str>) {
    if is_exported()
        && let Some(parent) = traceparent.and_then(remote)
    {
        // The error means that no exporter takes this span.
        let _ = span.set_parent(Context::new().with_remote_span_context(parent));
    }
}

/// The `traceparent` to send to another service: the current span's where traces are exported, otherwise the recorded
/// one.
pub(crate) fn onward(stored: Option<&str>) -> Option<String> {
    let context = is_exported().then(|| Span::current().context());
    let current = context.as_ref().map(|context| context.span().span_context().clone());
    match current.filter(SpanContext::is_valid) {
        Some(span) => {
            Some(format!("00-{}-{}-{:02x}", span.trace_id(), span.span_id(), span.trace_flags().to_u8()))
        }
        None => stored.map(str::to_owned),
    }
}

/// An order in the pipeline, from its claim until it is released.
pub(crate) fn order(claim: &Claim) -> Span {
    let trace = claim.traceparent.as_deref().and_then(trace_id);
    let span = error_span!("order", order = %claim.order_id, trace, attempt = claim.attempts);
    follow(&span, claim.traceparent.as_deref());
    span
}

/// A message on its way into the inbox.
pub(crate) fn message(message: &Incoming) -> Span {
    if !is_exported() {
        return Span::none();
    }
    let order = message.content.as_ref().ok().and_then(|said| Some(said.order_id()?.to_string()));
    let subject = message.subject.as_str();
    let span = error_span!("ingest", subject, order, outcome = field::Empty, otel.kind = "consumer");
    follow(&span, message.traceparent.as_deref());
    span
}

/// An event on its way to a destination.
pub(crate) fn delivery(delivery: &Delivery, destination: &str) -> Span {
    if !is_exported() {
        return Span::none();
    }
    let event = &delivery.event;
    let (order, ticket) = (event.order_id.map(|id| id.to_string()), event.ticket_id.map(|id| id.to_string()));
    let kind = event.kind.as_str();
    let span = error_span!("deliver", destination, event = kind, order, ticket, otel.kind = "producer");
    let traceparent = event.headers.iter().find(|(name, _)| name == "traceparent");
    follow(&span, traceparent.and_then(|(_, value)| std::str::from_utf8(value).ok()));
    span
}

/// Reads a `traceparent` of version 00.
fn remote(traceparent: &str) -> Option<SpanContext> {
    let trace = TraceId::from_hex(trace_id(traceparent)?).ok()?;
    let span = SpanId::from_hex(traceparent.get(36..52)?).ok()?;
    let flags = u8::from_str_radix(traceparent.get(53..55)?, 16).ok()?;
    let context = SpanContext::new(trace, span, TraceFlags::new(flags), true, TraceState::default());
    context.is_valid().then_some(context)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_traceparent_is_read_or_is_none() {
        let context = remote("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01").unwrap();
        assert_eq!(context.trace_id().to_string(), "4bf92f3577b34da6a3ce929d0e0e4736");
        assert_eq!(context.span_id().to_string(), "00f067aa0ba902b7");
        assert!(context.is_sampled() && context.is_remote());
        for none in [
            "",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7",
            "00-00000000000000000000000000000000-00f067aa0ba902b7-01",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-0000000000000000-01",
        ] {
            assert!(remote(none).is_none(), "{none}");
        }
    }
}
