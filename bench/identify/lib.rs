//! Identification: what a bench is, from its own logs. Heat capacities, conductances, the Peltier bank, sensor offsets and delays by
//! nonlinear least squares on white residuals, with covariance; the dated file that keeps it, and the plots that show what is left.
//!
//! Not here: clocks, the command line, what a calibration is used for.

pub mod calibration;
pub mod candidate;
pub mod filter;
pub mod fit;
pub mod least_squares;
pub mod linear;
pub mod log;
pub mod parameter;
pub mod plot;
mod problem;
pub mod steady;

pub use calibration::Calibration;
pub use fit::{Belief, Choice, Fit, fit};
pub use log::Log;
pub use parameter::Key;
