//! Examples at the end of the help texts.

pub(super) const RUN: &str = "\
A second run takes everything from the store. After a change only what the change reaches runs again, and a run that was \
stopped goes on where it was.

Examples:
  asm-pipe run pipelines/topk_v3.yaml                          results/topk_v3/index.html
  asm-pipe run pipelines/topk_v3.yaml --profile quick          a first look
  asm-pipe run pipelines/topk_v3.yaml -S merge.certain=0.7     with another param
  asm-pipe run pipelines/topk_v3.yaml --target round-1.merge   as far as one stage
  asm-pipe run experiments/strategies.yaml                     several strategies, compared
  asm-pipe run experiments/strategies.yaml --executor slurm    on a cluster; asm-pipe.toml says how";

pub(super) const PLAN: &str = "\
Examples:
  asm-pipe plan pipelines/topk_v3.yaml                         what is cached, what runs and why
  asm-pipe plan pipelines/topk_v3.yaml -S merge.certain=0.7    what a param reaches
  asm-pipe plan pipelines/topk_v3.yaml --remote s3://team/al   what the team has made already";

pub(super) const GRAPH: &str = "\
Examples:
  asm-pipe graph pipelines/topk_v3.yaml
  asm-pipe graph pipelines/topk_v3.yaml --format svg > topk_v3.svg";

pub(super) const PARAMS: &str = "\
What is printed is a pipeline again and runs the same.

Examples:
  asm-pipe params pipelines/topk_v3.yaml --profile bccd
  asm-pipe params pipelines/topk_v3.yaml --format json | jq .topk_v3.merge";

pub(super) const REPORT: &str = "\
Examples:
  asm-pipe report pipelines/topk_v3.yaml
  asm-pipe report experiments/strategies.yaml --results ~/pages
  asm-pipe report --compare results/topk_v2 results/topk_v3      one page of both

Beside `index.html` stand `report.md`, the charts as SVG and PNG, the tables as CSV and Parquet, and `manifest.json`.";

pub(super) const REPRODUCE: &str = "\
Examples:
  asm-pipe reproduce results/topk_v3                       in an empty store
  asm-pipe reproduce results/topk_v3 --store again         kept, and gone on with when it was stopped
  asm-pipe reproduce results/topk_v3 --format json | jq .agrees";

pub(super) const SERVE: &str = "\
Examples:
  asm-pipe serve                    then open the address that it prints
  asm-pipe serve --port 0           on any port that is free";

pub(super) const DOCTOR: &str = "\
It ends with 0 if there is no problem, else with 4. A warning is in the way of some uses only. What does not answer is given up after some \
seconds.

Examples:
  asm-pipe doctor                             from the project's folder
  asm-pipe doctor --executor slurm            can runs go to the cluster?
  asm-pipe doctor --remote s3://lab/asm-pipe  can that be read and written?
  asm-pipe doctor --format json | jq '.findings[] | select(.level == \"problem\")'";

pub(super) const STATUS: &str = "\
Examples:
  asm-pipe status           the newest run, stage by stage
  asm-pipe status 20261122  the newest whose id begins so; `asm-pipe runs` lists them";

pub(super) const EXEC_JOB: &str = "\
`asm-pipe run --executor slurm` makes such folders and has the cluster call this. It reports to `report.jsonl`, prints nothing, and writes \
`outcome.json` last. It goes on from the checkpoints in the job's `keep` folder. A job that has ended is not done again.

With `--pilot` it does one after the other.

Examples:
  asm-pipe exec-job .asm-pipe/scratch/KEY/attempts/NAME
  asm-pipe exec-job --pilot .asm-pipe/slurm/queue/NAME --seconds 3600";

pub(super) const STAGES: &str = "\
Examples:
  asm-pipe stages
  asm-pipe stages merge-sa";

pub(super) const SCORE: &str = "\
Examples:
  asm-pipe score --ground-truth instances.json --detections found.json --protocol voc07
  asm-pipe score --ground-truth instances.json --detections found.json --rule difficult=count --out figures";

pub(super) const DATA_HEALTH: &str = "\
Exit codes: 0 no faults (there may be things to know), 1 faults, 2 the command line is wrong, 3 it is no dataset, 4 the machine is in the way.

Examples:
  asm-pipe data health VOCdevkit/VOC2007 --set trainval
  asm-pipe data health coco/annotations/instances_val2017.json
  asm-pipe data health yolo --format json > health.json";

pub(super) const DATA_VIEW: &str = "\
Examples:
  asm-pipe data view VOCdevkit/VOC2007 --out voc.html
  asm-pipe data view yolo --set val --limit 50 --seed 1 --out val.html";

pub(super) const DATA_EXPORT: &str = "\
VOC keeps what VOC files say of objects, but not the order of classes; COCO keeps all that a dataset holds; YOLO keeps classes and boxes.

Examples:
  asm-pipe data export VOCdevkit/VOC2007 yolo --set trainval --to yolo --as train
  asm-pipe data export VOCdevkit/VOC2007 yolo --set test --to yolo --as val
  asm-pipe data export out/dataset coco --to coco";

pub(super) const EXEC: &str = "\
Examples:
  asm-pipe exec shapes --set images=20 --out drawn
  asm-pipe exec split-pools --in dataset=drawn/dataset --set initial=5 --set validation=5 --out split";

pub(super) const PUSH: &str = "\
Examples:
  asm-pipe cache push --remote s3://team/asm-pipe     everything in the store
  asm-pipe cache push --remote file:///data/team      to a folder that a team shares
  asm-pipe cache push experiments/strategies.yaml     what this experiment needs, to the remote
                                                      that asm-pipe.toml names";

pub(super) const PULL: &str = "\
Examples:
  asm-pipe cache pull experiments/strategies.yaml      then `asm-pipe run` of it trains nothing
  asm-pipe cache pull --remote gs://team/asm-pipe      everything";

pub(super) const REMOTE_STATUS: &str = "\
Examples:
  asm-pipe cache status                                of everything
  asm-pipe cache status pipelines/topk_v3.yaml         of what this pipeline needs

Credentials are read from the environment and written nowhere:
  s3://  AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY, AWS_SESSION_TOKEN, AWS_REGION,
         AWS_ENDPOINT_URL; AWS_WEB_IDENTITY_TOKEN_FILE with AWS_ROLE_ARN; the role of the
         container or machine. AWS_PROFILE is not read; this sets what it stands for:
         eval \"$(aws configure export-credentials --format env)\"
  gs://  GOOGLE_SERVICE_ACCOUNT or GOOGLE_APPLICATION_CREDENTIALS (a file);
         what `gcloud auth application-default login` left; the machine's account
  az://  AZURE_STORAGE_ACCOUNT with AZURE_STORAGE_KEY or AZURE_STORAGE_SAS_TOKEN;
         AZURE_CLIENT_ID, AZURE_CLIENT_SECRET and AZURE_TENANT_ID; the machine's identity";

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use clap::{Command, CommandFactory};

    use crate::cli::arguments::Arguments;

    /// The command lines among the examples of a command: up to a shell's sign or the note beside it.
    fn examples(command: &Command) -> Vec<String> {
        let text = command.get_after_help().map(ToString::to_string).unwrap_or_default();
        let lines = text.lines().filter_map(|line| line.strip_prefix("  asm-pipe "));
        let cut = |line: &str| {
            let end = ["  ", " > ", " | ", " && "]
                .iter()
                .filter_map(|sign| line.find(sign))
                .min();
            format!("asm-pipe {}", &line[..end.unwrap_or(line.len())])
        };
        lines.map(cut).collect()
    }

    #[test]
    fn every_example_is_a_command_line_and_every_command_has_one_of_its_own() {
        let whole = Arguments::command();
        let (mut count, mut own, mut lacking) = (0, BTreeSet::new(), BTreeSet::new());
        let all = whole.get_subcommands().flat_map(|command| {
            let inside = command.get_subcommands().flat_map(examples);
            examples(command)
                .into_iter()
                .chain(inside)
                .map(move |example| (command, example))
        });
        for (command, example) in all {
            {
                let matches = whole.clone().try_get_matches_from(example.split_whitespace());
                let matches = matches.unwrap_or_else(|error| panic!("{example}: {error}"));
                // Some show a step that comes before.
                if matches.subcommand_name() == Some(command.get_name()) {
                    lacking.remove(command.get_name());
                    own.insert(command.get_name());
                } else if !own.contains(command.get_name()) {
                    lacking.insert(command.get_name());
                }
                count += 1;
            }
        }
        assert!(lacking.is_empty(), "{lacking:?} show only other commands");
        assert!(count > 15, "the examples were not found");
    }
}
