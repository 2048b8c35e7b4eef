//! A line of labels: a class with a box or a polygon, in shares of the image.

/// A line that describes a box.
#[derive(Debug, PartialEq)]
pub(super) struct Line {
    /// The class by number.
    pub(super) class: u32,
    /// x_min, y_min, x_max, y_max as shares of the image.
    pub(super) edges: [f64; 4],
}

/// Reads a line; none if it is neither a class and a box nor a class and a polygon.
#[must_use]
pub(super) fn parse(text: &str) -> Option<Line> {
    let mut words = text.split_whitespace();
    let class = words.next()?;
    // Some tools write the class as they write the other numbers.
    let class = class.strip_suffix(".0").unwrap_or(class).parse().ok()?;
    let numbers: Vec<f64> = words.map(str::parse).collect::<Result<_, _>>().ok()?;
    if !numbers.iter().all(|number| number.is_finite()) {
        return None;
    }
    let edges = match *numbers.as_slice() {
        [x, y, width, height] => [x - width / 2.0, y - height / 2.0, x + width / 2.0, y + height / 2.0],
        ref points if points.len() >= 6 && points.len() % 2 == 0 => around(points),
        _ => return None,
    };
    Some(Line { class, edges })
}

/// The box around a polygon.
fn around(points: &[f64]) -> [f64; 4] {
    let mut edges = [f64::INFINITY, f64::INFINITY, f64::NEG_INFINITY, f64::NEG_INFINITY];
    for point in points.chunks_exact(2) {
        edges = [
            edges[0].min(point[0]),
            edges[1].min(point[1]),
            edges[2].max(point[0]),
            edges[3].max(point[1]),
        ];
    }
    edges
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_box_is_given_by_its_middle_and_a_polygon_by_its_corners() {
        let expected = Some(Line {
            class: 3,
            edges: [0.25, 0.25, 0.75, 0.5],
        });
        assert_eq!(parse("3 0.5 0.375 0.5 0.25"), expected);
        assert_eq!(parse(" 3.0\t0.25 0.25  0.75 0.3 0.5 0.5 "), expected);
    }

    #[test]
    fn other_lines_describe_nothing() {
        for text in [
            "",
            "3",
            "3 0.5 0.5 0.5",
            "3 0.5 0.5 0.5 0.5 0.9",
            "-1 1 1 1 1",
            "1.5 1 1 1 1",
            "cat 1 1 1 1",
            "0 nan 1 1 1",
        ] {
            assert_eq!(parse(text), None, "{text}");
        }
    }
}
