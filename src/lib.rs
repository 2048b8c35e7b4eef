//! Active-learning experiments for object detection: declared in YAML, cached by content, compared.
//!
//! The modules in dependency order; `ARCHITECTURE.md` has the picture and who may know whom.

/// Random streams: ChaCha8, seeded from (seed, purpose, position). Nothing else draws a number.
pub mod random;

/// YAML text to a checked [`spec::Pipeline`]; every mistake with file, line, column and a suggestion.
pub mod spec;

/// `asm-pipe.toml`: what a team has fixed for all its runs.
pub mod project;

/// What a stage is: kinds, ports, parameter schemas, jobs, the registry, the provider protocol.
pub mod stage;

/// A pipeline as a graph of nodes: rounds unrolled, guards, the same work only once.
pub mod plan;

/// Content-addressed objects, stage keys, records, locks. A key is named bytes.
pub mod store;

/// A store that a team shares, on an object store or in a folder. The only module that knows a vendor's protocol.
pub mod remote;

/// Events, the scheduler, executors, the journal.
pub mod run;

/// Tables by column name. The only module that knows polars.
pub mod table;

/// Files of weights: safetensors, and torch's pickles by a reader that runs nothing.
pub mod weights;

/// Boxes, annotations, detections, datasets, metrics.
pub mod detection;

/// Pools, SA annotations, cost, strategies: functions on data.
pub mod learning;

/// Means with intervals, areas under curves, paired tests, ranks: functions on numbers.
pub mod statistics;

/// What lies on disk between stages: datasets, detections, pools.
pub mod artifact;

/// Charts and the HTML page.
pub mod report;

/// The built-in stage kinds: adapters that read inputs, call one function, write outputs.
pub mod stages;

/// One file per subcommand. The only module that prints.
pub mod cli;
