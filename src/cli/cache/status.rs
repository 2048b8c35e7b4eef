//! `asm-pipe cache status`: what is here and what is on the remote.

use std::collections::BTreeSet;

use serde::Serialize;
use serde_json::json;

use super::super::columns::columns;
use super::super::failure::Failure;
use super::super::figures;
use super::super::load::load;
use super::super::terminal::{self, Format};
use super::super::workspace::Untouched;
use super::arguments::WithRemote;
use super::counted;
use crate::remote::Remote;
use crate::run::{Forecast, Places as Asked, RunError, forecast};
use crate::store::{Digest, Store};

/// Records by where they are.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
struct Places {
    both: usize,
    only_here: usize,
    only_there: usize,
    /// Stages of the pipelines that are in neither place.
    nowhere: usize,
    /// Stages of the pipelines whose keys are not known, for they come after such as are in neither place.
    unknown: usize,
}

pub(super) fn status(arguments: &WithRemote) -> Result<(), Failure> {
    let remote = arguments.remote.open(false)?;
    remote.check()?;
    let untouched = Untouched::open(&arguments.store)?;
    let workspace = &untouched.workspace;
    let (places, objects) = if arguments.pipelines.is_empty() {
        (of_all(&workspace.store, &remote)?, Some(remote.objects()?))
    } else {
        let pipelines = arguments.changes.of(&arguments.pipelines);
        let loaded = load(&pipelines, &[], &workspace.registry)?;
        let places = Asked {
            store: &workspace.store,
            remote: Some(&remote),
        };
        let forecasts = forecast(&loaded.plan, &workspace.registry, places, &[]).map_err(|error| match error {
            RunError::Remote(error) => error.into(),
            error => Failure::environment(error.to_string()),
        })?;
        (of_pipelines(&forecasts, &remote)?, None)
    };
    let place = remote.place();
    if arguments.output.format == Format::Json {
        return terminal::print_json(&json!({
            "remote": place.to_string(),
            "is_written": remote.is_written(),
            "records": places,
            "objects": objects,
        }));
    }
    let objects = objects.map(|objects| {
        let size = figures::size(objects.bytes);
        format!(": {}, {size}", counted(objects.count, "object"))
    });
    let mut text = format!("{place}{}\n", objects.unwrap_or_default());
    text += &columns(&rows(places));
    terminal::print(&text)
}

fn rows(places: Places) -> Vec<Vec<String>> {
    let row = |what: &str, count: usize, hint: &str| {
        let hint = if count > 0 { hint } else { "" };
        vec![what.to_owned(), count.to_string(), hint.to_owned()]
    };
    let mut rows = vec![
        row("here and there", places.both, ""),
        row("only here", places.only_here, "`asm-pipe cache push` sends them"),
        row(
            "only there",
            places.only_there,
            "`asm-pipe cache pull` fetches them, and so does a run",
        ),
    ];
    if places.nowhere + places.unknown > 0 {
        rows.push(row("nowhere", places.nowhere, "a run makes them"));
        rows.push(row(
            "not known yet",
            places.unknown,
            "they come after those that are nowhere",
        ));
    }
    rows
}

fn of_all(store: &Store, remote: &Remote) -> Result<Places, Failure> {
    let here: BTreeSet<Digest> = store.records()?.iter().map(|record| record.key).collect();
    let there: BTreeSet<Digest> = remote.keys()?.into_iter().collect();
    Ok(Places {
        both: here.intersection(&there).count(),
        only_here: here.difference(&there).count(),
        only_there: there.difference(&here).count(),
        ..Places::default()
    })
}

fn of_pipelines(forecasts: &[Forecast], remote: &Remote) -> Result<Places, Failure> {
    let (mut here, mut there, mut nowhere) = (BTreeSet::new(), BTreeSet::new(), BTreeSet::new());
    let mut places = Places::default();
    for forecast in forecasts {
        match forecast {
            Forecast::Hit { key } => here.extend(key.parse::<Digest>()),
            Forecast::Remote { key } => there.extend(key.parse::<Digest>()),
            Forecast::Run { key, .. } => nowhere.extend(key.parse::<Digest>()),
            Forecast::After { .. } | Forecast::Maybe { .. } => places.unknown += 1,
            Forecast::Same { .. } | Forecast::Pruned { .. } | Forecast::Fail { .. } => {}
        }
    }
    let keys: Vec<Digest> = here.into_iter().collect();
    places.both = remote.has(&keys)?.into_iter().filter(|is_there| *is_there).count();
    places.only_here = keys.len() - places.both;
    places.only_there = there.len();
    places.nowhere = nowhere.len();
    Ok(places)
}
