//! The stage provider that trains and runs detectors on libtorch.
//!
//! The network, from plain geometry up:
//! [`boxes`] and [`nms`] are plain arithmetic on rows of numbers, [`anchors`], [`matcher`], [`sampling`] and [`box_coder`] make targets
//! of them, [`layers`], [`backbone`] and [`fpn`] are the convolutional part, [`rpn`], [`roi_align`] and [`roi_heads`] the two stages of
//! the detector, [`transform`] its entrance, and [`faster_rcnn`] the whole.

pub mod anchors;
mod backbone;
pub mod box_coder;
pub mod boxes;
pub mod config;
pub mod faster_rcnn;
mod fpn;
mod layers;
pub mod matcher;
pub mod nms;
#[cfg(test)]
mod parity;
#[cfg(test)]
mod repeatability;
mod roi_align;
mod roi_heads;
mod rpn;
pub mod sampling;
mod transform;
