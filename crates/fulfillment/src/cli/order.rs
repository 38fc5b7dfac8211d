//! The command `fulfillment order`: lists, shows, cancels, refreshes or reinstates an order, and prints its link.

use std::collections::BTreeSet;
use std::sync::Arc;

use clap::{Args, Subcommand};
use fulfillment_domain::{Clock as _, OrderId, OrderState, Subject, ticket_number};
use fulfillment_pipeline::clock::SystemClock;
use fulfillment_pipeline::operations::links::{NoLink, WholeOrder};
use fulfillment_pipeline::operations::reissue::NotReinstated;
use fulfillment_pipeline::operations::withdraw::NotWithdrawn;
use fulfillment_store::{AskOutcome, OrderRecord, OrderRow, Store};
use jiff::Timestamp;
use serde::Serialize;
use serde_json::json;

use super::Context;
use super::confirm::{Consent, Plan, count};
use super::erase::ERASED;
use super::links;
use super::listing::ListOptions;
use super::reissue::{not_reissued, reissuer};
use super::withdraw::withdraw;
use crate::error::CliError;

/// Find orders; show an order with its state, payments and tickets; print its link; cancel or reinstate it
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  fulfillment order list --name 'muller anna'
  fulfillment order show 7d444840-9dc0-11d1-b245-5ffdce74fad2
  fulfillment order show --json ID | jq '.tickets[].id'")]
pub(crate) struct Order {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// List orders, newest first, or those that match
    ///
    /// All options must match; what is said of tickets must be true of one and the same. Names are searched by words or
    /// their beginnings, without case and accents; such a list is in the order of the words. An order is listed some
    /// seconds after its payment, and found by its names some seconds after its issue.
    #[command(after_help = "Examples:
  fulfillment order list                                     the newest 50
  fulfillment order list --state received,enriched,parked    what is not issued
  fulfillment order list --name 'muller an' --event gala-2026
  fulfillment order list --email ada@example.org
  fulfillment order list --state parked --error 'no answer' --all --json | jq -r '.items[].orderId'
  fulfillment order list --event gala-2026 --all --csv > orders.csv
Exit code: 1 when nothing matches.")]
    List(Box<ListOptions>),
    /// Show one order
    #[command(after_help = "Examples:
  fulfillment order show 7d444840-9dc0-11d1-b245-5ffdce74fad2
  fulfillment order show --json ID | jq '.tickets[].id'
Exit code: 0 shown, 1 no payment for it has arrived.")]
    Show {
        /// The order's id
        id: OrderId,
    },
    /// Print the signed link to the file of all tickets of an order: it opens without a token
    ///
    /// Whoever has the link has the tickets. It ends with the next new code of one of them, because that ticket may belong
    /// to somebody else from then on: if a link has got into wrong hands, reissue the tickets, whose codes it has shown.
    /// With --renew the link works for `http.links_expire_after` from now on, however long the event has been over. An
    /// order that is void, erased or not issued has none. The command is in the audit as a read.
    #[command(after_help = "Examples:
  fulfillment order link 7d444840-9dc0-11d1-b245-5ffdce74fad2
  fulfillment order link ID --renew             for a buyer who comes back long after the event
  fulfillment order link ID --json | jq -r .link
Exit code: 1 when there is no such order, or it has no link.")]
    Link {
        /// The order's id
        id: OrderId,
        /// Let it work from now on for as long as links work after an event
        #[arg(long)]
        renew: bool,
    },
    /// Cancel an order, like a message on the topic order-cancelled: void its tickets, park later payments
    #[command(after_help = "Example:
  fulfillment order cancel 7d444840-9dc0-11d1-b245-5ffdce74fad2 --reason 'the event is off'
It says how many tickets that voids, and asks; --dry-run only says it, --yes does not ask.
Exit code: 1 when no payment for it has arrived, 2 when it is not confirmed.")]
    Cancel {
        /// The order's id
        id: OrderId,
        /// The reason, as free text
        #[arg(long)]
        reason: Option<String>,
        /// Cancel it even if no payment for it has arrived
        #[arg(long)]
        before_payment: bool,
        #[command(flatten)]
        consent: Consent,
    },
    /// Ask Ordering again about an issued order: new lines get their tickets once all lines are paid
    #[command(after_help = "Examples:
  fulfillment order refresh 7d444840-9dc0-11d1-b245-5ffdce74fad2
  fulfillment order refresh --issue ID    new lines get their tickets whatever was paid
A running service asks; `fulfillment order show` says what came of it.
Exit code: 1 when there is no such order, or it is void, erased or imported, so that it gets no new tickets.")]
    Refresh {
        /// The order's id
        id: OrderId,
        /// Issue new lines regardless of what was paid
        #[arg(long)]
        issue: bool,
    },
    /// Reverse a void: every voided ticket becomes valid again under a new code; an order without tickets is issued
    #[command(after_help = "Example:
  fulfillment order reinstate 7d444840-9dc0-11d1-b245-5ffdce74fad2 --reason 'cancelled by mistake'
Exit code: 1 when nothing of it is void.")]
    Reinstate {
        /// The order's id
        id: OrderId,
        /// The reason, as free text
        #[arg(long)]
        reason: Option<String>,
    },
}

impl Order {
    pub(crate) async fn run(self, context: &Context) -> Result<(), CliError> {
        let id = match self.action {
            Action::List(options) => return options.run::<OrderRow>(context).await,
            Action::Show { id } => id,
            Action::Cancel { id, reason, before_payment, consent } => {
                return cancel(context, id, reason, before_payment, consent).await;
            }
            Action::Link { id, renew } => return link(context, id, renew).await,
            Action::Refresh { id, issue } => return refresh(context, id, issue).await,
            Action::Reinstate { id, reason } => return reinstate(context, id, reason).await,
        };
        let config = context.config()?;
        let store = context.store(&config).await?;
        let order = known(&store, id).await?;
        let linker = links::linker_if_any(&config, &store).await;
        let link = match &linker {
            Some(linker) => linker.order(&order, store.order_pages(id).await?).ok(),
            None => None,
        };
        let whole = WholeOrder::of(&order, link, linker.as_ref());
        if whole.tickets_pdf_url.is_some() {
            links::record(context, &store, id, None).await?;
        }
        context.answer(&whole, |whole| describe(&order, whole.tickets_pdf_url.as_deref()))
    }
}

async fn known(store: &Arc<dyn Store>, id: OrderId) -> Result<OrderRecord, CliError> {
    let order = store.order(id).await?;
    order.ok_or_else(|| CliError::failed(format!("no payment for order {id} has arrived")))
}

/// The link that is printed.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Printed {
    order_id: OrderId,
    link: String,
    /// Until when a renewed link is good; left out where links work for ever.
    #[serde(skip_serializing_if = "Option::is_none")]
    until: Option<Timestamp>,
}

async fn link(context: &Context, id: OrderId, renew: bool) -> Result<(), CliError> {
    let config = context.config()?;
    let store = context.store(&config).await?;
    let (order, linker) = (known(&store, id).await?, links::linker(&config, &store).await?);
    let pages = store.order_pages(id).await?;
    let made = if renew {
        linker.renewed_order(&order, pages)
    } else {
        linker.order(&order, pages).map(|link| (link, None))
    };
    let (link, until) = made.map_err(|why| {
        let renewed = if why == NoLink::Expired { "; --renew makes one that works" } else { "" };
        CliError::failed(format!("order {id} has no link: {why}{renewed}"))
    })?;
    links::record(context, &store, id, None).await?;
    if renew && until.is_none() {
        eprintln!(
            "fulfillment: links work for ever here (http.links_expire_after is not set): this is the usual one"
        );
    }
    context.answer(&Printed { order_id: id, link, until }, |printed| printed.link.clone())
}

async fn cancel(
    context: &Context,
    id: OrderId,
    reason: Option<String>,
    before_payment: bool,
    consent: Consent,
) -> Result<(), CliError> {
    let record = context.store(&context.config()?).await?.order(id).await?;
    let record = record.filter(|order| !order.payments.is_empty() || !order.tickets.is_empty());
    if record.is_none() && !before_payment {
        return Err(CliError::failed(NotWithdrawn::NoPayment(id).to_string()));
    }
    if !consent.given(context, &cancel_plan(id, record.as_ref()))? {
        return Ok(());
    }
    let said = json!({ "orderId": id, "reason": reason, "cancelledAt": SystemClock.now() });
    withdraw(context, "order cancel", Subject::Cancellation, &said, before_payment).await
}

/// What a cancellation touches. It is recorded, and parks later payments, where nothing is left to void too.
fn cancel_plan(id: OrderId, order: Option<&OrderRecord>) -> Plan {
    let tickets = order.map(|order| order.tickets.as_slice()).unwrap_or_default();
    let live = tickets.iter().filter(|ticket| ticket.lifecycle.voided_at.is_none()).count() as u64;
    let state = order.map(|order| order.state);
    let (tickets, is) = (count(live, "ticket"), state.map_or("not paid yet", OrderState::as_str));
    let erased =
        order.and_then(|order| order.erased_at).map(|at| format!(" It was erased at {at}: {ERASED}."));
    Plan {
        text: format!(
            "This cancels order {id} ({is}): it voids {tickets} and announces each void, and a later payment of the order \
             parks. `order reinstate` gives the tickets other codes; these stay void.{}",
            erased.unwrap_or_default()
        ),
        json: json!({ "orderId": id, "state": state, "tickets": live }),
        question: "Cancel it?",
        touches: true,
    }
}

async fn refresh(context: &Context, id: OrderId, issue: bool) -> Result<(), CliError> {
    let store = context.store(&context.config()?).await?;
    let never = |why: &str| CliError::failed(format!("order {id} gets no new tickets: {why}"));
    let when = match store.ask_ordering(id, issue, &context.actor()).await? {
        AskOutcome::Asked => "at once",
        AskOutcome::Later => "once it is issued",
        AskOutcome::Unknown => {
            return Err(CliError::failed(format!("no payment for order {id} has arrived")));
        }
        AskOutcome::Void => {
            return Err(never("it is void; use `fulfillment order reinstate` to reverse that"));
        }
        AskOutcome::Erased => return Err(never("its personal data was erased")),
        AskOutcome::Imported => return Err(never("it was imported from an earlier service")),
    };
    context.answer(&json!({ "orderId": id, "asked": when }), |_| {
        format!("order {id}: Ordering is asked again {when}")
    })
}

async fn reinstate(context: &Context, id: OrderId, reason: Option<String>) -> Result<(), CliError> {
    let config = context.config()?;
    let store = context.store(&config).await?;
    let reissuer = reissuer(context, &config, &store).await?;
    let order = reissuer.reinstate_order(id, &context.actor(), reason).await.map_err(|why| match why {
        NotReinstated::Store(error) => error.into(),
        NotReinstated::Unknown => CliError::failed(format!("no payment for order {id} has arrived")),
        NotReinstated::Erased => CliError::failed(format!("order {id} was erased: {ERASED}")),
        NotReinstated::NotVoid => {
            CliError::failed(format!("nothing of order {id} is void, or no payment for it has arrived"))
        }
        NotReinstated::Ticket(ticket, why) => not_reissued(ticket, why),
    })?;
    let whole = WholeOrder::of(&order, None, None);
    context.answer(&whole, |_| describe(&order, None))
}

fn describe(order: &OrderRecord, link: Option<&str>) -> String {
    let erased = if order.erased_at.is_some() { ", erased" } else { "" };
    let mut lines =
        vec![format!("order       {}", order.order_id), format!("state       {}{erased}", order.state)];
    if let Some(reason) = &order.reason {
        lines.push(format!("why         {reason}"));
    }
    if let Some(at) = order.erased_at {
        lines.push(format!("erased      {at}: {ERASED}"));
    }
    if let Some(next) = order.next_attempt_at {
        lines.push(format!("next try    {next} (after {})", order.attempts));
    }
    if order.payments.is_empty() && order.tickets.is_empty() {
        lines.push(format!("paid        awaiting payment since {}", order.received_at));
    } else {
        lines.push(format!("paid        {}", order.received_at));
    }
    for payment in &order.payments {
        let amount = payment.amount.map(|a| a.to_string()).unwrap_or_default();
        let currency = payment.currency.map(|c| c.to_string()).unwrap_or_default();
        let into = payment.folded_into.as_ref().map(|key| format!(" into {key}")).unwrap_or_default();
        lines.push(format!("payment     {}  {amount} {currency}  {}{into}", payment.key, payment.outcome));
    }
    for withdrawal in &order.withdrawals {
        let note = withdrawal.note.as_deref().unwrap_or_default();
        lines.push(format!(
            "{:<11} {}  {}  {note}",
            withdrawal.kind,
            withdrawal.key,
            withdrawal.state.as_str()
        ));
    }
    for ticket in &order.tickets {
        let number = ticket_number::grouped(&ticket.number);
        let (id, status, seat) = (ticket.id, ticket.shown_status(), &ticket.seat.label);
        let holder = ticket.holder.name.as_ref().map(|name| format!("  {name}")).unwrap_or_default();
        lines.push(format!("ticket      {id}  {number}  {:<9}  {seat}{holder}", status.as_str()));
    }
    let buyers: BTreeSet<_> = order.tickets.iter().map(|ticket| ticket.customer.email.as_str()).collect();
    lines.extend(buyers.iter().map(|buyer| format!("buyer       {buyer}")));
    lines.extend(link.iter().map(|link| format!("link        {link}")));
    lines.extend(order.notes.iter().map(|note| format!("note        {note}")));
    crate::terminal::lines(lines)
}
