//! A rig's interlocks as the law has them: from seconds of the file to ticks, from channels to what is watched.

use control::{DewLaw, DriveLaw, Guards, PlausibleLaw, PolarityLaw, Spin, Trip};
use rig::{RigFile, Role};
use signal::{Celsius, Channel};
use twin::TwinSpec;

/// Ticks of looking at the drift before the step of polarity, bench seconds.
const REST_S: f64 = 10.0;
/// Shortest time that a step of polarity may take to be answered, bench seconds; a slow rig has four of its own lags.
const ANSWER_S: f64 = 120.0;
/// What is measured near the dew point may be there for this long, bench seconds.
const WET_S: f64 = 10.0;
/// Part of the maximum-cooling current that a limit may be: beyond nine tenths a module gives a hundredth more cold for a fifth more heat to shed.
pub const STRONGEST_FRAC: f64 = 0.9;

fn ticks(bench_s: f64, dt_s: f64) -> u32 {
    super::ticks(bench_s, dt_s)
}

pub(crate) fn trips(rig: &RigFile, dt_s: f64) -> Vec<Trip> {
    let rule = &rig.interlock;
    let spin = Spin { hold_ticks: ticks(rule.stopped_s, dt_s), start_ticks: ticks(rule.start_s, dt_s) };
    let mut trips: Vec<Trip> = rig
        .channels
        .iter()
        .filter(|c| c.trip_min.is_some() || c.trip_max.is_some())
        .filter_map(|c| {
            Some(Trip {
                name: c.role.word().to_owned(),
                channel: c.role.channel()?,
                min: c.trip_min,
                max: c.trip_max,
                spin: c.role.spins().then_some(spin),
                advice: advice(c.role),
            })
        })
        .collect();
    trips.push(Trip {
        name: "accelerator die".into(),
        channel: Channel::Die,
        min: None,
        max: Some(rig.accelerator.trip_max_degc),
        spin: None,
        advice: "look at the mounting of the card and at what cools its plate",
    });
    trips
}

/// What to do where a channel is out of its bounds.
const fn advice(role: Role) -> &'static str {
    match role {
        Role::Sink => "look at the heat sink's fan and at the room",
        Role::Plate | Role::CoolantSupply | Role::CoolantReturn => "look at the modules, the heat sink and the sensor's plug",
        Role::Flow => "look at the pump, for air in the loop, a kinked hose or a closed valve",
        Role::Pump => "look at the pump's supply and plug: without flow the plate warms by kelvins a second",
        Role::Fan => "look at the fan's plug and whether it turns",
        _ => "",
    }
}

/// Interlocks that are more than bounds.
///
/// Nobody waits for a room sensor for less time than `patience_s`: on an emulated rig that is hurried, lines and this machine are as slow as ever.
pub(super) fn guards(rig: &RigFile, dt_s: f64, patience_s: f64) -> Guards {
    let rule = &rig.interlock;
    let servo = rig.servo();
    let volts = servo.and_then(|i| match &i.driver {
        rig::DriverKind::Mecom(mecom) => Some(mecom.voltage_limit_v),
        rig::DriverKind::Line(line) => line.voltage_limit_v,
        _ => None,
    });
    let slow = 1.0 + rig.interface.lag_s / 60.0;
    Guards {
        dew: rig.knows_dew_point().then(|| DewLaw {
            margin_k: rule.dew_margin_k,
            stale_ticks: ticks(rule.dew_stale_s.max(patience_s), dt_s),
            trip_ticks: ticks(WET_S, dt_s),
        }),
        plausible: Some(PlausibleLaw { rail_min_degc: rule.rail_min_degc, rail_max_degc: rule.rail_max_degc, rate_k_s: rule.rate_max_k_s }),
        drive: servo.and_then(rig::Instrument::current_limit_a).map(|limit_a| DriveLaw {
            limit_a,
            limit_v: volts,
            saturated_ticks: ticks(rule.saturation_s, dt_s),
            saturation_trips: rule.saturation_trips,
            // A slow rig is looked at for longer.
            window_ticks: ticks(rule.response_s * slow, dt_s),
        }),
    }
}

/// How long a step of polarity may take to be answered on this rig, bench s.
pub(crate) fn answer_s(rig: &RigFile) -> f64 {
    ANSWER_S.max(4.0 * rig.interface.lag_s)
}

/// The step before the first setpoint.
pub(super) fn polarity(rig: &RigFile, dt_s: f64) -> Option<PolarityLaw> {
    let answer_s = answer_s(rig);
    rig.interlock.polarity.then(|| PolarityLaw { rest_ticks: ticks(REST_S, dt_s), limit_ticks: ticks(answer_s, dt_s) })
}

/// Why the current limit lets the modules be driven to where more current only heats, by what is believed of them; `None` if it does not.
pub fn beyond_bank(rig: &RigFile, twin: &TwinSpec) -> Option<String> {
    let servo = rig.servo()?;
    let (limit_a, coldest) = (servo.current_limit_a()?, servo.setpoint?.limits.min());
    if twin.plant.circuit.is_some_and(|c| c.bath.is_some()) {
        return None;
    }
    let strongest_a = twin.plant.bank.strongest_current_a(Celsius(coldest).into());
    (limit_a > strongest_a * STRONGEST_FRAC).then(|| {
        format!(
            "current_limit_a = {limit_a} A of \"{}\" is beyond {:.1} A, {:.0} % of the {strongest_a:.1} A at which the bank of [plant.tec] cools most at {coldest} °C: \
             more current only heats. Lower it, or put right what is believed of the modules",
            servo.name,
            strongest_a * STRONGEST_FRAC,
            STRONGEST_FRAC * 100.0
        )
    })
}
