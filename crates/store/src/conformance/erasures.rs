//! Conformance of erasure: personal data is removed permanently.

use std::time::Duration;

use fulfillment_domain::{Amount, EventKind, OrderState, Ticket};
use jiff::{SignedDuration, Timestamp};

use super::Backend;
use super::fixtures::{
    LONG, cancellation, claimed, completion, desk, draft, freeze, frozen, generated, ingest, issued, letters,
    loudly, message, order, payment, quietly, refund, rows, to_kafka,
};
use super::people::{found, orders_of};
use crate::{
    ClosedAs, FoundIn, FreezeOutcome, Incoming, IngestOutcome, NextStep, Redrawn, Reissue, Release,
    RetrySelection, Store, WithdrawalState,
};

/// The buyer of every order of the fixtures.
const BUYER: &str = "zo\u{eb}@example.org";

/// The personal data in the fixtures' orders, messages and events.
const PERSONAL: [&str; 6] = ["zo\u{eb}", "Zo\u{eb}", "\u{674e}", "h@example.org", "Ada", "c-1"];

fn tells_of_a_person(text: &[u8]) -> bool {
    let text = String::from_utf8_lossy(text);
    PERSONAL.iter().any(|word| text.contains(word))
}

/// A message of order 1 with the buyer's address in it.
fn personal(n: u32, amount: &str) -> Incoming {
    let json = format!(
        r#"{{"payment_id":"pay-{n}","order_id":"{}","customer_id":"c-1","customer_email":"{BUYER}","amount":{amount},"currency":"EUR"}}"#,
        order(1)
    );
    message(i64::from(n), json.as_bytes())
}

/// An issued ticket of order 1 in its second generation, and one of order 2.
async fn two(backend: &dyn Backend) -> (Ticket, Ticket) {
    let store = backend.store();
    let tickets = issued(&*store, 2, 1).await;
    backend.execute("UPDATE tickets SET generation = 0").await;
    let live = store.ticket(tickets[0].id).await.unwrap().unwrap();
    assert!(store.reserve(live.id, &draft(&live, 1), None).await.unwrap());
    let mut next = live.clone();
    next.code.generation = 1;
    next.holder.name = Some("Ada".into());
    let done = generated(&next, &["kafka"]);
    let reissue = Reissue {
        ticket: done.ticket,
        expected: 0,
        reinstates: false,
        events: done.events,
        by: desk(),
        reason: Some("sold on to Ada".into()),
        request: Some("Ada's".into()),
    };
    let first = store.reissue(&reissue).await.unwrap().unwrap();
    (first, store.ticket(tickets[1].id).await.unwrap().unwrap())
}

/// Checks that everything about order 1 outside its tickets contains no personal data.
async fn silent(backend: &dyn Backend) {
    let store = backend.store();
    for message in store.messages_of(order(1)).await.unwrap() {
        assert_eq!((message.raw, message.key, message.headers), (None, None, vec![]));
    }
    for letter in letters(&*store, true).await {
        assert!(
            letter.record.order_id != Some(order(1)) || letter.raw.is_empty() && letter.headers.is_empty()
        );
    }
    store.sequence_events(100).await.unwrap();
    for published in store.events_after(0, 100).await.unwrap() {
        let told = tells_of_a_person(&published.event.value);
        assert!(published.event.order_id != Some(order(1)) || !told, "{published:?}");
    }
    for kept in [
        "orders WHERE erased_at IS NOT NULL AND (snapshot IS NOT NULL OR refused_answer IS NOT NULL)",
        "payments JOIN orders ON orders.order_id = payments.order_id WHERE erased_at IS NOT NULL \
         AND customer_id IS NOT NULL",
        "withdrawals JOIN orders ON orders.order_id = withdrawals.order_id WHERE erased_at IS NOT NULL \
         AND withdrawals.reason IS NOT NULL",
        "ticket_history JOIN tickets ON tickets.id = ticket_id WHERE erased_at IS NOT NULL AND why LIKE '%Ada%'",
        "ticket_revisions JOIN tickets ON tickets.id = ticket_id WHERE erased_at IS NOT NULL \
         AND (record <> '{}' OR why IS NOT NULL OR request IS NOT NULL)",
        "ticket_drafts JOIN tickets ON tickets.id = ticket_id WHERE erased_at IS NOT NULL",
    ] {
        assert_eq!(backend.number(&format!("SELECT count(*) FROM {kept}")).await, 0, "{kept}");
    }
}

/// The search for files of erased tickets that are to be removed; with `@greatest`, which each database calls otherwise.
pub const FILES_DUE: &str = crate::sql::FILES_DUE;

pub async fn everything_of_an_order(backend: &dyn Backend) {
    let store = backend.store();
    let (first, second) = two(backend).await;
    ingest(&*store, &[personal(1, "7")]).await;
    let address = "Zo\u{eb}@EXAMPLE.org";
    assert_eq!(orders_of(&*store, address).await, [order(1), order(2)]);
    assert_eq!(orders_of(&*store, "H@example.org").await, [order(1), order(2)], "a holder's");
    for other in ["o\u{eb}@example.org", "nobody@example.org"] {
        assert_eq!(orders_of(&*store, other).await, [], "{other}");
    }
    assert!(store.erase(order(9), &desk()).await.unwrap().is_none());
    // The holder on a page that is not drawn yet.
    assert_eq!(orders_of(&*store, "draft@example.org").await, []);
    assert!(store.reserve(first.id, &draft(&first, 2), None).await.unwrap());
    assert_eq!(orders_of(&*store, "Draft@example.org").await, [order(1)]);

    let before = store.order(order(1)).await.unwrap().unwrap();
    let erased = store.erase(order(1), &desk()).await.unwrap().unwrap();
    let id = first.id;
    assert_eq!((erased.order_id, &erased.tickets), (order(1), &vec![id]));
    let of_fixture = format!("{id}.g{}.pdf", u32::MAX);
    assert_eq!((erased.files.len(), erased.files[0].0), (1, id));
    assert!(!erased.files[0].1.contains(&of_fixture));
    assert_eq!(erased.files[0].1, [format!("{id}.pdf"), format!("{id}.g1.pdf"), format!("{id}.g2.pdf")]);
    assert_eq!((erased.messages, erased.letters, erased.events), (1, 1, 2), "{erased:?}");
    let stays = store.ticket(id).await.unwrap().unwrap();
    assert!(!tells_of_a_person(serde_json::to_string(&stays).unwrap().as_bytes()), "{stays:?}");
    assert_eq!((stays.lifecycle.erased_at, stays.document.sha256), (Some(erased.erased_at), None));
    let door = |t: &Ticket| {
        (
            t.code.data.clone(),
            t.code.cti,
            t.code.generation,
            t.code.kid.clone(),
            t.seat.label.clone(),
            t.lifecycle.voided_at,
        )
    };
    assert_eq!(door(&stays), door(&first), "what the door needs");
    let accounts =
        |t: &Ticket| (t.price, t.currency, t.payment_id.clone(), t.number.clone(), t.lifecycle.status);
    assert_eq!(accounts(&stays), accounts(&first), "what accounting needs");
    let after = store.order(order(1)).await.unwrap().unwrap();
    assert_eq!((after.state, &after.payments), (OrderState::Issued, &before.payments));
    assert_eq!((before.erased_at, after.erased_at), (None, Some(erased.erased_at)), "the order says so");
    silent(backend).await;
    let lent = store.claim_deliveries("kafka", 100, LONG).await.unwrap();
    let kinds: Vec<_> = lent.iter().map(|d| (d.event.kind, d.event.order_id)).collect();
    assert_eq!(kinds, [(EventKind::TicketIssued, Some(order(2)))], "nobody is told of an erased ticket");
    assert_eq!(store.ticket(second.id).await.unwrap().as_ref(), Some(&second), "its neighbour stands");
    assert!(store.messages_of(order(2)).await.unwrap().iter().all(|m| m.raw.is_some()));
    assert_eq!(orders_of(&*store, address).await, [order(2)]);

    let again = store.erase(order(1), &desk()).await.unwrap().unwrap();
    assert_eq!((again.erased_at, &again.files), (erased.erased_at, &erased.files));
    assert_eq!((again.messages, again.letters, again.events), (0, 0, 0));
    let page = Redrawn { generation: 1, sha256: [1; 32], size: 7, renderer: "2".into() };
    store.redrawn(id, &page).await.unwrap();
    assert_eq!(
        store.ticket(id).await.unwrap().unwrap().document.sha256,
        None,
        "whoever drew it meanwhile records nothing"
    );
    assert!(!store.reserve(id, &draft(&first, 2), None).await.unwrap(), "no draft of it is kept again");
    let mut ticket = generated(&first, &[]).ticket;
    ticket.code.generation = 2;
    let reissue = Reissue {
        ticket,
        expected: 1,
        reinstates: false,
        events: vec![],
        by: desk(),
        reason: None,
        request: None,
    };
    assert_eq!(store.reissue(&reissue).await.unwrap(), None, "and no generation follows");
}

pub async fn what_comes_later_is_kept_without_content(backend: &dyn Backend) {
    let store = backend.store();
    let (first, _) = two(backend).await;
    store.erase(order(1), &desk()).await.unwrap().unwrap();
    let before = rows(backend).await;
    assert_eq!(ingest(&*store, &[payment(1, 1, "49.90")]).await, [IngestOutcome::Duplicate(order(1))]);
    assert_eq!(rows(backend).await, before, "the topic read again adds nothing");
    let others = ingest(&*store, &[personal(7, "1"), personal(1, "7"), payment(3, 3, "1")]).await;
    assert_eq!(
        others,
        [
            IngestOutcome::AlreadyPaid(order(1)),
            IngestOutcome::Quarantined(order(1)),
            IngestOutcome::New(order(3))
        ]
    );
    silent(backend).await;
    let letter = store.dead_letters(0, true, 9).await.unwrap().remove(0);
    assert_eq!((letter.kind.as_str(), letter.note.as_deref()), ("quarantined", Some("erased")));
    assert_eq!(backend.number("SELECT count(*) FROM outbox WHERE kind = 'dead-letter'").await, 0);
    assert!(store.messages_of(order(3)).await.unwrap()[0].raw.is_some(), "its neighbour is whole");
    assert_eq!(store.retry(RetrySelection::Order(order(1)), &desk()).await.unwrap(), 0);

    let back = [cancellation(1, "Ada fell ill"), refund(5, 1, 1, r#","amount":1,"who":"Ada""#)];
    let outcomes = store.ingest(&back, &to_kafka(), &loudly()).await.unwrap();
    assert_eq!(outcomes[0], IngestOutcome::Recorded(order(1), WithdrawalState::Applied));
    let contradiction = [refund(5, 1, 1, r#","amount":2,"who":"Ada""#)];
    let outcomes = store.ingest(&contradiction, &to_kafka(), &loudly()).await.unwrap();
    assert_eq!(outcomes, [IngestOutcome::Quarantined(order(1))]);
    silent(backend).await;
    let void = store.ticket(first.id).await.unwrap().unwrap();
    assert_eq!((void.lifecycle.void_reason.as_deref(), void.lifecycle.sequence), (Some("cancelled"), 3));
    let lent = store.claim_deliveries("kafka", 100, LONG).await.unwrap();
    let of_it: Vec<_> =
        lent.iter().filter(|d| d.event.order_id == Some(order(1))).map(|d| d.event.kind).collect();
    assert_eq!(of_it, [EventKind::TicketVoided], "doors hear that it is void");
}

pub async fn no_worker_goes_on(backend: &dyn Backend) {
    let store = backend.store();
    let claims = claimed(&*store, 4).await;
    // The first is frozen; the second has one of two tickets generated; the third and fourth are being enriched.
    let tickets = frozen(store.freeze(&[freeze(&claims[0], 1)]).await.unwrap().remove(0));
    let half = frozen(store.freeze(&[freeze(&claims[1], 2)]).await.unwrap().remove(0));
    let mut done = completion(&claims[1], &half[..1], &["kafka"]);
    done.finished = false;
    assert_eq!(store.complete(&[done]).await.unwrap(), [true]);
    for n in 1..=3 {
        store.erase(order(n), &desk()).await.unwrap().unwrap();
    }
    assert_eq!(store.complete(&[completion(&claims[0], &tickets, &["kafka"])]).await.unwrap(), [false]);
    assert_eq!(store.complete(&[completion(&claims[1], &half[1..], &["kafka"])]).await.unwrap(), [false]);
    assert_eq!(store.freeze(&[freeze(&claims[2], 1)]).await.unwrap(), [FreezeOutcome::Stale]);
    let release = Release {
        order_id: order(3),
        fence: claims[2].fence,
        reason: "Ada".into(),
        failed: vec![],
        then: NextStep::Park(None),
        refused_answer: Some(b"Ada".to_vec()),
    };
    assert_eq!(store.release(&[release]).await.unwrap(), [false]);
    assert_eq!(store.renew(&[(order(1), claims[0].fence)], LONG).await.unwrap(), []);
    silent(backend).await;
    for n in [1, 3] {
        let record = store.order(order(n)).await.unwrap().unwrap();
        assert_eq!(record.state, OrderState::Voided);
        assert!(record.reason.unwrap().contains("erased before it was issued"));
        assert!(record.tickets.iter().all(|t| t.lifecycle.voided_at.is_some() && t.lifecycle.sequence == 0));
        assert!(!store.reinstate_order(order(n), &desk()).await.unwrap());
    }
    let record = store.order(order(2)).await.unwrap().unwrap();
    let live: Vec<_> = record.tickets.iter().map(|t| t.lifecycle.voided_at.is_none()).collect();
    assert_eq!(
        (record.state, live),
        (OrderState::Issued, vec![true, false]),
        "what is in circulation opens doors"
    );
    assert_eq!(
        ingest(&*store, &[payment(9, 1, "1")]).await,
        [IngestOutcome::Late(order(1))],
        "paid again, shown"
    );
    assert_eq!(
        store.complete(&[completion(&claims[3], &[], &[])]).await.unwrap(),
        [true],
        "its neighbour goes on"
    );

    // An order that only a refund has named: its payment creates no work.
    store.ingest(&[refund(8, 8, 8, "")], &to_kafka(), &quietly()).await.unwrap();
    store.erase(order(8), &desk()).await.unwrap().unwrap();
    let outcome = ingest(&*store, &[payment(8, 8, "1")]).await;
    assert!(!matches!(outcome[..], [IngestOutcome::New(_)]), "{outcome:?}");
    assert_eq!(store.claim("w", 9, LONG).await.unwrap().len(), 0);
}

/// An erasure that was interrupted is finished by a repeat, which finds no address any more.
pub async fn begun_and_ended(backend: &dyn Backend) {
    let store = backend.store();
    let (whom, another) = ([7; 16], [8; 16]);
    assert_eq!(store.begin_erasure(&whom, &[]).await.unwrap(), None);
    store.begin_erasure(&whom, &[order(2)]).await.unwrap();
    store.begin_erasure(&another, &[order(3)]).await.unwrap();
    let begun = store.begin_erasure(&whom, &[order(2), order(1)]).await.unwrap().unwrap();
    assert_eq!((begun.orders, begun.letters), (vec![order(1), order(2)], 0));
    let begun = store.begin_erasure(&whom, &[]).await.unwrap().unwrap();
    assert_eq!(begun.orders, [order(1), order(2)]);
    store.end_erasure(&whom).await.unwrap();
    assert_eq!(store.begin_erasure(&whom, &[]).await.unwrap(), None);
    assert_eq!(store.begin_erasure(&another, &[]).await.unwrap().unwrap().orders, [order(3)]);
    assert!(
        !store.clear_files().await.unwrap().needs_vacuum,
        "a new store has nothing of an earlier version"
    );
}

pub async fn past_events(backend: &dyn Backend) {
    let store = backend.store();
    let tickets = issued(&*store, 4, 1).await;
    let dates = async |n: usize, ends: &str, starts: &str| {
        let id = tickets[n].id;
        let sql = format!(
            "UPDATE tickets SET event_ends_at = {ends}, event_starts_at = {starts} WHERE id = '{id}'"
        );
        backend.execute(&sql).await;
    };
    let (past, future) = ("'2001-01-01T00:00:00.000000Z'", "'2199-01-01T00:00:00.000000Z'");
    dates(0, past, past).await;
    dates(1, "NULL", past).await;
    dates(2, past, future).await;
    dates(3, "NULL", "NULL").await;
    let hour = Duration::from_secs(3600);
    let mut orders = store.past_orders(hour, 9).await.unwrap();
    orders.sort();
    assert_eq!(orders, [order(1), order(2)]);
    assert_eq!(store.past_orders(hour, 1).await.unwrap().len(), 1);
    assert_eq!(store.past_orders(Duration::from_secs(100 * 365 * 24 * 3600), 9).await.unwrap(), []);
    for order in orders {
        store.erase(order, &desk()).await.unwrap().unwrap();
    }
    assert_eq!(store.past_orders(hour, 9).await.unwrap(), []);
    assert_eq!(amount(&*store, 1).await.to_string(), "49.90");
}

/// Placeholders and dates that contradict the start erase no order too early; earlier versions wrote such rows.
pub async fn misdated_events(backend: &dyn Backend) {
    let store = backend.store();
    let tickets = issued(&*store, 12, 1).await;
    // By the database's clock.
    let now = store.order(order(1)).await.unwrap().unwrap().updated_at;
    let hours = |hours: i64| {
        let at = now + SignedDuration::from_hours(hours);
        format!("'{}'", at.strftime("%Y-%m-%dT%H:%M:%S.%6fZ"))
    };
    let day = |days: i64| hours(24 * days);
    let (none, never) = ("NULL".to_owned(), "'9999-12-31T23:59:59.999999Z'".to_owned());
    let (zero, long_ago) =
        ("'0001-01-01T00:00:00.000000Z'".to_owned(), "'1900-01-01T00:00:00.000000Z'".to_owned());
    let times = [
        // Start, end, and whether the event ended more than thirty days ago.
        (day(30), zero.clone(), false),
        (day(30), long_ago.clone(), false),
        (day(30), day(-60), false),
        (day(-10), day(-40), false),
        (zero.clone(), zero.clone(), false),
        (never.clone(), never.clone(), false),
        (none.clone(), day(-29), false),
        (day(-40), day(-20), false),
        (day(-40), none.clone(), true),
        (day(-40), never, true),
        (zero, day(-40), true),
        (day(-500), day(-50), true),
    ];
    for (ticket, (starts, ends, _)) in tickets.iter().zip(&times) {
        let id = ticket.id;
        let sql = format!(
            "UPDATE tickets SET event_starts_at = {starts}, event_ends_at = {ends} WHERE id = '{id}'"
        );
        backend.execute(&sql).await;
    }
    let retention = Duration::from_secs(30 * 24 * 3600);
    let mut past = store.past_orders(retention, 99).await.unwrap();
    past.sort();
    let over = (1..).zip(&times).filter(|(_, (.., over))| *over).map(|(n, _)| order(n));
    assert_eq!(past, over.collect::<Vec<_>>());
    assert_eq!(store.past_orders(retention, 2).await.unwrap().len(), 2);

    // For a day without an hour, the whole day must be over.
    let (id, starts) = (tickets[8].id, hours(-30 * 24 - 1));
    let flags = "seat_conflict,start_without_hour";
    let sql = format!("UPDATE tickets SET event_starts_at = {starts}, flags = '{flags}' WHERE id = '{id}'");
    backend.execute(&sql).await;
    assert!(!store.past_orders(retention, 99).await.unwrap().contains(&order(9)));
}

/// An order is erased as a whole: not before the last of its events has ended.
pub async fn orders_of_two_dates(backend: &dyn Backend) {
    let store = backend.store();
    let tickets = issued(&*store, 1, 2).await;
    let past = "'2001-01-01T00:00:00.000000Z'";
    for (ticket, starts) in tickets.iter().zip([past, "'2190-01-01T00:00:00.000000Z'"]) {
        let id = ticket.id;
        let sql =
            format!("UPDATE tickets SET event_starts_at = {starts}, event_ends_at = NULL WHERE id = '{id}'");
        backend.execute(&sql).await;
    }
    let hour = Duration::from_secs(3600);
    assert_eq!(store.past_orders(hour, 9).await.unwrap(), []);
    backend
        .execute("UPDATE tickets SET event_starts_at = NULL WHERE event_starts_at > '2100-01-01T00:00:00Z'")
        .await;
    assert_eq!(
        store.past_orders(hour, 9).await.unwrap(),
        [order(1)],
        "one of an unknown date does not keep it"
    );
}

async fn amount(store: &dyn Store, n: u32) -> Amount {
    store.order(order(n)).await.unwrap().unwrap().payments[0].amount.unwrap()
}

pub async fn letters_of_no_order(backend: &dyn Backend) {
    let store = backend.store();
    let unreadable = [
        message(1, format!(r#"{{"orderId":7,"customer_email":"{BUYER}"}}"#).as_bytes()),
        message(2, format!(r#"{{"orderId":7,"customer_email":"not{BUYER}"}}"#).as_bytes()),
        message(3, format!(r#"{{"orderId":["{}"],"name":"Ada"}}"#, order(1)).as_bytes()),
    ];
    // One by one, so that their rows have this order.
    for letter in &unreadable {
        ingest(&*store, std::slice::from_ref(letter)).await;
    }
    let before: Timestamp = store.dead_letters(0, false, 9).await.unwrap()[0].received_at;
    let whom = [7; 16];
    let places = found(&*store, BUYER).await;
    let [FoundIn::Letter(letter)] = places[..] else { panic!("{places:?}") };
    assert_eq!(store.erase_letters(&whom, &[letter], &desk()).await.unwrap(), 1);
    assert_eq!(
        store.erase_letters(&whom, &[], &desk()).await.unwrap(),
        1,
        "a repeat says the same until it has ended"
    );
    store.end_erasure(&whom).await.unwrap();
    assert_eq!(store.erase_letters(&whom, &[letter], &desk()).await.unwrap(), 0);
    let letters = letters(&*store, true).await;
    assert_eq!(letters.iter().map(|l| l.raw.is_empty()).collect::<Vec<_>>(), [true, false, false]);
    assert_eq!(
        (letters[0].key.as_ref(), letters[0].record.closed_as.map(ClosedAs::as_str)),
        (None, Some("dropped"))
    );
    assert_eq!(letters[0].record.received_at, before);
    assert_eq!(backend.number("SELECT count(*) FROM outbox WHERE kind = 'dead-letter'").await, 2);
    ingest(&*store, &[payment(1, 1, "1")]).await;
    assert_eq!(store.erase(order(1), &desk()).await.unwrap().unwrap().letters, 1, "one that names the order");
    let before = rows(backend).await;
    ingest(&*store, &unreadable).await;
    assert_eq!(rows(backend).await, before, "read again, they add nothing");
    assert_eq!(store.dead_letters(0, false, 9).await.unwrap().len(), 1);
}
