//! Tests of the whole program, in one binary.

mod architecture;
mod spec;
