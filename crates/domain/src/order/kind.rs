//! Which lines admit somebody: a fee, a discount or a voucher beside the seats is no ticket.

use super::answer::Reader;
use crate::fields::Fields;
use crate::money::{Amount, Currency};

/// A line that admits nobody. It issues no ticket and counts in the order's total.
#[derive(Debug, Clone, PartialEq)]
pub struct Charge {
    /// The line's identity, as a seat's.
    pub line: String,
    /// What it is, or how it says that it admits nobody.
    pub kind: &'static str,
    /// How many.
    pub quantity: i64,
    /// The price of each, below zero where it is taken off.
    pub price: Amount,
    /// In what.
    pub currency: Currency,
}

impl Charge {
    /// What all of it cost, below zero where it is taken off.
    #[must_use]
    pub fn cost(&self) -> Amount {
        self.cost_of(self.quantity)
    }

    /// What so many of it cost.
    #[must_use]
    pub fn cost_of(&self, quantity: i64) -> Amount {
        self.price.saturating_times(usize::try_from(quantity).unwrap_or_default())
    }
}

/// Why a line admits nobody.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum NoAdmission {
    /// It says `admission: false`.
    Said,
    /// Its price is below zero.
    NegativePrice,
    /// Its `type` or `kind` is one of these words.
    Word(&'static str),
}

impl NoAdmission {
    pub(super) fn kind(self) -> &'static str {
        match self {
            Self::Said => "admission: false",
            Self::NegativePrice => "a price below zero",
            Self::Word(word) => word,
        }
    }
}

/// Why the line admits nobody; `None` of a ticket. A seat or `admission: true` counts for more than a word.
pub(super) fn no_admission(
    item: &mut Reader<'_, '_>,
    seated: bool,
    price: Option<Amount>,
) -> Option<NoAdmission> {
    let admission = item.optional("admission", Fields::boolean);
    let words = [item.optional("type", Fields::text), item.optional("kind", Fields::text)];
    if admission == Some(false) {
        return Some(NoAdmission::Said);
    }
    if price.is_some_and(Amount::is_negative) {
        return Some(NoAdmission::NegativePrice);
    }
    if admission == Some(true) || seated {
        return None;
    }
    // A price that cannot be read may be above zero.
    let costs = item.fields().amount("price").map_or(true, |price| price > Some(Amount::ZERO));
    words.iter().flatten().find_map(|text| word_of(text, costs)).map(NoAdmission::Word)
}

/// Whether a line that admits nobody takes its price off, however that is signed: nobody buys a discount.
pub(super) fn is_discount(item: &Fields<'_>) -> bool {
    let mut words = ["type", "kind"].iter().filter_map(|name| item.text(name).ok().flatten());
    words.any(|text| word_of(&text, false) == Some("discount"))
}

/// The word by which a line that is issued may admit nobody after all: somebody should look at it.
pub(super) fn doubtful(item: &Fields<'_>, seated: bool) -> Option<&'static str> {
    if seated || item.boolean("admission").ok().flatten() == Some(true) {
        return None;
    }
    ["type", "kind"].iter().find_map(|name| doubtful_word(&item.text(name).ok().flatten()?))
}

/// Words that a ticket hardly has for its type. What it is not known by name stays a ticket: that is the rule.
fn doubtful_word(text: &str) -> Option<&'static str> {
    let mut words = words(text);
    while words.len() > 1
        && words
            .last()
            .is_some_and(|last| ["item", "line", "cost", "costs", "product"].contains(&last.as_str()))
    {
        words.pop();
    }
    let (last, before) = words.split_last()?;
    Some(match (before.last().map(String::as_str), last.as_str()) {
        (_, "donation" | "donations") => "donation",
        (_, "tip" | "tips" | "gratuity") => "tip",
        (_, "insurance") => "insurance",
        (Some("gift"), "card" | "cards") | (_, "giftcard" | "giftcards") => "gift card",
        (_, "tax" | "taxes" | "vat") => "tax",
        (_, "parking") => "parking",
        (_, "postage") => "postage",
        (_, "delivery") => "delivery",
        (_, "coupon" | "coupons") | (Some("coupon"), "code") => "coupon",
        (_, "charge" | "charges") => "charge",
        (_, "surcharge" | "surcharges") => "surcharge",
        (_, "deposit" | "deposits") => "deposit",
        (_, "refund" | "refunds") => "refund",
        (Some("add"), "on" | "ons") | (_, "addon" | "addons") => "add-on",
        _ => return None,
    })
}

/// "Service fee", `booking_fee` and `shippingCost` by the word that says what they are; `None` of "Discounted ticket".
///
/// "Student discount" is a type of ticket where it costs something: what is taken off an order is a discount by that word
/// alone, or costs nothing. Wrongly taken for a ticket it is one too many; the reverse leaves somebody at the door.
fn word_of(text: &str, costs: bool) -> Option<&'static str> {
    let mut words = words(text);
    while words.len() > 1
        && words.last().is_some_and(|last| {
            ["item", "line", "cost", "costs", "charge", "charges", "code", "product"].contains(&last.as_str())
        })
    {
        words.pop();
    }
    Some(match words.last()?.as_str() {
        "fee" | "fees" => "fee",
        "discount" | "discounts" if words.len() > 1 && costs => return None,
        "discount" | "discounts" => "discount",
        "voucher" | "vouchers" => "voucher",
        "shipping" => "shipping",
        "merchandise" | "merch" => "merchandise",
        _ => return None,
    })
}

/// The words of a text, or of a name in camelCase, `snake_case` or kebab-case, in lower case.
fn words(text: &str) -> Vec<String> {
    let mut words = vec![String::new()];
    let mut before = ' ';
    for c in text.chars() {
        if !c.is_alphanumeric() || (c.is_uppercase() && before.is_lowercase()) {
            words.push(String::new());
        }
        if let Some(word) = words.last_mut().filter(|_| c.is_alphanumeric()) {
            word.extend(c.to_lowercase());
        }
        before = c;
    }
    words.retain(|word| !word.is_empty());
    words
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn doubtful_words_are_few() {
        for (text, word) in [
            ("donation", "donation"),
            ("Tips", "tip"),
            ("ticketInsurance", "insurance"),
            ("gift_card", "gift card"),
            ("GiftCard", "gift card"),
            ("GIFT_CARDS", "gift card"),
            ("sales tax", "tax"),
            ("parking", "parking"),
            ("delivery-cost", "delivery"),
            ("coupon code", "coupon"),
            ("serviceCharge", "charge"),
            ("add-on", "add-on"),
            ("AddOn", "add-on"),
            ("addon_item", "add-on"),
        ] {
            assert_eq!(doubtful_word(text), Some(word), "{text}");
        }
        for word in [
            "",
            "ticket",
            "seat",
            "admission",
            "entry",
            "pass",
            "standing",
            "reserved",
            "general",
            "product",
            "item",
            "line",
            "tour",
            "workshop",
            "parking pass",
            "donation ticket",
            "card",
            "tipi",
            "code",
            "on",
        ] {
            assert_eq!(doubtful_word(word), None, "{word}");
        }
    }

    #[test]
    fn words_say_what_a_line_is() {
        for (text, word) in [
            ("fee", "fee"),
            ("ServiceFee", "fee"),
            ("booking_fees", "fee"),
            ("SHIPPING", "shipping"),
            ("shipping-cost", "shipping"),
            ("Discount code", "discount"),
            ("gift voucher", "voucher"),
            ("merchandiseItem", "merchandise"),
        ] {
            assert_eq!(word_of(text, true), Some(word), "{text}");
        }
        for ticket in
            ["", "ticket", "Discounted ticket", "voucher_ticket", "feed", "coffee", "Free", "item", "費用"]
        {
            assert_eq!(word_of(ticket, true), None, "{ticket}");
        }
        for (text, costs, word) in [
            ("student discount", true, None),
            ("earlyBirdDiscount", true, None),
            ("senior-discount-line", true, None),
            ("student discount", false, Some("discount")),
            ("discounts", true, Some("discount")),
            ("student fee", true, Some("fee")),
        ] {
            assert_eq!(word_of(text, costs), word, "{text}");
        }
    }
}
