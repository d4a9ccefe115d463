//! From the policy that a profile or a command line names to the one that the control law flies: with the plant, the card and the orbit it
//! needs to know.

use crate::setup::SetupError;
use accelerator::Spec;
use control::{Cycle, Governor, Plan, Policy, Seen, ThermalLaw, WorkMap};
use model::Profile;
use model::flight::FlightModel;
use model::profile::PolicyChoice;
use signal::{Celsius, Watts};
use std::sync::Arc;
use survey::Surface;
use twin::CardSpec;

/// Margin of the die interlock over the slowdown where a real device's is not known before it runs, K.
const BELOW_TRIP_K: f64 = 5.0;
/// Temperatures at which the believed work map is laid down, °C.
const MAP_DEGC: std::ops::RangeInclusive<u32> = 0..=120;
/// Times the plan is made anew with the temperatures that the last one leads to.
const PLANS: u32 = 2;

/// What a policy is made for.
pub(crate) struct Subject<'a> {
    pub(crate) profile: &'a Profile,
    pub(crate) flight: &'a FlightModel,
    /// Follows the Sun.
    pub(crate) governor: &'a Governor,
    pub(crate) accelerator: &'a Spec,
    pub(crate) card: &'a CardSpec,
    /// The die's interlock, °C.
    pub(crate) trip_degc: f64,
    /// The measured map that a plan goes by; what is believed of the card if `None`.
    pub(crate) map: Option<Mapped<'a>>,
}

/// A measured map that a plan goes by.
#[derive(Clone, Copy)]
pub(crate) struct Mapped<'a> {
    pub(crate) surface: &'a Surface,
    /// Outside of it its edge is taken, as was asked for; else that is refused.
    pub(crate) clamp: bool,
}

/// The policy of this choice.
pub(crate) fn build(choice: PolicyChoice, subject: &Subject<'_>) -> Result<Policy, SetupError> {
    let Subject { profile, governor, .. } = subject;
    let refused = |why: &dyn std::fmt::Display| SetupError::Options(why.to_string());
    let no_battery = || {
        SetupError::Options(format!(
            "the policy \"{choice}\" decides about a battery, and the profile \"{}\" has none: add [battery], or choose another --policy",
            profile.name
        ))
    };
    Ok(match choice {
        PolicyChoice::FollowSun => Policy::FollowSun,
        PolicyChoice::Fixed(part) => {
            let budget = Watts(governor.idle.0.max(part * governor.full.0));
            Policy::fixed(budget, governor.idle, governor.full).map_err(|e| refused(&e))?
        }
        PolicyChoice::Battery if profile.battery.is_none() => return Err(no_battery()),
        PolicyChoice::Battery => Policy::Battery,
        PolicyChoice::Thermal => Policy::Thermal(thermal(subject).map_err(|e| refused(&e))?),
        PolicyChoice::Plan => Policy::Plan(Arc::new(plan(subject).map_err(|e| refused(&e))?.ok_or_else(no_battery)?)),
    })
}

/// Where the card slows itself down, as far as that is known before it runs; a real one says more in its thermal margin.
fn slowdown(subject: &Subject<'_>) -> Celsius {
    let known = if *subject.accelerator == Spec::Virtual { subject.card.slowdown_degc } else { subject.trip_degc };
    Celsius(known.min(subject.trip_degc - BELOW_TRIP_K))
}

fn thermal(subject: &Subject<'_>) -> Result<ThermalLaw, control::PolicyError> {
    let Subject { profile, flight, governor, .. } = subject;
    ThermalLaw::of(flight, &profile.environment.at(0.0), governor.idle, governor.full, slowdown(subject))
}

/// What the believed card does at this power and temperature: work in proportion to power above idle, less what a hot die costs.
fn believed_map(subject: &Subject<'_>) -> Result<WorkMap, control::MapError> {
    let (card, idle, full) = (subject.card, subject.governor.idle.0, subject.governor.full.0);
    let degc: Vec<f64> = MAP_DEGC.step_by(2).map(f64::from).collect();
    let rate = |w: f64, t: f64| card.rate((w - idle) / (full - idle), t);
    let powers = vec![idle, full];
    let rates = powers.iter().flat_map(|w| degc.iter().map(|t| rate(*w, *t))).collect();
    WorkMap::new(powers, degc, rates)
}

/// Plate above coolant for a watt at the board, K/W, between idle and full load in the first light.
fn plate_k_w(subject: &Subject<'_>) -> Result<f64, control::PolicyError> {
    let Subject { profile, flight, governor, .. } = subject;
    let env = profile.environment.at(0.0);
    let states = flight.steady(&env, governor.idle).zip(flight.steady(&env, governor.full)).ok_or(control::PolicyError::NoSteadyState)?;
    let above = |state| {
        let view = flight.view(state);
        view.plate.0 - view.supply.0
    };
    Ok((above(&states.1) - above(&states.0)) / (governor.full.0 - governor.idle.0))
}

fn plan(subject: &Subject<'_>) -> Result<Option<Plan>, Box<dyn std::error::Error>> {
    let Subject { profile, flight, governor, .. } = subject;
    let believed = believed_map(subject)?;
    let law = thermal(subject)?;
    let plate_k_w = plate_k_w(subject)?;
    let (env, period_s) = (&profile.environment, profile.environment.period_s());
    let mut planned = None;
    let mut flown = (*governor).clone();
    for _ in 0..PLANS {
        let Some(cycle) = Cycle::find(&flown, env, period_s) else { return Ok(None) };
        let budget = |t: f64| cycle.budget(t).0;
        let mut state = flight.periodic(env, period_s, budget);
        let dt_s = period_s / Plan::steps() as f64;
        // Coolant through the orbit, and how much may be drawn at each moment without running into the slowdown.
        let places: Vec<(f64, f64)> = (0..Plan::steps())
            .map(|k| {
                let t = k as f64 * dt_s;
                let view = flight.view(&state);
                let most_w = law.most_w(&Seen { flight: &view, die: None, margin_k: None });
                flight.fly(&mut state, env, (t, t + dt_s), dt_s, budget);
                (Celsius::from(view.supply).0, most_w)
            })
            .collect();
        if let Some(Mapped { surface, clamp: false }) = subject.map {
            // Everything the plan may look at has to be on the map: between idle and as much as the temperatures allow, at every moment.
            for (k, (supply, most_w)) in places.iter().enumerate() {
                for w in [governor.idle.0, governor.full.0.min(most_w.max(governor.idle.0))] {
                    surface.rate(w, supply + plate_k_w * w).map_err(|outside| {
                        format!(
                            "{:.0} s into the orbit {outside}; measure a wider map, choose another profile, or take its edge there with --map-clamp",
                            k as f64 * dt_s
                        )
                    })?;
                }
            }
        }
        let rate = |k: usize, w: f64| {
            let (supply, most_w) = places[k];
            // Beyond what the temperatures allow more power brings nothing.
            let w = w.min(most_w.max(governor.idle.0));
            match subject.map {
                // The map knows the die's share of it: it was measured with the die on the plate.
                Some(Mapped { surface, .. }) => surface.rate_clamped(w, supply + plate_k_w * w),
                None => believed.rate(w, supply + law.fast_k_w() * w),
            }
        };
        let Some(next) = Plan::solve(governor, env, period_s, rate) else { return Ok(None) };
        flown.policy = Policy::Plan(Arc::new(next.clone()));
        planned = Some(next);
    }
    Ok(planned)
}
