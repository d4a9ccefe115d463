//! How far a run may be off its rehearsal without surprise: the band around a prediction.
//!
//! The belief about a bench is doubted in some respects (`[truth]` of the rig file, or the covariance of a calibration). Each is
//! flown once, one standard deviation off and everything else as believed; what changes is that respect's share, and the shares
//! add up as independent errors do. Linear propagation: good while doubts are small against what they are about.
//!
//! What no rehearsal shows, noise of readings, of a counter that moves in steps and of work that comes in batches, is told apart from that: it is
//! new in every row, where a doubt is the same in all of them.
//!
//! Not here: what a residual outside the band means (`report`).

use crate::believed::Believed;
use crate::rehearse::rehearse_on;
use crate::setup::Setup;
use record::{Cells, Class, Column, Row, write_derived};
use serde::Serialize;
use std::collections::BTreeMap;
use std::convert::Infallible;
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use twin::card::{COUNTER_PERIOD_S, PACE_PERIOD_S};
use twin::{Doubt, Truth};

/// Points of a band, at most: a prediction of days is as smooth between them as one of an orbit.
const MOST_POINTS: u64 = 8_000;

/// Standard uncertainties of a prediction over mission time.
#[derive(Clone, Debug)]
pub struct Band {
    mission_s: Vec<f64>,
    columns: Vec<Spread>,
    /// Doubts with which the bench could not be flown to the end, and what happened.
    pub trips: Vec<(String, String)>,
}

/// The uncertainty of one column.
#[derive(Clone, Debug)]
struct Spread {
    column: Column,
    /// Standard uncertainty at each point, in the column's unit (kelvin for °C); `None` where nothing is predicted.
    u: Vec<Option<f64>>,
    /// Standard deviation of what is new in every row, at each point; 0 where there is nothing of the kind.
    noise: Vec<Option<f64>>,
    /// The doubt with the largest share of the variance, and that share.
    led_by: Option<(String, f64)>,
}

/// What a band says of one column, in short.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Told {
    /// Root mean square of the standard uncertainty, in the column's unit (kelvin for °C).
    pub rms: f64,
    /// Largest standard uncertainty.
    pub most: f64,
    /// The doubt with the largest share of the variance.
    pub led_by: String,
    /// That share, 0 to 1.
    pub share: f64,
}

/// Columns that have a band: what is predicted, and the work in all.
fn columns(setup: &Setup) -> Vec<Column> {
    let planned = setup.maker.columns();
    planned.iter().filter(|c| c.class_where(setup.servoed()) == Class::Predicted || *c == Column::WorkUnits).collect()
}

/// One rehearsal at the band's points.
struct Track {
    values: Vec<Vec<Option<f64>>>,
    mission_s: Vec<f64>,
    /// Board heat, W, and duty, 0 to 1: what noise grows with.
    drive: Vec<(f64, f64)>,
    trip: Option<String>,
}

fn track(setup: &Setup, truth: Truth, columns: &[Column], stride: u64) -> Track {
    let mut track = Track { values: vec![Vec::new(); columns.len()], mission_s: Vec::new(), drive: Vec::new(), trip: None };
    let (mut count, mut before) = (0_u64, -1.0);
    let told = rehearse_on(setup, Believed::doubted(setup, truth), |row: &Row| {
        // Staging takes as long as it takes; mission time is what rehearsals have in common.
        if let Some(mission_s) = row.mission_s.filter(|now| row.state.is_running() && *now > before) {
            before = mission_s;
            if count.is_multiple_of(stride) {
                track.mission_s.push(mission_s);
                let at = |column| row.get(column).unwrap_or(0.0);
                track.drive.push((at(Column::FlightHeatW), at(Column::WorkDutyFrac)));
                for (values, column) in track.values.iter_mut().zip(columns) {
                    values.push(row.get(*column));
                }
            }
            count += 1;
        }
        Ok::<(), Infallible>(())
    });
    match told {
        Ok(told) if !told.flown => track.trip = Some(told.end),
        Ok(_) => {}
        Err(never) => match never {},
    }
    track
}

impl Band {
    /// The band around the rehearsal of `setup`; `None` where nothing about the bench is doubted.
    ///
    /// It costs one rehearsal for each doubt and one for the belief, on as many threads as the machine has.
    pub fn of(setup: &Setup) -> Option<Self> {
        let doubts = setup.doubts();
        if doubts.is_empty() {
            return None;
        }
        let columns = columns(setup);
        let ticks = (setup.law.duration_s / setup.law.dt_s).ceil().max(1.0) as u64;
        let stride = ticks.div_ceil(MOST_POINTS);
        let believed = setup.belief();
        let truths: Vec<Truth> = std::iter::once(believed).chain(doubts.iter().map(|d| d.truth.clone())).collect();
        let mut tracks = flown(setup, &truths, &columns, stride).into_iter();
        let belief = tracks.next()?;
        let offs: Vec<(&Doubt, Track)> = doubts.iter().zip(tracks).collect();
        let spread = |k: usize, column: Column| Spread { noise: noises(setup, column, &belief), ..spread(column, k, &belief, &offs) };
        let trips = offs.iter().filter_map(|(d, t)| Some((d.key.to_owned(), t.trip.clone()?))).collect();
        Some(Self { columns: columns.iter().enumerate().map(|(k, c)| spread(k, *c)).collect(), mission_s: belief.mission_s, trips })
    }

    /// Points in time.
    pub fn points(&self) -> usize {
        self.mission_s.len()
    }

    /// Writes `mission_s` and for each predicted column `<name>_u`, its standard uncertainty, and `<name>_noise`, the standard
    /// deviation of what is new in every row, both in its unit (kelvin for °C).
    pub fn write(&self, path: &Path) -> Result<(), record::Error> {
        let times: Vec<Option<f64>> = self.mission_s.iter().copied().map(Some).collect();
        let mut columns = vec![("mission_s".to_owned(), Cells::Numbers(&times, 3))];
        for spread in &self.columns {
            for (what, cells) in [("u", &spread.u), ("noise", &spread.noise)] {
                columns.push((format!("{}_{what}", spread.column.name()), Cells::Numbers(cells, spread.column.decimals())));
            }
        }
        write_derived(path, times.len(), &columns)
    }

    /// By column, what the band is like.
    pub fn told(&self) -> BTreeMap<&'static str, Told> {
        let of = |s: &Spread| {
            let known: Vec<f64> = s.u.iter().flatten().copied().collect();
            let (led_by, share) = s.led_by.clone()?;
            let rms = (known.iter().map(|u| u * u).sum::<f64>() / known.len().max(1) as f64).sqrt();
            Some((s.column.name(), Told { rms, most: known.iter().copied().fold(0.0, f64::max), led_by, share }))
        };
        self.columns.iter().filter_map(of).collect()
    }
}

/// What no rehearsal shows, at each point of the belief's: noise of a reading, the steps it comes in, and batches of work.
fn noises(setup: &Setup, column: Column, belief: &Track) -> Vec<Option<f64>> {
    belief.drive.iter().map(|(heat_w, duty)| Some(noise(setup, column, *heat_w, *duty))).collect()
}

/// Standard deviation of what is new in a row with this board heat and duty.
fn noise(setup: &Setup, column: Column, heat_w: f64, duty: f64) -> f64 {
    let (spreads, card, dt_s) = (&setup.twin.spreads, setup.believed_card(), setup.law.dt_s);
    // Work is on or off: over a tick that is short against a batch and its pause, a coin that falls `duty` of the time.
    let batches = (duty * (1.0 - duty)).max(0.0).sqrt() * (PACE_PERIOD_S / dt_s).min(1.0);
    let power_w = spreads.noise_w.hypot(batches * (card.full_w - card.idle_w));
    match column {
        Column::RigSinkDegc => spreads.noise_k,
        Column::AccelPowerW | Column::RigBoardW => power_w,
        // A counter stands still between its updates: either end of a difference is late by a uniform part of their period.
        Column::FlightHeatW => power_w.hypot(heat_w * (COUNTER_PERIOD_S / dt_s).min(1.0) / 6.0_f64.sqrt()),
        Column::WorkUnitsPerS => batches * card.units_per_s,
        _ => 0.0,
    }
}

/// Variance that no rehearsal shows and that is no noise: while a temperature stands, so does what it is rounded by.
fn floor(column: Column) -> f64 {
    match column {
        // Whole degrees, as drivers give them: a uniform error of half a kelvin each way.
        Column::AccelDieDegc | Column::AccelMemoryDegc => 1.0 / 12.0,
        _ => 0.0,
    }
}

/// Every bench flown, spread over the machine's threads.
fn flown(setup: &Setup, truths: &[Truth], columns: &[Column], stride: u64) -> Vec<Track> {
    let threads = std::thread::available_parallelism().map_or(1, std::num::NonZero::get).min(truths.len());
    let next = AtomicUsize::new(0);
    let work = || {
        let mut done = Vec::new();
        loop {
            let at = next.fetch_add(1, Ordering::Relaxed);
            let Some(truth) = truths.get(at) else { return done };
            done.push((at, track(setup, truth.clone(), columns, stride)));
        }
    };
    let mut tracks: Vec<(usize, Track)> = std::thread::scope(|scope| {
        let workers: Vec<_> = (0..threads).map(|_| scope.spawn(work)).collect();
        // A rehearsal that panics is a bug of ours and stays one.
        workers.into_iter().flat_map(|w| w.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))).collect()
    });
    tracks.sort_by_key(|(at, _)| *at);
    tracks.into_iter().map(|(_, track)| track).collect()
}

fn spread(column: Column, k: usize, belief: &Track, offs: &[(&Doubt, Track)]) -> Spread {
    let mut shares = vec![0.0; offs.len()];
    let u = belief.values[k].iter().enumerate().map(|(row, value)| {
        let value = (*value)?;
        let mut variance = floor(column);
        for ((_, off), share) in offs.iter().zip(&mut shares) {
            // A doubt that trips says nothing after it.
            if let Some(other) = off.values[k].get(row).copied().flatten() {
                let part = (other - value).powi(2);
                variance += part;
                *share += part;
            }
        }
        Some(variance.sqrt())
    });
    let u = u.collect();
    let all = shares.iter().sum::<f64>();
    let led_by = shares.iter().zip(offs).max_by(|a, b| a.0.total_cmp(b.0)).filter(|(s, _)| **s > 0.0);
    Spread { column, u, noise: Vec::new(), led_by: led_by.map(|(share, (doubt, _))| (doubt.key.to_owned(), share / all)) }
}
