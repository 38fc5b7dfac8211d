//! Replay: puts dead letters into the inbox again, and queues parked orders.

use std::fmt;

use fulfillment_domain::{Message, OrderId, Subject};
use fulfillment_store::{
    Actor, Closing, EventChanged, Incoming, IngestOutcome, RetrySelection, Source, Store, StoreError,
    WholeDeadLetter,
};

use super::Listed;
use crate::ports::Accept as _;
use crate::stages::ingest::Ingest;

/// Dead letters read from the store in one query.
const PAGE: usize = 1_000;

/// The result for one item.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Replayed {
    /// The message was taken this time; the outcome.
    Taken(String),
    /// It was refused this time too; why.
    InVain(String),
    /// It was replayed or dropped before; which, and the outcome then.
    Before(String),
    /// The order is queued for a retry.
    Queued,
    /// The order cannot be retried.
    NotQueued,
}

impl Replayed {
    /// Whether an operator has to look at it again.
    pub fn is_in_vain(&self) -> bool {
        matches!(self, Self::InVain(_) | Self::NotQueued)
    }
}

/// The names in `dlq replay --json`.
impl fmt::Display for Replayed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Taken(what) | Self::Before(what) => f.write_str(what),
            Self::InVain(why) => write!(f, "in vain: {why}"),
            Self::Queued => f.write_str("set going"),
            Self::NotQueued => f.write_str("not to be set going: see `order show`"),
        }
    }
}

/// Why an item cannot be replayed.
#[derive(Debug, thiserror::Error)]
pub enum NotReplayed {
    /// No message has this number.
    #[error("there is no message {0}")]
    NoSuchMessage(i64),
    /// Only messages and orders can be replayed.
    #[error("a refund cannot be replayed: it is checked again automatically; drop it instead")]
    Refund,
    /// The store cannot be reached.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Every open dead letter, and every order that a retry would queue.
///
/// # Errors
/// As the store's.
pub async fn everything(store: &dyn Store) -> Result<Vec<Listed>, StoreError> {
    let mut all = Vec::new();
    let mut after = 0;
    loop {
        let page = store.dead_letters(after, false, PAGE).await?;
        let Some(last) = page.last() else { break };
        after = last.id;
        all.extend(page.iter().map(|letter| Listed::Letter(letter.id)));
    }
    all.extend(store.parked_orders(usize::MAX).await?.into_iter().map(|order| Listed::Order(order.order_id)));
    Ok(all)
}

impl Ingest {
    /// Replays one message, or queues one order. A message of more than `max_message` bytes cannot be taken.
    ///
    /// # Errors
    /// There is no such message, items of its kind cannot be replayed, or the store cannot be reached.
    pub async fn replay(
        &self,
        what: &Listed,
        max_message: usize,
        by: &Actor,
    ) -> Result<Replayed, NotReplayed> {
        match what {
            Listed::Letter(id) => self.again(*id, max_message, by).await,
            Listed::Order(order) => Ok(self.queue(*order, by).await?),
            Listed::Refund(_) | Listed::Event(_) => Err(NotReplayed::Refund),
        }
    }

    async fn queue(&self, order: OrderId, by: &Actor) -> Result<Replayed, StoreError> {
        let queued = self.store.retry(RetrySelection::Order(order), by).await? > 0;
        Ok(if queued { Replayed::Queued } else { Replayed::NotQueued })
    }

    /// It keeps its own coordinates, so it is the same record: a failed replay creates no second dead letter.
    async fn again(&self, id: i64, max_message: usize, by: &Actor) -> Result<Replayed, NotReplayed> {
        let letter = self.store.dead_letter(id).await?.ok_or(NotReplayed::NoSuchMessage(id))?;
        if let Some(closed) = letter.record.closed_as {
            let note = letter.record.note.unwrap_or_default();
            return Ok(Replayed::Before(format!("{closed} before: {note}")));
        }
        let subject = letter.record.about;
        let outcome = self.accept(vec![self.incoming(letter, max_message)]).await?.pop();
        let (closing, replayed) = match taken(subject, outcome) {
            Ok(what) => (Closing::Replayed(what.clone()), Replayed::Taken(what)),
            Err(why) => (Closing::InVain(why.clone()), Replayed::InVain(why)),
        };
        self.store.close_dead_letter(id, &closing, by).await?;
        Ok(replayed)
    }

    fn incoming(&self, letter: WholeDeadLetter, max_message: usize) -> Incoming {
        let WholeDeadLetter { record, key, raw, headers } = letter;
        Incoming {
            source: Source::Recorded { text: record.source, timestamp: record.source_timestamp },
            key,
            content: Message::parse_within(max_message, record.about, &raw),
            raw,
            headers,
            traceparent: None,
            received_at: self.clock.now(),
            subject: record.about,
        }
    }
}

/// The outcome of a message that was taken, or why it was refused.
fn taken(subject: Subject, outcome: Option<IngestOutcome>) -> Result<String, String> {
    let what = match outcome {
        Some(IngestOutcome::New(_)) => "new",
        Some(IngestOutcome::Duplicate(_)) => "duplicate",
        Some(IngestOutcome::Folded(_)) => "folded into the same payment under another key",
        Some(IngestOutcome::AlreadyPaid(_)) => "already paid",
        Some(IngestOutcome::Late(_)) => "its order was void before; it is parked",
        Some(IngestOutcome::Recorded(_, state)) => state.as_str(),
        Some(IngestOutcome::Event(EventChanged::Changed)) => "the event was changed",
        Some(IngestOutcome::Event(EventChanged::Known)) => "the event has these details already",
        Some(IngestOutcome::Event(EventChanged::Older)) => "the event was changed later: nothing changes",
        Some(IngestOutcome::Quarantined(_)) => {
            return Err(match subject {
                Subject::Payment => "its payment id is known with another content".to_owned(),
                Subject::Refund | Subject::Cancellation | Subject::EventChange => {
                    "its refund id is known otherwise".to_owned()
                }
            });
        }
        Some(IngestOutcome::DeadLettered(why)) => return Err(why.to_string()),
        None => return Err("nothing came of it".to_owned()),
    };
    Ok(what.to_owned())
}
