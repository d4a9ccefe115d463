//! One tick's look and output become one row. The only place that knows which figure goes into which column.

use crate::devices::Look;
use crate::ledger::Ledger;
use control::Output;
use model::coolant::Calorimeter;
use model::flight::FlightView;
use model::tec::Bank;
use record::{Column, Columns, Row};
use signal::{Celsius, Channel, Tick};

/// Least board power at which a die-to-plate resistance says anything, as a fraction of full load.
const RESISTANCE_FROM_FRAC: f64 = 0.1;

/// What rows are made with.
#[derive(Clone, Debug)]
pub struct RowMaker {
    /// The believed Peltier bank, for the heat taken off the plate.
    pub bank: Option<Bank>,
    /// What that bank cools: the plate or the coolant's supply.
    pub cold: Channel,
    /// Heat from the coolant, where the rig can tell it.
    pub calorimeter: Option<Calorimeter>,
    /// The accelerator sits on the rig's plate.
    pub coupled: bool,
    /// Board power at full load, W.
    pub full_w: f64,
    /// Channels the plan reads.
    pub channels: Vec<Channel>,
    /// The rig has an array simulator, and a lamp, that follow the Sun.
    pub suns: (bool, bool),
    /// Number of radiator panels.
    pub panels: usize,
    /// Columns of what the flight model has only if the profile asks for it; see [`optional`].
    pub optional: Vec<Column>,
}

/// What a flight model has only if the profile asks for it: its column, and its value if it is there.
fn options(flight: &FlightView) -> [(Column, Option<f64>); 5] {
    let degc = |t: Option<signal::Kelvin>| t.map(|t| Celsius::from(t).0);
    [
        (Column::FlightMemoryDegc, degc(flight.memory)),
        (Column::FlightManifoldDegc, degc(flight.manifold)),
        (Column::FlightArrayDegc, degc(flight.array)),
        (Column::FlightHeaterW, flight.heater_w),
        (Column::FlightMarginK, flight.margin_k),
    ]
}

/// Columns of such things that `flight` has. Heat into air and structure has one if `leaks`.
pub fn optional(flight: &FlightView, leaks: bool) -> Vec<Column> {
    let there = options(flight).into_iter().filter(|(_, value)| value.is_some()).map(|(column, _)| column);
    there.chain(leaks.then_some(Column::FlightLostW)).collect()
}

/// When a row was taken.
#[derive(Clone, Copy, Debug)]
pub struct Stamp {
    /// Counts the engine's starts on this folder.
    pub segment: u32,
    /// Wall time; `None` in a rehearsal.
    pub utc: Option<jiff::Timestamp>,
    /// Wall seconds since the start; `None` in a rehearsal.
    pub elapsed_s: Option<f64>,
    /// Bench seconds since the start.
    pub bench_s: f64,
}

impl RowMaker {
    /// The columns of this plan, the same in every CSV of the run.
    pub fn columns(&self) -> Columns {
        Columns::where_present(|column| match column.channel() {
            Some(channel) => self.channels.contains(&channel),
            None => match column {
                Column::RigRDiePlateKW => self.coupled,
                Column::RigPumpedW => self.bank.is_some(),
                Column::RigArrayRequestA | Column::RigArrayRequestV => self.suns.0,
                Column::RigLampRequestFrac => self.suns.1,
                Column::RigBoardW | Column::RigBoardJ | Column::RigBoardGapW | Column::RigBoardGapJ => self.metered(),
                Column::RigCalorimetricW | Column::RigCalorimetricUW | Column::RigCalorimetricGapW => self.calorimeter.is_some(),
                Column::FlightMemoryDegc
                | Column::FlightManifoldDegc
                | Column::FlightArrayDegc
                | Column::FlightLostW
                | Column::FlightHeaterW
                | Column::FlightMarginK => self.optional.contains(&column),
                _ => (1..=8).all(|k| Column::panel(k) != Some(column) || k <= self.panels),
            },
        })
    }

    /// The board has external meters.
    fn metered(&self) -> bool {
        self.channels.iter().any(|c| matches!(c, Channel::MeterPower | Channel::MeterEnergy))
    }

    /// They are apart for slot and cable.
    pub(crate) fn split(&self) -> bool {
        self.channels.iter().any(|c| matches!(c, Channel::SlotPower | Channel::SlotEnergy))
    }

    /// A row in which nothing was read: the tick was missed.
    pub fn gap(&self, tick: Tick, stamp: Stamp, state: signal::RunState) -> Row {
        let mut row = Row::new(stamp.segment, tick, stamp.bench_s, state);
        row.utc = stamp.utc;
        row.elapsed_s = stamp.elapsed_s;
        for &channel in &self.channels {
            row.set_reading(channel, &signal::Reading::default());
        }
        row
    }

    /// The row of one tick.
    pub fn row(&self, tick: Tick, stamp: Stamp, look: &Look, output: &Output, energy: Ledger) -> Row {
        let mut row = self.gap(tick, stamp, output.state);
        let view = &output.view;
        row.mission_s = view.mission_s;
        row.limited = view.limited;
        row.heat_origin = view.heat.map(|_| view.heat_origin);
        row.heat_source = view.heat.map(|_| view.heat_source);
        for &channel in &self.channels {
            row.set_reading(channel, look.readings.get(channel));
        }

        let env = &view.env;
        row.set(Column::EnvIlluminationFrac, env.illumination);
        row.set(Column::EnvBetaDeg, env.beta_deg);
        row.set(Column::EnvSolarWM2, env.solar_w_m2);
        row.set(Column::EnvArrayWM2, env.array_w_m2);
        row.set(Column::EnvASolarWM2, env.a.solar_w_m2);
        row.set(Column::EnvAAlbedoWM2, env.a.albedo_w_m2);
        row.set(Column::EnvAIrWM2, env.a.ir_w_m2);
        row.set(Column::EnvBSolarWM2, env.b.solar_w_m2);
        row.set(Column::EnvBAlbedoWM2, env.b.albedo_w_m2);
        row.set(Column::EnvBIrWM2, env.b.ir_w_m2);
        row.set(Column::EnvSinkDegc, Celsius::from(env.sink).0);

        let flight = &view.flight;
        row.set(Column::FlightHeatW, view.heat.map(|w| w.0));
        row.set(Column::FlightDieDegc, Celsius::from(flight.die).0);
        row.set(Column::FlightPlateDegc, Celsius::from(flight.plate).0);
        row.set(Column::FlightSupplyDegc, Celsius::from(flight.supply).0);
        row.set(Column::FlightReturnDegc, Celsius::from(flight.return_).0);
        for (k, panel) in flight.panels().iter().enumerate() {
            if let Some(column) = Column::panel(k + 1) {
                row.set(column, Celsius::from(*panel).0);
            }
        }
        row.set(Column::FlightRadiatedW, flight.radiated_w);
        row.set(Column::FlightBypassFrac, flight.bypass);
        for (column, value) in options(flight) {
            row.set(column, value);
        }
        if self.optional.contains(&Column::FlightLostW) {
            row.set(Column::FlightLostW, flight.lost_w);
        }

        row.set(Column::RigRequestDegc, view.request.map(|t| t.0));
        row.set(Column::RigSetpointDegc, view.setpoint.map(|t| t.0));
        row.set(Column::RigArrayRequestA, look.shone.array.map(|(isc, _)| isc));
        row.set(Column::RigArrayRequestV, look.shone.array.and_then(|(_, voc)| voc));
        row.set(Column::RigLampRequestFrac, look.shone.lamp_frac);
        self.derived(&mut row, look);

        row.set(Column::RigBoardJ, energy.metered_j().filter(|_| self.metered()));
        row.set(Column::RigBoardGapJ, energy.beyond_j().filter(|_| self.metered()));
        row.set(Column::AccelIntegralJ, energy.integral_j());
        row.set(Column::AccelEnergyGapJ, energy.gap_j());
        row.set(Column::WorkUnits, view.work_units);
        row.set(Column::WorkInputUnits, view.work_input_units);
        row.set(Column::WorkUnitsPerS, view.work_rate);
        row.set(Column::WorkDutyFrac, view.duty);
        row.set(Column::PowerAvailableW, view.available.0);
        row.set(Column::PowerBudgetW, view.budget.0);
        row.set(Column::PowerArrayW, view.array_w);
        row.set(Column::PowerBatteryW, view.battery_w);
        row.set(Column::PowerBatterySocFrac, view.soc_frac);
        row.set(Column::RunEndsInS, view.ends_in_s);
        row
    }

    /// Figures made of several readings; missing where any of them is.
    fn derived(&self, row: &mut Row, look: &Look) {
        let read = |channel| look.readings.usable(channel);
        let (plate, sink) = (read(Channel::Plate), read(Channel::Sink));
        let cold = read(self.cold);
        let (amps, volts) = (read(Channel::TecCurrent), read(Channel::TecVoltage));
        row.set(Column::RigTecW, amps.zip(volts).map(|(i, v)| i * v));
        if let Some(bank) = &self.bank {
            let pumped = amps.zip(cold.zip(sink)).map(|(i, (c, h))| bank.cooling(i, Celsius(c).into(), Celsius(h).into()).0);
            row.set(Column::RigPumpedW, pumped);
        }
        let slot = if self.split() { read(Channel::SlotPower) } else { Some(0.0) };
        let board = read(Channel::MeterPower).zip(slot).map(|(cable, slot)| cable + slot);
        let own = read(Channel::BoardPower);
        if self.metered() {
            row.set(Column::RigBoardW, board);
            row.set(Column::RigBoardGapW, board.zip(own).map(|(meter, own)| meter - own));
        }
        if let Some(calorimeter) = &self.calorimeter {
            let loop_ = read(Channel::Flow).zip(read(Channel::CoolantSupply).zip(read(Channel::CoolantReturn)));
            let told = loop_.and_then(|(flow, (supply, back))| calorimeter.measure(flow, Celsius(supply), Celsius(back)));
            let electrical = if self.metered() { board } else { own };
            row.set(Column::RigCalorimetricW, told.map(|t| t.board.0));
            row.set(Column::RigCalorimetricUW, told.map(|t| t.u_w));
            row.set(Column::RigCalorimetricGapW, told.zip(electrical).map(|(t, w)| t.board.0 - w));
        }
        if self.coupled {
            let power = (if self.metered() { board } else { own }).filter(|w| *w > RESISTANCE_FROM_FRAC * self.full_w);
            let rise = read(Channel::Die).zip(plate).map(|(d, p)| d - p);
            row.set(Column::RigRDiePlateKW, rise.zip(power).map(|(k, w)| k / w));
        }
    }
}
