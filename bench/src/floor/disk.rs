//! Measures how long the disk takes to sync a small write.

use std::fs::File;
use std::io::Write as _;
use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::Result;

/// What a small commit appends to a log.
const BYTES: usize = 8_192;

/// The sorted times of this many appends to a file in `folder`, each synced (`fdatasync`).
pub(crate) fn syncs(folder: &Path, count: usize) -> Result<Vec<Duration>> {
    let mut file = File::create(folder.join("synced"))?;
    let mut times = Vec::with_capacity(count);
    for n in 0..count {
        let begun = Instant::now();
        file.write_all(&[n.to_le_bytes()[0]; BYTES])?;
        file.sync_data()?;
        times.push(begun.elapsed());
    }
    times.sort();
    Ok(times)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_write_is_timed() {
        let folder = tempfile::tempdir().unwrap();
        let times = syncs(folder.path(), 3).unwrap();
        assert_eq!(times.len(), 3);
        assert!(times.is_sorted());
        assert_eq!(std::fs::metadata(folder.path().join("synced")).unwrap().len(), 3 * 8_192);
    }
}
