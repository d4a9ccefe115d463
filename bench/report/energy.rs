//! Energy of one instrument over a mission, interval by interval: the counter's own steps where both ends of a step can be believed, integrated power where they
//! cannot, and missing where neither is there. Energy, the time it belongs to and the work done in that time are summed together, so that no figure divides what was
//! counted over a part by what was done over the whole.
//!
//! A step is believed if the counter moved forward within one epoch and by what integrated power allows ([`plausible`]). One that stands still under power is no
//! counter: standing still for [`STILL_S`] is where waiting for its next tick ends.
//!
//! Not here: which columns of a row are which ([`crate::Merit`]).

/// Longest time in which a counter need not move, or need not be read, before integrated power takes its place, s. Counters tick every 20 to 100 ms (gpu.md) and rows
/// come about once a second: three rows.
pub(crate) const STILL_S: f64 = 3.0;
/// Power below which a counter that stands still is right to, W.
const NOTHING_W: f64 = 0.5;
/// A step may differ from integrated power by this factor. Sensors are good to 5 % under load and were seen 1.75 apart at idle (zeus#181): what is farther off is
/// another matter.
const FACTOR: f64 = 1.75;
/// ... and by the highest power seen for this long, s: averaged power lags a second behind (NVML: on Ampere and later an average over 1 s), a tick may fall either side.
pub(crate) const LAG_S: f64 = 1.5;
/// Where no power was read beside it: no accelerators of one run draw more together, W.
const MOST_W: f64 = 20_000.0;
/// Least part of the mission in which energy (and the work done with it) must be known for any figure to be made of it.
pub(crate) const ENOUGH_FRAC: f64 = 0.95;
/// Counter and integrated power that differ by more are told to people.
pub(crate) const TOLD_FRAC: f64 = 0.05;
/// Where they differ by more than this no figure is made of either: one of the two is wrong, and nothing says which.
pub(crate) const DISPUTED_FRAC: f64 = 0.2;

/// What became of work up to a moment: counted, lost (and done again), taken in, taken in and lost. Cumulative.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct Work {
    /// Put out, what was lost included.
    pub(crate) out: Option<f64>,
    /// Of that, lost with dropped memory.
    pub(crate) lost: Option<f64>,
    /// Taken in.
    pub(crate) input: Option<f64>,
    /// Of that, lost.
    pub(crate) input_lost: Option<f64>,
}

/// One interval as an instrument saw it.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Look {
    /// Its length, s.
    pub(crate) dt_s: f64,
    /// Mission time ran over it.
    pub(crate) flown: bool,
    /// Work was on its way out of memory or back.
    pub(crate) moving: bool,
    /// The counter at its end, J.
    pub(crate) counter_j: Option<f64>,
    /// Counters of different epochs are different counters.
    pub(crate) epoch: Option<f64>,
    /// Power integrated over it, J.
    pub(crate) integral_j: Option<f64>,
    /// Work until its end.
    pub(crate) work: Work,
}

/// True if a counter can have moved by `step_j` in `dt_s` beside `integral_j` of integrated power, on a device that was seen to draw `peak_w`.
///
/// ```
/// use report::plausible;
/// assert!(plausible(700.0, Some(690.0), 1.0, 700.0));
/// assert!(!plausible(100.0, Some(7000.0), 10.0, 700.0), "it stood still for most of it");
/// assert!(!plausible(5000.0, Some(700.0), 1.0, 700.0), "it jumped");
/// ```
pub fn plausible(step_j: f64, integral_j: Option<f64>, dt_s: f64, peak_w: f64) -> bool {
    match integral_j {
        Some(integral) => {
            let slack = LAG_S * peak_w;
            step_j >= integral / FACTOR - slack && step_j <= integral * FACTOR + slack
        }
        None => step_j <= MOST_W * (dt_s + LAG_S),
    }
}

/// Energy and the flown time it belongs to.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct Part {
    /// J.
    pub(crate) j: f64,
    /// s.
    pub(crate) s: f64,
}

impl Part {
    fn add(&mut self, j: f64, s: f64) {
        self.j += j;
        self.s += s;
    }
}

/// What it all came to; of flown time only.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct Sums {
    /// Flown.
    pub(crate) flown_s: f64,
    /// By steps of the counter that can be believed.
    pub(crate) counter: Part,
    /// By integrated power, wherever it was there.
    pub(crate) integral: Part,
    /// Of the energy below, what integrated power gave.
    pub(crate) filled: Part,
    /// Both ways over the same time: the counter's, and the integral's.
    pub(crate) both: (Part, Part),
    /// Energy, by the counter or else by the integral, where either is known.
    pub(crate) known: Part,
    /// That while work was on its way out of memory or back, and how long it was on its way in all.
    pub(crate) moving: (Part, f64),
    /// Time over which the counter stood still under power, fell or began anew, was not there, moved by what cannot be, s.
    pub(crate) stood_s: f64,
    /// See there.
    pub(crate) anew_s: f64,
    /// See there.
    pub(crate) absent_s: f64,
    /// See there.
    pub(crate) disputed_s: f64,
    /// Time in which energy and work are both known, the energy, and the work: put out, lost, taken in, lost of that.
    pub(crate) joint: Part,
    /// See there.
    pub(crate) work: [Option<f64>; 4],
}

impl Sums {
    /// Part of flown time in which energy is known; `None` before anything was flown.
    pub(crate) fn coverage_frac(&self) -> Option<f64> {
        (self.flown_s > 0.0).then(|| (self.known.s / self.flown_s).min(1.0))
    }

    /// Work of the joint time that was not lost and done again; `None` where no work was counted.
    pub(crate) fn useful(&self) -> Option<f64> {
        self.work[0].map(|out| out - self.work[1].unwrap_or(0.0))
    }

    /// Of what was taken in, likewise.
    pub(crate) fn useful_input(&self) -> Option<f64> {
        self.work[2].map(|input| input - self.work[3].unwrap_or(0.0))
    }

    /// Energy and work are known together over enough of the mission, and beyond dispute: there is work per joule.
    pub(crate) fn enough_for_work(&self) -> bool {
        self.flown_s > 0.0 && self.joint.s >= ENOUGH_FRAC * self.flown_s && !self.disputed()
    }

    /// Integral over counter less one, over the time in which both are there.
    pub(crate) fn gap_frac(&self) -> Option<f64> {
        (self.both.0.j > 0.0).then(|| self.both.1.j / self.both.0.j - 1.0)
    }

    /// Known over enough of the mission, and beyond dispute.
    pub(crate) fn enough(&self) -> bool {
        self.coverage_frac().is_some_and(|c| c >= ENOUGH_FRAC) && !self.disputed()
    }

    /// The two ways contradict each other.
    pub(crate) fn disputed(&self) -> bool {
        self.disputed_s > (1.0 - ENOUGH_FRAC) * self.flown_s || self.gap_frac().is_some_and(|gap| gap.abs() > DISPUTED_FRAC)
    }
}

/// How a span was judged.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Judged {
    Counted(f64),
    First,
    Absent,
    Stood,
    Anew,
    Disputed,
}

#[derive(Clone, Copy, Debug)]
struct Base {
    j: f64,
    epoch: Option<f64>,
    /// It stood still so long that its next step cannot be believed.
    stood: bool,
}

/// Intervals since the last one that was settled.
#[derive(Clone, Copy, Debug, Default)]
struct Span {
    dt_s: f64,
    flown_s: f64,
    /// Of the flown, that in which work moved.
    moving_s: f64,
    /// Integrated power of all, of the flown, of the moving; with the time it was there.
    integral: Part,
    flown: Part,
    moving: Part,
    /// Some of it was not flown.
    mixed: bool,
    /// There is an interval without integrated power.
    dark: bool,
    work: Work,
}

impl Span {
    fn push(&mut self, look: &Look) {
        self.dt_s += look.dt_s;
        self.mixed |= !look.flown;
        self.dark |= look.integral_j.is_none();
        self.work = look.work;
        if look.flown {
            self.flown_s += look.dt_s;
            self.moving_s += if look.moving { look.dt_s } else { 0.0 };
        }
        let Some(j) = look.integral_j else { return };
        self.integral.add(j, look.dt_s);
        if look.flown {
            self.flown.add(j, look.dt_s);
        }
        if look.flown && look.moving {
            self.moving.add(j, look.dt_s);
        }
    }

    /// Integrated power over all of it.
    fn integral_j(&self) -> Option<f64> {
        (!self.dark).then_some(self.integral.j)
    }
}

/// Sums one instrument up.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Account {
    sums: Sums,
    base: Option<Base>,
    work: Work,
    peak_w: f64,
    least_w: Option<f64>,
    open: Option<Span>,
}

impl Account {
    /// Takes in the next interval.
    pub(crate) fn push(&mut self, look: Look) {
        if let Some(j) = look.integral_j.filter(|_| look.dt_s > 0.0) {
            self.peak_w = self.peak_w.max(j / look.dt_s);
            self.least_w = Some(self.least_w.map_or(j / look.dt_s, |w| w.min(j / look.dt_s)));
        }
        let mut span = self.open.unwrap_or_default();
        span.push(&look);
        self.open = Some(span);
        let counts = look.work.out.is_some() || self.work.out.is_none();
        if let Some(judged) = self.judge(&span, &look).filter(|_| counts) {
            self.close(judged);
            let stands = judged == Judged::Stood && self.base.map(|b| b.j) == look.counter_j;
            self.base = look.counter_j.map(|j| Base { j, epoch: look.epoch, stood: stands });
        }
    }

    /// What comes next does not follow from what came before: what is open is settled without, and counters begin anew.
    pub(crate) fn interrupt(&mut self) {
        self.close(Judged::Absent);
        self.base = None;
        self.work = Work::default();
    }

    /// From the least integrated power of an interval to the most, W.
    pub(crate) fn swing_w(&self) -> f64 {
        self.least_w.map_or(0.0, |least| self.peak_w - least)
    }

    /// What it comes to so far.
    pub(crate) fn sums(&self) -> Sums {
        let mut ended = *self;
        ended.close(Judged::Absent);
        ended.sums
    }

    /// How the open span is to be closed; `None` while what comes next may still tell.
    fn judge(&self, span: &Span, now: &Look) -> Option<Judged> {
        let Some(base) = self.base else { return Some(if now.counter_j.is_some() { Judged::First } else { Judged::Absent }) };
        let Some(counter) = now.counter_j else {
            // A counter bridges what nobody read; where power is read there is no need to wait for it for long.
            return (now.integral_j.is_some() && span.dt_s >= STILL_S).then_some(Judged::Absent);
        };
        let step = counter - base.j;
        if base.epoch != now.epoch || step < 0.0 {
            return Some(Judged::Anew);
        }
        if step > 0.0 {
            return Some(match plausible(step, span.integral_j(), span.dt_s, self.peak_w) {
                // How far it went since it moved again nobody knows.
                _ if base.stood => Judged::Stood,
                true => Judged::Counted(step),
                false => Judged::Disputed,
            });
        }
        match span.integral_j() {
            Some(j) if j <= NOTHING_W * span.dt_s => Some(Judged::Counted(0.0)),
            _ if base.stood || span.dt_s >= STILL_S => Some(Judged::Stood),
            _ => None,
        }
    }

    fn close(&mut self, judged: Judged) {
        let Some(span) = self.open.take() else { return };
        let sums = &mut self.sums;
        sums.flown_s += span.flown_s;
        sums.moving.1 += span.moving_s;
        sums.integral.add(span.flown.j, span.flown.s);
        let mut known = span.flown;
        match judged {
            // A step over time that was flown and time that was not is neither's.
            Judged::Counted(step) if !span.mixed => {
                known = Part { j: step, s: span.flown_s };
                sums.counter.add(step, span.flown_s);
                if let Some(j) = span.integral_j() {
                    sums.both.0.add(step, span.flown_s);
                    sums.both.1.add(j, span.flown_s);
                }
                let by_power = span.integral_j().filter(|j| *j > 0.0).map(|j| span.moving.j / j);
                let part = by_power.unwrap_or(if span.flown_s > 0.0 { span.moving_s / span.flown_s } else { 0.0 });
                sums.moving.0.add(step * part, span.moving_s);
            }
            _ => {
                sums.filled.add(span.flown.j, span.flown.s);
                sums.moving.0.add(span.moving.j, span.moving.s);
                match judged {
                    Judged::Stood => sums.stood_s += span.flown_s,
                    Judged::Anew => sums.anew_s += span.flown_s,
                    Judged::Disputed => sums.disputed_s += span.flown_s,
                    Judged::Absent => sums.absent_s += span.flown_s,
                    // The step across a change of states was good.
                    Judged::First | Judged::Counted(_) => {}
                }
            }
        }
        sums.known.add(known.j, known.s);
        self.count(span.flown_s, known, span.work);
    }

    /// The work of a span goes with what is known of its energy.
    fn count(&mut self, flown_s: f64, known: Part, now: Work) {
        let before = self.work;
        self.work = now.or(before);
        let sums = &mut self.sums;
        let each = [(before.out, now.out), (before.lost, now.lost), (before.input, now.input), (before.input_lost, now.input_lost)];
        let grown = |(before, now): (Option<f64>, Option<f64>)| before.zip(now).map(|(b, n)| n - b).filter(|n| *n >= 0.0);
        if flown_s > 0.0 && grown(each[0]).is_some() {
            sums.joint.add(known.j, known.s);
            for (sum, pair) in sums.work.iter_mut().zip(each) {
                if let Some(n) = grown(pair) {
                    *sum.get_or_insert(0.0) += n * (known.s / flown_s).min(1.0);
                }
            }
        }
    }
}

impl Work {
    /// What is missing here, as it was.
    fn or(self, before: Self) -> Self {
        Self {
            out: self.out.or(before.out),
            lost: self.lost.or(before.lost),
            input: self.input.or(before.input),
            input_lost: self.input_lost.or(before.input_lost),
        }
    }
}

#[cfg(test)]
mod tests;
