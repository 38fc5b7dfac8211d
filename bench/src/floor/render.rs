//! Measures rendering by a bare loop on every core, from the rows that the service froze.

use std::thread::{self, available_parallelism};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, anyhow, ensure};
use fulfillment_document::{PdfRenderer, Renderer as _, TicketPage};
use fulfillment_tests::postgres::Database;
use serde_json::Value;

/// How many rows pages are made of, in turn.
const SAMPLE: usize = 256;

/// Pages per second, and the size of one in bytes.
pub(crate) struct Rendering {
    pub(crate) pages_per_second: f64,
    pub(crate) bytes: usize,
}

/// Draws tickets from the database for this long.
pub(crate) async fn measure(database: &Database, time: Duration) -> Result<Rendering> {
    let rows = database
        .rows(&format!(
            "SELECT *, price::text AS amount FROM bc_fulfillment.tickets ORDER BY id LIMIT {SAMPLE}"
        ))
        .await?;
    let pages = rows.iter().map(page).collect::<Result<Vec<_>>>()?;
    ensure!(!pages.is_empty(), "there is no ticket to draw");
    let renderer = PdfRenderer::with_fonts(fulfillment_fonts::installed(
        &fulfillment_fonts::USUAL_FOLDERS.map(Into::into),
    ))?;
    ensure!(
        Some(renderer.version()) == rows[0]["renderer"].as_str(),
        "the service draws with {}, this loop with {}",
        rows[0]["renderer"],
        renderer.version()
    );
    let mut bytes = 0;
    for page in &pages {
        bytes += renderer.render(page)?.pdf.len();
    }
    let begun = Instant::now();
    let drawn = thread::scope(|scope| {
        let painter = |_| {
            scope.spawn(|| -> Result<usize> {
                let mut drawn = 0;
                while begun.elapsed() < time {
                    for page in &pages {
                        std::hint::black_box(renderer.render(page)?);
                    }
                    drawn += pages.len();
                }
                Ok(drawn)
            })
        };
        let cores = available_parallelism().map_or(1, usize::from);
        let painters: Vec<_> = (0..cores).map(painter).collect();
        let ended = painters.into_iter().map(|p| p.join().map_err(|_| anyhow!("a painter panicked"))?);
        ended.sum::<Result<usize>>()
    })?;
    let pages_per_second = drawn as f64 / begun.elapsed().as_secs_f64();
    Ok(Rendering { pages_per_second, bytes: bytes / pages.len() })
}

/// The page of a row, made as the service makes it.
fn page(row: &Value) -> Result<TicketPage> {
    let text = |name: &str| row[name].as_str().map(str::to_owned);
    let need = |name: &str| text(name).with_context(|| format!("a ticket without {name}"));
    let number = |name: &str| row[name].as_u64().and_then(|n| u32::try_from(n).ok()).unwrap_or(1);
    let zone = jiff::tz::TimeZone::get(row["time_zone"].as_str().unwrap_or("UTC"))?;
    let told = |name: &str| {
        let time: jiff::Timestamp = row[name].as_str()?.parse().ok()?;
        Some(time.to_zoned_datetime(zone.clone()).strftime("%a %-d %b %Y, %H:%M %Z").to_string())
    };
    let issued_at: jiff::Timestamp = need("issued_at")?.parse()?;
    Ok(TicketPage {
        ticket_id: need("id")?.parse()?,
        ticket_number: need("ticket_number")?,
        order_id: need("order_id")?.parse()?,
        event_name: need("event_name")?,
        organizer_name: text("organizer_name"),
        venue_name: text("venue_name"),
        venue_address: text("venue_address"),
        starts: told("event_starts_at"),
        doors: told("doors_at"),
        ends: told("event_ends_at"),
        holder_name: text("holder_name"),
        customer: need("customer_email")?,
        section: text("section"),
        row: text("row_label"),
        seat: text("seat_number").map_or_else(|| need("seat"), Ok)?,
        seat_unknown: false,
        category: text("category"),
        price: Some(format!("{} {}", need("amount")?, need("currency")?)),
        ticket_index: number("ticket_index"),
        ticket_count: number("ticket_count"),
        issued_at,
        issued: issued_at.strftime("%Y-%m-%d %H:%M:%S UTC").to_string(),
        code: need("qr_code_data")?,
        locale: text("locale"),
        template: None,
    })
}
