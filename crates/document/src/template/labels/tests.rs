use super::label::{CODE, FREE, INDEX, LABELS, placeholder};
use super::*;
use crate::template::field::Field;

#[test]
fn languages_are_found_by_prefix() {
    for (tag, first) in [
        ("", "Starts"),
        ("en-gb", "Starts"),
        ("de-at", "Beginn"),
        ("den", "Starts"),
        ("zh-hant-tw", "開始"),
        ("zh-cn", "开始"),
        ("zh", "开始"),
        ("pt-br", "Início"),
        ("iw", "התחלה"),
        ("tlh", "Starts"),
    ] {
        assert_eq!(language(tag).texts[0], first, "{tag}");
    }
}

#[test]
fn labels_have_the_placeholders_they_should() {
    for language in &LANGUAGES {
        for (index, text) in language.texts.iter().enumerate() {
            let mut fields = Vec::new();
            let mut rest = *text;
            while let Some((_, name, after)) = placeholder(rest) {
                fields.push(Field::named(name).unwrap_or_else(|| panic!("{name} in {text}")));
                rest = after;
            }
            assert!(!text.is_empty() && !rest.contains(['{', '}']), "{text}");
            assert_eq!(!fields.is_empty(), Label(index).has_fields(), "{text}");
            if index == INDEX {
                assert!(fields.contains(&Field::TicketIndex) && fields.contains(&Field::TicketCount));
            }
        }
    }
    assert_eq!((LABELS[INDEX], LABELS[CODE], LABELS[FREE]), ("index", "code", "free"));
    assert_eq!((Label::named("order"), Label::named("ticket")), (Some(Label::ORDER), Some(Label::TICKET)));
    assert_eq!(Label::named("free_seating"), Some(Label::FREE_SEATING));
    assert_eq!(Label::named("seat"), Some(Label::SEAT));
}
