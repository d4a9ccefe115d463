//! Which model: a preset with random weights, or somebody's file.
//!
//! Not here: reading a format (`gguf`, `safetensors`), where it is computed.

use crate::transformer::{Config, Preset, Weights};
use crate::{Error, gguf, safetensors};
use std::fmt;
use std::path::{Path, PathBuf};

/// Whose weights.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Model {
    /// Random ones of a known shape.
    Preset(Preset),
    /// Those of a file: GGUF, safetensors, or the index of safetensors in shards.
    File(PathBuf),
}

impl Model {
    /// Its shape, without its weights.
    pub(crate) fn config(&self) -> Result<Config, Error> {
        match self {
            Self::Preset(preset) => Ok(preset.config()),
            Self::File(path) => (if is_gguf(path) { gguf::config } else { safetensors::config })(path)
                .map_err(|why| Error::Model { file: path.display().to_string(), why }),
        }
    }

    /// Sequences that a thread of the host decodes together.
    pub(crate) fn batch(&self, config: &Config) -> usize {
        match self {
            Self::Preset(preset) => preset.batch(),
            Self::File(_) if config.parameters() < 500_000_000 => Preset::M135.batch(),
            Self::File(_) => Preset::B1.batch(),
        }
    }

    pub(crate) fn weights(&self, config: Config, seed: u64) -> Result<Weights, String> {
        match self {
            Self::Preset(_) => Ok(Weights::random(config, seed)),
            Self::File(path) => (if is_gguf(path) { gguf::weights } else { safetensors::weights })(path)
                .map_err(|why| format!("cannot use the model {}: {why}", path.display())),
        }
    }

    /// Its sizes in words.
    pub(crate) fn said(&self, c: &Config) -> String {
        let kind = if matches!(self, Self::Preset(_)) { "random" } else { "from the file" };
        format!(
            "{} layers of {}, {} heads, {} tokens, {:.1} M weights ({kind})",
            c.layers,
            c.width,
            c.heads,
            c.vocabulary,
            c.parameters() as f64 / 1e6
        )
    }
}

fn is_gguf(path: &Path) -> bool {
    path.extension().is_some_and(|e| e.eq_ignore_ascii_case("gguf"))
}

impl fmt::Display for Model {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Preset(preset) => f.write_str(preset.name()),
            Self::File(path) => write!(f, "{}", path.display()),
        }
    }
}
