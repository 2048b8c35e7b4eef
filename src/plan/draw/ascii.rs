//! One line a stage: at the left its wires, which come from the lines above; then its name and kind.
//!
//! Each stage has a lane from its own line to that of the last stage that takes from it. Where two dots stand right below
//! each other in a lane, the lower takes from the upper.

use std::collections::BTreeMap;

use super::picture::{Arrow, Flow, Picture};

pub(super) fn draw(picture: &Picture) -> String {
    let wires = Wires::lay(picture);
    let width = wires.lanes * 2;
    let name_width = picture
        .items
        .iter()
        .map(|item| item.title().chars().count())
        .max()
        .unwrap_or(0);
    let kind_width = picture
        .items
        .iter()
        .map(|item| item.kind.chars().count())
        .max()
        .unwrap_or(0);
    let grouped = picture.groups.iter().len() > 0;
    let notes = notes(picture);
    let mut lines = Vec::new();
    let mut group = None;
    for (index, item) in picture.items.iter().enumerate() {
        if item.group != group {
            close(&mut lines, group, width, &wires.between[index]);
            if let Some(opened) = item.group {
                lines.push(format!(
                    "{:width$}╭ {}",
                    wires.between[index], picture.groups[opened].title
                ));
            }
            group = item.group;
        }
        let bar = match (grouped, group) {
            (false, _) => "",
            (true, None) => "  ",
            (true, Some(_)) => "│ ",
        };
        let (row, name, kind) = (&wires.rows[index], item.title(), &item.kind);
        let note = &notes[index];
        lines.push(format!(
            "{row:width$}{bar}{name:name_width$}  {kind:kind_width$}  {note}"
        ));
    }
    close(&mut lines, group, width, "");
    lines.iter().flat_map(|line| [line.trim_end(), "\n"]).collect()
}

fn close(lines: &mut Vec<String>, group: Option<usize>, width: usize, wires: &str) {
    if group.is_some() {
        lines.push(format!("{wires:width$}╰"));
    }
}

/// What comes by ways that are not drawn, for each item.
fn notes(picture: &Picture) -> Vec<String> {
    let mut parts: Vec<Vec<String>> = vec![Vec::new(); picture.items.len()];
    for (to, arrows) in by_target(picture, |arrow| arrow.is_back()) {
        let said = arrows.iter().map(|arrow| {
            let from = short(&picture.items[arrow.from].name, &picture.items[to].name);
            match arrow.flow {
                Flow::Guard => format!("if {from} lets it"),
                _ => format!("{} from {from}", arrow.label),
            }
        });
        parts[to].push(format!("↺ {}", said.collect::<Vec<_>>().join(", ")));
    }
    for (to, arrows) in by_target(picture, |arrow| arrow.flow == Flow::Gathered) {
        let labelled = arrows.iter().filter(|arrow| !arrow.label.is_empty());
        let mut by_label: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
        for arrow in labelled {
            let from = short(&picture.items[arrow.from].name, &picture.items[to].name);
            by_label.entry(&arrow.label).or_default().push(from);
        }
        for (label, from) in by_label {
            parts[to].push(format!("← {} of {label}", from.join(", ")));
        }
        if arrows.iter().all(|arrow| arrow.label.is_empty()) {
            let stages: std::collections::BTreeSet<&str> = arrows
                .iter()
                .map(|arrow| picture.items[arrow.from].name.rsplit(['.', '/']).next().unwrap_or(""))
                .collect();
            parts[to].push(format!(
                "← {} of the rounds",
                stages.into_iter().collect::<Vec<_>>().join(", ")
            ));
        }
    }
    parts.into_iter().map(|parts| parts.join("  ")).collect()
}

fn by_target(picture: &Picture, is_wanted: impl Fn(&Arrow) -> bool) -> BTreeMap<usize, Vec<&Arrow>> {
    let mut found: BTreeMap<usize, Vec<&Arrow>> = BTreeMap::new();
    for arrow in picture.arrows.iter().filter(|arrow| is_wanted(arrow)) {
        found.entry(arrow.to).or_default().push(arrow);
    }
    found
}

/// A name without the pipeline that both have.
fn short<'a>(name: &'a str, beside: &str) -> &'a str {
    match (name.split_once('/'), beside.split_once('/')) {
        (Some((pipeline, own)), Some((other, _))) if pipeline == other => own,
        _ => name,
    }
}

struct Wires {
    /// How many lanes there are at most.
    lanes: usize,
    /// The wires of each item's line.
    rows: Vec<String>,
    /// The wires just above each item's line.
    between: Vec<String>,
}

impl Wires {
    fn lay(picture: &Picture) -> Self {
        let count = picture.items.len();
        let mut sources: Vec<Vec<usize>> = vec![Vec::new(); count];
        let mut last_use: Vec<usize> = (0..count).collect();
        // What is gathered from the rounds is said in words: as wires, every round would have its own.
        let is_drawn = |arrow: &&Arrow| !arrow.is_back() && matches!(arrow.flow, Flow::Plain | Flow::Guard);
        for arrow in picture.arrows.iter().filter(is_drawn) {
            sources[arrow.to].push(arrow.from);
            last_use[arrow.from] = last_use[arrow.from].max(arrow.to);
        }
        let mut lanes = Lanes::default();
        let mut wires = Self {
            lanes: 0,
            rows: Vec::new(),
            between: Vec::new(),
        };
        for (item, sources) in sources.iter().enumerate() {
            wires.between.push(lanes.between());
            wires
                .rows
                .push(lanes.row(item, sources, &last_use, picture.items[item].decides));
            wires.lanes = wires.lanes.max(lanes.held.len());
        }
        wires
    }
}

/// Which item holds which lane, from one line to the next.
#[derive(Default)]
struct Lanes {
    held: Vec<Option<usize>>,
    /// The lanes of items, by item.
    of: Vec<usize>,
    /// Lanes that ended in the line before: a dot there would look as if it took from that item.
    warm: Vec<usize>,
}

impl Lanes {
    fn between(&self) -> String {
        self.held
            .iter()
            .map(|held| if held.is_some() { "│ " } else { "  " })
            .collect()
    }

    fn row(&mut self, item: usize, sources: &[usize], last_use: &[usize], decides: bool) -> String {
        let inputs: Vec<usize> = sources.iter().map(|&source| self.of[source]).collect();
        let ends = |lane: usize| self.held[lane].is_some_and(|source| last_use[source] <= item);
        let own = inputs
            .iter()
            .copied()
            .filter(|&lane| ends(lane))
            .min()
            .unwrap_or_else(|| self.free());
        if own >= self.held.len() {
            self.held.resize(own + 1, None);
        }
        let low = inputs.iter().copied().chain([own]).min().unwrap_or(own);
        let high = inputs.iter().copied().chain([own]).max().unwrap_or(own);
        let mut row = String::new();
        for lane in 0..self.held.len() {
            let (left, right) = (lane > low && lane <= high, lane >= low && lane < high);
            let goes_on = self.held[lane].is_some_and(|source| last_use[source] > item);
            row.push(match (lane == own, inputs.contains(&lane), self.held[lane].is_some()) {
                (true, ..) if decides => '◆',
                (true, ..) => '●',
                (_, true, _) => joint(goes_on, left, right),
                (_, _, true) => '│',
                _ if left && right => '─',
                _ => ' ',
            });
            row.push(if right { '─' } else { ' ' });
        }
        self.warm.clear();
        for lane in inputs {
            if self.held[lane].is_some_and(|source| last_use[source] <= item) {
                self.held[lane] = None;
                self.warm.push(lane);
            }
        }
        self.of.push(own);
        if last_use[item] > item {
            self.held[own] = Some(item);
        } else {
            self.warm.push(own);
        }
        row
    }

    fn free(&self) -> usize {
        let is_free = |lane: &usize| self.held[*lane].is_none() && !self.warm.contains(lane);
        (0..self.held.len()).find(is_free).unwrap_or(self.held.len())
    }
}

fn joint(goes_on: bool, left: bool, right: bool) -> char {
    match (goes_on, left, right) {
        (true, true, true) => '┼',
        (true, true, false) => '┤',
        (true, false, _) => '├',
        (false, true, true) => '┴',
        (false, true, false) => '╯',
        (false, false, _) => '╰',
    }
}
