//! Tests of access control: which token may do what, and what is never disclosed.

use anyhow::{Context, Result};
use fulfillment_tests::ordering::{Answer, seats};
use fulfillment_tests::payment::Payment;
use fulfillment_tests::rig;
use fulfillment_tests::scene::Scene;
use fulfillment_tests::service::{Service, TOKEN};
use serde_json::{Value, json};

/// The status of a request with this token, or with none.
async fn status(service: &Service, method: &str, path: &str, token: Option<&str>) -> Result<u16> {
    let url = format!("{}{path}", service.base());
    let mut request = service.client().request(method.parse()?, url);
    if method == "POST" {
        request = request.header("content-type", "application/json").body("{}");
    }
    if let Some(token) = token {
        request = request.bearer_auth(token);
    }
    Ok(request.send().await?.status().as_u16())
}

#[tokio::test]
async fn each_token_opens_its_own_doors() -> Result<()> {
    let scene = Scene::embedded().await?.with_kafka().await?;
    let scopes = [
        "ingest",
        "withdraw",
        "read:status",
        "read",
        "events",
        "deliver",
        "door",
        "metrics",
        "audit",
        "admin",
    ];
    let token = |scope: &str| format!("a-token-of-thirty-two-bytes-and-{scope}");
    let file = scopes.map(|scope| {
        format!("[[token]]\nname = \"{scope}\"\ntoken = \"{}\"\nscopes = [\"{scope}\"]\n", token(scope))
    });
    std::fs::write(scene.setup.data().join("fulfillment.toml"), file.concat())?;
    let service = scene.start().await?;
    let order = rig::id();
    scene.ordering.answer(order, [Answer::Json(seats(order, 1))]);
    service.pay(Payment::of(order).json()).await?;
    let event = scene.wire()?.issued(1).await?.remove(0).json()?;
    let ticket = event["ticketId"].as_str().context("an id")?;

    // The answer with the right scope; otherwise it is 403 with a token and 401 without.
    let doors = [
        ("GET", format!("/tickets/{ticket}"), "read", 200),
        ("GET", format!("/tickets/{ticket}.pdf"), "read", 200),
        ("GET", format!("/orders/{order}"), "read:status read", 200),
        ("GET", format!("/orders/{order}/tickets"), "read:status read", 200),
        ("GET", "/codes/c0ffee00010203040506".to_owned(), "door read", 200),
        ("GET", "/events".to_owned(), "events", 200),
        ("POST", "/events/payment-succeeded".to_owned(), "ingest", 400),
        ("POST", "/events/payment-refunded".to_owned(), "withdraw", 400),
        ("POST", format!("/tickets/{ticket}/delivered"), "deliver", 200),
        ("POST", format!("/tickets/{ticket}/reissue"), "admin", 400),
        ("GET", "/metrics".to_owned(), "metrics admin", 200),
    ];
    for (method, path, let_in, good) in &doors {
        for who in scopes {
            let expected = if let_in.split(' ').any(|scope| scope == who) { *good } else { 403 };
            let got = status(&service, method, path, Some(&token(who))).await?;
            assert_eq!(got, expected, "{method} {path} by {who}");
        }
        assert_eq!(status(&service, method, path, Some("unknown")).await?, 401, "{method} {path}");
        assert_eq!(status(&service, method, path, None).await?, 401, "{method} {path}");
        assert_eq!(status(&service, method, path, Some(TOKEN)).await?, *good, "{method} {path}");
    }
    for path in [
        "/health",
        "/health/live",
        "/health/ready",
        "/.well-known/ticket-keys.json",
        "/openapi.json",
        "/docs",
    ] {
        assert_eq!(status(&service, "GET", path, None).await?, 200, "{path} is open to all");
    }
    // Without a right, a client cannot learn which tickets exist.
    assert_eq!(status(&service, "GET", &format!("/tickets/{}", rig::id()), None).await?, 401);

    let link = event["ticketPdfUrl"].as_str().context("a link")?;
    let (path, signature) = link.split_once("?s=").context("a signature")?;
    let get = async |url: String, accept: &str| -> Result<u16> {
        Ok(service.client().get(url).header("accept", accept).send().await?.status().as_u16())
    };
    assert_eq!(get(link.to_owned(), "*/*").await?, 200, "the signed link needs no token");
    assert_eq!(get(link.replace(".pdf", ""), "application/json").await?, 401, "and opens the page alone");
    let flipped = if signature.starts_with('A') { "B" } else { "A" };
    for tampered in [
        format!("{path}?s={flipped}{}", &signature[1..]),
        format!("{path}?s={}", &signature[..signature.len() - 1]),
        format!("{path}?s="),
        path.to_owned(),
        format!("{}?s={signature}", path.replace(ticket, &rig::id().to_string())),
    ] {
        assert_eq!(get(tampered.clone(), "*/*").await?, 401, "{tampered}");
    }
    scene.settled(&service).await
}

#[tokio::test]
async fn an_address_for_everybody_is_closed_without_a_token() -> Result<()> {
    let mut scene = Scene::embedded().await?;
    scene.setup = scene.setup.open_to_the_network().without("FULFILLMENT_HTTP_TOKEN");
    let service = scene.start().await?;
    let payment = Payment::of(rig::id()).json();
    for token in [None, Some(TOKEN), Some("")] {
        assert_eq!(status(&service, "POST", "/events/payment-succeeded", token).await?, 401);
        assert_eq!(status(&service, "GET", &format!("/orders/{}", rig::id()), token).await?, 401);
        assert_eq!(status(&service, "GET", "/metrics", token).await?, 401);
    }
    assert_eq!(status(&service, "GET", "/health/ready", None).await?, 200);
    drop(service);
    let scene = scene.set("FULFILLMENT_HTTP_ALLOW_ANONYMOUS", "true");
    scene.leaves("Ordering does not know the order");
    let service = scene.start().await?;
    assert_eq!(
        service
            .client()
            .post(format!("{}/events/payment-succeeded", service.base()))
            .header("content-type", "application/json")
            .body(payment)
            .send()
            .await?
            .status(),
        202
    );
    Ok(())
}

#[tokio::test]
async fn a_loopback_address_without_a_token_is_open_as_within_the_platform() -> Result<()> {
    let mut scene = Scene::embedded().await?;
    scene.setup = scene.setup.without("FULFILLMENT_HTTP_TOKEN");
    let service = scene.start().await?;
    assert_eq!(status(&service, "GET", "/metrics", None).await?, 200);
    assert_eq!(status(&service, "GET", &format!("/orders/{}", rig::id()), None).await?, 404);
    Ok(())
}

#[tokio::test]
async fn links_come_from_the_public_url_and_never_from_the_host_header() -> Result<()> {
    let scene = Scene::embedded()
        .await?
        .with_kafka()
        .await?
        .set("FULFILLMENT_HTTP_PUBLIC_URL", "https://tickets.example/f/");
    let service = scene.start().await?;
    let order = rig::id();
    scene.ordering.answer(order, [Answer::Json(seats(order, 1))]);
    let url = format!("{}/events/payment-succeeded", service.base());
    let request = service.client().post(url).bearer_auth(TOKEN).header("host", "evil.example");
    request.header("content-type", "application/json").body(Payment::of(order).json()).send().await?;
    let event = scene.wire()?.issued(1).await?.remove(0).json()?;
    let link = event["ticketPdfUrl"].as_str().context("a link")?;
    assert!(link.starts_with("https://tickets.example/f/tickets/"), "{link}");
    scene.settled(&service).await
}

#[tokio::test]
async fn nothing_about_a_person_and_no_secret_is_ever_logged() -> Result<()> {
    let scene = Scene::platform()
        .await?
        .set("FULFILLMENT_LOG_LEVEL", "info,fulfillment=trace,fulfillment_store=trace");
    let service = scene.start().await?;
    let person = |order| {
        let mut answer = seats(order, 2);
        answer["customerEmail"] = json!("private.person@example.org");
        answer["customerName"] = json!("Privatissima Customer");
        answer["items"][0]["holderName"] = json!("Privatissima Holder");
        answer["items"][0]["holderEmail"] = json!("private.holder@example.org");
        answer
    };
    let order = rig::id();
    let mut misfit = person(order);
    misfit["items"][1]["quantity"] = json!(-1);
    scene
        .ordering
        .answer(order, [Answer::Half(person(order)), Answer::Status(500), Answer::Json(person(order))]);
    scene.wire()?.pay(&Payment::of(order)).await?;
    let misfitting = rig::id();
    scene.ordering.answer(misfitting, [Answer::Json(misfit.clone())]);
    misfit["orderId"] = json!(misfitting);
    scene.ordering.answer(misfitting, [Answer::Json(misfit)]);
    scene.wire()?.pay(&Payment::of(misfitting)).await?;
    let bad = r#"{"customerEmail":"private.person@example.org","orderId":"Privatissima"}"#;
    scene.wire()?.kafka.send(&scene.wire()?.payments, None, &[], Some(bad.as_bytes())).await?;
    let events = scene.wire()?.issued(2).await?;
    service.order_in(misfitting, "parked").await?;
    scene.wire()?.dead(1).await?;
    let event = events[0].json()?;
    let link = event["ticketPdfUrl"].as_str().context("a link")?;
    service.client().get(link).send().await?.error_for_status()?;
    service.get(&format!("/tickets/{}", event["ticketId"].as_str().context("an id")?)).await?;
    let log = service.log();
    assert!(
        log.contains(event["ticketId"].as_str().context("an id")?),
        "a download is logged by its id:\n{log}"
    );
    let code = event["qrCodeData"].as_str().context("a code")?;
    let (_, signature) = link.split_once("?s=").context("a signature")?;
    for private in ["rivatissima", "private.", TOKEN, code, signature] {
        let told = log.lines().find(|said| said.contains(private));
        assert_eq!(told, None, "{private} is in the log");
    }
    let metrics: String = service.get("/metrics").await?.text().await?;
    assert!(!metrics.contains("rivatissima") && !metrics.contains(&order.to_string()));
    let _: Value = service.get_json(&format!("/orders/{order}")).await?;
    scene.settled(&service).await
}
