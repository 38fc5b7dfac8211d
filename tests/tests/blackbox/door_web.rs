//! Tests of scanners that are web apps of another origin, as browsers ask for them.

use std::time::Duration;

use anyhow::Result;
use fulfillment_tests::ordering::{Answer, seats};
use fulfillment_tests::payment::Payment;
use fulfillment_tests::rig;
use fulfillment_tests::scene::Scene;
use fulfillment_tests::service::{Service, TOKEN};
use reqwest::{Method, Response};

const PAGE: &str = "https://scanner.example";
const DOOR: &str = "/events/gala/door";

/// The preflight request of a page: without a token.
async fn preflight(service: &Service, path: &str, origin: &str) -> Result<Response> {
    let request = service.client().request(Method::OPTIONS, format!("{}{path}", service.base()));
    let request = request.header("origin", origin).header("access-control-request-method", "GET");
    Ok(request.header("access-control-request-headers", "authorization,if-none-match").send().await?)
}

fn header<'a>(answer: &'a Response, name: &str) -> &'a str {
    answer.headers().get(name).and_then(|value| value.to_str().ok()).unwrap_or_default()
}

fn shares(answer: &Response) -> bool {
    answer.headers().keys().any(|name| name.as_str().starts_with("access-control-"))
}

#[tokio::test]
async fn pages_of_configured_origins_use_doors_alone() -> Result<()> {
    let scene = Scene::embedded().await?.set("FULFILLMENT_HTTP_DOOR_ORIGINS", PAGE);
    let mut service = scene.start().await?;
    let order = rig::id();
    let mut answer = seats(order, 1);
    answer["eventId"] = "gala".into();
    scene.ordering.answer(order, [Answer::Json(answer)]);
    service.pay(Payment::of(order).json()).await?;
    service.order_in(order, "issued").await?;
    for path in [DOOR, "/events/gala/door/news", "/events/gala/check-ins", "/door/enrol"] {
        let allowed = preflight(&service, path, PAGE).await?;
        assert_eq!((allowed.status().as_u16(), header(&allowed, "access-control-allow-origin")), (204, PAGE));
        assert!(header(&allowed, "access-control-allow-headers").contains("Authorization"));
        let foreign = preflight(&service, path, "https://evil.example").await?;
        assert!(foreign.status() == 405 && !shares(&foreign), "{path}");
    }
    let feed = service.asking(DOOR).header("origin", PAGE).send().await?;
    assert_eq!((feed.status().as_u16(), header(&feed, "access-control-allow-origin")), (200, PAGE));
    assert!(header(&feed, "access-control-expose-headers").contains("ETag"));
    // Why it is refused can be read as well, by the page that may.
    let refused =
        service.client().get(format!("{}{DOOR}", service.base())).header("origin", PAGE).send().await?;
    assert_eq!((refused.status().as_u16(), header(&refused, "access-control-allow-origin")), (401, PAGE));
    let foreign = service.asking(DOOR).header("origin", "https://evil.example").send().await?;
    assert!(!shares(&foreign));
    for path in ["/orders/x", "/event-records", "/metrics"] {
        assert!(!shares(&preflight(&service, path, PAGE).await?), "{path}");
        let other = service.client().get(format!("{}{path}", service.base())).header("origin", PAGE);
        assert!(!shares(&other.bearer_auth(TOKEN).send().await?), "{path}");
    }
    service.stop(Duration::from_secs(20)).await?;

    for wrong in ["*", "https://scanner.example/app", "scanner.example", "https://scanner.example/"] {
        let ran =
            scene.setup.clone().env("FULFILLMENT_HTTP_DOOR_ORIGINS", wrong).run(&["config", "check"]).await?;
        let said = [ran.stdout, ran.stderr].concat();
        let said = String::from_utf8_lossy(&said);
        assert!(ran.status.code() != Some(0) && said.contains("HTTP_DOOR_ORIGINS"), "{wrong}: {said}");
        assert!(said.contains("like https://scanner.example"), "{said}");
    }
    Ok(())
}
