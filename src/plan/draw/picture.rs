//! What is to be drawn, before it is known how.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use crate::plan::check::UNTIL;
use crate::plan::{Node, NodeInput, Plan, graph};

/// Boxes, groups of them, and arrows.
#[derive(Debug, Default)]
pub(super) struct Picture {
    pub(super) title: String,
    /// In an order in which arrows, except ways back, go down.
    pub(super) items: Vec<Item>,
    pub(super) groups: Vec<Group>,
    pub(super) arrows: Vec<Arrow>,
}

/// A box.
#[derive(Debug)]
pub(super) struct Item {
    pub(super) name: String,
    /// How many nodes it stands for, rounds apart.
    pub(super) times: usize,
    pub(super) kind: String,
    /// A stop test.
    pub(super) decides: bool,
    pub(super) group: Option<usize>,
}

/// A frame around boxes that stand one after the other.
#[derive(Debug)]
pub(super) struct Group {
    pub(super) title: String,
}

/// An arrow between boxes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Arrow {
    pub(super) from: usize,
    pub(super) to: usize,
    pub(super) flow: Flow,
    /// What is carried, or of which rounds it is; often nothing.
    pub(super) label: String,
}

/// What an arrow means.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Flow {
    /// An output goes in.
    Plain,
    /// Outputs of several rounds go in.
    Gathered,
    /// A way back: the next round gets it.
    Back,
    /// A stop test lets it happen. In a folded picture it is a way back.
    Guard,
}

impl Item {
    /// The name, with how often it is there.
    pub(super) fn title(&self) -> String {
        match self.times {
            0 | 1 => self.name.clone(),
            times => format!("{} ×{times}", self.name),
        }
    }
}

impl Arrow {
    /// Whether it goes against the order of the boxes.
    pub(super) fn is_back(&self) -> bool {
        self.flow == Flow::Back || (self.flow == Flow::Guard && self.to <= self.from)
    }
}

impl Picture {
    /// Each stage of the rounds once, and the members of an experiment that are of the same file as one.
    pub(super) fn folded(plan: &Plan) -> Self {
        let families = families(plan);
        let mut places: BTreeMap<(&str, bool, &str), usize> = BTreeMap::new();
        let mut place_of = Vec::with_capacity(plan.nodes.len());
        let mut firsts: Vec<&Node> = Vec::new();
        let mut times: BTreeMap<(usize, Option<u32>), usize> = BTreeMap::new();
        for node in &plan.nodes {
            let key = (
                plan.family(pipeline_of(node)),
                node.round.is_some(),
                node.stage.as_str(),
            );
            let place = *places.entry(key).or_insert_with(|| {
                firsts.push(node);
                firsts.len() - 1
            });
            place_of.push(place);
            *times.entry((place, node.round)).or_default() += 1;
        }
        let mut most = vec![1; firsts.len()];
        for ((place, _), times) in times {
            most[place] = times.max(most[place]);
        }
        let mut arrows = Arrows::default();
        for (index, node) in plan.nodes.iter().enumerate() {
            for input in node.inputs.values().flatten() {
                let from = &plan.nodes[input.node.0];
                let (from_place, to) = (place_of[input.node.0], place_of[index]);
                let (flow, label) = match (&input.carried, node.round, from.round) {
                    (Some(carry), Some(_), Some(_)) => (Flow::Back, carry.as_str()),
                    (_, None, Some(_)) => (Flow::Gathered, which_rounds(input)),
                    _ => (Flow::Plain, ""),
                };
                // A stop test reads its stage in several rounds: one arrow.
                if from_place != to || flow == Flow::Back {
                    arrows.add(from_place, to, flow, label);
                }
            }
            if let Some(guard) = node.guard.filter(|_| is_root_of_round(plan, node)) {
                arrows.add(place_of[guard.0], place_of[index], Flow::Guard, "next round");
            }
        }
        let mut groups: Vec<&str> = Vec::new();
        for node in firsts.iter().filter(|node| node.round.is_some()) {
            if !groups.contains(&family(plan, &families, node)) {
                groups.push(family(plan, &families, node));
            }
        }
        let item = |(node, times): (&&Node, usize)| Item {
            name: named(family(plan, &families, node), node),
            times,
            kind: node.kind.clone(),
            decides: node.kind == UNTIL,
            group: node
                .round
                .and_then(|_| groups.iter().position(|group| *group == family(plan, &families, node))),
        };
        let items: Vec<Item> = firsts.iter().zip(most).map(item).collect();
        let title = |name: &&str| {
            let own: Vec<&Node> = plan
                .nodes
                .iter()
                .filter(|node| family(plan, &families, node) == *name)
                .collect();
            Group {
                title: rounds_title(&own, name),
            }
        };
        let picture = Self {
            title: families.join(", "),
            items,
            groups: groups.iter().map(title).collect(),
            arrows: arrows.list(),
        };
        picture.sorted()
    }

    /// Every node.
    pub(super) fn expanded(plan: &Plan) -> Self {
        let mut arrows = Arrows::default();
        let mut groups: BTreeMap<(&str, u32), usize> = BTreeMap::new();
        let mut titles: Vec<Group> = Vec::new();
        let mut items = Vec::with_capacity(plan.nodes.len());
        for (index, node) in plan.nodes.iter().enumerate() {
            for input in node.inputs.values().flatten() {
                let gathered = node.round.is_none() && plan.nodes[input.node.0].round.is_some();
                let (flow, label) = match &input.carried {
                    Some(carry) => (Flow::Plain, carry.as_str()),
                    None if gathered => (Flow::Gathered, ""),
                    None => (Flow::Plain, ""),
                };
                arrows.add(input.node.0, index, flow, label);
            }
            if let Some(guard) = node.guard.filter(|_| is_root_of_round(plan, node)) {
                arrows.add(guard.0, index, Flow::Guard, "");
            }
            let group = node.round.map(|round| {
                *groups.entry((pipeline_of(node), round)).or_insert_with(|| {
                    let of = pipeline_of(node);
                    let colon = if of.is_empty() { "" } else { ": " };
                    titles.push(Group {
                        title: format!("{of}{colon}round {round}"),
                    });
                    titles.len() - 1
                })
            });
            items.push(Item {
                name: node.name.clone(),
                times: 1,
                kind: node.kind.clone(),
                decides: node.kind == UNTIL,
                group,
            });
        }
        Self {
            title: families(plan).join(", "),
            items,
            groups: titles,
            arrows: arrows.list(),
        }
    }

    /// Of pipelines that share work, a later round may be the first in which a stage has its own node; so the order of
    /// first appearance need not be one in which arrows go down.
    fn sorted(mut self) -> Self {
        let mut needs = vec![Vec::new(); self.items.len()];
        for arrow in self
            .arrows
            .iter()
            .filter(|arrow| matches!(arrow.flow, Flow::Plain | Flow::Gathered))
        {
            needs[arrow.to].push(arrow.from);
        }
        let Ok(order) = graph::order(&needs) else { return self };
        let mut moved = vec![0; order.len()];
        order.iter().enumerate().for_each(|(new, &old)| moved[old] = new);
        let mut items: Vec<_> = self.items.into_iter().enumerate().collect();
        items.sort_by_key(|(old, _)| moved[*old]);
        self.items = items.into_iter().map(|(_, item)| item).collect();
        for arrow in &mut self.arrows {
            (arrow.from, arrow.to) = (moved[arrow.from], moved[arrow.to]);
        }
        self.arrows.sort_by_key(|arrow| (arrow.from, arrow.to, arrow.flow));
        self
    }
}

/// Arrows by ends and meaning, each once.
#[derive(Default)]
struct Arrows<'a>(BTreeMap<(usize, usize, Flow), BTreeSet<&'a str>>);

impl<'a> Arrows<'a> {
    fn add(&mut self, from: usize, to: usize, flow: Flow, label: &'a str) {
        let labels = self.0.entry((from, to, flow)).or_default();
        if !label.is_empty() {
            labels.insert(label);
        }
    }

    fn list(self) -> Vec<Arrow> {
        let arrow = |((from, to, flow), labels): (_, BTreeSet<&str>)| {
            let label = labels.into_iter().collect::<Vec<_>>().join(", ");
            Arrow { from, to, flow, label }
        };
        self.0.into_iter().map(arrow).collect()
    }
}

/// `topk_v3` of `topk_v3/round-1.merge`; nothing where a plan has one pipeline.
fn pipeline_of(node: &Node) -> &str {
    node.name.split_once('/').map_or("", |(pipeline, _)| pipeline)
}

fn named(family: &str, node: &Node) -> String {
    match family {
        "" => node.stage.clone(),
        family => format!("{family}/{}", node.stage),
    }
}

/// What a node's name begins with in a folded picture: one family alone needs no name.
fn family<'p>(plan: &'p Plan, families: &[&str], node: &'p Node) -> &'p str {
    match families {
        [_] => "",
        _ => plan.family(pipeline_of(node)),
    }
}

/// The pipelines' names, those of one family as one.
fn families(plan: &Plan) -> Vec<&str> {
    let mut families: Vec<&str> = Vec::new();
    for pipeline in &plan.pipelines {
        let family = plan.family(pipeline);
        if !families.contains(&family) {
            families.push(family);
        }
    }
    families
}

fn which_rounds(input: &NodeInput) -> &'static str {
    if input.last_of.is_some() {
        "last round"
    } else {
        "all rounds"
    }
}

/// Whether nothing else of its round comes before a node.
fn is_root_of_round(plan: &Plan, node: &Node) -> bool {
    let mut inputs = node.inputs.values().flatten();
    inputs.all(|input| plan.nodes[input.node.0].round != node.round || input.carried.is_some())
}

/// `rounds 1 to 20, until ap50 shifts by less than 0.001 in 5 rounds`; of members that differ, `0.001 or 0.01`.
fn rounds_title(own: &[&Node], pipeline: &str) -> String {
    let rounds = || own.iter().filter_map(|node| node.round);
    let (first, last) = (rounds().min().unwrap_or(1), rounds().max().unwrap_or(1));
    let colon = if pipeline.is_empty() { "" } else { ": " };
    let mut title = match first == last {
        true => format!("{pipeline}{colon}round {first}"),
        false => format!("{pipeline}{colon}rounds {first} to {last}"),
    };
    if own.iter().any(|node| node.kind == UNTIL) {
        let text = |value: &Value| match value {
            Value::String(text) => text.clone(),
            other => other.to_string(),
        };
        let param = |name: &str| {
            let mut values: Vec<String> = Vec::new();
            for until in own.iter().filter(|node| node.kind == UNTIL) {
                let value = text(&until.params[name]);
                if !values.contains(&value) {
                    values.push(value);
                }
            }
            values.join(" or ")
        };
        let (metric, window, below) = (param("metric"), param("window"), param("shift_below"));
        title += &format!(", until {metric} shifts by less than {below} in {window} rounds");
    }
    title
}
