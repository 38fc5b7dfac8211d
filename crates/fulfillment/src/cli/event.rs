//! The command `fulfillment event`: the record of events.

use std::sync::Arc;

use clap::{Args, Subcommand};
use fulfillment_domain::event_record::event_id;
use fulfillment_domain::{EventDetails, EventPatch, EventRecord};
use fulfillment_store::{EventCancellation, EventOnRecord};
use serde::Serialize;
use serde_json::{Map, Value};

use super::confirm::Consent;
use super::{Context, event_cancel};
use crate::error::CliError;
use crate::wiring;

/// The most events that are read at a time.
const PAGE: usize = 500;

/// See the record of events, set details over what Ordering says, and cancel events
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  fulfillment event list
  fulfillment event show 3f2504e0-4f89-41d3-9a0c-0305e82c3301
  fulfillment event set 3f2504e0-4f89-41d3-9a0c-0305e82c3301 --starts-at 2027-01-10T19:30:00+01:00 --status postponed
  fulfillment event cancel 3f2504e0-4f89-41d3-9a0c-0305e82c3301")]
pub(crate) struct Event {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// List the events, with how many tickets each has
    #[command(after_help = "Examples:
  fulfillment event list
  fulfillment event list --json | jq '.[] | select(.status == \"postponed\")'")]
    List,
    /// Show an event: the details in force, what Ordering said, and what was set
    #[command(after_help = "Examples:
  fulfillment event show EVENT
  fulfillment event show EVENT --json | jq .overrides
Exit code: 1 when there is no such event.")]
    Show {
        /// The event's id
        event: String,
    },
    /// Set details over what Ordering says
    ///
    /// event-updated is published if the details in force change. Printed pages stay as they are. An event that nothing
    /// was sold for yet is only made with --create, so that a mistyped id is noticed.
    #[command(after_help = "Examples:
  fulfillment event set EVENT --starts-at 2027-01-10T19:30:00+01:00 --status postponed
  fulfillment event set EVENT --venue-name 'Town Hall' --venue-address '1 Way, Berlin'
  fulfillment event set EVENT --lift startsAt,status          as Ordering says again
Exit code: 1 when there is no such event, 2 when a value cannot be read or contradicts another.")]
    Set {
        /// The event's id
        event: String,
        #[command(flatten)]
        details: Box<Details>,
        /// Fields that are as Ordering says again, separated by commas
        #[arg(long, value_name = "FIELDS", value_delimiter = ',')]
        lift: Vec<String>,
        /// Make the event if nothing is known of it yet
        #[arg(long)]
        create: bool,
    },
    /// Void all tickets of a cancelled event
    ///
    /// The event's status becomes cancelled, and each live ticket is voided: ticket-voided is published for it, and every
    /// door refuses it. What is sold meanwhile is voided too. Interrupted, it is continued by any running service, and by
    /// the same command. Afterwards, what is sold for the event is issued as before.
    #[command(after_help = "Examples:
  fulfillment event cancel EVENT --dry-run             how many tickets; changes nothing
  fulfillment event cancel EVENT --reason 'the artist is ill'   says it, and asks
  fulfillment event cancel EVENT --yes --background    returns at once; `fulfillment event show EVENT` says how far it is
Exit code: 1 when there is no such event, 2 when it is not confirmed.")]
    Cancel {
        /// The event's id
        event: String,
        /// Why: it stands in each ticket's history and in the events [default: the event was cancelled]
        #[arg(long)]
        reason: Option<String>,
        /// Only request it: a running service does it
        #[arg(long)]
        background: bool,
        #[command(flatten)]
        consent: Consent,
    },
}

/// The details that can be set.
#[derive(Debug, Args)]
struct Details {
    /// Its name
    #[arg(long)]
    name: Option<String>,
    /// When it begins, with an offset: 2026-12-22T19:30:00+01:00
    #[arg(long, value_name = "TIME")]
    starts_at: Option<String>,
    /// When it ends
    #[arg(long, value_name = "TIME")]
    ends_at: Option<String>,
    /// When the doors open
    #[arg(long, value_name = "TIME")]
    doors_at: Option<String>,
    /// Its time zone: Europe/Berlin
    #[arg(long, value_name = "ZONE")]
    time_zone: Option<String>,
    /// The name of the venue
    #[arg(long)]
    venue_name: Option<String>,
    /// The address of the venue
    #[arg(long)]
    venue_address: Option<String>,
    /// scheduled, postponed or cancelled
    #[arg(long)]
    status: Option<String>,
}

impl Details {
    /// The fields as a request has them.
    fn fields(&self) -> Map<String, Value> {
        let all = [
            ("name", &self.name),
            ("startsAt", &self.starts_at),
            ("endsAt", &self.ends_at),
            ("doorsAt", &self.doors_at),
            ("timeZone", &self.time_zone),
            ("venueName", &self.venue_name),
            ("venueAddress", &self.venue_address),
            ("status", &self.status),
        ];
        all.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value.clone()?.into()))).collect()
    }
}

/// An event as it is shown.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Shown {
    event_id: String,
    event_number: u32,
    #[serde(flatten)]
    in_force: EventDetails,
    ordering: Option<EventDetails>,
    overrides: EventDetails,
    #[serde(skip_serializing_if = "Option::is_none")]
    issued: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    voided: Option<u64>,
    /// How far its tickets are voided, if it was cancelled by command.
    #[serde(skip_serializing_if = "Option::is_none")]
    cancellation: Option<EventCancellation>,
}

impl Event {
    pub(crate) async fn run(self, context: &Context) -> Result<(), CliError> {
        let config = context.config()?;
        let store = context.store(&config).await?;
        match self.action {
            Action::List => {
                let mut all: Vec<Shown> = Vec::new();
                loop {
                    let after = all.last().map_or(0, |last| last.event_number);
                    let page = store.events(after, PAGE).await?;
                    if page.is_empty() {
                        break;
                    }
                    all.extend(page.into_iter().map(counted));
                }
                context.answer(&all, |all| {
                    if all.is_empty() {
                        return "no event is on record".to_owned();
                    }
                    crate::terminal::lines(all.iter().map(line))
                })
            }
            Action::Show { event } => {
                let id = event_id(&event).map_err(CliError::misuse)?;
                let found = store.event(&id).await?;
                let found = found.ok_or_else(|| CliError::failed(format!("there is no event {id}")))?;
                let jobs = store.event_cancellations().await?;
                let cancellation = jobs.into_iter().find(|job| job.event_id == id);
                context.answer(&Shown { cancellation, ..counted(found) }, describe)
            }
            Action::Set { event, details, lift, create } => {
                let id = event_id(&event).map_err(CliError::misuse)?;
                let mut fields = details.fields();
                for field in lift {
                    if fields.insert(field.clone(), Value::Null).is_some() {
                        return Err(CliError::misuse(format!("{field} is set and lifted at once")));
                    }
                }
                if fields.is_empty() {
                    return Err(CliError::misuse("nothing to set: name a detail, as --starts-at, or --lift"));
                }
                let patch = EventPatch::parse(Value::Object(fields).to_string().as_bytes());
                let patch = patch.map_err(CliError::misuse)?;
                super::known_event(&*store, &id, create).await?;
                let desk = wiring::event_desk(&config, &store, Arc::default());
                let (record, _) = desk.set(&id, &patch, &context.actor()).await?;
                context.answer(&shown(record, None), describe)
            }
            Action::Cancel { event, reason, background, consent } => {
                let id = event_id(&event).map_err(CliError::misuse)?;
                let wanted = event_cancel::Wanted { reason, background, consent };
                event_cancel::cancel(context, &config, store, &id, wanted).await
            }
        }
    }
}

fn counted(event: EventOnRecord) -> Shown {
    shown(event.record, Some((event.issued, event.voided)))
}

fn shown(record: EventRecord, counts: Option<(u64, u64)>) -> Shown {
    Shown {
        in_force: record.in_force(),
        event_id: record.id,
        event_number: record.number,
        ordering: record.said,
        overrides: record.overrides,
        issued: counts.map(|(issued, _)| issued),
        voided: counts.map(|(_, voided)| voided),
        cancellation: None,
    }
}

fn line(event: &Shown) -> String {
    let details = &event.in_force;
    let start = details.starts_at.map_or_else(|| "no date".to_owned(), |at| at.to_string());
    let name = details.name.as_deref().unwrap_or("no name");
    let status = details.status.map(|status| status.to_string()).unwrap_or_default();
    let (issued, voided) = (event.issued.unwrap_or_default(), event.voided.unwrap_or_default());
    format!("{}  {start}  {status}  {issued} tickets, {voided} void  {name}", event.event_id)
}

fn describe(event: &Shown) -> String {
    let details = &event.in_force;
    let time = |at: Option<jiff::Timestamp>| at.map(|at| at.to_string());
    let rows = [
        ("event", Some(format!("{}  (number {} in codes)", event.event_id, event.event_number))),
        ("name", details.name.clone()),
        ("status", details.status.map(|status| status.to_string())),
        ("starts", time(details.starts_at)),
        ("ends", time(details.ends_at)),
        ("doors", time(details.doors_at)),
        ("time zone", details.time_zone.clone()),
        ("venue", details.venue_name.clone()),
        ("address", details.venue_address.clone()),
        (
            "tickets",
            event.issued.map(|issued| format!("{issued}, {} void", event.voided.unwrap_or_default())),
        ),
        ("cancelled", event.cancellation.as_ref().map(event_cancel::progress)),
    ];
    let known = rows.into_iter().filter_map(|(name, value)| Some(format!("{name:<11} {}", value?)));
    crate::terminal::lines(known)
}
