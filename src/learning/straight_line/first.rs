//! The library's own way through the rounds, written down as traces.

use std::collections::BTreeSet;

use super::world::{difficulty, found, seen};
use super::{ALPHA, BASE_POINT, BETA, DECAY, EXPANSION, INITIAL, ROUNDS, SURPLUS, Setting, THRESHOLD, Trace, Which};
use crate::detection::{AnnotatedImage, Dataset, Detections, Evidence, ImageDetections};
use crate::learning::*;

pub(super) fn by_the_library(source: &Dataset, setting: Setting) -> Vec<Trace> {
    let preset = preset(setting);
    let sizes = SplitSizes {
        initial: INITIAL,
        validation: 0,
    };
    let mut parts = split(source, sizes, SplitOrder::Listed, 0).unwrap();
    let rules = Rules {
        thresholds: Thresholds::default().with_preset(preset),
        annotator: match setting.which {
            Which::V1 | Which::V1Plus | Which::TopkV1 | Which::TopkV2 | Which::TopkV3 => Annotator::Sa,
            Which::SlOnly => Annotator::Model,
            _ => Annotator::Human,
        },
        ..Rules::default()
    };
    let mut traces = Vec::new();
    for round in 1..=ROUNDS {
        let question = Question {
            pool: &parts.pool,
            dataset: source,
            take: setting.take,
            round,
            seed: setting.seed,
        };
        let choice = candidates(&question, setting.limit).unwrap();
        let evidence = scan(&choice, setting.seed, round);
        let drawn = ask(setting, &question, &evidence, &parts.labelled);
        let held: BTreeSet<&str> = parts.pool.annotated().iter().map(ScoredImage::id).collect();
        let mut again = source.clone();
        again
            .images
            .retain(|image| !setting.published && held.contains(image.image.id.as_str()));
        let again_found = detect(&again, setting.seed, round);
        let rescores = annotate(Some(&again_found), &again, &Ledger::default(), &rules, round).unwrap();
        let batch_found = detect(&drawn.batch, setting.seed, round);
        let done = annotate(Some(&batch_found), &drawn.batch, &parts.ledger, &rules, round).unwrap();
        let whole = setting.all || matches!(setting.which, Which::Full | Which::InitialOnly);
        let turn = Round {
            labelled: &parts.labelled,
            annotated: &done.annotations,
            scores: &done.scores,
            pool: &drawn.pool,
            take: setting.take,
            round,
            seed: setting.seed,
            ties: Ties::of(preset),
            replay: if whole { Replay::All } else { Replay::Drawn },
        };
        let selection = select(setting, turn, &rescores.scores, (&choice, &evidence));
        traces.push(trace(&drawn, &selection, &done.costs));
        (parts.labelled, parts.pool, parts.ledger) = (selection.labelled, selection.pool, done.ledger);
    }
    traces
}

fn preset(setting: Setting) -> Preset {
    if setting.published {
        Preset::AsPublished
    } else {
        Preset::Sound
    }
}

fn detect(images: &Dataset, seed: u64, round: u32) -> Detections {
    let image = |image: &AnnotatedImage| ImageDetections {
        image: image.image.id.clone(),
        detections: found(image, seed, round),
    };
    Detections {
        classes: images.classes.clone(),
        images: images.images.iter().map(image).collect(),
    }
}

fn scan(images: &Dataset, seed: u64, round: u32) -> Evidence {
    Evidence {
        classes: images.classes.clone(),
        images: images.images.iter().map(|image| seen(image, seed, round)).collect(),
    }
}

fn ask(setting: Setting, question: &Question<'_>, evidence: &Evidence, labelled: &Dataset) -> Draw {
    let floor = setting.floor;
    let uncertainty = |measure, aggregate| Uncertainty {
        measure,
        aggregate,
        floor,
    };
    let listed = |take| {
        let share = if setting.published { 1.0 } else { 0.5 };
        draw(question.pool, question.dataset, take, share)
    };
    let drawn = match setting.which {
        Which::Random => query_random(question),
        Which::Uncertain(measure, aggregate) => query_uncertainty(question, evidence, &uncertainty(measure, aggregate)),
        Which::Ceal => query_uncertainty(question, evidence, &uncertainty(Measure::Entropy, Aggregate::Max)),
        Which::CoreSet => query_core_set(question, evidence, &scan(labelled, setting.seed, question.round)),
        Which::Consistency => {
            let by = Consistency {
                base_point: BASE_POINT,
                surplus: SURPLUS,
                floor,
            };
            query_consistency(question, evidence, labelled, &by)
        }
        Which::TwoStage => {
            let by = TwoStage {
                expansion: EXPANSION,
                alpha: ALPHA,
                beta: BETA,
                floor,
            };
            query_two_stage(question, evidence, &difficulty(setting.seed, question.round), &by)
        }
        Which::Full => listed(question.dataset.images.len()),
        Which::InitialOnly => listed(0),
        _ => listed(setting.take),
    };
    drawn.unwrap()
}

fn select(setting: Setting, turn: Round<'_>, rescores: &Scores, candidates: (&Dataset, &Evidence)) -> Selection {
    let preset = preset(setting);
    let judge = Judge {
        score: if setting.deploy { Score::Deploy } else { Score::Oracle },
        deploy: DeployScore::CertainSum,
    };
    let banded = |bands: Bands| Bands { judge, ..bands };
    let selection = match setting.which {
        Which::V1 => select_v1(turn),
        Which::TopkV1 => {
            let ranking = Ranking {
                judge,
                sets: Sets::of(preset),
                rescores: Some(rescores),
            };
            select_topk_v1(turn, &ranking)
        }
        Which::TopkV2 => select_topk_v2(turn, &banded(Bands::topk_v2(preset))),
        Which::TopkV3 | Which::AlOnly => select_topk_v3(turn, &banded(Bands::topk_v3(preset))),
        Which::SlOnly => select_sl_only(turn),
        Which::Ceal => {
            let ceal = Ceal {
                threshold: THRESHOLD,
                decay: DECAY,
                ..Ceal::default()
            };
            select_ceal(turn, candidates, &ceal)
        }
        _ => select_v1_plus(turn),
    };
    selection.unwrap()
}

fn trace(drawn: &Draw, selection: &Selection, costs: &Costs) -> Trace {
    let ids =
        |dataset: &Dataset| -> Vec<String> { dataset.images.iter().map(|image| image.image.id.clone()).collect() };
    let labelled_by_model = selection.train.images.iter().skip(drawn.batch.images.len());
    let own = labelled_by_model
        .take(selection.stats.pseudo_labelled)
        .flat_map(|image| {
            let boxes = image.annotations.iter();
            boxes.map(|own| (image.image.id.clone(), own.label, own.bounds.x_min as i64))
        });
    Trace {
        own: own.collect(),
        batch: ids(&drawn.batch),
        train: ids(&selection.train),
        labelled: ids(&selection.labelled),
        unlabelled: selection.pool.unlabelled().to_vec(),
        requeue: selection.pool.requeue().to_vec(),
        dropped: selection.pool.dropped().clone(),
        opened: costs.images_opened,
        drawn: costs.boxes_drawn,
        corrected: costs.boxes_corrected,
        accepted: costs.model_boxes_accepted,
        rejected: costs.model_boxes_rejected,
        ignored: costs.model_boxes_ignored,
        seconds: costs.annotation_seconds,
    }
}
