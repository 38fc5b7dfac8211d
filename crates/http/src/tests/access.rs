//! Tokens, scopes and signed links.

use fulfillment_config::Scope;
use fulfillment_store::Records;

use super::{App, request};

const TOKENS: &str = r#"
[http]
token = "all-of-it"
[[token]]
name = "shop"
token = "shop-token"
scopes = ["ingest"]
[[token]]
name = "mail"
token = "mail-token"
scopes = ["read", "deliver"]
"#;

const JSON: (&str, &str) = ("content-type", "application/json");

const OPEN: [&str; 7] = [
    "/health",
    "/health/live",
    "/health/ready",
    "/.well-known/ticket-keys.json",
    "/.well-known/revoked-ticket-keys.json",
    "/openapi.json",
    "/docs",
];

/// Each guarded route with the scopes that it takes; the first is named to a token that has none of them.
const GUARDED: [(&str, &str, &str); 19] = [
    ("GET", "/tickets/3f2504e0-4f89-41d3-9a0c-0305e82c3301", "read"),
    ("GET", "/tickets/3f2504e0-4f89-41d3-9a0c-0305e82c3301.pdf", "read"),
    ("GET", "/orders/3f2504e0-4f89-41d3-9a0c-0305e82c3301", "read:status read"),
    ("GET", "/orders/3f2504e0-4f89-41d3-9a0c-0305e82c3301/tickets", "read:status read"),
    ("GET", "/orders/3f2504e0-4f89-41d3-9a0c-0305e82c3301/tickets.pdf", "read"),
    ("GET", "/codes/c0ffee00010203040506", "door read"),
    ("GET", "/events/e/door", "door"),
    ("GET", "/events/e/door/still-good/0000000a", "door"),
    ("GET", "/events?after=x", "events"),
    ("GET", "/metrics", "metrics admin"),
    ("GET", "/audit", "audit"),
    ("POST", "/events/payment-succeeded", "ingest"),
    ("POST", "/events/payment-refunded", "withdraw"),
    ("POST", "/events/order-cancelled", "withdraw"),
    ("POST", "/tickets/3f2504e0-4f89-41d3-9a0c-0305e82c3301/void", "withdraw admin"),
    ("POST", "/tickets/3f2504e0-4f89-41d3-9a0c-0305e82c3301/reissue", "admin"),
    ("POST", "/tickets/3f2504e0-4f89-41d3-9a0c-0305e82c3301/reinstate", "admin"),
    ("POST", "/tickets/3f2504e0-4f89-41d3-9a0c-0305e82c3301/resend", "admin"),
    ("POST", "/tickets/3f2504e0-4f89-41d3-9a0c-0305e82c3301/delivered", "deliver"),
];

#[tokio::test]
async fn a_token_does_what_its_scopes_say() {
    let each = Scope::ALL.iter().map(|scope| {
        format!("[[token]]\nname = \"{scope}\"\ntoken = \"t-{scope}\"\nscopes = [\"{scope}\"]\n")
    });
    let app = &App::with(&format!("{TOKENS}{}", each.collect::<String>())).await;
    for (method, path, scopes) in GUARDED {
        let ask = async |token: &str| {
            app.ask(request(method, path, &[("authorization", &format!("bearer {token}"))], "")).await
        };
        let answer = ask("all-of-it").await;
        assert!(![401, 403].contains(&answer.status.as_u16()), "{path} {}", answer.status);
        for scope in Scope::ALL {
            let answer = ask(&format!("t-{scope}")).await;
            if scopes.split(' ').any(|word| word == scope.as_str()) {
                assert!(![401, 403].contains(&answer.status.as_u16()), "{path} {scope} {}", answer.status);
            } else {
                answer.is_problem(403, "forbidden");
                assert_eq!(answer.json()["scope"], scopes.split(' ').next().unwrap());
            }
        }
    }
    let record = [("accept", "application/json"), ("authorization", "Bearer t-read:status")];
    app.get("/tickets/3f2504e0-4f89-41d3-9a0c-0305e82c3301", &record).await.is_problem(404, "no-such-ticket");
}

#[tokio::test]
async fn without_a_valid_token_nothing_is_answered() {
    let app = &App::with(TOKENS).await;
    let asked = GUARDED.iter().flat_map(|(method, path, _)| {
        [None, Some("Bearer wrong"), Some("Basic all-of-it"), Some("Bearer"), Some("Bearer all-of-it2")].map(
            |bad| async move {
                let headers: Vec<_> = bad.map(|b| ("authorization", b)).into_iter().collect();
                let answer = app.ask(request(method, path, &headers, "")).await;
                answer.is_problem(401, "unauthorized");
                assert!(answer.header("www-authenticate").starts_with("Bearer"));
            },
        )
    });
    futures::future::join_all(asked).await;
}

#[tokio::test]
async fn a_signed_link_opens_its_pdf_and_nothing_else() {
    let app = App::with(TOKENS).await;
    let ticket = app.issued().await;
    let link = app.signed(&ticket);
    // A service that also sends the holder's link is still treated as the service.
    assert_eq!(app.get(&link, &[("authorization", "Bearer mail-token")]).await.status, 200);
    let first = async || app.store.ticket(ticket.id).await.unwrap().unwrap().lifecycle.first_downloaded_at;
    assert_eq!(first().await, None);
    assert_eq!(app.get(&link, &[]).await.status, 200);
    assert!(first().await.is_some());
    // Even with a token that has other scopes.
    assert_eq!(app.get(&link, &[("authorization", "Bearer shop-token")]).await.status, 200);
    let bare = format!("/tickets/{}", ticket.id);
    app.get(&bare, &[]).await.is_problem(401, "unauthorized");
    app.get(&format!("{bare}?s=AAAAAAAAAAAAAAAAAAAAAA"), &[]).await.is_problem(401, "unauthorized");
    let query = link.split_once('?').unwrap().1;
    let json = [("accept", "application/json")];
    app.get(&format!("{bare}?{query}"), &json).await.is_problem(401, "unauthorized");
    // Not even whether another ticket exists.
    let other = "/tickets/3f2504e0-4f89-41d3-9a0c-0305e82c3301";
    app.get(&format!("{other}?{query}"), &[]).await.is_problem(401, "unauthorized");
    // A token without the scope gets 403, whatever link is sent with it.
    let shop = [("authorization", "Bearer shop-token")];
    for address in [format!("{other}?{query}"), format!("{bare}?s=AAAAAAAAAAAAAAAAAAAAAA"), bare.clone()] {
        app.get(&address, &shop).await.is_problem(403, "forbidden");
    }
    let reader = [("authorization", "Bearer mail-token"), ("accept", "application/json")];
    assert_eq!(app.get(&bare, &reader).await.status, 200);
}

#[tokio::test]
async fn without_tokens_only_loopback_or_a_setting_opens() {
    let everywhere = "[http]\nlisten = \"0.0.0.0:5004\"\n";
    let closed = App::with(everywhere).await;
    let refused = GUARDED.iter().map(async |(method, path, _)| {
        let answer = closed.ask(request(method, path, &[("authorization", "Bearer x")], "")).await;
        answer.is_problem(401, "unauthorized");
    });
    futures::future::join_all(refused).await;
    let ticket = closed.issued().await;
    assert_eq!(closed.get(&closed.signed(&ticket), &[]).await.status, 200);
    for app in [closed, App::with(&format!("{everywhere}allow_anonymous = true")).await, App::open().await] {
        for path in OPEN {
            assert!(![401, 403].contains(&app.get(path, &[]).await.status.as_u16()), "{path}");
        }
    }
    for app in [App::with(&format!("{everywhere}allow_anonymous = true")).await, App::open().await] {
        for (method, path, _) in GUARDED {
            assert_ne!(app.ask(request(method, path, &[], "")).await.status, 401, "{path}");
        }
    }
}

/// What a web page or a proxy sends on behalf of somebody else.
const FOREIGN: [(&str, &str); 5] = [
    ("host", "evil.example"),
    ("origin", "https://evil.example"),
    ("origin", "null"),
    ("x-forwarded-for", "203.0.113.7"),
    ("forwarded", "for=203.0.113.7"),
];

#[tokio::test]
async fn without_tokens_a_loopback_address_is_this_machines_users() {
    let app = App::with("[http]\nhosts = \"tickets.internal\"\n").await;
    let ticket = app.issued().await;
    for foreign in FOREIGN {
        for (method, path, _) in GUARDED {
            let answer = app.ask(request(method, path, &[JSON, foreign], "")).await;
            answer.is_problem(403, "not-local");
            assert_eq!(answer.json()["header"], foreign.0);
            let detail = answer.json()["detail"].as_str().unwrap().to_owned();
            assert!(detail.contains(foreign.0) && detail.contains("http.token"), "{detail}");
        }
        for path in OPEN {
            assert!(![401, 403].contains(&app.get(path, &[foreign]).await.status.as_u16()), "{path}");
        }
        assert_eq!(app.get(&app.signed(&ticket), &[foreign]).await.status, 200, "a link needs no right");
    }
    // The target of a request names its host too, and goes before the header.
    let absolute = format!("http://evil.example/orders/{}", ticket.order_id);
    app.get(&absolute, &[]).await.is_problem(403, "not-local");
    let own = format!("http://tickets.internal/orders/{}", ticket.order_id);
    assert_eq!(app.get(&own, &[("host", "evil.example")]).await.status, 200);
    // Where a setting or a token decides, these headers do not.
    let anonymous = App::with("[http]\nallow_anonymous = true\n").await;
    let token = App::with(TOKENS).await;
    for foreign in FOREIGN {
        for (method, path, _) in GUARDED {
            assert_ne!(
                anonymous.ask(request(method, path, &[JSON, foreign], "")).await.status,
                403,
                "{path}"
            );
            let headers = [JSON, foreign, ("authorization", "Bearer all-of-it")];
            assert_ne!(token.ask(request(method, path, &headers, "")).await.status, 403, "{path}");
        }
    }
}

#[tokio::test]
async fn without_a_token_an_empty_body_needs_its_type_too() {
    let (open, closed) = (App::open().await, App::with(TOKENS).await);
    let token = ("authorization", "Bearer all-of-it");
    for (method, path, _) in GUARDED.into_iter().filter(|(_, path, _)| path.starts_with("/tickets/")) {
        if method == "GET" {
            continue;
        }
        for plain in [vec![], vec![("content-type", "text/plain")]] {
            let answer = open.ask(request(method, path, &plain, "")).await;
            answer.is_problem(415, "unsupported-media-type");
        }
        assert_ne!(open.ask(request(method, path, &[JSON], "")).await.status, 415);
        assert_ne!(closed.ask(request(method, path, &[token], "")).await.status, 415);
        closed.ask(request(method, path, &[token], "{}")).await.is_problem(415, "unsupported-media-type");
    }
}

#[tokio::test]
async fn unknown_addresses_and_methods_are_problems_too() {
    let app = App::open().await;
    app.get("/nothing", &[]).await.is_problem(404, "no-such-page");
    let wrong = app.ask(request("DELETE", "/tickets/x", &[], "")).await;
    wrong.is_problem(405, "method-not-allowed");
    assert_eq!(wrong.header("allow"), "GET,HEAD");
}
