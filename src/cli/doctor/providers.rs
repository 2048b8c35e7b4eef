//! Which providers there are, what they serve, and what they say of the machine.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::finding::Finding;
use crate::cli::workspace::provider_folders;
use crate::run::provider::{Examined, examine};
use crate::stages::built_in;

/// The program that is made together with this one.
const SISTER: &str = "asm-pipe-torch";

/// What was found.
#[derive(Clone, Debug, Default)]
pub(super) struct Facts {
    /// Folders that the user names and that are not there.
    absent: Vec<PathBuf>,
    found: Vec<Examined>,
    /// The names of kinds that no provider can take.
    built_in: Vec<String>,
}

pub(super) fn look(patience: Duration) -> Facts {
    let named = std::env::var_os("ASM_PIPE_PROVIDERS").unwrap_or_default();
    let named = std::env::split_paths(&named).filter(|folder| !folder.as_os_str().is_empty());
    Facts {
        absent: named.filter(|folder| !folder.is_dir()).collect(),
        found: examine(&provider_folders(), patience),
        built_in: built_in().iter().map(|stage| stage.info().name).collect(),
    }
}

pub(super) fn judge(facts: &Facts) -> Vec<Finding> {
    let mut findings: Vec<Finding> = facts.absent.iter().map(|folder| absent(folder)).collect();
    if facts.found.is_empty() {
        findings.push(Finding::problem(
            "none",
            "no provider was found: only pipelines of built-in kinds and commands run, without training and detection",
            format!(
                "put `{SISTER}` beside this program or on PATH, or name its folder in ASM_PIPE_PROVIDERS; `cargo build --release` \
                 makes both"
            ),
        ));
    }
    let taken = facts
        .built_in
        .iter()
        .map(|kind| (kind.clone(), "this program".to_owned()));
    let mut taken: BTreeMap<String, String> = taken.collect();
    for provider in &facts.found {
        findings.extend(of_one(provider, &mut taken));
    }
    findings
}

fn absent(folder: &Path) -> Finding {
    Finding::warning(
        "folder",
        format!(
            "ASM_PIPE_PROVIDERS names `{}`, and there is no such folder",
            folder.display()
        ),
        "mend the variable: it is a list of folders, as PATH is",
    )
}

fn of_one(provider: &Examined, taken: &mut BTreeMap<String, String>) -> Vec<Finding> {
    let path = provider.program.display();
    let name = provider
        .program
        .file_name()
        .unwrap_or_default()
        .to_string_lossy()
        .into_owned();
    let description = match &provider.description {
        Ok(description) => description,
        Err(why) => {
            return vec![Finding::problem(
                &name,
                format!("{path} cannot be used: {why}"),
                remedy(&path.to_string(), why),
            )];
        }
    };
    let kinds: Vec<String> = description
        .kinds
        .iter()
        .map(|kind| format!("{} (version {})", kind.name, kind.version))
        .collect();
    let about = provider.about.as_ref();
    let version = about
        .and_then(|about| about.as_ref().ok())
        .map(|about| format!(" {}", about.version));
    let said = format!("{path}{}\nserves {}", version.unwrap_or_default(), kinds.join(", "));
    let own = env!("CARGO_PKG_VERSION");
    let is_other = name == SISTER && about.is_some_and(|about| about.as_ref().is_ok_and(|about| about.version != own));
    let mut findings = vec![match is_other {
        true => Finding::warning(
            &name,
            said,
            format!("it is of another version than this program, {own}: build both together"),
        ),
        false => Finding::ok(&name, said),
    }];
    for kind in &description.kinds {
        match taken.get(&kind.name) {
            Some(other) => findings.push(Finding::warning(
                &name,
                format!("its kind `{}` is not used: {other} has one of that name", kind.name),
                "of two the first counts: take the other out of the way, or rename the kind",
            )),
            None => drop(taken.insert(kind.name.clone(), path.to_string())),
        }
    }
    match about {
        Some(Ok(about)) => {
            findings.extend(about.facts.iter().map(|(fact, said)| Finding::ok(fact, said.as_str())));
            let concern = about.concerns.iter();
            findings
                .extend(concern.map(|concern| Finding::warning(&name, concern.said.as_str(), concern.hint.as_str())));
        }
        Some(Err(why)) => findings.push(Finding::warning(
            &name,
            format!("it does not say what it has found on this machine: {why}"),
            format!("see what `{path} about` prints"),
        )),
        None => {}
    }
    findings
}

/// What to do about a provider that does not answer.
fn remedy(path: &str, why: &str) -> String {
    if why.contains("error while loading shared libraries") || why.contains("libtorch") {
        return "it does not find libtorch where it was when it was built: build it again (`make` gets libtorch), or name libtorch's \
                folder `lib` in LD_LIBRARY_PATH"
            .to_owned();
    }
    if why.contains("of the protocol") {
        return "it is of another version than this program: build both together".to_owned();
    }
    if why.contains("did not end") {
        return format!("its disk may be slow, or it hangs: see whether `{path} describe` ends");
    }
    format!("see what `{path} describe` prints")
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::finding::Level;
    use super::*;
    use crate::stage::KindInfo;
    use crate::stage::protocol::{About, Concern, Description};

    fn kind(name: &str) -> KindInfo {
        KindInfo {
            name: name.to_owned(),
            version: 2,
            summary: String::new(),
            params: json!({}),
            inputs: Vec::new(),
            outputs: Vec::new(),
            external: Vec::new(),
            cpus: 1,
            memory_mib: 1,
        }
    }

    fn provider(path: &str, kinds: &[&str]) -> Examined {
        Examined {
            program: path.into(),
            description: Ok(Description {
                format: 1,
                kinds: kinds.iter().map(|name| kind(name)).collect(),
                environment: BTreeMap::new(),
                about: true,
            }),
            about: Some(Ok(About {
                version: env!("CARGO_PKG_VERSION").to_owned(),
                facts: [("devices".to_owned(), "cpu".to_owned())].into(),
                concerns: Vec::new(),
            })),
        }
    }

    fn judged(found: Vec<Examined>) -> Vec<Finding> {
        judge(&Facts {
            found,
            built_in: vec!["evaluate".to_owned()],
            ..Facts::default()
        })
    }

    #[test]
    fn a_provider_is_told_with_its_kinds_and_what_it_has_found() {
        let found = judged(vec![provider("/b/asm-pipe-torch", &["train"])]);
        assert!(found.iter().all(|finding| finding.level == Level::Ok), "{found:?}");
        assert!(found[0].said.contains("serves train (version 2)"));
        assert_eq!((found[1].name.as_str(), found[1].said.as_str()), ("devices", "cpu"));
    }

    #[test]
    fn none_is_a_problem_and_so_is_one_that_does_not_find_its_library() {
        assert_eq!(judged(Vec::new())[0].level, Level::Problem);
        let mut broken = provider("/b/asm-pipe-torch", &[]);
        broken.description = Err(
            "`describe` ended with exit status: 127: error while loading shared libraries: libtorch_cpu.so".to_owned(),
        );
        let found = judged(vec![broken]);
        assert_eq!(found[0].level, Level::Problem);
        assert!(found[0].hint.as_ref().unwrap().contains("LD_LIBRARY_PATH"));
    }

    #[test]
    fn a_kind_that_another_has_another_version_and_concerns_are_doubtful() {
        let mut second = provider("/c/asm-pipe-torch", &["train", "evaluate", "new"]);
        let about = second.about.as_mut().unwrap().as_mut().unwrap();
        about.version = "0.0.0".to_owned();
        about.concerns.push(Concern {
            said: "no GPU".to_owned(),
            hint: "build".to_owned(),
        });
        let found = judged(vec![provider("/b/asm-pipe-x", &["train"]), second]);
        let doubtful: Vec<&str> = found
            .iter()
            .filter(|finding| finding.level == Level::Warning)
            .map(|finding| finding.said.lines().next().unwrap())
            .collect();
        assert_eq!(
            doubtful,
            [
                "/c/asm-pipe-torch 0.0.0",
                "its kind `train` is not used: /b/asm-pipe-x has one of that name",
                "its kind `evaluate` is not used: this program has one of that name",
                "no GPU"
            ]
        );
    }
}
