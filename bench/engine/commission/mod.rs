//! Commissioning: what an operator and the rig do once, before a run on real hardware is believed, and what runs then hold
//! the rig to.
//!
//! [`Procedure`] is pure: a list of steps that takes readings and answers tick by tick and says what to command, what to ask
//! and how each step ended. [`conduct`] carries it over any [`crate::devices::Devices`], keeps the raw log and the
//! [`Record`], and ends in `make_safe` whatever happens. [`admit`] is what a run asks of a record.
//!
//! Not here: fitting of parameters (that is calibration); the terminal (that is the verb's).

mod admit;
mod believed;
mod conduct;
#[cfg(test)]
pub(crate) mod loop_tests;
mod map;
mod operator;
mod procedure;
mod question;
mod raw;
mod record;
mod settle;
mod station;
mod steps;
mod store;
mod strongest;
#[cfg(test)]
mod tests;

pub use admit::{Admission, Commissioned, PlanWatch, admit, plan_fits, state_of};
pub use conduct::{Conducted, Operator, Pace, Said, Virtual, begin, bench_sha256, conduct, same_bench};
pub use map::{Authority, Held, Outside};
pub use operator::Scripted;
pub use procedure::{Ended, Procedure, Told};
pub use question::{Answer, Kind, Question, Script};
pub use raw::Offsets;
pub use record::{Mount, Point, RawLog, Record, Resistance, RigCard, Servoed, StepRecord, Verdict};
pub(crate) use settle::{COMING_K_MIN, HELD_WITHIN_K, Window};
pub(crate) use station::servoed;
pub use station::{Facts, Order, Station};
pub use store::{Store, StoreError, read};
pub use strongest::{Standing, Strongest};
