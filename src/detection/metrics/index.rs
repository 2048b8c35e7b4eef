//! Where the detections and objects of each class are, found in one walk over the images.

use super::Scenes;

/// An image, and a place in its list.
pub(super) type Place = (u32, u32);

/// The places of each class, by ascending image and in the order of its list.
#[derive(Debug)]
pub(super) struct Index {
    pub(super) detections: Vec<Vec<Place>>,
    pub(super) objects: Vec<Vec<Place>>,
}

impl Index {
    pub(super) fn new(scenes: &Scenes) -> Self {
        let classes = scenes.classes.len();
        let mut index = Self {
            detections: vec![Vec::new(); classes],
            objects: vec![Vec::new(); classes],
        };
        for (image, scene) in (0..).zip(&scenes.images) {
            for (place, found) in (0..).zip(&scene.detections) {
                if let Some(places) = index.detections.get_mut(found.label as usize) {
                    places.push((image, place));
                }
            }
            for (place, object) in (0..).zip(&scene.objects) {
                if let Some(places) = index.objects.get_mut(object.label as usize) {
                    places.push((image, place));
                }
            }
        }
        index
    }
}

/// Cuts two such lists into the parts of single images.
pub(super) fn by_image<'a>(
    mut left: &'a [Place],
    mut right: &'a [Place],
) -> impl Iterator<Item = (u32, &'a [Place], &'a [Place])> {
    std::iter::from_fn(move || {
        let first = [left, right].into_iter().filter_map(|list| Some(list.first()?.0));
        let image = first.min()?;
        let cut = |list: &mut &'a [Place]| {
            let end = list.iter().take_while(|place| place.0 == image).count();
            let (of_image, others) = list.split_at(end);
            *list = others;
            of_image
        };
        Some((image, cut(&mut left), cut(&mut right)))
    })
}
