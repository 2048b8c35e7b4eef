//! The critical-difference diagram (Demšar 2006): strategies on a line of mean ranks, bars over those that do not differ.

use super::comparison::Ranks;
use crate::statistics::cliques;

const WIDTH: f64 = 640.0;
const LEFT: f64 = 170.0;
const RIGHT: f64 = 470.0;
const TOP: f64 = 62.0;
const ROW: f64 = 22.0;

/// The diagram as SVG in the colour of the text around it.
pub(super) fn draw(ranks: &Ranks) -> String {
    let count = ranks.ranks.len();
    let x = |rank: f64| LEFT + (rank - 1.0) / (count as f64 - 1.0).max(1.0) * (RIGHT - LEFT);
    let mut order: Vec<usize> = (0..count).collect();
    order.sort_by(|&a, &b| ranks.ranks[a].total_cmp(&ranks.ranks[b]));
    let bars = cliques(&ranks.ranks, ranks.critical_difference);
    let below = TOP + 14.0 + 9.0 * bars.len() as f64;
    let half = count.div_ceil(2);
    let height = below + ROW * half as f64 + 16.0;
    let mut out = format!(
        "<svg class=\"ranks\" xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {height:.0}\" role=\"img\" fill=\"none\" \
         stroke=\"currentColor\" font-family=\"system-ui, sans-serif\" font-size=\"13\"><title>Critical difference diagram</title>"
    );
    let text = |at: (f64, f64), anchor: &str, text: &str| {
        let text = text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;");
        format!(
            "<text x=\"{:.1}\" y=\"{:.1}\" text-anchor=\"{anchor}\" fill=\"currentColor\" stroke=\"none\">{text}</text>",
            at.0, at.1
        )
    };
    let length = ranks.critical_difference / (count as f64 - 1.0).max(1.0) * (RIGHT - LEFT);
    out += &format!(
        "<path d=\"M{LEFT} 22h{length:.1}M{LEFT} 18v8M{:.1} 18v8\"/>",
        LEFT + length
    );
    out += &text(
        (LEFT, 13.0),
        "start",
        &format!("critical difference {:.2}", ranks.critical_difference),
    );
    out += &format!("<path d=\"M{LEFT} {TOP}H{RIGHT}\"/>");
    for rank in 1..=count {
        out += &format!("<path d=\"M{:.1} {TOP}v-6\"/>", x(rank as f64));
        out += &text((x(rank as f64), TOP - 10.0), "middle", &rank.to_string());
    }
    for (row, clique) in bars.iter().enumerate() {
        let (first, last) = (ranks.ranks[clique[0]], ranks.ranks[clique[clique.len() - 1]]);
        let y = TOP + 9.0 + 9.0 * row as f64;
        out += &format!(
            "<path stroke-width=\"4\" d=\"M{:.1} {y:.1}H{:.1}\"/>",
            x(first) - 3.0,
            x(last) + 3.0
        );
    }
    for (place, &at) in order.iter().enumerate() {
        let (rank, name) = (ranks.ranks[at], &ranks.strategies[at]);
        let is_left = place < half;
        let row = if is_left { place } else { count - 1 - place };
        let y = below + ROW * row as f64 + 8.0;
        let (end, anchor, beside) = if is_left {
            (LEFT - 14.0, "end", -4.0)
        } else {
            (RIGHT + 14.0, "start", 4.0)
        };
        out += &format!("<path d=\"M{:.1} {TOP}V{y:.1}H{end:.1}\"/>", x(rank));
        out += &text((end + beside, y + 4.0), anchor, &format!("{name} ({rank:.2})"));
    }
    out + "</svg>"
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::statistics::friedman;

    #[test]
    fn every_strategy_is_named_and_a_bar_joins_those_that_do_not_differ() {
        let ranks = Ranks {
            strategies: ["a<b", "second", "third"].map(str::to_owned).to_vec(),
            ranks: vec![1.0, 1.5, 3.0],
            friedman: friedman(&[vec![3.0, 2.0, 1.0], vec![3.0, 2.0, 1.0]]).unwrap(),
            critical_difference: 0.8,
        };
        let svg = draw(&ranks);
        assert!(svg.contains("a&lt;b (1.00)") && svg.contains("third (3.00)"));
        assert_eq!(svg.matches("stroke-width=\"4\"").count(), 1);
    }
}
