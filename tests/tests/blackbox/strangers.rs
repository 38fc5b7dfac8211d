//! Tests of what strangers can do: to a service without a token, by a web page, a name of their own or a proxy; on the
//! way to other services; and by texts from outside.

use anyhow::{Context, Result};
use fulfillment_tests::ordering::{Answer, seats};
use fulfillment_tests::payment::Payment;
use fulfillment_tests::rig;
use fulfillment_tests::scene::{PATIENCE, Scene};
use fulfillment_tests::service::{Service, Setup};
use fulfillment_tests::wait::eventually;
use serde_json::Value;

/// Sends a request without a token and with these headers. Answers with its status and body.
async fn send(service: &Service, method: &str, url: &str, headers: &[(&str, &str)]) -> Result<(u16, String)> {
    let url = if url.starts_with('/') { format!("{}{url}", service.base()) } else { url.to_owned() };
    let mut request = service.client().request(method.parse()?, url);
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let answer = request.send().await?;
    Ok((answer.status().as_u16(), answer.text().await.unwrap_or_default()))
}

#[tokio::test]
async fn a_web_page_or_a_proxy_has_no_rights_on_a_loopback_address() -> Result<()> {
    let mut scene = Scene::embedded().await?;
    scene.setup = scene.setup.without("FULFILLMENT_HTTP_TOKEN");
    let service = scene.start().await?;
    let order = rig::id();
    scene.ordering.answer(order, [Answer::Json(seats(order, 1))]);
    service.pay(Payment::of(order).json()).await?;
    let record = service.order_in(order, "issued").await?;
    let ticket = record["tickets"][0]["id"].as_str().context("an id")?.to_owned();
    let link = link(&service).await?;

    let void = format!("/tickets/{ticket}/void");
    let json = ("content-type", "application/json");
    let strangers = [
        // DNS rebinding: the page's own name leads to 127.0.0.1.
        ("host", "evil.example:5004"),
        ("host", "localhost.evil.example"),
        // A form or script of a page of another site.
        ("origin", "https://evil.example"),
        ("origin", "null"),
        // A reverse proxy on this machine, in front of the public.
        ("x-forwarded-for", "203.0.113.7"),
        ("x-forwarded-host", "localhost"),
        ("forwarded", "for=203.0.113.7"),
    ];
    for stranger in strangers {
        for (method, path) in [
            ("GET", format!("/orders/{order}")),
            ("GET", format!("/tickets/{ticket}.pdf")),
            ("GET", "/metrics".to_owned()),
            ("POST", void.clone()),
        ] {
            let (status, said) = send(&service, method, &path, &[json, stranger]).await?;
            assert_eq!(status, 403, "{method} {path} {stranger:?}: {said}");
            let said: Value = serde_json::from_str(&said)?;
            assert_eq!(
                (&said["type"], &said["header"]),
                (&"urn:fulfillment:problem:not-local".into(), &stranger.0.into())
            );
            assert!(said["detail"].as_str().is_some_and(|text| text.contains("http.")), "{said}");
        }
        for path in ["/health/ready", "/.well-known/ticket-keys.json", "/openapi.json", "/docs", &link] {
            assert_eq!(send(&service, "GET", path, &[stranger]).await?.0, 200, "{path} {stranger:?}");
        }
    }
    // A form of a page whose browser sends no Origin: an empty body has no type.
    assert_eq!(send(&service, "POST", &void, &[]).await?.0, 415);
    assert_eq!(send(&service, "POST", &void, &[("content-type", "text/plain")]).await?.0, 415);
    let record: Value =
        serde_json::from_str(&send(&service, "GET", &format!("/orders/{order}"), &[]).await?.1)?;
    assert!(record["tickets"][0]["voidedAt"].is_null(), "nothing was voided: {record}");
    // This machine's user, by any of its names.
    for own in ["localhost:5004", "tickets.localhost", "127.8.8.8", "[::1]:5004"] {
        assert_eq!(
            send(&service, "GET", &format!("/orders/{order}"), &[("host", own)]).await?.0,
            200,
            "{own}"
        );
    }
    assert_eq!(send(&service, "POST", &void, &[json, ("origin", "http://localhost:3000")]).await?.0, 200);
    scene.settled(&service).await
}

/// The signed link of the first ticket, from the stream of events.
async fn link(service: &Service) -> Result<String> {
    let mut stream = service.client().get(format!("{}/events?after=0", service.base())).send().await?;
    let mut read = Vec::new();
    loop {
        read.extend(stream.chunk().await?.context("the stream ended")?);
        let text = String::from_utf8_lossy(&read);
        let link = text.split_once("\"ticketPdfUrl\":\"").and_then(|(_, rest)| rest.split_once('"'));
        if let Some((link, _)) = link {
            return Ok(link.to_owned());
        }
    }
}

#[tokio::test]
async fn names_of_this_machine_can_be_added() -> Result<()> {
    let setup = Setup::new()?
        .without("FULFILLMENT_HTTP_TOKEN")
        .env("FULFILLMENT_HTTP_HOSTS", "tickets.internal, box")
        .env("FULFILLMENT_HTTP_PUBLIC_URL", "http://box");
    let service = setup.start().await?;
    for (host, expected) in [("box:80", 200), ("tickets.internal", 200), ("box.example", 403)] {
        assert_eq!(send(&service, "GET", "/metrics", &[("host", host)]).await?.0, expected, "{host}");
    }
    Ok(())
}

#[tokio::test]
async fn a_public_url_without_a_token_is_refused_at_the_start() -> Result<()> {
    let public = Setup::new()?
        .without("FULFILLMENT_HTTP_TOKEN")
        .env("FULFILLMENT_HTTP_PUBLIC_URL", "https://tickets.example");
    let (code, said) = public.refused().await?;
    assert_eq!(code, Some(2), "{said}");
    for hint in
        ["http.public_url", "https://tickets.example", "http.token", "http.allow_anonymous", "http.hosts"]
    {
        assert!(said.contains(hint), "{hint}: {said}");
    }
    let checked = public.run(&["config", "check"]).await?;
    let named = String::from_utf8_lossy(&checked.stdout).contains("http.public_url");
    assert_eq!((checked.status.code(), named), (Some(1), true));
    assert_eq!(public.run(&["config", "check", "--roles", "issue,relay"]).await?.status.code(), Some(0));
    let checked = public.run(&["migrate", "--check"]).await?;
    let said = String::from_utf8_lossy(&checked.stdout);
    assert!(said.contains("http.public_url"), "{said}");
    // What lifts it, and who needs no token.
    for lifted in [
        public.clone().env("FULFILLMENT_HTTP_TOKEN", "a-token-of-more-than-thirty-two-bytes"),
        public.clone().env("FULFILLMENT_HTTP_ALLOW_ANONYMOUS", "true"),
        public.clone().env("FULFILLMENT_HTTP_HOSTS", "tickets.example"),
        public.clone().env("FULFILLMENT_HTTP_PUBLIC_URL", "http://localhost:8080"),
        public.roles("issue,relay"),
    ] {
        lifted.start().await?;
    }
    Ok(())
}

#[tokio::test]
async fn cleartext_to_other_machines_needs_a_setting() -> Result<()> {
    let setup = Setup::new()?
        .env("FULFILLMENT_ORDERING_URL", "http://ordering.invalid")
        .env("FULFILLMENT_ORDERING_TOKEN", "a-token-of-more-than-thirty-two-bytes");
    let (code, said) = setup.refused().await?;
    assert_eq!(code, Some(2), "{said}");
    assert!(said.contains("ordering.url") && said.contains("network.allow_cleartext"), "{said}");
    let all = setup
        .clone()
        .env("FULFILLMENT_STORE_URL", "postgres://u:p@db.invalid/f")
        .env("FULFILLMENT_WEBHOOK_URL", "http://crm.invalid/tickets")
        .env("FULFILLMENT_WEBHOOK_SECRET", "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")
        .env("FULFILLMENT_KAFKA_BROKERS", "kafka.invalid:9092")
        .env("FULFILLMENT_KAFKA_SECURITY_PROTOCOL", "sasl_plaintext")
        .env("FULFILLMENT_KAFKA_SASL_MECHANISM", "PLAIN")
        .env("FULFILLMENT_KAFKA_SASL_USERNAME", "u")
        .env("FULFILLMENT_KAFKA_SASL_PASSWORD", "p");
    let checked = all.run(&["config", "check", "--json"]).await?;
    assert_eq!(checked.status.code(), Some(1));
    let checked: Value = serde_json::from_slice(&checked.stdout)?;
    let keys: Vec<_> =
        checked["problems"].as_array().context("problems")?.iter().map(|p| &p["key"]).collect();
    assert_eq!(keys, ["ordering.url", "webhook.url", "kafka.security_protocol", "store.url"]);
    let lifted = all.env("FULFILLMENT_NETWORK_ALLOW_CLEARTEXT", "true");
    assert_eq!(lifted.run(&["config", "check"]).await?.status.code(), Some(0));
    setup.env("FULFILLMENT_NETWORK_ALLOW_CLEARTEXT", "true").start().await?;
    Ok(())
}

#[tokio::test]
async fn strangers_are_not_told_why_a_part_is_in_trouble() -> Result<()> {
    let setup = Setup::new()?.open_to_the_network();
    let service = setup.start().await?;
    let part = |health: &Value| health["parts"]["ordering"].clone();
    let told = eventually(PATIENCE, "Ordering is reported", async || {
        let health: Value = service.get_json("/health/ready").await?;
        Ok(Some(part(&health)).filter(|part| part["reason"].is_string()))
    })
    .await?;
    for path in ["/health/ready", "/health"] {
        let (status, said) = send(&service, "GET", path, &[]).await?;
        assert_eq!(status, 200);
        let health: Value = serde_json::from_str(&said)?;
        let reason = told["reason"].as_str().context("a reason")?;
        assert!(said.contains("ordering") && !said.contains(reason), "{said}");
        assert!(part(&health).is_null() || part(&health)["status"] == "degraded", "{said}");
    }
    let said = setup.env("FULFILLMENT_HTTP_LISTEN", service.base().trim_start_matches("http://"));
    let said = said.run(&["health"]).await?;
    let said = String::from_utf8_lossy(&said.stdout).into_owned();
    assert!(said.contains("reason"), "the command has the token: {said}");
    Ok(())
}

#[tokio::test]
async fn escape_sequences_do_not_reach_a_terminal() -> Result<()> {
    let scene = Scene::embedded().await?;
    let service = scene.start().await?;
    let evil = "Eve\u{1b}]0;owned\u{7}\u{9b}2K\u{202e}";
    let order = rig::id();
    let mut answer = seats(order, 1);
    answer["eventName"] = evil.into();
    answer["items"][0]["holderName"] = evil.into();
    scene.ordering.answer(order, [Answer::Json(answer)]);
    service.pay(Payment::of(order).json()).await?;
    let record = service.order_in(order, "issued").await?;
    let ticket = record["tickets"][0]["id"].as_str().context("an id")?;
    let bad = serde_json::json!({ "orderId": evil, "paymentId": evil });
    service.post("/events/payment-succeeded", format!("[{bad},{}]", Payment::of(order).json())).await?;
    let order = order.to_string();
    for command in [
        vec!["order", "show", order.as_str()],
        vec!["order", "show", order.as_str(), "--json"],
        vec!["ticket", "show", ticket],
        vec!["ticket", "show", ticket, "--json"],
        vec!["dlq", "list"],
        vec!["dlq", "show", "1"],
        vec!["dlq", "show", "1", "--json"],
        vec!["ticket", "show", evil],
    ] {
        let said = scene.setup.run(&command).await?;
        for stream in [&said.stdout, &said.stderr] {
            let text = String::from_utf8_lossy(stream);
            let sent = text.chars().find(|c| (c.is_control() && !"\n\t".contains(*c)) || *c == '\u{202e}');
            assert_eq!(sent, None, "{command:?}: {text:?}");
        }
    }
    let log = service.log();
    let sent = log.chars().find(|c| c.is_control() && !"\n\t".contains(*c));
    assert_eq!(sent, None, "the log has none either");
    scene.settled(&service).await
}

/// The most memory that a process had, in KiB.
fn peak_memory(service: &Service) -> Result<u64> {
    let status = std::fs::read_to_string(format!("/proc/{}/status", service.pid()))?;
    let line = status.lines().find(|line| line.starts_with("VmHWM:")).context("VmHWM")?;
    Ok(line.split_whitespace().nth(1).context("a number")?.parse()?)
}

#[tokio::test]
async fn a_short_answer_does_not_become_much_memory() -> Result<()> {
    let scene = Scene::embedded().await?.set("FULFILLMENT_PIPELINE_MAX_ATTEMPTS", "1");
    let service = scene.start().await?;
    scene.leaves("orders are parked");
    let before = peak_memory(&service)?;
    for (length, why) in [(4096, "of text in all"), (4097, "longer than 4096 bytes")] {
        let order = rig::id();
        let mut answer = seats(order, 1);
        for field in ["eventName", "venueName", "venueAddress", "organizerName", "customerName"] {
            answer[field] = "x".repeat(length).into();
        }
        answer["items"] = serde_json::json!([{ "itemId": "a", "price": "1.00", "quantity": 10_000 }]);
        assert!(answer.to_string().len() < 24 * 1024);
        scene.ordering.answer(order, [Answer::Json(answer)]);
        service.pay(Payment::of(order).json()).await?;
        let record = service.order_in(order, "parked").await?;
        assert!(record["reason"].as_str().is_some_and(|reason| reason.contains(why)), "{record}");
    }
    let grown = peak_memory(&service)?.saturating_sub(before);
    assert!(grown < 64 * 1024, "{grown} KiB");
    Ok(())
}
