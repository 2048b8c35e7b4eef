//! `asm-pipe data`: datasets on disk.

use serde_json::json;

use super::arguments::{Data, DataCommand, DataShapes};
use super::failure::Failure;
use super::terminal::{self, Format};
use crate::detection::shapes::{ShapesOptions, write_voc};

pub(super) fn data(arguments: &Data) -> Result<(), Failure> {
    match &arguments.command {
        DataCommand::Shapes(arguments) => shapes(arguments),
    }
}

fn shapes(arguments: &DataShapes) -> Result<(), Failure> {
    let folder = &arguments.folder;
    if folder.exists() && fs_err::read_dir(folder)?.next().is_some() {
        return Err(Failure::usage(format!(
            "{}: there is something already",
            folder.display()
        )));
    }
    let (train, test, size, seed) = (arguments.train, arguments.test, arguments.size, arguments.seed);
    let options = ShapesOptions {
        train,
        test,
        size,
        seed,
        ..ShapesOptions::default()
    };
    let (train, test) = write_voc(folder, &options).map_err(|e| Failure::environment(e.to_string()))?;
    let (train, test) = (train.images.len(), test.images.len());
    match arguments.output.format {
        Format::Json => terminal::print_json(&json!({ "folder": folder, "trainval": train, "test": test })),
        Format::Human => {
            let text = format!("{train} trainval and {test} test images in {}\n", folder.display());
            terminal::print(&text)
        }
    }
}
