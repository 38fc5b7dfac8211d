//! Scanners that are web pages of another origin.

use super::door_feed::door;
use super::{Answer, App, request};

const PAGE: (&str, &str) = ("origin", "https://scanner.example");
const FOREIGN: (&str, &str) = ("origin", "https://evil.example");
const SETTING: &str = "door_origins = \"https://scanner.example, http://localhost:8080\"\n";
const TOKEN: &str = "door-token-of-at-least-32-characters";

async fn ask(app: &App, method: &str, path: &str, headers: &[(&str, &str)]) -> Answer {
    app.ask(request(method, path, headers, "{}")).await
}

/// What a browser asks before it sends a token.
async fn preflight(app: &App, path: &str, origin: (&str, &str), method: &str) -> Answer {
    let headers = [
        origin,
        ("access-control-request-method", method),
        ("access-control-request-headers", "authorization"),
    ];
    ask(app, "OPTIONS", path, &headers).await
}

fn shares(answer: &Answer) -> bool {
    answer.headers.keys().any(|name| name.as_str().starts_with("access-control-"))
}

fn varies(answer: &Answer) -> String {
    let all: Vec<_> = answer.headers.get_all("vary").iter().map(|value| value.to_str().unwrap()).collect();
    all.join(", ")
}

#[tokio::test]
async fn pages_of_configured_origins_use_doors() {
    let tokens = format!("[[token]]\nname = \"gate\"\ntoken = \"{TOKEN}\"\nscopes = [\"door\"]\n");
    let door = door(&format!("[http]\n{SETTING}{tokens}")).await;
    let app = &door.app;
    let bearer = format!("Bearer {TOKEN}");
    for path in
        ["/events/event-1/door", "/events/event-1/door/news", "/events/event-1/check-ins", "/door/enrol"]
    {
        let allowed = preflight(app, path, PAGE, "POST").await;
        assert_eq!((allowed.status.as_u16(), allowed.header("access-control-allow-origin")), (204, PAGE.1));
        assert_eq!(allowed.header("access-control-allow-methods"), "GET, HEAD, POST");
        for name in [
            "authorization",
            "content-type",
            "if-none-match",
            "last-event-id",
            "door-app-version",
            "door-queue",
        ] {
            let listed = allowed.header("access-control-allow-headers").to_ascii_lowercase();
            assert!(listed.split(", ").any(|listed| listed == name), "{name}");
        }
        assert_eq!((allowed.header("access-control-max-age"), allowed.header("vary")), ("3600", "Origin"));
        assert_eq!(allowed.header("access-control-allow-credentials"), "");
        let foreign = preflight(app, path, FOREIGN, "POST").await;
        assert!(foreign.status == 405 && !shares(&foreign), "{path}");
        assert_eq!(varies(&foreign), "Origin");
    }
    let feed = ask(app, "GET", "/events/event-1/door", &[PAGE, ("authorization", &bearer)]).await;
    assert_eq!((feed.status.as_u16(), feed.header("access-control-allow-origin")), (200, PAGE.1));
    assert_eq!(feed.header("access-control-expose-headers"), "ETag, Retry-After");
    assert_eq!(varies(&feed), "Accept-Encoding, Origin");
    // A page reads why it is refused, too.
    let refused = ask(app, "GET", "/events/event-1/door", &[PAGE]).await;
    refused.is_problem(401, "unauthorized");
    assert_eq!(refused.header("access-control-allow-origin"), PAGE.1);
    for origin in [FOREIGN, ("origin", "null"), ("origin", "https://scanner.example.evil.example")] {
        let feed = ask(app, "GET", "/events/event-1/door", &[origin, ("authorization", &bearer)]).await;
        assert!(feed.status == 200 && !shares(&feed), "{origin:?}");
    }
    // Nothing but doors, and without the setting no page at all.
    for path in ["/orders/x", "/events", "/metrics", "/event-records", "/events/event-1", "/nothing"] {
        let other = preflight(app, path, PAGE, "GET").await;
        assert!(other.status != 204 && !shares(&other) && varies(&other).is_empty(), "{path}");
        assert!(!shares(&ask(app, "GET", path, &[PAGE, ("authorization", &bearer)]).await), "{path}");
    }
    let none = App::with(&tokens).await;
    let preflight = preflight(&none, "/events/event-1/door", PAGE, "GET").await;
    assert!(preflight.status == 405 && !shares(&preflight) && varies(&preflight).is_empty());
}

/// Without tokens a loopback address is for this machine's user, whose browser shows pages of others.
#[tokio::test]
async fn without_a_token_configured_pages_use_nothing() {
    let door = door(&format!("[http]\n{SETTING}")).await;
    let json = ("content-type", "application/json");
    let (feed, scans) = ("/events/event-1/door", "/events/event-1/check-ins");
    for (method, path, origin) in [
        ("GET", feed, PAGE),
        ("GET", "/events/event-1/door/names", PAGE),
        ("POST", scans, PAGE),
        ("GET", feed, FOREIGN),
        ("PUT", "/events/event-1/door/rules", PAGE),
        ("GET", "/events/event-1", PAGE),
        ("GET", "/metrics", PAGE),
    ] {
        ask(&door.app, method, path, &[origin, json]).await.is_problem(403, "not-local");
    }
    assert_eq!(ask(&door.app, "GET", feed, &[]).await.status, 200);
    let scan = format!(r#"{{"code":"{}"}}"#, door.tickets[0].code.data);
    let scanned = door.app.ask(request("POST", scans, &[json], scan)).await;
    assert_eq!(scanned.json()["results"][0]["verdict"], "admitted", "no page has admitted it");
}
