//! All of an order's tickets in one file.

use fulfillment_credential::read::codes_in_pdf;
use fulfillment_store::conformance::fixtures;
use fulfillment_store::{
    DeadLetterRoute, Erasures, FailedTicket, Inbox, NextStep, OrderQueue, Release, Withdrawals,
};

use super::{App, request};

fn path(n: u32) -> String {
    format!("/orders/{}/tickets.pdf", fixtures::order(n))
}

/// An order with this many tickets, frozen; their codes are valid for a page.
async fn frozen(app: &App, count: u32) -> (fulfillment_store::Claim, Vec<fulfillment_domain::Ticket>) {
    let claim = fixtures::claimed(app.store.as_ref(), 1).await.remove(0);
    let mut freeze = fixtures::freeze(&claim, count);
    for ticket in &mut freeze.tickets {
        ticket.code.data = format!("TK1:TICKET{}", ticket.line.index);
    }
    let outcome = app.store.freeze(&[freeze]).await.unwrap().remove(0);
    (claim, fixtures::frozen(outcome))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_live_ticket_has_its_page() {
    let app = App::open().await;
    app.get(&path(9), &[]).await.is_problem(404, "no-such-order");
    app.get("/orders/7/tickets.pdf", &[]).await.is_problem(400, "not-a-guid");
    let (claim, tickets) = frozen(&app, 3).await;
    let early = app.get(&path(1), &[]).await;
    early.is_problem(409, "ticket-pending");
    assert!(!early.header("retry-after").is_empty());
    let completion = fixtures::completion(&claim, &tickets, &[]);
    assert_eq!(app.store.complete(&[completion]).await.unwrap(), [true]);
    app.store.void_ticket(tickets[1].id, "refund", &fixtures::quietly(), &fixtures::desk()).await.unwrap();

    let answer = app.get(&path(1), &[]).await;
    assert_eq!(answer.status, 200);
    assert_eq!(answer.header("content-type"), "application/pdf");
    assert!(answer.header("content-disposition").contains("tickets.pdf"));
    assert_eq!(answer.header("cache-control"), "private, no-store");
    assert_eq!(codes_in_pdf(&answer.body).unwrap(), ["TK1:TICKET1", "TK1:TICKET3"]);
    assert_eq!(app.get(&path(1), &[]).await.body, answer.body, "the same bytes each time");
    let head = app.ask(request("HEAD", &path(1), &[], "")).await;
    assert_eq!((head.status.as_u16(), head.body.len()), (200, 0));
    assert_eq!(head.header("content-length"), "", "its length is not known before it is drawn");
    assert_eq!(head.header("content-type"), "application/pdf");

    for ticket in &tickets {
        app.store.void_ticket(ticket.id, "refund", &fixtures::quietly(), &fixtures::desk()).await.unwrap();
    }
    app.get(&path(1), &[]).await.is_problem(410, "ticket-voided");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_failed_ticket_makes_no_file() {
    let app = App::open().await;
    let (claim, tickets) = frozen(&app, 2).await;
    let failed = vec![FailedTicket { id: tickets[1].id, reason: "the page is too small".into() }];
    let release = Release {
        order_id: claim.order_id,
        fence: claim.fence,
        reason: "x".into(),
        failed,
        then: NextStep::Park(None),
        refused_answer: None,
    };
    app.store.release(&[release]).await.unwrap();
    // The first is still pending, the second has failed: whichever is read first, there is no file.
    app.get(&path(1), &[]).await.is_problem(409, "ticket-pending");
    app.store.void_ticket(tickets[0].id, "refund", &fixtures::quietly(), &fixtures::desk()).await.unwrap();
    app.get(&path(1), &[]).await.is_problem(404, "ticket-failed");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_page_that_cannot_be_drawn_breaks_the_answer() {
    let app = App::open().await;
    let claim = fixtures::claimed(app.store.as_ref(), 1).await.remove(0);
    let mut freeze = fixtures::freeze(&claim, 1);
    freeze.tickets[0].code.data = "A".repeat(9000);
    let tickets = fixtures::frozen(app.store.freeze(&[freeze]).await.unwrap().remove(0));
    app.store.complete(&[fixtures::completion(&claim, &tickets, &[])]).await.unwrap();
    let response =
        tower::ServiceExt::oneshot(app.router.clone(), request("GET", &path(1), &[], "")).await.unwrap();
    assert_eq!(response.status(), 200);
    assert!(axum::body::to_bytes(response.into_body(), 1 << 24).await.is_err());
}

#[tokio::test]
async fn an_order_without_tickets_says_why() {
    let app = App::open().await;
    let paid: Vec<_> = (1..=3).map(|n| fixtures::payment(n, n, "1")).collect();
    app.store.ingest(&paid, &DeadLetterRoute::default(), &fixtures::quietly()).await.unwrap();
    app.get(&path(1), &[]).await.is_problem(409, "ticket-pending");
    let off = [fixtures::cancellation(2, "rain")];
    app.store.ingest(&off, &DeadLetterRoute::default(), &fixtures::quietly()).await.unwrap();
    app.get(&path(2), &[]).await.is_problem(410, "ticket-voided");
    app.store.erase(fixtures::order(3), &fixtures::desk()).await.unwrap().unwrap();
    app.get(&path(3), &[]).await.is_problem(410, "ticket-erased");
    let record = app.get(&format!("/orders/{}", fixtures::order(3)), &[]).await.json();
    assert!(record["erasedAt"].is_string(), "{record}");
    let other = app.get(&format!("/orders/{}", fixtures::order(1)), &[]).await.json();
    assert!(other["erasedAt"].is_null(), "{other}");
}

#[tokio::test]
async fn it_takes_a_token() {
    let app = App::with("[http]\nlisten = \"0.0.0.0:1\"\ntoken = \"hush\"\n").await;
    app.get(&path(1), &[]).await.is_problem(401, "unauthorized");
    app.get(&path(1), &[("authorization", "Bearer hush")]).await.is_problem(404, "no-such-order");
}
