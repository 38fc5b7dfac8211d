//! Conformance of destinations: what waits for each, also for one that is configured no more.

use std::time::Duration;

use fulfillment_domain::Spelling;
use fulfillment_domain::event::{Publication, ticket_issued_again};

use super::Backend;
use super::fixtures::{at, claimed, completion, desk, freeze, frozen, issued, quietly};
use crate::DeliveryOutcome::Parked;
use crate::{Action, AuditFilter, Resent};

pub async fn listed_and_closed(backend: &dyn Backend) {
    let store = backend.store();
    assert_eq!(store.destinations().await.unwrap(), []);
    let claim = claimed(&*store, 1).await.remove(0);
    let tickets = frozen(store.freeze(&[freeze(&claim, 3)]).await.unwrap().remove(0));
    store.complete(&[completion(&claim, &tickets, &["kafka", "webhook:gone"])]).await.unwrap();
    let lent = store.claim_deliveries("webhook:gone", 1, Duration::from_secs(60)).await.unwrap();
    let refused = Parked { reason: "HTTP 410".into() };
    store.record_deliveries("webhook:gone", &[(lent[0].outbox_id, refused)]).await.unwrap();

    let listed = store.destinations().await.unwrap();
    let seen: Vec<_> = listed.iter().map(|d| (d.name.as_str(), d.waiting, d.parked)).collect();
    assert_eq!(seen, [("kafka", 3, 0), ("webhook:gone", 2, 1)]);
    assert!(listed.iter().all(|d| d.since.is_some()), "{listed:?}");
    let reasons: Vec<_> = listed.iter().map(|d| d.reason.as_deref()).collect();
    assert_eq!(reasons, [None, Some("HTTP 410")]);

    let mut closed = Vec::new();
    while closed.last() != Some(&0) {
        closed.push(store.close_deliveries("webhook:gone", "removed", 2, &desk()).await.unwrap());
    }
    assert_eq!(closed, [2, 1, 0], "in batches");
    assert!(store.claim_deliveries("webhook:gone", 9, Duration::ZERO).await.unwrap().is_empty());
    let open: Vec<_> = store.destinations().await.unwrap().into_iter().map(|d| (d.name, d.waiting)).collect();
    assert_eq!(open, [("kafka".to_owned(), 3)], "the others still wait");
    let closed = "SELECT count(*) FROM outbox_delivery WHERE state = 'suppressed' AND reason = 'removed'";
    assert_eq!(backend.number(closed).await, 3);
}

/// Another event of a ticket is written once, in turn, and not of a ticket that has changed.
pub async fn sent_again(backend: &dyn Backend) {
    let store = backend.store();
    let id = issued(&*store, 1, 1).await[0].id;
    let next = async |destinations: &[String], request: Option<&str>| {
        let mut ticket = store.ticket(id).await.unwrap().unwrap();
        ticket.lifecycle.sequence += 1;
        let publication =
            Publication { spelling: Spelling::Camel, ticket_pdf_url: "l", traceparent: None, destinations };
        let event = ticket_issued_again(&ticket, at(), request, &publication).unwrap();
        (ticket, event)
    };
    let mailer = ["webhook:mailer".to_owned()];
    let (ticket, event) = next(&mailer, Some("request")).await;
    assert_eq!(store.resend(&ticket, &event, &desk()).await.unwrap(), Resent::Written);
    assert_eq!(store.resend(&ticket, &event, &desk()).await.unwrap(), Resent::Known);
    let (later, same) = next(&mailer, Some("request")).await;
    assert_eq!((same.id, later.lifecycle.sequence), (event.id, 3));
    assert_eq!(store.resend(&later, &same, &desk()).await.unwrap(), Resent::Known, "by its request");
    let (_, another) = next(&mailer, None).await;
    assert_eq!(
        store.resend(&ticket, &another, &desk()).await.unwrap(),
        Resent::Changed,
        "it has a later one"
    );
    assert_eq!(store.ticket(id).await.unwrap().unwrap().lifecycle.sequence, 2);

    let lent = store.claim_deliveries("webhook:mailer", 9, Duration::from_secs(60)).await.unwrap();
    let lent: Vec<_> = lent.iter().map(|d| (d.event.id, d.event.sequence)).collect();
    assert_eq!(lent, [(event.id, 2)], "to one destination");
    assert_eq!(store.backlog("kafka").await.unwrap().0, 1, "the first");
    assert_eq!(store.sequence_events(9).await.unwrap(), 2, "the stream has both");
    let audited = store.audit(&AuditFilter::default(), 9).await.unwrap();
    let audited: Vec<_> = audited.iter().map(|a| (a.entry.action, a.entry.subject.as_deref())).collect();
    assert_eq!(audited, [(Action::ResendTicket, Some("webhook:mailer"))]);

    let (ticket, event) = next(&mailer, None).await;
    store.void_ticket(id, "off", &quietly(), &desk()).await.unwrap();
    assert_eq!(store.resend(&ticket, &event, &desk()).await.unwrap(), Resent::Changed, "it is void");
}
