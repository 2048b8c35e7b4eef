//! v1, v1+ and topK v1: what never asks again.

use std::collections::BTreeSet;

use super::{Expected, NONE, Select, play};
use crate::learning::*;

/// Batches 23, 45, 67 for all that never ask again. Objects to draw: 0 + 2, then 1 + 0, then 2 + 1; the others are accepted.
fn straight(
    chosen: [&'static [&'static str]; 3],
    labelled: [&'static [&'static str]; 3],
    dropped: [&'static [&'static str]; 3],
) -> [Expected; 3] {
    const BATCHES: [&[&str]; 3] = [&["2", "3"], &["4", "5"], &["6", "7"]];
    const WORK: [(u64, u64, u64); 3] = [(2, 2, 2), (2, 1, 3), (2, 3, 1)];
    [0, 1, 2].map(|at| Expected {
        batch: BATCHES[at],
        chosen: chosen[at],
        labelled: labelled[at],
        requeue: &[],
        dropped: dropped[at],
        work: WORK[at],
    })
}

const BATCHES: [&[&str]; 3] = [&["2", "3"], &["4", "5"], &["6", "7"]];

#[test]
fn v1_forgets_each_batch() {
    for preset in [Preset::Sound, Preset::AsPublished] {
        let dropped: [&[&str]; 3] = [&["2", "3"], &["2", "3", "4", "5"], &["2", "3", "4", "5", "6", "7"]];
        let expected = straight(BATCHES, [&["0", "1"]; 3], dropped);
        play("v1", preset, Annotator::Sa, &|round, _| select_v1(round), expected);
    }
}

#[test]
fn v1_plus_keeps_each_batch() {
    for preset in [Preset::Sound, Preset::AsPublished] {
        let labelled: [&[&str]; 3] = [
            &["0", "1", "2", "3"],
            &["0", "1", "2", "3", "4", "5"],
            &["0", "1", "2", "3", "4", "5", "6", "7"],
        ];
        let expected = straight(BATCHES, labelled, NONE);
        play(
            "v1+",
            preset,
            Annotator::Sa,
            &|round, _| select_v1_plus(round),
            expected,
        );
    }
}

/// Round 1: 2 has 0, 3 has 1: a half each. Round 2, scored anew: 2 and 5 have 0, 4 has 0.5, 3 has 1; 2 is in already. Round 3: 4 and 5
/// have 0, 2 and 7 have 0.5, 3 and 6 have 1.
#[test]
fn topk_v1_ranks_anew_each_round() {
    let chosen: [&[&str]; 3] = [&["3"], &["4", "3"], &[]];
    let labelled: [&[&str]; 3] = [&["0", "1", "2"], &["0", "1", "2", "5"], &["0", "1", "2", "5", "4"]];
    let expected = straight(chosen, labelled, NONE);
    let select: &Select = &|round, rescores| {
        let ranking = Ranking {
            rescores,
            ..Ranking::default()
        };
        let selection = select_topk_v1(round, &ranking)?;
        if round.round == 3 {
            // 3 and 6 have one score: their order is by a hash, so they are looked at as a set.
            let two: BTreeSet<&str> = selection.train.images[..2]
                .iter()
                .map(|image| image.image.id.as_str())
                .collect();
            assert_eq!(two, ["3", "6"].into());
            let mut rest = selection;
            rest.stats.train_from_labelled += 2;
            return Ok(rest);
        }
        Ok(selection)
    };
    play("topK v1", Preset::Sound, Annotator::Sa, select, expected);
}

/// Round 1: both images are in both sets. Round 2, by the first scores: 2 and 5 have 0, 4 has 0.5, 3 has 1. Round 3: 2 and 5 have 0, 4 and 7
/// have 0.5, 3 and 6 have 1.
#[test]
fn topk_v1_as_published_ranks_by_stale_scores_into_overlapping_sets() {
    let chosen: [&[&str]; 3] = [&["2", "3"], &["4", "3"], &["3", "6"]];
    let labelled: [&[&str]; 3] = [
        &["0", "1", "2", "3"],
        &["0", "1", "2", "3", "5"],
        &["0", "1", "2", "3", "5"],
    ];
    let expected = straight(chosen, labelled, NONE);
    let select: &Select = &|round, _| {
        let ranking = Ranking {
            sets: Sets::Overlapping,
            ..Ranking::default()
        };
        select_topk_v1(round, &ranking)
    };
    play("topK v1", Preset::AsPublished, Annotator::Sa, select, expected);
}
