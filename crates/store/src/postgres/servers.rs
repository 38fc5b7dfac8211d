//! The servers that a URL names, and which of them takes writes.
//!
//! After a failover the former primary is gone, or it is a standby that answers and refuses every write. The driver knows
//! one server, so the choice is ours: several hosts in the URL are tried in their order, and a server that turns out to
//! be read-only is left. Its open connections are closed as soon as an error shows that it changed its role.

use std::time::{Duration, Instant};

use sqlx::postgres::PgConnectOptions;
use sqlx::{Connection as _, PgConnection};
use tracing::{info, warn};

use crate::demoted::{ReadOnly, leave};
use crate::error::unavailable;
use crate::{Result, StoreError};

/// How long one server may take to answer.
const PATIENCE: Duration = Duration::from_secs(2);
/// Between two rounds over all servers.
const PAUSE: Duration = Duration::from_millis(250);

/// The options of each server that a URL names: `postgres://user@one:5432,two/database` names two.
///
/// # Errors
/// [`StoreError::Incompatible`] for a URL that cannot be parsed.
pub(crate) fn servers(url: &str) -> Result<Vec<PgConnectOptions>> {
    let Some((scheme, rest)) = url.split_once("://") else { return Ok(vec![url.parse()?]) };
    let (authority, tail) = rest.split_at(rest.find(['/', '?', '#']).unwrap_or(rest.len()));
    let (user, hosts) = authority.rsplit_once('@').map_or(("", authority), |(user, hosts)| (user, hosts));
    let at = if authority.contains('@') { "@" } else { "" };
    let one = |host: &str| Ok(format!("{scheme}://{user}{at}{host}{tail}").parse::<PgConnectOptions>()?);
    hosts.split(',').map(one).collect()
}

/// Whether the server of a connection refuses writes.
pub(super) const IS_READ_ONLY: &str =
    "SELECT pg_is_in_recovery() OR current_setting('transaction_read_only')::boolean";

/// The first server that takes writes, tried for `patience`.
pub(super) async fn primary(servers: &[PgConnectOptions], patience: Duration) -> Result<PgConnectOptions> {
    if let [only] = servers {
        return Ok(only.clone());
    }
    let began = Instant::now();
    loop {
        let mut last = unavailable(ReadOnly);
        for server in servers {
            match tokio::time::timeout(PATIENCE, takes_writes(server)).await {
                Ok(Ok(true)) => return Ok(server.clone()),
                Ok(Ok(false)) => {}
                Ok(Err(error)) => last = error,
                Err(_) => last = unavailable("it does not answer"),
            }
        }
        if began.elapsed() + PAUSE >= patience {
            let hosts: Vec<_> = servers.iter().map(PgConnectOptions::get_host).collect();
            return Err(match last {
                StoreError::Unavailable(error) => {
                    unavailable(format!("none of {} takes writes; the last: {error}", hosts.join(", ")))
                }
                other => other,
            });
        }
        tokio::time::sleep(PAUSE).await;
    }
}

async fn takes_writes(server: &PgConnectOptions) -> Result<bool> {
    let mut db = PgConnection::connect_with(server).await?;
    let read_only: bool = sqlx::query_scalar(IS_READ_ONLY).fetch_one(&mut db).await?;
    let _ = db.close().await;
    Ok(!read_only)
}

/// Looks for a server that takes writes, and makes the pool use it from now on.
pub(super) async fn follow(pool: &sqlx::PgPool, servers: &[PgConnectOptions]) {
    let before = pool.connect_options();
    match primary(servers, PATIENCE).await {
        Ok(server) if server.get_host() == before.get_host() && server.get_port() == before.get_port() => {}
        Ok(server) => {
            info!(
                host = server.get_host(),
                port = server.get_port(),
                "another database server is the primary now"
            );
            pool.set_connect_options(server);
            leave();
        }
        Err(error) => warn!(%error, "no database server takes writes"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_can_name_several_servers() {
        let hosts = |url: &str| -> Vec<(String, u16)> {
            let servers = servers(url).unwrap();
            servers.iter().map(|s| (s.get_host().to_owned(), s.get_port())).collect()
        };
        assert_eq!(
            hosts("postgres://u:p@one:1,two:2/d?sslmode=disable"),
            [("one".into(), 1), ("two".into(), 2)]
        );
        assert_eq!(hosts("postgres://one,two/d"), [("one".into(), 5432), ("two".into(), 5432)]);
        assert_eq!(hosts("postgresql://u@one/d"), [("one".into(), 5432)]);
        let both = servers("postgres://u:p@one,two/d").unwrap();
        assert!(both.iter().all(|s| s.get_username() == "u" && s.get_database() == Some("d")));
        assert!(servers("postgres://a:b:c/d").is_err());
    }
}
