//! Classifies a line by the words of its type: a ticket, or a fee, a discount, a voucher and the like.

/// What a type states about its line. A type without a known word is a ticket's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Says {
    /// It has a word for a ticket.
    Ticket,
    /// It admits nobody: what it is.
    Nobody(&'static str),
    /// It may admit nobody: what it is.
    Doubtful(&'static str),
}

/// How reliable a word is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Class {
    Ticket,
    Nobody,
    /// After other words ("student discount") and with a price above zero, a type of ticket.
    Discount,
    /// With a price above zero it may be a ticket sold at a reduced price.
    Promotion,
    Doubtful,
}

/// A kind of line: its name in notes, and the words for it in the languages of the page's labels. `ends` also match the
/// last part of longer words: German and Dutch compounds, and languages without spaces.
#[derive(Debug)]
struct Kind {
    name: &'static str,
    class: Class,
    words: &'static str,
    ends: &'static str,
}

const fn kind(name: &'static str, class: Class, words: &'static str, ends: &'static str) -> Kind {
    Kind { name, class, words, ends }
}

/// The first kind with a matching word counts. "giftcard" is also matched as two words.
const KINDS: &[Kind] = &[
    // Listed before a ticket's words: "parking ticket". Many are scanned at a separate gate.
    kind(
        "parking",
        Class::Doubtful,
        "parking parkingpass parkingpasses parkingpermit parkingticket parkingtickets carpark aparcamiento \
         estacionamiento stationnement estacionamento parcheggio parkeren موقف חניה",
        "parkplatz parkschein parkticket parkeerplaats parkeerkaart 停车 停車 駐車場 駐車券 주차 주차권",
    ),
    kind(
        "ticket",
        Class::Ticket,
        "admission admissions entry entrance seat seats pass passes boleto boletos entrada entradas billete billetes \
         asiento eintritt sitzplatz billet billets entrée bilhete bilhetes ingresso ingressi ingressos biglietto \
         biglietti toegang bilet bilety wstęp تذكرة تذاكر כרטיס כרטיסים",
        "ticket tickets eintrittskarte eintrittskarten toegangskaart 票 チケット 入場券 티켓 입장권",
    ),
    kind(
        "shipping",
        Class::Nobody,
        "shipping envío envio expédition frete spedizione wysyłka przesyłka شحن משלוח",
        "versand versandkosten verzending verzendkosten 运费 運費 送料 配送料 배송비",
    ),
    kind(
        "fee",
        Class::Nobody,
        "fee fees gastos comisión comision frais taxa taxas commissione commissioni diritti opłata oplata opłaty \
         prowizja رسوم עמלה עמלת",
        "gebühr gebühren gebuehr gebuehren kosten toeslag 手续费 手續費 服务费 服務費 手数料 サービス料 利用料 수수료",
    ),
    kind(
        "voucher",
        Class::Nobody,
        "voucher vouchers boncadeau chèquecadeau bonpodarunkowy cadeaubon waardebon قسيمة שובר",
        "gutschein gutscheine gutscheincode 代金券 商品券 ギフト券 상품권",
    ),
    kind(
        "merchandise",
        Class::Nobody,
        "merchandise merch merchandising tshirt tshirts mercancía gadżety بضائع",
        "fanartikel 周边 周邊 グッズ 굿즈",
    ),
    kind(
        "discount",
        Class::Discount,
        "discount discounts promocode promocodes descuento descuentos réduction remise desconto descontos sconto \
         sconti zniżka خصم הנחה",
        "rabatt rabat korting 折扣 割引 할인",
    ),
    kind(
        "promotion",
        Class::Promotion,
        "promo promos promotion promotions promoción promoção promozione promocja",
        "",
    ),
    // Words that look like a fee and may be the price of admission.
    kind("entry fee", Class::Doubtful, "entryfee entrancefee admissionfee", "eintrittsgebühr"),
    kind("donation", Class::Doubtful, "donation donations", ""),
    kind("tip", Class::Doubtful, "tip tips gratuity", ""),
    kind("insurance", Class::Doubtful, "insurance", ""),
    kind("gift card", Class::Doubtful, "giftcard giftcards", ""),
    kind("tax", Class::Doubtful, "tax taxes vat", ""),
    kind("postage", Class::Doubtful, "postage", ""),
    kind("delivery", Class::Doubtful, "delivery", ""),
    kind("coupon", Class::Doubtful, "coupon coupons", ""),
    kind("charge", Class::Doubtful, "charge charges", ""),
    kind("surcharge", Class::Doubtful, "surcharge surcharges", ""),
    kind("deposit", Class::Doubtful, "deposit deposits", ""),
    kind("refund", Class::Doubtful, "refund refunds", ""),
    kind("add-on", Class::Doubtful, "addon addons", ""),
];

/// Words without a meaning of their own: "discount code" is a discount by its first word alone.
const FILLERS: &str = "item items line cost costs charge charges code codes product";

/// Words between two things that a line is, or includes: "Ticket incl. booking fee". `|` represents signs like
/// brackets.
const WITH: &str = "| + & and with without no plus inc incl including includes y con sin und mit ohne inkl et avec sans com sem e ed \
     senza met zonder en i z bez";

/// Words for something that a ticket's price includes: "Standard (fees included)".
const INCLUDED: &str = "included inclusive inclus incluse incluses inclusa inclusas inclusi inclusos incluso incluido incluidos incluida \
     incluidas compris comprise comprises inclusief inbegrepen inklusive enthalten inbegriffen wliczone wliczona";

/// Words that classify a line when they come last: "Merch Bundle VIP" is more than merchandise.
const ENGLISH: &str = "fee fees shipping voucher vouchers merchandise merch";

/// Words before the subject of a line: "fee per ticket", "frais de billet".
const OF: &str = "of for per de del por para für pro je des du par pour do da di voor za";

/// What a type states about its line, if anything. `costs` is whether the line has a price above zero.
///
/// In "booking fee" and "promo ticket" the last known word classifies the line. Words after another thing may describe
/// only a part of it: the line is doubtful then, because a wrongly issued ticket is one too many, and a missing one
/// turns a buyer away at the entrance.
pub(super) fn says(text: &str, costs: bool) -> Option<Says> {
    let words = words(text);
    let parts = |words: &[String], joints: &str| -> Vec<Vec<String>> {
        let parts = words.split(|word| has(joints, word));
        parts.filter(|part| !part.is_empty()).map(<[String]>::to_vec).collect()
    };
    let things = parts(&words, WITH);
    // For each thing: its kind, and whether its first words decide it.
    let known: Vec<_> = things
        .iter()
        .map(|thing| {
            let about = parts(thing, OF);
            about.iter().enumerate().find_map(|(at, words)| {
                let (kind, is_last) = last_known(words)?;
                Some((kind, at == 0 && is_last))
            })
        })
        .collect();
    if known.iter().flatten().any(|(kind, _)| kind.class == Class::Ticket) {
        return Some(Says::Ticket);
    }
    let within = words.iter().any(|word| has(INCLUDED, word)) || words.first().is_some_and(|w| has(WITH, w));
    let is_sure = |known: &Option<(&Kind, bool)>| !within && known.is_some_and(|(_, leads)| leads);
    let nobody = known.iter().flatten().find(|(kind, _)| kind.class == Class::Nobody);
    let (kind, leads) = match nobody.filter(|_| known.iter().all(is_sure)) {
        // "Taxes and fees"
        Some(nobody) => *nobody,
        None => (known.iter().flatten().next()?.0, known.first().is_some_and(is_sure)),
    };
    match kind.class {
        Class::Discount if costs && !kind.is_all_of(&words) => None,
        Class::Promotion if costs => Some(Says::Doubtful(kind.name)),
        Class::Promotion => Some(Says::Nobody("discount")),
        Class::Nobody | Class::Discount if leads => Some(Says::Nobody(kind.name)),
        _ => Some(Says::Doubtful(kind.name)),
    }
}

/// The kind of the last known word of a part, and whether no word follows it that may change the meaning; "shipping
/// charge" is shipping.
fn last_known(words: &[String]) -> Option<(&'static Kind, bool)> {
    let kinds = (0..words.len()).rev().filter_map(|at| {
        let pair = at.checked_sub(1).map(|before| format!("{}{}", words[before], words[at]));
        let of = |word: &str| KINDS.iter().find(|kind| kind.is(word));
        let kind = pair.and_then(|pair| KINDS.iter().find(|kind| has(kind.words, &pair)));
        Some((at, kind.or_else(|| of(&words[at]))?))
    });
    let (places, kinds): (Vec<_>, Vec<_>) = kinds.unzip();
    let (last, first) = (*places.first()?, *kinds.first()?);
    let says_nothing = |word: &String| has(FILLERS, word) || word.chars().all(char::is_numeric);
    let is_last = !has(ENGLISH, &words[last]) || words[last + 1..].iter().all(says_nothing);
    // In "billet promo" the word for a ticket comes first.
    let wins = match first.class {
        Class::Promotion => Some(Class::Ticket),
        Class::Doubtful if first.name == "charge" => Some(Class::Nobody),
        _ => None,
    };
    let other = kinds.iter().find(|kind| Some(kind.class) == wins);
    Some((other.copied().unwrap_or(first), is_last))
}

impl Kind {
    fn is(&self, word: &str) -> bool {
        has(self.words, word) || self.ends.split(' ').any(|end| !end.is_empty() && word.ends_with(end))
    }

    /// Whether a type has no other words than these, numbers and fillers aside.
    fn is_all_of(&self, words: &[String]) -> bool {
        let words = words.iter().filter(|word| !word.chars().all(char::is_numeric));
        let (all, telling) = words.fold((String::new(), String::new()), |(all, telling), word| {
            let telling = if has(FILLERS, word) { telling } else { telling + word };
            (all + word, telling)
        });
        [all, telling].iter().any(|said| has(self.words, said) || has(self.ends, said))
    }
}

/// Whether a word is in a list of words.
fn has(list: &str, word: &str) -> bool {
    list.split(' ').any(|one| one == word)
}

/// The words of a text, or of a name in camelCase, `snake_case` or kebab-case, in lower case, and the signs that join
/// two.
fn words(text: &str) -> Vec<String> {
    let mut words = vec![String::new()];
    let mut before = ' ';
    for c in text.chars() {
        let joint = match c {
            '+' | '&' => Some(c),
            '(' | ')' | '[' | ']' | ':' | ';' | ',' | '/' | '|' => Some('|'),
            _ => None,
        };
        if !c.is_alphanumeric() || (c.is_uppercase() && before.is_lowercase()) {
            words.push(String::new());
        }
        if let Some(word) = words.last_mut().filter(|_| c.is_alphanumeric()) {
            word.extend(c.to_lowercase());
        }
        if let Some(joint) = joint {
            words.extend([joint.to_string(), String::new()]);
        }
        before = c;
    }
    words.retain(|word| !word.is_empty());
    words
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn nobody(text: &str, costs: bool) -> Option<&'static str> {
        match says(text, costs) {
            Some(Says::Nobody(word)) => Some(word),
            _ => None,
        }
    }

    fn doubtful(text: &str) -> Option<&'static str> {
        match says(text, true) {
            Some(Says::Doubtful(word)) => Some(word),
            _ => None,
        }
    }

    #[test]
    fn doubtful_words_are_few() {
        for (text, word) in [
            ("donation", "donation"),
            ("Tips", "tip"),
            ("ticketInsurance", "insurance"),
            ("gift_card", "gift card"),
            ("GiftCard", "gift card"),
            ("GIFT_CARDS", "gift card"),
            ("Gift card (10 EUR)", "gift card"),
            ("sales tax", "tax"),
            ("tax: VAT", "tax"),
            ("delivery-cost", "delivery"),
            ("merchandise delivery", "delivery"),
            ("coupon code", "coupon"),
            ("serviceCharge", "charge"),
            ("ticket charge", "charge"),
            ("add-on", "add-on"),
            ("AddOn", "add-on"),
            ("addon_item", "add-on"),
            ("Entry fee", "entry fee"),
            ("promo", "promotion"),
            ("Promotions", "promotion"),
            ("summer promo", "promotion"),
            ("VIP incl. merch", "merchandise"),
            ("Adult (incl. booking fee)", "fee"),
            ("VIP + parking", "parking"),
            ("parking", "parking"),
            ("Parking pass", "parking"),
            ("parkingTicket", "parking"),
            ("Parkplatz", "parking"),
            ("handling and shipping", "shipping"),
            ("type of fee", "fee"),
            ("no fee", "fee"),
            ("Standard (fees included)", "fee"),
            ("Standard (frais inclus)", "fee"),
            ("Taxa inclusa", "fee"),
            ("Adult inc. booking fee", "fee"),
            ("Merch Bundle VIP", "merchandise"),
        ] {
            assert_eq!(doubtful(text), Some(word), "{text}");
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
            "donation ticket",
            "promo ticket",
            "card",
            "tipi",
            "code",
            "on",
        ] {
            assert_eq!(doubtful(word), None, "{word}");
        }
    }

    #[test]
    fn words_say_what_a_line_is() {
        for (text, word) in [
            ("fee", "fee"),
            ("ServiceFee", "fee"),
            ("booking_fees", "fee"),
            ("SERVICE FEE (non-refundable)", "fee"),
            ("fee:booking", "fee"),
            ("Fee per ticket", "fee"),
            ("ticket fee", "fee"),
            ("frais de billet", "fee"),
            ("Gastos de gestión", "fee"),
            ("Vorverkaufsgebühr", "fee"),
            ("opłata serwisowa", "fee"),
            ("サービス手数料", "fee"),
            ("システム利用料", "fee"),
            ("Gutscheincode", "voucher"),
            ("T-Shirt", "merchandise"),
            ("Taxes & fees", "fee"),
            ("SHIPPING", "shipping"),
            ("shipping-cost", "shipping"),
            ("shipping charge", "shipping"),
            ("Versandkosten", "shipping"),
            ("Discount code", "discount"),
            ("Discount 10%", "discount"),
            ("promo code", "discount"),
            ("PROMO-CODE 2026", "discount"),
            ("Rabatt", "discount"),
            ("gift voucher", "voucher"),
            ("Gutschein", "voucher"),
            ("Geschenkgutschein", "voucher"),
            ("bon cadeau", "voucher"),
            ("merchandiseItem", "merchandise"),
        ] {
            assert_eq!(nobody(text, true), Some(word), "{text}");
        }
        for ticket in [
            "",
            "ticket",
            "Discounted ticket",
            "voucher_ticket",
            "promo ticket",
            "Promo entry",
            "billet promo",
            "Rabatt-Ticket",
            "优惠票",
            "Ticket incl. booking fee",
            "Ticket + voucher",
            "Parking and entry",
            "Ticket (no fees)",
            "feed",
            "coffee",
            "Free",
            "item",
            "費用",
            "Studentenrabatt",
        ] {
            assert_eq!((nobody(ticket, true), doubtful(ticket)), (None, None), "{ticket}");
        }
        for (text, costs, word) in [
            ("student discount", true, None),
            ("earlyBirdDiscount", true, None),
            ("senior-discount-line", true, None),
            ("discount for students", true, None),
            ("student discount", false, Some("discount")),
            ("discounts", true, Some("discount")),
            ("student fee", true, Some("fee")),
            ("promo", false, Some("discount")),
            ("promo ticket", false, None),
        ] {
            assert_eq!(nobody(text, costs), word, "{text}");
        }
    }

    proptest! {
        #[test]
        fn any_text_with_a_word_for_a_ticket_is_none_that_admits_nobody(
            before in "(\\PC{0,12}|(promo|booking|Discounted|VIP) )",
            after in "( (incl|with|and|\\+) [a-z ]{0,20})?",
            costs: bool,
        ) {
            prop_assume!(!before.to_lowercase().contains("parking"));
            let text = format!("{before} ticket{after}");
            prop_assert_eq!(says(&text, costs), Some(Says::Ticket), "{}", text);
        }
    }
}
