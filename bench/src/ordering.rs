//! An Ordering server that answers immediately, so that it does not slow the service: two seats per order, made from
//! its id.

use anyhow::Result;
use axum::Router;
use axum::extract::Path;
use axum::http::header;
use axum::response::IntoResponse;
use axum::routing::get;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use uuid::Uuid;

/// Seats in every order.
pub(crate) const SEATS: usize = 2;

/// The server; it ends when dropped.
pub(crate) struct Ordering {
    base: String,
    server: JoinHandle<()>,
}

impl Ordering {
    /// Starts on a free port.
    pub(crate) async fn start() -> Result<Self> {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
        let base = format!("http://{}", listener.local_addr()?);
        let routes = Router::new().route("/orders/{id}", get(order));
        let server = tokio::spawn(async move {
            if let Err(error) = axum::serve(listener, routes).await {
                eprintln!("bench: Ordering stopped: {error}");
            }
        });
        Ok(Self { base, server })
    }

    /// The value for `FULFILLMENT_ORDERING_URL`.
    pub(crate) fn url(&self) -> &str {
        &self.base
    }
}

impl Drop for Ordering {
    fn drop(&mut self) {
        self.server.abort();
    }
}

async fn order(Path(id): Path<Uuid>) -> impl IntoResponse {
    ([(header::CONTENT_TYPE, "application/json")], answer(id))
}

const EVENTS: [(&str, &str); 4] = [
    ("6f1c1f0e-53a1-4c5e-9a52-0c5d7f3f1a11", "Sofia Lindqvist & The Northern Lights Orchestra"),
    ("0b0e7a52-6d2c-4f39-8a6e-2f1f6f3ad6c2", "Analytical Engines, Live"),
    ("d2a4f8be-51d1-4b5a-b1c9-7a3f0e9c1b43", "Łódź Jazz Nights: Café Müller Quartet"),
    ("9c7be3d0-1f84-4e0a-a3d5-58f2b6e4c7d4", "City Derby, Second Leg"),
];
const NAMES: [&str; 4] = ["Zoë Müller-Łukasiewicz", "Ada Lovelace", "José Ángel Núñez", "Øyvind Sørensen"];

/// The digits of the id choose event, names and seats: orders differ as real ones do, and two orders of a run are
/// unlikely to claim the same seat.
fn answer(id: Uuid) -> String {
    let number = id.as_u128();
    let pick = |shift: u32| usize::try_from((number >> shift) & 3).unwrap_or(0);
    let ((event, event_name), name) = (EVENTS[pick(0)], NAMES[pick(2)]);
    let (section, row) = ((number >> 8) & 0xFF, (number >> 16) & 0xFFFF);
    let first = ((number >> 80) & 0xFFFF) * 2;
    let items: Vec<String> = (first + 1..).take(SEATS).map(|seat| format!(
        r#"{{"itemId":"{id}-{seat}","section":"Block {section}","row":"{row}","seatNumber":"{seat}","holderName":"{name}","category":"Category A","price":89.50,"currency":"EUR"}}"#
    )).collect();
    format!(
        concat!(
            r#"{{"orderId":"{id}","customerEmail":"buyer-{row}@example.org","customerName":"{name}","#,
            r#""eventId":"{event}","eventName":"{event_name}","seatNumber":"Row {row}","price":179.00,"currency":"EUR","#,
            r#""eventStartsAt":"2027-05-14T19:30:00+02:00","eventEndsAt":"2027-05-14T22:30:00+02:00","doorsAt":"2027-05-14T18:30:00+02:00","#,
            r#""timeZone":"Europe/Berlin","venueName":"Großer Saal","venueAddress":"Am Kai 12, 20457 Hamburg","#,
            r#""organizerName":"Elbe Concerts","locale":"en","items":[{items}]}}"#
        ),
        id = id,
        row = row,
        name = name,
        event = event,
        event_name = event_name,
        items = items.join(",")
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_are_json_with_two_different_seats() {
        let id = Uuid::from_u128(0x8f14_e45f_ceea_867a_9a36_dedd_4bea_2543);
        let value: serde_json::Value = serde_json::from_str(&answer(id)).unwrap();
        assert_eq!(value["orderId"], id.to_string());
        assert_eq!(value["items"].as_array().unwrap().len(), SEATS);
        assert_ne!(value["items"][0]["seatNumber"], value["items"][1]["seatNumber"]);
    }
}
