//! The command `fulfillment ticket`: lists, shows, reissues, voids or reinstates a ticket.

use std::sync::Arc;

use clap::{Args, Subcommand};
use fulfillment_credential::Kid;
use fulfillment_domain::{Money, ticket_number};
use fulfillment_door::Direction;
use fulfillment_pipeline::operations::links::TicketRecord;
use fulfillment_pipeline::operations::reissue::Wanted;
use fulfillment_pipeline::operations::resend::NotResent;
use fulfillment_store::{CheckIn, Records, TicketRow};
use serde::Serialize;
use serde_json::json;

use super::Context;
use super::confirm::{Consent, Plan};
use super::erase::ERASED;
use super::links;
use super::listing::ListOptions;
use super::reissue::{Change, reissue, reissuer};
use super::reissue_key::reissue_key;
use crate::error::CliError;
use crate::wiring;

/// Find tickets; show a ticket, print its link, send it again, reissue, void or reinstate it
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  fulfillment ticket list --event gala-2026 --seat 'A 5 12'
  fulfillment ticket show 8a0c808e-49a3-8ac3-bc48-7b143f4e409e
  fulfillment ticket show 7Q2FK-9XM4D           by the number printed on it
  fulfillment ticket show --json ID | jq .status")]
pub(crate) struct Ticket {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// List tickets, those of the newest orders first, or those that match
    ///
    /// All options must match. A ticket's status is voided or erased when it is. Names and seats are searched by words,
    /// without case and accents; such a list is in the order of the words.
    #[command(after_help = "Examples:
  fulfillment ticket list                                    the newest 50
  fulfillment ticket list --event gala-2026 --seat 'A 5 12'
  fulfillment ticket list --holder lovelace
  fulfillment ticket list --flag seat_conflict --all
  fulfillment ticket list --status Failed --error 'bucket' --json | jq -r '.items[].id'
  fulfillment ticket list --event gala-2026 --all --csv > tickets.csv
Exit code: 1 when nothing matches.")]
    List(Box<ListOptions>),
    /// Show one ticket's record
    #[command(after_help = "Examples:
  fulfillment ticket show 8a0c808e-49a3-8ac3-bc48-7b143f4e409e
  fulfillment ticket show 7Q2FK-9XM4D           by the number printed on it
  fulfillment ticket show --json ID | jq .status
Exit code: 0 shown, 1 there is no such ticket.")]
    Show {
        /// The ticket's id, or the number printed on it
        id: String,
    },
    /// Reissue a ticket with a new code and page: for another holder, another seat or a lost ticket
    ///
    /// The old code is valid until the new page is stored. `ticket-reissued` is published; the old link answers 410.
    /// With --kid: all tickets of coming events that this key signed, after it was revoked or replaced. The command shows
    /// how far it is; running services go on with it when it is interrupted. A repeated command changes nothing twice.
    #[command(after_help = "Examples:
  fulfillment ticket reissue 7Q2FK-9XM4D --expected-generation 0 --reason 'lost phone'
  fulfillment ticket reissue ID --expected-generation 1 --holder-name 'Ada Lovelace' --holder-email ada@example.org
  fulfillment ticket reissue ID --expected-generation 0 --seat 'Section A, Row 5, Seat 12'
  fulfillment ticket reissue --kid 1a2b3c4d --reason 'its key has leaked'
  fulfillment ticket reissue --kid 1a2b3c4d --background    a running service does it; `keys list` shows how far
Exit code: 1 when there is no such ticket, it is void, or another generation is current; no such key.")]
    Reissue {
        /// The ticket's id, or the number printed on it
        #[arg(required_unless_present = "kid", conflicts_with_all = ["kid", "background"])]
        id: Option<String>,
        /// Every ticket of a coming event that this key signed
        #[arg(long, conflicts_with_all = ["expected_generation", "holder_name", "holder_email", "seat"])]
        kid: Option<Kid>,
        /// Only request it: a running service does it
        #[arg(long, requires = "kid")]
        background: bool,
        #[command(flatten)]
        change: Change,
    },
    /// Make a voided ticket valid again under a new code: the old code remains void
    #[command(after_help = "Example:
  fulfillment ticket reinstate 7Q2FK-9XM4D --expected-generation 0 --reason 'voided by mistake'
Exit code: 1 when there is no such ticket, it is not void, or another generation is current.")]
    Reinstate {
        /// The ticket's id, or the number printed on it
        id: String,
        #[command(flatten)]
        change: Change,
    },
    /// Print the signed link to a ticket's PDF: it opens the page without a token
    ///
    /// It is the same link as in the ticket's event, signed by the newest secret. Whoever has it has the ticket. A ticket
    /// that is void, erased or not issued has none. The command is in the audit as a read.
    #[command(after_help = "Examples:
  fulfillment ticket link 8a0c808e-49a3-8ac3-bc48-7b143f4e409e
  fulfillment ticket link 7Q2FK-9XM4D           by the number printed on it
  fulfillment ticket link ID --json | jq -r .link
Exit code: 1 when there is no such ticket, or it has no link.")]
    Link {
        /// The ticket's id, or the number printed on it
        id: String,
    },
    /// Send a ticket once more: its event is published again, to one destination
    ///
    /// ticket-issued is published with the ticket as it is now, under the next sequence and an id of its own, so that
    /// Notification does not take it for one that it knows. Code and link stay as they are. Each run sends it once.
    #[command(after_help = "Examples:
  fulfillment ticket resend 8a0c808e-49a3-8ac3-bc48-7b143f4e409e
  fulfillment ticket resend 7Q2FK-9XM4D --to webhook:mailer
Exit code: 1 when there is no such ticket, or it is void, erased or not issued; 2 when there is no such destination.")]
    Resend {
        /// The ticket's id, or the number printed on it
        id: String,
        /// kafka, webhook:NAME or stream [default: the only one; Kafka among several; the stream where there is none]
        #[arg(long, value_name = "DESTINATION")]
        to: Option<String>,
    },
    /// Void a ticket: it is no longer valid
    #[command(after_help = "Examples:
  fulfillment ticket void 8a0c808e-49a3-8ac3-bc48-7b143f4e409e --reason 'sold twice'
  fulfillment ticket void 7Q2FK-9XM4D --dry-run   by the number printed on it; changes nothing
  fulfillment ticket void ID --yes                in a script
Exit code: 0 the ticket is void now or was before, 1 there is no such ticket, 2 it is not confirmed.")]
    Void {
        /// The ticket's id, or the number printed on it
        id: String,
        /// The reason, as free text
        #[arg(long, default_value = "by an operator")]
        reason: String,
        #[command(flatten)]
        consent: Consent,
    },
}

impl Ticket {
    pub(crate) async fn run(self, context: &Context) -> Result<(), CliError> {
        if let Action::List(options) = self.action {
            return options.run::<TicketRow>(context).await;
        }
        let config = context.config()?;
        let store = context.store(&config).await?;
        let ticket = match self.action {
            Action::List(_) => return Ok(()),
            Action::Show { id } => {
                let ticket = find(store.as_ref(), &id).await?;
                let check_ins = store.check_ins_of(ticket.id).await?;
                let linker = links::linker_if_any(&config, &store).await;
                let record = TicketRecord::of(&ticket, linker.as_ref());
                if record.ticket_pdf_url.is_some() {
                    links::record(context, &store, ticket.order_id, Some(ticket.id)).await?;
                }
                return context.answer(&Shown { record, check_ins }, |shown| {
                    let link =
                        shown.record.ticket_pdf_url.iter().map(|link| format!("{:<11} {link}", "link"));
                    let check_ins = shown.check_ins.iter().map(check_in_line);
                    let lines = std::iter::once(describe(&ticket)).chain(link).chain(check_ins);
                    lines.collect::<Vec<_>>().join("\n")
                });
            }
            Action::Link { id } => {
                let ticket = find(store.as_ref(), &id).await?;
                let link = links::linker(&config, &store).await?.ticket(&ticket);
                let link = link.map_err(|why| {
                    CliError::failed(format!("the ticket {} has no link: {why}", ticket.id))
                })?;
                links::record(context, &store, ticket.order_id, Some(ticket.id)).await?;
                return context.answer(&json!({ "ticketId": ticket.id, "link": link }), |_| link.clone());
            }
            Action::Resend { id, to } => {
                let ticket = find(store.as_ref(), &id).await?;
                let resender = links::resender(&config, &store).await?;
                let sent = resender.resend(ticket.id, to.as_deref(), None, &context.actor()).await;
                let (ticket, to) = sent.map_err(|why| not_resent(ticket.id, why))?;
                let done = json!({ "ticketId": ticket.id, "to": to, "sequence": ticket.lifecycle.sequence });
                return context.answer(&done, |_| {
                    format!(
                        "the event of ticket {} is sent again to {to}; a running service does it",
                        ticket.id
                    )
                });
            }
            Action::Reissue { kid: Some(kid), background, change, .. } => {
                let reason = change.reason();
                return reissue_key(context, &config, store, kid, reason, background).await;
            }
            Action::Reissue { id, change, .. } => {
                let ticket = find(store.as_ref(), &id.unwrap_or_default()).await?;
                let reissuer = reissuer(context, &config, &store).await?;
                reissue(&reissuer, ticket.id, change.wanted()?, &context.actor()).await?
            }
            Action::Reinstate { id, change } => {
                let ticket = find(store.as_ref(), &id).await?;
                let reissuer = reissuer(context, &config, &store).await?;
                let wanted = Wanted { reinstate: true, ..change.wanted()? };
                reissue(&reissuer, ticket.id, wanted, &context.actor()).await?
            }
            Action::Void { id, reason, consent } => {
                let ticket = find(store.as_ref(), &id).await?;
                if !consent.given(context, &void_plan(&ticket))? {
                    return Ok(());
                }
                wiring::voider(&config, &store, Arc::default())
                    .void(ticket.id, &reason, &context.actor())
                    .await?;
                find(store.as_ref(), &id).await?
            }
        };
        context.answer(&ticket, describe)
    }
}

/// A ticket with what the doors have scanned of it.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Shown<'a> {
    #[serde(flatten)]
    record: TicketRecord<'a>,
    check_ins: Vec<CheckIn>,
}

/// Why a ticket is not sent again.
fn not_resent(id: fulfillment_domain::TicketId, why: NotResent) -> CliError {
    match why {
        NotResent::Store(error) => error.into(),
        NotResent::Failed(reason) => CliError::Unreachable(anyhow::anyhow!(reason)),
        why @ (NotResent::NoSuchDestination { .. } | NotResent::NoDestination(_)) => {
            CliError::misuse(format!("--to: {why}"))
        }
        why => CliError::failed(format!("the ticket {id}: {why}")),
    }
}

fn check_in_line(check_in: &CheckIn) -> String {
    let place = match (&check_in.gate, &check_in.device) {
        (Some(gate), _) => format!(" by gate {gate}"),
        (None, Some(device)) => format!(" by device {device}"),
        (None, None) => String::new(),
    };
    let what = match (check_in.direction, check_in.result.recorded) {
        (Direction::Exit, true) => "left",
        (_, true) => "admitted",
        (_, false) => check_in.result.verdict.word(),
    };
    let offline = if check_in.shown.is_some() { ", offline" } else { "" };
    crate::terminal::lines([format!("{:<11} {}  {what}{place}{offline}", "scanned", check_in.scanned_at)])
}

/// The ticket of this id, or of this number as printed on it.
pub(super) async fn find(store: &dyn Records, text: &str) -> Result<fulfillment_domain::Ticket, CliError> {
    let found = match (text.parse(), ticket_number::normalise(text)) {
        (Ok(id), _) => store.ticket(id).await?,
        (Err(_), Some(number)) => store.ticket_by_number(&number).await?,
        (Err(error), None) => {
            return Err(CliError::misuse(format!("{text:?} {error}, and is not a ticket number either")));
        }
    };
    found.ok_or_else(|| CliError::failed(format!("there is no ticket {text}")))
}

/// The holder's name and address.
fn holder(ticket: &fulfillment_domain::Ticket) -> Option<String> {
    let parts: Vec<_> = [&ticket.holder.name, &ticket.holder.email].into_iter().flatten().cloned().collect();
    (!parts.is_empty()).then(|| parts.join("  "))
}

/// What a void touches: nothing of a ticket that is void already.
fn void_plan(ticket: &fulfillment_domain::Ticket) -> Plan {
    let is_void = ticket.lifecycle.voided_at.is_some();
    let number = ticket_number::grouped(&ticket.number);
    let text = if is_void {
        format!("The ticket {number} is void already; nothing is changed.")
    } else {
        format!(
            "This voids 1 ticket of order {}: {number}, seat {}, {}. The void is announced, its link ends, and its code is \
             refused at the doors. `ticket reinstate` gives it another code; this one stays void.",
            ticket.order_id, ticket.seat.label, ticket.event.name
        )
    };
    Plan {
        text: crate::terminal::lines([text]),
        json: json!({
            "ticketId": ticket.id, "ticketNumber": ticket.number, "orderId": ticket.order_id, "tickets": u8::from(!is_void),
        }),
        question: "Void it?",
        touches: !is_void,
    }
}

/// A ticket for people.
fn describe(ticket: &fulfillment_domain::Ticket) -> String {
    let mut lines = vec![
        format!("ticket      {}  {}", ticket.id, ticket_number::grouped(&ticket.number)),
        format!("status      {}  (generation {})", ticket.shown_status(), ticket.code.generation),
        format!("order       {}  ({} of {})", ticket.order_id, ticket.line.index, ticket.line.count),
        format!("event       {}", ticket.event.name),
        format!("seat        {}", ticket.seat.label),
        format!("price       {}", Money { amount: ticket.price, currency: ticket.currency }),
    ];
    let mut maybe = |name: &str, value: Option<String>| {
        if let Some(value) = value {
            lines.push(format!("{name:<11} {value}"));
        }
    };
    maybe("buyer", Some(ticket.customer.email.clone()));
    maybe("holder", holder(ticket));
    maybe("file", ticket.document.path.clone());
    maybe("generated", ticket.document.generated_at.map(|t| t.to_string()));
    maybe("delivered", ticket.lifecycle.delivered_at.map(|t| t.to_string()));
    maybe("erased", ticket.lifecycle.erased_at.map(|t| format!("{t}: {ERASED}")));
    maybe("voided", ticket.lifecycle.voided_at.map(|t| t.to_string()));
    maybe("why", ticket.lifecycle.void_reason.clone().or_else(|| ticket.lifecycle.last_error.clone()));
    let flags = ticket.flags.to_stored();
    maybe("flags", (!flags.is_empty()).then_some(flags));
    crate::terminal::lines(lines)
}
