//! Tests of the whole program, in one binary.

#![expect(clippy::unwrap_used, reason = "clippy knows test functions, not what they call")]

mod architecture;
mod awkward_cases;
mod browser;
mod cache;
mod commands;
mod commands_as_stages;
mod data;
mod doctor;
mod experiments;
mod faults;
mod faulty_data;
mod inspect;
mod main_job;
mod remote;
mod remote_s3;
mod results;
mod serve;
mod shell;
mod slurm;
mod slurm_cluster;
mod spec;
mod strategies;
mod support;
mod weights;
