//! Detects signs of pagination: that a list has parts which an answer does not contain.
//!
//! Every API names its pages differently, and an unknown name would make a part look like the whole list. So one rule
//! reads all fields around the list and all headers, in every object.

use serde_json::value::{RawValue, to_raw_value};

use super::PaidPage;
use crate::fields::{Unreadable, spelled, string};

/// How deeply nested objects are read; the answer itself is the first level.
const DEEPEST: usize = 4;
/// The longest name of a field in a reason, in characters.
const LONGEST_NAME: usize = 100;

/// True, or not empty: there is more. Names as [`word`] returns them.
const MORE: [&str; 23] = [
    "more",
    "remaining",
    "remainingcount",
    "remainingitems",
    "hasmore",
    "hasmoreitems",
    "hasmoreorders",
    "hasmorepages",
    "hasmorerecords",
    "hasmoreresults",
    "hasnext",
    "hasnextpage",
    "morepages",
    "moreresults",
    "morerecords",
    "moreavailable",
    "truncated",
    "istruncated",
    "partial",
    "ispartial",
    "incomplete",
    "isincomplete",
    "incompleteresults",
];
/// False: there is more.
const DONE: [&str; 10] = [
    "done",
    "isdone",
    "complete",
    "iscomplete",
    "finished",
    "isfinished",
    "last",
    "lastpage",
    "islast",
    "islastpage",
];
/// Where to continue, if this is not the last page.
const CURSORS: [&str; 14] = [
    "cursor",
    "endcursor",
    "aftercursor",
    "continuation",
    "mscontinuation",
    "continuationtoken",
    "continuationkey",
    "pagetoken",
    "marker",
    "lastkey",
    "lastevaluatedkey",
    "resumptiontoken",
    "resumetoken",
    "scrollid",
];
/// The number of orders.
const TOTALS: [&str; 27] = [
    "total",
    "totalcount",
    "totalitems",
    "totalelements",
    "totalentries",
    "totalhits",
    "totalmatches",
    "totalnumber",
    "totalobjects",
    "totalorders",
    "totalrecords",
    "totalresults",
    "totalrows",
    "totalsize",
    "grandtotalcount",
    "count",
    "itemcount",
    "itemscount",
    "ordercount",
    "orderscount",
    "recordcount",
    "resultcount",
    "rowcount",
    "recordstotal",
    "itemstotal",
    "numfound",
    "totalitemcount",
];
/// For these names, only their place decides what they count or sum up.
const ANYTHING: [&str; 8] =
    ["total", "count", "totalitems", "itemcount", "itemscount", "itemstotal", "totalitemcount", "pages"];
/// Names of objects that contain the list's counts.
const PLACES: [&str; 6] = ["page", "pagi", "meta", "link", "hits", "result"];
/// The number of pages.
const PAGES: [&str; 8] = [
    "pages",
    "totalpages",
    "totalpagecount",
    "pagecount",
    "pagetotal",
    "numpages",
    "numberofpages",
    "lastpage",
];

impl PaidPage {
    /// Reads what a header states about further pages: `X-Total-Pages: 7`, `X-Pagination: {"hasNext":true}`.
    pub fn header(&mut self, name: &str, value: &str) {
        let mut word = word(name);
        for prefix in ["x", "wp", "pagination"] {
            word = word.strip_prefix(prefix).unwrap_or(&word).to_owned();
        }
        if value.trim_start().starts_with('{') && self.walk(value, name, 2).is_ok() {
            return;
        }
        if let Ok(value) = to_raw_value(value) {
            self.say(&word, &value, name, "");
        }
    }

    /// Reads what the answer, an object, states about further pages.
    pub(super) fn look(&mut self, answer: &[u8]) -> Result<(), Unreadable> {
        let text = std::str::from_utf8(answer).map_err(|_| Unreadable::whole("is not UTF-8 text"))?;
        self.walk(text, "", 1)
    }

    fn walk(&mut self, object: &str, parent: &str, depth: usize) -> Result<(), Unreadable> {
        for (name, value) in spelled(object)? {
            let word = word(&name);
            if depth == 1 && word == "orders" {
                continue;
            }
            let path = if parent.is_empty() { name } else { format!("{parent}.{name}") };
            self.say(&word, value, &path, parent);
            if depth == DEEPEST {
                continue;
            }
            match value.get().as_bytes().first() {
                Some(b'{') => self.walk(value.get(), &path, depth + 1)?,
                Some(b'[') => self.relations(value),
                _ => {}
            }
        }
        Ok(())
    }

    /// Records what one field states.
    fn say(&mut self, word: &str, value: &RawValue, path: &str, parent: &str) {
        let said = scalar(value);
        let is_done = DONE.contains(&word);
        let mut more = false;
        if word.starts_with("next") {
            let link = link(word, value);
            more = link.is_none() && !is_empty(value);
            self.ended |= is_empty(value);
            self.next = self.next.take().or(link);
        } else if MORE.contains(&word) && (!word.starts_with("remaining") || is_of_the_list(parent)) {
            more = !is_empty(value);
            self.ended |= !more;
        } else if is_done {
            // A last page may also be given by its number.
            more = ["false", "no"].contains(&&*said) || (said == "0" && !word.starts_with("last"));
            self.ended |= ["true", "yes"].contains(&&*said);
        }
        let name = || path.chars().filter(|c| !c.is_control()).take(LONGEST_NAME).collect();
        if more {
            self.more = Some(name());
        }
        let place = parent.to_lowercase();
        // "after" may also repeat a filter of the request.
        let parent = parent.rsplit('.').next().unwrap_or_default().to_lowercase();
        let is_after = word == "after" && ["cursor", "pag"].iter().any(|of| parent.contains(of));
        if (is_after || CURSORS.contains(&word)) && !is_empty(value) {
            self.cursor = Some(name());
        }
        if ANYTHING.contains(&word) && !is_of_the_list(&place) {
            return;
        }
        if TOTALS.contains(&word) {
            self.total = self.total.max(number(value));
        }
        if PAGES.contains(&word) {
            self.pages = self.pages.max(number(value));
        }
    }

    /// Links in a list: `[{"rel":"next","href":"/orders?page=2"}]`.
    fn relations(&mut self, list: &RawValue) {
        let list: Vec<&RawValue> = serde_json::from_str(list.get()).unwrap_or_default();
        for entry in list {
            let Ok(fields) = spelled(entry.get()) else { continue };
            if fields.iter().any(|(name, value)| word(name) == "rel" && scalar(value) == "next") {
                self.say("next", entry, "next", "");
            }
        }
    }
}

/// Whether a count in this object is the list's: beside the list, or in an object that is named for it. `"summary":
/// {"total": 500}` is money.
fn is_of_the_list(place: &str) -> bool {
    place.is_empty() || place.split('.').any(|object| PLACES.iter().any(|of| object.contains(of)))
}

/// The letters and digits of a name, in lower case: `@odata.nextLink` is `nextlink`.
fn word(name: &str) -> String {
    let name = name.strip_prefix("@odata.").or_else(|| name.strip_prefix("odata.")).unwrap_or(name);
    name.chars().filter(|c| c.is_alphanumeric()).flat_map(char::to_lowercase).collect()
}

/// A value as text in lower case, without quotes.
fn scalar(value: &RawValue) -> String {
    string(value).unwrap_or_else(|| value.get().to_owned()).trim().to_lowercase()
}

/// Whether a value means "nothing".
fn is_empty(value: &RawValue) -> bool {
    match value.get().as_bytes().first() {
        Some(b'{') => spelled(value.get()).is_ok_and(|fields| {
            fields.iter().all(|(name, value)| ["rel", "templated"].contains(&&**name) || is_empty(value))
        }),
        Some(b'[') => serde_json::from_str(value.get()).is_ok_and(|list: Vec<&RawValue>| list.is_empty()),
        _ => ["", "null", "none", "false", "no", "0", "-1"].contains(&&*scalar(value)),
    }
}

/// The URL of the next page in a field whose name begins with "next", or in the object there.
fn link(word: &str, value: &RawValue) -> Option<String> {
    let is_url = |word: &str| ["link", "url", "uri", "href"].iter().any(|of| word.contains(of));
    if value.get().starts_with('{') {
        let fields = spelled(value.get()).ok()?;
        return fields.iter().find(|(name, _)| is_url(&self::word(name))).and_then(|(_, url)| text(url));
    }
    let text = text(value)?;
    // Other APIs have a token there, or a page number.
    let is_link = is_url(word) || (["next", "nextpage"].contains(&word) && text.contains(['/', '?']));
    is_link.then_some(text)
}

fn text(value: &RawValue) -> Option<String> {
    string(value).map(|text| text.trim().to_owned()).filter(|_| !is_empty(value))
}

/// A whole number, bare, as a string, or as `value` of an object; anything else is ignored.
fn number(value: &RawValue) -> u64 {
    if value.get().starts_with('{') {
        let fields = spelled(value.get()).unwrap_or_default();
        return fields.iter().find(|(name, _)| name == "value").map_or(0, |(_, value)| number(value));
    }
    let said = scalar(value);
    let (whole, fraction) = said.split_once('.').unwrap_or((&said, ""));
    if fraction.bytes().all(|digit| digit == b'0') { whole.parse().unwrap_or(0) } else { 0 }
}

#[cfg(test)]
mod tests {
    use super::*;

    const A: &str = "7d444840-9dc0-11d1-b245-5ffdce74fad2";

    fn page(beside: &str) -> PaidPage {
        PaidPage::read(format!(r#"{{"orders":["{A}"],{beside}}}"#).as_bytes()).unwrap()
    }

    #[test]
    fn whatever_says_that_there_is_more_is_refused() {
        for (beside, said) in [
            (r#""pageInfo":{"hasNextPage":true,"endCursor":"x"}"#, "pageInfo.hasNextPage"),
            (r#""pageInfo":{"endCursor":"x"}"#, "pageInfo.endCursor"),
            (r#""paging":{"next":{"after":"x"}}"#, "paging.next"),
            (r#""paging":{"cursors":{"after":"x"}}"#, "paging.cursors.after"),
            (r#""response_metadata":{"next_cursor":"x"}"#, "response_metadata.next_cursor"),
            (r#""meta":{"pagination":{"total":50}}"#, "announces 50 orders and lists 1"),
            (r#""hits":{"total":{"value":50}}"#, "announces 50"),
            (r#""meta":{"total":50.0}"#, "announces 50"),
            (r#""_metadata":{"counts":{"total":50}}"#, "announces 50"),
            (r#""links":{"pages":7}"#, "has 7 pages"),
            (r#""result_info":{"count":50}"#, "announces 50"),
            (r#""summary":{"total_count":50}"#, "announces 50"),
            (r#""a":{"b":{"c":{"Has-More":"yes"}}}"#, "a.b.c.Has-More"),
            (r#""done":false"#, "done"),
            (r#""done":0"#, "done"),
            (r#""isLast":"false""#, "isLast"),
            (r#""complete":false"#, "complete"),
            (r#""hasMore":1"#, "hasMore"),
            (r#""remaining":4"#, "remaining"),
            (r#""paging":{"remaining":4}"#, "paging.remaining"),
            (r#""hasMore":false,"hasMore":true"#, "hasMore"),
            (r#""next":"abc""#, "next"),
            (r#""NEXT_OFFSET":20"#, "NEXT_OFFSET"),
            (r#""cursor":"x""#, "cursor"),
        ] {
            let why = page(beside).whole(1).unwrap_err().to_string();
            assert!(why.contains(said), "{beside}: {why}");
        }
    }

    #[test]
    fn what_says_that_this_is_all_is_believed() {
        for beside in [
            r#""next":null"#,
            r#""next":"","cursor":"x""#,
            r#""next":false,"nextPage":0,"nextOffset":-1"#,
            r#""pageInfo":{"hasNextPage":false,"endCursor":"x"}"#,
            r#""done":true,"totalSize":1"#,
            r#""links":{"next":{"href":null,"templated":false}},"isLast":true"#,
            r#""links":[{"rel":"self","href":"/orders"}],"lastPage":0"#,
            r#""filter":{"after":"2026-01-01"},"moreInfo":"https://example.org""#,
            r#""a":{"b":{"c":{"d":{"hasMore":true}}}}"#,
            r#""total":12.5"#,
            r#""remaining":0,"rateLimit":{"remaining":99}"#,
            r#""summary":{"total":500,"count":500,"totalItems":500},"campaign":{"pages":7}"#,
        ] {
            let page = page(beside);
            assert_eq!((&page.next, page.clone().whole(1).map(|all| all.len())), (&None, Ok(1)), "{beside}");
        }
    }

    #[test]
    fn links_are_found_wherever_they_are() {
        for beside in [
            r#""done":false,"nextRecordsUrl":"/orders2""#,
            r#""paging":{"next":{"after":"x","link":"/orders2"}}"#,
            r#""links":[{"rel":"self","href":"/orders"},{"rel":"next","href":"/orders2"}]"#,
            r#""meta":{"pagination":{"links":{"next":"/orders2"}}}"#,
        ] {
            assert_eq!(page(beside).next.as_deref(), Some("/orders2"), "{beside}");
        }
    }

    #[test]
    fn headers_are_read_alike() {
        let with = |name: &str, value: &str| {
            let mut page = PaidPage::read(format!(r#"["{A}"]"#).as_bytes()).unwrap();
            page.header(name, value);
            page
        };
        for (name, value, said) in [
            ("x-wp-totalpages", "7", "has 7 pages"),
            ("x-wp-total", "50", "announces 50"),
            ("x-total-pages", "7", "has 7 pages"),
            ("x-pagination-page-count", "7", "has 7 pages"),
            ("x-next-page", "2", "x-next-page"),
            ("x-total-count", "50", "announces 50"),
            ("x-has-more", "true", "x-has-more"),
            ("x-ms-continuation", "abc", "x-ms-continuation"),
            ("x-pagination", r#"{"totalPages":7,"hasNext":true}"#, "x-pagination.hasNext"),
            ("pagination", r#"{"TotalPages":7}"#, "has 7 pages"),
        ] {
            let why = with(name, value).whole(1).unwrap_err().to_string();
            assert!(why.contains(said), "{name}: {why}");
        }
        assert_eq!(with("x-next-page", "/orders2").next.as_deref(), Some("/orders2"));
        for (name, value) in [
            ("x-next-page", ""),
            ("x-total-pages", "1"),
            ("x-ratelimit-remaining", "50"),
            ("content-length", "50"),
            ("x-request-id", "next"),
            ("x-pagination", "{"),
            ("report-to", r#"{"group":"a","max_age":9}"#),
        ] {
            assert!(with(name, value).whole(1).is_ok(), "{name}");
        }
    }
}
