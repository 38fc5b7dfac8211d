//! Conformance of lists: each filter finds what matches and nothing else, page by page, on whatever index it is read.

use fulfillment_domain::{Address, Flag, OrderId, OrderState, ShownStatus, Ticket, TicketId};
use sha2::{Digest as _, Sha256};

use super::Backend;
use super::fixtures::{
    LONG, at_stored, completion, desk, draft, freeze, frozen, generated, ingest, loudly, order, payment,
};
use crate::{
    FailedTicket, ListFilter, ListQuery, NextStep, PersonKey, Reissue, Release, Sort, SortedBy, Store,
};

/// The query of a search by words, for the plans that a database makes of it.
pub const WORDS: &str = crate::sql::SEARCH_WORDS;

/// Keys without a secret.
fn key(address: &Address) -> PersonKey {
    let hash = |text: &str| {
        let mut bytes = [0; 16];
        bytes.copy_from_slice(&Sha256::digest(text)[..16]);
        bytes
    };
    PersonKey { hash: hash(&address.to_string()), alike: hash(&address.similar()) }
}

/// Reads what is new, a few at a time.
async fn catch_up(store: &dyn Store) {
    let keys = |text: &[u8]| Address::all_in_message(text).iter().map(key).collect();
    while store.note_people(2, &keys).await.unwrap() > 0 {}
}

fn none() -> ListFilter {
    ListFilter::default()
}

#[expect(clippy::unnecessary_wraps, reason = "a field of a filter")]
fn text(text: &str) -> Option<String> {
    Some(text.to_owned())
}

/// All pages of so many rows, and whether `rows` of each are at most so many.
async fn orders_by(store: &dyn Store, filter: &ListFilter, sort: Sort, limit: usize) -> Vec<OrderId> {
    let (mut found, mut cursor) = (Vec::new(), None::<String>);
    loop {
        let query = ListQuery::new(filter.clone(), sort, limit, cursor.as_deref()).unwrap();
        let page = store.list_orders(&query).await.unwrap();
        assert!(page.items.len() <= limit);
        found.extend(page.items.iter().map(|row| row.order_id));
        cursor = page.next;
        if cursor.is_none() {
            return found;
        }
    }
}

async fn tickets_by(store: &dyn Store, filter: &ListFilter, sort: Sort, limit: usize) -> Vec<TicketId> {
    let (mut found, mut cursor) = (Vec::new(), None::<String>);
    loop {
        let query = ListQuery::new(filter.clone(), sort, limit, cursor.as_deref()).unwrap();
        let page = store.list_tickets(&query).await.unwrap();
        assert!(page.items.len() <= limit);
        found.extend(page.items.iter().map(|row| row.id));
        cursor = page.next;
        if cursor.is_none() {
            return found;
        }
    }
}

/// The orders that match, sorted by id: each once, whatever the size of the pages.
async fn orders(store: &dyn Store, filter: ListFilter) -> Vec<OrderId> {
    let mut found = orders_by(store, &filter, Sort::Newest, 100).await;
    for (sort, limit) in [(Sort::Newest, 1), (Sort::Oldest, 2)] {
        let mut again = orders_by(store, &filter, sort, limit).await;
        again.sort_unstable();
        found.sort_unstable();
        assert_eq!(again, found, "in pages of {limit}: {filter:?}");
    }
    found
}

async fn tickets(store: &dyn Store, filter: ListFilter) -> Vec<TicketId> {
    let mut found = tickets_by(store, &filter, Sort::Newest, 100).await;
    for (sort, limit) in [(Sort::Newest, 1), (Sort::Oldest, 2)] {
        let mut again = tickets_by(store, &filter, sort, limit).await;
        again.sort_unstable();
        found.sort_unstable();
        assert_eq!(again, found, "in pages of {limit}: {filter:?}");
    }
    found
}

/// Pays orders 1 to `n`, and issues each with these tickets.
async fn issue(store: &dyn Store, n: u32, count: u32, change: impl Fn(u32, &mut Ticket)) -> Vec<Ticket> {
    let batch: Vec<_> = (1..=n).map(|i| payment(i, i, "49.90")).collect();
    ingest(store, &batch).await;
    let mut claims = store.claim("w", n as usize, LONG).await.unwrap();
    claims.sort_by_key(|claim| claim.order_id);
    let mut all = Vec::new();
    for (claim, number) in claims.iter().zip(1..) {
        let mut freeze = freeze(claim, count);
        for ticket in &mut freeze.tickets {
            ticket.code.generation = 0;
            ticket.code.cti[..8]
                .copy_from_slice(&(u64::from(number) << 32 | u64::from(ticket.line.index)).to_be_bytes());
            change(number, ticket);
        }
        let tickets = frozen(store.freeze(&[freeze]).await.unwrap().remove(0));
        assert_eq!(store.complete(&[completion(claim, &tickets, &["kafka"])]).await.unwrap(), [true]);
        all.extend(tickets);
    }
    all
}

fn ids(numbers: &[u32]) -> Vec<OrderId> {
    numbers.iter().map(|n| order(*n)).collect()
}

/// Six orders of two tickets each: the first four of event-1, the others of event-2.
async fn six(store: &dyn Store) -> Vec<Ticket> {
    store.event_number("event-1").await.unwrap();
    store.event_number("event-2").await.unwrap();
    let names =
        ["Anna Maria Müller", "Ann Müller-Groß", "Łukasz Øster", "山田太郎", "O'Brien Zoë", "Anna Berg"];
    let tickets = issue(store, 6, 2, |n, ticket| {
        ticket.customer.name = text(names[n as usize - 1]);
        ticket.customer.email = format!("buyer{n}@example.org");
        let event = n.div_ceil(4);
        (ticket.event.id, ticket.event.number) = (format!("event-{event}"), event);
        ticket.event.organizer_id = Some(format!("org-{}", n % 2));
        ticket.holder.name = (ticket.line.index == 2).then(|| format!("Bert Holder{n}"));
        ticket.holder.email = (ticket.line.index == 2).then(|| format!("holder{n}@example.org"));
        ticket.code.kid = format!("0000000{}", n % 3);
        ticket.seat.section = Some(format!("S{n}"));
        ticket.seat.label = format!("Section S{n}, Row 5, Seat {}", ticket.line.index);
        ticket.lifecycle.issued_at = at_stored() + jiff::SignedDuration::from_secs(i64::from(n));
        if n == 4 {
            ticket.flags.insert(Flag::MissingGlyphs);
        }
    })
    .await;
    catch_up(store).await;
    tickets
}

pub async fn every_filter(backend: &dyn Backend) {
    let store = backend.store();
    let all = six(&*store).await;
    let of = |orders: &[u32], indexes: &[u32]| {
        let mut found: Vec<_> = all
            .iter()
            .filter(|t| orders.iter().any(|n| order(*n) == t.order_id) && indexes.contains(&t.line.index))
            .map(|t| t.id)
            .collect();
        found.sort_unstable();
        found
    };
    let address = |text: &str| {
        let address = Address::only_in(text).unwrap();
        let key = key(&address);
        Some((address, key))
    };
    let second = all[2].lifecycle.issued_at;
    let cases: Vec<(ListFilter, &[u32], &[u32])> = vec![
        (none(), &[1, 2, 3, 4, 5, 6], &[1, 2]),
        (ListFilter { states: vec![OrderState::Issued], ..none() }, &[1, 2, 3, 4, 5, 6], &[1, 2]),
        (ListFilter { states: vec![OrderState::Parked], ..none() }, &[], &[]),
        (ListFilter { statuses: vec![ShownStatus::Generated], ..none() }, &[1, 2, 3, 4, 5, 6], &[1, 2]),
        (ListFilter { statuses: vec![ShownStatus::Delivered], ..none() }, &[], &[]),
        (ListFilter { event: text("event-2"), ..none() }, &[5, 6], &[1, 2]),
        (ListFilter { event: text("nothing"), ..none() }, &[], &[]),
        (ListFilter { organizer: text("org-0"), ..none() }, &[2, 4, 6], &[1, 2]),
        (ListFilter { email: address("Buyer3@Example.org"), ..none() }, &[3], &[1, 2]),
        (ListFilter { email: address("holder3@example.org"), ..none() }, &[3], &[2]),
        (ListFilter { email: address("holder@example.org"), ..none() }, &[], &[]),
        (ListFilter { name: text("anna"), ..none() }, &[1, 6], &[1, 2]),
        (ListFilter { name: text("ann"), ..none() }, &[1, 2, 6], &[1, 2]),
        (ListFilter { name: text("MULLER an"), ..none() }, &[1, 2], &[1, 2]),
        (ListFilter { name: text("muller gross"), ..none() }, &[2], &[1, 2]),
        (ListFilter { name: text("lukasz oster"), ..none() }, &[3], &[1, 2]),
        (ListFilter { name: text("山田"), ..none() }, &[4], &[1, 2]),
        (ListFilter { name: text("obrien"), ..none() }, &[5], &[1, 2]),
        (ListFilter { name: text("holder2"), ..none() }, &[2], &[2]),
        (ListFilter { holder: text("bert"), event: text("event-2"), ..none() }, &[5, 6], &[2]),
        (ListFilter { holder: text("anna"), ..none() }, &[1, 6], &[1]),
        (ListFilter { name: text("anna"), holder: text("bert"), ..none() }, &[1, 6], &[2]),
        (ListFilter { name: text("maria muller gross"), ..none() }, &[], &[]),
        (ListFilter { seat: text("Row 5, seat 2"), event: text("event-1"), ..none() }, &[1, 2, 3, 4], &[2]),
        (ListFilter { seat: text("s3 5 1"), ..none() }, &[3], &[1]),
        (ListFilter { seat: text("5"), event: text("nothing"), ..none() }, &[], &[]),
        (ListFilter { number: Some(all[3].number.clone()), ..none() }, &[2], &[2]),
        (ListFilter { flag: Some(Flag::MissingGlyphs), ..none() }, &[4], &[1, 2]),
        (ListFilter { flag: Some(Flag::SeatConflict), ..none() }, &[], &[]),
        (ListFilter { kid: text("00000001"), ..none() }, &[1, 4], &[1, 2]),
        (ListFilter { generation: Some(0), ..none() }, &[1, 2, 3, 4, 5, 6], &[1, 2]),
        (ListFilter { generation: Some(1), ..none() }, &[], &[]),
        (ListFilter { issued_from: Some(second), ..none() }, &[2, 3, 4, 5, 6], &[1, 2]),
        (ListFilter { issued_to: Some(second), ..none() }, &[1], &[1, 2]),
        (ListFilter { received_to: Some(at_stored()), name: text("anna"), ..none() }, &[], &[]),
        (ListFilter { received_to: Some(at_stored()), ..none() }, &[], &[]),
        (ListFilter { received_from: Some(at_stored()), ..none() }, &[1, 2, 3, 4, 5, 6], &[1, 2]),
        (ListFilter { event: text("event-1"), kid: text("00000001"), ..none() }, &[1, 4], &[1, 2]),
    ];
    for (filter, numbers, indexes) in cases {
        let expected = ids(if indexes.is_empty() { &[] } else { numbers });
        assert_eq!(orders(&*store, filter.clone()).await, expected, "{filter:?}");
        assert_eq!(tickets(&*store, filter.clone()).await, of(numbers, indexes), "{filter:?}");
    }
}

pub async fn in_their_order(backend: &dyn Backend) {
    let store = backend.store();
    six(&*store).await;
    // At one and the same time, twice.
    backend
        .execute("UPDATE search_orders SET received_at = (SELECT min(received_at) FROM search_orders)")
        .await;
    backend.execute("UPDATE orders SET received_at = (SELECT min(received_at) FROM search_orders)").await;
    let newest = orders_by(&*store, &none(), Sort::Newest, 2).await;
    let mut oldest = orders_by(&*store, &none(), Sort::Oldest, 4).await;
    oldest.reverse();
    assert_eq!((newest.len(), &newest), (6, &oldest));
    let issued = ListFilter { issued_from: Some(at_stored()), ..none() };
    assert_eq!(orders_by(&*store, &issued, Sort::Newest, 2).await, ids(&[6, 5, 4, 3, 2, 1]));
    assert_eq!(orders_by(&*store, &issued, Sort::Oldest, 2).await, ids(&[1, 2, 3, 4, 5, 6]));
    let words = ListFilter { name: text("an"), ..none() };
    assert_eq!(
        orders_by(&*store, &words, Sort::Oldest, 2).await,
        ids(&[2, 6, 1]),
        "ann, anna berg, anna maria"
    );
    let query = ListQuery::new(words, Sort::Oldest, 9, None).unwrap();
    let page = store.list_orders(&query).await.unwrap();
    assert_eq!((page.sorted_by, page.indexing, page.next), (SortedBy::Words, false, None));
}

pub async fn what_a_row_shows(backend: &dyn Backend) {
    let store = backend.store();
    let all = six(&*store).await;
    assert!(store.void_ticket(all[0].id, "sold twice", &loudly(), &desk()).await.unwrap());
    let filter = ListFilter { name: text("maria"), ..none() };
    let query = ListQuery::new(filter, Sort::Newest, 9, None).unwrap();
    let row = store.list_orders(&query).await.unwrap().items.remove(0);
    let record = store.order(order(1)).await.unwrap().unwrap();
    assert_eq!(row.order_id, record.order_id);
    assert_eq!(
        (row.state, row.received_at, row.updated_at),
        (record.state, record.received_at, record.updated_at)
    );
    assert_eq!(row.issued_at, Some(all[0].lifecycle.issued_at));
    assert_eq!((row.tickets, row.voided_tickets), (2, 1));
    assert_eq!(row.customer_name.as_deref(), Some("Anna Maria Müller"));
    assert_eq!(row.customer_email.as_deref(), Some("buyer1@example.org"));
    assert_eq!(row.event_names, [all[0].event.name.clone()]);
    let rows = store.list_tickets(&query).await.unwrap().items;
    let [first, second] = &rows[..] else { panic!("{rows:?}") };
    assert_eq!(
        (first.id, first.status, second.status),
        (all[0].id, ShownStatus::Voided, ShownStatus::Generated)
    );
    assert_eq!(second.holder_name.as_deref(), Some("Bert Holder1"));
    assert_eq!((second.ticket_index, &second.ticket_number), (2, &all[1].number));
}

pub async fn open_work(backend: &dyn Backend) {
    let store = backend.store();
    ingest(&*store, &[payment(1, 1, "49.90"), payment(2, 2, "49.90"), payment(3, 3, "49.90")]).await;
    let mut claims = store.claim("w", 3, LONG).await.unwrap();
    claims.sort_by_key(|claim| claim.order_id);
    let release = |n: usize, reason: &str, failed| Release {
        order_id: claims[n].order_id,
        fence: claims[n].fence,
        reason: reason.into(),
        failed,
        then: NextStep::Park(None),
        refused_answer: None,
    };
    assert_eq!(store.release(&[release(0, "Ordering does not answer", vec![])]).await.unwrap(), [true]);
    let tickets_of = frozen(store.freeze(&[freeze(&claims[1], 2)]).await.unwrap().remove(0));
    let failed = vec![FailedTicket { id: tickets_of[1].id, reason: "The bucket is full".into() }];
    assert_eq!(store.release(&[release(1, "1 ticket failed", failed)]).await.unwrap(), [true]);
    catch_up(&*store).await;
    let parked = vec![OrderState::Parked];
    assert_eq!(orders(&*store, ListFilter { states: parked.clone(), ..none() }).await, ids(&[1, 2]));
    let open = vec![OrderState::Received, OrderState::Enriched, OrderState::Parked];
    assert_eq!(orders(&*store, ListFilter { states: open.clone(), ..none() }).await, ids(&[1, 2, 3]));
    let error = |error: &str| ListFilter { states: open.clone(), error: text(error), ..none() };
    assert_eq!(orders(&*store, error("DOES NOT")).await, ids(&[1]));
    assert_eq!(orders(&*store, error("bucket")).await, ids(&[2]));
    assert_eq!(tickets(&*store, error("bucket")).await, [tickets_of[1].id]);
    let statuses = |status| ListFilter { statuses: vec![status], ..none() };
    assert_eq!(tickets(&*store, statuses(ShownStatus::Failed)).await, [tickets_of[1].id]);
    assert_eq!(orders(&*store, statuses(ShownStatus::Failed)).await, ids(&[2]));
    let failed = ListFilter { error: text("bucket"), ..statuses(ShownStatus::Failed) };
    assert_eq!(tickets(&*store, failed).await, [tickets_of[1].id]);
    assert_eq!(tickets(&*store, statuses(ShownStatus::Pending)).await, [tickets_of[0].id]);
}

pub async fn void_reissued_and_conflicting(backend: &dyn Backend) {
    let store = backend.store();
    let all = six(&*store).await;
    assert!(store.void_ticket(all[0].id, "sold twice", &loudly(), &desk()).await.unwrap());
    let void = ListFilter { statuses: vec![ShownStatus::Voided], ..none() };
    assert_eq!(tickets(&*store, void.clone()).await, [all[0].id]);
    assert_eq!(orders(&*store, void).await, ids(&[1]));
    // The void ticket of a key comes after the others.
    let of_key = ListFilter { kid: text("00000001"), ..none() };
    assert_eq!(tickets(&*store, of_key.clone()).await.len(), 4);
    let newest = tickets_by(&*store, &of_key, Sort::Newest, 1).await;
    assert_eq!(newest.last(), Some(&all[0].id));
    backend.execute("UPDATE tickets SET flags = 'seat_conflict' WHERE ticket_index = 2").await;
    let conflict = ListFilter { flag: Some(Flag::SeatConflict), ..none() };
    assert_eq!(tickets(&*store, conflict.clone()).await.len(), 6);
    assert_eq!(orders(&*store, ListFilter { event: text("event-2"), ..conflict }).await, ids(&[5, 6]));

    // Another holder on another seat.
    let live = store.ticket(all[11].id).await.unwrap().unwrap();
    assert!(store.reserve(live.id, &draft(&live, 1), None).await.unwrap());
    let mut next = live.clone();
    next.code.generation = 1;
    next.lifecycle.issued_at = at_stored() + jiff::SignedDuration::from_hours(9);
    (next.holder.name, next.seat.label) = (text("Grace Hopper"), "Loge 99".into());
    (next.seat.section, next.seat.row, next.seat.number) = (None, None, None);
    let reissue = Reissue {
        ticket: generated(&next, &[]).ticket,
        expected: 0,
        reinstates: false,
        events: vec![],
        by: desk(),
        reason: None,
        request: None,
    };
    store.reissue(&reissue).await.unwrap().unwrap();
    catch_up(&*store).await;
    assert_eq!(tickets(&*store, ListFilter { holder: text("hopper gr"), ..none() }).await, [live.id]);
    assert_eq!(orders(&*store, ListFilter { name: text("holder6"), ..none() }).await, []);
    let seat = ListFilter { seat: text("loge 99"), event: text("event-2"), ..none() };
    assert_eq!(tickets(&*store, seat).await, [live.id]);
    assert_eq!(tickets(&*store, ListFilter { generation: Some(1), ..none() }).await, [live.id]);
    let issued = ListFilter { issued_from: Some(next.lifecycle.issued_at), ..none() };
    assert_eq!(orders(&*store, issued).await, [], "when its first ticket was issued");
}

pub async fn who_is_erased_has_no_words(backend: &dyn Backend) {
    let store = backend.store();
    six(&*store).await;
    let of = |n| {
        let order = order(n);
        format!(
            "SELECT count(*) FROM search_words w JOIN search_orders o ON o.place = w.place WHERE o.order_id = '{order}'"
        )
    };
    assert!(backend.number(&of(1)).await > 0);
    store.erase(order(1), &desk()).await.unwrap().unwrap();
    assert_eq!(backend.number(&of(1)).await, 0);
    for filter in [
        ListFilter { name: text("maria"), ..none() },
        ListFilter { holder: text("holder1"), ..none() },
        ListFilter { seat: text("s1 5 2"), event: text("event-1"), ..none() },
    ] {
        assert_eq!(orders(&*store, filter.clone()).await, [], "{filter:?}");
    }
    // Neither what comes later nor reading all anew brings them back.
    ingest(&*store, &[payment(11, 1, "1.00")]).await;
    store.reindex(&desk()).await.unwrap();
    catch_up(&*store).await;
    assert_eq!(backend.number(&of(1)).await, 0);
    let erased = ListFilter { statuses: vec![ShownStatus::Erased], ..none() };
    assert_eq!(orders(&*store, erased.clone()).await, ids(&[1]));
    assert_eq!(tickets(&*store, erased).await.len(), 2);
    assert_eq!(orders(&*store, none()).await.len(), 6, "it is on record");
}

pub async fn earlier_orders_enter(backend: &dyn Backend) {
    let store = backend.store();
    six(&*store).await;
    // As a migration leaves them.
    for sql in [
        "DELETE FROM search_words",
        "DELETE FROM search_orders",
        "UPDATE search_backfill SET orders_after = '00000000-0000-0000-0000-000000000000'",
    ] {
        backend.execute(sql).await;
    }
    let query = ListQuery::new(none(), Sort::Newest, 9, None).unwrap();
    assert!(store.list_orders(&query).await.unwrap().indexing, "it is said that some are missing");
    assert!(store.reindexed_to().await.unwrap().is_some());
    catch_up(&*store).await;
    assert!(!store.list_orders(&query).await.unwrap().indexing);
    assert_eq!(store.reindexed_to().await.unwrap(), None);
    assert_eq!(orders(&*store, ListFilter { name: text("maria"), ..none() }).await, ids(&[1]));
    let words = backend.number("SELECT count(*) FROM search_words").await;
    // A word that was lost comes back; the others stay.
    backend.execute("DELETE FROM search_words WHERE term LIKE 'nm%'").await;
    store.reindex(&desk()).await.unwrap();
    catch_up(&*store).await;
    assert_eq!(backend.number("SELECT count(*) FROM search_words").await, words);
}

/// A part of a large order is a page.
pub async fn large_orders(backend: &dyn Backend) {
    let store = backend.store();
    let all = issue(&*store, 1, 30, |_, ticket| {
        ticket.event.number = 1;
        ticket.holder.name = Some(format!("Müller {:02}", ticket.line.index));
        ticket.customer.name = text("Müller");
    })
    .await;
    store.event_number("event-1").await.unwrap();
    catch_up(&*store).await;
    for filter in [
        none(),
        ListFilter { name: text("mull"), ..none() },
        ListFilter { event: text("event-1"), ..none() },
        ListFilter { organizer: text("o"), ..none() },
    ] {
        let found = tickets_by(&*store, &filter, Sort::Newest, 7).await;
        assert_eq!(found.len(), all.len(), "each once: {filter:?}");
        assert_eq!(orders(&*store, filter.clone()).await, ids(&[1]), "{filter:?}");
    }
}
