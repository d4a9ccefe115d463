//! The work map: work per joule over power budget and coolant temperature (and batch), measured on the bench it is for.
//!
//! [`Survey`] is a map to be measured, checked; [`Sitting`] carries it over any [`crate::devices::Devices`], point by point, and is pure: no clock, no
//! device. [`conduct`] adds both, keeps the [`Store`], and ends in `make_safe` whatever happens. [`MeasuredMap`] reads one back.
//!
//! Not here: design, order and statistics (`survey`), drawing and the terminal (the verb).

mod conduct;
mod manifest;
mod measured;
mod order;
mod point;
mod sitting;
mod store;
#[cfg(test)]
mod tests;

pub use conduct::{Conducted, Observer, Progress, conduct};
pub use control::Event;
pub use manifest::{Limits, Manifest, PlanCard, Span};
pub use measured::{MeasuredMap, ReadError, WorkMapCard};
pub use order::{Actuator, COOLANT_DEGC, Order, REFERENCE_EVERY, REPEATS, Survey, WINDOW_S};
pub use sitting::{Ended, Sitting};
pub use store::{Store, StoreError, table_columns};
