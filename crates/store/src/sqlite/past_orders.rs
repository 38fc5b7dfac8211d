//! Past orders, for the erasure of old ones: times are compared differently than in PostgreSQL.

/// Whether the event of the ticket `$t` was over before `$1`, or before `$2` where its hours are unknown. Placeholder
/// times (see `event_time` in the domain) are ignored, and an end counts where it is neither before the start nor too
/// long after it.
macro_rules! is_past {
    ($t:literal) => {
        concat!(
            "(SELECT max(coalesce(starts, ends), \
               CASE WHEN starts IS NULL OR julianday(ends) - julianday(starts) <= 400 THEN ends ELSE starts END) FROM \
              (SELECT CASE WHEN ", $t, ".event_starts_at >= '2000' AND ", $t, ".event_starts_at < '2200' \
                      THEN ", $t, ".event_starts_at END AS starts, \
                      CASE WHEN ", $t, ".event_ends_at >= '2000' AND ", $t, ".event_ends_at < '2200' \
                      THEN ", $t, ".event_ends_at END AS ends)) \
             < CASE WHEN ", $t, ".flags LIKE '%without_hour%' THEN $2 ELSE $1 END"
        )
    };
}

/// The first of the times of the ticket `t`'s event, as the index `tickets_past` has it.
macro_rules! first {
    () => {
        "min(coalesce(t.event_starts_at, t.event_ends_at), coalesce(t.event_ends_at, t.event_starts_at))"
    };
}

/// Orders whose dated events are all past, those of the earliest first. The plain comparison comes first: it is in an
/// index, and excludes nearly all other orders.
pub(super) const PAST_ORDERS: &str = concat!(
    "SELECT DISTINCT order_id FROM (SELECT t.order_id FROM tickets t WHERE t.erased_at IS NULL AND ",
    first!(),
    " < $1 AND ",
    is_past!("t"),
    " AND NOT EXISTS (SELECT 1 FROM tickets o WHERE o.order_id = t.order_id AND NOT ",
    is_past!("o"),
    ") ORDER BY ",
    first!(),
    " LIMIT $3)"
);
