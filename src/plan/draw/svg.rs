//! A picture in SVG that needs nothing else and is legible on light and dark grounds.

use std::fmt::Write;

use super::layers::{Slot, Stand, lay};
use super::picture::{Arrow, Flow, Picture};

const MARGIN: f64 = 16.0;
const HEIGHT: f64 = 42.0;
const BETWEEN: f64 = 34.0;
/// Room for the title of a frame, and for its lower edge.
const FRAME_TOP: f64 = 34.0;
const FRAME_BOTTOM: f64 = 16.0;
/// How far ways back stand apart, at the right of a frame.
const BACK: f64 = 22.0;

/// Every rule is under the picture's own class: in a page, a style counts for all pictures.
const STYLE: &str = "
  .stages text { font: 13px system-ui, sans-serif; fill: #1d2733; text-anchor: middle }
  .stages .kind { font-size: 11px; fill: #5b6876 }
  .stages .title { font-size: 12px; fill: #5b6876; text-anchor: start }
  .stages .label { font-size: 11px; fill: #9a4f00 }
  .stages .box { fill: #f2f6fb; stroke: #4a6fa5; stroke-width: 1.2 }
  .stages .decides { fill: #fdf3e3; stroke: #b26a00 }
  .stages .frame { fill: none; stroke: #9aa7b5; stroke-dasharray: 5 4 }
  .stages .arrow { fill: none; stroke: #66788c; stroke-width: 1.2 }
  .stages .gathered { stroke-width: 2.2 }
  .stages .back { fill: none; stroke: #b26a00; stroke-width: 1.2; stroke-dasharray: 5 3 }
  .stages .head { fill: #66788c } .stages .backhead { fill: #b26a00 }
  @media (prefers-color-scheme: dark) {
    .stages text { fill: #e4eaf1 } .stages .kind, .stages .title { fill: #a3b0be } .stages .label { fill: #f0b35c }
    .stages .box { fill: #1f2b3a; stroke: #7fa3d6 } .stages .decides { fill: #3a2d16; stroke: #e0a13c }
    .stages .frame { stroke: #617080 } .stages .arrow { stroke: #93a4b6 } .stages .back { stroke: #e0a13c }
    .stages .head { fill: #93a4b6 } .stages .backhead { fill: #e0a13c }
  }";

pub(super) fn draw(picture: &Picture) -> String {
    let widths: Vec<f64> = picture
        .items
        .iter()
        .map(|item| width(&item.title(), &item.kind))
        .collect();
    let layers = lay(picture, &widths);
    let page = Page::new(picture, &widths, &layers);
    let mut out = Vec::new();
    let (w, h) = (page.right + MARGIN, page.bottom + MARGIN);
    out.push(format!(
        "<svg class=\"stages\" xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {w:.0} {h:.0}\" width=\"{w:.0}\" height=\"{h:.0}\" role=\"img\">"
    ));
    out.push(format!("<title>Stages of {}</title>", escape(&picture.title)));
    out.push(format!("<style>{STYLE}\n</style>"));
    for (name, class) in [("head", "head"), ("backhead", "backhead")] {
        out.push(format!(
            "<marker id=\"asm-{name}\" viewBox=\"0 0 8 8\" refX=\"7\" refY=\"4\" markerWidth=\"7\" markerHeight=\"7\" \
             orient=\"auto\"><path class=\"{class}\" d=\"M0 0 8 4 0 8z\"/></marker>"
        ));
    }
    page.frames(&mut out);
    page.arrows(&layers, &mut out);
    page.ways_back(&mut out);
    page.boxes(&mut out);
    out.push("</svg>".to_owned());
    out.join("\n") + "\n"
}

struct Page<'a> {
    picture: &'a Picture,
    widths: &'a [f64],
    /// The middle of each box.
    x: Vec<f64>,
    /// The upper edge of each box.
    y: Vec<f64>,
    /// The upper edge of each layer.
    layer_y: Vec<f64>,
    frames: Vec<Frame<'a>>,
    right: f64,
    bottom: f64,
}

/// A frame, around one unbroken run of the boxes of a group.
struct Frame<'a> {
    title: &'a str,
    items: std::ops::Range<usize>,
    left: f64,
    top: f64,
    right: f64,
    bottom: f64,
    back: Vec<&'a Arrow>,
}

impl<'a> Page<'a> {
    fn new(picture: &'a Picture, widths: &'a [f64], layers: &[Vec<Slot>]) -> Self {
        let count = picture.items.len();
        let (mut x, mut layer_of) = (vec![0.0; count], vec![0; count]);
        for (layer, slots) in layers.iter().enumerate() {
            for slot in slots {
                if let Stand::Item(item) = slot.stand {
                    (x[item], layer_of[item]) = (slot.x + 2.0 * MARGIN, layer);
                }
            }
        }
        let runs = runs(picture);
        let mut layer_y = Vec::new();
        let mut next = MARGIN;
        for layer in 0..layers.len() {
            let of_layer = |run: &std::ops::Range<usize>,
                            pick: fn(&mut dyn Iterator<Item = usize>) -> Option<usize>| {
                pick(&mut run.clone().map(|item| layer_of[item])) == Some(layer)
            };
            if runs.iter().any(|run| of_layer(run, |layers| layers.min())) {
                next += FRAME_TOP;
            }
            layer_y.push(next);
            next += HEIGHT + BETWEEN;
            if runs.iter().any(|run| of_layer(run, |layers| layers.max())) {
                next += FRAME_BOTTOM;
            }
        }
        let y: Vec<f64> = layer_of.iter().map(|&layer| layer_y[layer]).collect();
        let frame = |items: std::ops::Range<usize>| {
            let edges = items
                .clone()
                .map(|item| (x[item] - widths[item] / 2.0, x[item] + widths[item] / 2.0));
            let (left, right) = edges.fold((f64::MAX, 0.0_f64), |edges, edge| {
                (edges.0.min(edge.0), edges.1.max(edge.1))
            });
            let tops = items.clone().map(|item| y[item]);
            let (top, bottom) = tops.fold((f64::MAX, 0.0_f64), |edges, y| (edges.0.min(y), edges.1.max(y)));
            let back = picture
                .arrows
                .iter()
                .filter(|arrow| arrow.is_back() && items.contains(&arrow.to))
                .collect::<Vec<_>>();
            let title = picture.items[items.start]
                .group
                .map_or("", |group| &picture.groups[group].title);
            let inside = right + BACK * (back.len() as f64 + 0.5);
            Frame {
                title,
                items,
                left: left - MARGIN,
                top: top - FRAME_TOP + 6.0,
                right: inside.max(left + text_width(title)),
                bottom: bottom + HEIGHT + FRAME_BOTTOM,
                back,
            }
        };
        let frames: Vec<Frame> = runs.into_iter().map(frame).collect();
        let slots = layers
            .iter()
            .flatten()
            .map(|slot| slot.x + slot.width / 2.0 + 2.0 * MARGIN);
        let right = slots.chain(frames.iter().map(|frame| frame.right)).fold(0.0, f64::max);
        let bottom = layer_y.last().map_or(0.0, |y| y + HEIGHT + FRAME_BOTTOM);
        Self {
            picture,
            widths,
            x,
            y,
            layer_y,
            frames,
            right,
            bottom,
        }
    }

    fn frames(&self, out: &mut Vec<String>) {
        for frame in &self.frames {
            let (left, top) = (frame.left, frame.top);
            let (w, h) = (frame.right - left, frame.bottom - top);
            out.push(format!(
                "<rect class=\"frame\" x=\"{left:.1}\" y=\"{top:.1}\" width=\"{w:.1}\" height=\"{h:.1}\" rx=\"8\"/>"
            ));
            let (x, y, title) = (left + 10.0, top + 17.0, escape(frame.title));
            out.push(format!(
                "<text class=\"title\" x=\"{x:.1}\" y=\"{y:.1}\">{title}</text>"
            ));
        }
    }

    fn boxes(&self, out: &mut Vec<String>) {
        for (index, item) in self.picture.items.iter().enumerate() {
            let (x, y, w) = (self.x[index], self.y[index], self.widths[index]);
            let left = x - w / 2.0;
            let (name, kind, stage) = (escape(&item.title()), escape(&item.kind), escape(&item.name));
            let shape = if item.decides {
                let (right, middle, low) = (left + w, y + HEIGHT / 2.0, y + HEIGHT);
                let (l, r) = (left + 14.0, right - 14.0);
                format!(
                    "<polygon class=\"box decides\" points=\"{left:.1},{middle:.1} {l:.1},{y:.1} {r:.1},{y:.1} \
                     {right:.1},{middle:.1} {r:.1},{low:.1} {l:.1},{low:.1}\"/>"
                )
            } else {
                format!(
                    "<rect class=\"box\" x=\"{left:.1}\" y=\"{y:.1}\" width=\"{w:.1}\" height=\"{HEIGHT}\" rx=\"6\"/>"
                )
            };
            let (upper, lower) = (y + 18.0, y + 33.0);
            out.push(format!(
                "<g data-stage=\"{stage}\"><title>{name} ({kind})</title>{shape}<text x=\"{x:.1}\" y=\"{upper:.1}\">{name}</text>\
                 <text class=\"kind\" x=\"{x:.1}\" y=\"{lower:.1}\">{kind}</text></g>"
            ));
        }
    }

    fn arrows(&self, layers: &[Vec<Slot>], out: &mut Vec<String>) {
        let gathered = self.gathered();
        for (layer, slots) in layers.iter().enumerate() {
            for slot in slots {
                let y = self.layer_y[layer];
                let mut from = slot.from.clone();
                from.sort_by(|a, b| layers[a.0][a.1].x.total_cmp(&layers[b.0][b.1].x));
                let step = (slot.width * 0.7 / from.len().max(1) as f64).min(16.0);
                for (nth, &(above, place)) in from.iter().enumerate() {
                    let source = &layers[above][place];
                    let start = match source.stand {
                        Stand::Item(_) => self.layer_y[above] + HEIGHT,
                        Stand::Way(_) => self.layer_y[above] + HEIGHT / 2.0,
                    };
                    let (Stand::Item(origin) | Stand::Way(origin)) = source.stand;
                    let middle = (from.len() as f64 - 1.0) / 2.0;
                    let (end_x, end_y, head) = match slot.stand {
                        Stand::Item(_) => (
                            slot.x + (nth as f64 - middle) * step,
                            y,
                            " marker-end=\"url(#asm-head)\"",
                        ),
                        Stand::Way(_) => (slot.x, y + HEIGHT / 2.0, ""),
                    };
                    let (x0, x1) = (source.x + 2.0 * MARGIN, end_x + 2.0 * MARGIN);
                    let bend = (end_y - start) / 2.0;
                    let (c0, c1) = (start + bend, end_y - bend);
                    let class = if gathered[origin] { "arrow gathered" } else { "arrow" };
                    out.push(format!(
                        "<path class=\"{class}\" d=\"M{x0:.1} {start:.1}C{x0:.1} {c0:.1} {x1:.1} {c1:.1} {x1:.1} {end_y:.1}\"{head}/>"
                    ));
                }
            }
        }
    }

    /// The boxes all of whose arrows gather rounds.
    fn gathered(&self) -> Vec<bool> {
        let mut all = vec![true; self.picture.items.len()];
        for arrow in self
            .picture
            .arrows
            .iter()
            .filter(|arrow| !arrow.is_back() && arrow.flow != Flow::Gathered)
        {
            all[arrow.from] = false;
        }
        all
    }

    fn ways_back(&self, out: &mut Vec<String>) {
        for frame in &self.frames {
            let rights = frame.items.clone().map(|item| self.x[item] + self.widths[item] / 2.0);
            let right = rights.fold(0.0, f64::max);
            for (nth, arrow) in frame.back.iter().enumerate() {
                let lane = right + BACK * (nth as f64 + 0.7);
                let side = |item: usize| self.x[item] + self.widths[item] / 2.0;
                // Ends of several ways at one box stand apart.
                let shift = 5.0 * (nth as f64 - (frame.back.len() as f64 - 1.0) / 2.0).clamp(-3.0, 3.0);
                let (x0, y0) = (side(arrow.from), self.y[arrow.from] + HEIGHT / 2.0 + shift);
                let (x1, y1) = (side(arrow.to), self.y[arrow.to] + HEIGHT / 2.0 + shift);
                let mut d = String::new();
                write!(d, "M{x0:.1} {y0:.1}H{:.1}", lane - 6.0).expect("writing to a string does not fail");
                let turn = if y1 < y0 { -6.0 } else { 6.0 };
                write!(d, "Q{lane:.1} {y0:.1} {lane:.1} {:.1}V{:.1}", y0 + turn, y1 - turn)
                    .expect("writing to a string does not fail");
                write!(d, "Q{lane:.1} {y1:.1} {:.1} {y1:.1}H{x1:.1}", lane - 6.0)
                    .expect("writing to a string does not fail");
                out.push(format!(
                    "<path class=\"back\" d=\"{d}\" marker-end=\"url(#asm-backhead)\"/>"
                ));
                let (x, y, label) = (lane + 10.0, f64::midpoint(y0, y1), escape(&arrow.label));
                out.push(format!(
                    "<text class=\"label\" transform=\"translate({x:.1} {y:.1}) rotate(-90)\">{label}</text>"
                ));
            }
        }
    }
}

/// The unbroken runs of boxes that are in a frame together.
fn runs(picture: &Picture) -> Vec<std::ops::Range<usize>> {
    let mut runs: Vec<std::ops::Range<usize>> = Vec::new();
    let mut before = None;
    for (index, item) in picture.items.iter().enumerate() {
        match (item.group, runs.last_mut()) {
            (None, _) => {}
            (group, Some(run)) if group == before => run.end = index + 1,
            _ => runs.push(index..index + 1),
        }
        before = item.group;
    }
    runs
}

fn width(name: &str, kind: &str) -> f64 {
    (text_width(name)).max(text_width(kind) * 0.85) + 26.0
}

/// About right for a sans-serif of 13 pixels, and a little too wide rather than too narrow.
fn text_width(text: &str) -> f64 {
    text.chars().count() as f64 * 7.4
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
        .replace('"', "&quot;")
}
