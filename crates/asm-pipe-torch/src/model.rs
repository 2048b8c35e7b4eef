//! The `model` artifact: a folder with `model.safetensors`, `model.json`, `history.csv` and an event file for TensorBoard.

use std::path::Path;

use asm_pipe::artifact::{read_json, write_json};
use asm_pipe::stage::StageError;
use serde::{Deserialize, Serialize};
use tch::Device;
use tch::nn::VarStore;

use crate::config::DetectorConfig;
use crate::detector::Detector;
use crate::layers;
use crate::weights::{self, Array, Arrays, AsTensor as _, Rule, safetensors};

const FORMAT: u32 = 1;
const WEIGHTS: &str = "model.safetensors";
const DESCRIPTION: &str = "model.json";
/// The table of the training that made it.
pub const HISTORY: &str = "history.csv";

/// What `model.json` says: all that, with the weights, makes a detector.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Description {
    /// Version of this file.
    pub format: u32,
    /// Class names; label 1 of the network is the first, 0 is the background.
    pub classes: Vec<String>,
    /// The network.
    pub detector: DetectorConfig,
}

impl Description {
    /// Describes a detector of these classes; the configuration's count follows them.
    #[must_use]
    pub fn new(classes: Vec<String>, detector: DetectorConfig) -> Self {
        let num_classes = classes.len() as i64 + 1;
        Self {
            format: FORMAT,
            classes,
            detector: DetectorConfig {
                num_classes,
                ..detector
            },
        }
    }
}

/// A model as it lies in a folder: enough to build the network.
#[derive(Clone, Debug, PartialEq)]
pub struct Model {
    /// What it is.
    pub description: Description,
    /// Its weights by torchvision's names.
    pub weights: Arrays,
}

/// A network with its variables.
#[derive(Debug)]
pub struct Network {
    /// The variables.
    pub store: VarStore,
    /// What computes with them.
    pub detector: Detector,
}

impl Model {
    /// Reads a folder.
    ///
    /// # Errors
    /// When a file is missing, damaged, or of a version that is not known.
    pub fn read(folder: &Path) -> Result<Self, StageError> {
        let path = folder.join(DESCRIPTION);
        let description: Description = read_json(&path)?;
        let consistent = description.detector.num_classes == description.classes.len() as i64 + 1;
        if description.format != FORMAT || !consistent {
            return Err(StageError::new(format!(
                "`{}` is not of a kind that can be read",
                path.display()
            )));
        }
        let weights = weights::read(&folder.join(WEIGHTS))?;
        Ok(Self { description, weights })
    }

    /// Writes a folder.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn write(&self, folder: &Path) -> Result<(), StageError> {
        fs_err::create_dir_all(folder)?;
        safetensors::write(&folder.join(WEIGHTS), &self.weights, None)?;
        Ok(write_json(&folder.join(DESCRIPTION), &self.description)?)
    }

    /// Builds the network and gives it the weights, which are then in memory once.
    ///
    /// # Errors
    /// When the weights do not fit.
    pub fn into_network(self, device: Device) -> Result<Network, StageError> {
        let network = layers::undrawn(|| Network::new(&self.description.detector, device))?;
        weights::load(&network.store, &self.weights, Rule::Exact)?;
        Ok(network)
    }
}

impl Network {
    /// Builds a network with fresh weights from libtorch's generator.
    ///
    /// # Errors
    /// When the configuration contradicts itself.
    pub fn new(config: &DetectorConfig, device: Device) -> Result<Self, StageError> {
        let store = VarStore::new(device);
        let detector = Detector::new(&store.root(), config).map_err(|e| StageError::new(e.to_string()))?;
        Ok(Self { store, detector })
    }

    /// The same network for another thread. Both have one set of weights between them: only who does not train makes twins.
    ///
    /// # Errors
    /// When libtorch fails.
    pub fn twin(&self) -> Result<Self, StageError> {
        let twin = layers::undrawn(|| Self::new(self.detector.config(), self.store.device()))?;
        let shared = self.store.variables();
        for (name, mut variable) in twin.store.variables() {
            let weights = &shared[&name];
            variable
                .f_set_data(weights)
                .map_err(|e| StageError::new(format!("libtorch: {e}")))?;
        }
        Ok(twin)
    }

    /// Copies all weights.
    ///
    /// # Errors
    /// When libtorch fails.
    pub fn weights(&self) -> Result<Arrays, StageError> {
        let arrays = self
            .store
            .variables()
            .into_iter()
            .map(|(name, tensor)| Ok((name, Array::of(&tensor)?)));
        arrays
            .collect::<Result<Arrays, tch::TchError>>()
            .map_err(|e| StageError::new(format!("libtorch: {e}")))
    }
}

#[cfg(test)]
mod tests {
    use std::panic::catch_unwind;

    use super::*;
    use crate::config::Architecture;

    fn drawn() -> Arrays {
        tch::manual_seed(3);
        let config = DetectorConfig::new(Architecture::Tiny, 3);
        Network::new(&config, Device::Cpu).unwrap().weights().unwrap()
    }

    #[test]
    fn a_network_has_the_weights_of_its_model_and_the_next_one_is_drawn_again() {
        let weights = drawn();
        let detector = DetectorConfig::new(Architecture::Tiny, 3);
        let model = Model {
            description: Description::new(vec!["a".to_owned(), "b".to_owned()], detector),
            weights: weights.clone(),
        };
        let network = model.into_network(Device::Cpu).unwrap();
        assert!(network.weights().unwrap() == weights);
        assert!(network.twin().unwrap().weights().unwrap() == weights);
        assert!(drawn() == weights);
        catch_unwind(|| layers::undrawn(|| panic!("while it is built"))).unwrap_err();
        assert!(drawn() == weights);
    }
}
