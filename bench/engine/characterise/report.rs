//! What a check found, as it is written down and read out.

use super::{Doubt, Findings, POLLING_MOST_FRAC};
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
    /// The firmware of its board; also absent in checks of old.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub vbios: Option<String>,
    /// What loaded it.
    pub workload: String,
    /// Too short to quote.
    pub quick: bool,
    /// Power limit in force meanwhile, W.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub limit_w: Option<f64>,
    /// See [`Findings`]; the unit is the suffix.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub idle_w: Option<Figure>,
    /// Power under full load, W.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub load_w: Option<f64>,
    /// Period of the power reading, s.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub update_period_s: Option<f64>,
    /// What speaks against that period, or against any, in words.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub update_doubt: Option<String>,
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
    /// Half of the 95 % interval of that; also absent in checks of old.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub counter_gap_half_frac: Option<f64>,
    /// What to make of the counter, in words.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub counter_verdict: Option<String>,
    /// Largest error of integrated power with the load in step with the sensor.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub aliased_frac: Option<f64>,
    /// The same with the load paced as in a run.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub paced_frac: Option<f64>,
    /// Period of the samples that the driver keeps by itself, s.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub own_period_s: Option<f64>,
    /// How far back they go, s.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub own_depth_s: Option<f64>,
    /// Their mean over integrated power under steady load, less one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub own_gap_frac: Option<f64>,
    /// Their error with the load paced as in a run, as `paced_frac`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub own_paced_frac: Option<f64>,
    /// Loss of throughput by polling as in a run.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub polling_cost_frac: Option<Figure>,
    /// Whether that is inside the half percent it may cost.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub polling_cost: Option<Verdict>,
    /// Looks that brought no power, of all.
    pub missing_frac: f64,
    /// What the device does not give at all, in words.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub lacks: Vec<String>,
}

/// How far counter and integral may be apart before one of them is wrong: twice what power is good to by itself (5 %, arXiv 2312.02741), for their errors are their own.
pub(super) const COUNTER_MOST_FRAC: f64 = 0.1;

fn doubted(doubt: Doubt) -> String {
    match doubt {
        Doubt::Repeats { changes_s, counter_s } => {
            let counter = counter_s.map_or(String::new(), |s| format!(", while the energy counter ticks every {:.0} ms", s * 1e3));
            format!(
                "not resolved: the value changes every {:.0} ms only{counter}, so that most updates repeat the one before; its window is not known either",
                changes_s * 1e3
            )
        }
        Doubt::Stamps { values_s, stamps_s } => {
            format!("in doubt: its values change every {:.0} ms, the driver stamps them every {:.0} ms", values_s * 1e3, stamps_s * 1e3)
        }
    }
}

fn counter_verdict(found: &Findings) -> Option<String> {
    if found.counter_fell {
        return Some(
            "UNUSABLE: the counter fell back meanwhile (it wraps, or was reset); energy is to be taken from integrated power".to_owned(),
        );
    }
    found.counter_gap.map(|gap| {
        if gap.abs() <= COUNTER_MOST_FRAC {
            return "they agree".to_owned();
        }
        let near = [(0.5, "half"), (2.0, "double")].into_iter().find(|(factor, _)| ((1.0 + gap) / factor - 1.0).abs() < 0.05);
        let as_much = near.map_or(String::new(), |(_, words)| format!(", {words} of it"));
        format!("THEY DISAGREE{as_much}: counter or power reading is wrong by a factor of {:.2}; trust neither before an external meter has said which", 1.0 + gap)
    })
}

/// Words of what a device may lack.
const NO_POWER: &str = "power";
const NO_COUNTER: &str = "energy counter";
const NO_SAMPLES: &str = "samples of the driver's own";

fn lacks(gives: super::Gives) -> Vec<String> {
    let lacks = [(NO_POWER, gives.power), (NO_COUNTER, gives.counter), (NO_SAMPLES, gives.own)];
    lacks.iter().filter(|(_, given)| !given).map(|(name, _)| (*name).to_owned()).collect()
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
            vbios: identity.vbios().map(str::to_owned),
            workload: workload.to_owned(),
            quick,
            limit_w: identity.full_w,
            idle_w: found.idle_w.map(Figure::from),
            load_w: found.load_w,
            update_period_s: found.period_s,
            update_doubt: found.doubt.map(doubted),
            window_s: found.window_s.map(Figure::from),
            settling_s: found.settling_s.map(Figure::from),
            counter_period_s: found.counter_period_s,
            counter_gap_frac: found.counter_gap,
            counter_gap_half_frac: found.counter_gap_half,
            counter_verdict: counter_verdict(found),
            aliased_frac: found.aliased,
            paced_frac: found.jittered,
            polling_cost_frac: found.overhead.map(Figure::from),
            polling_cost: found.overhead.map(|e| Verdict::of(e.into(), quick)),
            missing_frac: found.missing,
            own_period_s: found.own_period_s,
            own_depth_s: found.own_depth_s,
            own_gap_frac: found.own_gap,
            own_paced_frac: found.own_jittered,
            lacks: lacks(found.gives),
        }
    }

    /// Why something was not found: the device lacks what it is made of, nothing loaded it, or else what is said.
    fn why(&self, needs: &[&str], loaded: bool, else_: &str) -> String {
        if let Some(lack) = needs.iter().find(|need| self.lacks.iter().any(|l| l == *need)) {
            return format!("not given: this board or driver has no {lack}");
        }
        if loaded && self.load_w.is_none() {
            return "not looked at: nothing loaded it, see --workload".to_owned();
        }
        format!("not found: {else_}")
    }

    /// A table for people.
    pub fn text(&self) -> String {
        let plain = |value: Option<f64>, scale: f64, unit: &str, why: String| value.map_or(why, |v| format!("{:.2} {unit}", v * scale));
        let figure = |value: Option<Figure>, scale: f64, unit: &str, why: String| {
            value.map_or(why, |f| {
                let within = f.half_width.map_or(String::new(), |h| format!(" ± {:.2}", h * scale));
                format!("{:.2}{within} {unit} (95 %, n = {})", f.mean * scale, f.n)
            })
        };
        let seldom = "it did not change often enough";
        let both = [NO_POWER, NO_COUNTER];
        let mut out = format!("{} ({}), loaded with {}\n", self.name, self.accelerator, self.workload);
        let lines = [
            ("power limit", plain(self.limit_w, 1.0, "W", "not given: this board or driver does not say it".to_owned())),
            ("idle power", figure(self.idle_w, 1.0, "W", self.why(&[NO_POWER], false, "no look brought any"))),
            ("power under load", plain(self.load_w, 1.0, "W", self.why(&[NO_POWER], true, "no look brought any"))),
            (
                "power is updated every",
                match (self.update_period_s, &self.update_doubt) {
                    (None, Some(doubt)) => doubt.clone(),
                    (Some(_), Some(doubt)) => format!("{} ({doubt})", plain(self.update_period_s, 1e3, "ms", String::new())),
                    (_, None) => plain(self.update_period_s, 1e3, "ms", self.why(&[NO_POWER], false, seldom)),
                },
            ),
            ("and looks for at most", {
                let blind = if self.update_doubt.is_some() { "its update period is not resolved" } else { "no step was seen" };
                figure(self.window_s, 1e3, "ms", self.why(&[NO_POWER], true, blind))
            }),
            ("a step is shown after", figure(self.settling_s, 1e3, "ms", self.why(&[NO_POWER], true, "no step was seen"))),
            ("energy counter ticks every", plain(self.counter_period_s, 1e3, "ms", self.why(&[NO_COUNTER], false, seldom))),
            ("counter against integral", {
                let half = self.counter_gap_half_frac.map_or(String::new(), |half| format!(" ± {:.2}", half * 100.0));
                let gap =
                    plain(self.counter_gap_frac, 100.0, "%", self.why(&both, true, "too few ticks")).replace(" %", &format!("{half} %"));
                self.counter_verdict.as_ref().map_or(gap.clone(), |verdict| format!("{gap}: {verdict}"))
            }),
            ("error in step with the sensor", plain(self.aliased_frac, 100.0, "%", self.why(&both, true, "too few ticks"))),
            ("error as paced in a run", plain(self.paced_frac, 100.0, "%", self.why(&both, true, "too few ticks"))),
            ("the driver's own samples", self.own(self.why(&[NO_SAMPLES], false, "too few came"))),
            ("their mean against integral", plain(self.own_gap_frac, 100.0, "%", self.why(&[NO_SAMPLES], true, "too few came"))),
            (
                "their error as paced in a run",
                plain(self.own_paced_frac, 100.0, "%", self.why(&[NO_SAMPLES, NO_COUNTER], true, "too few came")),
            ),
            ("polling costs", {
                let uncounted = self.why(&[], true, "the work does not count, or too seldom");
                let cost = figure(self.polling_cost_frac, 100.0, "% of throughput", uncounted);
                self.polling_cost.map_or(cost.clone(), |verdict| format!("{cost}: {}", verdict.words()))
            }),
            ("looks without power", plain(Some(self.missing_frac), 100.0, "%", String::new())),
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

    /// The driver's own samples, and how many of them a run's polls pass by.
    fn own(&self, why: String) -> String {
        let Some(period_s) = self.own_period_s else { return why };
        let depth = self.own_depth_s.map_or(String::new(), |s| format!(", {s:.1} s back"));
        format!("every {:.2} ms{depth}: {:.1} between two polls of a run", period_s * 1e3, super::RUN_POLL_S / period_s)
    }
}

#[cfg(test)]
mod tests {
    use super::super::Gives;
    use super::*;

    #[test]
    fn what_was_not_found_says_why() {
        let text = |found: &Findings| Checked::new(found, &Identity::default(), "none", true, jiff::Timestamp::UNIX_EPOCH).text();
        let all = Gives { power: true, counter: true, own: true };
        let line = |text: &str, name: &str| text.lines().find(|l| l.trim_start().starts_with(name)).expect(name).to_owned();
        let idle = text(&Findings { gives: Gives { counter: false, own: false, ..all }, ..Findings::default() });
        for (name, words) in [
            ("energy counter ticks", "this board or driver has no energy counter"),
            ("the driver's own samples", "has no samples of the driver's own"),
            ("power is updated every", "not found: it did not change often enough"),
            ("power under load", "nothing loaded it, see --workload"),
            ("polling costs", "nothing loaded it"),
        ] {
            assert!(line(&idle, name).contains(words), "{idle}");
        }
        let loaded = text(&Findings {
            gives: all,
            load_w: Some(400.0),
            own_period_s: Some(0.02),
            own_depth_s: Some(2.38),
            own_gap: Some(-0.001),
            ..Findings::default()
        });
        assert!(line(&loaded, "the driver's own samples").contains("every 20.00 ms, 2.4 s back: 5.0 between"), "{loaded}");
        assert!(line(&loaded, "their mean").ends_with("-0.10 %"), "{loaded}");
        assert!(line(&loaded, "polling costs").contains("the work does not count"), "{loaded}");
    }

    #[test]
    fn doubts_and_verdicts_are_said() {
        let said = |found: Findings| Checked::new(&found, &Identity::default(), "x", true, jiff::Timestamp::UNIX_EPOCH);
        let gives = Gives { power: true, counter: true, own: true };
        let doubt = Some(Doubt::Repeats { changes_s: 1.697, counter_s: Some(0.1) });
        let quiet = said(Findings { gives, doubt, load_w: Some(700.0), ..Findings::default() });
        let text = quiet.text();
        assert!(text.contains("not resolved: the value changes every 1697 ms only, while the energy counter ticks every 100 ms"), "{text}");
        assert!(text.contains("its update period is not resolved") && quiet.update_period_s.is_none(), "{text}");
        for (gap, fell, words) in [
            (Some(0.02), false, "they agree"),
            (Some(-0.5), false, "THEY DISAGREE, half of it"),
            (Some(0.98), false, "THEY DISAGREE, double of it"),
            (Some(0.125), false, "THEY DISAGREE: counter or power reading is wrong by a factor of 1.12"),
            (None, true, "UNUSABLE: the counter fell back"),
        ] {
            let text = said(Findings { gives, counter_gap: gap, counter_fell: fell, load_w: Some(700.0), ..Findings::default() }).text();
            assert!(text.contains(words), "{words}: {text}");
        }
    }

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
