//! The commands, one file each.

mod audit;
mod backup;
mod check_in;
mod code_files;
mod columns;
mod config;
mod confirm;
mod demo;
mod destination;
mod dlq;
mod door;
mod erase;
mod event;
mod event_cancel;
mod health;
mod import;
mod ingest;
mod input;
mod keys;
mod link_keys;
mod links;
mod listing;
mod messages;
mod migrate;
mod order;
mod reconcile;
mod refund;
mod reissue;
mod reissue_key;
mod retry;
mod revoke;
mod running;
mod serve;
mod standing;
mod status;
mod store;
mod stored_feed;
mod table;
mod template;
mod ticket;
mod token;
mod verify;
mod withdraw;

use std::path::PathBuf;
use std::sync::Arc;

use clap::{Args, Parser, Subcommand};
use fulfillment_config::{BadConfig, Config};
use fulfillment_domain::Clock as _;
use fulfillment_pipeline::clock::SystemClock;
use fulfillment_store::{Action, Actor, AuditEntry, Store};
use serde::Serialize;

use crate::error::CliError;
use crate::terminal::{printable, printable_json};
use crate::wiring::check_store_url;

/// Turns a paid order into tickets.
///
/// When a payment succeeds, Fulfillment asks the Ordering service what was bought, records a ticket for every
/// seat, draws a PDF with a signed QR code, stores the file, serves it, and publishes a `ticket-issued` event.
#[derive(Debug, Parser)]
#[command(
    name = "fulfillment",
    version = env!("FULFILLMENT_VERSION"),
    after_help = "Try it: fulfillment demo
Run it: fulfillment config init && fulfillment serve

Every setting is a key in the configuration file and an environment variable; `fulfillment config init -`
prints them all. Exit codes: 0 done, 1 the check found a problem or nothing was found, 2 wrong use or
configuration, 3 something it needs cannot be reached."
)]
pub(crate) struct Cli {
    #[command(flatten)]
    pub(crate) global: Global,
    #[command(subcommand)]
    command: Command,
}

/// Options of every command.
#[derive(Debug, Args)]
pub(crate) struct Global {
    /// The configuration file [default: fulfillment.toml where there is one]
    #[arg(long, global = true, value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,
    /// Answer in JSON on standard output
    #[arg(long, global = true)]
    pub(crate) json: bool,
}

#[derive(Debug, Subcommand)]
enum Command {
    Demo(demo::Demo),
    Serve(serve::Serve),
    Migrate(migrate::Migrate),
    Ingest(ingest::Ingest),
    Import(import::Import),
    Retry(retry::Retry),
    Dlq(dlq::Dlq),
    Destination(destination::Destination),
    Audit(audit::Audit),
    Reconcile(reconcile::Reconcile),
    Erase(erase::Erase),
    Ticket(ticket::Ticket),
    Order(order::Order),
    Refund(refund::Refund),
    Verify(verify::Verify),
    CheckIn(check_in::CheckIn),
    Door(door::Door),
    Event(event::Event),
    #[command(hide = true)]
    ReadCodes(code_files::ReadCodes),
    Template(template::Template),
    Keys(keys::Keys),
    Token(token::TokenCommand),
    Store(store::StoreCommand),
    Backup(backup::Backup),
    Restore(backup::Restore),
    Config(config::ConfigCommand),
    Status(status::Status),
    Health(health::Health),
}

/// The longest name of an account that is recorded.
const LONGEST_ACCOUNT: usize = 64;

/// The process's environment, passed to the code that reads it.
pub(crate) type Environment = Vec<(String, String)>;

/// Everything that a command needs.
pub(crate) struct Context {
    pub(crate) global: Global,
    pub(crate) environment: Environment,
    /// Whether a configuration file that lies in the current folder is read.
    pub(crate) reads_here: bool,
}

impl Context {
    /// The configuration, checked.
    pub(crate) fn config(&self) -> Result<Config, CliError> {
        let (file, environment) = (self.global.config.as_deref(), self.environment.iter().cloned());
        let config = if self.reads_here {
            Config::load(file, environment)?
        } else {
            Config::load_only(file, environment)?
        };
        check_store_url(&config).map_err(|problem| BadConfig::from(vec![problem]))?;
        Ok(config)
    }

    /// Who runs the command, for the audit: the operating system's user, and for root who became it by sudo.
    pub(crate) fn actor(&self) -> Actor {
        let sudo =
            self.environment.iter().find(|(name, _)| name == "SUDO_USER").map(|(_, user)| user.as_str());
        let user = whoami::username().unwrap_or_else(|_| "operator".to_owned());
        // Anybody can set the variable; only root could have come by sudo.
        Actor::command(account(sudo.filter(|_| user == "root").unwrap_or(&user)))
    }

    /// Opens the store without creating it: it must exist, with its schema.
    pub(crate) async fn store(&self, config: &Config) -> Result<Arc<dyn Store>, CliError> {
        if let Some(file) = config.store_file().filter(|file| !file.exists()) {
            return Err(CliError::Unreachable(anyhow::anyhow!(
                "there is no store at {}; `fulfillment serve` or `fulfillment migrate` creates it",
                file.display()
            )));
        }
        let store = crate::wiring::open_store(config).await?;
        let pending = store.pending_migrations().await?;
        if !pending.is_empty() {
            return Err(CliError::misuse(format!(
                "the store's schema is not up to date ({} to apply): run `fulfillment migrate`",
                pending.join(", ")
            )));
        }
        Ok(store)
    }

    /// The store, where there is one: a scanner's desk has only the keys.
    pub(crate) async fn store_if_any(&self, config: &Config) -> Result<Option<Arc<dyn Store>>, CliError> {
        if config.store_file().is_some_and(|file| !file.exists()) {
            return Ok(None);
        }
        self.store(config).await.map(Some)
    }

    /// Records what was done to the keys folder, where there is a store. A store that cannot be reached does not hold up a
    /// key that has to be replaced: that the record is missing is said.
    pub(crate) async fn record(&self, config: &Config, action: Action, subject: String, times: u64) {
        let what = format!("{action} {subject}");
        let entry = AuditEntry::new(&self.actor(), action).subject(subject).times(times);
        let recorded = async {
            if let Some(store) = self.store_if_any(config).await? {
                store.record_audit(&[(SystemClock.now(), entry)]).await?;
            }
            Ok::<(), CliError>(())
        };
        if let Err(error) = recorded.await {
            eprintln!("fulfillment: {what} is done, but the audit has no record of it:");
            error.report();
        }
    }

    /// Prints an answer: as JSON if that is requested, otherwise for people.
    pub(crate) fn answer<T: Serialize>(
        &self,
        value: &T,
        people: impl FnOnce(&T) -> String,
    ) -> Result<(), CliError> {
        let text = if self.global.json {
            let json = serde_json::to_string(value).map_err(anyhow::Error::from)?;
            printable_json(&json).into_owned()
        } else {
            people(value)
        };
        print_line(&text);
        Ok(())
    }
}

/// Refuses an event that nothing is known of, unless it is to be made: a mistyped id would make another one.
async fn known_event(store: &dyn Store, event: &str, create: bool) -> Result<(), CliError> {
    if create || store.door_version(event).await?.is_some() {
        return Ok(());
    }
    Err(CliError::failed(format!(
        "there is no event {event}: `fulfillment event list` names those that are known; --create makes it"
    )))
}

/// The name of an account, as it may be recorded: nothing else can be passed off as one.
fn account(name: &str) -> String {
    let known = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-');
    let name: String = name.chars().take(LONGEST_ACCOUNT).map(|c| if known(c) { c } else { '_' }).collect();
    if name.is_empty() { "operator".to_owned() } else { name }
}

/// Prints to standard output, without control characters; a closed pipe is not an error.
pub(crate) fn print_line(text: &str) {
    use std::io::Write as _;
    let _ = writeln!(std::io::stdout(), "{}", printable(text.trim_end_matches('\n')));
}

impl Cli {
    /// Whether the command limits its own memory, of which idle threads would take a part.
    pub(crate) fn needs_one_thread(&self) -> bool {
        matches!(self.command, Command::ReadCodes(_))
    }
}

/// Runs one command.
pub(crate) async fn run(cli: Cli, environment: Environment) -> Result<(), CliError> {
    // A code is often checked in a folder that others write to: a file there must not name the keys to judge it by.
    let reads_here = !matches!(cli.command, Command::Verify(_));
    let context = Context { global: cli.global, environment, reads_here };
    match cli.command {
        Command::Demo(command) => command.run(&context).await,
        Command::Serve(command) => command.run(&context).await,
        Command::Migrate(command) => command.run(&context).await,
        Command::Ingest(command) => command.run(&context).await,
        Command::Import(command) => command.run(&context).await,
        Command::Retry(command) => command.run(&context).await,
        Command::Dlq(command) => command.run(&context).await,
        Command::Destination(command) => command.run(&context).await,
        Command::Audit(command) => command.run(&context).await,
        Command::Reconcile(command) => command.run(&context).await,
        Command::Erase(command) => command.run(&context).await,
        Command::Ticket(command) => Box::pin(command.run(&context)).await,
        Command::Order(command) => command.run(&context).await,
        Command::Refund(command) => command.run(&context).await,
        Command::Verify(command) => command.run(&context).await,
        Command::CheckIn(command) => command.run(&context).await,
        Command::Event(command) => command.run(&context).await,
        Command::Door(command) => command.run(&context).await,
        Command::ReadCodes(_) => code_files::read_codes(),
        Command::Template(command) => command.run(&context).await,
        Command::Keys(command) => command.run(&context).await,
        Command::Token(command) => command.run(&context).await,
        Command::Store(command) => command.run(&context).await,
        Command::Backup(command) => command.run(&context).await,
        Command::Restore(command) => command.run(&context).await,
        Command::Config(command) => command.run(&context).await,
        Command::Status(command) => command.run(&context).await,
        Command::Health(command) => command.run(&context).await,
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    #[test]
    fn an_account_is_a_word() {
        assert_eq!(super::account("ada.l-1_x"), "ada.l-1_x");
        assert_eq!(super::account("ada@secret.example\u{1b}[2K\nroot x"), "ada_secret.example__2K_root_x");
        assert_eq!(super::account(&"a".repeat(5_000)).len(), super::LONGEST_ACCOUNT);
        assert_eq!(super::account(""), "operator");
    }

    #[test]
    fn the_command_line_is_sound_and_every_command_has_an_example() {
        let mut command = super::Cli::command();
        command.clone().debug_assert();
        command.build();
        let mut seen = Vec::new();
        check(&command, &mut seen);
        for leaf in [
            "serve",
            "ticket show",
            "ticket void",
            "order cancel",
            "dlq replay",
            "keys adopt-secret",
            "config check",
        ] {
            assert!(seen.iter().any(|name| name == &format!("fulfillment {leaf}")), "{leaf}: {seen:?}");
        }
    }

    fn check(command: &clap::Command, seen: &mut Vec<String>) {
        for sub in command.get_subcommands().filter(|s| s.get_name() != "help") {
            let name = sub.get_bin_name().unwrap_or_default().to_owned();
            let help = sub.clone().render_long_help().to_string();
            assert!(help.contains("Example"), "{name} has no example:\n{help}");
            let example = format!("  {name} ");
            assert!(
                help.contains(&example) || help.contains(&format!("  {name}\n")),
                "{name}'s is of another:\n{help}"
            );
            seen.push(name);
            check(sub, seen);
        }
    }
}
