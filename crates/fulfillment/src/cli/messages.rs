//! Splits a file into messages: one JSON value per line, an array, or pretty-printed objects one after another.

use std::collections::VecDeque;
use std::io::{self, BufRead, Read as _};

/// One message as it appears in the file.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Message {
    pub(super) raw: Vec<u8>,
    /// Whether it is complete. Of a message above the limit only the beginning is kept.
    pub(super) whole: bool,
    /// The line where it begins, from 1.
    pub(super) line: u64,
}

/// The layout of the messages in the file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Layout {
    /// One per line: a damaged line is one message that cannot be read.
    Lines,
    /// `[` ... `,` ... `]`
    Array,
    /// Objects one after another, each on several lines.
    Objects,
}

/// Reads messages of a bounded length, one at a time.
pub(super) struct Messages<R> {
    reader: R,
    limit: usize,
    layout: Layout,
    /// Bytes that were read ahead.
    ahead: VecDeque<u8>,
    line: u64,
    place: Place,
}

/// The position within an array or between objects.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Place {
    Outside,
    /// After `[`.
    Begin,
    /// After a comma.
    Next,
    /// After a value of an array.
    After,
}

impl<R: BufRead> Messages<R> {
    /// Detects the layout from the first line that is not blank.
    pub(super) fn new(reader: R, limit: usize) -> io::Result<Self> {
        let (layout, place) = (Layout::Lines, Place::Outside);
        let mut messages = Self { reader, limit, layout, ahead: VecDeque::new(), line: 1, place };
        let mut ahead = Vec::new();
        while ahead.trim_ascii().is_empty() {
            ahead.clear();
            let read = messages.reader.by_ref().take(limit as u64 + 2).read_until(b'\n', &mut ahead)?;
            if read == 0 {
                break;
            }
            // Only what ended in a line break was a line; a longer one is not blank or continues.
            messages.line += u64::from(ahead.trim_ascii().is_empty() && ahead.ends_with(b"\n"));
        }
        messages.layout = layout_of(ahead.trim_ascii());
        messages.ahead = ahead.into();
        Ok(messages)
    }

    pub(super) fn layout(&self) -> Layout {
        self.layout
    }

    /// Whether the first line that is not blank can be a message. A line longer than the limit counts as one, and so
    /// does a line after a serializer's zero byte. Must be called before the first message is read.
    pub(super) fn begins_as_json(&self) -> bool {
        let line = self.ahead.iter().copied().collect::<Vec<_>>();
        let line = line.trim_ascii();
        match line.first() {
            None | Some(b'{' | b'[' | 0) => true,
            // A table's quoted heading, or its number, begins like JSON and continues differently.
            Some(b'"' | b'-' | b'0'..=b'9' | b't' | b'f' | b'n') => {
                line.len() > self.limit || serde_json::from_slice::<serde::de::IgnoredAny>(line).is_ok()
            }
            Some(_) => false,
        }
    }

    /// The next message; blank lines are skipped.
    ///
    /// # Errors
    /// The file cannot be read, or is not JSON in its layout from some line on.
    pub(super) fn next(&mut self) -> io::Result<Option<Message>> {
        match self.layout {
            Layout::Lines => self.next_line(),
            Layout::Array | Layout::Objects => self.next_value(),
        }
    }

    fn next_line(&mut self) -> io::Result<Option<Message>> {
        loop {
            let mut raw: Vec<u8> = std::mem::take(&mut self.ahead).into();
            if !raw.ends_with(b"\n") {
                let most = (self.limit as u64 + 2).saturating_sub(raw.len() as u64);
                self.reader.by_ref().take(most).read_until(b'\n', &mut raw)?;
            }
            if raw.is_empty() {
                return Ok(None);
            }
            let line = self.line;
            self.line += 1;
            let ended = raw.pop_if(|last| *last == b'\n').is_some();
            if ended {
                raw.pop_if(|last| *last == b'\r');
            }
            let whole = raw.len() <= self.limit;
            if !whole {
                raw.truncate(self.limit);
                if !ended {
                    self.reader.skip_until(b'\n')?;
                }
            }
            if !whole || !raw.trim_ascii().is_empty() {
                return Ok(Some(Message { raw, whole, line }));
            }
        }
    }

    fn next_value(&mut self) -> io::Result<Option<Message>> {
        let array = self.layout == Layout::Array;
        while let Some(byte) = self.byte()? {
            match (self.place, byte) {
                (_, b' ' | b'\t' | b'\r' | b'\n') => {}
                (Place::Outside, b'[') if array => self.place = Place::Begin,
                (Place::Begin | Place::After, b']') => self.place = Place::Outside,
                (Place::After, b',') => self.place = Place::Next,
                (Place::Begin | Place::Next, _) if !b",:]}".contains(&byte) => {
                    self.place = Place::After;
                    return self.value(byte).map(Some);
                }
                (Place::Outside, b'{') if !array => return self.value(byte).map(Some),
                _ => return Err(self.broken("something else")),
            }
        }
        if self.place == Place::Outside { Ok(None) } else { Err(self.broken("the file's end")) }
    }

    /// The rest of a value that begins with this byte: up to the bracket or quote that closes it, otherwise up to the
    /// next separator.
    fn value(&mut self, first: u8) -> io::Result<Message> {
        let mut message = Message { raw: Vec::new(), whole: true, line: self.line };
        let (mut depth, mut quoted, mut escaped) = (0_u32, false, false);
        let mut byte = first;
        loop {
            if message.raw.len() < self.limit {
                message.raw.push(byte);
            } else {
                message.whole = false;
            }
            match byte {
                _ if escaped => escaped = false,
                b'\\' if quoted => escaped = true,
                b'"' => quoted = !quoted,
                _ if quoted => {}
                b'{' | b'[' => depth += 1,
                b'}' | b']' => {
                    let left = depth.checked_sub(1);
                    depth = left.ok_or_else(|| self.broken("a bracket that closes nothing"))?;
                }
                _ => {}
            }
            if depth == 0 && !quoted && matches!(byte, b'}' | b']' | b'"') {
                return Ok(message);
            }
            byte = match self.byte()? {
                Some(b @ (b',' | b']' | b' ' | b'\t' | b'\r' | b'\n')) if depth == 0 && !quoted => {
                    self.ahead.push_front(b);
                    self.line -= u64::from(b == b'\n');
                    return Ok(message);
                }
                Some(b) => b,
                None => return Err(self.broken("the file's end")),
            };
        }
    }

    fn byte(&mut self) -> io::Result<Option<u8>> {
        let mut byte = self.ahead.pop_front();
        if byte.is_none() {
            byte = self.reader.fill_buf()?.first().copied();
            self.reader.consume(usize::from(byte.is_some()));
        }
        self.line += u64::from(byte == Some(b'\n'));
        Ok(byte)
    }

    fn broken(&self, what: &str) -> io::Error {
        let layout =
            if self.layout == Layout::Array { "a JSON array" } else { "JSON objects one after another" };
        let why = format!("it begins as {layout}, but {what} at line {} is not allowed there", self.line);
        io::Error::new(io::ErrorKind::InvalidData, why)
    }
}

/// A line of its own is a whole message, whatever is wrong with it; one that ends where JSON may be broken into lines
/// is the beginning of a message.
fn layout_of(line: &[u8]) -> Layout {
    match (line.first(), line.last()) {
        (Some(b'['), _) => Layout::Array,
        (Some(b'{'), Some(b'{' | b'[' | b',' | b':')) => Layout::Objects,
        _ => Layout::Lines,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn all(text: &[u8], limit: usize) -> (Vec<(String, bool, u64)>, Option<String>) {
        let mut messages = Messages::new(text, limit).unwrap();
        let mut all = Vec::new();
        loop {
            match messages.next() {
                Ok(Some(Message { raw, whole, line })) => {
                    all.push((String::from_utf8_lossy(&raw).into_owned(), whole, line));
                }
                Ok(None) => return (all, None),
                Err(error) => return (all, Some(error.to_string())),
            }
        }
    }

    fn read(text: &str) -> Vec<(String, u64)> {
        let (all, error) = all(text.as_bytes(), 100);
        assert_eq!(error, None, "{text}");
        all.into_iter()
            .map(|(raw, whole, line)| (if whole { raw } else { format!("{raw}...") }, line))
            .collect()
    }

    #[test]
    fn lines_are_bounded_and_none_is_lost() {
        let text = b"\n \none\n\ntwo-is-too-long\r\nfive5\r\nsixsix\nsixsix\r\nseven77\n\r\nfive5\nthree";
        let expected = [
            ("one", true, 3),
            ("two-i", false, 5),
            ("five5", true, 6),
            ("sixsi", false, 7),
            ("sixsi", false, 8),
            ("seven", false, 9),
            ("five5", true, 11),
            ("three", true, 12),
        ];
        let expected = expected.map(|(text, whole, line)| (text.to_owned(), whole, line));
        assert_eq!(all(text, 5), (expected.to_vec(), None));
        assert_eq!(
            all(b"a-first-one-too-long\nx", 5).0,
            [("a-fir".to_owned(), false, 1), ("x".to_owned(), true, 2)]
        );
    }

    #[test]
    fn arrays_and_pretty_printed_objects_are_taken_apart() {
        let expected =
            |list: &[(&str, u64)]| list.iter().map(|(t, l)| ((*t).to_owned(), *l)).collect::<Vec<_>>();
        assert_eq!(
            read(r#"[{"a":"]}\"["},{"b":[1,{}]} , 7, "x,\"]" , null,true]"#),
            expected(&[
                (r#"{"a":"]}\"["}"#, 1),
                (r#"{"b":[1,{}]}"#, 1),
                ("7", 1),
                (r#""x,\"]""#, 1),
                ("null", 1),
                ("true", 1),
            ])
        );
        assert_eq!(read("\n[\n  {\n \"a\": 1\n},\n\n2\n]\n"), expected(&[("{\n \"a\": 1\n}", 3), ("2", 7)]));
        assert_eq!(read("[{}]\n[ ]\n[1]"), expected(&[("{}", 1), ("1", 3)]));
        assert_eq!(
            read("{\n  \"a\": {\n\"}\": 1 }\n}\n{}{\n}"),
            expected(&[("{\n  \"a\": {\n\"}\": 1 }\n}", 1), ("{}", 5), ("{\n}", 5)])
        );
        assert_eq!(read(""), []);
        assert_eq!(read("[]"), []);
        let (long, error) = all(b"[{\"a\":\"aaaaaaaaaaaa\"},1]", 5);
        assert_eq!((long, error), (vec![("{\"a\":".into(), false, 1), ("1".into(), true, 1)], None));
    }

    #[test]
    fn a_first_line_that_is_no_json_is_seen() {
        let begins = |text: &[u8]| Messages::new(text, 20).unwrap().begins_as_json();
        for good in ["", "\n \n", "{\"a\"", "\n[", "{", "\"{}\"\nx", " 7", "null\n", "\0\0\0\0\u{1}{}"] {
            assert!(begins(good.as_bytes()), "{good}");
        }
        assert!(begins(format!("\"{}\"", "x".repeat(30)).as_bytes()), "it becomes a dead letter");
        for bad in
            ["orderId,amount\n", "\"orderId\";\"a\"\n", "\nname;x\n", "7;8\n", "-", "PK", "\u{1}{}", "<xml>"]
        {
            assert!(!begins(bad.as_bytes()), "{bad}");
        }
        assert!(!begins(b"\xff\xfe\xfd"));
    }

    #[test]
    fn what_breaks_off_or_does_not_belong_is_said_with_its_line() {
        for (text, said) in [
            ("[{\"a\":1},\n{\"a\":", "the file's end at line 2"),
            ("[1,\n2\n", "the file's end at line 3"),
            ("[1\n2]", "something else at line 2"),
            ("[1]\n{}", "something else at line 2"),
            ("[1,\n,2]", "at line 2"),
            ("{\n\"a\":1\n}\n,\n{}", "something else at line 4"),
            ("{\n\"a\":\"1\n}\n", "the file's end at line 4"),
        ] {
            let (_, error) = all(text.as_bytes(), 100);
            assert!(error.as_deref().is_some_and(|e| e.contains(said)), "{text}: {error:?}");
        }
        // A damaged line does not affect other lines.
        assert_eq!(read("{\"a\"\n{}\n").len(), 2);
    }

    proptest! {
        #[test]
        fn any_values_come_back_however_they_are_laid_out(
            texts in prop::collection::vec("[a-z\\[\\]{}\",:\\\\ \u{20ac}]{0,12}", 1..8),
        ) {
            let values: Vec<_> = texts.iter().map(|text| serde_json::json!({ "a": text, "b": [1, { "c": text }] })).collect();
            let back = |text: &str| {
                let (all, error) = all(text.as_bytes(), 10_000);
                let values: Vec<serde_json::Value> =
                    all.iter().map(|(raw, ..)| serde_json::from_str(raw).unwrap()).collect();
                (values, error)
            };
            let pretty: Vec<_> = values.iter().map(|value| serde_json::to_string_pretty(value).unwrap()).collect();
            let lines: Vec<_> = values.iter().map(ToString::to_string).collect();
            for text in [
                serde_json::to_string(&values).unwrap(),
                serde_json::to_string_pretty(&values).unwrap(),
                pretty.join("\n"),
                lines.join("\n"),
            ] {
                prop_assert_eq!(back(&text), (values.clone(), None), "{}", text);
            }
        }

        #[test]
        fn any_bytes_come_to_an_end(text in prop::collection::vec(prop::sample::select(&b"[]{},:\"\\ \n1a"[..]), 0..60)) {
            let _ = all(&text, 7);
        }
    }
}
