//! The critical-difference diagram for a paper.

use plotters::coord::Shift;
use plotters::prelude::*;

use super::Drawing;
use super::diagram::{Diagram, Held};
use super::sheet::{HEAD, Sheet};

/// A diagram of mean ranks below its title.
#[derive(Clone, Debug, PartialEq)]
pub struct RanksChart {
    /// What it shows.
    pub title: String,
    /// Its lines and words.
    pub diagram: Diagram,
}

impl Drawing for RanksChart {
    fn title(&self) -> &str {
        &self.title
    }

    fn height(&self) -> u32 {
        HEAD + self.diagram.height.ceil() as u32
    }

    fn draw<B: DrawingBackend>(
        &self,
        area: &DrawingArea<B, Shift>,
        scale: u32,
    ) -> Result<(), DrawingAreaErrorKind<B::ErrorType>> {
        let sheet = Sheet::below(area, &self.title, scale)?;
        let pixels = |length: f64| (length * f64::from(scale)).round() as i32;
        let place = |(x, y): (f64, f64)| (sheet.left + pixels(x), sheet.top + pixels(y));
        for stroke in &self.diagram.strokes {
            let points: Vec<_> = stroke.points.iter().copied().map(place).collect();
            sheet.line(&points, stroke.width)?;
        }
        let style = sheet.letters(12);
        for words in &self.diagram.words {
            let (text, at) = (words.text.as_str(), place(words.at));
            match words.held {
                Held::Start => sheet.text(text, at, &style)?,
                Held::Middle => sheet.text_around(text, at, &style)?,
                Held::End => sheet.text_up_to(text, at, &style)?,
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chart(ranks: &[f64]) -> RanksChart {
        let named = ranks.iter().enumerate().map(|(at, rank)| (format!("s{at}"), *rank));
        RanksChart {
            title: "Ranks".to_owned(),
            diagram: Diagram::of(&named.collect::<Vec<_>>(), 0.8),
        }
    }

    #[test]
    fn the_diagram_is_drawn_below_its_title_and_is_no_higher_than_it_must_be() {
        let picture = chart(&[1.0, 1.5, 3.0]).picture().unwrap();
        for word in [
            "Ranks",
            "critical difference 0.80",
            "s0 (1.00)",
            "s1 (1.50)",
            "s2 (3.00)",
        ] {
            assert!(picture.svg.contains(word), "{word}");
        }
        assert_eq!(picture.svg.matches("stroke-width=\"4\"").count(), 1);
        let decoded = image::load_from_memory(&picture.png).unwrap();
        assert!(decoded.height() < 2 * 220, "{}", decoded.height());
    }

    #[test]
    fn many_strategies_have_a_higher_picture() {
        let many: Vec<f64> = (1..40).map(f64::from).collect();
        assert!(chart(&many).height() > 440);
        chart(&many).picture().unwrap();
        chart(&[1.0]).picture().unwrap();
    }
}
