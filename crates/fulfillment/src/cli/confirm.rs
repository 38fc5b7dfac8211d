//! Asks before what cannot be taken back.

use std::io::{BufRead as _, IsTerminal as _};

use crate::error::CliError;

/// Asks at the terminal after saying `what` will happen. Without a terminal it is refused: scripts say --yes.
pub(super) fn confirm(what: &str, question: &str) -> Result<(), CliError> {
    let mut input = std::io::stdin().lock();
    if !input.is_terminal() {
        return Err(CliError::misuse(format!("{what} Confirm with --yes")));
    }
    eprint!("{what}\n{question} [y/N] ");
    let mut answer = String::new();
    input.read_line(&mut answer).map_err(|e| CliError::failed(format!("cannot read the answer: {e}")))?;
    if ["y", "yes"].contains(&answer.trim().to_ascii_lowercase().as_str()) {
        return Ok(());
    }
    Err(CliError::misuse("nothing was changed"))
}
