//! Words as they are searched: without case, accents and punctuation, the same for what is stored and what is typed.

use unicode_normalization::UnicodeNormalization as _;
use unicode_normalization::char::is_combining_mark;

/// The most words of a text that are searched; those after them are not.
pub const MAX_WORDS: usize = 8;

/// The most characters of a word that are searched; those after them are not.
pub const MAX_LETTERS: usize = 32;

/// The words of a text: letters and digits in lower case, without accents. At most [`MAX_WORDS`] of at most
/// [`MAX_LETTERS`] characters each; `words_of("Zoë O'Brien-Groß")` are `zoe`, `obrien` and `gross`.
pub fn words_of(text: &str) -> Vec<String> {
    let mut words = Vec::new();
    let mut word = (String::new(), 0);
    // The space ends the last word.
    for c in folded(text).chain([' ']) {
        if c.is_alphanumeric() {
            if word.1 < MAX_LETTERS {
                word.0.push(c);
            }
            word.1 += 1;
        } else if word.1 > 0 {
            words.push(std::mem::take(&mut word.0));
            if words.len() == MAX_WORDS {
                break;
            }
            word.1 = 0;
        }
    }
    words
}

/// Whether a text has more words than are searched.
pub fn has_too_many_words(text: &str) -> bool {
    folded(text)
        .collect::<String>()
        .split(|c: char| !c.is_alphanumeric())
        .filter(|word| !word.is_empty())
        .count()
        > MAX_WORDS
}

/// Letters in their simplest form. Lower case comes first: some capitals become a letter with an accent.
fn folded(text: &str) -> impl Iterator<Item = char> + '_ {
    let lower = text.nfkd().flat_map(char::to_lowercase).flat_map(plain);
    lower.nfkd().filter(|c| !is_combining_mark(*c) && !is_apostrophe(*c))
}

/// Latin letters that are no letter with an accent to Unicode, but to people who type them; and two forms of one letter.
fn plain(c: char) -> impl Iterator<Item = char> {
    let (first, second) = match c {
        'ß' => ('s', Some('s')),
        'æ' => ('a', Some('e')),
        'œ' => ('o', Some('e')),
        'þ' => ('t', Some('h')),
        'ø' => ('o', None),
        'ł' => ('l', None),
        'đ' | 'ð' => ('d', None),
        'ħ' => ('h', None),
        'ı' => ('i', None),
        'ŋ' => ('n', None),
        'ŧ' => ('t', None),
        'ς' => ('σ', None),
        other => (other, None),
    };
    std::iter::once(first).chain(second)
}

/// Apostrophes and the like are part of a word: O'Brien is found with and without it.
fn is_apostrophe(c: char) -> bool {
    matches!(c, '\'' | '\u{2018}' | '\u{2019}' | '\u{2bb}' | '\u{2bc}' | '`')
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn case_accents_and_punctuation_make_no_difference() {
        for (text, words) in [
            ("Anna  Maria Müller", "anna maria muller"),
            ("ANNA-MARIA mu\u{308}ller", "anna maria muller"),
            ("Zoë O'Brien-Groß", "zoe obrien gross"),
            ("D\u{2019}Angelo", "dangelo"),
            ("GROẞ Straße", "gross strasse"),
            ("Søren Łukasz Đorđe Æsa Þór Œuf", "soren lukasz dorde aesa thor oeuf"),
            ("İstanbul Işık", "istanbul isik"),
            ("Ὀδυσσεύς ΟΔΥΣΣΕΥΣ", "οδυσσευσ οδυσσευσ"),
            ("Ёлка Й", "елка и"),
            ("山田 太郎", "山田 太郎"),
            ("山田太郎", "山田太郎"),
            ("ｶﾞﾗ ガラ", "カラ カラ"),
            ("Section A, Row 5, Seat 12", "section a row 5 seat 12"),
            (" .-' ", ""),
            ("", ""),
        ] {
            assert_eq!(words_of(text).join(" "), words, "{text}");
        }
    }

    #[test]
    fn words_are_capped() {
        let long = format!("{} b", "a".repeat(MAX_LETTERS + 5));
        assert_eq!(words_of(&long), ["a".repeat(MAX_LETTERS), "b".to_owned()]);
        let many = "a b c d e f g h i";
        assert_eq!(words_of(many).len(), MAX_WORDS);
        assert!(
            has_too_many_words(many) && !has_too_many_words("a b c d e f g-h") && !has_too_many_words("o'b")
        );
    }

    proptest! {
        #[test]
        fn words_are_words_again(text: String) {
            let words = words_of(&text);
            prop_assert_eq!(words_of(&words.join(" ")), words.clone());
            prop_assert!(words.len() <= MAX_WORDS);
            for word in &words {
                prop_assert!((1..=MAX_LETTERS).contains(&word.chars().count()), "{}", word);
                prop_assert!(word.chars().all(char::is_alphanumeric), "{}", word);
            }
        }

        #[test]
        fn case_makes_no_difference_in_latin(text in "[a-zA-ZÀ-ÖØ-öø-ÿŁłŒœ '-]{0,40}") {
            prop_assert_eq!(words_of(&text.to_uppercase()), words_of(&text));
            prop_assert_eq!(words_of(&text.to_lowercase()), words_of(&text));
            prop_assert_eq!(words_of(&text.nfd().collect::<String>()), words_of(&text));
        }
    }
}
