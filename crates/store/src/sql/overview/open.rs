//! Open work. Each kind is read by an index that holds open work only, and up to a limit.

use jiff::{SignedDuration, Timestamp};

use crate::decide::sql_values::{Row, SqlValue, need};
use crate::sql::Db;
use crate::{DestinationBacklog, OPEN_LIMIT, OpenGroup, Result};

/// How long an order may wait to be asked about before it is open work: a queue in motion is none.
const UNASKED: SignedDuration = SignedDuration::from_mins(1);
/// How long after an event its conflicts are still of interest.
const AFTER_EVENT: SignedDuration = SignedDuration::from_hours(24);

/// The orders are those of partial indexes, so that SQLite takes them and not another one that is partial too.
///
/// Groups as `what`, `word`, `n`, `since`, `example`. `$1` is the limit, `$2` a minute ago, `$3` a day ago.
pub(crate) const OPEN: &str = "SELECT 'unissued' AS what, CAST(NULL AS TEXT) AS word, count(*) AS n, min(q.received_at) AS since, \
     CAST(NULL AS TEXT) AS example FROM (SELECT received_at FROM orders \
     WHERE state IN ('received', 'enriched') AND payment_key <> '' LIMIT $1) AS q \
     UNION ALL SELECT 'for_ordering', q.reason, count(*), min(q.received_at), min(CAST(q.order_id AS TEXT)) \
     FROM (SELECT order_id, reason, received_at FROM orders WHERE state = 'received' AND payment_key <> '' \
     AND (reason IS NOT NULL OR received_at < $2) LIMIT $1) AS q GROUP BY q.reason \
     UNION ALL SELECT 'for_tickets', q.reason, count(*), min(q.received_at), min(CAST(q.order_id AS TEXT)) \
     FROM (SELECT order_id, reason, received_at FROM orders WHERE state = 'enriched' AND worker IS NULL \
     AND (reason IS NOT NULL OR received_at < $2) LIMIT $1) AS q GROUP BY q.reason \
     UNION ALL SELECT 'parked_order', q.reason, count(*), min(q.since), min(CAST(q.order_id AS TEXT)) \
     FROM (SELECT order_id, reason, coalesce(parked_at, received_at) AS since FROM orders WHERE state = 'parked' \
     LIMIT $1) AS q GROUP BY q.reason \
     UNION ALL SELECT 'failed_ticket', q.last_error, count(*), min(q.updated_at), min(CAST(q.id AS TEXT)) \
     FROM (SELECT id, last_error, updated_at FROM tickets WHERE status IN ('Pending', 'Failed') \
     AND voided_at IS NULL AND status = 'Failed' ORDER BY order_id, ticket_index LIMIT $1) AS q GROUP BY q.last_error \
     UNION ALL SELECT 'parked_refund', q.note, count(*), min(q.received_at), min(q.key) \
     FROM (SELECT key, note, received_at FROM withdrawals WHERE state IN ('waiting', 'parked') \
     AND state = 'parked' LIMIT $1) AS q GROUP BY q.note \
     UNION ALL SELECT q.kind, q.reason, count(*), min(q.received_at), CAST(min(q.id) AS TEXT) \
     FROM (SELECT id, kind, reason, received_at FROM dead_letters WHERE closed_at IS NULL LIMIT $1) AS q \
     GROUP BY q.kind, q.reason \
     UNION ALL SELECT 'attention', q.reason, count(*), min(q.since), min(CAST(q.order_id AS TEXT)) \
     FROM (SELECT order_id, reason, since FROM order_attention WHERE acknowledged_at IS NULL AND shows_at <= @now \
     LIMIT $1) AS q GROUP BY q.reason \
     UNION ALL SELECT 'seat_conflict', CAST(NULL AS TEXT), count(*), min(q.created_at), min(CAST(q.id AS TEXT)) \
     FROM (SELECT t.id, t.created_at FROM tickets t JOIN seats s ON s.event_id = t.event_id AND s.seat_key = t.seat_key \
     WHERE @strpos(t.flags, 'seat_conflict') > 0 AND t.voided_at IS NULL AND s.ticket_id <> t.id \
     AND (coalesce(t.event_ends_at, t.event_starts_at) IS NULL OR coalesce(t.event_ends_at, t.event_starts_at) > $3) \
     ORDER BY t.event_id, t.seat_key LIMIT $1) AS q \
     UNION ALL SELECT 'check_in_conflict', CAST(NULL AS TEXT), q.conflicts, q.conflicts_since, q.event_id \
     FROM (SELECT c.conflicts, c.conflicts_since, e.event_id FROM event_counts c \
     JOIN events e ON e.number = c.event_number WHERE c.conflicts > 0 AND (c.over_at IS NULL OR c.over_at > @now) \
     LIMIT $1) AS q";

/// Reads them. A kind without any open work is absent.
pub(super) async fn groups(db: &mut impl Db) -> Result<Vec<OpenGroup>> {
    let now = db.now().await?;
    let before = |time: SignedDuration| now.checked_sub(time).unwrap_or(Timestamp::MIN);
    let cells = [limit(), before(UNASKED).into(), before(AFTER_EVENT).into()];
    let rows = db.fetch_all(OPEN, &cells).await?;
    let groups = rows.iter().map(|row| {
        Ok(OpenGroup {
            work: row.word("what")?,
            text: row.text("word")?,
            count: row.number("n")?,
            since: row.time("since")?,
            example: row.text("example")?,
        })
    });
    let mut groups = groups.collect::<Result<Vec<_>>>()?;
    groups.retain(|group| group.count > 0);
    Ok(groups)
}

/// As the statement in `destinations`, each count up to `$1`.
pub(crate) const DELIVERIES: &str = "WITH RECURSIVE waiting (name) AS (SELECT min(destination) FROM outbox_delivery \
     WHERE state = 'pending' UNION ALL SELECT (SELECT min(destination) FROM outbox_delivery \
     WHERE state = 'pending' AND destination > w.name) FROM waiting w WHERE w.name IS NOT NULL), \
     parked (name) AS (SELECT min(destination) FROM outbox_delivery WHERE state = 'parked' \
     UNION ALL SELECT (SELECT min(destination) FROM outbox_delivery \
     WHERE state = 'parked' AND destination > p.name) FROM parked p WHERE p.name IS NOT NULL) \
     SELECT n.name, \
     (SELECT count(*) FROM (SELECT 1 FROM outbox_delivery d WHERE d.destination = n.name AND d.state = 'pending' \
     LIMIT $1) AS few) AS waiting, \
     (SELECT count(*) FROM (SELECT 1 FROM outbox_delivery d WHERE d.destination = n.name AND d.state = 'parked' \
     LIMIT $1) AS few) AS parked, \
     (SELECT min(o.created_at) FROM outbox o WHERE o.id IN \
     (SELECT d.outbox_id FROM outbox_delivery d WHERE d.destination = n.name AND d.state = 'pending' \
     ORDER BY d.due_at, d.outbox_id LIMIT 1)) AS oldest_waiting, \
     (SELECT min(o.created_at) FROM outbox o WHERE o.id IN (SELECT few.outbox_id FROM (SELECT d.outbox_id \
     FROM outbox_delivery d WHERE d.destination = n.name AND d.state = 'parked' LIMIT $1) AS few \
     ORDER BY few.outbox_id LIMIT 1)) AS oldest_parked, \
     (SELECT d.reason FROM outbox_delivery d WHERE d.destination = n.name AND d.state = 'parked' LIMIT 1) AS refusal, \
     (SELECT d.reason FROM outbox_delivery d WHERE d.destination = n.name AND d.state = 'pending' \
     ORDER BY d.due_at, d.outbox_id LIMIT 1) AS reason \
     FROM (SELECT name FROM waiting UNION SELECT name FROM parked) AS n WHERE n.name IS NOT NULL ORDER BY n.name";

pub(super) async fn deliveries(db: &mut impl Db) -> Result<Vec<DestinationBacklog>> {
    let rows = db.fetch_all(DELIVERIES, &[limit()]).await?;
    let backlog = rows.iter().map(|row| {
        let oldest = [row.time("oldest_waiting")?, row.time("oldest_parked")?];
        Ok(DestinationBacklog {
            name: need("name", row.text("name")?)?,
            waiting: row.number("waiting")?,
            parked: row.number("parked")?,
            since: oldest.into_iter().flatten().min(),
            reason: row.text("refusal")?.or(row.text("reason")?),
        })
    });
    backlog.collect()
}

pub(super) fn limit() -> SqlValue<'static> {
    SqlValue::limit(usize::try_from(OPEN_LIMIT).unwrap_or(usize::MAX))
}
