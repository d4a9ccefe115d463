//! A calibration: what a bench was found to be, when, from which logs, how surely, and where that holds. A dated TOML file, written
//! once; a changed one is refused. Not here: how it was found.

mod bench;
mod file;

use crate::fit::Fit;
use crate::linear::Square;
use crate::log::Log;
use crate::parameter::Key;
use crate::steady::Steady;
use jiff::Timestamp;
use std::collections::BTreeMap;
use std::f64::consts::TAU;
use twin::Plant;

/// Days that a calibration is good for unless it says otherwise (assumed: a quarter, as for temperature sensors in use).
pub const VALID_DAYS: f64 = 90.0;

/// What is known of one instrument that read the logs.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Instrument {
    /// What it said it is, if a log has that.
    pub identity: Option<String>,
    /// Serial number that the rig file asks of it.
    pub serial_number: Option<u32>,
}

/// A log that was used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Source {
    /// Where it was.
    pub file: String,
    /// SHA-256 of its samples.
    pub sha256: String,
}

/// One parameter.
#[derive(Clone, Debug, PartialEq)]
pub struct Parameter {
    /// Which.
    pub key: Key,
    /// What was believed before.
    pub believed: f64,
    /// What it is, in the key's unit.
    pub value: f64,
    /// Standard uncertainty, in the same unit; 0 for one that was fixed.
    pub sigma: f64,
    /// What that rests on, in words.
    pub rests: String,
}

/// Sensor offsets, K: what is shown above the truth.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Offsets {
    /// Of the plate's sensor.
    pub plate_k: f64,
    /// Of the sink's.
    pub sink_k: f64,
    /// Of the die's.
    pub die_k: f64,
}

/// A calibration of one rig.
#[derive(Clone, Debug, PartialEq)]
pub struct Calibration {
    /// Made of its content: `cal-` and twelve hexadecimal digits.
    pub id: String,
    /// When it was made.
    pub made: Timestamp,
    /// Days it is good for.
    pub valid_days: f64,
    /// Name of the rig.
    pub rig: String,
    /// SHA-256 of the rig file that it was made with.
    pub rig_sha256: String,
    /// Some part of the bench was emulated: then so is what was found.
    pub simulated: bool,
    /// Instruments, by name.
    pub instruments: BTreeMap<String, Instrument>,
    /// Logs used.
    pub logs: Vec<Source>,
    /// Every parameter, in the order of [`Key::ALL`].
    pub parameters: Vec<Parameter>,
    /// Covariance in that order and their units; zero for fixed ones.
    pub covariance: Square,
    /// Smallest and largest seen in the logs, by quantity: `plate_degc`, `sink_degc`, `die_degc`, `tec_a`, `power_w`.
    pub validity: BTreeMap<String, (f64, f64)>,
    /// Root mean square of what is left, by channel: `plate_k`, `sink_k`, `die_k`, `voltage_v`.
    pub residuals: BTreeMap<String, f64>,
    /// `UA_loss` by steady states and its standard uncertainty, W/K, if there were enough.
    pub steady: Option<(f64, f64)>,
}

/// What a fit does not know of itself.
#[derive(Clone, Debug)]
pub struct About {
    /// When.
    pub made: Timestamp,
    /// Name of the rig.
    pub rig: String,
    /// SHA-256 of its file.
    pub rig_sha256: String,
    /// Any of its instruments is emulated.
    pub simulated: bool,
    /// Instruments, with the serial numbers that the rig file asks.
    pub instruments: BTreeMap<String, Instrument>,
}

/// The serial number in what an instrument says it is, such as `TEC-1090 serial 4242 firmware 3.10`.
pub fn serial_in(identity: &str) -> Option<u32> {
    let mut words = identity.split_whitespace();
    words.find(|w| *w == "serial")?;
    words.next()?.parse().ok()
}

impl Calibration {
    /// The calibration that `fit` is.
    pub fn new(fit: &Fit, logs: &[Log], steady: Option<&Steady>, about: About) -> Self {
        let mut instruments = about.instruments;
        for (name, identity) in logs.iter().flat_map(|l| &l.identities) {
            let known = instruments.entry(name.clone()).or_default();
            known.serial_number = known.serial_number.or_else(|| serial_in(identity));
            known.identity = Some(identity.clone());
        }
        let parameter = |f: &crate::fit::Fitted| Parameter {
            key: f.key,
            believed: f.believed,
            value: f.value,
            sigma: f.sigma,
            rests: f.rests.to_string(),
        };
        let mut made = Self {
            id: String::new(),
            made: about.made,
            valid_days: VALID_DAYS,
            rig: about.rig,
            rig_sha256: about.rig_sha256,
            simulated: about.simulated || logs.iter().any(|l| l.simulated == Some(true)),
            instruments,
            logs: logs.iter().map(|l| Source { file: l.name.clone(), sha256: l.sha256.clone() }).collect(),
            parameters: fit.parameters.iter().map(parameter).collect(),
            covariance: fit.covariance.clone(),
            validity: fit.seen.iter().map(|(k, v)| ((*k).to_owned(), *v)).collect(),
            residuals: fit.left.iter().map(|l| (format!("{}_{}", l.channel.word(), l.channel.unit().to_lowercase()), l.rms)).collect(),
            steady: steady.map(|s| (s.loss_w_k, s.sigma_w_k)),
        };
        made.stamp();
        made
    }

    /// Gives it the id of its content, after a change.
    pub fn stamp(&mut self) {
        self.id = file::id_of(&self.text());
    }

    /// The parameter.
    pub fn get(&self, key: Key) -> &Parameter {
        &self.parameters[key as usize]
    }

    /// Makes `plant` the one that was found. Its modules stay as many.
    pub fn apply(&self, plant: &mut Plant) {
        for parameter in &self.parameters {
            parameter.key.put(plant, parameter.value);
        }
    }

    /// What its sensors show above the truth.
    pub fn offsets(&self) -> Offsets {
        Offsets {
            plate_k: self.get(Key::PlateOffset).value,
            sink_k: self.get(Key::SinkOffset).value,
            die_k: self.get(Key::DieOffset).value,
        }
    }

    /// The parameters as they may be too: moved by `normal`, one standard normal value for each, along the covariance. Positive ones by
    /// the logarithm, so that they stay so.
    pub fn moved(&self, normal: &[f64]) -> Vec<(Key, f64)> {
        let relative = |p: &Parameter| if p.key.is_positive() { p.value } else { 1.0 };
        let loose: Vec<&Parameter> = self.parameters.iter().filter(|p| p.sigma > 0.0).collect();
        let mut covariance = Square::zero(loose.len());
        for (i, a) in loose.iter().enumerate() {
            for (j, b) in loose.iter().enumerate() {
                covariance.set(i, j, self.covariance.get(a.key as usize, b.key as usize) / (relative(a) * relative(b)));
            }
        }
        let sigma: Vec<f64> = covariance.diagonal().iter().map(|v| v.sqrt()).collect();
        let lower = covariance.scaled(&sigma).cholesky();
        let mut out: Vec<(Key, f64)> = self.parameters.iter().map(|p| (p.key, p.value)).collect();
        for (i, parameter) in loose.iter().enumerate() {
            let weight = |j: usize| lower.as_ref().map_or(f64::from(u8::from(i == j)), |l| l.get(i, j));
            let step: f64 = sigma[i] * (0..=i).map(|j| weight(j) * normal.get(j).copied().unwrap_or(0.0)).sum::<f64>();
            let value = if parameter.key.is_positive() { parameter.value * step.exp() } else { parameter.value + step };
            out[parameter.key as usize].1 = value;
        }
        out
    }

    /// Draw number `draw` of the parameters: the same number always gives the same.
    pub fn sample(&self, draw: u64) -> Vec<(Key, f64)> {
        let mut state = draw.wrapping_mul(0x9E37_79B9_7F4A_7C15) ^ 0x5DEE_CE66_D1CE_4E5B;
        // SplitMix64 (Steele, Lea and Flood, OOPSLA 2014), then Box and Muller.
        let mut uniform = || {
            state = state.wrapping_add(0x9E37_79B9_7F4A_7C15);
            let mut z = (state ^ (state >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
            z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
            (((z ^ (z >> 31)) >> 11) as f64 + 0.5) / (1_u64 << 53) as f64
        };
        let normal: Vec<f64> = (0..self.parameters.len()).map(|_| (-2.0 * uniform().ln()).sqrt() * (TAU * uniform()).cos()).collect();
        self.moved(&normal)
    }

    /// Days since it was made.
    pub fn age_days(&self, now: Timestamp) -> f64 {
        now.duration_since(self.made).as_secs_f64() / 86_400.0
    }

    /// Why it is not to be used now, if so: too old, or made in what is still to come.
    pub fn stale(&self, now: Timestamp) -> Option<String> {
        let age = self.age_days(now);
        if age > self.valid_days {
            return Some(format!("calibration {} is {age:.0} days old and good for {:.0}: calibrate again", self.id, self.valid_days));
        }
        (age < -1.0).then(|| format!("calibration {} was made {:.0} days from now: whose clock is wrong?", self.id, -age))
    }

    /// Why it is none of this rig's, if so.
    pub fn refuses(&self, rig: &rig::RigFile) -> Option<String> {
        if self.rig != rig.name {
            return Some(format!("calibration {} is of the rig \"{}\", not of \"{}\"", self.id, self.rig, rig.name));
        }
        rig.instruments.iter().find_map(|instrument| {
            let known = self.instruments.get(&instrument.name)?;
            let (then, now) = (known.serial_number?, instrument.serial_number()?);
            (then != now).then(|| {
                format!(
                    "calibration {} was made with {} of serial number {then}, and this rig has {now}: calibrate again",
                    self.id, instrument.name
                )
            })
        })
    }

    /// The range in which `quantity` was seen, if `value` is outside it by more than a twentieth of it.
    pub fn outside(&self, quantity: &str, value: f64) -> Option<(f64, f64)> {
        let (low, high) = *self.validity.get(quantity)?;
        let margin = 0.05 * (high - low);
        (!(low - margin..=high + margin).contains(&value)).then_some((low, high))
    }
}

#[cfg(test)]
mod tests;
