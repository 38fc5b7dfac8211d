//! Reads what lists are asked for: one name and text for each field, the same by HTTP and by command.

use std::fmt::Display;
use std::str::FromStr;

use fulfillment_domain::{Address, Flag, OrderState, Secret, ShownStatus, ticket_number};
use fulfillment_store::listed::MAX_LISTED;
use fulfillment_store::{BadFilter, ListFilter, ListQuery, Sort};
use jiff::Timestamp;

use super::people::key_of;

/// Rows of one answer, if no other number is asked for.
pub const LISTED: usize = 50;

/// The longest text of a field, in bytes.
pub const LONGEST: usize = 2_000;

/// Every field.
pub const FIELDS: &[&str] = &[
    "state",
    "status",
    "event",
    "organizer",
    "ticketNumber",
    "flag",
    "kid",
    "generation",
    "receivedFrom",
    "receivedTo",
    "issuedFrom",
    "issuedTo",
    "sort",
    "limit",
    "cursor",
    "email",
    "name",
    "holder",
    "seat",
    "error",
];

/// Fields that may hold personal data: they do not belong into addresses, which are logged.
pub const PERSONAL: &[&str] = &["email", "name", "holder", "seat", "error"];

/// Reads the fields. Addresses are looked up under this secret.
///
/// # Errors
/// The field that is unknown, twice there, or cannot be read.
pub fn read<'a>(
    fields: impl IntoIterator<Item = (&'a str, &'a str)>,
    secret: impl FnOnce() -> Secret,
) -> Result<ListQuery, BadFilter> {
    let (mut filter, mut sort, mut limit, mut cursor) = (ListFilter::default(), Sort::Newest, LISTED, None);
    let (mut secret, mut seen) = (Some(secret), Vec::new());
    for (name, text) in fields {
        let Some(field) = FIELDS.iter().copied().find(|known| *known == name) else {
            // Only our own names are said in errors.
            return Err(bad("field", format!("is unknown; there are {}", FIELDS.join(", "))));
        };
        if seen.contains(&field) {
            return Err(bad(field, "is given more than once"));
        }
        seen.push(field);
        if text.trim().is_empty() {
            return Err(bad(field, "must not be empty"));
        }
        if text.len() > LONGEST && field != "cursor" {
            return Err(bad(field, format!("is longer than {LONGEST} bytes")));
        }
        let own = || Some(text.to_owned());
        match field {
            "state" => filter.states = words(field, text, OrderState::ALL)?,
            "status" => filter.statuses = words(field, text, ShownStatus::ALL)?,
            "event" => filter.event = own(),
            "organizer" => filter.organizer = own(),
            "ticketNumber" => {
                let wrong = || bad(field, "is not a ticket number, such as 7Q2FK-9XM4D");
                filter.number = Some(ticket_number::normalise(text).ok_or_else(wrong)?);
            }
            "flag" => filter.flag = Some(word(field, text, Flag::ALL)?),
            "kid" => filter.kid = own(),
            "generation" => filter.generation = Some(parsed(field, text, "must be a number")?),
            "receivedFrom" => filter.received_from = Some(time(field, text)?),
            "receivedTo" => filter.received_to = Some(time(field, text)?),
            "issuedFrom" => filter.issued_from = Some(time(field, text)?),
            "issuedTo" => filter.issued_to = Some(time(field, text)?),
            "sort" => sort = word(field, text, Sort::ALL)?,
            "limit" => limit = parsed(field, text, &format!("must be 1 to {MAX_LISTED}"))?,
            "cursor" => cursor = own(),
            "email" => {
                let wrong = || bad(field, "must be one address, such as ada@example.org");
                let address = Address::only_in(text).ok_or_else(wrong)?;
                if let Some(secret) = secret.take() {
                    let key = key_of(&secret(), &address);
                    filter.email = Some((address, key));
                }
            }
            "name" => filter.name = own(),
            "holder" => filter.holder = own(),
            "seat" => filter.seat = own(),
            _ => filter.error = own(),
        }
    }
    ListQuery::new(filter, sort, limit, cursor.as_deref())
}

fn bad(field: &'static str, why: impl Into<String>) -> BadFilter {
    BadFilter { field, why: why.into() }
}

/// Words separated by commas.
fn words<W: FromStr + Display>(field: &'static str, text: &str, all: &[W]) -> Result<Vec<W>, BadFilter> {
    text.split(',').map(|text| word(field, text, all)).collect()
}

fn word<W: FromStr + Display>(field: &'static str, text: &str, all: &[W]) -> Result<W, BadFilter> {
    text.trim().parse().map_err(|_| {
        let known = all.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
        bad(field, format!("is unknown; there are {known}"))
    })
}

fn parsed<N: FromStr>(field: &'static str, text: &str, expected: &str) -> Result<N, BadFilter> {
    text.parse().map_err(|_| bad(field, expected))
}

fn time(field: &'static str, text: &str) -> Result<Timestamp, BadFilter> {
    parsed(field, text, "must be a time such as 2026-11-30T18:00:00Z")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wrong(fields: &[(&'static str, &str)]) -> &'static str {
        read(fields.iter().copied(), || Secret::new([7; 32])).unwrap_err().field
    }

    #[test]
    fn what_is_wrong_is_named() {
        for (field, text) in [
            ("state", "paid"),
            ("status", "Generated,gone"),
            ("ticketNumber", "1"),
            ("flag", "seat"),
            ("generation", "-1"),
            ("receivedFrom", "yesterday"),
            ("issuedTo", "2026-11-30"),
            ("sort", "name"),
            ("limit", "0"),
            ("limit", "501"),
            ("cursor", "x"),
            ("email", "ada"),
            ("email", "a@example.org b@example.org"),
            ("name", "?"),
            ("error", "bucket"),
            ("event", " "),
        ] {
            assert_eq!(wrong(&[(field, text)]), field, "{text}");
        }
        assert_eq!(wrong(&[("kid", "a"), ("kid", "b")]), "kid");
        assert_eq!(wrong(&[("organiser", "a")]), "field");
        assert_eq!(wrong(&[("name", &"a".repeat(LONGEST + 1))]), "name");
    }

    #[test]
    fn all_fields_are_read() {
        let fields = [
            ("state", "parked, received"),
            ("status", "Failed"),
            ("email", "Ada <ada@example.org>"),
            ("error", "bucket"),
            ("limit", "500"),
            ("sort", "oldest"),
        ];
        assert!(read(fields, || Secret::new([7; 32])).is_ok());
        assert!(PERSONAL.iter().all(|field| FIELDS.contains(field)));
    }
}
