//! `dlq show`: shows one item in full.

use std::io::{IsTerminal as _, Write as _};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use fulfillment_pipeline::operations::Listed;
use fulfillment_store::{Store, WholeDeadLetter};
use serde_json::{Value, json};

use super::super::{Context, print_line};
use super::list::brief;
use crate::error::CliError;

pub(super) async fn show(
    context: &Context,
    store: &dyn Store,
    what: &Listed,
    raw: bool,
) -> Result<(), CliError> {
    let none = || CliError::failed("no such message, order or refund");
    let value = match what {
        Listed::Letter(id) => {
            let letter = store.dead_letter(*id).await?.ok_or_else(none)?;
            if raw {
                let mut out = std::io::stdout();
                if out.is_terminal() {
                    print_line(&String::from_utf8_lossy(&letter.raw));
                } else {
                    let _ = out.write_all(&letter.raw);
                }
                return Ok(());
            }
            whole(&letter)
        }
        Listed::Order(order) => {
            let record = store.order(*order).await?.ok_or_else(none)?;
            let messages: Vec<_> = store
                .messages_of(*order)
                .await?
                .into_iter()
                .map(|m| {
                    json!({
                        "source": m.source, "outcome": m.outcome, "receivedAt": m.received_at,
                        "key": m.key.as_deref().map(told), "headers": headers(&m.headers),
                        "raw": m.raw.as_deref().map(told),
                    })
                })
                .collect();
            json!({
                "orderId": order, "state": record.state, "reason": record.reason, "attempts": record.attempts,
                "nextAttemptAt": record.next_attempt_at, "messages": messages,
            })
        }
        Listed::Refund(key) => {
            let open = store.open_withdrawals(usize::MAX).await?;
            let refund = open.into_iter().find(|w| w.key == *key).ok_or_else(none)?;
            serde_json::to_value(refund).map_err(anyhow::Error::from)?
        }
        Listed::Event(_) => return Err(none()),
    };
    context.answer(&value, |value| serde_json::to_string_pretty(value).unwrap_or_default())
}

fn whole(letter: &WholeDeadLetter) -> Value {
    let mut value = brief(&letter.record);
    value["key"] = letter.key.as_deref().map(told).into();
    value["headers"] = headers(&letter.headers);
    value["raw"] = told(&letter.raw);
    value
}

fn headers(headers: &[(String, Vec<u8>)]) -> Value {
    headers.iter().map(|(name, value)| json!([name, told(value)])).collect()
}

/// Bytes as text if they are text, otherwise as base64.
fn told(bytes: &[u8]) -> Value {
    match std::str::from_utf8(bytes) {
        Ok(text) => text.into(),
        Err(_) => json!({ "base64": STANDARD.encode(bytes) }),
    }
}
