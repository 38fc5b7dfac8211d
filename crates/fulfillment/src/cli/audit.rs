//! The command `fulfillment audit`: who did what, and who read what.

use clap::{Args, Subcommand};
use fulfillment_domain::{Clock as _, OrderId};
use fulfillment_pipeline::clock::SystemClock;
use fulfillment_store::{Action, AuditFilter, AuditRecord, Store};

use super::Context;
use super::reconcile::time;
use crate::error::CliError;

/// Show who did what, and who read what
///
/// Each action of an operator is recorded in the transaction that does it: by a command with the name of the operating
/// system's user, by HTTP with the token's name. Reads by tokens follow within a second, refusals once a minute. Records
/// have ids and no personal data. They cannot be changed, and are deleted after `pipeline.audit_prune_after`.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  fulfillment audit list                                          the newest 100
  fulfillment audit list --since 7days --action ticket            what was done to tickets this week
  fulfillment audit list --ticket 7Q2FK-9XM4D                     who touched or read one ticket
  fulfillment audit list --actor box-office --limit 1000 --json | jq -r .[].action")]
pub(crate) struct Audit {
    #[command(subcommand)]
    action: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    List(List),
}

/// List records, newest first
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  fulfillment audit list --since 2026-11-30T18:00:00Z --action refused
  fulfillment audit list --order 7d444840-9dc0-11d1-b245-5ffdce74fad2
  fulfillment audit list --before 4711     the page after a list that ended with record 4711
Exit code: 1 when no record matches.")]
struct List {
    /// Only records since then: a time, a date (UTC), or how long ago, like 7days
    #[arg(long, value_name = "TIME")]
    since: Option<String>,
    /// Only what this token, user or network did
    #[arg(long, value_name = "NAME")]
    actor: Option<String>,
    /// Only this action, such as ticket.void, or all that begin so: ticket, order, read, refused
    #[arg(long, value_name = "ACTION")]
    action: Option<String>,
    /// Only what was done to this order or its tickets
    #[arg(long, value_name = "ID")]
    order: Option<OrderId>,
    /// Only what was done to this ticket: its id, or the number printed on it
    #[arg(long, value_name = "ID")]
    ticket: Option<String>,
    /// Only records before this one, by its number: the next page
    #[arg(long, value_name = "NUMBER")]
    before: Option<i64>,
    /// How many at most
    #[arg(long, value_name = "COUNT", default_value_t = 100, value_parser = clap::value_parser!(u32).range(1..=100_000))]
    limit: u32,
}

impl Audit {
    pub(crate) async fn run(self, context: &Context) -> Result<(), CliError> {
        let Command::List(list) = self.action;
        let store = context.store(&context.config()?).await?;
        let (limit, filter) = (list.limit, list.filter(store.as_ref()).await?);
        let records = store.audit(&filter, limit as usize).await?;
        context.answer(&records, |records| crate::terminal::lines(records.iter().map(line)))?;
        if records.is_empty() { Err(CliError::failed("no record matches")) } else { Ok(()) }
    }
}

impl List {
    async fn filter(self, store: &dyn Store) -> Result<AuditFilter, CliError> {
        if let Some(wanted) = &self.action {
            check_action(wanted)?;
        }
        let ticket = match &self.ticket {
            Some(ticket) => Some(super::ticket::find(store, ticket).await?.id),
            None => None,
        };
        Ok(AuditFilter {
            since: self.since.as_deref().map(|text| time(text, SystemClock.now())).transpose()?,
            actor: self.actor,
            action: self.action,
            order: self.order,
            ticket,
            before: self.before,
        })
    }
}

/// Refuses an action that is never recorded: an empty list would mislead.
fn check_action(wanted: &str) -> Result<(), CliError> {
    if Action::is_named_by(wanted) {
        return Ok(());
    }
    let known = Action::ALL.iter().map(|action| action.as_str()).collect::<Vec<_>>().join(", ");
    Err(CliError::misuse(format!("--action {wanted} is unknown; there are {known}")))
}

fn line(record: &AuditRecord) -> String {
    let AuditRecord { id, at, entry } = record;
    let mut line = format!("{id}  {at:.0}  {}  {}", entry.actor, entry.action);
    let mut add = |name: &str, value: Option<String>| {
        if let Some(value) = value {
            line.extend(["  ", name, &value]);
        }
    };
    add("order ", entry.order_id.map(|id| id.to_string()));
    add("ticket ", entry.ticket_id.map(|id| id.to_string()));
    add("", entry.subject.clone());
    add(
        "events ",
        entry.positions.map(|(first, last)| match entry.action {
            Action::BeginEvents => format!("from {first}"),
            _ => format!("{first} to {last}"),
        }),
    );
    add("x", (entry.times > 1).then(|| entry.times.to_string()));
    line
}
