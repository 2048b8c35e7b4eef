//! Records by the beginning of their key, as people type it.

use std::io::ErrorKind;

use super::{Digest, Store, StoreError};

/// With fewer digits than this a beginning says too little.
const SHORTEST: usize = 4;

impl Store {
    /// The keys of the records that begin with these hex digits, of which there must be four at least.
    ///
    /// # Errors
    /// When the folder of records cannot be read.
    pub fn keys_beginning(&self, digits: &str) -> Result<Vec<Digest>, StoreError> {
        let digits = digits.to_ascii_lowercase();
        if digits.len() < SHORTEST || !digits.bytes().all(|byte| byte.is_ascii_hexdigit()) {
            return Ok(Vec::new());
        }
        let folder = self.root().join("records").join(&digits[..2]);
        let failed = |error| StoreError::io("read", &folder, error);
        let entries = match fs_err::read_dir(&folder) {
            Ok(entries) => entries,
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Vec::new()),
            Err(error) => return Err(failed(error)),
        };
        let mut found = Vec::new();
        for entry in entries {
            let name = entry.map_err(failed)?.file_name();
            let key = name.to_str().and_then(|name| name.strip_suffix(".json"));
            found.extend(
                key.filter(|key| key.starts_with(&digits))
                    .and_then(|key| key.parse::<Digest>().ok()),
            );
        }
        found.sort_unstable();
        Ok(found)
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Store, record};

    #[test]
    fn a_key_is_found_by_its_beginning_and_not_by_too_few_digits_or_other_text() {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(folder.path()).unwrap();
        let record = record::tests::record(serde_json::json!({}));
        store.commit(&store.lock(&record.key).unwrap(), &record).unwrap();
        let key = record.key.to_string();
        let find = |digits: &str| store.keys_beginning(digits).unwrap();
        assert_eq!(find(&key[..4]), [record.key]);
        assert_eq!(find(&key.to_uppercase()), [record.key]);
        for wrong in [&key[..3], "../../..", "", "ü1234", &format!("{key}0")] {
            assert_eq!(find(wrong), [], "{wrong}");
        }
    }
}
