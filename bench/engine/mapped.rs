//! A setup whose plan goes by a measured work map instead of what is believed of the card. How a map is measured is `workmap`'s.

use crate::policy::{Mapped, Subject, build};
use crate::setup::{Setup, SetupError, stable, uncarried};
use crate::workmap::{Actuator, MeasuredMap, WorkMapCard};
use control::{Cycle, Governor, Policy};
use model::profile::PolicyChoice;
use std::path::Path;

impl Setup {
    /// The same with its plan made of the map in `folder`, which has to be sealed, and of this rig, device and actuator. What the plan would look at
    /// outside of the map is refused, or with `clamp` taken from its edge.
    pub fn plan_by(mut self, folder: &Path, clamp: bool) -> Result<Self, SetupError> {
        let refused = |why: String| SetupError::Options(why);
        let choice = self.options.policy.unwrap_or(self.profile.power.policy);
        if choice != PolicyChoice::Plan {
            return Err(refused(format!(
                "--map is what the policy \"plan\" goes by, and this run's policy is \"{choice}\": add --policy plan"
            )));
        }
        let map = MeasuredMap::read(folder).map_err(|why| refused(why.to_string()))?;
        if let Some(why) = self.other(&map) {
            return Err(refused(format!("the work map {} does not count here: {why}", folder.display())));
        }
        let (surface, seal) = map.surface(None).map_err(|why| refused(why.to_string()))?;
        let base = Governor { policy: Policy::FollowSun, ..self.law.governor.clone() };
        let subject = Subject {
            profile: &self.profile,
            flight: &self.law.flight,
            governor: &base,
            accelerator: &self.accelerator,
            card: &self.twin.card,
            trip_degc: self.rig.accelerator.trip_max_degc,
            map: Some(Mapped { surface: &surface, clamp }),
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
        self.work_map = Some(WorkMapCard {
            name: map.manifest.name,
            from: folder.display().to_string(),
            seal,
            simulated: map.manifest.simulated,
            clamped: clamp,
        });
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
            () => None,
        }
    }
}
