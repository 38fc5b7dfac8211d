//! Properties of any sequence of refunds.

#![expect(clippy::unwrap_used, reason = "tests")]

use std::collections::{BTreeSet, HashSet};

use fulfillment_domain::{Amount, ItemQuantity, Names, OrderId, OrderState, Subject, Ticket};
use jiff::Timestamp;
use proptest::prelude::*;
use uuid::Uuid;

use super::case::Arrival;
use super::{Case, End, Ruling, decide};
use crate::{RefundRules, WithdrawalRecord, WithdrawalState};

/// An issued order of two items at 10 and 25, with this many tickets of each, paid in one.
fn case(counts: [u32; 2]) -> Case {
    let mut tickets = Vec::new();
    for (item, price, count) in [("a", 10, counts[0]), ("b", 25, counts[1])] {
        for _ in 0..count {
            tickets.push(ticket(item, price, tickets.len()));
        }
    }
    let paid = tickets.iter().fold(Amount::ZERO, |sum, t| sum.saturating_add(t.price));
    let payment = super::case::Paid {
        key: "p".into(),
        amount: Some(paid),
        currency: "EUR".parse().ok(),
        processed_at: None,
        arrival: Arrival::InTime,
        folded_into: None,
    };
    let mut case = Case::issued(OrderId(Uuid::nil()), RefundRules::default(), tickets);
    case.set_payments(vec![payment]);
    case
}

fn ticket(item: &str, price: i64, index: usize) -> Ticket {
    let mut ticket =
        crate::conformance::fixtures::ticket(OrderId(Uuid::nil()), u32::try_from(index + 1).unwrap());
    ticket.lifecycle.status = fulfillment_domain::TicketStatus::Generated;
    ticket.line.item_id = Some(item.into());
    ticket.price = price.to_string().parse().unwrap();
    ticket.currency = "EUR".parse().unwrap();
    (ticket.seat.row, ticket.seat.number) = (None, None);
    ticket
}

fn refund(n: usize, amount: Option<u32>, names: Names) -> WithdrawalRecord {
    WithdrawalRecord {
        key: format!("refund:{n}"),
        kind: Subject::Refund,
        order_id: OrderId(Uuid::nil()),
        payment_key: Some("p".into()),
        amount: amount.map(|a| a.to_string().parse().unwrap()),
        currency: None,
        names,
        reason: None,
        said_at: None,
        state: WithdrawalState::Waiting,
        note: None,
        duplicates: 0,
        received_at: Timestamp::UNIX_EPOCH,
        bound_to: None,
        dismissed_for: BTreeSet::new(),
        was_applied: false,
    }
}

/// Applies a ruling to the case.
fn carry_out(case: &mut Case, ruling: &Ruling) {
    for settled in &ruling.settled {
        let one = case.withdrawals.iter_mut().find(|w| w.key == settled.key).unwrap();
        (one.state, one.note) = (settled.state, settled.note.clone());
        one.bound_to = settled.bound_to.clone().or(one.bound_to.take());
    }
    let gone: HashSet<_> = ruling.voided.iter().map(|(id, _)| *id).collect();
    for ticket in case.tickets.iter_mut().filter(|t| gone.contains(&t.id)) {
        ticket.lifecycle.voided_at = Some(case.now);
    }
    if let Some(End::Voided(_) | End::Parked(_)) = ruling.end {
        (case.state, case.voided_at) = (OrderState::Voided, Some(case.now));
    }
}

/// A refund of an item arrives before its order's tickets are made, and then the whole is refunded: the first needs no
/// operator any more.
#[test]
fn what_waits_for_tickets_is_done_with_when_the_order_is_void() {
    let mut case = case([1, 1]);
    (case.tickets, case.frozen, case.state) = (Vec::new(), false, OrderState::Received);
    let item = Names { item_ids: vec!["a".into()], ..Names::default() };
    case.withdrawals.push(refund(1, Some(10), item));
    let ruling = decide(&case);
    assert_eq!(ruling.settled[0].state, WithdrawalState::Waiting);
    carry_out(&mut case, &ruling);
    case.withdrawals.push(refund(2, None, Names::default()));
    let ruling = decide(&case);
    assert!(matches!(ruling.end, Some(End::Voided(_))), "{ruling:?}");
    carry_out(&mut case, &ruling);
    let states: Vec<_> = case.withdrawals.iter().map(|w| w.state).collect();
    assert_eq!(states, [WithdrawalState::Applied; 2]);
}

fn names() -> impl Strategy<Value = Names> {
    let ids =
        |ids: &[&str]| Names { item_ids: ids.iter().map(|i| (*i).to_owned()).collect(), ..Names::default() };
    prop_oneof![
        Just(Names::default()),
        Just(ids(&["a"])),
        Just(ids(&["b"])),
        Just(ids(&["a", "b"])),
        (1u32..4).prop_map(|quantity| Names {
            items: vec![ItemQuantity { item_id: "a".into(), quantity }],
            ..Names::default()
        }),
    ]
}

proptest! {
    #[test]
    fn no_refund_voids_more_than_it_pays_or_names(
        counts in [1u32..5, 1u32..4],
        refunds in prop::collection::vec((prop::option::weighted(0.8, 0u32..60), names()), 1..7),
    ) {
        let mut case = case(counts);
        let paid = case.payments[0].amount.unwrap_or_default();
        let (mut back, mut exactly) = (Amount::ZERO, false);
        for (n, (amount, names)) in refunds.into_iter().enumerate() {
            exactly |= amount.is_none() || !names.items.is_empty();
            back = back.saturating_add(amount.unwrap_or_default().to_string().parse().unwrap());
            let named: HashSet<_> = names.item_ids.iter().chain(names.items.iter().map(|i| &i.item_id)).cloned().collect();
            case.withdrawals.push(refund(n, amount, names));
            let ruling = decide(&case);
            let others = |t: &&Ticket| !named.contains(t.line.item_id.as_deref().unwrap_or_default());
            let voided: Vec<_> = ruling.voided.iter().filter_map(|(id, _)| case.tickets.iter().find(|t| t.id == *id)).collect();
            let whole = back >= paid || (amount.is_none() && named.is_empty());
            prop_assert!(whole || !voided.iter().any(others), "{ruling:?}");
            carry_out(&mut case, &ruling);
            let again = decide(&case);
            prop_assert!(again.voided.is_empty(), "{again:?}");
            let void = case.tickets.iter().filter(|t| t.lifecycle.voided_at.is_some());
            let price = void.fold(Amount::ZERO, |sum, t| sum.saturating_add(t.price));
            prop_assert!(exactly || price <= back, "{price} of {back}");
            let left = case.tickets.iter().any(|t| t.lifecycle.voided_at.is_none());
            prop_assert_eq!(case.is_void(), !left);
        }
    }
}
