//! Test fixtures: payments, tickets and orders.

use std::sync::Arc;
use std::time::Duration;

use fulfillment_domain::event::{Publication, ticket_issued};
use fulfillment_domain::ticket::{Code, Customer, Document, Event, Holder, Lifecycle, Line, Seat};
use fulfillment_domain::{
    Currency, Flags, Message, OrderId, OrderState, Payment, Spelling, Subject, Ticket, TicketId, TicketStatus,
};
use jiff::Timestamp;
use serde_json::json;
use uuid::Uuid;

use super::Backend;
use crate::{
    Actor, Announcing, Attention, AttentionReason, Claim, Completion, DeadLetterRoute, Draft, Freeze,
    FreezeOutcome, GeneratedTicket, Incoming, IngestOutcome, Reissue, Source, Store, WholeDeadLetter,
    WithdrawalRecord, WithdrawalState,
};

/// Longer than any test.
pub const LONG: Duration = Duration::from_secs(600);
/// A lease that a test can wait for.
pub const SHORT: Duration = Duration::from_millis(150);

/// Waits until a [`SHORT`] lease is over.
pub async fn wait() {
    tokio::time::sleep(SHORT + Duration::from_millis(50)).await;
}

/// An order's id by a number.
pub fn order(n: u32) -> OrderId {
    OrderId(Uuid::from_u128(0x0f00_0000_0000_4000_8000_0000_0000_0000 | u128::from(n)))
}

/// A time with digits beyond microseconds, which no store keeps.
pub fn at() -> Timestamp {
    "2026-11-22T18:30:00.123456789Z".parse().unwrap()
}

/// The same time in whole microseconds.
pub fn at_stored() -> Timestamp {
    "2026-11-22T18:30:00.123456Z".parse().unwrap()
}

/// A payment with these bytes, from Kafka at this offset.
pub fn message(offset: i64, raw: &[u8]) -> Incoming {
    said(offset, Subject::Payment, raw)
}

/// A message with these bytes, from Kafka at this offset.
pub fn said(offset: i64, subject: Subject, raw: &[u8]) -> Incoming {
    Incoming {
        source: Source::Kafka {
            topic: "payment-succeeded".into(),
            partition: 3,
            offset,
            timestamp: Some(1_795_372_200_000),
        },
        key: Some(b"key\0".to_vec()),
        raw: raw.to_vec(),
        headers: vec![("h".into(), vec![0xff, 0]), ("traceparent".into(), b"00-x".to_vec())],
        traceparent: Some("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01".into()),
        received_at: at(),
        subject,
        content: Message::parse(subject, raw),
    }
}

/// The `n`th payment, of order `of`.
pub fn payment(n: u32, of: u32, amount: &str) -> Incoming {
    let json = format!(
        r#"{{"paymentId":"pay-{n}","orderId":"{}","customerId":"c-{of}","amount":{amount},"currency":"EUR",
        "status":"Succeeded","processedAt":"2026-11-22T18:29:59.5Z"}}"#,
        order(of)
    );
    message(i64::from(n), json.as_bytes())
}

/// The payment in a message.
pub fn paid(message: &mut Incoming) -> &mut Payment {
    let Ok(Message::Payment(payment)) = &mut message.content else { panic!("no payment") };
    payment
}

/// Dead letters are sent to Kafka too.
pub fn to_kafka() -> DeadLetterRoute {
    DeadLetterRoute { destinations: vec!["kafka".into()], max_bytes: 1_000 }
}

/// The `n`th refund, of payment `pay-{payment}` of order `of`; `rest` are more fields of its JSON.
pub fn refund(n: u32, payment: u32, of: u32, rest: &str) -> Incoming {
    refund_without_payment(n, of, &format!(r#","paymentId":"pay-{payment}"{rest}"#))
}

/// The `n`th refund, of order `of`, that names no payment; `rest` are more fields of its JSON.
pub fn refund_without_payment(n: u32, of: u32, rest: &str) -> Incoming {
    let json = format!(r#"{{"refundId":"r-{n}","orderId":"{}","reason":"why {n}"{rest}}}"#, order(of));
    said(i64::from(n), Subject::Refund, json.as_bytes())
}

/// The cancellation of an order.
pub fn cancellation(of: u32, reason: &str) -> Incoming {
    cancellation_with(of, &format!(r#","reason":"{reason}""#))
}

/// The cancellation of an order; `rest` are more fields of its JSON.
pub fn cancellation_with(of: u32, rest: &str) -> Incoming {
    let json = format!(r#"{{"orderId":"{}"{rest}}}"#, order(of));
    said(i64::from(of), Subject::Cancellation, json.as_bytes())
}

/// Voids are published to Kafka.
pub fn loudly() -> Announcing {
    Announcing { destinations: vec!["kafka".into()], ..Announcing::default() }
}

/// Voids are not published.
pub fn quietly() -> Announcing {
    Announcing::default()
}

/// Ingests.
pub async fn ingest(store: &dyn Store, batch: &[Incoming]) -> Vec<IngestOutcome> {
    store.ingest(batch, &to_kafka(), &loudly()).await.unwrap()
}

/// Pays orders `1..=n`, one payment each, and claims them, in order of their numbers.
pub async fn claimed(store: &dyn Store, n: u32) -> Vec<Claim> {
    let batch: Vec<_> = (1..=n).map(|i| payment(i, i, "49.90")).collect();
    ingest(store, &batch).await;
    let mut claims = store.claim("w", n as usize, LONG).await.unwrap();
    assert_eq!(claims.len(), n as usize);
    claims.sort_by_key(|c| c.order_id);
    claims
}

/// The `index`th ticket of an order, from 1, with every optional field filled and its own seat.
pub fn ticket(of: OrderId, index: u32) -> Ticket {
    let n = of.0.as_u128() & 0xffff_ffff;
    let id = TicketId(Uuid::from_u128((n << 32 | u128::from(index)) | 0x8000_0000_0000_0000 << 64));
    let text = |t: &str| Some(t.to_owned());
    Ticket {
        id,
        order_id: of,
        number: format!("N{n:05}{index:04}"),
        payment_id: text("pay"),
        price: "49.90".parse().unwrap(),
        currency: Currency::USD,
        line: Line { item_id: text("item"), key: format!("item:{index}"), unit: 0, index, count: index },
        customer: Customer {
            id: text("c"),
            email: "zoë@example.org".into(),
            name: text("Zoë"),
            locale: text("ja"),
        },
        event: Event {
            id: "event-1".into(),
            number: 1,
            name: "Gala \"1\" 東京".into(),
            starts_at: Some(at()),
            ends_at: Some(at()),
            doors_at: None,
            time_zone: text("Asia/Tokyo"),
            venue_name: text("Hall"),
            venue_address: text("1 Way"),
            organizer_id: text("o"),
            organizer_name: text("Org"),
        },
        seat: Seat {
            label: format!("Section {n}, Row 5, Seat {index}"),
            id: None,
            section: text(&n.to_string()),
            row: text("5"),
            number: text(&index.to_string()),
            category: text("VIP"),
            category_number: u16::MAX,
        },
        holder: Holder { name: text("李"), email: text("h@example.org") },
        code: Code {
            data: "TK1:ABC".into(),
            cti: [0xff, 0, 1, 2, 3, 4, 5, 6, 7, 8],
            era: 0,
            generation: u32::MAX,
            kid: "01234567".into(),
        },
        document: Document::planned("classic/1".into(), "1".into()),
        lifecycle: Lifecycle::frozen(at()),
        flags: Flags::default(),
    }
}

/// A freeze of a claim with `tickets` tickets.
pub fn freeze(claim: &Claim, tickets: u32) -> Freeze {
    Freeze {
        order_id: claim.order_id,
        fence: claim.fence,
        snapshot: b"{\"a\":\"\\u0000\"}\0".to_vec(),
        tickets: (1..=tickets).map(|i| ticket(claim.order_id, i)).collect(),
        notes: vec!["doorsAt was \"left\" out\0".into(), "東".into()],
        said: None,
    }
}

/// The tickets of a successful freeze.
pub fn frozen(outcome: FreezeOutcome) -> Vec<Ticket> {
    match outcome {
        FreezeOutcome::Frozen(tickets) => tickets,
        other => panic!("not frozen: {other:?}"),
    }
}

/// The ticket with its file, and its event to these destinations.
pub fn generated(ticket: &Ticket, destinations: &[&str]) -> GeneratedTicket {
    let mut ticket = ticket.clone();
    ticket.lifecycle.status = TicketStatus::Generated;
    ticket.document.path = Some(ticket.file_name());
    ticket.document.generated_at = Some(at());
    ticket.document.sha256 = Some([7; 32]);
    ticket.document.size = Some(18_700);
    ticket.lifecycle.sequence += 1;
    let destinations: Vec<String> = destinations.iter().map(|d| (*d).to_owned()).collect();
    let publication = Publication {
        spelling: Spelling::Camel,
        ticket_pdf_url: "http://localhost/t",
        traceparent: None,
        destinations: &destinations,
    };
    let event = ticket_issued(&ticket, &publication).unwrap();
    GeneratedTicket { ticket, events: vec![event] }
}

/// A completion that finishes the order with all these tickets.
pub fn completion(claim: &Claim, tickets: &[Ticket], destinations: &[&str]) -> Completion {
    Completion {
        order_id: claim.order_id,
        fence: claim.fence,
        generated: tickets.iter().map(|t| generated(t, destinations)).collect(),
        finished: true,
    }
}

/// Orders `1..=n` with `tickets` tickets each, processed until Issued, with their events for `kafka`.
pub async fn issued(store: &dyn Store, n: u32, tickets: u32) -> Vec<Ticket> {
    let claims = claimed(store, n).await;
    let mut all = Vec::new();
    for claim in &claims {
        let outcome = store.freeze(&[freeze(claim, tickets)]).await.unwrap().remove(0);
        let tickets = frozen(outcome);
        assert_eq!(store.complete(&[completion(claim, &tickets, &["kafka"])]).await.unwrap(), [true]);
        all.extend(tickets);
    }
    all
}

/// A draft of the ticket's next generation under this number, with another holder.
pub fn draft(live: &Ticket, generation: u32) -> Draft {
    Draft {
        generation,
        expected: live.code.generation,
        reinstates: false,
        request: Some(format!("draft\0 {generation}")),
        issued_at: at_stored(),
        cti: live.code.cti,
        era: live.code.era,
        kid: live.code.kid.clone(),
        qr_code_data: "TK1:DRAFT".into(),
        template: live.document.template.clone(),
        holder_name: Some("Ada\0".into()),
        holder_email: Some("draft@example.org".into()),
        seat_id: None,
        section: live.seat.section.clone(),
        row: live.seat.row.clone(),
        seat_number: live.seat.number.clone(),
        seat: live.seat.label.clone(),
    }
}

/// Order `n`, paid with `paid` EUR and processed until Issued: this many tickets of each item at a price, without
/// seats.
pub async fn sold(store: &dyn Store, n: u32, paid: &str, lines: &[(&str, &str, u32)]) -> Vec<Ticket> {
    sold_with(store, n, paid, lines, &[]).await
}

/// The same, with additional lines that admit nobody.
pub async fn sold_with(
    store: &dyn Store,
    n: u32,
    paid: &str,
    lines: &[(&str, &str, u32)],
    charges: &[(&str, &str, u32)],
) -> Vec<Ticket> {
    ingest(store, &[payment(n, n, paid)]).await;
    let claim = store.claim("w", 1, LONG).await.unwrap().remove(0);
    assert_eq!(claim.order_id, order(n));
    let mut freeze = freeze(&claim, lines.iter().map(|(_, _, count)| count).sum());
    let units = lines.iter().flat_map(|line| (0..line.2).map(move |unit| (line, unit)));
    for (ticket, ((item, price, _), unit)) in freeze.tickets.iter_mut().zip(units) {
        ticket.line.item_id = Some((*item).to_owned());
        ticket.line.key = format!("item:{item}");
        ticket.line.unit = unit;
        ticket.price = price.parse().unwrap();
        ticket.currency = "EUR".parse().unwrap();
        ticket.code.generation = 0;
        (ticket.seat.section, ticket.seat.row, ticket.seat.number) = (None, None, None);
    }
    freeze.snapshot = answer(n, lines, charges);
    let tickets = frozen(store.freeze(&[freeze]).await.unwrap().remove(0));
    assert_eq!(store.complete(&[completion(&claim, &tickets, &["kafka"])]).await.unwrap(), [true]);
    tickets
}

/// Ordering's answer about such an order.
fn answer(n: u32, lines: &[(&str, &str, u32)], charges: &[(&str, &str, u32)]) -> Vec<u8> {
    let item = |(id, price, quantity): &(&str, &str, u32), kind: &str| json!({ "itemId": id, "price": price, "quantity": quantity, "type": kind });
    let items: Vec<_> =
        lines.iter().map(|l| item(l, "ticket")).chain(charges.iter().map(|c| item(c, "fee"))).collect();
    let answer = json!({
        "orderId": order(n).0, "customerEmail": "ada@example.org", "eventId": "e", "eventName": "Gala",
        "currency": "EUR", "items": items,
    });
    answer.to_string().into_bytes()
}

/// Who acts in these tests.
pub fn desk() -> Actor {
    Actor::command("desk")
}

/// Reinstates a voided ticket; `None` when something else changed it first.
pub async fn reinstate(store: &dyn Store, id: TicketId) -> Option<Ticket> {
    let live = store.ticket(id).await.unwrap().unwrap();
    let mut ticket = live.clone();
    (ticket.code.generation, ticket.code.era) = (live.code.generation + 1, live.code.era + 1);
    (ticket.lifecycle.voided_at, ticket.lifecycle.void_reason) = (None, None);
    let done = generated(&ticket, &["kafka"]);
    let reissue = Reissue {
        ticket: done.ticket,
        expected: live.code.generation,
        reinstates: true,
        events: done.events,
        by: desk(),
        reason: None,
        request: None,
    };
    store.reissue(&reissue).await.unwrap()
}

/// The number of rows in each table.
pub async fn rows(backend: &dyn Backend) -> Vec<(&'static str, i64)> {
    let mut counts = Vec::new();
    for table in [
        "payments",
        "orders",
        "inbox",
        "dead_letters",
        "tickets",
        "seats",
        "withdrawals",
        "withdrawal_dismissals",
        "order_attention",
        "ticket_revisions",
        "ticket_drafts",
        "ticket_history",
        "outbox",
        "outbox_delivery",
    ] {
        counts.push((table, backend.number(&format!("SELECT count(*) FROM {table}")).await));
    }
    counts
}

/// Runs `task` in several concurrent tasks, and collects their results.
pub async fn at_once<F, T>(
    backend: &dyn Backend,
    times: usize,
    task: impl Fn(Arc<dyn Store>, usize) -> F,
) -> Vec<T>
where
    F: Future<Output = T> + Send + 'static,
    T: Send + 'static,
{
    let mut tasks = Vec::new();
    for n in 0..times {
        let store = if n % 2 == 0 { backend.store() } else { backend.another().await };
        tasks.push(tokio::spawn(task(store, n)));
    }
    let mut answers = Vec::new();
    for task in tasks {
        answers.push(task.await.unwrap());
    }
    answers
}

/// Every dead letter with its content, oldest first; closed ones too if `closed`.
pub async fn letters(store: &dyn Store, closed: bool) -> Vec<WholeDeadLetter> {
    let mut letters = Vec::new();
    for listed in store.dead_letters(0, closed, 1_000).await.unwrap() {
        let letter = store.dead_letter(listed.id).await.unwrap().unwrap();
        assert_eq!((&letter.record, letter.raw.len() as u64), (&listed, listed.bytes));
        letters.push(letter);
    }
    letters
}

/// Ingests one withdrawal.
pub async fn withdraw(store: &dyn Store, message: Incoming) -> IngestOutcome {
    store.ingest(&[message], &to_kafka(), &loudly()).await.unwrap().remove(0)
}

/// Ingests a new withdrawal, and returns its state.
pub async fn recorded(store: &dyn Store, message: Incoming) -> WithdrawalState {
    match withdraw(store, message).await {
        IngestOutcome::Recorded(_, state) => state,
        other => panic!("not recorded: {other:?}"),
    }
}

/// An order's state and its reason.
pub async fn state(store: &dyn Store, n: u32) -> (OrderState, Option<String>) {
    let record = store.order(order(n)).await.unwrap().unwrap();
    (record.state, record.reason)
}

/// The live tickets of an order, by index.
pub async fn live(store: &dyn Store, n: u32) -> Vec<u32> {
    let record = store.order(order(n)).await.unwrap().unwrap();
    record.tickets.iter().filter(|t| t.lifecycle.voided_at.is_none()).map(|t| t.line.index).collect()
}

/// A recorded refund, by the number of its id.
pub async fn withdrawn(store: &dyn Store, n: u32, refund: u32) -> WithdrawalRecord {
    let record = store.order(order(n)).await.unwrap().unwrap();
    record.withdrawals.into_iter().find(|w| w.key == format!("refund:r-{refund}")).unwrap()
}

/// The attention list, by the number of each order.
pub async fn listed(store: &dyn Store) -> Vec<(u32, AttentionReason)> {
    let number = |a: &Attention| u32::try_from(a.order_id.0.as_u128() & 0xffff).unwrap();
    let mut all: Vec<_> = store.attention(100).await.unwrap().iter().map(|a| (number(a), a.reason)).collect();
    all.sort_unstable();
    all
}
