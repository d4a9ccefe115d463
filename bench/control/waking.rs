//! Work that loses its memory without power: when the power for it counts as gone, and when as back.
//!
//! An absence costs the time of coming back and what was unfinished ([`Toll`]). A dark whose power would not make up for that is not worked through, and work that is away is
//! not brought back for less than it costs to bring it. Either is asked of what is granted for the whole of it, and for a while: no tick decides alone, since what a
//! battery has to spare in the dark may be within the noise of an idle board.

use crate::io::Event;
use crate::law::{Actuator, Law};
use crate::state::State;
use signal::{Channel, Place, Severity, Snapshot, Watts};

/// Part of full load that is no power for work: idle boards are known to about as much (a shunt that is good to 1 % of full load, twice).
const FAINT_FRAC: f64 = 0.03;
/// In the dark work comes back for this many times what would keep it there: between the two nothing changes.
const MARGIN: f64 = 2.0;
/// For so long the power must be gone, or be back in the dark, s: many ticks' noise, and short against any dark.
const DWELL_S: f64 = 10.0;

/// What an absence costs beyond the dark itself.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Toll {
    /// From the power's return to the first unit's being possible, s.
    pub back_s: f64,
    /// What was lost with the memory and is done again, seconds of full load.
    pub lost_s: f64,
}

impl Toll {
    fn price_s(self) -> f64 {
        self.back_s + self.lost_s
    }
}

/// Power for the work as it is asked for in one tick.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Asked {
    /// Part of full load that is granted.
    pub(crate) part: f64,
    /// Until the dark is over, s; 0 in the light.
    pub(crate) dark_left_s: f64,
    /// Until the next dark, s.
    pub(crate) light_left_s: f64,
    /// Since the last look, s.
    pub(crate) dt_s: f64,
}

/// What is remembered of it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Waking {
    there: bool,
    /// The other would be right, for so long, s.
    against_s: Option<f64>,
    /// Length of the present dark, s; 0 in the light.
    dark_s: f64,
    /// What the last absence cost, once there was one.
    paid: Option<Toll>,
    /// Time of coming back and lost units, both summed, when work was last seen in memory.
    kept: Option<(f64, f64)>,
    /// Units done in memory, and for how many seconds of full load.
    done: (f64, f64),
    units: Option<f64>,
}

impl Default for Waking {
    fn default() -> Self {
        Self { there: true, against_s: None, dark_s: 0.0, paid: None, kept: None, done: (0.0, 0.0), units: None }
    }
}

impl Waking {
    /// Power for the work is there.
    pub(crate) fn there(&self) -> bool {
        self.there
    }

    /// Learns from the tick that ends now what an absence costs; `full_s` is its length times the duty of it.
    pub(crate) fn learn(&mut self, readings: &Snapshot, place: Place, full_s: f64) {
        let units = readings.usable(Channel::WorkUnits);
        let before = std::mem::replace(&mut self.units, units);
        if place != Place::Memory {
            return;
        }
        if let Some(done) = units.zip(before).map(|(now, before)| now - before).filter(|done| *done >= 0.0) {
            self.done = (self.done.0 + done, self.done.1 + full_s);
        }
        let Some(back_s) = readings.usable(Channel::WorkRestore) else { return };
        let lost = readings.usable(Channel::WorkLost).unwrap_or(0.0);
        let Some(kept) = self.kept.replace((back_s, lost)).filter(|kept| back_s > kept.0) else { return };
        let per_s = self.done.0 / self.done.1;
        let lost_s = if per_s.is_finite() && per_s > 0.0 { (lost - kept.1).max(0.0) / per_s } else { 0.0 };
        self.paid = Some(Toll { back_s: back_s - kept.0, lost_s });
    }

    /// True if power counts as there by what this tick asks, whatever was before it.
    fn pays(&self, asked: Asked, toll: Toll) -> bool {
        let Asked { part, dark_left_s, light_left_s, .. } = asked;
        if part <= 0.0 {
            return false;
        }
        match (self.there, dark_left_s > 0.0) {
            (true, false) => true,
            // Asked of the whole dark: near its end little is left to be done, and staying costs nothing.
            (true, true) => part >= FAINT_FRAC && part * self.dark_s >= toll.price_s(),
            (false, false) => part * (light_left_s - toll.back_s) >= toll.price_s(),
            (false, true) => part >= MARGIN * FAINT_FRAC && part * (dark_left_s - toll.back_s) >= MARGIN * toll.price_s(),
        }
    }

    /// Takes in a tick; what power is now, if that changed.
    pub(crate) fn decide(&mut self, asked: Asked, declared: Option<Toll>) -> Option<bool> {
        let dark = asked.dark_left_s > 0.0;
        self.dark_s = if dark { self.dark_s.max(asked.dark_left_s) } else { 0.0 };
        // Unknown, it weighs nothing.
        let toll = self.paid.or(declared).unwrap_or_default();
        if self.pays(asked, toll) == self.there {
            self.against_s = None;
            return None;
        }
        let against_s = self.against_s.map_or(0.0, |s| s + asked.dt_s);
        self.against_s = Some(against_s);
        // In the light every second of waiting is one of work.
        let at_once = !self.there && !dark;
        if !at_once && against_s < DWELL_S {
            return None;
        }
        (self.there, self.against_s) = (!self.there, None);
        Some(self.there)
    }

    /// Nothing can be said: work that may not work at all for other reasons keeps what it has.
    fn wait(&mut self) {
        self.against_s = None;
    }
}

/// Whether there is power for the work: by what array, battery and policy grant, not by what heat or an operator leaves of it.
pub(crate) fn powered(law: &Law, state: &mut State, granted: Watts, may_work: bool, ticks: u32, events: &mut Vec<Event>) -> bool {
    if !law.crossing.drops() {
        return true;
    }
    if !may_work {
        state.waking.wait();
        return state.waking.there();
    }
    let part = match law.actuator {
        // Whether there is any is asked of what is declared: a map is for how much.
        Actuator::Pacing => law.governor.feed_forward_declared(granted),
        Actuator::PowerLimit { least } => f64::from(u8::from(granted.0 >= least.0)),
    };
    let (dark_left_s, light_left_s) =
        state.charge.map_or((0.0, f64::INFINITY), |c| (c.in_dark_s(state.mission_s), c.left_s(state.mission_s)));
    let asked = Asked { part, dark_left_s, light_left_s, dt_s: law.dt_s * f64::from(ticks) };
    if let Some(there) = state.waking.decide(asked, law.toll) {
        let watts = granted.0;
        let message = if there {
            format!("{watts:.1} W are granted again: the work is brought back")
        } else if part > 0.0 {
            format!("{watts:.2} W are granted in the dark, less than bringing the work back costs: the work is put away ({})", law.crossing)
        } else {
            format!("{watts:.1} W are granted, which leaves nothing to work with: the work is put away ({})", law.crossing)
        };
        events.push(Event { severity: Severity::Info, kind: "power", who: "control".into(), message });
    }
    state.waking.there()
}

#[cfg(test)]
mod tests {
    use super::*;
    use signal::{Origin, Reading};

    const TOLL: Toll = Toll { back_s: 14.0, lost_s: 11.0 };

    /// Ticks of a second, `(ticks, part, in the dark)`; how often power went and came.
    fn turns(course: &[(u32, f64, bool)]) -> (u32, u32) {
        let (mut waking, mut turns) = (Waking::default(), (0, 0));
        let ticks: Vec<(f64, bool)> = course.iter().flat_map(|(n, part, dark)| (0..*n).map(|_| (*part, *dark))).collect();
        for (at, (part, dark)) in ticks.iter().enumerate() {
            let left_s = ticks[at..].iter().take_while(|(_, d)| d == dark).count() as f64;
            let (dark_left_s, light_left_s) = if *dark { (left_s, 3000.0) } else { (0.0, left_s) };
            match waking.decide(Asked { part: *part, dark_left_s, light_left_s, dt_s: 1.0 }, Some(TOLL)) {
                Some(true) => turns.1 += 1,
                Some(false) => turns.0 += 1,
                None => {}
            }
        }
        turns
    }

    #[test]
    fn a_dark_is_worked_through_where_that_pays_and_left_once_where_not() {
        // What a battery has to spare: 0.6 % of full load, with ticks of nothing; a tenth; and what a parked board left of it at the end.
        let faint: Vec<(u32, f64, bool)> = (0..2000).map(|k| (1, if k % 7 == 0 { 0.0 } else { 0.006 }, true)).collect();
        let day = [(3000, 1.0, false)];
        assert_eq!(turns(&[&day[..], &faint, &day].concat()), (1, 1));
        let rising: Vec<(u32, f64, bool)> = (0..2000).map(|k| (1, (14.0 / f64::from(2000 - k)).min(1.0), true)).collect();
        assert_eq!(turns(&[&day[..], &rising, &day].concat()), (1, 1), "it is not brought back for the last of it");
        let tenth = [(2000, 0.1, true)];
        assert_eq!(turns(&[&day[..], &tenth, &day].concat()), (0, 0));
        // A tenth of so short a dark does not pay; nor is there time to be told of a shorter one.
        assert_eq!(turns(&[&day[..], &[(200, 0.1, true)], &day].concat()), (1, 1));
        assert_eq!(turns(&[&day[..], &[(9, 0.0, true)], &day].concat()), (0, 0));
    }

    #[test]
    fn no_tick_decides_alone() {
        let day = [(3000, 1.0, false)];
        let noisy = |part: f64| (0..2000).map(move |k| (1, if k % 9 == 8 { 0.0 } else { part }, true)).collect::<Vec<_>>();
        assert_eq!(turns(&[&day[..], &noisy(0.1), &day].concat()), (0, 0));
        // Away, it comes back in the dark for what lasts, not for a glimpse.
        let glimpses: Vec<(u32, f64, bool)> = (0..1500).map(|k| (1, if k % 9 == 8 { 0.5 } else { 0.0 }, true)).collect();
        assert_eq!(turns(&[&day[..], &[(20, 0.0, true)], &glimpses, &day].concat()), (1, 1));
        assert_eq!(turns(&[&day[..], &[(500, 0.0, true), (1500, 0.5, true)], &day].concat()), (1, 1));
        assert_eq!(turns(&[&day[..], &[(500, 0.0, true), (60, 0.5, true)], &[(1, 0.0, false)]].concat()), (1, 0), "and for what pays");
    }

    #[test]
    fn an_absence_teaches_what_it_cost() {
        let mut waking = Waking::default();
        let look = |units: f64, back_s: f64, lost: f64| {
            let mut s = Snapshot::default();
            for (channel, value) in [(Channel::WorkUnits, units), (Channel::WorkRestore, back_s), (Channel::WorkLost, lost)] {
                s.set(channel, Reading::good(value, 0.0, Origin::Measured));
            }
            s
        };
        for k in 0..10 {
            waking.learn(&look(f64::from(k) * 50.0, 0.0, 0.0), Place::Memory, 0.5);
        }
        assert_eq!(waking.paid, None);
        for back_s in [0.0, 1.0, 2.0] {
            waking.learn(&look(450.0, back_s, 300.0), Place::Coming, 1.0);
        }
        waking.learn(&look(450.0, 2.5, 300.0), Place::Memory, 0.0);
        // A hundred a second of full load.
        assert_eq!(waking.paid, Some(Toll { back_s: 2.5, lost_s: 3.0 }));
    }
}
