//! The terms by which an order is found: what is written to `search_words`, and what is looked for there.
//!
//! A term is the letter of its kind and a rotation of the text's words: of "Anna Maria Müller" `nanna maria muller`, `nmaria
//! muller anna` and `nmuller anna maria`. One range of the index has all texts with a word that begins so, and each of its
//! rows has the other words. A seat's term has the event's number after its first word, because seats of all events are
//! called alike: `s12 e17 a 5`.

use std::collections::BTreeSet;

use fulfillment_domain::order::is_no_seat;
use fulfillment_domain::search::words_of;

use super::record::TicketFacts;

/// The kind of a name.
const NAME: char = 'n';
/// The kind of a seat.
const SEAT: char = 's';

/// Words that occur in most labels of seats and tell none from another.
const EVERY_SEAT: &[&str] = &[
    "section", "seccion", "sektion", "sezione", "secao", "seccao", "sectie", "sekcja", "row", "fila",
    "reihe", "rang", "rangee", "fileira", "rij", "rzad", "seat", "asiento", "butaca", "platz", "sitz",
    "siege", "assento", "cadeira", "posto", "poltrona", "stoel", "miejsce", "fotel",
];

/// A term of an order, and the index of the ticket that it is about: 0 for the buyer.
pub(crate) type Term = (String, u32);

/// All terms of an order with these tickets.
pub(crate) fn terms_of(tickets: &[TicketFacts]) -> BTreeSet<Term> {
    let buyers: BTreeSet<_> =
        tickets.iter().filter_map(|ticket| ticket.customer_name.as_deref()).map(words_of).collect();
    let mut terms: BTreeSet<_> = buyers.iter().flat_map(|words| names(words, 0)).collect();
    for ticket in tickets {
        if let Some(words) = ticket.holder_name.as_deref().map(words_of)
            && !buyers.contains(&words)
        {
            terms.extend(names(&words, ticket.index));
        }
        let words = seat_words(ticket);
        for at in 0..words.len() {
            let mut term = seat_prefix(&words[at], Some(ticket.event_number));
            for word in words[at + 1..].iter().chain(&words[..at]) {
                term.extend([word, " "]);
            }
            terms.insert((term.trim_end().to_owned(), ticket.index));
        }
    }
    terms
}

fn names(words: &[String], ticket: u32) -> impl Iterator<Item = Term> + '_ {
    (0..words.len()).map(move |at| {
        let (before, from) = words.split_at(at);
        (format!("{NAME}{}", [from, before].concat().join(" ")), ticket)
    })
}

/// The words of a ticket's seat that tell it from others.
pub(crate) fn seat_words(ticket: &TicketFacts) -> Vec<String> {
    if is_no_seat(&ticket.seat) {
        return Vec::new();
    }
    let parts = [&ticket.section, &ticket.row, &ticket.seat_number].into_iter().flatten();
    let mut words = telling(words_of(&ticket.seat));
    for word in parts.flat_map(|part| telling(words_of(part))) {
        if !words.contains(&word) && words.len() < fulfillment_domain::search::MAX_WORDS {
            words.push(word);
        }
    }
    words
}

/// These words without those of every seat, unless nothing would be left.
pub(crate) fn telling(words: Vec<String>) -> Vec<String> {
    let told: Vec<_> = words.iter().filter(|word| !EVERY_SEAT.contains(&word.as_str())).cloned().collect();
    if told.is_empty() { words } else { told }
}

fn seat_prefix(word: &str, event: Option<u32>) -> String {
    event.map_or_else(|| format!("{SEAT}{word} "), |event| format!("{SEAT}{word} e{event} "))
}

/// What is looked for: the beginning of terms, and what else they must have.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Wanted {
    /// Every term begins so.
    pub(crate) prefix: String,
    words: Vec<String>,
    whole: bool,
}

impl Wanted {
    /// A name with words that begin so; the longest is looked for. The words are at least one.
    pub(crate) fn name(words: Vec<String>) -> Self {
        Self { prefix: format!("{NAME}{}", longest(&words)), words, whole: false }
    }

    /// A seat with these words, of an event with this number if one is named.
    pub(crate) fn seat(words: Vec<String>, event: Option<u32>) -> Self {
        Self { prefix: seat_prefix(longest(&words), event), words, whole: true }
    }

    /// The first text after all that begin with the prefix.
    pub(crate) fn end(&self) -> String {
        format!("{}\u{10ffff}", self.prefix)
    }

    /// Whether a term that is in the range has all words.
    pub(crate) fn matches(&self, term: &str) -> bool {
        term.starts_with(&self.prefix)
            && has_words(&self.words, &term.get(1..).unwrap_or_default().split(' '), self.whole)
    }
}

fn longest(words: &[String]) -> &str {
    words.iter().max_by_key(|word| word.chars().count()).map_or("", String::as_str)
}

/// Whether a text has all these words: each as one of its words, or unless `whole`, as the beginning of one.
pub(crate) fn has_words<'a>(
    wanted: &[String],
    text: &(impl Iterator<Item = &'a str> + Clone),
    whole: bool,
) -> bool {
    wanted.iter().all(|word| {
        text.clone().any(|found| if whole { found == word } else { found.starts_with(word.as_str()) })
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn ticket(index: u32, holder: Option<&str>, seat: &str) -> TicketFacts {
        TicketFacts {
            index,
            customer_name: Some("Anna Maria Müller".into()),
            holder_name: holder.map(str::to_owned),
            seat: seat.into(),
            event_number: 17,
            ..TicketFacts::default()
        }
    }

    fn texts(tickets: &[TicketFacts]) -> Vec<String> {
        terms_of(tickets).into_iter().map(|(term, ticket)| format!("{term}|{ticket}")).collect()
    }

    #[test]
    fn each_word_begins_a_term() {
        let tickets = [
            ticket(1, Some("ANNA-MARIA MULLER"), "Section A, Row 5, Seat 12"),
            ticket(2, Some("Bo Li"), "N/A"),
            ticket(3, None, "Row"),
        ];
        assert_eq!(
            texts(&tickets),
            [
                "nanna maria muller|0",
                "nbo li|2",
                "nli bo|2",
                "nmaria muller anna|0",
                "nmuller anna maria|0",
                "s12 e17 a 5|1",
                "s5 e17 12 a|1",
                "sa e17 5 12|1",
                "srow e17|3",
            ]
        );
    }

    #[test]
    fn a_part_that_its_label_lacks_is_found_too() {
        let mut one = ticket(1, None, "Loge");
        (one.section, one.seat_number) = (Some("Reihe Nord".into()), Some("12".into()));
        assert_eq!(seat_words(&one), ["loge", "nord", "12"]);
    }

    #[test]
    fn the_other_words_are_on_the_same_row() {
        let words = |text| words_of(text);
        let wanted = Wanted::name(words("mül an"));
        assert_eq!(wanted.prefix, "nmul");
        assert!(wanted.matches("nmuller anna maria") && !wanted.matches("nmuller maria"));
        let seat = Wanted::seat(telling(words("Row 5, seat 12")), Some(17));
        assert!(seat.matches("s12 e17 a 5") && !seat.matches("s12 e17 a 55") && !seat.matches("s12 e18 a 5"));
        assert!(Wanted::seat(words("5 12"), None).matches("s12 e18 a 5"));
    }

    proptest! {
        #[test]
        fn whoever_has_a_name_is_found_by_any_of_its_words(name: String, at: usize, cut: usize) {
            let words = words_of(&name);
            prop_assume!(!words.is_empty());
            let mut one = ticket(1, Some(&name), "N/A");
            one.customer_name = None;
            let terms = terms_of(&[one]);
            let word = &words[at % words.len()];
            let letters = 1 + cut % word.chars().count();
            let typed = vec![word.chars().take(letters).collect::<String>()];
            let wanted = Wanted::name(typed);
            let found = terms.range((wanted.prefix.clone(), 0)..(wanted.end(), 0));
            prop_assert!(found.filter(|(term, _)| wanted.matches(term)).count() > 0);
            // PostgreSQL's longest key of an index.
            prop_assert!(terms.iter().all(|(term, _)| term.len() < 2_000));
        }
    }
}
