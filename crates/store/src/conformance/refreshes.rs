//! Conformance of refreshes: issued orders that grow, and those that do not.

use std::time::Duration;

use fulfillment_domain::{Amount, Currency, Flag, OrderState, Ticket};

use super::Backend;
use super::fixtures::{
    LONG, cancellation, claimed, completion, desk, freeze, frozen, ingest, issued, loudly, order, payment,
    refund, reinstate, sold, ticket, to_kafka, withdraw,
};
use crate::AttentionReason::{
    CannotTellNew, NewLinesUnpaid, NotAskedAgain, Overpaid, PaymentOfClosedOrder, PaymentUnclear,
};
use crate::{
    AskOutcome, Attention, AttentionReason, Claim, Found, Freeze, IngestOutcome, NewLines, NextStep,
    RefreshOutcome, Refreshed, Release, Store,
};

/// An order of one ticket of 49.90 that is paid and issued.
async fn one(store: &dyn Store) -> Ticket {
    let claim = claimed(store, 1).await.remove(0);
    let tickets = frozen(store.freeze(&[freeze(&claim, 1)]).await.unwrap().remove(0));
    assert_eq!(store.complete(&[completion(&claim, &tickets, &["kafka"])]).await.unwrap(), [true]);
    tickets.into_iter().next().unwrap()
}

/// Pays an issued order, and claims it.
async fn paid(store: &dyn Store, payment_id: u32, amount: &str) -> Claim {
    let outcomes = ingest(store, &[payment(payment_id, 1, amount)]).await;
    assert_eq!(outcomes, [IngestOutcome::AlreadyPaid(order(1))]);
    lent(store).await
}

async fn lent(store: &dyn Store) -> Claim {
    assert_eq!(store.order(order(1)).await.unwrap().unwrap().state, OrderState::Issued, "it stays issued");
    let mut claims = store.claim("w", 9, LONG).await.unwrap();
    assert_eq!(claims.len(), 1);
    let claim = claims.remove(0);
    assert_eq!(claim.state, OrderState::Issued);
    claim
}

/// An answer whose lines cost `total`, with `new` more tickets than are recorded.
fn answer(claim: &Claim, total: &str, new: u32) -> Refreshed {
    let refresh = claim.refresh.as_ref().unwrap();
    let before = u32::try_from(refresh.tickets.len()).unwrap();
    let tickets = (before + 1..=before + new).map(|n| ticket(claim.order_id, n)).collect();
    let freeze = Freeze { tickets, snapshot: b"newer".to_vec(), ..freeze(claim, 1) };
    Refreshed {
        said: None,
        order_id: claim.order_id,
        fence: claim.fence,
        asks: refresh.asks,
        total: Some((total.parse().unwrap(), "EUR".parse::<Currency>().unwrap())),
        charges: Amount::ZERO,
        found: Found::Lines(NewLines { freeze, gone: vec![], gone_prices: vec![], changed: vec![] }),
        ask_again: None,
    }
}

async fn listed(store: &dyn Store) -> Vec<(AttentionReason, String)> {
    let list: Vec<Attention> = store.attention(9).await.unwrap();
    list.into_iter().map(|entry| (entry.reason, entry.detail)).collect()
}

async fn reasons(store: &dyn Store) -> Vec<AttentionReason> {
    listed(store).await.into_iter().map(|(reason, _)| reason).collect()
}

pub async fn new_lines_are_issued_once_paid(backend: &dyn Backend) {
    let store = backend.store();
    let first = one(&*store).await;
    let before = store.ticket(first.id).await.unwrap();
    let claim = paid(&*store, 2, "30").await;
    assert_eq!(claim.payment_id.as_deref(), Some("pay-2"), "the payment that it is asked for");
    let refresh = claim.refresh.clone().unwrap();
    assert_eq!((refresh.asks, refresh.tickets.len()), (1, 1));
    assert_eq!(refresh.snapshot.as_deref(), Some(&freeze(&claim, 1).snapshot[..]));
    let RefreshOutcome::Grown(new) = store.refreshed(&answer(&claim, "79.90", 1)).await.unwrap() else {
        panic!("it does not grow")
    };
    assert_eq!((new.len(), new[0].line.index, new[0].line.count), (1, 2, 2));
    assert!(!new[0].flags.contains(Flag::AmountMismatch));
    let record = store.order(order(1)).await.unwrap().unwrap();
    assert_eq!(record.state, OrderState::Enriched);
    assert_eq!(store.ticket(first.id).await.unwrap(), before, "what is on record stays as it is");
    assert_eq!(store.complete(&[completion(&claim, &new, &["kafka"])]).await.unwrap(), [true]);
    let record = store.order(order(1)).await.unwrap().unwrap();
    assert_eq!((record.state, record.tickets.len(), record.next_attempt_at), (OrderState::Issued, 2, None));
    assert!(store.claim("w", 9, LONG).await.unwrap().is_empty());
    assert!(listed(&*store).await.is_empty());
    assert_eq!(store.refreshed(&answer(&claim, "79.90", 1)).await.unwrap(), RefreshOutcome::Stale);
    assert_eq!(backend.number("SELECT count(*) FROM tickets").await, 2);
}

pub async fn unpaid_lines_wait_and_are_listed(backend: &dyn Backend) {
    let store = backend.store();
    one(&*store).await;
    // A double charge, and an unpaid line in the basket.
    let claim = paid(&*store, 2, "49.90").await;
    assert_eq!(store.refreshed(&answer(&claim, "149.90", 1)).await.unwrap(), RefreshOutcome::Unchanged);
    let [(NewLinesUnpaid, detail)] = &listed(&*store).await[..] else { panic!() };
    assert!(detail.contains("paid 99.80 EUR, all lines cost 149.90 EUR"), "{detail}");
    assert!(store.claim("w", 9, LONG).await.unwrap().is_empty(), "until the next payment");
    assert_eq!(store.order(order(1)).await.unwrap().unwrap().tickets.len(), 1);
    // The double charge is refunded, and Ordering is asked again.
    store.ingest(&[refund(1, 2, 1, "")], &to_kafka(), &loudly()).await.unwrap();
    let claim = lent(&*store).await;
    store.refreshed(&answer(&claim, "149.90", 1)).await.unwrap();
    assert!(listed(&*store).await[0].1.contains("paid 49.90 EUR"));
    // The rest is paid.
    let claim = paid(&*store, 3, "100").await;
    let outcome = store.refreshed(&answer(&claim, "149.90", 1)).await.unwrap();
    assert!(matches!(outcome, RefreshOutcome::Grown(_)));
    assert!(listed(&*store).await.is_empty());
}

pub async fn an_operator_overrides_the_sums(backend: &dyn Backend) {
    let store = backend.store();
    assert_eq!(store.ask_ordering(order(1), true, &desk()).await.unwrap(), AskOutcome::Unknown);
    one(&*store).await;
    assert_eq!(store.ask_ordering(order(1), false, &desk()).await.unwrap(), AskOutcome::Asked);
    let claim = lent(&*store).await;
    // Requested while Ordering is being asked.
    assert_eq!(store.ask_ordering(order(1), true, &desk()).await.unwrap(), AskOutcome::Asked);
    let outcome = store.refreshed(&answer(&claim, "99.80", 1)).await.unwrap();
    let RefreshOutcome::Grown(new) = outcome else { panic!("{outcome:?}") };
    assert!(new[0].flags.contains(Flag::AmountMismatch));
    store.complete(&[completion(&claim, &new, &[])]).await.unwrap();
    // Only once: the next line waits again.
    let claim = lent(&*store).await;
    assert_eq!(store.refreshed(&answer(&claim, "149.70", 1)).await.unwrap(), RefreshOutcome::Unchanged);
    assert_eq!(reasons(&*store).await, [NewLinesUnpaid]);
}

pub async fn a_price_in_parts(backend: &dyn Backend) {
    let store = backend.store();
    ingest(&*store, &[payment(1, 1, "20")]).await;
    let claim = store.claim("w", 1, LONG).await.unwrap().remove(0);
    let mut half = freeze(&claim, 2);
    half.tickets.iter_mut().for_each(|t| t.flags.insert(Flag::AmountMismatch));
    half.tickets[1].flags.insert(Flag::EmailUnresolved);
    let tickets = frozen(store.freeze(&[half]).await.unwrap().remove(0));
    // The other half is paid while the tickets are made.
    ingest(&*store, &[payment(2, 1, "20")]).await;
    assert!(store.claim("w", 9, LONG).await.unwrap().is_empty(), "another worker has it in flight");
    store.complete(&[completion(&claim, &tickets, &["kafka"])]).await.unwrap();
    let claim = lent(&*store).await;
    assert_eq!(store.refreshed(&answer(&claim, "40.0", 0)).await.unwrap(), RefreshOutcome::Unchanged);
    assert!(listed(&*store).await.is_empty());
    let record = store.order(order(1)).await.unwrap().unwrap();
    let flags: Vec<_> = record.tickets.iter().map(|t| t.flags.to_stored()).collect();
    assert_eq!(flags, ["", "email_unresolved"]);
    // A third payment is too much, and is refunded.
    let claim = paid(&*store, 3, "20").await;
    store.refreshed(&answer(&claim, "40.0", 0)).await.unwrap();
    let [(Overpaid, detail)] = &listed(&*store).await[..] else { panic!() };
    assert!(detail.contains("paid 60 EUR, all lines cost 40.0 EUR"), "{detail}");
    store.ingest(&[refund(1, 3, 1, "")], &to_kafka(), &loudly()).await.unwrap();
    let claim = lent(&*store).await;
    store.refreshed(&answer(&claim, "40", 0)).await.unwrap();
    assert!(listed(&*store).await.is_empty());
    assert_eq!(store.order(order(1)).await.unwrap().unwrap().state, OrderState::Issued);
}

pub async fn what_cannot_be_told_or_compared_is_listed(backend: &dyn Backend) {
    let store = backend.store();
    one(&*store).await;
    let claim = paid(&*store, 2, "5").await;
    let unclear =
        Refreshed { found: Found::Unclear("line 1 is another".into()), ..answer(&claim, "54.90", 0) };
    assert_eq!(store.refreshed(&unclear).await.unwrap(), RefreshOutcome::Unchanged);
    let [(CannotTellNew, detail)] = &listed(&*store).await[..] else { panic!() };
    assert!(detail.contains("line 1 is another"), "{detail}");
    let claim = paid(&*store, 3, "5").await;
    let several = Refreshed { total: None, ..answer(&claim, "5", 0) };
    store.refreshed(&several).await.unwrap();
    assert_eq!(reasons(&*store).await, [PaymentUnclear]);
    // New lines in several currencies are not issued either, nor are those beside a valid ticket whose line is missing.
    let claim = paid(&*store, 4, "5").await;
    let several = Refreshed { total: None, ..answer(&claim, "5", 1) };
    store.refreshed(&several).await.unwrap();
    assert_eq!(reasons(&*store).await, [NewLinesUnpaid]);
    let claim = paid(&*store, 5, "5").await;
    let mut gone = answer(&claim, "60", 1);
    if let Found::Lines(lines) = &mut gone.found {
        lines.gone = vec!["item 1 is not in Ordering's answer any more".into()];
        lines.gone_prices = vec![("49.90".parse::<Amount>().unwrap(), "EUR".parse().unwrap())];
        lines.changed = vec!["item 2 has a seat by now".into()];
    }
    store.refreshed(&gone).await.unwrap();
    assert_eq!(reasons(&*store).await, [NewLinesUnpaid]);
    let notes = store.order(order(1)).await.unwrap().unwrap().notes;
    assert!(notes.iter().any(|n| n.starts_with("item 1 is not in Ordering's answer")), "{notes:?}");
    assert!(notes.iter().any(|n| n == "item 2 has a seat by now; its ticket is as it was"), "{notes:?}");
    assert_eq!(backend.number("SELECT count(*) FROM tickets").await, 1);
    // The line is present again.
    let claim = paid(&*store, 6, "5").await;
    store.refreshed(&answer(&claim, "74.90", 0)).await.unwrap();
    let notes = store.order(order(1)).await.unwrap().unwrap().notes;
    assert!(!notes.iter().any(|n| n.starts_with("item ")), "{notes:?}");
    assert!(listed(&*store).await.is_empty());
}

pub async fn an_issued_order_is_never_parked(backend: &dyn Backend) {
    let store = backend.store();
    one(&*store).await;
    let claim = paid(&*store, 2, "5").await;
    let back = |claim: &Claim, then| Release {
        order_id: claim.order_id,
        fence: claim.fence,
        reason: "Ordering is down".into(),
        failed: vec![],
        then,
        refused_answer: None,
    };
    assert_eq!(store.release(&[back(&claim, NextStep::Retry(Duration::ZERO))]).await.unwrap(), [true]);
    assert!(listed(&*store).await.is_empty());
    let claim = lent(&*store).await;
    assert_eq!((claim.attempts, claim.was_parked), (2, false));
    assert_eq!(store.release(&[back(&claim, NextStep::Park(Some(Duration::ZERO)))]).await.unwrap(), [true]);
    let record = store.order(order(1)).await.unwrap().unwrap();
    assert_eq!((record.state, record.reason), (OrderState::Issued, None));
    assert!(store.parked_orders(9).await.unwrap().is_empty());
    let [(NotAskedAgain, detail)] = &listed(&*store).await[..] else { panic!() };
    assert!(detail.contains("Ordering is down"), "{detail}");
    let claim = lent(&*store).await;
    assert!(claim.was_parked && claim.parked_at.is_some());
    store.refreshed(&answer(&claim, "54.90", 0)).await.unwrap();
    assert!(listed(&*store).await.is_empty());
    assert!(store.claim("w", 9, LONG).await.unwrap().is_empty());
}

pub async fn too_much_is_asked_about_again(backend: &dyn Backend) {
    let store = backend.store();
    one(&*store).await;
    // The payment arrives before Ordering knows the new line.
    let claim = paid(&*store, 2, "30").await;
    let again = Refreshed { ask_again: Some(Duration::ZERO), ..answer(&claim, "49.90", 0) };
    store.refreshed(&again).await.unwrap();
    assert_eq!(reasons(&*store).await, [Overpaid]);
    let claim = lent(&*store).await;
    // Another payment meanwhile: Ordering is asked once more afterwards.
    ingest(&*store, &[payment(3, 1, "30")]).await;
    let RefreshOutcome::Grown(new) = store.refreshed(&answer(&claim, "79.90", 1)).await.unwrap() else {
        panic!()
    };
    store.complete(&[completion(&claim, &new, &[])]).await.unwrap();
    let claim = lent(&*store).await;
    store.refreshed(&answer(&claim, "109.90", 1)).await.unwrap();
    assert!(listed(&*store).await.is_empty());
}

pub async fn void_and_erased_orders_never_grow(backend: &dyn Backend) {
    let store = backend.store();
    issued(&*store, 2, 1).await;
    // The order becomes void while Ordering is asked about it.
    let claim = paid(&*store, 5, "5").await;
    store.ingest(&[cancellation(1, "rain")], &to_kafka(), &loudly()).await.unwrap();
    assert_eq!(store.refreshed(&answer(&claim, "54.90", 1)).await.unwrap(), RefreshOutcome::Stale);
    assert_eq!(store.ask_ordering(order(1), true, &desk()).await.unwrap(), AskOutcome::Void);
    ingest(&*store, &[payment(6, 2, "5")]).await;
    store.erase(order(2), &desk()).await.unwrap().unwrap();
    assert_eq!(store.ask_ordering(order(2), true, &desk()).await.unwrap(), AskOutcome::Erased);
    ingest(&*store, &[payment(7, 1, "5"), payment(8, 2, "5")]).await;
    assert!(store.claim("w", 9, LONG).await.unwrap().is_empty());
    let closed: Vec<_> =
        store.attention(9).await.unwrap().into_iter().filter(|a| a.reason == PaymentOfClosedOrder).collect();
    assert_eq!((closed.len(), closed[0].order_id), (1, order(2)));
    assert!(closed[0].detail.contains("3 payments"), "{}", closed[0].detail);
    assert_eq!(backend.number("SELECT count(*) FROM tickets").await, 2);
}

pub async fn a_number_is_taken(backend: &dyn Backend) {
    let store = backend.store();
    issued(&*store, 2, 1).await;
    let claim = paid(&*store, 5, "5").await;
    let mut clash = answer(&claim, "54.90", 1);
    let taken = ticket(order(2), 1).number;
    if let Found::Lines(lines) = &mut clash.found {
        lines.freeze.tickets[0].number.clone_from(&taken);
    }
    assert_eq!(store.refreshed(&clash).await.unwrap(), RefreshOutcome::NumberTaken(taken));
    assert!(matches!(store.refreshed(&answer(&claim, "54.90", 1)).await.unwrap(), RefreshOutcome::Grown(_)));
}

pub async fn a_refunded_ticket_is_bought_again(backend: &dyn Backend) {
    let store = backend.store();
    let tickets = sold(&*store, 1, "35", &[("a", "10", 1), ("b", "25", 1)]).await;
    withdraw(&*store, refund(1, 1, 1, r#","itemIds":["b"],"amount":25"#)).await;
    // Ordering still lists the line of the void ticket.
    let claim = paid(&*store, 2, "25").await;
    assert_eq!(store.refreshed(&answer(&claim, "35", 0)).await.unwrap(), RefreshOutcome::Unchanged);
    let [(Overpaid, detail)] = &listed(&*store).await[..] else { panic!() };
    let again = format!("the void ticket {} may have been bought again", tickets[1].id);
    assert!(detail.contains("paid 35 EUR, all lines cost 35 EUR") && detail.contains(&again), "{detail}");
    // The operator does what the entry suggests.
    assert!(reinstate(&*store, tickets[1].id).await.is_some());
    let claim = lent(&*store).await;
    store.refreshed(&answer(&claim, "35", 0)).await.unwrap();
    assert!(listed(&*store).await.is_empty());
    // The part of a refund that a seller keeps pays for nothing.
    withdraw(&*store, refund(2, 2, 1, &format!(r#","ticketIds":["{}"],"amount":20"#, tickets[1].id))).await;
    assert_eq!(store.ask_ordering(order(1), false, &desk()).await.unwrap(), AskOutcome::Asked);
    let claim = lent(&*store).await;
    store.refreshed(&answer(&claim, "35", 0)).await.unwrap();
    assert!(listed(&*store).await.is_empty());
    // Everything is refunded, reinstated, and paid once more.
    sold(&*store, 3, "35", &[("a", "10", 1), ("b", "25", 1)]).await;
    withdraw(&*store, refund(3, 3, 3, "")).await;
    for ticket in store.order(order(3)).await.unwrap().unwrap().tickets {
        assert!(reinstate(&*store, ticket.id).await.is_some());
    }
    ingest(&*store, &[payment(4, 3, "35")]).await;
    let claim = store.claim("w", 9, LONG).await.unwrap().remove(0);
    store.refreshed(&answer(&claim, "35", 0)).await.unwrap();
    assert!(listed(&*store).await.is_empty());
}
