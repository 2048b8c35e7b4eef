//! topK v2 and v3, AL only and SL only: what cuts the batch by certainty, and asks again.

use super::{Expected, NONE, Select, play};
use crate::learning::*;

/// Round 1: 2 is certain, 3 uncertain. Round 2 asks 3 again, whose two boxes are paid for, and 4, of the middle band: one box drawn, one accepted.
/// Round 3 asks 3 a last time: it joins, as it has come back twice. 5 is certain.
fn banded(
    labelled: [&'static [&'static str]; 3],
    requeue: [&'static [&'static str]; 3],
    dropped: [&'static [&'static str]; 3],
) -> [Expected; 3] {
    const BATCHES: [&[&str]; 3] = [&["2", "3"], &["3", "4"], &["3", "5"]];
    const WORK: [(u64, u64, u64); 3] = [(2, 2, 2), (1, 1, 1), (1, 0, 2)];
    [0, 1, 2].map(|at| Expected {
        batch: BATCHES[at],
        chosen: &["3"],
        labelled: labelled[at],
        requeue: requeue[at],
        dropped: dropped[at],
        work: WORK[at],
    })
}

fn bands(preset: Preset) -> [Box<Select>; 2] {
    [
        Box::new(move |round, _| select_topk_v2(round, &Bands::topk_v2(preset))),
        Box::new(move |round, _| select_topk_v3(round, &Bands::topk_v3(preset))),
    ]
}

#[test]
fn topk_v2_and_v3_keep_what_is_paid_for_and_ask_twice_again() {
    for select in bands(Preset::Sound) {
        let labelled: [&[&str]; 3] = [&["0", "1", "2"], &["0", "1", "2", "4"], &["0", "1", "2", "4", "5", "3"]];
        let expected = banded(labelled, [&["3"], &["3"], &[]], NONE);
        play("bands", Preset::Sound, Annotator::Sa, &*select, expected);
    }
}

#[test]
fn topk_v2_and_v3_as_published_throw_the_middle_away_and_ask_without_end() {
    for select in bands(Preset::AsPublished) {
        let labelled: [&[&str]; 3] = [&["0", "1", "2"], &["0", "1", "2"], &["0", "1", "2", "5"]];
        let expected = banded(labelled, [&["3"]; 3], [&[], &["4"], &["4"]]);
        play(
            "bands as published",
            Preset::AsPublished,
            Annotator::Sa,
            &*select,
            expected,
        );
    }
}

/// As topK v3, but every box is drawn: two an image that is new.
#[test]
fn al_only_takes_the_same_images_and_draws_every_box() {
    let labelled: [&[&str]; 3] = [&["0", "1", "2"], &["0", "1", "2", "4"], &["0", "1", "2", "4", "5", "3"]];
    let mut expected = banded(labelled, [&["3"], &["3"], &[]], NONE);
    for (round, work) in expected.iter_mut().zip([(2, 4, 0), (1, 2, 0), (1, 2, 0)]) {
        round.work = work;
    }
    let [_, select] = bands(Preset::Sound);
    play("AL only", Preset::Sound, Annotator::Human, &*select, expected);
}

/// 3 is never seen, so it comes back each time; the others join with what is found in them. Nobody is paid.
#[test]
fn sl_only_takes_what_is_seen_and_pays_nobody() {
    let chosen: [&[&str]; 3] = [&["2"], &["4"], &["5"]];
    let labelled: [&[&str]; 3] = [&["0", "1", "2"], &["0", "1", "2", "4"], &["0", "1", "2", "4", "5"]];
    let mut expected = banded(labelled, [&["3"]; 3], NONE);
    for (at, round) in expected.iter_mut().enumerate() {
        round.work = (0, 0, 0);
        round.chosen = chosen[at];
    }
    play(
        "SL only",
        Preset::Sound,
        Annotator::Model,
        &|round, _| select_sl_only(round),
        expected,
    );
}
