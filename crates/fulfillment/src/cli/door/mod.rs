//! The command `fulfillment door`: the state, the rules and the devices of an event's door.

mod code;
mod device;

use std::path::Path;

use clap::{Args, Subcommand};
use fulfillment_door::Rules;
use fulfillment_store::DoorStatus;

use super::Context;
use crate::doors::{read_rules, rules_in};
use crate::error::CliError;

/// See how many are in, set who is let in where and when, and enrol devices
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  fulfillment door status 3f2504e0-4f89-41d3-9a0c-0305e82c3301
  fulfillment door rules 3f2504e0-4f89-41d3-9a0c-0305e82c3301 --set rules.json
  fulfillment door device new --event 3f2504e0-4f89-41d3-9a0c-0305e82c3301 --gate North --role steward")]
pub(crate) struct Door {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// Show how many of the sold tickets were admitted, by gate and minute, and who was refused
    #[command(after_help = "Examples:
  fulfillment door status EVENT
  fulfillment door status EVENT --json | jq .admitted
Exit code: 1 when there is no such event.")]
    Status {
        /// The event's id
        event: String,
    },
    /// Show or replace the rules of an event's door
    ///
    /// They are a JSON document, which docs/door.md describes. An event without rules admits each ticket once, by any
    /// gate, at any time. An event that nothing was sold for yet is only made with --create, so that a mistyped id is
    /// noticed. Rules that a `[[door]]` table of the configuration names are set again at each start.
    #[command(after_help = "Examples:
  fulfillment door rules EVENT
  fulfillment door rules EVENT --set rules.json
  echo '{\"reEntry\": \"afterExit\"}' | fulfillment door rules EVENT --set -
Exit code: 1 when there is no such event, 2 when the rules have a mistake, which is named.")]
    Rules {
        /// The event's id
        event: String,
        /// Replace them by those in this file; - for standard input
        #[arg(long, value_name = "FILE")]
        set: Option<String>,
        /// With --set, make the event if nothing is known of it yet
        #[arg(long, requires = "set")]
        create: bool,
    },
    /// Make, list or revoke the devices that check tickets in
    #[command(after_help = "Examples:
  fulfillment door device new --event EVENT --gate North --role steward
  fulfillment door device list
  fulfillment door device revoke steward-3fa9c2")]
    Device {
        #[command(subcommand)]
        action: device::Device,
    },
}

impl Door {
    pub(crate) async fn run(self, context: &Context) -> Result<(), CliError> {
        let config = context.config()?;
        let store = context.store(&config).await?;
        let none = |event: &str| CliError::failed(format!("there is no event {event}"));
        match self.action {
            Action::Device { action } => action.run(context, &config, store.as_ref()).await,
            Action::Status { event } => {
                let status = store.door_status(&event).await?.ok_or_else(|| none(&event))?;
                context.answer(&status, table)
            }
            Action::Rules { event, set: None, .. } => {
                let rules = store.door_rules(&event).await?.ok_or_else(|| none(&event))?;
                context.answer(&rules, Rules::to_json)
            }
            Action::Rules { event, set: Some(file), create } => {
                let rules = read(&file)?;
                super::known_event(&*store, &event, create).await?;
                store.set_door_rules(&event, &rules, &context.actor()).await?;
                if config.doors.iter().any(|door| door.event == event) {
                    eprintln!(
                        "fulfillment: a [[door]] table has rules for this event, which the next start sets again"
                    );
                }
                context.answer(&rules, |rules| {
                    format!("the door of {event} has these rules now: {}", rules.to_json())
                })
            }
        }
    }
}

fn read(file: &str) -> Result<Rules, CliError> {
    let read = if file == "-" { read_rules(std::io::stdin()) } else { rules_in(Path::new(file)) };
    read.map_err(|message| CliError::misuse(format!("{file}: {message}")))
}

fn table(status: &DoorStatus) -> String {
    let mut lines = vec![format!("{} of {} admitted", status.admitted, status.sold)];
    if status.conflicts > 0 {
        lines.push(format!("{} conflicts: GET /events/{{eventId}}/check-ins lists them", status.conflicts));
    }
    if status.not_on_record > 0 {
        lines.push(format!("{} check-ins of codes that are not on record", status.not_on_record));
    }
    for count in &status.counts {
        let gate = count.gate.as_deref().unwrap_or("no gate");
        let area = count.area.as_ref().map(|area| format!(" to {area}")).unwrap_or_default();
        lines.push(format!("{}  {gate}{area}: {} in, {} out", count.day, count.entries, count.exits));
    }
    let busiest = status.minutes.iter().map(|(_, entries)| *entries).max().unwrap_or_default();
    for (minute, entries) in status.minutes.iter().rev().take(10).rev() {
        let width = usize::try_from(entries * 40 / busiest.max(1)).unwrap_or_default().max(1);
        lines.push(format!("{}  {entries:>5} {}", minute.strftime("%H:%M UTC"), "#".repeat(width)));
    }
    for (verdict, times) in &status.refused {
        lines.push(format!("refused {times}: {}", verdict.word()));
    }
    crate::terminal::lines(lines)
}
