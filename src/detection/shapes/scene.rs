//! One scene: objects in a setting, and what an annotator would say of them.

use image::ImageError;

use super::canvas::{Canvas, Owner, Painted};
use super::colour::{Rgb, contrast, from_hue, shade};
use super::outline::{Outline, Placed};
use super::setting::{Difficulty, Setting, background, clutter_before, clutter_behind};
use super::{Part, ShapesOptions};
use crate::detection::voc::digest;
use crate::detection::{AnnotatedImage, Annotation, Image, Marks, Source};
use crate::random::Stream;

/// The classes. The first look like the second, the fifth like the sixth.
pub const CLASSES: [&str; 6] = ["circle", "ring", "square", "triangle", "cross", "star"];

/// How often each class comes; the last two are rare.
const FREQUENCIES: [f64; 6] = [0.25, 0.17, 0.25, 0.19, 0.08, 0.06];

/// Where rare classes begin.
const FIRST_RARE: usize = 4;

/// Less of an object than this can be seen: nobody would annotate it.
const LEAST_VISIBLE: f64 = 0.3;

/// Less than this: it is annotated as difficult.
const EASILY_VISIBLE: f64 = 0.5;

/// So little contrast to the background makes an object difficult, too.
const HARDLY_DISTINCT: f32 = 0.25;

/// A drawn image.
#[derive(Clone, Debug)]
pub struct Scene {
    /// What an annotator says of it.
    pub annotated: AnnotatedImage,
    /// The file.
    pub jpeg: Vec<u8>,
    /// The pixels before compression, red, green, blue, row by row.
    pub pixels: Vec<u8>,
}

/// Draws a scene.
///
/// # Errors
/// When the picture cannot be encoded: it is wider or higher than a JPEG can be.
pub fn scene(options: &ShapesOptions, part: Part, number: usize) -> Result<Scene, ImageError> {
    let mut stream = Stream::new(options.seed, &format!("shapes/{}", part.name()), &[number as u64]);
    let stream = &mut stream;
    let setting = difficulty(options.hard_share, stream).setting();
    let (width, height) = format(options.size, stream);
    let mut canvas = background(width, height, &setting, stream);
    clutter_behind(&mut canvas, &setting, stream);
    let objects = objects(&mut canvas, options.size, &setting, stream);
    clutter_before(&mut canvas, &setting, stream);
    let annotations = objects
        .iter()
        .enumerate()
        .filter_map(|(at, object)| annotate(&canvas, at as u8, object));
    let annotations = annotations.collect();
    canvas.blur(stream.below(setting.blur + 1) as u32);
    canvas.noise(stream.uniform(0.2, 1.0) as f32 * setting.noise as f32, stream);

    let jpeg = canvas.jpeg()?;
    let id = format!("{}_{number:05}", part.name());
    let image = Image {
        file: format!("{id}.jpg"),
        id,
        width,
        height,
        digest: digest(&jpeg),
    };
    let annotated = AnnotatedImage { image, annotations };
    Ok(Scene {
        annotated,
        jpeg,
        pixels: canvas.bytes(),
    })
}

fn difficulty(hard_share: f64, stream: &mut Stream) -> Difficulty {
    if stream.chance(hard_share) {
        Difficulty::Hard
    } else if stream.chance(0.6) {
        Difficulty::Easy
    } else {
        Difficulty::Ordinary
    }
}

/// Square, wide or high.
fn format(size: u32, stream: &mut Stream) -> (u32, u32) {
    let (long, short) = (size * 5 / 4, size * 15 / 16);
    [(size, size), (size, size), (long, short), (short, long)][stream.below(4)]
}

/// A shape that is to be annotated.
struct Object {
    class: usize,
    painted: Painted,
    contrast: f32,
}

/// Draws the objects, and between them some shapes that are no class.
fn objects(canvas: &mut Canvas, size: u32, setting: &Setting, stream: &mut Stream) -> Vec<Object> {
    let (least, most) = setting.objects;
    // A few scenes are empty: a detector must learn that too.
    let count = if stream.chance(0.02) {
        0
    } else {
        least + stream.below(most - least + 1)
    };
    let strangers = stream.below(setting.strangers + 1);
    let mut classes: Vec<Option<usize>> = vec![None; strangers];
    classes.extend((0..count).map(|_| Some(class(setting.rare, stream))));
    stream.shuffle(&mut classes);

    let mut objects: Vec<Object> = Vec::new();
    let mut placed: Vec<Placed> = Vec::new();
    for class in classes {
        let outline = match class {
            Some(class) => outline(class, stream),
            None => stranger(stream),
        };
        let Some(shape) = place(outline, canvas, size, setting, &placed, stream) else {
            continue;
        };
        let owner = class.map_or(Owner::Clutter, |_| Owner::Object(objects.len() as u8));
        let (painted, contrast) = draw(canvas, &shape, owner, class, setting, stream);
        placed.push(shape);
        if let Some(class) = class {
            objects.push(Object {
                class,
                painted,
                contrast,
            });
        }
    }
    objects
}

fn class(rare: f64, stream: &mut Stream) -> usize {
    let weight = |class: usize| {
        if class < FIRST_RARE {
            FREQUENCIES[class]
        } else {
            FREQUENCIES[class] * rare
        }
    };
    let mut left = stream.unit() * (0..CLASSES.len()).map(weight).sum::<f64>();
    for class in 0..CLASSES.len() {
        left -= weight(class);
        if left < 0.0 {
            return class;
        }
    }
    0
}

fn outline(class: usize, stream: &mut Stream) -> Outline {
    match class {
        0 => Outline::Circle,
        1 => Outline::Ring {
            thickness: stream.uniform(0.28, 0.5) as f32,
        },
        2 => Outline::Square {
            rounding: stream.uniform(0.0, 0.3) as f32,
        },
        3 => Outline::triangle(),
        4 => Outline::Cross {
            arm: stream.uniform(0.26, 0.42) as f32,
        },
        _ => Outline::star(),
    }
}

fn stranger(stream: &mut Stream) -> Outline {
    if stream.chance(0.5) {
        Outline::pentagon()
    } else {
        Outline::Ellipse {
            ratio: stream.uniform(0.35, 0.55) as f32,
        }
    }
}

/// Finds a place that is far enough from the other shapes; none after some tries.
fn place(
    outline: Outline,
    canvas: &Canvas,
    size: u32,
    setting: &Setting,
    others: &[Placed],
    stream: &mut Stream,
) -> Option<Placed> {
    let mut shape = Placed {
        outline,
        centre: [0.0; 2],
        radius: 1.0,
        angle: 0.0,
    };
    shape.angle = stream.uniform(0.0, std::f64::consts::TAU) as f32;
    for _ in 0..30 {
        let (least, most) = setting.radius;
        // Small ones are more frequent than large ones.
        let radius = least * (most / least).powf(stream.unit()) * f64::from(size) / 128.0;
        shape.radius = radius as f32;
        // Some reach over the edge, by less than half.
        let margin = if stream.chance(0.12) {
            0.2 * radius
        } else {
            f64::from(shape.reach()) + 1.0
        };
        let mut along = |side: u32| {
            let side = f64::from(side);
            (side > 2.0 * margin).then(|| stream.uniform(margin, side - margin) as f32)
        };
        let (Some(x), Some(y)) = (along(canvas.width), along(canvas.height)) else {
            continue;
        };
        shape.centre = [x, y];
        let clear = |other: &Placed| {
            let distance = (other.centre[0] - x).hypot(other.centre[1] - y);
            distance >= setting.apart * (other.radius + shape.radius)
        };
        if others.iter().all(clear) {
            return Some(shape);
        }
    }
    None
}

/// Paints a shape in a colour that stands out enough. Returns how much was painted and the contrast.
fn draw(
    canvas: &mut Canvas,
    shape: &Placed,
    owner: Owner,
    class: Option<usize>,
    setting: &Setting,
    stream: &mut Stream,
) -> (Painted, f32) {
    let behind = canvas.around(shape.centre, shape.radius);
    let mut colour: Rgb = [0.0; 3];
    for _ in 0..40 {
        // Classes have favourite colours, but any class may have any colour.
        let favourite = class.map_or(0.0, |class| class as f64 / CLASSES.len() as f64);
        let hue = if class.is_some() {
            favourite + 0.16 * stream.normal()
        } else {
            stream.unit()
        };
        let (saturation, value) = (stream.uniform(0.3, 0.95), stream.uniform(0.2, 1.0));
        colour = from_hue(hue as f32, saturation as f32, value as f32);
        if contrast(colour, behind) >= setting.contrast {
            break;
        }
    }
    let light = stream.uniform(-0.25, 0.25) as f32;
    let rim = stream
        .chance(0.4)
        .then(|| (stream.uniform(0.45, 0.75) as f32, stream.uniform(1.0, 2.2) as f32));
    let stripes = stream.chance(0.15).then(|| stream.uniform(3.0, 6.0) as f32);
    let (centre, radius) = (shape.centre, shape.radius);
    let painted = canvas.paint(shape, owner, |[x, y], distance| {
        let mut brightness = 1.0 + light * (y - centre[1]) / radius;
        if let Some((dark, _)) = rim.filter(|&(_, width)| distance > -width) {
            brightness *= dark;
        }
        if let Some(period) = stripes {
            brightness *= 1.0 + 0.15 * (std::f32::consts::TAU * (x + y) / period).sin();
        }
        (shade(colour, brightness), 1.0)
    });
    (painted, contrast(colour, behind))
}

/// The annotation of an object, unless too little of it can be seen.
fn annotate(canvas: &Canvas, number: u8, object: &Object) -> Option<Annotation> {
    let visible = canvas.visible(number)?;
    let share = visible.pixels as f64 / object.painted.area.max(1) as f64;
    if share < LEAST_VISIBLE || visible.bounds.width() < 4.0 || visible.bounds.height() < 4.0 {
        return None;
    }
    Some(Annotation {
        bounds: visible.bounds,
        label: object.class as u32,
        difficult: share < EASILY_VISIBLE || object.contrast < HARDLY_DISTINCT,
        truncated: object.painted.inside < object.painted.area,
        source: Source::Human,
        score: None,
        round: None,
        marks: Marks::default(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn scenes(count: usize) -> Vec<Scene> {
        (0..count)
            .map(|number| scene(&ShapesOptions::default(), Part::Train, number).unwrap())
            .collect()
    }

    #[test]
    fn a_scene_depends_on_seed_part_and_number_only() {
        let draw = |options: &ShapesOptions, part, number| scene(options, part, number).unwrap().jpeg;
        let options = ShapesOptions::default();
        let first = draw(&options, Part::Train, 3);
        let more = ShapesOptions {
            train: 9,
            test: 9,
            ..options
        };
        assert_eq!(first, draw(&more, Part::Train, 3));
        assert_ne!(first, draw(&options, Part::Train, 4));
        assert_ne!(first, draw(&options, Part::Test, 3));
        assert_ne!(first, draw(&ShapesOptions { seed: 1, ..options }, Part::Train, 3));
    }

    #[test]
    fn files_say_the_size_and_digest_of_their_image() {
        for scene in scenes(4) {
            let image = &scene.annotated.image;
            let decoded = image::load_from_memory(&scene.jpeg).unwrap();
            assert_eq!((decoded.width(), decoded.height()), (image.width, image.height));
            assert_eq!(image.digest, digest(&scene.jpeg));
        }
    }

    #[test]
    fn boxes_are_whole_pixels_inside_their_image() {
        for scene in scenes(30) {
            let (width, height) = (
                f64::from(scene.annotated.image.width),
                f64::from(scene.annotated.image.height),
            );
            for annotation in &scene.annotated.annotations {
                let [x_min, y_min, x_max, y_max] = annotation.bounds.xyxy();
                assert!(x_min >= 0.0 && y_min >= 0.0 && x_max <= width && y_max <= height);
                assert!(x_max - x_min >= 4.0 && y_max - y_min >= 4.0);
                assert!(annotation.bounds.xyxy().iter().all(|edge| edge.fract() == 0.0));
            }
        }
    }

    #[test]
    fn truncated_objects_touch_the_edge_of_their_image() {
        let mut truncated = 0;
        for scene in scenes(40) {
            let (width, height) = (
                f64::from(scene.annotated.image.width),
                f64::from(scene.annotated.image.height),
            );
            for annotation in scene
                .annotated
                .annotations
                .iter()
                .filter(|annotation| annotation.truncated)
            {
                let [x_min, y_min, x_max, y_max] = annotation.bounds.xyxy();
                // Something may lie over the part at the edge.
                assert!(x_min < 4.0 || y_min < 4.0 || x_max > width - 4.0 || y_max > height - 4.0);
                truncated += 1;
            }
        }
        assert!(truncated > 0);
    }

    #[test]
    fn every_class_comes_and_the_last_two_are_rare() {
        let mut counts = [0_u32; CLASSES.len()];
        for number in 0..400 {
            let mut stream = Stream::new(number, "test", &[]);
            counts[class(1.0, &mut stream)] += 1;
        }
        assert!(counts.iter().all(|&count| count > 0), "{counts:?}");
        assert!(counts[..4].iter().min() > counts[4..].iter().max(), "{counts:?}");
    }
}
