//! From the policy that a profile or a command line names to the one that the control law flies: with the plant, the card and the orbit it
//! needs to know.

use crate::rehearse::rehearse;
use crate::setup::{Options, Setup, SetupError};
use accelerator::Spec;
use control::{Cycle, Governor, Plan, Policy, ThermalLaw};
use model::Profile;
use model::flight::FlightModel;
use model::profile::PolicyChoice;
use signal::{Celsius, Kelvin, Watts};
use std::sync::Arc;
use survey::Surface;
use twin::CardSpec;

/// Margin of the die interlock over the slowdown where a real device's is not known before it runs, K.
const BELOW_TRIP_K: f64 = 5.0;
/// Times the plan is made anew with the temperatures that the last one leads to.
const PLANS: u32 = 2;
/// Steps of the orbit by which policies are held against each other: 6 s in LEO.
const JUDGED: usize = 960;

/// A rehearsal of more ticks than this is not made to choose a policy: a day in steps of a second is less, a lunar one is more.
const MOST_TICKS: f64 = 200_000.0;
/// More work than that of a rival by this part is more: rehearsals of one orbit repeat to the last digit, benches do not.
const MORE_FRAC: f64 = 1e-4;

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
    /// It was measured over the coolant's supply, and not over the plate.
    pub(crate) over_supply: bool,
    /// Outside of it its edge is taken, as was asked for; else that is refused. Downwards in power it is never the edge: from there the work goes straight to
    /// none at idle.
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
        PolicyChoice::Plan => plan(subject).map_err(|e| refused(&e))?.ok_or_else(no_battery)?,
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

/// What a plan is made with.
struct Planner<'a> {
    subject: &'a Subject<'a>,
    law: ThermalLaw,
    plate_k_w: f64,
}

impl<'a> Planner<'a> {
    fn new(subject: &'a Subject<'a>) -> Result<Self, Box<dyn std::error::Error>> {
        Ok(Self { subject, law: thermal(subject)?, plate_k_w: plate_k_w(subject)? })
    }

    /// Work per second at board power `w` with the coolant at `supply`.
    fn rate(&self, supply: Kelvin, w: f64) -> f64 {
        let degc = Celsius::from(supply).0;
        let (idle, full) = (self.subject.governor.idle.0, self.subject.governor.full.0);
        let Some(map) = self.subject.map else {
            // What is believed of the card says what a slowed-down one does.
            let (k_w, duty) = (self.law.fast_k_w(), (w - idle) / (full - idle));
            return self.subject.card.settled_rate(duty, degc + k_w * idle, k_w * (full - idle));
        };
        // A map ends at its last point below the slowdown: beyond that more power brings nothing.
        // It knows the die's share: it was measured with the die on the plate.
        let w = w.min(self.law.most_now_w(supply).max(idle));
        map.surface.rate_from_idle(w, self.asked_degc(map, degc, w), idle)
    }

    /// Where the map is asked, °C: at the coolant as it is, or at the plate that it and this power lead to.
    fn asked_degc(&self, map: Mapped<'_>, supply_degc: f64, w: f64) -> f64 {
        supply_degc + if map.over_supply { 0.0 } else { self.plate_k_w * w }
    }

    /// Coolant and budget at the beginning of each of `steps` steps of the orbit that `policy` flies again and again; `None` without a battery.
    fn fly(&self, policy: Policy, steps: usize) -> Option<Flown> {
        let Subject { profile, flight, governor, .. } = self.subject;
        let (env, period_s) = (&profile.environment, profile.environment.period_s());
        let cycle = Cycle::find(&Governor { policy, ..(*governor).clone() }, env, period_s)?;
        let budget = |t: f64| cycle.budget(t).0;
        let mut state = flight.periodic(env, period_s, budget);
        let dt_s = period_s / steps as f64;
        let places = (0..steps)
            .map(|k| {
                let t = k as f64 * dt_s;
                let supply = flight.view(&state).supply;
                flight.fly(&mut state, env, (t, t + dt_s), dt_s, budget);
                (supply, budget(t + dt_s / 2.0))
            })
            .collect();
        Some(Flown { places, sound: cycle.recovers() && cycle.unmet_j == 0.0 })
    }

    /// Mean work per second of the orbit that this policy flies again and again, temperatures and battery as it makes them; `None` if the battery does
    /// not carry it.
    fn mean(&self, policy: &Policy) -> Option<f64> {
        let flown = self.fly(policy.clone(), JUDGED).filter(|flown| flown.sound)?;
        let sum: f64 = flown.places.iter().map(|(supply, w)| self.rate(*supply, *w)).sum();
        Some(sum / flown.places.len() as f64)
    }

    /// Everything a plan may look at has to be on the map: between idle and as much as the temperatures allow, at every moment.
    fn within(&self, places: &[(Kelvin, f64)], dt_s: f64) -> Result<(), String> {
        let Some(map @ Mapped { surface, clamp: false, .. }) = self.subject.map else { return Ok(()) };
        let (idle, full) = (self.subject.governor.idle.0, self.subject.governor.full.0);
        for (k, (supply, _)) in places.iter().enumerate() {
            for w in [idle, full.min(self.law.most_now_w(*supply).max(idle))] {
                surface.rate(w, self.asked_degc(map, Celsius::from(*supply).0, w)).map_err(|outside| {
                    format!(
                        "{:.0} s into the orbit {outside}; measure a wider map, choose another profile, or take its edge there with --map-clamp",
                        k as f64 * dt_s
                    )
                })?;
            }
        }
        Ok(())
    }
}

/// An orbit as a policy flies it.
struct Flown {
    /// Coolant, and budget, W.
    places: Vec<(Kelvin, f64)>,
    /// The battery carries it, orbit after orbit.
    sound: bool,
}

/// The policy that does the most work in the flight model: a plan, made anew with the temperatures that the one before leads to; or one of the
/// simple ones where no plan does better. A plan lives on a grid, and where there is nothing to gain its grid costs a few tenths of a per cent.
fn plan(subject: &Subject<'_>) -> Result<Option<Policy>, Box<dyn std::error::Error>> {
    let Subject { profile, governor, .. } = subject;
    let planner = Planner::new(subject)?;
    let (env, period_s) = (&profile.environment, profile.environment.period_s());
    let mut known = vec![Policy::FollowSun, Policy::Battery];
    let mut last = governor.policy.clone();
    for _ in 0..PLANS {
        let Some(Flown { places, .. }) = planner.fly(last, Plan::steps()) else { return Ok(None) };
        planner.within(&places, period_s / Plan::steps() as f64)?;
        let Some(next) = Plan::solve(governor, env, period_s, |k, w| planner.rate(places[k].0, w)) else { return Ok(None) };
        last = Policy::Plan(Arc::new(next));
        known.push(last.clone());
    }
    let best = known.into_iter().map(|p| (planner.mean(&p), p)).max_by(|a, b| a.0.unwrap_or(f64::MIN).total_cmp(&b.0.unwrap_or(f64::MIN)));
    Ok(best.map(|(_, policy)| policy))
}

/// The plan of `setup`, or the simple policy that does more work on the believed bench. A plan is made in the flight model; where a bench has other margins,
/// limits of its setpoint above all, what gains there may lose here, and whoever flies it is not to be told that it gains.
pub(crate) fn on_bench(mut setup: Setup) -> Setup {
    let (orbit_s, dt_s) = (setup.law.environment.period_s(), setup.law.dt_s);
    let known = orbit_s + dt_s <= *setup.profile.environment.span_s().end() && orbit_s / dt_s <= MOST_TICKS;
    let chosen = setup.options.policy.unwrap_or(setup.profile.power.policy);
    // Of a real device nothing is believed of its work, and where the rig cannot start nothing flies.
    if chosen != PolicyChoice::Plan || setup.accelerator != Spec::Virtual || !known || setup.law.check().is_err() {
        return setup;
    }
    let duration_s = std::mem::replace(&mut setup.law.duration_s, orbit_s);
    let own = work(&setup);
    setup.law.duration_s = duration_s;
    let Some(own) = own else { return setup };
    let rivals = [PolicyChoice::FollowSun, PolicyChoice::Battery].into_iter().filter_map(|policy| {
        let rival = Setup::beyond_rig(Options { policy: Some(policy), duration_s: Some(orbit_s), ..setup.options.clone() }).ok()?;
        Some((work(&rival)?, rival))
    });
    if let Some((_, rival)) = rivals.max_by(|a, b| a.0.total_cmp(&b.0)).filter(|(more, _)| *more > own * (1.0 + MORE_FRAC)) {
        (setup.law.governor.policy, setup.law.initial, setup.law.charge) = (rival.law.governor.policy, rival.law.initial, rival.law.charge);
        setup.overruled = true;
    }
    setup
}

/// Work over a rehearsal; `None` if it does not come to its end.
fn work(setup: &Setup) -> Option<f64> {
    let told = rehearse(setup, |_| Ok::<(), std::convert::Infallible>(())).unwrap_or_else(|never| match never {});
    told.work.filter(|_| told.flown)
}
