//! What a stage gave: outputs by digest, with the key's material so that a later miss can be explained.

use std::collections::BTreeMap;
use std::path::Path;

use serde::{Deserialize, Serialize};

use super::{Digest, KeyMaterial, StoreError, atomic};

/// A stored file or folder.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Output {
    /// The content's digest; of a folder, its manifest's.
    pub digest: Digest,
    /// The size of the file, or of all the folder's files.
    pub bytes: u64,
    /// Whether it is a folder.
    pub folder: bool,
}

/// What is known of a stage that succeeded. Holds no path of the store or of the user's machine. Who made it where and when is told
/// to people: no key and no digest of an output depends on it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Record {
    /// The stage key.
    pub key: Digest,
    /// What the key was made of.
    pub material: KeyMaterial,
    /// The stage's name when it was made. A hint for people: others may share the record under other names.
    pub stage: String,
    /// What it wrote.
    pub outputs: BTreeMap<String, Output>,
    /// Its figures. One that is not a number comes back as not a number.
    #[serde(with = "figures")]
    pub metrics: BTreeMap<String, f64>,
    /// What a person should know.
    pub notes: Vec<String>,
    /// How long it took.
    pub seconds: f64,
    /// Seconds since 1970 (UTC).
    pub finished_at: u64,
    /// The run that made it.
    pub run: String,
    /// The program's version.
    pub version: String,
    /// Cores it had.
    pub cpus: u32,
    /// Who made it where, if that is known.
    #[serde(default)]
    pub maker: Option<Box<Maker>>,
}

/// Who made something where: told to people, so that a team knows whom to ask.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Maker {
    /// The user's name, or number.
    pub user: String,
    /// The machine's name; empty if it has none.
    pub host: String,
}

/// JSON has no infinities and no NaN: both are written as null and read as NaN.
mod figures {
    use std::collections::BTreeMap;

    use serde::{Deserialize, Deserializer, Serialize, Serializer};

    pub(super) fn serialize<S: Serializer>(map: &BTreeMap<String, f64>, serializer: S) -> Result<S::Ok, S::Error> {
        let finite = |value: f64| value.is_finite().then_some(value);
        let map: BTreeMap<&String, Option<f64>> = map.iter().map(|(name, &value)| (name, finite(value))).collect();
        map.serialize(serializer)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<BTreeMap<String, f64>, D::Error> {
        let map = BTreeMap::<String, Option<f64>>::deserialize(deserializer)?;
        Ok(map
            .into_iter()
            .map(|(name, value)| (name, value.unwrap_or(f64::NAN)))
            .collect())
    }
}

/// Writes a record so that it is there whole or not at all.
///
/// It is not forced to the disk: after a power cut it may be gone or fail its own check, and the stage runs again.
pub(super) fn write(path: &Path, temporary: &Path, record: &Record) -> Result<(), StoreError> {
    let mut text = serde_json::to_string(record).map_err(|e| StoreError::Record {
        stage: record.stage.clone(),
        why: e.to_string(),
    })?;
    let check = Digest::of_bytes(text.as_bytes());
    text.push_str(&format!("\n\"{check}\"\n"));
    atomic::write(path, temporary, text.as_bytes())
}

/// What is to be found under a key.
pub(super) enum Read {
    /// A record that passes its check. Boxed, for the others are empty.
    Good(Box<Record>),
    /// Nothing.
    Absent,
    /// Something that is not a record of this key.
    Damaged,
}

/// Reads the record of a key.
pub(super) fn read(path: &Path, key: &Digest) -> Result<Read, StoreError> {
    let text = match fs_err::read(path) {
        Ok(text) => text,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Read::Absent),
        Err(error) => return Err(StoreError::io("read", path, error)),
    };
    Ok(match parse(&text) {
        Some(record) if record.key == *key => Read::Good(Box::new(record)),
        _ => Read::Damaged,
    })
}

pub(super) fn parse(text: &[u8]) -> Option<Record> {
    let end = text.iter().position(|&byte| byte == b'\n')?;
    let (line, check) = (&text[..end], &text[end + 1..]);
    let check: Digest = serde_json::from_slice(check).ok()?;
    (check == Digest::of_bytes(line)).then(|| serde_json::from_slice(line).ok())?
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use serde_json::json;

    pub(in super::super) fn record(params: serde_json::Value) -> Record {
        let material = KeyMaterial {
            kind: "train".into(),
            version: 1,
            params,
            inputs: BTreeMap::new(),
        };
        Record {
            key: material.key(),
            material,
            stage: "initial".into(),
            outputs: BTreeMap::new(),
            metrics: BTreeMap::from([("ap50".into(), 0.5)]),
            notes: vec!["2 images skipped".into()],
            seconds: 1.5,
            finished_at: 1_700_000_000,
            run: "r".into(),
            version: "0.1.0".into(),
            cpus: 2,
            maker: Some(Box::new(Maker {
                user: "someone".into(),
                host: "a-machine".into(),
            })),
        }
    }

    fn written(record: &Record) -> (tempfile::TempDir, std::path::PathBuf) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("ab/record.json");
        write(&path, &folder.path().join("tmp"), record).unwrap();
        (folder, path)
    }

    #[test]
    fn a_record_comes_back_as_it_was() {
        let record = record(json!({"rate": 0.1, "text": "ü\n"}));
        let (_folder, path) = written(&record);
        let Read::Good(read) = read(&path, &record.key).unwrap() else {
            panic!()
        };
        assert_eq!(*read, record);
    }

    #[test]
    fn a_figure_that_is_no_number_does_not_spoil_the_record() {
        let mut record = record(json!({}));
        record.metrics.insert("ap_large".into(), f64::NAN);
        record.metrics.insert("loss".into(), f64::INFINITY);
        let (_folder, path) = written(&record);
        let Read::Good(read) = read(&path, &record.key).unwrap() else {
            panic!()
        };
        assert!(read.metrics["ap_large"].is_nan() && read.metrics["loss"].is_nan());
        assert_eq!(read.metrics["ap50"], 0.5);
    }

    #[test]
    fn an_edited_or_cut_record_is_damaged_and_so_is_one_of_another_key() {
        let record = record(json!({"rate": 0.1}));
        let (_folder, path) = written(&record);
        let text = fs_err::read_to_string(&path).unwrap();
        let other = Digest::of_bytes(b"other");
        assert!(matches!(read(&path, &other).unwrap(), Read::Damaged));
        for wrong in [
            text.replace("0.1", "0.2"),
            text[..text.len() / 2].to_owned(),
            String::new(),
        ] {
            fs_err::write(&path, wrong).unwrap();
            assert!(matches!(read(&path, &record.key).unwrap(), Read::Damaged));
        }
        fs_err::remove_file(&path).unwrap();
        assert!(matches!(read(&path, &record.key).unwrap(), Read::Absent));
    }

    proptest::proptest! {
        #[test]
        fn bytes_of_any_kind_are_a_record_only_if_they_are_the_one_written(
            at in 0_usize..2000, change in proptest::collection::vec(0_u8..=255, 0..40),
        ) {
            let record = record(json!({ "epochs": 3 }));
            let (_folder, path) = written(&record);
            let whole = fs_err::read(&path).unwrap();
            let mut bytes = whole.clone();
            let at = at.min(bytes.len());
            let end = (at + change.len()).min(bytes.len());
            bytes.splice(at..end, change.iter().copied());
            let read = parse(&bytes);
            proptest::prop_assert!(bytes == whole || read.is_none() || read == Some(record));
            proptest::prop_assert!(parse(&change).is_none());
        }
    }
}
