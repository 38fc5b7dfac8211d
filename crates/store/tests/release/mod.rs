//! A store of the last release (06c1f95), as its program left it, is taken over whole.
//!
//! The dumps beside this file have nine orders: 1 issued, 2 issued with a ticket that changed hands and a void one, 3
//! refunded, 4 erased, 5 unknown to Ordering, 6 paid twice, 7 with a refund and no payment, 8 paid and not yet looked
//! at, 9 cancelled and reinstated; and two dead letters.

use std::time::Duration;

use fulfillment_domain::OrderId;
use fulfillment_domain::OrderState::{Issued, Parked, Received, Voided};
use fulfillment_store::conformance::fixtures::{desk, ingest, loudly, message, reinstate};
use fulfillment_store::{AuditFilter, IngestOutcome, Store, StoreError, WithdrawalState};
use uuid::Uuid;

fn order(n: u32) -> OrderId {
    OrderId(Uuid::from_u128(0x0000_0000_0000_4000_8000_0000_0000_0000 | u128::from(n)))
}

pub(crate) async fn is_taken_over(store: &dyn Store) {
    let pending = store.pending_migrations().await.unwrap();
    assert_eq!(pending.first().map(String::as_str), Some("0007_attention"), "it is the release's schema");
    assert!(
        matches!(store.order(order(1)).await, Err(StoreError::Incompatible(_))),
        "not before it is migrated"
    );
    assert_eq!(store.migrate().await.unwrap().applied, pending);

    let mut states = Vec::new();
    for n in 1..=9 {
        let record = store.order(order(n)).await.unwrap().unwrap();
        let live = record.tickets.iter().filter(|t| t.lifecycle.voided_at.is_none()).count();
        states.push((n, record.state, record.tickets.len(), live));
    }
    let expected = [
        (1, Issued, 2, 2),
        (2, Issued, 3, 2),
        (3, Voided, 2, 0),
        (4, Issued, 2, 2),
        (5, Received, 0, 0),
        (6, Issued, 2, 2),
        (7, Parked, 0, 0),
        (8, Received, 0, 0),
        (9, Issued, 2, 2),
    ];
    assert_eq!(states, expected);
    let changed = store.order(order(2)).await.unwrap().unwrap().tickets;
    assert_eq!((changed[1].code.generation, changed[1].holder.name.as_deref()), (1, Some("Grace Hopper")));
    let erased = store.order(order(4)).await.unwrap().unwrap();
    assert!(erased.erased_at.is_some() && erased.tickets.iter().all(|t| t.holder.name.is_none()));
    let refund = &store.order(order(7)).await.unwrap().unwrap().withdrawals[0];
    assert_eq!((refund.key.as_str(), refund.state), ("refund:r-7", WithdrawalState::Waiting));
    assert_eq!(store.dead_letters(0, false, 9).await.unwrap().len(), 2);

    // The same payment again is known, and a waiting refund meets its payment.
    let pay = |n: u32, id: &str| {
        let paid = format!(
            r#"{{"paymentId":"{id}","orderId":"{}","customerId":"00000000-0000-4000-8000-000000000900","reservationId":null,"amount":119.0,"currency":"EUR","paymentMethod":"credit_card","transactionId":"t","processedAt":"2026-11-23T09:05:07.1234567Z","status":"succeeded"}}"#,
            order(n)
        );
        message(i64::from(n), paid.as_bytes())
    };
    let known = pay(1, "00000000-0000-4000-9000-000000001001");
    assert_eq!(ingest(store, &[known]).await, [IngestOutcome::Duplicate(order(1))]);
    assert_eq!(ingest(store, &[pay(7, "p-7")]).await, [IngestOutcome::New(order(7))]);

    // What the release issued can be voided, reinstated and erased, and its waiting orders are worked on.
    let ticket = changed[0].id;
    assert!(store.void_ticket(ticket, "lost", &loudly(), &desk()).await.unwrap());
    reinstate(store, ticket).await.unwrap();
    assert!(store.erase(order(1), &desk()).await.unwrap().is_some());
    let claims = store.claim("w", 10, Duration::from_secs(60)).await.unwrap();
    let mut claimed: Vec<_> = claims.iter().map(|claim| claim.order_id).collect();
    claimed.sort();
    assert!(claimed.contains(&order(8)) && claimed.contains(&order(7)), "{claimed:?}");
    let audit = store.audit(&AuditFilter::default(), 10).await.unwrap();
    assert_eq!(audit.len(), 3, "{audit:?}");
}
