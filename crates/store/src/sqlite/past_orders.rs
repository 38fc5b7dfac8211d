//! Which orders are past, for the erasure of old ones: times are compared in another way than in PostgreSQL.

/// Whether the event of the ticket `$t` is past since `$1`, or `$2` where its hours are not known. Times that are none
/// (see `event_time` in the domain) say nothing, and an end counts where it is not before the start nor far behind it.
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

/// Orders all of whose events are past, as far as they have dates. The plain comparison goes first: it is fast, and
/// leaves out nearly all that are not.
pub(super) const PAST_ORDERS: &str = concat!(
    "SELECT DISTINCT order_id FROM tickets t WHERE erased_at IS NULL \
     AND (t.event_starts_at < $1 OR t.event_ends_at < $1) AND ",
    is_past!("t"),
    " AND NOT EXISTS (SELECT 1 FROM tickets o WHERE o.order_id = t.order_id AND NOT ",
    is_past!("o"),
    ") LIMIT $3"
);
