//! Lists of what was paid, to compare the record with.

use serde_json::value::RawValue;

use crate::fields::{Fields, Unreadable};
use crate::id::OrderId;
use crate::payment::Payment;

/// A paid order, and the payment to enter should the record have none of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Paid {
    /// What the message says.
    pub payment: Payment,
    /// A message of the topic `payment-succeeded`: the listed one, or one that has the order's id alone.
    pub message: Vec<u8>,
}

impl Paid {
    /// Reads one entry of a list: an order id, bare or as a JSON string, or a payment as the topic `payment-succeeded`
    /// has it.
    ///
    /// # Errors
    /// It is neither.
    pub fn line(line: &[u8]) -> Result<Self, Unreadable> {
        let text = line.trim_ascii();
        if text.first() == Some(&b'{') {
            return Ok(Self { payment: Payment::parse(text)?, message: text.to_vec() });
        }
        let quoted: Option<String> = serde_json::from_slice(text).ok();
        let bare = quoted.as_deref().or_else(|| std::str::from_utf8(text).ok());
        let id = bare.and_then(|text| text.trim().parse().ok());
        let id = id.ok_or_else(|| Unreadable::whole("is neither an order's id nor a payment in JSON"))?;
        Self::of(id)
    }

    fn of(order: OrderId) -> Result<Self, Unreadable> {
        let message = format!(r#"{{"orderId":"{order}"}}"#).into_bytes();
        Ok(Self { payment: Payment::parse(&message)?, message })
    }
}

/// One answer of Ordering's to `GET /orders?paidSince=`, which may be a part of its list.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct PaidPage {
    /// The orders on it.
    pub paid: Vec<Paid>,
    /// Where the next part is, as the answer has it: a URL, or a part of one.
    pub next: Option<String>,
    /// It says in other words that there is more: the field that does.
    more: Option<&'static str>,
    /// How many orders there are in all, as far as it says: on this page, or on all of them.
    pub total: u64,
    /// How many pages.
    pages: u64,
}

/// Names for where the next part is; at the top, or in one of [`NESTED`].
const NEXT: [&str; 5] = ["nextLink", "@odata.nextLink", "nextUrl", "next", "nextPage"];
/// Fields that say so when there is more, and their value then; of a token, that it is there.
const MORE: [(&str, Option<&str>); 13] = [
    ("hasMore", Some("true")),
    ("hasNext", Some("true")),
    ("hasNextPage", Some("true")),
    ("more", Some("true")),
    ("truncated", Some("true")),
    ("isTruncated", Some("true")),
    ("last", Some("false")),
    ("nextToken", None),
    ("nextPageToken", None),
    ("nextCursor", None),
    ("endCursor", None),
    ("continuationToken", None),
    ("continuation", None),
];
/// Names for how many orders there are.
const TOTALS: [&str; 8] = [
    "total",
    "totalCount",
    "count",
    "totalItems",
    "totalElements",
    "totalResults",
    "totalRecords",
    "@odata.count",
];
/// Names for how many pages.
const PAGES: [&str; 4] = ["pages", "totalPages", "pageCount", "lastPage"];
/// Objects in which any of these may stand.
const NESTED: [&str; 6] = ["links", "_links", "meta", "page", "paging", "pagination"];

impl PaidPage {
    /// Reads an answer: a list of ids, or of objects with an `orderId`; or an object whose `orders` is one. What else an
    /// entry says is not taken for a payment: it is an order's.
    ///
    /// # Errors
    /// It is something else, or an entry has no readable id.
    pub fn read(bytes: &[u8]) -> Result<Self, Unreadable> {
        let no_list = || Unreadable::whole("is no list of orders");
        let mut page = Self::default();
        let list: Vec<&RawValue> = match bytes.trim_ascii_start().first() {
            Some(b'{') => {
                let fields = Fields::parse(bytes)?;
                page.look(&fields)?;
                for name in NESTED {
                    if fields.raw(name)?.is_some_and(|value| value.get().starts_with('{'))
                        && let Some(fields) = fields.object(name)?
                    {
                        page.look(&fields)?;
                    }
                }
                let list = fields.raw("orders")?.ok_or_else(no_list)?;
                serde_json::from_str(list.get()).map_err(|_| no_list())?
            }
            _ => serde_json::from_slice(bytes).map_err(|_| no_list())?,
        };
        let read = |entry: &RawValue| {
            let id = match entry.get().as_bytes().first() {
                Some(b'{') => Fields::parse(entry.get().as_bytes())?.guid("orderId")?.map(OrderId),
                _ => serde_json::from_str(entry.get()).ok().and_then(|text: String| text.parse().ok()),
            };
            Paid::of(id.ok_or_else(|| Unreadable::field("orderId", "is missing or no GUID"))?)
        };
        page.paid = list.into_iter().map(read).collect::<Result<_, _>>()?;
        Ok(page)
    }

    /// Adds the part that came after this one.
    pub fn extend(&mut self, next: Self) {
        self.paid.extend(next.paid);
        self.next = next.next;
        self.more = next.more;
        self.total = self.total.max(next.total);
        self.pages = self.pages.max(next.pages);
    }

    /// The whole list, of so many pages.
    ///
    /// # Errors
    /// It says itself that something is missing.
    pub fn whole(self, pages: u64) -> Result<Vec<Paid>, Unreadable> {
        let listed = self.paid.len() as u64;
        if let Some(field) = self.more {
            let why = "says that there is more, and nothing says where: give every order in one answer, or a nextLink";
            return Err(Unreadable::field(field, why));
        }
        if self.total > listed {
            let total = self.total;
            return Err(Unreadable::whole(format!("speaks of {total} orders and lists {listed}")));
        }
        if self.pages > pages {
            let all = self.pages;
            return Err(Unreadable::whole(format!(
                "has {all} pages, and nothing says where page {} is",
                pages + 1
            )));
        }
        Ok(self.paid)
    }

    /// Reads what an object says of further pages.
    fn look(&mut self, fields: &Fields<'_>) -> Result<(), Unreadable> {
        for name in NEXT {
            let Some(value) = fields.raw(name)? else { continue };
            // HAL has an object with an "href" there.
            let link = match value.get().as_bytes().first() {
                Some(b'"') => fields.text(name)?,
                Some(b'{') => match fields.object(name)? {
                    Some(link) => link.text("href")?,
                    None => None,
                },
                Some(b'0'..=b'9') => {
                    self.more = Some("nextPage");
                    None
                }
                _ => None,
            };
            self.next = self.next.take().or(link);
        }
        for (name, value) in MORE {
            let found = fields.raw(name)?.map(RawValue::get);
            let says = match value {
                Some(value) => found == Some(value),
                None => found.is_some_and(|token| !["\"\"", "false", "0", "{}", "[]"].contains(&token)),
            };
            if says {
                self.more = Some(name);
            }
        }
        let number = |name: &str| Ok::<u64, Unreadable>(fields.raw(name)?.map_or(0, number));
        for name in TOTALS {
            self.total = self.total.max(number(name)?);
        }
        for name in PAGES {
            self.pages = self.pages.max(number(name)?);
        }
        Ok(())
    }
}

/// A whole number, bare or as a string; what is none says nothing.
fn number(value: &RawValue) -> u64 {
    value.get().trim_matches('"').trim().parse().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    const A: &str = "7d444840-9dc0-11d1-b245-5ffdce74fad2";
    const B: &str = "8d444840-9dc0-41d1-b245-5ffdce74fad2";

    #[test]
    fn a_line_is_an_id_or_a_payment() {
        let bare = Paid::line(format!(" {} \r", A.to_uppercase()).as_bytes()).unwrap();
        assert_eq!((bare.payment.order_id.to_string().as_str(), &bare.payment.payment_id), (A, &None));
        assert_eq!(bare.message, format!(r#"{{"orderId":"{A}"}}"#).into_bytes());
        let line = format!(r#"{{"PaymentId":"p","OrderId":"{A}","Amount":1.50}}"#);
        let paid = Paid::line(line.as_bytes()).unwrap();
        assert_eq!((paid.payment.key().as_str(), paid.message), ("p", line.into_bytes()));
        assert_eq!(Paid::line(format!("\"{A}\"").as_bytes()), Paid::line(A.as_bytes()));
        for bad in ["", "order", "\"order\"", "[]", "{}", r#"{"orderId":1}"#, "\u{feff}id"] {
            assert!(Paid::line(bad.as_bytes()).is_err(), "{bad}");
        }
    }

    #[test]
    fn ordering_may_answer_in_three_ways() {
        for answer in [
            format!(r#"["{A}","{B}"]"#),
            format!(r#"[{{"orderId":"{A}","status":"paid","price":9}},{{"order_id":"{B}"}}]"#),
            format!(r#" {{"orders":["{A}",{{"OrderId":"{B}"}}]}}"#),
        ] {
            let page = PaidPage::read(answer.as_bytes()).unwrap();
            assert_eq!(page.next, None);
            let paid = page.whole(1).unwrap();
            let ids: Vec<_> = paid.iter().map(|p| p.payment.order_id.to_string()).collect();
            assert_eq!(ids, [A, B], "{answer}");
            assert!(paid.iter().all(|p| p.payment.amount.is_none()), "{answer}");
        }
        assert_eq!(PaidPage::read(b"[]").unwrap().whole(1).unwrap(), []);
        for bad in ["", "{}", "7", r#"["x"]"#, "[{}]", "[7]", r#"{"orders":7}"#] {
            assert!(PaidPage::read(bad.as_bytes()).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_part_is_never_taken_for_the_whole() {
        for more in [
            r#""hasMore":true"#,
            r#""has_more":true"#,
            r#""meta":{"hasNextPage":true}"#,
            r#""last":false"#,
            r#""nextPageToken":"abc""#,
            r#""continuationToken":{"a":1}"#,
            r#""nextPage":2"#,
            r#""total":2"#,
            r#""TotalCount":"2""#,
            r#""count":100"#,
            r#""@odata.count":2"#,
            r#""page":{"size":1,"totalElements":2,"totalPages":2,"number":0}"#,
            r#""page":1,"pages":2"#,
            r#""pagination":{"total_pages":7}"#,
        ] {
            let answer = format!(r#"{{"orders":["{A}"],{more}}}"#);
            let page = PaidPage::read(answer.as_bytes()).unwrap();
            assert_eq!(page.next, None, "{more}");
            assert!(page.whole(1).is_err(), "{more}");
        }
        for whole in [
            r#""hasMore":false,"nextLink":null,"nextPageToken":"","total":1,"count":1,"page":1,"pages":1,"last":true"#,
            r#""next":"","_links":{"self":{"href":"/orders"}},"total":null,"count":"?""#,
        ] {
            let answer = format!(r#"{{"orders":["{A}"],{whole}}}"#);
            let page = PaidPage::read(answer.as_bytes()).unwrap();
            assert_eq!((&page.next, page.clone().whole(1).map(|paid| paid.len())), (&None, Ok(1)), "{whole}");
        }
    }

    #[test]
    fn the_next_part_is_where_the_answer_says() {
        for next in [
            r#""nextLink":"/orders?p=2","hasMore":true"#,
            r#""@odata.nextLink":"/orders?p=2""#,
            r#""next":"/orders?p=2","count":2"#,
            r#""_links":{"next":{"href":"/orders?p=2"}}"#,
            r#""links":{"next":"/orders?p=2"}"#,
        ] {
            let page = |order: &str, more: &str| {
                PaidPage::read(format!(r#"{{"orders":["{order}"],"total":2,"pages":2{more}}}"#).as_bytes())
                    .unwrap()
            };
            let mut first = page(A, &format!(",{next}"));
            assert_eq!(first.next.as_deref(), Some("/orders?p=2"), "{next}");
            first.extend(page(B, ""));
            assert_eq!(first.next, None);
            assert_eq!(first.whole(2).unwrap().len(), 2, "{next}");
        }
    }

    proptest::proptest! {
        #[test]
        fn any_bytes_are_a_page_or_refused(bytes: Vec<u8>, text in "[\\[\\]{}\":,a-z0-9 ]{0,40}") {
            let _ = (PaidPage::read(&bytes), PaidPage::read(text.as_bytes()), Paid::line(text.as_bytes()));
        }
    }
}
