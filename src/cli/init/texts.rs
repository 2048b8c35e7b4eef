//! The files of a new project: the shipped pipelines as they are, and `base.yaml` with what is to be edited.

use super::data::VocData;

/// The base of the shipped strategies; in a project it is called `loop.yaml`, and the project's own base stands between.
const LOOP: &str = include_str!("../../../pipelines/base.yaml");

const SHIPPED: [(&str, &str); 32] = [
    ("pipelines/v1.yaml", include_str!("../../../pipelines/v1.yaml")),
    (
        "pipelines/v1_plus.yaml",
        include_str!("../../../pipelines/v1_plus.yaml"),
    ),
    (
        "pipelines/topk_v1.yaml",
        include_str!("../../../pipelines/topk_v1.yaml"),
    ),
    (
        "pipelines/topk_v2.yaml",
        include_str!("../../../pipelines/topk_v2.yaml"),
    ),
    (
        "pipelines/topk_v3.yaml",
        include_str!("../../../pipelines/topk_v3.yaml"),
    ),
    (
        "pipelines/v1_as_published.yaml",
        include_str!("../../../pipelines/v1_as_published.yaml"),
    ),
    (
        "pipelines/v1_plus_as_published.yaml",
        include_str!("../../../pipelines/v1_plus_as_published.yaml"),
    ),
    (
        "pipelines/topk_v1_as_published.yaml",
        include_str!("../../../pipelines/topk_v1_as_published.yaml"),
    ),
    (
        "pipelines/topk_v2_as_published.yaml",
        include_str!("../../../pipelines/topk_v2_as_published.yaml"),
    ),
    (
        "pipelines/topk_v3_as_published.yaml",
        include_str!("../../../pipelines/topk_v3_as_published.yaml"),
    ),
    ("pipelines/random.yaml", include_str!("../../../pipelines/random.yaml")),
    ("pipelines/full.yaml", include_str!("../../../pipelines/full.yaml")),
    (
        "pipelines/initial_only.yaml",
        include_str!("../../../pipelines/initial_only.yaml"),
    ),
    (
        "pipelines/al_only.yaml",
        include_str!("../../../pipelines/al_only.yaml"),
    ),
    (
        "pipelines/sl_only.yaml",
        include_str!("../../../pipelines/sl_only.yaml"),
    ),
    (
        "pipelines/query_base.yaml",
        include_str!("../../../pipelines/query_base.yaml"),
    ),
    (
        "pipelines/least_confidence.yaml",
        include_str!("../../../pipelines/least_confidence.yaml"),
    ),
    ("pipelines/margin.yaml", include_str!("../../../pipelines/margin.yaml")),
    (
        "pipelines/entropy.yaml",
        include_str!("../../../pipelines/entropy.yaml"),
    ),
    (
        "pipelines/core_set.yaml",
        include_str!("../../../pipelines/core_set.yaml"),
    ),
    (
        "pipelines/consistency.yaml",
        include_str!("../../../pipelines/consistency.yaml"),
    ),
    (
        "pipelines/two_stage.yaml",
        include_str!("../../../pipelines/two_stage.yaml"),
    ),
    ("pipelines/ceal.yaml", include_str!("../../../pipelines/ceal.yaml")),
    (
        "pipelines/training.yaml",
        include_str!("../../../pipelines/training.yaml"),
    ),
    (
        "experiments/optimizers.yaml",
        include_str!("../../../experiments/optimizers.yaml"),
    ),
    (
        "experiments/strategies.yaml",
        include_str!("../../../experiments/strategies.yaml"),
    ),
    (
        "experiments/references.yaml",
        include_str!("../../../experiments/references.yaml"),
    ),
    (
        "experiments/presets.yaml",
        include_str!("../../../experiments/presets.yaml"),
    ),
    (
        "experiments/queries.yaml",
        include_str!("../../../experiments/queries.yaml"),
    ),
    (
        "experiments/initial_size.yaml",
        include_str!("../../../experiments/initial_size.yaml"),
    ),
    (
        "schema/pipeline.schema.json",
        include_str!("../../../schema/pipeline.schema.json"),
    ),
    (
        "schema/experiment.schema.json",
        include_str!("../../../schema/experiment.schema.json"),
    ),
];

const GITIGNORE: &str = "/.asm-pipe\n/results\n";

const README: &str = "\
# Active learning with asm-pipe

In this folder:

```console
$ asm-pipe plan pipelines/topk_v3.yaml         # what would run, and why
$ asm-pipe run pipelines/topk_v3.yaml          # one strategy; the page is results/topk_v3/index.html
$ asm-pipe run experiments/strategies.yaml     # all strategies compared; what they share is done once
```

`--profile quick` with any of them takes a first look with few images.

| file | holds |
|---|---|
| `pipelines/base.yaml` | the data and the numbers: edit this |
| `pipelines/loop.yaml` | everything else that the strategies share |
| `pipelines/topk_v3.yaml`, ... | a strategy each |
| `pipelines/training.yaml` | one training without rounds, to choose a detector's params |
| `experiments/strategies.yaml` | the strategies to compare |
| `experiments/optimizers.yaml` | optimizers and schedules of the learning rate, compared |
| `schema/` | what may stand in these files, for editors |
";

/// How many images go where.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Sizes {
    pub(super) initial: usize,
    pub(super) validation: usize,
    pub(super) take: usize,
    pub(super) rounds: usize,
}

impl Sizes {
    /// In the proportions of the shipped profiles: a fifth to begin with, five rounds of a twelfth. None if there are
    /// too few images.
    pub(super) fn of(images: usize) -> Option<Self> {
        let part = |share: usize| plain((images / share).max(1));
        let (initial, validation, take) = (part(5), part(15), part(12));
        let pool = images.checked_sub(initial + validation)?;
        let rounds = (pool / take).min(5);
        (rounds > 0).then_some(Self {
            initial,
            validation,
            take,
            rounds,
        })
    }
}

/// A number as a person would choose it: 334 images are 330.
fn plain(count: usize) -> usize {
    let step = match count {
        0..20 => 1,
        20..100 => 5,
        100..1000 => 10,
        _ => 100,
    };
    count / step * step
}

/// Every file of a project with its text.
pub(super) fn files(base: String) -> Vec<(&'static str, String)> {
    let mut files = vec![
        ("README.md", README.to_owned()),
        (".gitignore", GITIGNORE.to_owned()),
        ("pipelines/base.yaml", base),
        (
            "pipelines/loop.yaml",
            LOOP.replacen("\nname: base\n", "\nname: loop\n", 1),
        ),
    ];
    // In a project the numbers of its own base count, not those of a profile of the embedded dataset.
    let own = |text: &str| text.replace("\nprofile: small", "\n# profile: quick");
    files.extend(SHIPPED.map(|(name, text)| (name, own(text))));
    files
}

/// `base.yaml` for the embedded dataset.
pub(super) fn shapes_base() -> String {
    let dataset = "  # Scenes that are drawn, so there is nothing to download. For your own data: asm-pipe init DIR --data FOLDER\n  \
                   dataset: {train: 600, test: 100}\n";
    let sizes = Sizes {
        initial: 120,
        validation: 40,
        take: 40,
        rounds: 5,
    };
    let detector = "  detector: {architecture: tiny}      # `asm-pipe stages train` explains this one and others\n";
    base(dataset, sizes, detector, "")
}

/// `base.yaml` for a VOC folder.
pub(super) fn voc_base(data: &VocData, sizes: &Sizes) -> String {
    // JSON's text is YAML's; `${` would name a param.
    let root = serde_json::Value::from(data.root.replace("${", "$${"));
    let on_error = if data.problems > 0 { "skip" } else { "fail" };
    let dataset = format!(
        "  # {} images in `{}`, {} in `{}`; classes: {}.\n  # `fail` stops at damaged files and wrong boxes, `skip` leaves them out.\n  \
         dataset: {{root: {root}, on_error: {on_error}}}\n",
        data.images,
        data.train_set,
        data.test_images,
        data.test_set,
        data.classes.join(", ").replace('\n', " "),
    );
    let (shorter, longer) = data.sides;
    let min_size = shorter.clamp(32, 240);
    let max_size = (f64::from(longer) / f64::from(shorter.max(1)) * f64::from(min_size)).ceil();
    let detector = format!(
        "  # Half of the images have sides of at most {longer} and {shorter} pixels; the network sees them at the sizes here. `tiny` learns\n  \
         # from scratch; with weights trained on ImageNet `efficientnet_lite0` does better: `asm-pipe stages train` explains both.\n  \
         detector: {{architecture: tiny, min_size: {min_size}, max_size: {max_size}}}\n"
    );
    let stage = |name: &str, set: &str| {
        let set = serde_json::Value::from(set);
        format!(
            "  {name}: {{uses: parse-voc, with: {{roots: \"${{dataset.root}}\", set: {set}, on_error: \"${{dataset.on_error}}\"}}}}\n"
        )
    };
    let stages = format!(
        "\nstages:\n{}{}",
        stage("source", &data.train_set),
        stage("test", &data.test_set)
    );
    base(&dataset, *sizes, &detector, &stages)
}

fn base(dataset: &str, sizes: Sizes, detector: &str, stages: &str) -> String {
    let Sizes {
        initial,
        validation,
        take,
        rounds,
    } = sizes;
    format!(
        "\
# yaml-language-server: $schema=../schema/pipeline.schema.json
# What the strategies beside this file share: the data and the numbers. Edit it as you like; `asm-pipe plan` says what that changes.
# `loop.yaml` has all the rest. Params merge with its params; a stage given here replaces its stage of the same name.
extends: loop.yaml
default_profile:          # none: the params below count as they are

params:
{dataset}
  seed: 0
  initial: {initial:<16}# images that are labelled before the first round
  validation: {validation:<13}# further labelled images, never trained on: the stop test looks at them
  take: {take:<19}# K: images that a round looks at
  rounds: {rounds:<17}# at most
  until: {{shift_below: 0.001, window: 5}}      # ends the rounds when validation AP50 stands still

{detector}
  train: {{epochs: 30, learning_rate: 0.04}}    # the model before the first round
  retrain: {{epochs: 6, learning_rate: 0.02}}   # each round
  merge: {{certain: 0.8, uncertain: 0.3}}       # scores: from `certain` up the model's box counts, below `uncertain` it is dropped
{stages}"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_parts_fit_into_the_whole() {
        for images in [3, 7, 50, 292, 1800, 5011, 100_000] {
            let sizes = Sizes::of(images).unwrap();
            let used = sizes.initial + sizes.validation + sizes.take * sizes.rounds;
            assert!(used <= images && sizes.rounds >= 1, "{images}: {sizes:?}");
        }
        assert_eq!(Sizes::of(2), None);
        let sizes = Sizes {
            initial: 1000,
            validation: 330,
            take: 410,
            rounds: 5,
        };
        assert_eq!(Sizes::of(5011), Some(sizes));
    }

    #[test]
    fn every_shipped_strategy_is_part_of_a_project() {
        let files = files(String::new());
        for entry in fs_err::read_dir("pipelines").unwrap() {
            let name = format!("pipelines/{}", entry.unwrap().file_name().to_str().unwrap());
            assert!(files.iter().any(|(file, _)| *file == name), "{name}");
        }
        let renamed = &files.iter().find(|(file, _)| *file == "pipelines/loop.yaml").unwrap().1;
        assert!(renamed.contains("\nname: loop\n"));
        let sized = files.iter().filter(|(_, text)| text.contains("\nprofile:"));
        assert_eq!(sized.count(), 0, "experiments of a project use its own numbers");
    }
}
