//! How many streams of news are open, in all and by token: one scanner that connects again and again without closing must
//! not take the news of voids from all others.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::access::Caller;
use crate::problem::{Kind, Problem};

/// In all. Each is a connection and a few hundred bytes.
const MOST: usize = 1_024;

/// With one token, which the scanners of a venue may share.
pub(crate) const OF_TOKEN: usize = 256;

/// With the token of one device.
pub(crate) const OF_DEVICE: usize = 8;

/// The open streams.
pub(crate) struct DoorStreams {
    all: Arc<Semaphore>,
    by_caller: Mutex<HashMap<String, usize>>,
}

impl Default for DoorStreams {
    fn default() -> Self {
        Self { all: Arc::new(Semaphore::new(MOST)), by_caller: Mutex::default() }
    }
}

impl DoorStreams {
    /// A place, as long as it is kept.
    ///
    /// # Errors
    /// All places are taken, or all that one token may have.
    pub(crate) fn open(self: &Arc<Self>, caller: &Caller) -> Result<Place, Problem> {
        let full = |what: &str| Problem::new(Kind::TooManyStreams, what).retry_after(10);
        let all = Arc::clone(&self.all)
            .try_acquire_owned()
            .map_err(|_| full("Close streams that are no longer read, or try again later."))?;
        let most = if caller.device().is_some() { OF_DEVICE } else { OF_TOKEN };
        let caller = caller.actor().to_string();
        let mut by_caller = self.by_caller.lock().unwrap_or_else(PoisonError::into_inner);
        let open = by_caller.entry(caller.clone()).or_default();
        if *open >= most {
            return Err(full(&format!(
                "This token has {most} streams open: close those that are no longer read."
            )));
        }
        *open += 1;
        drop(by_caller);
        Ok(Place { streams: Arc::clone(self), caller, _all: all })
    }
}

/// One open stream.
pub(crate) struct Place {
    streams: Arc<DoorStreams>,
    caller: String,
    _all: OwnedSemaphorePermit,
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut by_caller = self.streams.by_caller.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(open) = by_caller.get_mut(&self.caller) {
            *open = open.saturating_sub(1);
            if *open == 0 {
                by_caller.remove(&self.caller);
            }
        }
    }
}
