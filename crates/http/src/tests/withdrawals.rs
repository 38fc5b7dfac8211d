//! Refunds, cancellations and voids over HTTP.

use fulfillment_domain::OrderState;
use fulfillment_store::Records;
use fulfillment_store::conformance::fixtures::order;
use serde_json::json;

use super::{App, request};

const JSON: [(&str, &str); 1] = [("content-type", "application/json")];

#[tokio::test]
async fn a_refund_is_taken_once_and_answered_with_what_it_did() {
    let app = App::open().await;
    let ticket = app.issued().await;
    let post = async |body: String| app.ask(request("POST", "/events/payment-refunded", &JSON, body)).await;
    let whole = json!({ "refundId": "r", "paymentId": "pay-1", "orderId": order(1), "amount": 49.90 });
    let taken = post(whole.to_string()).await;
    assert_eq!(taken.status, 202);
    assert_eq!(taken.json()["results"][0], json!({ "index": 0, "outcome": "applied", "orderId": order(1) }));
    app.get(&app.signed(&ticket), &[]).await.is_problem(410, "ticket-voided");
    let again = post(whole.to_string()).await;
    assert_eq!((again.status.as_u16(), &again.json()["results"][0]["outcome"]), (200, &json!("duplicate")));
    let other = json!({ "refundId": "r", "paymentId": "pay-1", "orderId": order(1), "amount": 1 });
    post(other.to_string()).await.is_problem(409, "refund-quarantined");
    let bad = post(json!({ "refundId": "r", "orderId": 7 }).to_string()).await;
    bad.is_problem(400, "unreadable-withdrawal");
    assert_eq!(bad.json()["field"], "orderId");
    post("[]".to_owned()).await.is_problem(400, "unreadable-withdrawal");
    let early = json!({ "refundId": "e", "paymentId": "pay-9", "orderId": order(9) });
    let part = json!({ "refundId": "p", "paymentId": "pay-1", "orderId": order(1), "amount": 1 });
    let both = post(json!([early, part, {}]).to_string()).await;
    let words: Vec<_> = [0, 1, 2].iter().map(|i| both.json()["results"][i]["outcome"].clone()).collect();
    assert_eq!(words, ["waiting", "applied", "unreadable"]);
    let record = app.store.order(order(9)).await.unwrap().unwrap();
    assert_eq!((record.state, record.withdrawals.len()), (OrderState::Parked, 1));
}

#[tokio::test]
async fn a_cancelled_order_says_so_and_a_later_payment_is_no_quiet_one() {
    let app = App::open().await;
    app.issued().await;
    let body = json!({ "OrderId": order(1), "Reason": "rain" }).to_string();
    let taken = app.ask(request("POST", "/events/order-cancelled", &JSON, body)).await;
    assert_eq!((taken.status.as_u16(), &taken.json()["results"][0]["outcome"]), (202, &json!("applied")));
    let shown = app.get(&format!("/orders/{}", order(1)), &[]).await.json();
    assert_eq!((&shown["state"], &shown["reason"]), (&json!("voided"), &json!("cancelled: rain")));
    assert_eq!(shown["withdrawals"][0]["kind"], "cancellation");
    let paid = app.pay(json!({ "paymentId": "pay-2", "orderId": order(1), "amount": 1 }).to_string()).await;
    assert_eq!((paid.status.as_u16(), &paid.json()["results"][0]["outcome"]), (202, &json!("late")));
    let shown = app.get(&format!("/orders/{}", order(1)), &[]).await.json();
    assert_eq!((&shown["state"], &shown["reason"]), (&json!("parked"), &json!("paid after cancellation")));
}

#[tokio::test]
async fn a_ticket_is_voided_by_an_operators_word() {
    let app = App::open().await;
    let ticket = app.issued().await;
    let path = format!("/tickets/{}/void", ticket.id);
    app.ask(request("POST", &path, &JSON, "[]")).await.is_problem(400, "bad-request");
    let voided = app.ask(request("POST", &path, &JSON, r#"{"reason":"lost"}"#)).await;
    assert_eq!((voided.status.as_u16(), &voided.json()["voidReason"]), (200, &json!("lost")));
    let again = app.ask(request("POST", &path, &JSON, "")).await;
    assert_eq!((again.status.as_u16(), &again.json()["voidReason"]), (200, &json!("lost")));
    let nobody = "/tickets/3f2504e0-4f89-41d3-9a0c-0305e82c3301/void";
    app.ask(request("POST", nobody, &JSON, "")).await.is_problem(404, "no-such-ticket");
}
