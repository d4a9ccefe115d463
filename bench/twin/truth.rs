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
            room_offset_k: 0.0,
            room_drift_k: 0.0,
            room_phase_rad: 0.0,
            noise_k: 0.0,
            seed: 0,
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
        Self {
            plant,
            card,
            plate_offset_k: normal(spreads.plate_sensor_k),
            sink_offset_k: normal(spreads.sink_sensor_k),
            room_offset_k: normal(spreads.room_k),
            room_drift_k: spreads.room_drift_k,
            room_phase_rad: normal(std::f64::consts::PI),
            noise_k: spreads.noise_k,
            seed,
        }
    }
}
