//! Every strategy written a second time, straight down, and held against the first on random worlds: which images are drawn, trained on,
//! kept, asked again and thrown away, in which order, and what it costs.
//!
//! Shares with the first nothing but plain data and the random streams: no pool, no ledger, no merge, no turn. Lists of names and numbers.

use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;

use super::*;
use crate::detection::{
    AnnotatedImage, Annotation, BoundingBox, Dataset, Detection, Detections, Image, ImageDetections, Marks, Source,
};
use crate::random::Stream;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Which {
    V1,
    V1Plus,
    TopkV1,
    TopkV2,
    TopkV3,
    AlOnly,
    SlOnly,
    Random,
}

const ALL: [Which; 8] = [
    Which::V1,
    Which::V1Plus,
    Which::TopkV1,
    Which::TopkV2,
    Which::TopkV3,
    Which::AlOnly,
    Which::SlOnly,
    Which::Random,
];

/// What is varied beside the strategy.
#[derive(Clone, Copy, Debug)]
struct Setting {
    which: Which,
    published: bool,
    deploy: bool,
    all: bool,
    take: usize,
    seed: u64,
}

/// What one round did.
#[derive(Clone, Debug, Default, PartialEq)]
struct Trace {
    batch: Vec<String>,
    train: Vec<String>,
    labelled: Vec<String>,
    unlabelled: Vec<String>,
    requeue: Vec<String>,
    dropped: BTreeSet<String>,
    opened: u64,
    drawn: u64,
    corrected: u64,
    accepted: u64,
    rejected: u64,
    ignored: u64,
    seconds: f64,
}

const INITIAL: usize = 4;
const ROUNDS: u32 = 6;

/// Images of up to four objects on a grid, some of them difficult.
fn world(seed: u64) -> Dataset {
    let mut stream = Stream::new(seed, "test/world", &[]);
    let count = 10 + stream.below(20);
    let images = (0..count).map(|at| {
        let objects = (0..stream.below(5)).map(|place| Annotation {
            bounds: square(place as f64 * 30.0),
            label: stream.below(3) as u32,
            difficult: stream.chance(0.15),
            truncated: false,
            source: Source::Human,
            score: None,
            round: None,
            marks: Marks::default(),
        });
        AnnotatedImage {
            annotations: objects.collect(),
            image: Image {
                id: format!("i{at}"),
                file: String::new(),
                width: 150,
                height: 20,
                digest: String::new(),
            },
        }
    });
    Dataset {
        images: images.collect(),
        classes: ["a", "b", "c"].map(str::to_owned).to_vec(),
    }
}

fn square(left: f64) -> BoundingBox {
    BoundingBox::new([left, 0.0, left + 20.0, 20.0])
}

/// What the model of a round finds in an image: objects exactly, nearly or badly placed, of the right or a wrong class, and boxes beside them.
/// Coarse scores, so that many are equal.
fn found(image: &AnnotatedImage, seed: u64, round: u32) -> Vec<Detection> {
    let mut stream = Stream::new(seed, &format!("test/found/{}", image.image.id), &[u64::from(round)]);
    let mut boxes = Vec::new();
    let score = |stream: &mut Stream| f64::from((2 + stream.below(9)) as f32 / 10.0);
    for object in &image.annotations {
        for _ in 0..stream.below(3) {
            let shift = [0.0, 1.0, 4.0, 9.0][stream.below(4)];
            let label = if stream.chance(0.8) {
                object.label
            } else {
                stream.below(3) as u32
            };
            boxes.push(Detection {
                bounds: square(object.bounds.x_min + shift),
                label,
                score: score(&mut stream),
            });
        }
    }
    if stream.chance(0.3) {
        boxes.push(Detection {
            bounds: square(125.0),
            label: stream.below(3) as u32,
            score: score(&mut stream),
        });
    }
    boxes.sort_by(|a, b| b.score.total_cmp(&a.score));
    boxes
}

// ---- the first implementation ----

fn by_the_library(source: &Dataset, setting: Setting) -> Vec<Trace> {
    let preset = if setting.published {
        Preset::AsPublished
    } else {
        Preset::Sound
    };
    let sizes = SplitSizes {
        initial: INITIAL,
        validation: 0,
    };
    let mut parts = split(source, sizes, SplitOrder::Listed, 0).unwrap();
    let rules = Rules {
        thresholds: Thresholds::default().with_preset(preset),
        annotator: match setting.which {
            Which::AlOnly | Which::Random => Annotator::Human,
            Which::SlOnly => Annotator::Model,
            _ => Annotator::Sa,
        },
        ..Rules::default()
    };
    let detect = |images: &Dataset, round| Detections {
        classes: images.classes.clone(),
        images: images
            .images
            .iter()
            .map(|image| ImageDetections {
                image: image.image.id.clone(),
                detections: found(image, setting.seed, round),
            })
            .collect(),
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
        let drawn = match setting.which {
            Which::Random => query_random(&question).unwrap(),
            _ => draw(
                &parts.pool,
                source,
                setting.take,
                if setting.published { 1.0 } else { 0.5 },
            )
            .unwrap(),
        };
        let held: BTreeSet<&str> = parts.pool.annotated().iter().map(ScoredImage::id).collect();
        let mut again = source.clone();
        again
            .images
            .retain(|image| !setting.published && held.contains(image.image.id.as_str()));
        let rescores = annotate(Some(&detect(&again, round)), &again, &Ledger::default(), &rules, round).unwrap();
        let done = annotate(
            Some(&detect(&drawn.batch, round)),
            &drawn.batch,
            &parts.ledger,
            &rules,
            round,
        )
        .unwrap();
        let turn = Round {
            labelled: &parts.labelled,
            annotated: &done.annotations,
            scores: &done.scores,
            pool: &drawn.pool,
            take: setting.take,
            round,
            seed: setting.seed,
            ties: Ties::of(preset),
            replay: if setting.all { Replay::All } else { Replay::Drawn },
        };
        let judge = Judge {
            score: if setting.deploy { Score::Deploy } else { Score::Oracle },
            deploy: DeployScore::CertainSum,
        };
        let banded = |bands: Bands| Bands { judge, ..bands };
        let selection = match setting.which {
            Which::V1 => select_v1(turn),
            Which::V1Plus | Which::Random => select_v1_plus(turn),
            Which::TopkV1 => {
                let ranking = Ranking {
                    judge,
                    sets: Sets::of(preset),
                    rescores: Some(&rescores.scores),
                };
                select_topk_v1(turn, &ranking)
            }
            Which::TopkV2 => select_topk_v2(turn, &banded(Bands::topk_v2(preset))),
            Which::TopkV3 | Which::AlOnly => select_topk_v3(turn, &banded(Bands::topk_v3(preset))),
            Which::SlOnly => select_sl_only(turn),
        };
        let selection = selection.unwrap();
        let ids = |dataset: &Dataset| dataset.images.iter().map(|image| image.image.id.clone()).collect();
        traces.push(Trace {
            batch: ids(&drawn.batch),
            train: ids(&selection.train),
            labelled: ids(&selection.labelled),
            unlabelled: selection.pool.unlabelled().to_vec(),
            requeue: selection.pool.requeue().to_vec(),
            dropped: selection.pool.dropped().clone(),
            opened: done.costs.images_opened,
            drawn: done.costs.boxes_drawn,
            corrected: done.costs.boxes_corrected,
            accepted: done.costs.model_boxes_accepted,
            rejected: done.costs.model_boxes_rejected,
            ignored: done.costs.model_boxes_ignored,
            seconds: done.costs.annotation_seconds,
        });
        (parts.labelled, parts.pool, parts.ledger) = (selection.labelled, selection.pool, done.ledger);
    }
    traces
}

// ---- the second ----

fn overlap(a: &BoundingBox, b: &BoundingBox) -> f64 {
    let across = (a.x_max.min(b.x_max) - a.x_min.max(b.x_min)).max(0.0);
    let down = (a.y_max.min(b.y_max) - a.y_min.max(b.y_min)).max(0.0);
    let area = |b: &BoundingBox| (b.x_max - b.x_min) * (b.y_max - b.y_min);
    across * down / (area(a) + area(b) - across * down)
}

/// What annotation of an image comes to: places of objects and of boxes.
#[derive(Default)]
struct Judged {
    accepted: Vec<(usize, usize)>,
    corrected: Vec<usize>,
    rejected: Vec<usize>,
    ignored: Vec<usize>,
    counted: Vec<usize>,
    kept: usize,
    al_ratio: f64,
    sl_score: f64,
    deploy: f64,
}

fn judge(image: &AnnotatedImage, boxes: &[Detection], published: bool) -> Judged {
    let mut order: Vec<usize> = (0..boxes.len()).collect();
    order.sort_by(|&a, &b| {
        let key = |at: usize| (boxes[at].label, boxes[at].bounds.x_min as i64);
        let scores = boxes[b].score.partial_cmp(&boxes[a].score).unwrap();
        if published {
            scores
        } else {
            scores.then(key(a).cmp(&key(b)))
        }
    });
    let certain: Vec<usize> = order
        .iter()
        .copied()
        .filter(|&at| boxes[at].score as f32 >= 0.8)
        .collect();
    let mut uncertain: Vec<usize> = order
        .iter()
        .copied()
        .filter(|&at| boxes[at].score as f32 >= 0.3 && (boxes[at].score as f32) < 0.8)
        .collect();
    let near = |a: usize, b: usize| overlap(&boxes[a].bounds, &boxes[b].bounds) >= 0.5;

    // Clusters, for the score that needs no ground truth.
    let mut clusters: Vec<Vec<usize>> = Vec::new();
    for &at in certain.iter().chain(&uncertain) {
        match clusters.iter_mut().find(|cluster| near(cluster[0], at)) {
            Some(cluster) => cluster.push(at),
            None => clusters.push(vec![at]),
        }
    }

    let mut kept = Vec::new();
    if published {
        for &c in &certain {
            let hits: Vec<usize> = uncertain.iter().copied().filter(|&u| near(c, u)).collect();
            uncertain.retain(|u| !hits.contains(u));
            if hits.is_empty() || hits.iter().any(|&u| boxes[u].label == boxes[c].label) {
                kept.push(c);
            }
        }
    } else {
        for &c in &certain {
            let mut all = certain.iter().chain(&uncertain);
            if !all.any(|&other| boxes[other].label != boxes[c].label && near(c, other)) {
                kept.push(c);
            }
        }
    }

    let truth = &image.annotations;
    let mut result = Judged {
        counted: (0..truth.len()).filter(|&at| !truth[at].difficult).collect(),
        kept: kept.len(),
        ..Judged::default()
    };
    let sums = clusters.iter().map(|cluster| {
        let best = cluster.iter().find(|at| kept.contains(at));
        best.map_or(0.0, |&at| boxes[at].score)
    });
    result.deploy = if clusters.is_empty() {
        0.0
    } else {
        sums.sum::<f64>() / clusters.len() as f64
    };

    let mut taken: Vec<usize> = Vec::new();
    let mut wrong: Vec<usize> = Vec::new();
    for &at in &kept {
        let mut best: Option<(f64, usize)> = None;
        for &object in &result.counted {
            if !published && (truth[object].label != boxes[at].label || taken.contains(&object)) {
                continue;
            }
            let iou = overlap(&boxes[at].bounds, &truth[object].bounds);
            if best.is_none_or(|(highest, _)| iou > highest) {
                best = Some((iou, object));
            }
        }
        match best {
            Some((iou, object)) if iou >= 0.8 && truth[object].label == boxes[at].label => {
                taken.push(object);
                result.accepted.push((at, object));
            }
            _ => wrong.push(at),
        }
    }
    for at in wrong {
        let fits = |object: usize| {
            truth[object].label == boxes[at].label && overlap(&boxes[at].bounds, &truth[object].bounds) >= 0.5
        };
        if published {
            result.rejected.push(at);
        } else if (0..truth.len()).any(|object| truth[object].difficult && fits(object)) {
            result.ignored.push(at);
        } else {
            let free = result
                .counted
                .iter()
                .copied()
                .filter(|&object| fits(object) && !taken.contains(&object));
            let mut free: Vec<usize> = free.collect();
            free.sort_by(|&a, &b| {
                let iou = |object: usize| overlap(&boxes[at].bounds, &truth[object].bounds);
                iou(b).partial_cmp(&iou(a)).unwrap()
            });
            match free.first() {
                Some(&object) => {
                    taken.push(object);
                    result.corrected.push(object);
                }
                None => result.rejected.push(at),
            }
        }
    }
    let count = result.counted.len() as f64;
    if result.counted.is_empty() {
        let silent = certain.is_empty();
        (result.al_ratio, result.sl_score) = if silent { (0.0, 1.0) } else { (1.0, 0.0) };
    } else {
        result.al_ratio = (count - result.accepted.len() as f64) / count;
        result.sl_score = result.accepted.iter().map(|&(at, _)| boxes[at].score).sum::<f64>() / count;
    }
    result
}

fn straight_down(source: &Dataset, setting: Setting) -> Vec<Trace> {
    let by_id: BTreeMap<&str, &AnnotatedImage> = source
        .images
        .iter()
        .map(|image| (image.image.id.as_str(), image))
        .collect();
    let names: Vec<String> = source.images.iter().map(|image| image.image.id.clone()).collect();
    let mut labelled: Vec<String> = names[..INITIAL].to_vec();
    let mut unlabelled: Vec<String> = names[INITIAL..].to_vec();
    let mut requeue: Vec<String> = Vec::new();
    let mut dropped: BTreeSet<String> = BTreeSet::new();
    let mut asked: BTreeMap<String, u32> = BTreeMap::new();
    // topK v1's list of all annotated images with their ratios.
    let mut seen: Vec<(String, f64)> = Vec::new();
    // Paid for: images, drawn objects, accepted objects, refused boxes.
    let mut opened: BTreeSet<String> = labelled.iter().cloned().collect();
    let mut by_hand: BTreeSet<(String, usize)> = BTreeSet::new();
    let mut verified: BTreeSet<(String, usize)> = BTreeSet::new();
    let mut refused: BTreeSet<(String, u32, i64)> = BTreeSet::new();
    let (take, seed) = (setting.take, setting.seed);
    let hash = |id: &str| Stream::new(seed, &format!("select/tie/{id}"), &[]).bits();

    let mut traces = Vec::new();
    for round in 1..=ROUNDS {
        let mut trace = Trace::default();
        // Draw.
        let mut batch: Vec<String> = Vec::new();
        if setting.which == Which::Random {
            batch = Stream::new(seed, "query/random", &[u64::from(round)]).sample(&unlabelled, take);
            unlabelled.retain(|id| !batch.contains(id));
        } else {
            let share = if setting.published { take } else { take / 2 };
            while batch.len() < take
                && !requeue.is_empty()
                && (batch.len() < share || unlabelled.len() < take - batch.len())
            {
                batch.push(requeue.remove(0));
            }
            while batch.len() < take && !unlabelled.is_empty() {
                batch.push(unlabelled.remove(0));
            }
        }
        trace.batch = batch.clone();

        // Annotate and pay.
        let judged: Vec<Judged> = batch
            .iter()
            .map(|id| {
                judge(
                    by_id[id.as_str()],
                    &found(by_id[id.as_str()], seed, round),
                    setting.published,
                )
            })
            .collect();
        for (id, judged) in batch.iter().zip(&judged) {
            if setting.which == Which::SlOnly {
                continue;
            }
            trace.opened += u64::from(opened.insert(id.clone()));
            let blind = matches!(setting.which, Which::AlOnly | Which::Random);
            let boxes = found(by_id[id.as_str()], seed, round);
            if !blind {
                for &(_, object) in &judged.accepted {
                    let place = (id.clone(), object);
                    if !by_hand.contains(&place) && verified.insert(place) {
                        trace.accepted += 1;
                    }
                }
                for (places, count) in [
                    (&judged.rejected, &mut trace.rejected),
                    (&judged.ignored, &mut trace.ignored),
                ] {
                    for &at in places {
                        *count +=
                            u64::from(refused.insert((id.clone(), boxes[at].label, boxes[at].bounds.x_min as i64)));
                    }
                }
            }
            for &object in &judged.counted {
                let place = (id.clone(), object);
                if !blind && judged.accepted.iter().any(|&(_, accepted)| accepted == object) {
                    continue;
                }
                if !blind && judged.corrected.contains(&object) {
                    trace.corrected += u64::from(by_hand.insert(place));
                } else {
                    trace.drawn += u64::from(by_hand.insert(place));
                }
            }
        }
        let looked_at = trace.accepted + trace.corrected + trace.rejected + trace.ignored;
        trace.seconds = trace.opened as f64
            + 35.0 * trace.drawn as f64
            + 1.7 * looked_at as f64
            + 7.0 * trace.corrected as f64
            + 1.8 * (trace.rejected + trace.ignored) as f64;

        // Choose.
        let ratio = |judged: &Judged| {
            if setting.deploy {
                1.0 - judged.deploy
            } else {
                judged.al_ratio
            }
        };
        let score = |judged: &Judged| if setting.deploy { judged.deploy } else { judged.sl_score };
        let replay = |labelled: &[String], chosen: &[String]| -> Vec<String> {
            let free: Vec<String> = labelled.iter().filter(|id| !chosen.contains(id)).cloned().collect();
            if setting.all {
                return free;
            }
            Stream::new(seed, "select/labelled", &[u64::from(round)]).sample(&free, take)
        };
        let mut train: Vec<String>;
        match setting.which {
            Which::V1 => {
                train = batch.clone();
                train.extend(replay(&labelled, &batch));
                dropped.extend(batch);
            }
            Which::V1Plus | Which::Random => {
                train = batch.clone();
                train.extend(replay(&labelled, &batch));
                labelled.extend(batch);
            }
            Which::SlOnly => {
                let sure = |at: &usize| judged[*at].kept > 0;
                train = (0..batch.len()).filter(sure).map(|at| batch[at].clone()).collect();
                requeue.extend((0..batch.len()).filter(|at| !sure(at)).map(|at| batch[at].clone()));
                let own = train.clone();
                train.extend(replay(&labelled, &own));
                labelled.extend(own);
            }
            Which::TopkV1 => {
                if !setting.published {
                    for (id, value) in &mut seen {
                        let image = by_id[id.as_str()];
                        *value = ratio(&judge(image, &found(image, seed, round), false));
                    }
                }
                seen.extend(batch.iter().cloned().zip(judged.iter().map(ratio)));
                let mut order = seen.clone();
                order.sort_by(|a, b| {
                    let by_value = (a.1 as f32).partial_cmp(&(b.1 as f32)).unwrap();
                    if setting.published {
                        by_value
                    } else {
                        by_value.then(hash(&a.0).cmp(&hash(&b.0)))
                    }
                });
                let (low, high) = if setting.published {
                    (take.min(order.len()), take.min(order.len()))
                } else {
                    (take.min(order.len() / 2), take.min(order.len().div_ceil(2)))
                };
                train = order[order.len() - high..].iter().map(|(id, _)| id.clone()).collect();
                let own = train.clone();
                train.extend(replay(&labelled, &own));
                for (id, _) in &order[..low] {
                    if !labelled.contains(id) {
                        labelled.push(id.clone());
                    }
                }
            }
            Which::TopkV2 | Which::TopkV3 | Which::AlOnly => {
                let (mut middle, mut unsure): (Vec<usize>, Vec<usize>) = (Vec::new(), Vec::new());
                for at in 0..batch.len() {
                    let (certain, uncertain) = if setting.which == Which::TopkV2 {
                        (ratio(&judged[at]) <= 0.3, ratio(&judged[at]) >= 0.6)
                    } else {
                        (score(&judged[at]) >= 0.5, score(&judged[at]) <= 0.3)
                    };
                    if certain {
                        labelled.push(batch[at].clone());
                    } else if uncertain {
                        unsure.push(at);
                    } else {
                        middle.push(at);
                    }
                }
                for at in middle {
                    if setting.published {
                        dropped.insert(batch[at].clone());
                    } else {
                        labelled.push(batch[at].clone());
                    }
                }
                if !setting.published {
                    unsure.sort_by(|&a, &b| {
                        let certainty = |at: usize| match setting.which {
                            Which::TopkV2 => -ratio(&judged[at]),
                            _ => score(&judged[at]),
                        };
                        let by_value = (certainty(a) as f32).partial_cmp(&(certainty(b) as f32)).unwrap();
                        by_value.then(hash(&batch[a]).cmp(&hash(&batch[b])))
                    });
                }
                train = unsure.iter().map(|&at| batch[at].clone()).collect();
                let own = train.clone();
                train.extend(replay(&labelled, &own));
                for id in own {
                    let times = asked.entry(id.clone()).or_default();
                    if setting.published || *times < 2 {
                        *times += 1;
                        requeue.push(id);
                    } else {
                        labelled.push(id);
                    }
                }
            }
        }
        trace.train = train;
        trace.labelled = labelled.clone();
        trace.unlabelled = unlabelled.clone();
        trace.requeue = requeue.clone();
        trace.dropped = dropped.clone();
        traces.push(trace);
    }
    traces
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(100))]

    #[test]
    fn every_strategy_does_what_it_does_when_written_straight_down(
        seed in 0..1_000_000_u64, take in 1..7_usize, published in any::<bool>(), deploy in any::<bool>(), all in any::<bool>(),
    ) {
        let source = world(seed);
        for which in ALL {
            let setting = Setting { which, published, deploy, all, take, seed };
            let (first, second) = (by_the_library(&source, setting), straight_down(&source, setting));
            for (round, (mut first, mut second)) in first.into_iter().zip(second).enumerate() {
                prop_assert!((first.seconds - second.seconds).abs() < 1e-6, "{which:?} round {}", round + 1);
                (first.seconds, second.seconds) = (0.0, 0.0);
                prop_assert_eq!(first, second, "{:?} round {}", which, round + 1);
            }
        }
    }
}
