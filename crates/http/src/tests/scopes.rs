//! What narrow scopes are answered: never personal data, codes or links.

use fulfillment_domain::Ticket;
use fulfillment_store::conformance::fixtures::{cancellation, quietly};
use fulfillment_store::{DeadLetterRoute, Inbox, People as _, Records};
use serde_json::Value;

use super::description::fits;
use super::{App, request};

const NARROW: [&str; 3] = ["deliver", "withdraw", "read:status"];

async fn app() -> App {
    let tokens = NARROW.iter().chain(&["read", "admin"]).map(|scope| {
        format!("[[token]]\nname = \"{scope}\"\ntoken = \"t-{scope}\"\nscopes = [\"{scope}\"]\n")
    });
    App::with(&tokens.collect::<String>()).await
}

/// Everything about a ticket that says who has it, or lets somebody in.
fn secrets(app: &App, ticket: &Ticket) -> Vec<String> {
    let Ticket { customer, holder, event, seat, code, number, .. } = ticket;
    let people = [&customer.email, &event.name, &seat.label, &code.data, number].map(Clone::clone);
    let link = app.signed(ticket);
    let signature = link.split_once("?s=").unwrap().1.to_owned();
    let more = [&customer.name, &holder.name, &holder.email, &event.venue_name, &event.organizer_name];
    let mut all: Vec<String> = people.into_iter().chain(more.into_iter().flatten().cloned()).collect();
    all.extend([
        signature,
        hex::encode(code.cti),
        ticket.file_name(),
        "rain".to_owned(),
        "channel of".to_owned(),
    ]);
    // JSON may escape what is not ASCII.
    all.iter().map(|text| serde_json::to_string(text).unwrap().trim_matches('"').to_owned()).collect()
}

#[tokio::test]
async fn a_token_that_delivers_withdraws_or_asks_for_states_learns_nothing_about_people() {
    let app = app().await;
    let ticket = app.issued().await;
    app.store.ingest(&[cancellation(2, "rain")], &DeadLetterRoute::default(), &quietly()).await.unwrap();
    while app.store.note_people(9, &|_| Vec::new()).await.unwrap() > 0 {}
    let (id, order) = (ticket.id, ticket.order_id);
    let delivered = r#"{"channel": "channel of Zoe", "generation": 0}"#;
    let later = r#"{"generation": 7}"#;
    let refund =
        format!(r#"{{"refundId": "r1", "orderId": "{order}", "ticketIds": ["{id}"], "reason": "rain"}}"#);
    let other = format!(r#"{{"refundId": "r1", "orderId": "{order}", "amount": 1, "currency": "EUR"}}"#);
    let cancel = format!(r#"{{"orderId": "{order}", "reason": "rain"}}"#);
    let asked = [
        ("GET", format!("/tickets/{id}"), ""),
        ("GET", format!("/tickets/{id}.pdf"), ""),
        ("GET", format!("/orders/{order}"), ""),
        ("GET", format!("/orders/{order}/tickets"), ""),
        ("GET", format!("/orders/{order}/tickets.pdf"), ""),
        ("GET", format!("/codes/{}", hex::encode([1; 10])), ""),
        ("GET", "/orders".to_owned(), ""),
        ("GET", "/tickets".to_owned(), ""),
        ("POST", "/orders/search".to_owned(), "{}"),
        ("POST", "/tickets/search".to_owned(), r#"{"state": "issued"}"#),
        ("POST", "/tickets/search".to_owned(), r#"{"name": "zoe"}"#),
        ("GET", "/events?after=0".to_owned(), ""),
        ("GET", "/metrics".to_owned(), ""),
        ("GET", "/health/ready".to_owned(), ""),
        ("POST", format!("/tickets/{id}/delivered"), delivered),
        ("POST", format!("/tickets/{id}/delivered"), ""),
        ("POST", format!("/tickets/{id}/delivered"), later),
        ("POST", format!("/tickets/{id}/delivered"), r#"{"generation": "x"}"#),
        ("POST", format!("/tickets/{id}/reissue"), r#"{"expectedGeneration": 0}"#),
        ("POST", format!("/tickets/{id}/reinstate"), r#"{"expectedGeneration": 0}"#),
        ("POST", "/events/payment-refunded".to_owned(), &refund),
        ("POST", "/events/payment-refunded".to_owned(), &refund),
        ("POST", "/events/payment-refunded".to_owned(), &other),
        ("POST", "/events/payment-refunded".to_owned(), "{}"),
        ("POST", format!("/tickets/{id}/void"), r#"{"reason": "rain"}"#),
        ("POST", format!("/tickets/{id}/void"), ""),
        ("POST", "/events/order-cancelled".to_owned(), &cancel),
        ("POST", "/events/payment-succeeded".to_owned(), &cancel),
        ("GET", format!("/tickets/{id}"), ""),
        ("GET", format!("/orders/{order}"), ""),
    ];
    let secrets = secrets(&app, &ticket);
    let mut good = 0;
    for scope in NARROW {
        let token = format!("Bearer t-{scope}");
        for (method, path, body) in &asked {
            let headers = [
                ("authorization", &*token),
                ("accept", "application/json"),
                ("content-type", "application/json"),
            ];
            let answer = app.ask(request(method, path, &headers, (*body).to_owned())).await;
            let headers = format!("{:?}", answer.headers);
            let raw = String::from_utf8_lossy(&answer.body);
            for secret in &secrets {
                assert!(
                    !raw.contains(secret) && !headers.contains(secret),
                    "{scope} {method} {path} {secret}: {raw}"
                );
            }
            good += u32::from(answer.status.is_success());
        }
    }
    assert!(good >= 16, "most of them were carried out: {good}");
    let voided = app.store.ticket(id).await.unwrap().unwrap();
    assert!(voided.lifecycle.voided_at.is_some() && voided.lifecycle.delivered_at.is_some());
}

#[tokio::test]
async fn states_have_the_fields_described_and_others_see_the_whole() {
    let app = app().await;
    let ticket = app.issued().await;
    let ask = async |scope: &str, method: &str, path: &str| -> Value {
        let token = format!("Bearer t-{scope}");
        let headers = [("authorization", &*token), ("accept", "application/json")];
        let answer = app.ask(request(method, path, &headers, "")).await;
        assert_eq!(answer.status, 200, "{scope} {path}");
        assert_eq!(answer.header("cache-control"), "private, no-store");
        answer.json()
    };
    let (record, order) = (format!("/tickets/{}", ticket.id), format!("/orders/{}", ticket.order_id));
    let state = ask("read:status", "GET", &record).await;
    fits(&state, "TicketState");
    assert_eq!(state["status"], "Generated");
    let progress = ask("read:status", "GET", &order).await;
    fits(&progress, "OrderProgress");
    assert_eq!((&progress["state"], &progress["tickets"][0]), (&"issued".into(), &state));
    let mut whole = ask("read", "GET", &record).await;
    fits(&whole, "TicketRecord");
    let check_ins = whole.as_object_mut().unwrap().remove("checkIns");
    assert_eq!(check_ins, Some(serde_json::json!([])));
    assert_eq!(ask("read", "GET", &order).await["tickets"][0], whole);
    fits(&ask("deliver", "POST", &format!("{record}/delivered")).await, "TicketState");
    fits(&ask("withdraw", "POST", &format!("{record}/void")).await, "TicketState");
    let whole = ask("admin", "POST", &format!("{record}/void")).await;
    assert_eq!(whole["qrCodeData"], "TK1:ABC");
}
