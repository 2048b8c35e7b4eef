//! `asm-pipe data shapes`: the embedded dataset as a VOC folder.

use serde_json::json;

use super::super::failure::Failure;
use super::super::terminal::{self, Format};
use super::arguments::Shapes;
use crate::detection::shapes::{ShapesOptions, write_voc};

pub(super) fn shapes(arguments: &Shapes) -> Result<(), Failure> {
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
