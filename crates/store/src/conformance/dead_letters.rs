//! Conformance of dead letters and parked orders.

use fulfillment_domain::{Message, OrderState, Subject};

use super::Backend;
use super::fixtures::{
    LONG, at_stored, cancellation, claimed, desk, ingest, letters, loudly, message, order, payment, refund,
    rows, to_kafka,
};
use crate::{ClosedAs, Closing, Incoming, IngestOutcome, NextStep, Release, Source, WithdrawalState};

pub async fn kept_whole(backend: &dyn Backend) {
    let store = backend.store();
    let raw = b"\0 no JSON \xff";
    ingest(&*store, &[message(7, raw)]).await;
    ingest(&*store, &[payment(1, 1, "5"), payment(1, 1, "6")]).await;
    let mut bad = refund(1, 1, 1, "");
    bad.content = Err(fulfillment_domain::Unreadable::field("amount", "is no number"));
    store.ingest(&[bad], &to_kafka(), &loudly()).await.unwrap();
    let letters = store.dead_letters(0, false, 10).await.unwrap();
    let seen: Vec<_> = letters.iter().map(|l| (l.kind.as_str(), l.about, l.order_id)).collect();
    let expected = [
        ("unreadable", Subject::Payment, None),
        ("quarantined", Subject::Payment, Some(order(1))),
        ("unreadable", Subject::Refund, None),
    ];
    assert_eq!(seen, expected);
    let whole = store.dead_letter(letters[0].id).await.unwrap().unwrap();
    let first = &whole.record;
    assert_eq!((first, first.bytes), (&letters[0], raw.len() as u64));
    assert_eq!((whole.raw.as_slice(), whole.key.as_deref()), (&raw[..], Some(&b"key\0"[..])));
    assert_eq!(whole.headers[0], ("h".to_owned(), vec![0xff, 0]));
    assert_eq!(first.source, "kafka payment-succeeded/3@7");
    assert_eq!((first.source_timestamp, first.received_at), (Some(1_795_372_200_000), at_stored()));
    assert_eq!((first.attempts, first.closed_at, first.closed_as), (0, None, None));
    assert_eq!(store.dead_letter(404).await.unwrap(), None);
    assert_eq!(store.dead_letters(first.id, false, 1).await.unwrap(), letters[1..2]);
}

pub async fn replayed_under_their_own_name(backend: &dyn Backend) {
    let store = backend.store();
    let mut early = payment(3, 3, "5");
    let read = std::mem::replace(&mut early.content, Message::parse(Subject::Payment, b"{}"));
    ingest(&*store, &[early.clone()]).await;
    let letter = letters(&*store, false).await.remove(0);
    let source = letter.record.source.clone();
    let again = |content| Incoming {
        source: Source::Recorded { text: source.clone(), timestamp: letter.record.source_timestamp },
        key: letter.key.clone(),
        raw: letter.raw.clone(),
        headers: letter.headers.clone(),
        content,
        ..early.clone()
    };
    let before = rows(backend).await;
    let vain = ingest(&*store, &[again(Message::parse(Subject::Payment, b"{}"))]).await;
    assert!(matches!(vain[..], [IngestOutcome::DeadLettered(_)]));
    assert_eq!(rows(backend).await, before, "in vain it makes no other letter and no other event");
    assert_eq!(ingest(&*store, &[again(read.clone())]).await, [IngestOutcome::New(order(3))]);
    assert_eq!(ingest(&*store, &[again(read)]).await, [IngestOutcome::Duplicate(order(3))]);
    let messages = store.messages_of(order(3)).await.unwrap();
    assert_eq!(messages.len(), 1);
    assert_eq!((messages[0].source.as_str(), messages[0].raw.as_ref()), (source.as_str(), Some(&letter.raw)));
}

pub async fn closed_once(backend: &dyn Backend) {
    let store = backend.store();
    ingest(&*store, &[message(1, b"x"), message(2, b"y")]).await;
    let ids: Vec<_> = store.dead_letters(0, false, 10).await.unwrap().iter().map(|l| l.id).collect();
    assert!(store.close_dead_letter(ids[0], &Closing::InVain("no\0".into()), &desk()).await.unwrap());
    let letter = store.dead_letter(ids[0]).await.unwrap().unwrap().record;
    assert_eq!((letter.attempts, letter.note.as_deref(), letter.closed_at), (1, Some("no"), None));
    assert!(store.close_dead_letter(ids[0], &Closing::Replayed("new".into()), &desk()).await.unwrap());
    assert!(store.close_dead_letter(ids[1], &Closing::Dropped("a test".into()), &desk()).await.unwrap());
    for id in [ids[0], ids[1], 404] {
        assert!(!store.close_dead_letter(id, &Closing::Dropped("again".into()), &desk()).await.unwrap());
    }
    assert!(store.dead_letters(0, false, 10).await.unwrap().is_empty());
    let all = store.dead_letters(0, true, 10).await.unwrap();
    let closed: Vec<_> = all.iter().map(|l| (l.closed_as.map(ClosedAs::as_str), l.note.as_deref())).collect();
    assert_eq!(closed, [(Some("replayed"), Some("new")), (Some("dropped"), Some("a test"))]);
    assert!(all.iter().all(|l| l.closed_at.is_some()));
    assert_eq!(store.summary().await.unwrap().dead_lettered, 0, "nobody has to look at them");
    ingest(&*store, &[message(1, b"x")]).await;
    assert!(store.dead_letters(0, false, 10).await.unwrap().is_empty(), "read again, it is the same one");
}

pub async fn parked_orders_and_their_messages(backend: &dyn Backend) {
    let store = backend.store();
    let claims = claimed(&*store, 2).await;
    let park = |n: usize| Release {
        order_id: claims[n].order_id,
        fence: claims[n].fence,
        reason: format!("no {n}"),
        failed: vec![],
        then: NextStep::Park(None),
        refused_answer: None,
    };
    for n in [1, 0] {
        assert_eq!(store.release(&[park(n)]).await.unwrap(), [true]);
    }
    let parked = store.parked_orders(10).await.unwrap();
    let seen: Vec<_> = parked.iter().map(|o| (o.order_id, o.reason.as_deref(), o.attempts)).collect();
    assert_eq!(seen, [(order(2), Some("no 1"), 1), (order(1), Some("no 0"), 1)]);
    assert!(parked.iter().all(|o| o.parked_at.is_some() && o.next_attempt_at.is_none()));
    store.ingest(&[cancellation(1, "rain")], &to_kafka(), &loudly()).await.unwrap();
    let outcomes: Vec<_> =
        store.messages_of(order(1)).await.unwrap().into_iter().map(|m| m.outcome).collect();
    assert_eq!(outcomes, ["accepted", "cancellation"]);
    store.prune(std::time::Duration::ZERO, 100).await.unwrap();
    let pruned = store.messages_of(order(1)).await.unwrap();
    assert!(pruned.iter().all(|m| m.raw.is_none() && m.headers.is_empty()), "what is old is gone");
}

pub async fn late_payments_are_acknowledged(backend: &dyn Backend) {
    let store = backend.store();
    store.ingest(&[cancellation(1, "rain")], &to_kafka(), &loudly()).await.unwrap();
    ingest(&*store, &[payment(1, 1, "5"), payment(2, 2, "5")]).await;
    assert_eq!(store.parked_orders(10).await.unwrap().len(), 1);
    assert!(!store.acknowledge_late(order(2), &desk()).await.unwrap(), "it waits for its tickets");
    assert!(store.acknowledge_late(order(1), &desk()).await.unwrap());
    assert!(!store.acknowledge_late(order(1), &desk()).await.unwrap());
    let record = store.order(order(1)).await.unwrap().unwrap();
    assert_eq!((record.state, record.reason.as_deref()), (OrderState::Voided, Some("cancelled: rain")));
    assert_eq!(store.claim("w", 5, LONG).await.unwrap().len(), 1);
    let part = refund(5, 2, 2, r#","amount":1"#);
    store.ingest(&[part], &to_kafka(), &loudly()).await.unwrap();
    assert!(store.lift_withdrawal("refund:r-5", "goodwill", &desk()).await.unwrap());
    assert!(!store.lift_withdrawal("refund:r-5", "again", &desk()).await.unwrap());
    assert!(store.open_withdrawals(10).await.unwrap().is_empty());
    let record = store.order(order(2)).await.unwrap().unwrap();
    assert_eq!(
        (record.withdrawals[0].state, record.withdrawals[0].note.as_deref()),
        (WithdrawalState::Lifted, Some("goodwill"))
    );
}
