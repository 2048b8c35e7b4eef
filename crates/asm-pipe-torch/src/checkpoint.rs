//! Where a training is after an epoch: weights, momentum, best weights, history. One file, renamed into place.
//!
//! The random position needs no saving: every stream is opened from (seed, purpose, epoch or iteration).

use std::path::Path;

use asm_pipe::stage::StageError;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::train::history::History;
use crate::weights::{Arrays, safetensors};

const FILE: &str = "checkpoint.safetensors";
const FORMAT: u32 = 1;

/// All that a training needs to go on as if it had never stopped.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Checkpoint {
    /// The network's weights.
    pub weights: Arrays,
    /// The optimizer's state.
    pub momentum: Arrays,
    /// Weights of the best epoch so far, if those are to be kept.
    pub best: Option<Arrays>,
    /// A row for each epoch done; its length is the position.
    pub history: History,
}

/// What a checkpoint belongs to.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Owner {
    format: u32,
    params: Value,
    images: Vec<String>,
}

impl Owner {
    /// The training of these params on these images (ids and digests).
    #[must_use]
    pub fn new(params: Value, images: Vec<String>) -> Self {
        Self {
            format: FORMAT,
            params,
            images,
        }
    }
}

/// Writes the checkpoint of a folder, in place of the one before.
///
/// # Errors
/// When it cannot be written.
pub fn save(folder: &Path, owner: &Owner, checkpoint: &Checkpoint) -> Result<(), StageError> {
    fs_err::create_dir_all(folder)?;
    let mut arrays = Arrays::new();
    let mut put = |prefix: &str, part: &Arrays| {
        arrays.extend(
            part.iter()
                .map(|(name, array)| (format!("{prefix}/{name}"), array.clone())),
        );
    };
    put("weights", &checkpoint.weights);
    put("momentum", &checkpoint.momentum);
    if let Some(best) = &checkpoint.best {
        put("best", best);
    }
    arrays.insert("history".into(), checkpoint.history.to_array());
    let note = serde_json::to_string(owner).map_err(|e| StageError::new(format!("checkpoint: {e}")))?;
    Ok(safetensors::write(&folder.join(FILE), &arrays, Some(&note))?)
}

/// Reads the checkpoint of a folder, if there is one.
///
/// # Errors
/// Says why when there is one that cannot be used; training can then begin anew.
pub fn load(folder: &Path, owner: &Owner) -> Result<Option<Checkpoint>, StageError> {
    let path = folder.join(FILE);
    if !path.exists() {
        return Ok(None);
    }
    let unusable = |why: &str| StageError::new(format!("checkpoint `{}` {why}", path.display()));
    let bytes = fs_err::read(&path)?;
    let (arrays, note) = safetensors::decode(&bytes).map_err(|e| unusable(&format!("is damaged: {e}")))?;
    let found: Option<Owner> = note.and_then(|note| serde_json::from_str(&note).ok());
    if found.as_ref() != Some(owner) {
        return Err(unusable("belongs to another training"));
    }
    let mut checkpoint = Checkpoint::default();
    for (name, array) in arrays {
        match name.split_once('/') {
            Some(("weights", name)) => drop(checkpoint.weights.insert(name.to_owned(), array)),
            Some(("momentum", name)) => drop(checkpoint.momentum.insert(name.to_owned(), array)),
            Some(("best", name)) => drop(checkpoint.best.get_or_insert_default().insert(name.to_owned(), array)),
            _ => checkpoint.history = History::of_array(&array).ok_or_else(|| unusable("has no history"))?,
        }
    }
    Ok(Some(checkpoint))
}

/// Removes what [`save`] wrote.
///
/// # Errors
/// When the file is there and cannot be removed.
pub fn clear(folder: &Path) -> Result<(), StageError> {
    let path = folder.join(FILE);
    if path.exists() {
        fs_err::remove_file(path)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::{Checkpoint, Owner, load, save};
    use crate::train::history::{History, Row};
    use crate::weights::{Array, Arrays};
    use serde_json::json;

    fn arrays(fill: u8) -> Arrays {
        let array = Array {
            dtype: safetensors::Dtype::F32,
            shape: vec![2],
            data: vec![fill; 8],
        };
        Arrays::from([("backbone.body.weight".into(), array)])
    }

    fn checkpoint(best: Option<Arrays>) -> Checkpoint {
        let mut history = History::default();
        history.push(Row {
            epoch: 1,
            loss: 0.1 + 0.2,
            ap50: Some(0.7),
            ..Row::default()
        });
        history.push(Row {
            epoch: 2,
            ..Row::default()
        });
        Checkpoint {
            weights: arrays(1),
            momentum: arrays(2),
            best,
            history,
        }
    }

    fn owner(seed: u64) -> Owner {
        Owner::new(json!({"seed": seed, "learning_rate": 0.1}), vec!["a".into()])
    }

    #[test]
    fn a_checkpoint_comes_back_to_the_bit() {
        let folder = tempfile::tempdir().unwrap();
        assert_eq!(load(folder.path(), &owner(1)).unwrap(), None);
        for best in [None, Some(arrays(3))] {
            save(folder.path(), &owner(1), &checkpoint(best.clone())).unwrap();
            assert_eq!(load(folder.path(), &owner(1)).unwrap(), Some(checkpoint(best)));
        }
    }

    #[test]
    fn the_checkpoint_of_another_training_or_a_damaged_one_is_not_used() {
        let folder = tempfile::tempdir().unwrap();
        save(folder.path(), &owner(1), &checkpoint(None)).unwrap();
        assert!(
            load(folder.path(), &owner(2))
                .unwrap_err()
                .to_string()
                .contains("another training")
        );
        let path = folder.path().join(super::FILE);
        let bytes = fs_err::read(&path).unwrap();
        fs_err::write(&path, &bytes[..bytes.len() - 1]).unwrap();
        assert!(
            load(folder.path(), &owner(1))
                .unwrap_err()
                .to_string()
                .contains("damaged")
        );
    }
}
