//! A rehearsal: the same controller on the believed plant, in memory, without waiting. *A prediction is a rehearsal.*

use crate::believed::Believed;
use crate::pilot::Pilot;
use crate::row::Stamp;
use crate::setup::Setup;
use control::End;
use record::Row;
use serde::Serialize;
use signal::{Limit, RunState};
use std::time::Duration;

/// What to expect of a run.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Rehearsal {
    /// How it ends: `done`, or why it trips.
    pub end: String,
    /// True if it is flown to its end.
    pub flown: bool,
    /// Ticks in all.
    pub ticks: u64,
    /// Bench seconds of staging.
    pub staging_s: f64,
    /// Mission seconds flown.
    pub mission_s: f64,
    /// Wall seconds the run will take.
    pub wall_s: f64,
    /// Share of mission rows whose setpoint or rig is limited.
    pub limited_frac: f64,
    /// Part of the mission in sunlight.
    pub sunlit_frac: f64,
    /// Coldest and hottest coolant supply, °C.
    pub supply_degc: Option<(f64, f64)>,
    /// Coldest and hottest plate setpoint, °C.
    pub setpoint_degc: Option<(f64, f64)>,
    /// Largest TEC current, A.
    pub tec_a: Option<f64>,
    /// Hottest die, °C.
    pub die_degc: Option<f64>,
    /// Lowest and highest state of charge of the battery, and where it ends, 0 to 1; `None` where none is modelled.
    pub soc_frac: Option<(f64, f64, f64)>,
    /// Mean board power, W.
    pub power_w: Option<f64>,
    /// Work expected, in the workload's units.
    pub work: Option<f64>,
    /// What a unit is.
    pub unit: String,
    /// What it will cost to put the work away in eclipses; `None` where it keeps its memory, or where nothing is believed of it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub restart_tax: Option<report::Tax>,
}

/// Flies `setup` on belief alone; every row goes to `sink`, which may refuse (a full disk).
pub fn rehearse<E>(setup: &Setup, sink: impl FnMut(&Row) -> Result<(), E>) -> Result<Rehearsal, E> {
    rehearse_on(setup, Believed::new(setup), sink)
}

/// The same on a bench that is doubted in some respect.
pub(crate) fn rehearse_on<E>(setup: &Setup, mut devices: Believed, mut sink: impl FnMut(&Row) -> Result<(), E>) -> Result<Rehearsal, E> {
    let mut law = setup.law.clone();
    // The measured power at duty is another card's than the believed one, which draws what is declared: fed forward by it, the belief would be off where the
    // bench is not.
    law.governor.draw = None;
    let mut pilot = Pilot::new(law, setup.maker.clone());
    let dt_s = setup.law.dt_s;
    let merit = report::Merit::new(dt_s).by(setup.rig.interface.energy_source, setup.servoed());
    let mut told = Summary::of(merit.around(Some(setup.law.environment.period_s())));
    let end = loop {
        let ticked =
            pilot.tick(&mut devices, 0, Vec::new(), |tick| Stamp { segment: 0, utc: None, elapsed_s: None, bench_s: tick as f64 * dt_s });
        for row in &ticked.rows {
            told.add(row);
            sink(row)?;
        }
        pilot.command(&mut devices, &ticked.output.commands);
        if let Some(end) = ticked.output.end {
            break end;
        }
    };
    crate::devices::Devices::make_safe(&mut devices, Duration::ZERO);
    Ok(told.finish(setup, &end, pilot.next_tick()))
}

struct Summary {
    merit: report::Merit,
    staging: u64,
    rows: u64,
    limited: u64,
    lit: f64,
    power: (f64, u64),
    work: Option<f64>,
    supply: Option<(f64, f64)>,
    setpoint: Option<(f64, f64)>,
    amps: Option<f64>,
    die: Option<f64>,
    soc: Option<(f64, f64)>,
    soc_end: Option<f64>,
    mission_s: f64,
}

fn widen(range: &mut Option<(f64, f64)>, value: Option<f64>) {
    if let Some(v) = value {
        let (low, high) = range.get_or_insert((v, v));
        *low = low.min(v);
        *high = high.max(v);
    }
}

impl Summary {
    fn of(merit: report::Merit) -> Self {
        Self {
            merit,
            staging: 0,
            rows: 0,
            limited: 0,
            lit: 0.0,
            power: (0.0, 0),
            work: None,
            supply: None,
            setpoint: None,
            amps: None,
            die: None,
            soc: None,
            soc_end: None,
            mission_s: 0.0,
        }
    }

    fn add(&mut self, row: &Row) {
        use record::Column as C;
        self.merit.push(row);
        if row.state == RunState::Staging {
            self.staging += 1;
            return;
        }
        self.rows += 1;
        self.limited += u64::from(row.limited != Limit::None);
        self.lit += row.get(C::EnvIlluminationFrac).unwrap_or(0.0);
        if let Some(w) = row.get(C::AccelPowerW) {
            self.power = (self.power.0 + w, self.power.1 + 1);
        }
        self.work = row.get(C::WorkUnits).or(self.work);
        self.mission_s = row.mission_s.unwrap_or(self.mission_s);
        widen(&mut self.supply, row.get(C::FlightSupplyDegc));
        widen(&mut self.soc, row.get(C::PowerBatterySocFrac));
        self.soc_end = row.get(C::PowerBatterySocFrac).or(self.soc_end);
        widen(&mut self.setpoint, row.get(C::RigSetpointDegc));
        let larger =
            |a: Option<f64>, b: Option<f64>| a.into_iter().chain(b).fold(None, |m: Option<f64>, v| Some(m.map_or(v, |m| m.max(v))));
        self.amps = larger(self.amps, row.get(C::RigTecA).map(f64::abs));
        self.die = larger(self.die, row.get(C::AccelDieDegc));
    }

    fn finish(self, setup: &Setup, end: &End, ticks: u64) -> Rehearsal {
        let rows = self.rows.max(1) as f64;
        Rehearsal {
            end: match end {
                End::Done => "done".to_owned(),
                End::Tripped(why) => format!("trips: {why}"),
                other => format!("{other:?}"),
            },
            flown: *end == End::Done,
            ticks,
            staging_s: self.staging as f64 * setup.law.dt_s,
            mission_s: self.mission_s,
            wall_s: ticks as f64 * setup.law.dt_s / setup.speed,
            limited_frac: self.limited as f64 / rows,
            sunlit_frac: self.lit / rows,
            supply_degc: self.supply,
            setpoint_degc: self.setpoint,
            tec_a: self.amps,
            die_degc: self.die,
            soc_frac: self.soc.zip(self.soc_end).map(|((low, high), end)| (low, high, end)),
            power_w: (self.power.1 > 0).then(|| self.power.0 / self.power.1 as f64),
            work: self.work,
            unit: setup.unit.clone(),
            restart_tax: self.merit.figures(None).restart_tax,
        }
    }
}
