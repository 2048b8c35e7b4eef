//! Where a remote is, as people write it: `s3://bucket/prefix`, `gs://`, `az://container/prefix`, `file:///folder`.
//!
//! Holds nothing secret: who may come in stands in the environment, and a URL that has a user, a password or a signature in it is
//! refused without being repeated.

use std::fmt;
use std::str::FromStr;

/// Whose service it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Service {
    /// A folder.
    File,
    /// Amazon S3, and what speaks its protocol.
    S3,
    /// Google Cloud Storage.
    Google,
    /// Azure Blob Storage.
    Azure,
}

impl Service {
    const ALL: [(Self, &'static str); 4] = [
        (Self::S3, "s3"),
        (Self::Google, "gs"),
        (Self::Azure, "az"),
        (Self::File, "file"),
    ];

    fn scheme(self) -> &'static str {
        let found = Self::ALL.iter().find(|(service, _)| *service == self);
        found.map_or("", |(_, scheme)| scheme)
    }
}

/// Where a remote is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Location {
    pub(super) service: Service,
    /// The bucket or container; of a folder nothing.
    pub(super) bucket: String,
    /// What all names on the remote begin with, without slashes at its ends; of a folder its path.
    pub(super) prefix: String,
}

/// Why a text is no place of a remote.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum LocationError {
    /// No scheme that is known.
    #[error("a remote is written `s3://BUCKET/PREFIX`, `gs://..`, `az://CONTAINER/..` or `file:///FOLDER`")]
    Scheme,
    /// A user, a password or a signature.
    #[error(
        "the URL of a remote must not hold a user, a password or a query: credentials are taken from the environment"
    )]
    Secret,
    /// No bucket, or one with odd characters.
    #[error("the URL of a remote needs the name of a bucket: letters, digits, `-`, `_` and `.`")]
    Bucket,
    /// A folder that is not absolute.
    #[error("a folder as a remote is written with three slashes and its whole path: `file:///data/team`")]
    Relative,
    /// An odd path.
    #[error("the path in the URL of a remote must not have empty parts, `.`, `..` or control characters")]
    Path,
}

impl FromStr for Location {
    type Err = LocationError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (scheme, rest) = text.trim().split_once("://").ok_or(LocationError::Scheme)?;
        let known = Service::ALL.iter().find(|(_, known)| *known == scheme);
        let (service, _) = *known.ok_or(LocationError::Scheme)?;
        let (bucket, path) = rest.split_once('/').unwrap_or((rest, ""));
        if rest.contains(['?', '#']) || bucket.contains('@') {
            return Err(LocationError::Secret);
        }
        let is_name = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c);
        match service {
            Service::File if !bucket.is_empty() || !rest.starts_with('/') => return Err(LocationError::Relative),
            Service::File => {}
            _ if bucket.is_empty() || !bucket.chars().all(is_name) => return Err(LocationError::Bucket),
            _ => {}
        }
        let prefix = path.strip_suffix('/').unwrap_or(path);
        let is_part = |part: &str| !part.is_empty() && part != "." && part != ".." && !part.contains(char::is_control);
        if !prefix.is_empty() && !prefix.split('/').all(is_part) {
            return Err(LocationError::Path);
        }
        Ok(Self {
            service,
            bucket: bucket.to_owned(),
            prefix: prefix.to_owned(),
        })
    }
}

impl fmt::Display for Location {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}://{}", self.service.scheme(), self.bucket)?;
        if self.prefix.is_empty() && self.service != Service::File {
            return Ok(());
        }
        write!(f, "/{}", self.prefix)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_of_all_services_are_read_and_written_the_same() {
        for (text, bucket, prefix) in [
            ("s3://team", "team", ""),
            ("s3://team/lab/store", "team", "lab/store"),
            ("gs://team-1/a b", "team-1", "a b"),
            ("az://container/x@y", "container", "x@y"),
            ("file:///data/team", "", "data/team"),
        ] {
            let location: Location = text.parse().unwrap();
            assert_eq!((location.bucket.as_str(), location.prefix.as_str()), (bucket, prefix));
            assert_eq!(location.to_string(), text);
        }
        let location: Location = " s3://team/lab/ ".parse().unwrap();
        assert_eq!(location.to_string(), "s3://team/lab");
    }

    #[test]
    fn what_is_no_place_is_told_as_what_it_is() {
        use LocationError::{Bucket, Path, Relative, Scheme};
        for (text, wrong) in [
            ("", Scheme),
            ("team", Scheme),
            ("ftp://team/x", Scheme),
            ("s3:/team", Scheme),
            ("s3:///x", Bucket),
            ("s3://te am/x", Bucket),
            ("s3://team:80/x", Bucket),
            ("file://data/team", Relative),
            ("file://", Relative),
            ("s3://team//x", Path),
            ("file:///data/../x", Path),
        ] {
            assert_eq!(text.parse::<Location>().unwrap_err(), wrong, "{text}");
        }
    }

    #[test]
    fn a_secret_in_the_url_is_refused_and_not_repeated() {
        for text in [
            "s3://AKIA:hunter2@team/x",
            "az://hunter2@team",
            "az://team/x?sig=hunter2",
            "gs://team/#hunter2",
            "hunter2://team",
        ] {
            let error = text.parse::<Location>().unwrap_err();
            assert!(!error.to_string().contains("hunter2"), "{error}");
        }
    }

    proptest::proptest! {
        #[test]
        fn a_text_is_refused_or_comes_back(text in "(s3|gs|az|file|x)://.{0,20}") {
            if let Ok(location) = text.parse::<Location>() {
                proptest::prop_assert_eq!(location.to_string().parse::<Location>().unwrap(), location);
            }
        }
    }
}
