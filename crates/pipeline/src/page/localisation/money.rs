//! The position of a currency beside its amount, and how the currency is written.
//!
//! A table of our own, with CLDR's facts: icu4x's money formatter is experimental, rounds to the currency's usual
//! digits where a price is exact, and takes long to build (docs/adr/icu4x-for-words.md). A currency is written with its
//! sign only where the sign cannot mean another; otherwise with its ISO 4217 code.

use fulfillment_domain::{Currency, Money};
use icu_decimal::DecimalFormatter;
use icu_decimal::input::Decimal;
use icu_locale_core::Locale;

/// A space at which lines do not break.
const SPACE: char = '\u{a0}';

/// How a locale writes currencies.
#[derive(Debug)]
pub(super) struct Place {
    side: Side,
    language: String,
    /// The buyer's region, as far as it is known.
    region: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Side {
    /// "€5"
    Before,
    /// "€ 5"
    Apart,
    /// "5 €"
    After,
}

impl Place {
    /// None for a language that is not in the table.
    pub(super) fn of(locale: &Locale) -> Option<Self> {
        let language = locale.id.language.as_str();
        let home = match language {
            "en" => "US",
            "es" => "ES",
            "pt" => "BR",
            _ => "",
        };
        let region = locale.id.region.as_ref().map_or(home, |region| region.as_str());
        let side = match (language, region) {
            ("es", "AR" | "BO" | "CO" | "PE" | "PY" | "UY" | "VE")
            | ("de", "AT" | "CH" | "LI")
            | ("it", "CH")
            | ("pt", "BR")
            | ("nl", _) => Side::Apart,
            ("es", "ES")
            | (
                "ar" | "bg" | "ca" | "cs" | "da" | "de" | "el" | "et" | "eu" | "fi" | "fr" | "gl" | "he"
                | "hr" | "hu" | "is" | "it" | "lt" | "lv" | "nb" | "nn" | "no" | "pl" | "pt" | "ro" | "ru"
                | "sk" | "sl" | "sr" | "sv" | "uk" | "vi",
                _,
            ) => Side::After,
            ("en" | "es" | "fa" | "hi" | "id" | "ja" | "ko" | "ms" | "th" | "tr" | "zh", _) => Side::Before,
            _ => return None,
        };
        Some(Self { side, language: language.to_owned(), region: region.to_owned() })
    }

    /// The price in words; none where icu4x cannot read the number.
    pub(super) fn told(&self, price: Money, number: &DecimalFormatter) -> Option<String> {
        let mut amount: Decimal = price.amount.to_string().parse().ok()?;
        amount.trim_end();
        amount.pad_end(-i16::try_from(price.currency.decimals()).unwrap_or_default());
        let amount = number.format(&amount);
        let sign = self.sign(&price.currency);
        Some(match self.side {
            Side::Before if !sign.ends_with(char::is_alphabetic) => format!("{sign}{amount}"),
            Side::Before | Side::Apart => format!("{sign}{SPACE}{amount}"),
            Side::After => format!("{amount}{SPACE}{sign}"),
        })
    }

    fn sign<'a>(&self, currency: &'a Currency) -> &'a str {
        match (currency.as_str(), self.language.as_str(), self.region.as_str()) {
            ("EUR", ..) => "€",
            ("GBP", ..) => "£",
            ("ILS", ..) => "₪",
            ("BRL", ..) => "R$",
            ("USD", _, "US")
            | ("CAD", _, "CA")
            | ("AUD", _, "AU")
            | ("NZD", _, "NZ")
            | ("MXN", _, "MX")
            | ("ARS", _, "AR")
            | ("COP", _, "CO")
            | ("CLP", _, "CL") => "$",
            ("JPY", "ja", _) => "￥",
            ("CNY", "zh", "" | "CN") => "¥",
            ("INR", "en" | "hi", "" | "IN") => "₹",
            ("KRW", "ko", _) => "₩",
            ("TRY", "tr", _) => "₺",
            ("UAH", "uk", _) => "₴",
            ("PLN", "pl", _) => "zł",
            ("CZK", "cs", _) => "Kč",
            ("HUF", "hu", _) => "Ft",
            ("DKK", "da", _) => "kr.",
            ("NOK", "nb" | "nn" | "no", _) | ("SEK", "sv", _) => "kr",
            ("EGP", "ar", _) => "ج.م.",
            ("AED", "ar", _) => "د.إ.",
            ("SAR", "ar", _) => "ر.س.",
            ("KWD", "ar", _) => "د.ك.",
            (code, ..) => code,
        }
    }
}

/// The price by its code, with the digits of its currency: "12.50 EUR", "1200 JPY", "0.5 JPY".
pub(super) fn plain(price: Money) -> String {
    let mut amount = price.amount.0.normalize();
    let least = price.currency.decimals();
    if amount.scale() < least {
        amount.rescale(least);
    }
    format!("{amount} {}", price.currency)
}
