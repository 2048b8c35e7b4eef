//! Which candidates a loss looks at (torchvision's `BalancedPositiveNegativeSampler`, with our own random stream).

use asm_pipe::random::Stream;

use crate::matcher::Match;

/// How many candidates of an image take part, and how many of them may be objects.
#[derive(Clone, Copy, Debug)]
pub struct BalancedSampler {
    /// Candidates in all.
    pub batch_size: usize,
    /// Share of objects among them, at most.
    pub positive_fraction: f64,
}

impl BalancedSampler {
    /// The numbers of the chosen candidates in rising order: objects up to their share, the rest filled with background.
    #[must_use]
    pub fn run(&self, matches: &[Match], stream: &mut Stream) -> Vec<usize> {
        let mut positives = Vec::new();
        let mut negatives = Vec::new();
        for (number, found) in matches.iter().enumerate() {
            match found {
                Match::Object(_) => positives.push(number),
                Match::Background => negatives.push(number),
                Match::Between => {}
            }
        }
        let share = (self.batch_size as f64 * self.positive_fraction) as usize;
        let mut chosen = choose(positives, share, stream);
        let rest = self.batch_size - chosen.len();
        chosen.extend(choose(negatives, rest, stream));
        chosen.sort_unstable();
        chosen
    }
}

/// `count` of the numbers, drawn without replacement in place.
fn choose(mut numbers: Vec<usize>, count: usize, stream: &mut Stream) -> Vec<usize> {
    if count < numbers.len() {
        for place in 0..count {
            let other = place + stream.below(numbers.len() - place);
            numbers.swap(place, other);
        }
        numbers.truncate(count);
    }
    numbers
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn objects_take_at_most_their_share_and_background_fills_up() {
        let mut matches = vec![Match::Object(0); 30];
        matches.extend([Match::Background; 100]);
        matches.extend([Match::Between; 50]);
        let sampler = BalancedSampler {
            batch_size: 40,
            positive_fraction: 0.25,
        };
        let chosen = sampler.run(&matches, &mut Stream::new(0, "test", &[]));
        assert_eq!(chosen.len(), 40);
        assert_eq!(chosen.iter().filter(|&&number| number < 30).count(), 10);
        assert!(chosen.iter().all(|&number| number < 130));
        assert!(chosen.is_sorted_by(|a, b| a < b));
        assert_eq!(chosen, sampler.run(&matches, &mut Stream::new(0, "test", &[])));
        assert_ne!(chosen, sampler.run(&matches, &mut Stream::new(1, "test", &[])));
    }

    #[test]
    fn few_objects_leave_their_places_to_background() {
        let matches = [
            Match::Object(0),
            Match::Background,
            Match::Background,
            Match::Background,
        ];
        let sampler = BalancedSampler {
            batch_size: 4,
            positive_fraction: 0.5,
        };
        assert_eq!(sampler.run(&matches, &mut Stream::new(0, "test", &[])), [0, 1, 2, 3]);
        assert_eq!(sampler.run(&matches[..2], &mut Stream::new(0, "test", &[])), [0, 1]);
    }
}
