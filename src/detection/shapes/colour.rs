//! Colours as linear triples of red, green, blue in `[0, 1]`.

/// Red, green, blue.
pub(super) type Rgb = [f32; 3];

/// A colour from hue in turns, saturation and value.
pub(super) fn from_hue(hue: f32, saturation: f32, value: f32) -> Rgb {
    [0.0, 2.0 / 3.0, 1.0 / 3.0].map(|shift| {
        let ramp = ((hue + shift).rem_euclid(1.0) * 6.0 - 3.0).abs() - 1.0;
        value * (1.0 - saturation + saturation * ramp.clamp(0.0, 1.0))
    })
}

/// The way from one colour to another.
pub(super) fn mix(from: Rgb, to: Rgb, share: f32) -> Rgb {
    [0, 1, 2].map(|channel: usize| from[channel] + (to[channel] - from[channel]) * share)
}

/// Lighter by a factor above 1, darker below.
pub(super) fn shade(colour: Rgb, factor: f32) -> Rgb {
    colour.map(|channel| (channel * factor).clamp(0.0, 1.0))
}

/// How far two colours are apart: 0 to about 1.7.
pub(super) fn contrast(one: Rgb, other: Rgb) -> f32 {
    let squares = one.iter().zip(other).map(|(a, b)| (a - b) * (a - b));
    squares.sum::<f32>().sqrt()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn thirds_of_a_turn_are_the_primary_colours() {
        for (hue, expected) in [
            (0.0, [1.0, 0.0, 0.0]),
            (1.0 / 3.0, [0.0, 1.0, 0.0]),
            (2.0 / 3.0, [0.0, 0.0, 1.0]),
        ] {
            assert!(contrast(from_hue(hue, 1.0, 1.0), expected) < 1e-5);
        }
        assert!(contrast(from_hue(0.3, 0.0, 0.5), [0.5; 3]) < 1e-6);
    }
}
