//! How this one bench differs from what is believed of it: drawn by seed from the spreads of `[truth]`.
//!
//! A twin that agrees with its own model proves nothing. Here parameters are off, sensors have offsets and noise, the room
//! drifts; the rehearsal sees none of it.

use crate::card::CardTruth;
use crate::plant::Plant;
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;
use rand_distr::{Distribution, StandardNormal};
use signal::Section;

/// Standard deviations from which a bench is drawn: `[truth]` of the rig file.
#[derive(Clone, Copy, Debug, Default)]
pub struct Spreads {
    /// Offset of the plate sensor, K.
    pub plate_sensor_k: f64,
    /// Offset of the sink sensor, K.
    pub sink_sensor_k: f64,
    /// Offset of the die sensor, K.
    pub die_sensor_k: f64,
    /// Offset of the sensor in the coolant's supply, K.
    pub supply_sensor_k: f64,
    /// Offset of the sensor in the coolant's return, K.
    pub return_sensor_k: f64,
    /// Gain of the flow meter, relative.
    pub flow_meter_frac: f64,
    /// Conductance from plate to coolant, relative.
    pub plate_coolant_frac: f64,
    /// Gain of the external board-power meters, relative.
    pub meter_gain_frac: f64,
    /// Die-to-plate resistance, relative.
    pub die_plate_frac: f64,
    /// Seebeck coefficient of the modules, relative.
    pub tec_seebeck_frac: f64,
    /// Electrical resistance of the modules, relative.
    pub tec_resistance_frac: f64,
    /// Thermal conductance of the modules, relative.
    pub tec_conductance_frac: f64,
    /// Sink-to-room resistance, relative.
    pub sink_frac: f64,
    /// Loss conductance, relative.
    pub loss_frac: f64,
    /// Heat capacities, relative.
    pub heat_capacity_frac: f64,
    /// Gain of the card's power sensor and counter, relative.
    pub power_gain_frac: f64,
    /// Work rate of this card, relative.
    pub work_frac: f64,
    /// Room temperature, K.
    pub room_k: f64,
    /// Swing of the room over hours, K.
    pub room_drift_k: f64,
    /// Noise of a temperature reading, K.
    pub noise_k: f64,
    /// Noise of a card power reading, W.
    pub noise_w: f64,
}

impl Spreads {
    /// Reads `[truth]`.
    pub fn read(truth: &Section<'_>) -> Self {
        let frac = |key| truth.number_or(key, 0.0..=0.5, 0.0);
        let kelvin = |key| truth.number_or(key, 0.0..=20.0, 0.0);
        Self {
            plate_sensor_k: kelvin("plate_sensor_k"),
            sink_sensor_k: kelvin("sink_sensor_k"),
            die_sensor_k: kelvin("die_sensor_k"),
            supply_sensor_k: kelvin("supply_sensor_k"),
            return_sensor_k: kelvin("return_sensor_k"),
            flow_meter_frac: frac("flow_meter_frac"),
            plate_coolant_frac: frac("plate_coolant_frac"),
            meter_gain_frac: frac("meter_gain_frac"),
            die_plate_frac: frac("die_plate_frac"),
            tec_seebeck_frac: frac("tec_seebeck_frac"),
            tec_resistance_frac: frac("tec_resistance_frac"),
            tec_conductance_frac: frac("tec_conductance_frac"),
            sink_frac: frac("sink_frac"),
            loss_frac: frac("loss_frac"),
            heat_capacity_frac: frac("heat_capacity_frac"),
            power_gain_frac: frac("power_gain_frac"),
            work_frac: frac("work_frac"),
            room_k: kelvin("room_k"),
            room_drift_k: kelvin("room_drift_k"),
            noise_k: kelvin("noise_k"),
            noise_w: truth.number_or("noise_w", 0.0..=50.0, 0.0),
        }
    }
}

/// One bench as it really is.
#[derive(Clone, Debug)]
pub struct Truth {
    /// Its plant.
    pub plant: Plant,
    /// Its card.
    pub card: CardTruth,
    /// Added to the plate's reading, K.
    pub plate_offset_k: f64,
    /// Added to the sink's reading, K.
    pub sink_offset_k: f64,
    /// Added to the reading of the coolant's supply, K.
    pub supply_offset_k: f64,
    /// Added to the reading of the coolant's return, K.
    pub return_offset_k: f64,
    /// What the flow meter says over what flows.
    pub flow_gain: f64,
    /// What the external board-power meters say over what the board draws.
    pub meter_gain: f64,
    /// Room temperature above the believed one, K.
    pub room_offset_k: f64,
    /// Amplitude of the room's slow swing, K.
    pub room_drift_k: f64,
    /// Phase of that swing at power-up, rad.
    pub room_phase_rad: f64,
    /// Noise of a temperature reading, K.
    pub noise_k: f64,
    /// For everything random after the draw.
    pub seed: u64,
    /// What is broken on this bench; nothing, unless a test breaks it.
    pub faults: Faults,
}

/// Things that can be wrong with a bench and that no spread describes: negative controls for commissioning.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Faults {
    /// The modules are wired the wrong way round.
    pub reversed: bool,
    /// The plate's sensor always reads this, °C.
    pub stuck_plate_degc: Option<f64>,
}

/// Period of the room's swing, s: a lab's air conditioning over an afternoon (assumed).
pub const ROOM_PERIOD_S: f64 = 3.0 * 3600.0;

impl Truth {
    /// A bench that is exactly as believed: what a rehearsal flies.
    pub fn believed(plant: &Plant) -> Self {
        Self {
            plant: plant.clone(),
            card: CardTruth::default(),
            plate_offset_k: 0.0,
            sink_offset_k: 0.0,
            supply_offset_k: 0.0,
            return_offset_k: 0.0,
            flow_gain: 1.0,
            meter_gain: 1.0,
            room_offset_k: 0.0,
            room_drift_k: 0.0,
            room_phase_rad: 0.0,
            noise_k: 0.0,
            seed: 0,
            faults: Faults::default(),
        }
    }

    /// The bench that `seed` stands for. The same seed always draws the same bench.
    pub fn drawn(plant: &Plant, spreads: &Spreads, seed: u64) -> Self {
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        let mut normal = |sigma: f64| sigma * <StandardNormal as Distribution<f64>>::sample(&StandardNormal, &mut rng);
        let mut plant = plant.clone();
        // A factor of exp(normal) keeps every parameter positive.
        plant.die_plate_k_w *= normal(spreads.die_plate_frac).exp();
        plant.bank.module.seebeck_v_k *= normal(spreads.tec_seebeck_frac).exp();
        plant.bank.module.resistance_ohm *= normal(spreads.tec_resistance_frac).exp();
        plant.bank.module.conductance_w_k *= normal(spreads.tec_conductance_frac).exp();
        plant.sink_k_w *= normal(spreads.sink_frac).exp();
        plant.loss_w_k *= normal(spreads.loss_frac).exp();
        plant.die_j_k *= normal(spreads.heat_capacity_frac).exp();
        plant.plate_j_k *= normal(spreads.heat_capacity_frac).exp();
        plant.sink_j_k *= normal(spreads.heat_capacity_frac).exp();
        let card = CardTruth {
            die_offset_k: normal(spreads.die_sensor_k),
            power_gain: normal(spreads.power_gain_frac),
            work_gain: normal(spreads.work_frac),
            noise_w: spreads.noise_w,
            artefacts: true,
        };
        let (plate_offset_k, sink_offset_k) = (normal(spreads.plate_sensor_k), normal(spreads.sink_sensor_k));
        let (room_offset_k, room_phase_rad) = (normal(spreads.room_k), normal(std::f64::consts::PI));
        // Drawn last: a seed means the same bench as before there were any of these.
        if let Some(circuit) = &mut plant.circuit {
            circuit.plate_w_k *= normal(spreads.plate_coolant_frac).exp();
        }
        Self {
            plant,
            card,
            plate_offset_k,
            sink_offset_k,
            supply_offset_k: normal(spreads.supply_sensor_k),
            return_offset_k: normal(spreads.return_sensor_k),
            flow_gain: normal(spreads.flow_meter_frac).exp(),
            meter_gain: normal(spreads.meter_gain_frac).exp(),
            room_offset_k,
            room_drift_k: spreads.room_drift_k,
            room_phase_rad,
            noise_k: spreads.noise_k,
            seed,
            faults: Faults::default(),
        }
    }
}

/// One respect in which a bench may differ from the belief: a bench that is one standard deviation off in it, and as believed in
/// everything else. What prediction bands are made from.
#[derive(Clone, Debug)]
pub struct Doubt {
    /// The key of `[truth]` it comes from.
    pub key: &'static str,
    /// That bench.
    pub truth: Truth,
}

/// A key of `[truth]`, its standard deviation, and what it does to a bench.
type Respect<'a> = (&'static str, f64, &'a dyn Fn(&mut Truth, f64));

impl Spreads {
    /// Every respect in which a bench may differ from `plant`; those of no spread are left out.
    pub fn doubts(&self, plant: &Plant) -> Vec<Doubt> {
        // The room's swing is a sine of unknown phase: its standard deviation is the amplitude over the root of two.
        let room_k = self.room_k.hypot(self.room_drift_k * std::f64::consts::FRAC_1_SQRT_2);
        let frac = |sigma: f64| sigma.exp();
        let all: [Respect<'_>; 20] = [
            ("die_plate_frac", self.die_plate_frac, &|t, s| t.plant.die_plate_k_w *= frac(s)),
            ("tec_seebeck_frac", self.tec_seebeck_frac, &|t, s| t.plant.bank.module.seebeck_v_k *= frac(s)),
            ("tec_resistance_frac", self.tec_resistance_frac, &|t, s| t.plant.bank.module.resistance_ohm *= frac(s)),
            ("tec_conductance_frac", self.tec_conductance_frac, &|t, s| t.plant.bank.module.conductance_w_k *= frac(s)),
            ("sink_frac", self.sink_frac, &|t, s| t.plant.sink_k_w *= frac(s)),
            ("loss_frac", self.loss_frac, &|t, s| t.plant.loss_w_k *= frac(s)),
            ("heat_capacity_frac (die)", self.heat_capacity_frac, &|t, s| t.plant.die_j_k *= frac(s)),
            ("heat_capacity_frac (plate)", self.heat_capacity_frac, &|t, s| t.plant.plate_j_k *= frac(s)),
            ("heat_capacity_frac (sink)", self.heat_capacity_frac, &|t, s| t.plant.sink_j_k *= frac(s)),
            ("die_sensor_k", self.die_sensor_k, &|t, s| t.card.die_offset_k = s),
            ("power_gain_frac", self.power_gain_frac, &|t, s| t.card.power_gain = s),
            ("work_frac", self.work_frac, &|t, s| t.card.work_gain = s),
            ("plate_sensor_k", self.plate_sensor_k, &|t, s| t.plate_offset_k = s),
            ("sink_sensor_k", self.sink_sensor_k, &|t, s| t.sink_offset_k = s),
            ("room_k", room_k, &|t, s| t.room_offset_k = s),
            ("supply_sensor_k", self.supply_sensor_k, &|t, s| t.supply_offset_k = s),
            ("return_sensor_k", self.return_sensor_k, &|t, s| t.return_offset_k = s),
            ("flow_meter_frac", self.flow_meter_frac, &|t, s| t.flow_gain = frac(s)),
            ("plate_coolant_frac", self.plate_coolant_frac, &|t, s| t.plant.circuit.iter_mut().for_each(|c| c.plate_w_k *= frac(s))),
            ("meter_gain_frac", self.meter_gain_frac, &|t, s| t.meter_gain = frac(s)),
        ];
        let off = |(key, sigma, change): &Respect<'_>| {
            let mut truth = Truth::believed(plant);
            change(&mut truth, *sigma);
            Doubt { key, truth }
        };
        all.iter().filter(|(_, sigma, _)| *sigma > 0.0).map(off).collect()
    }
}
