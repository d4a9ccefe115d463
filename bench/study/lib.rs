//! The design space: a profile and a rig varied over many keys at once, each point flown, and what the figures depend on.
//!
//! ```text
//!   --vary, sweep file ─▶ Study (checked) ─▶ Sweep: points on all cores ─▶ one CSV, resumable
//!                                                                           │
//!                                            sensitivity, Pareto front ◀────┘  Results
//! ```
//!
//! Not here: physics and the control law (a point is flown by the engine on them), printing, terminals, signals.

pub mod design;
mod ideal;
pub mod key;
pub mod morris;
pub mod pareto;
mod plan;
pub mod point;
pub mod render;
mod results;
mod run;
mod sequence;
pub mod sobol;
mod stats;
pub mod svg;
pub mod sweepfile;
#[cfg(test)]
mod testing;
pub mod vary;

pub use design::{Design, Scheme};
pub use plan::{Request, Study};
pub use point::{Bench, OUTPUTS, Outcome};
pub use results::Results;
pub use run::{Error, Sitting, Sweep};
pub use vary::Vary;
