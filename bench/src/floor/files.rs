//! Measures durable file writes by a bare loop: write under a temporary name, one `syncfs` per group, rename, sync the
//! folder.

use std::fs::{self, File};
use std::io::Write as _;
use std::path::Path;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Result, anyhow};

/// How many groups are in progress at the same time, as in the service.
const AT_ONCE: usize = 2;

/// Files per second that can be made durable in `folder`, `size` bytes each, `group` files synced together.
pub(crate) fn measure(folder: &Path, size: usize, group: usize, time: Duration) -> Result<f64> {
    fs::create_dir_all(folder.join(".tmp"))?;
    // A PDF is already compressed, so these are bytes that no layer below can compress.
    let mut state = 0x9E37_79B9_7F4A_7C15_u64;
    let content: Vec<u8> = std::iter::repeat_with(|| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state.to_le_bytes()
    })
    .take(size.div_ceil(8))
    .flatten()
    .take(size)
    .collect();
    let begun = Instant::now();
    let written = thread::scope(|scope| {
        let writer = |writer: usize| {
            let content = &content;
            scope.spawn(move || -> Result<usize> {
                let mut written = 0;
                while begun.elapsed() < time {
                    write_group(folder, content, &format!("{writer}-{written}"), group)?;
                    written += group;
                }
                Ok(written)
            })
        };
        let writers: Vec<_> = (0..AT_ONCE).map(writer).collect();
        let ended = writers.into_iter().map(|w| w.join().map_err(|_| anyhow!("a writer panicked"))?);
        ended.sum::<Result<usize>>()
    })?;
    Ok(written as f64 / begun.elapsed().as_secs_f64())
}

fn write_group(folder: &Path, content: &[u8], name: &str, group: usize) -> Result<()> {
    let handle = File::open(folder)?;
    let names: Vec<_> = (0..group).map(|index| format!("{name}-{index}.pdf")).collect();
    for name in &names {
        File::create_new(folder.join(".tmp").join(name))?.write_all(content)?;
    }
    rustix::fs::syncfs(&handle)?;
    for name in &names {
        fs::rename(folder.join(".tmp").join(name), folder.join(name))?;
    }
    handle.sync_all()?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whole_files_are_left_and_counted() {
        let folder = tempfile::tempdir().unwrap();
        let rate = measure(folder.path(), 1001, 8, Duration::from_millis(20)).unwrap();
        assert!(rate > 0.0);
        let files: Vec<_> = fs::read_dir(folder.path())
            .unwrap()
            .map(|entry| entry.unwrap().path())
            .filter(|p| p.is_file())
            .collect();
        assert!(!files.is_empty() && files.len() % 8 == 0, "{}", files.len());
        assert!(files.iter().all(|path| fs::metadata(path).unwrap().len() == 1001));
        assert_eq!(fs::read_dir(folder.path().join(".tmp")).unwrap().count(), 0);
    }
}
