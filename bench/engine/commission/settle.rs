//! Waiting for a steady state: a window of readings, and the rule that says when it stands still.

use super::record::{Point, Servoed};
use super::station::Facts;
use control::SATURATED_FRAC;
use signal::{Channel, Snapshot};
use std::collections::{BTreeMap, VecDeque};

/// Channels that a steady point is made of.
const WATCHED: [Channel; 12] = [
    Channel::Plate,
    Channel::CoolantSupply,
    Channel::CoolantReturn,
    Channel::Flow,
    Channel::Sink,
    Channel::Ambient,
    Channel::Die,
    Channel::BoardPower,
    Channel::MeterPower,
    Channel::SlotPower,
    Channel::TecCurrent,
    Channel::TecVoltage,
];
/// What is servoed counts as held within this of its target, K.
pub(crate) const HELD_WITHIN_K: f64 = 0.3;
/// A value nearer than this to a trip is not gone on with, K.
const TRIP_MARGIN_K: f64 = 4.0;
/// What is still on its way moves at least this fast towards its target, K/min.
pub(crate) const COMING_K_MIN: f64 = 0.1;

/// What a step may know of one tick.
pub(super) struct Now<'a> {
    /// Bench seconds.
    pub(super) t: f64,
    /// The readings, calibrated.
    pub(super) readings: &'a Snapshot,
    /// The setpoint sent last, on its ramp.
    pub(super) setpoint: Option<f64>,
    /// Whether the rig was declared dry, once it was asked.
    pub(super) dry: Option<bool>,
    /// The rig.
    pub(super) facts: &'a Facts,
}

impl Now<'_> {
    pub(super) fn read(&self, channel: Channel) -> Option<f64> {
        self.readings.usable(channel)
    }
}

/// The last readings of every channel over a span.
#[derive(Clone, Debug)]
pub(crate) struct Window {
    span_s: f64,
    since: Option<f64>,
    last: f64,
    kept: BTreeMap<Channel, VecDeque<(f64, f64)>>,
}

impl Window {
    pub(crate) fn new(span_s: f64) -> Self {
        Self { span_s, since: None, last: 0.0, kept: BTreeMap::new() }
    }

    pub(crate) fn push(&mut self, t: f64, readings: &Snapshot) {
        self.since.get_or_insert(t);
        self.last = t;
        for channel in WATCHED {
            let kept = self.kept.entry(channel).or_default();
            kept.extend(readings.usable(channel).map(|value| (t, value)));
            while kept.front().is_some_and(|(before, _)| *before < t - self.span_s) {
                kept.pop_front();
            }
        }
    }

    pub(crate) fn full(&self) -> bool {
        self.since.is_some_and(|since| self.last - since >= self.span_s)
    }

    fn of(&self, channel: Channel) -> impl Iterator<Item = (f64, f64)> + Clone + '_ {
        self.kept.get(&channel).into_iter().flatten().copied()
    }

    /// Mean over the window; `None` if nothing was read.
    pub(crate) fn mean(&self, channel: Channel) -> Option<f64> {
        let (n, sum) = self.of(channel).fold((0.0, 0.0), |(n, sum), (_, v)| (n + 1.0, sum + v));
        (n > 0.0).then(|| sum / n)
    }

    /// Slope by least squares, per minute; `None` with fewer than three readings.
    pub(crate) fn per_min(&self, channel: Channel) -> Option<f64> {
        slope(self.of(channel)).map(|per_s| per_s * 60.0)
    }

    /// The means as a point of the record.
    pub(super) fn point(&self, facts: &Facts) -> Point {
        let (tec_a, tec_v) = (self.mean(Channel::TecCurrent), self.mean(Channel::TecVoltage));
        let products: Vec<f64> = self.of(Channel::TecCurrent).zip(self.of(Channel::TecVoltage)).map(|((_, a), (_, v))| a * v).collect();
        Point {
            plate_degc: self.mean(Channel::Plate),
            supply_degc: self.mean(Channel::CoolantSupply),
            return_degc: self.mean(Channel::CoolantReturn),
            flow_l_min: self.mean(Channel::Flow),
            ambient_degc: self.mean(Channel::Ambient),
            meter_w: self.mean(Channel::MeterPower).map(|w| w + self.mean(Channel::SlotPower).unwrap_or(0.0)),
            supply_drift_k_min: self.per_min(Channel::CoolantSupply),
            sink_degc: self.mean(Channel::Sink),
            die_degc: self.mean(Channel::Die),
            board_w: self.mean(Channel::BoardPower),
            tec_a,
            tec_v,
            tec_w: (!products.is_empty()).then(|| products.iter().sum::<f64>() / products.len() as f64),
            sink_drift_k_min: self.per_min(Channel::Sink),
            plate_drift_k_min: self.per_min(Channel::Plate),
            limited: tec_a.is_some_and(|a| a.abs() >= SATURATED_FRAC * facts.current_limit_a),
            ..Point::default()
        }
    }
}

/// Slope of a line by least squares, per unit of the first; `None` with fewer than three points or all at one place.
pub(super) fn slope(points: impl Iterator<Item = (f64, f64)> + Clone) -> Option<f64> {
    let (n, x, y) = points.clone().fold((0.0, 0.0, 0.0), |(n, x, y), (px, py)| (n + 1.0, x + px, y + py));
    if n < 3.0 {
        return None;
    }
    let (x, y) = (x / n, y / n);
    let (xx, xy) = points.fold((0.0, 0.0), |(xx, xy), (px, py)| (xx + (px - x) * (px - x), xy + (px - x) * (py - y)));
    (xx > 0.0).then(|| xy / xx)
}

/// What to wait for.
#[derive(Clone, Copy, Debug)]
pub(super) struct Rule {
    /// Target of what is servoed, °C; `None` with the output off.
    pub(super) target: Option<f64>,
    /// Slowest drift that still counts as standing, of plate (and supply, where that is servoed) and sink, K/min; `None` if the sink does not matter.
    pub(super) plate_k_min: f64,
    /// See `plate_k_min`.
    pub(super) sink_k_min: Option<f64>,
    /// Longest wait, bench s.
    pub(super) limit_s: f64,
}

/// How far it is.
#[derive(Clone, Debug)]
pub(super) enum Settled {
    /// Not yet; in words.
    Waiting(String),
    /// It stands.
    Steady(Box<Point>),
    /// It will not; why, and where it was then.
    Never(String, Box<Point>),
}

/// Waits for one steady state.
#[derive(Clone, Debug)]
pub(super) struct Settle {
    rule: Rule,
    window: Window,
    began: Option<f64>,
}

impl Settle {
    pub(super) fn new(rule: Rule, span_s: f64) -> Self {
        Self { rule, window: Window::new(span_s), began: None }
    }

    /// Takes one tick.
    pub(super) fn look(&mut self, now: &Now<'_>) -> Settled {
        let began = *self.began.get_or_insert(now.t);
        // The ramp to the target is no part of standing there.
        if self.rule.target.is_some_and(|t| now.setpoint.is_none_or(|s| (s - t).abs() > 1e-6)) {
            self.window = Window::new(self.window.span_s);
        }
        self.window.push(now.t, now.readings);
        let point = self.window.point(now.facts);
        if let Some(why) = near_trip(now) {
            return Settled::Never(why, Box::new(point));
        }
        let (waited, servoed) = (now.t - began, now.facts.servoed);
        let off_k = self.rule.target.zip(point.servoed_degc(servoed)).map(|(target, held)| held - target);
        let moving = |drift: Option<f64>, most: f64| drift.is_none_or(|d| d.abs() > most);
        // With the supply held, the plate has a say of its own only where it is read.
        let follows = servoed == Servoed::CoolantSupply && point.plate_degc.is_some();
        let plate_moves = moving(point.servoed_drift_k_min(servoed), self.rule.plate_k_min)
            || (follows && moving(point.plate_drift_k_min, self.rule.plate_k_min));
        let sink_moves = self.rule.sink_k_min.is_some_and(|most| point.sink_degc.is_some() && moving(point.sink_drift_k_min, most));
        let off_target = off_k.is_some_and(|k| k.abs() > HELD_WITHIN_K);
        if self.window.full() && !plate_moves && !sink_moves && !off_target {
            return if point.limited {
                Settled::Never("the output is at its current limit".into(), Box::new(point))
            } else {
                Settled::Steady(Box::new(point))
            };
        }
        // At its limit and not coming nearer: waiting longer only warms the sink.
        let coming = off_k.zip(point.servoed_drift_k_min(servoed)).is_some_and(|(off, drift)| drift * off.signum() < -COMING_K_MIN);
        if self.window.full() && off_target && !coming && self.rule.target.is_some() {
            let why =
                format!("the {} stands {:+.2} K off at {:.2} A", servoed.word(), off_k.unwrap_or(0.0), point.tec_a.unwrap_or(f64::NAN));
            return Settled::Never(why, Box::new(point));
        }
        if waited > self.rule.limit_s {
            let why = format!("it does not stand still within {:.0} min: {}", self.rule.limit_s / 60.0, drifts(&point));
            return Settled::Never(why, Box::new(point));
        }
        Settled::Waiting(format!("settling {:.0} min: {}", waited / 60.0, drifts(&point)))
    }
}

fn drifts(point: &Point) -> String {
    let say = |name: &str, drift: Option<f64>| drift.map(|d| format!("{name} {d:+.2} K/min"));
    let all: Vec<String> =
        [say("supply", point.supply_drift_k_min), say("plate", point.plate_drift_k_min), say("sink", point.sink_drift_k_min)]
            .into_iter()
            .flatten()
            .collect();
    if all.is_empty() { "no readings yet".to_owned() } else { all.join(", ") }
}

/// A channel is so near to its trip that going on would end in it.
fn near_trip(now: &Now<'_>) -> Option<String> {
    now.facts.trips.iter().find_map(|trip| {
        let value = now.read(trip.channel)?;
        let max = trip.max.filter(|max| value > max - TRIP_MARGIN_K)?;
        // What is servoed trips beyond its setpoints; only what follows from heat is watched here.
        (trip.channel != now.facts.servoed.channel())
            .then(|| format!("the {} comes within {TRIP_MARGIN_K} K of its trip at {max} °C", trip.name))
    })
}
