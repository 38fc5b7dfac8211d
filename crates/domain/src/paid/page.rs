//! One page of Ordering's list of paid orders.

use serde_json::value::RawValue;

use super::Paid;
use crate::fields::{Fields, Unreadable};
use crate::id::OrderId;

/// One answer of Ordering's to `GET /orders?paidSince=`, which may be a part of its list.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct PaidPage {
    /// The orders on this page.
    pub paid: Vec<Paid>,
    /// Where the next page is, as the answer gives it: a URL, or a part of one.
    pub next: Option<String>,
    /// The field which states that there is more, without a link to it.
    pub(super) more: Option<String>,
    /// The field with a cursor. Some servers include one on the last page too: it counts unless `ended`.
    pub(super) cursor: Option<String>,
    /// A field states that this is the last page.
    pub(super) ended: bool,
    /// The total number of orders, if given: on this page, or on all pages.
    pub total: u64,
    /// The number of pages.
    pub(super) pages: u64,
}

impl PaidPage {
    /// Reads an answer: a list of ids, or of objects with an `orderId`; or an object whose `orders` is one. The other
    /// fields of an entry describe an order and are not read as a payment's.
    ///
    /// # Errors
    /// It is something else, or an entry has no readable id.
    pub fn read(bytes: &[u8]) -> Result<Self, Unreadable> {
        let no_list = || Unreadable::whole("is not a list of orders");
        let mut page = Self::default();
        let list: Vec<&RawValue> = match bytes.trim_ascii_start().first() {
            Some(b'{') => {
                let fields = Fields::parse(bytes)?;
                page.look(bytes)?;
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
            Paid::of(id.ok_or_else(|| Unreadable::field("orderId", "is missing or not a GUID"))?)
        };
        page.paid = list.into_iter().map(read).collect::<Result<_, _>>()?;
        Ok(page)
    }

    /// Appends the next page.
    pub fn extend(&mut self, next: Self) {
        self.paid.extend(next.paid);
        self.next = next.next;
        (self.more, self.cursor, self.ended) = (next.more, next.cursor, next.ended);
        self.total = self.total.max(next.total);
        self.pages = self.pages.max(next.pages);
    }

    /// The whole list, from this many pages.
    ///
    /// # Errors
    /// The list itself states that something is missing.
    pub fn whole(self, pages: u64) -> Result<Vec<Paid>, Unreadable> {
        let listed = self.paid.len() as u64;
        let cursor = self.cursor.filter(|_| !self.ended);
        if let Some(field) = self.more.or(cursor) {
            let why = "says that there is more, and nothing says where: give every order in one answer, or a nextLink";
            return Err(Unreadable::field(&field, why));
        }
        if self.total > listed {
            let total = self.total;
            return Err(Unreadable::whole(format!("announces {total} orders and lists {listed}")));
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
}

#[cfg(test)]
mod tests {
    use super::*;

    const A: &str = "7d444840-9dc0-11d1-b245-5ffdce74fad2";
    const B: &str = "8d444840-9dc0-41d1-b245-5ffdce74fad2";

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
