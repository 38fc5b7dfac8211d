//! `fulfillment dlq`

use std::io::Write as _;
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use clap::{Args, Subcommand};
use fulfillment_domain::{Cancellation, Clock as _, OrderId, Payment, Refund, Unreadable, Withdrawal};
use fulfillment_store::{
    Attention, AttentionScope, Closing, DeadLetterRecord, Incoming, IngestOutcome, ParkedOrder,
    RetrySelection, Source, Store, Subject, WithdrawalOutcome, WithdrawalRecord,
};
use serde::Serialize;
use serde_json::{Value, json};

use super::Context;
use crate::clock::SystemClock;
use crate::config::Config;
use crate::pipeline::ingest::{Ingest, too_large};
use crate::ports::Accept as _;
use crate::stop::Stop;

/// Letters read from the store at once.
const PAGE: usize = 500;

/// Look at what needs a person: messages that could not be taken, parked orders and refunds, orders paid and void
///
/// A message is named by its number, an order by its id, a refund by `refund:` and its id.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  fulfillment dlq list
  fulfillment dlq show 17 --raw > message.json
  fulfillment dlq replay --all                      after an update, or once Ordering works again
  fulfillment dlq drop 17 --reason 'a test message'")]
pub(crate) struct Dlq {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// List what stands apart, oldest first
    #[command(after_help = "Examples:
  fulfillment dlq list
  fulfillment dlq list --closed                     and what was replayed or dropped
  fulfillment dlq list --json | jq '.letters[].reason'
Exit code: 0 nothing, 1 something stands apart.")]
    List {
        /// Messages that were replayed or dropped, too
        #[arg(long)]
        closed: bool,
        /// The most of each kind
        #[arg(long, default_value_t = 1000)]
        limit: usize,
    },
    /// Show one whole: where it came from, why it stands apart, its original bytes
    #[command(after_help = "Examples:
  fulfillment dlq show 17
  fulfillment dlq show 17 --raw > message.json      the original bytes and nothing else
  fulfillment dlq show 7d444840-9dc0-11d1-b245-5ffdce74fad2
Exit code: 1 when there is none.")]
    Show {
        /// Its number, its order's id, or refund:ID
        id: String,
        /// Print the original bytes of a message alone
        #[arg(long)]
        raw: bool,
    },
    /// Bring messages to the inbox again, under their own coordinates, and set parked orders going
    ///
    /// What is known by then is a duplicate and changes nothing, so everything can be replayed again.
    #[command(after_help = "Examples:
  fulfillment dlq replay 17 18
  fulfillment dlq replay --all
Exit code: 1 when one of them cannot be taken this time either.")]
    Replay {
        /// Numbers of messages and ids of orders
        #[arg(required_unless_present = "all")]
        ids: Vec<String>,
        /// Everything that stands apart
        #[arg(long, conflicts_with = "ids")]
        all: bool,
    },
    /// Say that one was looked at: it is kept with the reason, and shown no more
    ///
    /// An order that waits for its tickets is not dropped: cancel it, so that a payment of it is never quiet. One that
    /// nobody has paid is: its refunds and cancellations do nothing to a payment that comes later.
    #[command(after_help = "Examples:
  fulfillment dlq drop 17 --reason 'a test message'
  fulfillment dlq drop 7d444840-9dc0-11d1-b245-5ffdce74fad2 --reason 'the money went back by bank'
  fulfillment dlq drop refund:R-18 --reason 'goodwill'
  fulfillment dlq drop --event EVENT --reason 'refunded by the promoter'
Exit code: 1 when there is none.")]
    Drop {
        /// Its number, its order's id, or refund:ID
        #[arg(required_unless_present = "event")]
        id: Option<String>,
        /// Whatever is listed about orders that have tickets for this event, in place of an id
        #[arg(long, conflicts_with = "id")]
        event: Option<String>,
        /// Why, for people
        #[arg(long)]
        reason: String,
    },
}

/// What can be named.
enum Name {
    Letter(i64),
    Order(OrderId),
    Refund(String),
    Event(String),
}

impl Name {
    fn read(text: &str) -> Result<Self, Stop> {
        if text.starts_with("refund:") {
            return Ok(Self::Refund(text.to_owned()));
        }
        match (text.parse(), text.parse()) {
            (Ok(number), _) => Ok(Self::Letter(number)),
            (_, Ok(order)) => Ok(Self::Order(order)),
            _ => Err(Stop::misuse(format!("{text:?} is no number, no order's id and no refund:ID"))),
        }
    }
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Listed {
    letters: Vec<Value>,
    orders: Vec<Value>,
    refunds: Vec<WithdrawalRecord>,
    attention: Vec<Attention>,
}

#[derive(Serialize)]
struct Replayed {
    id: String,
    outcome: String,
    #[serde(skip)]
    vain: bool,
}

impl Dlq {
    pub(crate) async fn run(self, context: &Context) -> Result<(), Stop> {
        let config = context.config()?;
        let store = context.store(&config).await?;
        match self.action {
            Action::List { closed, limit } => list(context, store.as_ref(), closed, limit).await,
            Action::Show { id, raw } => show(context, store.as_ref(), &Name::read(&id)?, raw).await,
            Action::Replay { ids, all } => {
                let names = if all {
                    everything(store.as_ref()).await?
                } else {
                    ids.iter().map(|id| Name::read(id)).collect::<Result<_, _>>()?
                };
                replay(context, &config, store, names).await
            }
            Action::Drop { id, event, reason } => {
                let name = match (id, event) {
                    (Some(id), _) => Name::read(&id)?,
                    (None, event) => Name::Event(event.unwrap_or_default()),
                };
                put_aside(context, store.as_ref(), name, reason).await
            }
        }
    }
}

async fn list(context: &Context, store: &dyn Store, closed: bool, limit: usize) -> Result<(), Stop> {
    let letters = store.dead_letters(0, closed, limit).await?;
    let open = letters.iter().any(|l| l.closed_at.is_none());
    let orders = store.parked_orders(limit).await?;
    let refunds = store.open_withdrawals(limit).await?;
    let attention = store.attention(limit).await?;
    let parked_refunds = refunds.iter().any(|w| w.state.as_str() == "parked");
    let apart = open || parked_refunds || !orders.is_empty() || !attention.is_empty();
    let listed = Listed {
        letters: letters.iter().map(brief).collect(),
        orders: orders.iter().map(parked).collect(),
        refunds,
        attention,
    };
    context.answer(&listed, |listed| {
        let line = |v: &Value, keys: &[&str]| {
            let told = keys.iter().map(|key| match &v[*key] {
                Value::String(text) => text.clone(),
                Value::Null => "-".to_owned(),
                other => other.to_string(),
            });
            told.collect::<Vec<_>>().join("  ")
        };
        let letters =
            listed.letters.iter().map(|l| line(l, &["id", "about", "source", "closedAs", "reason"]));
        let orders = listed.orders.iter().map(|o| line(o, &["orderId", "parkedAt", "reason"]));
        let refunds = listed.refunds.iter().map(|w| {
            let note = w.note.as_deref().unwrap_or_default();
            format!("{}  {}  {note}", w.key, w.state.as_str())
        });
        let attention = listed
            .attention
            .iter()
            .map(|a| format!("{}  {}  {}  {}", a.order_id, a.since, a.reason, a.detail));
        let lines: Vec<_> = letters.chain(orders).chain(refunds).chain(attention).collect();
        if lines.is_empty() { "nothing stands apart".to_owned() } else { lines.join("\n") }
    })?;
    if apart { Err(Stop::no("")) } else { Ok(()) }
}

async fn show(context: &Context, store: &dyn Store, name: &Name, raw: bool) -> Result<(), Stop> {
    let none = || Stop::no("there is none");
    let value = match name {
        Name::Letter(id) => {
            let letter = store.dead_letter(*id).await?.ok_or_else(none)?;
            if raw {
                let _ = std::io::stdout().write_all(&letter.raw);
                return Ok(());
            }
            whole(&letter)
        }
        Name::Order(order) => {
            let record = store.order(*order).await?.ok_or_else(none)?;
            let messages: Vec<_> = store
                .messages_of(*order)
                .await?
                .into_iter()
                .map(|m| {
                    json!({
                        "source": m.source, "outcome": m.outcome, "receivedAt": m.received_at,
                        "key": m.key.as_deref().map(told), "headers": headers(&m.headers),
                        "raw": m.raw.as_deref().map(told),
                    })
                })
                .collect();
            json!({
                "orderId": order, "state": record.state, "reason": record.reason, "attempts": record.attempts,
                "nextAttemptAt": record.next_attempt_at, "messages": messages,
            })
        }
        Name::Refund(key) => {
            let open = store.open_withdrawals(usize::MAX).await?;
            let refund = open.into_iter().find(|w| w.key == *key).ok_or_else(none)?;
            serde_json::to_value(refund).map_err(anyhow::Error::from)?
        }
        Name::Event(_) => return Err(none()),
    };
    context.answer(&value, |value| serde_json::to_string_pretty(value).unwrap_or_default())
}

/// Every open letter, and every order that a retry would set going.
async fn everything(store: &dyn Store) -> Result<Vec<Name>, Stop> {
    let mut names = Vec::new();
    let mut after = 0;
    loop {
        let page = store.dead_letters(after, false, PAGE).await?;
        let Some(last) = page.last() else { break };
        after = last.id;
        names.extend(page.iter().map(|l| Name::Letter(l.id)));
    }
    names.extend(store.parked_orders(usize::MAX).await?.into_iter().map(|o| Name::Order(o.order_id)));
    Ok(names)
}

async fn replay(
    context: &Context,
    config: &Config,
    store: Arc<dyn Store>,
    names: Vec<Name>,
) -> Result<(), Stop> {
    let door = crate::wiring::door_of_command(config, Arc::clone(&store));
    let mut done = Vec::with_capacity(names.len());
    for name in names {
        done.push(match name {
            Name::Letter(id) => again(&door, config.pipeline.max_message.0, id).await?,
            Name::Order(order) => {
                let going = store.retry(RetrySelection::Order(order)).await? > 0;
                let outcome = if going { "set going" } else { "not to be set going: see `order show`" };
                Replayed { id: order.to_string(), outcome: outcome.to_owned(), vain: !going }
            }
            Name::Refund(_) | Name::Event(_) => {
                return Err(Stop::misuse("a refund is looked at again by itself; drop it"));
            }
        });
    }
    let vain = done.iter().any(|d| d.vain);
    context.answer(&done, |done| {
        let lines: Vec<_> = done.iter().map(|d| format!("{}  {}", d.id, d.outcome)).collect();
        if lines.is_empty() { "nothing stands apart".to_owned() } else { lines.join("\n") }
    })?;
    if vain { Err(Stop::no("")) } else { Ok(()) }
}

/// Brings one letter to the inbox again. Under its own coordinates it is the same record: in vain it makes no other.
async fn again(door: &Ingest, most: usize, id: i64) -> Result<Replayed, Stop> {
    let letter =
        door.store.dead_letter(id).await?.ok_or_else(|| Stop::no(format!("there is no message {id}")))?;
    if let Some(closed) = letter.closed_as {
        let outcome = format!("{closed} before: {}", letter.note.unwrap_or_default());
        return Ok(Replayed { id: id.to_string(), outcome, vain: false });
    }
    let closing = match letter.about {
        Subject::Payment => {
            let message = incoming(letter, most, Payment::parse);
            closing_of(door.accept(vec![message]).await?.pop())
        }
        Subject::Refund => {
            let message = incoming(letter, most, |raw| Refund::parse(raw).map(Withdrawal::Refund));
            closing_of_withdrawal(door.withdraw(vec![message]).await?.pop())
        }
        Subject::Cancellation => {
            let parse = |raw: &[u8]| Cancellation::parse(raw).map(Withdrawal::Cancellation);
            let message = incoming(letter, most, parse);
            closing_of_withdrawal(door.withdraw(vec![message]).await?.pop())
        }
    };
    door.store.close_dead_letter(id, &closing).await?;
    let (outcome, vain) = match closing {
        Closing::InVain(why) => (format!("in vain: {why}"), true),
        Closing::Replayed(what) | Closing::Dropped(what) => (what, false),
    };
    Ok(Replayed { id: id.to_string(), outcome, vain })
}

fn incoming<T>(
    letter: DeadLetterRecord,
    most: usize,
    parse: impl FnOnce(&[u8]) -> Result<T, Unreadable>,
) -> Incoming<T> {
    let content = if letter.raw.len() > most { Err(too_large(most)) } else { parse(&letter.raw) };
    Incoming {
        source: Source::Recorded { text: letter.source, timestamp: letter.source_timestamp },
        key: letter.key,
        raw: letter.raw,
        headers: letter.headers,
        traceparent: None,
        received_at: SystemClock.now(),
        subject: letter.about,
        content,
    }
}

fn closing_of(outcome: Option<IngestOutcome>) -> Closing {
    let taken = |what: &str| Closing::Replayed(what.to_owned());
    match outcome {
        Some(IngestOutcome::New(_)) => taken("new"),
        Some(IngestOutcome::Duplicate(_)) => taken("duplicate"),
        Some(IngestOutcome::Folded(_)) => taken("folded into the same payment under another key"),
        Some(IngestOutcome::AlreadyPaid(_)) => taken("already paid"),
        Some(IngestOutcome::Late(_)) => taken("its order was void before; it is parked"),
        Some(IngestOutcome::Quarantined(_)) => {
            Closing::InVain("its payment id is known with another content".into())
        }
        Some(IngestOutcome::DeadLettered(why)) => Closing::InVain(why.to_string()),
        None => Closing::InVain("nothing came of it".into()),
    }
}

fn closing_of_withdrawal(outcome: Option<WithdrawalOutcome>) -> Closing {
    match outcome {
        Some(WithdrawalOutcome::Recorded(_, state)) => Closing::Replayed(state.as_str().to_owned()),
        Some(WithdrawalOutcome::Duplicate(_)) => Closing::Replayed("duplicate".to_owned()),
        Some(WithdrawalOutcome::Quarantined(_)) => Closing::InVain("its refund id is known otherwise".into()),
        Some(WithdrawalOutcome::DeadLettered(why)) => Closing::InVain(why.to_string()),
        None => Closing::InVain("nothing came of it".into()),
    }
}

async fn put_aside(context: &Context, store: &dyn Store, name: Name, reason: String) -> Result<(), Stop> {
    let (id, done) = match name {
        Name::Letter(id) => {
            (id.to_string(), store.close_dead_letter(id, &Closing::Dropped(reason.clone())).await?)
        }
        Name::Order(order) => {
            let record = store.order(order).await?;
            let seen = store.acknowledge(&AttentionScope::Order(order), &reason).await? > 0;
            let unpaid = store.lift_unpaid(order, &reason).await?;
            let late = store.acknowledge_late(order).await? || seen || unpaid;
            if !late && record.is_some_and(|o| o.state.as_str() == "parked") {
                return Err(Stop::misuse(format!(
                    "the order {order} is paid and waits for its tickets: `fulfillment retry --order`, or \
                     `fulfillment order cancel` so that it is void and says why"
                )));
            }
            (order.to_string(), late)
        }
        Name::Refund(key) => {
            let done = store.lift_withdrawal(&key, &reason).await?;
            (key, done)
        }
        Name::Event(event) => {
            let done = store.acknowledge(&AttentionScope::Event(event.clone()), &reason).await? > 0;
            (event, done)
        }
    };
    if !done {
        return Err(Stop::no(format!("nothing of the name {id} stands apart")));
    }
    context.answer(&json!({ "id": id, "outcome": "dropped", "reason": reason }), |_| format!("{id}  dropped"))
}

fn brief(letter: &DeadLetterRecord) -> Value {
    json!({
        "id": letter.id, "kind": letter.kind, "about": letter.about.as_str(), "orderId": letter.order_id,
        "reason": letter.reason, "field": letter.field, "source": letter.source,
        "receivedAt": letter.received_at, "attempts": letter.attempts, "bytes": letter.raw.len(),
        "closedAt": letter.closed_at, "closedAs": letter.closed_as, "note": letter.note,
    })
}

fn whole(letter: &DeadLetterRecord) -> Value {
    let mut value = brief(letter);
    value["key"] = letter.key.as_deref().map(told).into();
    value["headers"] = headers(&letter.headers);
    value["raw"] = told(&letter.raw);
    value
}

fn parked(order: &ParkedOrder) -> Value {
    json!({
        "orderId": order.order_id, "reason": order.reason, "attempts": order.attempts,
        "parkedAt": order.parked_at, "nextAttemptAt": order.next_attempt_at,
    })
}

fn headers(headers: &[(String, Vec<u8>)]) -> Value {
    headers.iter().map(|(name, value)| json!([name, told(value)])).collect()
}

/// Bytes as text where they are text, else as base64.
fn told(bytes: &[u8]) -> Value {
    match std::str::from_utf8(bytes) {
        Ok(text) => text.into(),
        Err(_) => json!({ "base64": STANDARD.encode(bytes) }),
    }
}
