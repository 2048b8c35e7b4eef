use super::*;
use crate::detection::{BoundingBox, Detection, SeenBox, View};
use crate::learning::strategies::testing::dataset;

/// A box at `x` that the model takes for a class.
pub(super) fn seen(x: f64, label: u32, probabilities: &[f64]) -> SeenBox {
    SeenBox {
        detection: Detection {
            bounds: BoundingBox::new([x, 0.0, x + 10.0, 10.0]),
            label,
            score: probabilities[label as usize + 1],
        },
        probabilities: probabilities.to_vec(),
        features: Vec::new(),
    }
}

pub(super) fn image(id: &str, boxes: Vec<SeenBox>) -> ImageEvidence {
    ImageEvidence {
        image: id.to_owned(),
        boxes,
        ..ImageEvidence::default()
    }
}

pub(super) fn view(name: &str, boxes: Vec<SeenBox>) -> View {
    View {
        name: name.to_owned(),
        boxes,
    }
}

struct World {
    dataset: Dataset,
    pool: Pool,
    evidence: Evidence,
}

impl World {
    /// Images 0 and 1 are labelled; of the others the model sees what is given.
    fn new(images: Vec<ImageEvidence>) -> Self {
        let dataset = dataset(2 + images.len(), 1);
        let pool = Pool::new(images.iter().map(|image| image.image.clone()).collect()).unwrap();
        let classes = dataset.classes.clone();
        let evidence = Evidence { classes, images };
        Self {
            dataset,
            pool,
            evidence,
        }
    }

    fn question(&self, take: usize) -> Question<'_> {
        Question {
            pool: &self.pool,
            dataset: &self.dataset,
            take,
            round: 1,
            seed: 7,
        }
    }

    fn labelled(&self) -> Dataset {
        Dataset {
            images: self.dataset.images[..2].to_vec(),
            ..self.dataset.clone()
        }
    }
}

fn drawn(draw: &Draw) -> Vec<&str> {
    draw.batch.images.iter().map(|image| image.image.id.as_str()).collect()
}

/// On paper, as (highest, second) probability by box:
/// image 2: (.9, .1); image 3: (.5, .5) and (.9, .1); image 4: (.6, .3); image 5: nothing seen.
///
/// | | least confidence | margin | entropy |
/// |---|---|---|---|
/// | 2 | .1 | .2 | .325 |
/// | 3 | .5 + .1 | 1 + .2 | .693 + .325 |
/// | 4 | .4 | .7 | .898 |
fn uncertain() -> World {
    World::new(vec![
        image("2", vec![seen(0.0, 0, &[0.1, 0.9, 0.0])]),
        image(
            "3",
            vec![seen(0.0, 0, &[0.5, 0.5, 0.0]), seen(20.0, 0, &[0.1, 0.9, 0.0])],
        ),
        image("4", vec![seen(0.0, 1, &[0.3, 0.1, 0.6])]),
        image("5", vec![]),
    ])
}

#[test]
fn uncertainty_ranks_as_computed_by_hand() {
    let world = uncertain();
    for (measure, aggregate, expected) in [
        (Measure::LeastConfidence, Aggregate::Sum, ["3", "4", "2", "5"]),
        (Measure::LeastConfidence, Aggregate::Mean, ["4", "3", "2", "5"]),
        (Measure::LeastConfidence, Aggregate::Max, ["3", "4", "2", "5"]),
        (Measure::Margin, Aggregate::Sum, ["3", "4", "2", "5"]),
        (Measure::Margin, Aggregate::Mean, ["4", "3", "2", "5"]),
        (Measure::Margin, Aggregate::Max, ["3", "4", "2", "5"]),
        (Measure::Entropy, Aggregate::Sum, ["3", "4", "2", "5"]),
        (Measure::Entropy, Aggregate::Mean, ["4", "3", "2", "5"]),
        (Measure::Entropy, Aggregate::Max, ["4", "3", "2", "5"]),
    ] {
        let by = Uncertainty {
            measure,
            aggregate,
            floor: 0.05,
        };
        let draw = query_uncertainty(&world.question(9), &world.evidence, &by).unwrap();
        assert_eq!(drawn(&draw), expected, "{measure:?} {aggregate:?}");
    }
}

#[test]
fn an_image_of_which_the_model_is_wholly_sure_and_one_without_a_box_are_equals() {
    let sure = |id| image(id, vec![seen(0.0, 0, &[0.0, 1.0, 0.0])]);
    let world = World::new(vec![image("2", vec![]), sure("3"), image("4", vec![]), sure("5")]);
    let by = Uncertainty {
        measure: Measure::Entropy,
        aggregate: Aggregate::Max,
        floor: 0.05,
    };
    let question = world.question(4);
    let mut expected = ["2", "3", "4", "5"];
    expected.sort_by(|a, b| question.tie(a, b));
    assert_eq!(
        drawn(&query_uncertainty(&question, &world.evidence, &by).unwrap()),
        expected
    );
}

#[test]
fn boxes_below_the_floor_are_not_looked_at() {
    let world = uncertain();
    let by = Uncertainty {
        measure: Measure::Entropy,
        aggregate: Aggregate::Sum,
        floor: 0.7,
    };
    let draw = query_uncertainty(&world.question(2), &world.evidence, &by).unwrap();
    assert_eq!(drawn(&draw).iter().copied().collect::<BTreeSet<_>>(), ["2", "3"].into());
}

#[test]
fn a_query_moves_ids_from_the_pool_and_loses_none() {
    let world = uncertain();
    let draw = query_random(&world.question(3)).unwrap();
    draw.pool.check().unwrap();
    assert_eq!((draw.pool.drawn().len(), draw.pool.unlabelled().len()), (3, 1));
    assert_eq!(draw.pool.drawn(), drawn(&draw));
    assert_eq!(draw, query_random(&world.question(3)).unwrap());
    let other = Question {
        round: 2,
        ..world.question(3)
    };
    assert_ne!(
        drawn(&draw),
        drawn(&query_random(&other).unwrap()),
        "each round draws anew"
    );
    assert_eq!(drawn(&query_random(&world.question(99)).unwrap()).len(), 4);
}

#[test]
fn candidates_stay_in_the_order_of_the_pool() {
    let world = uncertain();
    let ids = |limit| -> Vec<String> {
        let dataset = candidates(&world.question(1), limit).unwrap();
        dataset.images.into_iter().map(|image| image.image.id).collect()
    };
    assert_eq!(ids(None), ["2", "3", "4", "5"]);
    let some = ids(Some(3));
    assert!(some.len() == 3 && some.is_sorted());
}

#[test]
fn images_that_are_drawn_already_are_no_candidates() {
    let mut world = uncertain();
    world.pool = world.pool.with_drawn(&["3"]).unwrap();
    world.pool.drawn.clear();
    let by = Uncertainty {
        measure: Measure::Entropy,
        aggregate: Aggregate::Sum,
        floor: 0.05,
    };
    let draw = query_uncertainty(&world.question(1), &world.evidence, &by).unwrap();
    assert_eq!(drawn(&draw), ["4"]);
}

#[test]
fn the_core_set_is_far_from_what_is_labelled_and_from_itself() {
    let at = |id: &str, x: f64| ImageEvidence {
        features: vec![x, 0.0],
        ..image(id, vec![])
    };
    // Labelled at 0 and 10. 4 is 4 away, 30 is 20 away, 31 is 21 away; once 31 is chosen 30 is 1 away.
    let world = World::new(vec![at("2", 4.0), at("3", 30.0), at("4", 31.0)]);
    let labelled = Evidence {
        images: vec![at("0", 0.0), at("1", 10.0)],
        ..world.evidence.clone()
    };
    let draw = query_core_set(&world.question(2), &world.evidence, &labelled).unwrap();
    assert_eq!(drawn(&draw), ["4", "2"]);
    let short = Evidence {
        images: vec![image("0", vec![])],
        ..labelled
    };
    assert!(query_core_set(&world.question(2), &world.evidence, &short).is_err());
}

#[test]
fn consistency_takes_what_is_seen_again_but_not_quite_then_rare_classes() {
    let with = |id: &str, first: SeenBox, again: Vec<SeenBox>| ImageEvidence {
        views: vec![view("flip", again)],
        ..image(id, vec![first])
    };
    let (cat, dog) = (seen(0.0, 0, &[0.2, 0.8, 0.0]), seen(0.0, 1, &[0.2, 0.0, 0.8]));
    let moved = |mut seen: SeenBox| {
        seen.detection.bounds = BoundingBox::new([0.0, 0.0, 10.0, 5.0]);
        seen
    };
    // Consistencies, to lie near 1.3: 2: 0.5 + 0.8 = 1.3; 3: the same for a dog; 4: 1.8; 5: lost, 0.
    let world = World::new(vec![
        with("2", cat.clone(), vec![moved(cat.clone())]),
        with("3", dog.clone(), vec![moved(dog)]),
        with("4", cat.clone(), vec![cat.clone()]),
        with("5", cat, vec![]),
    ]);
    let by = Consistency {
        surplus: 1.0,
        ..Consistency::default()
    };
    // The labelled images hold cats only: of 2 and 3 the dog is chosen.
    let draw = query_consistency(&world.question(1), &world.evidence, &world.labelled(), &by).unwrap();
    assert_eq!(drawn(&draw), ["3"]);
    let mut without = world.evidence.clone();
    without.images[2].views.clear();
    assert!(query_consistency(&world.question(1), &without, &world.labelled(), &by).is_err());
}

#[test]
fn two_stages_take_the_uncertain_and_of_these_the_unlike() {
    let with = |id: &str, features: [f64; 2], probabilities: &[f64]| {
        let mut box_ = seen(0.0, 0, probabilities);
        box_.features = features.to_vec();
        image(id, vec![box_])
    };
    // 5 is certain: the first stage leaves it out. 2 and 3 are alike, 4 is not: after the first, only it has a distance.
    let world = World::new(vec![
        with("2", [1.0, 0.0], &[0.5, 0.5, 0.0]),
        with("3", [1.0, 0.0], &[0.45, 0.55, 0.0]),
        with("4", [0.0, 1.0], &[0.4, 0.6, 0.0]),
        with("5", [0.5, 0.5], &[0.0, 1.0, 0.0]),
    ]);
    let by = TwoStage {
        expansion: 1.5,
        ..TwoStage::default()
    };
    let draw = query_two_stage(&world.question(2), &world.evidence, &[0.5, 0.5], &by).unwrap();
    assert_eq!(drawn(&draw), ["2", "4"]);
}
