//! Ticket files in a folder, durable against a power cut.
//!
//! A group of files is written under temporary names, synced together, and renamed; then the folder itself is synced. A
//! name therefore has its whole content or does not exist.

use std::fs::{self, File, OpenOptions};
use std::io::{self, ErrorKind, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use fulfillment_pipeline::ports::{Files, FilesError, NewFile};
use fulfillment_store::step;
use rustix::fs::{CWD, RenameFlags, renameat_with};
use rustix::io::Errno;
use sha2::{Digest as _, Sha256};
use tokio::task::spawn_blocking;
use uuid::Uuid;

use super::temporary::Temporary;
use super::{MARKER, checked};

/// From this many files on, one `syncfs` is cheaper than an `fsync` each (`measure_groups` below, ext4: 1.4
/// against 2.5 ms for two files, 12 against 6 for four, 42 against 13 for 64). It also writes whatever else
/// is dirty in that file system, so a lone ticket is synced by itself.
const SYNCFS_FROM: usize = 4;

/// File systems whose `syncfs` reaches the disk: ext2 to 4, xfs, btrfs, f2fs, overlayfs and tmpfs (which
/// has no disk). On others, FUSE and network ones among them, every file is synced by itself.
const SYNCFS_REACHES_THE_DISK: [u64; 6] =
    [0xEF53, 0x5846_5342, 0x9123_683E, 0xF2F5_2010, 0x794C_7630, 0x0102_1994];

type Result<T> = std::result::Result<T, FilesError>;

/// The storage in a folder.
pub(super) struct Folder(Arc<Inner>);

struct Inner {
    folder: PathBuf,
    temporary: Temporary,
    has_syncfs: bool,
    /// The marker, once it has been seen: from then on it must exist.
    marker: OnceLock<Uuid>,
}

impl Folder {
    pub(super) fn open(folder: PathBuf) -> io::Result<Self> {
        fs::create_dir_all(&folder)?;
        let temporary = Temporary::open(folder.join(".tmp"))?;
        let kind = rustix::fs::statfs(&folder)?.f_type;
        // The field's type and sign differ between platforms; all known values fit 32 bits.
        let has_syncfs = SYNCFS_REACHES_THE_DISK.iter().any(|known| u64::try_from(kind).ok() == Some(*known));
        Ok(Self(Arc::new(Inner { folder, temporary, has_syncfs, marker: OnceLock::new() })))
    }

    async fn blocking<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Inner) -> Result<T> + Send + 'static,
    ) -> Result<T> {
        let inner = Arc::clone(&self.0);
        spawn_blocking(move || work(&inner))
            .await
            .map_err(|_| FilesError::Trouble("a task of it ended early".into()))?
    }
}

#[async_trait]
impl Files for Folder {
    async fn put(&self, files: Vec<NewFile>) -> Vec<Result<()>> {
        let count = files.len();
        let stored = self.blocking(move |inner| inner.put(&files)).await;
        stored.unwrap_or_else(|error| vec![Err(error); count])
    }

    async fn create(&self, file: NewFile) -> Result<()> {
        self.blocking(move |inner| inner.create(&file)).await
    }

    async fn replace(&self, file: NewFile, version: Option<String>) -> Result<()> {
        self.blocking(move |inner| inner.replace(&file, version.as_deref())).await
    }

    async fn get(&self, name: &str) -> Result<Option<Bytes>> {
        let name = checked(name)?.to_owned();
        self.blocking(move |inner| inner.get(&name)).await
    }

    async fn remove(&self, names: &[String]) -> Result<()> {
        let names = names.iter().map(|name| checked(name).map(str::to_owned)).collect::<Result<Vec<_>>>()?;
        self.blocking(move |inner| inner.remove(&names)).await
    }

    async fn marker(&self) -> Result<Option<Uuid>> {
        self.blocking(Inner::read_marker).await
    }

    async fn mark(&self, marker: Uuid) -> Result<()> {
        self.blocking(move |inner| inner.mark(marker)).await
    }

    async fn sweep(&self, age: Duration) -> Result<u64> {
        self.blocking(move |inner| inner.temporary.sweep(age).map_err(|e| inner.trouble("sweep", &e))).await
    }

    fn describe(&self) -> String {
        let path = std::path::absolute(&self.0.folder).unwrap_or_else(|_| self.0.folder.clone());
        format!("file://{}", path.display())
    }
}

impl Inner {
    /// `Err` when nothing of the group is stored.
    fn put(&self, files: &[NewFile]) -> Result<Vec<Result<()>>> {
        self.is_still_there()?;
        // Opened before the first write: `syncfs` reports failed writes since then, and only those.
        let folder = File::open(&self.folder).map_err(|e| self.trouble("open", &e))?;
        let together = self.has_syncfs && files.len() >= SYNCFS_FROM;
        let mut written: Vec<Result<PathBuf>> =
            files.iter().map(|file| self.write(file, !together)).collect();
        if together && let Err(error) = rustix::fs::syncfs(&folder) {
            let error = self.trouble("sync", &error.into());
            for file in &mut written {
                if let Ok(path) = std::mem::replace(file, Err(error.clone())) {
                    let _ = fs::remove_file(path);
                }
            }
        }
        step!("after-file-sync");
        let stored: Vec<Result<()>> = files
            .iter()
            .zip(written)
            .map(|(file, temporary)| {
                let temporary = temporary?;
                self.place(&temporary, file).inspect_err(|_| {
                    let _ = fs::remove_file(&temporary);
                })
            })
            .collect();
        step!("after-rename");
        folder.sync_all().map_err(|e| self.trouble("sync", &e))?;
        Ok(stored)
    }

    /// Gives a written file its name. A file that has the name is compared, as in an object store: a late writer, whose
    /// order belongs to another by now, must not replace what that one recorded.
    fn place(&self, temporary: &Path, file: &NewFile) -> Result<()> {
        let path = self.folder.join(&file.name);
        let placed = match renameat_with(CWD, temporary, CWD, &path, RenameFlags::NOREPLACE) {
            // Not every file system has it; a link never replaces either.
            Err(Errno::INVAL | Errno::NOSYS | Errno::OPNOTSUPP) => {
                fs::hard_link(temporary, &path).and_then(|()| fs::remove_file(temporary))
            }
            placed => placed.map_err(io::Error::from),
        };
        match placed {
            Err(error) if error.kind() == ErrorKind::AlreadyExists => {
                self.compare(file)?;
                fs::remove_file(temporary).map_err(|e| self.trouble("remove a temporary file of", &e))
            }
            placed => placed.map_err(|e| self.trouble("rename a file into", &e)),
        }
    }

    /// Refuses a file that has the name with other content.
    fn compare(&self, file: &NewFile) -> Result<()> {
        let there = self.get(&file.name)?;
        if there.as_ref() == Some(&file.content) {
            return Ok(());
        }
        let what = self.folder.join(&file.name).display().to_string();
        Err(FilesError::OtherContent { what, version: there.as_deref().map(version_of) })
    }

    /// Replaces a file that is still of this version.
    fn replace(&self, file: &NewFile, version: Option<&str>) -> Result<()> {
        self.is_still_there()?;
        let there = self.get(checked(&file.name)?)?.as_deref().map(version_of);
        let path = self.folder.join(&file.name);
        if there.as_deref() != version {
            return Err(FilesError::OtherContent { what: path.display().to_string(), version: there });
        }
        let temporary = self.write(file, true)?;
        fs::rename(&temporary, &path).map_err(|error| {
            let _ = fs::remove_file(&temporary);
            self.trouble("rename a file into", &error)
        })?;
        let folder = File::open(&self.folder).and_then(|folder| folder.sync_all());
        folder.map_err(|e| self.trouble("sync", &e))
    }

    /// A link, unlike a rename, never replaces: a late writer finds what is there.
    fn create(&self, file: &NewFile) -> Result<()> {
        self.is_still_there()?;
        let temporary = self.write(file, true)?;
        let path = self.folder.join(&file.name);
        let linked = fs::hard_link(&temporary, &path);
        let _ = fs::remove_file(&temporary);
        match linked {
            Ok(()) => {
                step!("after-rename");
            }
            Err(error) if error.kind() == ErrorKind::AlreadyExists => self.compare(file)?,
            Err(error) => return Err(self.trouble("link a file into", &error)),
        }
        let folder = File::open(&self.folder).and_then(|folder| folder.sync_all());
        folder.map_err(|e| self.trouble("sync", &e))
    }

    fn write(&self, file: &NewFile, sync: bool) -> Result<PathBuf> {
        let path = self.temporary.path(checked(&file.name)?);
        match write_new(&path, &file.content, sync) {
            Ok(()) => Ok(path),
            Err(error) => {
                let _ = fs::remove_file(&path);
                Err(self.trouble("write into", &error))
            }
        }
    }

    fn get(&self, name: &str) -> Result<Option<Bytes>> {
        match fs::read(self.folder.join(name)) {
            Ok(content) => Ok(Some(content.into())),
            Err(error) if error.kind() == ErrorKind::NotFound => self.is_still_there().map(|()| None),
            Err(error) => Err(self.trouble("read from", &error)),
        }
    }

    fn remove(&self, names: &[String]) -> Result<()> {
        self.is_still_there()?;
        let mut removed = false;
        for name in names {
            match fs::remove_file(self.folder.join(name)) {
                Ok(()) => removed = true,
                Err(error) if error.kind() == ErrorKind::NotFound => {}
                Err(error) => return Err(self.trouble("remove a file from", &error)),
            }
        }
        if !removed {
            return Ok(());
        }
        let folder = File::open(&self.folder).and_then(|folder| folder.sync_all());
        folder.map_err(|e| self.trouble("sync", &e))
    }

    /// Once a marker has been seen, its absence means that the volume is not mounted any more: an empty mount point has
    /// no files either, and nothing must be written into it.
    fn is_still_there(&self) -> Result<()> {
        let Some(known) = self.marker.get() else { return Ok(()) };
        match self.read_marker()? {
            Some(marker) if marker == *known => Ok(()),
            _ => Err(FilesError::Trouble(format!(
                "{} is not the storage it was; is its volume still mounted?",
                self.folder.display()
            ))),
        }
    }

    fn read_marker(&self) -> Result<Option<Uuid>> {
        let path = self.folder.join(MARKER);
        match fs::read_to_string(&path) {
            Ok(text) => {
                let marker: Uuid = text.trim().parse().map_err(|_| {
                    FilesError::BadMarker(format!(
                        "{} holds no UUID; restore it, or remove it if the folder is new",
                        path.display()
                    ))
                })?;
                let _ = self.marker.set(marker);
                Ok(Some(marker))
            }
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
            Err(error) => Err(self.trouble("read the marker of", &error)),
        }
    }

    fn mark(&self, marker: Uuid) -> Result<()> {
        let temporary = self.temporary.path("marker");
        let linked = write_new(&temporary, format!("{marker}\n").as_bytes(), true)
            // A link, unlike a rename, never replaces: of two processes that start together one wins.
            .and_then(|()| fs::hard_link(&temporary, self.folder.join(MARKER)))
            .or_else(|error| if error.kind() == ErrorKind::AlreadyExists { Ok(()) } else { Err(error) })
            .and_then(|()| File::open(&self.folder)?.sync_all());
        let _ = fs::remove_file(&temporary);
        linked.map_err(|e| self.trouble("write the marker of", &e))
    }

    fn trouble(&self, what: &str, error: &io::Error) -> FilesError {
        let advice = match error.kind() {
            ErrorKind::StorageFull | ErrorKind::QuotaExceeded => "; make room",
            ErrorKind::PermissionDenied => "; let the service's user write there",
            ErrorKind::ReadOnlyFilesystem => "; mount it writable",
            ErrorKind::NotFound => "; is its volume still mounted?",
            _ => "",
        };
        FilesError::Trouble(format!("cannot {what} {}: {error}{advice}", self.folder.display()))
    }
}

/// A folder has no versions of its own: the content's hash is one.
fn version_of(content: &[u8]) -> String {
    hex::encode(Sha256::digest(content))
}

fn write_new(path: &Path, content: &[u8], sync: bool) -> io::Result<()> {
    // Tickets are personal data: the group may read them, others may not.
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o640).open(path)?;
    file.write_all(content)?;
    step!("after-temporary-file");
    if sync { file.sync_all() } else { Ok(()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(name: &str, content: &str) -> NewFile {
        NewFile { name: name.to_owned(), content: Bytes::from(content.to_owned()) }
    }

    fn folder() -> (tempfile::TempDir, Folder) {
        let dir = tempfile::tempdir().unwrap();
        let folder = Folder::open(dir.path().join("a/b")).unwrap();
        (dir, folder)
    }

    #[tokio::test]
    async fn files_come_back_whatever_the_size_of_the_group() {
        let (_dir, folder) = folder();
        for group in [1, SYNCFS_FROM - 1, SYNCFS_FROM, 300] {
            let files: Vec<_> =
                (0..group).map(|i| file(&format!("{group}-{i}.pdf"), &format!("page {i}"))).collect();
            assert!(folder.put(files.clone()).await.iter().all(Result::is_ok), "{group}");
            assert!(folder.put(files).await.iter().all(Result::is_ok), "the same again");
            assert_eq!(folder.get(&format!("{group}-0.pdf")).await.unwrap().unwrap(), "page 0");
        }
        assert_eq!(folder.get("none.pdf").await, Ok(None));
        folder.remove(&["300-0.pdf".to_owned(), "none.pdf".to_owned()]).await.unwrap();
        assert_eq!(folder.get("300-0.pdf").await, Ok(None));
        assert!(folder.get("300-1.pdf").await.unwrap().is_some());
        assert!(folder.remove(&["../a".to_owned()]).await.is_err());
        let left = fs::read_dir(folder.0.folder.join(".tmp")).unwrap().count();
        assert_eq!(left, 1, "nothing but the lock");
    }

    #[tokio::test]
    async fn one_bad_file_does_not_fail_its_neighbours() {
        let (_dir, folder) = folder();
        fs::create_dir_all(folder.0.folder.join("taken.pdf/x")).unwrap();
        let names = ["a.pdf", "../b.pdf", "taken.pdf", "c.pdf", "d.pdf"];
        let stored = folder.put(names.iter().map(|n| file(n, "x")).collect()).await;
        assert_eq!(stored.iter().map(Result::is_ok).collect::<Vec<_>>(), [true, false, false, true, true]);
        assert!(folder.get("../b.pdf").await.is_err());
        assert_eq!(fs::read_dir(folder.0.folder.join(".tmp")).unwrap().count(), 1);
    }

    #[tokio::test]
    async fn the_first_marker_stays() {
        let (dir, folder) = folder();
        assert_eq!(folder.marker().await, Ok(None));
        let (first, second) = (Uuid::from_u128(1), Uuid::from_u128(2));
        folder.mark(first).await.unwrap();
        folder.mark(second).await.unwrap();
        assert_eq!(folder.marker().await, Ok(Some(first)));
        let again = Folder::open(dir.path().join("a/b")).unwrap();
        assert_eq!(again.marker().await, Ok(Some(first)));
        fs::write(folder.0.folder.join(MARKER), "scribble").unwrap();
        assert!(again.marker().await.unwrap_err().to_string().contains("holds no UUID"));
    }

    #[tokio::test]
    async fn a_created_file_is_never_overwritten() {
        let (_dir, folder) = folder();
        folder.create(file("a.pdf", "first")).await.unwrap();
        folder.create(file("a.pdf", "first")).await.unwrap();
        let late = folder.create(file("a.pdf", "late")).await;
        assert!(matches!(late, Err(FilesError::OtherContent { .. })), "{late:?}");
        assert_eq!(folder.get("a.pdf").await.unwrap().unwrap(), "first");
        let left = fs::read_dir(folder.0.folder.join(".tmp"))
            .unwrap()
            .filter_map(|e| e.ok()?.file_name().into_string().ok());
        assert_eq!(left.filter(|name| name.contains("a.pdf")).count(), 0, "nothing temporary is left");
    }

    #[tokio::test]
    async fn other_content_is_replaced_only_while_it_is_what_was_compared() {
        let (_dir, folder) = folder();
        for group in [1, SYNCFS_FROM] {
            let of =
                |text: &str| (0..group).map(|i| file(&format!("{group}-{i}.pdf"), text)).collect::<Vec<_>>();
            assert!(folder.put(of("first")).await.iter().all(Result::is_ok));
            let refused = folder.put(of("second")).await;
            assert_eq!(folder.get(&format!("{group}-0.pdf")).await.unwrap().unwrap(), "first");
            let Err(FilesError::OtherContent { version, .. }) = &refused[0] else { panic!("{refused:?}") };
            folder.replace(of("second").remove(0), version.clone()).await.unwrap();
            assert_eq!(folder.get(&format!("{group}-0.pdf")).await.unwrap().unwrap(), "second");
            let late = folder.replace(of("third").remove(0), version.clone()).await;
            assert!(matches!(late, Err(FilesError::OtherContent { .. })), "{late:?}");
            assert_eq!(folder.get(&format!("{group}-0.pdf")).await.unwrap().unwrap(), "second");
        }
        assert_eq!(fs::read_dir(folder.0.folder.join(".tmp")).unwrap().count(), 1);
    }

    #[tokio::test]
    async fn a_volume_that_is_gone_is_no_storage_without_files() {
        let (_dir, folder) = folder();
        folder.mark(Uuid::from_u128(1)).await.unwrap();
        folder.marker().await.unwrap();
        assert_eq!(folder.get("a.pdf").await, Ok(None));
        fs::remove_file(folder.0.folder.join(MARKER)).unwrap();
        assert!(folder.get("a.pdf").await.unwrap_err().to_string().contains("still mounted"));
        assert!(folder.put(vec![file("a.pdf", "x")]).await[0].is_err());
        assert!(!folder.0.folder.join("a.pdf").exists());
    }

    #[tokio::test]
    async fn sweeps_what_a_dead_process_left() {
        let (_dir, folder) = folder();
        let temporary = folder.0.folder.join(".tmp");
        fs::write(temporary.join("4000000-0.lock"), "").unwrap();
        fs::write(temporary.join("4000000-0-1-a.pdf"), "half").unwrap();
        assert_eq!(folder.sweep(Duration::from_secs(3600)).await, Ok(1));
        assert_eq!(folder.sweep(Duration::from_secs(3600)).await, Ok(0));
        assert!(folder.describe().starts_with("file:///"));
    }
}
