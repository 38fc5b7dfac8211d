//! Errors of commands, and their exit codes.

use std::process::ExitCode;

use fulfillment_config::BadConfig;
use fulfillment_pipeline::operations::event_record::NotSet;
use fulfillment_pipeline::operations::installation::Mismatch;
use fulfillment_pipeline::ports::FilesError;
use fulfillment_store::StoreError;

use crate::terminal::printable;

/// The errors, by exit code.
#[derive(Debug)]
pub(crate) enum CliError {
    /// 1: the check failed, or nothing was found. Already printed, or to be printed when there is text.
    Failed(String),
    /// 2: wrong use or configuration.
    Misuse(anyhow::Error),
    /// 3: something it needs cannot be reached.
    Unreachable(anyhow::Error),
}

impl CliError {
    /// The check failed, or nothing was found, for this reason.
    pub(crate) fn failed(text: impl Into<String>) -> Self {
        Self::Failed(text.into())
    }

    /// Wrong use or configuration, and what is expected.
    pub(crate) fn misuse(text: impl std::fmt::Display) -> Self {
        Self::Misuse(anyhow::anyhow!("{text}"))
    }

    /// A part of the service ended by itself; the log says why.
    pub(crate) fn broken() -> Self {
        Self::Unreachable(anyhow::anyhow!(
            "a part of the service ended unexpectedly; see the log and start it again"
        ))
    }

    /// Says first what it means and what to do.
    pub(crate) fn context(self, text: String) -> Self {
        match self {
            Self::Failed(reason) => Self::Failed(format!("{text}: {reason}")),
            Self::Misuse(error) => Self::Misuse(error.context(text)),
            Self::Unreachable(error) => Self::Unreachable(error.context(text)),
        }
    }

    /// Prints the reason to standard error.
    pub(crate) fn report(&self) -> ExitCode {
        let (text, code) = match self {
            Self::Failed(text) => (text.clone(), 1),
            Self::Misuse(error) => (format!("{error:#}"), 2),
            Self::Unreachable(error) => (format!("{error:#}"), 3),
        };
        if !text.is_empty() {
            eprintln!("fulfillment: {}", printable(&text));
        }
        ExitCode::from(code)
    }
}

impl From<StoreError> for CliError {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::Unavailable(_) | StoreError::Refused(_) | StoreError::Unmet(_) => {
                Self::Unreachable(error.into())
            }
            StoreError::Incompatible(_) | StoreError::InUse(_) => Self::Misuse(error.into()),
        }
    }
}

impl From<BadConfig> for CliError {
    fn from(error: BadConfig) -> Self {
        Self::Misuse(error.into())
    }
}

impl From<NotSet> for CliError {
    fn from(error: NotSet) -> Self {
        match error {
            NotSet::Refused(why) => Self::misuse(why),
            NotSet::Store(error) => error.into(),
        }
    }
}

impl From<FilesError> for CliError {
    fn from(error: FilesError) -> Self {
        match error {
            FilesError::BadMarker(_) => Self::Misuse(error.into()),
            FilesError::Trouble(_) | FilesError::OtherContent { .. } => Self::Unreachable(error.into()),
        }
    }
}

impl From<Mismatch> for CliError {
    fn from(error: Mismatch) -> Self {
        match error {
            Mismatch::Store(error) => error.into(),
            Mismatch::Files(error) => error.into(),
            Mismatch::Keyring(error) => error.into(),
            error => Self::Misuse(error.into()),
        }
    }
}

/// Everything else concerns this machine: files, addresses, settings.
impl From<anyhow::Error> for CliError {
    fn from(error: anyhow::Error) -> Self {
        Self::Misuse(error)
    }
}
