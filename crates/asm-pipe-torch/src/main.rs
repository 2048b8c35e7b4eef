//! The program of the stage provider: `describe`, `about`, `work`, `exec-job DIR`.

use std::io::Write;
use std::path::Path;
use std::process::ExitCode;

use asm_pipe_torch::{about, provider};
use serde::Serialize;

const USAGE: &str = "usage: asm-pipe-torch describe | about | work | exec-job DIR";

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let result = match words.as_slice() {
        ["describe"] => print(&provider::description()),
        ["about"] => print(&about::about()),
        ["work"] => provider::work(std::io::BufReader::new(std::io::stdin()), std::io::stdout(), leave).map(|()| true),
        ["exec-job", folder] => provider::exec_job(Path::new(folder), std::io::stdout()),
        _ => {
            let _ = writeln!(std::io::stderr(), "{USAGE}");
            return ExitCode::from(2);
        }
    };
    match result {
        Ok(true) => ExitCode::SUCCESS,
        _ => ExitCode::FAILURE,
    }
}

fn print(answer: &impl Serialize) -> std::io::Result<bool> {
    let mut text = serde_json::to_string(answer)?;
    text.push('\n');
    std::io::stdout().write_all(text.as_bytes())?;
    Ok(true)
}

/// Ends the process with a job still running: one that nobody wants any more cannot be stopped otherwise. Not by
/// `std::process::exit`, which would run libtorch's destructors under the job's threads and end in a segfault.
fn leave() {
    signal_hook::low_level::exit(0);
}
