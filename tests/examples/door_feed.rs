//! What the feed of a large event weighs and takes over HTTP: 200,000 tickets in the embedded store, of which 2 % are void.
//!
//! ```sh
//! cargo build --locked --release && cargo run --locked --release -p fulfillment-tests --example door_feed
//! ```
//!
//! Each document is asked for seven times over a socket of this machine; the time is the median from the request to the
//! last byte. Fails when a limit of docs/door-feed.md is exceeded.

use std::io::Read as _;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use flate2::read::GzDecoder;
use fulfillment_credential::KeySet;
use fulfillment_door::feed::{Document, Received, read};
use fulfillment_tests::ordering::{Answer, seats};
use fulfillment_tests::payment::Payment;
use fulfillment_tests::rig;
use fulfillment_tests::scene::Scene;
use fulfillment_tests::service::Service;
use serde_json::{Value, json};
use sqlx::sqlite::{SqliteConnectOptions, SqliteConnection};
use sqlx::{AssertSqlSafe, ConnectOptions as _};

const EVENT: &str = "gala";
const TICKETS: u32 = 200_000;
/// One ticket of so many is void.
const VOID: u32 = 50;
const TIMES: usize = 7;
/// The limits of the specification, in bytes.
const SNAPSHOT: usize = 100_000;
const DELTA: usize = 300;

/// What the copies of a ticket do not have in common.
const OWN: [(&str, &str); 7] = [
    (
        "id",
        "lower(printf('%s-%s-8%s-8%s-%s', hex(randomblob(4)), hex(randomblob(2)), substr(hex(randomblob(2)), 2), \
            substr(hex(randomblob(2)), 2), hex(randomblob(6))))",
    ),
    ("order_id", "printf('00000000-0000-8000-8000-%012x', i / 4)"),
    ("ticket_number", "printf('%010d', i)"),
    ("cti", "randomblob(10)"),
    ("unit", "i"),
    ("seat", "printf('Block %c, row %d, seat %d', 65 + i % 20, i / 40 % 60 + 1, i % 40 + 1)"),
    (
        "holder_name",
        "printf('%s %s', substr(hex(randomblob(8)), 1, 4 + i % 5), substr(hex(randomblob(9)), 1, 5 + i % 9))",
    ),
];

/// Sells one ticket; answers with its record.
async fn sold(scene: &Scene, service: &Service) -> Result<Value> {
    let order = rig::id();
    let mut answer = seats(order, 1);
    answer["eventId"] = EVENT.into();
    scene.ordering.answer(order, [Answer::Json(answer)]);
    service.pay(Payment::of(order).json()).await?;
    Ok(service.order_in(order, "issued").await?["tickets"][0].clone())
}

/// Makes one ticket many, in the file of a service that is stopped.
async fn multiply(db: &mut SqliteConnection) -> Result<()> {
    let columns: Vec<String> =
        sqlx::query_scalar("SELECT name FROM pragma_table_info('tickets')").fetch_all(&mut *db).await?;
    let voided = format!("CASE WHEN i % {VOID} = 0 THEN t.issued_at END");
    let values = columns.iter().map(|column| {
        let own = OWN.iter().find(|(name, _)| name == column);
        own.map_or_else(
            || if column == "voided_at" { voided.clone() } else { format!("t.{column}") },
            |(_, sql)| (*sql).to_owned(),
        )
    });
    let values: Vec<_> = values.collect();
    let more = TICKETS - 1;
    for sql in [
        format!(
            "INSERT INTO tickets ({}) WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n LIMIT {more}) \
             SELECT {} FROM n, (SELECT * FROM tickets LIMIT 1) AS t",
            columns.join(", "),
            values.join(", ")
        ),
        "INSERT INTO door_deviations (event_number, cti, lowest_good, voided, version) \
         SELECT event_number, cti, 0, 1, 1 FROM tickets WHERE voided_at IS NOT NULL"
            .to_owned(),
        "UPDATE events SET feed_version = feed_version + 1".to_owned(),
        "ANALYZE".to_owned(),
    ] {
        sqlx::query(AssertSqlSafe(sql)).execute(&mut *db).await?;
    }
    Ok(())
}

/// A document as a client is sent it.
struct Fetched {
    document: Vec<u8>,
    sent: usize,
    median: Duration,
}

async fn fetch(service: &Service, token: &str, path: &str, encoding: &str) -> Result<Fetched> {
    let (mut times, mut last) = (Vec::new(), None);
    for _ in 0..TIMES {
        let request = service.client().get(format!("{}/events/{EVENT}/door{path}", service.base()));
        let begun = Instant::now();
        let answer = request.bearer_auth(token).header("accept-encoding", encoding).send().await?;
        let (status, packed) = (answer.status(), answer.headers().contains_key("content-encoding"));
        let body = answer.bytes().await?;
        times.push(begun.elapsed());
        ensure!(status == 200, "{path}: {status} {}", String::from_utf8_lossy(&body));
        last = Some((body, packed));
    }
    times.sort_unstable();
    let (body, packed) = last.context("a document")?;
    let (sent, mut document) = (body.len(), Vec::new());
    if packed {
        GzDecoder::new(body.as_ref()).read_to_end(&mut document)?;
    } else {
        document.extend_from_slice(&body);
    }
    Ok(Fetched { document, sent, median: times[TIMES / 2] })
}

/// Fetches a document in both encodings, prints what it is, and answers with it and its bytes.
async fn measure(
    service: &Service,
    token: &str,
    keys: &KeySet,
    what: &str,
    path: &str,
) -> Result<(Received, usize)> {
    let plain = fetch(service, token, path, "identity").await?;
    let packed = fetch(service, token, path, "gzip").await?;
    ensure!(plain.document == packed.document || what == "names", "one document in two encodings");
    let ms = |fetched: &Fetched| fetched.median.as_secs_f64() * 1_000.0;
    println!(
        "{what:<20} {:>10} bytes {:>8.1} ms   gzip {:>10} bytes {:>8.1} ms",
        plain.sent,
        ms(&plain),
        packed.sent,
        ms(&packed)
    );
    Ok((read(&plain.document, keys)?, plain.sent))
}

/// Enrols a device; answers with its token and the id of the key of ticket numbers.
async fn enrolled(scene: &Scene, service: &Service) -> Result<(String, String)> {
    let new = ["--json", "door", "device", "new", "--event", EVENT, "--role", "supervisor"];
    let made: Value = serde_json::from_slice(&scene.setup.run(&new).await?.stdout)?;
    let code = made["url"].as_str().and_then(|url| url.split_once('#')).context("a code")?.1;
    let body = json!({ "code": code, "secret": "s".repeat(32) }).to_string();
    let answer: Value = service.post("/door/enrol", body).await?.error_for_status()?.json().await?;
    let text = |field: &str| answer[field].as_str().map(str::to_owned).context("a field");
    Ok((text("token")?, text("numberKeyId")?))
}

#[tokio::main]
async fn main() -> Result<()> {
    let scene = Scene::embedded().await?.set("FULFILLMENT_HTTP_PUBLIC_URL", "https://tickets.example");
    scene.leaves("copies of a ticket have neither orders nor events");
    let mut service = scene.start().await?;
    let ticket = sold(&scene, &service).await?;
    service.stop(Duration::from_secs(20)).await?;
    let file = scene.setup.data().join("fulfillment.db");
    let mut db = SqliteConnectOptions::new().filename(&file).foreign_keys(false).connect().await?;
    multiply(&mut db).await?;
    drop(db);
    let mut service = scene.start().await?;
    let keys = KeySet::from_jwks(&service.get_json("/.well-known/ticket-keys.json").await?)?;
    let (token, key) = enrolled(&scene, &service).await?;
    let (token, keys) = (token.as_str(), &keys);
    let (first, snapshot) = measure(&service, token, keys, "snapshot", "").await?;
    let Document::Snapshot(held) = first.document else { anyhow::bail!("no snapshot") };
    ensure!(held.deviations.len() == (TICKETS / VOID) as usize - 1, "{} are void", held.deviations.len());
    let since = format!("?since={}-{}", held.origin.epoch, held.origin.version);
    measure(&service, token, keys, "delta of nothing", &since).await?;
    let void = format!("/tickets/{}/void", ticket["id"].as_str().context("an id")?);
    service.post(&void, json!({ "reason": "lost" }).to_string()).await?.error_for_status()?;
    let (delta, one_void) = measure(&service, token, keys, "delta of one void", &since).await?;
    let Document::Delta(delta) = delta.document else { anyhow::bail!("no delta") };
    ensure!(delta.deviations.len() == 1 && delta.head.is_none(), "one void alone");
    measure(&service, token, keys, "numbers", &format!("/numbers?key={key}")).await?;
    measure(&service, token, keys, "names", "/names").await?;
    ensure!(snapshot < SNAPSHOT && one_void < DELTA, "{snapshot} and {one_void} bytes are too many");
    service.stop(Duration::from_secs(20)).await?;
    Ok(())
}
