//! `asm-pipe detect`: a model on images from anywhere; lists the boxes and draws them.

pub(super) mod arguments;
mod images;
mod job;

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use self::arguments::Detect;
use self::images::Picture;
use self::job::Settings;
use super::arguments::PipelineArguments;
use super::columns::columns;
use super::failure::Failure;
use super::get;
use super::subject::Subject;
use super::terminal::{self, Format};
use super::workspace::{Untouched, Workspace};
use crate::detection::{Detection, Detections, ImageDetections};
use crate::report::chart::{Mark, draw_boxes};

pub(super) fn detect(arguments: &Detect) -> Result<(), Failure> {
    if let Some(out) = &arguments.out {
        must_be_empty(out)?;
    }
    let pictures = images::pictures(&arguments.images)?;
    let opened = Untouched::open(&arguments.store)?;
    let taken = tempfile::tempdir()?;
    let model = match &arguments.model {
        Some(folder) => folder.clone(),
        None => from_store(arguments, &opened.workspace, taken.path())?,
    };
    must_be_model(&model)?;
    let settings = Settings {
        score: arguments.score,
        device: &arguments.device,
        quiet: arguments.output.format == Format::Json,
    };
    let found = job::detect(&pictures, &model, &settings, &opened.workspace.registry)?;
    let drawn = match &arguments.out {
        Some(out) => draw(&pictures, &found, out)?,
        None => Vec::new(),
    };
    match arguments.output.format {
        Format::Json => terminal::print_json(&list(&pictures, &found, &drawn)),
        Format::Human => terminal::print(&text(&pictures, &found, &drawn)),
    }
}

fn must_be_empty(out: &Path) -> Result<(), Failure> {
    if out.exists() && (!out.is_dir() || fs_err::read_dir(out)?.next().is_some()) {
        return Err(Failure::usage(format!(
            "--out {}: there is something already",
            out.display()
        )));
    }
    Ok(())
}

fn must_be_model(folder: &Path) -> Result<(), Failure> {
    let lacking = ["model.json", "model.safetensors"]
        .into_iter()
        .find(|name| !folder.join(name).is_file());
    match lacking {
        Some(name) => Err(
            Failure::invalid(format!("{} is no model: it has no `{name}`", folder.display()))
                .hint("`asm-pipe get pipelines/topk_v3.yaml initial.model DIR` copies a model out of the store"),
        ),
        None => Ok(()),
    }
}

/// Copies a stage's model out of the store.
fn from_store(arguments: &Detect, workspace: &Workspace, folder: &Path) -> Result<PathBuf, Failure> {
    let pipelines: Vec<PathBuf> = arguments.pipeline.iter().cloned().collect();
    let pipeline = PipelineArguments {
        pipelines,
        set: arguments.set.clone(),
        profile: arguments.profile.clone(),
        params: Vec::new(),
    };
    let subject = Subject::of(&pipeline.pipelines[0], &pipeline, workspace)?;
    let (member, name) = get::find(&subject, arguments.stage.as_deref().unwrap_or_default())?;
    let (_, output) = get::output(member, name)?;
    let destination = folder.join("model");
    workspace.store.export(&output, &destination)?;
    Ok(destination)
}

/// Draws the boxes into copies of the images; where each went.
fn draw(pictures: &[Picture], found: &Detections, out: &Path) -> Result<Vec<PathBuf>, Failure> {
    fs_err::create_dir_all(out)?;
    let mut names = BTreeSet::new();
    let mut drawn = Vec::with_capacity(pictures.len());
    for (picture, image) in pictures.iter().zip(&found.images) {
        let marks: Vec<Mark> = image
            .detections
            .iter()
            .map(|detection| Mark {
                edges: detection.bounds.xyxy(),
                text: format!("{} {:.2}", class(found, detection), detection.score),
                colour: detection.label as usize,
            })
            .collect();
        let bytes = draw_boxes(&fs_err::read(&picture.path)?, &marks)
            .map_err(|e| Failure::invalid(format!("{}: {e}", picture.path.display())))?;
        let path = out.join(free_name(&picture.path, &mut names));
        fs_err::write(&path, bytes)?;
        drawn.push(path);
    }
    Ok(drawn)
}

/// The image's own name, with a number if another image has it.
fn free_name(path: &Path, taken: &mut BTreeSet<String>) -> String {
    let part = |part: Option<&std::ffi::OsStr>| part.unwrap_or_default().to_string_lossy().into_owned();
    let (stem, extension) = (part(path.file_stem()), part(path.extension()));
    let dot = if extension.is_empty() { "" } else { "." };
    let mut name = format!("{stem}{dot}{extension}");
    let mut number = 2;
    while !taken.insert(name.clone()) {
        name = format!("{stem}-{number}{dot}{extension}");
        number += 1;
    }
    name
}

fn class<'a>(found: &'a Detections, detection: &Detection) -> &'a str {
    // Read detections name known classes only.
    found.classes.get(detection.label as usize).map_or("?", String::as_str)
}

fn list(pictures: &[Picture], found: &Detections, drawn: &[PathBuf]) -> Value {
    let boxes = |image: &ImageDetections| -> Vec<Value> {
        let entry = |detection: &Detection| {
            json!({
                "class": class(found, detection), "score": detection.score, "box": detection.bounds.xyxy(),
            })
        };
        image.detections.iter().map(entry).collect()
    };
    let images: Vec<Value> = pictures
        .iter()
        .zip(&found.images)
        .enumerate()
        .map(|(number, (picture, image))| {
            json!({
                "file": picture.path, "width": picture.width, "height": picture.height, "drawn": drawn.get(number),
                "boxes": boxes(image),
            })
        })
        .collect();
    json!({ "classes": found.classes, "images": images })
}

fn text(pictures: &[Picture], found: &Detections, drawn: &[PathBuf]) -> String {
    let heads = ["image", "class", "score", "x_min", "y_min", "x_max", "y_max"];
    let mut rows = vec![heads.map(str::to_owned).to_vec()];
    for (picture, image) in pictures.iter().zip(&found.images) {
        let name = picture.path.display().to_string();
        if image.detections.is_empty() {
            rows.push(vec![name, "nothing found".to_owned()]);
            continue;
        }
        for detection in &image.detections {
            let mut row = vec![
                name.clone(),
                class(found, detection).to_owned(),
                format!("{:.3}", detection.score),
            ];
            row.extend(detection.bounds.xyxy().map(|edge| format!("{edge:.1}")));
            rows.push(row);
        }
    }
    let mut text = columns(&rows);
    if let Some(folder) = drawn.first().and_then(|path| path.parent()) {
        text += &format!("\ndrawn in {}\n", folder.display());
    }
    text
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::path::Path;

    use super::free_name;

    #[test]
    fn images_of_one_name_get_numbers() {
        let mut taken = BTreeSet::new();
        let names: Vec<String> = ["a/x.png", "b/x.png", "c/x.png", "a/y"]
            .iter()
            .map(|path| free_name(Path::new(path), &mut taken))
            .collect();
        assert_eq!(names, ["x.png", "x-2.png", "x-3.png", "y"]);
    }
}
