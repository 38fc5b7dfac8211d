//! The command `fulfillment demo`: runs the service with sample orders in a separate folder.

use std::io::IsTerminal as _;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use clap::{Args, ValueEnum as _};
use fulfillment_config::{Config, Credential, Http, NamedToken, Scope, Sensitive};
use fulfillment_domain::{Clock as _, TicketId, ticket_number};
use fulfillment_door::{GateRules, Rules};
use fulfillment_pipeline::clock::SystemClock;
use fulfillment_pipeline::keyring::random;
use fulfillment_store::{Actor, StoreError};
use indicatif::{ProgressBar, ProgressFinish, ProgressStyle};
use serde::Serialize;
use tokio::net::TcpListener;

use super::{Context, print_line};
use crate::demo::{Outcome, SampleOrders, run, sample, serve_ordering};
use crate::error::CliError;
use crate::lifecycle::Running;
use crate::signals::Signals;
use crate::wiring::Role;

/// Try the service with a sample Ordering and a few hundred paid orders, on this machine only
///
/// Nothing needs to be installed. All data is written to one folder, which can be deleted. Every run creates new
/// orders; with --seed they are the same each time, and the second run finds only duplicates.
///
/// From the configuration file and the environment it uses only http.listen, http.token and credential.form, and the
/// tables token, document, template and pipeline. Keys, store and files are in its own folder, Ordering is a sample,
/// and nothing is sent to Kafka, Identity or a webhook.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  fulfillment demo                    issues tickets, then serves them until Ctrl-C
  fulfillment demo --count 5000
  FULFILLMENT_DOCUMENT_TEMPLATE=phone FULFILLMENT_HTTP_LISTEN=127.0.0.1:8080 fulfillment demo
  fulfillment demo --exit --json      ends when nothing is left to do but orders awaiting a retry
Exit code: 1 when orders were parked.")]
pub(crate) struct Demo {
    /// Number of paid orders
    #[arg(long, default_value_t = 240, value_parser = clap::value_parser!(u32).range(2..=100_000))]
    count: u32,
    /// Create the same orders as every run with this number
    #[arg(long)]
    seed: Option<u64>,
    /// Exit when only orders awaiting a retry are left
    #[arg(long)]
    exit: bool,
    /// The folder for all data
    #[arg(long, value_name = "DIR", default_value = "./data-demo")]
    data: PathBuf,
}

/// The gate of the event that is about to begin.
const GATE: &str = "Main";

/// The result of the run, and where to look.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Answer {
    #[serde(flatten)]
    outcome: Outcome,
    url: String,
    #[serde(flatten)]
    ticket: Option<Shown>,
}

/// A sample ticket.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Shown {
    ticket_url: String,
    ticket_path: PathBuf,
    /// The shell command that verifies it.
    verify: String,
    /// The shell command that checks it in.
    check_in: String,
}

impl Demo {
    pub(crate) async fn run(self, context: &Context) -> Result<(), CliError> {
        let mut signals = Signals::listen()?;
        let settings = context.config()?;
        let count = self.count as usize;
        let orders = sample(count, self.seed.unwrap_or_else(rand::random), SystemClock.now());
        let ordering = serve_ordering(orders.answers.clone()).await?;
        let config = self.config(&settings, ordering)?;
        crate::telemetry::log(&config.log, &context.environment, None)?;
        let listener = free_port(config.http.listen).await?;
        let service = tokio::select! {
            started = Running::start(&config, &[], Role::value_variants(), Some(listener)) => {
                started.map_err(|error| self.not_alone(error))?
            }
            // No work is in flight yet.
            () = signals.next() => return Ok(()),
        };
        if ![0, service.address.port()].contains(&config.http.listen.port()) {
            eprintln!(
                "fulfillment: port {} is in use; listening on {}",
                config.http.listen.port(),
                service.address
            );
        }
        let ended = tokio::select! {
            ended = self.show(context, &service, &config, &orders) => ended,
            () = signals.first_of_two() => Ok(()),
            () = service.broken() => Err(CliError::broken()),
        };
        service.shut_down().await;
        ended
    }

    /// Runs the orders and prints the result; then keeps serving, unless `--exit` is given.
    async fn show(
        &self,
        context: &Context,
        service: &Running,
        config: &Config,
        orders: &SampleOrders,
    ) -> Result<(), CliError> {
        let bar = progress(context, orders.tickets);
        let store = service.store.as_ref();
        let progress = |tickets| bar.set_position(tickets);
        let outcome = run(service.address, token_of(&config.tokens), store, orders, progress).await?;
        bar.finish_and_clear();
        let ticket = match outcome.ticket {
            Some(id) => Some(shown(id, service, config).await?),
            None => None,
        };
        let answer = Answer { outcome, url: service.public_url.clone(), ticket };
        context.answer(&answer, describe)?;
        if self.exit {
            return if answer.outcome.parked == 0 { Ok(()) } else { Err(CliError::failed("")) };
        }
        if !context.global.json {
            print_line("\nServing until Ctrl-C.");
        }
        std::future::pending().await
    }

    /// Settings that affect what is shown; everything else is at its default, in the demo's own folder.
    fn config(&self, settings: &Config, ordering: SocketAddr) -> Result<Config, CliError> {
        let of = |key: &str, value: String| (format!("FULFILLMENT_{key}"), value);
        let environment = [
            of("DATA_DIR", self.data.display().to_string()),
            of("ORDERING_URL", format!("http://{ordering}")),
            of("LOG_LEVEL", "error".into()),
        ];
        let own = Config::defaults(environment)?;
        let shared = own.store_file().map(place) == settings.store_file().map(place)
            || place(own.keys_dir()) == place(settings.keys_dir())
            || own.files_url() == settings.files_url()
            || place(own.data.dir.clone()) == place(settings.data.dir.clone());
        if shared {
            return Err(CliError::misuse(format!(
                "{} holds the data of a configured installation: give the demo another folder with --data DIR",
                self.data.display()
            )));
        }
        let Config { http, mut tokens, document, templates, pipeline, .. } = settings.clone();
        if token_of(&tokens).is_none() && (!tokens.is_empty() || !http.listen.ip().is_loopback()) {
            tokens.push(drawn_token());
        }
        let credential = Credential { form: settings.credential.form, ..own.credential };
        // Links lead to the demo, wherever the real service is.
        let http = Http { public_url: None, ..http };
        Ok(Config { http, credential, document, pipeline, tokens, templates, ..own })
    }

    /// Only one server may use a folder.
    fn not_alone(&self, error: CliError) -> CliError {
        match error {
            CliError::Misuse(ref why) if matches!(why.downcast_ref(), Some(StoreError::InUse(_))) => {
                CliError::misuse(format!(
                    "another demo is running in {}: stop it, or give this one another folder with --data DIR",
                    self.data.display()
                ))
            }
            other => other,
        }
    }
}

/// A random token.
fn drawn_token() -> NamedToken {
    let token = Sensitive::from(hex::encode(random::<32>()));
    NamedToken::new("demo", token, [Scope::Ingest].into())
}

/// The token that the demo pays with, if the service requires one.
fn token_of(tokens: &[NamedToken]) -> Option<&str> {
    let mut may_pay = tokens.iter().filter(|token| token.scopes.contains(&Scope::Ingest));
    may_pay.find_map(|token| token.token.as_ref()).map(Sensitive::expose)
}

/// A path in its canonical form.
fn place(path: PathBuf) -> PathBuf {
    path.canonicalize().or_else(|_| std::path::absolute(&path)).unwrap_or(path)
}

/// The configured port, or the next free one.
async fn free_port(wanted: SocketAddr) -> Result<TcpListener, CliError> {
    for port in wanted.port()..wanted.port().saturating_add(100) {
        match TcpListener::bind((wanted.ip(), port)).await {
            Ok(listener) => return Ok(listener),
            Err(error) if error.kind() == std::io::ErrorKind::AddrInUse => {}
            Err(error) => {
                return Err(CliError::misuse(format!("cannot listen on {}:{port}: {error}", wanted.ip())));
            }
        }
    }
    Err(CliError::misuse(format!("no port is free at or above {}", wanted.port())))
}

fn progress(context: &Context, tickets: u64) -> ProgressBar {
    if context.global.json || !std::io::stderr().is_terminal() {
        return ProgressBar::hidden();
    }
    let style = ProgressStyle::with_template("{bar:40} {pos}/{len} tickets, {per_sec}");
    ProgressBar::new(tickets)
        .with_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()))
        .with_finish(ProgressFinish::AndClear)
}

/// A ticket to look at. Its event is about to begin, and gets a gate.
async fn shown(id: TicketId, service: &Running, config: &Config) -> Result<Shown, CliError> {
    let ticket = service.store.ticket(id).await?;
    let ticket =
        ticket.ok_or_else(|| CliError::failed(format!("the ticket {id} was issued, and is not there")))?;
    let mut rules = Rules::default();
    rules.gates.insert(GATE.to_owned(), GateRules::default());
    service.store.set_door_rules(&ticket.event.id, &rules, &Actor::command("demo")).await?;
    let path = config.data.dir.join("tickets").join(format!("{id}.pdf"));
    let program = std::env::args_os().next().map_or("fulfillment".into(), PathBuf::from);
    let run = format!(
        "FULFILLMENT_STORE_URL=sqlite://{} FULFILLMENT_CREDENTIAL_KEYS_DIR={} {}",
        quoted(&config.data.dir.join("fulfillment.db")),
        quoted(&config.keys_dir()),
        quoted(&program),
    );
    Ok(Shown {
        ticket_url: format!(
            "{}/tickets/{id}.pdf?s={}",
            service.public_url,
            service.keys.current().links.sign(id, 0, SystemClock.now())
        ),
        verify: format!("{run} verify {}", quoted(&path)),
        check_in: format!("{run} check-in {} --gate {GATE}", ticket_number::grouped(&ticket.number)),
        ticket_path: path,
    })
}

/// A path quoted for a shell.
fn quoted(path: &Path) -> String {
    let text = path.display().to_string();
    let plain = |c: char| c.is_ascii_alphanumeric() || "/._-+@%:,".contains(c);
    if text.chars().all(plain) { text } else { format!("'{}'", text.replace('\'', r"'\''")) }
}

fn describe(answer: &Answer) -> String {
    let Answer { outcome, url, ticket } = answer;
    let mut lines = vec![format!("{} paid orders in {:.1} s\n", outcome.orders, outcome.seconds)];
    let mut count = |n: u64, what: &str| lines.push(format!("  {n:>6} {what}"));
    count(outcome.issued, "tickets issued");
    count(outcome.duplicate, "duplicate payments, which issued nothing");
    count(outcome.retrying, "orders retrying, because Ordering does not know them yet");
    count(outcome.dead_lettered, "messages dead-lettered, because they cannot be read");
    if outcome.parked > 0 {
        count(outcome.parked, "orders parked:");
        lines.extend(outcome.parked_why.iter().map(|why| format!("         {why}")));
    }
    if outcome.missing_glyphs > 0 {
        lines.push(format!(
            "  {:>6} tickets have characters that no installed font has; to install fonts for the next run:\n         \
             apt-get install fonts-noto-core fonts-noto-cjk fonts-noto-color-emoji",
            outcome.missing_glyphs
        ));
    }
    lines.push(format!("\nService     {url}   (the API: {url}/docs)"));
    if let Some(ticket) = ticket {
        lines.push(format!("A ticket    {}", ticket.ticket_url));
        lines.push(format!("Its file    {}", ticket.ticket_path.display()));
        lines.push(format!("Check it    {}", ticket.verify));
        lines.push(format!("Let it in   {}", ticket.check_in));
    }
    lines.join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_wrong_is_shown_with_what_helps() {
        let answer = |outcome| Answer { outcome, url: "http://a".into(), ticket: None };
        let good = describe(&answer(Outcome { issued: 3, ..Outcome::default() }));
        assert!(good.contains("     3 tickets issued"), "{good}");
        assert!(!good.contains("orders parked") && !good.contains("apt-get"), "{good}");
        let bad = describe(&answer(Outcome {
            parked: 1,
            parked_why: vec!["7d44: why not".into()],
            missing_glyphs: 2,
            ..Outcome::default()
        }));
        assert!(bad.contains("     1 orders parked:\n         7d44: why not"), "{bad}");
        assert!(bad.contains("     2 tickets") && bad.contains("fonts-noto-core fonts-noto-cjk"), "{bad}");
    }

    #[test]
    fn a_path_is_one_word() {
        for (path, word) in [
            ("./data-demo/keys", "./data-demo/keys"),
            ("a b", "'a b'"),
            ("it's", r"'it'\''s'"),
            ("$x", "'$x'"),
        ] {
            assert_eq!(quoted(Path::new(path)), word);
        }
    }
}
