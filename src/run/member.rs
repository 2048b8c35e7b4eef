//! The stages of a pipeline or of a run with what the store has of them: what is shown and compared.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use super::explain::{Source, source};
use super::forecast::foresee;
use super::keys::material;
use super::status::RunStatus;
use super::summary::RunError;
use crate::plan::{NodeId, Plan};
use crate::stage::Registry;
use crate::store::{Digest, Record, Store, StoreError};

/// A stage of a pipeline or of a run.
#[derive(Clone, Debug, PartialEq)]
pub struct Member {
    /// The node's name.
    pub name: String,
    /// Its kind.
    pub kind: String,
    /// Its params, without those that name something outside the store.
    pub params: Value,
    /// The params that do. A run does not know them: no record holds a path.
    pub outside: Map<String, Value>,
    /// Where its inputs come from, by port and label, as far as that is known.
    pub sources: BTreeMap<(String, String), Source>,
    /// What it gave; none if it is not made.
    pub record: Option<Record>,
}

impl Member {
    /// The stages of a plan as they stand in the store, in the plan's order.
    ///
    /// # Errors
    /// When the plan was made with another registry.
    pub fn of_plan(plan: &Plan, registry: &Registry, store: &Store) -> Result<Vec<Self>, RunError> {
        let records = foresee(plan, registry, store.into(), &[])?.records;
        let made = |node: NodeId| records[node.0].as_ref();
        let member = |(id, node): (NodeId, &crate::plan::Node)| {
            let kind = node.info(registry).expect("checked by the forecast");
            let record = made(id).cloned();
            let mut sources = BTreeMap::new();
            for (port, label) in record.iter().flat_map(places) {
                if let Some(source) = source(plan, kind, node, (&port, &label), made) {
                    sources.insert((port, label), source);
                }
            }
            let params = material(kind, node, BTreeMap::new(), []).params;
            let mut outside = node.params.as_object().cloned().unwrap_or_default();
            outside.retain(|name, _| params.get(name).is_none());
            Self {
                name: node.name.clone(),
                kind: node.kind.clone(),
                params,
                outside,
                sources,
                record,
            }
        };
        Ok(plan.iter().map(member).collect())
    }

    /// The stages of a run that are made, in the order of its plan.
    ///
    /// Of an input, only the content is recorded: it comes from the first stage of the run that gave the same.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn of_run(run: &RunStatus, store: &Store) -> Result<Vec<Self>, StoreError> {
        let mut makers: BTreeMap<Digest, Source> = BTreeMap::new();
        let mut members = Vec::new();
        for name in &run.head.stages {
            let key = run.keys.get(name).and_then(|key| key.parse().ok());
            let Some(record) = key.map(|key| store.record(&key)).transpose()?.flatten() else {
                continue;
            };
            let mut member = Self::of_record(name, record);
            let record = member.record.iter();
            for (place, digest) in record.flat_map(inputs) {
                if let Some(source) = makers.get(&digest) {
                    member.sources.insert(place, source.clone());
                }
            }
            for (output, made) in member.record.iter().flat_map(|record| &record.outputs) {
                makers.entry(made.digest).or_insert_with(|| Source::Stage {
                    stage: name.clone(),
                    output: output.clone(),
                });
            }
            members.push(member);
        }
        Ok(members)
    }

    /// What a record alone tells.
    #[must_use]
    pub fn of_record(name: &str, record: Record) -> Self {
        Self {
            name: name.to_owned(),
            kind: record.material.kind.clone(),
            params: record.material.params.clone(),
            outside: Map::new(),
            sources: BTreeMap::new(),
            record: Some(record),
        }
    }
}

/// The inputs of a record by port and label.
fn inputs(record: &Record) -> impl Iterator<Item = ((String, String), Digest)> + '_ {
    let ports = record.material.inputs.iter();
    ports.flat_map(|(port, inputs)| {
        let place = move |input: &crate::store::InputDigest| ((port.clone(), input.label.clone()), input.digest);
        inputs.iter().map(place)
    })
}

fn places(record: &Record) -> impl Iterator<Item = (String, String)> + '_ {
    inputs(record).map(|(place, _)| place)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::status;
    use super::super::test_support::{World, make, node, plan};
    use super::*;

    #[test]
    fn the_stages_of_a_plan_and_of_its_run_are_the_same_but_for_paths() {
        let world = World::new();
        let file = world.folder.path().join("file");
        fs_err::write(&file, "text").unwrap();
        let plan = plan([
            node("read", "read", json!({"path": file, "deep": {"er": 1}}), &[]),
            make("next", &[0]),
            node("broken", "fail", json!({}), &[]),
        ]);
        world.run(&plan);
        let planned = Member::of_plan(&plan, &world.registry, &world.store).unwrap();
        let run = status::latest(&world.store.runs()).unwrap().next().unwrap();
        let ran = Member::of_run(&run, &world.store).unwrap();
        assert_eq!(planned.len(), 3);
        assert_eq!((planned[2].record.is_none(), ran.len()), (true, 2));
        assert_eq!(planned[0].outside["path"], json!(file));
        assert_eq!(planned[0].params, json!({"deep": {"er": 1}}));
        assert_eq!(
            (&planned[0].params, &planned[0].record),
            (&ran[0].params, &ran[0].record)
        );
        assert_eq!(planned[1], ran[1]);
        let from = &ran[1].sources[&("in".to_owned(), "0".to_owned())];
        assert_eq!(from.to_string(), "`read.out`");
        let outside = ("param:path".to_owned(), String::new());
        assert_eq!(
            planned[0].sources[&outside].to_string(),
            format!("`{}`", file.display())
        );
    }
}
