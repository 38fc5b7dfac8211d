//! The command `fulfillment erase`: removes personal data and signs a receipt.

use std::path::PathBuf;
use std::sync::Arc;

use clap::Args;
use fulfillment_credential::sign_statement;
use fulfillment_domain::{Clock as _, OrderId};
use fulfillment_pipeline::clock::SystemClock;
use fulfillment_pipeline::keyring::{self, Keyring};
use fulfillment_pipeline::operations::erase::{Eraser, NotErased};
use fulfillment_pipeline::operations::installation;
use fulfillment_store::Erased;
use jiff::Timestamp;
use serde::Serialize;
use serde_json::json;
use uuid::Uuid;

use super::Context;
use crate::error::CliError;
use crate::wiring;

/// The type in a receipt's header, which distinguishes it from other statements signed with the same keys.
const KIND: &str = "fulfillment-erasure+jwt";

/// The result for an order or a ticket whose personal data was erased.
pub(super) const ERASED: &str = "its personal data was deleted; nothing more is issued for it";

/// What is kept, as stated in the receipt.
const KEPT: [&str; 4] = [
    "ids of orders, payments, refunds and tickets",
    "amounts and currencies",
    "event, seat and category",
    "codes, which hold no personal data, and whether they are void",
];

/// What cannot be reached from here, as stated in the receipt.
const BEYOND: [&str; 4] = [
    "the broker's topics",
    "whoever received events and files: webhooks, readers of the stream, mailboxes",
    "backups, and versions that the file storage keeps",
    "Ordering and Payment",
];

/// Remove the personal data of an order, or of every order that an e-mail address occurs in
///
/// Deletes names, addresses and customer ids, Ordering's answers, raw messages, dead letters, earlier generations,
/// personal data in events, and the ticket files. What accounting and scanners need is kept: codes in circulation
/// still scan. An order is always erased as a whole; one that is not issued yet becomes void. It remains erased when
/// the topic is read again. The receipt is signed (JWS, RFC 7515) by this installation's key, can be checked with
/// /.well-known/ticket-keys.json, and contains no personal data.
///
/// Not reached are the broker's topics, receivers of events, and backups: in a store that is rebuilt from a topic or a
/// backup, the orders that the receipts name must be erased again.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  fulfillment erase --email ada@example.org --dry-run             the orders it occurs in; changes nothing
  fulfillment erase --email ada@example.org --receipt ada.jws
  fulfillment erase --order 7d444840-9dc0-11d1-b245-5ffdce74fad2 --json | jq -r .receipt > order.jws
Exit code: 1 when nothing was found.")]
pub(crate) struct Erase {
    #[command(flatten)]
    whose: Whose,
    /// Print the orders that would be erased, and change nothing
    #[arg(long)]
    dry_run: bool,
    /// Also write the receipt to a file
    #[arg(long, value_name = "FILE", conflicts_with = "dry_run")]
    receipt: Option<PathBuf>,
}

#[derive(Debug, Args)]
#[group(required = true, multiple = false)]
struct Whose {
    /// Every order that this address occurs in
    #[arg(long, value_name = "ADDRESS")]
    email: Option<String>,
    /// One order
    #[arg(long, value_name = "ID")]
    order: Option<OrderId>,
}

#[derive(Serialize)]
struct Done {
    orders: Vec<Erased>,
    /// Dead letters that belong to no order.
    letters: u64,
    receipt: String,
}

impl Erase {
    pub(crate) async fn run(self, context: &Context) -> Result<(), CliError> {
        let config = context.config()?;
        let store = context.store(&config).await?;
        let orders = match (&self.whose.order, &self.whose.email) {
            (Some(order), _) => store.order(*order).await?.map(|_| *order).into_iter().collect(),
            (None, Some(email)) => store.orders_of(address(email)?).await?,
            (None, None) => Vec::new(),
        };
        if self.dry_run {
            return context.answer(&json!({ "orders": orders }), |_| match orders.len() {
                0 => "nothing".to_owned(),
                _ => orders.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n"),
            });
        }
        // A command that cannot sign the receipt erases nothing.
        let dir = config.keys_dir();
        let keyring = Keyring::configured(&config)?
            .ok_or_else(|| CliError::misuse(format!("{} has no keys to sign with", dir.display())))?;
        installation::check_keys(&keyring, &store.registration().await?, &dir)?;
        let files = wiring::files(&config, &context.environment)?;
        installation::check_storage(store.as_ref(), files.as_ref()).await?;
        let erasing = Eraser { store: Arc::clone(&store) as _, files };
        let mut erased = Vec::with_capacity(orders.len());
        for order in orders {
            erased.extend(erasing.erase(order).await.map_err(|why| match why {
                NotErased::Store(error) => CliError::from(error),
                why @ NotErased::Files(_) => CliError::Unreachable(why.into()),
            })?);
        }
        let letters = match &self.whose.email {
            Some(email) => store.erase_letters(address(email)?).await?,
            None => 0,
        };
        if erased.is_empty() && letters == 0 {
            return Err(CliError::failed("nothing was found to erase"));
        }
        let now = SystemClock.now();
        let key = keyring.signing_key(now)?;
        let receipt = sign_statement(key, KIND, &statement(&erased, letters, now));
        if let Some(file) = &self.receipt {
            std::fs::write(file, format!("{receipt}\n")).map_err(|e| {
                CliError::misuse(format!("the receipt cannot be written to {}: {e}", file.display()))
            })?;
        }
        context.answer(&Done { orders: erased, letters, receipt }, describe)
    }
}

fn address(email: &str) -> Result<&str, CliError> {
    let email = email.trim();
    if email.is_empty() { Err(CliError::misuse("--email needs an address")) } else { Ok(email) }
}

fn statement(erased: &[Erased], letters: u64, now: Timestamp) -> serde_json::Value {
    json!({
        "iss": "fulfillment", "jti": Uuid::new_v8(keyring::random()), "iat": now.as_second(),
        "orders": erased, "letters": letters, "kept": KEPT, "beyond": BEYOND,
    })
}

fn describe(done: &Done) -> String {
    let line = |e: &Erased| {
        format!(
            "{}  {} tickets, {} messages, {} events, {} dead letters",
            e.order_id,
            e.tickets.len(),
            e.messages,
            e.events,
            e.letters
        )
    };
    let mut lines: Vec<_> = done.orders.iter().map(line).collect();
    if done.letters > 0 {
        lines.push(format!("{} dead letters of no order", done.letters));
    }
    lines.push(format!("not reached: {}", BEYOND.join("; ")));
    lines.push(done.receipt.clone());
    lines.join("\n")
}
