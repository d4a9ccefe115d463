//! One point of a study flown: from a profile and a rig as text to figures. The figures are those that a run's summary has
//! ([`report::Merit`]) and the masses of its ledgers, so that a sweep can be compared with a run.
//!
//! Two ways: the whole rehearsal on the believed bench, rig limits and staging included; or, without the rig, the flight model from its
//! periodic state under the same controller and the same card (see `ideal`).

use crate::ideal::Ideal;
use control::End;
use engine::pilot::Pilot;
use engine::rehearse::rehearse;
use engine::row::Stamp;
use engine::setup::{Options, Setup};
use record::Row;
use report::{Figures, Merit, Range};
use signal::{Celsius, Channel, Limits, Source};
use std::sync::atomic::{AtomicBool, Ordering};

/// What a point is flown on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Bench {
    /// The flight model alone: no rig, no staging.
    Flight,
    /// The whole rehearsal on the believed rig.
    Rehearsal,
}

impl Bench {
    /// Its word in files.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Flight => "flight",
            Self::Rehearsal => "rehearsal",
        }
    }
}

/// What comes out of a point: (column, what it is). Figures are of one accelerator's share unless they say otherwise.
pub const OUTPUTS: [(&str, &str); 27] = [
    ("mission_s", "mission time flown"),
    ("sunlit_frac", "part of the mission in sunlight"),
    ("limited_frac", "part of the mission in which the rig could not follow; of a rehearsal only"),
    ("work_units_per_s", "mean work rate"),
    ("power_w", "mean board power"),
    ("work_units_per_j", "work per joule of the board"),
    ("supply_min_degc", "coldest coolant to the cold plate"),
    ("supply_max_degc", "hottest coolant to the cold plate"),
    ("die_min_degc", "coldest die: of the flight model, or of the rig in a rehearsal"),
    ("die_max_degc", "hottest die"),
    ("slowed_frac", "part of the mission in which the die was so hot that the card slows down"),
    ("soc_min_frac", "lowest state of charge of the battery; missing where none is modelled"),
    ("lost_units", "work lost in eclipses and done again; this and all of the tax missing where work keeps its memory"),
    ("tax_work_frac", "restart tax, estimated: lost work and work not done while it was out of memory, as a share of all without it"),
    ("tax_energy_frac", "restart tax: energy of putting away, bringing back and doing again, as a share of the board's"),
    ("tax_units_per_orbit", "restart tax in work, estimated, an orbit"),
    ("tax_j_per_orbit", "restart tax in energy of the board, an orbit"),
    ("tec_max_a", "largest TEC current; of a rehearsal only"),
    ("share_frac", "part of the satellite that one accelerator stands for"),
    ("radiator_m2", "radiator planform"),
    ("radiator_w_m2", "mean heat of board and overhead over radiator planform"),
    ("cooling_kg", "what flies to cool: radiator, loop, weighed parts"),
    ("dry_kg", "cooling, array, battery, structure and bus: all that flies but the accelerator itself"),
    ("flight_kg", "all that flies; missing until the rig weighs an accelerator"),
    ("w_per_cooling_kg", "mean board power over the mass of the cooling"),
    ("dry_kg_kw", "dry_kg over mean board power"),
    ("flight_kg_kw", "flight_kg over mean board power"),
];

/// What became of a point.
#[derive(Clone, Debug, PartialEq)]
pub struct Outcome {
    /// Values of [`OUTPUTS`]; all missing if there is a problem.
    pub values: Vec<Option<f64>>,
    /// Why there are none.
    pub problem: Option<String>,
}

impl Outcome {
    /// A point that could not be flown.
    pub fn refused(why: impl Into<String>) -> Self {
        Self { values: vec![None; OUTPUTS.len()], problem: Some(why.into()) }
    }
}

/// Told to stop while under way.
pub(crate) struct Stopped;

/// Flies one point. A profile or rig that is refused is an outcome, not an error.
pub(crate) fn fly(options: Options, bench: Bench, stop: &AtomicBool) -> Result<Outcome, Stopped> {
    let setup = match bench {
        Bench::Flight => Setup::beyond_rig(options),
        Bench::Rehearsal => Setup::build(options),
    };
    let setup = match setup {
        Ok(setup) => setup,
        Err(engine::setup::SetupError::Problems(problems)) => {
            // Lines and columns are those of a text nobody has seen; what is wrong names its key.
            let words: Vec<String> = problems.0.into_iter().map(|p| p.message).collect();
            return Ok(Outcome::refused(words.join("; ")));
        }
        Err(why) => return Ok(Outcome::refused(why.to_string())),
    };
    let source = if bench == Bench::Flight { Source::Accelerator } else { setup.rig.interface.energy_source };
    let mut merit = Merit::new(setup.law.dt_s).by(source, setup.servoed()).around(Some(setup.law.environment.period_s()));
    let mut tec_max_a: Option<f64> = None;
    let (mut slowed, mut rows, mut soc_min): (u64, u64, Option<f64>) = (0, 0, None);
    let mut take = |row: &Row| {
        merit.push(row);
        if row.state.is_running() {
            tec_max_a = row.get(record::Column::RigTecA).map(f64::abs).into_iter().chain(tec_max_a).reduce(f64::max);
            soc_min = row.get(record::Column::PowerBatterySocFrac).into_iter().chain(soc_min).reduce(f64::min);
            if let Some(die) = row.get(record::Column::AccelDieDegc) {
                rows += 1;
                slowed += u64::from(die > setup.twin.card.slowdown_degc);
            }
        }
        if stop.load(Ordering::Relaxed) { Err(Stopped) } else { Ok(()) }
    };
    let problem = match bench {
        Bench::Rehearsal => {
            let told = rehearse(&setup, take)?;
            (!told.flown).then_some(told.end)
        }
        Bench::Flight => match without_rig(&setup, &mut take)? {
            End::Done => None,
            End::Tripped(why) => Some(format!("trips: {why}")),
            other => Some(format!("{other:?}")),
        },
    };
    // Figures of half a mission are no figures of this point.
    if let Some(why) = problem {
        return Ok(Outcome::refused(why));
    }
    let figures = merit.figures(Some(setup.ledgers.flight_cooling_kg()));
    let limited = (bench == Bench::Rehearsal).then(|| merit.completeness().limited_frac);
    let beside = Beside { limited, tec_max_a, slowed: (rows > 0).then(|| slowed as f64 / rows as f64), soc_min };
    Ok(Outcome { values: values(&setup, &figures, &beside), problem: None })
}

/// The controller with a rig that imposes exactly what is asked.
fn without_rig<E>(setup: &Setup, mut take: impl FnMut(&Row) -> Result<(), E>) -> Result<End, E> {
    let mut law = setup.law.clone();
    // What belongs to the rig limits nothing here; the card's own interlock stays.
    law.setpoint.limits = Limits::new(-273.15, 1e4).expect("ordered");
    law.setpoint.rate_k_s = 1e6;
    law.staging.settle_ticks = 1;
    law.trips.retain(|trip| trip.channel == Channel::Die);
    law.saturation_a = None;
    (law.guards, law.polarity) = (control::Guards::default(), None);
    // Its coolant and its meters go with it: the card tells its own power, on the flight model's plate.
    (law.heat, law.servo) = (control::HeatLaw::Accelerator, control::Servo::Plate);
    let start = law.flight.view(&law.initial);
    let mut ideal = Ideal::new(setup.believed_card(), law.interface(&law.initial), start.die.into(), law.crossing);
    let dt_s = law.dt_s;
    let mut pilot = Pilot::new(law, setup.maker.clone());
    loop {
        let stamp = |tick| Stamp { segment: 0, utc: None, elapsed_s: None, bench_s: tick as f64 * dt_s };
        let ticked = pilot.tick(&mut ideal, 0, Vec::new(), stamp);
        for row in &ticked.rows {
            take(row)?;
        }
        ideal.warm_die(Celsius::from(ticked.output.view.flight.die));
        pilot.command(&mut ideal, &ticked.output.commands);
        if let Some(end) = ticked.output.end {
            return Ok(end);
        }
    }
}

/// What is not among a run's figures.
struct Beside {
    limited: Option<f64>,
    tec_max_a: Option<f64>,
    slowed: Option<f64>,
    soc_min: Option<f64>,
}

fn values(setup: &Setup, figures: &Figures, beside: &Beside) -> Vec<Option<f64>> {
    let over = |what: Option<f64>, by: Option<f64>| what.zip(by).filter(|(_, by)| *by > 0.0).map(|(what, by)| what / by);
    let (low, high) = (|r: Range| r.min, |r: Range| r.max);
    let ledgers = &setup.ledgers;
    let cooling_kg = ledgers.flight_cooling_kg();
    let dry_kg = ledgers.flight_dry_kg();
    let flight_kg = ledgers.flight_kg();
    let radiator_m2 = setup.profile.radiator.area_m2 * setup.share;
    let heat_w = figures.power_w.map(|w| w * (1.0 + setup.profile.satellite.overhead_frac));
    let kw = figures.power_w.map(|w| w / 1e3);
    let tax = figures.restart_tax.as_ref();
    let value = |name: &str| match name {
        "mission_s" => figures.mission_s,
        "sunlit_frac" => figures.sunlit_frac,
        "limited_frac" => beside.limited,
        "work_units_per_s" => figures.work_units_per_s,
        "power_w" => figures.power_w,
        "work_units_per_j" => figures.units_per_j,
        "supply_min_degc" => figures.supply_degc.map(low),
        "supply_max_degc" => figures.supply_degc.map(high),
        "die_min_degc" => figures.die_degc.map(low),
        "die_max_degc" => figures.die_degc.map(high),
        "lost_units" => tax.map(|t| t.lost_units),
        "tax_work_frac" => tax.and_then(|t| t.work_frac),
        "tax_energy_frac" => tax.and_then(|t| t.energy_frac),
        "tax_units_per_orbit" => tax.and_then(|t| t.units_per_orbit),
        "tax_j_per_orbit" => tax.and_then(|t| t.energy_j_per_orbit),
        "tec_max_a" => beside.tec_max_a,
        "slowed_frac" => beside.slowed,
        "soc_min_frac" => beside.soc_min,
        "share_frac" => Some(setup.share),
        "radiator_m2" => Some(radiator_m2),
        "radiator_w_m2" => over(heat_w, Some(radiator_m2)),
        "cooling_kg" => Some(cooling_kg),
        "dry_kg" => Some(dry_kg),
        "flight_kg" => flight_kg,
        "w_per_cooling_kg" => figures.w_per_cooling_kg,
        "dry_kg_kw" => over(Some(dry_kg), kw),
        "flight_kg_kw" => over(flight_kg, kw),
        other => unreachable!("no output is called {other}"),
    };
    OUTPUTS.iter().map(|(name, _)| value(name).filter(|v| v.is_finite())).collect()
}
