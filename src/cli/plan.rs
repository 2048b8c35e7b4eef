//! `asm-pipe plan`: what a run would do and why.

use serde_json::json;

use super::arguments::Plan;
use super::failure::Failure;
use super::figures::{duration, size};
use super::load::load;
use super::terminal::{self, CYAN, DIM, Format, GREEN, RESET, YELLOW};
use super::workspace::Untouched;
use crate::run::{Estimate, Forecast, estimate, forecast};

pub(super) fn plan(arguments: &Plan) -> Result<(), Failure> {
    let remote = arguments.remote.open()?;
    let opened = Untouched::open(&arguments.store)?;
    let workspace = &opened.workspace;
    // What is found in the store is not to be removed while it is read; a store that is read-only loses nothing.
    let _in_use = workspace.store.in_use().ok();
    let loaded = load(&arguments.pipelines, &arguments.target.target, &workspace.registry)?;
    let forecasts = arguments.remote.ask(&workspace.store, remote.as_ref(), |places| {
        forecast(&loaded.plan, &workspace.registry, places, &[])
    })?;
    let estimates = estimate(&loaded.plan, &forecasts, &workspace.store);
    if arguments.output.format == Format::Json {
        let rows = loaded.plan.nodes.iter().zip(&forecasts).zip(&estimates);
        let rows: Vec<_> = rows
            .map(|((node, forecast), estimate)| {
                json!({ "stage": node.name, "kind": node.kind, "forecast": forecast, "estimate": estimate })
            })
            .collect();
        return terminal::print_json(&rows);
    }
    let width = loaded.plan.nodes.iter().map(|node| node.name.len()).max().unwrap_or(0);
    let mut text = String::new();
    let mut counts = [0_usize; 5];
    for (node, forecast) in loaded.plan.nodes.iter().zip(&forecasts) {
        let (place, colour, word, why) = match forecast {
            Forecast::Hit { .. } => (0, DIM, "cached", String::new()),
            Forecast::Remote { .. } => (4, DIM, "remote", String::new()),
            Forecast::Run { reason, .. } => (1, GREEN, "run", reason.clone()),
            Forecast::Same { stage, .. } => (0, DIM, "shared", format!("the same work as `{stage}`")),
            Forecast::After { stage, root } if *stage == root.stage => (1, GREEN, "run", format!("after {root}")),
            Forecast::After { stage, root } => (1, GREEN, "run", format!("after `{stage}`, from {root}")),
            Forecast::Maybe { guard, root } => (2, CYAN, "maybe", format!("unless `{guard}` says stop; from {root}")),
            Forecast::Pruned { guard } => (3, DIM, "pruned", format!("`{guard}` said stop")),
            Forecast::Fail { stage, message, .. } => (1, YELLOW, "fail", format!("`{stage}`: {message}")),
        };
        counts[place] += 1;
        text += &format!("{colour}{word:<7}{RESET} {:width$}  {DIM}{why}{RESET}\n", node.name);
    }
    let [cached, run, maybe, pruned, beyond] = counts;
    let there = match beyond {
        0 => String::new(),
        count => format!(", {count} on the remote"),
    };
    text += &format!("\n{run} to run, {maybe} perhaps, {cached} cached{there}, {pruned} pruned\n");
    text += &expected(run + maybe, &estimates);
    terminal::print(&text)
}

/// A line on what the stages that run are likely to take.
fn expected(run: usize, estimates: &[Option<Estimate>]) -> String {
    let known: Vec<&Estimate> = estimates.iter().flatten().collect();
    if known.is_empty() {
        return String::new();
    }
    let seconds = known.iter().map(|estimate| estimate.seconds).sum();
    let bytes = known.iter().map(|estimate| estimate.bytes).sum();
    let rest = match run.saturating_sub(known.len()) {
        0 => String::new(),
        unknown => format!("; {unknown} have never run"),
    };
    format!(
        "about {} of work and {} of outputs, as before{rest}\n",
        duration(seconds),
        size(bytes)
    )
}
