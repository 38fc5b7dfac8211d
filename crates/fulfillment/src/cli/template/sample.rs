//! The sample ticket of a preview, with dates and money formatted for its locale.

use fulfillment_document::{TicketPage, sample};
use fulfillment_domain::{Money, locale};
use jiff::civil::date;
use jiff::tz::TimeZone;

use fulfillment_pipeline::page::localisation::Words;
use fulfillment_pipeline::page::{Time, Times, price};

/// The sample ticket of an order with this locale.
pub(super) fn of(language: &str) -> anyhow::Result<TicketPage> {
    let locale = locale::tag(language);
    let words = Words::of(locale.as_deref());
    let (zone, amount, currency) = match locale.as_deref().and_then(|tag| tag.split('-').next()) {
        Some("ar") => ("Africa/Cairo", "1250", "EGP"),
        Some("ja") => ("Asia/Tokyo", "12000", "JPY"),
        _ => ("Europe/Berlin", "89.50", "EUR"),
    };
    let zone = TimeZone::get(zone)?;
    let at = |hour, minute| {
        let at = zone.to_timestamp(date(2026, 12, 12).at(hour, minute, 0, 0))?;
        Ok::<_, jiff::Error>(Some(Time { at, day_alone: false }))
    };
    let times = Times { starts: at(20, 0)?, doors: at(19, 0)?, ends: at(22, 30)?, zone: zone.clone() };
    let page = sample::in_language(locale.as_deref().unwrap_or("en"));
    Ok(TicketPage {
        starts: times.starts(&words),
        doors: times.beside_start(times.doors, &words),
        ends: times.beside_start(times.ends, &words),
        issued: words.moment(&times.local(page.issued_at)),
        price: price(Money { amount: amount.parse()?, currency: currency.parse()? }, &words),
        locale,
        ..page
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn previews_say_dates_and_money_as_tickets_do() {
        for (language, starts, doors, price) in [
            ("de-DE", "Samstag, 12. Dezember 2026 um 20:00 MEZ", "19:00", "89,50 €"),
            ("de_DE.UTF-8", "Samstag, 12. Dezember 2026 um 20:00 MEZ", "19:00", "89,50 €"),
            ("en-US", "Saturday, December 12, 2026 at 8:00 PM GMT+1", "7:00 PM", "€89.50"),
            ("ja", "2026年12月12日土曜日 20:00 JST", "19:00", "￥12,000"),
            ("C", "Sat 12 Dec 2026, 20:00 CET", "Sat 12 Dec 2026, 19:00 CET", "89.50 EUR"),
        ] {
            let page = of(language).unwrap();
            let plain = |text: Option<String>| text.unwrap().replace(['\u{a0}', '\u{202f}'], " ");
            assert_eq!(plain(page.starts), starts, "{language}");
            assert_eq!((plain(page.doors), plain(page.price)), (doors.into(), price.into()), "{language}");
        }
    }
}
