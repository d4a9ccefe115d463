//! The whole control law of the bench as one pure function: [`step`]`(&Law, &mut State, &Input) -> Output`.
//!
//! A [`Law`] is what was decided before the run and never changes; a [`State`] is everything that is remembered from tick to
//! tick; an [`Input`] is what the devices and the operators said this tick; an [`Output`] is what the devices shall do, what
//! is to be told and what goes into the row.
//!
//! Not here: clocks, threads, files, devices. The same function flies the real rig, the twin and the rehearsal.

mod alarm;
mod charge;
mod governor;
mod heat;
mod interlock;
mod io;
mod law;
mod plan;
mod policy;
#[cfg(test)]
mod policy_tests;
mod resistance;
mod setpoint;
mod state;
mod step;
#[cfg(test)]
mod tests;

pub use alarm::{Alarm, Alarms};
pub use charge::{Charge, Cycle};
pub use governor::{Governor, Supply};
pub use heat::HeatLaw;
pub use interlock::Trip;
pub use io::{Commands, End, Event, Input, Instruments, Output, Thermal, View};
pub use law::{Actuator, Law, LawError, Patience, Servo, SetpointLaw, Staging};
pub use plan::{MapError, Plan, WorkMap};
pub use policy::{Policy, PolicyError, Seen, THERMAL_MARGIN_K, ThermalLaw};
pub use resistance::ResistanceLaw;
pub use state::State;
pub use step::step;
