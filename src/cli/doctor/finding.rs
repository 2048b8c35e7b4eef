//! What was found, as data: each finding is fine, doubtful or in the way, and says what to do.

use serde::Serialize;

/// How a finding is meant.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Level {
    /// As it should be.
    Ok,
    /// It may be in the way of some uses.
    Warning,
    /// It is in the way.
    Problem,
}

impl Level {
    /// As it is written.
    pub(super) fn word(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Warning => "warning",
            Self::Problem => "problem",
        }
    }
}

/// One thing that was looked at.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(super) struct Finding {
    /// What.
    pub(super) name: String,
    pub(super) level: Level,
    /// How it is.
    pub(super) said: String,
    /// What to do about it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) hint: Option<String>,
}

impl Finding {
    /// As it should be.
    pub(super) fn ok(name: &str, said: impl Into<String>) -> Self {
        Self {
            name: name.to_owned(),
            level: Level::Ok,
            said: said.into(),
            hint: None,
        }
    }

    /// It may be in the way of some uses.
    pub(super) fn warning(name: &str, said: impl Into<String>, hint: impl Into<String>) -> Self {
        Self {
            level: Level::Warning,
            hint: Some(hint.into()),
            ..Self::ok(name, said)
        }
    }

    /// It is in the way.
    pub(super) fn problem(name: &str, said: impl Into<String>, hint: impl Into<String>) -> Self {
        Self {
            level: Level::Problem,
            ..Self::warning(name, said, hint)
        }
    }

    /// A problem where something is wanted, else a warning.
    pub(super) fn problem_if(wanted: bool, name: &str, said: impl Into<String>, hint: impl Into<String>) -> Self {
        match wanted {
            true => Self::problem(name, said, hint),
            false => Self::warning(name, said, hint),
        }
    }
}

/// What belongs together.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Section {
    pub(super) name: &'static str,
    pub(super) findings: Vec<Finding>,
}

/// How many findings of all sections have a level.
pub(super) fn count(sections: &[Section], level: Level) -> usize {
    let findings = sections.iter().flat_map(|section| &section.findings);
    findings.filter(|finding| finding.level == level).count()
}
