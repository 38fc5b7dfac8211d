//! Tests that the embedded store's files have nothing of an erased person, by their raw bytes.

use std::os::unix::fs::{FileExt as _, MetadataExt as _};
use std::path::PathBuf;

use anyhow::{Context, Result};
use fulfillment_tests::ordering::{Answer, seats};
use fulfillment_tests::payment::Payment;
use fulfillment_tests::record::Record;
use fulfillment_tests::rig;
use fulfillment_tests::scene::{PATIENCE, Scene};
use fulfillment_tests::service::Service;
use serde_json::{Value, json};
use sqlx::sqlite::{SqliteConnectOptions, SqliteConnection};
use sqlx::{AssertSqlSafe, ConnectOptions as _, Connection as _};
use uuid::Uuid;

const BUYER: &str = "emily.bronte@example.org";
const HOLDER: &str = "Ellis Bell";
/// What an earlier version deleted without overwriting it.
const FORMER: &str = "branwell.bronte@example.org";

/// How often these words are in the database file and the files beside it.
fn found(scene: &Scene) -> Result<Vec<String>> {
    let mut found = Vec::new();
    for suffix in ["", "-wal", "-shm", "-journal"] {
        let mut path = file(scene)?.into_os_string();
        path.push(suffix);
        let content = std::fs::read(&path).unwrap_or_default();
        for word in [BUYER, HOLDER, FORMER] {
            let times = content.windows(word.len()).filter(|w| *w == word.as_bytes()).count();
            if times > 0 {
                found.push(format!("{word} {times} times in the file{suffix}"));
            }
        }
    }
    Ok(found)
}

fn file(scene: &Scene) -> Result<PathBuf> {
    match &scene.record {
        Record::Sqlite(file) => Ok(file.clone()),
        Record::Postgres(_) => anyhow::bail!("not the embedded store"),
    }
}

async fn connection(scene: &Scene) -> Result<SqliteConnection> {
    Ok(SqliteConnectOptions::new().filename(file(scene)?).connect().await?)
}

async fn execute(db: &mut SqliteConnection, sql: &str) -> Result<()> {
    sqlx::query(AssertSqlSafe(sql.to_owned())).execute(db).await?;
    Ok(())
}

async fn run(scene: &Scene, arguments: &[&str]) -> Result<(Option<i32>, Value, String)> {
    let mut all = vec!["--json"];
    all.extend(arguments);
    let output = scene.setup.run(&all).await?;
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    Ok((output.status.code(), serde_json::from_slice(&output.stdout).unwrap_or_default(), said))
}

async fn issued(scene: &Scene, service: &Service, email: &str, holder: &str) -> Result<Uuid> {
    let order = rig::id();
    let mut value = seats(order, 1);
    value["customerEmail"] = json!(email);
    value["items"][0]["holderName"] = json!(holder);
    scene.ordering.answer(order, [Answer::Json(value)]);
    service.pay(Payment::of(order).json()).await?;
    service.order_in(order, "issued").await?;
    Ok(order)
}

fn wants_vacuum(done: &Value) -> Result<bool> {
    let reached = done["notReached"].as_array().context("what is not reached")?;
    Ok(reached.iter().any(|what| what.as_str().is_some_and(|what| what.contains("store vacuum"))))
}

/// While another connection reads an old page, the write-ahead log keeps it: no receipt says otherwise.
#[tokio::test]
async fn no_receipt_before_the_files_are_cleared() -> Result<()> {
    let scene = Scene::embedded().await?;
    let mut service = scene.start().await?;
    for n in 0..20 {
        issued(&scene, &service, &format!("reader{n}@example.org"), "Currer Bell").await?;
    }
    let order = issued(&scene, &service, BUYER, HOLDER).await?;
    scene.settled(&service).await?;
    assert!(!found(&scene)?.is_empty(), "what is looked for can be found");

    let mut reader = connection(&scene).await?;
    execute(&mut reader, "BEGIN").await?;
    execute(&mut reader, "SELECT count(*) FROM tickets").await?;
    let receipt = scene.setup.data().join("receipt.jws");
    let path = receipt.display().to_string();
    let erase = ["erase", "--yes", "--email", BUYER, "--receipt", &path];
    let (code, _, said) = run(&scene, &erase).await?;
    assert_eq!(code, Some(3), "{said}");
    assert!(said.contains("run the command again"), "{said}");
    assert!(!receipt.exists(), "no receipt");
    assert!(!found(&scene)?.is_empty(), "the reader can still see it");
    let still = issued(&scene, &service, "served@example.org", "Acton Bell").await?;
    execute(&mut reader, "ROLLBACK").await?;
    reader.close().await?;

    // The address is in no table any more; the repeat knows what the first attempt began.
    let (code, done, said) = run(&scene, &erase).await?;
    assert_eq!(code, Some(0), "{said}");
    assert_eq!(done["orders"][0]["orderId"], json!(order), "{done}");
    assert!(receipt.exists());
    assert!(!wants_vacuum(&done)?, "every version that wrote here overwrote it: {done}");
    assert_eq!(found(&scene)?, [""; 0]);
    assert_eq!(run(&scene, &erase).await?.0, Some(1), "it is finished");
    let record = service.order_in(still, "issued").await?;
    assert_eq!(record["tickets"][0]["holderName"], "Acton Bell", "its neighbours stand");
    scene.settled(&service).await?;
    assert!(service.stop(PATIENCE).await?.success());
    Ok(())
}

/// Pages that an earlier version freed without overwriting them are named until a vacuum has run.
#[tokio::test]
async fn a_vacuum_removes_what_earlier_versions_left() -> Result<()> {
    let scene = Scene::embedded().await?;
    let mut service = scene.start().await?;
    let order = issued(&scene, &service, BUYER, HOLDER).await?;
    scene.settled(&service).await?;
    assert!(service.stop(PATIENCE).await?.success());
    let mut earlier = connection(&scene).await?;
    for sql in [
        "PRAGMA secure_delete = off",
        "UPDATE store_file SET overwritten = 0",
        "CREATE TABLE former (content TEXT)",
        &format!(
            "INSERT INTO former WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n LIMIT 100) \
             SELECT '{FORMER}' || printf('%.9000c', 'x') FROM n"
        ),
        "DROP TABLE former",
    ] {
        execute(&mut earlier, sql).await?;
    }
    earlier.close().await?;

    let mut service = scene.start().await?;
    let id = order.to_string();
    let (code, done, said) = run(&scene, &["erase", "--yes", "--order", &id]).await?;
    assert_eq!((code, wants_vacuum(&done)?), (Some(0), true), "{said}");
    let former = |found: Vec<String>| found.iter().all(|what| what.starts_with(FORMER)) && !found.is_empty();
    assert!(former(found(&scene)?), "{:?}", found(&scene)?);
    let (code, _, said) = run(&scene, &["store", "vacuum"]).await?;
    assert_eq!(code, Some(2), "the service runs: {said}");
    assert!(service.stop(PATIENCE).await?.success());

    let (code, done, said) = run(&scene, &["store", "vacuum"]).await?;
    assert_eq!(code, Some(0), "{said}");
    assert!(done["now"].as_u64() < done["before"].as_u64(), "{done}");
    assert_eq!(found(&scene)?, [""; 0]);
    let (code, done, said) = run(&scene, &["erase", "--yes", "--order", &id]).await?;
    assert_eq!((code, wants_vacuum(&done)?), (Some(0), false), "{said}");
    let mut service = scene.start().await?;
    service.order_in(order, "issued").await?;
    assert!(service.stop(PATIENCE).await?.success());
    Ok(())
}

/// A vacuum writes the file twice. Where the disk has no room for that, it says so before it writes anything.
#[tokio::test]
async fn a_vacuum_without_room_writes_nothing() -> Result<()> {
    let scene = Scene::embedded().await?;
    let mut service = scene.start().await?;
    let order = issued(&scene, &service, BUYER, HOLDER).await?;
    scene.settled(&service).await?;
    assert!(service.stop(PATIENCE).await?.success());
    let path = file(&scene)?;
    let before = std::fs::read(&path)?;
    // Its header has the size of a page at 16, and how many pages there are at 28; it cannot have more than there are.
    let page = u64::from(u16::from_be_bytes([before[16], before[17]]));
    let disk = rustix::fs::statvfs(&path)?;
    let pages = u32::try_from(disk.f_blocks * disk.f_frsize / page).unwrap_or(u32::MAX - 1);
    // As large as the disk, and sparse.
    let large = std::fs::OpenOptions::new().write(true).open(&path)?;
    large.set_len(u64::from(pages) * page)?;
    large.write_all_at(&pages.to_be_bytes(), 28)?;
    let (code, _, said) = run(&scene, &["store", "vacuum"]).await?;
    assert_eq!(code, Some(1), "{said}");
    assert!(said.contains("bytes of free disk beside"), "{said}");
    assert!(
        std::fs::metadata(&path)?.blocks() * 512 < 2 * before.len() as u64 + 1_000_000,
        "it is sparse as before"
    );
    large.write_all_at(&before[28..32], 28)?;
    large.set_len(before.len() as u64)?;
    drop(large);
    assert!(std::fs::read(&path)? == before, "nothing was written");

    let (code, done, said) = run(&scene, &["store", "vacuum"]).await?;
    assert_eq!(code, Some(0), "with room: {said}");
    assert!(done["now"].is_number(), "{done}");
    let mut service = scene.start().await?;
    service.order_in(order, "issued").await?;
    assert!(service.stop(PATIENCE).await?.success());
    Ok(())
}
