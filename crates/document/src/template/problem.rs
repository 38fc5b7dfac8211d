//! Problems of a template: errors and warnings with their positions.

use std::fmt;

/// A position in a template's JSON: line and column, both counted from 1, the column in characters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Position {
    /// The line.
    pub line: usize,
    /// The character in it.
    pub column: usize,
}

/// The severity of a problem.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Severity {
    /// Tickets can be drawn; an operator should look at them first.
    Warning,
    /// No ticket can be drawn with this template.
    Error,
}

/// One error or warning.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// Whether tickets can be drawn nevertheless.
    pub severity: Severity,
    /// Where in the JSON.
    pub at: Position,
    /// The message.
    pub message: String,
}

impl Problem {
    pub(crate) fn error(at: Position, message: impl Into<String>) -> Self {
        Self { severity: Severity::Error, at, message: message.into() }
    }

    pub(crate) fn warning(at: Position, message: impl Into<String>) -> Self {
        Self { severity: Severity::Warning, at, message: message.into() }
    }
}

/// "12:5: error: this is not JSON".
impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let severity = match self.severity {
            Severity::Warning => "warning",
            Severity::Error => "error",
        };
        write!(f, "{}:{}: {severity}: {}", self.at.line, self.at.column, self.message)
    }
}

/// A template that cannot be used: all its errors, in the order of the JSON.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{}", .0.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n"))]
pub struct Refused(pub Vec<Problem>);

/// Whether a template can be used with these problems.
#[must_use]
pub fn usable(problems: &[Problem]) -> bool {
    problems.iter().all(|problem| problem.severity < Severity::Error)
}
