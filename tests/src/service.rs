//! The built service binary as a process: start with its own environment, stop, kill, restart.

use std::collections::BTreeMap;
use std::fs::File;
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Output, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicU16, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use reqwest::Client;
use rustix::process::{Pid, Signal, kill_process};

use crate::rig::ObjectStore;

/// The operators' token in tests: [`Setup::new`] sets it.
pub const TOKEN: &str = "test-token-of-more-than-thirty-two-bytes";

const START: Duration = Duration::from_secs(30);
const LOG_LINES: usize = 150;

/// How the service is to be started. A clone shares the data folder, so that a test can restart the service on existing
/// data, or run two at the same time with different settings.
#[derive(Debug, Clone)]
pub struct Setup {
    env: BTreeMap<String, String>,
    data: Arc<tempfile::TempDir>,
    /// The address to listen on, without the port.
    address: &'static str,
    /// The value of `serve --roles`; all roles if empty.
    roles: &'static str,
    /// Whether it gets `--json`.
    json: bool,
    /// The program; the one that was built with the tests if none.
    program: Option<PathBuf>,
}

impl Setup {
    /// A service with an empty data folder, the embedded store, the token [`TOKEN`] and nothing else.
    ///
    /// # Errors
    /// No temporary folder can be created.
    pub fn new() -> Result<Self> {
        let data = Arc::new(tempfile::Builder::new().prefix("fulfillment-test-").tempdir()?);
        let setup =
            Self { env: BTreeMap::new(), data, address: "127.0.0.1", roles: "", json: false, program: None };
        let folder = setup.data().display().to_string();
        Ok(setup.env("FULFILLMENT_DATA_DIR", folder).env("FULFILLMENT_HTTP_TOKEN", TOKEN))
    }

    /// Sets one variable.
    #[must_use]
    pub fn env(mut self, name: &str, value: impl Into<String>) -> Self {
        self.env.insert(name.to_owned(), value.into());
        self
    }

    /// Runs another program, such as that of an earlier release.
    #[must_use]
    pub fn program(mut self, path: impl Into<PathBuf>) -> Self {
        self.program = Some(path.into());
        self
    }

    /// Removes one variable.
    #[must_use]
    pub fn without(mut self, name: &str) -> Self {
        self.env.remove(name);
        self
    }

    /// Listens on every address of the machine, as in a container.
    #[must_use]
    pub fn open_to_the_network(mut self) -> Self {
        self.address = "0.0.0.0";
        self
    }

    /// Runs with these roles only, such as `http` or `ingest,issue,relay`.
    #[must_use]
    pub fn roles(mut self, roles: &'static str) -> Self {
        self.roles = roles;
        self
    }

    /// Makes it print its address as JSON on standard output.
    #[must_use]
    pub fn machine_readable(mut self) -> Self {
        self.json = true;
        self
    }

    /// Keeps the tickets in an object store.
    #[must_use]
    pub fn files(mut self, store: &ObjectStore) -> Self {
        self.env.extend(store.env.iter().cloned());
        self.env("FULFILLMENT_FILES_URL", &store.url)
    }

    /// The folder of `FULFILLMENT_DATA_DIR`, removed with the last clone of this.
    #[must_use]
    pub fn data(&self) -> &Path {
        self.data.path()
    }

    /// Runs `serve` on a free port, and waits until it is ready.
    ///
    /// # Errors
    /// It ended, or was not ready within 30 s; its log is in the error.
    pub async fn start(&self) -> Result<Service> {
        let mut service = self.launch()?;
        service.ready(START).await?;
        Ok(service)
    }

    /// Runs `serve` on a free port, without waiting.
    ///
    /// # Errors
    /// The binary is missing or does not start.
    pub fn launch(&self) -> Result<Service> {
        let port = free_port()?;
        let mut command = self.command()?;
        command.arg("serve");
        if !self.roles.is_empty() {
            command.args(["--roles", self.roles]);
        }
        if self.json {
            command.arg("--json");
        }
        command.env("FULFILLMENT_HTTP_LISTEN", format!("{}:{port}", self.address));
        self.spawn(command, port)
    }

    /// Runs `demo`, without waiting. It chooses its own port, so a test cannot send it requests.
    ///
    /// # Errors
    /// The binary is missing or does not start.
    pub fn launch_demo(&self, arguments: &[&str]) -> Result<Service> {
        let mut command = self.command()?;
        command.arg("demo").args(arguments);
        self.spawn(command, free_port()?)
    }

    fn spawn(&self, mut command: Command, port: u16) -> Result<Service> {
        let log = self.data().join(format!("log-{port}.log"));
        let output = File::create(&log)?;
        let child = command.stdout(output.try_clone()?).stderr(output).spawn();
        Ok(Service {
            child: child.context("starting the service")?,
            log,
            base: format!("http://127.0.0.1:{port}"),
            client: Client::builder().no_proxy().build()?,
            _data: Arc::clone(&self.data),
        })
    }

    /// Runs `serve` where it must refuse to start. Returns its exit code and output.
    ///
    /// # Errors
    /// It was still running after 30 s.
    pub async fn refused(&self) -> Result<(Option<i32>, String)> {
        let mut service = self.launch()?;
        let status = service.ended(START).await?;
        Ok((status.code(), service.log()))
    }

    /// Runs another command of the binary, such as `&["ticket", "show", id]`, with the same environment.
    ///
    /// # Errors
    /// It does not start, or runs longer than three minutes.
    pub async fn run(&self, arguments: &[&str]) -> Result<Output> {
        let mut command = tokio::process::Command::from(self.command()?);
        command.args(arguments).kill_on_drop(true);
        tokio::time::timeout(Duration::from_mins(3), command.output())
            .await
            .with_context(|| format!("fulfillment {arguments:?} runs for more than three minutes"))?
            .context("starting the command")
    }

    /// Keeps only `PATH` and `HOME` of the caller's environment: its settings must not leak into a test.
    #[expect(clippy::disallowed_methods, reason = "the caller's environment is what is kept out")]
    fn command(&self) -> Result<Command> {
        let mut command = Command::new(self.program.clone().map_or_else(binary, Ok)?);
        command.env_clear().envs(std::env::vars_os().filter(|(name, _)| name == "PATH" || name == "HOME"));
        command.env("RUST_BACKTRACE", "1").envs(&self.env).current_dir(self.data()).stdin(Stdio::null());
        Ok(command)
    }
}

/// A running service. On drop, it is killed and the end of its log is printed, which cargo shows if the test failed.
pub struct Service {
    child: Child,
    log: PathBuf,
    base: String,
    client: Client,
    _data: Arc<tempfile::TempDir>,
}

impl Service {
    /// `http://127.0.0.1:port`.
    #[must_use]
    pub fn base(&self) -> &str {
        &self.base
    }

    /// A GET request of a path with the token, for the caller to extend and send.
    pub fn asking(&self, path: &str) -> reqwest::RequestBuilder {
        self.client.get(format!("{}{path}", self.base)).bearer_auth(TOKEN)
    }

    /// Sends a GET of a path with the token.
    ///
    /// # Errors
    /// There was no answer.
    pub async fn get(&self, path: &str) -> Result<reqwest::Response> {
        self.asking(path).send().await.with_context(|| format!("GET {path}"))
    }

    /// Sends a GET of a path with the token and `Accept: application/json`, and parses the answer.
    ///
    /// # Errors
    /// There was no answer, its status is not a success, or it is not JSON.
    pub async fn get_json(&self, path: &str) -> Result<serde_json::Value> {
        let response =
            self.asking(path).header("accept", "application/json").send().await?.error_for_status()?;
        response.json().await.with_context(|| format!("GET {path}"))
    }

    /// A POST of a JSON text to a path with the token, for the caller to extend and send.
    pub fn posting(&self, path: &str, json: impl Into<String>) -> reqwest::RequestBuilder {
        let request = self.client.post(format!("{}{path}", self.base)).bearer_auth(TOKEN);
        request.header("content-type", "application/json").body(json.into())
    }

    /// Sends a POST of a JSON text to a path with the token.
    ///
    /// # Errors
    /// There was no answer.
    pub async fn post(&self, path: &str, json: impl Into<String>) -> Result<reqwest::Response> {
        self.posting(path, json).send().await.with_context(|| format!("POST {path}"))
    }

    /// The HTTP client, for other requests.
    #[must_use]
    pub fn client(&self) -> &Client {
        &self.client
    }

    /// Its whole log so far.
    #[must_use]
    pub fn log(&self) -> String {
        String::from_utf8_lossy(&std::fs::read(&self.log).unwrap_or_default()).into_owned()
    }

    /// The process id, for a look at its memory or open files.
    #[must_use]
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Waits for 200 from `/health/ready`.
    ///
    /// # Errors
    /// It ended first, or took too long; its log is in the error.
    pub async fn ready(&mut self, limit: Duration) -> Result<()> {
        let end = Instant::now() + limit;
        let url = format!("{}/health/ready", self.base);
        let mut last = "no answer".to_owned();
        loop {
            if let Some(status) = self.child.try_wait()? {
                bail!("the service ended ({status}) before it was ready:\n{}", self.tail());
            }
            match self.client.get(&url).timeout(Duration::from_secs(2)).send().await {
                Ok(response) if response.status() == 200 => return Ok(()),
                Ok(response) => {
                    last = format!("{} {}", response.status(), response.text().await.unwrap_or_default());
                }
                Err(_) => {}
            }
            if Instant::now() >= end {
                bail!("the service is not ready after {limit:?} ({last}):\n{}", self.tail());
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    /// Asks it to stop (SIGTERM) and waits; the exit status shows whether it stopped cleanly.
    ///
    /// # Errors
    /// It still runs after `limit`.
    pub async fn stop(&mut self, limit: Duration) -> Result<ExitStatus> {
        kill_process(Pid::from_child(&self.child), Signal::TERM)?;
        self.ended(limit).await
    }

    /// Kills it (SIGKILL), as a power cut would.
    ///
    /// # Errors
    /// The kernel's error.
    pub fn kill(&mut self) -> Result<()> {
        self.child.kill()?;
        self.child.wait()?;
        Ok(())
    }

    /// Waits until it has ended by itself.
    ///
    /// # Errors
    /// It still runs after `limit`.
    pub async fn ended(&mut self, limit: Duration) -> Result<ExitStatus> {
        let end = Instant::now() + limit;
        loop {
            if let Some(status) = self.child.try_wait()? {
                return Ok(status);
            }
            if Instant::now() >= end {
                bail!("the service still runs after {limit:?}:\n{}", self.tail());
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }

    fn tail(&self) -> String {
        let log = self.log();
        let lines: Vec<&str> = log.lines().collect();
        lines[lines.len().saturating_sub(LOG_LINES)..].join("\n")
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        let _ = self.kill();
        eprintln!("--- {} said at last ---\n{}\n---", self.base, self.tail());
    }
}

/// `FULFILLMENT_BIN`, else the binary of the same profile as this test: `target/debug/deps/this` has it above.
fn binary() -> Result<PathBuf> {
    if let Some(path) = std::env::var_os("FULFILLMENT_BIN") {
        return Ok(path.into());
    }
    let this = std::env::current_exe()?;
    let profile = this.ancestors().nth(2).context("the test is not in target/<profile>/deps")?;
    let binary = profile.join("fulfillment");
    if !binary.is_file() {
        bail!("{} is not built: run this test by scripts/test", binary.display());
    }
    Ok(binary)
}

/// A port that no other test uses: below the kernel's ephemeral ports, counted from a start that depends on the
/// process.
fn free_port() -> Result<u16> {
    static NEXT: AtomicU16 = AtomicU16::new(0);
    let start = std::process::id() % 90 * 100;
    for _ in 0..9_000 {
        let step = u32::from(NEXT.fetch_add(1, Ordering::Relaxed));
        let port = u16::try_from(10_000 + (start + step) % 9_000)?;
        if TcpListener::bind(("127.0.0.1", port)).is_ok() {
            return Ok(port);
        }
    }
    bail!("no port between 10000 and 19000 is free")
}
