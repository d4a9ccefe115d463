//! Benches made of a calibration: what is believed of it now, the respects in which that is doubted, and one drawn by seed.

use super::Calibration;
use crate::linear::Square;
use crate::parameter::Key;
use twin::{Doubt, Plant, Spreads, Truth};

impl Calibration {
    /// What is left to doubt besides the parameters: the declared spreads of everything a calibration does not find.
    fn rest(spreads: &Spreads) -> Spreads {
        Spreads {
            plate_sensor_k: 0.0,
            sink_sensor_k: 0.0,
            die_sensor_k: 0.0,
            die_plate_frac: 0.0,
            tec_seebeck_frac: 0.0,
            tec_resistance_frac: 0.0,
            tec_conductance_frac: 0.0,
            sink_frac: 0.0,
            loss_frac: 0.0,
            heat_capacity_frac: 0.0,
            ..*spreads
        }
    }

    /// Puts parameters into a bench; its own offsets are replaced.
    fn put(values: impl IntoIterator<Item = (Key, f64)>, truth: &mut Truth) {
        for (key, value) in values {
            match key {
                Key::PlateOffset => truth.plate_offset_k = value,
                Key::SinkOffset => truth.sink_offset_k = value,
                Key::DieOffset => truth.card.die_offset_k = value,
                other => other.put(&mut truth.plant, value),
            }
        }
    }

    /// The bench as calibrated, sensors with their offsets, on `plant`'s modules. What a rehearsal flies: it predicts what will be *read*.
    pub fn belief(&self, plant: &Plant) -> Truth {
        let mut truth = Truth::believed(plant);
        Self::put(self.parameters.iter().map(|p| (p.key, p.value)), &mut truth);
        truth
    }

    /// The respects in which that is doubted: the columns of the covariance's root, one standard deviation each, and the declared spreads
    /// of what no calibration finds (the room of another day among them).
    pub fn doubts(&self, plant: &Plant, spreads: &Spreads) -> Vec<Doubt> {
        let belief = self.belief(plant);
        let loose: Vec<Key> = self.parameters.iter().filter(|p| p.sigma > 0.0).map(|p| p.key).collect();
        let mut doubts: Vec<Doubt> = (0..loose.len())
            .map(|column| {
                let mut normal = vec![0.0; loose.len()];
                normal[column] = 1.0;
                let mut truth = belief.clone();
                Self::put(self.moved(&normal), &mut truth);
                Doubt { key: loose[column].name(), truth }
            })
            .collect();
        for mut other in Self::rest(spreads).doubts(&belief.plant) {
            other.truth.plate_offset_k += belief.plate_offset_k;
            other.truth.sink_offset_k += belief.sink_offset_k;
            other.truth.card.die_offset_k += belief.card.die_offset_k;
            doubts.push(other);
        }
        doubts
    }

    /// A bench that may be this one: parameters drawn from the covariance by `seed`, noise, room and card from the declared spreads.
    pub fn drawn(&self, plant: &Plant, spreads: &Spreads, seed: u64) -> Truth {
        let mut truth = Truth::drawn(&self.belief(plant).plant, &Self::rest(spreads), seed);
        Self::put(self.sample(seed), &mut truth);
        truth
    }

    /// Correlations of the parameters, in the order of [`Key::ALL`].
    pub fn correlation(&self) -> Square {
        self.covariance.correlation()
    }
}
