//! `asm-pipe get`: a copy of an output, out of the store.

use serde_json::json;

use super::arguments::Get;
use super::failure::Failure;
use super::show::not_made;
use super::subject::Subject;
use super::terminal::{self, Format};
use super::workspace::Untouched;
use crate::run::Member;
use crate::store::Output;

pub(super) fn get(arguments: &Get) -> Result<(), Failure> {
    let opened = Untouched::open(&arguments.store)?;
    let workspace = &opened.workspace;
    let subject = Subject::of(&arguments.subject.pipelines[0], &arguments.subject, workspace)?;
    let (member, name) = find(&subject, &arguments.what)?;
    let (name, output) = output(member, name)?;
    let destination = &arguments.destination;
    // A link that leads nowhere is something, too.
    if !arguments.force && destination.symlink_metadata().is_ok() {
        return Err(
            Failure::usage(format!("there is something at {} already", destination.display()))
                .hint("`--force` replaces it"),
        );
    }
    workspace.store.export(&output, destination)?;
    match arguments.output.format {
        Format::Json => terminal::print_json(&json!({
            "stage": member.name, "output": name, "digest": output.digest, "bytes": output.bytes, "path": destination,
        })),
        Format::Human => terminal::print(&format!("{}\n", destination.display())),
    }
}

/// The stage that is meant, and the output if one is named: the whole is a stage, or what comes before the last dot.
pub(super) fn find<'a>(subject: &'a Subject, what: &'a str) -> Result<(&'a Member, Option<&'a str>), Failure> {
    if subject.is_key() {
        return Ok((one(subject, "")?, Some(what)));
    }
    let whole = one(subject, what);
    match (whole, what.rsplit_once('.')) {
        (Ok(member), _) => Ok((member, None)),
        (Err(failure), None) => Err(failure),
        (Err(failure), Some((stage, output))) => match one(subject, stage) {
            Ok(member) => Ok((member, Some(output))),
            // `round-1.detct` is a stage with a slip in it, `detect.bxes` an output.
            Err(other) => Err(if stage.starts_with("round-") && !stage.contains('.') {
                failure
            } else {
                other
            }),
        },
    }
}

fn one<'a>(subject: &'a Subject, stage: &str) -> Result<&'a Member, Failure> {
    match &subject.find(stage)?[..] {
        [only] => Ok(only),
        several => {
            let names: Vec<&str> = several.iter().map(|member| member.name.as_str()).collect();
            Err(Failure::usage(format!("`{stage}` means several stages"))
                .hint(format!("name one: {}", names.join(" "))))
        }
    }
}

/// The output of that name, or the only one.
pub(super) fn output(member: &Member, name: Option<&str>) -> Result<(String, Output), Failure> {
    let record = member.record.as_ref().ok_or_else(|| not_made(&[member]))?;
    let found = match name {
        Some(name) => record.outputs.get_key_value(name),
        None if record.outputs.len() == 1 => record.outputs.first_key_value(),
        None => None,
    };
    found.map(|(name, output)| (name.clone(), *output)).ok_or_else(|| {
        let has: Vec<String> = record
            .outputs
            .keys()
            .map(|output| format!("{}.{output}", member.name))
            .collect();
        let asked = match name {
            Some(name) => format!("`{}` has no output `{name}`", member.name),
            None => format!("`{}` has several outputs", member.name),
        };
        Failure::usage(asked).hint(format!("it has: {}", has.join(" ")))
    })
}
