//! One point being measured: to its temperature without load, the load on slowly, until it stands still, then a window between two ticks of the
//! energy counter. What comes too near to a limit is backed off until it stands, so that the largest power is known. Pure.

mod measuring;

use super::order::{Actuator, MARGIN_K, Survey};
use crate::commission::{COMING_K_MIN, Facts, HELD_WITHIN_K, Servoed, Window};
use control::SATURATED_FRAC;
use measuring::Measuring;
use signal::{Channel, Snapshot};
use std::collections::VecDeque;
use survey::{Energy, Figures, Status};

/// What is held this near to its target is there, and takes load, K.
const NEAR_K: f64 = 1.0;
/// Time from no load to full load, bench s: long against the lag of a plate, so that it stays near its target.
const RAMP_S: f64 = 90.0;
/// Readings that must stand still, bench s.
const STEADY_S: f64 = 60.0;
/// Slowest drift that counts as standing, K/min: of plate or supply as in commissioning; of a die, which is read in whole degrees; of power, as a
/// part of full.
const HELD_K_MIN: f64 = 0.1;
const DIE_K_MIN: f64 = 1.0;
const POWER_FRAC_MIN: f64 = 0.02;
/// How long work may take to begin, bench s: a server loads its model. Work that nobody counts never does, and is measured without it.
const BEGIN_S: f64 = 300.0;
/// Longest wait for it, bench s.
const SETTLE_S: f64 = 1800.0;
/// Patience with what is on its way back, bench s: a bath that was overloaded gives its heat away slowly.
const COMING_S: f64 = 4.0 * SETTLE_S;
/// Part of the range of power that is taken back where a limit is in the way.
const BACK_FRAC: f64 = 0.1;
/// After load was taken back temperatures get this long before more is taken, bench s; unless something is nearer than [`HARD_K`].
const HOLD_S: f64 = 60.0;
const HARD_K: f64 = 1.0;

/// What a tick of the point may know.
pub(super) struct Now<'a> {
    pub(super) t: f64,
    pub(super) readings: &'a Snapshot,
    /// The setpoint sent last, on its ramp.
    pub(super) setpoint: Option<f64>,
    pub(super) survey: &'a Survey,
    /// Work was counted in this sitting: it has begun.
    pub(super) worked: bool,
}

/// What a tick comes to.
pub(super) enum Step {
    /// Not over; what it waits for.
    Go(String),
    /// Over.
    Done(Box<Found>),
    /// The map cannot go on.
    Failed(String),
}

/// What was found.
#[derive(Debug)]
pub(super) struct Found {
    pub(super) status: Status,
    pub(super) energy: Option<Energy>,
    pub(super) figures: Figures,
    pub(super) why: String,
}

/// One point under way.
pub(super) struct Measurement {
    target: Option<f64>,
    /// Level that is asked for now, 0 to 1: less than what was planned once it was backed off.
    level: f64,
    began: f64,
    settling: Option<(f64, Window)>,
    measuring: Option<Measuring>,
    /// What was in the way, once something was.
    limited: Option<String>,
    counter: Option<(f64, f64)>,
    settle_s: f64,
    approached: VecDeque<(f64, f64)>,
    /// What is held was near its target once: it does not wait for that again.
    arrived: bool,
    /// When what is held was last on its way back.
    came_s: f64,
    /// When load was last taken back.
    backed_s: f64,
    /// Level that was planned, 0 to 1.
    planned: f64,
    /// The highest level that stood since something was in the way, and whether a higher one is still to be tried.
    stood: Option<f64>,
    climbs: bool,
}

impl Measurement {
    pub(super) fn new(target: Option<f64>, level: f64, now_s: f64) -> Self {
        Self {
            target,
            level,
            began: now_s,
            settling: None,
            measuring: None,
            limited: None,
            counter: None,
            settle_s: 0.0,
            approached: VecDeque::new(),
            arrived: target.is_none(),
            came_s: f64::NEG_INFINITY,
            backed_s: f64::NEG_INFINITY,
            planned: level,
            stood: None,
            climbs: true,
        }
    }

    /// Takes one tick. `level` is where the load is now; it is moved towards what is wanted.
    pub(super) fn tick(&mut self, now: &Now<'_>, level: &mut f64) -> Step {
        let facts = now.survey.facts();
        let ticked = self.counter_ticked(now.readings);
        if let Some((margin, words)) = nearest(now)
            && margin < MARGIN_K
            && (margin < HARD_K || now.t - self.backed_s > HOLD_S)
            && !self.cooling(now)
        {
            return self.back_off(now, level, words);
        }
        let held = now.readings.usable(facts.servoed.channel());
        self.arrived |= self.target.zip(held).is_some_and(|(t, h)| (h - t).abs() <= NEAR_K);
        if !self.arrived {
            // A load on its way to a hotter or colder place would only be in the way of getting there.
            *level = 0.0;
            return self.approach(now, held);
        }
        *level += (self.level - *level).clamp(-facts.dt_s / RAMP_S, facts.dt_s / RAMP_S);
        if (*level - self.level).abs() > 1e-9 {
            self.settling = None;
            return Step::Go(format!("load to {:.0} %", self.level * 100.0));
        }
        if self.measuring.is_some() {
            return self.measure(now, ticked);
        }
        self.settle(now, level)
    }

    /// It comes down from a hotter place, without load: what is too near to a limit was that place's, and is leaving it.
    fn cooling(&self, now: &Now<'_>) -> bool {
        let held = now.readings.usable(now.survey.facts().servoed.channel());
        !self.arrived && self.target.zip(held).is_some_and(|(target, held)| held > target + NEAR_K)
    }

    /// The counter moved since the last tick.
    fn counter_ticked(&mut self, readings: &Snapshot) -> bool {
        let Some(energy) = timed(readings, Channel::BoardEnergy) else { return false };
        let before = self.counter.replace(energy);
        before.is_some_and(|b| b.1 != energy.1)
    }

    fn approach(&mut self, now: &Now<'_>, held: Option<f64>) -> Step {
        let facts = now.survey.facts();
        let what = facts.servoed.place();
        let (Some(target), Some(held)) = (self.target, held) else { return Step::Go(format!("no {what} to read")) };
        self.approached.push_back((now.t, held));
        while self.approached.front().is_some_and(|(t, _)| *t < now.t - STEADY_S) {
            self.approached.pop_front();
        }
        let arrived = now.setpoint.is_some_and(|s| (s - target).abs() < 1e-6);
        let span = self.approached.front().zip(self.approached.back()).filter(|(a, b)| b.0 - a.0 >= STEADY_S * 0.9);
        let coming = span.is_none_or(|(a, b)| ((b.1 - target).abs() - (a.1 - target).abs()) / (b.0 - a.0) * 60.0 < -COMING_K_MIN);
        if (arrived && !coming) || now.t - self.began > SETTLE_S + patience(facts) {
            let amps = now.readings.usable(Channel::TecCurrent).map_or_else(String::new, |a| format!(" at {a:.1} A"));
            let why = format!("without load the {what} comes to {held:.1} degC{amps} and no nearer to {target} degC");
            return Step::Done(Box::new(Found { status: Status::NotReachable, energy: None, figures: Figures::default(), why }));
        }
        Step::Go(format!("to {target} degC"))
    }

    /// Something stands in the way: less load, or none at all.
    fn back_off(&mut self, now: &Now<'_>, level: &mut f64, words: String) -> Step {
        let first = self.limited.get_or_insert(words).clone();
        (self.settling, self.measuring) = (None, None);
        // Higher than what stood does not: back to that, and no further.
        let lower = match self.stood.take().filter(|stood| *stood < self.level) {
            Some(stood) => {
                self.climbs = false;
                stood
            }
            None => level.min(self.level) - BACK_FRAC,
        };
        if *level <= 0.0 && self.level <= 0.0 {
            return Step::Done(Box::new(Found {
                status: Status::NotReachable,
                energy: None,
                figures: Figures::default(),
                why: format!("{first}, even without load"),
            }));
        }
        self.level = lower.max(0.0);
        // At once: it is too near as it is.
        *level = self.level;
        self.backed_s = now.t;
        Step::Go(format!("backing off to {:.0} %: {first}", self.level * 100.0))
    }

    fn settle(&mut self, now: &Now<'_>, level: &mut f64) -> Step {
        let facts = now.survey.facts();
        let on_ramp = self.target.is_some_and(|t| now.setpoint.is_none_or(|s| (s - t).abs() > 1e-6));
        let (began, window) = self.settling.get_or_insert_with(|| (now.t, Window::new(STEADY_S)));
        if on_ramp {
            *window = Window::new(STEADY_S);
        }
        window.push(now.t, now.readings);
        let waited = now.t - *began;
        let off_k = self.target.zip(window.mean(facts.servoed.channel())).map(|(target, held)| held - target);
        let held_drift = window.per_min(facts.servoed.channel());
        let still = |drift: Option<f64>, most: f64, needed: bool| drift.map_or(!needed, |d| d.abs() <= most);
        // Where the coolant is held the plate follows in its own time.
        let plate_stands = facts.servoed == Servoed::Plate || still(window.per_min(Channel::Plate), HELD_K_MIN, false);
        let held = off_k.is_none_or(|k| k.abs() <= HELD_WITHIN_K) && still(held_drift, HELD_K_MIN, self.target.is_some()) && plate_stands;
        let quiet = still(window.per_min(Channel::Die), DIE_K_MIN, false)
            && still(window.per_min(Channel::BoardPower), POWER_FRAC_MIN * facts.full_w, true);
        if *level > 0.0 && !now.worked {
            if waited < BEGIN_S {
                return Step::Go("waiting for the work to begin".into());
            }
            if now.readings.usable(Channel::WorkUnits).is_some() {
                return Step::Failed(format!("the work did not do one unit in {BEGIN_S} s: try it alone with `orbitbench workload bench`"));
            }
        }
        let full = window.full();
        // Paced power has noise of its own in a short window: after two of them it is the temperatures that count.
        let quiet = quiet || (waited > 2.0 * STEADY_S && still(window.per_min(Channel::Die), DIE_K_MIN, false));
        if full && held && quiet {
            if self.limited.is_some() && self.climbs && self.level < self.planned {
                // What was too much on the way there, the plate still swinging, may not be too much when it stands.
                self.stood = Some(self.level);
                self.level = (self.level + BACK_FRAC).min(self.planned);
                self.settling = None;
                return Step::Go(format!("it stands at {:.0} %, on to {:.0} %", level.min(1.0) * 100.0, self.level * 100.0));
            }
            if self.level >= self.planned {
                self.limited = None;
            }
            self.settle_s = now.t - self.began;
            self.measuring = Some(Measuring::begun(now.t));
            self.settling = None;
            return Step::Go("it stands".into());
        }
        let amps = window.mean(Channel::TecCurrent);
        let saturated = facts.current_limit_a > 0.0 && amps.is_some_and(|a| a.abs() >= SATURATED_FRAC * facts.current_limit_a);
        let away = off_k.filter(|k| k.abs() > HELD_WITHIN_K);
        let coming = away.zip(held_drift).is_some_and(|(off, drift)| drift * off.signum() < -COMING_K_MIN);
        if let Some(off) = away.filter(|_| full && !coming && (saturated || waited > SETTLE_S / 2.0)) {
            // A circulator tells of no current.
            let at = amps.map_or_else(String::new, |a| format!(" at {a:.1} A"));
            let words = format!("the {} stands {off:+.1} K off{at}", facts.servoed.place());
            return self.back_off(now, level, words);
        }
        if coming {
            self.came_s = now.t;
        }
        if waited.min(now.t - self.came_s) > SETTLE_S || waited > COMING_S {
            let first = self.limited.as_ref().map_or_else(String::new, |first| format!("{first}; at {:.0} % ", self.level * 100.0));
            let why = format!("{first}it did not stand still within {:.0} min", waited / 60.0);
            return Step::Done(Box::new(Found { status: Status::NotReachable, energy: None, figures: Figures::default(), why }));
        }
        let drift = held_drift.map_or_else(String::new, |d| format!(": {} {d:+.2} K/min", facts.servoed.place()));
        Step::Go(format!("settling {:.0} min{drift}", waited / 60.0))
    }
}

/// Bench seconds that the longest walk of the setpoint takes.
fn patience(facts: &Facts) -> f64 {
    (facts.limits.max() - facts.limits.min()) / facts.rate_k_min * 60.0
}

fn timed(readings: &Snapshot, channel: Channel) -> Option<(f64, f64)> {
    Some((readings.get(channel).at_s, readings.usable(channel)?))
}

/// What is nearest to slowing down or tripping: how near, K, and what it is.
fn nearest(now: &Now<'_>) -> Option<(f64, String)> {
    let survey = now.survey;
    let read = |channel| now.readings.usable(channel);
    let coupled = survey.facts().coupled;
    // What no temperature of ours acts on ends in its own trip, not in a smaller power.
    let ours = |channel: Channel| coupled || channel == Channel::Die;
    let temperature = |channel: Channel| {
        matches!(
            channel,
            Channel::Plate | Channel::Sink | Channel::Die | Channel::CoolantSupply | Channel::CoolantReturn | Channel::Radiator
        )
    };
    let trips = survey.facts().trips.iter().filter(|t| ours(t.channel) && temperature(t.channel)).filter_map(|trip| {
        let value = read(trip.channel)?;
        let high = trip.max.map(|max| max - value);
        let low = trip.min.map(|min| value - min);
        let margin = [high, low].into_iter().flatten().reduce(f64::min)?;
        Some((margin, format!("the {} is within {MARGIN_K} K of its trip", trip.name)))
    });
    let slows = read(Channel::Die).map(|die| {
        (survey.slowdown_degc - die, format!("the die is within {MARGIN_K} K of its slowdown at {} degC", survey.slowdown_degc))
    });
    let told = [(Channel::DieMargin, "die"), (Channel::MemoryMargin, "memory")];
    let told = told
        .into_iter()
        .filter_map(|(channel, what)| Some((read(channel)?, format!("the driver leaves the {what} less than {MARGIN_K} K"))));
    trips.chain(slows).chain(told).min_by(|a, b| a.0.total_cmp(&b.0))
}

/// What holds the board to a level.
pub(super) fn commands(survey: &Survey, setpoint: Option<f64>, level: f64) -> control::Commands {
    let facts = survey.facts();
    let thermal = if setpoint.is_some() { control::Thermal::On } else { control::Thermal::Off };
    let (duty, limit) = match survey.order.actuator {
        Actuator::Pacing => ((level > 0.0).then_some(level.min(1.0)), None),
        Actuator::PowerCap => {
            let watts = (facts.idle_w + level * (facts.full_w - facts.idle_w)).max(survey.least_limit_w);
            ((level > 0.0).then_some(1.0), Some(signal::Watts(watts)))
        }
    };
    control::Commands { target: setpoint.map(signal::Celsius), thermal, duty, power: true, limit, acknowledge: false }
}

#[cfg(test)]
mod tests;
