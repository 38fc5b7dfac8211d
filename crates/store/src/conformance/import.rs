//! Conformance of the import: orders imported from an earlier service.

use fulfillment_domain::{EventKind, Flag, OrderState, Ticket};

use super::Backend;
use super::fixtures::{
    LONG, at_stored, cancellation, desk, generated, ingest, loudly, message, order, payment, refund, rows,
    ticket, to_kafka,
};
use crate::{
    AskOutcome, AttentionReason, ImportOutcome, ImportedOrder, IngestOutcome, RetrySelection, WithdrawalState,
};

/// The `n`th order as it is to be recorded, with this many tickets.
fn earlier(n: u32, tickets: u32) -> ImportedOrder {
    let made = |index| {
        let mut ticket = generated(&ticket(order(n), index), &[]).ticket;
        ticket.code.generation = 0;
        ticket.code.data = "order:seat:event".into();
        ticket.flags.insert(Flag::Legacy);
        ticket
    };
    ImportedOrder { order_id: order(n), tickets: (1..=tickets).map(made).collect() }
}

pub async fn stand_as_issued(backend: &dyn Backend) {
    let store = backend.store();
    let both = [earlier(1, 2), earlier(2, 1)];
    assert_eq!(
        store.import(&both, &desk()).await.unwrap(),
        [ImportOutcome::Imported, ImportOutcome::Imported]
    );
    let record = store.order(order(1)).await.unwrap().unwrap();
    assert_eq!(
        (record.state, record.payments.len(), record.received_at),
        (OrderState::Issued, 0, at_stored())
    );
    assert!(record.tickets.iter().all(|t| t.flags.contains(Flag::Legacy) && t.lifecycle.sequence == 1));
    assert_eq!(record.tickets[0].code.data, "order:seat:event");
    assert_eq!(backend.number("SELECT count(*) FROM outbox").await, 0, "the world knows");
    assert_eq!(backend.number("SELECT count(*) FROM ticket_history WHERE who = 'import'").await, 3);
    assert_eq!(store.retry(RetrySelection::All, &desk()).await.unwrap(), 0);
    let before = rows(backend).await;
    assert_eq!(store.import(&both, &desk()).await.unwrap(), [ImportOutcome::Known, ImportOutcome::Known]);
    assert_eq!(rows(backend).await, before, "again, it changes nothing");
}

pub async fn their_payments_issue_nothing(backend: &dyn Backend) {
    let store = backend.store();
    store.import(&[earlier(1, 1), earlier(2, 1)], &desk()).await.unwrap();
    let batch = [payment(1, 1, "5"), payment(1, 1, "5"), payment(7, 1, "5"), payment(3, 3, "5")];
    let outcomes = ingest(&*store, &batch).await;
    let expected = [
        IngestOutcome::Duplicate(order(1)),
        IngestOutcome::Duplicate(order(1)),
        IngestOutcome::AlreadyPaid(order(1)),
        IngestOutcome::New(order(3)),
    ];
    assert_eq!(outcomes, expected);
    assert_eq!(ingest(&*store, &[payment(1, 1, "5")]).await, [IngestOutcome::Duplicate(order(1))]);
    assert_eq!(ingest(&*store, &[payment(9, 1, "5")]).await, [IngestOutcome::AlreadyPaid(order(1))]);
    let record = store.order(order(1)).await.unwrap().unwrap();
    let paid: Vec<_> = record.payments.iter().map(|p| (p.key.as_str(), p.outcome.as_str())).collect();
    assert_eq!(paid, [("pay-1", "accepted"), ("pay-7", "already_paid"), ("pay-9", "already_paid")]);
    assert_eq!((record.state, record.tickets.len()), (OrderState::Issued, 1));
    let claims = store.claim("w", 9, LONG).await.unwrap();
    assert_eq!(claims.iter().map(|c| c.order_id).collect::<Vec<_>>(), [order(3)]);
    // Imported orders never grow: further payments are listed.
    let listed = store.attention(9).await.unwrap();
    assert_eq!((listed.len(), listed[0].order_id), (1, order(1)));
    assert_eq!(listed[0].reason, AttentionReason::PaymentOfClosedOrder);
    assert!(listed[0].detail.contains("3 payments"), "{}", listed[0].detail);
    assert_eq!(store.ask_ordering(order(1), true, &desk()).await.unwrap(), AskOutcome::Imported);
}

pub async fn refunds_of_them_void(backend: &dyn Backend) {
    let store = backend.store();
    store.import(&[earlier(1, 1), earlier(2, 1), earlier(3, 1)], &desk()).await.unwrap();
    // Before its payment has arrived, and after.
    store.ingest(&[refund(1, 1, 1, "")], &to_kafka(), &loudly()).await.unwrap();
    let applied = &store.order(order(1)).await.unwrap().unwrap().withdrawals[0];
    assert_eq!(applied.state, WithdrawalState::Applied, "all of what the earlier service was paid");
    ingest(&*store, &[payment(1, 1, "5"), payment(2, 2, "5")]).await;
    store.ingest(&[refund(2, 2, 2, ""), cancellation(3, "rain")], &to_kafka(), &loudly()).await.unwrap();
    for n in 1..=3 {
        let record = store.order(order(n)).await.unwrap().unwrap();
        assert_eq!(record.state, OrderState::Voided, "{n}");
        assert_eq!(
            (record.tickets[0].lifecycle.sequence, record.tickets[0].lifecycle.voided_at.is_some()),
            (2, true),
            "{n}"
        );
    }
    let lent = store.claim_deliveries("kafka", 9, LONG).await.unwrap();
    // The consequences of a late payment are published on the stream only, as for every order.
    assert!(lent.iter().all(|d| d.event.kind == EventKind::TicketVoided && d.event.sequence == 2));
    assert_eq!(backend.number("SELECT count(*) FROM outbox WHERE kind = 'ticket-voided'").await, 3);
}

pub async fn what_is_known_is_left_alone(backend: &dyn Backend) {
    let store = backend.store();
    ingest(&*store, &[payment(1, 1, "5")]).await;
    assert_eq!(
        store.import(&[earlier(1, 1)], &desk()).await.unwrap(),
        [ImportOutcome::Known],
        "it was paid here"
    );
    assert_eq!(store.order(order(1)).await.unwrap().unwrap().tickets, [] as [Ticket; 0]);
    store.import(&[earlier(2, 1)], &desk()).await.unwrap();
    let mut taken = earlier(3, 1);
    taken.tickets[0].id = earlier(2, 1).tickets[0].id;
    let mut number = earlier(4, 1);
    number.tickets[0].number.clone_from(&earlier(2, 1).tickets[0].number);
    let wanted = number.tickets[0].number.clone();
    let mut seat = earlier(5, 1);
    seat.tickets[0].seat.section.clone_from(&earlier(2, 1).tickets[0].seat.section);
    let outcomes = store.import(&[taken, number, seat], &desk()).await.unwrap();
    let expected = [ImportOutcome::Taken, ImportOutcome::NumberTaken(wanted), ImportOutcome::Imported];
    assert_eq!(outcomes, expected);
    let sold_twice = &store.order(order(5)).await.unwrap().unwrap().tickets[0];
    assert!(sold_twice.flags.contains(Flag::SeatConflict) && sold_twice.flags.contains(Flag::Legacy));
    for n in [3, 4] {
        assert!(store.order(order(n)).await.unwrap().is_none(), "nothing of it was written");
    }
}

pub async fn they_can_be_erased(backend: &dyn Backend) {
    let store = backend.store();
    store.import(&[earlier(1, 1)], &desk()).await.unwrap();
    store.erase(order(1), &desk()).await.unwrap().unwrap();
    let raw = format!(r#"{{"orderId":"{}","paymentId":"p","customerId":"c-1"}}"#, order(1));
    ingest(&*store, &[message(9, raw.as_bytes())]).await;
    assert!(store.messages_of(order(1)).await.unwrap().iter().all(|m| m.raw.is_none()));
    assert_eq!(
        backend.number("SELECT count(*) FROM payments WHERE customer_id = 'c-1' AND payment_id = 'p'").await,
        0
    );
}
