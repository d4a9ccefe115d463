//! A made-up run for the tests of this crate: smooth numbers, one eclipse, everything known.

use crate::Options;
use crate::app::{App, Message};
use crate::past::Prediction;
use crate::theme::Palette;
use record::session::{Bound, BoundKind, Hello, RunCard, ToScreen, VERSION};
use record::{Column, Columns, Event, Row};
use signal::{Channel, Origin, Reading, RunState, Severity};

/// Ticks of staging; a tick is 10 bench seconds.
pub(crate) const STAGING: u32 = 24;
const DT_S: f64 = 10.0;
const PERIOD_S: f64 = 5860.0;

pub(crate) fn hello() -> Hello {
    Hello {
        version: VERSION,
        run: RunCard {
            name: "20260621T000000Z_dawn-dusk-650_twin_1a2b".into(),
            folder: "/logs/20260621T000000Z_dawn-dusk-650_twin_1a2b".into(),
            profile: "Dawn-dusk, 650 km, in its eclipse season".into(),
            rig: "The embedded twin".into(),
            accelerator: "virtual card".into(),
            workload: "tokens at 900/s".into(),
            unit: "tokens".into(),
            simulated: true,
            dt_s: DT_S,
            duration_s: PERIOD_S,
            period_s: PERIOD_S,
            speed: 60.0,
            full_w: 72.0,
            servoed: "rig_plate_degc".into(),
            energy_source: signal::Source::Accelerator,
            bounds: [("rig_plate_degc", 75.0), ("accel_die_degc", 95.0)]
                .map(|(column, max)| Bound { column: column.into(), kind: BoundKind::Trip, min: None, max: Some(max) })
                .to_vec(),
            sunlight: vec![(0.0, 1.0), (2600.0, 1.0), (2612.0, 0.0), (3700.0, 0.0), (3712.0, 1.0), (PERIOD_S, 1.0)],
        },
        columns: Columns::all().header(),
        rows: 0,
        last: None,
        latched: Vec::new(),
    }
}

/// The row of a tick. `offset_k` sets measured apart from predicted.
fn made_up(tick: u32, offset_k: f64) -> Row {
    let staging = tick < STAGING;
    let bench_s = f64::from(tick) * DT_S;
    let mission_s = (bench_s - f64::from(STAGING) * DT_S).max(0.0);
    let shadow = (2606.0..3706.0).contains(&mission_s);
    let since = mission_s - 2606.0;
    let dip = if since < 0.0 { 0.0 } else { 14.0 * (since / 700.0).min(1.0) * (-(since - 1100.0).max(0.0) / 600.0).exp() };
    let model = 34.0 - dip;
    let mut row = Row::new(0, u64::from(tick), bench_s, if staging { RunState::Staging } else { RunState::Running });
    row.elapsed_s = Some(bench_s / 60.0);
    row.mission_s = (!staging).then_some(mission_s);
    let plate = if staging { 24.0 + 10.0 * bench_s / (f64::from(STAGING) * DT_S) } else { model + offset_k };
    let power = if shadow { 22.0 } else { 68.5 };
    let read = |value| Reading::good(value, bench_s, Origin::Simulated);
    row.set_reading(Channel::Plate, &read(plate));
    row.set_reading(Channel::Die, &read(plate + power * 0.24));
    row.set_reading(Channel::BoardPower, &read(power));
    for (column, value) in [
        (Column::EnvIlluminationFrac, f64::from(u8::from(!shadow))),
        (Column::RigSetpointDegc, model + 0.02),
        (Column::FlightPlateDegc, model + 0.1),
        (Column::FlightDieDegc, model + power * 0.235),
        (Column::FlightSupplyDegc, model - 6.0),
        (Column::PowerBudgetW, if shadow { 24.0 } else { 72.0 }),
        (Column::PowerAvailableW, if shadow { 24.0 } else { 81.0 }),
        (Column::WorkUnitsPerS, power * 12.4),
        (Column::WorkUnits, mission_s * 800.0),
    ] {
        row.set(column, value);
    }
    row
}

pub(crate) fn row(tick: u32) -> Row {
    made_up(tick, 0.06)
}

pub(crate) fn event(severity: Severity, kind: &str, message: &str) -> Event {
    let utc = "2026-06-21T00:41:02.5Z".parse().ok();
    Event { utc, elapsed_s: Some(42.0), tick: 250, severity, kind: kind.into(), who: "control".into(), message: message.into() }
}

pub(crate) fn prediction() -> Message {
    let mut prediction = Prediction::default();
    (0..STAGING + 590).for_each(|tick| prediction.push(&made_up(tick, -0.4)));
    Message::Prediction(Box::new(prediction))
}

pub(crate) fn said(said: ToScreen) -> Message {
    Message::Engine(Box::new(said))
}

/// A screen that has just been greeted and knows one running row.
pub(crate) fn app(read_only: bool) -> App {
    let mut app = App::new(hello(), &Options { read_only, ..Options::default() }, Palette::Dark);
    app.update(said(ToScreen::Row(Box::new(row(STAGING + 3)))));
    app
}

/// A screen well into the orbit, with a prediction.
pub(crate) fn flying(ticks: u32, palette: Palette) -> App {
    let mut app = App::new(hello(), &Options::default(), palette);
    app.update(prediction());
    for tick in 0..ticks {
        app.update(said(ToScreen::Row(Box::new(row(tick)))));
    }
    app.update(said(ToScreen::Event(event(Severity::Info, "state", "staging -> running: mission time begins"))));
    app
}
