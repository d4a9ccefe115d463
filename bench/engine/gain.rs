//! What one flight does more than another on the same bench, with both batteries put on the same terms.
//!
//! A battery that ends emptier than the rival's has done work that the rival still has before it. So both are counted over whole orbits, and what their charge
//! still changed differently by is put into work: what is missing costs what putting it back takes from the boards, charging losses included; what is left over
//! is worth what it gives them. Both at the work that a joule more at the board did in these flights.

use crate::setup::Setup;
use model::battery::Battery;
use record::{Column, Row};
use serde::Serialize;
use signal::{RunState, Watts};

/// Correlation of power and work below which a flight does not say what a joule more does: half of the variance (house value).
const LEAST_R2: f64 = 0.5;
/// Charges this near are the same: a millionth of what it holds is a joule or less of a card's share.
const SAME_FRAC: f64 = 1e-6;
/// A correction by more than this part of the work is said to weigh: what a joule in the battery is worth depends on whether the array would have spilled it, and
/// the correction takes it that it would not.
const SURE_FRAC: f64 = 1e-3;

/// One flight, as far as a gain needs it: fed row by row, it keeps a row an orbit.
#[derive(Clone, Debug)]
pub struct Flight {
    /// What the rest hangs on; of a satellite without a battery nothing is to be put on the same terms.
    battery: Option<Battery>,
    period_s: f64,
    tick_s: f64,
    /// A watt at the board takes this at the bus.
    bus_per_board: f64,
    first: Option<Mark>,
    /// At the end of each whole orbit.
    orbits: Vec<Mark>,
    last: Option<Mark>,
    line: Line,
}

/// A moment: useful work so far, and how full the battery is.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Mark {
    work: f64,
    soc_frac: Option<f64>,
}

/// Sums for a straight line of work rate over board power.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
struct Line {
    n: f64,
    w: f64,
    rate: f64,
    ww: f64,
    w_rate: f64,
    rate_rate: f64,
}

impl Line {
    fn push(&mut self, w: f64, rate: f64) {
        self.join(&Self { n: 1.0, w, rate, ww: w * w, w_rate: w * rate, rate_rate: rate * rate });
    }

    fn join(&mut self, other: &Self) {
        self.n += other.n;
        self.w += other.w;
        self.rate += other.rate;
        self.ww += other.ww;
        self.w_rate += other.w_rate;
        self.rate_rate += other.rate_rate;
    }

    /// Units for a joule more; `None` where power stood still, or says little of the rate.
    fn slope(&self) -> Option<f64> {
        let (sww, swr) = (self.ww - self.w * self.w / self.n, self.w_rate - self.w * self.rate / self.n);
        let srr = self.rate_rate - self.rate * self.rate / self.n;
        // Beside rounding of the sums there has to be something.
        let moves = sww > 1e-9 * self.ww && srr > 1e-9 * self.rate_rate;
        (moves && swr * swr >= LEAST_R2 * sww * srr).then(|| swr / sww)
    }
}

/// What is gained, as parts of the rival's work.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Gain {
    /// With both batteries on the same terms.
    pub frac: f64,
    /// As it was counted, before that.
    pub counted_frac: f64,
    /// Whole orbits over which it was counted; `None` where no battery is modelled, and the flight is taken as it is.
    pub orbits: Option<usize>,
    /// How much more the battery stores at their end than the rival's, each against its own beginning, J of one accelerator's share.
    pub charge_j: f64,
    /// The controller's step, bench s.
    pub step_s: f64,
    /// By how much the step is likely to make `frac` what it is; see [`Gain::beside`]. `None` where it was not looked into.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub step_frac: Option<f64>,
}

/// Why no gain can be told.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unknown {
    /// The charge would decide.
    #[error(
        "the flight is shorter than an orbit of {0} s, and what the batteries hold at its end is not yet made good for: give it a --duration of whole orbits"
    )]
    NoOrbit(u64),
    /// One of the two says nothing of its work.
    #[error("one of the two flights did no work that is known")]
    NoWork,
    /// A battery without a state of charge.
    #[error("one of the two flights does not say how full its battery was")]
    NoCharge,
    /// The charge differs, and its worth is not known.
    #[error("the batteries differ by {0} J at the end, and the flights do not say what work a joule more at the board does")]
    NoSlope(i64),
}

impl Flight {
    /// Of `setup`; nothing has been flown yet.
    pub fn of(setup: &Setup) -> Self {
        let power = &setup.law.governor.power;
        let bus_per_board = power.load_w(Watts(1.0)) - power.load_w(Watts(0.0));
        Self::new(power.battery, (setup.law.environment.period_s(), setup.law.dt_s), bus_per_board)
    }

    fn new(battery: Option<Battery>, (period_s, tick_s): (f64, f64), bus_per_board: f64) -> Self {
        Self { battery, period_s, tick_s, bus_per_board, first: None, orbits: Vec::new(), last: None, line: Line::default() }
    }

    /// Takes the next row.
    pub fn row(&mut self, row: &Row) {
        // The row that begins to stop is the last that was flown: an orbit that ends between two ticks may end in it.
        let (RunState::Running | RunState::Stopping, Some(mission_s), Some(counted)) =
            (row.state, row.mission_s, row.get(Column::WorkUnits))
        else {
            return;
        };
        let rated = row.get(Column::AccelPowerW).zip(row.get(Column::WorkUnitsPerS));
        if let Some((w, rate)) = rated.filter(|_| row.state == RunState::Running) {
            self.line.push(w, rate);
        }
        // What was lost is done again: only once is it work.
        let work = counted - row.get(Column::WorkLostUnits).unwrap_or(0.0);
        let mark = Mark { work, soc_frac: row.get(Column::PowerBatterySocFrac) };
        self.first.get_or_insert(mark);
        self.last = Some(mark);
        // The tick in which the orbit ends: the last row of one orbit is at its beginning, in both flights at the same moment.
        while mission_s + self.tick_s >= (self.orbits.len() + 1) as f64 * self.period_s {
            self.orbits.push(mark);
        }
    }

    /// What this flight does more than `rival`, on the same bench and as long.
    pub fn over(&self, rival: &Self) -> Result<Gain, Unknown> {
        let (first, rival_first) = self.first.zip(rival.first).ok_or(Unknown::NoWork)?;
        let Some(battery) = self.battery else {
            let (last, rival_last) = self.last.zip(rival.last).ok_or(Unknown::NoWork)?;
            let counted_frac = part(last.work - first.work, rival_last.work - rival_first.work)?;
            return Ok(Gain { frac: counted_frac, counted_frac, orbits: None, charge_j: 0.0, step_s: self.tick_s, step_frac: None });
        };
        let orbits = self.orbits.len().min(rival.orbits.len());
        let at = orbits.checked_sub(1).ok_or(Unknown::NoOrbit(self.period_s.ceil() as u64))?;
        let (end, rival_end) = (self.orbits[at], rival.orbits[at]);
        let changed = |from: Mark, to: Mark| Some(to.soc_frac? - from.soc_frac?);
        let more_frac = changed(first, end).zip(changed(rival_first, rival_end)).map(|(a, b)| a - b).ok_or(Unknown::NoCharge)?;
        let (did, rival_did) = (end.work - first.work, rival_end.work - rival_first.work);
        let counted_frac = part(did, rival_did)?;
        let charge_j = more_frac * battery.capacity_j();
        let mut line = self.line;
        line.join(&rival.line);
        let worth = match line.slope() {
            Some(units_per_j) => battery.at_bus_j(charge_j) / self.bus_per_board * units_per_j,
            None if more_frac.abs() < SAME_FRAC => 0.0,
            None => return Err(Unknown::NoSlope(charge_j.round() as i64)),
        };
        let frac = part(did + worth, rival_did)?;
        Ok(Gain { frac, counted_frac, orbits: Some(orbits), charge_j, step_s: self.tick_s, step_frac: None })
    }
}

/// More than `of`, as a part of it.
fn part(work: f64, of: f64) -> Result<f64, Unknown> {
    if of > 0.0 { Ok(work / of - 1.0) } else { Err(Unknown::NoWork) }
}

impl Gain {
    /// The same with what the step makes of it, by the same flights in steps twice as long.
    ///
    /// A budget holds for a step, and is that of the leaner of its two ends: at each edge of the light whoever has nothing but the Sun loses half a step of it in
    /// the mean, and who has a battery does not. So a gain goes with the step, to first order in proportion, and what doubling it adds is what it has in it already.
    #[must_use]
    pub fn beside(self, twice: &Self) -> Self {
        Self { step_frac: Some((twice.frac - self.frac).abs()), ..self }
    }

    /// In words, with what was corrected.
    pub fn words(&self) -> String {
        let percent = |frac: f64| format!("{:+.2} %", frac * 100.0);
        let step = self.step_frac.map_or_else(String::new, |frac| format!(" (± {:.2} % by the step of {} s)", frac * 100.0, self.step_s));
        let gain = percent(self.frac);
        let Some(orbits) = self.orbits else { return format!("{gain}{step} work over follow-sun (no battery: nothing to correct)") };
        let over = if orbits == 1 { "one whole orbit".to_owned() } else { format!("{orbits} whole orbits") };
        let than = if self.charge_j < 0.0 { "less" } else { "more" };
        let corrected = self.frac - self.counted_frac;
        let weighs = if corrected.abs() > SURE_FRAC { "; the charge weighs as much as a gain here: a longer flight says more" } else { "" };
        format!(
            "{gain}{step} work over follow-sun in {over}: {} as counted, {} for {:.0} J {than} that its battery gained than follow-sun's{weighs}",
            percent(self.counted_frac),
            percent(corrected),
            self.charge_j.abs()
        )
    }
}

#[cfg(test)]
mod tests;
