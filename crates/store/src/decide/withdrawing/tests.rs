//! Properties of any sequence of refunds.

use std::collections::{BTreeSet, HashSet};

use fulfillment_domain::{Amount, ItemQuantity, Names, OrderId, OrderState, Subject, TicketId, TicketStatus};
use jiff::Timestamp;
use proptest::prelude::*;
use uuid::Uuid;

use super::facts::Arrival;
use super::{Effects, End, OrderFacts, TicketFacts, decide};
use crate::{RefundRules, WithdrawalRecord, WithdrawalState};

/// An issued order of two items at 10 and 25, with this many tickets of each, paid in one.
fn facts(counts: [u32; 2]) -> OrderFacts {
    let mut tickets = Vec::new();
    for (item, price, count) in [("a", 10, counts[0]), ("b", 25, counts[1])] {
        for _ in 0..count {
            tickets.push(ticket(item, price, tickets.len()));
        }
    }
    let paid = tickets.iter().fold(Amount::ZERO, |sum, t| sum.saturating_add(t.price));
    let payment = super::facts::Paid {
        key: "p".into(),
        amount: Some(paid),
        currency: "EUR".parse().ok(),
        processed_at: None,
        arrival: Arrival::InTime,
        folded_into: None,
    };
    let mut facts = OrderFacts::issued(OrderId(Uuid::nil()), RefundRules::default(), tickets);
    facts.set_payments(vec![payment]);
    facts
}

fn ticket(item: &str, price: i64, index: usize) -> TicketFacts {
    TicketFacts {
        id: TicketId(Uuid::from_u128(index as u128 + 1)),
        item_id: Some(item.into()),
        price: price.to_string().parse().unwrap(),
        currency: "EUR".parse().unwrap(),
        has_seat: false,
        status: TicketStatus::Generated,
        is_void: false,
        sequence: 0,
    }
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

/// Applies the effects to the facts.
fn apply(facts: &mut OrderFacts, effects: &Effects) {
    for settled in &effects.settled {
        let one = facts.withdrawals.iter_mut().find(|w| w.key == settled.key).unwrap();
        (one.state, one.note) = (settled.state, settled.note.clone());
        one.bound_to = settled.bound_to.clone().or(one.bound_to.take());
    }
    let gone: HashSet<_> = effects.voided.iter().map(|(id, _)| *id).collect();
    for ticket in facts.tickets.iter_mut().filter(|t| gone.contains(&t.id)) {
        ticket.is_void = true;
    }
    if let Some(End::Voided(_) | End::Parked(_)) = effects.end {
        (facts.state, facts.voided_at) = (OrderState::Voided, Some(facts.now));
    }
}

/// A refund of an item arrives before its order's tickets are made, and then the whole is refunded: the first needs no
/// operator any more.
#[test]
fn what_waits_for_tickets_is_done_with_when_the_order_is_void() {
    let mut facts = facts([1, 1]);
    (facts.tickets, facts.frozen, facts.state) = (Vec::new(), false, OrderState::Received);
    let item = Names { item_ids: vec!["a".into()], ..Names::default() };
    facts.withdrawals.push(refund(1, Some(10), item));
    let effects = decide(&facts);
    assert_eq!(effects.settled[0].state, WithdrawalState::Waiting);
    apply(&mut facts, &effects);
    facts.withdrawals.push(refund(2, None, Names::default()));
    let effects = decide(&facts);
    assert!(matches!(effects.end, Some(End::Voided(_))), "{effects:?}");
    apply(&mut facts, &effects);
    let states: Vec<_> = facts.withdrawals.iter().map(|w| w.state).collect();
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
        let mut facts = facts(counts);
        let paid = facts.payments[0].amount.unwrap_or_default();
        let (mut back, mut exactly) = (Amount::ZERO, false);
        for (n, (amount, names)) in refunds.into_iter().enumerate() {
            exactly |= amount.is_none() || !names.items.is_empty();
            back = back.saturating_add(amount.unwrap_or_default().to_string().parse().unwrap());
            let named: HashSet<_> = names.item_ids.iter().chain(names.items.iter().map(|i| &i.item_id)).cloned().collect();
            facts.withdrawals.push(refund(n, amount, names));
            let effects = decide(&facts);
            let others = |t: &&TicketFacts| !named.contains(t.item_id.as_deref().unwrap_or_default());
            let voided: Vec<_> = effects.voided.iter().filter_map(|(id, _)| facts.tickets.iter().find(|t| t.id == *id)).collect();
            let whole = back >= paid || (amount.is_none() && named.is_empty());
            prop_assert!(whole || !voided.iter().any(others), "{effects:?}");
            apply(&mut facts, &effects);
            let again = decide(&facts);
            prop_assert!(again.voided.is_empty(), "{again:?}");
            let void = facts.tickets.iter().filter(|t| t.is_void);
            let price = void.fold(Amount::ZERO, |sum, t| sum.saturating_add(t.price));
            prop_assert!(exactly || price <= back, "{price} of {back}");
            let left = facts.tickets.iter().any(|t| !t.is_void);
            prop_assert_eq!(facts.is_void(), !left);
        }
    }
}
