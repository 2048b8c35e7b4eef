//! The one place where text leaves the program: data on stdout, talk on stderr.

use std::io::{self, IsTerminal, Write};
use std::process::ExitCode;

use serde::Serialize;
use serde_json::json;

use super::failure::Failure;

/// How answers are written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub(super) enum Format {
    /// For people.
    #[default]
    Human,
    /// For programs: JSON on stdout; a run prints one event a line.
    Json,
}

/// Writes a text to stdout. A reader that has gone away is no failure.
///
/// # Errors
/// When stdout cannot be written to.
pub(super) fn print(text: &str) -> Result<(), Failure> {
    match anstream::stdout().lock().write_all(text.as_bytes()) {
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        other => Ok(other?),
    }
}

/// Writes a text to stdout, as one of many. Says whether the reader is still there.
///
/// # Errors
/// When stdout cannot be written to.
pub(super) fn stream(text: &str) -> Result<bool, Failure> {
    let mut stdout = anstream::stdout().lock();
    match stdout.write_all(text.as_bytes()).and_then(|()| stdout.flush()) {
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(false),
        other => Ok(other.map(|()| true)?),
    }
}

/// Writes a value to stdout as indented JSON.
///
/// # Errors
/// When stdout cannot be written to.
pub(super) fn print_json(value: &impl Serialize) -> Result<(), Failure> {
    let text = serde_json::to_string_pretty(value).map_err(|e| Failure::environment(e.to_string()))?;
    print(&(text + "\n"))
}

/// Writes a value to stdout as one line of JSON.
///
/// # Errors
/// When stdout cannot be written to.
pub(super) fn print_json_line(value: &impl Serialize) -> Result<(), Failure> {
    let text = serde_json::to_string(value).map_err(|e| Failure::environment(e.to_string()))?;
    print(&(text + "\n"))
}

/// Tells the user something on stderr.
pub(super) fn tell(line: &str) {
    // Nothing can be said about a stderr that is gone.
    let _ = writeln!(anstream::stderr().lock(), "{line}");
}

/// Warns on stderr.
pub(super) fn warn(message: &str) {
    tell(&format!("{YELLOW}warning{RESET}: {message}"));
}

/// Whether stderr takes colour.
#[must_use]
pub(super) fn colour_on_stderr() -> bool {
    anstream::AutoStream::choice(&io::stderr()) != anstream::ColorChoice::Never
}

/// Whether a person watches stderr.
#[must_use]
pub(super) fn stderr_is_terminal() -> bool {
    io::stderr().is_terminal()
}

/// Shows a failure and gives its exit code.
#[must_use]
pub(super) fn fail(failure: &Failure, format: Format) -> ExitCode {
    if format == Format::Json {
        // The failure is already the worst news; a closed stdout does not change the exit code.
        let _ = print_json_line(&json!({ "error": failure }));
        return ExitCode::from(failure.kind.code());
    }
    if let Some(rendered) = &failure.rendered {
        tell(rendered.trim_end());
    }
    if !failure.message.is_empty() {
        tell(&format!("{RED}error{RESET}: {}", failure.message));
    }
    for hint in &failure.hints {
        tell(&format!("  {CYAN}hint{RESET}: {hint}"));
    }
    ExitCode::from(failure.kind.code())
}

/// Sequences for colour; taken out again where the stream does not take it.
pub(super) const RED: &str = "\u{1b}[1;31m";
/// Warnings.
pub(super) const YELLOW: &str = "\u{1b}[1;33m";
/// Success.
pub(super) const GREEN: &str = "\u{1b}[32m";
/// Hints.
pub(super) const CYAN: &str = "\u{1b}[36m";
/// What matters less.
pub(super) const DIM: &str = "\u{1b}[2m";
/// Back to normal.
pub(super) const RESET: &str = "\u{1b}[0m";
