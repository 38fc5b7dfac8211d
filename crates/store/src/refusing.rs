//! An embedded store whose file refuses writes: its disk is full, read-only or broken. Reads go on, so only a write finds out.

use std::sync::atomic::{AtomicBool, Ordering};

/// Whether the last write was refused. A process works on one file.
static REFUSED: AtomicBool = AtomicBool::new(false);

/// SQLite's primary codes of a disk that takes nothing: read-only, an error of input or output, full.
const DISK: [u32; 3] = [8, 10, 13];

/// Notes what an error's primary code says about the disk.
pub(crate) fn note(code: u32) {
    if DISK.contains(&code) {
        REFUSED.store(true, Ordering::Relaxed);
    }
}

/// The file takes no writes.
#[derive(Debug, thiserror::Error)]
#[error("the store's file takes no writes: {0}")]
pub(crate) struct TakesNoWrites(pub(crate) String);

/// Whether the last write was refused.
pub(crate) fn is_refused() -> bool {
    REFUSED.load(Ordering::Relaxed)
}

/// A write was taken again.
pub(crate) fn is_taken_again() {
    REFUSED.store(false, Ordering::Relaxed);
}
