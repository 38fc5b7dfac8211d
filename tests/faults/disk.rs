//! Fault tests of storage: disks that are full or read-only, and failing object stores. Small file systems in memory
//! simulate disks: mounting them requires root, as in CI.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use fulfillment_tests::checker::check_issued;
use fulfillment_tests::ledger::Ledger;
use fulfillment_tests::proxy::Proxy;
use fulfillment_tests::rig;
use fulfillment_tests::scene::{PATIENCE, Scene};
use fulfillment_tests::service::{Service, TOKEN};
use fulfillment_tests::wait::eventually;
use serde_json::{Value, json};

use super::{Store, stage};

/// A separate file system, unmounted when dropped.
struct Disk(PathBuf);

impl Disk {
    fn mount(at: PathBuf, size: &str) -> Result<Self> {
        std::fs::create_dir_all(&at)?;
        run("mount", &["-t", "tmpfs", "-o", &format!("size={size}"), "tmpfs"], &at)?;
        Ok(Self(at))
    }

    /// Fills the file system.
    fn fill(&self) -> Result<()> {
        let full = std::fs::write(self.0.join("ballast"), vec![1; 64 << 20]);
        ensure!(full.is_err(), "there is room for everything");
        Ok(())
    }

    fn make_room(&self) -> Result<()> {
        Ok(std::fs::remove_file(self.0.join("ballast"))?)
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        let _ = run("umount", &["--lazy"], &self.0);
    }
}

fn run(tool: &str, arguments: &[&str], at: &Path) -> Result<()> {
    let output = Command::new(tool).args(arguments).arg(at).output().with_context(|| tool.to_owned())?;
    let said = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.success(), "{tool} {}: {said} (these tests take root, as in CI)", at.display());
    Ok(())
}

/// Checks that an order whose files cannot be stored reports it where operators look.
async fn told(service: &Service, ledger: &Ledger, why: &str) -> Result<()> {
    let order = ledger.paid().last().context("an order")?.order;
    service
        .order_when(order, why, |record| record["reason"].as_str().is_some_and(|reason| reason.contains(why)))
        .await
        .map(drop)
}

#[tokio::test]
async fn full_for_files() -> Result<()> {
    let (scene, mut ledger) = stage(Store::Postgres).await?;
    // Few attempts: then the tickets are Failed, and are retried in the background.
    let scene = scene
        .set("FULFILLMENT_PIPELINE_MAX_ATTEMPTS", "2")
        .set("FULFILLMENT_PIPELINE_PARKED_RETRY_EVERY", "500ms");
    let disk = Disk::mount(scene.tickets_folder(), "1m")?;
    let service = scene.start().await?;
    ledger.pay(&scene, 2).await?;
    service.order_in(ledger.paid()[0].order, "issued").await?;
    disk.fill()?;
    for _ in 0..3 {
        ledger.pay(&scene, 4).await?;
    }
    told(&service, &ledger, "make room").await?;
    let last = ledger.paid().last().context("an order")?.order;
    let record = service.order_in(last, "parked").await?;
    assert_eq!(record["tickets"][0]["status"], "Failed");
    disk.make_room()?;
    check_issued(&scene, &service, &ledger).await
}

/// Root may write everywhere except to an immutable folder.
#[tokio::test]
async fn closed_for_files() -> Result<()> {
    let (scene, mut ledger) = stage(Store::Sqlite).await?;
    let service = scene.start().await?;
    let inner = scene.tickets_folder().join(".tmp");
    run("chattr", &["+i"], &inner)?;
    ledger.pay(&scene, 2).await?;
    let told = told(&service, &ledger, "let the service's user write there").await;
    run("chattr", &["-i"], &inner)?;
    told?;
    check_issued(&scene, &service, &ledger).await
}

/// A client repeats its request under one key, and the process dies in between.
#[tokio::test]
async fn closed_for_the_page_of_a_reissue() -> Result<()> {
    let (scene, mut ledger) = stage(Store::Sqlite).await?;
    let mut service = scene.start().await?;
    ledger.pay(&scene, 1).await?;
    let record = service.order_in(ledger.paid()[0].order, "issued").await?;
    let id = record["tickets"][0]["id"].as_str().context("an id")?.to_owned();
    let again = async |service: &Service, key: &str| -> Result<(u16, Value)> {
        let request = service.client().post(format!("{}/tickets/{id}/reissue", service.base()));
        let request = request.bearer_auth(TOKEN).header("idempotency-key", key);
        let answer = request.json(&json!({ "holderName": "Grace Hopper" })).send().await?;
        Ok((answer.status().as_u16(), answer.json().await?))
    };
    let inner = scene.tickets_folder().join(".tmp");
    run("chattr", &["+i"], &inner)?;
    let mut tries = Vec::new();
    for _ in 0..10 {
        tries.push(again(&service, "desk-1").await);
    }
    service.kill()?;
    run("chattr", &["-i"], &inner)?;
    let service = scene.start().await?;
    for tried in tries {
        let (status, problem) = tried?;
        ensure!(status == 503, "{status}: {problem}");
    }
    let (status, told) = again(&service, "desk-1").await?;
    ensure!((status, &told["generation"]) == (200, &json!(1)), "{status}: {told}");
    let (status, told) = again(&service, "desk-2").await?;
    ensure!((status, &told["generation"]) == (200, &json!(2)), "no number was lost: {status}: {told}");
    scene.settled(&service).await
}

#[tokio::test]
async fn full_for_the_embedded_store() -> Result<()> {
    let (scene, mut ledger) = stage(Store::Sqlite).await?;
    let folder = scene.setup.data().join("record");
    let disk = Disk::mount(folder.clone(), "8m")?;
    let file = folder.join("fulfillment.db");
    let mut scene = scene.set("FULFILLMENT_STORE_URL", format!("sqlite://{}", file.display()));
    scene.set_record(fulfillment_tests::record::Record::Sqlite(file));
    let service = scene.start().await?;
    ledger.pay(&scene, 1).await?;
    service.order_in(ledger.paid()[0].order, "issued").await?;
    disk.fill()?;
    for _ in 0..10 {
        ledger.pay(&scene, 3).await?;
    }
    eventually(PATIENCE, "the log says what is wrong", async || {
        Ok(service.log().contains("disk is full").then_some(()))
    })
    .await?;
    let store = async |status: &str| {
        eventually(PATIENCE, &format!("the store is {status}"), async || {
            let health: Value = service.get("/health/ready").await?.json().await?;
            Ok((health["parts"]["store"]["status"] == status).then_some(health["parts"]["store"].clone()))
        })
        .await
    };
    let told = store("down").await?;
    ensure!(told["reason"].as_str().is_some_and(|why| why.contains("takes no writes")), "{told}");
    disk.make_room()?;
    store("ok").await?;
    check_issued(&scene, &service, &ledger).await
}

/// The only key has leaked, and the next one cannot be written.
#[tokio::test]
async fn full_for_the_key_that_replaces_a_leaked_one() -> Result<()> {
    let scene = Scene::embedded().await?;
    let disk = Disk::mount(scene.setup.data().join("keys"), "64k")?;
    let service = scene.start().await?;
    let keys = async || -> Result<Value> {
        let listed = scene.setup.run(&["keys", "list", "--json"]).await?;
        Ok(serde_json::from_slice(&listed.stdout)?)
    };
    let before = keys().await?;
    let kid = before[0]["kid"].as_str().context("a kid")?.to_owned();
    let revoke = ["keys", "revoke", &kid, "--yes", "--reason", "leaked", "--json"];
    disk.fill()?;
    let refused = scene.setup.run(&revoke).await?;
    let said = String::from_utf8_lossy(&refused.stderr);
    ensure!(refused.status.code() == Some(2), "{refused:?}");
    for word in ["is not revoked yet", "make room", "No space left", "keys"] {
        ensure!(said.contains(word), "{word} is missing: {said}");
    }
    ensure!(keys().await? == before, "nothing was changed: {before}");
    disk.make_room()?;
    let revoked = scene.setup.run(&revoke).await?;
    ensure!(revoked.status.success(), "{revoked:?}");
    let revoked: Value = serde_json::from_slice(&revoked.stdout)?;
    ensure!(revoked["signsIsNew"] == true && revoked["kid"] == *kid, "{revoked}");
    scene.settled(&service).await
}

/// The store answers 500, and then very slowly.
#[tokio::test]
async fn an_object_store_fails_and_is_slow() -> Result<()> {
    let (mut scene, mut ledger) = stage(Store::Postgres).await?;
    let mut files = rig::s3()?;
    let endpoint =
        files.env.iter_mut().find(|(name, _)| name == "AWS_ENDPOINT_URL").context("an endpoint")?;
    let (proxy, url) = Proxy::in_front_of(&endpoint.1).await?;
    endpoint.1 = url;
    scene.setup = scene.setup.clone().files(&files);
    let service = scene.start().await?;
    proxy.fail();
    for _ in 0..3 {
        ledger.pay(&scene, 2).await?;
    }
    told(&service, &ledger, "s3://").await?;
    proxy.slow_down(Duration::from_millis(300));
    for paid in ledger.paid() {
        service.order_in(paid.order, "issued").await?;
    }
    proxy.mend();
    scene.settled(&service).await
}

/// A power cut cannot be simulated, but the process's system calls and their order can be traced: each file is synced
/// (by itself, or all of them together) before it is renamed, and then the folder that has the name.
#[tokio::test]
async fn files_are_on_the_disk_before_they_have_names() -> Result<()> {
    let (scene, mut ledger) = stage(Store::Sqlite).await?;
    let service = scene.start().await?;
    let trace = scene.setup.data().join("trace");
    let mut strace = Command::new("strace")
        .args(["-f", "-y", "-s", "300", "-e", "trace=fsync,fdatasync,syncfs,rename,renameat,renameat2", "-o"])
        .arg(&trace)
        .args(["-p", &service.pid().to_string()])
        .stderr(std::process::Stdio::null())
        .spawn()
        .context("strace; install it: apt-get install strace")?;
    eventually(PATIENCE, "the tracer is there", async || {
        let status = std::fs::read_to_string(format!("/proc/{}/status", service.pid()))?;
        Ok((!status.contains("TracerPid:\t0")).then_some(()))
    })
    .await?;
    for seats in [1, 2, 12] {
        let order = ledger.pay(&scene, seats).await?;
        service.order_in(order, "issued").await?;
    }
    check_issued(&scene, &service, &ledger).await?;
    rustix::process::kill_process(rustix::process::Pid::from_child(&strace), rustix::process::Signal::INT)?;
    strace.wait()?;
    let calls = std::fs::read_to_string(&trace)?;
    let renamed = synced_before_renamed(&calls, &scene.tickets_folder())?;
    assert_eq!(renamed, 15, "every ticket's file was seen to get its name:\n{calls}");
    Ok(())
}

/// Checks the calls in order; returns how many ticket files were renamed.
fn synced_before_renamed(calls: &str, folder: &Path) -> Result<usize> {
    let folder = folder.display().to_string();
    let (mut synced, mut all_synced, mut renamed, mut unnamed) = (Vec::new(), false, 0, 0);
    for call in calls.lines() {
        let path = || call.split(['<', '>']).nth(1).unwrap_or_default().to_owned();
        if call.contains("syncfs(") {
            all_synced = true;
        } else if call.contains("fsync(") || call.contains("fdatasync(") {
            if path() == folder {
                // The names are on the disk; a later group has to sync again.
                (unnamed, all_synced) = (0, false);
            }
            synced.push(path());
        } else if call.contains("rename") && call.contains(".pdf") {
            let from = call.split('"').nth(1).unwrap_or_default();
            let from_the_root = std::path::absolute(from)?.display().to_string();
            ensure!(
                all_synced || synced.contains(&from_the_root),
                "renamed before it was synced: {call}\n{calls}"
            );
            (renamed, unnamed) = (renamed + 1, unnamed + 1);
        }
    }
    ensure!(unnamed == 0, "the folder was not synced after the last rename:\n{calls}");
    Ok(renamed)
}
