//! The stage provider that trains and runs detectors on libtorch.
//!
//! The network, from plain geometry up:
//! [`boxes`] and [`nms`] are plain arithmetic on rows of numbers, [`anchors`], [`matcher`], [`sampling`] and [`box_coder`] make targets
//! of them, [`layers`], [`backbone`], [`fpn`] and [`extractor`] are the convolutional part, [`rpn`], [`roi_align`] and [`roi_heads`] the
//! two stages of [`faster_rcnn`], [`loss`] what they learn from, [`transform`] its entrance; [`retina_net`] has one stage, and
//! [`detector`] is either.
//!
//! Around it: [`image`], [`augment`] and [`loader`] bring images, [`schedule`], [`optimizer`] and [`average`] say how weights move,
//! [`weights`], [`model`] and [`checkpoint`] keep them, [`train`], [`detect`] and [`scan`] are the stage kinds, [`provider`] serves
//! them, and [`about`] says what libtorch finds on the machine.

pub mod about;
pub mod anchors;
mod backbone;
pub mod box_coder;
mod box_head;
pub mod boxes;
pub mod config;
pub mod detector;
mod extractor;
pub mod faster_rcnn;
mod fpn;
#[cfg(test)]
mod golden;
mod layers;
mod loss;
pub mod matcher;
mod mode;
pub mod nms;
#[cfg(test)]
mod parity;
#[cfg(test)]
mod repeatability;
pub mod retina_net;
mod roi_align;
mod roi_heads;
mod rpn;
pub mod sampling;
pub mod scan;
mod transform;

pub mod augment;
pub mod average;
pub mod checkpoint;
pub mod detect;
pub mod device;
pub mod image;
pub mod inference;
pub mod loader;
pub mod model;
pub mod optimizer;
pub mod provider;
pub mod schedule;
pub mod train;
pub mod weights;
