//! The limit of open files (`RLIMIT_NOFILE`): every connection takes one.

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use tracing::warn;

/// Open files besides connections: the store, tickets, Kafka, upstreams.
const OTHERS: u64 = 512;
/// Connections are served even where the limit leaves none.
const LEAST: usize = 16;

/// Raises the limit for this many connections as far as this process may, and returns how many there is room for.
pub(crate) fn room_for(connections: usize) -> usize {
    let wanted = connections as u64 + OTHERS;
    let limit = getrlimit(Resource::Nofile);
    if limit.current.is_some_and(|current| current < wanted) {
        let current = Some(limit.maximum.map_or(wanted, |maximum| maximum.min(wanted)));
        if let Err(error) = setrlimit(Resource::Nofile, Rlimit { current, maximum: limit.maximum }) {
            warn!(%error, "the limit of open files cannot be raised");
        }
    }
    let Some(current) = getrlimit(Resource::Nofile).current else { return connections };
    let room = usize::try_from(current.saturating_sub(OTHERS)).unwrap_or(usize::MAX).max(LEAST);
    if room < connections {
        warn!(
            open_files = current,
            connections = room,
            "the limit of open files leaves room for fewer connections than http.max_connections: raise it (ulimit -n, \
             LimitNOFILE)"
        );
    }
    room.min(connections)
}
