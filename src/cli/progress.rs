//! A run's events as people see them: bars on a terminal, lines elsewhere, or JSON lines for programs.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use indicatif::{MultiProgress, ProgressBar, ProgressDrawTarget, ProgressStyle};

use super::figures::{duration, short, size};
use super::terminal::{self, CYAN, DIM, Format, GREEN, RED, RESET, YELLOW};
use crate::run::{Event, Moment};
use crate::stage::{Place, Progress};

/// Without a terminal a long stage says how far it is this often.
const LINE_EVERY: Duration = Duration::from_secs(15);

/// Shows events as they come.
pub(super) struct Display {
    format: Format,
    quiet: bool,
    bars: Option<MultiProgress>,
    running: BTreeMap<String, Running>,
}

struct Running {
    bar: Option<ProgressBar>,
    said: Instant,
    /// When it first said how far it was, and how far: what an earlier run had done says nothing of the pace.
    from: Option<(Instant, u64)>,
}

impl Display {
    /// A display for this format; bars only where a person watches.
    #[must_use]
    pub(super) fn new(format: Format, quiet: bool) -> Self {
        let watched = format == Format::Human && !quiet && terminal::stderr_is_terminal();
        let bars = watched.then(|| MultiProgress::with_draw_target(ProgressDrawTarget::stderr_with_hz(8)));
        Self {
            format,
            quiet,
            bars,
            running: BTreeMap::new(),
        }
    }

    /// Shows one event.
    pub(super) fn show(&mut self, moment: &Moment) {
        if self.format == Format::Json {
            // A reader that has gone away must not end the run: what it makes is kept in the store.
            let _ = terminal::print_json_line(moment);
            return;
        }
        match &moment.what {
            Event::StageStarted {
                stage, kind, reason, ..
            } => self.start(stage, kind, reason),
            Event::StageProgress { stage, progress } => self.advance(stage, progress),
            Event::StageFinished {
                stage,
                seconds,
                metrics,
                notes,
                ..
            } => {
                self.end(stage);
                let figures: Vec<String> = metrics
                    .iter()
                    .map(|(name, value)| format!("{name} {}", short(*value)))
                    .collect();
                self.line(&format!(
                    "{GREEN}done{RESET}     {stage} {DIM}{}{RESET} {}",
                    duration(*seconds),
                    figures.join("  ")
                ));
                for note in notes {
                    self.line(&format!("{YELLOW}note{RESET}     {stage}: {note}"));
                }
            }
            Event::StageFailed {
                stage,
                message,
                hints,
                log,
            } => {
                self.end(stage);
                self.say(&format!("{RED}failed{RESET}   {stage}: {message}"));
                for hint in hints {
                    self.say(&format!("           {CYAN}hint{RESET}: {hint}"));
                }
                if let Some(log) = log {
                    self.say(&format!("           the whole log: {log}"));
                }
            }
            Event::StageRetried {
                stage,
                attempt,
                retries,
                message,
                wait,
            } => self.say(&format!(
                "{YELLOW}again{RESET}    {stage}: attempt {attempt} of {} failed, again in {wait:.0} s: {message}",
                retries + 1
            )),
            Event::StagePlaced { stage, place } => self.place(stage, place),
            Event::StageCached { stage, .. } => self.line(&format!("{DIM}cached   {stage}{RESET}")),
            Event::StageFetched { stage, bytes, .. } => {
                self.line(&format!("{DIM}fetched  {stage} {}{RESET}", size(*bytes)));
            }
            Event::RemoteWarned { message, hints } => {
                self.say(&format!("{YELLOW}warning{RESET}: {message}"));
                for hint in hints {
                    self.say(&format!("  {CYAN}hint{RESET}: {hint}"));
                }
            }
            Event::RemoteSending { records } => {
                let ending = if *records == 1 { "" } else { "s" };
                self.line(&format!(
                    "sending  {records} record{ending} to the remote; Ctrl-C leaves them unsent"
                ));
            }
            Event::StageWaiting { stage, .. } => self.line(&format!("waiting  {stage}: another run is making it")),
            Event::StagePruned { stage, guard } => {
                self.line(&format!("{DIM}pruned   {stage}: {guard} said stop{RESET}"));
            }
            Event::StageSkipped { stage, because } => self.line(&format!("{DIM}skipped  {stage}: {because}{RESET}")),
            Event::RunFinished { counts, seconds } => {
                let parts = [
                    ("ran", counts.ran),
                    ("cached", counts.cached),
                    ("pruned", counts.pruned),
                    ("failed", counts.failed),
                    ("skipped", counts.skipped),
                ];
                let parts: Vec<String> = parts
                    .iter()
                    .filter(|(_, n)| *n > 0)
                    .map(|(name, n)| format!("{n} {name}"))
                    .collect();
                self.line(&format!("{} in {}", parts.join(", "), duration(*seconds)));
            }
            Event::RunStarted { .. } | Event::StageLog { .. } => {}
        }
    }

    fn start(&mut self, stage: &str, kind: &str, reason: &str) {
        let bar = self.bars.as_ref().map(|bars| {
            let bar = bars.add(
                ProgressBar::new_spinner()
                    .with_message(kind.to_owned())
                    .with_prefix(stage.to_owned()),
            );
            bar.set_style(style("{prefix:24!} {spinner} {elapsed:>4} {msg}"));
            bar.enable_steady_tick(Duration::from_millis(250));
            bar
        });
        let now = Instant::now();
        self.running.insert(
            stage.to_owned(),
            Running {
                bar,
                said: now,
                from: None,
            },
        );
        self.line(&format!("started  {stage} {DIM}({kind}): {reason}{RESET}"));
    }

    fn advance(&mut self, stage: &str, progress: &Progress) {
        let Some(running) = self.running.get_mut(stage) else {
            return;
        };
        let figures = figures(progress);
        let is_first = running.from.is_none();
        let (since, from) = *running.from.get_or_insert((Instant::now(), progress.done));
        if let Some(bar) = &running.bar {
            if let Some(total) = progress.total
                && bar.length() != Some(total)
            {
                bar.set_style(style("{prefix:24!} {bar:24} {pos}/{len} {eta:>4} left  {msg}"));
                bar.set_length(total);
            }
            bar.set_position(progress.done);
            if is_first {
                bar.reset_eta();
            }
            bar.set_message(figures);
        } else if running.said.elapsed() >= LINE_EVERY {
            running.said = Instant::now();
            let left = remaining(since.elapsed(), from, progress)
                .map_or_else(String::new, |seconds| format!("  about {} left", duration(seconds)));
            let line = format!("running  {stage} {}{left}", reached(progress));
            self.line(&line);
        }
    }

    fn place(&mut self, stage: &str, place: &Place) {
        let node = place
            .node
            .as_ref()
            .map_or_else(String::new, |node| format!(" on {node}"));
        let reason = place
            .reason
            .as_ref()
            .map_or_else(String::new, |reason| format!(" ({reason})"));
        let text = format!("{}{node}{reason}", place.state.to_lowercase());
        match self.running.get(stage).and_then(|running| running.bar.as_ref()) {
            Some(bar) => bar.set_message(text),
            None => self.line(&format!("{DIM}job      {stage}: {} {text}{RESET}", place.job)),
        }
    }

    fn end(&mut self, stage: &str) {
        if let Some(bar) = self.running.remove(stage).and_then(|running| running.bar) {
            bar.finish_and_clear();
        }
    }

    /// A line that a quiet display leaves out.
    fn line(&self, line: &str) {
        if !self.quiet {
            self.say(line);
        }
    }

    fn say(&self, line: &str) {
        match &self.bars {
            Some(bars) => bars.suspend(|| terminal::tell(line)),
            None => terminal::tell(line),
        }
    }
}

fn style(template: &str) -> ProgressStyle {
    ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar())
}

/// Seconds to go at the pace since a job was at `from`.
fn remaining(elapsed: Duration, from: u64, progress: &Progress) -> Option<f64> {
    let done = progress.done.checked_sub(from).filter(|done| *done > 0)?;
    let left = progress.total?.saturating_sub(progress.done);
    Some(elapsed.as_secs_f64() / done as f64 * left as f64)
}

/// How far a job is: `3/10 epochs  loss 0.250`.
#[must_use]
pub(super) fn reached(progress: &Progress) -> String {
    let total = progress.total.map_or_else(String::new, |total| format!("/{total}"));
    let text = format!(
        "{}{total} {}  {}",
        progress.done,
        plural(&progress.unit),
        figures(progress)
    );
    text.trim_end().to_owned()
}

fn figures(progress: &Progress) -> String {
    let figures = progress.fields.iter();
    let figures = figures.map(|(name, value)| format!("{} {}", name.replace('_', " "), short(*value)));
    figures.collect::<Vec<_>>().join("  ")
}

fn plural(unit: &str) -> String {
    if unit.is_empty() {
        String::new()
    } else {
        format!("{unit}s")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_time_left_follows_from_what_this_run_did_not_from_what_it_took_up() {
        let at = |done, total| Progress {
            done,
            total,
            ..Progress::default()
        };
        let ten = Duration::from_secs(10);
        assert_eq!(remaining(ten, 0, &at(20, Some(100))), Some(40.0));
        assert_eq!(remaining(ten, 1600, &at(1620, Some(1700))), Some(40.0));
        assert_eq!(
            remaining(ten, 1600, &at(1600, Some(1700))),
            None,
            "nothing was seen of its pace"
        );
        assert_eq!(remaining(ten, 1600, &at(4, Some(1700))), None, "it began anew");
        assert_eq!(remaining(ten, 0, &at(20, None)), None);
    }
}
