//! What can be wrong with a dataset's folder, file by file, whatever its format.

use std::fmt;
use std::path::{Path, PathBuf};

/// Something wrong, with the place.
#[derive(Clone, Debug, PartialEq)]
pub struct Problem {
    /// The dataset's folder.
    pub root: PathBuf,
    /// The file inside it.
    pub file: PathBuf,
    /// Line and column in the file, counted from 1.
    pub position: Option<(u32, u32)>,
    /// The id of the image that it is about, as far as it is about one.
    pub image: Option<String>,
    /// What is wrong.
    pub fault: Box<Fault>,
}

/// What can be wrong.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum Fault {
    /// The folder is no dataset.
    #[error("not a VOC folder: neither it nor a folder in it has `Annotations`")]
    NotVoc,
    /// The folder is no dataset in any form that can be read.
    #[error(
        "not a dataset: neither VOC (`Annotations`), COCO (a JSON file with `images`, `annotations` and `categories`) nor YOLO (`data.yaml` or `classes.txt`)"
    )]
    NotADataset,
    /// There are several instances files, each a dataset.
    #[error("there are several instances files, so a set must be named: {}", .0.join(", "))]
    SeveralFiles(Vec<String>),
    /// There is no instances file of that name.
    #[error("no instances file `{set}`; there are {}", .present.join(", "))]
    FileMissing {
        /// The file asked for, without extension.
        set: String,
        /// The files there are.
        present: Vec<String>,
    },
    /// The folder is no dataset in YOLO's form.
    #[error("not a YOLO folder: it has neither `data.yaml` nor `classes.txt`")]
    NotYolo,
    /// The file that names the classes and sets is not what it should be.
    #[error("{0}")]
    Names(String),
    /// A folder of images that leads out of the dataset's.
    #[error("`{0}` leads out of the dataset's folder")]
    LeadsOut(String),
    /// There is no such set of a YOLO dataset.
    #[error("no set `{set}`; there are {}; `all` takes every image", .present.join(", "))]
    PartMissing {
        /// The set asked for.
        set: String,
        /// The sets there are.
        present: Vec<String>,
    },
    /// A line that does not describe a box.
    #[error("`{0}` is not a class and four numbers, nor a class and a polygon")]
    LabelLine(String),
    /// Malformed JSON, or JSON of another form.
    #[error("not the JSON expected: {0}")]
    Json(String),
    /// An entry lacks a key.
    #[error("`{entry}` has no `{key}`")]
    KeyMissing {
        /// Where: `annotations[3]`.
        entry: String,
        /// What is missing.
        key: &'static str,
    },
    /// An entry holds something else than it should.
    #[error("`{entry}` has {value}, not {wanted}")]
    KeyValue {
        /// Where: `annotations[3]`.
        entry: String,
        /// What it holds.
        value: String,
        /// What it should hold.
        wanted: &'static str,
    },
    /// An id that two entries of one list have.
    #[error("`{entry}` has the id {id} of another")]
    IdShared {
        /// The second of them.
        entry: String,
        /// The id.
        id: i64,
    },
    /// An annotation of an image that is not listed.
    #[error("`{entry}`: there is no image with the id {id}")]
    UnknownImage {
        /// The annotation.
        entry: String,
        /// The id.
        id: i64,
    },
    /// An annotation of a category that is not listed.
    #[error("`{entry}`: there is no category with the id {id}")]
    UnknownCategory {
        /// The annotation.
        entry: String,
        /// The id.
        id: i64,
    },
    /// Two classes of one name.
    #[error("class `{0}` is listed twice")]
    ClassTwice(String),
    /// The folder is given twice.
    #[error("the folder is given twice")]
    RootTwice,
    /// There is no such set.
    #[error("no image set `{set}`; {}", sets(.present))]
    SetMissing {
        /// The set asked for.
        set: String,
        /// The sets there are.
        present: Vec<String>,
    },
    /// The set has no images.
    #[error("lists no images")]
    SetEmpty,
    /// A line that is neither an id nor an id with -1, 0 or 1.
    #[error("`{0}` is neither an image id nor an id with -1, 0 or 1")]
    SetLine(String),
    /// The same image again.
    #[error("image `{0}` is listed twice")]
    IdTwice(String),
    /// A name that leads somewhere else.
    #[error("`{0}` is not a plain file name: folders, `..` and absolute paths are refused")]
    UnsafeName(String),
    /// No XML for an image.
    #[error("annotation is missing")]
    AnnotationMissing,
    /// A file cannot be read.
    #[error("cannot be read: {0}")]
    Unreadable(String),
    /// Malformed XML.
    #[error("malformed XML: {0}")]
    Xml(String),
    /// An element that must be there is not.
    #[error("`{parent}` has no `{element}`")]
    ElementMissing {
        /// Where it should be.
        parent: &'static str,
        /// What is missing.
        element: &'static str,
    },
    /// An element holds something else than it should.
    #[error("`{element}` is `{value}`, not {wanted}")]
    ElementValue {
        /// The element.
        element: &'static str,
        /// What it holds.
        value: String,
        /// What it should hold.
        wanted: &'static str,
    },
    /// Corners that are the same or swapped.
    #[error("box has no area: ({}, {}) to ({}, {})", .0[0], .0[1], .0[2], .0[3])]
    BoxWithoutArea([f64; 4]),
    /// A box that reaches over the image's edge by more than a pixel.
    #[error("box ({}, {}) to ({}, {}) reaches outside its image of {width}x{height}", .corners[0], .corners[1], .corners[2], .corners[3])]
    BoxOutside {
        /// The corners as written.
        corners: [f64; 4],
        /// The image's width.
        width: u32,
        /// The image's height.
        height: u32,
    },
    /// A class that is not in the list.
    #[error("class `{name}` is not in the list of classes: {}", .listed.join(", "))]
    UnknownClass {
        /// The class.
        name: String,
        /// The list.
        listed: Vec<String>,
    },
    /// The image file is not there.
    #[error("image is missing")]
    ImageMissing,
    /// Neither JPEG nor PNG, or one with the other's name.
    #[error("image is {0}")]
    ImageFormat(String),
    /// A file that stops before its end.
    #[error("image is truncated")]
    ImageTruncated,
    /// A file that cannot be decoded.
    #[error("image cannot be decoded: {0}")]
    ImageDamaged(String),
    /// The XML says another size than the image has.
    #[error("the annotation says {}x{}, the image is {}x{}", .written.0, .written.1, .actual.0, .actual.1)]
    SizeMismatch {
        /// Width and height in the XML.
        written: (u32, u32),
        /// Width and height of the image.
        actual: (u32, u32),
    },
}

impl Fault {
    /// A short name, for counting.
    #[must_use]
    pub fn reason(&self) -> &'static str {
        match self {
            Self::NotVoc => "not-voc",
            Self::NotADataset => "not-a-dataset",
            Self::SeveralFiles(_) => "several-files",
            Self::FileMissing { .. } => "set-missing",
            Self::NotYolo => "not-yolo",
            Self::Names(_) => "malformed-names",
            Self::LeadsOut(_) => "leads-out",
            Self::PartMissing { .. } => "set-missing",
            Self::LabelLine(_) => "malformed-line",
            Self::Json(_) => "malformed-json",
            Self::KeyMissing { .. } => "key-missing",
            Self::KeyValue { .. } => "key-value",
            Self::IdShared { .. } => "id-shared",
            Self::UnknownImage { .. } => "unknown-image",
            Self::ClassTwice(_) => "class-twice",
            Self::RootTwice => "root-twice",
            Self::SetMissing { .. } => "set-missing",
            Self::SetEmpty => "set-empty",
            Self::SetLine(_) => "set-line",
            Self::IdTwice(_) => "id-twice",
            Self::UnsafeName(_) => "unsafe-name",
            Self::AnnotationMissing => "annotation-missing",
            Self::Unreadable(_) => "unreadable",
            Self::Xml(_) => "malformed-xml",
            Self::ElementMissing { .. } => "element-missing",
            Self::ElementValue { .. } => "element-value",
            Self::BoxWithoutArea(_) => "box-without-area",
            Self::BoxOutside { .. } => "box-outside",
            Self::UnknownClass { .. } | Self::UnknownCategory { .. } => "unknown-class",
            Self::ImageMissing => "image-missing",
            Self::ImageFormat(_) => "image-format",
            Self::ImageTruncated => "image-truncated",
            Self::ImageDamaged(_) => "image-damaged",
            Self::SizeMismatch { .. } => "size-mismatch",
        }
    }

    /// Whether the rest of the image can be used without the box.
    #[must_use]
    pub fn spares_the_image(&self) -> bool {
        matches!(self, Self::BoxWithoutArea(_))
    }

    /// Whether nothing at all can be read, so that skipping is no answer.
    #[must_use]
    pub fn is_fatal(&self) -> bool {
        matches!(
            self,
            Self::NotVoc
                | Self::NotYolo
                | Self::NotADataset
                | Self::SeveralFiles(_)
                | Self::FileMissing { .. }
                | Self::Names(_)
                | Self::LeadsOut(_)
                | Self::PartMissing { .. }
                | Self::Json(_)
                | Self::ClassTwice(_)
                | Self::RootTwice
                | Self::SetMissing { .. }
                | Self::SetEmpty
        )
    }

    pub(in crate::detection) fn at(self, root: &Path, file: impl Into<PathBuf>) -> Problem {
        Problem {
            root: root.to_path_buf(),
            file: file.into(),
            position: None,
            image: None,
            fault: Box::new(self),
        }
    }
}

fn sets(present: &[String]) -> String {
    if present.is_empty() {
        return "there are none: `all` takes every file in Annotations".to_owned();
    }
    format!(
        "there are {}; `all` takes every file in Annotations",
        present.join(", ")
    )
}

impl Problem {
    /// Adds the position.
    pub(in crate::detection) fn position(mut self, position: (u32, u32)) -> Self {
        self.position = Some(position);
        self
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let path = if self.file.as_os_str().is_empty() {
            self.root.clone()
        } else {
            self.root.join(&self.file)
        };
        write!(f, "{}", path.display())?;
        if let Some((line, column)) = self.position {
            write!(f, ":{line}:{column}")?;
        }
        write!(f, ": {}", self.fault)
    }
}

/// All that is wrong with the folders.
#[derive(Clone, Debug, PartialEq)]
pub struct ReadError {
    /// At least one, in the order of the folders and their images.
    pub problems: Vec<Problem>,
}

/// How many problems an error spells out.
const SHOWN: usize = 20;

impl fmt::Display for ReadError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let [only] = self.problems.as_slice() {
            return write!(f, "{only}");
        }
        write!(f, "{} problems", self.problems.len())?;
        for problem in self.problems.iter().take(SHOWN) {
            write!(f, "\n  {problem}")?;
        }
        match self.problems.len().saturating_sub(SHOWN) {
            0 => Ok(()),
            more => write!(f, "\n  and {more} more"),
        }
    }
}

impl std::error::Error for ReadError {}

impl From<Problem> for ReadError {
    fn from(problem: Problem) -> Self {
        Self {
            problems: vec![problem],
        }
    }
}
