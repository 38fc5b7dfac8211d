//! Tests of tokens in the store: made, used and revoked across servers, guessed, and too short.

use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use fulfillment_tests::ordering::{Answer, seats};
use fulfillment_tests::payment::Payment;
use fulfillment_tests::proxy::Proxy;
use fulfillment_tests::rig;
use fulfillment_tests::scene::{PATIENCE, Scene};
use fulfillment_tests::service::{Service, Setup, TOKEN};
use fulfillment_tests::wait::eventually;
use serde_json::{Value, json};

/// The exit code of a command, and what it answers in JSON.
async fn run(setup: &Setup, arguments: &[&str]) -> Result<(Option<i32>, Value)> {
    let mut all = vec!["--json"];
    all.extend(arguments);
    let output = setup.run(&all).await?;
    Ok((output.status.code(), serde_json::from_slice(&output.stdout).unwrap_or_default()))
}

async fn make(setup: &Setup, name: &str, scopes: &str) -> Result<String> {
    let (code, made) = run(setup, &["token", "new", name, "--scope", scopes]).await?;
    assert_eq!(code, Some(0), "{made}");
    Ok(made["token"].as_str().context("a token")?.to_owned())
}

/// The status and the bytes of an answer: head and body.
async fn ask(service: &Service, method: &str, path: &str, token: &str, body: &str) -> Result<(u16, String)> {
    let url = format!("{}{path}", service.base());
    let request = service.client().request(method.parse()?, url).bearer_auth(token);
    let request = request.header("content-type", "application/json").header("accept", "application/json");
    let answer = request.body(body.to_owned()).send().await?;
    let (status, head) = (answer.status().as_u16(), format!("{:?}", answer.headers()));
    Ok((status, format!("{head}\n{}", answer.text().await?)))
}

#[tokio::test]
async fn a_misspelt_scope_is_answered_with_those_that_exist() -> Result<()> {
    let setup = Setup::new()?;
    for (scope, nearest) in [("reed", "'read'"), ("read,mertics", "'metrics'")] {
        let said = setup.run(&["token", "new", "x", "--scope", scope]).await?;
        let error = String::from_utf8_lossy(&said.stderr).into_owned();
        assert_eq!(said.status.code(), Some(2), "{error}");
        for known in ["ingest", "read:status", "door:supervise", "admin"] {
            assert!(error.contains(known), "{error}");
        }
        assert!(error.contains("similar") && error.contains(nearest), "{error}");
    }
    Ok(())
}

#[tokio::test]
async fn a_token_is_made_listed_and_revoked_and_kept_nowhere() -> Result<()> {
    let scene = Scene::embedded().await?;
    let setup = &scene.setup;
    assert_eq!(run(setup, &["token", "list"]).await?.0, Some(3), "there is no store yet");
    let service = scene.start().await?;
    let token = make(setup, "shop", "ingest,withdraw,ingest").await?;
    assert!(token.starts_with("ftk_") && token.len() >= 64, "{token}");
    let day = run(setup, &["token", "new", "day", "--scope", "read", "--expires", "1day"]).await?.1;
    assert!(day["expiresAt"].is_string(), "{day}");
    for (wrong, code) in [
        (vec!["token", "new", "shop", "--scope", "read"], 1),
        (vec!["token", "new", "http.token", "--scope", "read"], 2),
        (vec!["token", "new", "anonymous", "--scope", "read"], 2),
        (vec!["token", "new", "a b", "--scope", "read"], 2),
        (vec!["token", "new", "x"], 2),
        (vec!["token", "new", "x", "--scope", "write"], 2),
        (vec!["token", "new", "x", "--scope", "read", "--expires", "soon"], 2),
        (vec!["token", "new", "x", "--scope", "read", "--expires", "2001-01-01T00:00:00Z"], 2),
        (vec!["token", "revoke", "nobody"], 1),
    ] {
        assert_eq!(setup.run(&wrong).await?.status.code(), Some(code), "{wrong:?}");
    }
    let (_, listed) = run(setup, &["token", "list"]).await?;
    assert_eq!((&listed[0]["name"], &listed[1]["name"]), (&json!("day"), &json!("shop")));
    assert_eq!(
        (&listed[1]["scopes"], &listed[1]["state"]),
        (&json!(["ingest", "withdraw"]), &json!("valid"))
    );
    let people = setup.run(&["token", "list"]).await?.stdout;
    assert!(String::from_utf8_lossy(&people).contains("shop  created "));

    assert_eq!(ask(&service, "POST", "/events/payment-succeeded", &token, "{}").await?.0, 400);
    assert_eq!(ask(&service, "GET", "/events", &token, "").await?.0, 403);
    assert_eq!(
        run(setup, &["token", "revoke", "shop"]).await?,
        (Some(0), json!({"name": "shop", "revoked": true}))
    );
    assert_eq!(run(setup, &["token", "revoke", "shop"]).await?.0, Some(1));
    assert_eq!(run(setup, &["token", "list"]).await?.1.as_array().map(Vec::len), Some(1));
    let (_, all) = run(setup, &["token", "list", "--all"]).await?;
    assert_eq!(all[1]["state"], "revoked");
    make(setup, "shop", "ingest").await?;
    // Neither the store's files nor the log have the token, nor any part of it that would help.
    let secret = &token[4..36];
    for file in std::fs::read_dir(setup.data())? {
        let path = file?.path();
        if path.is_file() {
            let bytes = std::fs::read(&path)?;
            let found = bytes.windows(secret.len()).any(|part| part == secret.as_bytes());
            assert!(!found, "{} has the token", path.display());
        }
    }
    Ok(())
}

#[tokio::test]
async fn a_revoked_token_is_refused_within_five_seconds() -> Result<()> {
    let scene = Scene::embedded().await?;
    let service = scene.start().await?;
    revoked(&scene, &[service]).await
}

#[tokio::test]
async fn a_revoked_token_is_refused_by_every_server_within_five_seconds() -> Result<()> {
    let scene = Scene::embedded().await?.with_postgres().await?;
    let servers = [scene.start().await?, scene.start().await?];
    revoked(&scene, &servers).await
}

#[tokio::test]
async fn a_server_that_cannot_read_the_store_lets_no_revoked_token_in() -> Result<()> {
    let scene = Scene::embedded().await?.with_postgres().await?;
    let (proxy, url) = Proxy::in_front_of(scene.database()?.url()).await?;
    let cut_off = scene.setup.clone().env("FULFILLMENT_STORE_URL", url).start().await?;
    let (reader, watcher) =
        (make(&scene.setup, "reader", "read").await?, make(&scene.setup, "watcher", "metrics").await?);
    // A page that needs no store: the token alone decides.
    let page = "/orders/not-an-id";
    assert_eq!(ask(&cut_off, "GET", page, &reader, "").await?.0, 400);
    assert_eq!(ask(&cut_off, "GET", "/metrics", &watcher, "").await?.0, 200);
    proxy.cut();
    assert_eq!(run(&scene.setup, &["token", "revoke", "reader"]).await?.0, Some(0));
    let revoked = Instant::now();
    loop {
        let (status, said) = ask(&cut_off, "GET", page, &reader, "").await?;
        if status == 503 {
            assert!(said.contains("store-unavailable") && said.contains("retry-after"), "{said}");
            break;
        }
        assert_eq!(status, 400);
        assert!(revoked.elapsed() < Duration::from_secs(6), "still let in");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    assert_eq!(ask(&cut_off, "GET", page, "ftk_of-nobody", "").await?.0, 503, "unknown, or made just now");
    assert_eq!(ask(&cut_off, "GET", page, TOKEN, "").await?.0, 400, "tokens of the settings need no store");
    assert_eq!(ask(&cut_off, "GET", "/metrics", &watcher, "").await?.0, 200, "an outage can be watched");
    proxy.mend();
    eventually(PATIENCE, "refused for good", async || {
        Ok((ask(&cut_off, "GET", page, &reader, "").await?.0 == 401).then_some(()))
    })
    .await
}

async fn revoked(scene: &Scene, servers: &[Service]) -> Result<()> {
    let order = format!("/orders/{}", rig::id());
    let token = make(&scene.setup, "thief", "read").await?;
    for server in servers {
        let begun = Instant::now();
        assert_eq!(ask(server, "GET", &order, &token, "").await?.0, 404, "let in at the first request");
        assert!(begun.elapsed() < Duration::from_secs(1));
    }
    assert_eq!(run(&scene.setup, &["token", "revoke", "thief"]).await?.0, Some(0));
    let revoked = Instant::now();
    for server in servers {
        while ask(server, "GET", &order, &token, "").await?.0 != 401 {
            assert!(revoked.elapsed() < Duration::from_secs(5), "still let in");
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }
    // It does not come back with a server that starts.
    for server in servers {
        assert_eq!(ask(server, "GET", &order, TOKEN, "").await?.0, 404);
        assert_eq!(ask(server, "GET", &order, &token, "").await?.0, 401);
    }
    Ok(())
}

#[tokio::test]
async fn a_token_that_delivers_or_withdraws_learns_nothing_about_people() -> Result<()> {
    let scene = Scene::embedded().await?;
    let service = scene.start().await?;
    let order = rig::id();
    let mut answer = seats(order, 2);
    answer["customerEmail"] = json!("private.person@example.org");
    answer["customerName"] = json!("Privatissima Customer");
    answer["items"][0]["holderName"] = json!("Privatissima Holder");
    scene.ordering.answer(order, [Answer::Json(answer)]);
    service.pay(Payment::of(order).json()).await?;
    let record = service.order_in(order, "issued").await?;
    let ticket = &record["tickets"][0];
    let id = ticket["id"].as_str().context("an id")?;
    let secrets = ["qrCodeData", "ticketNumber", "cti", "seat", "eventName", "ticketPdfPath", "kid"];
    let mut secrets: Vec<&str> = secrets.iter().filter_map(|field| ticket[*field].as_str()).collect();
    secrets.extend(["rivatissima", "private.", "?s=", "TK1:"]);
    assert_eq!(secrets.len(), 11, "{ticket}");
    let path = |rest: &str| format!("/tickets/{id}{rest}");
    let refund = format!(r#"{{"refundId":"r","orderId":"{order}","ticketIds":["{id}"]}}"#);
    let other = format!(r#"{{"refundId":"r","orderId":"{order}","amount":3}}"#);
    let cancel = format!(r#"{{"orderId":"{order}"}}"#);
    let asked = [
        ("GET", path(""), ""),
        ("GET", path(".pdf"), ""),
        ("GET", format!("/orders/{order}"), ""),
        ("GET", format!("/orders/{order}/tickets.pdf"), ""),
        ("GET", "/events?after=0".to_owned(), ""),
        ("GET", "/health/ready".to_owned(), ""),
        ("POST", path("/delivered"), r#"{"channel":"email"}"#),
        ("POST", path("/delivered"), r#"{"generation":9}"#),
        ("POST", path("/delivered"), r#"{"deliveredAt":"?"}"#),
        ("POST", path("/reissue"), r#"{"expectedGeneration":0}"#),
        ("POST", "/events/payment-refunded".to_owned(), &refund),
        ("POST", "/events/payment-refunded".to_owned(), &other),
        ("POST", path("/void"), "{}"),
        ("POST", "/events/order-cancelled".to_owned(), &cancel),
        ("POST", "/events/order-cancelled".to_owned(), "[{}]"),
        ("POST", path("/delivered"), "{}"),
    ];
    for (scope, least) in [("deliver", 3), ("withdraw", 4), ("read:status", 3)] {
        let token = make(&scene.setup, &scope.replace(':', "-"), scope).await?;
        let mut good = 0;
        for (method, path, body) in &asked {
            let (status, raw) = ask(&service, method, path, &token, body).await?;
            let said = secrets.iter().find(|secret| raw.contains(**secret));
            assert_eq!(said, None, "{scope} {method} {path}: {raw}");
            good += u32::from(status < 300);
        }
        assert!(good >= least, "{scope}: {good}");
    }
    let token = make(&scene.setup, "shop-window", "read:status").await?;
    let (_, state) = ask(&service, "GET", &format!("/orders/{order}"), &token, "").await?;
    assert!(state.contains(r#""state":"voided""#) && state.contains(id), "{state}");
    scene.settled(&service).await
}

#[tokio::test]
async fn guesses_are_slow_counted_and_logged_and_disturb_nobody() -> Result<()> {
    let service = Setup::new()?.start().await?;
    let order = format!("/orders/{}", rig::id());
    let guesses = (0..40).map(|i| format!("a-guess-of-a-token-that-is-long-enough-{i}")).collect::<Vec<_>>();
    let guess = async |token: &String| {
        let begun = Instant::now();
        Ok::<_, anyhow::Error>((ask(&service, "GET", &order, token, "").await?.0, begun.elapsed()))
    };
    let others = async {
        let begun = Instant::now();
        for _ in 0..20 {
            assert_eq!(ask(&service, "GET", &order, TOKEN, "").await?.0, 404);
        }
        Ok::<_, anyhow::Error>(begun.elapsed())
    };
    let (refused, others) = tokio::join!(futures::future::join_all(guesses.iter().map(guess)), others);
    for answer in refused {
        let (status, took) = answer?;
        assert_eq!(status, 401);
        assert!(took >= Duration::from_millis(500), "{took:?}");
    }
    let others = others?;
    // Ten seconds, if each waited as a guess does.
    assert!(others < Duration::from_secs(3), "twenty good requests took {others:?}");
    let metrics = service.get("/metrics").await?.text().await?;
    let counted = r#"fulfillment_http_failed_tokens_total{reason="unknown"} 40"#;
    assert!(metrics.contains(counted), "{metrics}");
    let log = service.log();
    let lines: Vec<_> = log.lines().filter(|line| line.contains("tokens that are not valid")).collect();
    assert_eq!(lines.len(), 1, "{lines:?}");
    assert!(lines[0].contains("127.0.0.0/24") && !log.contains("a-guess-of"), "{log}");
    Ok(())
}

#[tokio::test]
async fn short_tokens_stop_the_start_unless_a_setting_lifts_it() -> Result<()> {
    let short = Setup::new()?.env("FULFILLMENT_HTTP_TOKEN", "hunter2");
    let (code, said) = short.refused().await?;
    assert_eq!(code, Some(2), "{said}");
    assert!(said.contains("http.token") && said.contains("http.allow_weak_tokens"), "{said}");
    assert!(!said.contains("hunter2"));
    let (code, checked) = run(&short, &["config", "check"]).await?;
    assert_eq!((code, &checked["problems"][0]["key"]), (Some(1), &json!("http.token")));
    let (_, checked) = run(&short, &["migrate", "--check"]).await?;
    assert_eq!(checked["refused"][0]["key"], "http.token");
    let lifted = short.env("FULFILLMENT_HTTP_ALLOW_WEAK_TOKENS", "true");
    let (code, checked) = run(&lifted, &["config", "check"]).await?;
    assert_eq!(code, Some(0));
    assert!(checked["warnings"].to_string().contains("http.allow_weak_tokens"), "{checked}");
    lifted.start().await?;
    // Scopes that mean less than before are named, with what restores them.
    let file = lifted.data().join("fulfillment.toml");
    std::fs::write(&file, "[[token]]\nname = \"shop\"\ntoken = \"t\"\nscopes = [\"ingest\"]\n")?;
    for command in [["config", "check"], ["migrate", "--check"]] {
        let said = run(&lifted, &command).await?.1.to_string();
        assert!(said.contains("http.broad_scopes") && said.contains("withdraw"), "{command:?}: {said}");
    }
    let broad = lifted.env("FULFILLMENT_HTTP_BROAD_SCOPES", "true");
    let service = broad.start().await?;
    assert_eq!(ask(&service, "POST", "/events/payment-refunded", "t", "{}").await?.0, 400);
    Ok(())
}

#[tokio::test]
async fn a_token_in_the_store_closes_the_service_to_strangers() -> Result<()> {
    let setup = Setup::new()?.without("FULFILLMENT_HTTP_TOKEN");
    let service = setup.start().await?;
    let order = format!("/orders/{}", rig::id());
    let get = async |service: &Service| -> Result<u16> {
        Ok(service.client().get(format!("{}{order}", service.base())).send().await?.status().as_u16())
    };
    assert_eq!(get(&service).await?, 404, "this machine's user");
    let token = make(&setup, "first", "read").await?;
    let made = Instant::now();
    while get(&service).await? != 401 {
        assert!(made.elapsed() < Duration::from_secs(5), "still open");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    assert_eq!(ask(&service, "GET", &order, &token, "").await?.0, 404);
    drop(service);
    // It is a token, so that a public URL is no exposure; and its revocation does not open the service again.
    let public = setup.env("FULFILLMENT_HTTP_PUBLIC_URL", "https://tickets.example");
    for command in [["config", "check"], ["migrate", "--check"]] {
        assert_eq!(public.run(&command).await?.status.code(), Some(0), "{command:?}");
    }
    let service = public.start().await?;
    assert_eq!(run(&public, &["token", "revoke", "first"]).await?.0, Some(0));
    tokio::time::sleep(Duration::from_secs(2)).await;
    assert_eq!(get(&service).await?, 401);
    Ok(())
}
