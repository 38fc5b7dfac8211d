//! Tables in text files (CSV, RFC 4180), separated by commas, semicolons or tabs, as spreadsheets write them.

use std::io::{self, BufRead, Read};

use serde_json::{Map, Value};

/// The maximum length of the first line, which shows what separates the columns.
const LONGEST_HEADINGS: u64 = 64 * 1024;

/// The rows of a table, each as a JSON object keyed by the headings, with its number from 1. An empty field is left
/// out; white space and hyphens within a heading become underscores. A line `sep=;` before the headings is Excel's.
///
/// # Errors
/// It cannot be read, is not a table, or a row does not have the columns of the headings.
pub(super) fn rows(mut reader: impl BufRead) -> io::Result<Vec<(u64, String)>> {
    let mut first = Vec::new();
    reader.by_ref().take(LONGEST_HEADINGS).read_until(b'\n', &mut first)?;
    let mut separator = separator(&first);
    if let Some(named) = named_separator(&first) {
        separator = named;
        // An empty line takes its place, because reasons name line numbers.
        first = b"\n".to_vec();
    }
    let whole = io::Cursor::new(first).chain(reader);
    let mut reader = csv::ReaderBuilder::new().delimiter(separator).from_reader(whole);
    let headings = reader.headers().map_err(io::Error::other)?.clone();
    let mut rows = Vec::new();
    for (record, number) in reader.records().zip(1..) {
        let record = record.map_err(io::Error::other)?;
        let fields = headings.iter().zip(&record).filter(|(_, value)| !value.trim().is_empty());
        let row: Map<String, Value> = fields.map(|(name, value)| (heading(name), value.into())).collect();
        if !row.is_empty() {
            rows.push((number, Value::Object(row).to_string()));
        }
    }
    Ok(rows)
}

/// The separator that a line like `sep=;` names, which Excel reads and writes before the headings.
pub(super) fn named_separator(line: &[u8]) -> Option<u8> {
    let line = line.trim_ascii_start();
    let line = line.strip_suffix(b"\n").unwrap_or(line);
    let line = line.strip_suffix(b"\r").unwrap_or(line);
    let line = line.strip_prefix(b"\"").and_then(|line| line.strip_suffix(b"\"")).unwrap_or(line);
    match line {
        [b's' | b'S', b'e' | b'E', b'p' | b'P', b'=', separator @ (b',' | b';' | b'\t')] => Some(*separator),
        _ => None,
    }
}

/// A heading as a field's name: `Order ID` is `Order_ID`.
pub(super) fn heading(name: &str) -> String {
    name.trim().replace(|c: char| c.is_whitespace() || c == '-', "_")
}

/// The separator of the headings: the one of the three that occurs most often outside quotes.
fn separator(headings: &[u8]) -> u8 {
    let count = |separator: u8| {
        let mut quoted = false;
        let outside = headings.iter().filter(|byte| {
            quoted ^= **byte == b'"';
            !quoted && **byte == separator
        });
        outside.count()
    };
    // If several are equal, the last is taken: commas, also for a single column.
    [b'\t', b';', b','].into_iter().max_by_key(|separator| count(*separator)).unwrap_or(b',')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<Vec<(u64, String)>, String> {
        rows(text.as_bytes()).map_err(|error| error.to_string())
    }

    #[test]
    fn commas_semicolons_and_tabs_part_columns() {
        for separator in [",", ";", "\t"] {
            let text =
                "id|seat|event name\r\n1|\"A|1;,\t\"\" \"|Gala\r\n\r\n2||\"two\nlines\"\r\n | |\r\n3|x|y\n";
            let text = text.replace('|', separator);
            let seat = serde_json::to_string(&format!("A{separator}1;,\t\" ")).unwrap();
            let expected = [
                (1, format!(r#"{{"id":"1","seat":{seat},"event_name":"Gala"}}"#)),
                (2, r#"{"id":"2","event_name":"two\nlines"}"#.to_owned()),
                (4, r#"{"id":"3","seat":"x","event_name":"y"}"#.to_owned()),
            ];
            assert_eq!(read(&text).unwrap(), expected, "{separator:?}");
        }
        assert_eq!(read("id\n1\n").unwrap(), [(1, r#"{"id":"1"}"#.to_owned())]);
        assert_eq!(read("").unwrap(), []);
        for named in ["sep=;\r\n", "SEP=;\n", "\"sep=;\"\n"] {
            let text = format!("{named}Order ID;a,b\n1;2\n");
            assert_eq!(read(&text).unwrap(), [(1, r#"{"Order_ID":"1","a,b":"2"}"#.to_owned())], "{named}");
        }
    }

    #[test]
    fn a_row_of_other_columns_is_refused_with_its_line() {
        let why = read("id;seat\n1;A\n2;B;C\n").unwrap_err();
        assert!(why.contains("line: 3"), "{why}");
        let why = read("sep=;\nid;seat\n1;A\n2;B;C\n").unwrap_err();
        assert!(why.contains("line: 4"), "{why}");
    }

    proptest::proptest! {
        #[test]
        fn any_text_is_a_table_or_refused(text: String) {
            let _: Result<Vec<(u64, String)>, String> = read(&text);
        }
    }
}
