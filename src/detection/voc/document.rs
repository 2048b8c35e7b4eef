//! One annotation file: XML text to what it says, before anything is known of the image.

use std::str::FromStr;

use roxmltree::{Document, Node};

use crate::detection::Source;
use crate::detection::reading::Fault;

/// VOC's word for a viewpoint or a flag that nobody decided.
pub(super) const UNSPECIFIED: &str = "Unspecified";

/// Line and column, counted from 1.
pub(super) type Position = (u32, u32);

/// What went wrong where in the text.
pub(super) type Found = (Position, Fault);

/// Width and height, with their place.
type WrittenSize = ((u32, u32), Position);

/// An annotation file.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Written {
    /// `filename`, with its place.
    pub(super) filename: Option<(String, Position)>,
    /// `size`, unless it is missing or zero, as some tools leave it.
    pub(super) size: Option<WrittenSize>,
    /// The objects that are well formed.
    pub(super) objects: Vec<WrittenObject>,
    /// What is wrong with the others.
    pub(super) faults: Vec<Found>,
}

/// An `object`.
#[derive(Debug, PartialEq)]
pub(super) struct WrittenObject {
    pub(super) name: String,
    pub(super) name_position: Position,
    /// xmin, ymin, xmax, ymax as written.
    pub(super) corners: [f64; 4],
    pub(super) box_position: Position,
    pub(super) difficult: bool,
    pub(super) truncated: bool,
    pub(super) occluded: Option<bool>,
    /// None for VOC's `Unspecified`.
    pub(super) pose: Option<String>,
    /// Our own element, for datasets whose boxes come from models.
    pub(super) source: Source,
    pub(super) score: Option<f64>,
    pub(super) round: Option<u32>,
}

/// The class names in a file, for the list of classes; none of a file that cannot be parsed.
pub(super) fn class_names(text: &str) -> Vec<String> {
    let Ok(document) = Document::parse(text) else {
        return Vec::new();
    };
    let objects = elements(document.root_element(), "object");
    objects.filter_map(|object| content(child(object, "name")?)).collect()
}

/// Reads an annotation file.
///
/// # Errors
/// When the text is not XML or not an `annotation`. Faults of single objects are listed instead.
pub(super) fn parse(text: &str) -> Result<Written, Found> {
    let document = Document::parse(text).map_err(|error| {
        let position = error.pos();
        let message = error.to_string();
        let message = message.strip_suffix(&format!(" at {position}")).unwrap_or(&message);
        ((position.row, position.col), Fault::Xml(message.to_owned()))
    })?;
    let root = document.root_element();
    if root.tag_name().name() != "annotation" {
        let value = root.tag_name().name().to_owned();
        let (element, wanted) = ("the first element", "`annotation`");
        return Err((position(root), Fault::ElementValue { element, value, wanted }));
    }

    let mut written = Written::default();
    if let Some(node) = child(root, "filename") {
        written.filename = content(node).map(|name| (name, position(node)));
    }
    match size(root) {
        Ok(size) => written.size = size,
        Err(fault) => written.faults.push(fault),
    }
    for node in elements(root, "object") {
        match object(node) {
            Ok(object) => written.objects.push(object),
            Err(fault) => written.faults.push(fault),
        }
    }
    Ok(written)
}

fn size(root: Node<'_, '_>) -> Result<Option<WrittenSize>, Found> {
    let Some(node) = child(root, "size") else {
        return Ok(None);
    };
    let side = |name| match child(node, name) {
        Some(node) if content(node).is_some() => parsed(node, name, "a whole number").map(Some),
        _ => Ok(None),
    };
    let (width, height) = (side("width")?, side("height")?);
    Ok(match (width, height) {
        (Some(width), Some(height)) if width > 0 && height > 0 => Some(((width, height), position(node))),
        _ => None,
    })
}

/// An object, from its own children only: a `part`'s box is not the object's.
fn object(node: Node<'_, '_>) -> Result<WrittenObject, Found> {
    let missing = |parent, element| (position(node), Fault::ElementMissing { parent, element });
    let name_node = child(node, "name").ok_or_else(|| missing("object", "name"))?;
    let name = content(name_node).ok_or_else(|| missing("object", "name"))?;
    let box_node = child(node, "bndbox").ok_or_else(|| missing("object", "bndbox"))?;
    let corner = |element| {
        let node = child(box_node, element);
        let node = node.ok_or_else(|| {
            (
                position(box_node),
                Fault::ElementMissing {
                    parent: "bndbox",
                    element,
                },
            )
        })?;
        let value: f64 = parsed(node, element, "a number")?;
        let wanted = "a number";
        let fault = || Fault::ElementValue {
            element,
            value: value.to_string(),
            wanted,
        };
        if value.is_finite() {
            Ok(value)
        } else {
            Err((position(node), fault()))
        }
    };
    let annotator = child(node, "annotator").and_then(content);
    let ours = |element| child(node, element).filter(|_| annotator.is_some());
    Ok(WrittenObject {
        name,
        name_position: position(name_node),
        corners: [corner("xmin")?, corner("ymin")?, corner("xmax")?, corner("ymax")?],
        box_position: position(box_node),
        difficult: flag(node, "difficult")?.unwrap_or(false),
        truncated: flag(node, "truncated")?.unwrap_or(false),
        occluded: flag(node, "occluded")?,
        pose: child(node, "pose").and_then(content).filter(|pose| pose != UNSPECIFIED),
        source: if annotator.as_deref() == Some("model") {
            Source::Model
        } else {
            Source::Human
        },
        score: ours("score")
            .map(|node| parsed(node, "score", "a number"))
            .transpose()?,
        round: ours("round")
            .map(|node| parsed(node, "round", "a whole number"))
            .transpose()?,
    })
}

/// None for a flag that is not there, or that nobody decided, as for some objects of VOC2012.
fn flag(node: Node<'_, '_>, element: &'static str) -> Result<Option<bool>, Found> {
    let Some((node, value)) = child(node, element).and_then(|node| Some((node, content(node)?))) else {
        return Ok(None);
    };
    match value.to_ascii_lowercase().as_str() {
        "1" | "true" => Ok(Some(true)),
        "0" | "false" => Ok(Some(false)),
        "unspecified" => Ok(None),
        _ => Err((
            position(node),
            Fault::ElementValue {
                element,
                value,
                wanted: "0 or 1",
            },
        )),
    }
}

fn parsed<T: FromStr>(node: Node<'_, '_>, element: &'static str, wanted: &'static str) -> Result<T, Found> {
    let value = content(node).unwrap_or_default();
    value
        .parse()
        .map_err(|_| (position(node), Fault::ElementValue { element, value, wanted }))
}

fn elements<'a, 'input: 'a>(parent: Node<'a, 'input>, name: &'static str) -> impl Iterator<Item = Node<'a, 'input>> {
    parent
        .children()
        .filter(move |node| node.is_element() && node.tag_name().name() == name)
}

fn child<'a, 'input: 'a>(parent: Node<'a, 'input>, name: &'static str) -> Option<Node<'a, 'input>> {
    elements(parent, name).next()
}

fn content(node: Node<'_, '_>) -> Option<String> {
    let text = node.text()?.trim();
    (!text.is_empty()).then(|| text.to_owned())
}

fn position(node: Node<'_, '_>) -> Position {
    let position = node.document().text_pos_at(node.range().start);
    (position.row, position.col)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn optional_fields_may_be_missing() {
        let text = "<annotation><object><name> cat </name><bndbox><xmin>1</xmin><ymin> 2.5 </ymin><xmax>3</xmax>\
                    <ymax>4e1</ymax></bndbox></object></annotation>";
        let written = parse(text).unwrap();
        assert_eq!(
            (&written.filename, &written.size, &written.faults),
            (&None, &None, &Vec::new())
        );
        let object = &written.objects[0];
        assert_eq!((object.name.as_str(), object.corners), ("cat", [1.0, 2.5, 3.0, 40.0]));
        assert_eq!(
            (object.difficult, object.truncated, object.source),
            (false, false, Source::Human)
        );
    }

    #[test]
    fn the_box_of_a_part_is_not_an_object_nor_the_objects_box() {
        let text = "<annotation><object><name>person</name>\
                    <part><name>head</name><bndbox><xmin>9</xmin><ymin>9</ymin><xmax>10</xmax><ymax>10</ymax></bndbox></part>\
                    <bndbox><xmin>1</xmin><ymin>2</ymin><xmax>30</xmax><ymax>40</ymax></bndbox></object></annotation>";
        let written = parse(text).unwrap();
        assert_eq!(written.objects.len(), 1);
        assert_eq!(written.objects[0].corners, [1.0, 2.0, 30.0, 40.0]);
        assert_eq!(class_names(text), ["person"]);
    }

    #[test]
    fn malformed_xml_is_placed_by_line_and_column() {
        let (position, fault) = parse("<annotation>\n  <object></objekt>\n</annotation>").unwrap_err();
        assert_eq!(position, (2, 11));
        assert_eq!(fault.to_string(), "malformed XML: expected 'object' tag, not 'objekt'");
        assert!(matches!(parse("").unwrap_err().1, Fault::Xml(_)));
        assert!(matches!(parse("<html/>").unwrap_err().1, Fault::ElementValue { .. }));
    }

    #[test]
    fn every_broken_object_is_reported_and_the_others_are_read() {
        let object = |bndbox: &str| format!("<object><name>a</name>{bndbox}</object>\n");
        let good = "<bndbox><xmin>1</xmin><ymin>1</ymin><xmax>2</xmax><ymax>2</ymax></bndbox>";
        let text = format!(
            "<annotation>{}{}{}{}<object/></annotation>",
            object(""),
            object(good),
            object(&good.replace("<ymax>2</ymax>", "")),
            object(&good.replace("<xmax>2</xmax>", "<xmax>NaN</xmax>")),
        );
        let written = parse(&text).unwrap();
        assert_eq!(written.objects.len(), 1);
        let messages: Vec<String> = written
            .faults
            .iter()
            .map(|(at, fault)| format!("{}: {fault}", at.0))
            .collect();
        let expected = [
            "1: `object` has no `bndbox`",
            "3: `bndbox` has no `ymax`",
            "4: `xmax` is `NaN`, not a number",
            "5: `object` has no `name`",
        ];
        assert_eq!(messages, expected);
    }

    proptest::proptest! {
        #[test]
        fn texts_of_any_kind_are_read_without_a_panic(text in "\\PC{0,200}", at in 0_usize..400, change in "\\PC{0,20}") {
            let _ = parse(&text);
            let _ = class_names(&text);
            let whole = "<annotation><filename>a.jpg</filename><size><width>9</width><height>9</height></size><object><name>a</name>\
                <bndbox><xmin>1</xmin><ymin>1</ymin><xmax>3</xmax><ymax>3</ymax></bndbox></object></annotation>";
            let at = at.min(whole.len());
            let _ = parse(&format!("{}{change}{}", &whole[..at], &whole[at..]));
            let cut = parse(&whole[..at]);
            proptest::prop_assert!(at == whole.len() || cut.is_err());
        }
    }
}
