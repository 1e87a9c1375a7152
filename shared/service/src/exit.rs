//! How a run ends, as a type and as an exit code.

use std::process::ExitCode;

use thiserror::Error;

/// Why a binary gives up. Shown to the operator as one line; it holds no secret and no personal data.
#[derive(Debug, Error)]
pub enum Failure {
    /// A setting is missing or wrong: exit code 64 (`EX_USAGE`).
    #[error("{setting}: {problem}")]
    Setting {
        /// Its name, as in the environment.
        setting: &'static str,
        /// What is wrong with it and what mends it.
        problem: String,
    },
    /// Something that this binary depends on isn't there: exit code 69 (`EX_UNAVAILABLE`).
    #[error("{0}")]
    Unavailable(String),
    /// The command did its work and the answer is "no": exit code 1.
    #[error("{0}")]
    Negative(String),
    /// Anything else: exit code 70 (`EX_SOFTWARE`).
    #[error("{0:#}")]
    Other(#[from] anyhow::Error),
}

impl Failure {
    /// A wrong setting, named as in the environment.
    pub fn setting(setting: &'static str, problem: impl ToString) -> Self {
        Self::Setting { setting, problem: problem.to_string() }
    }

    /// The exit code for this failure.
    pub fn exit_code(&self) -> ExitCode {
        ExitCode::from(match self {
            Self::Setting { .. } => SETTINGS,
            Self::Unavailable(_) => 69,
            Self::Negative(_) => 1,
            Self::Other(_) => 70,
        })
    }
}

/// The exit code for wrong settings.
pub(crate) const SETTINGS: u8 = 64;
