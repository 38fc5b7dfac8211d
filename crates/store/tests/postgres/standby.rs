//! A failover: a real standby is promoted, and a primary is demoted.

use std::net::TcpListener;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use fulfillment_store::conformance::fixtures::{ingest, payment};
use fulfillment_store::postgres::PgStore;
use fulfillment_store::{Installation as _, RefundRules, Settings};
use sqlx::{Connection as _, PgConnection};
use tempfile::TempDir;

/// A primary and its standby.
struct Pair {
    folder: TempDir,
    primary: u16,
    standby: u16,
}

fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

/// The folder of PostgreSQL's server programs, as scripts/rig finds it.
fn programs() -> PathBuf {
    let versions = std::fs::read_dir("/usr/lib/postgresql").expect("PostgreSQL is not installed");
    let bin = |entry: std::io::Result<std::fs::DirEntry>| Some(entry.ok()?.path().join("bin"));
    versions.filter_map(bin).filter(|bin| bin.join("pg_ctl").exists()).max().unwrap()
}

impl Pair {
    fn start() -> Self {
        let pair = Self { folder: tempfile::tempdir().unwrap(), primary: free_port(), standby: free_port() };
        if is_root() {
            let folder = pair.folder.path().to_str().unwrap();
            assert!(Command::new("chown").args(["postgres", folder]).status().unwrap().success());
        }
        pair.run("initdb", &["-D", "one", "-U", "fulfillment", "-A", "trust", "-E", "UTF8", "--no-sync"]);
        pair.control("one", pair.primary, "start");
        let port = pair.primary.to_string();
        let copy = ["-h", "127.0.0.1", "-p", &port, "-U", "fulfillment", "-D", "two", "-R", "-c", "fast"];
        pair.run("pg_basebackup", &copy);
        pair.control("two", pair.standby, "start");
        pair
    }

    fn control(&self, data: &str, port: u16, what: &str) {
        let folder = self.folder.path().display();
        let options = format!("-p {port} -k {folder} -c listen_addresses=127.0.0.1 -c fsync=off");
        self.run("pg_ctl", &["-D", data, "-w", "-s", "-m", "fast", "-l", "log", "-o", &options, what]);
    }

    fn run(&self, program: &str, arguments: &[&str]) {
        run(self.folder.path(), program, arguments);
    }

    fn settings(ports: &[u16]) -> Settings {
        let hosts: Vec<_> = ports.iter().map(|port| format!("127.0.0.1:{port}")).collect();
        Settings {
            url: format!("postgres://fulfillment@{}/postgres", hosts.join(",")),
            schema: "bc_fulfillment".into(),
            max_connections: 4,
            connect_timeout: Duration::from_secs(5),
            refunds: RefundRules::default(),
        }
    }
}

impl Drop for Pair {
    fn drop(&mut self) {
        for data in ["one", "two"] {
            let arguments = ["-D", data, "-s", "-m", "immediate", "stop"];
            let _ = command(self.folder.path(), "pg_ctl").args(arguments).output();
        }
    }
}

pub(crate) fn is_root() -> bool {
    std::fs::metadata("/proc/self").unwrap().uid() == 0
}

/// PostgreSQL refuses to run as root.
fn command(folder: &Path, program: &str) -> Command {
    let program = programs().join(program);
    let mut command = if is_root() { Command::new("runuser") } else { Command::new(&program) };
    if is_root() {
        command.args(["-u", "postgres", "--"]).arg(program);
    }
    command.current_dir(folder);
    command
}

fn run(folder: &Path, program: &str, arguments: &[&str]) {
    let log = std::fs::File::create(folder.join("programs.log")).unwrap();
    // Not a pipe: the server would keep it open.
    let status =
        command(folder, program).args(arguments).stdout(log.try_clone().unwrap()).stderr(log).status();
    let log = || std::fs::read_to_string(folder.join("programs.log")).unwrap_or_default();
    assert!(status.unwrap().success(), "{program}: {}", log());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_primary_is_followed() {
    let pair = tokio::task::spawn_blocking(Pair::start).await.unwrap();
    // The standby is named first.
    let store = PgStore::connect(&Pair::settings(&[pair.standby, pair.primary])).await.unwrap();
    store.migrate().await.unwrap();
    ingest(&store, &[payment(1, 1, "5")]).await;
    store.ping().await.unwrap();
    let alone = PgStore::connect(&Pair::settings(&[pair.standby])).await.unwrap();
    assert!(alone.ping().await.unwrap_err().is_read_only(), "a standby is not ready");

    let pair = tokio::task::spawn_blocking(move || {
        pair.control("one", pair.primary, "stop");
        pair.control("two", pair.standby, "promote");
        pair
    })
    .await
    .unwrap();
    let began = Instant::now();
    while store.ping().await.is_err() {
        assert!(began.elapsed() < Duration::from_secs(20), "the new primary is not found");
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
    ingest(&store, &[payment(2, 2, "5")]).await;
    alone.ping().await.unwrap();
    ingest(&alone, &[payment(3, 3, "5")]).await;

    // Demoted in place: connections stay open, and refuse writes.
    let url = Pair::settings(&[pair.standby]).url;
    let mut admin = PgConnection::connect(&url).await.unwrap();
    for sql in ["ALTER SYSTEM SET default_transaction_read_only = on", "SELECT pg_reload_conf()"] {
        sqlx::query(sql).execute(&mut admin).await.unwrap();
    }
    let ours = "SELECT pid FROM pg_stat_activity WHERE application_name = 'fulfillment'";
    let before: Vec<i32> = sqlx::query_scalar(ours).fetch_all(&mut admin).await.unwrap();
    assert!(!before.is_empty());
    let began = Instant::now();
    loop {
        let read_only = store.ping().await.is_err_and(|error| error.is_read_only());
        let _ = alone.ping().await;
        let left: Vec<i32> = sqlx::query_scalar(ours).fetch_all(&mut admin).await.unwrap();
        if read_only && before.iter().all(|pid| !left.contains(pid)) {
            break;
        }
        assert!(began.elapsed() < Duration::from_secs(10), "connections to a demoted server are kept");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}
