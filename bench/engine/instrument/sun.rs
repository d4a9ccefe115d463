//! Outputs that stand for the Sun or for the array: what they shall show of the mission's light.

use super::Known;
use crate::devices::{Shone, Sunlight};
use rig::Command;
use rig::config::SunRule;

impl Known {
    /// The sunlight of the mission, for what stands for Sun or array.
    pub(crate) fn sunlight(&mut self, now: Sunlight) {
        if let Some((_, sun)) = &mut self.sun {
            *sun = Some(now);
        }
    }

    /// What its output shall show of it; `None` in the dark, and where it shows nothing of the Sun.
    pub(super) fn shine(&self) -> Option<Command> {
        let (rule, Some(Sunlight { suns, array_degc })) = self.sun? else { return None };
        let lit = suns >= DARK_SUNS;
        match rule {
            SunRule::Lamp { full } => lit.then_some(Command::Level(full * suns.min(1.0))),
            SunRule::Array { .. } => rule.curve(suns, array_degc).filter(|_| lit).map(Command::Curve),
        }
    }
}

impl Known {
    /// What its output is now asked to show of the Sun, into `shone`.
    pub(crate) fn asked(&self, shone: &mut Shone) {
        if let Some((rule, Some(sun))) = self.sun {
            asked(rule, sun, self.given.is_some(), shone);
        }
    }
}

/// What an output that follows the Sun by `rule` is asked to show; before it was first `told`, only the dark counts.
pub(crate) fn asked(rule: SunRule, Sunlight { suns, array_degc }: Sunlight, told: bool, shone: &mut Shone) {
    let lit = suns >= DARK_SUNS;
    if lit && !told {
        return;
    }
    match rule {
        SunRule::Lamp { .. } => shone.lamp_frac = Some(if lit { suns.min(1.0) } else { 0.0 }),
        SunRule::Array { .. } => {
            let curve = rule.curve(suns, array_degc).filter(|_| lit);
            shone.array = if lit { curve.map(|c| (c.isc_a, Some(c.voc_v))) } else { Some((0.0, None)) };
        }
    }
}

/// Light of which nothing is shown any more: supplies refuse curves of next to no current.
const DARK_SUNS: f64 = 0.01;

/// What an output shows is given anew once it is off by more than this part.
const SUN_STEP_FRAC: f64 = 0.005;

pub(super) fn differ(a: &Command, b: &Command) -> bool {
    let apart = |a: f64, b: f64| (a - b).abs() > SUN_STEP_FRAC * a.abs().max(b.abs());
    match (a, b) {
        (Command::Level(a), Command::Level(b)) => apart(*a, *b),
        (Command::Curve(a), Command::Curve(b)) => apart(a.isc_a, b.isc_a) || apart(a.voc_v, b.voc_v),
        _ => true,
    }
}
