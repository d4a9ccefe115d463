//! The work map on paper: which points are measured in which order, what the repeats of a point amount to, and what lies between points.
//!
//! ```text
//!   Design ─▶ order (seeded) ─▶ … measured by the engine … ─▶ Point ─▶ Table (intervals, drift) ─▶ Surface (for plans)
//! ```
//!
//! Not here: clocks, devices, files, drawing. Functions of their arguments.

pub mod design;
pub mod estimate;
pub mod point;
pub mod surface;
pub mod table;

pub use design::{Design, Planned};
pub use estimate::{Drift, Estimate};
pub use point::{Energy, Figure, Figures, Kind, Point, Status};
pub use surface::{Edge, Outside, Surface};
pub use table::{Cell, Table};
