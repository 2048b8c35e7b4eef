//! `asm-pipe score`: detections of any detector against a COCO ground truth.

use super::arguments::Score;
use super::failure::Failure;
use super::progress::short;
use super::terminal::{self, Format};

pub(super) fn score(arguments: &Score) -> Result<(), Failure> {
    let _ = (arguments, short as fn(f64) -> String, Format::Human, terminal::warn as fn(&str));
    Err(Failure::usage("not yet"))
}
