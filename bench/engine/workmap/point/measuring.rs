//! The window of a point that stands: from one tick of the energy counter to another, and what it comes to. A counter that fell or began anew in between, or moved
//! by what power readings rule out, gives way to integrated power.

use super::{Found, Measurement, Now, Step, nearest, timed};
use crate::commission::{Servoed, Window};
use signal::Channel;
use survey::{Energy, Figure, Figures, Status};

/// A counter that stands still for this many windows is none.
const COUNTER_PATIENCE: f64 = 2.0;

/// The readings at one moment of a window.
#[derive(Clone, Copy)]
struct Mark {
    energy: Option<(f64, f64)>,
    out: Option<(f64, f64)>,
    input: Option<(f64, f64)>,
}

/// A window under way.
pub(super) struct Measuring {
    window: Window,
    began: f64,
    start: Option<Mark>,
    power: (f64, u32),
    most_w: f64,
    clock: (f64, u32),
    least_margin: Option<f64>,
    /// The counter as it was last read within the window, with its epoch, and whether it fell or began anew: then its two ends are not one counter's.
    counter: Option<(f64, Option<f64>)>,
    broken: bool,
}

impl Measuring {
    /// Nothing is read yet.
    pub(super) fn begun(now_s: f64) -> Self {
        Self {
            window: Window::new(f64::INFINITY),
            began: now_s,
            start: None,
            power: (0.0, 0),
            most_w: 0.0,
            clock: (0.0, 0),
            least_margin: None,
            counter: None,
            broken: false,
        }
    }
}

impl Measurement {
    pub(super) fn measure(&mut self, now: &Now<'_>, ticked: bool) -> Step {
        let window_s = now.survey.order.window_s;
        let Some(at) = &mut self.measuring else { return Step::Go(String::new()) };
        let counted = timed(now.readings, Channel::BoardEnergy);
        let gave_up = now.t - at.began > COUNTER_PATIENCE * window_s;
        let mark =
            Mark { energy: counted, out: timed(now.readings, Channel::WorkUnits), input: timed(now.readings, Channel::WorkInputUnits) };
        if let Some((_, j)) = counted {
            let epoch = now.readings.usable(Channel::EnergyEpoch);
            let before = at.counter.replace((j, epoch));
            at.broken |= at.start.is_some() && before.is_some_and(|(before, of)| j < before || epoch != of);
        }
        let Some(start) = at.start else {
            // From a tick of the counter on; without one there is nothing to wait for.
            if ticked || counted.is_none() || gave_up {
                at.start = Some(mark);
                at.began = now.t;
            }
            return Step::Go("waiting for the energy counter".into());
        };
        at.window.push(now.t, now.readings);
        if let Some(w) = now.readings.usable(Channel::BoardPower) {
            at.power = (at.power.0 + w, at.power.1 + 1);
            at.most_w = at.most_w.max(w);
        }
        if let Some(mhz) = now.readings.usable(Channel::CoreClock) {
            at.clock = (at.clock.0 + mhz, at.clock.1 + 1);
        }
        if let Some((margin, _)) = nearest(now) {
            at.least_margin = Some(at.least_margin.map_or(margin, |m| m.min(margin)));
        }
        let since = start.energy.zip(counted).map_or(now.t - at.began, |(a, b)| b.0 - a.0);
        let stuck = now.t - at.began > COUNTER_PATIENCE * window_s;
        if !(stuck || (ticked || counted.is_none()) && since >= window_s) {
            return Step::Go(format!("measuring, {:.0} of {window_s:.0} s", (now.t - at.began).min(window_s)));
        }
        let found = self.found(now, start, &mark);
        Step::Done(Box::new(found))
    }

    fn found(&mut self, now: &Now<'_>, start: Mark, end: &Mark) -> Found {
        let mut figures = Figures::default();
        let Some(at) = self.measuring.take() else {
            return Found { status: Status::NotReachable, energy: None, figures, why: "nothing was measured".into() };
        };
        let over_supply = now.survey.facts().servoed == Servoed::CoolantSupply;
        let mean = |(sum, n): (f64, u32)| (n > 0).then(|| sum / f64::from(n));
        let integral_w = mean(at.power);
        let counted = start.energy.zip(end.energy).map(|(a, b)| (b.0 - a.0, b.1 - a.1)).filter(|(s, j)| *s > 0.0 && *j > 0.0);
        // What a run's figures would not be made of, a map's are not either.
        let (counted, wrong) = match counted {
            // One that ends below where it began says so too.
            _ if at.broken => (None, "the energy counter fell or began anew within the window"),
            Some((s, j)) if !report::plausible(j, integral_w.map(|w| w * s), s, at.most_w) => {
                (None, "the energy counter moved by what power readings rule out")
            }
            counted => (counted, ""),
        };
        let (energy, window_s, joules) = match counted {
            Some((s, j)) => (Some(Energy::Counter), s, Some(j)),
            None => (integral_w.map(|_| Energy::Integral), now.t - at.began, integral_w.map(|w| w * (now.t - at.began))),
        };
        let between = |a: Option<(f64, f64)>, b: Option<(f64, f64)>| {
            a.zip(b).map(|(a, b)| (b.0 - a.0, b.1 - a.1)).filter(|(s, n)| *s > 0.0 && *n >= 0.0)
        };
        let (out, input) = (between(start.out, end.out), between(start.input, end.input));
        let per = |what: Option<(f64, f64)>, by: Option<f64>| what.zip(by).filter(|(_, by)| *by > 0.0).map(|((_, n), by)| n / by);
        let power_w = joules.map(|j| j / window_s);
        let gap = counted.and(power_w).zip(integral_w).filter(|(_, i)| *i > 0.0).map(|(c, i)| c / i - 1.0);
        for (figure, value) in [
            (Figure::Level, Some(self.level)),
            (Figure::Settle, Some(self.settle_s)),
            (Figure::Window, Some(window_s)),
            (Figure::EnergyJ, joules),
            (Figure::Power, power_w),
            (Figure::PowerIntegral, integral_w),
            (Figure::CounterGap, gap),
            (Figure::UnitsOut, out.map(|o| o.1)),
            (Figure::UnitsIn, input.map(|o| o.1)),
            (Figure::Rate, out.map(|(s, n)| n / s)),
            (Figure::RateIn, input.map(|(s, n)| n / s)),
            (Figure::PerJoule, per(out, joules)),
            (Figure::PerJouleIn, per(input, joules)),
            (Figure::Plate, at.window.mean(Channel::Plate).filter(|_| self.target.is_some())),
            (Figure::PlateDrift, at.window.per_min(Channel::Plate).filter(|_| self.target.is_some())),
            (Figure::Supply, at.window.mean(Channel::CoolantSupply).filter(|_| self.target.is_some() && over_supply)),
            (Figure::Die, at.window.mean(Channel::Die)),
            (Figure::Margin, at.least_margin),
            (Figure::Sink, at.window.mean(Channel::Sink).filter(|_| self.target.is_some())),
            (Figure::Current, at.window.mean(Channel::TecCurrent).filter(|_| self.target.is_some())),
            (Figure::Clock, mean(at.clock)),
        ] {
            figures.set(figure, value);
        }
        let status = if self.limited.is_some() { Status::NotReachable } else { Status::Measured };
        let told = if wrong.is_empty() { String::new() } else { format!("{wrong}: energy is by integrated power") };
        Found { status, energy, figures, why: self.limited.clone().unwrap_or(told) }
    }
}
