//! Lists of orders and tickets by HTTP.

use fulfillment_store::{Audit as _, AuditFilter, People as _};
use serde_json::{Value, json};

use super::description::fits;
use super::{Answer, App, request};

async fn app() -> App {
    let tokens = ["read", "read:status", "ingest"].map(|scope| {
        format!("[[token]]\nname = \"{scope}\"\ntoken = \"t-{scope}\"\nscopes = [\"{scope}\"]\n")
    });
    let app = App::with(&tokens.concat()).await;
    app.issued().await;
    while app.store.note_people(9, &|_| Vec::new()).await.unwrap() > 0 {}
    app
}

async fn ask(app: &App, scope: &str, method: &str, path: &str, body: &Value) -> Answer {
    let token = format!("Bearer t-{scope}");
    let headers = [("authorization", &*token), ("content-type", "application/json")];
    let body = if method == "GET" { String::new() } else { body.to_string() };
    app.ask(request(method, path, &headers, body)).await
}

#[tokio::test]
async fn whole_rows_for_who_may_read_them_and_states_for_others() {
    let app = app().await;
    for (scope, order_row, ticket_row) in
        [("read", "OrderRow", "TicketRow"), ("read:status", "OrderStateRow", "TicketStateRow")]
    {
        let mut orders =
            ask(&app, scope, "GET", "/orders?state=issued&limit=2&sort=oldest", &Value::Null).await;
        assert_eq!((orders.status.as_u16(), orders.header("cache-control")), (200, "private, no-store"));
        fits(&orders.json(), "OrderList");
        fits(&orders.json()["items"][0], order_row);
        assert_eq!(
            (&orders.json()["sortedBy"], &orders.json()["indexing"]),
            (&json!("oldest"), &json!(false))
        );
        orders =
            ask(&app, scope, "POST", "/orders/search", &json!({ "state": ["issued"], "limit": 2 })).await;
        assert_eq!(orders.json()["items"].as_array().unwrap().len(), 1);
        let tickets = ask(&app, scope, "GET", "/tickets?status=Generated,voided", &Value::Null).await.json();
        fits(&tickets, "TicketList");
        fits(&tickets["items"][0], ticket_row);
        let tickets = ask(&app, scope, "POST", "/tickets/search", &json!({ "generation": 7 })).await.json();
        assert_eq!((&tickets["items"], &tickets["next"]), (&json!([]), &Value::Null));
    }
    assert_eq!(ask(&app, "ingest", "GET", "/orders", &Value::Null).await.status, 403);
    let read = async |action: &str| {
        let filter = AuditFilter { action: Some(action.to_owned()), ..AuditFilter::default() };
        app.store.audit(&filter, 9).await.unwrap().len()
    };
    while read("read.orders").await < 4 || read("read.tickets").await < 4 {
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    }
}

#[tokio::test]
async fn people_are_searched_by_a_body_alone_and_by_who_may_read_them() {
    let app = app().await;
    for (field, text) in [
        ("name", "zoe"),
        ("holder", "李"),
        ("seat", "5 1"),
        ("email", "zoe@example.org"),
        ("error", "no answer"),
    ] {
        for path in ["/orders", "/tickets"] {
            let refused = ask(&app, "read", "GET", &format!("{path}?{field}=x"), &Value::Null).await;
            refused.is_problem(400, "bad-request");
            assert_eq!(refused.json()["field"], field);
            assert!(refused.json()["detail"].as_str().unwrap().contains(&format!("POST {path}/search")));
            let body = json!({ field: text, "state": "received" });
            let refused = ask(&app, "read:status", "POST", &format!("{path}/search"), &body).await;
            refused.is_problem(403, "forbidden");
            assert_eq!((&refused.json()["field"], &refused.json()["scope"]), (&json!(field), &json!("read")));
            assert_eq!(ask(&app, "read", "POST", &format!("{path}/search"), &body).await.status, 200);
        }
    }
    for body in [json!({ "name": "ZOE" }), json!({ "holder": "李" }), json!({ "seat": "row 5 seat 1" })] {
        for path in ["/orders/search", "/tickets/search"] {
            let found = ask(&app, "read", "POST", path, &body).await.json();
            assert_eq!(found["items"].as_array().map(Vec::len), Some(1), "{body} {found}");
            assert_eq!(found["sortedBy"], "words");
        }
    }
}

#[tokio::test]
async fn what_is_wrong_is_named() {
    let app = app().await;
    for (query, field) in [
        ("colour=red", "field"),
        ("state=paid", "state"),
        ("state=issued&state=parked", "state"),
        ("limit=501", "limit"),
        ("cursor=xyz", "cursor"),
        ("receivedFrom=today", "receivedFrom"),
        ("event=", "event"),
    ] {
        for path in ["/orders", "/tickets"] {
            let refused = ask(&app, "read", "GET", &format!("{path}?{query}"), &Value::Null).await;
            refused.is_problem(400, "bad-request");
            assert_eq!(refused.json()["field"], field, "{query}");
            assert!(!refused.json().to_string().contains("colour"), "what is unknown may be anything");
        }
    }
    for (body, field) in
        [(json!({ "limit": true }), "limit"), (json!({ "name": {} }), "name"), (json!([]), "")]
    {
        let refused = ask(&app, "read", "POST", "/orders/search", &body).await;
        refused.is_problem(400, "bad-request");
        assert_eq!(refused.json()["field"].as_str().unwrap_or_default(), field);
    }
    let form = [("authorization", "Bearer t-read"), ("content-type", "text/plain")];
    assert_eq!(app.ask(request("POST", "/orders/search", &form, "{}")).await.status, 415);
}
