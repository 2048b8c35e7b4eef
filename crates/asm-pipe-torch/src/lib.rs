//! The stage provider that trains and runs detectors on libtorch.

pub mod weights;
