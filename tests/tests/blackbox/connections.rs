//! Tests of connections that only cost: half-sent heads, bodies that stop, readers that take nothing, floods.

use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use fulfillment_tests::ordering::{Answer, seats};
use fulfillment_tests::payment::Payment;
use fulfillment_tests::rig;
use fulfillment_tests::scene::{PATIENCE, Scene};
use fulfillment_tests::service::{Service, Setup, TOKEN};
use fulfillment_tests::wait::eventually;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use serde_json::Value;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpSocket, TcpStream};

/// A connection that has sent these bytes. Its window is small, so that an answer that is not read soon blocks.
async fn connect(service: &Service, bytes: &str) -> Result<TcpStream> {
    let socket = TcpSocket::new_v4()?;
    socket.set_recv_buffer_size(4096)?;
    let address = service.base().trim_start_matches("http://").parse()?;
    let mut stream = socket.connect(address).await?;
    stream.write_all(bytes.as_bytes()).await?;
    Ok(stream)
}

/// A request that is complete.
fn request(path: &str) -> String {
    format!("GET {path} HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {TOKEN}\r\n\r\n")
}

/// A head that is not.
const HALF: &str = "GET /health/live HTTP/1.1\r\nHost: localhost\r\nX-Slow: ";

/// Whether the service closes the connection within this time; what it has sent before is read away.
async fn is_closed(stream: &mut TcpStream, limit: Duration) -> bool {
    let mut rest = Vec::new();
    tokio::time::timeout(limit, stream.read_to_end(&mut rest)).await.is_ok()
}

/// The answer up to the end of the connection or for a second.
async fn answer(stream: &mut TcpStream) -> String {
    let mut read = Vec::new();
    let _ = tokio::time::timeout(Duration::from_secs(1), stream.read_to_end(&mut read)).await;
    String::from_utf8_lossy(&read).into_owned()
}

/// Health must answer in time, whatever else happens.
async fn is_healthy(service: &Service) -> Result<()> {
    let begin = Instant::now();
    // A connection of its own each time, as a load balancer makes.
    let mut stream = connect(service, "GET /health/ready HTTP/1.0\r\nHost: localhost\r\n\r\n").await?;
    let said = answer(&mut stream).await;
    ensure!(said.starts_with("HTTP/1.0 200") || said.starts_with("HTTP/1.1 200"), "health said {said:?}");
    ensure!(begin.elapsed() < Duration::from_secs(5), "health took {:?}", begin.elapsed());
    Ok(())
}

/// Many connections need many files of this process too.
fn raise_open_files() -> Result<()> {
    let limit = getrlimit(Resource::Nofile);
    setrlimit(Resource::Nofile, Rlimit { current: limit.maximum, maximum: limit.maximum })?;
    Ok(())
}

/// Senders of bodies that do not end, more than there are places for requests.
#[tokio::test]
async fn slow_senders_take_no_place() -> Result<()> {
    let scene = Scene::embedded().await?.set("FULFILLMENT_HTTP_MAX_INGEST_REQUESTS", "4");
    scene.ordering.answer_others(|order| Answer::Json(seats(order, 1)));
    let service = scene.start().await?;
    let head = format!(
        "POST /events/payment-succeeded HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {TOKEN}\r\n\
         Content-Type: application/json\r\nContent-Length: 100000\r\n\r\n[",
    );
    let mut slow = Vec::new();
    for _ in 0..60 {
        slow.push(connect(&service, &head).await?);
    }
    // Each is being read.
    for stream in &mut slow {
        stream.write_all(b" ").await?;
    }
    for _ in 0..10 {
        let payment = Payment::of(rig::id());
        ensure!(service.pay(payment.json()).await?.0 == 202);
        service.order_in(payment.order_id, "issued").await?;
    }
    drop(slow);
    scene.settled(&service).await
}

/// A sender that waits for `100 Continue` must not be asked for a body that is then refused.
#[tokio::test]
async fn a_body_that_is_announced_as_too_large_is_not_asked_for() -> Result<()> {
    let scene = Scene::embedded().await?;
    let service = scene.start().await?;
    let ticket = rig::id();
    let head = |path: &str, length: &str| {
        format!(
            "POST {path} HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {TOKEN}\r\n\
             Content-Type: application/json\r\nExpect: 100-continue\r\nContent-Length: {length}\r\n\r\n"
        )
    };
    for (path, length) in [
        ("/events/payment-succeeded".to_owned(), "99999999999"),
        ("/events/order-cancelled".to_owned(), "8388609"),
        (format!("/tickets/{ticket}/void"), "65537"),
    ] {
        let said = answer(&mut connect(&service, &head(&path, length)).await?).await;
        assert!(said.starts_with("HTTP/1.1 413") && said.contains("too-large"), "{path}: {said}");
    }
    let payment = Payment::of(rig::id());
    scene.ordering.answer(payment.order_id, [Answer::Json(seats(payment.order_id, 1))]);
    let body = payment.json();
    let head = head("/events/payment-succeeded", &body.len().to_string());
    let mut stream = connect(&service, &head).await?;
    let mut first = [0; 12];
    stream.read_exact(&mut first).await?;
    assert_eq!(&first, b"HTTP/1.1 100");
    stream.write_all(body.as_bytes()).await?;
    let said = answer(&mut stream).await;
    assert!(said.contains("HTTP/1.1 202"), "{said}");
    service.order_in(payment.order_id, "issued").await?;
    scene.settled(&service).await
}

/// Whoever sends all of a body that is too large gets to its answer: a connection that is closed meanwhile is reset, and
/// the answer on it lost.
#[tokio::test]
async fn whoever_sends_too_much_gets_the_answer() -> Result<()> {
    let service = Setup::new()?.env("FULFILLMENT_HTTP_MAX_BODY", "64KiB").start().await?;
    let part = vec![b' '; 16 << 10];
    let length = 40 * part.len();
    let head = format!(
        "POST /events/payment-succeeded HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {TOKEN}\r\n\
         Content-Type: application/json\r\nContent-Length: {length}\r\n\r\n"
    );
    let mut stream = connect(&service, &head).await?;
    for _ in 0..40 {
        stream.write_all(&part).await?;
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    let said = answer(&mut stream).await;
    ensure!(said.starts_with("HTTP/1.1 413"), "{said:?}");
    is_healthy(&service).await
}

#[tokio::test]
async fn seven_hundred_half_sent_heads_are_gone_and_health_answers_throughout() -> Result<()> {
    raise_open_files()?;
    let scene = Scene::embedded().await?;
    let service = scene.start().await?;
    let mut slow = Vec::new();
    for _ in 0..700 {
        slow.push(connect(&service, HALF).await?);
    }
    let begin = Instant::now();
    let mut left = 700;
    while left > 0 {
        ensure!(begin.elapsed() < Duration::from_secs(35), "{left} half-sent heads are still served");
        is_healthy(&service).await?;
        // One byte each time keeps a connection busy, not alive.
        left = 0;
        for stream in &mut slow {
            if stream.write_all(b"x").await.is_ok() && !is_closed(stream, Duration::from_millis(1)).await {
                left += 1;
            }
        }
        tokio::time::sleep(Duration::from_millis(500)).await;
    }
    let order = rig::id();
    scene.ordering.answer(order, [Answer::Json(seats(order, 1))]);
    assert_eq!(service.pay(Payment::of(order).json()).await?.0, 202);
    service.order_in(order, "issued").await?;
    scene.settled(&service).await
}

#[tokio::test]
async fn a_flood_of_connections_leaves_room_for_health_and_payments() -> Result<()> {
    let scene = Scene::embedded().await?.set("FULFILLMENT_HTTP_MAX_CONNECTIONS", "32");
    let service = scene.start().await?;
    let mut flood = Vec::new();
    for n in 0..200 {
        flood.push(connect(&service, HALF).await?);
        if n % 20 == 0 {
            is_healthy(&service).await?;
        }
    }
    assert!(is_closed(&mut flood[0], PATIENCE).await, "the oldest made room");
    let order = rig::id();
    scene.ordering.answer(order, [Answer::Json(seats(order, 1))]);
    assert_eq!(service.pay(Payment::of(order).json()).await?.0, 202);
    service.order_in(order, "issued").await?;
    // Connections with requests in progress make no room: then the rest is for health and files.
    let mut busy = Vec::new();
    for _ in 0..30 {
        let mut stream = connect(&service, &request("/events")).await?;
        let mut first = [0; 12];
        stream.read_exact(&mut first).await?;
        busy.push((stream, first));
    }
    let mut refused = connect(&service, &request("/metrics")).await?;
    let said = answer(&mut refused).await;
    assert!(said.starts_with("HTTP/1.1 503") && said.to_lowercase().contains("retry-after: "), "{said}");
    assert!(said.contains("too-many-connections"), "{said}");
    is_healthy(&service).await?;
    scene.settled(&service).await
}

/// An issued order with this many tickets, and the first ticket's id.
async fn issued(scene: &Scene, service: &Service, count: usize) -> Result<(String, String)> {
    let order = rig::id();
    scene.ordering.answer(order, [Answer::Json(seats(order, count))]);
    service.pay(Payment::of(order).json()).await?;
    let record = service.order_in(order, "issued").await?;
    Ok((order.to_string(), record["tickets"][0]["id"].as_str().context("an id")?.to_owned()))
}

/// How many connections were closed for this reason.
async fn timed_out(service: &Service, reason: &str) -> Result<u64> {
    let metrics = service.get("/metrics").await?.text().await?;
    let name = format!("fulfillment_http_connections_timed_out_total{{reason=\"{reason}\"}} ");
    Ok(metrics.lines().find_map(|line| line.strip_prefix(&name)).map_or(Ok(0), str::parse)?)
}

#[tokio::test]
async fn stalled_readers_disturb_nobody_and_are_gone() -> Result<()> {
    // Longer than all that is done beside them takes on a slow machine.
    let scene = Scene::embedded().await?.set("FULFILLMENT_HTTP_WRITE_TIMEOUT", "90s");
    let service = scene.start().await?;
    let (order, ticket) = issued(&scene, &service, 1500).await?;
    let (file, record) = (format!("/orders/{order}/tickets.pdf"), format!("/orders/{order}"));
    let mut stalled = Vec::new();
    for path in [&file, &record] {
        for _ in 0..20 {
            stalled.push(connect(&service, &request(path)).await?);
        }
    }
    for stream in &mut stalled {
        let mut first = [0; 12];
        stream.read_exact(&mut first).await?;
        assert_eq!(&first, b"HTTP/1.1 200");
    }
    // Until all that can be sent is sent.
    tokio::time::sleep(Duration::from_secs(5)).await;
    let pdf = service.get(&file).await?.error_for_status()?.bytes().await?;
    assert!(pdf.starts_with(b"%PDF-") && pdf.trim_ascii_end().ends_with(b"%%EOF"));
    let json = service.get_json(&record).await?;
    assert_eq!(json["tickets"].as_array().map(Vec::len), Some(1500));
    let indexes: Vec<_> =
        json["tickets"].as_array().into_iter().flatten().map(|t| &t["ticketIndex"]).collect();
    assert_eq!(indexes, (1..=1500).map(Value::from).collect::<Vec<_>>().iter().collect::<Vec<_>>());
    service.get(&format!("/tickets/{ticket}.pdf")).await?.error_for_status()?;
    issued(&scene, &service, 1).await?;
    assert_eq!(timed_out(&service, "write").await?, 0, "nobody had to wait until they were gone");
    let mut gone = 0;
    let all = eventually(3 * PATIENCE, "the stalled readers are gone", async || {
        gone = timed_out(&service, "write").await?;
        Ok((gone == 40).then_some(()))
    })
    .await;
    all.with_context(|| format!("{gone} of 40 are gone"))?;
    scene.settled(&service).await
}

#[tokio::test]
async fn bodies_that_stop_and_idle_connections_end_and_streams_stay() -> Result<()> {
    let setup = Setup::new()?
        .env("FULFILLMENT_HTTP_BODY_TIMEOUT", "1s")
        .env("FULFILLMENT_HTTP_IDLE_TIMEOUT", "1s")
        .env("FULFILLMENT_HTTP_WRITE_TIMEOUT", "1s");
    let service = setup.start().await?;
    let mut stream = connect(&service, &request("/events")).await?;
    let head = format!(
        "POST /events/payment-succeeded HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {TOKEN}\r\n\
         Content-Type: application/json\r\nContent-Length: 1000\r\n\r\n{{"
    );
    let mut body = connect(&service, &head).await?;
    let mut idle = connect(&service, &request("/health/live")).await?;
    tokio::time::sleep(Duration::from_millis(500)).await;
    assert!(!is_closed(&mut idle, Duration::from_millis(1)).await);
    let mut said = Vec::new();
    tokio::time::timeout(PATIENCE, body.read_to_end(&mut said)).await??;
    let said = String::from_utf8_lossy(&said);
    assert!(said.starts_with("HTTP/1.1 408") && said.contains("body-timed-out"), "{said}");
    assert!(is_closed(&mut idle, PATIENCE).await);
    assert!(timed_out(&service, "idle").await? > 0);
    tokio::time::sleep(Duration::from_secs(2)).await;
    assert!(!is_closed(&mut stream, Duration::from_millis(1)).await, "a stream of events is not idle");
    Ok(())
}

#[tokio::test]
async fn each_address_and_each_token_has_its_rate() -> Result<()> {
    let setup = Setup::new()?
        .env("FULFILLMENT_HTTP_TRUSTED_PROXIES", "127.0.0.1")
        .env("FULFILLMENT_HTTP_ADDRESS_REQUESTS", "1")
        .env("FULFILLMENT_HTTP_TOKEN_REQUESTS", "2");
    let service = setup.start().await?;
    let asked = async |path: &str, address: &str, token: bool| -> Result<(u16, Option<u32>)> {
        let url = format!("{}{path}", service.base());
        let mut request = service.client().get(url).header("x-forwarded-for", address);
        if token {
            request = request.bearer_auth(TOKEN);
        }
        let answer = request.send().await?;
        let wait = answer.headers().get("retry-after").and_then(|wait| wait.to_str().ok()?.parse().ok());
        Ok((answer.status().as_u16(), wait))
    };
    let link = format!("/tickets/{}?s=x", rig::id());
    let mut last = (0, None);
    for _ in 0..20 {
        last = asked(&link, "198.51.100.1, 203.0.113.7", false).await?;
    }
    assert!(last.0 == 429 && last.1.is_some_and(|wait| wait > 0), "{last:?}");
    assert_eq!(asked(&link, "203.0.113.7", false).await?.0, 429, "whatever it says before");
    assert_eq!(asked(&link, "203.0.113.8", false).await?.0, 401);
    assert_eq!(asked("/health/live", "203.0.113.7", false).await?.0, 200);
    let mut last = asked("/metrics", "203.0.113.7", true).await?;
    assert_eq!(last.0, 200, "a token has a limit of its own");
    for _ in 0..40 {
        last = asked("/metrics", "203.0.113.9", true).await?;
    }
    assert!(last.0 == 429 && last.1.is_some_and(|wait| wait > 0), "{last:?}");
    Ok(())
}
