//! The whole control law of the bench as one pure function: [`step`]`(&Law, &mut State, &Input) -> Output`.
//!
//! A [`Law`] is what was decided before the run and never changes; a [`State`] is everything that is remembered from tick to
//! tick; an [`Input`] is what the devices and the operators said this tick; an [`Output`] is what the devices shall do, what
//! is to be told and what goes into the row.
//!
//! Not here: clocks, threads, files, devices. The same function flies the real rig, the twin and the rehearsal.

mod ahead;
mod alarm;
mod answer;
mod charge;
mod dew;
mod draw;
mod drive;
mod governor;
mod guard;
mod heat;
mod interlock;
mod io;
mod law;
mod plan;
mod plausible;
mod polarity;
mod policy;
#[cfg(test)]
mod policy_tests;
mod resistance;
mod setpoint;
mod state;
mod step;
#[cfg(test)]
mod tests;
mod trim;
mod waking;
mod watch;

pub use alarm::{Alarm, Alarms};
pub use charge::{Charge, Cycle};
pub use dew::{DewLaw, dew_point};
pub use draw::Draw;
pub use drive::{DriveLaw, SATURATED_FRAC};
pub use governor::{Governor, Supply};
pub use heat::HeatLaw;
pub use interlock::{Held, Spin, Trip};
pub use io::{Commands, End, Event, Input, Instruments, Output, Thermal, View, WorkFault};
pub use law::{Actuator, Guards, Law, LawError, Patience, Servo, SetpointLaw, Staging, required};
pub use plan::Plan;
pub use plausible::{PlausibleLaw, Suspect};
pub use polarity::PolarityLaw;
pub use policy::{Policy, PolicyError, Seen, THERMAL_MARGIN_K, ThermalLaw};
pub use resistance::ResistanceLaw;
pub use state::State;
pub use step::step;
pub use waking::Toll;
