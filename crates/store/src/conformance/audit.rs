//! Conformance of the audit: who did what, in the transaction that did it.

use std::time::Duration;

use jiff::Timestamp;

use super::Backend;
use super::fixtures::{
    at, desk, ingest, issued, loudly, message, order, payment, quietly, refund, reinstate, sold, to_kafka,
};
use crate::{
    Action, Actor, AttentionScope, AuditEntry, AuditFilter, AuditRecord, Closing, NewToken, RetrySelection,
    RevokedKey, Source, Store,
};

async fn all(store: &dyn Store) -> Vec<AuditRecord> {
    store.audit(&AuditFilter::default(), 100).await.unwrap()
}

/// What was done since `after`, oldest first: the action, whether it names an order and a ticket, and the other id.
async fn since(store: &dyn Store, after: i64) -> Vec<(Action, bool, bool, Option<String>)> {
    let mut records = all(store).await;
    records.retain(|record| record.id > after);
    records.reverse();
    assert!(records.iter().all(|record| record.entry.actor == desk()), "{records:?}");
    let entries = records.into_iter().map(|record| record.entry);
    entries.map(|e| (e.action, e.order_id.is_some(), e.ticket_id.is_some(), e.subject)).collect()
}

pub async fn says_who_did_what(backend: &dyn Backend) {
    let store = backend.store();
    let tickets = sold(&*store, 1, "10", &[("a", "5", 2)]).await;
    sold(&*store, 3, "5", &[("a", "5", 1)]).await;
    assert!(all(&*store).await.is_empty(), "what the service does by itself is not an operator's action");
    let one = |action, of_ticket| vec![(action, true, of_ticket, None)];

    let desk = desk();
    assert!(store.void_ticket(tickets[0].id, "sold twice", &loudly(), &desk).await.unwrap());
    assert_eq!(since(&*store, 0).await, one(Action::VoidTicket, true));
    assert_eq!(all(&*store).await[0].entry.order_id, Some(order(1)));
    assert_eq!(all(&*store).await[0].entry.ticket_id, Some(tickets[0].id));
    let mut last = all(&*store).await[0].id;
    let mut next = async |expected: Vec<(Action, bool, bool, Option<String>)>| {
        assert_eq!(since(&*store, last).await, expected);
        last = all(&*store).await[0].id;
    };

    reinstate(&*store, tickets[0].id).await.unwrap();
    next(one(Action::ReinstateTicket, true)).await;
    let by = Source::Command { name: "order cancel".into(), by: desk.clone() };
    let entered = crate::Incoming { source: by, ..super::fixtures::cancellation(1, "rain") };
    store.ingest(&[entered, payment(2, 2, "5")], &to_kafka(), &loudly()).await.unwrap();
    next(vec![(Action::EnterMessage, true, false, Some("order cancel".into()))]).await;
    ingest(&*store, &[refund(5, 7, 7, ""), message(9, b"x"), message(10, b"y")]).await;
    assert!(store.lift_withdrawal("refund:r-5", "goodwill", &desk).await.unwrap());
    next(vec![(Action::DismissRefund, true, false, Some("refund:r-5".into()))]).await;
    ingest(&*store, &[refund(6, 8, 8, "")]).await;
    assert!(store.lift_unpaid(order(8), "a test", &desk).await.unwrap());
    next(one(Action::DismissUnpaid, false)).await;
    let letter = store.dead_letters(0, false, 10).await.unwrap()[0].id;
    store.close_dead_letter(letter, &Closing::InVain("no".into()), &desk).await.unwrap();
    store.close_dead_letter(letter, &Closing::Dropped("a test".into()), &desk).await.unwrap();
    let of_letter = |action| (action, false, false, Some(letter.to_string()));
    next(vec![of_letter(Action::ReplayLetter), of_letter(Action::DropLetter)]).await;
    store.ask_ordering(order(3), false, &desk).await.unwrap();
    next(one(Action::AskOrdering, false)).await;
    let letter = store.dead_letters(0, false, 10).await.unwrap()[0].id;
    assert_eq!(store.erase_letters(&[7; 16], &[letter], &desk).await.unwrap(), 1);
    next(vec![(Action::EraseLetters, false, false, None)]).await;
    let closed = store.close_deliveries("kafka", "removed", 100, &desk).await.unwrap();
    assert!(closed > 1);
    next(vec![(Action::DropDestination, false, false, Some("kafka".into()))]).await;
    assert_eq!(all(&*store).await[0].entry.times, closed);
    let new = NewToken { sha256: [1; 32], name: "mail".into(), scopes: vec![], expires_at: None };
    assert!(store.add_token(&new, &desk).await.unwrap());
    assert!(!store.add_token(&new, &desk).await.unwrap());
    assert!(store.revoke_token("mail", &desk).await.unwrap());
    assert!(!store.revoke_token("mail", &desk).await.unwrap());
    let of_token = |action| (action, false, false, Some("mail".to_owned()));
    next(vec![of_token(Action::MakeToken), of_token(Action::RevokeToken)]).await;
    let (who, reason, revoked_at) = ("desk".to_owned(), "lost".to_owned(), at());
    let key = RevokedKey { kid: "01234567".into(), public_key: [1; 32], reason, who, revoked_at };
    for _ in 0..2 {
        store.revoke_key(&key, &desk).await.unwrap();
    }
    next(vec![(Action::RevokeKey, false, false, Some("01234567".into()))]).await;
    store.erase(order(1), &desk).await.unwrap();
    next(one(Action::EraseOrder, false)).await;
    store.adopt_secret("f", &desk).await.unwrap();
    next(vec![(Action::AdoptSecret, false, false, None)]).await;
}

pub async fn what_had_no_effect_is_not_in_it(backend: &dyn Backend) {
    let store = backend.store();
    let (tickets, desk) = (issued(&*store, 1, 1).await, desk());
    store.void_ticket(tickets[0].id, "a", &quietly(), &desk).await.unwrap();
    let before = all(&*store).await;
    assert!(!store.void_ticket(tickets[0].id, "again", &quietly(), &desk).await.unwrap());
    assert!(!store.lift_withdrawal("refund:none", "a", &desk).await.unwrap());
    assert!(!store.lift_unpaid(order(1), "a", &desk).await.unwrap());
    assert_eq!(store.acknowledge(&AttentionScope::Order(order(1)), "a", &desk).await.unwrap(), 0);
    assert!(!store.acknowledge_late(order(1), &desk).await.unwrap());
    assert!(!store.close_dead_letter(4, &Closing::Dropped("a".into()), &desk).await.unwrap());
    assert_eq!(store.retry(RetrySelection::All, &desk).await.unwrap(), 0);
    assert!(!store.reinstate_order(order(1), &desk).await.unwrap());
    assert_eq!(store.close_deliveries("nobody", "a", 9, &desk).await.unwrap(), 0);
    assert!(store.erase(order(9), &desk).await.unwrap().is_none());
    assert_eq!(all(&*store).await, before);
}

pub async fn found_by_what_and_whom(backend: &dyn Backend) {
    let store = backend.store();
    let tickets = issued(&*store, 1, 1).await;
    let at: Timestamp = "2026-11-22T18:30:00Z".parse().unwrap();
    let later = at + Duration::from_secs(60);
    let (shop, gate) = (Actor::http("shop\0"), Actor::http("203.0.113.0/24"));
    let read = AuditEntry::new(&shop, Action::ReadTicket).order(order(1)).ticket(tickets[0].id);
    let stream = AuditEntry::new(&shop, Action::ReadEvents).positions(3, 9);
    let refused = AuditEntry::new(&gate, Action::Refuse).subject("unauthorized").times(40);
    store.record_audit(&[(at, read), (later, stream.clone()), (later, refused)]).await.unwrap();
    store.record_audit(&[]).await.unwrap();

    let found = async |filter: AuditFilter| {
        let records = store.audit(&filter, 10).await.unwrap();
        records.into_iter().map(|record| record.entry.action).collect::<Vec<_>>()
    };
    let any = AuditFilter::default;
    let (read, events, refuse) = (Action::ReadTicket, Action::ReadEvents, Action::Refuse);
    assert_eq!(found(any()).await, [refuse, events, read], "newest first");
    assert_eq!(found(AuditFilter { since: Some(later), ..any() }).await, [refuse, events]);
    assert_eq!(found(AuditFilter { actor: Some("shop".into()), ..any() }).await, [events, read]);
    assert_eq!(found(AuditFilter { action: Some("read".into()), ..any() }).await, [events, read]);
    assert_eq!(found(AuditFilter { action: Some("read.ticket".into()), ..any() }).await, [read]);
    assert_eq!(found(AuditFilter { action: Some("re_d".into()), ..any() }).await, []);
    assert_eq!(found(AuditFilter { order: Some(order(1)), ..any() }).await, [read]);
    assert_eq!(found(AuditFilter { ticket: Some(tickets[0].id), ..any() }).await, [read]);
    assert_eq!(found(AuditFilter { order: Some(order(2)), ..any() }).await, []);
    let page = store.audit(&any(), 2).await.unwrap();
    assert_eq!(page.len(), 2);
    assert_eq!(found(AuditFilter { before: Some(page[1].id), ..any() }).await, [read]);
    assert_eq!(page[1].at, later);
    let kept = &page[1].entry;
    assert_eq!((kept.actor.name(), kept.positions), ("shop", stream.positions));
    assert_eq!(page[0].entry.times, 40);
}

pub async fn cannot_be_changed(backend: &dyn Backend) {
    let store = backend.store();
    let entry = AuditEntry::new(&desk(), Action::AdoptSecret);
    let at: Timestamp = "2026-11-22T18:30:00Z".parse().unwrap();
    store.record_audit(&[(at, entry.clone()), (at, entry)]).await.unwrap();
    store.adopt_secret("f", &desk()).await.unwrap();
    let before = all(&*store).await;
    // The last is SQLite's alone.
    for sql in [
        "UPDATE audit SET actor = 'nobody'",
        "DELETE FROM audit WHERE id = (SELECT max(id) FROM audit)",
        "DELETE FROM audit",
        "REPLACE INTO audit SELECT id, at, via, 'nobody', action, order_id, ticket_id, subject, times, \
         position_from, position_to FROM audit WHERE id = (SELECT max(id) FROM audit)",
    ] {
        assert!(backend.refuses(sql).await, "{sql} was allowed");
    }
    assert_eq!(all(&*store).await, before);
}

pub async fn is_pruned_from_the_oldest_on(backend: &dyn Backend) {
    let store = backend.store();
    let old: Timestamp = "2020-01-01T00:00:00Z".parse().unwrap();
    let entry = AuditEntry::new(&desk(), Action::AdoptSecret);
    let times = [old, old, old, old];
    store.record_audit(&times.map(|at| (at, entry.clone()))).await.unwrap();
    store.adopt_secret("f", &desk()).await.unwrap();
    let year = Duration::from_secs(365 * 24 * 3600);
    assert_eq!(store.prune_audit(year, 3).await.unwrap(), 3);
    assert_eq!(store.prune_audit(year, 3).await.unwrap(), 1);
    assert_eq!(store.prune_audit(year, 3).await.unwrap(), 0, "what is new stays");
    assert_eq!(all(&*store).await.len(), 1);
    assert!(
        store.prune_audit(Duration::ZERO, 3).await.is_err(),
        "nothing of the last day, whatever is asked for"
    );
    assert_eq!(all(&*store).await.len(), 1);
}
