//! When the Sun goes and comes: into and out of penumbra and umbra along any trajectory, sunset and sunrise on a surface.
//!
//! Nothing is assumed of the orbit but that it is smooth: no stretch of time is passed over before it is shown that the way
//! flown in it is too short to reach the shadow and come back, so that the shortest grazing eclipse is found.

use crate::environment::Environment;
use crate::shadow::Discs;
use crate::vector::{Vector, minus, norm};

/// A contact is known once it is between two moments this close, s.
const RESOLUTION_S: f64 = 1e-4;
/// A stretch outside the shadow is not looked into once it is this short, s: a graze can hide in one, but lasts no longer.
const GRAZE_S: f64 = 0.02;
/// Longest way, rad, for which a chord stands for the way flown.
const SHORT_RAD: f64 = 0.25;
/// Stretches of a period that are looked at to begin with.
const PER_PERIOD: f64 = 16.0;
/// Faster than the Sun moves as seen from any planet here, rad/s.
const SUN_RAD_S: f64 = 3e-7;

/// Which border of the shadow is crossed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Contact {
    /// Full sunlight ends.
    PenumbraIn,
    /// The last of the Sun goes.
    UmbraIn,
    /// The first of the Sun comes.
    UmbraOut,
    /// Full sunlight is back.
    PenumbraOut,
}

/// One crossing of a shadow border.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Edge {
    /// When, to 0.05 s or better, as a function of the model.
    pub mission_s: f64,
    /// Which border.
    pub contact: Contact,
}

/// What hides the Sun, as seen at one moment.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Outlook {
    /// The Sun and the body in front of it.
    pub(crate) discs: Discs,
    /// Unit vector whose way from moment to moment is at least what the discs' distance changes, but for the Sun's own motion.
    pub(crate) direction: Vector,
}

#[derive(Clone, Copy, Debug)]
enum Border {
    Penumbra,
    Umbra,
}

impl Border {
    /// Distance of the discs' centres at which the border is crossed, rad.
    fn at_rad(self, discs: &Discs) -> f64 {
        match self {
            Self::Penumbra => discs.body_rad + discs.sun_rad,
            Self::Umbra => discs.body_rad - discs.sun_rad,
        }
    }

    const fn contact(self, inward: bool) -> Contact {
        match (self, inward) {
            (Self::Penumbra, true) => Contact::PenumbraIn,
            (Self::Penumbra, false) => Contact::PenumbraOut,
            (Self::Umbra, true) => Contact::UmbraIn,
            (Self::Umbra, false) => Contact::UmbraOut,
        }
    }
}

/// Every crossing in `from_s..=to_s`, in order of time; none where nothing can hide the Sun. Times outside what the environment
/// knows are not looked at.
pub(crate) fn edges(environment: &Environment, from_s: f64, to_s: f64) -> Vec<Edge> {
    let span = environment.span_s();
    let (from_s, to_s) = (from_s.max(*span.start()), to_s.min(*span.end()));
    search(&|t| environment.outlook(t), environment.period_s(), from_s, to_s)
}

/// As [`edges`], of any `outlook`; `period_s` only says how finely to look to begin with.
fn search(outlook: &dyn Fn(f64) -> Option<Outlook>, period_s: f64, from_s: f64, to_s: f64) -> Vec<Edge> {
    let mut seeker = Seeker { outlook, found: Vec::new() };
    seeker.walk(Border::Penumbra, from_s, to_s, period_s / PER_PERIOD);
    // The umbra is inside the penumbra, and only there it is worth looking for.
    let penumbra = seeker.found.clone();
    let inside = |t: f64| outlook(t).is_some_and(|o| o.discs.apart_rad < Border::Penumbra.at_rad(&o.discs));
    let mut entered = inside(from_s).then_some(from_s);
    for edge in &penumbra {
        if edge.contact == Contact::PenumbraIn {
            entered = Some(edge.mission_s);
        } else if let Some(start_s) = entered.take() {
            seeker.walk(Border::Umbra, start_s, edge.mission_s, period_s / PER_PERIOD);
        }
    }
    if let Some(start_s) = entered {
        seeker.walk(Border::Umbra, start_s, to_s, period_s / PER_PERIOD);
    }
    seeker.found.sort_by(|a, b| a.mission_s.total_cmp(&b.mission_s));
    seeker.found
}

/// A look at one border at one moment.
#[derive(Clone, Copy)]
struct Look {
    mission_s: f64,
    apart_rad: f64,
    border_rad: f64,
    direction: Vector,
}

impl Look {
    fn inside(&self) -> bool {
        self.apart_rad < self.border_rad
    }

    /// Angle between the directions of two moments, rad.
    fn way_rad(&self, other: &Self) -> f64 {
        2.0 * (norm(minus(self.direction, other.direction)) / 2.0).min(1.0).asin()
    }
}

struct Seeker<'a> {
    outlook: &'a dyn Fn(f64) -> Option<Outlook>,
    found: Vec<Edge>,
}

impl Seeker<'_> {
    fn look(&self, border: Border, mission_s: f64) -> Option<Look> {
        let Outlook { discs, direction } = (self.outlook)(mission_s)?;
        Some(Look { mission_s, apart_rad: discs.apart_rad, border_rad: border.at_rad(&discs), direction })
    }

    fn walk(&mut self, border: Border, from_s: f64, to_s: f64, step_s: f64) {
        if from_s >= to_s || !(to_s - from_s).is_finite() || !step_s.is_finite() {
            return;
        }
        let steps = ((to_s - from_s) / step_s).ceil().max(1.0);
        let Some(mut before) = self.look(border, from_s) else { return };
        for k in 1..=steps as u64 {
            let Some(after) = self.look(border, from_s + (to_s - from_s) * (k as f64 / steps)) else { return };
            self.stretch(border, before, after);
            before = after;
        }
    }

    /// Splits until the way flown is short enough to be told from its ends, and from a whole revolution.
    fn stretch(&mut self, border: Border, from: Look, to: Look) {
        let Some(middle) = self.look(border, f64::midpoint(from.mission_s, to.mission_s)) else { return };
        let short = from.way_rad(&middle) <= SHORT_RAD && middle.way_rad(&to) <= SHORT_RAD;
        for (a, b) in [(from, middle), (middle, to)] {
            if short || b.mission_s - a.mission_s < GRAZE_S {
                self.within(border, a, b);
            } else {
                self.stretch(border, a, b);
            }
        }
    }

    fn within(&mut self, border: Border, from: Look, to: Look) {
        if from.inside() != to.inside() {
            let mission_s = self.crossing(border, from, to);
            self.found.push(Edge { mission_s, contact: border.contact(to.inside()) });
            return;
        }
        let duration_s = to.mission_s - from.mission_s;
        // The shadow is convex and the way nearly straight: who is inside at both ends does not leave in between.
        if from.inside() || duration_s < GRAZE_S {
            return;
        }
        let way_rad = from.way_rad(&to);
        // The way may be curved, and the planet looks larger from a dip between the ends.
        let reach_rad = 0.5 * (from.apart_rad + to.apart_rad - 1.05 * way_rad - SUN_RAD_S * duration_s);
        let border_rad = from.border_rad.max(to.border_rad) * (1.0 + 0.5 * way_rad * way_rad);
        if reach_rad > border_rad {
            return;
        }
        let Some(middle) = self.look(border, f64::midpoint(from.mission_s, to.mission_s)) else { return };
        self.within(border, from, middle);
        self.within(border, middle, to);
    }

    /// Where the border is between two looks on either side of it.
    fn crossing(&self, border: Border, from: Look, to: Look) -> f64 {
        let inward = to.inside();
        let (mut before_s, mut after_s) = (from.mission_s, to.mission_s);
        while after_s - before_s > RESOLUTION_S {
            let middle_s = f64::midpoint(before_s, after_s);
            if self.look(border, middle_s).is_some_and(|look| look.inside() == inward) {
                after_s = middle_s;
            } else {
                before_s = middle_s;
            }
        }
        f64::midpoint(before_s, after_s)
    }
}

#[cfg(test)]
#[path = "eclipse/tests.rs"]
mod tests;
