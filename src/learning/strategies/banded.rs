//! What topK v2 and v3 have in common: two thresholds cut the batch into certain, middle and uncertain images.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::turn::Turn;
use super::{Judge, Round, Selection, Ties};
use crate::detection::AnnotatedImage;
use crate::learning::{LearningError, Preset};

/// What becomes of images that are neither certain nor uncertain.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum MiddleBand {
    /// They join the labelled pool: they are paid for.
    #[default]
    Label,
    /// They are thrown away, as in the first implementation.
    Drop,
}

/// The two thresholds and what becomes of uncertain images.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Bands {
    /// Up to here (v2: AL ratio) or from here on (v3: SL score) an image is certain.
    pub certain: f64,
    /// From here on (v2) or up to here (v3) an image is uncertain.
    pub uncertain: f64,
    /// How often an image may be asked again before it joins the labelled pool with what the human said; none: without end.
    pub max_attempts: Option<u32>,
    /// What becomes of the images between.
    pub middle_band: MiddleBand,
    /// The score to judge by.
    pub judge: Judge,
}

impl Bands {
    /// Two thresholds with the choices of a preset.
    pub(super) fn between(certain: f64, uncertain: f64, preset: Preset) -> Self {
        let (max_attempts, middle_band) = match preset {
            Preset::Sound => (Some(2), MiddleBand::Label),
            Preset::AsPublished => (None, MiddleBand::Drop),
        };
        Self {
            certain,
            uncertain,
            max_attempts,
            middle_band,
            judge: Judge::default(),
        }
    }
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
pub(super) fn select(round: Round<'_>, bands: &Bands, judged: &[Judged]) -> Result<Selection, LearningError> {
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
        match bands.middle_band {
            MiddleBand::Label => {
                turn.label(&images[at]);
            }
            MiddleBand::Drop => turn.drop_image(&images[at]),
        }
    }
    let mut uncertain: Vec<usize> = of(Band::Uncertain).collect();
    if round.ties == Ties::Seeded {
        // The least certain first: with a capped share they are the ones that are asked again soonest.
        uncertain.sort_by(|&a, &b| {
            let ids = [a, b].map(|at| images[at].image.id.as_str());
            // As `f32`, as everywhere: what has been through JSON may differ in the last bit.
            let certainty = |at: usize| judged[at].certainty as f32;
            certainty(a)
                .total_cmp(&certainty(b))
                .then_with(|| turn.tie(ids[0], ids[1]))
        });
    }
    let chosen: Vec<AnnotatedImage> = uncertain.iter().map(|&at| images[at].clone()).collect();
    let (mut again, mut given_up) = (Vec::new(), Vec::new());
    for image in &chosen {
        let attempts = turn.pool.attempts(&image.image.id);
        let tired = bands.max_attempts.is_some_and(|most| attempts >= most);
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
