//! The rules of a protocol, as switches, and the presets by name.

use std::fmt;
use std::str::FromStr;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Assignment, Interpolation};

/// A named set of rules.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum Protocol {
    /// COCO's twelve figures, as pycocotools 2.0 computes them; difficult objects are left out of the ground truth.
    #[default]
    #[serde(rename = "coco")]
    Coco,
    /// VOC 2007: AP at an IoU of 0.5 over 11 recall points; difficult objects are neither hit nor miss.
    #[serde(rename = "voc07")]
    Voc07,
    /// VOC 2010 and later: as `voc07`, but the area under the curve.
    #[serde(rename = "voc10")]
    Voc10,
    /// As Detectron2 writes and scores VOC 2007: overlap above (not at) 0.5, scores rounded to 0.001, boxes to 0.1.
    #[serde(rename = "detectron2-voc07")]
    Detectron2Voc07,
}

/// What is done with objects that the ground truth calls difficult.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum DifficultObjects {
    /// Neither counted nor punished.
    Ignore,
    /// Objects like any other.
    Count,
    /// Not there: finding one is a mistake.
    Drop,
}

/// How the overlap of two boxes is computed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OverlapRule {
    /// From corner and size, as pycocotools does.
    Sizes,
    /// From the corners, as the VOC devkit does. `plus_one` counts the pixel at the right and lower edge; it is for corners that
    /// name the last pixel inside. Ours are continuous (VOC's first corner less 1), so that its widths come out
    /// the same without.
    Corners {
        /// Add 1 to widths and heights.
        plus_one: bool,
    },
}

/// The rules of matching and averaging at one overlap threshold.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Rules {
    /// At most so many detections an image and class count.
    pub cap: Option<usize>,
    /// The overlap that a hit needs.
    pub threshold: f64,
    /// The overlap must be above the threshold, not only reach it.
    pub strictly_above: bool,
    /// How overlaps are computed.
    pub overlap: OverlapRule,
    /// Which object a detection may have.
    pub assignment: Assignment,
    /// Difficult objects.
    pub difficult: DifficultObjects,
    /// How the curve becomes a number.
    pub interpolation: Interpolation,
    /// Scores are rounded to 0.001 and boxes, counted from 1 as VOC does, to 0.1 first, as Detectron2 writes them.
    pub rounded: bool,
}

impl Rules {
    /// The VOC devkit's rules; 11 recall points as its descendants place them.
    #[must_use]
    pub const fn voc07() -> Self {
        Self {
            cap: None,
            threshold: 0.5,
            strictly_above: false,
            overlap: OverlapRule::Corners { plus_one: false },
            assignment: Assignment::HighestOnly,
            difficult: DifficultObjects::Ignore,
            interpolation: Interpolation::Points11,
            rounded: false,
        }
    }

    /// As [`Rules::voc07`], with the area under the curve.
    #[must_use]
    pub const fn voc10() -> Self {
        Self {
            interpolation: Interpolation::Area,
            ..Self::voc07()
        }
    }

    /// Detectron2's rules for VOC 2007.
    #[must_use]
    pub const fn detectron2_voc07() -> Self {
        Self {
            strictly_above: true,
            rounded: true,
            ..Self::voc07()
        }
    }

    /// COCO's rules at a threshold.
    #[must_use]
    pub const fn coco(threshold: f64) -> Self {
        Self {
            cap: Some(100),
            threshold,
            strictly_above: false,
            overlap: OverlapRule::Sizes,
            assignment: Assignment::BestFree,
            difficult: DifficultObjects::Drop,
            interpolation: Interpolation::Points101,
            rounded: false,
        }
    }
}

impl Protocol {
    /// All presets.
    pub const ALL: [Self; 4] = [Self::Coco, Self::Voc07, Self::Voc10, Self::Detectron2Voc07];

    /// Its rules; of COCO's ten thresholds the first.
    #[must_use]
    pub const fn rules(self) -> Rules {
        match self {
            Self::Coco => Rules::coco(0.5),
            Self::Voc07 => Rules::voc07(),
            Self::Voc10 => Rules::voc10(),
            Self::Detectron2Voc07 => Rules::detectron2_voc07(),
        }
    }

    /// The preset's name.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Coco => "coco",
            Self::Voc07 => "voc07",
            Self::Voc10 => "voc10",
            Self::Detectron2Voc07 => "detectron2-voc07",
        }
    }
}

impl fmt::Display for Protocol {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// A protocol that does not exist.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("unknown protocol `{0}`; there are coco, voc07, voc10, detectron2-voc07")]
pub struct UnknownProtocol(String);

impl FromStr for Protocol {
    type Err = UnknownProtocol;

    fn from_str(name: &str) -> Result<Self, UnknownProtocol> {
        let found = Self::ALL.into_iter().find(|protocol| protocol.name() == name);
        found.ok_or_else(|| UnknownProtocol(name.to_owned()))
    }
}
