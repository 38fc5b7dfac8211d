//! Where the servers are that `scripts/rig/up` started. A test without its server fails: it is never skipped.

use anyhow::{Context, Result};

/// The account key that the Azure emulator publishes in its manual; it is the same everywhere and no secret.
const AZURITE_KEY: &str =
    "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw==";

/// The Kafka bootstrap address, `host:port`.
///
/// # Errors
/// There is no rig.
pub fn kafka() -> Result<String> {
    required("RIG_KAFKA")
}

/// The administrative database of the PostgreSQL cluster, as a URL. Tests take one of their own:
/// [`crate::postgres::Database::create`].
///
/// # Errors
/// There is no rig.
pub fn postgres() -> Result<String> {
    required("RIG_POSTGRES")
}

/// An object store: the URL to give as `FULFILLMENT_FILES_URL`, and the variables that go with it.
#[derive(Debug, Clone)]
pub struct ObjectStore {
    /// `s3://bucket/prefix` or `az://container/prefix`, the prefix new for each call.
    pub url: String,
    /// Endpoint and credentials, under the names that each cloud's own tools use.
    pub env: Vec<(String, String)>,
}

/// The S3 gateway, with a prefix that no other test has.
///
/// # Errors
/// There is no rig.
pub fn s3() -> Result<ObjectStore> {
    let bucket = required("RIG_S3_BUCKET")?;
    let mut env = vec![("AWS_ENDPOINT_URL".to_owned(), required("RIG_S3_ENDPOINT")?)];
    for name in ["AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_REGION", "AWS_ALLOW_HTTP"] {
        env.push((name.to_owned(), required(name)?));
    }
    Ok(ObjectStore { url: format!("s3://{bucket}/{}", unique("files")), env })
}

/// The Azure Blob emulator, with a prefix that no other test has.
///
/// # Errors
/// There is no rig.
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

/// A name that nothing else has, in this run or another: `prefix-` and 32 hexadecimal digits.
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
