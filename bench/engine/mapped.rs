//! A setup that goes by a measured work map: its pacing is fed forward by the power that was measured at each duty, and a plan is made of the map instead of
//! what is believed of the card. How a map is measured is `workmap`'s.

use crate::commission::{Servoed, servoed};
use crate::policy::{Mapped, Subject, build};
use crate::setup::{Setup, SetupError, stable, uncarried};
use crate::workmap::{Actuator, MeasuredMap, WorkMapCard};
use control::{Cycle, Governor, Policy};
use model::profile::PolicyChoice;
use std::path::Path;
use std::sync::Arc;

fn refused(why: String) -> SetupError {
    SetupError::Options(why)
}

impl Setup {
    /// The same going by the map in `folder`, or by the one that the rig file names (relative to itself), if any. It has to be sealed, and of this rig, device and
    /// actuator. What a plan would look at outside of the map is refused, or with `clamp` taken from its edge.
    pub fn by_map(self, folder: Option<&Path>, clamp: bool) -> Result<Self, SetupError> {
        match (folder, &self.rig.accelerator.work_map) {
            (Some(folder), _) => self.go_by(folder, clamp),
            (None, Some(named)) => {
                let from = Path::new(&self.options.rig.from).parent().unwrap_or(Path::new("")).join(named);
                let clamp = clamp || self.rig.accelerator.work_map_clamp;
                let rig = self.rig.name.clone();
                self.go_by(&from, clamp).map_err(|why| {
                    refused(format!("{why}; it is named by work_map in [accelerator] of the rig \"{rig}\": change or remove it there"))
                })
            }
            (None, None) => Ok(self),
        }
    }

    fn go_by(mut self, folder: &Path, clamp: bool) -> Result<Self, SetupError> {
        let choice = self.options.policy.unwrap_or(self.profile.power.policy);
        let paced = self.law.actuator == control::Actuator::Pacing;
        if choice != PolicyChoice::Plan && !paced {
            return Err(refused(format!(
                "a work map is what pacing and the policy \"plan\" go by; this run holds the board by its limit and its policy is \"{choice}\": add --policy plan"
            )));
        }
        let map = MeasuredMap::read(folder).map_err(|why| refused(why.to_string()))?;
        if let Some(why) = self.other(&map) {
            return Err(refused(format!("the work map {} does not count here: {why}", folder.display())));
        }
        let (draw, seal) = map.draw(None).map_err(|why| refused(why.to_string()))?;
        let mut used_for = Vec::new();
        if paced && draw.is_some() {
            self.law.governor.draw = draw.map(Arc::new);
            used_for.push("feed-forward".to_owned());
        }
        if choice == PolicyChoice::Plan {
            self = self.plan_by(&map, clamp)?;
            used_for.push("plan".to_owned());
        }
        if used_for.is_empty() {
            return Err(refused(format!("the work map {} has too few powers to feed forward by: measure two or more", folder.display())));
        }
        self.work_map = Some(WorkMapCard {
            name: map.manifest.name,
            from: folder.display().to_string(),
            seal,
            simulated: map.manifest.simulated,
            clamped: clamp,
            used_for,
        });
        Ok(self)
    }

    /// The same with its plan made of the map.
    fn plan_by(mut self, map: &MeasuredMap, clamp: bool) -> Result<Self, SetupError> {
        let choice = PolicyChoice::Plan;
        let (surface, _) = map.surface(None).map_err(|why| refused(why.to_string()))?;
        let base = Governor { policy: Policy::FollowSun, ..self.law.governor.clone() };
        let subject = Subject {
            profile: &self.profile,
            flight: &self.law.flight,
            governor: &base,
            accelerator: &self.accelerator,
            card: &self.twin.card,
            trip_degc: self.rig.accelerator.trip_max_degc,
            map: Some(Mapped { surface: &surface, over_supply: map.manifest.plan.held == Servoed::CoolantSupply, clamp }),
        };
        let policy = build(choice, &subject)?;
        let governor = Governor { policy, ..base };
        let (env, period_s) = (&self.profile.environment, self.profile.environment.period_s());
        // A plan has a battery, and so a cycle.
        let cycle = Cycle::find(&governor, env, period_s).ok_or_else(|| refused("a plan needs a battery".into()))?;
        if let Some(why) = uncarried(&cycle, self.share) {
            return Err(refused(why));
        }
        let initial = self.law.flight.periodic(env, period_s, |t| cycle.budget(t).0);
        stable(&self.law.flight, &initial, &self.profile, (&self.rig, &self.twin.plant), self.law.dt_s)?;
        (self.law.governor, self.law.initial, self.law.charge) = (governor, initial, Some(cycle.start));
        self.law.check()?;
        Ok(self)
    }

    /// Why a map is another bench's.
    fn other(&self, map: &MeasuredMap) -> Option<String> {
        let m = &map.manifest;
        let actuator = match self.law.actuator {
            control::Actuator::Pacing => Actuator::Pacing,
            control::Actuator::PowerLimit { .. } => Actuator::PowerCap,
        };
        match () {
            () if m.simulated && !self.simulated() => Some(format!("it was simulated ({})", m.simulated_because.join(", "))),
            () if m.rig.name != self.rig.name => Some(format!("it is of the rig \"{}\"", m.rig.name)),
            () if m.accelerator.name != self.accelerator_name() => Some(format!("its device was {}", m.accelerator.name)),
            () if m.accelerator.coupled != self.coupled => Some("its device sat elsewhere".to_owned()),
            () if m.plan.actuator != actuator.word() => {
                Some(format!("it was measured by {}, and this run holds the board by {actuator}: the two are never mixed", m.plan.actuator))
            }
            () if m.accelerator.coupled && m.plan.held != servoed(&self.rig) => {
                Some(format!("it was measured over the {}, and this rig holds the {}", m.plan.held.place(), servoed(&self.rig).place()))
            }
            () => None,
        }
    }
}
