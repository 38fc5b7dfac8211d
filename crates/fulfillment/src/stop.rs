//! Errors of commands, and their exit codes.

use std::process::ExitCode;

use fulfillment_config::BadConfig;
use fulfillment_store::StoreError;

use fulfillment_pipeline::operations::installation::Mismatch;
use fulfillment_pipeline::ports::FilesError;

/// The errors, by exit code.
#[derive(Debug)]
pub(crate) enum Stop {
    /// 1: the check failed, or nothing was found. Already printed, or to be printed when there is text.
    No(String),
    /// 2: wrong use or configuration.
    Misuse(anyhow::Error),
    /// 3: something it needs cannot be reached.
    Unreachable(anyhow::Error),
}

impl Stop {
    /// The check failed, or nothing was found, for this reason.
    pub(crate) fn no(text: impl Into<String>) -> Self {
        Self::No(text.into())
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

    /// Prints the reason to standard error.
    pub(crate) fn report(&self) -> ExitCode {
        let (text, code) = match self {
            Self::No(text) => (text.clone(), 1),
            Self::Misuse(error) => (format!("{error:#}"), 2),
            Self::Unreachable(error) => (format!("{error:#}"), 3),
        };
        if !text.is_empty() {
            eprintln!("fulfillment: {text}");
        }
        ExitCode::from(code)
    }
}

impl From<StoreError> for Stop {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::Unavailable(_) | StoreError::Refused(_) => Self::Unreachable(error.into()),
            StoreError::Incompatible(_) | StoreError::InUse(_) => Self::Misuse(error.into()),
        }
    }
}

impl From<BadConfig> for Stop {
    fn from(error: BadConfig) -> Self {
        Self::Misuse(error.into())
    }
}

impl From<FilesError> for Stop {
    fn from(error: FilesError) -> Self {
        match error {
            FilesError::BadMarker(_) => Self::Misuse(error.into()),
            FilesError::Trouble(_) | FilesError::OtherContent { .. } => Self::Unreachable(error.into()),
        }
    }
}

impl From<Mismatch> for Stop {
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
impl From<anyhow::Error> for Stop {
    fn from(error: anyhow::Error) -> Self {
        Self::Misuse(error)
    }
}
