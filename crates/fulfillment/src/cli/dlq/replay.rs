//! `dlq replay`: messages come to the inbox again, and parked orders are set going.

use std::sync::Arc;

use fulfillment_config::Config;
use fulfillment_domain::{Cancellation, Clock as _, Payment, Refund, Unreadable, Withdrawal};
use fulfillment_pipeline::clock::SystemClock;
use fulfillment_pipeline::ports::Accept as _;
use fulfillment_pipeline::stages::ingest::Ingest;
use fulfillment_store::{
    Closing, DeadLetterRecord, Incoming, IngestOutcome, RetrySelection, Source, Store, Subject,
    WithdrawalOutcome,
};
use serde::Serialize;

use super::super::Context;
use super::Name;
use crate::cli::retry::for_people;
use crate::stop::Stop;

/// Letters read from the store at once.
const PAGE: usize = 500;

#[derive(Serialize)]
struct Replayed {
    id: String,
    outcome: String,
    #[serde(skip)]
    vain: bool,
}

/// Every open letter, and every order that a retry would set going.
pub(super) async fn everything(store: &dyn Store) -> Result<Vec<Name>, Stop> {
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

pub(super) async fn replay(
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
                return Err(Stop::misuse(
                    "a refund cannot be replayed: it is checked again automatically; drop it instead",
                ));
            }
        });
    }
    let vain = done.iter().any(|d| d.vain);
    context.answer(&done, |done| {
        let lines: Vec<_> = done.iter().map(|d| format!("{}  {}", d.id, for_people(&d.outcome))).collect();
        if lines.is_empty() { "there is nothing to replay".to_owned() } else { lines.join("\n") }
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
    let content = if letter.raw.len() > most { Err(Unreadable::too_large(most)) } else { parse(&letter.raw) };
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
