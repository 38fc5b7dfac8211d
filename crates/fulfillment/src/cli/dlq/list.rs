//! `dlq list`: lists what needs an operator, one line each.

use fulfillment_store::{Attention, ClosedAs, DeadLetterRecord, ParkedOrder, Store, WithdrawalRecord};
use jiff::Timestamp;
use serde::Serialize;
use serde_json::{Value, json};

use super::super::Context;
use crate::error::CliError;

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Listed {
    letters: Vec<Value>,
    orders: Vec<Value>,
    refunds: Vec<WithdrawalRecord>,
    attention: Vec<Attention>,
}

pub(super) async fn list(
    context: &Context,
    store: &dyn Store,
    closed: bool,
    limit: usize,
) -> Result<(), CliError> {
    let letters = store.dead_letters(0, closed, limit).await?;
    let orders = store.parked_orders(limit).await?;
    let refunds = store.open_withdrawals(limit).await?;
    let attention = store.attention(limit).await?;
    let open = letters.iter().any(|l| l.closed_at.is_none());
    let parked_refunds = refunds.iter().any(|w| w.state.as_str() == "parked");
    let apart = open || parked_refunds || !orders.is_empty() || !attention.is_empty();
    let rows = letters.iter().map(Line::of_letter);
    let rows = rows.chain(orders.iter().map(Line::of_order)).chain(refunds.iter().map(Line::of_refund));
    let rows: Vec<_> = rows.chain(attention.iter().map(Line::of_attention)).collect();
    let listed = Listed {
        letters: letters.iter().map(brief).collect(),
        orders: orders.iter().map(parked).collect(),
        refunds,
        attention,
    };
    context.answer(&listed, |_| table(&rows))?;
    if apart { Err(CliError::failed("")) } else { Ok(()) }
}

/// One item of the list, for people.
struct Line([String; 6]);

/// The headings of the columns.
const HEADER: [&str; 6] = ["KIND", "ID", "STATE", "SINCE", "ORDER", "WHY"];

impl Line {
    fn new(kind: &str, id: String, state: &str, since: Option<Timestamp>, order: String, why: &str) -> Self {
        let since = since.map_or_else(none, |at| format!("{at:.0}"));
        // One line each, whatever text the item contains.
        let why = why.split_whitespace().collect::<Vec<_>>().join(" ");
        let why = if why.is_empty() { none() } else { why };
        Self([kind.to_owned(), id, state.to_owned(), since, order, why])
    }

    fn of_letter(letter: &DeadLetterRecord) -> Self {
        let state = letter.closed_as.map_or(letter.kind.as_str(), ClosedAs::as_str);
        let order = letter.order_id.map_or_else(none, |order| order.to_string());
        let field = letter.field.as_deref().filter(|field| !letter.reason.starts_with(field));
        let field = field.map(|field| format!("{field} ")).unwrap_or_default();
        let note = letter.note.as_deref().map(|note| format!("; {note}")).unwrap_or_default();
        let why = format!("{field}{} (from {}){note}", letter.reason, letter.source);
        let kind = letter.about.as_str();
        Self::new(kind, letter.id.to_string(), state, Some(letter.received_at), order, &why)
    }

    fn of_order(order: &ParkedOrder) -> Self {
        let id = order.order_id.to_string();
        Self::new("order", id.clone(), "parked", order.parked_at, id, order.reason.as_deref().unwrap_or(""))
    }

    fn of_refund(refund: &WithdrawalRecord) -> Self {
        let (key, order) = (refund.key.clone(), refund.order_id.to_string());
        let why = refund.note.as_deref().unwrap_or("");
        // A key begins with its kind: `refund:R-18`.
        Self::new(refund.kind.as_str(), key, refund.state.as_str(), Some(refund.received_at), order, why)
    }

    fn of_attention(attention: &Attention) -> Self {
        let id = attention.order_id.to_string();
        let reason = attention.reason.as_str();
        Self::new("attention", id.clone(), reason, Some(attention.since), id, &attention.detail)
    }
}

fn none() -> String {
    "-".to_owned()
}

/// The lines under their header, each column as wide as its longest cell.
fn table(lines: &[Line]) -> String {
    if lines.is_empty() {
        return "nothing needs an operator".to_owned();
    }
    let header = Line(HEADER.map(str::to_owned));
    let all = || std::iter::once(&header).chain(lines);
    let width = |column: usize| all().map(|line| line.0[column].chars().count()).max().unwrap_or_default();
    let widths: [usize; 6] = std::array::from_fn(width);
    let printed = all().map(|Line(cells)| {
        let cells = cells.iter().zip(widths).map(|(cell, width)| format!("{cell:<width$}"));
        cells.collect::<Vec<_>>().join("  ").trim_end().to_owned()
    });
    crate::terminal::lines(printed)
}

pub(super) fn brief(letter: &DeadLetterRecord) -> Value {
    json!({
        "id": letter.id, "kind": letter.kind, "about": letter.about.as_str(), "orderId": letter.order_id,
        "reason": letter.reason, "field": letter.field, "source": letter.source,
        "receivedAt": letter.received_at, "attempts": letter.attempts, "bytes": letter.bytes,
        "closedAt": letter.closed_at, "closedAs": letter.closed_as, "note": letter.note,
    })
}

fn parked(order: &ParkedOrder) -> Value {
    json!({
        "orderId": order.order_id, "reason": order.reason, "attempts": order.attempts,
        "parkedAt": order.parked_at, "nextAttemptAt": order.next_attempt_at,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_has_the_same_columns() {
        let order: fulfillment_domain::OrderId = "7d444840-9dc0-11d1-b245-5ffdce74fad2".parse().unwrap();
        let at = "2026-11-22T18:30:00.123456Z".parse().unwrap();
        let letter = DeadLetterRecord {
            id: 17,
            kind: fulfillment_store::LetterKind::Unreadable,
            about: fulfillment_domain::Subject::Payment,
            order_id: None,
            reason: "is not\na number".into(),
            field: Some("amount".into()),
            source: "payment-succeeded/3@12".into(),
            source_timestamp: None,
            bytes: 0,
            received_at: at,
            attempts: 0,
            closed_at: None,
            closed_as: None,
            note: None,
        };
        let parked = ParkedOrder {
            order_id: order,
            reason: None,
            attempts: 3,
            parked_at: Some(at),
            next_attempt_at: None,
        };
        let attention = Attention {
            order_id: order,
            reason: fulfillment_store::AttentionReason::Overpaid,
            detail: "paid 20, costs 10".into(),
            since: at,
            shows_at: at,
        };
        let lines = [Line::of_letter(&letter), Line::of_order(&parked), Line::of_attention(&attention)];
        let text = table(&lines);
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!(lines.len(), 4, "{text}");
        for (column, cells) in [
            ("KIND", ["payment", "order", "attention"]),
            ("ID", ["17", &order.to_string(), &order.to_string()]),
            ("STATE", ["unreadable", "parked", "overpaid"]),
            ("SINCE", ["2026-11-22T18:30:00Z"; 3]),
            ("ORDER", ["-", &order.to_string(), &order.to_string()]),
            ("WHY", ["amount is not a number (from payment-succeeded/3@12)", "-", "paid 20, costs 10"]),
        ] {
            let at = lines[0].find(column).unwrap();
            for (line, cell) in lines[1..].iter().zip(cells) {
                assert!(line[at..].starts_with(cell), "{column}:\n{text}");
            }
        }
        assert_eq!(table(&[]), "nothing needs an operator");
    }
}
