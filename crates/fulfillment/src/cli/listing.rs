//! Lists of orders and tickets: the options of both commands, and how rows are printed.

use std::io::{self, IsTerminal as _};
use std::time::Duration;

use clap::Args;
use fulfillment_config::Config;
use fulfillment_domain::{Clock as _, ticket_number};
use fulfillment_pipeline::clock::SystemClock;
use fulfillment_pipeline::keyring::Keyring;
use fulfillment_pipeline::operations::lists;
use fulfillment_store::listed::MAX_LISTED;
use fulfillment_store::{
    BadFilter, ListQuery, Listed, OrderRow, Result as StoreResult, SortedBy, Store, TicketRow,
};
use indicatif::{ProgressBar, ProgressStyle};
use jiff::Timestamp;
use jiff::tz::TimeZone;
use serde::Serialize;

use super::{Context, columns};
use crate::error::CliError;

/// What is searched by. All of it must match; what is said of tickets must be true of one and the same.
#[derive(Debug, Args)]
pub(super) struct ListOptions {
    /// States of the order, separated by commas: received, enriched, issued, parked, voided
    #[arg(long, value_name = "STATES")]
    state: Option<String>,
    /// Statuses of a ticket, separated by commas: Pending, Generated, Delivered, Failed, voided, erased
    #[arg(long, value_name = "STATUSES")]
    status: Option<String>,
    /// The event's id
    #[arg(long, value_name = "ID")]
    event: Option<String>,
    /// The organizer's id
    #[arg(long, value_name = "ID")]
    organizer: Option<String>,
    /// An e-mail address: of an order, one that occurs anywhere in it; of a ticket, its buyer's or its holder's
    #[arg(long, value_name = "ADDRESS")]
    email: Option<String>,
    /// Words of the buyer's or the holder's name or their beginnings, without regard to case and accents
    #[arg(long, value_name = "WORDS")]
    name: Option<String>,
    /// Words of the holder's name or their beginnings; a ticket without a holder is its buyer's
    #[arg(long, value_name = "WORDS")]
    holder: Option<String>,
    /// Whole words of the seat, such as 'A 5 12'; with --event it is found faster
    #[arg(long, value_name = "WORDS")]
    seat: Option<String>,
    /// The number printed on a ticket
    #[arg(long, value_name = "NUMBER")]
    ticket_number: Option<String>,
    /// A flag of a ticket, such as `seat_conflict`
    #[arg(long, value_name = "FLAG")]
    flag: Option<String>,
    /// The key that signed a ticket's code
    #[arg(long, value_name = "KID")]
    kid: Option<String>,
    /// The generation of a ticket
    #[arg(long, value_name = "NUMBER")]
    generation: Option<u32>,
    /// The first payment arrived since then: a time, a date (UTC), or how long ago, like 7days
    #[arg(long, value_name = "TIME")]
    received_from: Option<String>,
    /// The first payment arrived before then
    #[arg(long, value_name = "TIME")]
    received_to: Option<String>,
    /// The order's first ticket was issued since then
    #[arg(long, value_name = "TIME")]
    issued_from: Option<String>,
    /// The order's first ticket was issued before then
    #[arg(long, value_name = "TIME")]
    issued_to: Option<String>,
    /// A part of the last error; with --state received, enriched or parked, or with --status Failed
    #[arg(long, value_name = "TEXT")]
    error: Option<String>,
    /// newest or oldest first, where the list is by time: one by words is in the order of the words
    #[arg(long, value_name = "SORT")]
    sort: Option<String>,
    /// How many at most
    #[arg(long, value_name = "COUNT", default_value_t = 50, value_parser = clap::value_parser!(u32).range(1..=100_000))]
    limit: u32,
    /// All that match
    #[arg(long, conflicts_with = "limit")]
    all: bool,
    /// Print CSV (RFC 4180) with a header; a cell that a spreadsheet would take for a formula begins with an apostrophe
    #[arg(long, conflicts_with = "json")]
    csv: bool,
    /// Print times in UTC instead of this machine's time zone
    #[arg(long)]
    utc: bool,
}

/// A row of a list.
pub(super) trait ListRow: Serialize + Sized + Send {
    const HEADER: &'static [&'static str];
    const WHAT: &'static str;

    fn list(store: &dyn Store, query: &ListQuery) -> impl Future<Output = StoreResult<Listed<Self>>> + Send;

    /// The cells under the header.
    fn cells(&self, time: &dyn Fn(Timestamp) -> String) -> Vec<String>;
}

impl ListRow for OrderRow {
    const HEADER: &'static [&'static str] = &[
        "ORDER", "STATE", "RECEIVED", "ISSUED", "TICKETS", "VOID", "ERASED", "BUYER", "E-MAIL", "EVENT",
        "WHY",
    ];
    const WHAT: &'static str = "orders";

    async fn list(store: &dyn Store, query: &ListQuery) -> StoreResult<Listed<Self>> {
        store.list_orders(query).await
    }

    fn cells(&self, time: &dyn Fn(Timestamp) -> String) -> Vec<String> {
        vec![
            self.order_id.to_string(),
            self.state.to_string(),
            time(self.received_at),
            self.issued_at.map(time).unwrap_or_default(),
            self.tickets.to_string(),
            self.voided_tickets.to_string(),
            self.erased_at.map(time).unwrap_or_default(),
            self.customer_name.clone().unwrap_or_default(),
            self.customer_email.clone().unwrap_or_default(),
            self.event_names.join(", "),
            self.reason.clone().unwrap_or_default(),
        ]
    }
}

impl ListRow for TicketRow {
    const HEADER: &'static [&'static str] = &[
        "NUMBER",
        "STATUS",
        "SEAT",
        "HOLDER",
        "BUYER",
        "EVENT",
        "ISSUED",
        "GENERATION",
        "KID",
        "FLAGS",
        "ORDER",
        "ID",
        "WHY",
    ];
    const WHAT: &'static str = "tickets";

    async fn list(store: &dyn Store, query: &ListQuery) -> StoreResult<Listed<Self>> {
        store.list_tickets(query).await
    }

    fn cells(&self, time: &dyn Fn(Timestamp) -> String) -> Vec<String> {
        vec![
            ticket_number::grouped(&self.ticket_number),
            self.status.to_string(),
            self.seat.clone(),
            self.holder_name.clone().unwrap_or_default(),
            self.customer_name.clone().unwrap_or_default(),
            self.event_name.clone(),
            time(self.issued_at),
            self.generation.to_string(),
            self.kid.clone(),
            self.flags.to_stored(),
            self.order_id.to_string(),
            self.id.to_string(),
            self.last_error.clone().unwrap_or_default(),
        ]
    }
}

/// What `--json` prints.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Answer<R> {
    items: Vec<R>,
    /// There are more than were asked for.
    more: bool,
    sorted_by: Option<SortedBy>,
    indexing: bool,
}

impl ListOptions {
    /// Lists what matches.
    pub(super) async fn run<R: ListRow>(self, context: &Context) -> Result<(), CliError> {
        let config = context.config()?;
        let store = context.store(&config).await?;
        let fields = self.fields()?;
        let most = if self.all { usize::MAX } else { self.limit as usize };
        let mut answer = Answer { items: Vec::new(), more: false, sorted_by: None, indexing: false };
        let (bar, mut found, mut cursor) = (spinner(context, self.csv), 0, None::<String>);
        let zone = if self.utc { TimeZone::UTC } else { TimeZone::system() };
        let mut csv = self.csv.then(|| csv::Writer::from_writer(io::stdout().lock()));
        if let Some(csv) = &mut csv {
            written(csv.write_record(R::HEADER))?;
        }
        loop {
            let limit = MAX_LISTED.min(most - found).to_string();
            let page = [("limit", Some(&limit)), ("cursor", cursor.as_ref())];
            let page = page.into_iter().filter_map(|(name, text)| Some((name, text?.as_str())));
            let fields = fields.iter().map(|(name, text)| (*name, text.as_str())).chain(page);
            let query = query(&config, fields)?;
            let listed = R::list(store.as_ref(), &query).await?;
            found += listed.items.len();
            bar.set_message(format!("{found} {} found", R::WHAT));
            (answer.sorted_by, answer.indexing) = (Some(listed.sorted_by), listed.indexing);
            if let Some(csv) = &mut csv {
                let time = |at: Timestamp| {
                    at.to_zoned_datetime(zone.clone()).strftime("%Y-%m-%dT%H:%M:%S%:z").to_string()
                };
                for row in &listed.items {
                    written(csv.write_record(row.cells(&time).into_iter().map(harmless)))?;
                }
            } else {
                answer.items.extend(listed.items);
            }
            cursor = listed.next;
            answer.more = cursor.is_some();
            if cursor.is_none() || found >= most {
                break;
            }
        }
        bar.finish_and_clear();
        match csv {
            Some(mut csv) => written(csv.flush().map_err(Into::into))?,
            None => context.answer(&answer, |answer| table(answer, &zone))?,
        }
        self.remarks(&answer, found, R::WHAT);
        if found == 0 { Err(CliError::failed(format!("no {} match", R::WHAT))) } else { Ok(()) }
    }

    /// Says on standard error what a reader of the list has to know beside it.
    fn remarks<R>(&self, answer: &Answer<R>, found: usize, what: &str) {
        if answer.indexing {
            eprintln!(
                "fulfillment: orders from before an update are still being read by the service, or by `fulfillment store \
                 reindex`; some may be missing"
            );
        }
        let sorted = answer.sorted_by.is_some_and(|by| matches!(by, SortedBy::Words | SortedBy::Id));
        if self.sort.is_some() && sorted {
            eprintln!("fulfillment: this list is not by time: --sort has no effect on it");
        }
        if answer.more && io::stderr().is_terminal() {
            eprintln!("fulfillment: the first {found} {what}; --limit or --all shows more");
        }
    }

    /// The fields that are given, by their names in the API.
    fn fields(&self) -> Result<Vec<(&'static str, String)>, CliError> {
        let times = [
            ("receivedFrom", "--received-from", &self.received_from),
            ("receivedTo", "--received-to", &self.received_to),
            ("issuedFrom", "--issued-from", &self.issued_from),
            ("issuedTo", "--issued-to", &self.issued_to),
        ];
        let texts = [
            ("state", &self.state),
            ("status", &self.status),
            ("event", &self.event),
            ("organizer", &self.organizer),
            ("email", &self.email),
            ("name", &self.name),
            ("holder", &self.holder),
            ("seat", &self.seat),
            ("ticketNumber", &self.ticket_number),
            ("flag", &self.flag),
            ("kid", &self.kid),
            ("error", &self.error),
            ("sort", &self.sort),
        ];
        let mut fields = Vec::new();
        for (name, text) in texts {
            fields.extend(text.clone().map(|text| (name, text)));
        }
        fields.extend(self.generation.map(|generation| ("generation", generation.to_string())));
        for (name, option, text) in times {
            let Some(text) = text else { continue };
            let at = super::reconcile::time(text, SystemClock.now()).map_err(|_| {
                CliError::misuse(format!(
                    "{option} {text:?} is not a time like 2026-11-01T00:00:00Z, a date or a duration"
                ))
            })?;
            fields.push((name, at.to_string()));
        }
        Ok(fields)
    }
}

fn query<'a>(
    config: &Config,
    fields: impl Iterator<Item = (&'a str, &'a str)> + Clone,
) -> Result<ListQuery, CliError> {
    // The index has keyed hashes of addresses.
    let secret = if fields.clone().any(|(name, _)| name == "email") {
        let none = || {
            CliError::misuse(format!("{} has no secret to find addresses by", config.keys_dir().display()))
        };
        Some(Keyring::configured(config)?.ok_or_else(none)?.secret)
    } else {
        None
    };
    let unused = || fulfillment_domain::Secret::new([0; 32]);
    lists::read(fields, || secret.unwrap_or_else(unused)).map_err(|bad| {
        let BadFilter { field, why } = bad;
        CliError::misuse(format!("{} {why}", option_of(field)))
    })
}

/// The option of a field of the API: `receivedFrom` is `--received-from`.
fn option_of(field: &str) -> String {
    let mut option = "--".to_owned();
    for c in field.chars() {
        if c.is_ascii_uppercase() {
            option.push('-');
        }
        option.push(c.to_ascii_lowercase());
    }
    option
}

fn table<R: ListRow>(answer: &Answer<R>, zone: &TimeZone) -> String {
    if answer.items.is_empty() {
        return String::new();
    }
    let utc = *zone == TimeZone::UTC;
    let time = |at: Timestamp| {
        let pattern = if utc { "%Y-%m-%d %H:%M:%SZ" } else { "%Y-%m-%d %H:%M:%S" };
        at.to_zoned_datetime(zone.clone()).strftime(pattern).to_string()
    };
    let rows: Vec<_> = answer.items.iter().map(|row| row.cells(&time)).collect();
    crate::terminal::lines(columns::aligned(R::HEADER, &rows))
}

/// A cell that no spreadsheet takes for a formula (OWASP, CSV injection).
fn harmless(cell: String) -> String {
    if cell.starts_with(['=', '+', '-', '@', '\t', '\r', '\n']) { format!("'{cell}") } else { cell }
}

/// A closed pipe is no error: `| head` has what it wants.
fn written(result: Result<(), csv::Error>) -> Result<(), CliError> {
    match result {
        Err(error) => match error.kind() {
            csv::ErrorKind::Io(io) if io.kind() == io::ErrorKind::BrokenPipe => std::process::exit(0),
            _ => Err(CliError::failed(format!("the list cannot be written: {error}"))),
        },
        Ok(()) => Ok(()),
    }
}

fn spinner(context: &Context, csv: bool) -> ProgressBar {
    if context.global.json || !io::stderr().is_terminal() || csv && io::stdout().is_terminal() {
        return ProgressBar::hidden();
    }
    let style =
        ProgressStyle::with_template("{spinner} {msg}").unwrap_or_else(|_| ProgressStyle::default_spinner());
    let bar = ProgressBar::new_spinner().with_style(style);
    bar.enable_steady_tick(Duration::from_millis(200));
    bar
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn formulas_are_harmless() {
        for (cell, expected) in
            [("=1+1", "'=1+1"), ("+49", "'+49"), ("-x", "'-x"), ("@a", "'@a"), ("Ada", "Ada"), ("", "")]
        {
            assert_eq!(harmless(cell.to_owned()), expected);
        }
    }

    #[test]
    fn options_are_named_as_they_are_typed() {
        assert_eq!(option_of("receivedFrom"), "--received-from");
        assert_eq!(option_of("name"), "--name");
    }
}
