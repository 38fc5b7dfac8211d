//! Storage of ticket files: a folder, or an object store.

mod local;
mod object;
mod temporary;
mod watched;

use std::sync::Arc;

use anyhow::Context as _;

use fulfillment_pipeline::ports::{Files, FilesError};
use watched::Watched;

/// The name of the marker, which identifies a storage.
const MARKER: &str = ".fulfillment-storage";

/// Opens the storage at `url`: `file://PATH` (absolute, or relative as in `file://./data/tickets`; created if it does
/// not exist), `s3://BUCKET/PREFIX`, `az://CONTAINER/PREFIX` or `gs://BUCKET/PREFIX`.
///
/// `environment` is the process's: an object store finds its credentials and endpoint there, in the usual `AWS_*`,
/// `AZURE_*` and `GOOGLE_*` variables. No request is sent to an object store yet.
pub fn open(url: &str, environment: &[(String, String)]) -> anyhow::Result<Arc<dyn Files>> {
    Ok(match url.strip_prefix("file://") {
        Some("") => anyhow::bail!("files.url names no folder: file:// needs a path after it"),
        Some(path) => Arc::new(Watched::new(
            local::Folder::open(path.into())
                .with_context(|| format!("cannot use the folder {path} for ticket files"))?,
        )),
        None => Arc::new(Watched::new(object::Bucket::open(url, environment)?)),
    })
}

/// A plain file name, not a path; leading dots are reserved.
fn checked(name: &str) -> Result<&str, FilesError> {
    let good = !name.is_empty()
        && name.len() <= 200
        && !name.starts_with('.')
        && name.bytes().all(|b| b.is_ascii_alphanumeric() || b"._-".contains(&b));
    if good { Ok(name) } else { Err(FilesError::Trouble(format!("{name:?} cannot be a file name"))) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_no_paths() {
        assert!(checked("3f2504e0-4f89-41d3-9a0c-0305e82c3301.g2.pdf").is_ok());
        for bad in ["", "..", ".tmp", "a/b", "a\\b", "/etc/passwd", "a\0", "ä.pdf", &"x".repeat(201), MARKER]
        {
            assert!(checked(bad).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn a_url_that_cannot_be_opened_says_why() {
        let why = |url| format!("{:#}", open(url, &[]).err().unwrap());
        assert!(why("file://").contains("names no folder"));
        assert!(why("file:///dev/null/x").contains("/dev/null/x"));
        assert!(why("ftp://a/b").contains("must begin with"));
        assert!(why("s3://").contains("names no bucket"));
    }
}
