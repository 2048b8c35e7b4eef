//! Where a training is: weights, the optimizer's state, the average, best weights, history, the place in the epoch. One file, renamed into
//! place.
//!
//! The random position needs no saving: every stream is opened from (seed, purpose, epoch or iteration).

use std::path::Path;

use ::safetensors::Dtype;
use asm_pipe::stage::StageError;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::train::curve::Curve;
use crate::train::history::History;
use crate::weights::{Array, Arrays, safetensors};

const FILE: &str = "checkpoint.safetensors";
const FORMAT: u32 = 2;

/// All that a training needs to go on as if it had never stopped.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Checkpoint {
    /// The network's weights.
    pub weights: Arrays,
    /// The optimizer's state.
    pub optimizer: Arrays,
    /// The average of the weights, if there is one.
    pub average: Option<Arrays>,
    /// Weights of the best epoch so far, if those are to be kept.
    pub best: Option<Arrays>,
    /// A row for each epoch done; its length says which epoch is under way.
    pub history: History,
    /// How far that epoch is.
    pub within: Within,
    /// The losses of the steps.
    pub(crate) curve: Curve,
}

/// How far an epoch is.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Within {
    /// Its steps that are done.
    pub steps: u64,
    /// The sums of the parts of their losses.
    pub sums: [f64; 4],
}

impl Within {
    fn to_array(self) -> Array {
        let [a, b, c, d] = self.sums.map(f64::to_bits);
        let numbers = [self.steps, a, b, c, d];
        Array {
            dtype: Dtype::U64,
            shape: vec![numbers.len()],
            data: numbers.into_iter().flat_map(u64::to_le_bytes).collect(),
        }
    }

    fn of_array(array: &Array) -> Option<Self> {
        let (bytes, _) = array.data.as_chunks::<8>();
        let numbers: Vec<u64> = bytes.iter().map(|bytes| u64::from_le_bytes(*bytes)).collect();
        let [steps, sums @ ..] = <[u64; 5]>::try_from(numbers).ok()?;
        Some(Self {
            steps,
            sums: sums.map(f64::from_bits),
        })
    }
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
    put("optimizer", &checkpoint.optimizer);
    if let Some(average) = &checkpoint.average {
        put("average", average);
    }
    if let Some(best) = &checkpoint.best {
        put("best", best);
    }
    arrays.insert("history".into(), checkpoint.history.to_array());
    arrays.insert("within".into(), checkpoint.within.to_array());
    arrays.insert("curve".into(), checkpoint.curve.to_array());
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
        let Some((part, own)) = name.split_once('/') else {
            let known = match name.as_str() {
                "history" => History::of_array(&array).map(|history| checkpoint.history = history),
                "within" => Within::of_array(&array).map(|within| checkpoint.within = within),
                "curve" => Curve::of_array(&array).map(|curve| checkpoint.curve = curve),
                _ => None,
            };
            known.ok_or_else(|| unusable(&format!("holds a `{name}` that cannot be read")))?;
            continue;
        };
        let arrays = match part {
            "weights" => &mut checkpoint.weights,
            "optimizer" => &mut checkpoint.optimizer,
            "average" => checkpoint.average.get_or_insert_default(),
            _ => checkpoint.best.get_or_insert_default(),
        };
        arrays.insert(own.to_owned(), array);
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
    use super::{Checkpoint, Owner, Within, load, save};
    use crate::train::curve::Curve;
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
        let mut curve = Curve::default();
        curve.add(0, 0.1, [1.0 / 3.0; 4], 9);
        Checkpoint {
            weights: arrays(1),
            optimizer: arrays(2),
            average: best.as_ref().map(|_| arrays(4)),
            best,
            history,
            within: Within {
                steps: 7,
                sums: [0.1 + 0.2, f64::MIN_POSITIVE, 0.0, -1.0],
            },
            curve,
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
