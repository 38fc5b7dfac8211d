//! Ordering of deliveries: events of one ticket are sent one after the other, those of different tickets in parallel.

use std::collections::HashMap;

use fulfillment_domain::TicketId;
use fulfillment_store::Delivery;

/// Splits a batch into rounds: the first event of every ticket, then the second of every ticket that has one, and so
/// on, each round in the batch's order. An event without a ticket is in the first round.
pub(super) fn rounds(batch: Vec<Delivery>) -> Vec<Vec<Delivery>> {
    let mut seen: HashMap<TicketId, usize> = HashMap::new();
    let mut rounds: Vec<Vec<Delivery>> = Vec::new();
    for delivery in batch {
        let round = match delivery.event.ticket_id {
            Some(ticket) => {
                let count = seen.entry(ticket).or_default();
                *count += 1;
                *count - 1
            }
            None => 0,
        };
        if round == rounds.len() {
            rounds.push(Vec::new());
        }
        if let Some(round) = rounds.get_mut(round) {
            round.push(delivery);
        }
    }
    rounds
}

#[cfg(test)]
pub(super) mod testing {
    use fulfillment_domain::{EventKind, OrderId, OutboxEvent};
    use jiff::Timestamp;
    use uuid::Uuid;

    use super::*;

    /// A `ticket-issued` event as leased from the store.
    pub(crate) fn delivery(outbox_id: i64, ticket: u128, value: &str) -> Delivery {
        let order = OrderId(Uuid::from_u128(ticket));
        Delivery {
            outbox_id,
            event: OutboxEvent {
                id: Uuid::from_u128(outbox_id.unsigned_abs().into()),
                kind: EventKind::TicketIssued,
                order_id: Some(order),
                ticket_id: Some(TicketId(Uuid::from_u128(ticket))),
                sequence: 1,
                key: Some(order.to_string().into_bytes()),
                value: value.as_bytes().to_vec(),
                headers: vec![("ce_type".into(), b"ticket-issued".to_vec())],
                destinations: Vec::new(),
            },
            created_at: "2026-11-22T18:30:00Z".parse::<Timestamp>().unwrap(),
            attempts: 1,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::testing::delivery;
    use super::*;

    #[test]
    fn a_ticket_is_in_a_round_once() {
        let batch = [(1, 7), (2, 8), (3, 7), (4, 7), (5, 9), (6, 8)];
        let rounds = rounds(batch.iter().map(|(id, ticket)| delivery(*id, *ticket, "{}")).collect());
        let ids: Vec<Vec<i64>> = rounds.iter().map(|r| r.iter().map(|d| d.outbox_id).collect()).collect();
        assert_eq!(ids, [vec![1, 2, 5], vec![3, 6], vec![4]]);
    }
}
