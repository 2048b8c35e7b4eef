//! Core-set. The images are points on a line, labelled ones among them:
//!
//! | image | 0 | 1 | 2 | 3 | 4 | 5 | 6 | 7 | 8 | 9 |
//! |---|---|---|---|---|---|---|---|---|---|---|
//! | place | 0 | 10 | 4 | 30 | 31 | 17 | 11 | 2 | 22 | -6 |
//!
//! For the model of round 3, image 7 lies at 40.

use super::{Game, asked, ids, question};
use crate::detection::{Dataset, Evidence, ImageEvidence};
use crate::learning::query_core_set;

const PLACES: [i32; 10] = [0, 10, 4, 30, 31, 17, 11, 2, 22, -6];

fn seen(source: &Dataset, images: &[String], round: u32) -> Evidence {
    let image = |id: &String| {
        let place = match (id.as_str(), round) {
            ("7", 3) => 40,
            _ => PLACES[id.parse::<usize>().unwrap()],
        };
        ImageEvidence {
            image: id.clone(),
            features: vec![f64::from(place), 0.0],
            ..ImageEvidence::default()
        }
    };
    Evidence {
        classes: source.classes.clone(),
        images: images.iter().map(image).collect(),
    }
}

/// Round 1, how far from 0 and 10: 2 is 4 away, 3 20, 4 21, 5 7, 6 1, 7 2, 8 12, 9 6. Once 4 is chosen, 3 is 1 and 8 is 9 away: 8 leads.
/// Round 2, how far from 0, 10, 31 and 22: 2 4, 3 1, 5 5, 6 1, 7 2, 9 6. 9, then 5.
/// Round 3, how far from 0, 10, 31, 22, -6 and 17: 2 4, 3 1, 6 1, 7 9. 7, then 2.
#[test]
fn core_set_chooses_what_lies_farthest_from_all_that_is_labelled() {
    let mut game = Game::new();
    for (round, batch) in (1..).zip([["4", "8"], ["9", "5"], ["7", "2"]]) {
        let evidence = seen(&game.source, game.pool.unlabelled(), round);
        let labelled = seen(&game.source, &ids(&game.labelled), round);
        let drawn = query_core_set(&question(&game, round), &evidence, &labelled).unwrap();
        asked(&mut game, &drawn, round, batch);
    }
    assert_eq!(ids(&game.labelled), ["0", "1", "4", "8", "9", "5", "7", "2"]);
    assert_eq!(game.pool.unlabelled(), ["3", "6"]);
}
