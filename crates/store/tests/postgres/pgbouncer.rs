//! A real pgbouncer between the store and PostgreSQL: it is refused with a word, whatever it does with settings.

use std::net::TcpListener;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use fulfillment_store::postgres::PgStore;
use fulfillment_store::{Installation as _, Settings, StoreError};
use tempfile::TempDir;

/// A running pool.
struct Pool {
    process: Child,
    folder: TempDir,
    port: u16,
}

impl Pool {
    /// In front of the server at `address`, in transaction mode, with these further lines of configuration.
    fn start(address: &str, user: &str, more: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let (host, server_port) = address.split_once(':').unwrap();
        let settings = format!(
            "[databases]\n* = host={host} port={server_port} user={user}\n[pgbouncer]\nlisten_addr = 127.0.0.1\n\
             listen_port = {port}\nunix_socket_dir =\nauth_type = any\npool_mode = transaction\n{more}\n"
        );
        std::fs::write(folder.path().join("pool.ini"), settings).unwrap();
        let mut command = Command::new("/usr/sbin/pgbouncer");
        if super::standby::is_root() {
            // It does not run as root either.
            let status = Command::new("chown").args(["-R", "postgres"]).arg(folder.path()).status();
            assert!(status.unwrap().success());
            command.args(["-u", "postgres"]);
        }
        let log = std::fs::File::create(folder.path().join("log")).unwrap();
        let process = command
            .arg("pool.ini")
            .current_dir(folder.path())
            .stdout(Stdio::null())
            .stderr(log)
            .spawn()
            .expect("pgbouncer is not installed: run scripts/test");
        let pool = Self { process, folder, port };
        let began = Instant::now();
        while std::net::TcpStream::connect(("127.0.0.1", port)).is_err() {
            let log = || std::fs::read_to_string(pool.folder.path().join("log")).unwrap_or_default();
            assert!(began.elapsed() < Duration::from_secs(10), "pgbouncer does not listen: {}", log());
            std::thread::sleep(Duration::from_millis(50));
        }
        pool
    }
}

impl Drop for Pool {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

#[tokio::test]
async fn is_refused_with_a_word() {
    let direct = super::unmigrated().await.settings;
    let (user, rest) = direct.url.trim_start_matches("postgres://").split_once('@').unwrap();
    let (address, database) = rest.split_once('/').unwrap();
    for more in ["", "ignore_startup_parameters = options, search_path, statement_timeout"] {
        let pool = Pool::start(address, user, more);
        let url = format!("postgres://{user}@127.0.0.1:{}/{database}?sslmode=disable", pool.port);
        let settings = Settings { url, ..direct.clone() };
        let refused = match PgStore::connect(&settings).await {
            Ok(store) => store.migrate().await.err(),
            Err(refused) => Some(refused),
        };
        let Some(StoreError::Incompatible(word)) = refused else { panic!("{more:?}: {refused:?}") };
        assert!(word.contains("pgbouncer") && word.contains("Name PostgreSQL itself"), "{word}");
    }
}
