//! The command line: one file a subcommand. The only module that prints. Knows no algorithm.

mod arguments;
mod cache;
mod check_determinism;
mod columns;
mod compare;
mod complete;
mod completions;
mod data;
mod defaults;
mod detect;
mod diff;
mod doctor;
mod examples;
mod exec;
mod exec_job;
mod explain;
mod failure;
mod figures;
mod get;
mod graph;
mod init;
mod load;
mod log;
mod man;
mod params;
mod plan;
mod progress;
mod remote;
mod report;
mod reproduce;
mod results;
mod run;
mod runs;
mod schema;
mod score;
mod serve;
mod settled;
mod show;
mod stages;
mod status;
mod subject;
mod tensorboard;
mod terminal;
mod weights;
mod workspace;

use std::process::ExitCode;

use arguments::Command;
pub use failure::{Failure, FailureKind};

/// Reads the arguments, does what they say, prints a failure once, gives the exit code.
#[must_use]
pub fn main() -> ExitCode {
    let (arguments, file) = defaults::parse();
    let format = arguments.command.format();
    if let (Err(failure), true) = (&file.project, arguments.command.wants_project()) {
        return terminal::fail(failure, format);
    }
    let done = match &arguments.command {
        Command::Run(arguments) => run::run(arguments, &file),
        Command::Plan(arguments) => plan::plan(arguments),
        Command::Graph(arguments) => graph::graph(arguments),
        Command::Params(arguments) => params::params(arguments),
        Command::Report(arguments) => report::report(arguments),
        Command::Reproduce(arguments) => reproduce::reproduce(arguments),
        Command::Serve(arguments) => serve::serve(arguments),
        Command::Explain(arguments) => explain::explain(arguments),
        Command::Runs(arguments) => runs::runs(arguments),
        Command::Status(arguments) => status::status(arguments),
        Command::Log(arguments) => log::log(arguments),
        Command::Show(arguments) => show::show(arguments),
        Command::Get(arguments) => get::get(arguments),
        Command::Diff(arguments) => diff::diff(arguments),
        Command::Stages(arguments) => stages::stages(arguments),
        Command::Score(arguments) => score::score(arguments),
        Command::Exec(arguments) => exec::exec(arguments),
        Command::ExecJob(arguments) => exec_job::exec_job(arguments),
        Command::Data(arguments) => match data::data(arguments) {
            Ok(code) => return code,
            Err(failure) => Err(failure),
        },
        Command::Detect(arguments) => detect::detect(arguments),
        Command::Weights(arguments) => weights::weights(arguments),
        Command::Cache(arguments) => cache::cache(arguments),
        Command::CheckDeterminism(arguments) => check_determinism::check_determinism(arguments),
        Command::Doctor(arguments) => match doctor::doctor(arguments, &file) {
            Ok(code) => return code,
            Err(failure) => Err(failure),
        },
        Command::Init(arguments) => init::init(arguments),
        Command::Schema(arguments) => schema::schema(arguments),
        Command::Completions(arguments) => completions::completions(arguments),
        Command::Man(arguments) => man::man(arguments),
        Command::Complete(arguments) => complete::complete(arguments),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => terminal::fail(&failure, format),
    }
}
