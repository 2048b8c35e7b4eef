//! What stands on the command line behind `data`.

use std::path::PathBuf;

use clap::{Args, Subcommand, ValueEnum};

use super::super::arguments::OutputArguments;
use super::super::examples;
use super::super::terminal::Format;
use crate::detection::folder;

/// `asm-pipe data`.
#[derive(Debug, Args)]
pub(in super::super) struct Data {
    /// What to do.
    #[command(subcommand)]
    pub(super) command: DataCommand,
}

/// The subcommands of `data`.
#[derive(Debug, Subcommand)]
pub(super) enum DataCommand {
    /// Look a dataset through: damaged images, wrong boxes, duplicates, classes, sizes.
    ///
    /// Faults are files that cannot be read, images that are damaged, unknown classes, boxes outside of their image or without area, sizes
    /// that are not the image's, boxes, images and pixels that are there twice. Other findings are only to be known: images without
    /// objects, without colour, with an EXIF orientation, classes without boxes.
    Health(Health),
    /// Write a page of images with their boxes drawn, to be filtered by class and by finding.
    View(View),
    /// Write a dataset as a VOC, COCO or YOLO folder, and say what the format has no place for.
    Export(Export),
    /// Write the embedded dataset as an ordinary VOC folder.
    Shapes(Shapes),
}

/// Which dataset.
#[derive(Debug, Args)]
pub(super) struct SourceArguments {
    /// The dataset: a VOC, COCO or YOLO folder, an instances file, or a dataset that a stage has written.
    #[arg(value_name = "DATASET")]
    pub(super) dataset: PathBuf,
    /// The set: of VOC one of `ImageSets/Main`, of YOLO a key of `data.yaml`, of COCO the instances file. All images by default.
    #[arg(long, value_name = "NAME")]
    pub(super) set: Option<String>,
    /// The classes that there should be, in order; those of the dataset by default.
    #[arg(long, value_name = "NAMES", value_delimiter = ',')]
    pub(super) classes: Vec<String>,
    /// What VOC files count the first pixel as.
    #[arg(long, value_name = "0|1", default_value_t = 1, value_parser = clap::value_parser!(u8).range(0..=1))]
    pub(super) origin: u8,
    /// The folder of images of a dataset that a stage has written; `images` beside it by default.
    #[arg(long, value_name = "DIR")]
    pub(super) images: Option<PathBuf>,
}

/// `asm-pipe data health`.
#[derive(Debug, Args)]
#[command(after_help = examples::DATA_HEALTH)]
pub(super) struct Health {
    #[command(flatten)]
    pub(super) source: SourceArguments,
    /// List so many findings of each kind; all of them with 0. JSON has all anyway.
    #[arg(long, value_name = "N", default_value_t = 5)]
    pub(super) most: usize,
    #[command(flatten)]
    pub(super) output: OutputArguments,
}

/// `asm-pipe data view`.
#[derive(Debug, Args)]
#[command(after_help = examples::DATA_VIEW)]
pub(super) struct View {
    #[command(flatten)]
    pub(super) source: SourceArguments,
    /// Where the page is written. It holds all that it needs.
    #[arg(long, value_name = "FILE.html")]
    pub(super) out: PathBuf,
    /// At most so many images: first those with faults, then others, drawn at random.
    #[arg(long, value_name = "N", default_value_t = 200)]
    pub(super) limit: usize,
    /// Seed of the draw.
    #[arg(long, value_name = "N", default_value_t = 0)]
    pub(super) seed: u64,
    /// The longer side of the small images, in pixels.
    #[arg(long, value_name = "PIXELS", default_value_t = 400, value_parser = clap::value_parser!(u32).range(32..=4096))]
    pub(super) size: u32,
    #[command(flatten)]
    pub(super) output: OutputArguments,
}

/// `asm-pipe data export`.
#[derive(Debug, Args)]
#[command(after_help = examples::DATA_EXPORT)]
pub(super) struct Export {
    #[command(flatten)]
    pub(super) source: SourceArguments,
    /// Where to write. It must be empty, or a dataset of the format that does not have the set yet.
    #[arg(value_name = "DIR")]
    pub(super) folder: PathBuf,
    /// The format.
    #[arg(long, value_enum, value_name = "FORMAT")]
    pub(super) to: ExportFormat,
    /// What the set is to be called; as the one that was read by default, or `train`.
    #[arg(long = "as", value_name = "NAME")]
    pub(super) named: Option<String>,
    /// What VOC's first pixel is to be counted as.
    #[arg(long, value_name = "0|1", default_value_t = 1, value_parser = clap::value_parser!(u8).range(0..=1))]
    pub(super) to_origin: u8,
    /// Leave out images with faults instead of stopping.
    #[arg(long)]
    pub(super) skip_faults: bool,
    #[command(flatten)]
    pub(super) output: OutputArguments,
}

/// A format to write.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum ExportFormat {
    /// Pascal VOC.
    Voc,
    /// COCO instances.
    Coco,
    /// YOLO.
    Yolo,
}

impl From<ExportFormat> for folder::Format {
    fn from(format: ExportFormat) -> Self {
        match format {
            ExportFormat::Voc => Self::Voc,
            ExportFormat::Coco => Self::Coco,
            ExportFormat::Yolo => Self::Yolo,
        }
    }
}

/// `asm-pipe data shapes`.
#[derive(Debug, Args)]
pub(super) struct Shapes {
    /// Where to write `Annotations`, `JPEGImages` and `ImageSets`. It must not exist or be empty.
    #[arg(value_name = "DIR")]
    pub(super) folder: PathBuf,
    /// Scenes of the set `trainval`.
    #[arg(long, value_name = "N", default_value_t = 400)]
    pub(super) train: usize,
    /// Scenes of the set `test`.
    #[arg(long, value_name = "N", default_value_t = 100)]
    pub(super) test: usize,
    /// Side of a square scene in pixels.
    #[arg(long, value_name = "PIXELS", default_value_t = 128)]
    pub(super) size: u32,
    /// Seed of all that is drawn.
    #[arg(long, value_name = "N", default_value_t = 0)]
    pub(super) seed: u64,
    #[command(flatten)]
    pub(super) output: OutputArguments,
}

impl Data {
    /// The format that failures are told in.
    #[must_use]
    pub(in super::super) fn format(&self) -> Format {
        match &self.command {
            DataCommand::Health(a) => a.output.format,
            DataCommand::View(a) => a.output.format,
            DataCommand::Export(a) => a.output.format,
            DataCommand::Shapes(a) => a.output.format,
        }
    }
}
