//! The engine: the only floor that reads a clock. It flies the pure step on real devices, in memory or on belief, records every
//! tick before its commands leave, serves the screens, and ends every run through one teardown.
//!
//! Not here: the control law (`control`), physics (`model`), wire protocols (`rig`), file formats (`record`), screens (`tui`).

pub mod band;
pub mod believed;
pub mod boards;
pub mod calibrated;
mod card;
pub mod characterise;
pub mod claim;
pub mod commission;
mod contradiction;
pub mod devices;
pub mod folder;
pub mod gain;
mod instrument;
mod keeper;
pub mod ledger;
pub mod live;
pub mod manifest;
mod mapped;
pub mod memory;
pub mod pilot;
mod policy;
pub mod rehearse;
pub mod row;
pub mod setup;
pub mod weigh;
pub mod workmap;
