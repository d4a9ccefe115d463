//! `[calibration]`: the file that says what this rig was found to be.

use signal::Section;
use std::path::PathBuf;

/// `[calibration]` of a rig file; the table may be absent.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CalibrationRule {
    /// The calibration, relative to the rig file; without one the rig is what `[plant]` says.
    pub file: Option<PathBuf>,
}

impl CalibrationRule {
    pub(super) fn read(section: &Section<'_>) -> Self {
        let file = section.exists().then(|| section.text("file", "the path of a calibration file, relative to this file"));
        Self { file: file.map(PathBuf::from) }
    }
}
