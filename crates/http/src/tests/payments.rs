//! Payment requests: the status of the response, and a result for each payment.

use std::sync::atomic::Ordering;

use axum::body::Body;
use fulfillment_store::Records;
use fulfillment_store::conformance::fixtures::order;
use futures::StreamExt as _;
use serde_json::json;
use tower::ServiceExt;

use super::{App, request};

fn payment(id: &str, of: u32, amount: &str) -> String {
    format!(r#"{{"paymentId":"{id}","orderId":"{}","amount":{amount},"currency":"EUR"}}"#, order(of))
}

#[tokio::test]
async fn one_payment() {
    let app = App::open().await;
    let new = app.pay(payment("a", 1, "49.90")).await;
    assert_eq!(new.status, 202);
    assert_eq!(
        new.json(),
        json!({"results": [{"index": 0, "outcome": "new", "orderId": order(1).to_string()}]})
    );
    let again = app.pay(payment("a", 1, "49.9")).await;
    assert_eq!((again.status.as_u16(), &again.json()["results"][0]["outcome"]), (200, &"duplicate".into()));
    let second = app.pay(payment("b", 1, "49.90")).await;
    assert_eq!(
        (second.status.as_u16(), &second.json()["results"][0]["outcome"]),
        (200, &"already_paid".into())
    );
    let other = app.pay(payment("a", 1, "1")).await;
    other.is_problem(409, "payment-quarantined");
    assert_eq!(other.json()["results"][0]["outcome"], "quarantined");

    let record = app.get(&format!("/orders/{}/tickets", order(1)), &[]).await.json();
    assert_eq!((&record["state"], record["payments"].as_array().unwrap().len()), (&"received".into(), 2));
    assert_eq!(app.get(&format!("/orders/{}", order(1)), &[]).await.json(), record);
    app.get(&format!("/orders/{}", order(2)), &[]).await.is_problem(404, "no-such-order");
    app.get("/orders/x", &[]).await.is_problem(400, "not-a-guid");
}

#[tokio::test]
async fn what_cannot_be_read_is_said_and_not_stored() {
    let app = App::open().await;
    for (body, field) in [
        (r#"{"amount":1}"#, json!("orderId")),
        (r#"{"orderId":7}"#, json!("orderId")),
        ("nonsense", json!(null)),
        ("", json!(null)),
    ] {
        let answer = app.pay(body).await;
        answer.is_problem(400, "unreadable-payment");
        assert_eq!(answer.json()["field"], field, "{body}");
    }
    app.pay(&b"\xff\xfe"[..]).await.is_problem(400, "unreadable-payment");
    for body in ["[]", "[1,", "[{}]{}", "[{},1]"] {
        app.pay(body).await.is_problem(400, "unreadable-payment");
    }
    assert_eq!(app.store.summary().await.unwrap().dead_lettered, 0);
}

#[tokio::test]
async fn good_ones_are_committed_beside_bad_ones() {
    let app = App::open().await;
    let body = format!(
        "\u{feff} [{}, {{\"orderId\":7}}, {}, {}]",
        payment("a", 1, "1"),
        payment("a", 1, "1.0"),
        payment("c", 2, "3")
    );
    let answer = app.pay(body.clone()).await;
    assert_eq!(answer.status, 202);
    let results = answer.json()["results"].clone();
    let words: Vec<_> = results.as_array().unwrap().iter().map(|r| r["outcome"].as_str().unwrap()).collect();
    assert_eq!(words, ["new", "unreadable", "duplicate", "new"]);
    assert_eq!((&results[1]["field"], &results[1]["index"]), (&json!("orderId"), &json!(1)));
    assert_eq!(app.pay(body).await.status, 200);
    let summary = app.store.summary().await.unwrap();
    assert_eq!((summary.orders["received"], summary.dead_lettered), (2, 1));
}

#[tokio::test]
async fn cloud_events_and_their_types() {
    let app = App::open().await;
    let wrapped = format!(
        r#"{{"specversion":"1.0","id":"1","type":"t","source":"s","data":{}}}"#,
        payment("a", 1, "1")
    );
    let types = [("content-type", "application/cloudevents+json; charset=utf-8")];
    let path = "/events/payment-succeeded";
    assert_eq!(app.ask(request("POST", path, &types, wrapped)).await.status, 202);
    let binary = [
        ("content-type", "application/json"),
        ("ce-id", "7"),
        ("ce-specversion", "1.0"),
        ("traceparent", "bad"),
    ];
    assert_eq!(app.ask(request("POST", path, &binary, payment("b", 2, "1"))).await.status, 202);
    for wrong in ["text/plain", "application/x-www-form-urlencoded", ""] {
        let answer = app.ask(request("POST", path, &[("content-type", wrong)], payment("c", 3, "1"))).await;
        answer.is_problem(415, "unsupported-media-type");
    }
}

#[tokio::test]
async fn what_a_stranger_s_page_cannot_send_unasked_is_taken_by_any_such_type() {
    let app = App::open().await;
    let path = "/events/payment-succeeded";
    for (n, taken) in [
        "application/vnd.masstransit+json",
        "Application/Vnd.Shop.Paid+JSON; charset=utf-8",
        "application/octet-stream",
    ]
    .into_iter()
    .enumerate()
    {
        let order = u8::try_from(n).unwrap() + 1;
        let body = payment(&format!("p{n}"), order.into(), "1");
        let body = format!(r#"{{"messageType":["urn:message:Shop:Paid"],"message":{body}}}"#);
        let answer = app.ask(request("POST", path, &[("content-type", taken)], body)).await;
        assert_eq!(answer.status, 202, "{taken}");
    }
    for refused in [
        "text/plain",
        "multipart/form-data",
        "application/x-www-form-urlencoded",
        "text/vnd.shop+json",
        "application/+json",
        "application/x-www-form-urlencoded+json, text/plain",
        "text/plain; a=application/json",
        "application/xml",
    ] {
        let answer = app.ask(request("POST", path, &[("content-type", refused)], payment("c", 9, "1"))).await;
        answer.is_problem(415, "unsupported-media-type");
    }
}

#[tokio::test]
async fn envelopes_are_taken_off_and_others_named() {
    let app = App::open().await;
    let quoted = serde_json::to_string(&payment("a", 1, "1")).unwrap();
    let mass_transit =
        format!(r#"{{"messageType":["urn:message:Shop:Paid"],"message":{}}}"#, payment("b", 2, "1"));
    // A schema id that is not valid text.
    let confluent = [&[0, 0, 0, 0, 0xFF], payment("c", 3, "1").as_bytes()].concat();
    let router = format!(r#"{{"schema":{{}},"payload":{}}}"#, payment("d", 4, "1"));
    for body in [quoted.into_bytes(), mass_transit.into_bytes(), confluent, router.into_bytes()] {
        assert_eq!(app.pay(body.clone()).await.status, 202, "{}", String::from_utf8_lossy(&body));
    }
    assert_eq!(app.store.summary().await.unwrap().orders["received"], 4);
    let sns = serde_json::json!({"Type": "Notification", "TopicArn": "arn", "Message": payment("e", 5, "1")});
    let refused = app.pay(sns.to_string()).await;
    refused.is_problem(400, "unreadable-payment");
    assert!(refused.json()["detail"].to_string().contains("RawMessageDelivery"), "{}", refused.json());
    app.pay(&[0, 0, 0, 0, 7, 0xFF][..]).await.is_problem(400, "unreadable-payment");
}

#[tokio::test]
async fn limits() {
    let toml = "[http]\nmax_body = \"128KiB\"\nmax_items = 2\n[pipeline]\nmax_message = \"64KiB\"\n";
    let app = App::with(toml).await;
    app.pay("x".repeat(128 * 1024 + 1)).await.is_problem(413, "too-large");
    app.pay(format!("[{}]", ["1"; 3].join(","))).await.is_problem(413, "too-large");
    let long = payment(&"x".repeat(64 * 1024), 1, "1");
    app.pay(long.clone()).await.is_problem(413, "too-large");
    let beside = app.pay(format!("[{long},{}]", payment("b", 2, "1"))).await;
    assert_eq!(beside.status, 202);
    assert_eq!(beside.json()["results"][0]["outcome"], "unreadable");
}

/// Only messages may be large.
#[tokio::test]
async fn other_bodies_are_small() {
    let app = App::open().await;
    let id = app.issued().await.id;
    let headers = [("content-type", "application/json")];
    for route in ["void", "reissue", "delivered"] {
        let path = format!("/tickets/{id}/{route}");
        let large = Body::from(format!("{{}}{}", " ".repeat(64 * 1024)));
        app.ask(request("POST", &path, &headers, large)).await.is_problem(413, "too-large");
    }
    let reason = Body::from(format!(r#"{{"reason":"twice"}}{}"#, " ".repeat(60_000)));
    assert_eq!(app.ask(request("POST", &format!("/tickets/{id}/void"), &headers, reason)).await.status, 200);
}

/// Begins a request whose body stops after this many bytes.
async fn stalled(app: &App, bytes: usize) -> tokio::task::JoinHandle<()> {
    let begin = futures::stream::iter([Ok::<_, std::io::Error>(vec![b' '; bytes])]);
    let endless = Body::from_stream(begin.chain(futures::stream::pending()));
    let slow = request("POST", "/events/payment-succeeded", &[("content-type", "application/json")], endless);
    let sending = app.router.clone().oneshot(slow);
    let task = tokio::spawn(async move {
        let _ = sending.await;
    });
    for _ in 0..3 {
        tokio::task::yield_now().await;
    }
    task
}

/// Whoever sends slowly keeps no other request out, as long as little of it has arrived.
#[tokio::test]
async fn slow_senders_take_no_place() {
    let app = App::with("[http]\nmax_ingest_requests = 1\nmax_body = \"1MiB\"\n").await;
    let mut slow = Vec::new();
    for _ in 0..40 {
        slow.push(stalled(&app, 60_000).await);
    }
    assert_eq!(app.pay(payment("a", 1, "1")).await.status, 202);
    // Large ones share what max_ingest_requests bodies of max_body may have together.
    slow.push(stalled(&app, 900_000).await);
    let large = format!("[{}{}]", payment("b", 2, "1"), " ".repeat(500_000));
    let busy = app.pay(large.clone()).await;
    busy.is_problem(429, "too-many-requests");
    assert_eq!(busy.header("retry-after"), "1");
    assert_eq!(app.pay(payment("c", 3, "1")).await.status, 202, "small ones are taken");
    for task in slow {
        task.abort();
        let _ = task.await;
    }
    assert_eq!(app.pay(large).await.status, 202);
}

/// While as many are processed as may be, others are answered 429.
#[tokio::test]
async fn a_place_is_taken_once_the_body_is_there() {
    let app = App::with("[http]\nmax_ingest_requests = 1\n").await;
    app.inbox.slow.store(true, Ordering::Relaxed);
    let headers = [("content-type", "application/json")];
    let one = request("POST", "/events/payment-succeeded", &headers, Body::from(payment("a", 1, "1")));
    let working = tokio::spawn(app.router.clone().oneshot(one));
    for _ in 0..9 {
        tokio::task::yield_now().await;
    }
    let busy = app.pay(payment("b", 2, "1")).await;
    busy.is_problem(429, "too-many-requests");
    assert_eq!(busy.header("retry-after"), "1");
    working.abort();
    let _ = working.await;
    app.inbox.slow.store(false, Ordering::Relaxed);
    assert_eq!(app.pay(payment("b", 2, "1")).await.status, 202);
}

#[tokio::test]
async fn without_the_store_nothing_is_accepted() {
    let app = App::open().await;
    app.inbox.broken.store(true, Ordering::Relaxed);
    let away = app.pay(payment("a", 1, "1")).await;
    away.is_problem(503, "store-unavailable");
    assert_eq!(away.header("retry-after"), "5");
}
