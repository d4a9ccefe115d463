//! What a check found, as it is written down and read out.

use super::{Findings, POLLING_MOST_FRAC};
use accelerator::Identity;
use accelerator::trace::Estimate;
use serde::{Deserialize, Serialize};
use std::fmt::Write as _;

/// A figure with its 95 % interval.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Figure {
    /// The mean.
    pub mean: f64,
    /// Half the width of the interval; absent for a single value.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub half_width: Option<f64>,
    /// Values it is made of.
    pub n: usize,
}

impl From<Estimate> for Figure {
    fn from(e: Estimate) -> Self {
        Self { mean: e.mean, half_width: e.half_width.is_finite().then_some(e.half_width), n: e.n }
    }
}

/// Whether polling costs less than it may ([`POLLING_MOST_FRAC`]).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Verdict {
    /// The whole 95 % interval lies below.
    Inside,
    /// The whole interval lies above.
    Outside,
    /// The interval holds the limit, or there is none.
    NotResolved,
}

impl Verdict {
    fn of(cost: Figure, quick: bool) -> Self {
        // A single value has no interval, and a quick check has one by chance.
        let Some(half) = cost.half_width.filter(|_| !quick) else { return Self::NotResolved };
        if cost.mean + half < POLLING_MOST_FRAC {
            Self::Inside
        } else if cost.mean - half > POLLING_MOST_FRAC {
            Self::Outside
        } else {
            Self::NotResolved
        }
    }

    fn words(self) -> String {
        let limit = POLLING_MOST_FRAC * 100.0;
        match self {
            Self::Inside => format!("inside the {limit} % it may"),
            Self::Outside => format!("OUTSIDE the {limit} % it may"),
            Self::NotResolved => format!("whether it is inside the {limit} % it may is not resolved"),
        }
    }
}

/// A check, as it is kept. What is absent could not be found.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Checked {
    /// Version of this layout.
    pub schema: u32,
    /// When it was made.
    pub made: String,
    /// Which device.
    pub accelerator: String,
    /// Its name.
    pub name: String,
    /// Its driver.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub driver: Option<String>,
    /// What loaded it.
    pub workload: String,
    /// Too short to quote.
    pub quick: bool,
    /// See [`Findings`]; the unit is the suffix.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub idle_w: Option<Figure>,
    /// Power under full load, W.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub load_w: Option<f64>,
    /// Period of the power reading, s.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub update_period_s: Option<f64>,
    /// Its averaging window, s; an upper bound.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub window_s: Option<Figure>,
    /// From command to full reading, s.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub settling_s: Option<Figure>,
    /// Period of the energy counter, s.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub counter_period_s: Option<f64>,
    /// Counter over integral under steady load, less one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub counter_gap_frac: Option<f64>,
    /// Largest error of integrated power with the load in step with the sensor.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub aliased_frac: Option<f64>,
    /// The same with the load paced as in a run.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub paced_frac: Option<f64>,
    /// Loss of throughput by polling as in a run.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub polling_cost_frac: Option<Figure>,
    /// Whether that is inside the half percent it may cost.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub polling_cost: Option<Verdict>,
    /// Looks that brought no power, of all.
    pub missing_frac: f64,
}

impl Checked {
    /// What was found of this device.
    pub fn new(found: &Findings, identity: &Identity, workload: &str, quick: bool, made: jiff::Timestamp) -> Self {
        Self {
            schema: 1,
            made: made.to_string(),
            accelerator: identity.spec.clone(),
            name: identity.name.clone(),
            driver: identity.driver.clone(),
            workload: workload.to_owned(),
            quick,
            idle_w: found.idle_w.map(Figure::from),
            load_w: found.load_w,
            update_period_s: found.period_s,
            window_s: found.window_s.map(Figure::from),
            settling_s: found.settling_s.map(Figure::from),
            counter_period_s: found.counter_period_s,
            counter_gap_frac: found.counter_gap,
            aliased_frac: found.aliased,
            paced_frac: found.jittered,
            polling_cost_frac: found.overhead.map(Figure::from),
            polling_cost: found.overhead.map(|e| Verdict::of(e.into(), quick)),
            missing_frac: found.missing,
        }
    }

    /// A table for people.
    pub fn text(&self) -> String {
        let plain =
            |value: Option<f64>, scale: f64, unit: &str| value.map_or("not found".to_owned(), |v| format!("{:.2} {unit}", v * scale));
        let figure = |value: Option<Figure>, scale: f64, unit: &str| {
            value.map_or("not found".to_owned(), |f| {
                let within = f.half_width.map_or(String::new(), |h| format!(" ± {:.2}", h * scale));
                format!("{:.2}{within} {unit} (95 %, n = {})", f.mean * scale, f.n)
            })
        };
        let mut out = format!("{} ({}), loaded with {}\n", self.name, self.accelerator, self.workload);
        let lines = [
            ("idle power", figure(self.idle_w, 1.0, "W")),
            ("power under load", plain(self.load_w, 1.0, "W")),
            ("power is updated every", plain(self.update_period_s, 1e3, "ms")),
            ("and looks for at most", figure(self.window_s, 1e3, "ms")),
            ("a step is shown after", figure(self.settling_s, 1e3, "ms")),
            ("energy counter ticks every", plain(self.counter_period_s, 1e3, "ms")),
            ("counter against integral", plain(self.counter_gap_frac, 100.0, "%")),
            ("error in step with the sensor", plain(self.aliased_frac, 100.0, "%")),
            ("error as paced in a run", plain(self.paced_frac, 100.0, "%")),
            ("polling costs", {
                let cost = figure(self.polling_cost_frac, 100.0, "% of throughput");
                self.polling_cost.map_or(cost.clone(), |verdict| format!("{cost}: {}", verdict.words()))
            }),
            ("looks without power", plain(Some(self.missing_frac), 100.0, "%")),
        ];
        for (name, value) in lines {
            // Writing to a string cannot fail.
            let _ = writeln!(out, "  {name:<30} {value}");
        }
        out.push_str("  every power and energy is good to about 5 % unless an external meter calibrates it (arXiv 2312.02741)\n");
        if self.quick {
            out.push_str("  a quick check: enough to see that it works, too short to quote, and to resolve what polling costs\n");
        }
        out
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn half_a_percent_is_inside_outside_or_not_resolved() {
        let cost = |mean, half_width| Figure { mean, half_width, n: 8 };
        for (mean, half_width, quick, expected) in [
            (0.001, Some(0.003), false, Verdict::Inside),
            (-0.001, Some(0.001), false, Verdict::Inside),
            (0.009, Some(0.003), false, Verdict::Outside),
            (0.001, Some(0.006), false, Verdict::NotResolved),
            (0.006, Some(0.002), false, Verdict::NotResolved),
            (0.001, None, false, Verdict::NotResolved),
            (0.001, Some(0.003), true, Verdict::NotResolved),
        ] {
            let found = Verdict::of(cost(mean, half_width), quick);
            assert_eq!(found, expected, "{mean} {half_width:?} {quick}");
            assert!(found.words().contains("0.5 %"), "{}", found.words());
        }
    }
}
