//! The command `fulfillment reconcile`: compares what was paid with what was issued, and repairs differences.

use std::collections::BTreeMap;
use std::io::{IsTerminal as _, Read as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use clap::Args;
use fulfillment_adapters::ordering::OrderingClient;
use fulfillment_config::Config;
use fulfillment_domain::{Clock as _, OrderId, Paid, Unreadable};
use fulfillment_pipeline::clock::SystemClock;
use fulfillment_pipeline::operations::installation;
use fulfillment_pipeline::operations::reconcile::{Comparison, Difference, Looked, Repairs, Unknown};
use fulfillment_pipeline::ports::{Files, OrderingError};
use fulfillment_pipeline::runtime::SystemRuntime;
use fulfillment_pipeline::upkeep::heal::Redraw;
use fulfillment_store::{Actor, Store};
use futures::StreamExt as _;
use indicatif::{ProgressBar, ProgressStyle};
use jiff::civil::Date;
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};
use serde::Serialize;

use super::input::{decoded, open, unread};
use super::messages::{Layout, Message, Messages};
use super::{Context, table};
use crate::error::CliError;
use crate::wiring;

/// Orders read from the store in one query.
const PAGE: usize = 500;
/// Orders compared concurrently.
const CONCURRENCY: usize = 16;
/// Why a file that is not a list is refused, by its beginning.
const NO_LIST: &str = "the file begins neither with an order id, nor with a payment in JSON, nor with the headings of a \
    table, one of which must be orderId (or order_id, Order ID), in upper or lower case";

/// Compare what was paid with what was issued, and repair what is missing: payments, tickets, files, events
///
/// A file lists what was paid: order ids or payments in JSON, one per line or as an array, or a table with a heading
/// orderId (or Order ID) and columns separated by commas, semicolons or tabs. Without a file Ordering is asked, by
/// GET {ordering.url}/orders?paidSince=TIME. Every order that the store has recorded as paid since then is checked
/// too. What arrived within ordering.grace may still be in progress and is not a difference.
///
/// Repairs use the normal ways: a missing payment is ingested with this command as its source, an order is queued for
/// retry, a page is drawn again from its record, an event is sent again. Only the page is repaired at once. The others
/// are counted as queued, and a running service completes them; run the command again later to see that nothing is
/// left.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  fulfillment reconcile --since 2026-11-01 --orders paid.txt      report
  fulfillment reconcile --since 7days --repair                    what Ordering says was paid; repair
  psql -At -c 'SELECT id FROM paid_orders' | fulfillment reconcile --orders - --json | jq .differences
  fulfillment reconcile --since 1day --orders /dev/null           the record alone: tickets, files, events
Exit code: 0 every difference is repaired or queued, 1 differences are left, 3 the store, the files or Ordering cannot be reached.")]
pub(crate) struct Reconcile {
    /// Orders paid since then: a time, a date (UTC), or how long ago, like 7days
    #[arg(long, value_name = "TIME", required_unless_present = "orders")]
    since: Option<String>,
    /// A file of what was paid, one order id or payment per line; - reads standard input
    #[arg(long, value_name = "FILE")]
    orders: Option<PathBuf>,
    /// Repair what can be repaired
    #[arg(long)]
    repair: bool,
}

/// The result.
#[derive(Debug, Default, Serialize)]
#[serde(rename_all = "camelCase")]
struct Report {
    orders: u64,
    under_way: u64,
    differences: Vec<Difference>,
    left: usize,
    /// Repaired completely.
    repaired: usize,
    /// Queued, for a running service to finish.
    set_going: usize,
}

impl Reconcile {
    pub(crate) async fn run(self, context: &Context) -> Result<(), CliError> {
        let config = context.config()?;
        let since = self.since.as_deref().map(|text| time(text, SystemClock.now())).transpose()?;
        let store = context.store(&config).await?;
        let files = wiring::files(&config, &context.environment)?;
        installation::check_storage(store.as_ref(), files.as_ref()).await?;
        let listed = by_order(match (&self.orders, since) {
            (Some(file), _) => read(file, config.pipeline.max_message.0)?,
            (None, Some(since)) => ask(&config, since).await?,
            (None, None) => Vec::new(),
        });
        let repairs = if self.repair {
            Some(self.repairs(context.actor(), &config, &store, &files).await?)
        } else {
            None
        };
        let comparison = Comparison {
            store: Arc::clone(&store),
            files,
            clock: Arc::new(SystemClock),
            grace: config.ordering.grace,
        };
        let mut round = Round { comparison, repairs, report: Report::default(), bar: bar(context) };
        let listed_orders: Vec<_> = listed.iter().collect();
        for part in listed_orders.chunks(PAGE) {
            round.look(part.iter().map(|(order, paid)| (**order, paid.as_slice()))).await?;
        }
        if let Some(since) = since {
            let mut after = None;
            loop {
                let orders = store.orders_since(since, after, PAGE).await?;
                let Some(last) = orders.last() else { break };
                after = Some(*last);
                let others = orders.iter().filter(|order| !listed.contains_key(order));
                round.look(others.map(|order| (*order, &[][..]))).await?;
            }
        }
        round.bar.finish_and_clear();
        let mut report = round.report;
        report.count();
        context.answer(&report, describe)?;
        if report.left > 0 { Err(CliError::failed("")) } else { Ok(()) }
    }

    async fn repairs(
        &self,
        by: Actor,
        config: &Config,
        store: &Arc<dyn Store>,
        files: &Arc<dyn Files>,
    ) -> Result<Repairs, CliError> {
        let templates = Arc::new(wiring::templates(config, store).await?);
        let from = self.orders.as_deref().map_or("Ordering".into(), Path::to_string_lossy);
        Ok(Repairs {
            redraw: Redraw {
                store: Arc::clone(store) as _,
                files: Arc::clone(files),
                templates,
                runtime: Arc::new(SystemRuntime),
            },
            inbox: wiring::inbox_of_command(config, Arc::clone(store)),
            source: format!("reconcile {from}"),
            by,
        })
    }
}

impl Report {
    fn count(&mut self) {
        let count = |of: fn(&Difference) -> bool| self.differences.iter().filter(|d| of(d)).count();
        let left = count(|d| d.repair.is_none());
        let repaired = count(|d| d.done);
        let set_going = count(|d| d.repair.is_some() && !d.done);
        (self.left, self.repaired, self.set_going) = (left, repaired, set_going);
    }
}

/// One pass through orders.
struct Round {
    comparison: Comparison,
    repairs: Option<Repairs>,
    report: Report,
    bar: ProgressBar,
}

impl Round {
    async fn look(&mut self, orders: impl Iterator<Item = (OrderId, &[Paid])>) -> Result<(), CliError> {
        let looks = orders.map(|(order, listed)| self.comparison.look(order, listed));
        // All comparisons finish before the first repair: one that is suspended half-way holds a connection to the
        // store, and a repair would wait for one.
        let looks: Vec<_> = futures::stream::iter(looks).buffered(CONCURRENCY).collect().await;
        for looked in looks {
            let Looked { differences, under_way } = looked.map_err(|unknown| match unknown {
                Unknown::Store(error) => CliError::from(error),
                Unknown::Files(error) => CliError::from(error),
            })?;
            self.report.orders += 1;
            self.report.under_way += u64::from(under_way);
            self.bar.inc(1);
            for mut difference in differences {
                if let Some(repairs) = &self.repairs {
                    repairs.repair(&mut difference).await?;
                }
                self.report.differences.push(difference);
            }
            self.bar.set_message(self.report.differences.len().to_string());
        }
        Ok(())
    }
}

fn bar(context: &Context) -> ProgressBar {
    if context.global.json || !std::io::stderr().is_terminal() {
        return ProgressBar::hidden();
    }
    let style = ProgressStyle::with_template("{spinner} {pos} orders, {per_sec}, {msg} differences");
    let style = style.unwrap_or_else(|_| ProgressStyle::default_spinner());
    ProgressBar::new_spinner().with_style(style).with_message("0")
}

/// A time, a date at midnight UTC, or how long before `now`.
pub(super) fn time(text: &str, now: Timestamp) -> Result<Timestamp, CliError> {
    let midnight = |date: Date| TimeZone::UTC.to_timestamp(date.at(0, 0, 0, 0)).ok();
    let date = || text.parse().ok().and_then(midnight);
    let ago = || now.checked_sub(SignedDuration::try_from(humantime::parse_duration(text).ok()?).ok()?).ok();
    let time = text.parse().ok().or_else(date).or_else(ago);
    time.ok_or_else(|| {
        CliError::misuse(format!(
            "--since {text:?} is not a time like 2026-11-01T00:00:00Z, a date or a duration"
        ))
    })
}

/// The whole list is read first: an entry that cannot be read must not leave an order unchecked.
fn read(file: &Path, limit: usize) -> Result<Vec<Paid>, CliError> {
    let name = file.display();
    let mut text = Vec::new();
    let read = decoded(open(file)?).and_then(|mut reader| reader.read_to_end(&mut text));
    read.map_err(|e| unread(file, &e))?;
    let refused =
        |place: &str, n: u64, why: Unreadable| CliError::misuse(format!("{name}, {place} {n}: {why}"));
    if is_table(&text) {
        let rows = table::rows(&text[..]).map_err(|e| unread(file, &e))?;
        let paid =
            |(n, row): &(u64, String)| Paid::line(row.as_bytes()).map_err(|why| refused("row", *n, why));
        return rows.iter().map(paid).collect();
    }
    let mut messages = Messages::new(&text[..], limit).map_err(|e| unread(file, &e))?;
    let mut paid = Vec::new();
    while let Some(Message { raw, whole, line }) = messages.next().map_err(|e| unread(file, &e))? {
        let read = if whole { Paid::line(&raw) } else { Err(Unreadable::too_large(limit)) };
        let is_heading = messages.layout() == Layout::Lines && paid.is_empty();
        if read.is_err() && whole && is_heading && !raw.trim_ascii_start().starts_with(b"{") {
            return Err(CliError::misuse(format!("{name}, line {line}: {NO_LIST}")));
        }
        paid.push(read.map_err(|why| refused("line", line, why))?);
    }
    Ok(paid)
}

/// Whether the first line, or the one after Excel's `sep=;`, has headings, one of them the order's id.
fn is_table(text: &[u8]) -> bool {
    let mut lines = text.trim_ascii_start().split_inclusive(|byte| *byte == b'\n');
    let first = lines.next().unwrap_or_default();
    let first =
        if table::named_separator(first).is_some() { lines.next().unwrap_or_default() } else { first };
    let headings = String::from_utf8_lossy(first);
    headings.split([',', ';', '\t']).any(|heading| {
        let heading = table::heading(heading.trim().trim_matches('"')).replace('_', "");
        heading.eq_ignore_ascii_case("orderId")
    })
}

async fn ask(config: &Config, since: Timestamp) -> Result<Vec<Paid>, CliError> {
    if config.ordering.url.is_none() {
        return Err(CliError::misuse("ordering.url is not set: list what was paid with --orders FILE"));
    }
    let listed = OrderingClient::new(&config.ordering)?.paid_since(since).await;
    listed.map_err(|error| match error {
        OrderingError::Unknown => CliError::misuse(
            "Ordering answers 404 to GET /orders?paidSince=: list what was paid with --orders FILE",
        ),
        OrderingError::Failed(failure) => CliError::Unreachable(anyhow::anyhow!(failure.reason)),
    })
}

fn by_order(paid: Vec<Paid>) -> BTreeMap<OrderId, Vec<Paid>> {
    let mut orders: BTreeMap<_, Vec<_>> = BTreeMap::new();
    for paid in paid {
        let listed = orders.entry(paid.payment.order_id).or_default();
        if !listed.iter().any(|known: &Paid| known.payment.key() == paid.payment.key()) {
            listed.push(paid);
        }
    }
    orders
}

fn describe(report: &Report) -> String {
    let line = |d: &Difference| {
        let ticket = d.ticket_id.map(|id| format!("  ticket {id}")).unwrap_or_default();
        let repair = d.repair.map(|done| format!("  -> {}", done.for_people())).unwrap_or_default();
        format!("{}{ticket}  {}{repair}", d.order_id, d.detail)
    };
    let mut lines: Vec<_> = report.differences.iter().map(line).collect();
    let Report { orders, under_way, left, repaired, set_going, .. } = report;
    let all = report.differences.len();
    let done = if repaired + set_going > 0 {
        format!(", {repaired} repaired, {set_going} queued")
    } else {
        String::new()
    };
    lines.push(format!("{orders} orders, {under_way} under way, {all} differences{done}, {left} left"));
    lines.join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_given_in_three_ways() {
        let now: Timestamp = "2026-11-22T18:30:00Z".parse().unwrap();
        for (text, expected) in [
            ("2026-11-01T02:00:00+02:00", "2026-11-01T00:00:00Z"),
            ("2026-11-01", "2026-11-01T00:00:00Z"),
            ("2days", "2026-11-20T18:30:00Z"),
        ] {
            assert_eq!(time(text, now).unwrap(), expected.parse().unwrap(), "{text}");
        }
        for bad in ["", "soon", "2026-13-01", "99999999years"] {
            assert!(time(bad, now).is_err(), "{bad}");
        }
    }

    fn listed(bytes: &[u8]) -> Result<Vec<String>, String> {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), bytes).unwrap();
        let paid = read(file.path(), 1 << 20).map_err(|stop| format!("{stop:?}"))?;
        Ok(paid.iter().map(|paid| format!("{}|{}", paid.payment.order_id, paid.payment.key())).collect())
    }

    #[test]
    fn a_list_is_read_as_it_was_exported() {
        let [a, b] = ["7d444840-9dc0-11d1-b245-5ffdce74fad2", "8d444840-9dc0-41d1-b245-5ffdce74fad2"];
        let ids = [format!("{a}|order:{a}"), format!("{b}|order:{b}")];
        let payments = [format!("{a}|p"), format!("{b}|order:{b}")];
        let payment = format!(r#"{{"orderId":"{a}","paymentId":"p"}}"#);
        for (text, expected) in [
            (format!("{a}\r\n\r\n{b}\r\n"), &ids),
            (format!("[\"{a}\",\n\"{b}\"]"), &ids),
            (format!("order_id\n{a}\n{b}\n"), &ids),
            (format!("{payment}\n{b}"), &payments),
            (format!("[{payment},\"{b}\"]"), &payments),
            (
                format!("{{\n\"orderId\":\"{a}\",\n\"paymentId\":\"p\"}}\n{{\n\"orderId\":\"{b}\"}}"),
                &payments,
            ),
            (format!("Order_Id;PaymentId;Amount\n{a};p;12.50\n{b};;\n"), &payments),
            (format!("\"orderId\"\tpaymentId\n{a}\tp\n{b}\t\n"), &payments),
            (format!("amount,orderId,paymentId\n1,{a},p\n,{b},\n"), &payments),
            (format!("Order ID\n{a}\n{b}\n"), &ids),
            (format!("order id;Payment ID\n{a};p\n{b};\n"), &payments),
            (format!("sep=;\r\nAmount;\"ORDER-ID\";payment_id\r\n1;{a};p\r\n;{b};\r\n"), &payments),
            (format!("sep=,\norderId\n{a}\n{b}\n"), &ids),
        ] {
            for bytes in [
                text.clone().into_bytes(),
                format!("\u{feff}{text}").into_bytes(),
                super::super::input::tests::utf16(&text, false),
                super::super::input::tests::utf16(&text, true),
            ] {
                assert_eq!(listed(&bytes).as_deref(), Ok(&expected[..]), "{text}");
            }
        }
        for (text, said) in [
            (format!("{a}\n{a};{b}\n"), "line 2"),
            (format!("[\"{a}\","), "the file's end"),
            (format!("orderId;amount\n{a};12,50\n"), "row 1: amount"),
            (format!("orderId;amount\n{a};1;2\n"), "line: 2"),
            (format!("{a}\n\n[]"), "line 3"),
            (format!("id;amount\n{a};1\n"), "one of which must be orderId (or order_id, Order ID)"),
            (format!("\"id\",\"amount\"\n{a},1\n"), "one of which must be orderId"),
            (format!("sep=;\nid;amount\n{a};1\n"), "one of which must be orderId"),
            (format!("{{\"id\":\"{a}\"}}\n"), "line 1: orderId"),
        ] {
            let why = listed(text.as_bytes()).unwrap_err();
            assert!(why.contains(said), "{text}: {why}");
        }
    }

    #[test]
    fn a_payment_that_is_listed_twice_is_one() {
        let id = "7d444840-9dc0-11d1-b245-5ffdce74fad2";
        let lines = [
            id.to_owned(),
            id.to_owned(),
            format!(r#"{{"orderId":"{id}","paymentId":"a"}}"#),
            format!(r#"{{"orderId":"{id}","paymentId":"b"}}"#),
        ];
        let listed = by_order(lines.iter().map(|line| Paid::line(line.as_bytes()).unwrap()).collect());
        let keys: Vec<_> = listed.values().flatten().map(|paid| paid.payment.key()).collect();
        assert_eq!(keys, [format!("order:{id}"), "a".into(), "b".into()]);
    }
}
