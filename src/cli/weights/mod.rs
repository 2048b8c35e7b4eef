//! `asm-pipe weights`: what a file of weights holds, and the same as safetensors. Needs no libtorch.

pub(super) mod arguments;

use std::path::Path;

use serde_json::{Value, json};

use self::arguments::{Weights, WeightsCommand, WeightsConvert, WeightsShow};
use super::columns::columns;
use super::failure::Failure;
use super::figures::size;
use super::terminal;
use super::terminal::Format;
use crate::weights::{self, Array, Arrays, FileError};

pub(super) fn weights(arguments: &Weights) -> Result<(), Failure> {
    match &arguments.command {
        WeightsCommand::Show(arguments) => show(arguments),
        WeightsCommand::Convert(arguments) => convert(arguments),
    }
}

fn show(arguments: &WeightsShow) -> Result<(), Failure> {
    let (format, arrays) = read(&arguments.file)?;
    if arguments.output.format == Format::Json {
        let list: Vec<Value> = arrays
            .iter()
            .map(|(name, array)| {
                json!({
                    "name": name, "dtype": array.element(), "shape": array.shape, "bytes": array.data.len(),
                })
            })
            .collect();
        return terminal::print_json(&json!({
            "file": arguments.file, "format": format.name(), "arrays": list, "totals": totals(&arrays),
        }));
    }
    let rows: Vec<Vec<String>> = arrays
        .iter()
        .map(|(name, array)| vec![name.clone(), array.element(), shape(array)])
        .collect();
    let text = format!("{}\n{}\n", columns(&rows), sentence(&arrays, format.name()));
    terminal::print(&text)
}

fn convert(arguments: &WeightsConvert) -> Result<(), Failure> {
    let destination = &arguments.destination;
    // A link that leads nowhere is something, too.
    if !arguments.force && destination.symlink_metadata().is_ok() {
        return Err(
            Failure::usage(format!("there is something at {} already", destination.display()))
                .hint("`--force` replaces it"),
        );
    }
    let (format, arrays) = read(&arguments.file)?;
    weights::write(destination, &arrays).map_err(|e| Failure::environment(e.to_string()))?;
    if arguments.output.format == Format::Json {
        return terminal::print_json(&json!({
            "file": arguments.file, "format": format.name(), "path": destination, "totals": totals(&arrays),
        }));
    }
    let text = format!("{}: {}\n", destination.display(), sentence(&arrays, format.name()));
    terminal::print(&text)
}

fn read(file: &Path) -> Result<(weights::Format, Arrays), Failure> {
    if !file.is_file() {
        return Err(Failure::invalid(format!("there is no file at {}", file.display())));
    }
    weights::read(file).map_err(|error| match error {
        FileError::Io(error) => Failure::from(error),
        format @ FileError::Format { .. } => Failure::invalid(format.to_string()),
    })
}

fn numbers(arrays: &Arrays) -> usize {
    arrays.values().map(Array::count).sum()
}

fn bytes(arrays: &Arrays) -> u64 {
    arrays.values().map(|array| array.data.len() as u64).sum()
}

fn totals(arrays: &Arrays) -> Value {
    json!({ "arrays": arrays.len(), "numbers": numbers(arrays), "bytes": bytes(arrays) })
}

fn sentence(arrays: &Arrays, format: &str) -> String {
    let (count, numbers, bytes) = (arrays.len(), numbers(arrays), size(bytes(arrays)));
    format!("{count} arrays, {numbers} numbers, {bytes}, from {format}")
}

/// The lengths of the axes: `64x3x7x7`; a single number has none.
fn shape(array: &Array) -> String {
    let lengths: Vec<String> = array.shape.iter().map(ToString::to_string).collect();
    if lengths.is_empty() {
        "-".to_owned()
    } else {
        lengths.join("x")
    }
}
