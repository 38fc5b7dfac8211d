//! Object storage of ticket files: S3, Azure Blob or GCS.
//!
//! Objects are created, never overwritten unseen: of two writers of one name the first wins, and the second compares.
//! The same bytes are accepted; others are replaced only by a caller that knows that they are not recorded, and only
//! while they are still the version that was compared.

use std::sync::OnceLock;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use fulfillment_pipeline::ports::{Files, FilesError, NewFile};
use futures::StreamExt as _;
use object_store::aws::AmazonS3Builder;
use object_store::azure::MicrosoftAzureBuilder;
use object_store::gcp::GoogleCloudStorageBuilder;
use object_store::path::Path;
use object_store::{
    Attribute, Attributes, BackoffConfig, ClientOptions, Error, ObjectStore, ObjectStoreExt as _, PutMode,
    PutOptions, RetryConfig, UpdateVersion,
};
use reqwest::Url;
use uuid::Uuid;

use super::{MARKER, checked};

/// The maximum number of concurrent writes.
const CONCURRENCY: usize = 16;
/// The timeout for one response, and for a connection.
const TIMEOUT: Duration = Duration::from_secs(30);
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// Repeats of one request within a call; the pipeline repeats the call.
const RETRIES: usize = 3;

type Result<T> = std::result::Result<T, FilesError>;

/// The storage in a bucket, or in a container.
pub(super) struct Bucket {
    store: Box<dyn ObjectStore>,
    prefix: Path,
    /// As configured.
    url: String,
    /// Whether the marker has been seen: from then on a missing object is missing, not the whole bucket.
    marked: OnceLock<()>,
}

impl Bucket {
    pub(super) fn open(url: &str, environment: &[(String, String)]) -> anyhow::Result<Self> {
        let parsed = Url::parse(url).map_err(|e| anyhow::anyhow!("files.url is not a URL: {e}"))?;
        let Some(bucket) = parsed.host_str().filter(|host| !host.is_empty()) else {
            anyhow::bail!("files.url names no bucket: it must look like s3://BUCKET/PREFIX");
        };
        let prefix = Path::from_url_path(parsed.path())
            .map_err(|e| anyhow::anyhow!("files.url has a prefix that no object can have: {e}"))?;
        let store = build(parsed.scheme(), bucket, environment)
            .map_err(|e| e.context(format!("cannot set up the file storage {url}")))?;
        Ok(Self { store, prefix, url: url.trim_end_matches('/').to_owned(), marked: OnceLock::new() })
    }

    fn path(&self, name: &str) -> Path {
        self.prefix.clone().join(name)
    }

    async fn write_new(&self, name: &str, content: Bytes, kind: &'static str) -> Result<bool> {
        self.write(name, content, kind, PutMode::Create).await
    }

    /// False when the mode's condition does not hold.
    async fn write(&self, name: &str, content: Bytes, kind: &'static str, mode: PutMode) -> Result<bool> {
        let mut attributes = Attributes::new();
        attributes.insert(Attribute::ContentType, kind.into());
        let options = PutOptions { mode, attributes, ..PutOptions::default() };
        match self.store.put_opts(&self.path(name), content.into(), options).await {
            Ok(_) => Ok(true),
            Err(Error::AlreadyExists { .. } | Error::Precondition { .. }) => Ok(false),
            Err(error) => Err(self.trouble("write to", &error)),
        }
    }

    async fn read(&self, name: &str) -> Result<Option<Bytes>> {
        Ok(self.read_version(name).await?.map(|(content, _)| content))
    }

    /// The content with its version.
    async fn read_version(&self, name: &str) -> Result<Option<(Bytes, Option<String>)>> {
        let content = match self.store.get(&self.path(name)).await {
            Ok(object) => {
                let version = object.meta.e_tag.clone();
                object.bytes().await.map(|content| (content, version))
            }
            Err(error) => Err(error),
        };
        match content {
            Ok(content) => Ok(Some(content)),
            Err(Error::NotFound { .. }) => Ok(None),
            Err(error) => Err(self.trouble("read from", &error)),
        }
    }

    async fn put_one(&self, file: NewFile) -> Result<()> {
        let name = checked(&file.name)?;
        if self.write_new(name, file.content.clone(), "application/pdf").await? {
            return Ok(());
        }
        match self.read_version(name).await? {
            Some((there, _)) if there == file.content => Ok(()),
            Some((_, version)) => {
                Err(FilesError::OtherContent { what: format!("{}/{name}", self.url), version })
            }
            None => Err(FilesError::Trouble(format!(
                "{}/{name} was stored and is missing: something deletes objects",
                self.url
            ))),
        }
    }

    fn trouble(&self, what: &str, error: &Error) -> FilesError {
        let advice = match error {
            Error::Unauthenticated { .. } | Error::PermissionDenied { .. } => {
                "; check its credentials and rights"
            }
            Error::NotFound { .. } => "; is the bucket there?",
            _ => "",
        };
        FilesError::Trouble(format!(
            "cannot {what} {}: {}{advice}",
            self.url,
            without_queries(&error.to_string())
        ))
    }
}

#[async_trait]
impl Files for Bucket {
    async fn put(&self, files: Vec<NewFile>) -> Vec<Result<()>> {
        futures::stream::iter(files).map(|file| self.put_one(file)).buffered(CONCURRENCY).collect().await
    }

    async fn create(&self, file: NewFile) -> Result<()> {
        self.put_one(file).await
    }

    async fn replace(&self, file: NewFile, version: Option<String>) -> Result<()> {
        let name = checked(&file.name)?;
        let mode = PutMode::Update(UpdateVersion { e_tag: version.clone(), version: None });
        if self.write(name, file.content, "application/pdf", mode).await? {
            return Ok(());
        }
        Err(FilesError::OtherContent { what: format!("{}/{name}", self.url), version: None })
    }

    async fn get(&self, name: &str) -> Result<Option<Bytes>> {
        let content = self.read(checked(name)?).await?;
        if content.is_none() && self.marked.get().is_some() && self.read(MARKER).await?.is_none() {
            return Err(FilesError::Trouble(format!(
                "{} has lost its marker; is the bucket still there?",
                self.url
            )));
        }
        Ok(content)
    }

    async fn remove(&self, names: &[String]) -> Result<()> {
        for name in names {
            match self.store.delete(&self.path(checked(name)?)).await {
                Ok(()) | Err(Error::NotFound { .. }) => {}
                Err(error) => return Err(self.trouble("remove from", &error)),
            }
        }
        Ok(())
    }

    async fn marker(&self) -> Result<Option<Uuid>> {
        let Some(content) = self.read(MARKER).await? else { return Ok(None) };
        let marker = std::str::from_utf8(&content).ok().and_then(|text| text.trim().parse().ok());
        let marker = marker.ok_or_else(|| {
            FilesError::BadMarker(format!("{}/{MARKER} holds no UUID; restore it", self.url))
        })?;
        let _ = self.marked.set(());
        Ok(Some(marker))
    }

    async fn mark(&self, marker: Uuid) -> Result<()> {
        self.write_new(MARKER, format!("{marker}\n").into(), "text/plain").await.map(|_| ())
    }

    /// An object store keeps no half-written objects.
    async fn sweep(&self, _age: Duration) -> Result<u64> {
        Ok(0)
    }

    fn describe(&self) -> String {
        self.url.clone()
    }
}

/// Applies the environment's variables over our own limits; limits that no variable sets are kept.
macro_rules! configure {
    ($builder:ty, $environment:expr, $prefix:literal) => {
        $environment.iter().filter(|(key, value)| key.starts_with($prefix) && !value.is_empty()).fold(
            <$builder>::new().with_client_options(limits()).with_retry(retries()),
            |builder, (key, value)| match key.to_ascii_lowercase().parse() {
                Ok(key) => builder.with_config(key, value),
                Err(_) => builder,
            },
        )
    };
}

fn build(
    scheme: &str,
    bucket: &str,
    environment: &[(String, String)],
) -> anyhow::Result<Box<dyn ObjectStore>> {
    // An endpoint without TLS is accepted: it was configured explicitly.
    let plain = |names: [&str; 2]| {
        environment.iter().any(|(key, value)| names.contains(&key.as_str()) && value.starts_with("http://"))
    };
    Ok(match scheme {
        "s3" => {
            let builder = configure!(AmazonS3Builder, environment, "AWS_").with_bucket_name(bucket);
            let plain = plain(["AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_S3"]);
            Box::new(if plain { builder.with_allow_http(true) } else { builder }.build()?)
        }
        "az" => {
            let builder =
                configure!(MicrosoftAzureBuilder, environment, "AZURE_").with_container_name(bucket);
            let plain = plain(["AZURE_STORAGE_ENDPOINT", "AZURE_ENDPOINT"]);
            Box::new(if plain { builder.with_allow_http(true) } else { builder }.build()?)
        }
        "gs" => {
            let builder = configure!(GoogleCloudStorageBuilder, environment, "GOOGLE_");
            Box::new(builder.with_bucket_name(bucket).build()?)
        }
        _ => anyhow::bail!("files.url must begin with file://, s3://, az:// or gs://"),
    })
}

fn limits() -> ClientOptions {
    ClientOptions::new().with_timeout(TIMEOUT).with_connect_timeout(CONNECT_TIMEOUT)
}

fn retries() -> RetryConfig {
    RetryConfig { backoff: BackoffConfig::default(), max_retries: RETRIES, retry_timeout: TIMEOUT }
}

/// The text without the queries of URLs in it: an Azure SAS is such a query.
fn without_queries(text: &str) -> String {
    let clean = |word: &str| match word.find('?') {
        Some(at) if word.contains("://") => format!("{}?…", &word[..at]),
        _ => word.to_owned(),
    };
    text.split(' ').map(clean).collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn variables(pairs: &[(&str, &str)]) -> Vec<(String, String)> {
        pairs.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect()
    }

    #[test]
    fn every_kind_opens_from_its_variables() {
        let aws = variables(&[
            ("AWS_ACCESS_KEY_ID", "a"),
            ("AWS_SECRET_ACCESS_KEY", "s"),
            ("AWS_ENDPOINT_URL", "http://127.0.0.1:1"),
            ("AWS_SOMETHING_ELSE", "x"),
        ]);
        let bucket = Bucket::open("s3://tickets/live/2026/", &aws).unwrap();
        assert_eq!(bucket.describe(), "s3://tickets/live/2026");
        assert_eq!(bucket.path("a.pdf").as_ref(), "live/2026/a.pdf");
        let azure =
            variables(&[("AZURE_STORAGE_ACCOUNT_NAME", "acc"), ("AZURE_STORAGE_ACCOUNT_KEY", "a2V5")]);
        let container = Bucket::open("az://tickets", &azure).unwrap();
        assert_eq!(container.path("a.pdf").as_ref(), "a.pdf");
        Bucket::open("gs://tickets/x", &variables(&[("GOOGLE_SKIP_SIGNATURE", "true")])).unwrap();
        let error = Bucket::open("az://tickets", &[]).err().unwrap();
        assert!(format!("{error:#}").contains("az://tickets"), "{error:#}");
    }

    #[tokio::test]
    async fn trouble_is_no_missing_file() {
        let nowhere = variables(&[
            ("AWS_ACCESS_KEY_ID", "a"),
            ("AWS_SECRET_ACCESS_KEY", "s"),
            ("AWS_ENDPOINT_URL", "http://127.0.0.1:1"),
        ]);
        let bucket = Bucket::open("s3://tickets", &nowhere).unwrap();
        let error = bucket.get("a.pdf").await.unwrap_err();
        assert!(error.to_string().contains("s3://tickets"), "{error}");
        assert_eq!(bucket.put(vec![NewFile { name: "../a".into(), content: Bytes::new() }]).await.len(), 1);
    }

    #[test]
    fn queries_stay_hidden() {
        assert_eq!(
            without_queries("PUT https://acc.example/c/a.pdf?sig=hush&se=1 in 3 ms: why?"),
            "PUT https://acc.example/c/a.pdf?… in 3 ms: why?"
        );
    }

    /// Against a real server: `AWS_ENDPOINT_URL`, keys and `RIG_S3_BUCKET` as `scripts/rig/up` prints them.
    #[tokio::test]
    #[expect(clippy::disallowed_methods, reason = "the rig speaks through the environment")]
    async fn a_real_server_creates_compares_and_marks() {
        let environment: Vec<_> = std::env::vars().collect();
        let bucket = std::env::var("RIG_S3_BUCKET").expect("this test needs real servers: run scripts/test");
        let run = std::process::id();
        let bucket = Bucket::open(&format!("s3://{bucket}/test-{run}"), &environment).unwrap();
        let file =
            |name: &str, content: &str| NewFile { name: name.into(), content: content.to_owned().into() };
        let files: Vec<_> = (0..40).map(|i| file(&format!("{i}.pdf"), "page")).collect();
        assert!(bucket.put(files.clone()).await.iter().all(Result::is_ok));
        assert!(bucket.put(files).await.iter().all(Result::is_ok), "the same again");
        let other = bucket.put(vec![file("1.pdf", "another"), file("x.pdf", "page")]).await;
        assert!(other[0].as_ref().unwrap_err().to_string().contains("other content") && other[1].is_ok());
        assert_eq!(bucket.get("1.pdf").await.unwrap().unwrap(), "page");
        let Err(FilesError::OtherContent { version, .. }) = other[0].clone() else { panic!("{other:?}") };
        bucket.replace(file("1.pdf", "another"), version.clone()).await.unwrap();
        assert_eq!(bucket.get("1.pdf").await.unwrap().unwrap(), "another");
        let late = bucket.replace(file("1.pdf", "a late one"), version).await;
        assert!(matches!(late, Err(FilesError::OtherContent { .. })), "{late:?}");
        assert_eq!(bucket.get("1.pdf").await.unwrap().unwrap(), "another");
        bucket.remove(&["2.pdf".to_owned(), "none.pdf".to_owned()]).await.unwrap();
        assert_eq!(bucket.get("2.pdf").await, Ok(None));
        assert_eq!(bucket.get("none.pdf").await, Ok(None));
        assert_eq!(bucket.marker().await, Ok(None));
        bucket.mark(Uuid::from_u128(1)).await.unwrap();
        bucket.mark(Uuid::from_u128(2)).await.unwrap();
        assert_eq!(bucket.marker().await, Ok(Some(Uuid::from_u128(1))));
    }
}
