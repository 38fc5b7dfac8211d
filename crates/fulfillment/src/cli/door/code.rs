//! A QR code on a terminal.

use std::io::{IsTerminal as _, Write as _};

use fulfillment_qr::{Level, QUIET_ZONE, encode};

use crate::error::CliError;

/// Prints the code of a text to standard output: black on white on a terminal, whatever its own colours are.
pub(super) fn print(text: &str) -> Result<(), CliError> {
    let mut out = std::io::stdout();
    let (begin, end) = if out.is_terminal() { ("\u{1b}[30;107m", "\u{1b}[0m") } else { ("", "") };
    for line in lines(text)? {
        // A closed pipe is not an error.
        let _ = writeln!(out, "{begin}{line}{end}");
    }
    Ok(())
}

/// Two rows of modules in each line.
fn lines(text: &str) -> Result<Vec<String>, CliError> {
    let symbol = encode(text, Level::M).map_err(|error| {
        CliError::misuse(format!("{text} has no QR code ({error}): shorten http.public_url"))
    })?;
    let (rows, quiet) = (symbol.rows(), usize::from(QUIET_ZONE));
    let is_dark = |x: usize, y: usize| {
        let module = |y: usize, x: usize| rows.get(y)?.get(x).copied();
        y.checked_sub(quiet).zip(x.checked_sub(quiet)).and_then(|(y, x)| module(y, x)).unwrap_or_default()
    };
    let side = rows.len() + 2 * quiet;
    let module = |x, y| match (is_dark(x, y), is_dark(x, y + 1)) {
        (true, true) => '█',
        (true, false) => '▀',
        (false, true) => '▄',
        (false, false) => ' ',
    };
    Ok((0..side).step_by(2).map(|y| (0..side).map(|x| module(x, y)).collect()).collect())
}

#[cfg(test)]
mod tests {
    use fulfillment_qr::text_of_modules;

    use super::*;

    #[test]
    fn what_is_printed_is_read_back() {
        let text = "https://tickets.example/door#3f2504e04f8941d39a0c0305e82c3301";
        let lines: Vec<Vec<char>> = lines(text).unwrap().iter().map(|line| line.chars().collect()).collect();
        let quiet = usize::from(QUIET_ZONE);
        let side = lines[0].len() - 2 * quiet;
        let is_dark = |x: usize, y: usize| {
            let (x, y) = (x + quiet, y + quiet);
            matches!((lines[y / 2][x], y % 2), ('█', _) | ('▀', 0) | ('▄', 1))
        };
        assert_eq!(text_of_modules(side, is_dark).unwrap(), text);
        assert!(lines[0].iter().all(|c| *c == ' '));
    }
}
