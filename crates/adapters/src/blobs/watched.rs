//! A storage whose failures are noticed: a folder that can be read and refuses writes looks healthy to a probe.

use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use fulfillment_pipeline::ports::{Files, FilesError, NewFile};
use uuid::Uuid;

use crate::health::HealthFlag;

type Result<T> = std::result::Result<T, FilesError>;

/// Passes everything on, and remembers whether the last write or removal failed.
pub(super) struct Watched<F> {
    files: F,
    health: HealthFlag,
}

impl<F: Files> Watched<F> {
    pub(super) fn new(files: F) -> Self {
        let health = HealthFlag::of(&format!("the file storage {}", files.describe()));
        Self { files, health }
    }

    fn note<T>(&self, outcome: Result<T>) -> Result<T> {
        match &outcome {
            Err(FilesError::Trouble(reason)) => self.health.set_trouble(reason.as_str()),
            // Another file has the name: that is an answer.
            Ok(_) | Err(FilesError::OtherContent { .. }) => self.health.clear(),
            Err(FilesError::BadMarker(_)) => {}
        }
        outcome
    }
}

#[async_trait]
impl<F: Files> Files for Watched<F> {
    async fn put(&self, files: Vec<NewFile>) -> Vec<Result<()>> {
        let stored = self.files.put(files).await;
        let failed = stored.iter().find(|one| matches!(one, Err(FilesError::Trouble(_))));
        if let Some(one) = failed.or(stored.first()) {
            let _ = self.note(one.clone());
        }
        stored
    }

    async fn create(&self, file: NewFile) -> Result<()> {
        self.note(self.files.create(file).await)
    }

    async fn replace(&self, file: NewFile, version: Option<String>) -> Result<()> {
        self.note(self.files.replace(file, version).await)
    }

    async fn get(&self, name: &str) -> Result<Option<Bytes>> {
        self.files.get(name).await
    }

    async fn remove(&self, names: &[String]) -> Result<()> {
        self.note(self.files.remove(names).await)
    }

    async fn marker(&self) -> Result<Option<Uuid>> {
        self.files.marker().await
    }

    async fn mark(&self, marker: Uuid) -> Result<()> {
        self.note(self.files.mark(marker).await)
    }

    async fn sweep(&self, age: Duration) -> Result<u64> {
        self.files.sweep(age).await
    }

    fn describe(&self) -> String {
        self.files.describe()
    }

    fn trouble(&self) -> Option<String> {
        self.health.trouble()
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::super::local::Folder;
    use super::*;

    #[tokio::test]
    async fn a_folder_that_refuses_writes_is_in_trouble_until_it_takes_one() {
        let dir = tempfile::tempdir().unwrap();
        let watched = Watched::new(Folder::open(dir.path().join("files")).unwrap());
        let put =
            async || watched.put(vec![NewFile { name: "a.pdf".into(), content: Bytes::from("a") }]).await;
        assert!(put().await[0].is_ok());
        assert_eq!(watched.trouble(), None);
        // A file in the place of the folder for temporary files stops every user, root too.
        let temporary = dir.path().join("files/.tmp");
        std::fs::remove_dir_all(&temporary).unwrap();
        std::fs::write(&temporary, "").unwrap();
        std::fs::set_permissions(&temporary, std::fs::Permissions::from_mode(0o600)).unwrap();
        assert!(put().await[0].is_err());
        assert!(
            watched.trouble().is_some_and(|reason| reason.contains("cannot write into")),
            "{:?}",
            watched.trouble()
        );
        assert_eq!(watched.marker().await, Ok(None), "a read tells nothing about writes");
        assert!(watched.trouble().is_some());
        std::fs::remove_file(&temporary).unwrap();
        std::fs::create_dir(&temporary).unwrap();
        assert!(put().await[0].is_ok());
        assert_eq!(watched.trouble(), None);
    }
}
