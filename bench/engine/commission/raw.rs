//! The raw log of a commissioning: every reading of every tick, raw beside calibrated.

use record::Column;
use signal::{Channel, Reading, Snapshot, Tick};
use std::collections::BTreeMap;
use std::fmt::Write as _;

/// Channels in the log, by the names runs give them.
const CHANNELS: [Channel; 16] = [
    Channel::TecTarget,
    Channel::Plate,
    Channel::Sink,
    Channel::Ambient,
    Channel::TecCurrent,
    Channel::TecVoltage,
    Channel::TecOutput,
    Channel::BoardPower,
    Channel::BoardEnergy,
    Channel::Die,
    Channel::CoolantSupply,
    Channel::CoolantReturn,
    Channel::Flow,
    Channel::Humidity,
    Channel::MeterPower,
    Channel::SlotPower,
];

/// What a calibration adds to readings.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Offsets {
    /// Which calibration; empty if there is none.
    pub calibration: String,
    /// Added to a channel, in its unit.
    pub added: BTreeMap<Channel, f64>,
}

impl Offsets {
    /// What the record says of it.
    pub(super) fn words(&self) -> String {
        if self.calibration.is_empty() {
            "none loaded: raw and calibrated columns are equal".to_owned()
        } else {
            format!("calibration {}: offsets on {} channels", self.calibration, self.added.len())
        }
    }

    /// The readings, calibrated. What is missing stays missing.
    pub(super) fn apply(&self, raw: &Snapshot) -> Snapshot {
        let mut calibrated = raw.clone();
        for (&channel, offset) in &self.added {
            let reading = *raw.get(channel);
            calibrated.set(channel, Reading { value: reading.value.map(|v| v + offset), ..reading });
        }
        calibrated
    }
}

pub(super) fn header() -> String {
    let mut line = "utc,tick,bench_s,step,command_degc,command_duty_frac".to_owned();
    for channel in CHANNELS {
        if let Some(column) = Column::for_channel(channel) {
            let name = column.name();
            // Writing to a String cannot fail.
            let _ = write!(line, ",raw_{name},{name},{name}_quality");
        }
    }
    line.push('\n');
    line
}

/// One line. `commands` are what was sent after the readings.
pub(super) fn line(at: &Stamp<'_>, raw: &Snapshot, calibrated: &Snapshot, commands: &control::Commands) -> String {
    let number = |value: Option<f64>| value.map_or_else(String::new, |v| format!("{v:.5}"));
    let mut line = format!("{},{},{:.3},{}", at.utc, at.tick, at.bench_s, at.step);
    // Writing to a String cannot fail.
    let _ = write!(line, ",{},{}", number(commands.target.map(|t| t.0)), number(commands.duty));
    for channel in CHANNELS {
        if Column::for_channel(channel).is_some() {
            let (a, b) = (raw.get(channel), calibrated.get(channel));
            let _ = write!(line, ",{},{},{}", number(a.value), number(b.value), a.quality.word());
        }
    }
    line.push('\n');
    line
}

/// When and where a line was taken.
pub(super) struct Stamp<'a> {
    pub(super) utc: jiff::Timestamp,
    pub(super) tick: Tick,
    pub(super) bench_s: f64,
    pub(super) step: &'a str,
}
