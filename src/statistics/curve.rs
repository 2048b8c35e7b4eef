//! A curve of a measure over cost: its value at a cost, its area in a range, the cost at which it reaches a value.

/// Points in the order of their rounds; cost never falls.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Curve {
    points: Vec<(f64, f64)>,
}

impl Curve {
    /// A curve through points of cost and value, in the order of the rounds. What is not finite is left out.
    #[must_use]
    pub fn new(points: impl IntoIterator<Item = (f64, f64)>) -> Self {
        let mut points: Vec<(f64, f64)> = points
            .into_iter()
            .filter(|(cost, value)| cost.is_finite() && value.is_finite())
            .collect();
        // Stable: rounds that cost nothing keep their order.
        points.sort_by(|a, b| a.0.total_cmp(&b.0));
        Self { points }
    }

    /// The points.
    #[must_use]
    pub fn points(&self) -> &[(f64, f64)] {
        &self.points
    }

    /// The lowest and the highest cost.
    #[must_use]
    pub fn range(&self) -> Option<(f64, f64)> {
        Some((self.points.first()?.0, self.points.last()?.0))
    }

    /// The last value.
    #[must_use]
    pub fn last(&self) -> Option<f64> {
        self.points.last().map(|point| point.1)
    }

    /// The value at a cost, on straight lines between the points; of several points at one cost, the last's.
    #[must_use]
    pub fn at(&self, cost: f64) -> Option<f64> {
        let (low, high) = self.range()?;
        if !(low..=high).contains(&cost) {
            return None;
        }
        let next = self.points.partition_point(|point| point.0 <= cost);
        let before = self.points[next - 1];
        Some(match self.points.get(next) {
            Some(after) => between(before, *after, cost),
            None => before.1,
        })
    }

    /// The mean height over a range of cost: the area under straight lines between the points, divided by the range's width.
    #[must_use]
    pub fn area(&self, (low, high): (f64, f64)) -> Option<f64> {
        let (first, last) = (self.at(low)?, self.at(high)?);
        if high <= low {
            return None;
        }
        let inside = self.points.iter().filter(|point| low < point.0 && point.0 < high);
        let mut sum = 0.0;
        let mut before = (low, first);
        for &after in inside {
            sum += (after.0 - before.0) * (before.1 + after.1) / 2.0;
            before = after;
        }
        // At the upper end the curve comes in from the left, whatever rounds without cost follow there.
        let end = match self.points.iter().find(|point| point.0 >= high) {
            Some(&point) if point.0 > before.0 => between(before, point, high),
            _ => last,
        };
        sum += (high - before.0) * (before.1 + end) / 2.0;
        Some(sum / (high - low))
    }

    /// The cost at which the curve first has a value, on a straight line from the point before; none if it never has.
    #[must_use]
    pub fn cost_to_reach(&self, value: f64) -> Option<f64> {
        let at = self.points.iter().position(|point| point.1 >= value)?;
        let (cost, reached) = self.points[at];
        let Some(&(cost_before, value_before)) = at.checked_sub(1).map(|before| &self.points[before]) else {
            return Some(cost);
        };
        Some(cost_before + (cost - cost_before) * (value - value_before) / (reached - value_before))
    }
}

fn between(before: (f64, f64), after: (f64, f64), cost: f64) -> f64 {
    before.1 + (after.1 - before.1) * (cost - before.0) / (after.0 - before.0)
}

/// The range of cost that all curves span; none if there is none. Curves of no width are not asked.
#[must_use]
pub fn common_range<'a>(curves: impl IntoIterator<Item = &'a Curve>) -> Option<(f64, f64)> {
    let ranges = curves
        .into_iter()
        .filter_map(Curve::range)
        .filter(|(low, high)| low < high);
    let common = ranges.reduce(|a, b| (a.0.max(b.0), a.1.min(b.1)))?;
    (common.0 < common.1).then_some(common)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn curve(points: &[(f64, f64)]) -> Curve {
        Curve::new(points.iter().copied())
    }

    #[test]
    fn a_curve_is_straight_between_its_points_and_is_nowhere_else() {
        let curve = curve(&[(10.0, 0.2), (20.0, 0.4), (20.0, 0.5), (40.0, 0.3)]);
        assert!((curve.at(15.0).unwrap() - 0.3).abs() < 1e-12);
        assert_eq!((curve.at(20.0), curve.at(40.0)), (Some(0.5), Some(0.3)));
        assert_eq!((curve.at(9.9), curve.at(40.1)), (None, None));
    }

    #[test]
    fn the_cost_to_reach_a_value_is_read_off_the_line_and_none_when_it_is_not_reached() {
        let curve = curve(&[(10.0, 0.2), (20.0, 0.4), (30.0, 0.3), (40.0, 0.6)]);
        assert_eq!(curve.cost_to_reach(0.1), Some(10.0));
        assert!((curve.cost_to_reach(0.3).unwrap() - 15.0).abs() < 1e-12);
        assert!((curve.cost_to_reach(0.5).unwrap() - (30.0 + 10.0 * 2.0 / 3.0)).abs() < 1e-12);
        assert_eq!(curve.cost_to_reach(0.61), None);
    }

    #[test]
    fn a_range_that_no_two_share_is_none_and_curves_of_one_point_do_not_narrow_it() {
        let (a, b) = (curve(&[(0.0, 0.1), (10.0, 0.2)]), curve(&[(4.0, 0.1), (20.0, 0.2)]));
        let point = curve(&[(100.0, 0.9)]);
        assert_eq!(common_range([&a, &b, &point]), Some((4.0, 10.0)));
        assert_eq!(common_range([&a, &curve(&[(10.0, 0.0), (12.0, 0.0)])]), None);
        assert_eq!(common_range([&point]), None);
        assert_eq!(a.area((4.0, 10.5)), None);
    }

    proptest! {
        #[test]
        fn the_area_is_that_of_ten_thousand_thin_strips(
            steps in prop::collection::vec((0.5..5.0_f64, 0.0..1.0_f64), 2..8), from in 0.0..0.4_f64, to in 0.6..1.0_f64,
        ) {
            let mut cost = 3.0;
            let points: Vec<_> = steps.iter().map(|(step, value)| { cost += step; (cost, *value) }).collect();
            let curve = curve(&points);
            let (low, high) = curve.range().unwrap();
            let (low, high) = (low + from * (high - low), low + to * (high - low));
            let strips = 10_000;
            let width = (high - low) / f64::from(strips);
            let middle = |strip: i32| curve.at(low + (f64::from(strip) + 0.5) * width).unwrap();
            let reference = (0..strips).map(middle).sum::<f64>() / f64::from(strips);
            prop_assert!((curve.area((low, high)).unwrap() - reference).abs() < 1e-5);
        }
    }
}
