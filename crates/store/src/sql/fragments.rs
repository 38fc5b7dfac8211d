//! SQL fragments that differ between the databases within a shared statement.
//!
//! | fragment | PostgreSQL | SQLite |
//! |---|---|---|
//! | `@now` | `clock_timestamp()` | the time by the store's clock |
//! | `@lock` | `FOR NO KEY UPDATE` | nothing: there is one writer |
//! | `@any($1)` | `= ANY($1)` | `IN (SELECT value FROM json_each($1))` |
//! | `@greatest` | `greatest` | `max` |
//! | `@strpos` | `strpos` | `instr` |
//! | `@amount($1)` | the text as a number | the text |
//! | `@unhex(x)` | the bytes of hexadecimal digits | the same |
//! | `@bytewise` | `COLLATE "C"` | `COLLATE BINARY` |
//! | `@records(a text, b bigint)` | `json_to_recordset` of `$1` | `json_each` of `$1` |
//!
//! `@any` takes a parameter that is a list of texts or UUIDs, and `@records` the text of a JSON array of objects: the
//! rows `n` with these columns.

/// The SQL of each fragment; for those with brackets, the parts before and after the argument.
pub(crate) struct Fragments<'a> {
    pub(crate) now: &'a str,
    pub(crate) lock: &'a str,
    pub(crate) greatest: &'a str,
    pub(crate) strpos: &'a str,
    pub(crate) bytewise: &'a str,
    /// The rows of a JSON array, from a list of columns with their types.
    pub(crate) records: fn(&str) -> String,
    pub(crate) any: (&'a str, &'a str),
    pub(crate) amount: (&'a str, &'a str),
    pub(crate) unhex: (&'a str, &'a str),
}

impl Fragments<'_> {
    /// A statement with its fragments replaced.
    pub(crate) fn write_out(&self, sql: &str) -> String {
        let mut parts = sql.split('@');
        let mut out = parts.next().unwrap_or_default().to_owned();
        for part in parts {
            let end = part.find(|c: char| !c.is_ascii_lowercase()).unwrap_or(part.len());
            let (name, rest) = part.split_at(end);
            let around = match name {
                "any" => Some(self.any),
                "amount" => Some(self.amount),
                "unhex" => Some(self.unhex),
                _ => None,
            };
            let word = match name {
                "now" => self.now,
                "lock" => self.lock,
                "greatest" => self.greatest,
                "strpos" => self.strpos,
                "bytewise" => self.bytewise,
                // The database reports it as unknown.
                _ => name,
            };
            if name == "records"
                && let Some((columns, rest)) = rest.strip_prefix('(').and_then(|rest| rest.split_once(')'))
            {
                out.extend([(self.records)(columns).as_str(), rest]);
                continue;
            }
            match around.zip(rest.strip_prefix('(').and_then(|rest| rest.split_once(')'))) {
                Some(((before, after), (inner, rest))) => out.extend([before, inner, after, rest]),
                None => out.extend([word, rest]),
            }
        }
        out
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fragments_are_written_out() {
        let fragments = Fragments {
            now: "$2",
            lock: "",
            greatest: "max",
            strpos: "instr",
            bytewise: "COLLATE BINARY",
            records: |columns| format!("<{columns}> AS n"),
            any: ("IN (SELECT value FROM json_each(", "))"),
            amount: ("", ""),
            unhex: ("bytes(", ")"),
        };
        for (sql, written) in [
            ("SELECT '{}'", "SELECT '{}'"),
            ("SET a = @now, b = coalesce(b, @now)", "SET a = $2, b = coalesce(b, $2)"),
            ("x @any($1) ORDER BY x @lock", "x IN (SELECT value FROM json_each($1)) ORDER BY x "),
            ("@greatest(a - $3, 0)", "max(a - $3, 0)"),
            ("a = @unhex(n.a) AND b", "a = bytes(n.a) AND b"),
            ("VALUES (@amount($1), $2)", "VALUES ($1, $2)"),
            ("FROM @records(a text, b bigint) WHERE", "FROM <a text, b bigint> AS n WHERE"),
            ("ORDER BY a @bytewise, b", "ORDER BY a COLLATE BINARY, b"),
        ] {
            assert_eq!(fragments.write_out(sql), written);
        }
    }
}
