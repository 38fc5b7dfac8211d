//! What an order, a payment, a ticket and an event are: ids, money, statuses and wire formats.
//!
//! Nothing here does I/O, reads a clock or draws a random number. What comes from outside is parsed
//! into a type once, with an error that names the field at fault; what goes out is rendered here too,
//! so that the spelling of a field is decided in one place.

pub mod address;
pub mod clock;
pub mod delivered;
pub mod earlier;
mod envelope;
pub mod event;
pub mod event_record;
pub mod event_time;
pub mod fields;
pub mod growth;
pub mod id;
pub mod instant;
pub mod links;
pub mod locale;
pub mod message;
pub mod money;
pub mod order;
pub mod paid;
pub mod payment;
pub mod readings;
pub mod retry;
pub mod search;
pub mod seat;
pub mod secret;
pub mod subject;
pub mod ticket;
pub mod ticket_number;
pub mod trace;
pub mod withdrawal;
pub mod words;
pub mod zones;

pub use address::Address;
pub use clock::Clock;
pub use delivered::Delivered;
pub use event::{EventKind, OutboxEvent, Spelling};
pub use event_record::{EventChange, EventDetails, EventPatch, EventRecord, EventStatus};
pub use fields::Unreadable;
pub use id::{OrderId, TicketId};
pub use message::Message;
pub use money::{Amount, Currency, Money, Share};
pub use order::{OrderSnapshot, OrderState, Refusal, Seat};
pub use paid::{Paid, PaidPage};
pub use payment::Payment;
pub use retry::{Backoff, Decision, Failure};
pub use secret::Secret;
pub use subject::Subject;
pub use ticket::{Flag, Flags, ShownStatus, Ticket, TicketStatus};
pub use withdrawal::{Cancellation, ItemQuantity, Names, Progress, Refund, Withdrawal};
pub use words::UnknownWord;
