//! What a run folder says: measured against predicted, the gates, and the figures of merit. Everything here is made from files and
//! can be made again at any time.
//!
//! Not here: physics, devices, how rows are written (`record`), exit codes (the program's).

mod accounts;
mod band;
mod compare;
mod energy;
mod error;
mod facts;
pub mod gates;
mod held;
mod join;
mod merit;
mod missed;
mod render;
mod series;
mod stats;
mod summary;
mod tax;

pub use accounts::Energy;
pub use band::{COVERAGE, InBand};
pub use compare::{Channel, Comparison, Gates, Rows, Status, compare_files, compare_run, parse_map};
pub use energy::plausible;
pub use error::Error;
pub use facts::Facts;
pub use gates::{Check, Gate, Of, PRESETS, Preset, Quantity, preset};
pub use held::{Against, CheckFacts};
pub use merit::{Completeness, Figures, Merit, Range, Shown};
pub use stats::Stats;
pub use summary::{Ended, Summary, summarise};
pub use tax::{Estimate, Tax};
