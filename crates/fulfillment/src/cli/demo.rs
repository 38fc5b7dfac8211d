//! `fulfillment demo`

use std::fmt::Write as _;
use std::io::IsTerminal as _;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use anyhow::Context as _;
use clap::Args;
use fulfillment_domain::{Clock as _, TicketId};
use fulfillment_store::{Store, Summary};
use indicatif::{ProgressBar, ProgressStyle};
use serde::Serialize;
use tokio::net::TcpListener;

use super::{Context, print_line};
use crate::clock::SystemClock;
use crate::config::Config;
use crate::demo::{SampleOrders, sample, serve_ordering};
use crate::lifecycle::{Running, Signals};
use crate::stop::Stop;
use crate::wiring::Role;

/// Payments in one request.
const REQUEST: usize = 50;

/// How long the demo waits for its orders before it says that something is wrong.
const PATIENCE: Duration = Duration::from_secs(120);

/// See it work: the service, a sample Ordering, and a few hundred paid orders, on this machine alone
///
/// Nothing needs to be installed. Everything goes into one folder, which can be deleted. Orders are new in
/// every run; with --seed they are the same, and the second run finds only duplicates.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  fulfillment demo                    issues tickets, then serves them until Ctrl-C
  fulfillment demo --count 5000
  fulfillment demo --exit --json      ends when nothing is left to do but orders awaiting a retry")]
pub(crate) struct Demo {
    /// How many orders are paid
    #[arg(long, default_value_t = 240, value_parser = clap::value_parser!(u32).range(2..=100_000))]
    count: u32,
    /// Draw the same orders as every run with this number
    #[arg(long)]
    seed: Option<u64>,
    /// End when nothing is left to do but orders awaiting a retry
    #[arg(long)]
    exit: bool,
    /// The folder for everything
    #[arg(long, value_name = "DIR", default_value = "./data-demo")]
    data: PathBuf,
}

/// What came of the run.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Outcome {
    orders: u64,
    issued: u64,
    duplicate: u64,
    retrying: u64,
    dead_lettered: u64,
    seconds: f64,
    url: String,
    ticket_url: Option<String>,
    ticket_path: Option<PathBuf>,
}

impl Demo {
    pub(crate) async fn run(self, context: &Context) -> Result<(), Stop> {
        let count = self.count as usize;
        let orders = sample(count, self.seed.unwrap_or_else(rand::random), SystemClock.now());
        let ordering = serve_ordering(orders.answers.clone()).await?;
        let config = self.config(ordering)?;
        crate::telemetry::log(&config.log)?;
        let service =
            Running::start(&config, &[], &Role::ALL, Some(free_port(config.http.listen).await?)).await?;
        let outcome = drive(context, &service, &config, &orders).await;
        let ended = match outcome {
            Ok(outcome) => {
                context.answer(&outcome, describe)?;
                if !self.exit {
                    if !context.global.json {
                        print_line("\nServing until Ctrl-C.");
                    }
                    Signals::listen()?.first_of_two().await;
                }
                Ok(())
            }
            Err(error) => Err(error),
        };
        service.shut_down().await;
        ended
    }

    /// The defaults, whatever file or variables say, in a folder of the demo's own.
    fn config(&self, ordering: SocketAddr) -> Result<Config, Stop> {
        let of = |key: &str, value: String| (format!("FULFILLMENT_{key}"), value);
        let environment = [
            of("DATA_DIR", self.data.display().to_string()),
            of("ORDERING_URL", format!("http://{ordering}")),
            of("LOG_LEVEL", "error".into()),
        ];
        Ok(Config::defaults(environment)?)
    }
}

/// The port of the settings, or the next free one.
async fn free_port(wanted: SocketAddr) -> Result<TcpListener, Stop> {
    for port in wanted.port()..wanted.port().saturating_add(100) {
        if let Ok(listener) = TcpListener::bind((wanted.ip(), port)).await {
            return Ok(listener);
        }
    }
    Err(Stop::misuse(format!("no port is free from {} on", wanted.port())))
}

/// Pays the orders through the HTTP end, as a real Payment would, and waits for what comes of them.
async fn drive(
    context: &Context,
    service: &Running,
    config: &Config,
    orders: &SampleOrders,
) -> Result<Outcome, Stop> {
    let started = Instant::now();
    let before = service.store.summary().await?;
    let bar = progress(context, orders.tickets);
    let client = reqwest::Client::builder().no_proxy().build().map_err(anyhow::Error::from)?;
    for batch in orders.messages.chunks(REQUEST) {
        let answer = client
            .post(format!("http://{}/events/payment-succeeded", service.address))
            .header("content-type", "application/json")
            .body(format!("[{}]", batch.join(",")))
            .send()
            .await
            .and_then(reqwest::Response::error_for_status);
        answer.context("the payments were not taken")?;
        bar.set_position(issued(&service.store.summary().await?).saturating_sub(issued(&before)));
    }
    let after = loop {
        let now = service.store.summary().await?;
        bar.set_position(issued(&now).saturating_sub(issued(&before)));
        if at_work(&now) == 0 {
            break now;
        }
        if started.elapsed()
            > PATIENCE + Duration::from_millis(50) * u32::try_from(orders.messages.len()).unwrap_or(u32::MAX)
        {
            return Err(Stop::no(format!("{} orders are still at work", at_work(&now))));
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    };
    bar.finish_and_clear();
    let ticket = first_ticket(service.store.as_ref(), orders).await?;
    Ok(Outcome {
        orders: orders.known.len() as u64 + 1,
        issued: issued(&after).saturating_sub(issued(&before)),
        duplicate: after.duplicates.saturating_sub(before.duplicates),
        // Nothing is at work any more, so what is open waits; what an earlier run left is not this one's.
        retrying: open(&after).saturating_sub(open(&before)),
        dead_lettered: after.dead_lettered.saturating_sub(before.dead_lettered),
        seconds: started.elapsed().as_secs_f64(),
        url: service.public_url.clone(),
        ticket_url: ticket.map(|id| {
            let signature = service.secret.link_signature(id, 0);
            format!("{}/tickets/{id}.pdf?s={signature}", service.public_url)
        }),
        ticket_path: ticket.map(|id| config.data.dir.join("tickets").join(format!("{id}.pdf"))),
    })
}

/// Tickets that have their file.
fn issued(summary: &Summary) -> u64 {
    ["Generated", "Delivered"].iter().filter_map(|status| summary.tickets.get(*status)).sum()
}

/// Orders that are not done: at work, or waiting for another try.
fn open(summary: &Summary) -> u64 {
    ["received", "enriched"].iter().filter_map(|state| summary.orders.get(*state)).sum()
}

/// Orders that are neither done nor waiting for another try.
fn at_work(summary: &Summary) -> u64 {
    open(summary).saturating_sub(summary.retrying)
}

async fn first_ticket(store: &dyn Store, orders: &SampleOrders) -> Result<Option<TicketId>, Stop> {
    let Some(order) = orders.known.first() else { return Ok(None) };
    Ok(store.order(*order).await?.and_then(|o| o.tickets.first().map(|t| t.id)))
}

fn progress(context: &Context, tickets: u64) -> ProgressBar {
    if context.global.json || !std::io::stderr().is_terminal() {
        return ProgressBar::hidden();
    }
    let style = ProgressStyle::with_template("{bar:40} {pos}/{len} tickets, {per_sec}");
    ProgressBar::new(tickets).with_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()))
}

fn describe(outcome: &Outcome) -> String {
    let mut text = format!(
        "{} paid orders in {:.1} s\n\n  {:>6} tickets issued\n  {:>6} duplicate payments, which issued nothing\n  \
         {:>6} orders retrying, because Ordering does not know them yet\n  {:>6} messages dead-lettered, because they cannot be read\n\n\
         Service     {url}   (the API: {url}/docs)",
        outcome.orders,
        outcome.seconds,
        outcome.issued,
        outcome.duplicate,
        outcome.retrying,
        outcome.dead_lettered,
        url = outcome.url,
    );
    if let (Some(url), Some(path)) = (&outcome.ticket_url, &outcome.ticket_path) {
        let _ = write!(text, "\nA ticket    {url}\nIts file    {}", path.display());
    }
    text
}
