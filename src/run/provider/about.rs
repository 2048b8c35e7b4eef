//! What providers say of the machine that they run on: for people whose provider does not work. Nothing is remembered.

use std::path::{Path, PathBuf};
use std::time::Duration;

use super::{ask, check, programs};
use crate::stage::protocol::{About, Description};

/// A program by the name of a provider, and what it answered.
#[derive(Clone, Debug, PartialEq)]
pub struct Examined {
    /// The program.
    pub program: PathBuf,
    /// What it serves, or what is wrong with it.
    pub description: Result<Description, String>,
    /// What it says of itself and the machine, if it is one that says so.
    pub about: Option<Result<About, String>>,
}

/// Asks all providers in some folders at once; each answer may take so long.
#[must_use]
pub fn examine(folders: &[PathBuf], patience: Duration) -> Vec<Examined> {
    let programs = programs(folders);
    std::thread::scope(|scope| {
        let asked: Vec<_> = programs
            .iter()
            .map(|program| scope.spawn(move || examine_one(program, patience)))
            .collect();
        let answers = asked.into_iter().zip(&programs);
        let answer = |(thread, program): (std::thread::ScopedJoinHandle<'_, Examined>, &PathBuf)| {
            thread.join().unwrap_or_else(|_| Examined {
                program: program.clone(),
                description: Err("asking it went wrong".to_owned()),
                about: None,
            })
        };
        answers.map(answer).collect()
    })
}

fn examine_one(program: &Path, patience: Duration) -> Examined {
    let description = ask(program, "describe", patience).and_then(|text| check(&text));
    let says = description.as_ref().is_ok_and(|description| description.about);
    let wrong = |error| format!("`about` printed something else than it should ({error})");
    let about = || {
        let text = ask(program, "about", patience)?;
        serde_json::from_str::<About>(&text).map_err(wrong)
    };
    Examined {
        program: program.to_owned(),
        description,
        about: says.then(about),
    }
}

#[cfg(test)]
mod tests {
    use super::super::super::test_support::program;
    use super::*;

    #[test]
    fn only_those_are_asked_about_the_machine_that_say_so() {
        let folder = tempfile::tempdir().unwrap();
        let write = |name: &str, script: &str| program(&folder.path().join(name), &format!("#!/bin/sh\n{script}\n"));
        write(
            "asm-pipe-a",
            r#"case $1 in
              describe) echo '{"format": 1, "kinds": [], "about": true}' ;;
              about) echo '{"version": "7", "facts": {"devices": "cpu"}}' ;;
            esac"#,
        );
        write("asm-pipe-b", r#"echo '{"format": 1, "kinds": []}'"#);
        write("asm-pipe-c", r#"echo '{"format": 1, "kinds": [], "about": true}'"#);
        write("asm-pipe-d", "echo no library >&2; exit 127");
        let found = examine(&[folder.path().to_owned()], Duration::from_secs(60));
        let about = found[0].about.clone().unwrap().unwrap();
        assert_eq!((about.version.as_str(), about.facts["devices"].as_str()), ("7", "cpu"));
        assert_eq!(found[1].about, None);
        assert!(found[2].about.clone().unwrap().is_err());
        assert!(found[3].description.clone().unwrap_err().contains("no library"));
    }

    #[test]
    fn one_that_does_not_end_is_ended() {
        let folder = tempfile::tempdir().unwrap();
        program(&folder.path().join("asm-pipe-a"), "#!/bin/sh\nsleep 600\n");
        let found = examine(&[folder.path().to_owned()], Duration::from_millis(200));
        assert!(found[0].description.clone().unwrap_err().contains("did not end within"));
    }
}
