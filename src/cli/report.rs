//! `asm-pipe report`: results again, from what the store has; or several folders of results side by side.

use super::arguments::Report;
use super::compare::compare;
use super::failure::Failure;
use super::load::load;
use super::results;
use super::terminal::{self, Format};
use super::workspace::Workspace;

pub(super) fn report(arguments: &Report) -> Result<(), Failure> {
    let written = if arguments.compare.is_empty() {
        again(arguments)?
    } else {
        vec![compare(&arguments.compare, &arguments.results)?]
    };
    tell(&written, arguments.output.format)
}

fn again(arguments: &Report) -> Result<Vec<results::Written>, Failure> {
    let workspace = Workspace::open(&arguments.store)?;
    // What is found in the store must not be removed while it is being read.
    let _in_use = workspace.store.in_use()?;
    let loaded = load(&arguments.pipelines, &[], &workspace.registry)?;
    results::write_again(&loaded, &workspace, &arguments.results)
}

fn tell(written: &[results::Written], format: Format) -> Result<(), Failure> {
    match format {
        Format::Json => terminal::print_json(&written.iter().map(|results| &results.page).collect::<Vec<_>>()),
        Format::Human => {
            for results in written {
                terminal::print(&format!("\n{}\n{}\n", results.table, results.page.display()))?;
            }
            Ok(())
        }
    }
}
