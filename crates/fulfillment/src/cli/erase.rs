//! The command `fulfillment erase`: removes personal data and signs a receipt.

use std::path::PathBuf;
use std::sync::Arc;

use clap::Args;
use fulfillment_credential::sign_statement;
use fulfillment_domain::{Address, Clock as _, OrderId};
use fulfillment_pipeline::clock::SystemClock;
use fulfillment_pipeline::keyring::{self, Keyring};
use fulfillment_pipeline::operations::erase::{Eraser, NotErased};
use fulfillment_pipeline::operations::installation;
use fulfillment_pipeline::operations::people::{Found, PeopleIndex};
use fulfillment_store::{Erased, FoundIn, Store};
use jiff::Timestamp;
use serde::Serialize;
use serde_json::json;
use uuid::Uuid;

use super::Context;
use super::confirm::{Consent, Plan, count};
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
/// An address is found in every spelling: escaped, in upper case, composed or decomposed, with its domain in Unicode or
/// Punycode, with a display name, in a list. Similar addresses (`ada+x@`, without dots or accents) may be another
/// person's: they are printed and left, with exit code 1.
///
/// On the embedded store the command also clears the database's own files. When others use them for half a minute, it
/// ends with exit code 3 and without a receipt, and a repeat finishes the work.
///
/// Not reached are the broker's topics, receivers of events, and backups: in a store that is rebuilt from a topic or a
/// backup, the orders that the receipts name must be erased again.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  fulfillment erase --email ada@example.org --dry-run             the orders it occurs in; changes nothing
  fulfillment erase --email ada@example.org --receipt ada.jws     says what it erases, and asks
  fulfillment erase --order 7d444840-9dc0-11d1-b245-5ffdce74fad2 --yes --json | jq -r .receipt > order.jws
Exit code: 1 when nothing was found or a similar address needs a decision, 2 when it is not confirmed, 3 when it is not
finished: run it again.")]
pub(crate) struct Erase {
    #[command(flatten)]
    whose: Whose,
    #[command(flatten)]
    consent: Consent,
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

/// What a vacuum would remove, as stated in the receipt.
const UNTIL_VACUUMED: &str =
    "unused parts of the store's file that earlier versions wrote, until `fulfillment store vacuum` has run";

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Done {
    orders: Vec<Erased>,
    /// Dead letters that belong to no order.
    letters: u64,
    /// What cannot be reached from here.
    not_reached: Vec<&'static str>,
    receipt: String,
    /// What was left, because its address is only similar.
    similar: Vec<Similar>,
}

/// What `--dry-run` prints.
#[derive(Serialize)]
struct Occurrences {
    orders: Vec<OrderId>,
    /// Of these orders.
    tickets: u64,
    letters: u64,
    similar: Vec<Similar>,
}

/// An order or a dead letter with similar addresses, for a person to decide about.
#[derive(Serialize)]
struct Similar {
    #[serde(skip_serializing_if = "Option::is_none")]
    order: Option<OrderId>,
    #[serde(skip_serializing_if = "Option::is_none")]
    letter: Option<i64>,
    addresses: Vec<String>,
}

/// What is to be erased.
#[derive(Default)]
struct Wanted {
    found: Found,
    /// The pseudonym of the address.
    whom: Option<[u8; 16]>,
}

impl Erase {
    pub(crate) async fn run(self, context: &Context) -> Result<(), CliError> {
        let config = context.config()?;
        let store = context.store(&config).await?;
        // A command that cannot sign the receipt erases nothing.
        let dir = config.keys_dir();
        let mut keyring = Keyring::configured(&config)?
            .ok_or_else(|| CliError::misuse(format!("{} has no keys to sign with", dir.display())))?;
        installation::check_keys(&mut keyring, &store.registration().await?, &dir)?;
        let Wanted { found, whom } = self.whose.wanted(&store, &keyring).await?;
        let similar: Vec<_> = found.near.into_iter().map(Similar::from).collect();
        let undecided = undecided(&similar);
        let mut occurrences = Occurrences {
            tickets: tickets_of(store.as_ref(), &found.orders).await?,
            orders: found.orders,
            letters: found.letters.len() as u64,
            similar,
        };
        if !self.consent.given(context, &occurrences.plan()?)? {
            return undecided;
        }
        let files = wiring::files(&config, &context.environment)?;
        installation::check_storage(store.as_ref(), files.as_ref()).await?;
        let erasing = Eraser { store: Arc::clone(&store) as _, files };
        let begun = match &whom {
            Some(whom) => store.begin_erasure(whom, &occurrences.orders).await?,
            None => None,
        };
        let orders = begun.map_or(std::mem::take(&mut occurrences.orders), |begun| begun.orders);
        let by = context.actor();
        let mut erased = Vec::with_capacity(orders.len());
        for order in orders {
            erased.extend(erasing.erase(order, &by).await.map_err(unfinished)?);
        }
        let files = erased.iter().flat_map(|erased: &Erased| erased.files.clone()).collect();
        erasing.remove(files).await.map_err(unfinished)?;
        let letters = match &whom {
            Some(whom) => store.erase_letters(whom, &found.letters, &by).await?,
            None => 0,
        };
        if erased.is_empty() && letters == 0 {
            if undecided.is_err() {
                let nothing = Occurrences { orders: vec![], tickets: 0, letters: 0, ..occurrences };
                context.answer(&nothing, Occurrences::describe)?;
                undecided?;
            }
            return Err(CliError::failed("nothing was found to erase"));
        }
        let cleared = erasing.clear().await.map_err(unfinished)?;
        let mut not_reached = BEYOND.to_vec();
        not_reached.extend(cleared.needs_vacuum.then_some(UNTIL_VACUUMED));
        let now = SystemClock.now();
        let key = keyring.signing_key(now)?;
        let receipt = sign_statement(key, KIND, &statement(&erased, letters, &not_reached, now));
        if let Some(file) = &self.receipt {
            std::fs::write(file, format!("{receipt}\n")).map_err(|e| {
                CliError::misuse(format!("the receipt cannot be written to {}: {e}", file.display()))
            })?;
        }
        let similar = occurrences.similar;
        context.answer(&Done { orders: erased, letters, not_reached, receipt, similar }, Done::describe)?;
        if let Some(whom) = &whom {
            store.end_erasure(whom).await?;
        }
        undecided
    }
}

impl Whose {
    async fn wanted(&self, store: &Arc<dyn Store>, keyring: &Keyring) -> Result<Wanted, CliError> {
        if let Some(order) = self.order {
            let orders = store.order(order).await?.map(|_| order).into_iter().collect();
            return Ok(Wanted { found: Found { orders, ..Found::default() }, whom: None });
        }
        let Some(email) = &self.email else { return Ok(Wanted::default()) };
        let address = Address::only_in(email)
            .ok_or_else(|| CliError::misuse("--email needs one address, such as ada@example.org"))?;
        let people = PeopleIndex { store: Arc::clone(store) as _, secret: keyring.secret.clone() };
        let whom = Some(keyring.secret.pseudonym(&address.to_string()));
        Ok(Wanted { found: people.find(&address).await?, whom })
    }
}

impl From<(FoundIn, Vec<Address>)> for Similar {
    fn from((found_in, addresses): (FoundIn, Vec<Address>)) -> Self {
        let addresses = addresses.iter().map(ToString::to_string).collect();
        match found_in {
            FoundIn::Order(order) => Self { order: Some(order), letter: None, addresses },
            FoundIn::Letter(letter) => Self { order: None, letter: Some(letter), addresses },
        }
    }
}

impl Similar {
    fn describe(&self) -> String {
        let place = match (self.order, self.letter) {
            (Some(order), _) => format!("order {order}"),
            (None, letter) => format!("dead letter {}", letter.unwrap_or_default()),
        };
        format!("similar: {place} has {}", self.addresses.join(", "))
    }
}

impl Occurrences {
    /// What an erasure touches. Nothing is asked where nothing was found: at most an erasure that was confirmed before is
    /// finished.
    fn plan(&self) -> Result<Plan, CliError> {
        let letters = match self.letters {
            0 => String::new(),
            letters => format!(", and {} of no order", count(letters, "dead letter")),
        };
        let (orders, tickets) = (count(self.orders.len() as u64, "order"), count(self.tickets, "ticket"));
        let touches = !self.orders.is_empty() || self.letters > 0;
        let text = if touches {
            format!(
                "This erases the personal data and the ticket files of {orders} with {tickets}{letters}. It cannot be taken \
                 back.\n{}",
                self.describe()
            )
        } else {
            self.describe()
        };
        let json = serde_json::to_value(self).map_err(anyhow::Error::from)?;
        Ok(Plan { text, json, question: "Erase it?", touches })
    }

    fn describe(&self) -> String {
        let mut lines: Vec<_> = self.orders.iter().map(ToString::to_string).collect();
        if self.letters > 0 {
            lines.push(format!("{} of no order", count(self.letters, "dead letter")));
        }
        lines.extend(self.similar.iter().map(Similar::describe));
        if lines.is_empty() { "nothing".to_owned() } else { lines.join("\n") }
    }
}

/// How many tickets these orders have.
async fn tickets_of(store: &dyn Store, orders: &[OrderId]) -> Result<u64, CliError> {
    let mut tickets = 0;
    for order in orders {
        tickets += store.order(*order).await?.map_or(0, |order| order.tickets.len() as u64);
    }
    Ok(tickets)
}

/// The failed check when a person has to decide.
fn undecided(similar: &[Similar]) -> Result<(), CliError> {
    if similar.is_empty() {
        return Ok(());
    }
    Err(CliError::failed(
        "similar addresses occur too and were left: where it is the same person's, erase that address by `--email` too, \
         or its order by `--order`",
    ))
}

/// The error of an erasure that a repeat finishes.
fn unfinished(why: NotErased) -> CliError {
    match why {
        NotErased::Store(error) => CliError::from(error),
        why => CliError::Unreachable(anyhow::Error::from(why).context("no receipt; run the command again")),
    }
}

fn statement(erased: &[Erased], letters: u64, beyond: &[&str], now: Timestamp) -> serde_json::Value {
    json!({
        "iss": "fulfillment", "jti": Uuid::new_v8(keyring::random()), "iat": now.as_second(),
        "orders": erased, "letters": letters, "kept": KEPT, "beyond": beyond,
    })
}

impl Done {
    fn describe(&self) -> String {
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
        let mut lines: Vec<_> = self.orders.iter().map(line).collect();
        if self.letters > 0 {
            lines.push(format!("{} dead letters of no order", self.letters));
        }
        lines.push(format!("not reached: {}", self.not_reached.join("; ")));
        lines.extend(self.similar.iter().map(Similar::describe));
        lines.push(self.receipt.clone());
        lines.join("\n")
    }
}
