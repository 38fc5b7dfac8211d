//! Localised dates, times and money, as a buyer writes them: "1.234,50 €", "٢٢ نوفمبر ٢٠٢٦".
//!
//! Names, orders, digits and separators come from CLDR, by icu4x; `money.rs` places the currency. Everything is pure:
//! the same record gives the same words, whatever the machine's language and zone.

mod money;
#[cfg(test)]
mod tests;

use std::collections::HashMap;
use std::sync::{Arc, LazyLock, PoisonError, RwLock};

use fulfillment_domain::Money;
use icu_datetime::FixedCalendarDateTimeFormatter;
use icu_datetime::fieldsets::zone::SpecificShort;
use icu_datetime::fieldsets::{Combo, T, YMDE, YMDET};
use icu_datetime::input::{self, Date, DateTime, Time, TimeZone, TimeZoneInfo, UtcOffset};
use icu_decimal::DecimalFormatter;
use icu_decimal::options::DecimalFormatterOptions;
use icu_locale_core::Locale;
use icu_time::zone::models::AtTime;
use icu_time::zone::{IanaParser, ZoneNameTimestamp};
use jiff::ZonedDateTime;

use money::Place;

/// Dates are printed in this calendar everywhere, also where another is usual.
type Calendar = icu_calendar::Gregorian;

/// How many locales are cached, since setting one up takes as long as drawing a page. Above that the cache is cleared.
const MOST: usize = 64;

static KNOWN: LazyLock<RwLock<HashMap<String, Words>>> = LazyLock::new(RwLock::default);

/// The formats of one locale. An unknown one, or none, gives plain English.
#[derive(Clone)]
pub struct Words(Option<Arc<Formats>>);

struct Formats {
    place: Place,
    number: DecimalFormatter,
    moment: FixedCalendarDateTimeFormatter<Calendar, Combo<YMDET, SpecificShort>>,
    clock: FixedCalendarDateTimeFormatter<Calendar, T>,
    clock_and_zone: FixedCalendarDateTimeFormatter<Calendar, Combo<T, SpecificShort>>,
    day: FixedCalendarDateTimeFormatter<Calendar, YMDE>,
}

impl Words {
    /// The formats of `tag`, as [`fulfillment_domain::locale`] normalises it.
    pub fn of(tag: Option<&str>) -> Self {
        let Some(tag) = tag else { return Self(None) };
        if let Some(words) = KNOWN.read().unwrap_or_else(PoisonError::into_inner).get(tag) {
            return words.clone();
        }
        let words = Self(Formats::of(tag).map(Arc::new));
        let mut known = KNOWN.write().unwrap_or_else(PoisonError::into_inner);
        if known.len() >= MOST {
            known.clear();
        }
        known.insert(tag.to_owned(), words.clone());
        words
    }

    /// "Sonntag, 22. November 2026 um 19:30 MEZ"; plain: "Sun 22 Nov 2026, 19:30 CET".
    pub fn moment(&self, at: &ZonedDateTime) -> String {
        let told = self.0.as_ref().and_then(|formats| formats.moment(at));
        told.unwrap_or_else(|| format!("{}, {}", plain_day(at), plain_clock(at)))
    }

    /// "Sonntag, 22. November 2026"; plain: "Sun 22 Nov 2026".
    pub fn day(&self, at: &ZonedDateTime) -> String {
        let told = self.0.as_ref().and_then(|formats| formats.day(at));
        told.unwrap_or_else(|| plain_day(at))
    }

    /// A time printed beside another one: the day, and the zone's name, are left out where they are the same.
    pub fn beside(&self, at: &ZonedDateTime, other: Option<&ZonedDateTime>) -> String {
        let clock = other.filter(|other| other.date() == at.date()).and_then(|other| {
            let formats = self.0.as_ref()?;
            if other.offset() == at.offset() { formats.clock(at) } else { formats.clock_and_zone(at) }
        });
        clock.unwrap_or_else(|| self.moment(at))
    }

    /// "1.234,50 €"; plain: "1234.50 EUR". It has the digits of its currency, and no digit of the amount is lost.
    pub fn price(&self, price: Money) -> String {
        let told = self.0.as_ref().and_then(|formats| formats.place.told(price, &formats.number));
        told.unwrap_or_else(|| money::plain(price))
    }
}

impl Formats {
    /// None where there is no such language, or CLDR's formats for it are not included.
    fn of(tag: &str) -> Option<Self> {
        let locale: Locale = tag.parse().ok()?;
        let moment = YMDE::long().with_time_hm().with_zone(SpecificShort);
        Some(Self {
            place: Place::of(&locale)?,
            number: DecimalFormatter::try_new((&locale).into(), DecimalFormatterOptions::default()).ok()?,
            moment: FixedCalendarDateTimeFormatter::try_new((&locale).into(), moment).ok()?,
            clock: FixedCalendarDateTimeFormatter::try_new((&locale).into(), T::hm()).ok()?,
            clock_and_zone: {
                let clock = T::hm().with_zone(SpecificShort);
                FixedCalendarDateTimeFormatter::try_new((&locale).into(), clock).ok()?
            },
            day: FixedCalendarDateTimeFormatter::try_new((&locale).into(), YMDE::long()).ok()?,
        })
    }

    fn moment(&self, at: &ZonedDateTime) -> Option<String> {
        Some(self.moment.format(&zoned(at)?).to_string())
    }

    fn day(&self, at: &ZonedDateTime) -> Option<String> {
        Some(self.day.format(&civil(at)?.date).to_string())
    }

    fn clock(&self, at: &ZonedDateTime) -> Option<String> {
        Some(self.clock.format(&civil(at)?.time).to_string())
    }

    fn clock_and_zone(&self, at: &ZonedDateTime) -> Option<String> {
        Some(self.clock_and_zone.format(&zoned(at)?).to_string())
    }
}

/// "Sun 22 Nov 2026"
fn plain_day(at: &ZonedDateTime) -> String {
    at.strftime("%a %-d %b %Y").to_string()
}

/// "19:30 CET"; in a zone without an abbreviation "19:30 UTC+05:30".
fn plain_clock(at: &ZonedDateTime) -> String {
    let unnamed = at.strftime("%Z").to_string().starts_with(['+', '-']);
    at.strftime(if unnamed { "%H:%M UTC%:z" } else { "%H:%M %Z" }).to_string()
}

/// A time with its zone, for icu4x.
fn zoned(at: &ZonedDateTime) -> Option<input::ZonedDateTime<Calendar, TimeZoneInfo<AtTime>>> {
    let offset = UtcOffset::try_from_seconds(at.offset().seconds()).ok()?;
    let named = at.time_zone().iana_name().map_or(TimeZone::UNKNOWN, |name| IanaParser::new().parse(name));
    let zone = named
        .with_offset(Some(offset))
        .with_zone_name_timestamp(ZoneNameTimestamp::from_epoch_seconds(at.timestamp().as_second()));
    let DateTime { date, time } = civil(at)?;
    Some(input::ZonedDateTime { date, time, zone })
}

/// A time in its zone, for icu4x.
fn civil(at: &ZonedDateTime) -> Option<DateTime<Calendar>> {
    let part = |part: i8| u8::try_from(part).ok();
    Some(DateTime {
        date: Date::try_new_gregorian(at.year().into(), part(at.month())?, part(at.day())?).ok()?,
        time: Time::try_new(part(at.hour())?, part(at.minute())?, part(at.second())?, 0).ok()?,
    })
}
