//! What topK v2 and v3 have in common: two thresholds cut the batch into certain, middle and uncertain images.

use super::turn::Turn;
use super::{Judge, Mode, Round, Selection};
use crate::detection::AnnotatedImage;
use crate::learning::LearningError;

/// The two thresholds and what becomes of uncertain images.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Bands {
    /// Up to here (v2: AL ratio) or from here on (v3: SL score) an image is certain.
    pub certain: f64,
    /// From here on (v2) or up to here (v3) an image is uncertain.
    pub uncertain: f64,
    /// How often an image may be asked again before it joins the labelled pool with what the human said. Without effect in mode `seed`.
    pub max_attempts: u32,
    /// The score to judge by.
    pub judge: Judge,
}

/// Where an image falls.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Band {
    Certain,
    Middle,
    Uncertain,
}

/// One image: its certainty (higher is more certain) to order by, and its band.
pub(super) struct Judged {
    pub(super) certainty: f64,
    pub(super) band: Band,
}

/// Certain images join the labelled pool, uncertain ones are trained on and asked again, beside K images of the grown labelled pool.
/// The middle band joins as well, for it is paid for; in mode `seed` it is thrown away.
pub(super) fn select(round: Round<'_>, max_attempts: u32, judged: &[Judged]) -> Result<Selection, LearningError> {
    let mut turn = Turn::begin(round)?;
    turn.judged_by(&judged.iter().map(|image| image.certainty).collect::<Vec<_>>());
    let images = &round.annotated.images;
    let of = |band: Band| (0..images.len()).filter(move |&at| judged[at].band == band);
    turn.stats.certain = of(Band::Certain).count();
    turn.stats.middle = of(Band::Middle).count();
    turn.stats.uncertain = of(Band::Uncertain).count();

    for at in of(Band::Certain) {
        turn.label(&images[at]);
    }
    for at in of(Band::Middle) {
        match round.mode {
            Mode::Strict => {
                turn.label(&images[at]);
            }
            Mode::Seed => turn.drop_image(&images[at]),
        }
    }
    let mut uncertain: Vec<usize> = of(Band::Uncertain).collect();
    if round.mode == Mode::Strict {
        // The least certain first: with a capped share they are the ones that are asked again soonest.
        uncertain.sort_by(|&a, &b| {
            let ids = [a, b].map(|at| images[at].image.id.as_str());
            judged[a]
                .certainty
                .total_cmp(&judged[b].certainty)
                .then_with(|| turn.tie(ids[0], ids[1]))
        });
    }
    let chosen: Vec<AnnotatedImage> = uncertain.iter().map(|&at| images[at].clone()).collect();
    let (mut again, mut given_up) = (Vec::new(), Vec::new());
    for image in &chosen {
        let tired = round.mode == Mode::Strict && turn.pool.attempts(&image.image.id) >= max_attempts;
        if tired { &mut given_up } else { &mut again }.push(image);
    }
    for image in again {
        turn.pool.put_back(&image.image.id);
    }
    let drawn = turn.draw_labelled(&chosen);
    turn.stats.given_up = given_up.len();
    for image in given_up {
        turn.label(image);
    }
    Ok(turn.finish(chosen, drawn))
}

/// Names a pair of thresholds that would put an image into two bands.
pub(super) fn check(bands: &Bands, lower: f64, upper: f64, range: &'static str) -> Result<(), LearningError> {
    if (0.0..=1.0).contains(&lower) && (0.0..=1.0).contains(&upper) && lower < upper {
        return Ok(());
    }
    Err(LearningError::OutOfRange {
        name: "certain, uncertain",
        value: format!("{}, {}", bands.certain, bands.uncertain),
        range,
    })
}
