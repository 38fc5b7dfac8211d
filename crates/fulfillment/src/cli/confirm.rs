//! Says what a command will do that cannot be taken back, and asks before it does it.

use std::io::{BufRead as _, IsTerminal as _};

use clap::Args;
use serde_json::Value;

use super::Context;
use crate::error::CliError;

/// Whether a command may do what cannot be taken back.
#[derive(Debug, Clone, Copy, Args)]
pub(super) struct Consent {
    /// Say what would be done, and change nothing
    #[arg(long)]
    dry_run: bool,
    /// Do not ask
    #[arg(long)]
    yes: bool,
}

/// What a command will do.
pub(super) struct Plan {
    /// For people: what is touched, with its count, and whether it can be taken back.
    pub(super) text: String,
    /// The same for `--dry-run --json`.
    pub(super) json: Value,
    /// The question, as "Void it?".
    pub(super) question: &'static str,
    /// Whether anything is touched: otherwise nothing is asked.
    pub(super) touches: bool,
}

impl Consent {
    /// Whether to go on. A dry run prints the plan, and nothing is to be done, whatever else is given. Otherwise it is
    /// asked at the terminal; without one it is refused, because scripts say --yes.
    pub(super) fn given(self, context: &Context, plan: &Plan) -> Result<bool, CliError> {
        if self.dry_run {
            context.answer(&plan.json, |_| plan.text.clone())?;
            return Ok(false);
        }
        if self.yes || !plan.touches {
            return Ok(true);
        }
        let text = crate::terminal::printable(&plan.text);
        let mut input = std::io::stdin().lock();
        if !input.is_terminal() {
            return Err(CliError::misuse(format!(
                "{text}\nNothing was changed: confirm with --yes, or look first with --dry-run"
            )));
        }
        eprint!("{text}\n{} [y/N] ", plan.question);
        let mut answer = String::new();
        input.read_line(&mut answer).map_err(|e| CliError::failed(format!("cannot read the answer: {e}")))?;
        if ["y", "yes"].contains(&answer.trim().to_ascii_lowercase().as_str()) {
            return Ok(true);
        }
        Err(CliError::misuse("nothing was changed"))
    }
}

/// A number of things: "1 ticket", "2 tickets".
pub(super) fn count(number: u64, one: &str) -> String {
    let plural = if number == 1 { "" } else { "s" };
    format!("{number} {one}{plural}")
}
