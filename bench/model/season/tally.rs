//! What is kept of many samples: least, mean and most, without the samples.

use crate::environment::{Face, Sample};
use crate::season::{Circle, Range, Shine};

/// Least, sum and most of what was seen so far.
#[derive(Clone, Copy, Debug)]
pub(super) struct Spread {
    least: f64,
    pub(super) sum: f64,
    most: f64,
    pub(super) count: f64,
}

impl Default for Spread {
    fn default() -> Self {
        Self { least: f64::INFINITY, sum: 0.0, most: f64::NEG_INFINITY, count: 0.0 }
    }
}

impl Spread {
    fn add(&mut self, value: f64) {
        // What does not exist here (beta without an orbit) is no number.
        if value.is_finite() {
            self.merge(&Self { least: value, sum: value, most: value, count: 1.0 });
        }
    }

    fn merge(&mut self, other: &Self) {
        self.least = self.least.min(other.least);
        self.sum += other.sum;
        self.most = self.most.max(other.most);
        self.count += other.count;
    }

    pub(super) fn range(&self) -> Option<Range> {
        (self.count > 0.0).then(|| Range { least: self.least, mean: self.sum / self.count, most: self.most })
    }

    pub(super) fn known(&self) -> Range {
        self.range().expect("every day has a sample, and fluxes and sinks are always numbers")
    }
}

/// Of one face.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct FaceTally {
    solar: Spread,
    albedo: Spread,
    ir: Spread,
    total: Spread,
}

impl FaceTally {
    fn add(&mut self, face: &Face) {
        self.solar.add(face.solar_w_m2);
        self.albedo.add(face.albedo_w_m2);
        self.ir.add(face.ir_w_m2);
        self.total.add(face.solar_w_m2 + face.albedo_w_m2 + face.ir_w_m2);
    }

    fn merge(&mut self, other: &Self) {
        self.solar.merge(&other.solar);
        self.albedo.merge(&other.albedo);
        self.ir.merge(&other.ir);
        self.total.merge(&other.total);
    }

    pub(super) fn shine(&self) -> Shine {
        let mean = Face { solar_w_m2: self.solar.known().mean, albedo_w_m2: self.albedo.known().mean, ir_w_m2: self.ir.known().mean };
        Shine { mean, total_w_m2: self.total.known() }
    }
}

/// Of whole samples.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Tally {
    pub(super) beta: Spread,
    pub(super) beta_abs: Spread,
    pub(super) illumination: Spread,
    pub(super) cylinder: Spread,
    /// 1 while |beta| is below the limb, 0 while it is not.
    pub(super) cylinder_dark: Spread,
    pub(super) a: FaceTally,
    pub(super) b: FaceTally,
    pub(super) sink: Spread,
}

impl Tally {
    pub(super) fn add(&mut self, sample: &Sample, circle: Option<Circle>) {
        if let Some(circle) = circle {
            let dark = circle.dark(sample.beta_deg);
            self.cylinder.add(dark);
            self.cylinder_dark.add(if dark > 0.0 { 1.0 } else { 0.0 });
        }
        self.beta.add(sample.beta_deg);
        self.beta_abs.add(sample.beta_deg.abs());
        self.illumination.add(sample.illumination);
        self.a.add(&sample.a);
        self.b.add(&sample.b);
        self.sink.add(sample.sink.0);
    }

    pub(super) fn merge(&mut self, other: &Self) {
        self.beta.merge(&other.beta);
        self.beta_abs.merge(&other.beta_abs);
        self.illumination.merge(&other.illumination);
        self.cylinder.merge(&other.cylinder);
        self.cylinder_dark.merge(&other.cylinder_dark);
        self.a.merge(&other.a);
        self.b.merge(&other.b);
        self.sink.merge(&other.sink);
    }

    pub(super) fn sunlit(&self) -> f64 {
        self.illumination.known().mean
    }
}
