//! Where the lines and words of the critical-difference diagram lie (Demšar 2006): strategies on a line of mean ranks, bars over
//! those that do not differ. The chart for a paper and the page's picture both draw this.

use super::sheet::squeezed;
use crate::statistics::cliques;

/// The diagram's width in CSS pixels.
pub(super) const WIDTH: f64 = 760.0;
/// The ends of the line of ranks.
const ENDS: (f64, f64) = (230.0, 530.0);
/// The height of the line of ranks.
const TOP: f64 = 64.0;
/// Between two bars.
const BAR: f64 = 9.0;
/// Between two names.
const ROW: f64 = 22.0;
/// Letters of a name that fit beside the line.
const LETTERS: usize = 22;
/// More figures than this do not fit on the line.
const FIGURES: usize = 16;

/// Lines and words by their places, in CSS pixels from the upper left corner.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Diagram {
    /// How high it is; it is 760 wide.
    pub height: f64,
    /// Lines.
    pub strokes: Vec<Stroke>,
    /// Words.
    pub words: Vec<Words>,
}

/// A line through points.
#[derive(Clone, Debug, PartialEq)]
pub struct Stroke {
    /// The points.
    pub points: Vec<(f64, f64)>,
    /// How thick it is.
    pub width: u32,
}

/// A text whose middle has a height.
#[derive(Clone, Debug, PartialEq)]
pub struct Words {
    /// The text.
    pub text: String,
    /// Where it is held.
    pub at: (f64, f64),
    /// By what.
    pub held: Held,
}

/// What part of a text lies at its place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Held {
    /// Its beginning.
    Start,
    /// Its middle.
    Middle,
    /// Its end.
    End,
}

impl Diagram {
    /// The diagram of names and their mean ranks.
    #[must_use]
    pub fn of(ranks: &[(String, f64)], critical_difference: f64) -> Self {
        let mut diagram = Self::default();
        let count = ranks.len();
        let (left, right) = ENDS;
        let reach = |ranks: f64| ranks / (count as f64 - 1.0).max(1.0) * (right - left);
        let x = |rank: f64| left + reach(rank - 1.0);

        let end = left + reach(critical_difference);
        diagram.stroke(1, [(left, 26.0), (end, 26.0)]);
        for x in [left, end] {
            diagram.stroke(1, [(x, 22.0), (x, 30.0)]);
        }
        diagram.write(
            format!("critical difference {critical_difference:.2}"),
            (left, 11.0),
            Held::Start,
        );

        diagram.stroke(1, [(left, TOP), (right, TOP)]);
        for rank in 1..=count {
            let x = x(rank as f64);
            diagram.stroke(1, [(x, TOP), (x, TOP - 6.0)]);
            if (rank - 1) % count.div_ceil(FIGURES) == 0 {
                diagram.write(rank.to_string(), (x, TOP - 14.0), Held::Middle);
            }
        }

        let values: Vec<f64> = ranks.iter().map(|(_, rank)| *rank).collect();
        let bars = cliques(&values, critical_difference);
        let mut below = TOP;
        for clique in &bars {
            let (first, last) = (values[clique[0]], values[clique[clique.len() - 1]]);
            below += BAR;
            diagram.stroke(4, [(x(first) - 3.0, below), (x(last) + 3.0, below)]);
        }

        let mut order: Vec<usize> = (0..count).collect();
        order.sort_by(|&a, &b| values[a].total_cmp(&values[b]));
        let half = count.div_ceil(2);
        for (place, &at) in order.iter().enumerate() {
            let is_left = place < half;
            let row = if is_left { place } else { count - 1 - place };
            let (y, x) = (below + ROW * (row as f64 + 1.0), x(values[at]));
            let (end, name, held) = match is_left {
                true => (left - 14.0, left - 18.0, Held::End),
                false => (right + 14.0, right + 18.0, Held::Start),
            };
            diagram.stroke(1, [(x, TOP), (x, y), (end, y)]);
            let text = format!("{} ({:.2})", squeezed(&ranks[at].0, LETTERS), values[at]);
            diagram.write(text, (name, y), held);
        }
        diagram.height = below + ROW * half as f64 + 16.0;
        diagram
    }

    fn stroke(&mut self, width: u32, points: impl Into<Vec<(f64, f64)>>) {
        let points = points.into();
        self.strokes.push(Stroke { points, width });
    }

    fn write(&mut self, text: String, at: (f64, f64), held: Held) {
        self.words.push(Words { text, at, held });
    }

    /// The diagram as SVG in the colour of the text around it.
    #[must_use]
    pub fn svg(&self) -> String {
        let mut out = format!(
            "<svg class=\"ranks\" xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {:.0}\" role=\"img\" fill=\"none\" \
             stroke=\"currentColor\" font-family=\"system-ui, sans-serif\" font-size=\"13\"><title>Critical difference diagram</title>",
            self.height
        );
        for stroke in &self.strokes {
            let points: Vec<String> = stroke.points.iter().map(|(x, y)| format!("{x:.1} {y:.1}")).collect();
            out += &format!("<path stroke-width=\"{}\" d=\"M{}\"/>", stroke.width, points.join("L"));
        }
        for words in &self.words {
            let text = words
                .text
                .replace('&', "&amp;")
                .replace('<', "&lt;")
                .replace('>', "&gt;");
            let anchor = match words.held {
                Held::Start => "start",
                Held::Middle => "middle",
                Held::End => "end",
            };
            out += &format!(
                "<text x=\"{:.1}\" y=\"{:.1}\" text-anchor=\"{anchor}\" fill=\"currentColor\" stroke=\"none\">{text}</text>",
                words.at.0,
                words.at.1 + 4.5
            );
        }
        out + "</svg>"
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn diagram(ranks: &[f64]) -> Diagram {
        let named = ranks.iter().enumerate().map(|(at, rank)| (format!("s{at}"), *rank));
        Diagram::of(&named.collect::<Vec<_>>(), 0.8)
    }

    fn bars(diagram: &Diagram) -> Vec<&Stroke> {
        diagram.strokes.iter().filter(|stroke| stroke.width > 1).collect()
    }

    #[test]
    fn every_strategy_is_named_and_a_bar_joins_those_that_do_not_differ() {
        let found = diagram(&[1.0, 1.5, 3.0]);
        let texts: Vec<&str> = found.words.iter().map(|words| words.text.as_str()).collect();
        for text in ["critical difference 0.80", "s0 (1.00)", "s1 (1.50)", "s2 (3.00)"] {
            assert!(texts.contains(&text), "{texts:?}");
        }
        // 150 pixels a rank from 230 on.
        assert_eq!(bars(&found)[0].points, [(227.0, 73.0), (308.0, 73.0)]);
        assert!(bars(&diagram(&[1.0, 2.0, 3.0])).is_empty());
    }

    #[test]
    fn all_lies_within_the_diagram_however_many_there_are() {
        for count in [0, 1, 2, 7, 40] {
            let ranks: Vec<f64> = (1..=count).map(f64::from).collect();
            let found = diagram(&ranks);
            let within = |(x, y): &(f64, f64)| (0.0..=WIDTH).contains(x) && *y >= 0.0 && *y <= found.height - 8.0;
            assert!(
                found.strokes.iter().flat_map(|stroke| &stroke.points).all(within),
                "{count}"
            );
            assert!(found.words.iter().all(|words| within(&words.at)), "{count}");
        }
        assert!(diagram(&[1.0; 40]).height > diagram(&[1.0; 4]).height);
    }

    #[test]
    fn names_are_text_in_the_picture_of_the_page() {
        let svg = Diagram::of(&[("a<b".to_owned(), 1.0), ("second".to_owned(), 2.0)], 0.5).svg();
        assert!(svg.contains("a&lt;b (1.00)") && svg.contains("second (2.00)"), "{svg}");
    }
}
