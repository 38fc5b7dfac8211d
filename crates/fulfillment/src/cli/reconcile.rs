//! `fulfillment reconcile`

use std::collections::BTreeMap;
use std::io::{BufRead as _, BufReader, IsTerminal as _, Read};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use clap::Args;
use fulfillment_domain::{Clock as _, OrderId, Paid};
use fulfillment_store::Store;
use futures::StreamExt as _;
use indicatif::{ProgressBar, ProgressStyle};
use jiff::civil::Date;
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};
use serde::Serialize;

use super::Context;
use crate::adapters::ordering::OrderingClient;
use crate::clock::SystemClock;
use crate::config::Config;
use crate::installation;
use crate::pipeline::heal::Redraw;
use crate::pipeline::reconcile::{Comparison, Difference, Looked, Repairs, Unknown};
use crate::ports::{Files, OrderingError};
use crate::stop::Stop;
use crate::wiring;

/// Orders read from the record at once.
const PAGE: usize = 500;
/// Orders looked at side by side.
const CONCURRENCY: usize = 16;

/// Compare what was paid with what there is, and repair what is missing: payments, tickets, files, events
///
/// What was paid says a file, one order id or one payment in JSON a line; without a file Ordering is asked, by
/// GET {ordering.url}/orders?paidSince=TIME. Besides, every order that was paid since then by the record itself
/// is looked at. What came within ordering.grace may be on its way and is no difference.
///
/// A repair goes the way that everything goes: a missing payment enters by the inbox under this command's name, an
/// order is set going, a page is drawn again from its record, an event is sent again. A running service does the
/// rest; run it again later to see that nothing is left.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  fulfillment reconcile --since 2026-11-01 --orders paid.txt      report
  fulfillment reconcile --since 7days --repair                    what Ordering says was paid; repair
  psql -At -c 'SELECT id FROM paid_orders' | fulfillment reconcile --orders - --json | jq .differences
  fulfillment reconcile --since 1day --orders /dev/null           the record alone: tickets, files, events
Exit code: 0 no difference is left, 1 differences are left, 3 the store, the files or Ordering cannot be reached.")]
pub(crate) struct Reconcile {
    /// Orders paid since then: a time, a date (UTC), or how long ago, like 7days
    #[arg(long, value_name = "TIME", required_unless_present = "orders")]
    since: Option<String>,
    /// What was paid, one order id or payment a line; - reads standard input
    #[arg(long, value_name = "FILE")]
    orders: Option<PathBuf>,
    /// Repair what can be repaired
    #[arg(long)]
    repair: bool,
}

/// What came of it.
#[derive(Debug, Default, Serialize)]
#[serde(rename_all = "camelCase")]
struct Report {
    orders: u64,
    under_way: u64,
    differences: Vec<Difference>,
    left: usize,
}

impl Reconcile {
    pub(crate) async fn run(self, context: &Context) -> Result<(), Stop> {
        let config = context.config()?;
        let since = self.since.as_deref().map(|text| time(text, SystemClock.now())).transpose()?;
        let store = context.store(&config).await?;
        let files = wiring::files(&config, &context.environment)?;
        installation::check_storage(store.as_ref(), files.as_ref()).await?;
        let listed = by_order(match (&self.orders, since) {
            (Some(file), _) => read(file)?,
            (None, Some(since)) => ask(&config, since).await?,
            (None, None) => Vec::new(),
        });
        let repairs = if self.repair { Some(self.repairs(&config, &store, &files).await?) } else { None };
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
        report.left = report.differences.iter().filter(|d| d.repair.is_none()).count();
        context.answer(&report, describe)?;
        if report.left > 0 { Err(Stop::no("")) } else { Ok(()) }
    }

    async fn repairs(
        &self,
        config: &Config,
        store: &Arc<dyn Store>,
        files: &Arc<dyn Files>,
    ) -> Result<Repairs, Stop> {
        let templates = Arc::new(wiring::templates(config, store).await?);
        let from = self.orders.as_deref().map_or("Ordering".into(), Path::to_string_lossy);
        Ok(Repairs {
            redraw: Redraw { store: Arc::clone(store), files: Arc::clone(files), templates },
            door: wiring::door_of_command(config, Arc::clone(store)),
            source: format!("reconcile {from}"),
        })
    }
}

/// A walk through orders.
struct Round {
    comparison: Comparison,
    repairs: Option<Repairs>,
    report: Report,
    bar: ProgressBar,
}

impl Round {
    async fn look(&mut self, orders: impl Iterator<Item = (OrderId, &[Paid])>) -> Result<(), Stop> {
        let looks = orders.map(|(order, listed)| self.comparison.look(order, listed));
        // All of them before the first repair: a look that stands still half-way has a connection to the store, and a
        // repair would wait for one.
        let looks: Vec<_> = futures::stream::iter(looks).buffered(CONCURRENCY).collect().await;
        for looked in looks {
            let Looked { differences, under_way } = looked.map_err(|unknown| match unknown {
                Unknown::Store(error) => Stop::from(error),
                Unknown::Files(error) => Stop::from(error),
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
fn time(text: &str, now: Timestamp) -> Result<Timestamp, Stop> {
    let midnight = |date: Date| TimeZone::UTC.to_timestamp(date.at(0, 0, 0, 0)).ok();
    let date = || text.parse().ok().and_then(midnight);
    let ago = || now.checked_sub(SignedDuration::try_from(humantime::parse_duration(text).ok()?).ok()?).ok();
    let time = text.parse().ok().or_else(date).or_else(ago);
    time.ok_or_else(|| {
        Stop::misuse(format!(
            "--since {text:?} is no time like 2026-11-01T00:00:00Z, no date and no duration"
        ))
    })
}

/// The whole list: a line that cannot be read must not leave an order out unseen.
fn read(file: &Path) -> Result<Vec<Paid>, Stop> {
    let name = file.display();
    let reader: Box<dyn Read> = if file.as_os_str() == "-" {
        Box::new(std::io::stdin())
    } else {
        Box::new(std::fs::File::open(file).map_err(|e| Stop::misuse(format!("cannot read {name}: {e}")))?)
    };
    let mut paid = Vec::new();
    for (number, line) in BufReader::new(reader).split(b'\n').enumerate() {
        let line = line.map_err(|e| Stop::misuse(format!("cannot read {name}: {e}")))?;
        if !line.trim_ascii().is_empty() {
            let why = |why| Stop::misuse(format!("{name}, line {}: {why}", number + 1));
            paid.push(Paid::line(&line).map_err(why)?);
        }
    }
    Ok(paid)
}

async fn ask(config: &Config, since: Timestamp) -> Result<Vec<Paid>, Stop> {
    if config.ordering.url.is_none() {
        return Err(Stop::misuse("ordering.url is not set: say what was paid by --orders FILE"));
    }
    let answer = OrderingClient::new(&config.ordering)?.paid_since(since).await;
    let answer = answer.map_err(|error| match error {
        OrderingError::Unknown => {
            Stop::misuse("Ordering answers 404 to GET /orders?paidSince=: say what was paid by --orders FILE")
        }
        OrderingError::Failed(failure) => Stop::Unreachable(anyhow::anyhow!(failure.reason)),
    })?;
    Paid::answer(&answer).map_err(|why| Stop::Unreachable(anyhow::anyhow!("Ordering's answer: {why}")))
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
        let repair = d.repair.as_ref().map(|done| format!("  -> {done}")).unwrap_or_default();
        format!("{}{ticket}  {}{repair}", d.order_id, d.detail)
    };
    let mut lines: Vec<_> = report.differences.iter().map(line).collect();
    let (all, left) = (report.differences.len(), report.left);
    let under_way = report.under_way;
    lines.push(format!("{} orders, {under_way} under way, {all} differences, {left} left", report.orders));
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
