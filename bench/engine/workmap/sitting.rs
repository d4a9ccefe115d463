//! A map being measured: the open points in their order, each by [`super::point`], with the interlocks of a run around them. What is known to be out
//! of reach is not tried again. Pure: no clock, no device.

use super::order::Survey;
use super::point::{Found, Measurement, Now, Step, commands};
use crate::devices::Look;
use crate::keeper::{Keeper, walk};
use control::Commands;
use signal::{Channel, Tick};
use std::collections::VecDeque;
use survey::{Figure, Figures, Kind, Planned, Point, Status};

/// How a sitting ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Ended {
    /// Every point of it is there.
    Done,
    /// Somebody ended it; the points that are there stand.
    Stopped,
    /// An interlock, a lost instrument, work that is not well, or a file that cannot be written.
    Tripped(String),
}

/// What a tick of a sitting comes to.
#[derive(Debug)]
pub struct Told {
    /// For the devices.
    pub commands: Commands,
    /// Points that are over with this tick.
    pub points: Vec<Point>,
    /// What it waits for.
    pub waiting: String,
    /// Set once.
    pub ended: Option<Ended>,
}

/// A sitting under way.
pub struct Sitting<'a> {
    survey: &'a Survey,
    segment: u32,
    open: VecDeque<Planned>,
    /// Every point that is there.
    done: Vec<Point>,
    under_way: Option<Measurement>,
    keeper: Keeper,
    setpoint: Option<f64>,
    level: f64,
    /// Units when they were first counted, and whether any came since.
    units: Option<f64>,
    worked: bool,
}

impl<'a> Sitting<'a> {
    /// The points of `planned` that are not among `done`.
    pub fn new(survey: &'a Survey, planned: &[Planned], done: &[Point], segment: u32) -> Self {
        let open = planned.iter().filter(|p| done.iter().all(|d| d.index != p.index)).copied().collect();
        Self {
            survey,
            segment,
            open,
            done: done.to_vec(),
            under_way: None,
            keeper: Keeper::default(),
            setpoint: None,
            level: 0.0,
            units: None,
            worked: false,
        }
    }

    /// How many points are open.
    pub fn open(&self) -> usize {
        self.open.len()
    }

    /// Open points that take time: the others are known to be out of reach.
    pub fn costly(&self) -> usize {
        self.open.iter().filter(|p| self.known(p).is_none()).count()
    }

    /// The point under way or next.
    pub fn at(&self) -> Option<Planned> {
        self.open.front().copied()
    }

    /// Takes one tick.
    pub fn tick(&mut self, tick: Tick, bench_s: f64, look: &Look) -> Told {
        let facts = self.survey.facts();
        if let Some(why) = self.keeper.gone(tick, look, facts) {
            return self.end(Ended::Tripped(why), Vec::new());
        }
        if !look.instruments.ready {
            return self.told(Vec::new(), "waiting for the instruments".into());
        }
        if let Some(why) = self.keeper.tripped(look, facts, self.setpoint.is_some(), false) {
            return self.end(Ended::Tripped(why), Vec::new());
        }
        let mut points = Vec::new();
        // What is known takes no time.
        while self.under_way.is_none()
            && let Some(found) = self.open.front().and_then(|p| self.known(p))
        {
            points.extend(self.over(found));
        }
        let Some(planned) = self.open.front().copied() else {
            return self.end(Ended::Done, points);
        };
        let level = (planned.budget_w - facts.idle_w) / (facts.full_w - facts.idle_w);
        if let Some(units) = look.readings.usable(Channel::WorkUnits) {
            self.worked |= units > *self.units.get_or_insert(units);
        }
        let now = Now { t: bench_s, readings: &look.readings, setpoint: self.setpoint, survey: self.survey, worked: self.worked };
        let measurement = self.under_way.get_or_insert_with(|| Measurement::new(planned.coolant_degc, level.clamp(0.0, 1.0), bench_s));
        let waiting = match measurement.tick(&now, &mut self.level) {
            Step::Go(waiting) => waiting,
            Step::Failed(why) => return self.end(Ended::Tripped(why), points),
            Step::Done(found) => {
                points.extend(self.over(*found));
                "done".to_owned()
            }
        };
        self.setpoint = walk(facts, self.setpoint, look.readings.usable(facts.servoed.channel()), planned.coolant_degc, false);
        self.told(points, waiting)
    }

    /// What is known of a point without measuring it: a temperature beyond the rig, or one at which as much power could not be had.
    fn known(&self, planned: &Planned) -> Option<Found> {
        let refused = |why: String, figures: Figures| Found { status: Status::NotReachable, energy: None, figures, why };
        if let Some(why) = planned.coolant_degc.and_then(|t| self.survey.out_of_reach(t)) {
            return Some(refused(why, Figures::default()));
        }
        let before = self.done.iter().find(|p| {
            p.status == Status::NotReachable
                && p.batch == planned.batch
                && p.coolant_degc == planned.coolant_degc
                && p.budget_w <= planned.budget_w
                && !p.why.starts_with(KNOWN)
        })?;
        // The largest power that was is the same one, and is not measured again.
        let mut figures = Figures::default();
        figures.set(Figure::Power, before.figures.get(Figure::Power));
        Some(refused(format!("{KNOWN} {}: {}", before.index, before.why), figures))
    }

    fn over(&mut self, found: Found) -> Option<Point> {
        self.under_way = None;
        let planned = self.open.pop_front()?;
        let point = Point {
            index: planned.index,
            segment: self.segment,
            utc: String::new(),
            kind: if planned.reference { Kind::Reference } else { Kind::Cell },
            batch: planned.batch,
            coolant_degc: planned.coolant_degc,
            budget_w: planned.budget_w,
            repeat: planned.repeat,
            status: found.status,
            energy: found.energy,
            figures: found.figures,
            why: found.why,
        };
        self.done.push(point.clone());
        Some(point)
    }

    fn told(&self, points: Vec<Point>, waiting: String) -> Told {
        Told { commands: commands(self.survey, self.setpoint, self.level), points, waiting, ended: None }
    }

    fn end(&mut self, ended: Ended, points: Vec<Point>) -> Told {
        (self.setpoint, self.level, self.under_way) = (None, 0.0, None);
        Told { ended: Some(ended), ..self.told(points, String::new()) }
    }
}

/// How the reason of a point begins that was not tried because an earlier one says all.
const KNOWN: &str = "as point";
