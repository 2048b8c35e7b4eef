//! `asm-pipe cache push`: records and outputs to the remote.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use serde::Serialize;

use super::super::failure::Failure;
use super::super::figures;
use super::super::terminal::{self, Format};
use super::arguments::WithRemote;
use super::export::keys;
use super::{bar, counted, existing};
use crate::remote::{RemoteError, Sending};
use crate::store::{Digest, Part, Record, Refused, Store};

/// After so many failures the others are not tried.
const PATIENCE: usize = 4;

/// What was sent.
#[derive(Debug, Default, Serialize)]
struct Pushed {
    remote: String,
    /// Records that were not there, with the name of the stage.
    sent: BTreeMap<Digest, String>,
    /// How many were there already.
    present: usize,
    /// Objects that were not there, and their bytes.
    objects: Part,
    /// What is not whole in the store.
    left_out: Vec<Refused>,
    /// What did not arrive.
    failed: Vec<Refused>,
}

pub(super) fn push(arguments: &WithRemote) -> Result<(), Failure> {
    let store = existing(&arguments.store.store)?;
    let remote = arguments.remote.open(true)?;
    remote.check()?;
    let records = records(arguments, &store)?;
    let format = arguments.output.format;
    let bar = bar(format);
    bar.set_length(records.len() as u64);
    let state = Mutex::new((
        Pushed {
            remote: remote.place().to_string(),
            ..Pushed::default()
        },
        None::<RemoteError>,
    ));
    remote.send_all(&store, &records, &|record, sending| {
        let mut state = state.lock().unwrap_or_else(PoisonError::into_inner);
        let (pushed, first) = &mut *state;
        let what = record.stage.clone();
        match sending {
            Ok(Sending::Done(sent)) => {
                pushed.objects = pushed.objects + sent.objects;
                pushed.sent.insert(record.key, what);
            }
            Ok(Sending::Present) => pushed.present += 1,
            Ok(Sending::LeftOut(why)) => pushed.left_out.push(Refused { what, why }),
            Err(error) => {
                let why = error.to_string();
                pushed.failed.push(Refused { what, why });
                if pushed.failed.len() > PATIENCE || !matches!(error, RemoteError::Failed { .. }) {
                    remote.cancel();
                }
                first.get_or_insert(error);
            }
        }
        bar.inc(1);
        bar.set_message(figures::size(pushed.objects.bytes));
    });
    bar.finish_and_clear();
    let (pushed, first) = state.into_inner().unwrap_or_else(PoisonError::into_inner);
    tell(&pushed, format)?;
    let Some(error) = first else {
        return Ok(());
    };
    let mut failure = Failure::from(error);
    failure.message = format!(
        "{} not sent: {}",
        counted(pushed.failed.len(), "record"),
        failure.message
    );
    Err(failure.hint("say it again: it goes on with what is not there yet"))
}

/// All that the store has, or what it has of the pipelines.
fn records(arguments: &WithRemote, store: &Store) -> Result<Vec<Record>, Failure> {
    if arguments.pipelines.is_empty() {
        return Ok(store.records()?);
    }
    let keys = keys(&arguments.changes.of(&arguments.pipelines), &arguments.store)?;
    let mut records = Vec::new();
    for key in keys {
        records.extend(store.record(&key)?);
    }
    Ok(records)
}

fn tell(pushed: &Pushed, format: Format) -> Result<(), Failure> {
    if format == Format::Json {
        return terminal::print_json(pushed);
    }
    for left_out in &pushed.left_out {
        terminal::warn(&format!("`{}` is left out: {}", left_out.what, left_out.why));
    }
    terminal::print(&format!(
        "sent {} with {}, {}, to {}; {} there already\n",
        counted(pushed.sent.len(), "record"),
        counted(pushed.objects.count, "object"),
        figures::size(pushed.objects.bytes),
        pushed.remote,
        pushed.present
    ))
}
