//! A map read back: for drawing it, finished or not, and for plans that go by it, sealed only.

use super::manifest::Manifest;
use super::store::{StoreError, points_of, read};
use record::{Folder, POINTS, Sheet, Verdict};
use serde::{Deserialize, Serialize};
use std::path::Path;
use survey::{Point, Surface, Table};
use thiserror::Error;

/// Why a map cannot be used.
#[derive(Debug, Error)]
pub enum ReadError {
    /// It cannot be read.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// Its files cannot be read.
    #[error(transparent)]
    Record(#[from] record::Error),
    /// It does not count for what is asked of it.
    #[error("the work map {folder} does not count here: {why}")]
    Unusable {
        /// The folder.
        folder: String,
        /// Why.
        why: String,
    },
}

/// A map read back.
#[derive(Clone, Debug)]
pub struct MeasuredMap {
    /// Where it is.
    pub folder: Folder,
    /// What it is and was measured with.
    pub manifest: Manifest,
    /// Every point that is there.
    pub points: Vec<Point>,
    /// One a batch size.
    pub tables: Vec<Table>,
    /// What its seal says.
    pub verdict: Verdict,
}

/// A map, as a run carries it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct WorkMapCard {
    /// Its name.
    pub name: String,
    /// Where it was read from.
    pub from: String,
    /// SHA-256 of its seal.
    pub seal: String,
    /// It was measured on an emulated bench.
    pub simulated: bool,
    /// Outside of it its edge was taken, as was asked for.
    pub clamped: bool,
    /// What it was used for: `plan`, `feed-forward`.
    #[serde(default)]
    pub used_for: Vec<String>,
}

impl MeasuredMap {
    /// Reads the folder at `path`, whatever state it is in.
    pub fn read(path: &Path) -> Result<Self, ReadError> {
        let folder = Folder::open_map(path)?;
        let manifest = read(&folder)?;
        let sheet = Sheet::read(&folder.file(POINTS))?;
        let points = points_of(&folder, &sheet)?;
        let verdict = record::verify(&folder)?;
        let tables = Table::of(&points);
        Ok(Self { folder, manifest, points, tables, verdict })
    }

    /// Points that there will be.
    pub fn planned(&self) -> usize {
        self.manifest.plan.points
    }

    /// The map as a function, for plans: sealed, and of one batch size or of the one that is named.
    pub fn surface(&self, batch: Option<u32>) -> Result<(Surface, String), ReadError> {
        let (table, seal) = self.table(batch)?;
        let surface = Surface::of(table).map_err(|why| self.unusable(why.to_string()))?;
        Ok((surface, seal))
    }

    /// Power at duty, for feeding forward; `None` where too little of it was measured.
    pub fn draw(&self, batch: Option<u32>) -> Result<(Option<control::Draw>, String), ReadError> {
        let (table, seal) = self.table(batch)?;
        Ok((control::Draw::new(table.draws()), seal))
    }

    fn unusable(&self, why: String) -> ReadError {
        ReadError::Unusable { folder: self.folder.path().display().to_string(), why }
    }

    fn table(&self, batch: Option<u32>) -> Result<(&Table, String), ReadError> {
        let unusable = |why: String| self.unusable(why);
        let seal = match &self.verdict {
            Verdict::Sealed { seal } => seal.clone(),
            other => return Err(unusable(format!("it is {other}"))),
        };
        let table = match (batch, &self.tables[..]) {
            (None, [only]) => only,
            (None, _) => return Err(unusable("it has several batch sizes, and a plan goes by one".into())),
            (wanted, tables) => tables
                .iter()
                .find(|t| t.batch == wanted)
                .ok_or_else(|| unusable(format!("it has no batch of {}", wanted.unwrap_or_default())))?,
        };
        Ok((table, seal))
    }
}
