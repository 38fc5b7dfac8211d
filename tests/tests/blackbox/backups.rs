//! Backups of the embedded default, made while the service works, and restored into an empty place.

use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use anyhow::{Context, Result};
use fulfillment_tests::ordering::{Answer, seats};
use fulfillment_tests::payment::Payment;
use fulfillment_tests::postgres::Database;
use fulfillment_tests::record::Record;
use fulfillment_tests::rig;
use fulfillment_tests::scene::{PATIENCE, Scene};
use fulfillment_tests::service::Setup;
use serde_json::Value;

/// The exit code, the JSON on standard output, and standard error.
async fn run(setup: &Setup, arguments: &[&str]) -> Result<(Option<i32>, Value, String)> {
    let done = setup.run(&[arguments, &["--json"]].concat()).await?;
    let said = String::from_utf8_lossy(&done.stderr).into_owned();
    Ok((done.status.code(), serde_json::from_slice(&done.stdout).unwrap_or_default(), said))
}

fn text(path: &Path) -> Result<&str> {
    path.to_str().context("a path")
}

#[tokio::test]
async fn a_backup_of_a_working_service_restores_every_ticket_of_it() -> Result<()> {
    let scene = Scene::embedded().await?;
    let mut service = scene.start().await?;
    scene.ordering.answer_others(|order| Answer::Json(seats(order, 2)));
    let pay = async |count: usize| -> Result<()> {
        for _ in 0..count {
            service.pay(Payment::of(rig::id()).json()).await?;
        }
        Ok(())
    };
    pay(20).await?;
    service.order_in(scene_order(&scene, &service).await?, "issued").await?;

    // The backup is made while payments arrive and tickets are drawn.
    let place = tempfile::tempdir()?;
    let dir = place.path().join("backup");
    let backup = ["backup", text(&dir)?];
    let (made, paid) = tokio::join!(run(&scene.setup, &backup), pay(40));
    paid?;
    let (code, made, said) = made?;
    assert_eq!(code, Some(0), "{said}");
    let again = run(&scene.setup, &backup).await?;
    assert!(again.0 == Some(1) && again.2.contains("nothing is overwritten"), "{}", again.2);
    assert_eq!(std::fs::metadata(&dir)?.permissions().mode() & 0o777, 0o700);
    let mut files = vec![dir.join("store.db"), dir.join("manifest.json"), dir.join("tickets.sha256")];
    for folder in ["keys", "tickets"] {
        for file in std::fs::read_dir(dir.join(folder))? {
            files.push(file?.path());
        }
    }
    for file in &files {
        assert_eq!(std::fs::metadata(file)?.permissions().mode() & 0o777, 0o600, "{}", file.display());
    }
    scene.settled(&service).await?;
    assert!(service.stop(PATIENCE).await?.success());

    // What is half, damaged or in the way is refused, and nothing is written.
    let empty = place.path().join("restored");
    let there = scene.setup.clone().env("FULFILLMENT_DATA_DIR", text(&empty)?);
    let restore = ["restore", text(&dir)?];
    let occupied = run(&scene.setup, &restore).await?;
    assert!(occupied.0 == Some(1) && occupied.2.contains("move it away"), "{}", occupied.2);
    let (manifest, aside) = (dir.join("manifest.json"), place.path().join("aside"));
    std::fs::rename(&manifest, &aside)?;
    let half = run(&there, &restore).await?;
    assert!(half.0 == Some(2) && half.2.contains("half of one"), "{}", half.2);
    std::fs::rename(&aside, &manifest)?;
    let damaged = files.iter().find(|file| file.extension().is_some_and(|e| e == "pdf")).context("a file")?;
    let whole = std::fs::read(damaged)?;
    std::fs::write(damaged, b"%PDF")?;
    let refused = run(&there, &restore).await?;
    assert!(refused.0 == Some(2) && refused.2.contains("hash differs"), "{}", refused.2);
    std::fs::write(damaged, whole)?;
    assert!(!empty.exists(), "nothing was written");

    let (code, restored, said) = run(&there, &restore).await?;
    assert_eq!(code, Some(0), "{said}");
    assert!(restored["epoch"].as_u64() > made["epoch"].as_u64(), "{restored} {made}");
    let mut service = there.start().await?;
    // Every ticket of the backup is served with the bytes that it had then, and its code is valid.
    let copy = Record::Sqlite(dir.join("store.db"));
    let issued = "FROM tickets WHERE status IN ('Generated', 'Delivered') ORDER BY id";
    let ids = copy.texts(&format!("SELECT id {issued}")).await?;
    assert!(ids.len() >= 2, "{}", ids.len());
    assert_eq!(restored["tickets"], made["counts"]["tickets"]);
    for id in &ids {
        let served = service.get(&format!("/tickets/{id}.pdf")).await?.error_for_status()?.bytes().await?;
        assert_eq!(served, std::fs::read(dir.join("tickets").join(format!("{id}.pdf")))?, "{id}");
    }
    let codes = copy.texts(&format!("SELECT qr_code_data {issued}")).await?;
    for code in codes.iter().take(3) {
        let (code, verdict, said) = run(&there, &["verify", code]).await?;
        assert_eq!((code, &verdict["verdict"]), (Some(0), &"valid".into()), "{said}");
    }
    // A reader's position of before the restore is of another course of events.
    let old = service.get("/events?after=1").await?;
    assert_eq!(
        (old.status().as_u16(), old.json::<Value>().await?["type"].clone()),
        (410, "urn:fulfillment:problem:another-epoch".into())
    );
    let audited = run(&there, &["audit", "list", "--action", "store"]).await?.1.to_string();
    assert!(audited.contains("store.restore") && audited.contains("store.epoch"), "{audited}");
    assert!(service.stop(PATIENCE).await?.success());
    Ok(())
}

/// An order that was paid first.
async fn scene_order(scene: &Scene, service: &fulfillment_tests::service::Service) -> Result<uuid::Uuid> {
    let order = rig::id();
    scene.ordering.answer(order, [Answer::Json(seats(order, 2))]);
    service.pay(Payment::of(order).json()).await?;
    Ok(order)
}

#[tokio::test]
async fn what_is_not_embedded_is_refused_with_what_to_do_instead() -> Result<()> {
    let scene = Scene::embedded().await?;
    let bucket = scene.setup.clone().env("FULFILLMENT_FILES_URL", "s3://bucket/tickets");
    let base = scene.setup.clone().env("FULFILLMENT_STORE_URL", "postgres://me@127.0.0.1:1/none");
    for setup in [&bucket, &base] {
        for command in ["backup", "restore"] {
            let (code, _, said) = run(setup, &[command, "somewhere"]).await?;
            assert!(code == Some(2) && said.contains("docs/operations.md"), "{command}: {code:?} {said}");
        }
    }
    Ok(())
}

/// Runs a client of PostgreSQL, which the rig installs.
async fn client(program: &str, arguments: &[&str]) -> Result<()> {
    let done = tokio::process::Command::new(program).args(arguments).kill_on_drop(true).output();
    let done = done.await.with_context(|| format!("{program} does not start"))?;
    anyhow::ensure!(done.status.success(), "{program}: {}", String::from_utf8_lossy(&done.stderr));
    Ok(())
}

#[tokio::test]
async fn the_documented_procedure_restores_a_dump_of_postgresql() -> Result<()> {
    let scene = Scene::embedded().await?.with_postgres().await?;
    let mut service = scene.start().await?;
    scene.ordering.answer_others(|order| Answer::Json(seats(order, 2)));
    let order = scene_order(&scene, &service).await?;
    let record = service.order_in(order, "issued").await?;
    for _ in 0..10 {
        service.pay(Payment::of(rig::id()).json()).await?;
    }
    // While it works: the store, then the keys, then the files.
    let place = tempfile::tempdir()?;
    let dump = place.path().join("store.dump");
    let to = format!("--file={}", dump.display());
    client("pg_dump", &["--format=custom", "--schema=bc_fulfillment", &to, scene.database()?.url()]).await?;
    for folder in ["keys", "tickets"] {
        let from = scene.setup.data().join(folder);
        client("cp", &["-a", text(&from)?, text(&place.path().join(folder))?]).await?;
    }
    scene.settled(&service).await?;
    assert!(service.stop(PATIENCE).await?.success());

    let database = Database::create().await?;
    let into = format!("--dbname={}", database.url());
    client("pg_restore", &["--exit-on-error", "--no-owner", &into, text(&dump)?]).await?;
    let there = scene.setup.clone().env("FULFILLMENT_DATA_DIR", text(place.path())?);
    let there = there.env("FULFILLMENT_STORE_URL", database.url());
    let (code, epoch, said) = run(&there, &["store", "new-epoch", "--yes"]).await?;
    assert!(code == Some(0) && epoch["epoch"].as_u64() > epoch["before"].as_u64(), "{epoch} {said}");
    let mut service = there.start().await?;
    for ticket in record["tickets"].as_array().context("tickets")? {
        let (id, code) =
            (ticket["id"].as_str().context("an id")?, ticket["qrCodeData"].as_str().context("a code")?);
        let served = service.get(&format!("/tickets/{id}.pdf")).await?.error_for_status()?.bytes().await?;
        assert_eq!(served, std::fs::read(place.path().join("tickets").join(format!("{id}.pdf")))?, "{id}");
        let (code, verdict, said) = run(&there, &["verify", code]).await?;
        assert_eq!((code, &verdict["verdict"]), (Some(0), &"valid".into()), "{said}");
    }
    assert_eq!(service.get("/events?after=1").await?.status(), 410, "of another epoch");
    assert!(service.stop(PATIENCE).await?.success());
    Ok(())
}
