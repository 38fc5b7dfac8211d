//! Decides which tickets are voided by a refund that names items or tickets.

use std::collections::HashMap;

use fulfillment_domain::{Amount, Currency, Share, TicketId};

use super::OrderFacts;
use super::sums::{Of, sum};
use super::ticket::TicketFacts;
use super::verdict::Verdict;
use crate::WithdrawalRecord;

const UNKNOWN: &str = "it names what the order does not have";
/// The most names of unknown items and tickets in a note, and the most bytes of each.
const UNKNOWN_NAMES: usize = 3;
const UNKNOWN_BYTES: usize = 100;
/// The end of the note of every refund whose tickets an operator has to name.
const WITH_TICKET: &str = "or run `fulfillment refund` with --ticket";

/// An order's tickets by item, each sorted by index.
type Lines<'a> = HashMap<&'a str, Vec<&'a TicketFacts>>;

/// An order's tickets by what refunds name: built once for all of them.
#[derive(Default)]
pub(super) struct Index<'a> {
    lines: Lines<'a>,
    by_id: HashMap<TicketId, &'a TicketFacts>,
}

impl<'a> Index<'a> {
    /// Empty where no open refund names anything.
    pub(super) fn of(facts: &'a OrderFacts) -> Self {
        let mut index = Self::default();
        if facts.withdrawals.iter().any(|w| w.state.is_open() && !w.names.is_empty()) {
            for ticket in &facts.tickets {
                let item = ticket.item_id.as_deref().unwrap_or_default();
                index.lines.entry(item).or_default().push(ticket);
                index.by_id.insert(ticket.id, ticket);
            }
        }
        index
    }
}

impl OrderFacts {
    /// Tickets, and items with a quantity, are voided whatever the amount. Items without a quantity are voided when the
    /// amount covers their price, or as many of their last tickets as the amount pays for. `gone`: the tickets that
    /// earlier refunds are voiding now.
    pub(super) fn judge_names(
        &self,
        refund: &WithdrawalRecord,
        of: Of<'_>,
        gone: &HashMap<TicketId, String>,
        index: &Index<'_>,
    ) -> Verdict {
        let is_live =
            |t: &TicketFacts| !t.is_void && !gone.contains_key(&t.id) && !refund.is_dismissed_for(t.id);
        let all_back = matches!(of, Of::Payment(payment) if self.is_refunded(payment, None));
        // Later voids do not show what a part was meant for: only money can settle it.
        let left_open = refund.note.as_deref().filter(|note| note.ends_with(WITH_TICKET));
        if let Some(note) = left_open.filter(|_| !all_back) {
            return Verdict::parked(note);
        }
        let lines = &index.lines;
        let exact = match self.exactly(refund, index, &is_live) {
            Ok(exact) => exact,
            Err(why) => return Verdict::parked(why),
        };
        let (mut named, mut charges) = (Vec::new(), Vec::new());
        for item in &refund.names.item_ids {
            let Some(line) = lines.get(item.as_str()) else {
                let Some(charge) = self.charge(item) else {
                    return Verdict::parked(self.unknown(refund, lines));
                };
                charges.push(charge.cost());
                continue;
            };
            let left = line.iter().filter(|t| is_live(t) && exact.iter().all(|e| e.id != t.id));
            let left: Vec<&TicketFacts> = left.copied().collect();
            if !left.is_empty() {
                named.push((item.as_str(), left));
            }
        }
        let currency = match of {
            Of::Payment(payment) => refund.currency.or(payment.currency),
            Of::NotCome | Of::Several(_) => refund.currency,
        };
        let by_number = refund.names.items.iter();
        let by_number = by_number.filter_map(|i| Some(self.charge(&i.item_id)?.cost_of(i.quantity.into())));
        let by_number: Vec<Amount> = by_number.collect();
        let of_exact = price(&exact, currency).map(|price| total(price, &by_number));
        if let Some(verdict) = judge_charges_alone(refund, &charges, &by_number) {
            return verdict;
        }
        let mut void: Vec<TicketId> = exact.iter().filter(|t| is_live(t)).map(|t| t.id).collect();
        match refund.amount {
            Some(amount) if !all_back && !named.is_empty() => {
                let left = of_exact.map(|exact| amount.saturating_sub(exact));
                let off = (!charges.is_empty()).then(|| charges.iter().copied().filter(|c| c.is_negative()));
                let off = off.map(|off| off.fold(Amount::ZERO, Amount::saturating_add));
                match covered(&named, off, left, amount, currency, self.rules.retained_share) {
                    Ok(tickets) => void.extend(tickets),
                    Err(why) => return Verdict::parked(why),
                }
            }
            _ => void.extend(named.iter().flat_map(|(_, left)| left).map(|t| t.id)),
        }
        let below = match (refund.amount, of_exact) {
            (Some(amount), Some(price)) if amount < self.rules.retained_share.left_of(price, currency) => {
                Some(format!("refund_below_price: it returns {amount} of {price}"))
            }
            _ => None,
        };
        Verdict { void, ..Verdict::applied(below) }
    }

    /// The tickets that are named individually or by quantity, void or not; or why it is unknown which they are.
    fn exactly<'a>(
        &self,
        refund: &WithdrawalRecord,
        Index { lines, by_id }: &Index<'a>,
        is_live: &impl Fn(&TicketFacts) -> bool,
    ) -> Result<Vec<&'a TicketFacts>, String> {
        let mut exact = Vec::new();
        for id in &refund.names.ticket_ids {
            exact.push(*by_id.get(id).ok_or_else(|| self.unknown(refund, lines))?);
        }
        for item in &refund.names.items {
            let wanted = usize::try_from(item.quantity).unwrap_or(usize::MAX);
            let line = lines.get(item.item_id.as_str());
            let charge = self.charge(&item.item_id).filter(|_| line.is_none());
            let has =
                line.map(Vec::len).or(charge.map(|c| usize::try_from(c.quantity).unwrap_or(usize::MAX)));
            let has = has.ok_or_else(|| self.unknown(refund, lines))?;
            if wanted > has {
                return Err(format!("it names {wanted} of the item {}, which has {has}", item.item_id));
            }
            let Some(line) = line else { continue };
            let is_left = |t: &&TicketFacts| is_live(t) && exact.iter().all(|e: &&TicketFacts| e.id != t.id);
            // Seats are rare and the last tickets enough: a large order is not counted for each of its refunds.
            if line.iter().any(|t| t.has_seat && is_left(t)) {
                let left = line.iter().filter(|t| is_left(t)).count();
                if wanted < left {
                    return Err(has_seats(&item.item_id, wanted, left));
                }
            }
            let last: Vec<_> = line.iter().rev().copied().filter(is_left).take(wanted).collect();
            exact.extend(last);
        }
        Ok(exact)
    }

    /// Why a refund is parked that names items or tickets which the order does not have, with their names.
    fn unknown(&self, refund: &WithdrawalRecord, lines: &Lines<'_>) -> String {
        let names = &refund.names;
        let is_unknown = |item: &&String| !lines.contains_key(item.as_str()) && self.charge(item).is_none();
        let tickets = names.ticket_ids.iter().filter(|id| self.tickets.iter().all(|t| t.id != **id));
        let items = names.items.iter().map(|i| &i.item_id).chain(&names.item_ids).filter(is_unknown);
        let items =
            items.map(|item| format!("the item {}", &item[..item.floor_char_boundary(UNKNOWN_BYTES)]));
        let mut unknown = tickets.map(|id| format!("the ticket {id}")).chain(items);
        let first: Vec<String> = unknown.by_ref().take(UNKNOWN_NAMES).collect();
        let more = if unknown.next().is_some() { " and more" } else { "" };
        format!("{UNKNOWN}: {}{more}", first.join(", "))
    }
}

/// What an amount refunds of the named lines; `left` of it is for them. Beside named lines that admit nobody, whose
/// total is `off`, all of the tickets are refunded or none: a fee may be kept, and a voucher was never paid.
fn covered(
    named: &[(&str, Vec<&TicketFacts>)],
    off: Option<Amount>,
    left: Option<Amount>,
    amount: Amount,
    currency: Option<Currency>,
    retained: Share,
) -> Result<Vec<TicketId>, String> {
    let all: Vec<&TicketFacts> = named.iter().flat_map(|(_, line)| line).copied().collect();
    let (Some(price), Some(left)) = (price(&all, currency), left) else {
        return Err(format!(
            "it returns {amount}, in another currency than the tickets' price: send ticketIds, or items with a quantity, {WITH_TICKET}"
        ));
    };
    let pays = |price: Amount| {
        left >= retained.left_of(price, currency) && (left > Amount::ZERO || price <= Amount::ZERO)
    };
    if let Some(off) = off {
        return if pays(price.saturating_add(off)) {
            Ok(all.iter().map(|t| t.id).collect())
        } else {
            Err(format!(
                "it names items of {price} together beside lines that admit nobody, and returns {amount}: send ticketIds, or items with a quantity, {WITH_TICKET}"
            ))
        };
    }
    let line = match named {
        [(item, line)] if line.iter().all(|t| t.price == line[0].price) => Some((*item, line[0].price)),
        _ => None,
    };
    let mut counts: Vec<usize> = Vec::new();
    if let Some((_, unit)) = line {
        let fits = |n: &usize| unit.saturating_times(*n) >= left && pays(unit.saturating_times(*n));
        counts.extend((1..all.len()).filter(fits));
    }
    if pays(price) {
        counts.push(all.len());
    }
    match (counts.as_slice(), line) {
        ([n], _) if *n == all.len() => Ok(all.iter().map(|t| t.id).collect()),
        ([n], Some((item, _))) if all.iter().any(|t| t.has_seat) => Err(has_seats(item, *n, all.len())),
        ([n], _) => Ok(all.iter().rev().take(*n).map(|t| t.id).collect()),
        ([least, .., most], Some((item, unit))) => Err(format!(
            "it returns {amount}, which can be {least} to {most} tickets of {unit} of the item {item}: send ticketIds, or items with a quantity, {WITH_TICKET}"
        )),
        (_, Some((item, unit))) => Err(format!(
            "it names the item {item} ({} x {unit}) and returns {amount}: send ticketIds, or items with a quantity, {WITH_TICKET}",
            all.len()
        )),
        (_, None) => Err(format!(
            "it names items of {price} together and returns {amount}: send ticketIds, or items with a quantity, {WITH_TICKET}"
        )),
    }
}

fn total(first: Amount, others: &[Amount]) -> Amount {
    others.iter().copied().fold(first, Amount::saturating_add)
}

/// Judges a refund with an amount that names only lines that admit nobody; `None` for any other.
fn judge_charges_alone(refund: &WithdrawalRecord, whole: &[Amount], by_number: &[Amount]) -> Option<Verdict> {
    let (amount, names) = (refund.amount?, &refund.names);
    let others = !names.ticket_ids.is_empty()
        || whole.len() != names.item_ids.len()
        || by_number.len() != names.items.len();
    if others {
        return None;
    }
    let price = total(total(Amount::ZERO, whole), by_number);
    Some(if amount <= price {
        Verdict::applied(None)
    } else {
        Verdict::parked(format!(
            "it returns {amount} and names only lines that admit nobody, of {price} together: send ticketIds, or items with a quantity, {WITH_TICKET}"
        ))
    })
}

fn has_seats(item: &str, wanted: usize, left: usize) -> String {
    format!(
        "it is for {wanted} of {left} tickets of the item {item}, which have seats: send ticketIds, {WITH_TICKET}"
    )
}

/// The price of tickets in a currency, if they have that currency.
fn price(tickets: &[&TicketFacts], currency: Option<Currency>) -> Option<Amount> {
    let theirs = |t: &&TicketFacts| currency.is_none_or(|c| c == t.currency);
    tickets.iter().all(theirs).then(|| sum(tickets.iter().copied())).flatten()
}
