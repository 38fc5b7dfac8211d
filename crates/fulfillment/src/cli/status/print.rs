//! The status for people at a terminal.

use fulfillment_pipeline::operations::status::{EventCounts, Need, PartHealth, PartStatus, Status};
use jiff::Timestamp;

use crate::cli::columns::aligned;
use crate::terminal::lines;

/// What needs a person first, then the rest. `silence` is why no service says what it knows.
pub(super) fn describe(status: &Status, silence: Option<&str>) -> String {
    let mut out = Vec::new();
    needs(&mut out, &status.needs_a_person);
    out.push(String::new());
    progress(&mut out, status);
    events(&mut out, status);
    deliveries(&mut out, status);
    service(&mut out, status, silence);
    lines(out)
}

fn needs(out: &mut Vec<String>, needs: &[Need]) {
    if needs.is_empty() {
        return out.push("nothing needs a person".to_owned());
    }
    let rows: Vec<_> =
        needs.iter().map(|need| [title(need), count(need), time(need.since), need.remedy.clone()]).collect();
    out.extend(aligned(&["NEEDS A PERSON", "COUNT", "SINCE", "FIX"], &rows));
    for need in needs {
        out.push(String::new());
        out.push(format!("{}: {}", title(need), need.cause));
        for failure in &need.failures {
            out.push(format!("  {} since {}: {}", failure.count, time(failure.since), failure.error));
            out.extend(failure.example.as_ref().map(|example| format!("    for example {example}")));
        }
        if let (true, Some(example)) = (need.failures.is_empty(), &need.example) {
            out.push(format!("  for example {example}"));
        }
    }
}

fn title(need: &Need) -> String {
    need.subject.as_ref().map_or_else(|| need.title.to_owned(), |subject| format!("{} {subject}", need.title))
}

fn count(need: &Need) -> String {
    if need.at_least { format!("{} or more", need.count) } else { need.count.to_string() }
}

fn progress(out: &mut Vec<String>, status: &Status) {
    let oldest = status.oldest_waiting_payment_at;
    let oldest = oldest.map(|at| format!(", the oldest paid {}", time(Some(at)))).unwrap_or_default();
    out.push(format!("orders without tickets: {}{oldest}", status.unissued_orders));
    let flow = &status.throughput;
    if let Some(minute) = flow.minute {
        out.push(format!(
            "minute of {}: {} payments in, {} tickets out; last hour: {} and {}",
            time(Some(minute)),
            flow.payments_in_minute,
            flow.tickets_in_minute,
            flow.payments_in_hour,
            flow.tickets_in_hour
        ));
    }
}

fn events(out: &mut Vec<String>, status: &Status) {
    if status.events.is_empty() {
        return;
    }
    let row = |event: &EventCounts| {
        let counted = |count: Option<u64>| count.map_or_else(none, |count| count.to_string());
        [
            event.event_id.clone(),
            time(event.starts_at),
            counted(event.sold),
            counted(event.issued),
            event.waiting.to_string(),
            event.failed.to_string(),
            event.parked.to_string(),
            counted(event.voided),
            counted(event.delivered),
            counted(event.downloaded),
            counted(event.checked_in),
            time(event.counted_at),
            event.name.clone().unwrap_or_else(none),
        ]
    };
    let rows: Vec<_> = status.events.iter().map(row).collect();
    out.push(String::new());
    out.extend(aligned(
        &[
            "EVENT",
            "STARTS",
            "SOLD",
            "ISSUED",
            "WAITING",
            "FAILED",
            "PARKED",
            "VOID",
            "DELIVERED",
            "DOWNLOADED",
            "IN",
            "COUNTED",
            "NAME",
        ],
        &rows,
    ));
    if let Some(before) = status.before {
        out.push(format!("more events: fulfillment status --before {before}"));
    }
}

fn deliveries(out: &mut Vec<String>, status: &Status) {
    if status.deliveries.is_empty() {
        return;
    }
    let rows: Vec<_> = status
        .deliveries
        .iter()
        .map(|to| [to.destination.clone(), to.waiting.to_string(), to.parked.to_string(), time(to.since)])
        .collect();
    out.push(String::new());
    out.extend(aligned(&["DESTINATION", "WAITING", "REFUSED", "SINCE"], &rows));
}

fn service(out: &mut Vec<String>, status: &Status, silence: Option<&str>) {
    out.push(String::new());
    let Some(service) = &status.service else {
        let why = silence.unwrap_or("no service answers");
        return out.push(format!("{why}; the health of its neighbours and its lag are not known"));
    };
    let row = |part: &PartHealth| {
        let state = match part.status {
            PartStatus::Ok => "ok",
            PartStatus::Degraded => "degraded",
            PartStatus::Down => "down",
        };
        let last = part.last_error.as_ref().map(|error| format!("{error} ({})", time(part.last_error_at)));
        [part.name.clone(), state.to_owned(), time(part.since), last.unwrap_or_else(none)]
    };
    let rows: Vec<_> = service.parts.iter().map(row).collect();
    out.extend(aligned(&["PART", "STATE", "SINCE", "LAST ERROR"], &rows));
    if service.lag.is_empty() {
        return;
    }
    let rows: Vec<_> = service
        .lag
        .iter()
        .map(|lag| [lag.topic.clone(), lag.partition.to_string(), lag.messages.to_string()])
        .collect();
    out.push(String::new());
    out.extend(aligned(&["TOPIC", "PARTITION", "BEHIND BY"], &rows));
}

fn time(at: Option<Timestamp>) -> String {
    at.map_or_else(none, |at| format!("{at:.0}"))
}

fn none() -> String {
    "-".to_owned()
}
