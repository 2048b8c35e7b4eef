//! What can be found, and how bad it is.

use serde::Serialize;

use crate::detection::reading::{Fault, Problem};

/// A kind of finding.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum FindingKind {
    /// A file of the dataset is missing, cannot be read or is malformed.
    UnreadableFile,
    /// An image is missing, damaged, cut off, or of another format.
    UnreadableImage,
    /// A class that is not in the list.
    UnknownClass,
    /// A box that reaches outside of its image by more than a pixel.
    BoxOutside,
    /// A box without area.
    BoxWithoutArea,
    /// The annotation says another size than the image has.
    SizeMismatch,
    /// A box that another one of the image has the edges of.
    DuplicateBox,
    /// An image whose bytes another one has.
    DuplicateImage,
    /// An image whose pixels another one has, in a file of other bytes.
    DuplicatePixels,
    /// An image whose EXIF says that it is to be turned, which is not done here: boxes must fit the pixels as stored.
    ExifOrientation,
    /// An image without objects.
    EmptyImage,
    /// An image without colour.
    GreyImage,
    /// A class that no box has.
    ClassWithoutBoxes,
}

impl FindingKind {
    /// All kinds, faults first.
    pub const ALL: [Self; 13] = [
        Self::UnreadableFile,
        Self::UnreadableImage,
        Self::UnknownClass,
        Self::BoxOutside,
        Self::BoxWithoutArea,
        Self::SizeMismatch,
        Self::DuplicateBox,
        Self::DuplicateImage,
        Self::DuplicatePixels,
        Self::ExifOrientation,
        Self::EmptyImage,
        Self::GreyImage,
        Self::ClassWithoutBoxes,
    ];

    /// Whether it is a fault; others are only to be known.
    #[must_use]
    pub const fn is_fault(self) -> bool {
        !matches!(
            self,
            Self::ExifOrientation | Self::EmptyImage | Self::GreyImage | Self::ClassWithoutBoxes
        )
    }

    /// Its name.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::UnreadableFile => "unreadable-file",
            Self::UnreadableImage => "unreadable-image",
            Self::UnknownClass => "unknown-class",
            Self::BoxOutside => "box-outside",
            Self::BoxWithoutArea => "box-without-area",
            Self::SizeMismatch => "size-mismatch",
            Self::DuplicateBox => "duplicate-box",
            Self::DuplicateImage => "duplicate-image",
            Self::DuplicatePixels => "duplicate-pixels",
            Self::ExifOrientation => "exif-orientation",
            Self::EmptyImage => "empty-image",
            Self::GreyImage => "grey-image",
            Self::ClassWithoutBoxes => "class-without-boxes",
        }
    }

    /// The kind that a reader's fault is of.
    #[must_use]
    const fn of(fault: &Fault) -> Self {
        match fault {
            Fault::BoxOutside { .. } => Self::BoxOutside,
            Fault::BoxWithoutArea(_) => Self::BoxWithoutArea,
            Fault::UnknownClass { .. } | Fault::UnknownCategory { .. } => Self::UnknownClass,
            Fault::SizeMismatch { .. } => Self::SizeMismatch,
            Fault::ImageMissing | Fault::ImageFormat(_) | Fault::ImageTruncated | Fault::ImageDamaged(_) => {
                Self::UnreadableImage
            }
            _ => Self::UnreadableFile,
        }
    }
}

/// Something that was found.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// Of which kind.
    pub kind: FindingKind,
    /// The image, if it is about one.
    pub image: Option<String>,
    /// The file inside the dataset's folder, where one is at fault.
    pub file: Option<String>,
    /// Line and column in it, counted from 1.
    pub position: Option<(u32, u32)>,
    /// A sentence.
    pub message: String,
}

impl Finding {
    /// A finding about an image.
    pub(super) fn of_image(kind: FindingKind, image: &str, message: impl Into<String>) -> Self {
        Self {
            kind,
            image: Some(image.to_owned()),
            file: None,
            position: None,
            message: message.into(),
        }
    }
}

impl From<&Problem> for Finding {
    fn from(problem: &Problem) -> Self {
        let file = problem.file.to_string_lossy().into_owned();
        Self {
            kind: FindingKind::of(&problem.fault),
            image: problem.image.clone(),
            file: Some(file).filter(|file| !file.is_empty()),
            position: problem.position,
            message: problem.fault.to_string(),
        }
    }
}
