//! A checked pipeline: what one YAML file says after `extends`, profile and overrides are applied.

use super::{Limits, Located, Node};

/// A pipeline. Stage kinds, ports and params are not checked yet: that needs the registry, and is done by `plan`.
#[derive(Clone, Debug)]
pub struct Pipeline {
    /// Its name; the file's stem unless the file says otherwise. A member of an experiment has a name of its own.
    pub name: Located<String>,
    /// The name without the seed, which those have in common that differ by it alone: `${name}`.
    pub strategy: String,
    /// The name without the values of a matrix too: that of the file.
    pub family: String,
    /// What it is for.
    pub description: Option<String>,
    /// The resolved params: a mapping, all `${}` inside it replaced.
    pub params: Node,
    /// The stages outside the rounds. `with` and `uses` have their `${}` replaced.
    pub stages: Vec<StageSpec>,
    /// The rounds.
    pub rounds: Option<Rounds>,
    /// The profiles that there are, sorted.
    pub profiles: Vec<String>,
    /// The profiles that were applied, in order.
    pub profile: Vec<String>,
}

/// A stage as written.
#[derive(Clone, Debug)]
pub struct StageSpec {
    /// Its name, unique in the pipeline.
    pub name: Located<String>,
    /// What it is for.
    pub doc: Option<String>,
    /// The stage kind.
    pub uses: Located<String>,
    /// What comes into which port.
    pub inputs: Vec<InputSpec>,
    /// Params for the kind: a mapping. In a stage of the rounds, `${round}` is still unreplaced (see [`StageSpec::with_for_round`]).
    pub with: Node,
    /// What it may take.
    pub limits: Limits,
}

/// `port: reference` or `port: [reference, ...]`.
#[derive(Clone, Debug)]
pub struct InputSpec {
    /// The port of the kind.
    pub port: Located<String>,
    /// `stage`, `stage.output`, `carry.name`, `rounds.all.stage.output` (every round that happens), `rounds.last.stage.output`.
    pub references: Vec<Located<String>>,
}

/// The part that repeats.
#[derive(Clone, Debug)]
pub struct Rounds {
    /// At most so many.
    pub max: Located<u32>,
    /// When to end before that.
    pub until: Option<Until>,
    /// What one round hands to the next.
    pub carry: Vec<Carry>,
    /// The stages of a round. They may name stages outside, stages of the same round, and `carry.name`.
    pub stages: Vec<StageSpec>,
}

/// A value that passes from round to round.
#[derive(Clone, Debug)]
pub struct Carry {
    /// Its name.
    pub name: Located<String>,
    /// The reference that the first round gets.
    pub first: Located<String>,
    /// The reference, in the round before, that later rounds get.
    pub next: Located<String>,
}

/// The stop test, made after each round by a stage of the kind `until`.
#[derive(Clone, Debug)]
pub struct Until {
    /// `stage.metric`: a metric of a stage of the rounds, such as `validate.ap50`. The stage's output `metrics` is read.
    pub metric: Located<String>,
    /// Ends when the mean absolute deviation over the window falls below this.
    pub shift_below: Located<f64>,
    /// How many rounds the window holds.
    pub window: Located<u32>,
}
