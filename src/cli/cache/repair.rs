//! `asm-pipe cache repair`: makes again what is lost.

use serde_json::json;

use super::super::failure::{Failure, FailureKind};
use super::super::load::load;
use super::super::progress::Display;
use super::super::run::{interruptible, options};
use super::super::terminal::{self, Format};
use super::super::workspace::Workspace;
use super::arguments::Repair;
use super::verify::{text, watched};
use super::{counted, existing};
use crate::run::repair::{Repair as Done, repair as make_again};

pub(super) fn repair(arguments: &Repair) -> Result<(), Failure> {
    existing(&arguments.store.store)?;
    let workspace = Workspace::open(&arguments.store)?;
    let loaded = load(&arguments.pipelines, &[], &workspace.registry)?;
    let human = arguments.output.format == Format::Human;
    let found = watched(&workspace.store, arguments.output.format)?;
    if human {
        terminal::tell(text(&found).trim_end());
    }
    let interrupt = interruptible();
    // The answer is one JSON value: what the runs tell on the way is not in it.
    let mut display = Display::new(Format::Human, !human);
    let done = make_again(
        &loaded.plan,
        &workspace.registry,
        &workspace.store,
        &options(None, None, None),
        &mut |moment| display.show(moment),
        &interrupt,
    )
    .map_err(|e| Failure::environment(e.to_string()))?;
    let mut elsewhere = Vec::new();
    for missing in &found.missing {
        let is_told = done.lost.iter().any(|lost| lost.key == missing.key);
        if !is_told && !workspace.store.holds_whole(&missing.key)? {
            elsewhere.push(format!("{}.{}", missing.stage, missing.output));
        }
    }
    if human {
        terminal::print(&told(&done, &elsewhere))?;
    } else {
        terminal::print_json(&json!({ "found": found, "repair": done, "not_needed": elsewhere }))?;
    }
    verdict(&done)
}

fn told(done: &Done, elsewhere: &[String]) -> String {
    let mut text = String::new();
    for repaired in &done.repaired {
        let how = if repaired.changed.is_empty() {
            "the same as before".to_owned()
        } else {
            format!("{} came out otherwise than before", repaired.changed.join(", "))
        };
        text += &format!("repaired  {}: {}; {how}\n", repaired.stage, repaired.reason);
    }
    for lost in &done.lost {
        text += &format!("lost      {}: {}\n", lost.stage, lost.reason);
    }
    for output in elsewhere {
        text += &format!("missing   {output}: these pipelines do not need it\n");
    }
    text + &format!("{} repaired\n", counted(done.repaired.len(), "stage"))
}

fn verdict(done: &Done) -> Result<(), Failure> {
    if done.interrupted {
        return Err(Failure::new(FailureKind::Interrupted, "interrupted")
            .hint("run the same command again: it goes on from what is kept"));
    }
    if done.lost.is_empty() {
        return Ok(());
    }
    Err(Failure::new(
        FailureKind::Stage,
        format!("{} could not be made again", counted(done.lost.len(), "stage")),
    ))
}
