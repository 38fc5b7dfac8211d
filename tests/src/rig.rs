//! The addresses of the test servers that `scripts/rig/up` started. A test without its server fails: it is never
//! skipped.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};

/// The account key that the Azure emulator publishes in its manual; it is the same everywhere and not a secret.
const AZURITE_KEY: &str =
    "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw==";

/// The Kafka bootstrap address, `host:port`.
///
/// # Errors
/// The rig is not running.
pub fn kafka() -> Result<String> {
    required("RIG_KAFKA")
}

/// The same broker behind TLS: one listener needs a password (SCRAM-SHA-512 or PLAIN), another a client certificate.
#[derive(Debug, Clone)]
pub struct SecureKafka {
    /// `host:port`.
    pub brokers: String,
    /// The file of the certificate to trust, PEM.
    pub ca: String,
    /// The user name.
    pub user: &'static str,
    /// The password; the key's file is encrypted with it too.
    pub password: &'static str,
    /// `host:port` of the listener for client certificates.
    pub mutual: String,
    /// The file of an accepted client certificate, PEM.
    pub certificate: String,
    /// The file of its key, PEM, encrypted.
    pub key: String,
}

/// Kafka's TLS listeners.
///
/// # Errors
/// The rig is not running.
pub fn kafka_secure() -> Result<SecureKafka> {
    Ok(SecureKafka {
        brokers: required("RIG_KAFKA_SECURE")?,
        ca: required("RIG_KAFKA_CA")?,
        user: "fulfillment",
        password: "fulfillment-rig",
        mutual: required("RIG_KAFKA_MUTUAL")?,
        certificate: required("RIG_KAFKA_CLIENT")?,
        key: required("RIG_KAFKA_CLIENT_KEY")?,
    })
}

/// The administrative database of the PostgreSQL cluster, as a URL. Tests create their own database:
/// [`crate::postgres::Database::create`].
///
/// # Errors
/// The rig is not running.
pub fn postgres() -> Result<String> {
    required("RIG_POSTGRES")
}

/// An object store: the URL to give as `FULFILLMENT_FILES_URL`, and the variables that it needs.
#[derive(Debug, Clone)]
pub struct ObjectStore {
    /// `s3://bucket/prefix` or `az://container/prefix`, the prefix new for each call.
    pub url: String,
    /// Endpoint and credentials, under the names that each cloud's own tools use.
    pub env: Vec<(String, String)>,
}

/// The S3 gateway, with a unique prefix.
///
/// # Errors
/// The rig is not running.
pub fn s3() -> Result<ObjectStore> {
    let bucket = required("RIG_S3_BUCKET")?;
    let mut env = vec![("AWS_ENDPOINT_URL".to_owned(), required("RIG_S3_ENDPOINT")?)];
    for name in ["AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_REGION", "AWS_ALLOW_HTTP"] {
        env.push((name.to_owned(), required(name)?));
    }
    Ok(ObjectStore { url: format!("s3://{bucket}/{}", unique("files")), env })
}

/// The Azure Blob emulator, with a unique prefix.
///
/// # Errors
/// The rig is not running.
pub fn azurite() -> Result<ObjectStore> {
    let container = required("RIG_AZURITE_CONTAINER")?;
    let env = [
        ("AZURE_STORAGE_ACCOUNT_NAME", "devstoreaccount1".to_owned()),
        ("AZURE_STORAGE_ACCOUNT_KEY", AZURITE_KEY.to_owned()),
        ("AZURE_STORAGE_ENDPOINT", required("RIG_AZURITE")?),
        ("AZURE_ALLOW_HTTP", "true".to_owned()),
    ];
    Ok(ObjectStore {
        url: format!("az://{container}/{}", unique("files")),
        env: env.into_iter().map(|(name, value)| (name.to_owned(), value)).collect(),
    })
}

/// Servers for one test alone, which it may stop or break. They stop when dropped.
#[derive(Debug)]
pub struct OwnRig(BTreeMap<String, String>);

impl OwnRig {
    /// Starts servers by `scripts/rig/up --only`, as in `kafka,postgres`.
    ///
    /// # Errors
    /// They do not start.
    pub async fn start(only: &str) -> Result<Self> {
        let said = script("up", &["--only", only]).await?;
        let pairs = said.lines().filter_map(|line| line.split_once('='));
        Ok(Self(pairs.map(|(name, value)| (name.to_owned(), value.to_owned())).collect()))
    }

    /// A server's address, by its `RIG_*` variable.
    ///
    /// # Errors
    /// It was not started.
    pub fn variable(&self, name: &str) -> Result<&str> {
        self.0.get(name).map(String::as_str).with_context(|| format!("this rig has no {name}"))
    }

    /// Kills a server immediately and restarts it from what is on its disk, after this many seconds.
    ///
    /// # Errors
    /// It does not restart.
    pub async fn crash(&self, server: &str, away: &str) -> Result<()> {
        script("crash", &[self.variable("RIG_DIR")?, server, away]).await.map(drop)
    }
}

impl Drop for OwnRig {
    fn drop(&mut self) {
        if let Ok(dir) = self.variable("RIG_DIR") {
            let _ = std::process::Command::new(path("down")).arg(dir).status();
        }
    }
}

fn path(script: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../scripts/rig").join(script)
}

async fn script(name: &str, arguments: &[&str]) -> Result<String> {
    let output = tokio::process::Command::new(path(name)).args(arguments).output().await?;
    let (out, err) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    ensure!(output.status.success(), "scripts/rig/{name} {arguments:?}: {out}{err}");
    Ok(out.into_owned())
}

/// A unique name, also across runs: `prefix-` and 32 hexadecimal digits.
#[must_use]
pub fn unique(prefix: &str) -> String {
    format!("{prefix}-{}", id().simple())
}

/// A random id, for an order or a payment of a test.
#[must_use]
#[expect(clippy::disallowed_methods, reason = "a test plays the outside world, where ids are drawn")]
pub fn id() -> uuid::Uuid {
    uuid::Uuid::new_v4()
}

#[expect(clippy::disallowed_methods, reason = "the rig is known by its variables alone")]
fn required(name: &str) -> Result<String> {
    std::env::var(name)
        .ok()
        .filter(|value| !value.is_empty())
        .with_context(|| format!("{name} is not set: this test needs real servers, run it by scripts/test"))
}
