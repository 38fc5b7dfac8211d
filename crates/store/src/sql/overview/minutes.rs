//! Payments in and tickets out by minute.

use jiff::{SignedDuration, Timestamp};

use crate::decide::sql_values::{Row, SqlValue, need};
use crate::sql::{Db, Sql, Transaction as _};
use crate::{Flow, Result, Throughput};

const MINUTE: SignedDuration = SignedDuration::from_mins(1);
const HOUR: SignedDuration = SignedDuration::from_hours(1);
/// How long after its end a minute is counted: what was received in it may be committed a little later.
const SETTLED: SignedDuration = SignedDuration::from_secs(5);

fn before(at: Timestamp, time: SignedDuration) -> Timestamp {
    at.checked_sub(time).unwrap_or(Timestamp::MIN)
}

fn beginning(at: Timestamp) -> Timestamp {
    Timestamp::from_second(at.as_second().div_euclid(60) * 60).unwrap_or(at)
}

pub(super) async fn count<S: Sql>(store: &S) -> Result<()> {
    let mut db = store.read().await?;
    let now = db.now().await?;
    let end = beginning(before(now, SETTLED));
    let first = before(end, HOUR);
    let row = db.fetch_one("SELECT max(minute) AS newest FROM minute_counts", &[]).await?;
    // A clock that was set back leaves minutes of the future: they are counted when their time comes.
    let newest = row.time("newest")?.filter(|newest| *newest < end);
    let mut minute = newest.map_or(first, |newest| newest.checked_add(MINUTE).unwrap_or(end).max(first));
    let mut counted = Vec::new();
    while minute < end {
        let next = minute.checked_add(MINUTE).unwrap_or(end);
        let sql = "SELECT (SELECT count(*) FROM inbox WHERE pruned_at IS NULL AND received_at >= $1 \
                   AND received_at < $2 AND outcome IN ('accepted', 'already_paid')) AS payments, \
                   (SELECT count(*) FROM outbox WHERE created_at >= $1 AND created_at < $2 \
                   AND kind = 'ticket-issued') AS tickets";
        counted.push((minute, flow_from(&db.fetch_one(sql, &[minute.into(), next.into()]).await?)?));
        minute = next;
    }
    drop(db);
    if counted.is_empty() {
        return Ok(());
    }
    let mut tx = store.begin().await?;
    let sql =
        "INSERT INTO minute_counts (minute, payments, tickets) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING";
    for (minute, flow) in counted {
        let number = |n: u64| SqlValue::Int(i64::try_from(n).unwrap_or(i64::MAX));
        tx.execute(sql, &[minute.into(), number(flow.payments), number(flow.tickets)]).await?;
    }
    tx.execute("DELETE FROM minute_counts WHERE minute < $1", &[before(first, HOUR).into()]).await?;
    tx.commit().await
}

pub(super) async fn throughput(db: &mut impl Db) -> Result<Throughput> {
    let since = before(db.now().await?, HOUR + MINUTE);
    let sql = "SELECT minute, payments, tickets FROM minute_counts WHERE minute > $1 AND minute <= @now ORDER BY minute";
    let mut throughput = Throughput::default();
    for row in db.fetch_all(sql, &[since.into()]).await? {
        let flow = flow_from(&row)?;
        throughput.last_hour.payments += flow.payments;
        throughput.last_hour.tickets += flow.tickets;
        throughput.last_minute = Some((need("minute", row.time("minute")?)?, flow));
    }
    Ok(throughput)
}

fn flow_from(row: &impl Row) -> Result<Flow> {
    Ok(Flow { payments: row.number("payments")?, tickets: row.number("tickets")? })
}
