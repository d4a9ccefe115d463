//! Carries a sitting over a bench: ticks, points, events, and the one way out.

use super::order::Survey;
use super::sitting::{Ended, Sitting};
use super::store::{Store, StoreError};
use crate::commission::Pace;
use crate::devices::{Devices, Unconfirmed};
use control::Event;
use signal::{Severity, Snapshot, Tick};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::Duration;
use survey::{Planned, Point};

/// Most wall time the teardown may take before what is left is unconfirmed.
const TEARDOWN: Duration = Duration::from_secs(5);

/// How far a map is, every tick.
#[derive(Debug)]
pub struct Progress<'a> {
    /// Points that are there, and all.
    pub done: usize,
    /// See `done`.
    pub total: usize,
    /// The point under way.
    pub at: Option<Planned>,
    /// What it waits for.
    pub waiting: &'a str,
    /// Wall seconds to go, as far as that is known.
    pub eta_s: f64,
    /// The newest readings.
    pub readings: &'a Snapshot,
}

/// Whoever watches.
pub trait Observer {
    /// A point is there.
    fn point(&mut self, point: &Point);
    /// Something happened.
    fn event(&mut self, event: &Event);
    /// Called every tick.
    fn progress(&mut self, progress: &Progress<'_>);
    /// It shall end.
    fn stop(&self) -> bool;
}

/// How it ended.
#[derive(Clone, Debug)]
pub struct Conducted {
    /// How.
    pub ended: Ended,
    /// What is not confirmed safe.
    pub unconfirmed: Vec<Unconfirmed>,
    /// The program itself failed, in words.
    pub internal: Option<String>,
}

/// Measures the open points of one block on `devices`. Whatever happens, the bench ends in `make_safe`, and finished points are on the disk.
pub fn conduct(
    survey: &Survey,
    devices: &mut dyn Devices,
    observer: &mut dyn Observer,
    pace: &mut dyn Pace,
    store: &mut Store,
    block: &[Planned],
) -> Conducted {
    let mut internal = None;
    let flown = catch_unwind(AssertUnwindSafe(|| go(survey, devices, observer, pace, store, block)));
    let (unconfirmed, events) = devices.make_safe(TEARDOWN);
    let ended = match flown {
        Ok(Ok(ended)) => ended,
        // Not recorded, not measured: a disk that is full ends it as an interlock does.
        Ok(Err(why)) => Ended::Tripped(why.to_string()),
        Err(_) => {
            internal = Some("the controller panicked; that is a fault of this program".to_owned());
            Ended::Tripped("the controller panicked".to_owned())
        }
    };
    for event in events {
        observer.event(&event);
        let _ = store.event(&stamped(0, &event));
    }
    for left in &unconfirmed {
        let message = format!("SAFE UNCONFIRMED {}: {}", left.device, left.why);
        let event = Event { severity: Severity::Alarm, kind: "safe", who: "engine".into(), message };
        let _ = store.event(&stamped(0, &event));
    }
    Conducted { ended, unconfirmed, internal }
}

fn stamped(tick: Tick, event: &Event) -> record::Event {
    record::Event {
        utc: Some(jiff::Timestamp::now()),
        elapsed_s: None,
        tick,
        severity: event.severity,
        kind: event.kind.to_owned(),
        who: event.who.clone(),
        message: event.message.clone(),
    }
}

fn go(
    survey: &Survey,
    devices: &mut dyn Devices,
    observer: &mut dyn Observer,
    pace: &mut dyn Pace,
    store: &mut Store,
    block: &[Planned],
) -> Result<Ended, StoreError> {
    let segment = store.manifest().segments.last().map_or(0, |s| s.number);
    let mut sitting = Sitting::new(survey, block, store.done(), segment);
    let facts = survey.facts();
    let (mut tick, mut begun_s, mut taken): (Tick, Option<f64>, u32) = (0, None, 0);
    loop {
        tick = pace.wait(tick);
        let bench_s = tick as f64 * facts.dt_s;
        let look = devices.latest(tick, bench_s);
        for event in &look.events {
            observer.event(event);
            store.event(&stamped(tick, event))?;
            if event.kind == accelerator::STRANGER {
                store.beside(event.message.clone());
                if survey.order.unattended {
                    return Ok(Ended::Tripped(format!("{}; nobody is beside it to say that this may be", event.message)));
                }
            }
            if event.kind == "identity" && !store.identity(&event.who, &event.message) {
                return Ok(Ended::Tripped(format!("another device answers at {}: {}", event.who, event.message)));
            }
        }
        if observer.stop() {
            return Ok(Ended::Stopped);
        }
        if look.instruments.ready {
            begun_s.get_or_insert(bench_s);
        }
        let told = sitting.tick(tick, bench_s, &look);
        for point in told.points {
            // What was measured took time; what was known did not.
            taken += u32::from(point.figures.get(survey::Figure::Window).is_some());
            // Told is kept: whoever hears of a point finds it in the file, whatever happens next.
            store.point(point.clone())?;
            observer.point(&point);
        }
        devices.apply(tick, &told.commands);
        let each_s = match begun_s {
            Some(begun) if taken > 0 => (bench_s - begun) / f64::from(taken),
            _ => survey.guess_s(),
        };
        let later = store.planned().iter().filter(|p| block.iter().all(|b| b.index != p.index)).count();
        observer.progress(&Progress {
            done: store.done().len(),
            total: store.planned().len(),
            at: sitting.at(),
            waiting: &told.waiting,
            eta_s: each_s * (sitting.costly() + later) as f64 / survey.station.speed,
            readings: &look.readings,
        });
        if let Some(ended) = told.ended {
            return Ok(ended);
        }
        tick += 1;
    }
}
