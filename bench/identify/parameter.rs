//! The quantities that a calibration is about: their keys (those of `[plant]`), units, what is believed of them and how far that
//! belief is trusted. Not here: how they are fitted.

use twin::{Plant, Spreads};

/// A quantity of the bench that a log may determine.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Key {
    /// Heat capacity of die and spreader.
    Die,
    /// Thermal resistance from die to plate.
    DiePlate,
    /// Heat capacity of the plate.
    Plate,
    /// Loss conductance from plate to room: `UA_loss`.
    Loss,
    /// Heat capacity of the heat sink.
    Sink,
    /// Resistance from heat sink to room.
    SinkRoom,
    /// Room temperature.
    Room,
    /// Part of the board's *measured* power that the plate takes up: a gain error of the power meter is in it.
    Capture,
    /// Seebeck coefficient of a module.
    Seebeck,
    /// Electrical resistance of a module.
    Resistance,
    /// Thermal conductance of a module.
    Conductance,
    /// What the plate's sensor shows above the truth.
    PlateOffset,
    /// What the sink's sensor shows above the truth.
    SinkOffset,
    /// What the die's sensor shows above the truth.
    DieOffset,
    /// How late the plate's reading is.
    PlateDelay,
    /// How late the die's reading is.
    DieDelay,
    /// Current that flows between rows while the setpoint moves, beyond what the readings at both ends say, over the setpoint's speed:
    /// a regulator answers each step of a setpoint within the row, and a reading at the row's end always comes after the answer.
    RampCurrent,
}

/// How a parameter is spoken of in files and on the command line.
struct Entry {
    key: Key,
    name: &'static str,
    unit: &'static str,
    meaning: &'static str,
    /// Fitted as the logarithm of its ratio to the belief: it stays positive, and its uncertainty is relative.
    positive: bool,
    /// Values a calibration file may hold.
    range: (f64, f64),
}

const TABLE: [Entry; 17] = [
    entry(Key::Die, "die_j_k", "J/K", "heat capacity of the die and its spreader", true, (0.1, 1e5)),
    entry(Key::DiePlate, "die_plate_k_w", "K/W", "thermal resistance from die to plate", true, (1e-3, 10.0)),
    entry(Key::Plate, "plate_j_k", "J/K", "heat capacity of the plate", true, (1.0, 1e6)),
    entry(Key::Loss, "loss_w_k", "W/K", "loss conductance from plate to room, UA_loss", true, (1e-6, 100.0)),
    entry(Key::Sink, "sink_j_k", "J/K", "heat capacity of the heat sink", true, (1.0, 1e6)),
    entry(Key::SinkRoom, "sink_k_w", "K/W", "resistance from heat sink to room", true, (1e-3, 10.0)),
    entry(Key::Room, "room_degc", "°C", "room temperature, mean over the logs", false, (-20.0, 60.0)),
    entry(Key::Capture, "capture_frac", "1", "part of the measured board power that the plate takes up", true, (0.05, 1.5)),
    entry(Key::Seebeck, "seebeck_v_k", "V/K", "Seebeck coefficient of one module", true, (1e-4, 1.0)),
    entry(Key::Resistance, "resistance_ohm", "ohm", "electrical resistance of one module", true, (1e-3, 1e3)),
    entry(Key::Conductance, "conductance_w_k", "W/K", "thermal conductance of one module", true, (1e-4, 100.0)),
    entry(Key::PlateOffset, "plate_offset_k", "K", "what the plate sensor shows above the truth", false, (-20.0, 20.0)),
    entry(Key::SinkOffset, "sink_offset_k", "K", "what the sink sensor shows above the truth", false, (-20.0, 20.0)),
    entry(Key::DieOffset, "die_offset_k", "K", "what the die sensor shows above the truth", false, (-20.0, 20.0)),
    entry(Key::PlateDelay, "plate_delay_s", "s", "how late the plate's reading is", false, (-60.0, 600.0)),
    entry(Key::DieDelay, "die_delay_s", "s", "how late the die's reading is", false, (-60.0, 600.0)),
    entry(
        Key::RampCurrent,
        "ramp_current_as_k",
        "As/K",
        "current between rows that no row shows, by the setpoint's speed",
        false,
        (-1000.0, 1000.0),
    ),
];

const fn entry(key: Key, name: &'static str, unit: &'static str, meaning: &'static str, positive: bool, range: (f64, f64)) -> Entry {
    Entry { key, name, unit, meaning, positive, range }
}

impl Key {
    /// Every one, in the order of files and tables.
    pub const ALL: [Self; 17] = {
        let mut keys = [Self::Die; 17];
        let mut at = 0;
        while at < keys.len() {
            keys[at] = TABLE[at].key;
            at += 1;
        }
        keys
    };

    const fn entry(self) -> &'static Entry {
        &TABLE[self as usize]
    }

    /// The word of files and options, its unit at the end; as in `[plant]` where it has one there.
    pub const fn name(self) -> &'static str {
        self.entry().name
    }

    /// The unit, for people.
    pub const fn unit(self) -> &'static str {
        self.entry().unit
    }

    /// What it is, in a few words.
    pub const fn meaning(self) -> &'static str {
        self.entry().meaning
    }

    /// It is above 0 by nature, and its uncertainty is relative.
    pub const fn is_positive(self) -> bool {
        self.entry().positive
    }

    /// Values that make sense at all.
    pub const fn range(self) -> (f64, f64) {
        self.entry().range
    }

    /// The key of this name.
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|k| k.name() == name)
    }

    /// The value in `plant`; 0 for what a plant does not have, offsets and delays.
    pub fn of(self, plant: &Plant) -> f64 {
        match self {
            Self::Die => plant.die_j_k,
            Self::DiePlate => plant.die_plate_k_w,
            Self::Plate => plant.plate_j_k,
            Self::Loss => plant.loss_w_k,
            Self::Sink => plant.sink_j_k,
            Self::SinkRoom => plant.sink_k_w,
            Self::Room => plant.room.0,
            Self::Capture => plant.capture_frac,
            Self::Seebeck => plant.bank.module.seebeck_v_k,
            Self::Resistance => plant.bank.module.resistance_ohm,
            Self::Conductance => plant.bank.module.conductance_w_k,
            Self::PlateOffset | Self::SinkOffset | Self::DieOffset | Self::PlateDelay | Self::DieDelay | Self::RampCurrent => 0.0,
        }
    }

    /// Puts `value` into `plant`, if a plant has it.
    pub fn put(self, plant: &mut Plant, value: f64) {
        match self {
            Self::Die => plant.die_j_k = value,
            Self::DiePlate => plant.die_plate_k_w = value,
            Self::Plate => plant.plate_j_k = value,
            Self::Loss => plant.loss_w_k = value,
            Self::Sink => plant.sink_j_k = value,
            Self::SinkRoom => plant.sink_k_w = value,
            Self::Room => plant.room.0 = value,
            Self::Capture => plant.capture_frac = value,
            Self::Seebeck => plant.bank.module.seebeck_v_k = value,
            Self::Resistance => plant.bank.module.resistance_ohm = value,
            Self::Conductance => plant.bank.module.conductance_w_k = value,
            Self::PlateOffset | Self::SinkOffset | Self::DieOffset | Self::PlateDelay | Self::DieDelay | Self::RampCurrent => {}
        }
    }

    /// Standard uncertainty of the belief: relative for positive quantities, else in its unit.
    ///
    /// The belief is the designer's, from datasheets and drawings: a Peltier bank is good to 15 % (see `model::tec`), heat
    /// capacities and resistances to a half (assumed). What `[truth]` declares counts where it is wider, and for sensors and
    /// room alone where it says anything: those are of the instrument, not of the design.
    pub fn trust(self, spreads: &Spreads) -> f64 {
        let sensor = |declared: f64, assumed: f64| if declared > 0.0 { declared } else { assumed };
        match self {
            Self::Die | Self::Plate | Self::Sink => spreads.heat_capacity_frac.max(0.5),
            Self::DiePlate => spreads.die_plate_frac.max(0.5),
            Self::Loss => spreads.loss_frac.max(0.5),
            Self::SinkRoom => spreads.sink_frac.max(0.5),
            Self::Capture => spreads.power_gain_frac.max(0.05),
            Self::Seebeck => spreads.tec_seebeck_frac.max(0.15),
            Self::Resistance => spreads.tec_resistance_frac.max(0.15),
            Self::Conductance => spreads.tec_conductance_frac.max(0.15),
            Self::Room => sensor(spreads.room_k, 2.0),
            Self::PlateOffset => sensor(spreads.plate_sensor_k, 0.3),
            Self::SinkOffset => sensor(spreads.sink_sensor_k, 1.0),
            Self::DieOffset => sensor(spreads.die_sensor_k, 2.0),
            Self::PlateDelay | Self::DieDelay => 3.0,
            // Nothing is known of the regulator before its answers are seen; some amperes at some tenths of a kelvin a second.
            Self::RampCurrent => 50.0,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_found_again_and_end_in_the_unit() {
        for (at, key) in Key::ALL.into_iter().enumerate() {
            assert_eq!(key as usize, at);
            assert_eq!(Key::named(key.name()), Some(key));
            let suffix = match key.unit() {
                "J/K" => "_j_k",
                "K/W" => "_k_w",
                "W/K" => "_w_k",
                "°C" => "_degc",
                "1" => "_frac",
                "V/K" => "_v_k",
                "As/K" => "_as_k",
                other => &format!("_{}", other.to_lowercase()),
            };
            assert!(key.name().ends_with(suffix), "{} in {}", key.name(), key.unit());
        }
        assert_eq!(Key::named("rated_current_a"), None);
    }
}
