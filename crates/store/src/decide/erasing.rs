//! Shared code and SQL for removing personal data.

use fulfillment_domain::event::NAMESPACE;
use fulfillment_domain::{OrderState, TicketId, TicketStatus};
use uuid::Uuid;

use crate::Result;
use crate::decide::reissuing::GENERATIONS;
use crate::decide::sql_values::{Row, need};
use crate::decide::withdrawing::{Effects, End, OrderFacts};

/// Why an order that was not issued is void.
const WHY: &str = "its personal data was erased before it was issued";

/// The order itself; `$1` is its id, `$2` now. A worker that has claimed it loses the claim.
pub(crate) const ORDER: &str = "UPDATE orders SET snapshot = NULL, refused_answer = NULL, traceparent = NULL, \
     erased_at = coalesce(erased_at, $2), fence = fence + 1, worker = NULL, due_at = NULL, refresh = 0, \
     reason = CASE WHEN state = 'voided' AND erased_at IS NULL THEN 'voided; its personal data was erased' ELSE reason END, \
     updated_at = $2 WHERE order_id = $1";

/// Its tickets; `$1` is the order, `$2` now.
pub(crate) const TICKETS: &str = "UPDATE tickets SET customer_email = '', customer_id = NULL, customer_name = NULL, \
     holder_name = NULL, holder_email = NULL, sha256 = NULL, size = NULL, last_error = NULL, \
     void_reason = CASE WHEN voided_at IS NULL THEN NULL ELSE 'erased' END, \
     erased_at = coalesce(erased_at, $2), updated_at = $2 WHERE order_id = $1";

/// Rows about the order in other tables, each by `$1`, the order.
pub(crate) const BESIDE: [&str; 10] = [
    "DELETE FROM people WHERE order_id = $1",
    "DELETE FROM search_words WHERE place IN (SELECT place FROM search_orders WHERE order_id = $1)",
    "DELETE FROM ticket_drafts WHERE ticket_id IN (SELECT id FROM tickets WHERE order_id = $1)",
    "UPDATE ticket_revisions SET record = '{}', why = NULL, request = NULL \
     WHERE ticket_id IN (SELECT id FROM tickets WHERE order_id = $1)",
    "UPDATE ticket_history SET why = NULL WHERE why IS NOT NULL \
     AND ticket_id IN (SELECT id FROM tickets WHERE order_id = $1)",
    "UPDATE payments SET customer_id = NULL, transaction_id = NULL WHERE order_id = $1 \
     AND (customer_id IS NOT NULL OR transaction_id IS NOT NULL)",
    "UPDATE withdrawals SET reason = NULL WHERE order_id = $1 AND reason IS NOT NULL",
    "UPDATE withdrawals SET note = 'erased' WHERE order_id = $1 AND state = 'lifted' AND note <> 'reinstated'",
    "UPDATE order_attention SET acknowledged_why = 'erased' WHERE order_id = $1 AND acknowledged_why IS NOT NULL",
    "UPDATE check_ins SET override_reason = 'erased' WHERE override_reason IS NOT NULL \
     AND ticket_id IN (SELECT id FROM tickets WHERE order_id = $1)",
];

/// Its raw messages; `$1` is the order, `$2` now.
pub(crate) const MESSAGES: &str = "UPDATE inbox SET raw = NULL, headers = NULL, key = NULL, pruned_at = $2 \
     WHERE order_id = $1 AND pruned_at IS NULL";

/// One dead letter; `$1` is its row, `$2` now, `$3` and `$4` no content and no headers.
pub(crate) const LETTER: &str = "UPDATE dead_letters SET raw = $3, key = NULL, headers = $4, \
     closed_at = coalesce(closed_at, $2), closed_as = coalesce(closed_as, 'dropped'), note = 'erased' WHERE id = $1";

/// The event that reported a dead letter.
pub(crate) fn letter_event(row: &impl Row) -> Result<Uuid> {
    let fingerprint = need("fingerprint", row.bytes("fingerprint")?)?;
    Ok(Uuid::new_v5(&NAMESPACE, format!("dead-letter|{}", hex::encode(fingerprint)).as_bytes()))
}

/// The end of an order whose tickets cannot be made any more.
pub(crate) fn effects(facts: &OrderFacts) -> Effects {
    if facts.is_void()
        || !matches!(facts.state, OrderState::Received | OrderState::Enriched | OrderState::Parked)
    {
        return Effects::default();
    }
    let live = || facts.tickets.iter().filter(|t| !t.is_void);
    let has_file = |s: TicketStatus| matches!(s, TicketStatus::Generated | TicketStatus::Delivered);
    let voided = live().filter(|t| !has_file(t.status)).map(|t| (t.id, WHY.to_owned())).collect();
    let end = if live().any(|t| has_file(t.status)) { End::Issued } else { End::Voided(WHY.to_owned()) };
    Effects { voided, end: Some(end), ..Effects::default() }
}

/// Reads `id, ticket_pdf_path, generations` of a ticket: every name that a file of it can have.
pub(crate) fn files_from(row: &impl Row) -> Result<(TicketId, Vec<String>)> {
    let id = need("id", row.ticket_id("id")?)?;
    let generations: i64 = row.number("generations")?;
    let mut files = vec![format!("{id}.pdf")];
    files.extend((1..=generations.min(GENERATIONS.into())).map(|n| format!("{id}.g{n}.pdf")));
    if let Some(path) = row.text("ticket_pdf_path")?.filter(|path| !files.contains(path)) {
        files.push(path);
    }
    Ok((id, files))
}
