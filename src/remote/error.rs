//! What can go wrong with a remote, in words that hold no secret.
//!
//! A server's answer may repeat what was sent to it (S3 names the access key of a request that it refuses), and a URL may hold a
//! signature. So answers are not passed on as they are: of an error the kind is told, and of the system's or the server's words the
//! first line, without queries and without the values of variables that hold secrets.

use std::error::Error;

use object_store::Error as Answer;

use super::Location;
use super::location::LocationError;
use crate::store::StoreError;

/// Why a remote could not do what was asked.
#[derive(Debug, thiserror::Error)]
pub enum RemoteError {
    /// The text is no place of a remote.
    #[error(transparent)]
    Location(#[from] LocationError),
    /// The credentials are missing, wrong, or not enough.
    #[error("the remote `{place}` denies access")]
    Denied {
        /// The remote.
        place: Location,
    },
    /// There is no such bucket or folder.
    #[error("the remote `{place}` does not exist")]
    Absent {
        /// The remote.
        place: Location,
    },
    /// It does not answer, or not as it should.
    #[error("the remote `{place}` cannot be used: {why}")]
    Failed {
        /// The remote.
        place: Location,
        /// What the system or the server said.
        why: String,
    },
    /// It was made by a later version of the program.
    #[error("the remote `{place}` has format `{found}`, this program knows `{known}`")]
    Newer {
        /// The remote.
        place: Location,
        /// Its format.
        found: String,
        /// The format this program knows.
        known: &'static str,
    },
    /// The user wants to end.
    #[error("it was interrupted")]
    Cancelled,
    /// The store on this side.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl RemoteError {
    /// What to try.
    #[must_use]
    pub fn hints(&self) -> Vec<String> {
        let hint = match self {
            Self::Denied { .. } => {
                "credentials are read from the environment: AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, GOOGLE_SERVICE_ACCOUNT, \
                 AZURE_STORAGE_ACCOUNT and AZURE_STORAGE_KEY; `asm-pipe cache status --help` lists them"
            }
            Self::Absent { .. } => "make the bucket or folder with the vendor's tools, or name another with `--remote`",
            Self::Failed { .. } => "check the network and AWS_ENDPOINT_URL; `asm-pipe cache status` tries it again",
            Self::Newer { .. } => "use the newer program, or another place with `--remote`",
            Self::Store(error) => return error.hints(),
            Self::Location(_) | Self::Cancelled => return Vec::new(),
        };
        vec![hint.to_owned()]
    }
}

/// What an answer other than "there is no such object" means. `secrets` are not to be repeated.
pub(super) fn told(place: &Location, answer: &Answer, secrets: &[String]) -> RemoteError {
    let place = place.clone();
    let text = whole(answer);
    match answer {
        Answer::PermissionDenied { .. } | Answer::Unauthenticated { .. } => RemoteError::Denied { place },
        Answer::NotFound { .. } => RemoteError::Absent { place },
        // Without any credentials the machine's own are asked for, which only a machine in the cloud has.
        _ if text.contains("169.254.169.254") || text.contains("metadata.google.internal") => {
            RemoteError::Denied { place }
        }
        _ => {
            let why = harmless(&said(&innermost(answer).to_string()), secrets);
            RemoteError::Failed { place, why }
        }
    }
}

/// Whether "there is no such object" was said because there is no such bucket.
pub(super) fn names_no_bucket(answer: &Answer) -> bool {
    let text = whole(answer);
    [
        "NoSuchBucket",
        "ContainerNotFound",
        "The specified bucket does not exist",
    ]
    .iter()
    .any(|said| text.contains(said))
}

/// The words of an error and of all that are behind it.
fn whole(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut next = error.source();
    while let Some(error) = next {
        text += &format!(": {error}");
        next = error.source();
    }
    text
}

fn innermost<'a>(error: &'a (dyn Error + 'static)) -> &'a (dyn Error + 'static) {
    let mut error = error;
    while let Some(source) = error.source() {
        error = source;
    }
    error
}

/// Of a server's answer its status, without the body that came with it; any other text as it is.
fn said(text: &str) -> String {
    if let Some((_, answer)) = text.split_once("status code: ") {
        return format!("the server answers {}", answer.split(':').next().unwrap_or_default());
    }
    if text.starts_with("Server returned error response") {
        return "the server answers with an error".to_owned();
    }
    text.to_owned()
}

/// The first line of a text, up to the body of an answer, without queries and secrets.
fn harmless(text: &str, secrets: &[String]) -> String {
    let line = text.lines().next().unwrap_or_default();
    let line = line.split(": <").next().unwrap_or(line);
    let words = line.split(' ').map(|word| match word.split_once('?') {
        Some((before, after)) if after.contains('=') => format!("{before}?.."),
        _ => word.to_owned(),
    });
    let mut line = words.collect::<Vec<_>>().join(" ");
    for secret in secrets {
        line = line.replace(secret.as_str(), "..");
    }
    line.trim_end_matches([':', ' ']).to_owned()
}

/// The values of variables that hold something secret.
pub(super) fn secrets() -> Vec<String> {
    let names = ["KEY", "SECRET", "TOKEN", "PASSWORD", "SAS", "CREDENTIAL"];
    let vendors = ["AWS_", "GOOGLE_", "AZURE_"];
    let found = std::env::vars_os().filter_map(|(name, value)| {
        let (name, value) = (name.into_string().ok()?, value.into_string().ok()?);
        let is_secret =
            vendors.iter().any(|start| name.starts_with(start)) && names.iter().any(|part| name.contains(part));
        // A short value would be found in words that have nothing to do with it.
        (is_secret && value.len() >= 6).then_some(value)
    });
    found.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn place() -> Location {
        "s3://team/lab".parse().unwrap()
    }

    fn generic(text: &str) -> Answer {
        Answer::Generic {
            store: "S3",
            source: text.to_owned().into(),
        }
    }

    #[test]
    fn no_secret_is_repeated() {
        let secrets = ["hunter2hunter2".to_owned()];
        for text in [
            "error sending request for url (https://team.blob/x?sig=hunter2hunter2&se=1)",
            "Server returned non-2xx status code: 500: <Error><Key>hunter2hunter2</Key></Error>",
            "no route to hunter2hunter2",
            "first line\nAuthorization: hunter2hunter2",
        ] {
            let error = told(&place(), &generic(text), &secrets);
            assert!(!error.to_string().contains("hunter2"), "{error}");
            let alone = told(&place(), &generic(text), &[]);
            assert!(
                !alone.to_string().contains("hunter2") || text.starts_with("no route"),
                "{alone}"
            );
        }
    }

    #[test]
    fn an_answer_is_told_as_what_the_user_can_do_something_about() {
        let source = || "403: <AWSAccessKeyId>AKIA</AWSAccessKeyId>".to_owned().into();
        let path = || "records/x".to_owned();
        let denied = told(
            &place(),
            &Answer::PermissionDenied {
                path: path(),
                source: source(),
            },
            &[],
        );
        assert_eq!(denied.to_string(), "the remote `s3://team/lab` denies access");
        assert!(denied.hints()[0].contains("AWS_ACCESS_KEY_ID"));
        let metadata = told(
            &place(),
            &generic("error for url (http://169.254.169.254/latest): timed out"),
            &[],
        );
        assert!(matches!(metadata, RemoteError::Denied { .. }));
        let refused = told(&place(), &generic("Connection refused (os error 111)"), &[]);
        assert_eq!(
            refused.to_string(),
            "the remote `s3://team/lab` cannot be used: Connection refused (os error 111)"
        );
        let broken = told(
            &place(),
            &generic("Server returned non-2xx status code: 500 Internal Server Error: token AKIA"),
            &[],
        );
        assert!(
            broken
                .to_string()
                .ends_with("cannot be used: the server answers 500 Internal Server Error"),
            "{broken}"
        );
        let absent = Answer::NotFound {
            path: path(),
            source: "404: <Code>NoSuchBucket</Code>".into(),
        };
        assert!(names_no_bucket(&absent));
        assert!(!names_no_bucket(&Answer::NotFound {
            path: path(),
            source: "404: <Code>NoSuchKey</Code>".into()
        }));
    }
}
