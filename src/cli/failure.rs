//! The one type for what goes wrong in front of a user, and the program's exit codes.

use serde::Serialize;

/// What kind of failure it is; decides the exit code.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum FailureKind {
    /// A stage failed: 1.
    Stage,
    /// The command line does not make sense: 2 (the code that clap uses too).
    Usage,
    /// The pipeline, its params or a file given to a command is wrong: 3.
    Invalid,
    /// The store, a provider or the machine is in the way: 4.
    Environment,
    /// Ctrl-C: 130.
    Interrupted,
}

impl FailureKind {
    /// The exit code.
    #[must_use]
    pub const fn code(self) -> u8 {
        match self {
            Self::Stage => 1,
            Self::Usage => 2,
            Self::Invalid => 3,
            Self::Environment => 4,
            Self::Interrupted => 130,
        }
    }
}

/// A failure as the user sees it.
#[derive(Clone, Debug, Serialize)]
pub struct Failure {
    /// Decides the exit code.
    pub kind: FailureKind,
    /// A sentence without a period; empty when `rendered` says it all.
    pub message: String,
    /// What to try.
    pub hints: Vec<String>,
    /// Diagnostics with carets, already drawn.
    #[serde(skip)]
    pub rendered: Option<String>,
    /// The same diagnostics for machines.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub diagnostics: Vec<serde_json::Value>,
}

impl Failure {
    /// A failure without hints.
    #[must_use]
    pub fn new(kind: FailureKind, message: impl Into<String>) -> Self {
        Self {
            kind,
            message: message.into(),
            hints: Vec::new(),
            rendered: None,
            diagnostics: Vec::new(),
        }
    }

    /// The command line does not make sense.
    #[must_use]
    pub fn usage(message: impl Into<String>) -> Self {
        Self::new(FailureKind::Usage, message)
    }

    /// What the user gave is wrong.
    #[must_use]
    pub fn invalid(message: impl Into<String>) -> Self {
        Self::new(FailureKind::Invalid, message)
    }

    /// The machine is in the way.
    #[must_use]
    pub fn environment(message: impl Into<String>) -> Self {
        Self::new(FailureKind::Environment, message)
    }

    /// Adds something to try.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hints.push(hint.into());
        self
    }
}

impl From<std::io::Error> for Failure {
    fn from(error: std::io::Error) -> Self {
        Self::environment(error.to_string())
    }
}
