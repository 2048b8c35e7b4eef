//! The remote: whether it is reached, can be read, and written to if that is wanted. Credentials are named, never shown.

use std::time::Duration;

use super::finding::Finding;
use crate::cli::Failure;
use crate::cli::remote::{RemoteArguments, RemoteMode};
use crate::remote::{Examined, Mode, Probed, Remote, RemoteError};

/// What the vendors' variables begin with.
const VENDORS: [&str; 3] = ["AWS_", "GOOGLE_", "AZURE_"];

/// What was found.
#[derive(Debug)]
pub(super) enum Facts {
    /// None is named.
    None,
    /// One is named, and switched off.
    Off,
    /// What is named is no remote.
    Wrong(Failure),
    /// It cannot be asked.
    Closed(String, RemoteError),
    /// It was asked.
    Asked {
        place: String,
        variables: Vec<String>,
        probe: String,
        patience: Duration,
        examined: Examined,
    },
}

/// Asks the remote, for so long at most.
pub(super) fn look(arguments: &RemoteArguments, patience: Duration) -> Facts {
    let (place, mode) = match arguments.place() {
        Ok(Some(found)) => found,
        Ok(None) if arguments.remote.is_some() && arguments.remote_mode == RemoteMode::Off => return Facts::Off,
        Ok(None) => return Facts::None,
        Err(failure) => return Facts::Wrong(failure),
    };
    let remote = match Remote::open(&place, mode) {
        Ok(remote) => remote,
        Err(error) => return Facts::Closed(place.to_string(), error),
    };
    let probe = probe_name();
    Facts::Asked {
        place: format!(
            "{place}, {}",
            if mode == Mode::ReadWrite {
                "read-write"
            } else {
                "read-only"
            }
        ),
        variables: variables(),
        examined: remote.examine(&probe, patience),
        probe,
        patience,
    }
}

/// A name that nothing else has.
fn probe_name() -> String {
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    let now = now.map_or(0, |since| since.as_nanos());
    let host = fs_err::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
    let host: String = host
        .trim()
        .chars()
        .filter(|c| c.is_ascii_alphanumeric() || *c == '-')
        .collect();
    format!("asm-pipe-doctor-{host}-{}-{now}", std::process::id())
}

/// The names of the vendors' variables that are set.
fn variables() -> Vec<String> {
    let names = std::env::vars_os().filter_map(|(name, _)| name.into_string().ok());
    let mut names: Vec<String> = names
        .filter(|name| VENDORS.iter().any(|vendor| name.starts_with(vendor)))
        .collect();
    names.sort_unstable();
    names
}

pub(super) fn judge(facts: &Facts) -> Vec<Finding> {
    let hint = |error: &RemoteError| error.hints().pop().unwrap_or_else(|| "check the network".to_owned());
    match facts {
        Facts::None => vec![Finding::ok("place", "none is named")],
        Facts::Off => vec![Finding::ok("place", "it is switched off")],
        Facts::Wrong(failure) => vec![Finding::problem(
            "place",
            failure.message.clone(),
            "mend `url` under `[remote]` in asm-pipe.toml, ASM_PIPE_REMOTE or `--remote`",
        )],
        Facts::Closed(place, error) => vec![
            Finding::ok("place", place.as_str()),
            Finding::problem("reading", error.to_string(), hint(error)),
        ],
        Facts::Asked {
            place,
            variables,
            probe,
            patience,
            examined,
        } => {
            let mut findings = vec![Finding::ok("place", place.as_str())];
            if !place.starts_with("file:") {
                findings.push(credentials(variables));
            }
            let failed = |name: &str, error: &RemoteError| match error {
                RemoteError::Cancelled => Finding::problem(
                    name,
                    format!("no answer within {} s", patience.as_secs()),
                    "check the network, proxies and AWS_ENDPOINT_URL; `asm-pipe cache status` waits longer",
                ),
                error => Finding::problem(name, error.to_string(), hint(error)),
            };
            findings.push(match &examined.is_begun {
                Ok(true) => Finding::ok("reading", "it answers, and its format is known"),
                Ok(false) => Finding::ok("reading", "it answers, and nothing was ever sent there"),
                Err(error) => failed("reading", error),
            });
            findings.extend(examined.probe.as_ref().map(|probed| match probed {
                Ok(Probed::Gone) => Finding::ok("writing", "an object was written, read back and removed"),
                Ok(Probed::Left(error)) => Finding::warning(
                    "writing",
                    format!("an object was written and read back, but not removed: {error}"),
                    format!("a run removes nothing there, so that is enough; remove `{probe}` by hand"),
                ),
                Err(error) => {
                    let mut finding = failed("writing", error);
                    let left = format!(
                        "`{probe}` may have been left there; for a remote that is only read: `--remote-mode read-only`"
                    );
                    finding.hint = finding.hint.map(|hint| format!("{hint}\n{left}"));
                    finding
                }
            }));
            findings
        }
    }
}

fn credentials(variables: &[String]) -> Finding {
    let said = match variables {
        [] => "no variable of a vendor is set: the role of the machine or container is used, if it has one".to_owned(),
        names => format!("set: {}", names.join(", ")),
    };
    Finding::ok("credentials", said)
}

#[cfg(test)]
mod tests {
    use super::super::finding::Level;
    use super::*;

    fn asked(is_begun: Result<bool, RemoteError>, probe: Option<Result<Probed, RemoteError>>) -> Vec<Finding> {
        judge(&Facts::Asked {
            place: "s3://lab/x, read-write".to_owned(),
            variables: vec!["AWS_REGION".to_owned()],
            probe: "asm-pipe-doctor-1".to_owned(),
            patience: Duration::from_secs(5),
            examined: Examined { is_begun, probe },
        })
    }

    fn denied() -> RemoteError {
        RemoteError::Denied {
            place: "s3://lab/x".parse().unwrap(),
        }
    }

    #[test]
    fn a_remote_that_is_read_and_written_is_fine() {
        let found = asked(Ok(false), Some(Ok(Probed::Gone)));
        assert!(found.iter().all(|finding| finding.level == Level::Ok), "{found:?}");
        assert_eq!(asked(Ok(true), None).len(), 3);
    }

    #[test]
    fn what_is_denied_or_does_not_answer_is_a_problem_with_what_to_do() {
        let found = asked(Err(denied()), None);
        assert!(
            found[2].hint.as_ref().unwrap().contains("AWS_ACCESS_KEY_ID"),
            "{found:?}"
        );
        let found = asked(Err(RemoteError::Cancelled), None);
        assert!(found[2].said.contains("no answer within 5 s"), "{found:?}");
        let found = asked(Ok(true), Some(Err(denied())));
        assert_eq!(found[3].level, Level::Problem);
        assert!(found[3].hint.as_ref().unwrap().contains("asm-pipe-doctor-1"));
    }

    #[test]
    fn a_probe_that_cannot_be_removed_is_named() {
        let found = asked(Ok(true), Some(Ok(Probed::Left(denied()))));
        assert_eq!(found[3].level, Level::Warning);
        assert!(found[3].hint.as_ref().unwrap().contains("asm-pipe-doctor-1"));
    }

    #[test]
    fn no_remote_is_fine_and_a_wrong_one_is_not() {
        assert_eq!(judge(&Facts::None)[0].level, Level::Ok);
        assert_eq!(judge(&Facts::Off)[0].level, Level::Ok);
        assert_eq!(judge(&Facts::Wrong(Failure::usage("no")))[0].level, Level::Problem);
    }
}
