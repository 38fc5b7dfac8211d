use jiff::Timestamp;
use jiff::tz::TimeZone;

use super::*;

fn at(time: &str, zone: &str) -> ZonedDateTime {
    time.parse::<Timestamp>().unwrap().to_zoned_datetime(TimeZone::get(zone).unwrap())
}

/// As printed on the page, with plain spaces and without direction marks.
fn plain(text: &str) -> String {
    text.replace(['\u{a0}', '\u{202f}'], " ").replace(['\u{61c}', '\u{200e}'], "")
}

fn price(tag: &str, amount: &str, currency: &str) -> String {
    let price = Money { amount: amount.parse().unwrap(), currency: currency.parse().unwrap() };
    plain(&Words::of(Some(tag)).price(price))
}

fn moment(tag: &str) -> String {
    plain(&Words::of(Some(tag)).moment(&at("2026-11-22T18:30:00Z", "Europe/Berlin")))
}

#[test]
fn moments_are_told_in_each_language() {
    for (tag, told) in [
        ("en-US", "Sunday, November 22, 2026 at 7:30 PM GMT+1"),
        ("en-GB", "Sunday, 22 November 2026 at 19:30 CET"),
        ("es", "domingo, 22 de noviembre de 2026 a las 19:30 CET"),
        ("de-DE", "Sonntag, 22. November 2026 um 19:30 MEZ"),
        ("fr-FR", "dimanche 22 novembre 2026 à 19:30 UTC+1"),
        ("pt-BR", "domingo, 22 de novembro de 2026 às 19:30 +1 GMT"),
        ("it", "domenica 22 novembre 2026 alle ore 19:30 CET"),
        ("ar-EG", "الأحد، ٢٢ نوفمبر ٢٠٢٦ في ٧:٣٠ م غرينتش+١"),
        ("he", "יום ראשון, 22 בנובמבר 2026 בשעה 19:30 GMT+1"),
        ("zh-CN", "2026年11月22日星期日 GMT+1 19:30"),
        ("ja-JP", "2026年11月22日日曜日 19:30 GMT+1"),
    ] {
        assert_eq!(moment(tag), told, "{tag}");
    }
}

#[test]
fn prices_are_told_in_each_language() {
    for (tag, currency, told) in [
        ("en-US", "USD", "$12,345.50"),
        ("en-US", "EUR", "€12,345.50"),
        ("en-GB", "USD", "USD 12,345.50"),
        ("es", "EUR", "12.345,50 €"),
        ("es-MX", "MXN", "$12,345.50"),
        ("de-DE", "EUR", "12.345,50 €"),
        ("de-CH", "CHF", "CHF 12'345.50"),
        ("fr-FR", "EUR", "12 345,50 €"),
        ("pt-BR", "BRL", "R$ 12.345,50"),
        ("pt-PT", "EUR", "12 345,50 €"),
        ("it", "EUR", "12.345,50 €"),
        ("ar-EG", "EGP", "١٢٬٣٤٥٫٥٠ ج.م."),
        ("ar", "EUR", "12,345.50 €"),
        ("he", "ILS", "12,345.50 ₪"),
        ("zh-CN", "CNY", "¥12,345.50"),
        ("ja-JP", "EUR", "€12,345.50"),
    ] {
        assert_eq!(price(tag, "12345.5", currency), told, "{tag} {currency}");
    }
}

#[test]
fn amounts_stay_exact() {
    assert_eq!(price("de", "1234.5", "EUR"), "1.234,50 €");
    assert_eq!(price("de", "49.9050", "EUR"), "49,905 €");
    assert_eq!(price("ja", "12000.00", "JPY"), "￥12,000");
    assert_eq!(price("ja", "0.5", "JPY"), "￥0.5");
    assert_eq!(price("ar-AE", "5", "KWD"), "5.000 د.ك.");
    assert_eq!(
        price("en-US", "79228162514264337593543950335", "USD"),
        "$79,228,162,514,264,337,593,543,950,335.00"
    );
}

#[test]
fn a_day_is_not_said_twice() {
    let starts = at("2026-11-22T18:30:00Z", "Europe/Berlin");
    let words = Words::of(Some("de-DE"));
    let doors = at("2026-11-22T17:00:00Z", "Europe/Berlin");
    assert_eq!(words.beside(&doors, Some(&starts)), "18:00");
    assert_eq!(words.beside(&doors, None), "Sonntag, 22. November 2026 um 18:00 MEZ");
    // Past midnight in the event's zone, though not yet in UTC.
    let ends = at("2026-11-22T23:30:00Z", "Europe/Berlin");
    assert_eq!(words.beside(&ends, Some(&starts)), "Montag, 23. November 2026 um 00:30 MEZ");
    assert_eq!(Words::of(Some("ar-EG")).beside(&doors, Some(&starts)), "٦:٠٠ م");
}

#[test]
fn a_zone_is_said_again_where_the_offset_is_another() {
    // The night in which summer time ends: doors before, the start after.
    let (doors, starts) =
        (at("2026-10-25T00:15:00Z", "Europe/Berlin"), at("2026-10-25T01:30:00Z", "Europe/Berlin"));
    for (tag, start, said) in [
        (Some("en-GB"), "Sunday, 25 October 2026 at 02:30 CET", "02:15 CEST"),
        (Some("de"), "Sonntag, 25. Oktober 2026 um 02:30 MEZ", "02:15 MESZ"),
        (None, "Sun 25 Oct 2026, 02:30 CET", "Sun 25 Oct 2026, 02:15 CEST"),
    ] {
        let words = Words::of(tag);
        assert_eq!(plain(&words.moment(&starts)), start);
        assert_eq!(plain(&words.beside(&doors, Some(&starts))), said);
    }
}

#[test]
fn fixed_offsets_are_said() {
    let zone = fulfillment_domain::zones::named("+05:30").unwrap();
    let starts = "2026-11-22T14:00:00Z".parse::<Timestamp>().unwrap().to_zoned_datetime(zone);
    assert_eq!(Words::of(None).moment(&starts), "Sun 22 Nov 2026, 19:30 UTC+05:30");
    let told = plain(&Words::of(Some("en-GB")).moment(&starts));
    assert_eq!(told, "Sunday, 22 November 2026 at 19:30 GMT+5:30");
}

#[test]
fn days_are_told_without_hours() {
    let day = at("2026-11-22T11:00:00Z", "Europe/Berlin");
    for (tag, told) in [
        ("de", "Sonntag, 22. November 2026"),
        ("en-US", "Sunday, November 22, 2026"),
        ("ar-EG", "الأحد، ٢٢ نوفمبر ٢٠٢٦"),
        ("ja", "2026年11月22日日曜日"),
    ] {
        assert_eq!(plain(&Words::of(Some(tag)).day(&day)), told, "{tag}");
    }
}

#[test]
fn without_a_locale_an_amount_has_its_currencys_digits() {
    for (amount, currency, told) in [
        ("12.5", "EUR", "12.50 EUR"),
        ("12", "EUR", "12.00 EUR"),
        ("12.345", "EUR", "12.345 EUR"),
        ("49.9050", "EUR", "49.905 EUR"),
        ("12000.00", "JPY", "12000 JPY"),
        ("0.5", "JPY", "0.5 JPY"),
        ("5", "KWD", "5.000 KWD"),
        ("-3.5", "EUR", "-3.50 EUR"),
        ("79228162514264337593543950335", "JPY", "79228162514264337593543950335 JPY"),
        ("79228162514264337593543950335", "USD", "79228162514264337593543950335 USD"),
    ] {
        let price = Money { amount: amount.parse().unwrap(), currency: currency.parse().unwrap() };
        assert_eq!(Words::of(None).price(price), told);
    }
}

#[test]
fn every_spelling_of_a_locale_says_the_same() {
    for (spelling, tag) in
        [("de_DE.UTF-8", "de-DE"), ("iw", "he"), ("in_ID", "id-ID"), ("zh-CHT", "zh-Hant"), ("no", "nb")]
    {
        let meant = fulfillment_domain::locale::tag(spelling).unwrap();
        assert_eq!(meant, tag);
        assert_ne!(price(tag, "12345.5", "EUR"), "12345.50 EUR", "{tag} is known");
        assert!(!moment(tag).starts_with("Sun 22"), "{tag} is known");
    }
}

#[test]
fn zones_have_their_names_in_summer_and_winter() {
    let told = |time| Words::of(Some("de")).moment(&at(time, "Europe/Berlin"));
    assert!(told("2026-07-01T18:30:00Z").ends_with("20:30 MESZ"));
    assert!(told("2026-12-01T18:30:00Z").ends_with("19:30 MEZ"));
    let tokyo = Words::of(Some("ja")).moment(&at("2026-12-12T11:00:00Z", "Asia/Tokyo"));
    assert_eq!(plain(&tokyo), "2026年12月12日土曜日 20:00 JST");
    assert!(Words::of(Some("en-GB")).moment(&at("2026-07-01T18:30:00Z", "UTC")).ends_with("18:30 UTC"));
}

#[test]
fn without_a_known_locale_english_is_plain() {
    let starts = at("2026-11-22T18:30:00Z", "Europe/Berlin");
    for tag in [None, Some(""), Some("tlh"), Some("und"), Some("no such locale"), Some("\u{202e}de")] {
        let words = Words::of(tag);
        assert_eq!(words.moment(&starts), "Sun 22 Nov 2026, 19:30 CET", "{tag:?}");
        assert_eq!(words.beside(&starts, Some(&starts)), "Sun 22 Nov 2026, 19:30 CET");
        let price = Money { amount: "1234.5".parse().unwrap(), currency: "EUR".parse().unwrap() };
        assert_eq!(words.price(price), "1234.50 EUR");
        assert_eq!(words.day(&starts), "Sun 22 Nov 2026");
    }
}

#[test]
fn locales_are_forgotten_before_they_are_too_many() {
    for number in 0..3 * MOST {
        Words::of(Some(&format!("x{number}")));
    }
    assert!(KNOWN.read().unwrap().len() <= MOST);
    assert_eq!(price("de", "1", "EUR"), "1,00 €");
}
