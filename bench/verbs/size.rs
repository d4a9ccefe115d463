//! `rig size`: what a rig can hold by the arithmetic of its `[plant]`, before it is built or bought.

use crate::exit::{BadInput, Exit};
use crate::plan;
use anyhow::Result;
use clap::Args;
use rig::RigFile;
use signal::{Celsius, Watts};
use std::io;
use twin::TwinSpec;
use twin::sizing::{OutputLimits, Point, Sizing, size};

/// What to size.
#[derive(Clone, Debug, Args)]
pub(crate) struct SizeArgs {
    /// A name from `rig list` or a TOML file
    rig: String,
    /// Coldest cold side, °C
    #[arg(long, default_value_t = 10.0, allow_negative_numbers = true)]
    from: f64,
    /// Warmest
    #[arg(long, default_value_t = 60.0, allow_negative_numbers = true)]
    to: f64,
    /// Kelvin from one to the next
    #[arg(long, default_value_t = 10.0)]
    step: f64,
}

/// More rows are no table.
const MOST_ROWS: f64 = 200.0;

pub(crate) fn run(args: &SizeArgs) -> Result<Exit> {
    let source = plan::rig(&args.rig)?;
    let (rig, twin) =
        engine::setup::parse_rig(&source.file, &source.text).map_err(|problems| BadInput(format!("the rig has problems:\n{problems}")))?;
    let rows = (args.to - args.from) / args.step;
    let sound = args.step > 0.0 && (0.0..MOST_ROWS).contains(&rows) && args.from > -100.0 && args.to < 200.0;
    if !sound {
        let message = format!(
            "--from {} --to {} --step {}: expected a rising range in degrees Celsius of at most {MOST_ROWS} steps",
            args.from, args.to, args.step
        );
        return Err(BadInput(message).into());
    }
    if twin.plant.circuit.is_some_and(|c| c.bath.is_some()) {
        let why = format!(
            "{}: a circulator holds its coolant, with the heater_w and compressor_w of [plant.loop]; there are no modules to size",
            rig.name
        );
        return Err(BadInput(why).into());
    }
    let Some(current_a) = rig.servo().and_then(rig::Instrument::current_limit_a) else {
        return Err(BadInput(format!(
            "{}: no current_limit_a says what its controller may give: this arithmetic is that of Peltier modules",
            rig.name
        ))
        .into());
    };
    let voltage_v = rig.servo().and_then(rig::Instrument::voltage_limit_v).unwrap_or(f64::INFINITY);
    let cold: Vec<Celsius> = (0..=(rows + 1e-9) as u32).map(|k| Celsius(args.from + f64::from(k) * args.step)).collect();
    let load = (Watts(rig.accelerator.idle_w.unwrap_or(twin.card.idle_w)), Watts(rig.accelerator.full_w.unwrap_or(twin.card.full_w)));
    let calorimeter = engine::setup::calorimeter(&rig);
    let sizing = size(&twin.plant, calorimeter.as_ref(), OutputLimits { current_a, voltage_v }, load, &cold);
    tell(&rig, &twin, (current_a, voltage_v), load, &sizing)?;
    Ok(Exit::Done)
}

fn tell(
    rig: &RigFile,
    twin: &TwinSpec,
    (current_a, voltage_v): (f64, f64),
    (idle, full): (Watts, Watts),
    sizing: &Sizing,
) -> io::Result<()> {
    let plant = &twin.plant;
    let bank = &plant.bank;
    say!(
        "{}: {} modules ({} in a string, {} strings) on a sink of {} K/W",
        rig.name,
        bank.modules(),
        bank.series,
        bank.parallel,
        plant.sink_k_w
    );
    let volts = if voltage_v.is_finite() { format!(" and {voltage_v} V") } else { String::new() };
    say!("in a room of {} degC; the controller gives {current_a} A{volts} at most", plant.room.0);
    let (side, loss_w_k, pump) = match &plant.circuit {
        Some(c) => ("supply", plant.loss_w_k + c.loss_w_k, format!(" + {} W of the pump", c.pump_w)),
        None => ("plate", plant.loss_w_k, String::new()),
    };
    say!("heat to take up = {} of the board's{pump} + {loss_w_k:.2} W/K x (room - {side})", plant.capture_frac);
    for (load, board, points) in [("full load", full, &sizing.full), ("idle", idle, &sizing.idle)] {
        say!("");
        say!("{load}, {} W", board.0);
        say!("  {side:>6} {:>8} {:>7} {:>7} {:>8} {:>9} {:>7} {:>9}", "heat", "A", "V", "drive W", "reject W", "sink", "of max A");
        for point in points {
            say!("{}", row(point));
        }
    }
    say!("");
    for (told, load) in sizing.warming.iter().zip(["full load", "idle"]) {
        let part = told.u_w / told.board.0 * 100.0;
        say!(
            "calorimeter at {load}: warms by {:.2} K, the board's heat to {:.2} W ({part:.1} %), one standard uncertainty",
            told.warming_k,
            told.u_w
        );
    }
    if plant.circuit.is_some() {
        say!(
            "without flow the plate warms by {:.2} K/s at full load, the loop with the modules off by {:.3} K/s",
            sizing.runaway_k_s,
            sizing.drift_k_s
        );
    } else {
        say!("with the modules off the plate warms by {:.2} K/s at full load", sizing.runaway_k_s);
    }
    say!("modules by their maximum ratings are good to some 15 %: commission, and calibrate");
    Ok(())
}

/// To a tenth, without the sign of a nothing.
fn tenths(w: f64) -> f64 {
    (w * 10.0).round() / 10.0 + 0.0
}

fn row(point: &Point) -> String {
    let start = format!("  {:>6.1} {:>8.1}", point.cold.0, point.heat.0);
    let Some(h) = point.held else { return format!("{start}   out of reach at any current") };
    let beyond = if h.within_limits { "" } else { "  beyond the controller's limits" };
    let of_max = if h.current_a < 0.0 { "heats".to_owned() } else { format!("{:.0} %", h.of_strongest_frac * 100.0) };
    format!(
        "{start} {:>7.2} {:>7.2} {:>8.1} {:>9.1} {:>7.1} {of_max:>9}{beyond}",
        h.current_a,
        h.voltage_v,
        tenths(h.drive.0),
        h.rejected.0,
        h.sink.0
    )
}
