//! Temporary files, with a lock file that shows whether their owner is alive.
//!
//! A process holds a lock file, `.tmp/{pid}-{n}.lock`, for as long as it lives, and its temporary files begin with the
//! same `{pid}-{n}`. So a sweep can tell what a dead process left, even where every process has the same number, as in
//! containers that share a volume.

use std::fs::{self, File, OpenOptions};
use std::io::{self, ErrorKind};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use rustix::fs::{FlockOperation, flock};

const LOCK: &str = ".lock";

/// The folder for temporary files of one storage.
#[derive(Debug)]
pub(super) struct Temporary {
    folder: PathBuf,
    /// `{pid}-{n}`.
    owner: String,
    /// Held until the process ends, however it ends.
    _lock: File,
    counter: AtomicU64,
}

impl Temporary {
    /// Creates `folder` if it does not exist, and a prefix in it that no other process has.
    pub(super) fn open(folder: PathBuf) -> io::Result<Self> {
        fs::create_dir_all(&folder)?;
        let mut n = 0u32;
        loop {
            let owner = format!("{}-{n}", std::process::id());
            let path = folder.join(format!("{owner}{LOCK}"));
            match OpenOptions::new().write(true).create_new(true).mode(0o640).open(&path) {
                Ok(lock) => {
                    // A sweep between these two lines may take it for a dead process's.
                    if flock(&lock, FlockOperation::NonBlockingLockExclusive).is_ok() && path.exists() {
                        return Ok(Self { folder, owner, _lock: lock, counter: AtomicU64::new(0) });
                    }
                }
                Err(error) if error.kind() == ErrorKind::AlreadyExists => {}
                Err(error) => return Err(error),
            }
            n += 1;
        }
    }

    /// A unique path for the file that will be `name`.
    pub(super) fn path(&self, name: &str) -> PathBuf {
        let n = self.counter.fetch_add(1, Ordering::Relaxed);
        self.folder.join(format!("{}-{n}-{name}", self.owner))
    }

    /// Removes what dead processes left, and whatever is older than `age`. Answers how many.
    pub(super) fn sweep(&self, age: Duration) -> io::Result<u64> {
        let mut names: Vec<String> = fs::read_dir(&self.folder)?
            .filter_map(|entry| entry.ok()?.file_name().into_string().ok())
            .collect();
        // Locks last: a dead process's lock is what shows that its files may be removed.
        names.sort_by_key(|name| name.ends_with(LOCK));
        let mut removed = 0;
        for name in names {
            let path = self.folder.join(&name);
            let is_lock = name.ends_with(LOCK);
            let dead = owner_of(&name).is_some_and(|owner| owner != self.owner && self.is_dead(owner));
            // A lock that is held is in use, however old. A file that vanished meanwhile was removed by another.
            let stale = dead || (!is_lock && is_older(&path, age));
            if stale && fs::remove_file(&path).is_ok() {
                removed += u64::from(!is_lock);
            }
        }
        Ok(removed)
    }

    /// Whether the lock of `owner` exists and no process holds it.
    fn is_dead(&self, owner: &str) -> bool {
        File::open(self.folder.join(format!("{owner}{LOCK}")))
            .is_ok_and(|lock| flock(&lock, FlockOperation::NonBlockingLockExclusive).is_ok())
    }
}

impl Drop for Temporary {
    fn drop(&mut self) {
        // What remains is swept by the next one.
        let _ = fs::remove_file(self.folder.join(format!("{}{LOCK}", self.owner)));
    }
}

/// `{pid}-{n}` of `{pid}-{n}-{counter}-{name}` or `{pid}-{n}.lock`.
fn owner_of(name: &str) -> Option<&str> {
    if let Some(owner) = name.strip_suffix(LOCK) {
        return Some(owner);
    }
    let end = name.match_indices('-').nth(1)?.0;
    let owner = &name[..end];
    owner.bytes().all(|b| b.is_ascii_digit() || b == b'-').then_some(owner)
}

fn is_older(path: &Path, age: Duration) -> bool {
    let modified = fs::symlink_metadata(path).and_then(|m| m.modified());
    modified.is_ok_and(|at| at.elapsed().is_ok_and(|elapsed| elapsed >= age))
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOUR: Duration = Duration::from_secs(3600);

    #[test]
    fn sweeps_what_the_dead_left_and_spares_the_living() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(".tmp");
        let me = Temporary::open(path.clone()).unwrap();
        let other = Temporary::open(path.clone()).unwrap();
        let (mine, others) = (me.path("a.pdf"), other.path("a.pdf"));
        assert_ne!(mine, others);
        for file in [&mine, &others] {
            fs::write(file, "x").unwrap();
        }
        fs::write(path.join("77-0.lock"), "").unwrap();
        fs::write(path.join("77-0-5-b.pdf"), "x").unwrap();
        fs::write(path.join("77-1-5-no-lock.pdf"), "x").unwrap();
        assert_eq!(me.sweep(HOUR).unwrap(), 1);
        assert!(mine.exists() && others.exists() && path.join("77-1-5-no-lock.pdf").exists());
        assert!(!path.join("77-0-5-b.pdf").exists());
        drop(other);
        assert_eq!(me.sweep(Duration::ZERO).unwrap(), 3, "by age, whoever's");
        assert_eq!(fs::read_dir(&path).unwrap().count(), 1, "the lock of the living one");
    }

    #[test]
    fn owners_are_read_from_names() {
        assert_eq!(owner_of("12-0.lock"), Some("12-0"));
        assert_eq!(owner_of("12-0-3-3f2504e0-4f89.pdf"), Some("12-0"));
        for none in ["notes.txt", "a-b-c-d", "1-2"] {
            assert_eq!(owner_of(none), None, "{none}");
        }
    }
}
