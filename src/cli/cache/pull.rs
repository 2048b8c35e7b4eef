//! `asm-pipe cache pull`: records and outputs from the remote.

use serde_json::json;

use super::super::failure::Failure;
use super::super::figures;
use super::super::load::load;
use super::super::terminal::{self, Format};
use super::super::workspace::Workspace;
use super::arguments::WithRemote;
use super::{bar, counted};
use crate::run::RunError;
use crate::run::pull::{Pulled, pull_all, pull_plan};

pub(super) fn pull(arguments: &WithRemote) -> Result<(), Failure> {
    let remote = arguments.remote.open(false)?;
    remote.check()?;
    let workspace = Workspace::open(&arguments.store)?;
    let format = arguments.output.format;
    let bar = bar(format);
    let tell = |come: usize, known: usize, bytes: u64| {
        bar.set_length(known as u64);
        bar.set_position(come as u64);
        bar.set_message(figures::size(bytes));
    };
    let pulled = if arguments.pipelines.is_empty() {
        pull_all(&workspace.store, &remote, &tell)
    } else {
        let pipelines = arguments.changes.of(&arguments.pipelines);
        let loaded = load(&pipelines, &[], &workspace.registry)?;
        pull_plan((&loaded.plan, &workspace.registry), &workspace.store, &remote, &tell)
    };
    bar.finish_and_clear();
    let pulled = pulled.map_err(|error| match error {
        RunError::Remote(error) => Failure::from(error).hint("say it again: it goes on with what is not here yet"),
        error => Failure::environment(error.to_string()),
    })?;
    let place = remote.place().to_string();
    match format {
        Format::Json => terminal::print_json(&json!({ "remote": place, "pulled": pulled }))?,
        Format::Human => show(&pulled, &place)?,
    }
    if pulled.refused.is_empty() {
        return Ok(());
    }
    Err(Failure::environment(format!(
        "{} of the remote refused",
        counted(pulled.refused.len(), "record")
    ))
    .hint("a run makes what was refused, and sends it anew"))
}

fn show(pulled: &Pulled, place: &str) -> Result<(), Failure> {
    for refused in &pulled.refused {
        terminal::warn(&format!("`{}` is refused: {}", refused.what, refused.why));
    }
    terminal::print(&format!(
        "fetched {} with {}, {}, from {place}; {} here already\n",
        counted(pulled.taken.len(), "record"),
        counted(pulled.objects.count, "object"),
        figures::size(pulled.objects.bytes),
        pulled.present.len()
    ))?;
    if let [first, others @ ..] = &pulled.absent[..] {
        let more = match others.len() {
            0 => String::new(),
            more => format!(" and {}", counted(more, "other stage")),
        };
        terminal::tell(&format!("not there: `{first}`{more}; a run makes the rest"));
    }
    Ok(())
}
