//! The accelerator's energy counter and its power readings held against each other while a run is under way: a counter that stands still or is gone, and two that
//! disagree, are told when it happens and not only in the summary. Which of the two is wrong nothing here can say.
//!
//! Not here: what becomes of the figures (`report`), the ledger's own sums (`ledger`).

use control::Event;
use signal::{Channel, Severity, Snapshot};
use std::collections::VecDeque;

/// Longest time that is looked back, bench s, and shortest that is judged by.
const WINDOW_S: f64 = 60.0;
const JUDGED_S: f64 = 30.0;
/// A counter that stands still, or one of the two that is not read, for so long is told, bench s.
const PATIENCE_S: f64 = 10.0;
/// Power below which a counter that stands still is right to, W.
const NOTHING_W: f64 = 0.5;
/// Disagreement that is told, and below which the two agree again.
const TOLD_FRAC: f64 = 0.05;
const AGREES_FRAC: f64 = 0.025;
/// Averaged power lags a second behind (NVML, field 185), and a tick may fall either side: a step of power leaves so much of it in one account only, s.
const LAG_S: f64 = 1.5;

/// One tick in which both were there.
#[derive(Clone, Copy, Debug)]
struct Both {
    dt_s: f64,
    counted_j: f64,
    power_w: f64,
}

/// A state that lasts, and is told once.
#[derive(Clone, Copy, Debug, Default)]
struct Lasting {
    for_s: f64,
    told: bool,
}

impl Lasting {
    /// `Some(true)` when it is to be told, `Some(false)` when it is over after it was.
    fn update(&mut self, is: bool, dt_s: f64) -> Option<bool> {
        if !is {
            self.for_s = 0.0;
            return std::mem::take(&mut self.told).then_some(false);
        }
        self.for_s += dt_s;
        let tell = self.for_s >= PATIENCE_S && !self.told;
        self.told |= tell;
        tell.then_some(true)
    }
}

/// Watches both.
#[derive(Clone, Debug, Default)]
pub(crate) struct Contradiction {
    /// The counter and its epoch.
    last: Option<(f64, Option<f64>)>,
    window: VecDeque<Both>,
    /// Time, bench s, and energy by power readings since the counter moved last.
    standing: (f64, f64),
    /// Each was read at all.
    known: (bool, bool),
    stands: Lasting,
    no_counter: Lasting,
    no_power: Lasting,
    disagree: bool,
    /// Power as it was last read, and for how long it has been just that, s.
    same_power: Option<(f64, f64)>,
    /// Integrated power over the counter, less one, that a check of this card found: no news.
    known_gap: f64,
}

impl Contradiction {
    /// Of a card whose integrated power is known to say so much more than its counter.
    pub(crate) fn beside(known_gap: f64) -> Self {
        Self { known_gap, ..Self::default() }
    }

    /// Takes the readings at the end of `dt_s`; what is to be told of them. After a tick that came late, or with missed ones before it, power is of the last tick and the
    /// counter's step of all of them: such a row is in neither account.
    pub(crate) fn look(&mut self, readings: &Snapshot, dt_s: f64, late: bool) -> Vec<Event> {
        let mut events = Vec::new();
        let mut say = |severity, message: String| events.push(Event { severity, kind: "energy", who: "accelerator".into(), message });
        let power = readings.usable(Channel::BoardPower);
        let counter = readings.usable(Channel::BoardEnergy).map(|j| (j, readings.usable(Channel::EnergyEpoch)));
        self.known = (self.known.0 || counter.is_some(), self.known.1 || power.is_some());
        match self.no_counter.update(self.known.0 && counter.is_none() && power.is_some(), dt_s) {
            Some(true) => say(
                Severity::Warning,
                format!(
                    "the energy counter has not been given for {PATIENCE_S:.0} s while power is: energy goes by integrated power meanwhile"
                ),
            ),
            Some(false) => say(Severity::Info, "the energy counter is given again".to_owned()),
            None => {}
        }
        match self.no_power.update(self.known.1 && power.is_none() && counter.is_some(), dt_s) {
            Some(true) => say(
                Severity::Warning,
                format!("power has not been given for {PATIENCE_S:.0} s while the energy counter is: nothing checks the counter meanwhile"),
            ),
            Some(false) => say(Severity::Info, "power is given again".to_owned()),
            None => {}
        }
        let last = self.last.filter(|_| !late);
        self.last = counter;
        let (Some(power), Some((now, epoch))) = (power, counter) else {
            // A tick without either is in neither account.
            self.standing = (0.0, 0.0);
            return events;
        };
        self.same_power = match self.same_power {
            Some((w, s)) if w.to_bits() == power.to_bits() => Some((w, s + dt_s)),
            _ => Some((power, 0.0)),
        };
        if late {
            // What the counter says next is of time in which power was not looked at.
            self.standing = (0.0, 0.0);
            return events;
        }
        let Some(step) = last.filter(|(before, of)| *of == epoch && now >= *before).map(|(before, _)| now - before) else {
            // It began anew, which is told elsewhere; or it was not read before, and what it did meanwhile is of more than this tick.
            if last.is_some() {
                self.window.clear();
            }
            self.standing = (0.0, 0.0);
            return events;
        };
        match self.stands.update(step == 0.0 && power > NOTHING_W, dt_s) {
            Some(true) => say(
                Severity::Warning,
                format!(
                    "the energy counter has stood still for {PATIENCE_S:.0} s at {power:.0} W: energy goes by integrated power meanwhile"
                ),
            ),
            Some(false) => say(Severity::Info, "the energy counter moves again".to_owned()),
            None => {}
        }
        self.standing = (self.standing.0 + dt_s, self.standing.1 + power * dt_s);
        if step == 0.0 && power > NOTHING_W {
            // Between two of its ticks, or standing: what it says next is of all the time since it moved last. A counter that stands is no account to compare with.
            if self.stands.told {
                self.window.clear();
                self.standing = (0.0, 0.0);
            }
            return events;
        }
        let (since_s, used_j) = std::mem::take(&mut self.standing);
        self.window.push_back(Both { dt_s: since_s, counted_j: step, power_w: used_j / since_s });
        let mut length: f64 = self.window.iter().map(|b| b.dt_s).sum();
        while self.window.len() > 1 && self.window.front().is_some_and(|b| length - b.dt_s >= WINDOW_S) {
            length -= self.window.pop_front().map_or(0.0, |b| b.dt_s);
        }
        if length < JUDGED_S {
            return events;
        }
        let counted: f64 = self.window.iter().map(|b| b.counted_j).sum();
        let read: f64 = self.window.iter().map(|b| b.power_w * b.dt_s).sum();
        let integrated = read / (1.0 + self.known_gap);
        // The step of power may be in one of the two accounts only so far.
        let both = self.window.iter().flat_map(|b| [b.power_w, b.counted_j / b.dt_s]);
        let (least, most) = both.fold((f64::INFINITY, 0.0_f64), |(l, m), w| (l.min(w), m.max(w)));
        let slack = LAG_S * (most - least) + NOTHING_W * length;
        let apart = (counted - integrated).abs() - slack;
        let larger = counted.max(integrated);
        if apart > TOLD_FRAC * larger && !std::mem::replace(&mut self.disagree, true) {
            let stuck = self.same_power.filter(|(_, s)| *s >= PATIENCE_S);
            let stuck = stuck.map_or_else(String::new, |(w, s)| format!(" (power has read exactly {w} W for {s:.0} s)"));
            let known = match self.known_gap {
                0.0 => String::new(),
                gap => format!(" (which a check of this card found to say {:+.1} %)", gap * 100.0),
            };
            say(
                Severity::Warning,
                format!(
                    "over the last {length:.0} s the energy counter says {:.1} W and power readings {:.1} W{known}: one of the two is wrong{stuck}; \
                     `orbitbench accelerator check` shows which of them to trust",
                    counted / length,
                    read / length
                ),
            );
        } else if (counted - integrated).abs() < AGREES_FRAC * larger && std::mem::take(&mut self.disagree) {
            say(Severity::Info, "energy counter and power readings agree again".to_owned());
        }
        events
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use signal::{Origin, Reading};

    /// What is told over ticks of a second: power, and how far the counter goes in each.
    fn told(ticks: impl Iterator<Item = (Option<f64>, Option<f64>)>) -> Vec<(usize, Severity, String)> {
        told_beside(0.0, ticks)
    }

    fn told_beside(known_gap: f64, ticks: impl Iterator<Item = (Option<f64>, Option<f64>)>) -> Vec<(usize, Severity, String)> {
        let (mut watch, mut counter) = (Contradiction::beside(known_gap), 1e4);
        let mut all = Vec::new();
        for (tick, (power, step)) in ticks.enumerate() {
            let mut readings = Snapshot::default();
            if let Some(power) = power {
                readings.set(Channel::BoardPower, Reading::good(power, 0.0, Origin::Measured));
            }
            counter += step.unwrap_or(0.0);
            if step.is_some() {
                readings.set(Channel::BoardEnergy, Reading::good(counter, 0.0, Origin::Measured));
            }
            all.extend(watch.look(&readings, 1.0, false).into_iter().map(|e| (tick, e.severity, e.message)));
        }
        all
    }

    const W: Option<f64> = Some(700.0);

    #[test]
    fn what_goes_wrong_is_told_once_and_when_it_is_over() {
        let late = |tick: i32| (60..100).contains(&tick);
        for (name, odd, words, soon) in [
            ("stuck", (W, Some(0.0)), "stood still for 10 s at 700 W", 12),
            ("not given", (W, None), "has not been given for 10 s while power is", 12),
            ("no power", (None, W), "power has not been given for 10 s", 12),
            ("power stale", (Some(123.456), W), "power readings", 12),
            ("half rate", (W, Some(350.0)), "one of the two is wrong", 12),
        ] {
            let found = told((0..200).map(|tick| if late(tick) { odd } else { (W, W) }));
            assert_eq!(found.len(), 2, "{name}: {found:?}");
            let (begun, over) = (&found[0], &found[1]);
            assert!(begun.1 == Severity::Warning && begun.2.contains(words), "{name}: {begun:?}");
            assert!((60..60 + soon).contains(&begun.0), "{name}: {begun:?}");
            assert!(over.1 == Severity::Info && over.0 >= 100, "{name}: {over:?}");
        }
        let stale = told((0..200).map(|tick| (Some(if tick < 60 { 700.0 } else { 123.456 }), W)));
        assert_eq!(stale.len(), 1, "{stale:?}");
        let still = told((0..200).map(|_| (Some(123.456), W)));
        assert!(still[0].0 == 30 && still[0].2.contains("power has read exactly 123.456 W for 30 s"), "{still:?}");
    }

    /// A host without time: most ticks are missed, and each row's power is of its own tick while the counter's step is of all of them. A counter that really runs at half rate
    /// is found by the rows in time all the same.
    #[test]
    fn rows_that_come_late_accuse_nobody() {
        let fly = |rate: f64| {
            let (mut watch, mut counter, mut told) = (Contradiction::default(), 1e4, 0);
            for row in 0..300_i32 {
                // Two rows in time, then one after five seconds in which the board idled at 16 W; in the row itself it draws 72 W.
                let missed = if row % 3 == 2 { 4.0 } else { 0.0 };
                counter += rate * (missed * 16.0 + 72.0);
                let mut readings = Snapshot::default();
                readings.set(Channel::BoardPower, Reading::good(72.0, 0.0, Origin::Measured));
                readings.set(Channel::BoardEnergy, Reading::good(counter, 0.0, Origin::Measured));
                told += watch.look(&readings, missed + 1.0, missed > 0.0).len();
            }
            told
        };
        assert_eq!(fly(1.0), 0);
        assert_eq!(fly(0.5), 1);
    }

    #[test]
    fn what_a_check_found_is_no_news_and_what_differs_from_it_is() {
        let said = |counted: f64| (0..100).map(move |_| (W, Some(counted)));
        // Power readings 8 % above the counter: news, unless a check found just that; then agreement is.
        assert_eq!((told(said(700.0 / 1.08)).len(), told_beside(0.08, said(700.0 / 1.08)).len()), (1, 0));
        let differs = told_beside(0.08, said(700.0));
        assert!(differs.len() == 1 && differs[0].2.contains("(which a check of this card found to say +8.0 %)"), "{differs:?}");
    }

    #[test]
    fn a_sound_board_has_nothing_to_tell() {
        // Idle, load, idle, with power a second late; a counter that ticks every third second; a board that draws nothing; one without a counter.
        let draws = |tick: i32| if (tick / 45) % 2 == 1 { 700.0 } else { 80.0 };
        assert!(told((1..400).map(|tick| (Some(draws(tick - 1)), Some(draws(tick))))).is_empty());
        assert!(told((0..400).map(|tick| (W, Some(if tick % 3 == 0 { 2100.0 } else { 0.0 })))).is_empty());
        assert!(told((0..400).map(|_| (Some(0.0), Some(0.0)))).is_empty());
        assert!(told((0..400).map(|_| (W, None))).is_empty());
        // Now and then not read in time: the step over the hole is of two ticks.
        assert!(told((0..400).map(|tick| (W, (tick % 7 != 0).then_some(if tick % 7 == 1 { 1400.0 } else { 700.0 })))).is_empty());
        // 3 % apart, as sensors are.
        assert!(told((0..400).map(|_| (W, Some(721.0)))).is_empty());
    }
}
