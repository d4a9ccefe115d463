//! `accelerator check`: what the power sensor of the device at hand really does, found by loading it: update period and averaging window of the
//! power reading, tick of the energy counter, counter against integral, idle power, what a fixed pacing period does to the reading, and
//! what polling costs in throughput.
//!
//! The procedure here knows no clock and no device ([`Subject`]); `live` has both, the tests have virtual time. It changes no setting.

mod found;
mod held;
mod live;
mod own;
mod report;
mod store;

use found::Errors;
pub use found::{Doubt, Findings, Gives};
pub use held::held;
pub(crate) use held::known_gap;
pub use live::{Found, Order, check};
pub use report::{Checked, Figure, Verdict};
pub use store::{Kept, folder, latest};

use accelerator::trace::{self, Estimate, Step};
use accelerator::{Buffered, Sample};
use own::Own;

/// Time between two polls while the sensor itself is looked at, s.
const POLL_S: f64 = 0.005;
/// Time between two polls in a run, s, and polls between two looks at what changes slowly.
const RUN_POLL_S: f64 = 0.1;
const RUN_SLOW_EVERY: u32 = 10;
/// The work's count is looked at this often for a report, s: it costs the device nothing, and what it adds to a block of 20 s is a fortieth of a percent.
const REPORT_LOOK_S: f64 = 0.005;
/// Work that reports more seldom than this, s, cannot be timed by its reports.
const REPORT_MOST_S: f64 = 60.0;
/// What polling may cost of the throughput.
pub const POLLING_MOST_FRAC: f64 = 0.005;
/// The period that pacing must keep away from is the sensor's own; this is what pacing does instead, s.
const PACED_S: f64 = 2.0;
/// The averaged reading of a device without an instant one takes a second to settle, s: after work that ended, that began, and at each step.
const SETTLE_IDLE_S: f64 = 1.5;
const SETTLE_S: f64 = 2.0;
const STEP_S: f64 = 1.6;
/// A value that changes no more often than half as often as the load is stepped shows the load, s.
const OWN_S: f64 = STEP_S / 2.0;
/// Work has to have begun by then, s: large models are made and checked first. Work that never says how much it did is not waited for longer than the second.
const READY_MOST_S: f64 = 300.0;
const READY_SILENT_S: f64 = 30.0;
/// Parts of the steady load that tell how well counter against integral is known.
const GAP_PARTS: u32 = 8;
/// Power must rise by this factor for a step to be one.
const LEAST_RISE: f64 = 1.1;

/// A device with its work, and a clock.
pub trait Subject {
    /// Now, s.
    fn now_s(&self) -> f64;
    /// Waits until then; the work goes on.
    fn wait_until(&mut self, s: f64);
    /// One look.
    ///
    /// # Errors
    /// If the device is gone.
    fn look(&mut self) -> Result<Sample, String>;
    /// Power samples that the driver took by itself since the last call; `None` where it keeps none.
    ///
    /// # Errors
    /// If the device is gone.
    fn buffered(&mut self) -> Result<Option<Vec<Buffered>>, String>;
    /// One look at what changes slowly, as a run takes it once a second.
    ///
    /// # Errors
    /// If the device is gone.
    fn look_slowly(&mut self) -> Result<(), String>;
    /// Works flat out, or not at all.
    fn work(&mut self, on: bool);
    /// Work done since the start; `None` where nobody counts.
    fn units(&self) -> Option<f64>;
    /// What is wrong with the work, if something is.
    ///
    /// # Errors
    /// In words.
    fn healthy(&self) -> Result<(), String>;
}

/// How thorough it is.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Effort {
    /// Idle baseline, s.
    pub idle_s: f64,
    /// Steps of the load.
    pub steps: u32,
    /// Each aliasing trial, s.
    pub alias_s: f64,
    /// Aliasing trials of each kind, at random phase.
    pub trials: u32,
    /// Steady load for counter against integral, s.
    pub steady_s: f64,
    /// Pairs of blocks with and without polling.
    pub pairs: u32,
    /// Length of such a block, s.
    pub block_s: f64,
}

impl Effort {
    /// About ten minutes, most of it for the cost of polling: work repeats within 0.5 % or so a block, and eight pairs of them resolve half of that.
    pub const FULL: Self = Self { idle_s: 15.0, steps: 40, alias_s: 8.0, trials: 4, steady_s: 60.0, pairs: 8, block_s: 20.0 };
    /// Half a minute: enough to see that it works, not to quote, and the cost of polling cannot be resolved.
    pub const QUICK: Self = Self { idle_s: 2.0, steps: 10, alias_s: 2.0, trials: 2, steady_s: 4.0, pairs: 2, block_s: 1.0 };

    /// How long it takes, s, less what the work's reports make it wait.
    pub fn total_s(&self, works: bool) -> f64 {
        let idle = SETTLE_IDLE_S + self.idle_s;
        let steps = f64::from(self.steps) * (STEP_S + 0.1);
        let trials = f64::from(2 * self.trials) * (self.alias_s + 0.05);
        let blocks = f64::from(2 * self.pairs) * self.block_s;
        if works { idle + SETTLE_S + self.steady_s + steps + trials + SETTLE_S + blocks } else { idle }
    }
}

/// Times, s, and readings.
type Points = Vec<(f64, f64)>;

#[derive(Default)]
struct Trace {
    power: Points,
    /// When power was looked at, and the driver's stamp of it by the same clock.
    stamps: Points,
    energy: Points,
    /// The driver's own, by its own clock.
    own: Points,
}

/// The procedure.
pub struct Procedure<'a> {
    subject: &'a mut dyn Subject,
    tell: &'a mut dyn FnMut(&str),
    looks: u32,
    blind: u32,
    own: Own,
    gives: Gives,
    /// A seed for phases: a small linear congruential generator (Knuth) is random enough to be out of step with a sensor.
    phase: u64,
}

impl<'a> Procedure<'a> {
    /// On this device; `tell` hears what is being done.
    pub fn new(subject: &'a mut dyn Subject, seed: u64, tell: &'a mut dyn FnMut(&str)) -> Self {
        Self { subject, tell, looks: 0, blind: 0, own: Own::default(), gives: Gives::default(), phase: seed }
    }

    /// Everything, in order.
    ///
    /// # Errors
    /// If the device or its work is gone.
    pub fn run(mut self, effort: &Effort, works: bool) -> Result<Findings, String> {
        let mut found = Findings::default();
        if works {
            self.ready()?;
        }
        (self.tell)("idle baseline");
        self.subject.work(false);
        self.pause(SETTLE_IDLE_S);
        let there = self.own.take(self.subject)?;
        found.own_depth_s = own::depth_s(&there);
        let idle = self.trace(effort.idle_s, POLL_S)?;
        found.idle_w = Estimate::of(&by_second(&idle.power));
        found.counter_period_s = trace::update_period_s(&idle.energy);
        let stamps = trace::stamped_period_s(&idle.stamps);
        (found.period_s, found.doubt) = found::period(trace::update_period_s(&idle.power), stamps, found.counter_period_s, OWN_S);
        found.counter_fell = trace::fell(&idle.energy);
        found.own_period_s = own::period_s(&idle.own);
        if works {
            self.loaded(effort, &mut found)?;
        }
        found.gives = Gives { own: self.own.there(), ..self.gives };
        found.missing = f64::from(self.blind) / f64::from(self.looks.max(1));
        Ok(found)
    }

    /// Lets the work begin and waits for its first unit: what it does before (weights, kernels, a reference on the host) is neither idle nor load.
    fn ready(&mut self) -> Result<(), String> {
        (self.tell)("waiting for the work to begin");
        self.subject.work(true);
        let begun = self.subject.now_s();
        loop {
            self.subject.healthy()?;
            let waited = self.subject.now_s() - begun;
            match self.subject.units() {
                Some(units) if units > 0.0 => return Ok(()),
                None if waited >= READY_SILENT_S => return Ok(()),
                _ if waited >= READY_MOST_S => return Err(format!("the work did not begin within {READY_MOST_S:.0} s; see --workload")),
                _ => self.pause(REPORT_LOOK_S),
            }
        }
    }

    fn loaded(&mut self, effort: &Effort, found: &mut Findings) -> Result<(), String> {
        (self.tell)("steady load: counter against integral");
        self.subject.work(true);
        self.pause(SETTLE_S);
        let steady = self.trace(effort.steady_s, RUN_POLL_S / 2.0)?;
        self.subject.healthy()?;
        found.load_w = trace::mean(&steady.power);
        found.counter_fell |= trace::fell(&steady.energy);
        found.counter_gap = trace::counter_w(&steady.energy).zip(found.load_w).map(|(counted, integrated)| counted / integrated - 1.0);
        let parts = trace::gaps(&steady.power, &steady.energy, GAP_PARTS);
        found.counter_gap_half = Estimate::of(&parts).map(|e| e.half_width).filter(|half| half.is_finite());
        found.own_gap = own::mean(&steady.own).zip(found.load_w).map(|(own, integrated)| own / integrated - 1.0);
        let (Some(idle), Some(load)) = (found.idle_w.map(|e| e.mean), found.load_w) else { return Ok(()) };
        if load < idle * LEAST_RISE {
            return Err(format!(
                "the work raises the power from {idle:.1} W to {load:.1} W only: does it run on this device? see --workload"
            ));
        }
        (self.tell)("step response");
        let steps = self.steps(effort.steps, idle, load)?;
        if found.period_s.is_none() {
            (found.period_s, found.doubt) = found::period(trace::update_period_s(&steps.1), None, found.counter_period_s, OWN_S);
        }
        found.window_s = found.period_s.and_then(|period| trace::window_s(&steps.0, period));
        found.settling_s = Estimate::of(&steps.0.iter().map(|s| s.settled_s).collect::<Vec<_>>());
        // Power and counter of a board are mostly of one clock: where the reading's period is not resolved, the counter's is the likeliest to be in step with.
        if let Some(period_s) = found.period_s.or(found.counter_period_s) {
            (self.tell)("aliasing: the load in step with the sensor");
            found.aliased = self.alternating(effort, |_| period_s)?.polled;
            (self.tell)("aliasing: the load as it is paced in a run");
            let paced = self.alternating(effort, |u| PACED_S * (1.0 + u / 2.0))?;
            (found.jittered, found.own_jittered) = (paced.polled, paced.own);
        }
        (self.tell)("cost of polling");
        found.overhead = self.overhead(effort)?;
        self.subject.work(false);
        Ok(())
    }

    /// Uniform in 0..1.
    fn random(&mut self) -> f64 {
        self.phase = self.phase.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.phase >> 33) as f64 / f64::from(1_u32 << 31)
    }

    fn pause(&mut self, s: f64) {
        let until = self.subject.now_s() + s;
        self.subject.wait_until(until);
    }

    fn trace(&mut self, length_s: f64, poll_s: f64) -> Result<Trace, String> {
        let end = self.subject.now_s() + length_s;
        // What the driver kept before is another trace's.
        self.own.take(self.subject)?;
        let mut found = self.trace_until(end, poll_s)?;
        found.own.extend(self.own.take(self.subject)?);
        Ok(found)
    }

    fn trace_until(&mut self, end_s: f64, poll_s: f64) -> Result<Trace, String> {
        let mut found = Trace::default();
        let mut due = self.subject.now_s();
        while self.subject.now_s() < end_s {
            let sample = self.subject.look()?;
            let at = self.subject.now_s();
            self.looks += 1;
            found.own.extend(self.own.take_at(at, self.subject)?);
            self.gives.power |= sample.power_instant_w.or(sample.power_w).is_some();
            self.gives.counter |= sample.energy_j.is_some();
            match sample.power_instant_w.or(sample.power_w) {
                Some(w) => {
                    found.power.push((at, w));
                    found.stamps.extend(sample.power_age_s.map(|age| (at, at - age)));
                }
                None => self.blind += 1,
            }
            found.energy.extend(sample.energy_j.map(|j| (at, j)));
            due = (due + poll_s).max(at);
            self.subject.wait_until(due.min(end_s));
        }
        Ok(found)
    }

    /// Steps up and down, each at random phase, and the whole trace.
    fn steps(&mut self, count: u32, idle: f64, load: f64) -> Result<(Vec<Step>, Points), String> {
        let (mut found, mut whole) = (Vec::new(), Vec::new());
        let mut on = true;
        for _ in 0..count {
            on = !on;
            let wait = self.random() * 0.2;
            self.pause(wait);
            let mut part = self.trace(POLL_S, POLL_S)?.power;
            let at_s = self.subject.now_s();
            self.subject.work(on);
            part.extend(self.trace(STEP_S, POLL_S)?.power);
            let (from, to) = if on { (idle, load) } else { (load, idle) };
            found.extend(trace::step(&part, at_s, from, to));
            whole.extend(part);
        }
        Ok((found, whole))
    }

    /// Half load by switching with the periods that `period` makes of a random number; the largest error against the counter, of integrated power and of
    /// the driver's own samples.
    fn alternating(&mut self, effort: &Effort, period: impl Fn(f64) -> f64) -> Result<Errors, String> {
        let mut worst = Errors::default();
        for _ in 0..effort.trials {
            let phase = self.random() * 0.1;
            self.pause(phase);
            let end = self.subject.now_s() + effort.alias_s;
            let mut all = Trace::default();
            self.own.take(self.subject)?;
            // Switching times follow from the first, so that lateness does not add up to another period.
            let mut next = self.subject.now_s();
            while self.subject.now_s() < end {
                let u = self.random();
                let length = period(u);
                for on in [true, false] {
                    self.subject.work(on);
                    next += length / 2.0;
                    let part = self.trace_until(next.min(end), POLL_S.min(length / 8.0))?;
                    all.power.extend(part.power);
                    all.energy.extend(part.energy);
                    all.own.extend(part.own);
                }
            }
            all.own.extend(self.own.take(self.subject)?);
            let counted = trace::counter_w(&all.energy);
            let error = |mean: Option<f64>| mean.zip(counted).map(|(mean, counted)| mean / counted - 1.0);
            worst.polled = Errors::worse(worst.polled, error(trace::mean(&all.power)));
            worst.own = Errors::worse(worst.own, error(own::mean(&all.own)));
        }
        Ok(worst)
    }

    /// Throughput with and without polling in pairs of blocks, their order turned around each time so that a drift does not count.
    fn overhead(&mut self, effort: &Effort) -> Result<Option<Estimate>, String> {
        self.subject.work(true);
        self.pause(SETTLE_S);
        let mut losses = Vec::new();
        for pair in 0..effort.pairs {
            let mut rates = [None; 2];
            for polled in if pair % 2 == 0 { [true, false] } else { [false, true] } {
                rates[usize::from(polled)] = self.rate(effort.block_s, polled)?;
            }
            if let [Some(alone), Some(polled)] = rates
                && alone > 0.0
            {
                losses.push(1.0 - polled / alone);
            }
            self.subject.healthy()?;
        }
        Ok(Estimate::of(&losses))
    }

    /// Work a second over `block_s` or a little more: from one report of the work to another, since what is under way at the ends of a block is not reported.
    /// `None` where nobody counts, or too seldom.
    fn rate(&mut self, block_s: f64, polled: bool) -> Result<Option<f64>, String> {
        let Some(mut last) = self.subject.units() else { return Ok(None) };
        let (mut due, mut polls, mut begin) = (self.subject.now_s(), 0_u32, None);
        let give_up_s = due + 2.0 * REPORT_MOST_S + block_s;
        loop {
            let now = self.subject.now_s();
            if polled && now >= due {
                self.subject.look()?;
                if polls % RUN_SLOW_EVERY == 0 {
                    self.subject.look_slowly()?;
                }
                polls += 1;
                due = (due + RUN_POLL_S).max(now);
            }
            let (now, Some(units)) = (self.subject.now_s(), self.subject.units()) else { return Ok(None) };
            if units != last {
                last = units;
                match begin {
                    None => begin = Some((now, units)),
                    Some((from_s, before)) if now - from_s >= block_s => return Ok(Some((units - before) / (now - from_s))),
                    Some(_) => {}
                }
            }
            if now > give_up_s {
                return Ok(None);
            }
            self.subject.wait_until(now + REPORT_LOOK_S);
        }
    }
}

/// Means by the second: independent enough for an interval, which single readings of one average are not.
fn by_second(trace: &[(f64, f64)]) -> Vec<f64> {
    let Some(first) = trace.first() else { return Vec::new() };
    let mut blocks: Vec<Vec<(f64, f64)>> = Vec::new();
    for t in trace {
        let at = (t.0 - first.0) as usize;
        blocks.resize_with(blocks.len().max(at + 1), Vec::new);
        blocks[at].push(*t);
    }
    blocks.iter().filter_map(|block| trace::mean(block)).collect()
}

#[cfg(test)]
mod tests;
