//! Money: an exact decimal with its ISO 4217 currency, never a float.

use std::fmt;
use std::str::FromStr;

use rust_decimal::{Decimal, RoundingStrategy};
use serde::{Deserialize, Serialize, Serializer};
use serde_json::value::RawValue;

/// An exact decimal of up to 28 significant digits that keeps its trailing zeros: `49.90` stays `49.90`.
///
/// Serialises as a JSON number with those digits (through `serde_json` only).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Amount(pub Decimal);

impl Amount {
    /// Zero.
    pub const ZERO: Self = Self(Decimal::ZERO);

    /// Whether it is below zero.
    pub fn is_negative(self) -> bool {
        self.0.is_sign_negative() && !self.0.is_zero()
    }

    /// The sum, or the greatest possible amount.
    #[must_use]
    pub fn saturating_add(self, other: Self) -> Self {
        Self(self.0.saturating_add(other.0))
    }

    /// The difference, or the least possible amount.
    #[must_use]
    pub fn saturating_sub(self, other: Self) -> Self {
        Self(self.0.saturating_sub(other.0))
    }

    /// This many times the amount, or the greatest possible amount.
    #[must_use]
    pub fn saturating_times(self, times: usize) -> Self {
        Self(self.0.saturating_mul(Decimal::from(times)))
    }
}

/// A share of an amount, from 0 (nothing) to 1 (all of it).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Share(Decimal);

/// The text is not a share.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("is not a number from 0 to 1, with 6 decimals at most")]
pub struct NotAShare;

impl FromStr for Share {
    type Err = NotAShare;

    fn from_str(text: &str) -> Result<Self, NotAShare> {
        let share = Decimal::from_str_exact(text).map_err(|_| NotAShare)?.normalize();
        let fits = (Decimal::ZERO..=Decimal::ONE).contains(&share) && share.scale() <= 6;
        fits.then_some(Self(share)).ok_or(NotAShare)
    }
}

impl Share {
    /// What is left of an amount without this share of it. A fraction of the currency's smallest coin cannot be paid
    /// and is dropped.
    #[must_use]
    pub fn left_of(self, amount: Amount, currency: Option<Currency>) -> Amount {
        let left = (Decimal::ONE - self.0).saturating_mul(amount.0);
        let decimals = currency.map_or(2, Currency::decimals).max(amount.0.scale());
        Amount(left.round_dp_with_strategy(decimals, RoundingStrategy::ToZero))
    }
}

/// Why a text is not an amount.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum BadAmount {
    /// Not a decimal number.
    #[error("is not a decimal number")]
    NotANumber,
    /// More digits than can be kept exactly; amounts of money are not rounded.
    #[error("has more than 28 significant digits, which cannot be kept exactly")]
    TooPrecise,
}

impl FromStr for Amount {
    type Err = BadAmount;

    fn from_str(text: &str) -> Result<Self, BadAmount> {
        // One sign is accepted; two are not.
        let text = text
            .strip_prefix('+')
            .filter(|rest| rest.starts_with(|c: char| c.is_ascii_digit()))
            .unwrap_or(text);
        let plain = text.bytes().all(|b| b.is_ascii_digit() || b == b'.' || b == b'-');
        let parsed = if plain {
            Decimal::from_str_exact(text)
        } else if text.bytes().all(|b| b.is_ascii_digit() || b".-+eE".contains(&b)) {
            // The library alone would round the digits before the exponent.
            let digits = text.split(['e', 'E']).next().unwrap_or_default();
            Decimal::from_str_exact(digits).and_then(|_| Decimal::from_scientific(text))
        } else {
            return Err(BadAmount::NotANumber);
        };
        // A number that a float can read and a decimal cannot has too many digits.
        let why = if text.parse::<f64>().is_ok() { BadAmount::TooPrecise } else { BadAmount::NotANumber };
        parsed.map(Amount).map_err(|_| why)
    }
}

impl fmt::Display for Amount {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl Serialize for Amount {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        RawValue::from_string(self.0.to_string()).map_err(serde::ser::Error::custom)?.serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Amount {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let raw = Box::<RawValue>::deserialize(deserializer)?;
        raw.get().trim_matches('"').parse().map_err(serde::de::Error::custom)
    }
}

/// An ISO 4217 code: three capital letters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Currency([u8; 3]);

impl Currency {
    /// The currency recorded when none is given.
    pub const USD: Currency = Currency(*b"USD");

    /// The three letters.
    pub fn as_str(&self) -> &str {
        std::str::from_utf8(&self.0).unwrap_or("XXX")
    }

    /// Its number of decimal places (ISO 4217).
    #[must_use]
    pub fn decimals(self) -> u32 {
        match self.as_str() {
            "BIF" | "CLP" | "DJF" | "GNF" | "ISK" | "JPY" | "KMF" | "KRW" | "PYG" | "RWF" | "UGX" | "UYI"
            | "VND" | "VUV" | "XAF" | "XOF" | "XPF" => 0,
            "BHD" | "IQD" | "JOD" | "KWD" | "LYD" | "OMR" | "TND" => 3,
            "CLF" | "UYW" => 4,
            _ => 2,
        }
    }
}

/// The text is not three letters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("is not an ISO 4217 code of three letters")]
pub struct NotACurrency;

impl FromStr for Currency {
    type Err = NotACurrency;

    fn from_str(text: &str) -> Result<Self, NotACurrency> {
        match text.as_bytes() {
            &[a, b, c] if [a, b, c].iter().all(u8::is_ascii_alphabetic) => {
                Ok(Self([a, b, c].map(|l| l.to_ascii_uppercase())))
            }
            _ => Err(NotACurrency),
        }
    }
}

impl fmt::Display for Currency {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl Serialize for Currency {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

impl<'de> Deserialize<'de> for Currency {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}

/// An amount in a currency.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Money {
    /// How much.
    pub amount: Amount,
    /// The currency.
    pub currency: Currency,
}

impl fmt::Display for Money {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.amount, self.currency)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keeps_digits_in_and_out() {
        for text in ["0.1", "49.90", "100", "0.0000000001", "-3.50", "79228162514264337593543950335"] {
            let amount: Amount = text.parse().unwrap();
            assert_eq!(serde_json::to_string(&amount).unwrap(), text);
            assert_eq!(serde_json::from_str::<Amount>(text).unwrap(), amount);
        }
    }

    #[test]
    fn a_plus_is_read() {
        assert_eq!("+12.50".parse::<Amount>().unwrap().to_string(), "12.50");
        for bad in ["++1", "+-1", "+", "+e1"] {
            assert!(bad.parse::<Amount>().is_err(), "{bad}");
        }
    }

    #[test]
    fn refuses_what_it_cannot_keep() {
        assert_eq!("0.12345678901234567890123456789".parse::<Amount>(), Err(BadAmount::TooPrecise));
        assert_eq!("99999999999999999999999999999999".parse::<Amount>(), Err(BadAmount::TooPrecise));
        assert_eq!("1.00000000000000000000000000001e0".parse::<Amount>(), Err(BadAmount::TooPrecise));
        for bad in ["", "a", "e5", "1,5", "0x10", "true", "1.2.3", "NaN"] {
            assert!(bad.parse::<Amount>().is_err(), "{bad}");
        }
    }

    #[test]
    fn shares_are_exact() {
        let left = |share: &str, amount: &str| {
            let share: Share = share.parse().unwrap();
            share.left_of(amount.parse().unwrap(), None).0.normalize().to_string()
        };
        assert_eq!((left("0", "49.90"), left("1", "49.90")), ("49.9".into(), "0".into()));
        assert_eq!((left("0.1", "49.90"), left("0.025", "10")), ("44.91".into(), "9.75".into()));
        let of = |amount: &str, currency: &str| {
            let (share, currency): (Share, Currency) = ("0.1".parse().unwrap(), currency.parse().unwrap());
            share.left_of(amount.parse().unwrap(), Some(currency)).to_string()
        };
        assert_eq!(
            (of("9.99", "EUR"), of("999", "JPY"), of("9.999", "KWD")),
            ("8.99".into(), "899".into(), "8.999".into())
        );
        for bad in ["", "-0.1", "1.01", "10%", "0.1234567", "NaN", "1e-1"] {
            assert!(bad.parse::<Share>().is_err(), "{bad}");
        }
    }

    #[test]
    fn currencies_are_three_letters() {
        assert_eq!("eur".parse::<Currency>().unwrap().as_str(), "EUR");
        for bad in ["", "EU", "EURO", "E1R", "€"] {
            assert!(bad.parse::<Currency>().is_err(), "{bad}");
        }
    }
}
