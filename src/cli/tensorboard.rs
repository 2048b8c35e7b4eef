//! `results/NAME/tensorboard/`: what a run gave, by round, for TensorBoard. For people only: nothing is read from it again.
//!
//! Of a pipeline there are the table's figures, images with their boxes, and what each training wrote of itself; of a comparison the figures
//! of each member. Seconds are computing time, so that TensorBoard's axis "relative" shows it.

use std::collections::BTreeMap;
use std::path::Path;

use super::failure::Failure;
use crate::artifact::{read_dataset, read_detections};
use crate::detection::{AnnotatedImage, Detection, ImageDetections};
use crate::plan::{Node, NodeInput, Plan};
use crate::report::RoundRow;
use crate::report::tensorboard::{EventFile, FILE, Frame, Moment, Picture};
use crate::store::{Record, Store};
use crate::table::write_atomically;

const FOLDER: &str = "tensorboard";
/// Images a round, and the longer side of each.
const PICTURES: usize = 3;
const LONGEST: u32 = 320;
/// Boxes with a lower score are not drawn.
const SURE: f64 = 0.5;
/// Okabe and Ito's bluish green for what is there, their orange for what was found.
const TRUTH: [u8; 3] = [0, 158, 115];
const FOUND: [u8; 3] = [230, 159, 0];

/// What the stages gave.
pub(super) struct Made<'a> {
    pub(super) plan: &'a Plan,
    /// Those of the results' pipeline, or all of a comparison.
    pub(super) nodes: &'a [(&'a Node, &'a Record)],
    pub(super) store: &'a Store,
}

/// Writes the event files of some results, anew.
pub(super) fn write(folder: &Path, rows: &[RoundRow], made: &Made<'_>) -> Result<(), Failure> {
    let folder = folder.join(FOLDER);
    if folder.exists() {
        fs_err::remove_dir_all(&folder)?;
    }
    let mut members: BTreeMap<(&str, i64), Vec<&RoundRow>> = BTreeMap::new();
    for row in rows {
        members.entry((&row.strategy, row.seed)).or_default().push(row);
    }
    if members.len() > 1 {
        for ((strategy, seed), rows) in members {
            let mut file = EventFile::default();
            let moments = moments(&rows);
            rows.iter()
                .zip(&moments)
                .for_each(|(row, at)| figures(&mut file, row, *at));
            save(&folder.join(format!("{strategy}-seed-{seed}")), file)?;
        }
        return Ok(());
    }
    let rows: Vec<&RoundRow> = rows.iter().collect();
    let mut file = EventFile::default();
    for (row, at) in rows.iter().zip(moments(&rows)) {
        figures(&mut file, row, at);
        made.pace(&mut file, row.round, at);
        made.pictures(&mut file, row.round, at)?;
    }
    save(&folder.join("rounds"), file)?;
    made.trainings(&folder)
}

/// When each round ended.
fn moments(rows: &[&RoundRow]) -> Vec<Moment> {
    let mut second = 0.0;
    let moment = |row: &&RoundRow| {
        second += row.seconds.unwrap_or(0.0);
        Moment {
            step: u64::from(row.round),
            second,
        }
    };
    rows.iter().map(moment).collect()
}

fn figures(file: &mut EventFile, row: &RoundRow, at: Moment) {
    let count = |value: u32| Some(f64::from(value));
    let sl_to_al = row.sl_ratio.zip(row.al_ratio).map(|(sl, al)| sl / al);
    file.scalars(
        at,
        [
            ("test/AP", row.ap),
            ("test/AP_50", row.ap50),
            ("test/AP_75", row.ap75),
            ("validation/AP_50", row.validation_ap50),
            ("AP_shift", row.ap_shift),
            ("annotations/SL", row.sl_ratio),
            ("annotations/AL", row.al_ratio),
            ("annotations/SL_to_AL", sl_to_al.filter(|ratio| ratio.is_finite())),
            ("annotations/total_human_boxes", count(row.total_human_boxes)),
            ("annotations/total_seconds", Some(row.total_annotation_seconds)),
            ("pools/labelled", count(row.labelled)),
            ("pools/unlabelled", count(row.unlabelled)),
            ("pools/requeued", count(row.requeued)),
            ("pools/trained_on", count(row.trained_on)),
        ],
    );
}

impl Made<'_> {
    /// What made an input, and its output of that name.
    fn source(&self, input: &NodeInput) -> Option<(&Node, &Record)> {
        let wanted = &self.plan.nodes.get(input.node.0)?.name;
        let (node, record) = self.nodes.iter().find(|(node, _)| node.name == *wanted)?;
        Some((*node, *record))
    }

    /// How fast the round's training went.
    fn pace(&self, file: &mut EventFile, round: u32, at: Moment) {
        let trainings = self.nodes.iter().filter(|(node, _)| node.kind == "train");
        for (node, record) in trainings.filter(|(node, _)| node.round.unwrap_or(0) == round) {
            let tag = format!("{}/images_per_second", node.stage);
            let pace = record.metrics.get("images_per_second").copied();
            file.scalars(at, [(tag.as_str(), pace)]);
        }
    }

    /// The first test images with what is there and what the round's model found.
    fn pictures(&self, file: &mut EventFile, round: u32, at: Moment) -> Result<(), Failure> {
        let Some(scene) = self.scene(round) else {
            return Ok(());
        };
        let [detections, dataset, images] = scene.map(|(record, output)| {
            let output = record.outputs.get(output)?;
            self.store.view(output).ok()
        });
        let (Some(detections), Some(dataset), Some(images)) = (detections, dataset, images) else {
            return Ok(());
        };
        let unreadable = |e: crate::artifact::ArtifactError| Failure::environment(e.to_string());
        let found = read_detections(&detections).map_err(unreadable)?;
        let truth = read_dataset(&dataset).map_err(unreadable)?;
        let found: BTreeMap<&str, &ImageDetections> = found.images.iter().map(|image| (&*image.image, image)).collect();
        for (number, annotated) in truth.images.iter().take(PICTURES).enumerate() {
            let detections = found
                .get(&*annotated.image.id)
                .map_or(&[][..], |image| &image.detections);
            if let Some(picture) = picture(&images, annotated, detections) {
                file.picture(at, &format!("detections/{number}"), &picture);
            }
        }
        Ok(())
    }

    /// Detections, dataset and images behind the AP of a round on the test images; none of a pipeline that is built otherwise.
    fn scene(&self, round: u32) -> Option<[(&Record, &str); 3]> {
        let (tables, _) = self.nodes.iter().find(|(node, _)| node.kind == "tables")?;
        let evaluation = if round == 0 {
            tables.inputs.get("initial")?.first()?
        } else {
            let mut all = tables.inputs.get("evaluations")?.iter();
            all.find(|input| input.label == round.to_string())?
        };
        let (evaluate, _) = self.source(evaluation)?;
        let detected = evaluate.inputs.get("detections")?.first()?;
        let truth = evaluate.inputs.get("dataset")?.first()?;
        let (detect, found) = self.source(detected)?;
        let images = detect.inputs.get("images")?.first()?;
        Some([
            (found, &detected.output),
            (self.source(truth)?.1, &truth.output),
            (self.source(images)?.1, &images.output),
        ])
    }

    /// What each training wrote of itself.
    fn trainings(&self, folder: &Path) -> Result<(), Failure> {
        for (node, record) in self.nodes.iter().filter(|(node, _)| node.kind == "train") {
            let models = record.outputs.values().filter(|output| output.folder);
            for model in models {
                let Ok(view) = self.store.view(model) else { continue };
                if view.join(FILE).is_file() {
                    let name = match node.round {
                        Some(round) => format!("{}-{round}", node.stage),
                        None => node.stage.clone(),
                    };
                    let bytes = fs_err::read(view.join(FILE))?;
                    save_bytes(&folder.join(name), &bytes)?;
                }
            }
        }
        Ok(())
    }
}

/// An image with its boxes; none if its file cannot be read, which says nothing against the results.
fn picture(images: &Path, annotated: &AnnotatedImage, detections: &[Detection]) -> Option<Picture> {
    let bytes = fs_err::read(images.join(&annotated.image.file)).ok()?;
    let image = image::load_from_memory(&bytes).ok()?.into_rgb8();
    let truth = annotated.annotations.iter().map(|annotation| Frame {
        edges: annotation.bounds.xyxy(),
        colour: TRUTH,
    });
    let sure = detections.iter().filter(|detection| detection.score >= SURE);
    let found = sure.map(|detection| Frame {
        edges: detection.bounds.xyxy(),
        colour: FOUND,
    });
    Picture::drawn(image, &truth.chain(found).collect::<Vec<_>>(), LONGEST).ok()
}

fn save(folder: &Path, file: EventFile) -> Result<(), Failure> {
    save_bytes(folder, &file.into_bytes())
}

fn save_bytes(folder: &Path, bytes: &[u8]) -> Result<(), Failure> {
    fs_err::create_dir_all(folder)?;
    write_atomically(&folder.join(FILE), |writer| writer.write_all(bytes))?;
    Ok(())
}
