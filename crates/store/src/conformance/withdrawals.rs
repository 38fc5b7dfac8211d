//! Conformance of refunds, cancellations and voids, whenever they arrive.

use fulfillment_domain::{EventKind, Flag, OrderState, Subject, TicketStatus};

use super::Backend;
use super::fixtures::{
    LONG, at_once, cancellation, claimed, completion, desk, freeze, frozen, ingest, issued, loudly, order,
    payment, quietly, refund, rows, said, state, to_kafka,
};
use crate::WithdrawalState::{Applied, Parked, Waiting};
use crate::{FreezeOutcome, Incoming, IngestOutcome, RetrySelection, Store};

async fn withdraw(store: &dyn Store, batch: &[Incoming]) -> Vec<IngestOutcome> {
    store.ingest(batch, &to_kafka(), &loudly()).await.unwrap()
}

/// Which of an order's tickets are voided, and why.
async fn voided(store: &dyn Store, n: u32) -> Vec<Option<String>> {
    let record = store.order(order(n)).await.unwrap().unwrap();
    assert!(
        record.tickets.iter().all(|t| t.lifecycle.voided_at.is_some() == t.lifecycle.void_reason.is_some())
    );
    record.tickets.into_iter().map(|t| t.lifecycle.void_reason).collect()
}

async fn kinds(store: &dyn Store) -> Vec<EventKind> {
    let mut kinds = Vec::new();
    loop {
        let lent = store.claim_deliveries("kafka", 100, LONG).await.unwrap();
        if lent.is_empty() {
            return kinds;
        }
        let sent: Vec<_> = lent.iter().map(|d| (d.outbox_id, crate::DeliveryOutcome::Sent)).collect();
        store.record_deliveries("kafka", &sent).await.unwrap();
        kinds.extend(lent.into_iter().map(|d| d.event.kind));
    }
}

/// One batch with everything: payments are processed first, whatever their place in it.
pub async fn beside_their_payments(backend: &dyn Backend) {
    let store = backend.store();
    let poison = said(7, Subject::Refund, b"{");
    let batch = [
        refund(1, 1, 1, ""),
        payment(1, 1, "5"),
        poison.clone(),
        cancellation(2, "rain"),
        poison,
        payment(2, 2, "5"),
        cancellation(3, "rain"),
        refund(1, 1, 2, ""),
        payment(3, 3, "5"),
    ];
    let outcomes = ingest(&*store, &batch).await;
    assert!(matches!(outcomes[2], IngestOutcome::DeadLettered(_)) && outcomes[2] == outcomes[4]);
    let others = [0, 1, 3, 5, 6, 7, 8].map(|at: usize| outcomes[at].clone());
    let expected = [
        IngestOutcome::Recorded(order(1), Applied),
        IngestOutcome::New(order(1)),
        IngestOutcome::Recorded(order(2), Applied),
        IngestOutcome::New(order(2)),
        IngestOutcome::Recorded(order(3), Applied),
        IngestOutcome::Quarantined(order(2)),
        IngestOutcome::New(order(3)),
    ];
    assert_eq!(others, expected);
    for n in 1..=3 {
        assert_eq!(state(&*store, n).await.0, OrderState::Voided, "{n}");
    }
    let summary = store.summary().await.unwrap();
    assert_eq!((summary.quarantined, summary.dead_lettered), (1, 1), "the same record is set apart once");
    // The same batch again only increments counts.
    let again = ingest(&*store, &batch).await;
    let known = [0, 1, 3, 5, 6, 8].map(|at: usize| matches!(again[at], IngestOutcome::Duplicate(_)));
    assert_eq!(known, [true; 6], "{again:?}");
}

pub async fn cancelled_after_issue(backend: &dyn Backend) {
    let store = backend.store();
    let tickets = issued(&*store, 2, 2).await;
    let outcome = withdraw(&*store, &[cancellation(1, "rain")]).await;
    assert_eq!(outcome, [IngestOutcome::Recorded(order(1), Applied)]);
    assert_eq!(state(&*store, 1).await, (OrderState::Voided, Some("cancelled: rain".into())));
    let why = Some("cancelled: rain".to_owned());
    assert_eq!(voided(&*store, 1).await, [why.clone(), why]);
    assert_eq!(voided(&*store, 2).await, [None, None], "its neighbour stands");
    let ticket = store.ticket(tickets[0].id).await.unwrap().unwrap();
    assert_eq!((ticket.lifecycle.status, ticket.lifecycle.sequence), (TicketStatus::Generated, 2));
    let mut kinds = kinds(&*store).await;
    kinds.sort_by_key(|k| k.as_str());
    let (issued, voided) = (EventKind::TicketIssued, EventKind::TicketVoided);
    assert_eq!(kinds, [issued, issued, voided, voided], "what nobody has heard of is not issued any more");
    let suppressed = "SELECT count(*) FROM outbox_delivery WHERE state = 'suppressed'";
    assert_eq!(backend.number(suppressed).await, 2);
    let history =
        "SELECT count(*) FROM ticket_history WHERE why LIKE 'voided: cancelled%' AND who = 'withdrawal'";
    assert_eq!(backend.number(history).await, 2);
    assert_eq!(store.retry(RetrySelection::All, &desk()).await.unwrap(), 0);
}

pub async fn the_event_is_whole(backend: &dyn Backend) {
    let store = backend.store();
    let ticket = issued(&*store, 1, 1).await.remove(0);
    assert_eq!(kinds(&*store).await, [EventKind::TicketIssued]);
    withdraw(&*store, &[cancellation(1, "rain")]).await;
    let lent = store.claim_deliveries("kafka", 10, LONG).await.unwrap().remove(0);
    let stored = store.ticket(ticket.id).await.unwrap().unwrap();
    let value: serde_json::Value = serde_json::from_slice(&lent.event.value).unwrap();
    let expected = serde_json::json!({
        "ticketId": ticket.id, "orderId": order(1), "eventId": "event-1", "ticketNumber": ticket.number,
        "reason": "cancelled: rain", "voidedAt": stored.lifecycle.voided_at, "sequence": 2,
        "cti": "ff000102030405060708", "generation": u32::MAX,
    });
    assert_eq!(value, expected);
    assert_eq!((lent.event.sequence, lent.event.ticket_id), (2, Some(ticket.id)));
    let trace = lent.event.headers.iter().find(|(name, _)| name == "traceparent");
    assert!(trace.is_some(), "the payment's trace goes on");
}

pub async fn cancelled_during_issue(backend: &dyn Backend) {
    let store = backend.store();
    let claims = claimed(&*store, 2).await;
    let tickets = frozen(store.freeze(&[freeze(&claims[1], 1)]).await.unwrap().remove(0));
    withdraw(&*store, &[cancellation(1, "rain"), cancellation(2, "rain")]).await;
    assert_eq!(store.freeze(&[freeze(&claims[0], 1)]).await.unwrap(), [FreezeOutcome::Stale]);
    assert_eq!(store.complete(&[completion(&claims[1], &tickets, &["kafka"])]).await.unwrap(), [false]);
    let held: Vec<_> = claims.iter().map(|c| (c.order_id, c.fence)).collect();
    assert_eq!(store.renew(&held, LONG).await.unwrap(), []);
    assert_eq!(store.next_due().await.unwrap(), None);
    assert_eq!(backend.number("SELECT count(*) FROM outbox").await, 0, "nobody heard of them");
    // A payment that arrives now parks the order, and does not make the stale claim valid.
    assert_eq!(ingest(&*store, &[payment(9, 2, "1")]).await, [IngestOutcome::Late(order(2))]);
    assert_eq!(store.complete(&[completion(&claims[1], &tickets, &["kafka"])]).await.unwrap(), [false]);
    assert_eq!(state(&*store, 2).await, (OrderState::Parked, Some("paid after cancellation".into())));
}

pub async fn cancelled_before_payment(backend: &dyn Backend) {
    let store = backend.store();
    withdraw(&*store, &[cancellation(1, "rain")]).await;
    assert_eq!(state(&*store, 1).await, (OrderState::Voided, Some("cancelled: rain".into())));
    assert_eq!(ingest(&*store, &[payment(1, 1, "5")]).await, [IngestOutcome::Late(order(1))]);
    assert_eq!(state(&*store, 1).await, (OrderState::Parked, Some("paid after cancellation".into())));
    assert!(store.claim("w", 5, LONG).await.unwrap().is_empty());
    assert_eq!(store.retry(RetrySelection::Order(order(1)), &desk()).await.unwrap(), 0, "not by a retry");
    let record = store.order(order(1)).await.unwrap().unwrap();
    assert_eq!((record.payments.len(), record.withdrawals.len()), (1, 1));
    // The money is refunded: the order needs no operator any more.
    withdraw(&*store, &[refund(1, 1, 1, r#","amount":5,"currency":"EUR""#)]).await;
    assert_eq!(state(&*store, 1).await, (OrderState::Voided, Some("cancelled: rain".into())));
    assert_eq!(ingest(&*store, &[payment(1, 1, "5")]).await, [IngestOutcome::Duplicate(order(1))]);
    assert_eq!(state(&*store, 1).await.0, OrderState::Voided, "a repeat of the payment is no payment");
}

pub async fn refunded_before_payment(backend: &dyn Backend) {
    let store = backend.store();
    let early = [refund(1, 1, 1, r#","amount":5.00,"currency":"EUR""#), refund(2, 2, 2, r#","amount":4"#)];
    let outcomes = withdraw(&*store, &early).await;
    assert_eq!(outcomes[0], IngestOutcome::Recorded(order(1), Waiting));
    assert_eq!(state(&*store, 1).await.0, OrderState::Parked, "visible, and nothing to do");
    assert_eq!(store.retry(RetrySelection::All, &desk()).await.unwrap(), 0);
    let outcomes = ingest(&*store, &[payment(1, 1, "5"), payment(2, 2, "5"), payment(3, 3, "5")]).await;
    assert_eq!(outcomes, [1, 2, 3].map(|n| IngestOutcome::New(order(n))));
    assert_eq!(state(&*store, 1).await, (OrderState::Voided, Some("refunded: why 1".into())));
    let claims = store.claim("w", 5, LONG).await.unwrap();
    let mut going: Vec<_> = claims.iter().map(|c| c.order_id).collect();
    going.sort();
    assert_eq!(going, [order(2), order(3)], "a part that names nothing holds nothing up");
    let parked = store.open_withdrawals(10).await.unwrap();
    assert_eq!(
        parked.iter().map(|w| (w.key.as_str(), w.state)).collect::<Vec<_>>(),
        [("refund:r-2", Parked)]
    );
    let summary = store.summary().await.unwrap();
    assert_eq!((summary.waiting_refunds, summary.parked_refunds), (0, 1));
}

pub async fn names_wait_for_their_tickets(backend: &dyn Backend) {
    let store = backend.store();
    let claims = claimed(&*store, 3).await;
    let named = |n: u32, item: &str| refund(n, n, n, &format!(r#","itemIds":["{item}"]"#));
    let unknown = format!("none\",\"p\",\"q{}\",\"z", "é".repeat(60));
    let outcomes = withdraw(&*store, &[named(1, "a"), named(2, &unknown), named(3, "a")]).await;
    assert!(outcomes.iter().all(|o| matches!(o, IngestOutcome::Recorded(_, Waiting))), "{outcomes:?}");
    let with_items = |n: usize, tickets: u32| {
        let mut freeze = freeze(&claims[n], tickets);
        for (ticket, item) in freeze.tickets.iter_mut().zip(["a", "b", "c"]) {
            ticket.line.item_id = Some(item.into());
        }
        freeze
    };
    let outcomes = store.freeze(&[with_items(0, 3), with_items(1, 1), with_items(2, 1)]).await.unwrap();
    let left: Vec<_> = frozen(outcomes[0].clone()).iter().map(|t| t.line.index).collect();
    assert_eq!(left, [2, 3], "the named one is not made");
    assert_eq!(frozen(outcomes[1].clone()).len(), 1);
    assert_eq!(outcomes[2], FreezeOutcome::Stale, "its only ticket was refunded");
    assert_eq!(state(&*store, 3).await, (OrderState::Voided, Some("every ticket of it was voided".into())));
    let open = store.open_withdrawals(10).await.unwrap();
    assert_eq!(open.len(), 1);
    let cut = "é".repeat(49);
    let note =
        format!("it names what the order does not have: the item none, the item p, the item q{cut} and more");
    assert_eq!(
        (open[0].key.as_str(), open[0].state, open[0].note.as_ref()),
        ("refund:r-2", Parked, Some(&note))
    );
    let tickets = frozen(outcomes[0].clone());
    assert_eq!(store.complete(&[completion(&claims[0], &tickets, &["kafka"])]).await.unwrap(), [true]);
    assert_eq!(state(&*store, 1).await.0, OrderState::Issued);
    assert_eq!(kinds(&*store).await, [EventKind::TicketIssued; 2]);
    assert_eq!(backend.number("SELECT count(*) FROM seats").await, 3, "a voided ticket has no seat");
}

pub async fn items_and_tickets_of_an_issued_order(backend: &dyn Backend) {
    let store = backend.store();
    let tickets = issued(&*store, 1, 3).await;
    let by_ticket = refund(1, 1, 1, &format!(r#","ticketIds":["{}"]"#, tickets[1].id));
    assert_eq!(withdraw(&*store, &[by_ticket]).await, [IngestOutcome::Recorded(order(1), Applied)]);
    assert_eq!(voided(&*store, 1).await, [None, Some("refunded: why 1".into()), None]);
    assert_eq!(state(&*store, 1).await.0, OrderState::Issued);
    // Every ticket of the fixture belongs to one item.
    withdraw(&*store, &[refund(2, 1, 1, r#","itemIds":["item"]"#)]).await;
    let why = |n: u32| Some(format!("refunded: why {n}"));
    assert_eq!(voided(&*store, 1).await, [why(2), why(1), why(2)], "the first word stands");
    assert_eq!(state(&*store, 1).await, (OrderState::Voided, Some("every ticket of it was voided".into())));
    let elsewhere = refund(3, 1, 1, r#","ticketIds":["3f2504e0-4f89-41d3-9a0c-0305e82c3301"]"#);
    withdraw(&*store, &[elsewhere]).await;
    assert_eq!(state(&*store, 1).await.0, OrderState::Voided);
}

pub async fn parts_add_up(backend: &dyn Backend) {
    let store = backend.store();
    issued(&*store, 1, 2).await;
    let part = |n: u32, rest: &str| refund(n, 1, 1, rest);
    let outcomes = withdraw(&*store, &[part(1, r#","amount":30,"currency":"EUR""#)]).await;
    assert_eq!(outcomes, [IngestOutcome::Recorded(order(1), Parked)]);
    withdraw(&*store, &[part(2, r#","amount":30,"currency":"USD""#), part(3, r#","amount":19.89"#)]).await;
    assert_eq!(voided(&*store, 1).await, [None, None], "other money does not count, and a cent is missing");
    withdraw(&*store, &[part(4, r#","amount":0.01,"currency":"EUR""#)]).await;
    assert_eq!(state(&*store, 1).await, (OrderState::Voided, Some("refunded: why 4".into())));
    let record = store.order(order(1)).await.unwrap().unwrap();
    let states: Vec<_> = record.withdrawals.iter().map(|w| w.state).collect();
    assert_eq!(states, [Applied, Parked, Applied, Applied], "other money is looked at by somebody");
    assert_eq!(record.withdrawals[1].note.as_deref(), Some("it is in USD and its payment in EUR"));
}

pub async fn a_double_charge(backend: &dyn Backend) {
    let store = backend.store();
    issued(&*store, 1, 1).await;
    // The refund of the second payment arrives before it.
    let second = refund(1, 2, 1, r#","amount":49.90,"currency":"EUR""#);
    assert_eq!(withdraw(&*store, &[second]).await, [IngestOutcome::Recorded(order(1), Waiting)]);
    assert_eq!(ingest(&*store, &[payment(2, 1, "49.90")]).await, [IngestOutcome::AlreadyPaid(order(1))]);
    assert!(store.open_withdrawals(10).await.unwrap().is_empty());
    assert_eq!(voided(&*store, 1).await, [None]);
    assert_eq!(state(&*store, 1).await.0, OrderState::Issued);
    // A third payment is refunded after it arrived; then the one that the ticket came from is refunded.
    ingest(&*store, &[payment(3, 1, "49.90")]).await;
    let third = refund(3, 3, 1, r#","amount":49.90,"currency":"EUR""#);
    assert_eq!(withdraw(&*store, &[third]).await, [IngestOutcome::Recorded(order(1), Applied)]);
    assert_eq!(voided(&*store, 1).await, [None]);
    withdraw(&*store, &[refund(4, 1, 1, "")]).await;
    assert_eq!(state(&*store, 1).await, (OrderState::Voided, Some("refunded: why 4".into())));
    // A later payment is late.
    ingest(&*store, &[payment(5, 1, "49.90")]).await;
    assert_eq!(state(&*store, 1).await, (OrderState::Parked, Some("paid after its void".into())));
}

pub async fn of_another_order(backend: &dyn Backend) {
    let store = backend.store();
    issued(&*store, 2, 1).await;
    let wrong = refund(1, 2, 1, "");
    assert_eq!(withdraw(&*store, &[wrong]).await, [IngestOutcome::Recorded(order(1), Parked)]);
    assert_eq!((voided(&*store, 1).await, voided(&*store, 2).await), (vec![None], vec![None]));
    let open = store.open_withdrawals(10).await.unwrap();
    assert_eq!(open[0].note.as_deref(), Some("its payment is of another order"));
}

pub async fn repeats_and_contradictions(backend: &dyn Backend) {
    let store = backend.store();
    issued(&*store, 2, 2).await;
    let batch = [refund(1, 1, 1, r#","itemIds":["item"]"#), cancellation(2, "rain")];
    withdraw(&*store, &batch).await;
    let before = rows(backend).await;
    let again = withdraw(&*store, &batch).await;
    assert_eq!(again, [1, 2].map(|n| IngestOutcome::Duplicate(order(n))));
    let other = refund(1, 1, 1, r#","amount":5"#);
    let outcomes = withdraw(&*store, &[other.clone(), other]).await;
    assert_eq!(outcomes, [(); 2].map(|()| IngestOutcome::Quarantined(order(1))));
    let elsewhere = refund(1, 1, 7, "");
    withdraw(&*store, &[elsewhere]).await;
    assert!(store.order(order(7)).await.unwrap().is_none(), "a quarantined refund makes no order");
    let mut after = rows(backend).await;
    let letters = |rows: &mut Vec<(&str, i64)>| {
        let at = rows.iter().position(|(table, _)| *table == "dead_letters").unwrap();
        rows.remove(at).1
    };
    let mut before = before;
    assert_eq!((letters(&mut before), letters(&mut after)), (0, 2));
    let without_events = |rows: Vec<(&'static str, i64)>| {
        rows.into_iter().filter(|(table, _)| !table.starts_with("outbox")).collect::<Vec<_>>()
    };
    assert_eq!(without_events(after), without_events(before));
    let about = "SELECT count(*) FROM dead_letters WHERE about = 'refund' AND kind = 'quarantined'";
    assert_eq!(backend.number(about).await, 2);
}

pub async fn unreadable_ones_are_dead_letters(backend: &dyn Backend) {
    let store = backend.store();
    issued(&*store, 1, 1).await;
    let mut bad = refund(1, 1, 1, "");
    bad.content = Err(fulfillment_domain::Unreadable::field("amount", "is no number\0"));
    let outcomes = withdraw(&*store, &[bad, cancellation(1, "rain")]).await;
    assert!(matches!(outcomes[0], IngestOutcome::DeadLettered(_)));
    assert_eq!(outcomes[1], IngestOutcome::Recorded(order(1), Applied));
    assert_eq!(backend.number("SELECT count(*) FROM dead_letters WHERE about = 'refund'").await, 1);
    assert!(store.ingest(&[], &to_kafka(), &quietly()).await.unwrap().is_empty());
}

pub async fn seats_pass_on(backend: &dyn Backend) {
    let store = backend.store();
    let claims = claimed(&*store, 3).await;
    let seated = |n: usize| {
        let mut freeze = freeze(&claims[n], 1);
        freeze.tickets[0].seat.id = Some("s".into());
        freeze
    };
    let conflict = |outcome: FreezeOutcome| frozen(outcome)[0].flags.contains(Flag::SeatConflict);
    assert!(!conflict(store.freeze(&[seated(0)]).await.unwrap().remove(0)));
    withdraw(&*store, &[cancellation(1, "rain")]).await;
    assert!(!conflict(store.freeze(&[seated(1)]).await.unwrap().remove(0)), "the seat is free again");
    assert!(conflict(store.freeze(&[seated(2)]).await.unwrap().remove(0)));
}

pub async fn the_last_unfinished_ticket_is_voided(backend: &dyn Backend) {
    let store = backend.store();
    let claim = claimed(&*store, 1).await.remove(0);
    let tickets = frozen(store.freeze(&[freeze(&claim, 2)]).await.unwrap().remove(0));
    let step = crate::Completion { finished: false, ..completion(&claim, &tickets[..1], &[]) };
    store.complete(&[step]).await.unwrap();
    let park = crate::Release {
        order_id: claim.order_id,
        fence: claim.fence,
        reason: "no font".into(),
        failed: vec![crate::FailedTicket { id: tickets[1].id, reason: "no font".into() }],
        then: crate::NextStep::Park(None),
        refused_answer: None,
    };
    assert_eq!(store.release(&[park]).await.unwrap(), [true]);
    assert!(store.void_ticket(tickets[1].id, "no show", &loudly(), &desk()).await.unwrap());
    assert_eq!(state(&*store, 1).await, (OrderState::Issued, None), "nothing is left to do");
    assert!(store.void_ticket(tickets[0].id, "no show", &loudly(), &desk()).await.unwrap());
    assert_eq!(state(&*store, 1).await.0, OrderState::Voided);
    assert_eq!(kinds(&*store).await, [EventKind::TicketVoided], "of the one that had been announced");
}

pub async fn whoever_comes_first(backend: &dyn Backend) {
    // Concurrent payments, refunds and cancellations, each twice.
    at_once(backend, 8, |store, n| async move {
        for k in 0..24u32 {
            let k = if n % 2 == 0 { k } else { 23 - k };
            match (n / 2, k % 3) {
                (0 | 1, _) => drop(ingest(&*store, &[payment(k, k, "5")]).await),
                (_, 0) => drop(withdraw(&*store, &[refund(k, k, k, "")]).await),
                (_, 1) => drop(withdraw(&*store, &[cancellation(k, "rain")]).await),
                _ => {}
            }
        }
    })
    .await;
    let store = backend.store();
    let claims = store.claim("w", 100, LONG).await.unwrap();
    let mut going: Vec<_> = claims.iter().map(|c| c.order_id).collect();
    going.sort();
    let standing: Vec<_> = (0..24).filter(|k| k % 3 == 2).map(order).collect();
    assert_eq!(going, standing, "neither a refunded nor a cancelled order is worked on, whoever came first");
    for k in (0..24).filter(|k| k % 3 == 0) {
        assert_eq!(state(&*store, k).await.0, OrderState::Voided, "refunded {k}");
    }
    for k in (0..24).filter(|k| k % 3 == 1) {
        let (state, why) = state(&*store, k).await;
        let late = (OrderState::Parked, Some("paid after cancellation".to_owned()));
        let before = (OrderState::Voided, Some("cancelled: rain".to_owned()));
        let found = (state, why);
        assert!(found == late || found == before, "{k}: {found:?}");
    }
}
