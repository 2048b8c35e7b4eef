//! Tests of the whole program, in one binary.

#![expect(clippy::unwrap_used, reason = "clippy knows test functions, not what they call")]

mod architecture;
mod commands;
mod experiments;
mod faulty_data;
mod main_job;
mod spec;
mod support;
