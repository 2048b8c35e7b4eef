//! What stands on the command line behind `cache`, and of `check-determinism`.

use std::path::PathBuf;

use clap::{Args, Subcommand};

use super::super::arguments::{OutputArguments, PipelineArguments, StoreArguments};
use super::super::examples;
use super::super::remote::RemoteArguments;
use super::super::terminal::Format;

/// `asm-pipe cache`.
#[derive(Debug, Args)]
pub(in super::super) struct Cache {
    /// What to do.
    #[command(subcommand)]
    pub(super) command: CacheCommand,
}

/// The subcommands of `cache`.
#[derive(Debug, Subcommand)]
pub(super) enum CacheCommand {
    /// Say what takes how much room, and what `gc` could free.
    Size(Size),
    /// Hash everything in the store again; set aside what is damaged, name what is missing.
    Verify(Verify),
    /// Verify, then run again what made the lost outputs that these pipelines need.
    ///
    /// Only stages that were made before and whose outputs or record are damaged or missing are run; what was never run is
    /// left alone. What comes out is compared with what was recorded.
    Repair(Repair),
    /// Remove what no kept run needs. Runs may go on meanwhile.
    ///
    /// A run needs every output that it made or found in the store; what is kept for it can be taken from the store again.
    /// Runs that go on are always kept, with what they need and may still come to.
    Gc(Gc),
    /// Copy records and outputs into a folder, to be imported on another machine.
    Export(Export),
    /// Take records and outputs from a folder that `export` made; each is checked.
    Import(Import),
    /// Send records and outputs to the remote, the store that a team shares. What is there is not sent again.
    ///
    /// A record is sent after everything that it needs, so a push that is cut off leaves nothing behind that would be taken for whole;
    /// said again it goes on with what is not there yet.
    #[command(after_help = examples::PUSH)]
    Push(WithRemote),
    /// Fetch records and outputs from the remote. Each is checked by its digest; what is damaged is refused.
    ///
    /// A run with a remote fetches by itself what it needs. `pull` does it beforehand, for a machine that will be without a network.
    #[command(after_help = examples::PULL)]
    Pull(WithRemote),
    /// Say what is here, what is on the remote, and whether the remote can be reached.
    #[command(after_help = examples::REMOTE_STATUS)]
    Status(WithRemote),
}

/// `asm-pipe cache size`.
#[derive(Debug, Args)]
pub(super) struct Size {
    #[command(flatten)]
    pub(super) store: StoreArguments,
    #[command(flatten)]
    pub(super) output: OutputArguments,
}

/// `asm-pipe cache verify`.
#[derive(Debug, Args)]
pub(super) struct Verify {
    #[command(flatten)]
    pub(super) store: StoreArguments,
    #[command(flatten)]
    pub(super) output: OutputArguments,
}

/// `asm-pipe cache repair`.
#[derive(Debug, Args)]
pub(super) struct Repair {
    #[command(flatten)]
    pub(super) pipelines: PipelineArguments,
    #[command(flatten)]
    pub(super) store: StoreArguments,
    #[command(flatten)]
    pub(super) output: OutputArguments,
}

/// `asm-pipe cache gc`.
#[derive(Debug, Args)]
pub(super) struct Gc {
    /// How many of the latest runs are kept.
    #[arg(long, value_name = "N", default_value_t = 10)]
    pub(super) keep_runs: usize,
    /// Keep fewer if they need more room than this, such as `500MB` or `10GiB`: the longest unused go first, the latest stays.
    #[arg(long, value_name = "SIZE", value_parser = size)]
    pub(super) max_size: Option<u64>,
    /// Only say what would go.
    #[arg(long)]
    pub(super) dry_run: bool,
    #[command(flatten)]
    pub(super) store: StoreArguments,
    #[command(flatten)]
    pub(super) output: OutputArguments,
}

/// `asm-pipe cache export`.
#[derive(Debug, Args)]
pub(super) struct Export {
    /// Where to write. It must not exist or be empty.
    #[arg(value_name = "FOLDER")]
    pub(super) folder: PathBuf,
    /// Pipeline files: only what the store has of these. Everything by default.
    #[arg(value_name = "FILE")]
    pub(super) pipelines: Vec<PathBuf>,
    #[command(flatten)]
    pub(super) changes: ChangeArguments,
    #[command(flatten)]
    pub(super) store: StoreArguments,
    #[command(flatten)]
    pub(super) output: OutputArguments,
}

/// `asm-pipe cache import`.
#[derive(Debug, Args)]
pub(super) struct Import {
    /// What `asm-pipe cache export` wrote.
    #[arg(value_name = "FOLDER")]
    pub(super) folder: PathBuf,
    #[command(flatten)]
    pub(super) store: StoreArguments,
    #[command(flatten)]
    pub(super) output: OutputArguments,
}

/// `asm-pipe cache push`, `pull` and `status`: which records, and where the remote and the store are.
#[derive(Debug, Args)]
pub(super) struct WithRemote {
    /// Pipeline files: only what belongs to these. Everything by default.
    #[arg(value_name = "FILE")]
    pub(super) pipelines: Vec<PathBuf>,
    #[command(flatten)]
    pub(super) changes: ChangeArguments,
    #[command(flatten)]
    pub(super) remote: RemoteArguments,
    #[command(flatten)]
    pub(super) store: StoreArguments,
    #[command(flatten)]
    pub(super) output: OutputArguments,
}

/// `asm-pipe check-determinism`.
#[derive(Debug, Args)]
pub(in super::super) struct CheckDeterminism {
    /// The pipeline file.
    #[arg(value_name = "FILE")]
    pub(in super::super) pipeline: PathBuf,
    /// The stages to run a second time: `initial`, `round-2.merge`, or `merge` for all rounds. All by default.
    #[arg(value_name = "STAGE")]
    pub(in super::super) stages: Vec<String>,
    #[command(flatten)]
    pub(in super::super) changes: ChangeArguments,
    #[command(flatten)]
    pub(in super::super) store: StoreArguments,
    #[command(flatten)]
    pub(in super::super) output: OutputArguments,
}

/// How pipelines are changed, for commands that name them in their own way.
#[derive(Clone, Debug, Args)]
pub(in super::super) struct ChangeArguments {
    /// Set a param: `-S merge.certain=0.7`. The value is read as YAML. Repeat for more.
    #[arg(short = 'S', long = "set", value_name = "PATH=VALUE")]
    set: Vec<String>,
    /// Apply a profile of the pipeline, such as `quick` or `bccd`. Repeat to apply several in this order.
    #[arg(long, value_name = "NAME")]
    profile: Vec<String>,
    /// Set params from a YAML file that holds a mapping of them.
    #[arg(long, value_name = "FILE")]
    params: Vec<PathBuf>,
}

impl ChangeArguments {
    /// These pipelines with these changes.
    pub(in super::super) fn of(&self, pipelines: &[PathBuf]) -> PipelineArguments {
        PipelineArguments {
            pipelines: pipelines.to_vec(),
            set: self.set.clone(),
            profile: self.profile.clone(),
            params: self.params.clone(),
        }
    }
}

impl Cache {
    /// The format that failures are told in.
    pub(in super::super) fn format(&self) -> Format {
        match &self.command {
            CacheCommand::Size(a) => a.output.format,
            CacheCommand::Verify(a) => a.output.format,
            CacheCommand::Repair(a) => a.output.format,
            CacheCommand::Gc(a) => a.output.format,
            CacheCommand::Export(a) => a.output.format,
            CacheCommand::Import(a) => a.output.format,
            CacheCommand::Push(a) | CacheCommand::Pull(a) | CacheCommand::Status(a) => a.output.format,
        }
    }
}

/// Bytes as people write them: `1500`, `500MB`, `10GiB`, `1.5 g`. A letter alone counts by 1024.
fn size(text: &str) -> Result<u64, String> {
    let wrong = || format!("`{text}` is no size; write it like `500MB` or `10GiB`");
    let text_end = text.trim().to_ascii_lowercase();
    let digits = text_end
        .find(|c: char| !c.is_ascii_digit() && c != '.')
        .unwrap_or(text_end.len());
    let (number, unit) = text_end.split_at(digits);
    let number: f64 = number.parse().map_err(|_| wrong())?;
    let unit = unit.trim();
    let base: f64 = if unit.len() == 2 { 1000.0 } else { 1024.0 };
    let power = match unit.trim_end_matches('b').trim_end_matches('i') {
        "" if !unit.contains('i') => 0,
        "k" => 1,
        "m" => 2,
        "g" => 3,
        "t" => 4,
        _ => return Err(wrong()),
    };
    Ok((number * base.powi(power)) as u64)
}

#[cfg(test)]
mod tests {
    use super::size;

    #[test]
    fn sizes_are_read_as_people_write_them() {
        for (text, bytes) in [
            ("1500", 1500),
            ("7b", 7),
            ("500MB", 500_000_000),
            ("10GiB", 10 << 30),
            ("1.5 g", 3 << 29),
            ("0", 0),
        ] {
            assert_eq!(size(text), Ok(bytes), "{text}");
        }
        for text in ["", "GiB", "ten", "-1", "1 parsec", "1.2.3k", "5i", "nan"] {
            assert!(size(text).is_err(), "{text}");
        }
    }
}
