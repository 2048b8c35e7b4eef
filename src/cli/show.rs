//! `asm-pipe show`: all that is kept of a stage.

use std::collections::BTreeMap;
use std::path::PathBuf;

use serde::Serialize;
use serde_json::{Map, Value};

use super::arguments::Show;
use super::columns::columns;
use super::failure::Failure;
use super::figures::{duration, short, size};
use super::status::when;
use super::subject::Subject;
use super::terminal::{self, Format};
use super::workspace::Untouched;
use crate::run::{Member, Source};
use crate::store::{Digest, Maker, Record, Store};

pub(super) fn show(arguments: &Show) -> Result<(), Failure> {
    let opened = Untouched::open(&arguments.store)?;
    let workspace = &opened.workspace;
    let subject = Subject::of(&arguments.subject.pipelines[0], &arguments.subject, workspace)?;
    let members = match &arguments.stage {
        Some(stage) => subject.find(stage)?,
        None if subject.is_key() => subject.find("")?,
        None => {
            let names: Vec<&str> = subject.members.iter().map(|member| member.name.as_str()).collect();
            let failure = Failure::usage(format!("which stage of {}?", subject.title));
            return Err(failure.hint(format!("it has: {}", names.join(" "))));
        }
    };
    let shown: Vec<Shown> = members
        .iter()
        .filter_map(|member| Some(Shown::of(member, member.record.as_ref()?, &workspace.store)))
        .collect();
    if shown.is_empty() {
        return Err(not_made(&members));
    }
    match arguments.output.format {
        Format::Json => terminal::print_json(&shown),
        Format::Human => {
            let texts: Vec<String> = shown.iter().map(Shown::text).collect();
            terminal::print(&texts.join("\n"))
        }
    }
}

/// The failure for stages that the store does not have.
pub(super) fn not_made(members: &[&Member]) -> Failure {
    let names: Vec<String> = members.iter().map(|member| format!("`{}`", member.name)).collect();
    Failure::invalid(format!("the store does not have {}", names.join(", ")))
        .hint("`asm-pipe explain` says why, `asm-pipe run` makes it")
}

/// A stage, as it is shown.
#[derive(Serialize)]
struct Shown<'a> {
    stage: &'a str,
    key: Digest,
    kind: &'a str,
    kind_version: u32,
    params: &'a Value,
    outside: &'a Map<String, Value>,
    inputs: Vec<ShownInput<'a>>,
    outputs: BTreeMap<&'a str, ShownOutput>,
    metrics: &'a BTreeMap<String, f64>,
    notes: &'a [String],
    seconds: f64,
    cpus: u32,
    finished_at: u64,
    /// The name of the stage that made it.
    made_as: &'a str,
    run: &'a str,
    version: &'a str,
    maker: Option<&'a Maker>,
}

#[derive(Serialize)]
struct ShownInput<'a> {
    port: &'a str,
    label: &'a str,
    digest: Digest,
    from: Option<&'a Source>,
}

#[derive(Serialize)]
struct ShownOutput {
    digest: Digest,
    bytes: u64,
    folder: bool,
    /// Where it can be read; none if it is missing or damaged.
    path: Option<PathBuf>,
}

impl<'a> Shown<'a> {
    fn of(member: &'a Member, record: &'a Record, store: &Store) -> Self {
        let inputs = record.material.inputs.iter().flat_map(|(port, inputs)| {
            inputs.iter().map(move |input| ShownInput {
                port,
                label: &input.label,
                digest: input.digest,
                from: member.sources.get(&(port.clone(), input.label.clone())),
            })
        });
        let outputs = record.outputs.iter().map(|(name, output)| {
            let shown = ShownOutput {
                digest: output.digest,
                bytes: output.bytes,
                folder: output.folder,
                path: store.view(output).ok(),
            };
            (name.as_str(), shown)
        });
        Self {
            stage: &member.name,
            key: record.key,
            kind: &record.material.kind,
            kind_version: record.material.version,
            params: &record.material.params,
            outside: &member.outside,
            inputs: inputs.collect(),
            outputs: outputs.collect(),
            metrics: &record.metrics,
            notes: &record.notes,
            seconds: record.seconds,
            cpus: record.cpus,
            finished_at: record.finished_at,
            made_as: &record.stage,
            run: &record.run,
            version: &record.version,
            maker: record.maker.as_deref(),
        }
    }

    fn text(&self) -> String {
        let cpus = if self.cpus == 1 { "core" } else { "cores" };
        let mut text = format!("{}\n", self.stage);
        text += &columns(&self.facts(cpus));
        let params = self.outside.iter().chain(self.params.as_object().into_iter().flatten());
        text += &section(
            "params",
            params.map(|(name, value)| vec![name.clone(), value.to_string()]),
        );
        text += &section("inputs", self.inputs.iter().map(ShownInput::row));
        let outputs = self.outputs.iter();
        text += &section("outputs", outputs.map(|(name, output)| output.row(name)));
        let metrics = self.metrics.iter();
        text += &section(
            "metrics",
            metrics.map(|(name, value)| vec![name.clone(), short(*value)]),
        );
        text += &section("notes", self.notes.iter().map(|note| vec![note.clone()]));
        text
    }

    fn facts(&self, cpus: &str) -> Vec<Vec<String>> {
        let made = format!(
            "{}, in {} on {} {cpus}",
            when(self.finished_at * 1000),
            duration(self.seconds),
            self.cpus
        );
        let facts = [
            ("  key", self.key.to_string()),
            ("  kind", format!("{}, version {}", self.kind, self.kind_version)),
            ("  made", made),
            (
                "  by",
                format!(
                    "run {} as `{}`, asm-pipe {}{}",
                    self.run,
                    self.made_as,
                    self.version,
                    self.maker()
                ),
            ),
        ];
        facts.map(|(name, value)| vec![name.to_owned(), value]).to_vec()
    }

    /// Who made it where, as far as the record says so.
    fn maker(&self) -> String {
        match self.maker {
            None => String::new(),
            Some(Maker { user, host }) if host.is_empty() => format!(", {user}"),
            Some(Maker { user, host }) => format!(", {user} on {host}"),
        }
    }
}

impl ShownInput<'_> {
    fn row(&self) -> Vec<String> {
        let port = self
            .port
            .strip_prefix("param:")
            .map_or_else(|| self.port.to_owned(), |param| format!("what param `{param}` names"));
        let label = if self.label.is_empty() {
            String::new()
        } else {
            format!(" ({})", self.label)
        };
        let from = self.from.map_or_else(String::new, |from| format!("from {from}"));
        vec![format!("{port}{label}"), self.digest.short(), from]
    }
}

impl ShownOutput {
    fn row(&self, name: &str) -> Vec<String> {
        let path = self.path.as_ref();
        let path = path.map_or_else(|| "missing or damaged".to_owned(), |path| path.display().to_string());
        vec![name.to_owned(), self.digest.short(), size(self.bytes), path]
    }
}

/// Rows in columns under a heading; nothing if there are none.
fn section(heading: &str, rows: impl IntoIterator<Item = Vec<String>>) -> String {
    let rows: Vec<Vec<String>> = rows.into_iter().collect();
    if rows.is_empty() {
        return String::new();
    }
    let lines = columns(&rows);
    let lines = lines.lines().map(|line| format!("    {line}\n"));
    format!("  {heading}\n{}", lines.collect::<String>())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_section_stands_in_columns_and_an_empty_one_is_left_out() {
        let rows = [["a", "1"], ["long", "2"]].map(|row| row.map(str::to_owned).to_vec());
        assert_eq!(section("params", rows), "  params\n    a     1\n    long  2\n");
        assert_eq!(section("notes", []), "");
    }
}
